/*
 * rules/engine: spans that end while nobody looks. A replay makes one big step where a
 * daemon makes many small ones; both must come to the same incidents.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "rules/engine.h"
#include "rules_text.h"

#define START_US INT64_C(1795262400000000)
#define HOUR_US (3600 * (int64_t)US_PER_S)

static const char rules_text[] = "rules:\n"
				 "  - name: full\n"
				 "    when: { kind: limit }\n"
				 "    group_by: [host]\n"
				 "    summary: full\n"
				 "    resolves: { after: 1h }\n"
				 "    reopen: 1h\n"
				 "  - name: row\n"
				 "    when: { kind: warning }\n"
				 "    group_by: [host]\n"
				 "    in_a_row: 3\n"
				 "    summary: a row\n"
				 "    resolves: { when: { kind: lifecycle } }\n";

struct counts {
	size_t saved, ended, forgotten;
};

static int
save(void *ctx, const struct incident *in)
{
	(void)in;
	((struct counts *)ctx)->saved++;
	return 0;
}

static int
forget(void *ctx, const struct incident *in)
{
	(void)in;
	((struct counts *)ctx)->forgotten++;
	return 0;
}

static int
tell(void *ctx, const struct incident *in, enum notice notice, int64_t at_us)
{
	(void)ctx;
	(void)in;
	(void)notice;
	(void)at_us;
	return 0;
}

static int
ended(void *ctx, const struct incident *in)
{
	(void)in;
	((struct counts *)ctx)->ended++;
	return 0;
}

/* What loading says. */
static int
load(const char *text, struct alert_rules **out, size_t *faults_out)
{
	struct diags diags = { 0 };
	int r = rules_of_text(text, out, &diags, NULL);

	*faults_out = diags.errors;
	diags_done(&diags);
	return r;
}

static void
feed(struct engine *e, enum event_kind kind, int64_t at_us)
{
	struct event ev = { .time_us = at_us };

	event_set_num(&ev, EVF_kind, kind);
	event_set_text(&ev, EVF_host, STR("mx1"));
	assert_true(engine_feed(e, &ev, STR("line")));
}

static void
test_one_big_step(void **state)
{
	static const int64_t steps_us[] = { 10 * HOUR_US, HOUR_US,
		600 * (int64_t)US_PER_S };

	for (size_t i = 0; i < sizeof steps_us / sizeof *steps_us; i++) {
		struct counts n = { 0 };
		const struct engine_sink sink = { save, forget, tell, ended, NULL, NULL,
			&n };
		struct engine *e = engine_new(*state, NULL);

		assert_non_null(e);
		feed(e, KIND_LIMIT, START_US);
		for (int64_t at = steps_us[i]; at < 10 * HOUR_US; at += steps_us[i])
			engine_tick(e, START_US + at);
		feed(e, KIND_LIMIT, START_US + 10 * HOUR_US); /* another trouble by now */
		assert_int_equal(engine_flush(e, &sink), 0);
		assert_int_equal(n.ended, 1);
		assert_int_equal(n.saved, 2);
		assert_int_equal(engine_alive(e), 1);
		engine_free(e);
	}
}

/* Signs that came to nothing within one batch leave nothing behind. */
static void
test_pending_without_a_trace(void **state)
{
	struct counts n = { 0 };
	const struct engine_sink sink = { save, forget, tell, ended, NULL, NULL, &n };
	struct engine *e = engine_new(*state, NULL);

	assert_non_null(e);
	for (int i = 0; i < 1000; i++) {
		feed(e, KIND_WARNING, START_US + i);
		feed(e, KIND_LIFECYCLE, START_US + i);
	}
	assert_int_equal(engine_alive(e), 0);
	assert_int_equal(engine_flush(e, &sink), 0);
	assert_int_equal(n.saved + n.ended + n.forgotten, 0);
	feed(e, KIND_WARNING, START_US + 2000);
	assert_int_equal(engine_flush(e, &sink), 0);
	assert_int_equal(n.saved, 1);
	feed(e, KIND_LIFECYCLE, START_US + 2001); /* the store knows this one */
	assert_int_equal(engine_flush(e, &sink), 0);
	assert_int_equal(n.forgotten, 1);
	engine_free(e);
}

/* A fault that leaves a default in its place refuses the file all the same. */
static void
test_every_fault_refuses(void **state)
{
	static const char *const extras[] = { "    reopen: 5x\n", "    in_a_row: 0\n",
		"    in_a_row: many\n", "    severity: [info]\n" };

	(void)state;
	for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
		struct alert_rules *rules = NULL;
		char text[512];
		size_t faults;

		(void)snprintf(text, sizeof text,
		    "rules:\n  - name: x\n    when: { kind: limit }\n    summary: x\n"
		    "    resolves: { after: 1h }\n%s",
		    extras[i]);
		print_message("%s", extras[i]);
		assert_true(load(text, &rules, &faults) < 0);
		assert_null(rules);
		assert_int_equal(faults, 1);
	}
}

/* What comes back is waited for twice as long each time: one incident, not many. */
static void
test_flapping(void **state)
{
	static const int64_t at_min[] = { 0, 90, 90 + 60 + 110, 90 + 60 + 110 + 60 + 230 };
	struct counts n = { 0 };
	const struct engine_sink sink = { save, forget, tell, ended, NULL, NULL, &n };
	struct engine *e = engine_new(*state, NULL);

	assert_non_null(e);
	for (size_t i = 0; i < sizeof at_min / sizeof *at_min; i++) {
		feed(e, KIND_LIMIT, START_US + at_min[i] * 60 * US_PER_S);
		assert_int_equal(engine_flush(e, &sink), 0);
	}
	assert_int_equal(n.ended, 0);
	assert_int_equal(engine_alive(e), 1);
	/* Resolved after an hour, and the third relapse is waited for eight hours. */
	engine_tick(e, START_US + (at_min[3] + 60 + 8 * 60 - 1) * 60 * US_PER_S);
	assert_int_equal(engine_alive(e), 1);
	engine_tick(e, START_US + (at_min[3] + 60 + 8 * 60) * 60 * US_PER_S);
	assert_int_equal(engine_alive(e), 0);
	engine_free(e);
}

static void
feed_host(struct engine *e, const char *host, enum event_kind kind, int64_t at_us)
{
	struct event ev = { .time_us = at_us };

	event_set_num(&ev, EVF_kind, kind);
	event_set_text(&ev, EVF_host, str_of(host));
	assert_true(engine_feed(e, &ev, STR("line")));
}

/* One host's clock is five hours behind the other's: its trouble is one, and ends in time. */
static void
test_host_behind(void **state)
{
	struct counts n = { 0 };
	const struct engine_sink sink = { save, forget, tell, ended, NULL, NULL, &n };
	struct engine *e = engine_new(*state, NULL);

	assert_non_null(e);
	for (int64_t i = 0; i < 100; i++) {
		int64_t at_us = START_US + i * 60 * US_PER_S;

		feed_host(e, "mx1", KIND_CONNECTION, at_us);
		feed_host(e, "mx2", KIND_LIMIT, at_us - 5 * HOUR_US);
		assert_int_equal(engine_flush(e, &sink), 0);
	}
	assert_int_equal(n.ended, 0);
	assert_int_equal(engine_alive(e), 1);
	/* Two hours later by its own clock: an hour of quiet, and the hour to come back. */
	feed_host(e, "mx2", KIND_LIMIT,
	    START_US + 99 * 60 * (int64_t)US_PER_S - 3 * HOUR_US);
	assert_int_equal(engine_flush(e, &sink), 0);
	assert_int_equal(n.ended, 1);
	engine_free(e);
}

/* One stamp years ahead moves nothing; a log whose clock is wrong is believed at last. */
static void
test_stray_stamps(void **state)
{
	struct engine *e = engine_new(*state, NULL);
	int64_t years_us = 20 * 365 * 24 * HOUR_US;

	assert_non_null(e);
	engine_set_horizon(e, START_US + 24 * HOUR_US);
	feed(e, KIND_LIMIT, START_US);
	feed(e, KIND_CONNECTION, START_US + years_us);
	feed(e, KIND_LIMIT, START_US + HOUR_US / 2);
	assert_int_equal(engine_now(e), START_US + HOUR_US / 2);
	assert_int_equal(engine_strays(e), 1);
	assert_int_equal(engine_alive(e), 1);
	for (int i = 0; i < 30; i++)
		feed(e, KIND_CONNECTION, START_US + years_us + i);
	assert_int_equal(engine_now(e), START_US + years_us + 29);
	engine_free(e);

	/* A whole log of the future, as a generator may write it. */
	e = engine_new(*state, NULL);
	assert_non_null(e);
	engine_set_horizon(e, START_US);
	for (int i = 0; i < 100; i++)
		feed(e, KIND_CONNECTION, START_US + (200 + i) * HOUR_US);
	assert_int_equal(engine_strays(e), 0);
	assert_int_equal(engine_now(e), START_US + 299 * HOUR_US);
	engine_free(e);
}

static int
set_up(void **state)
{
	struct alert_rules *rules = NULL;
	size_t faults;

	if (load(rules_text, &rules, &faults) < 0)
		return -1;
	*state = rules;
	return 0;
}

static int
tear_down(void **state)
{
	alert_rules_free(*state);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_big_step),
		cmocka_unit_test(test_pending_without_a_trace),
		cmocka_unit_test(test_flapping),
		cmocka_unit_test(test_host_behind),
		cmocka_unit_test(test_stray_stamps),
		cmocka_unit_test(test_every_fault_refuses),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
