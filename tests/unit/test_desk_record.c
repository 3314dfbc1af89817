/* desktop/record: what the desk reads out of a line of `mailwarden events --json`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/event.h"
#include "desktop/record.h"
#include "rules/incident.h"

#define T0 (INT64_C(1795228877) * US_PER_S) /* 2026-11-21 02:41:17 UTC */

static struct record
read_line(const char *line)
{
	struct record record;

	record_read(&record, str_of(line));
	return record;
}

static void
assert_text(const char *got, const char *want)
{
	if (want == NULL)
		assert_null(got);
	else
		assert_string_equal(got == NULL ? "(none)" : got, want);
}

static void
test_deliveries(void **state)
{
	(void)state;
	struct record r = read_line(
	    "{\"type\":\"event\",\"id\":\"1f2e3d4c.m1.a2.e3.c4\","
	    "\"time\":\"2026-11-21T02:41:17.000000+00:00\",\"host\":\"mx1\","
	    "\"kind\":\"attempt\",\"direction\":\"local\",\"queue_id\":\"4bXkWz3qLRz9tQf\","
	    "\"message_id\":\"a1@mail.example.net\",\"sender\":\"\","
	    "\"recipient\":\"joe@example.org\",\"outcome\":\"delivered\"}");

	assert_int_equal(r.kind, RECORD_DELIVERED);
	assert_string_equal(r.id, "1f2e3d4c.m1.a2.e3.c4");
	assert_int_equal(r.at_us, T0);
	assert_string_equal(r.host, "mx1");
	assert_string_equal(r.recipient, "joe@example.org");
	assert_string_equal(r.message_id, "a1@mail.example.net");
	assert_string_equal(r.queue_id, "4bXkWz3qLRz9tQf");
	assert_string_equal(r.sender, "");
	assert_null(r.original_recipient);
	assert_null(r.service);
	record_done(&r);
	assert_null(r.object);

	r = read_line("{\"type\":\"event\",\"id\":\"x\",\"kind\":\"stored\",\"outcome\":"
		      "\"delivered\",\"service\":\"lmtp\",\"recipient\":\"joe\","
		      "\"original_recipient\":\"info@example.org\"}\r\n");
	assert_int_equal(r.kind, RECORD_DELIVERED);
	assert_int_equal(r.at_us, 0);
	assert_string_equal(r.service, "lmtp");
	assert_string_equal(r.original_recipient, "info@example.org");
	record_done(&r);
}

/* What the desk cannot use still says where to go on. */
static void
test_others(void **state)
{
	static const char *const with_id[] = {
		/* handed on, deferred, or the mailbox is full */
		"{\"type\":\"event\",\"id\":\"x\",\"kind\":\"attempt\",\"direction\":"
		"\"outbound\",\"outcome\":\"delivered\"}",
		"{\"type\":\"event\",\"id\":\"x\",\"kind\":\"attempt\",\"direction\":"
		"\"local\",\"outcome\":\"deferred\"}",
		"{\"type\":\"event\",\"id\":\"x\",\"kind\":\"attempt\",\"direction\":"
		"\"internal\",\"outcome\":\"delivered\"}",
		"{\"type\":\"event\",\"id\":\"x\",\"kind\":\"stored\",\"outcome\":"
		"\"deferred\"}",
		/* forwarded, discarded: without an outcome */
		"{\"type\":\"event\",\"id\":\"x\",\"kind\":\"stored\"}",
		"{\"type\":\"event\",\"id\":\"x\",\"kind\":7,\"outcome\":\"delivered\"}",
		"{\"type\":\"event\",\"id\":\"x\",\"kind\":\"reject\"}",
		"{\"type\":\"weather\",\"id\":\"x\"}",
		"{\"id\":\"x\"}",
		"{\"type\":\"incident\",\"id\":\"x\",\"change\":\"opened\"}",
		"{\"type\":\"incident\",\"id\":\"x\",\"change\":\"opened\",\"incident\":[]}",
		"{\"type\":\"incident\",\"id\":\"x\",\"incident\":{\"id\":\"a\"}}",
	};
	static const char *const without[] = { "", " ", "null", "7", "\"x\"", "[]",
		"{\"id\":\"x\"", "{\"id\":\"x\"} {}", "{\"id\":7,\"type\":\"event\"}",
		"{\"id\":\"x\"}x", "mailwarden: no store", "\xff\xfe" };

	(void)state;
	for (size_t i = 0; i < sizeof with_id / sizeof *with_id; i++) {
		struct record r = read_line(with_id[i]);

		assert_int_equal(r.kind, RECORD_OTHER);
		assert_text(r.id, "x");
		record_done(&r);
	}
	for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
		struct record r = read_line(without[i]);

		assert_int_equal(r.kind, RECORD_OTHER);
		assert_null(r.id);
		record_done(&r);
	}
	struct record r;

	record_read(&r, (struct str){ "{\"id\":\"x\"}\0", 11 });
	assert_null(r.id);
	record_done(&r);
	record_read(&r, (struct str){ NULL, 0 });
	assert_null(r.id);
	record_done(&r);
}

/* As the store's own code writes incidents. */
static void
add_incident(struct buf *out)
{
	struct incident in = {
		.id = STR("0123456789ab"),
		.rule = STR("provider-blocked"),
		.severity = SEVERITY_CRITICAL,
		.state = INCIDENT_OPEN,
		.group = STR("{\"host\":\"mx1\",\"provider\":\"microsoft\"}"),
		.provider = STR("microsoft"),
		.opened_us = T0,
		.last_seen_us = T0 + US_PER_S,
		.count = 7,
		.summary = STR("blocked"),
		.advice = STR("ask them"),
		.samples = STR("one\ntwo\n"),
		.ack_at_us = T0,
		.ack_who = STR("ann"),
		.silenced_us = T0 + 60 * (int64_t)US_PER_S,
	};

	incident_json(&in, out);
}

static void
test_incident(void **state)
{
	AUTO(buf_done) struct buf line = { 0 };

	(void)state;
	buf_add(&line,
	    STR("{\"type\":\"incident\",\"id\":\"x\",\"change\":\"acknowledged\","
		"\"at\":\"2026-11-21T02:41:17+00:00\",\"incident\":"));
	add_incident(&line);
	buf_add_char(&line, '}');
	struct record r = read_line(buf_cstr(&line));

	assert_int_equal(r.kind, RECORD_CHANGE);
	assert_text(r.id, "x");
	assert_int_equal(r.at_us, T0);
	assert_text(r.change, "acknowledged");
	assert_text(r.incident, "0123456789ab");
	assert_text(r.rule, "provider-blocked");
	assert_text(r.host, "mx1");
	assert_text(r.provider, "microsoft");
	assert_text(r.summary, "blocked");
	assert_text(r.advice, "ask them");
	assert_int_equal(r.severity, DESK_CRITICAL);
	assert_true(r.open);
	assert_true(r.acknowledged);
	assert_text(r.acknowledged_by, "ann");
	assert_int_equal(r.opened_us, T0);
	assert_int_equal(r.last_seen_us, T0 + US_PER_S);
	assert_int_equal(r.resolved_us, 0);
	assert_int_equal(r.silenced_until_us, T0 + 60 * (int64_t)US_PER_S);
	assert_int_equal(r.count, 7);
	assert_text(record_sample(&r, 0), "one");
	assert_text(record_sample(&r, 1), "two");
	assert_null(record_sample(&r, 2));
	assert_null(record_sample(&r, SIZE_MAX));
	record_done(&r);
}

static void
test_open_and_ready(void **state)
{
	(void)state;
	struct record r =
	    read_line("{\"type\":\"incident\",\"change\":\"open\",\"incident\":"
		      "{\"id\":\"a\",\"state\":\"open\",\"samples\":[3]}}");

	assert_int_equal(r.kind, RECORD_OPEN);
	assert_null(r.id);
	assert_true(r.open);
	assert_int_equal(r.severity, DESK_NONE);
	assert_text(record_sample(&r, 0), "");
	record_done(&r);
	r = read_line("{\"type\":\"ready\",\"id\":\"p\",\"incidents\":0,"
		      "\"at\":\"2026-11-21T02:41:17Z\"}");
	assert_int_equal(r.kind, RECORD_READY);
	assert_text(r.id, "p");
	assert_int_equal(r.at_us, T0);
	assert_null(record_sample(&r, 0));
	record_done(&r);
}

/* Its details have expired: the change alone tells whether it is open. */
static void
test_bare(void **state)
{
	(void)state;
	struct record r = read_line("{\"type\":\"incident\",\"id\":\"x\",\"change\":"
				    "\"resolved\",\"incident\":{\"id\":\"a\"}}");

	assert_int_equal(r.kind, RECORD_CHANGE);
	assert_false(r.open);
	record_done(&r);
	r = read_line("{\"type\":\"incident\",\"id\":\"x\",\"change\":\"escalated\","
		      "\"incident\":{\"id\":\"a\"}}");
	assert_true(r.open);
	assert_null(r.summary);
	record_done(&r);
}

/* Ids become words of commands, and all is kept: what a broken host sends has its limits. */
static void
test_broken_host(void **state)
{
	static const char *const no_ids[] = { "", "--help", "a b", "a\nb", "a;b", "'a'",
		"\u202e" };
	AUTO(buf_done) struct buf line = { 0 };
	AUTO(buf_done) struct buf long_id = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof no_ids / sizeof *no_ids; i++)
		assert_false(record_is_id(no_ids[i]));
	for (int i = 0; i < 201; i++)
		buf_add_char(&long_id, '9');
	assert_false(record_is_id(buf_cstr(&long_id)));
	assert_true(record_is_id(buf_cstr(&long_id) + 1));
	struct record r = read_line("{\"type\":\"incident\",\"id\":\"--help\",\"change\":"
				    "\"opened\",\"incident\":{\"id\":\"-x\"}}");

	assert_int_equal(r.kind, RECORD_OTHER);
	assert_null(r.id);
	record_done(&r);
	buf_add(&line,
	    STR("{\"kind\":\"stored\",\"type\":\"event\",\"outcome\":\"delivered\","
		"\"recipient\":\"joe\",\"sender\":\"a"));
	for (int i = 0; i < 1000; i++)
		buf_add(&line, STR("\u00e9"));
	buf_add(&line, STR("\"}"));
	record_read(&r, buf_str(&line));
	assert_int_equal(r.kind, RECORD_DELIVERED);
	assert_int_equal(strlen(r.sender), 511); /* not half a character */
	record_done(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broken_host),
		cmocka_unit_test(test_deliveries),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_incident),
		cmocka_unit_test(test_open_and_ready),
		cmocka_unit_test(test_bare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
