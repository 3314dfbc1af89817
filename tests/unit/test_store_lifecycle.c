/* The store: changes of incidents, acknowledgements, silences, notices that they hold back. */
#include <errno.h>
#include <string.h>

#include "core/sketch.h"
#include "store/digest.h"
#include "store_box.h"

#define NOW (T0 + HOUR_US)

static struct incident
incident(const char *id, const char *provider)
{
	return (struct incident){
		.id = str_of(id),
		.rule = STR("blocklisted"),
		.trouble = STR("block"),
		.severity = SEVERITY_CRITICAL,
		.state = INCIDENT_OPEN,
		.group = STR("{\"host\":\"mx1\"}"),
		.host = STR("mx1"),
		.provider = str_of(provider),
		.opened_us = T0,
		.last_seen_us = T0,
		.summary = STR("refused"),
	};
}

static void
save(struct box *b, const struct incident *in)
{
	check(b, store_save_incident(b->store, in, &b->err));
}

/* A notice as the pipeline writes it. */
static void
put(struct box *b, const char *id, enum notice notice, int64_t due_us)
{
	char name[64];

	(void)snprintf(name, sizeof name, "%s.%s.%lld", id, notice_name(notice),
	    (long long)ask(b, "SELECT count(*) FROM outbox"));
	struct outbox_row row = { .id = str_of(name),
		.incident = str_of(id),
		.notice = notice,
		.created_us = NOW,
		.due_us = due_us };

	check(b, store_outbox_add(b->store, &row, &b->err));
}

static int
copy_fields(void *ctx, const struct incident *in)
{
	struct buf *out = ctx;

	buf_addf(out, "%.*s %lld %lld %lld %lld:%.*s:%.*s", STR_ARG(in->trouble),
	    (long long)in->relapses, (long long)in->senders, (long long)in->recipients,
	    (long long)in->ack_at_us, STR_ARG(in->ack_who), STR_ARG(in->ack_note));
	return 0;
}

static const char *
fields_of(struct box *b, const char *id, struct buf *out)
{
	buf_clear(out);
	check(b, store_find_incident(b->store, str_of(id), copy_fields, out, &b->err));
	return buf_cstr(out);
}

static void
test_new_columns(void **state)
{
	struct box *b = *state;
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf out = { 0 };
	struct sketch sketch = { 0 };
	struct incident in = incident("aaaa", "google");

	for (uint64_t i = 0; i < 3; i++)
		(void)sketch_add(&sketch, i * 7919);
	sketch_to_text(&sketch, &text);
	in.relapses = 2;
	in.recipients_seen = buf_str(&text);
	in.recipients = 999; /* not kept: the sketch tells it */
	save(b, &in);
	assert_string_equal(fields_of(b, "aaaa", &out), "block 2 0 3 0::");
	in.relapses = 5;
	save(b, &in);
	assert_string_equal(fields_of(b, "aaaa", &out), "block 5 0 3 0::");
}

static int
add_change(void *ctx, const struct change_row *row)
{
	buf_addf(ctx, "%lld %s %d;", (long long)(row->at_us - T0), notice_name(row->notice),
	    str_find(row->body, STR("\"summary\":\"refused\"")) > 0);
	return 0;
}

static void
test_changes(void **state)
{
	struct box *b = *state;
	AUTO(buf_done) struct buf out = { 0 };
	struct incident one = incident("aaaa", "google"),
			other = incident("bbbb", "google");

	check(b, store_add_change(b->store, &one, NOTICE_OPENED, T0 + 1, &b->err));
	check(b, store_add_change(b->store, &other, NOTICE_OPENED, T0 + 2, &b->err));
	check(b, store_add_change(b->store, &one, NOTICE_ACKNOWLEDGED, T0 + 3, &b->err));
	check(b, store_add_change(b->store, &one, NOTICE_RESOLVED, T0 + 4, &b->err));
	check(b, store_each_change(b->store, one.id, add_change, &out, &b->err));
	assert_string_equal(buf_cstr(&out), "1 opened 1;3 acknowledged 1;4 resolved 1;");

	/* What it looked like goes after a month, that it was does not. */
	check(b, store_expire(b->store, T0 + 31 * DAY_US, &b->err));
	buf_clear(&out);
	check(b, store_each_change(b->store, one.id, add_change, &out, &b->err));
	assert_string_equal(buf_cstr(&out), "1 opened 0;3 acknowledged 0;4 resolved 0;");
}

/* A digest that no channel took is told no more after a month; an alert is. */
static void
test_old_digest(void **state)
{
	static const struct digest_part part = { STR_INIT("text"),
		STR_INIT("all is well") };
	struct box *b = *state;

	check(b, store_begin(b->store, &b->err));
	check(b, store_add_digest(b->store, STR("d1"), T0, &part, 1, &b->err));
	check(b, store_add_digest(b->store, STR("d2"), T0 + DAY_US, &part, 1, &b->err));
	check(b, store_commit(b->store, &b->err));
	put(b, "aaaa", NOTICE_OPENED, T0);
	(void)ask(b, "INSERT INTO delivery (notice, channel, rank, due) "
		     "SELECT seq, 'relay', 0, due FROM outbox");
	check(b, store_expire(b->store, T0 + 30 * DAY_US + 1, &b->err));
	assert_int_equal(ask(b, "SELECT count(*) FROM outbox WHERE id = 'd1'"), 0);
	assert_int_equal(ask(b, "SELECT count(*) FROM outbox"), 2);
	assert_int_equal(ask(b, "SELECT count(*) FROM delivery"), 2);
	assert_int_equal(ask(b, "SELECT count(*) FROM digest WHERE notice = 'd1'"), 0);
	assert_int_equal(ask(b, "SELECT count(*) FROM digest"), 1);
}

static void
test_ack(void **state)
{
	struct box *b = *state;
	AUTO(buf_done) struct buf out = { 0 };
	struct incident in = incident("aaaa", "google"), other = incident("bbbb", "google");
	struct ack ack = { STR("ann"), STR("called them"), NOW };

	save(b, &in);
	save(b, &other);
	put(b, "aaaa", NOTICE_OPENED, NOW);
	put(b, "aaaa", NOTICE_ESCALATED, NOW);
	put(b, "bbbb", NOTICE_OPENED, NOW);
	assert_int_equal(store_ack(b->store, in.id, &ack, &b->err), 1);
	assert_int_equal(ask(b, "SELECT count(*) FROM outbox"), 2);
	assert_int_equal(
	    ask(b, "SELECT count(*) FROM outbox WHERE incident = 'aaaa' AND notice = 2"),
	    1);
	save(b, &in); /* the engine saves without knowing of it */
	assert_non_null(strstr(fields_of(b, "aaaa", &out), ":ann:called them"));
	ack = (struct ack){ STR("bob"), STR(""), NOW + 1 };
	assert_int_equal(store_ack(b->store, in.id, &ack, &b->err), 0);
	assert_non_null(strstr(fields_of(b, "aaaa", &out), ":bob:"));
	assert_null(strstr(fields_of(b, "bbbb", &out), "bob"));
	assert_int_equal(store_unack(b->store, in.id, &b->err), 1);
	assert_int_equal(store_unack(b->store, in.id, &b->err), 0);
	assert_string_equal(fields_of(b, "aaaa", &out), "block 0 0 0 0::");
}

static int64_t
silence(struct box *b, const char *match, int64_t until_us)
{
	struct silence_row row = { .match = str_of(match),
		.who = STR("ann"),
		.created_us = NOW,
		.until_us = until_us };
	int64_t id = 0;

	check(b, store_begin(b->store, &b->err));
	check(b, store_silence_add(b->store, &row, &id, &b->err));
	check(b, store_commit(b->store, &b->err));
	return id;
}

static int64_t
end_silence(struct box *b, int64_t id, int64_t now_us)
{
	int64_t freed = -1;

	check(b, store_begin(b->store, &b->err));
	check(b, store_silence_end(b->store, id, now_us, &freed, &b->err));
	check(b, store_commit(b->store, &b->err));
	return freed;
}

static int64_t
until(struct box *b, const struct incident *in, int64_t now_us)
{
	int64_t until_us = -1;

	check(b, store_silenced_until(b->store, in, now_us, &until_us, &b->err));
	return until_us;
}

static int
add_silence(void *ctx, const struct silence_row *row)
{
	buf_addf(ctx, "%lld:%.*s:%.*s;", (long long)row->id, STR_ARG(row->match),
	    STR_ARG(row->who));
	return 0;
}

static void
test_silences(void **state)
{
	struct box *b = *state;
	AUTO(buf_done) struct buf out = { 0 };
	struct incident google = incident("aaaa", "google"),
			yahoo = incident("bbbb", "yahoo");

	assert_int_equal(until(b, &google, NOW), 0);
	int64_t first = silence(b, "provider=google", NOW + 2 * HOUR_US);
	int64_t second = silence(b, "rule=block*", NOW + HOUR_US);

	assert_int_equal(until(b, &google, NOW), NOW + 2 * HOUR_US);
	assert_int_equal(until(b, &yahoo, NOW), NOW + HOUR_US);
	assert_int_equal(until(b, &yahoo, NOW + HOUR_US), 0); /* over at its end */
	check(b, store_each_silence(b->store, NOW, add_silence, &out, &b->err));
	assert_string_equal(buf_cstr(&out), "2:rule=block*:ann;1:provider=google:ann;");
	assert_int_equal(end_silence(b, first, NOW + 1), 0);
	assert_int_equal(until(b, &google, NOW + 1), NOW + HOUR_US);
	check(b, store_begin(b->store, &b->err));
	int64_t freed;

	assert_int_equal(store_silence_end(b->store, first, NOW + 2, &freed, &b->err),
	    -ENOENT);
	assert_int_equal(store_silence_end(b->store, second, NOW + HOUR_US, &freed,
			     &b->err),
	    -ENOENT);
	store_rollback(b->store);
	check(b, store_expire(b->store, NOW + 31 * DAY_US, &b->err));
	assert_int_equal(ask(b, "SELECT count(*) FROM silence"), 0);
}

static int64_t
due_at(struct box *b, int64_t at_us)
{
	char sql[128];

	(void)snprintf(sql, sizeof sql,
	    "SELECT count(*) FROM outbox WHERE sent IS NULL AND due = %lld",
	    (long long)at_us);
	return ask(b, sql);
}

/* Notices that wait already are held back, and freed when the silence ends early. */
static void
test_held_notices(void **state)
{
	struct box *b = *state;
	struct incident google = incident("aaaa", "google"),
			yahoo = incident("bbbb", "yahoo");

	save(b, &google);
	save(b, &yahoo);
	put(b, "aaaa", NOTICE_OPENED, NOW);
	put(b, "bbbb", NOTICE_OPENED, NOW);
	put(b, "aaaa", NOTICE_ESCALATED, NOW); /* tried: it backs off as it did */
	(void)ask(b, "UPDATE outbox SET tries = 1, due = due + 5 "
		     "WHERE id = 'aaaa.escalated.2'");
	int64_t longer = silence(b, "severity=critical", NOW + 2 * HOUR_US);
	int64_t shorter = silence(b, "provider=google", NOW + HOUR_US);

	assert_int_equal(due_at(b, NOW + 2 * HOUR_US), 2);
	assert_int_equal(due_at(b, NOW + 5), 1);
	assert_int_equal(end_silence(b, longer, NOW + 9), 1);
	assert_int_equal(due_at(b, NOW + HOUR_US), 1); /* the shorter one holds it still */
	assert_int_equal(due_at(b, NOW + 9), 1);
	assert_int_equal(end_silence(b, shorter, NOW + 11), 1);
	assert_int_equal(due_at(b, NOW + 11), 1);
}

/* What silence held back, and is over before it ends, nobody needs to hear of. */
static void
test_never_told(void **state)
{
	static const struct {
		const char *about;
		enum notice notices[4]; /* negative due: sent */
		int due_s[4];
		int want;
		int left; /* rows */
	} cases[] = {
		{ "held opening", { NOTICE_OPENED }, { 60 }, 1, 0 },
		{ "held opening and escalation", { NOTICE_OPENED, NOTICE_ESCALATED },
		    { 60, 60 }, 1, 0 },
		{ "opening due now", { NOTICE_OPENED }, { 0 }, 0, 1 },
		{ "opening sent", { NOTICE_OPENED }, { -1 }, 0, 1 },
		{ "opening sent, escalation held", { NOTICE_OPENED, NOTICE_ESCALATED },
		    { -1, 60 }, 0, 1 },
		{ "opening held, escalation sent", { NOTICE_OPENED, NOTICE_ESCALATED },
		    { 60, -1 }, 0, 1 },
		{ "told before, held now",
		    { NOTICE_OPENED, NOTICE_RESOLVED, NOTICE_OPENED }, { -1, -1, 60 }, 1,
		    2 },
		{ "nothing there", { NOTICE_NONE }, { 0 }, 0, 0 },
	};
	struct box *b = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		(void)ask(b, "DELETE FROM outbox");
		for (int n = 0; n < 4 && cases[i].notices[n] != NOTICE_NONE; n++) {
			int64_t due = cases[i].due_s[n] * (int64_t)US_PER_S;

			put(b, "aaaa", cases[i].notices[n], NOW + due);
			if (due < 0)
				(void)ask(b, "UPDATE outbox SET sent = due WHERE seq = "
					     "(SELECT max(seq) FROM outbox)");
		}
		put(b, "bbbb", NOTICE_OPENED, NOW + HOUR_US);
		int r = store_outbox_never_told(b->store, STR("aaaa"), NOW, &b->err);

		if (r != cases[i].want ||
		    ask(b, "SELECT count(*) FROM outbox") != cases[i].left + 1)
			fail_msg("%s: %d", cases[i].about, r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_new_columns),
		STORE_TEST(test_changes),
		STORE_TEST(test_old_digest),
		STORE_TEST(test_ack),
		STORE_TEST(test_silences),
		STORE_TEST(test_held_notices),
		STORE_TEST(test_never_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
