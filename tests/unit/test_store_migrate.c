/* A store as version 1 wrote it, brought up to date: everything is found again. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "store/stream.h"
#include "store_box.h"

/* Closes the box's store and writes tests/unit/store_v1.sql in its place. */
static void
make_version_1(struct box *b)
{
	char sql[16384], command[400];
	FILE *f = fopen(SOURCE_DIR "/tests/unit/store_v1.sql", "r");
	sqlite3 *db;
	char *why = NULL;

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
	assert_int_equal(in->ack_at_us, 0);
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
test_everything_is_there(void **state)
{
	struct box *b = *state;
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf rows = { 0 };
	struct stream_filter all = { .kinds = UINT32_MAX, .changes = true };
	struct stream_place place;
	struct store_totals totals;

	make_version_1(b);
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
	assert_string_equal(buf_cstr(&rows), "m5 accepted;a9 attempt;e3 reject;");
}

/* And once more: a second opening changes nothing. */
static void
test_twice(void **state)
{
	struct box *b = *state;
	struct stream_place once, twice;

	make_version_1(b);
	reopen(b);
	check(b, stream_last(b->store, &once, &b->err));
	reopen(b);
	check(b, stream_last(b->store, &twice, &b->err));
	assert_memory_equal(&once, &twice, sizeof once);
}

/* Who only looks, or writes beside the one who watches, does not bring it up to date. */
static void
test_others_leave_it(void **state)
{
	struct box *b = *state;

	make_version_1(b);
	for (enum store_mode mode = STORE_READ; mode <= STORE_JOIN; mode++) {
		if (mode == STORE_WRITE)
			continue;
		assert_int_equal(store_open(b->path, mode, &b->store, &b->err), -EPROTO);
		assert_non_null(strstr(b->err.text, "older mailwarden"));
	}
	assert_int_equal(ask(b, "PRAGMA user_version"), 1);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_everything_is_there),
		STORE_TEST(test_twice),
		STORE_TEST(test_others_leave_it),
		STORE_TEST(test_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
