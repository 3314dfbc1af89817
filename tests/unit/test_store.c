/* The store: events, counts and cursors go in and come out. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "store/message.h"
#include "store/rollup.h"
#include "store_box.h"

/* An event from "field=value" words; a value of its type, as logged. */
static struct event
event_of(int64_t at_us, const char *words)
{
	struct event ev = { .time_us = at_us, .source = source, .offset = 7 };
	struct str rest = str_of(words);

	event_set_text(&ev, EVF_host, STR("mx1"));
	event_set_text(&ev, EVF_mta, STR("postfix"));
	while (rest.n > 0) {
		struct str value = str_cut(&rest, ' ');
		struct str name = str_cut(&value, '=');
		enum event_field f = event_field_find(name);

		if (f == EVF_COUNT || !event_set(&ev, f, value))
			fail_msg("no field: %.*s", STR_ARG(name));
	}
	return ev;
}

static void
add(struct box *b, int64_t at_us, const char *words)
{
	struct event ev = event_of(at_us, words);

	check(b, store_add_event(b->store, &ev, &b->err));
}

static void
begin(struct box *b)
{
	check(b, store_begin(b->store, &b->err));
}

static void
commit(struct box *b)
{
	check(b, store_commit(b->store, &b->err));
}

static void
test_open(void **state)
{
	struct box *b = *state;
	struct stat st;
	char path[400];
	struct store *reader = NULL;

	assert_int_equal(stat(b->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	(void)snprintf(path, sizeof path, "%s/new", b->folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(store_open(path, STORE_WRITE, &reader, &b->err), -EISDIR);
	assert_non_null(strstr(b->err.text, "folder"));
	(void)snprintf(path, sizeof path, "%s/none.db", b->folder);
	assert_int_equal(store_open(path, STORE_READ, &reader, &b->err), -ENOENT);
	assert_non_null(strstr(b->err.text, path));
	assert_int_equal(access(path, F_OK), -1);
	assert_null(reader);

	check(b, store_open(b->path, STORE_READ, &reader, &b->err));
	assert_int_equal(store_begin(reader, &b->err), -EROFS);
	assert_int_equal(store_meta_set(reader, STR("a"), STR("b"), &b->err), -EROFS);
	store_close(reader);
	store_close(NULL);
}

static void
test_cursor_and_meta(void **state)
{
	struct box *b = *state;
	AUTO(buf_done) struct buf out = { 0 };

	assert_int_equal(store_cursor_get(b->store, source, &out, &b->err), -ENOENT);
	assert_non_null(strstr(b->err.text, "/var/log/mail.log"));
	check(b, store_meta_get(b->store, STR("k"), &out, &b->err));
	assert_int_equal(out.n, 0);

	begin(b);
	check(b, store_cursor_set(b->store, source, STR("v1 100"), T0, &b->err));
	check(b, store_cursor_set(b->store, source, STR("v1 200"), T0 + 1, &b->err));
	check(b, store_meta_set(b->store, STR("k"), STR("v"), &b->err));
	commit(b);
	begin(b);
	check(b, store_cursor_set(b->store, source, STR("v1 300"), T0 + 2, &b->err));
	store_rollback(b->store);
	reopen(b);
	check(b, store_cursor_get(b->store, source, &out, &b->err));
	check(b, store_meta_get(b->store, STR("k"), &out, &b->err));
	assert_string_equal(buf_cstr(&out), "v1 200v");
}

static void
test_attempt_row(void **state)
{
	struct box *b = *state;

	begin(b);
	add(b, T0,
	    "kind=attempt queue_id=4A direction=outbound outcome=delivered "
	    "recipient=ann@example.org provider=google reply=250-ok smtp_code=250");
	add(b, T0 + 1,
	    "kind=attempt queue_id=4A direction=outbound outcome=bounced "
	    "recipient=bob@example.org provider=google reply=550-no "
	    "category=mailbox-unknown code_id=google-550 smtp_code=550 status=5.1.1");
	commit(b);
	assert_int_equal(ask(b, "SELECT count(*) FROM attempt"), 2);
	assert_int_equal(ask(b, "SELECT count(*) FROM attempt WHERE reply IS NULL AND "
				"category IS NULL AND smtp_code = 250"),
	    1);
	assert_int_equal(ask(b,
			     "SELECT count(*) FROM attempt JOIN word ON word.id = category "
			     "WHERE text = 'mailbox-unknown' AND reply = '550-no'"),
	    1);
	assert_int_equal(ask(b, "SELECT count(*) FROM word"), 5);
}

static void
test_hostile_text(void **state)
{
	struct box *b = *state;
	static char big[70000];
	struct event ev = event_of(T0, "kind=attempt outcome=deferred direction=outbound");

	memset(big, '\'', sizeof big);
	big[3] = '\0';
	big[4] = '\xff';
	for (int f = 0; f < EVF_COUNT; f++)
		if (event_field_is_text((enum event_field)f))
			event_set_text(&ev, (enum event_field)f,
			    (struct str){ big, sizeof big });
	begin(b);
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		event_set_num(&ev, EVF_kind, kind);
		event_set_num(&ev, EVF_repeated, INT64_MAX);
		ev.time_us = kind % 2 == 0 ? INT64_MIN : INT64_MAX;
		check(b, store_add_event(b->store, &ev, &b->err));
	}
	commit(b);
	assert_int_equal(ask(b, "SELECT max(length(CAST(reply AS BLOB))) FROM attempt"),
	    1000);
	assert_true(ask(b, "SELECT max(length(CAST(body AS BLOB))) FROM event") < 300000);
	assert_int_equal(ask(b, "SELECT max(length(CAST(text AS BLOB))) FROM word"), 255);
	assert_int_equal(ask(b, "SELECT max(count) FROM rollup"), 1000000);
}

static void
test_notable(void **state)
{
	struct box *b = *state;

	begin(b);
	add(b, T0,
	    "kind=reject direction=inbound outcome=rejected recipient=ann@example.org");
	add(b, T0, "kind=dsn");
	add(b, T0, "kind=limit");
	add(b, T0, "kind=filter");
	add(b, T0, "kind=warning text=odd");
	add(b, T0, "kind=auth outcome=rejected sasl_user=bob");
	add(b, T0, "kind=auth sasl_user=bob");
	add(b, T0, "kind=connection");
	add(b, T0, "kind=tls");
	add(b, T0, "kind=removed queue_id=4A");
	commit(b);
	assert_int_equal(ask(b, "SELECT count(*) FROM event"), 6);
	assert_int_equal(ask(b, "SELECT count(*) FROM event WHERE "
				"json_extract(body, '$.recipient') = 'ann@example.org'"),
	    1);
	assert_int_equal(ask(b, "SELECT sum(count) FROM rollup"), 10);
}

/* Postfix: three lines, then the last again at each retry. */
static void
three_parts(struct box *b, const char *queue_id, int64_t at_us, bool split)
{
	static const char *const parts[] = {
		"relay_name=pc1 relay_ip=192.0.2.1 sasl_user=ann",
		"message_id=1@example.org", "sender=ann@example.org size=100 recipients=2"
	};
	char words[200];

	for (int i = 0; i < 3; i++) {
		(void)snprintf(words, sizeof words, "kind=accepted queue_id=%s %s",
		    queue_id, parts[i]);
		add(b, at_us + i, words);
		if (split) {
			commit(b);
			begin(b);
		}
	}
}

#define WHOLE                                                                             \
	"SELECT count(*) FROM message WHERE sender = 'ann@example.org' AND "              \
	"message_id = '1@example.org' AND sasl_user = 'ann' AND client_name = 'pc1' AND " \
	"client_ip = '192.0.2.1' AND size = 100 AND recipients = 2"

static void
test_message_parts(void **state)
{
	struct box *b = *state;

	begin(b);
	three_parts(b, "4A", T0, false);
	three_parts(b, "4B", T0, true);
	add(b, T0, "kind=accepted relay_name=pc1"); /* no queue id: counted only */
	commit(b);
	assert_int_equal(ask(b, "SELECT count(*) FROM message"), 2);
	assert_int_equal(ask(b, WHOLE), 2);

	/* Again, as at a retry, before and after a restart; what was told first stays. */
	for (int i = 1; i <= 2; i++) {
		begin(b);
		add(b, T0 + i * HOUR_US, "kind=accepted queue_id=4A sender= size=9");
		commit(b);
		reopen(b);
	}
	assert_int_equal(ask(b, "SELECT count(*) FROM message"), 2);
	assert_int_equal(ask(b, WHOLE), 2);

	/* The id is given again: after a removal, or when nobody can still hold it. */
	begin(b);
	add(b, T0 + HOUR_US, "kind=removed queue_id=4A");
	three_parts(b, "4A", T0 + HOUR_US, false);
	three_parts(b, "4A", T0 + 8 * DAY_US, true);
	commit(b);
	assert_int_equal(ask(b, "SELECT count(*) FROM message"), 4);
	assert_int_equal(ask(b, WHOLE), 4);
}

static void
test_message_many(void **state)
{
	struct box *b = *state;
	enum { MANY = 3 * MESSAGE_PARTS };
	char words[2000], filler[990];

	begin(b);
	for (int part = 0; part < 2; part++)
		for (int i = 0; i < MANY; i++) {
			(void)snprintf(words, sizeof words, "kind=accepted queue_id=M%d %s",
			    i,
			    part == 0 ? "relay_name=pc1" : "sender=ann@example.org size=1");
			add(b, T0, words);
		}
	commit(b);
	assert_int_equal(ask(b,
			     "SELECT count(*) FROM message WHERE client_name = 'pc1' AND "
			     "sender = 'ann@example.org'"),
	    MANY);

	/* More text than a part holds. */
	memset(filler, 'x', sizeof filler - 1);
	filler[sizeof filler - 1] = '\0';
	begin(b);
	(void)snprintf(words, sizeof words, "kind=accepted queue_id=L relay_name=%s",
	    filler);
	add(b, T0, words);
	(void)snprintf(words, sizeof words, "kind=accepted queue_id=L message_id=%s",
	    filler);
	add(b, T0, words);
	commit(b);
	assert_int_equal(ask(b, "SELECT count(*) FROM message WHERE queue_id = 'L' AND "
				"length(client_name) = 989 AND length(message_id) = 989"),
	    1);
}

static void
test_queue_key_stays(void **state)
{
	(void)state;
	/* Stands in files: FNV-1a's own test vector for "foobar". */
	assert_int_equal(message_queue_key(STR("foobar"), T0) & UINT32_MAX, 0xbf9cf968);
	assert_int_equal(message_queue_key(STR("foobar"), T0) >> 32, T0 / HOUR_US);
	assert_int_equal(message_queue_key(STR("foobar"), INT64_MAX) >> 32, INT32_MAX);
	assert_int_equal(message_queue_key(STR("foobar"), INT64_MIN) >> 32, 0);
}

static int
collect(void *ctx, const struct event *ev)
{
	struct buf *out = ctx;

	buf_addf(out, "%s:%.*s:%s:%.*s ",
	    event_enum_name(EVT_KIND, event_num(ev, EVF_kind)),
	    STR_ARG(ev->v[EVF_queue_id].text),
	    event_enum_name(EVT_OUTCOME, event_num(ev, EVF_outcome)),
	    event_has(ev, EVF_provider) ? (int)ev->v[EVF_provider].text.n : 1,
	    event_has(ev, EVF_provider) ? ev->v[EVF_provider].text.p : "-");
	assert_true(str_eq(event_text(ev, EVF_host), STR("mx1")));
	return 0;
}

static int
collect_slot(void *ctx, const struct context_slot *slot)
{
	buf_addf(ctx, "%lld:%llx:%lld:%.*s ", (long long)slot->number,
	    (unsigned long long)slot->key, (long long)slot->at, STR_ARG(slot->provider));
	return 0;
}

static void
test_slots(void **state)
{
	struct box *b = *state;
	AUTO(buf_done) struct buf out = { 0 };
	const struct context_slot slots[] = { { 7, UINT64_MAX, 3, STR_INIT("google") },
		{ 2, 1, 4, STR_INIT("") }, { 7, UINT64_MAX - 1, 5, STR_INIT("yahoo") } };

	begin(b);
	for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
		check(b, store_save_slot(b->store, &slots[i], &b->err));
	commit(b);
	check(b, store_each_slot(b->store, collect_slot, &out, &b->err));
	assert_string_equal(buf_cstr(&out), "2:1:4: 7:fffffffffffffffe:5:yahoo ");
}

static void
test_read_back(void **state)
{
	struct box *b = *state;
	AUTO(buf_done) struct buf out = { 0 };

	begin(b);
	three_parts(b, "4A", T0, false);
	add(b, T0 + 5,
	    "kind=attempt queue_id=4A direction=outbound outcome=deferred "
	    "provider=google");
	add(b, T0 + 6, "kind=attempt queue_id=4L direction=local outcome=delivered");
	add(b, T0 + 7, "kind=attempt queue_id=4B direction=outbound outcome=delivered");
	add(b, T0 + 3 * HOUR_US,
	    "kind=attempt queue_id=4A direction=outbound "
	    "outcome=delivered provider=google");
	commit(b);
	assert_int_equal(out.n, 0);
	check(b, store_each_of_queue_id(b->store, STR("4A"), T0, T0 + DAY_US, collect, &out,
		     &b->err));
	assert_string_equal(buf_cstr(&out), "accepted:4A::- attempt:4A:deferred:google "
					    "attempt:4A:delivered:google ");
	buf_clear(&out);
	check(b, store_each_of_queue_id(b->store, STR("4A"), T0 + HOUR_US, T0 + DAY_US,
		     collect, &out, &b->err));
	assert_string_equal(buf_cstr(&out), "attempt:4A:delivered:google ");
}

static int
add_provider(void *ctx, struct str provider, const int64_t outcomes[OUTCOME_COUNT])
{
	buf_addf(ctx, "%.*s %d %d %d %d %d\n", STR_ARG(provider), (int)outcomes[1],
	    (int)outcomes[2], (int)outcomes[3], (int)outcomes[4], (int)outcomes[5]);
	return 0;
}

static int
add_source(void *ctx, struct str name, int64_t cursor_at_us, const struct ledger_counts *c)
{
	buf_addf(ctx, "%.*s %d %d %d\n", STR_ARG(name), (int)(cursor_at_us - T0),
	    (int)c->lines, (int)c->unparsed);
	return 0;
}

static void
count_some(struct box *b)
{
	begin(b);
	add(b, T0 - 1, "kind=attempt direction=outbound outcome=bounced provider=google");
	for (int i = 0; i < 3; i++)
		add(b, T0 + i,
		    "kind=attempt direction=outbound outcome=delivered "
		    "provider=google");
	add(b, T0,
	    "kind=attempt direction=outbound outcome=bounced provider=google "
	    "category=mailbox-unknown");
	add(b, T0, "kind=attempt direction=outbound outcome=deferred repeated=2");
	add(b, T0, "kind=attempt direction=local outcome=delivered");
	add(b, T0, "kind=attempt direction=internal outcome=delivered");
	add(b, T0, "kind=reject direction=inbound outcome=deferred");
	add(b, T0, "kind=removed outcome=expired provider=google");
	add(b, T0, "kind=stored direction=local outcome=delivered");
	add(b, T0, "kind=auth outcome=rejected");
	commit(b);
}

static void
test_totals(void **state)
{
	struct box *b = *state;
	struct store_totals t;
	AUTO(buf_done) struct buf out = { 0 };

	count_some(b);
	check(b, store_get_totals(b->store, T0 + HOUR_US - 1, &t, &b->err));
	assert_int_equal(t.hour_us, T0);
	assert_int_equal(t.outcomes[OUTCOME_UNKNOWN], 0);
	assert_int_equal(t.outcomes[OUTCOME_DELIVERED], 4);
	assert_int_equal(t.outcomes[OUTCOME_DEFERRED], 2);
	assert_int_equal(t.outcomes[OUTCOME_BOUNCED], 1);
	assert_int_equal(t.outcomes[OUTCOME_EXPIRED], 1);
	assert_int_equal(t.outcomes[OUTCOME_REJECTED], 1);
	assert_int_equal(t.internal, 1);
	assert_int_equal(t.stored, 1);
	check(b, store_get_totals(b->store, T0 - 1, &t, &b->err));
	assert_int_equal(t.outcomes[OUTCOME_BOUNCED], 2);
	check(b, store_get_totals(b->store, T0 + HOUR_US, &t, &b->err));
	assert_int_equal(t.outcomes[OUTCOME_DELIVERED], 0);

	check(b, store_each_provider(b->store, T0, add_provider, &out, &b->err));
	assert_string_equal(buf_cstr(&out), "google 3 0 1 1 0\nother 0 2 0 0 1\n"
					    "local 1 0 0 0 0\n");
}

static void
test_rollups_flush(void **state)
{
	struct box *b = *state;
	enum { HOURS = 3 * ROLLUP_KEYS };
	struct store_totals t;

	/* More keys than the table holds, and the same again in the next batch. */
	for (int round = 0; round < 2; round++) {
		begin(b);
		for (int i = 0; i < HOURS; i++)
			add(b, T0 + (i % (HOURS - 5)) * HOUR_US,
			    "kind=stored direction=local outcome=delivered");
		commit(b);
	}
	assert_int_equal(ask(b, "SELECT count(*) FROM rollup"), HOURS - 5);
	check(b, store_get_totals(b->store, 0, &t, &b->err));
	assert_int_equal(t.stored, 2 * HOURS);
}

static int
count_gap(void *ctx, struct str from, int64_t at_us, struct str what, struct str detail)
{
	(void)at_us;
	assert_true(str_eq(from, source));
	assert_true(str_eq(what, STR("rotated away")));
	assert_true(str_eq(detail, STR("")));
	return ++*(int *)ctx;
}

static void
test_ledger(void **state)
{
	struct box *b = *state;
	struct ledger_counts counts = {
		.lines = 10, .events = 6, .unparsed = 1, .bytes = 99
	};
	struct store_totals t;
	AUTO(buf_done) struct buf out = { 0 };
	int gaps = 0;

	begin(b);
	check(b, store_add_ledger(b->store, source, T0 + 5, &counts, &b->err));
	check(b, store_add_ledger(b->store, source, T0 + 9, &counts, &b->err));
	check(b, store_add_ledger(b->store, source, T0 - 1, &counts, &b->err));
	check(b, store_add_ledger(b->store, STR("journal"), T0, &counts, &b->err));
	check(b, store_cursor_set(b->store, source, STR("c"), T0 + 3, &b->err));
	check(b, store_cursor_set(b->store, STR("z"), STR("c"), T0 + 4, &b->err));
	check(b, store_add_gap(b->store, source, T0, STR("rotated away"),
		     (struct str){ NULL, 0 }, &b->err));
	commit(b);
	check(b, store_get_totals(b->store, T0, &t, &b->err));
	assert_int_equal(t.ledger.lines, 30);
	assert_int_equal(t.ledger.bytes, 297);
	check(b, store_each_source(b->store, T0, add_source, &out, &b->err));
	(void)snprintf(b->err.text, sizeof b->err.text,
	    "/var/log/mail.log 3 20 2\njournal %d 10 1\nz 4 0 0\n", (int)-T0);
	assert_string_equal(buf_cstr(&out), b->err.text);
	assert_int_equal(store_each_gap(b->store, T0, count_gap, &gaps, &b->err), 1);
	assert_int_equal(store_each_gap(b->store, T0 + 1, count_gap, &gaps, &b->err), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_open),
		STORE_TEST(test_cursor_and_meta),
		STORE_TEST(test_attempt_row),
		STORE_TEST(test_hostile_text),
		STORE_TEST(test_notable),
		STORE_TEST(test_message_parts),
		STORE_TEST(test_message_many),
		cmocka_unit_test(test_queue_key_stays),
		STORE_TEST(test_read_back),
		STORE_TEST(test_slots),
		STORE_TEST(test_totals),
		STORE_TEST(test_rollups_flush),
		STORE_TEST(test_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
