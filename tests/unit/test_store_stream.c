/* store/stream: nothing missed, nothing twice, from wherever one goes on. */
#include <errno.h>
#include <string.h>

#include "store/stream.h"
#include "store_box.h"

/* Not by memcmp(): there is padding in it. */
static void
assert_same_place(const struct stream_place *a, const struct stream_place *b)
{
	assert_int_equal(a->identity, b->identity);
	for (size_t i = 0; i < (size_t)STREAM_TABLES; i++)
		assert_int_equal(a->after[i], b->after[i]);
}

static const struct stream_filter all = { .kinds = UINT32_MAX, .changes = true };

static void
add_event(struct box *b, enum event_kind kind, int64_t time_us, const char *queue_id)
{
	struct event ev = { .time_us = time_us, .offset = -1 };

	event_set_num(&ev, EVF_kind, kind);
	event_set_text(&ev, EVF_host, STR("mx1"));
	if (queue_id[0] != '\0')
		event_set_text(&ev, EVF_queue_id, str_of(queue_id));
	event_set_text(&ev, EVF_sender, STR(""));
	event_set_text(&ev, EVF_recipient, STR("ann@example.org"));
	event_set_num(&ev, EVF_outcome, OUTCOME_DEFERRED);
	event_set_text(&ev, EVF_reply, STR("4.2.1 \"later\"\xff"));
	check(b, store_add_event(b->store, &ev, &b->err));
}

static void
add_change(struct box *b, const char *id, int64_t at_us)
{
	struct incident in = {
		.id = str_of(id), .severity = SEVERITY_WARNING, .summary = STR("slow")
	};

	check(b, store_add_change(b->store, &in, NOTICE_OPENED, at_us, &b->err));
}

/* Two batches of everything; times do not follow the order of arrival. */
static void
fill(struct box *b)
{
	check(b, store_begin(b->store, &b->err));
	add_event(b, KIND_ACCEPTED, T0 + 10, "q1");
	add_event(b, KIND_ATTEMPT, T0 + 20, "q1");
	add_event(b, KIND_ATTEMPT, T0 + 5, "");
	add_event(b, KIND_REJECT, T0 + 15, "");
	add_change(b, "aaaa", T0 + 20);
	check(b, store_commit(b->store, &b->err));
	check(b, store_begin(b->store, &b->err));
	add_event(b, KIND_STORED, T0 + 30, "");
	add_event(b, KIND_ATTEMPT, T0 + 40, "q2");
	add_event(b, KIND_ACCEPTED, T0 + 35, "q2");
	add_event(b, KIND_AUTH, T0 + 36, "");
	add_change(b, "bbbb", T0 + 1);
	check(b, store_commit(b->store, &b->err));
}

struct taken {
	struct buf out; /* letter and row */
	struct stream_place places[32];
	size_t n, stop_after;
};

static int
take(void *ctx, const struct stream_record *record)
{
	struct taken *t = ctx;

	buf_addf(&t->out, "%c%lld ", "maec"[record->table],
	    (long long)record -> place.after[record->table]);
	t->places[t->n++] = record->place;
	return t->n == t->stop_after;
}

static struct stream_place
first(struct box *b)
{
	struct stream_place place;

	check(b, stream_first(b->store, &place, &b->err));
	return place;
}

static const char whole[] = "m1 e1 a1 a2 c1 c2 e2 m2 e3 a3 ";

static void
test_order(void **state)
{
	struct box *b = *state;
	struct taken t = { .n = 0 };
	struct stream_place place = first(b), last;

	fill(b);
	check(b, stream_read(b->store, &place, &all, take, &t, &b->err));
	assert_string_equal(buf_cstr(&t.out), whole);
	check(b, stream_last(b->store, &last, &b->err));
	assert_same_place(&place, &last);
	buf_done(&t.out);
}

/* From the id of each record, by way of its text. */
static void
test_resume(void **state)
{
	struct box *b = *state;

	fill(b);
	for (size_t stop = 1; stop < 10; stop++) {
		struct taken t = { .stop_after = stop };
		AUTO(buf_done) struct buf text = { 0 };
		struct stream_place place = first(b), again;

		assert_int_equal(stream_read(b->store, &place, &all, take, &t, &b->err), 1);
		stream_place_text(&t.places[t.n - 1], &text);
		assert_true(stream_place_read(buf_str(&text), &again));
		assert_same_place(&again, &place);
		check(b, stream_check(b->store, &again, &b->err));
		t.stop_after = 0;
		check(b, stream_read(b->store, &again, &all, take, &t, &b->err));
		assert_string_equal(buf_cstr(&t.out), whole);
		buf_done(&t.out);
	}
}

/* Rows that come while one reads, whatever their time, follow. */
static void
test_follow(void **state)
{
	struct box *b = *state;
	struct taken t = { .n = 0 };
	struct stream_place place = first(b);

	fill(b);
	check(b, stream_read(b->store, &place, &all, take, &t, &b->err));
	check(b, stream_read(b->store, &place, &all, take, &t, &b->err));
	assert_string_equal(buf_cstr(&t.out), whole);
	buf_clear(&t.out);
	t.n = 0;
	check(b, store_begin(b->store, &b->err));
	add_event(b, KIND_ATTEMPT, T0 - DAY_US, "q0");
	check(b, store_commit(b->store, &b->err));
	check(b, stream_read(b->store, &place, &all, take, &t, &b->err));
	assert_string_equal(buf_cstr(&t.out), "a4 ");
	buf_done(&t.out);
}

static void
test_filter(void **state)
{
	static const struct {
		struct stream_filter filter;
		const char *want;
	} cases[] = {
		{ { .kinds = 1U << KIND_ATTEMPT }, "a1 a2 a3 " },
		{ { .kinds = 1U << KIND_ACCEPTED }, "m1 m2 " },
		{ { .kinds = 1U << KIND_STORED | 1U << KIND_AUTH }, "e2 e3 " },
		{ { .kinds = 0, .changes = true }, "c1 c2 " },
		{ { .kinds = 1U << KIND_TLS }, "" },
	};
	struct box *b = *state;

	fill(b);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct taken t = { .n = 0 };
		struct stream_place place = first(b), last;

		check(b,
		    stream_read(b->store, &place, &cases[i].filter, take, &t, &b->err));
		assert_string_equal(buf_cstr(&t.out), cases[i].want);
		check(b, stream_last(b->store, &last, &b->err)); /* skipped for good */
		assert_same_place(&place, &last);
		buf_done(&t.out);
	}
}

static void
test_since(void **state)
{
	static const struct {
		int64_t since_us;
		const char *want;
	} cases[] = {
		{ T0 - DAY_US, whole },
		{ T0 + 6, "m1 e1 a1 c1 e2 m2 e3 a3 " },
		{ T0 + 20, "a1 c1 e2 m2 e3 a3 " },
		{ T0 + 36, "e3 a3 " },
		{ T0 + 41, "" },
	};
	struct box *b = *state;

	fill(b);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct stream_filter filter = all;
		struct taken t = { .n = 0 };
		struct stream_place place;

		filter.since_us = cases[i].since_us;
		check(b, stream_since(b->store, filter.since_us, &place, &b->err));
		check(b, stream_last(b->store, &filter.old, &b->err));
		check(b, stream_read(b->store, &place, &filter, take, &t, &b->err));
		assert_string_equal(buf_cstr(&t.out), cases[i].want);
		buf_done(&t.out);
	}
}

static int
take_fields(void *ctx, const struct stream_record *record)
{
	struct buf *out = ctx;

	if (record->table == STREAM_CHANGE)
		buf_addf(out, "[%.*s %.*s %.*s]", STR_ARG(record->incident),
		    STR_ARG(record->severity), STR_ARG(record->summary));
	else
		event_json(&record->ev, out);
	return 0;
}

static void
test_fields(void **state)
{
	struct box *b = *state;
	AUTO(buf_done) struct buf out = { 0 };
	struct stream_filter filter = all;
	struct stream_place place = first(b);

	filter.with_fields = true;
	check(b, store_begin(b->store, &b->err));
	add_event(b, KIND_REJECT, T0, "");
	add_change(b, "aaaa", T0 + 1);
	check(b, store_commit(b->store, &b->err));
	(void)ask(b, "UPDATE change SET body = '' WHERE id = 1");
	check(b, stream_read(b->store, &place, &filter, take_fields, &out, &b->err));
	assert_non_null(strstr(buf_cstr(&out), "\"kind\":\"reject\""));
	assert_non_null(strstr(buf_cstr(&out), "\"host\":\"mx1\""));
	assert_non_null(strstr(buf_cstr(&out), "\"sender\":\"\""));
	assert_non_null(strstr(buf_cstr(&out), "\"recipient\":\"ann@example.org\""));
	assert_non_null(strstr(buf_cstr(&out),
	    "\"reply\":\"4.2.1 \\\"later\\\"\xef\xbf\xbd\""));
	assert_non_null(strstr(buf_cstr(&out), "[aaaa  ]"));
}

static void
add_attempt(struct box *b, int64_t time_us, const char *host, const char *queue_id,
    const char *recipient)
{
	struct event ev = { .time_us = time_us, .offset = -1 };

	event_set_num(&ev, EVF_kind, KIND_ATTEMPT);
	event_set_text(&ev, EVF_host, str_of(host));
	event_set_text(&ev, EVF_queue_id, str_of(queue_id));
	event_set_text(&ev, EVF_recipient, str_of(recipient));
	check(b, store_add_event(b->store, &ev, &b->err));
}

static void
add_message(struct box *b, int64_t time_us, const char *queue_id, const char *sender)
{
	struct event ev = { .time_us = time_us, .offset = -1 };

	event_set_num(&ev, EVF_kind, KIND_ACCEPTED);
	event_set_text(&ev, EVF_host, STR("mx1"));
	event_set_text(&ev, EVF_queue_id, str_of(queue_id));
	event_set_text(&ev, EVF_sender, str_of(sender));
	event_set_text(&ev, EVF_message_id, str_of(queue_id));
	check(b, store_add_event(b->store, &ev, &b->err));
}

static int
take_sender(void *ctx, const struct stream_record *record)
{
	struct buf *out = ctx;
	struct str sender = event_text(&record->ev, EVF_sender);

	if (record->table == STREAM_ATTEMPT)
		buf_addf(out, "%.*s/%.*s ", STR_ARG(sender),
		    STR_ARG(event_text(&record->ev, EVF_message_id)));
	return 0;
}

/* Of that host and queue id, the last before the attempt, within the days that a message
 * may wait. */
static void
test_message_of_attempt(void **state)
{
	struct box *b = *state;
	AUTO(buf_done) struct buf out = { 0 };
	struct stream_filter filter = all;
	struct stream_place place = first(b);

	check(b, store_begin(b->store, &b->err));
	add_message(b, T0, "q0", "oldest");
	add_message(b, T0 + 1, "q1", "ann");
	add_attempt(b, T0 + 2, "mx1", "q1", "x");
	add_attempt(b, T0 + 5 * DAY_US, "mx1", "q1", "x");
	add_attempt(b, T0 + 30 * DAY_US, "mx1", "q1", "x"); /* another's by now */
	add_attempt(b, T0 + 30 * DAY_US, "mx2", "q1", "x");
	add_attempt(b, T0 + 30 * DAY_US, "mx1", "q2", "x");
	add_attempt(b, T0 - DAY_US, "mx1", "q1", "x");
	add_attempt(b, T0 + 30 * DAY_US, "mx1", "", "x");
	check(b, store_commit(b->store, &b->err));
	check(b, store_begin(b->store, &b->err));
	add_message(b, T0 + 40 * DAY_US, "q1", "bob");
	add_attempt(b, T0 + 40 * DAY_US + HOUR_US, "mx1", "q1", "x");
	check(b, store_commit(b->store, &b->err));
	check(b, stream_read(b->store, &place, &filter, take_sender, &out, &b->err));
	assert_string_equal(buf_cstr(&out), "/ / / / / / / / ");
	filter.with_message = true;
	place = first(b);
	buf_clear(&out);
	check(b, stream_read(b->store, &place, &filter, take_sender, &out, &b->err));
	assert_string_equal(buf_cstr(&out), "ann/q1 ann/q1 / / / / / bob/q1 ");
}

static int
take_recipient(void *ctx, const struct stream_record *record)
{
	struct buf *out = ctx;
	AUTO(buf_done) struct buf text = { 0 };

	if (record->table == STREAM_ATTEMPT)
		buf_add(&text, event_text(&record->ev, EVF_recipient));
	else if (record->table == STREAM_EVENT)
		buf_add(&text, event_text(&record->ev, EVF_service));
	else
		buf_addf(&text, "%c", "m?ec"[record->table]);
	buf_addf(out, "%s ", buf_cstr(&text));
	return 0;
}

static void
add_stored(struct box *b, const char *service, const char *recipient, const char *original)
{
	struct event ev = { .time_us = T0 + 1, .offset = -1 };

	event_set_num(&ev, EVF_kind, KIND_STORED);
	event_set_text(&ev, EVF_host, STR("mx1"));
	event_set_text(&ev, EVF_service, str_of(service));
	if (recipient[0] != '\0')
		event_set_text(&ev, EVF_recipient, str_of(recipient));
	if (original[0] != '\0')
		event_set_text(&ev, EVF_original_recipient, str_of(original));
	check(b, store_add_event(b->store, &ev, &b->err));
}

static void
test_to(void **state)
{
	static const struct {
		const char *to[3], *want;
	} cases[] = {
		{ { NULL }, "c " },
		{ { "joe@example.org" }, "Joe@Example.org s1 c " },
		{ { "JOE@*" }, "Joe@Example.org joe@example.net s1 c " },
		{ { "joe" }, "Joe@Example.org joe@example.net joe s1 s2 c " },
		{ { "nobody@example.org", "info@example.org" }, "s3 c " },
		{ { "*@example.org" }, "Joe@Example.org ann@example.org s1 s3 c " },
		{ { "*" },
		    "Joe@Example.org joe@example.net ann@example.org joe s1 s2 s3 c " },
		{ { "" }, "c " },
	};
	struct box *b = *state;
	struct stream_place last;

	check(b, store_begin(b->store, &b->err));
	add_message(b, T0, "q1", "joe@example.org");
	add_attempt(b, T0, "mx1", "q1", "Joe@Example.org");
	add_attempt(b, T0, "mx1", "q1", "joe@example.net");
	add_attempt(b, T0, "mx1", "q1", "ann@example.org");
	add_attempt(b, T0, "mx1", "q1", "joe");
	add_stored(b, "s1", "joe@example.org", "");
	add_stored(b, "s2", "joe", "");
	add_stored(b, "s3", "ann", "info@example.org");
	add_stored(b, "s4", "", "");
	add_change(b, "aaaa", T0 + 2);
	check(b, store_commit(b->store, &b->err));
	check(b, stream_last(b->store, &last, &b->err));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf_done) struct buf out = { 0 };
		struct stream_filter filter = all;
		struct stream_place place = first(b);

		filter.to = cases[i].to;
		filter.with_fields = true;
		check(b,
		    stream_read(b->store, &place, &filter, take_recipient, &out, &b->err));
		assert_string_equal(buf_cstr(&out), cases[i].want);
		assert_same_place(&place, &last); /* what was left out is behind us */
	}
}

static void
test_places(void **state)
{
	static const char *const wrong[] = { "", "1f2e3d4c", "1f2e3d4c.m1.a2.e3",
		"1f2e3d4c.m1.a2.e3.c4.", "1f2e3d4c.m1.a2.e3.c4.x", "1f2e3d4.m1.a2.e3.c4",
		"1F2E3D4C.m1.a2.e3.c4", "1f2e3d4c.a1.m2.e3.c4", "1f2e3d4c.m.a2.e3.c4",
		"1f2e3d4c.m-1.a2.e3.c4", "1f2e3d4c.m99999999999999999999.a2.e3.c4", "10m" };
	struct box *b = *state;
	struct stream_place place;
	AUTO(buf_done) struct buf text = { 0 };

	assert_true(stream_place_read(STR("1f2e3d4c.m1.a20.e0.c4"), &place));
	assert_int_equal(place.identity, 0x1f2e3d4c);
	assert_int_equal(place.after[STREAM_ATTEMPT], 20);
	stream_place_text(&place, &text);
	assert_string_equal(buf_cstr(&text), "1f2e3d4c.m1.a20.e0.c4");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (stream_place_read(str_of(wrong[i]), &place))
			fail_msg("%s", wrong[i]);
	/* Of another store, and beyond the end of this. */
	assert_int_equal(stream_check(b->store, &place, &b->err), -ESTALE);
	place = first(b);
	check(b, stream_check(b->store, &place, &b->err));
	assert_int_not_equal(place.identity, 0);
	place.after[STREAM_EVENT] = 1;
	assert_int_equal(stream_check(b->store, &place, &b->err), -ESTALE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_order),
		STORE_TEST(test_resume),
		STORE_TEST(test_follow),
		STORE_TEST(test_filter),
		STORE_TEST(test_since),
		STORE_TEST(test_fields),
		STORE_TEST(test_message_of_attempt),
		STORE_TEST(test_to),
		STORE_TEST(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
