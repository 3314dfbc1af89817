/* The store: incidents, the outbox, and what goes when it is old. */
#include <errno.h>

#include "store_box.h"

static int
same_incident(void *ctx, const struct incident *got)
{
	const struct incident *want = ctx;

	assert_true(str_eq(got->id, want->id) && str_eq(got->rule, want->rule));
	assert_true(str_eq(got->group, want->group) && str_eq(got->host, want->host));
	assert_true(str_eq(got->provider, want->provider));
	assert_true(str_eq(got->code_id, want->code_id));
	assert_true(str_eq(got->category, want->category));
	assert_true(str_eq(got->summary, want->summary) &&
		    str_eq(got->advice, want->advice));
	assert_true(str_eq(got->url, want->url) && str_eq(got->affected, want->affected));
	assert_true(str_eq(got->samples, want->samples));
	assert_int_equal(got->severity, want->severity);
	assert_int_equal(got->state, want->state);
	assert_int_equal(got->opened_us, want->opened_us);
	assert_int_equal(got->last_seen_us, want->last_seen_us);
	assert_int_equal(got->resolved_us, want->resolved_us);
	assert_int_equal(got->told_us, want->told_us);
	assert_int_equal(got->count, want->count);
	assert_int_equal(got->streak, want->streak);
	return 42;
}

static int
add_id(void *ctx, const struct incident *incident)
{
	buf_add(ctx, incident->id);
	buf_add_char(ctx, ' ');
	return 0;
}

static void
test_incident_whole(void **state)
{
	struct box *b = *state;
	struct incident i = {
		.id = STR("0123456789ab"),
		.rule = STR("r"),
		.severity = SEVERITY_CRITICAL,
		.state = INCIDENT_OPEN,
		.group = STR("{\"a\":1}"),
		.host = STR("mx1"),
		.provider = STR("google"),
		.code_id = STR("c"),
		.category = STR("k"),
		.opened_us = 1,
		.last_seen_us = 2,
		.resolved_us = 3,
		.told_us = 4,
		.count = 5,
		.streak = 6,
		.summary = STR("s'\n"),
		.advice = STR("a"),
		.url = STR("u"),
		.affected = STR("x\ny\n"),
		.samples = STR("l\xff\n"),
	};

	check(b, store_save_incident(b->store, &i, &b->err));
	assert_int_equal(store_find_incident(b->store, i.id, same_incident, &i, &b->err),
	    42);
	i = (struct incident){ .id = i.id, .rule = STR("q"), .state = INCIDENT_RESOLVED };
	check(b, store_save_incident(b->store, &i, &b->err));
	assert_int_equal(store_find_incident(b->store, STR("01"), same_incident, &i,
			     &b->err),
	    42);
	check(b, store_forget_incident(b->store, i.id, &b->err));
	assert_int_equal(store_find_incident(b->store, i.id, same_incident, &i, &b->err),
	    -ENOENT);
}

static void
test_incident_search(void **state)
{
	static const struct incident rows[] = {
		{ .id = STR_INIT("aa"),
		    .state = INCIDENT_OPEN,
		    .opened_us = 50,
		    .last_seen_us = 50 },
		{ .id = STR_INIT("aabb"), .state = INCIDENT_PENDING, .opened_us = 10 },
		{ .id = STR_INIT("aacc"),
		    .state = INCIDENT_RESOLVED,
		    .opened_us = 20,
		    .last_seen_us = 60,
		    .resolved_us = 90 },
		{ .id = STR_INIT("b%"),
		    .state = INCIDENT_RESOLVED,
		    .opened_us = 5,
		    .last_seen_us = 8,
		    .resolved_us = 30 },
		{ .id = STR_INIT("c"),
		    .state = INCIDENT_OPEN,
		    .opened_us = 7,
		    .last_seen_us = 9 },
	};
	static const struct {
		enum incident_filter filter;
		const char *want;
	} walks[] = {
		{ INCIDENTS_OPEN, "c aa " },
		{ INCIDENTS_ALIVE, "c aabb aacc aa " },
		{ INCIDENTS_RECENT, "aacc aa c " },
	};
	static const struct {
		struct str id;
		int want;
	} finds[] = {
		{ STR_INIT("aa"), 0 },
		{ STR_INIT("aab"), 0 },
		{ STR_INIT("b"), 0 },
		{ STR_INIT("a"), -ENOTUNIQ },
		{ STR_INIT(""), -ENOENT },
		{ STR_INIT("aaa"), -ENOENT },
		{ STR_INIT("%"), -ENOENT },
		{ STR_INIT("z"), -ENOENT },
		{ STR_INIT("aabbc"), -ENOENT },
	};
	struct box *b = *state;
	AUTO(buf_done) struct buf out = { 0 };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check(b, store_save_incident(b->store, &rows[i], &b->err));
	for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
		buf_clear(&out);
		check(b, store_each_incident(b->store, walks[i].filter, 40, add_id, &out,
			     &b->err));
		assert_string_equal(buf_cstr(&out), walks[i].want);
	}
	for (size_t i = 0; i < sizeof finds / sizeof *finds; i++) {
		buf_clear(&out);
		assert_int_equal(store_find_incident(b->store, finds[i].id, add_id, &out,
				     &b->err),
		    finds[i].want);
		assert_true(str_starts(buf_str(&out),
		    finds[i].want == 0 ? finds[i].id : STR("")));
	}
}

static int
add_row(void *ctx, const struct outbox_row *row)
{
	buf_addf(ctx, "%.*s/%d%.*s ", STR_ARG(row->id), (int)row->tries,
	    STR_ARG(row->last_error));
	return 0;
}

static void
expect_outbox(struct box *b, int64_t now_us, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };

	check(b, store_each_outbox(b->store, now_us, add_row, &out, &b->err));
	assert_string_equal(buf_cstr(&out), want);
}

static void
test_outbox(void **state)
{
	static const struct outbox_row rows[] = {
		{ .id = STR_INIT("z"),
		    .incident = STR_INIT("i"),
		    .notice = NOTICE_OPENED,
		    .created_us = T0,
		    .due_us = T0 + 10 },
		{ .id = STR_INIT("a"),
		    .incident = STR_INIT("i"),
		    .notice = NOTICE_RESOLVED,
		    .created_us = T0,
		    .due_us = T0 },
		{ .id = STR_INIT("k"),
		    .incident = STR_INIT("j"),
		    .notice = NOTICE_OPENED,
		    .created_us = T0 - 5,
		    .due_us = T0 + 99 },
	};
	struct box *b = *state;
	struct store_totals t;

	for (int round = 0; round < 2; round++) /* twice: known ids change nothing */
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
			check(b, store_outbox_add(b->store, &rows[i], &b->err));
	expect_outbox(b, INT64_MAX, "k/0 z/0 a/0 ");
	expect_outbox(b, T0 + 10, "z/0 a/0 ");
	expect_outbox(b, T0 - 1, "");

	(void)ask(b, "UPDATE outbox SET tries = 1, last_error = 'no' WHERE id = 'z'");
	expect_outbox(b, INT64_MAX, "k/0 z/1no a/0 ");
	check(b, store_outbox_withdraw(b->store, STR("i"), NOTICE_OPENED, &b->err));
	check(b, store_outbox_withdraw(b->store, STR("j"), NOTICE_OPENED, &b->err));
	expect_outbox(b, INT64_MAX, "z/1no a/0 ");
	(void)ask(b, "UPDATE outbox SET sent = due + 1, tries = 1 WHERE id = 'a'");
	check(b, store_outbox_add(b->store, &rows[1], &b->err));
	expect_outbox(b, INT64_MAX, "z/1no ");
	check(b, store_get_totals(b->store, T0, &t, &b->err));
	assert_int_equal(t.outbox_waiting, 1);
	assert_int_equal(t.outbox_sent, 1);
	check(b, store_get_totals(b->store, T0 + 2, &t, &b->err));
	assert_int_equal(t.outbox_sent, 0);
}

static int
count_row(void *ctx, const struct outbox_row *row)
{
	(void)row;
	++*(int *)ctx;
	return 0;
}

/* A row in each of the tables that forget. */
static void
add_day(struct box *b, const char *id)
{
	struct event ev = { .time_us = T0, .source = source };
	struct outbox_row notice = { .id = str_of(id), .created_us = T0 };
	struct ledger_counts counts = { .lines = 1 };

	check(b, store_begin(b->store, &b->err));
	assert_int_equal(store_expire(b->store, T0, &b->err), -EINVAL);
	event_set_text(&ev, EVF_queue_id, str_of(id));
	event_set_num(&ev, EVF_outcome, OUTCOME_BOUNCED);
	for (int kind = KIND_ACCEPTED; kind <= KIND_REJECT; kind++) {
		event_set_num(&ev, EVF_kind, kind);
		check(b, store_add_event(b->store, &ev, &b->err));
	}
	check(b, store_outbox_add(b->store, &notice, &b->err));
	check(b, store_add_ledger(b->store, source, T0, &counts, &b->err));
	check(b, store_commit(b->store, &b->err));
}

static void
test_expire(void **state)
{
	struct box *b = *state;
	struct store_totals t;
	int n = 0;

	add_day(b, "1");
	add_day(b, "2");
	add_day(b, "3");
	(void)ask(b, "UPDATE outbox SET sent = created WHERE id = '1'");
	(void)ask(b, "WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n "
		     "WHERE i < 5000) INSERT INTO attempt (time, host, mta, direction, "
		     "outcome, provider) SELECT 7, 0, 0, 0, 0, 0 FROM n");
	assert_int_equal(ask(b, "SELECT count(*) FROM attempt"), 5003);
	check(b, store_expire(b->store, T0 + 29 * DAY_US, &b->err));
	assert_int_equal(ask(b, "SELECT count(*) FROM attempt"), 4);
	assert_int_equal(ask(b, "SELECT count(*) FROM outbox"), 3);

	check(b, store_expire(b->store, T0 + 31 * DAY_US, &b->err));
	assert_int_equal(ask(b, "SELECT count(*) FROM attempt"), 1);
	assert_int_equal(ask(b, "SELECT max(id) FROM attempt"), 5003);
	assert_int_equal(ask(b, "SELECT count(*) FROM message"), 1);
	assert_int_equal(ask(b, "SELECT count(*) FROM event"), 1);
	check(b, store_each_outbox(b->store, INT64_MAX, count_row, &n, &b->err));
	assert_int_equal(n, 2);
	assert_int_equal(ask(b, "SELECT count(*) FROM outbox"), 2);
	check(b, store_get_totals(b->store, 0, &t, &b->err));
	assert_int_equal(t.outcomes[OUTCOME_BOUNCED], 3);
	assert_int_equal(t.ledger.lines, 3);

	check(b, store_expire(b->store, T0 + 731 * DAY_US, &b->err));
	check(b, store_get_totals(b->store, 0, &t, &b->err));
	assert_int_equal(t.outcomes[OUTCOME_BOUNCED], 0);
	assert_int_equal(t.ledger.lines, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_incident_whole),
		STORE_TEST(test_incident_search),
		STORE_TEST(test_outbox),
		STORE_TEST(test_expire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
