#include "rules/incident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define OPENED INT64_C(1795228877482913)

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(severity_name(SEVERITY_CRITICAL), "critical");
	assert_string_equal(severity_name(SEVERITY_UNKNOWN), "");
	assert_string_equal(severity_name((enum severity)99), "");
	for (int s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++)
		assert_int_equal(severity_find(str_of(severity_name((enum severity)s))), s);
	assert_int_equal(severity_find(STR("fatal")), SEVERITY_UNKNOWN);
	assert_int_equal(severity_find(STR("")), SEVERITY_UNKNOWN);
	assert_string_equal(incident_state_name(INCIDENT_PENDING), "pending");
	assert_string_equal(incident_state_name(INCIDENT_RESOLVED), "resolved");
	assert_string_equal(notice_name(NOTICE_ESCALATED), "escalated");
	assert_string_equal(notice_name(NOTICE_TEST), "test");
	assert_string_equal(notice_name(NOTICE_NONE), "");
}

static void
test_json(void **state)
{
	static const struct {
		const char *name;
		struct incident incident;
		const char *want;
	} cases[] = {
		{
			.name = "all of it",
			.incident = {
				.id = STR_INIT("0123456789ab"),
				.rule = STR_INIT("ip-blocklisted"),
				.severity = SEVERITY_CRITICAL,
				.state = INCIDENT_RESOLVED,
				.group = STR_INIT("{\"provider\":\"microsoft\"}"),
				.host = STR_INIT("mx1"),
				.provider = STR_INIT("microsoft"),
				.code_id = STR_INIT("microsoft-s3140"),
				.category = STR_INIT("ip-blocklisted"),
				.opened_us = OPENED,
				.last_seen_us = OPENED + 1,
				.resolved_us = OPENED + 2,
				.count = 7,
				.summary = STR_INIT("Microsoft \"blocks\" us"),
				.advice = STR_INIT("Ask\nthem"),
				.url = STR_INIT("https://example.org/s3140"),
				.samples = STR_INIT("one\ntwo\x01\xc2\x9b\n"),
			},
			.want = "{\"type\":\"incident\",\"id\":\"0123456789ab\","
				"\"rule\":\"ip-blocklisted\",\"severity\":\"critical\","
				"\"state\":\"resolved\","
				"\"group\":{\"provider\":\"microsoft\"},"
				"\"provider\":\"microsoft\",\"code_id\":\"microsoft-s3140\","
				"\"category\":\"ip-blocklisted\","
				"\"opened\":\"2026-11-21T02:41:17.482913+00:00\","
				"\"last_seen\":\"2026-11-21T02:41:17.482914+00:00\","
				"\"resolved\":\"2026-11-21T02:41:17.482915+00:00\","
				"\"count\":7,\"relapses\":0,\"summary\":\"Microsoft \\\"blocks\\\" us\","
				"\"advice\":\"Ask\\nthem\","
				"\"url\":\"https://example.org/s3140\","
				"\"samples\":[\"one\",\"two\\u0001\\u009b\"]}",
		},
		{
			.name = "what is empty is left out",
			.incident = {
				.id = STR_INIT("0"),
				.rule = STR_INIT("silence"),
				.severity = SEVERITY_WARNING,
				.opened_us = OPENED,
				.last_seen_us = OPENED,
				.count = 1,
			},
			.want = "{\"type\":\"incident\",\"id\":\"0\",\"rule\":\"silence\","
				"\"severity\":\"warning\",\"state\":\"pending\",\"group\":{},"
				"\"opened\":\"2026-11-21T02:41:17.482913+00:00\","
				"\"last_seen\":\"2026-11-21T02:41:17.482913+00:00\","
				"\"count\":1,\"relapses\":0}",
		},
		{
			.name = "what people said about it",
			.incident = {
				.id = STR_INIT("0"),
				.rule = STR_INIT("r"),
				.severity = SEVERITY_INFO,
				.state = INCIDENT_OPEN,
				.opened_us = OPENED,
				.last_seen_us = OPENED,
				.count = 2,
				.relapses = 3,
				.senders = 4,
				.recipients = 5,
				.ack_at_us = OPENED,
				.ack_who = STR_INIT("ann"),
				.ack_note = STR_INIT("\"on it\""),
				.silenced_us = OPENED,
			},
			.want = "{\"type\":\"incident\",\"id\":\"0\",\"rule\":\"r\","
				"\"severity\":\"info\",\"state\":\"open\",\"group\":{},"
				"\"opened\":\"2026-11-21T02:41:17.482913+00:00\","
				"\"last_seen\":\"2026-11-21T02:41:17.482913+00:00\","
				"\"count\":2,\"relapses\":3,\"senders\":4,\"recipients\":5,"
				"\"acknowledged\":{\"at\":\"2026-11-21T02:41:17.482913+00:00\","
				"\"who\":\"ann\",\"note\":\"\\\"on it\\\"\"},"
				"\"silenced_until\":\"2026-11-21T02:41:17.482913+00:00\"}",
		},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf_done) struct buf out = { 0 };

		incident_json(&cases[i].incident, &out);
		if (strcmp(buf_cstr(&out), cases[i].want) != 0)
			fail_msg("%s:\n%s\nwanted\n%s", cases[i].name, buf_cstr(&out),
			    cases[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
