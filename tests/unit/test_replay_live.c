/*
 * cli/pipeline, cli/keeper, store/, rules/engine: replay equals live (design, invariant 3).
 *
 * Weeks of three hosts' mail are given to an engine in one piece, as `replay` does, and to the
 * daemon's pipeline in batches of random size, with restarts and ticks between them. What is
 * in the store must be what the engine says. The shipped rules run, and beside them some for
 * which few lines are enough.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/pipeline.h"
#include "parsers/parser.h"
#include "random_log.h"
#include "rules/alert_rule.h"
#include "rules/context.h"
#include "rules/engine.h"

enum { ROUNDS = 4, DAYS = 36, MAX_TOLD = 4000 };

/* Thursday, 2026-11-19 00:00 */
#define BEGIN_US INT64_C(1795046400000000)

static const char small_rules[] =
    "rules:\n"
    "  - name: small-match\n"
    "    when: { kind: attempt, outcome: bounced }\n"
    "    in_a_row: 2\n"
    "    among: { kind: attempt, outcome: [delivered, bounced] }\n"
    "    distinct: queue_id\n"
    "    group_by: [host, peer]\n"
    "    summary: \"{relay} refuses: {reply}\"\n"
    "    resolves: { when: { kind: attempt, outcome: delivered }, after: 2d }\n"
    "    reopen: 3h\n"
    "  - name: small-flap\n"
    "    when: { kind: attempt, outcome: bounced }\n"
    "    group_by: [host]\n"
    "    summary: \"{relay} refuses: {reply}\"\n"
    "    resolves: { when: { kind: attempt, outcome: delivered } }\n"
    "    reopen: 5h\n"
    "  - name: small-count\n"
    "    detector: count\n"
    "    when: { kind: attempt, outcome: [bounced, deferred], sender: { match: 'example' } }\n"
    "    distinct: recipient\n"
    "    at_least: 3\n"
    "    within: 1d\n"
    "    group_by: [host]\n"
    "    inhibited_by: [small-surge]\n"
    "    summary: \"{values} in {span}\"\n"
    "  - name: small-ratio\n"
    "    detector: ratio\n"
    "    when: { kind: attempt, outcome: [bounced, deferred], origin: submitted }\n"
    "    among: { kind: attempt, direction: outbound, origin: submitted }\n"
    "    at_least: 6\n"
    "    within: 8h\n"
    "    share: 30%\n"
    "    confidence: 90%\n"
    "    group_by: [host]\n"
    "    summary: \"{hits} of {total} ({share})\"\n"
    "    resolves: { after: 2h }\n"
    "  - name: small-trend\n"
    "    detector: trend\n"
    "    when: { kind: attempt, outcome: deferred }\n"
    "    among: { kind: attempt, direction: outbound }\n"
    "    within: 1d\n"
    "    at_least: 8\n"
    "    change: both\n"
    "    by: 20%\n"
    "    learn: 5d\n"
    "    group_by: [host]\n"
    "    summary: \"{share} for {usual}\"\n"
    "  - name: small-silence\n"
    "    detector: silence\n"
    "    when: { kind: attempt, outcome: delivered }\n"
    "    group_by: [host]\n"
    "    confidence: 99%\n"
    "    summary: \"nothing for {span}\"\n"
    "    inhibited_by: [small-trend]\n"
    "  - name: small-silence-user\n"
    "    detector: silence\n"
    "    when: { kind: accepted, sender: { known: true } }\n"
    "    group_by: [host, sender]\n"
    "    confidence: 90%\n"
    "    summary: \"nothing for {span}\"\n"
    "    inhibited_by: [small-silence]\n"
    "  - name: small-surge\n"
    "    detector: surge\n"
    "    when: { kind: accepted, direction: inbound, sasl_user: { known: true } }\n"
    "    group_by: [host, sasl_user]\n"
    "    at_least: 12\n"
    "    within: 1h\n"
    "    summary: \"{hits} for {usual}\"\n";

struct fixture {
	char folder[64], state[96];
	struct rulebook book;
	size_t by_detector[DETECTOR_COUNT]; /* incidents, over all rounds */
};

/* Incidents as text, by id. */
struct told {
	struct told_one {
		char id[16];
		char *text; /* owned */
		enum incident_state state;
	} items[MAX_TOLD];
	size_t n;
};

static int64_t wall_us;

int64_t
app_now_us(void)
{
	return wall_us;
}

static struct told_one *
find_told(struct told *t, struct str id)
{
	for (size_t i = 0; i < t->n; i++)
		if (str_eq(str_of(t->items[i].id), id))
			return &t->items[i];
	return NULL;
}

static int
put_told(void *ctx, const struct incident *in)
{
	struct told *t = ctx;
	struct told_one *one = find_told(t, in->id);
	struct buf text = { 0 };

	if (one == NULL) {
		assert_true(t->n < MAX_TOLD);
		one = &t->items[t->n++];
		*one = (struct told_one){ 0 };
	}
	incident_json(in, &text);
	buf_addf(&text, " streak %lld affected %.*s", (long long)in->streak,
	    STR_ARG(in->affected));
	(void)snprintf(one->id, sizeof one->id, "%.*s", STR_ARG(in->id));
	free(one->text);
	one->text = str_dup(buf_str(&text));
	one->state = in->state;
	buf_done(&text);
	return 0;
}

static int
drop_told(void *ctx, const struct incident *in)
{
	struct told *t = ctx;
	struct told_one *one = find_told(t, in->id);

	assert_non_null(one);
	free(one->text);
	*one = t->items[--t->n];
	return 0;
}

static int
tell_nobody(void *ctx, const struct incident *in, enum notice notice, int64_t at_us)
{
	(void)ctx;
	(void)in;
	(void)notice;
	(void)at_us;
	return 0;
}

static void
done_told(struct told *t)
{
	while (t->n > 0)
		free(t->items[--t->n].text);
}

struct feeding {
	struct engine *engine;
	struct str line;
	uint32_t kinds;
};

static void
on_event(void *ctx, struct event *ev)
{
	struct feeding *f = ctx;

	if ((f->kinds >> event_num(ev, EVF_kind) & 1) != 0 || context_wants(ev))
		assert_true(engine_feed(f->engine, ev, f->line));
}

/* As cmd_replay.c does it. */
static void
replay(struct fixture *fx, const struct random_log *log, struct told *out)
{
	const struct engine_sink sink = { put_told, drop_told, tell_nobody, NULL, NULL,
		NULL, out };
	struct parser *parser = parser_new(fx->book.parsers, fx->book.catalogue, wall_us);
	struct feeding f = { engine_new(fx->book.alerts, fx->book.catalogue), STR(""),
		alert_rules_kinds(fx->book.alerts) };

	assert_non_null(f.engine);
	assert_non_null(parser);
	for (size_t i = 0; i < log->n; i++) {
		f.line = log->lines[i].text;
		if (parser_line(parser, &log->lines[i], STR("test"), on_event, &f) ==
		    PARSE_UNPARSED)
			fail_msg("not parsed: %.*s", STR_ARG(f.line));
	}
	assert_int_equal(engine_flush(f.engine, &sink), 0);
	engine_free(f.engine);
	parser_free(parser);
}

static void
check(int r, const struct err *err)
{
	if (r < 0)
		fail_msg("%d: %s", r, err->text);
}

/* A daemon that catches up takes many lines at a time, a restless one few. */
static size_t
batch_size(struct random_log *log, bool restless, size_t left)
{
	static const uint32_t most[] = { 3, 60, 800, 3000 };
	size_t n = 1 + log_rnd(log, restless ? 60 : most[log_rnd(log, 4)]);

	return n < left ? n : left;
}

static void
live(struct fixture *fx, struct random_log *log, bool restless, struct told *out)
{
	struct pipeline *p;
	struct err err;

	check(pipeline_open(fx->state, &fx->book, &p, &err), &err);
	for (size_t at = 0, n; at < log->n; at += n) {
		n = batch_size(log, restless, log->n - at);
		wall_us += log_rnd(log, 1000) * INT64_C(1000);
		check(pipeline_lines(p, "test", log->lines + at, n, "here", &err), &err);
		if (log_rnd(log, 4) == 0)
			check(pipeline_tick(p, wall_us + log_rnd(log, 4) * US_PER_S, &err),
			    &err);
		if (log_rnd(log, 30) == 0)
			check(pipeline_set_rules(p, &fx->book, &err), &err);
		if (log_rnd(log, restless ? 3 : 8) != 0)
			continue;
		pipeline_close(p);
		check(pipeline_open(fx->state, &fx->book, &p, &err), &err);
	}
	check(store_each_incident(pipeline_store(p), INCIDENTS_ALIVE, 0, put_told, out,
		  &err),
	    &err);
	pipeline_close(p);
}

/* Both texts from where they part. */
static void
print_difference(const char *replay, const char *live)
{
	size_t i = 0;

	while (replay[i] != '\0' && replay[i] == live[i])
		i++;
	print_message("%.150s\n  replay: %.200s\n  live:   %.200s\n", replay, replay + i,
	    live + i);
}

static void
assert_same(struct told *whole, struct told *pieces)
{
	size_t bad = 0;

	for (size_t i = 0; i < whole->n; i++) {
		struct told_one *other = find_told(pieces, str_of(whole->items[i].id));

		if (other != NULL && strcmp(other->text, whole->items[i].text) == 0)
			continue;
		if (bad++ < 4)
			print_difference(whole->items[i].text,
			    other == NULL ? "" : other->text);
	}
	for (size_t i = 0; i < pieces->n; i++)
		if (find_told(whole, str_of(pieces->items[i].id)) == NULL && bad++ < 4)
			print_difference("", pieces->items[i].text);
	if (bad > 0)
		fail_msg("%zu of %zu incidents differ", bad, whole->n);
}

static void
count_detectors(struct fixture *fx, const struct told *t)
{
	const struct alert_rules *rules = fx->book.alerts;
	char name[128];

	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < rules->nrules; k++) {
			(void)snprintf(name, sizeof name, "\"rule\":\"%.*s\"",
			    STR_ARG(rules->rules[k].name));
			if (t->items[i].state != INCIDENT_PENDING &&
			    strstr(t->items[i].text, name) != NULL)
				fx->by_detector[rules->rules[k].detector]++;
		}
}

static void
test_replay_is_live(void **state)
{
	static struct told whole, pieces;
	struct fixture *fx = *state;
	const char *seed = getenv("SEED");
	unsigned first = seed == NULL ? 1 : (unsigned)atoi(seed);

	for (unsigned round = first; round < first + ROUNDS; round++) {
		struct random_log log;

		log_make(&log, round, BEGIN_US, DAYS);
		/* Last night's log, or one from an archive. */
		wall_us = log.end_us + (round % 2 == 0 ? 200 * LOG_DAY_US : LOG_HOUR_US);
		replay(fx, &log, &whole);
		print_message("seed %u: %zu lines, %zu incidents\n", round, log.n, whole.n);
		live(fx, &log, round % 4 == 3, &pieces);
		assert_same(&whole, &pieces);
		count_detectors(fx, &whole);
		done_told(&whole);
		done_told(&pieces);
		log_done(&log);
		assert_int_equal(unlink(fx->state), 0);
	}
	for (int i = 0; i < DETECTOR_COUNT; i++) {
		print_message("detector %d: %zu incidents\n", i, fx->by_detector[i]);
		assert_true(fx->by_detector[i] > 0);
	}
}

static int
write_small_rules(struct fixture *fx)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/alerts", fx->folder);
	if (mkdir(path, 0700) < 0)
		return -1;
	(void)snprintf(path, sizeof path, "%s/alerts/small.yaml", fx->folder);
	FILE *f = fopen(path, "w");

	if (f == NULL || fputs(small_rules, f) < 0)
		return -1;
	return fclose(f);
}

static int
set_up(void **state)
{
	static struct fixture fx = { .folder = "/tmp/test_replay_live.XXXXXX" };
	const char *const dirs[] = { SOURCE_DIR "/rules.d", fx.folder };
	static const char *const catalogue_dirs[] = { SOURCE_DIR "/rules.d/catalogue" };
	struct diags diags = { 0 };

	if (mkdtemp(fx.folder) == NULL || write_small_rules(&fx) < 0)
		return -1;
	(void)snprintf(fx.state, sizeof fx.state, "%s/s.db", fx.folder);
	if (ruleset_load(dirs, 1, &fx.book.parsers, &diags) < 0 ||
	    catalogue_load(catalogue_dirs, 1, &fx.book.catalogue, &diags) < 0 ||
	    alert_rules_load(dirs, 2, &fx.book.alerts, &diags) < 0) {
		diags_print(&diags, stderr);
		return -1;
	}
	diags_done(&diags);
	*state = &fx;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;
	char command[128];

	alert_rules_free(fx->book.alerts);
	catalogue_free(fx->book.catalogue);
	ruleset_free(fx->book.parsers);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", fx->folder);
	return system(command);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replay_is_live),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
