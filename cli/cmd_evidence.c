/* mailwarden evidence: what to paste into a provider's form. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#include "cli/evidence.h"
#include "cli/show.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/mask.h"

enum { LABEL = 22, INDENT = 2, COLUMNS = 80 };

struct printing {
	struct evidence *ev;
	struct catalogue *cat; /* NULL: none could be loaded */
	bool mask, json;
	int64_t now_us;
	struct buf text; /* of one value */
};

/* The text as it may be shown; until the next call. */
static struct str
shown(struct printing *p, struct str text)
{
	if (!p->mask)
		return text;
	buf_clear(&p->text);
	mask_add(&p->text, text);
	return buf_str(&p->text);
}

static struct str
whom(const struct printing *p)
{
	const struct evidence *ev = p->ev;

	if (ev->provider.n > 0 && p->cat != NULL)
		return catalogue_provider_name(p->cat, ev->provider);
	return ev->provider.n > 0 ? ev->provider : ev->peer;
}

static int64_t
failed_on(const struct evidence_day *day)
{
	return day->outcomes[OUTCOME_BOUNCED] + day->outcomes[OUTCOME_EXPIRED] +
	       day->outcomes[OUTCOME_REJECTED];
}

/* Of all attempts of the day, per cent. */
static double
share(const struct evidence_day *day, int64_t part)
{
	int64_t all = 0;

	for (int i = OUTCOME_DELIVERED; i < OUTCOME_COUNT; i++)
		all += day->outcomes[i];
	return all == 0 ? 0 : 100.0 * (double)part / (double)all;
}

static void
add_day(struct buf *out, int64_t at_us)
{
	int year, month, day;

	clock_civil(at_us / (86400 * (int64_t)US_PER_S), &year, &month, &day);
	buf_addf(out, "%04d-%02d-%02d", year, month, day);
}

/* --- what replies and lines say of authentication --- */

static const struct {
	const char *name;
	struct str words[6];
} checks[] = {
	{ "SPF", { STR_INIT("spf"), STR_INIT("sender policy framework") } },
	{ "DKIM", { STR_INIT("dkim") } },
	{ "DMARC", { STR_INIT("dmarc") } },
	{ "reverse DNS (PTR)",
	    { STR_INIT("ptr record"), STR_INIT("reverse dns"), STR_INIT("rdns"),
		STR_INIT("reverse hostname"), STR_INIT("ptr ") } },
	{ "TLS", { STR_INIT("starttls"), STR_INIT("tls "), STR_INIT("encryption") } },
};
enum { CHECKS = sizeof checks / sizeof *checks };

/* Attempts whose reply names the check. */
static int64_t
names_check(const struct evidence *ev, int check)
{
	int64_t n = 0;

	for (size_t i = 0; i < ev->nreplies; i++)
		for (size_t w = 0; w < 6 && checks[check].words[w].n > 0; w++)
			if (str_find_nocase(str_of(ev->replies[i].text),
				checks[check].words[w]) >= 0) {
				n += ev->replies[i].count;
				break;
			}
	return n;
}

/* --- text --- */

static void
row(const char *label, const char *value)
{
	printf("%-*s %s\n", LABEL, label, value);
}

static void
row_text(struct printing *p, const char *label, struct str value)
{
	if (value.n == 0)
		return;
	value = shown(p, value);
	if (LABEL + 1 + value.n > COLUMNS) {
		puts(label);
		show_folded(value, LABEL + 1, stdout);
		return;
	}
	printf("%-*s ", LABEL, label);
	app_print_safe(value, stdout);
	putchar('\n');
}

static void
row_time(const char *label, int64_t at_us, const char *more)
{
	AUTO(buf_done) struct buf text = { 0 };

	clock_minute(&text, at_us);
	buf_add(&text, str_of(more));
	row(label, buf_cstr(&text));
}

static void
print_ips(const struct evidence *ev)
{
	for (size_t i = 0; i < ev->nips; i++)
		printf("%-*s %s%s\n", LABEL, i == 0 ? "IP address" : "", ev->ips[i].text,
		    i == 0 ? " (as the replies name it)" : "");
}

static void
print_head(struct printing *p)
{
	const struct evidence *ev = p->ev;
	AUTO(buf_done) struct buf made = { 0 };

	clock_minute(&made, p->now_us);
	printf("Evidence for incident %.*s, made %.*s. All times are UTC.\n\n",
	    STR_ARG(ev->in.id), STR_ARG(buf_str(&made)));
	show_folded(shown(p, ev->in.summary), INDENT, stdout);
	putchar('\n');
	print_ips(ev);
	row_text(p, "Mail host", ev->in.host);
	row_text(p, "Receiving side", whom(p));
	row_text(p, "Kind of refusal", ev->in.category);
	row_text(p, "Code", ev->in.code_id);
	row_time("First seen", ev->in.opened_us, "");
	row_time("Last seen", ev->in.last_seen_us,
	    ev->in.state == INCIDENT_OPEN ? " (not resolved)" : "");
	if (ev->in.state == INCIDENT_RESOLVED)
		row_time("Resolved", ev->in.resolved_us, "");
}

static void
print_success(const char *label, int64_t at_us, const char *relay, const char *none)
{
	AUTO(buf_done) struct buf more = { 0 };

	if (at_us == 0) {
		row(label, none);
		return;
	}
	row_time(label, at_us, "");
	if (relay[0] != '\0') {
		buf_add(&more, STR("by "));
		buf_add(&more, str_of(relay));
		show_folded(buf_str(&more), LABEL + 1, stdout);
	}
}

static void
print_numbers(const struct evidence *ev)
{
	char text[64];

	(void)snprintf(text, sizeof text, "%lld", (long long)ev->in.count);
	row("Times seen", text);
	(void)snprintf(text, sizeof text, "%lld", (long long)ev->in.recipients);
	if (ev->in.recipients > 0)
		row("Recipients affected", text);
	(void)snprintf(text, sizeof text, "%lld", (long long)ev->in.senders);
	if (ev->in.senders > 0)
		row("Senders affected", text);
	if (!ev->about_mail)
		return;
	print_success("Last accepted before", ev->last_success.at_us,
	    ev->last_success.relay, "none in the records (30 days)");
	print_success("First accepted since", ev->first_success.at_us,
	    ev->first_success.relay, "none so far");
}

static void
print_reply(struct printing *p, const struct evidence_reply *r)
{
	AUTO(buf_done) struct buf head = { 0 };

	buf_addf(&head, "%lld time%s, ", (long long)r->count, r->count == 1 ? "" : "s");
	clock_minute(&head, r->first_us);
	if (r->count > 1) {
		buf_add(&head, STR(" to "));
		clock_minute(&head, r->last_us);
	}
	if (r->relay[0] != '\0') {
		buf_add(&head, STR(", by "));
		buf_add(&head, str_of(r->relay));
	}
	buf_add_char(&head, ':');
	show_folded(buf_str(&head), INDENT, stdout);
	if (r->text[0] != '\0') {
		show_folded(shown(p, str_of(r->text)), 2 * INDENT, stdout);
		return;
	}
	printf("%*s(the log does not show the words%s%s)\n", 2 * INDENT, "",
	    r->status[0] != '\0' ? "; status " : "", r->status);
}

static void
print_replies(struct printing *p)
{
	const struct evidence *ev = p->ev;

	if (ev->nreplies == 0)
		return;
	puts("\nReplies");
	for (size_t i = 0; i < ev->nreplies; i++)
		print_reply(p, &ev->replies[i]);
	if (ev->other_replies > 0)
		printf("  and %lld further attempts with other replies\n",
		    (long long)ev->other_replies);
}

static void
print_days(struct printing *p)
{
	const struct evidence *ev = p->ev;
	AUTO(buf_done) struct buf title = { 0 };

	if (ev->ndays == 0)
		return;
	buf_add(&title, STR("Attempts by day"));
	if (whom(p).n > 0) {
		buf_add(&title, STR(", to "));
		buf_add(&title, whom(p));
	}
	putchar('\n');
	show_folded(buf_str(&title), 0, stdout);
	printf("  %-10s %10s %9s %8s %9s %14s\n", "day", "delivered", "deferred", "bounced",
	    "bounced %", "unknown users");
	for (size_t i = 0; i < ev->ndays; i++) {
		const struct evidence_day *day = &ev->days[i];
		AUTO(buf_done) struct buf date = { 0 };

		add_day(&date, day->day_us);
		printf("  %-10s %10lld %9lld %8lld %8.1f%% %6lld %6.1f%%\n",
		    buf_cstr(&date), (long long)day->outcomes[OUTCOME_DELIVERED],
		    (long long)day->outcomes[OUTCOME_DEFERRED], (long long)failed_on(day),
		    share(day, failed_on(day)), (long long)day->unknown_users,
		    share(day, day->unknown_users));
	}
}

static void
print_checks(const struct evidence *ev)
{
	bool any = false;

	for (int i = 0; i < CHECKS; i++) {
		int64_t n = names_check(ev, i);

		if (n == 0)
			continue;
		if (!any)
			puts("\nAuthentication, as the replies name it");
		any = true;
		printf("  %-20s named in %lld repl%s\n", checks[i].name, (long long)n,
		    n == 1 ? "y" : "ies");
	}
}

/* Raw lines are not folded: they must be found again in the log. */
static void
print_lines(struct printing *p)
{
	struct str rest = p->ev->in.samples;

	if (rest.n > 0)
		puts("\nLog lines");
	while (rest.n > 0) {
		app_print_safe(shown(p, str_cut(&rest, '\n')), stdout);
		putchar('\n');
	}
}

static void
print_text(struct printing *p)
{
	print_head(p);
	print_numbers(p->ev);
	print_replies(p);
	print_days(p);
	print_checks(p->ev);
	print_lines(p);
}

/* --- JSON --- */

static void
add_text(struct printing *p, struct json *j, const char *key, struct str value)
{
	if (value.n > 0)
		json_text(j, key, shown(p, value));
}

static void
begin_list(struct json *j, const char *key)
{
	json_key(j, key);
	buf_add_char(j->out, '[');
}

static void
comma(struct buf *out, size_t i)
{
	if (i > 0)
		buf_add_char(out, ',');
}

static void
json_replies(struct printing *p, struct json *j)
{
	begin_list(j, "replies");
	for (size_t i = 0; i < p->ev->nreplies; i++) {
		const struct evidence_reply *r = &p->ev->replies[i];

		comma(j->out, i);
		struct json one = json_begin(j->out);

		add_text(p, &one, "reply", str_of(r->text));
		if (r->smtp_code != 0)
			json_int(&one, "smtp_code", r->smtp_code);
		add_text(p, &one, "status", str_of(r->status));
		add_text(p, &one, "relay_name", str_of(r->relay));
		json_int(&one, "count", r->count);
		json_time(&one, "first", r->first_us);
		json_time(&one, "last", r->last_us);
		json_end(&one);
	}
	buf_add_char(j->out, ']');
}

static void
json_days(struct printing *p, struct json *j)
{
	begin_list(j, "days");
	for (size_t i = 0; i < p->ev->ndays; i++) {
		const struct evidence_day *day = &p->ev->days[i];
		AUTO(buf_done) struct buf date = { 0 };

		comma(j->out, i);
		struct json one = json_begin(j->out);

		add_day(&date, day->day_us);
		json_text(&one, "day", buf_str(&date));
		json_int(&one, "delivered", day->outcomes[OUTCOME_DELIVERED]);
		json_int(&one, "deferred", day->outcomes[OUTCOME_DEFERRED]);
		json_int(&one, "bounced", day->outcomes[OUTCOME_BOUNCED]);
		json_int(&one, "expired", day->outcomes[OUTCOME_EXPIRED]);
		json_int(&one, "rejected", day->outcomes[OUTCOME_REJECTED]);
		json_int(&one, "unknown_users", day->unknown_users);
		json_end(&one);
	}
	buf_add_char(j->out, ']');
}

static void
json_success(struct json *j, const char *key, int64_t at_us, const char *relay)
{
	if (at_us == 0)
		return;
	json_key(j, key);
	struct json one = json_begin(j->out);

	json_time(&one, "time", at_us);
	if (relay[0] != '\0')
		json_text(&one, "relay_name", str_of(relay));
	json_end(&one);
}

static void
json_lists(struct printing *p, struct json *j)
{
	struct str rest = p->ev->in.samples;

	begin_list(j, "ips");
	for (size_t i = 0; i < p->ev->nips; i++) {
		comma(j->out, i);
		json_quote(j->out, str_of(p->ev->ips[i].text));
	}
	buf_add_char(j->out, ']');
	if (p->ev->about_mail) {
		json_replies(p, j);
		json_days(p, j);
	}
	begin_list(j, "authentication");
	for (int i = 0, any = 0; i < CHECKS; i++)
		if (names_check(p->ev, i) > 0) {
			comma(j->out, (size_t)any++);
			json_quote(j->out, str_of(checks[i].name));
		}
	buf_add_char(j->out, ']');
	begin_list(j, "lines");
	for (size_t i = 0; rest.n > 0; i++) {
		comma(j->out, i);
		json_quote(j->out, shown(p, str_cut(&rest, '\n')));
	}
	buf_add_char(j->out, ']');
}

static void
print_json(struct printing *p)
{
	const struct evidence *ev = p->ev;
	AUTO(buf_done) struct buf out = { 0 };
	struct json j = json_begin(&out);

	json_text(&j, "type", STR("evidence"));
	json_text(&j, "incident", ev->in.id);
	add_text(p, &j, "rule", ev->in.rule);
	add_text(p, &j, "summary", ev->in.summary);
	add_text(p, &j, "host", ev->in.host);
	if (ev->nips > 0)
		json_text(&j, "ip", str_of(ev->ips[0].text));
	add_text(p, &j, "provider", ev->provider);
	add_text(p, &j, "peer", ev->peer);
	add_text(p, &j, "category", ev->in.category);
	add_text(p, &j, "code_id", ev->in.code_id);
	json_text(&j, "state", str_of(incident_state_name(ev->in.state)));
	json_time(&j, "since", ev->in.opened_us);
	json_time(&j, "last_seen", ev->in.last_seen_us);
	if (ev->in.resolved_us != 0)
		json_time(&j, "resolved", ev->in.resolved_us);
	json_int(&j, "count", ev->in.count);
	json_int(&j, "senders", ev->in.senders);
	json_int(&j, "recipients", ev->in.recipients);
	if (ev->about_mail) {
		json_success(&j, "last_success", ev->last_success.at_us,
		    ev->last_success.relay);
		json_success(&j, "first_success", ev->first_success.at_us,
		    ev->first_success.relay);
	}
	json_lists(p, &j);
	json_end(&j);
	buf_add_char(&out, '\n');
	(void)fwrite(out.p, 1, out.n, stdout);
}

/* --- the command --- */

static int
parse_options(int argc, char **argv, struct show_options *show, struct printing *p)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "mask", no_argument, NULL, 'm' },
		{ "state", required_argument, NULL, 's' },
		{ "config", required_argument, NULL, 'c' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': p->json = true; break;
		case 'm': p->mask = true; break;
		case 's': show->state = optarg; break;
		case 'c': show->config = optarg; break;
		default: return app_usage(&cmd_evidence, "%s", "");
		}
	}
	if (argc - optind != 1)
		return app_usage(&cmd_evidence,
		    "needs the id of one incident: `mailwarden incidents` lists them");
	show->words = (const char *const *)argv + optind;
	show->nwords = 1;
	return EXIT_FINE;
}

/* Only for the provider's full name: without it the id does. */
static struct catalogue *
load_catalogue(void)
{
	struct rule_dirs dirs = app_rule_dirs(NULL);
	struct catalogue *cat = NULL;
	struct diags diags = { 0 };

	(void)app_load_catalogue(&dirs, &cat, &diags);
	diags_done(&diags);
	return cat;
}

static int
run(int argc, char **argv)
{
	struct show_options show = { 0 };
	struct printing p = { .now_us = app_now_us() };
	struct store *store = NULL;
	struct err err;
	int r = parse_options(argc, argv, &show, &p);

	if (r != EXIT_FINE || (r = show_open(&show, &store)) != EXIT_FINE)
		return r;
	r = evidence_gather(store, str_of(show.words[0]), &p.ev, &err);
	store_close(store);
	if (r < 0)
		return app_fail(r == -ENOENT || r == -ENOTUNIQ ? EXIT_FAILED : EXIT_STORE,
		    "%s", err.text);
	p.cat = load_catalogue();
	if (p.json)
		print_json(&p);
	else
		print_text(&p);
	catalogue_free(p.cat);
	buf_done(&p.text);
	evidence_free(p.ev);
	return EXIT_FINE;
}

const struct command cmd_evidence = {
	.name = "evidence",
	.args = "ID [--mask] [--json] [--state FILE] [--config FILE]",
	.summary = "a text to paste into a delisting request",
	.help =
	    "For one incident: which address, since when, the exact replies, volume by day, last\n"
	    "success, log lines. ID may be the beginning of an id.\n\n"
	    "  --mask         people's addresses as user-3f2a@example.org, the same everywhere\n"
	    "  --json         one JSON object\n"
	    "  --state FILE   the store, in place of the configuration's\n"
	    "  --config FILE  in place of /etc/mailwarden/mailwarden.yaml",
	.run = run,
};
