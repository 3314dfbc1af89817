/* ingest/tls_report: sessions and failures, as senders write them and as nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/tls_report.h"
#include "report_box.h"

#define HEAD                                                                       \
	"{\"organization-name\":\"Google Inc.\",\"date-range\":{"                  \
	"\"start-datetime\":\"2026-11-20T00:00:00Z\",\"end-datetime\":"            \
	"\"2026-11-20T23:59:59Z\"},\"contact-info\":\"tls@reporter.example.net\"," \
	"\"report-id\":\"1\",\"policies\":"
#define POLICY                                                                        \
	"{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\"," \
	"\"mode: enforce\"],\"policy-domain\":\"Example.org\",\"mx-host\":"           \
	"[\"*.example.org\"]},"
#define SUMMARY(good, bad)                                      \
	"\"summary\":{\"total-successful-session-count\":" good \
	",\"total-failure-session-count\":" bad "}"
#define DETAIL                                                                     \
	"{\"result-type\":\"certificate-expired\",\"sending-mta-ip\":"             \
	"\"2001:db8:abcd:0012::1\",\"receiving-mx-hostname\":\"MX1.example.org\"," \
	"\"receiving-ip\":\"198.51.100.7\",\"failed-session-count\":100,"          \
	"\"failure-reason-code\":\"X509_V_ERR_CERT_HAS_EXPIRED\"}"
#define COMMON "domain=example.org, policy_type=sts"
#define GOOD_LINE(n) \
	"tls-report: outcome=delivered, repeated=" n ", reporter=Google-Inc., " COMMON "\n"
#define DETAIL_LINE                                                                  \
	"tls-report: relay_name=mx1.example.org, relay_ip=198.51.100.7, "            \
	"text=\"X509_V_ERR_CERT_HAS_EXPIRED\", repeated=100, reporter=Google-Inc., " \
	"source_ip=2001:db8:abcd:12::1, " COMMON ", failure_type=certificate-expired\n"
#define REST_LINE(n)                                                \
	"tls-report: repeated=" n ", reporter=Google-Inc., " COMMON \
	", failure_type=unspecified\n"

static const struct sample {
	const char *name;
	struct str json;
	const char *want;
} samples[] = {
	{ "all went well", STR_INIT(HEAD "[" POLICY SUMMARY("5326", "0") "}]}"),
	    GOOD_LINE("5326") },
	{ "failures",
	    STR_INIT(HEAD "[" POLICY SUMMARY("5326", "100") ",\"failure-details\":[" DETAIL
							    "]}]}"),
	    GOOD_LINE("5326") DETAIL_LINE },
	{ "failures without details, with some, with an empty list",
	    STR_INIT(HEAD "[" POLICY SUMMARY("0", "7") "}," POLICY SUMMARY("1",
		"303") ",\"failure-details\":[" DETAIL
		       "]}," POLICY SUMMARY("2", "1") ",\"failure-details\":[]}]}"),
	    GOOD_LINE("0") REST_LINE("7") GOOD_LINE("1") DETAIL_LINE REST_LINE("203")
		GOOD_LINE("2") REST_LINE("1") },
	{ "mark of byte order, one object for a list, blanks behind",
	    STR_INIT("\xef\xbb\xbf" HEAD POLICY SUMMARY("5",
		"100") ","
		       "\"failure-details\":" DETAIL "}}\r\n \r\n"),
	    GOOD_LINE("5") DETAIL_LINE },
	{ "no name: the contact's domain; DANE",
	    STR_INIT("{\"contact-info\":\"mailto:tls@reporter.example.net\",\"policies\":"
		     "[{\"policy\":{\"policy-type\":\"TLSA\"},\"summary\":{}}]}"),
	    "tls-report: outcome=delivered, repeated=0, reporter=reporter.example.net, "
	    "policy_type=tlsa\n" },
	{ "numbers as text, with a point, too big, below 0",
	    STR_INIT(HEAD "[" POLICY SUMMARY("\"12\"", "null") "}," POLICY SUMMARY("3.0",
		"-1") "}," POLICY SUMMARY("99999999999999999999999",
		"-1e300") "}," POLICY SUMMARY("1e300", "[]") "}," POLICY SUMMARY("true",
		"{}") "}]}"),
	    GOOD_LINE("12") GOOD_LINE("3") GOOD_LINE("1000000000") GOOD_LINE("1000000000")
		GOOD_LINE("0") },
	{ "wrong types everywhere",
	    STR_INIT("{\"organization-name\":7,\"policies\":[3,null,\"x\",[],{\"policy\":"
		     "\"sts\",\"summary\":[1],\"failure-details\":[1,{\"result-type\":{},"
		     "\"failed-session-count\":\"many\",\"sending-mta-ip\":\"here\"}]}]}"),
	    "tls-report: outcome=delivered, repeated=0\n"
	    "tls-report: repeated=1, failure_type=unspecified\n" },
	{ "twice the same member: the last",
	    STR_INIT("{\"policies\":[],\"policies\":[{\"policy\":{\"policy-domain\":\"a\","
		     "\"policy-domain\":\"example.org\"}}]}"),
	    "tls-report: outcome=delivered, repeated=0, domain=example.org\n" },
	{ "what would break a line",
	    STR_INIT("{\"policies\":{\"policy\":{\"policy-domain\":\"a\\n, b=c\\u0000\"},"
		     "\"failure-details\":[{\"result-type\":\"x\\\" y\","
		     "\"additional-information\":\"one\\r\\n\\\"two\\\"\"}]}}"),
	    "tls-report: outcome=delivered, repeated=0, domain=a-b=c\n"
	    "tls-report: text=\"one  ?two?\", repeated=1, domain=a-b=c, "
	    "failure_type=x-y\n" },
};

static void
test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
		struct report_box box = { 0 };
		struct report_sink sink = { report_box_take, &box };
		struct err err = { "" };
		size_t left_out;
		int n = tls_report_read(samples[i].json, &report_box_host, &sink, &left_out,
		    &err);

		if (n < 0 || (size_t)n != box.events)
			fail_msg("%s: %d: %s", samples[i].name, n, err.text);
		if (!str_eq(buf_str(&box.lines), str_of(samples[i].want)))
			fail_msg("%s: got\n%s", samples[i].name, buf_cstr(&box.lines));
		assert_int_equal(left_out, 0);
		buf_done(&box.lines);
	}
}

static void
assert_refused(struct str json, int code, const char *why)
{
	struct report_box box = { 0 };
	struct report_sink sink = { report_box_take, &box };
	struct err err = { "" };
	size_t left_out;

	assert_int_equal(tls_report_read(json, &report_box_host, &sink, &left_out, &err),
	    code);
	assert_int_equal(box.events, 0);
	if (strstr(err.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void
add_times(struct buf *b, const char *text, size_t times)
{
	for (size_t i = 0; i < times; i++)
		buf_add(b, str_of(text));
}

static void
test_refused(void **state)
{
	AUTO(buf_done) struct buf json = { 0 };

	(void)state;
	assert_refused(STR(""), -EBADMSG, "ends at byte 0, too early");
	assert_refused(STR("{\"policies\":[{}"), -EBADMSG, "ends at byte 15, too early");
	assert_refused(STR("{\"policies\" 1}"), -EBADMSG, "byte 12: object property name");
	assert_refused(STR("<xml/>"), -EBADMSG, "byte 0: ");
	assert_refused(STR("[{}]"), -EBADMSG, "no JSON object");
	assert_refused(STR("{}"), -EBADMSG, "it has no \"policies\"");
	assert_refused(STR("{\"policies\":12}"), -EBADMSG, "it has no \"policies\"");

	assert_refused(STR("{\"policies\":[\"x\"]}"), -EBADMSG, "no policy in its");

	add_times(&json, "{\"policies\":", 1);
	add_times(&json, "[", 100000);
	assert_refused(buf_str(&json), -EBADMSG, "nesting too deep");
	add_times(&json, "[", 100000);
	assert_refused(buf_str(&json), -E2BIG, "more than 200000 values");
	buf_clear(&json);
	add_times(&json, "                ", 1024 * 1024 + 1);
	assert_refused(buf_str(&json), -E2BIG, "more than 16 MiB");
}

static void
test_left_out(void **state)
{
	AUTO(buf_done) struct buf json = { 0 };
	struct report_box box = { 0 };
	struct report_sink sink = { report_box_take, &box };
	struct err err = { "" };
	size_t left_out;

	(void)state;
	add_times(&json, "{\"policies\":[{\"failure-details\":[{}", 1);
	add_times(&json, ",{}", REPORT_EVENTS + 1);
	add_times(&json, "]}]}", 1);
	assert_int_equal(tls_report_read(buf_str(&json), &report_box_host, &sink, &left_out,
			     &err),
	    REPORT_EVENTS);
	assert_int_equal(box.events, REPORT_EVENTS);
	assert_int_equal(left_out, 3); /* one event tells what went well */
	buf_done(&box.lines);
}

static void
test_sink(void **state)
{
	struct report_box box = { .answer = -ENOSPC };
	struct report_sink sink = { report_box_take, &box };
	size_t left_out;

	(void)state;
	assert_int_equal(tls_report_read(STR(HEAD "[" POLICY SUMMARY("1", "1") "}]}"),
			     &report_box_host, &sink, &left_out, NULL),
	    -ENOSPC);
	assert_int_equal(box.events, 1);
	buf_done(&box.lines);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
