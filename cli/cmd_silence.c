/* mailwarden silence: notices of what matches wait. */
#include <errno.h>
#include <getopt.h>

#include "cli/show.h"
#include "core/clock.h"
#include "core/json.h"
#include "rules/alert.h"
#include "rules/silence.h"

#define LONGEST_US (366 * 86400 * (int64_t)US_PER_S)

enum { ID_DIGITS = 12, ID_SHORTEST = 4 };

struct silencing {
	struct show_options show;
	bool list;
	const char *end, *reason;
	struct store *store;
	struct buf match, until, who;
	struct silence_row row;
	size_t n; /* rows or incidents printed */
	struct err err;
};

/* --- what was asked for --- */

static int
read_options(int argc, char **argv, struct silencing *s)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "reason", required_argument, NULL, 'r' },
		{ "list", no_argument, NULL, 'l' }, { "end", required_argument, NULL, 'e' },
		{ "state", required_argument, NULL, 's' },
		{ "config", required_argument, NULL, 'c' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': s->show.json = true; break;
		case 'r': s->reason = optarg; break;
		case 'l': s->list = true; break;
		case 'e': s->end = optarg; break;
		case 's': s->show.state = optarg; break;
		case 'c': s->show.config = optarg; break;
		default: return app_usage(&cmd_silence, "%s", "");
		}
	}
	s->show.words = (const char *const *)argv + optind;
	s->show.nwords = (size_t)(argc - optind);
	if (s->list && s->end != NULL)
		return app_usage(&cmd_silence, "either --list or --end");
	if (s->list || s->end != NULL)
		return s->show.nwords == 0
			   ? EXIT_FINE
			   : app_usage(&cmd_silence, "takes no '%s'", s->show.words[0]);
	if (s->show.nwords < 2)
		return app_usage(&cmd_silence,
		    "needs what to silence and for how long, such as: provider=microsoft 8h");
	return EXIT_FINE;
}

/* "8h", or "until" and the words of a time. */
static int
read_end(struct silencing *s, int64_t now_us)
{
	const char *const *words = s->show.words + 1;
	size_t n = s->show.nwords - 1;
	int64_t span_us, at_us;

	if (!str_eq(str_of(words[0]), STR("until"))) {
		if (n > 1)
			return app_usage(&cmd_silence, "takes no '%s'", words[1]);
		if (!clock_parse_span(str_of(words[0]), &span_us))
			return app_usage(&cmd_silence,
			    "'%s' is no span such as 30m, 8h, 2d or 1w", words[0]);
		if (span_us <= 0 || span_us > LONGEST_US)
			return app_fail(EXIT_USAGE,
			    "a silence lasts more than nothing and a year at most, not %s",
			    words[0]);
		s->row.until_us = now_us + span_us;
		return EXIT_FINE;
	}
	for (size_t i = 1; i < n; i++)
		buf_addf(&s->until, "%s%s", i > 1 ? " " : "", words[i]);
	struct str until = buf_str(&s->until);

	if (!clock_parse_words(until, now_us, CLOCK_FUTURE, &at_us))
		return app_usage(&cmd_silence,
		    "until when? a time such as 18:00 or \"2026-11-21 08:00\" is needed, "
		    "not '%.*s'",
		    STR_ARG(until));
	if (at_us <= now_us)
		return app_fail(EXIT_USAGE, "%.*s is over", STR_ARG(until));
	if (at_us > now_us + LONGEST_US)
		return app_fail(EXIT_USAGE,
		    "a silence lasts a year at most: %.*s is later than that",
		    STR_ARG(until));
	s->row.until_us = at_us;
	return EXIT_FINE;
}

static bool
looks_like_id(struct str word)
{
	for (size_t i = 0; i < word.n; i++)
		if (!(word.p[i] >= '0' && word.p[i] <= '9') &&
		    !(word.p[i] >= 'a' && word.p[i] <= 'f'))
			return false;
	return word.n >= ID_SHORTEST && word.n <= ID_DIGITS;
}

static int
take_id(void *ctx, const struct incident *incident)
{
	struct silencing *s = ctx;

	buf_add(&s->match, STR("id="));
	buf_add(&s->match, incident->id);
	return 0;
}

static int
is_match(void *ctx, const struct incident *in)
{
	return silence_matches(((struct silencing *)ctx)->row.match, in) ? 1 : 0;
}

/* A name that no rule has, and no incident that is open, is most likely misspelt. */
static int
check_rules(struct silencing *s)
{
	struct alert_rules *rules = show_alert_rules(&s->show);
	struct err unknown, err;
	bool known =
	    rules == NULL || silence_check_rules(s->row.match, rules, &unknown) == 0;

	alert_rules_free(rules);
	if (known ||
	    store_each_incident(s->store, INCIDENTS_OPEN, 0, is_match, s, &err) != 0)
		return EXIT_FINE;
	return app_fail(EXIT_FAILED, "%s", unknown.text);
}

/* A word by itself is an incident's id, or the name of a rule or trouble. */
static int
read_match(struct silencing *s)
{
	struct str word = str_trim(str_of(s->show.words[0]));
	int r = -ENOENT;

	if (looks_like_id(word))
		r = store_find_incident(s->store, word, take_id, s, &s->err);
	if (r < 0 && r != -ENOENT)
		return app_fail(r == -ENOTUNIQ ? EXIT_FAILED : EXIT_STORE, "%s",
		    s->err.text);
	if (r == -ENOENT) {
		if (str_find_char(word, '=') < 0)
			buf_add(&s->match, STR("rule="));
		buf_add(&s->match, word);
	}
	s->row.match = buf_str(&s->match);
	if (silence_check(s->row.match, &s->err) < 0)
		return app_fail(EXIT_USAGE, "%s", s->err.text);
	return check_rules(s);
}

/* --- what is told --- */

static void
add_members(struct json *j, const struct silence_row *row)
{
	json_text(j, "type", STR("silence"));
	json_int(j, "id", row->id);
	json_text(j, "match", row->match);
	json_time(j, "created", row->created_us);
	json_time(j, "until", row->until_us);
	json_text(j, "who", row->who);
	if (row->reason.n > 0)
		json_text(j, "reason", row->reason);
}

static void
print_row(const struct silence_row *row, int64_t now_us)
{
	AUTO(buf_done) struct buf text = { 0 };

	buf_addf(&text, "silence %lld: %.*s until ", (long long)row->id,
	    STR_ARG(row->match));
	clock_minute(&text, row->until_us);
	buf_add(&text, STR(" (for "));
	clock_span_words(&text, row->until_us - now_us);
	buf_addf(&text, "), by %.*s%s%.*s", STR_ARG(row->who),
	    row->reason.n > 0 ? ": " : "", STR_ARG(row->reason));
	show_folded(buf_str(&text), 0, stdout);
}

static int
list_row(void *ctx, const struct silence_row *row)
{
	struct silencing *s = ctx;

	s->n++;
	if (s->show.json) {
		AUTO(buf_done) struct buf out = { 0 };
		struct json j = json_begin(&out);

		add_members(&j, row);
		json_end(&j);
		printf("%.*s\n", STR_ARG(buf_str(&out)));
	} else {
		print_row(row, app_now_us());
	}
	return 0;
}

static int
print_match(void *ctx, const struct incident *in)
{
	struct silencing *s = ctx;

	if (!silence_matches(s->row.match, in))
		return 0;
	if (s->n++ == 0)
		puts("It matches now:");
	printf("  %-8s  %.*s\n", severity_name(in->severity), STR_ARG(in->id));
	show_folded(in->summary, 4, stdout);
	return 0;
}

struct ids {
	struct silencing *s;
	struct buf *out;
};

static int
json_match(void *ctx, const struct incident *in)
{
	struct ids *ids = ctx;

	if (!silence_matches(ids->s->row.match, in))
		return 0;
	if (ids->s->n++ > 0)
		buf_add_char(ids->out, ',');
	json_quote(ids->out, in->id);
	return 0;
}

static int
print_added(struct silencing *s)
{
	AUTO(buf_done) struct buf out = { 0 };
	int r;

	if (!s->show.json) {
		print_row(&s->row, s->row.created_us);
		r = store_each_incident(s->store, INCIDENTS_OPEN, 0, print_match, s,
		    &s->err);
		if (r == 0 && s->n == 0)
			puts(
			    "It matches no incident that is open: it holds for what comes.");
		return r;
	}
	struct json j = json_begin(&out);
	struct ids ids = { s, &out };

	add_members(&j, &s->row);
	json_key(&j, "incidents");
	buf_add_char(&out, '[');
	r = store_each_incident(s->store, INCIDENTS_OPEN, 0, json_match, &ids, &s->err);
	buf_add_char(&out, ']');
	json_end(&j);
	if (r == 0)
		printf("%.*s\n", STR_ARG(buf_str(&out)));
	return r;
}

/* --- the three ways --- */

static int
add(struct silencing *s, int64_t now_us)
{
	int r = read_end(s, now_us);

	if (r != EXIT_FINE || (r = show_join(&s->show, &s->store)) != EXIT_FINE ||
	    (r = read_match(s)) != EXIT_FINE)
		return r;
	show_who(&s->who);
	s->row.reason = str_of(s->reason);
	s->row.who = buf_str(&s->who);
	s->row.created_us = now_us;
	if ((r = store_begin(s->store, &s->err)) == 0 &&
	    (r = store_silence_add(s->store, &s->row, &s->row.id, &s->err)) == 0 &&
	    (r = store_commit(s->store, &s->err)) == 0)
		r = print_added(s);
	return r < 0 ? app_fail(EXIT_STORE, "%s", s->err.text) : EXIT_FINE;
}

static int
end(struct silencing *s, int64_t now_us)
{
	int64_t id, freed = 0;
	int r;

	if (!str_to_int(str_of(s->end), &id))
		return app_usage(&cmd_silence,
		    "--end needs the number of a silence, not '%s': --list tells it",
		    s->end);
	if ((r = show_join(&s->show, &s->store)) != EXIT_FINE)
		return r;
	if ((r = store_begin(s->store, &s->err)) == 0 &&
	    (r = store_silence_end(s->store, id, now_us, &freed, &s->err)) == 0)
		r = store_commit(s->store, &s->err);
	if (r < 0)
		return app_fail(r == -ENOENT ? EXIT_FAILED : EXIT_STORE, "%s", s->err.text);
	show_knock(&s->show);
	if (s->show.json)
		printf(
		    "{\"type\":\"silence\",\"id\":%lld,\"ended\":true,\"notices\":%lld}\n",
		    (long long)id, (long long)freed);
	else if (freed == 0)
		printf("silence %lld has ended; no notice waited for that\n",
		    (long long)id);
	else
		printf("silence %lld has ended; %lld notice%s that waited %s sent now\n",
		    (long long)id, (long long)freed, freed == 1 ? "" : "s",
		    freed == 1 ? "is" : "are");
	return EXIT_FINE;
}

static int
list(struct silencing *s, int64_t now_us)
{
	int r = show_open(&s->show, &s->store);

	if (r != EXIT_FINE)
		return r;
	if (store_each_silence(s->store, now_us, list_row, s, &s->err) < 0)
		return app_fail(EXIT_STORE, "%s", s->err.text);
	if (s->n == 0 && !s->show.json)
		puts("nothing is silenced");
	return EXIT_FINE;
}

static int
run(int argc, char **argv)
{
	struct silencing s = { .list = false };
	int64_t now_us = app_now_us();
	int r = read_options(argc, argv, &s);

	if (r == EXIT_FINE)
		r = s.list          ? list(&s, now_us)
		    : s.end != NULL ? end(&s, now_us)
				    : add(&s, now_us);
	buf_done(&s.match);
	buf_done(&s.until);
	buf_done(&s.who);
	store_close(s.store);
	return r;
}

const struct command cmd_silence = {
	.name = "silence",
	.args = "MATCH DURATION|until TIME [--reason TEXT] | --list | --end NUMBER",
	.summary = "holds back the notices of some incidents for a while",
	.help =
	    "Notices of incidents that match wait until the silence ends. What is over by then\n"
	    "is not told at all. The incidents are kept and shown as ever. Holds for those that\n"
	    "are open and for those that come.\n\n"
	    "  MATCH          the id of an incident; the name of a rule or trouble; or pairs\n"
	    "                 such as provider=microsoft,host=mx1 that must all hold: rule,\n"
	    "                 host, provider, severity, category, code_id, and what incidents\n"
	    "                 are grouped by. * stands for any text: rule=tls-*\n"
	    "  DURATION       30m, 8h, 2d, 1w; a year at most\n"
	    "  until TIME     18:00, 2026-11-21, \"2026-11-21 08:00\"; local time, or with Z\n"
	    "                 or +01:00 behind it\n"
	    "  --reason TEXT  shown beside the incidents and in the list\n"
	    "  --list         the silences that last\n"
	    "  --end NUMBER   ends one now: what waited is sent\n"
	    "  --json         JSON objects\n"
	    "  --state FILE   the store, in place of the configuration's\n"
	    "  --config FILE  in place of /etc/mailwarden/mailwarden.yaml",
	.run = run,
};
