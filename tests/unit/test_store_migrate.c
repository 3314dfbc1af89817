/* Stores as earlier versions wrote them, brought up to date: everything is found again. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "store/delivery.h"
#include "store/figures.h"
#include "store/reports.h"
#include "store/stream.h"
#include "store_box.h"

/* Closes the box's store and writes tests/unit/store_v<version>.sql in its place. */
/* Not by memcmp(): there is padding in it. */
static void
assert_same_place(const struct stream_place *a, const struct stream_place *b)
{
	assert_int_equal(a->identity, b->identity);
	for (size_t i = 0; i < (size_t)STREAM_TABLES; i++)
		assert_int_equal(a->after[i], b->after[i]);
}

static void
make_version(struct box *b, int version)
{
	char sql[24576], command[400];
	FILE *f;
	sqlite3 *db;
	char *why = NULL;

	(void)snprintf(command, sizeof command, SOURCE_DIR "/tests/unit/store_v%d.sql",
	    version);
	f = fopen(command, "r");
	assert_non_null(f);
	size_t n = fread(sql, 1, sizeof sql - 1, f);

	assert_in_range(n, 1, sizeof sql - 2);
	sql[n] = '\0';
	(void)fclose(f);
	store_close(b->store);
	b->store = NULL;
	(void)snprintf(command, sizeof command, "rm -f '%s'*", b->path);
	assert_int_equal(system(command), 0);
	assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	(void)sqlite3_close(db);
}

static int
check_incident(void *ctx, const struct incident *in)
{
	(void)ctx;
	assert_true(str_eq(in->rule, STR("provider-blocklisted")));
	assert_true(str_eq(in->group, STR("{\"host\":\"mx1\",\"provider\":\"google\"}")));
	assert_true(str_eq(in->summary, STR("summary")) && str_eq(in->seen, STR("seen")));
	assert_true(str_eq(in->samples, STR("a line")));
	assert_int_equal(in->severity, SEVERITY_CRITICAL);
	assert_int_equal(in->state, INCIDENT_OPEN);
	assert_int_equal(in->count, 6);
	assert_int_equal(in->streak, 2);
	assert_int_equal(in->trouble.n, 0);
	assert_true(in->relapses == 0 && in->senders == 0 && in->recipients == 0);
	return 42;
}

static int
check_slot(void *ctx, const struct context_slot *slot)
{
	(void)ctx;
	assert_int_equal(slot->number, 7);
	assert_true(str_eq(slot->provider, STR("google")));
	return 42;
}

static int
check_row(void *ctx, const struct outbox_row *row)
{
	(void)ctx;
	assert_true(str_eq(row->id, STR("0123456789ab.opened.1")));
	assert_int_equal(row->tries, 2);
	assert_true(str_eq(row->last_error, STR("timeout")));
	return 42;
}

static int
check_gap(void *ctx, struct str from, int64_t at_us, struct str what, struct str detail)
{
	(void)ctx;
	(void)from;
	(void)detail;
	assert_int_equal(at_us, INT64_C(1800000000000000));
	assert_true(str_eq(what, STR("truncated")));
	return 42;
}

static int
list_record(void *ctx, const struct stream_record *record)
{
	struct event ev = record->ev;

	buf_addf(ctx, "%c%lld %s;", "maec"[record->table],
	    (long long)record -> place.after[record->table],
	    event_enum_name(EVT_KIND, event_num(&ev, EVF_kind)));
	return 0;
}

static void
check_everything(struct box *b, const char *stream)
{
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf rows = { 0 };
	struct stream_filter all = { .kinds = UINT32_MAX, .changes = true };
	struct stream_place place;
	struct store_totals totals;

	reopen(b);
	assert_int_equal(ask(b, "PRAGMA user_version"), STORE_SCHEMA_VERSION);
	assert_int_equal(store_find_incident(b->store, STR("0123"), check_incident, NULL,
			     &b->err),
	    42);
	assert_int_equal(store_each_slot(b->store, check_slot, NULL, &b->err), 42);
	assert_int_equal(store_each_outbox(b->store, INT64_MAX, check_row, NULL, &b->err),
	    42);
	assert_int_equal(store_each_gap(b->store, 0, check_gap, NULL, &b->err), 42);
	check(b, store_cursor_get(b->store, STR("file:/var/log/mail.log"), &text, &b->err));
	assert_string_equal(buf_cstr(&text), "inode=1 offset=99");
	buf_clear(&text);
	check(b, store_meta_get(b->store, STR("k"), &text, &b->err));
	assert_string_equal(buf_cstr(&text), "v");
	check(b,
	    store_get_totals(b->store, INT64_C(1800000000) * US_PER_S, &totals, &b->err));
	assert_int_equal(totals.outcomes[OUTCOME_DELIVERED], 17);
	assert_int_equal(totals.ledger.lines, 10);
	check(b, stream_first(b->store, &place, &b->err));
	assert_int_not_equal(place.identity, 0);
	check(b, stream_read(b->store, &place, &all, list_record, &rows, &b->err));
	assert_string_equal(buf_cstr(&rows), stream);
}

static void
test_from_version_1(void **state)
{
	struct box *b = *state;

	make_version(b, 1);
	check_everything(b, "m5 accepted;a9 attempt;e3 reject;");
}

static int
check_change(void *ctx, const struct change_row *row)
{
	(void)ctx;
	assert_int_equal(row->notice, NOTICE_OPENED);
	return 42;
}

static int
check_silence(void *ctx, const struct silence_row *row)
{
	(void)ctx;
	assert_true(str_eq(row->match, STR("rule=provider-blocklisted")));
	return 42;
}

static int
check_delivery(void *ctx, const struct delivery_row *row)
{
	int *n = ctx;

	(*n)++;
	assert_true(str_eq(row->channel, STR("relay")) && row->rank == 0);
	assert_true(str_eq(row->message, STR("0123456789ab.escalated.2")));
	assert_int_equal(row->sent_us, INT64_C(1800000009000000));
	assert_false(row->wanted);
	return 0;
}

static int
count_notice(void *ctx, int64_t seq, const struct outbox_row *row)
{
	int *n = ctx;

	(*n)++;
	assert_int_equal(seq, 1);
	assert_int_equal(row->tries, 2);
	return 0;
}

static void
test_from_version_2(void **state)
{
	struct box *b = *state;
	int sent = 0, unplanned = 0;

	make_version(b, 2);
	check_everything(b, "m5 accepted;c1 ;a9 attempt;e3 reject;");
	assert_int_equal(store_each_change(b->store, STR("0123456789ab"), check_change,
			     NULL, &b->err),
	    42);
	assert_int_equal(store_each_silence(b->store, INT64_C(1800000006000000),
			     check_silence, NULL, &b->err),
	    42);
	assert_int_equal(ask(b, "SELECT peak FROM series_count WHERE series = 4"), 2);
	/* What was sent went by the relay; what waits is to be planned. */
	check(b, delivery_each_of_notice(b->store, STR("0123456789ab.escalated.2"),
		     check_delivery, &sent, &b->err));
	assert_int_equal(sent, 1);
	check(b, delivery_each_unplanned(b->store, INT64_MAX, count_notice, &unplanned,
		     &b->err));
	assert_int_equal(unplanned, 1);
}

static void
test_from_version_3(void **state)
{
	struct box *b = *state;
	struct event ev = { .time_us = INT64_C(1800000000000000), .offset = -1 };
	int sent = 0;

	make_version(b, 3);
	check_everything(b, "m5 accepted;c1 ;a9 attempt;e3 reject;");
	check(b, delivery_each_of_notice(b->store, STR("0123456789ab.escalated.2"),
		     check_delivery, &sent, &b->err));
	assert_int_equal(sent, 1);
	assert_int_equal(ask(b, "SELECT last_sent FROM channel"), 1800000009000000);
	/* And reports find their place. */
	event_set_num(&ev, EVF_kind, KIND_COMPLAINT);
	event_set_text(&ev, EVF_report_id, STR("77aa-1"));
	assert_int_equal(store_has_report(b->store, STR("77aa-1"), &b->err), 0);
	check(b, store_begin(b->store, &b->err));
	check(b, store_add_event(b->store, &ev, &b->err));
	check(b, store_commit(b->store, &b->err));
	assert_int_equal(store_has_report(b->store, STR("77aa-1"), &b->err), 1);
	assert_int_equal(ask(b, "SELECT count FROM report_count"), 1);
}

/* What the rollups tell is counted from the beginning, by hour and by day. */
static void
test_from_version_4(void **state)
{
	struct box *b = *state;
	int64_t from_us = INT64_C(1800000000) * US_PER_S;
	struct store_totals totals;
	struct figures f;

	make_version(b, 4);
	check_everything(b, "m5 accepted;c1 ;a9 attempt;e3 reject;");
	assert_int_equal(store_has_report(b->store, STR("77aa-1"), &b->err), 1);
	assert_int_equal(ask(b, "SELECT count(*) FROM tally WHERE grain = 0"), 10);
	assert_int_equal(ask(b, "SELECT value FROM meta WHERE key = 'tally_days'"),
	    1800057600 + 86400);
	assert_int_equal(ask(b, "SELECT sum(count) FROM tally WHERE grain = 0"),
	    ask(b, "SELECT sum(count) FROM tally WHERE grain = 1"));
	check(b, store_get_figures(b->store, from_us, from_us + 2 * DAY_US, &f, &b->err));
	check(b, store_get_totals(b->store, from_us, &totals, &b->err));
	for (int i = 0; i < OUTCOME_COUNT; i++)
		assert_int_equal(f.out.outcomes[i] + f.local[i] +
				     (i == OUTCOME_REJECTED ? f.rejects : 0),
		    totals.outcomes[i]);
	assert_int_equal(f.out.outcomes[OUTCOME_DELIVERED], 17);
	assert_int_equal(f.out.outcomes[OUTCOME_DEFERRED], 6);
	assert_int_equal(f.out.outcomes[OUTCOME_EXPIRED], 2);
	assert_int_equal(f.local[OUTCOME_BOUNCED], 7);
	assert_int_equal(f.internal, totals.internal);
	assert_int_equal(f.stored, totals.stored);
	assert_int_equal(f.rejects, 3);
	assert_int_equal(f.dovecot_limits, 2);
	assert_int_equal(f.nreasons, 2);
	assert_true(str_eq(f.reasons[0].provider, STR("google")) &&
		    str_eq(f.reasons[0].category, STR("rate-limited")) &&
		    f.reasons[0].code_id.n == 0 && f.reasons[0].count == 6);
	assert_int_equal(f.accepted + f.out.delay.n + f.out.tls.plain + f.logins, 0);
	figures_done(&f);
}

/* And once more: a second opening changes nothing. */
static void
test_twice(void **state)
{
	struct box *b = *state;
	struct stream_place once, twice;

	make_version(b, 1);
	reopen(b);
	check(b, stream_last(b->store, &once, &b->err));
	reopen(b);
	check(b, stream_last(b->store, &twice, &b->err));
	assert_same_place(&once, &twice);
}

/* Who only looks, or writes beside the one who watches, does not bring it up to date. */
static void
test_others_leave_it(void **state)
{
	struct box *b = *state;

	make_version(b, 2);
	for (enum store_mode mode = STORE_READ; mode <= STORE_JOIN; mode++) {
		if (mode == STORE_WRITE)
			continue;
		assert_int_equal(store_open(b->path, mode, &b->store, &b->err), -EPROTO);
		assert_non_null(strstr(b->err.text, "older mailwarden"));
	}
	assert_int_equal(ask(b, "PRAGMA user_version"), 2);
}

static void
test_join(void **state)
{
	struct box *b = *state;
	struct store *other = NULL;
	char absent[400];
	struct stat st;

	check(b, store_meta_set(b->store, STR("a"), STR("1"), &b->err));
	check(b, store_open(b->path, STORE_JOIN, &other, &b->err));
	check(b, store_meta_set(other, STR("b"), STR("2"), &b->err));
	check(b, store_meta_set(b->store, STR("c"), STR("3"), &b->err));
	store_close(other);
	assert_int_equal(ask(b, "SELECT count(*) FROM meta WHERE key IN ('a', 'b', 'c')"),
	    3);
	(void)snprintf(absent, sizeof absent, "%s/other/s.db", b->folder);
	assert_int_equal(store_open(absent, STORE_JOIN, &other, &b->err), -ENOENT);
	(void)snprintf(absent, sizeof absent, "%s/other", b->folder);
	assert_int_equal(stat(absent, &st), -1);
}

/* The watcher and the notifier are two users of one group. */
static void
test_shared_folder(void **state)
{
	static const char *const endings[] = { "", "-wal", "-shm", ".lock" };
	struct box *b = *state;

	for (int shared = 0; shared < 2; shared++) {
		char name[330];
		struct stat st;
		int fd;

		/* The second time over: what was made before is shared, too. */
		(void)snprintf(name, sizeof name, "%s/new", b->folder);
		assert_int_equal(chmod(name, shared ? 02770 : 0700), 0);
		reopen(b);
		check(b, store_meta_set(b->store, STR("a"), STR("1"), &b->err));
		for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
			(void)snprintf(name, sizeof name, "%s%s", b->path, endings[i]);
			if (i == 3) {
				check(b, store_make_file(name, &fd, &b->err));
				(void)close(fd);
			}
			assert_int_equal(stat(name, &st), 0);
			assert_int_equal(st.st_mode & 07777, shared ? 0660 : 0600);
		}
	}
}

/* A notice takes its deliveries with it. */
static void
test_deliveries_go(void **state)
{
	struct box *b = *state;
	struct outbox_row row = { .id = STR("1"), .incident = STR("i"), .created_us = T0 };

	check(b, store_outbox_add(b->store, &row, &b->err));
	check(b, delivery_add(b->store, 1, STR("relay"), 0, T0, &b->err));
	(void)ask(b, "UPDATE outbox SET sent = created");
	check(b, store_expire(b->store, T0 + 29 * DAY_US, &b->err));
	assert_int_equal(ask(b, "SELECT count(*) FROM delivery"), 1);
	check(b, store_expire(b->store, T0 + 31 * DAY_US, &b->err));
	assert_int_equal(ask(b, "SELECT count(*) FROM delivery"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_from_version_1),
		STORE_TEST(test_from_version_2),
		STORE_TEST(test_from_version_3),
		STORE_TEST(test_from_version_4),
		STORE_TEST(test_twice),
		STORE_TEST(test_others_leave_it),
		STORE_TEST(test_join),
		STORE_TEST(test_shared_folder),
		STORE_TEST(test_deliveries_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
