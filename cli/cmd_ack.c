/* mailwarden ack: somebody knows, and works on it. */
#include <errno.h>
#include <getopt.h>

#include "cli/show.h"
#include "core/clock.h"

struct acking {
	struct show_options show;
	bool undo;
	const char *note, *name; /* name: of who acknowledges; NULL: the user */
	struct store *store;
	struct buf who;
	int64_t now_us;
	int taken_back; /* notices */
	struct err err;
	int code; /* what the command will exit with */
};

static int
read_options(int argc, char **argv, struct acking *a)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "note", required_argument, NULL, 'n' },
		{ "who", required_argument, NULL, 'w' }, { "undo", no_argument, NULL, 'u' },
		{ "state", required_argument, NULL, 's' },
		{ "config", required_argument, NULL, 'c' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': a->show.json = true; break;
		case 'n': a->note = optarg; break;
		case 'w': a->name = optarg; break;
		case 'u': a->undo = true; break;
		case 's': a->show.state = optarg; break;
		case 'c': a->show.config = optarg; break;
		default: return app_usage(&cmd_ack, "%s", "");
		}
	}
	if (argc - optind != 1)
		return app_usage(&cmd_ack,
		    "needs the id of one incident: `mailwarden incidents` lists them");
	if (a->undo && (a->note != NULL || a->name != NULL))
		return app_usage(&cmd_ack, "--undo takes neither --note nor --who");
	if (a->name != NULL && *a->name == '\0')
		return app_usage(&cmd_ack, "--who needs a name");
	a->show.words = (const char *const *)argv + optind;
	return EXIT_FINE;
}

static void
print_done(const struct acking *a, const struct incident *in)
{
	AUTO(buf_done) struct buf out = { 0 };

	if (a->show.json) {
		incident_json(in, &out);
		printf("%.*s\n", STR_ARG(buf_str(&out)));
		return;
	}
	printf("%.*s is %s acknowledged:\n", STR_ARG(in->id),
	    a->undo ? "no longer" : "now");
	show_folded(in->summary, 4, stdout);
	if (a->taken_back > 0)
		puts("The notice of it, not sent yet, was taken back.");
}

static int
undo(struct acking *a, struct incident *in)
{
	int r = store_unack(a->store, in->id, &a->err);

	if (r == 0)
		a->code = app_fail(EXIT_FAILED, "incident %.*s is not acknowledged",
		    STR_ARG(in->id));
	if (r <= 0)
		return r < 0 ? r : 1;
	in->ack_at_us = 0;
	return store_add_change(a->store, in, NOTICE_UNACKNOWLEDGED, a->now_us, &a->err);
}

static int
acknowledge(struct acking *a, struct incident *in)
{
	struct ack ack = { buf_str(&a->who), str_of(a->note), a->now_us };

	if (in->state != INCIDENT_OPEN) {
		AUTO(buf_done) struct buf when = { 0 };

		if (in->state == INCIDENT_RESOLVED)
			clock_minute(&when, in->resolved_us);
		a->code = app_fail(EXIT_FAILED, "incident %.*s is not open: %s%.*s",
		    STR_ARG(in->id),
		    in->state == INCIDENT_RESOLVED ? "it was resolved at "
						   : "too few signs of it yet",
		    STR_ARG(buf_str(&when)));
		return 1;
	}
	int r = store_ack(a->store, in->id, &ack, &a->err);

	if (r < 0)
		return r;
	a->taken_back = r;
	in->ack_at_us = ack.at_us;
	in->ack_who = ack.who;
	in->ack_note = ack.note;
	return store_add_change(a->store, in, NOTICE_ACKNOWLEDGED, a->now_us, &a->err);
}

static int
on_incident(void *ctx, const struct incident *found)
{
	struct acking *a = ctx;
	struct incident in = *found;
	int r = a->undo ? undo(a, &in) : acknowledge(a, &in);

	if (r == 0)
		r = store_commit(a->store, &a->err);
	if (r == 0)
		print_done(a, &in);
	/* A reminder may be due again. The acknowledgement holds without a knock. */
	if (r == 0 && a->undo)
		show_knock(&a->show);
	return r;
}

static int
run(int argc, char **argv)
{
	struct acking a = { .now_us = app_now_us(), .code = EXIT_FINE };
	int r = read_options(argc, argv, &a);

	if (r != EXIT_FINE || (r = show_join(&a.show, &a.store)) != EXIT_FINE)
		return r;
	if (a.name != NULL)
		buf_add(&a.who, str_of(a.name));
	else
		show_who(&a.who);
	r = store_begin(a.store, &a.err);
	if (r == 0)
		r = store_find_incident(a.store, str_of(a.show.words[0]), on_incident, &a,
		    &a.err);
	if (r < 0)
		a.code = app_fail(r == -ENOENT || r == -ENOTUNIQ ? EXIT_FAILED : EXIT_STORE,
		    "%s", a.err.text);
	buf_done(&a.who);
	store_close(a.store);
	return a.code;
}

const struct command cmd_ack = {
	.name = "ack",
	.args = "ID [--note TEXT] [--who NAME] [--undo] [--json]",
	.summary = "tells that somebody works on an incident",
	.help =
	    "Acknowledges an open incident: a notice of its opening that was not sent yet is\n"
	    "taken back. That it got worse, or that it is over, is told all the same. The\n"
	    "acknowledgement ends with the incident. ID may be the beginning of an id.\n\n"
	    "  --note TEXT    what is done about it; shown beside the incident\n"
	    "  --who NAME     who works on it, in place of the user who runs this\n"
	    "  --undo         takes the acknowledgement back\n"
	    "  --json         prints the incident as a JSON object\n"
	    "  --state FILE   the store, in place of the configuration's\n"
	    "  --config FILE  in place of /etc/mailwarden/mailwarden.yaml",
	.run = run,
};
