/* What of a request decides what it gets: target, query, Host, Origin, token, body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "web/body.h"
#include "web/counters.h"
#include "web/openmetrics.h"
#include "web/request.h"

static void
test_targets(void **state)
{
	static const struct {
		const char *text;
		enum endpoint endpoint;
		const char *id, *query;
	} cases[] = {
		{ "/", ENDPOINT_ASSET, "", "" },
		{ "/?x", ENDPOINT_ASSET, "", "x" },
		{ "/page.js", ENDPOINT_ASSET, "", "" },
		{ "/a-b_c.css", ENDPOINT_ASSET, "", "" },
		{ "/healthz", ENDPOINT_HEALTHZ, "", "" },
		{ "/metrics", ENDPOINT_METRICS, "", "" },
		{ "/api/v1/lines?what=tls", ENDPOINT_LINES, "", "what=tls" },
		{ "/api/v1/incidents", ENDPOINT_INCIDENTS, "", "" },
		{ "/api/v1/incidents/0f", ENDPOINT_INCIDENT, "0f", "" },
		{ "/api/v1/incidents/0f/ack", ENDPOINT_ACK, "0f", "" },
		{ "", ENDPOINT_NONE, "", "" },
		{ "page.js", ENDPOINT_NONE, "", "" },
		{ "//page.js", ENDPOINT_NONE, "", "" },
		{ "/.js", ENDPOINT_NONE, "", "" },
		{ "/page.", ENDPOINT_NONE, "", "" },
		{ "/a.b.c", ENDPOINT_NONE, "", "" },
		{ "/../x.js", ENDPOINT_NONE, "", "" },
		{ "/%2e%2e", ENDPOINT_NONE, "", "" },
		{ "/metrics/", ENDPOINT_NONE, "", "" },
		{ "http://localhost/metrics", ENDPOINT_NONE, "", "" },
		{ "*", ENDPOINT_NONE, "", "" },
		{ "/api/v1/incidents/", ENDPOINT_NONE, "", "" },
		{ "/api/v1/incidents//ack", ENDPOINT_NONE, "", "" },
		{ "/api/v1/incidents/-x", ENDPOINT_NONE, "", "" },
		{ "/api/v1/incidents/0f%00/ack", ENDPOINT_NONE, "", "" },
		{ "/api/v1/incidents/0f/ack/ack", ENDPOINT_NONE, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct target t = target_read(str_of(cases[i].text));

		print_message("%s\n", cases[i].text);
		assert_int_equal(t.endpoint, cases[i].endpoint);
		assert_true(str_eq(t.id, str_of(cases[i].id)));
		if (t.endpoint != ENDPOINT_NONE)
			assert_true(str_eq(t.query, str_of(cases[i].query)));
	}
}

static void
test_queries(void **state)
{
	static const struct {
		const char *query;
		enum query_result want;
		const char *value;
	} cases[] = {
		{ "q=a", QUERY_FOUND, "a" },
		{ "x=1&q=a+b%40c&y", QUERY_FOUND, "a b@c" },
		{ "q=%C3%A9", QUERY_FOUND, "\xc3\xa9" },
		{ "q=", QUERY_FOUND, "" },
		{ "q", QUERY_FOUND, "" },
		{ "q=a=b", QUERY_FOUND, "a=b" },
		{ "", QUERY_NONE, "" },
		{ "qq=a&Q=b&%71=c", QUERY_NONE, "" },
		{ "q=a&q=b", QUERY_BROKEN, NULL },
		{ "q=%", QUERY_BROKEN, NULL },
		{ "q=%4", QUERY_BROKEN, NULL },
		{ "q=%4g", QUERY_BROKEN, NULL },
		{ "q=%00", QUERY_BROKEN, NULL },
		{ "q=%1b", QUERY_BROKEN, NULL },
		{ "q=%7F", QUERY_BROKEN, NULL },
		{ "q=a%0d%0ab", QUERY_BROKEN, NULL },
	};
	struct buf value = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		print_message("%s\n", cases[i].query);
		assert_int_equal(query_value(str_of(cases[i].query), STR("q"), &value),
		    cases[i].want);
		if (cases[i].value != NULL)
			assert_true(str_eq(buf_str(&value), str_of(cases[i].value)));
	}
	char longest[REQUEST_VALUE_BYTES + 4] = "q=";

	memset(longest + 2, 'a', REQUEST_VALUE_BYTES + 1);
	assert_int_equal(query_value((struct str){ longest, REQUEST_VALUE_BYTES + 2 },
			     STR("q"), &value),
	    QUERY_FOUND);
	assert_int_equal(query_value((struct str){ longest, REQUEST_VALUE_BYTES + 3 },
			     STR("q"), &value),
	    QUERY_BROKEN);
	buf_done(&value);
}

static void
test_hosts(void **state)
{
	static const char *const names[] = { "mail.example.org" };
	static const struct host_list allowed = { names, 1 };
	static const char *const ours[] = { "localhost", "LocalHost:1", "127.0.0.1",
		"127.255.255.254:80", "[::1]", "[::1]:65535", "mail.example.org",
		"MAIL.EXAMPLE.ORG:443" };
	static const char *const others[] = { "", ":80", "localhost:", "localhost:x",
		"localhost:123456", "localhost.", "127.1", "127.0.0.999",
		"127.0.0.1.example.org", "128.0.0.1", "0.0.0.0", "[::1", "[::]", "::1",
		"[::1]x", "example.org", "x.mail.example.org",
		"mail.example.org, localhost", "localhost@example.org",
		"mail.example.org:80:80", " localhost" };

	(void)state;
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		print_message("%s\n", ours[i]);
		assert_true(request_host_is_ours(str_of(ours[i]), &allowed));
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		print_message("%s\n", others[i]);
		assert_false(request_host_is_ours(str_of(others[i]), &allowed));
	}
}

static void
test_origins(void **state)
{
	struct str host = STR("localhost:8025");

	(void)state;
	assert_true(request_origin_is_ours(str_of(NULL), host));
	assert_true(request_origin_is_ours(STR("http://localhost:8025"), host));
	assert_true(request_origin_is_ours(STR("https://LOCALHOST:8025"), host));
	assert_false(request_origin_is_ours(STR(""), host));
	assert_false(request_origin_is_ours(STR("null"), host));
	assert_false(request_origin_is_ours(STR("http://localhost"), host));
	assert_false(request_origin_is_ours(STR("http://localhost:8025.example.org"),
	    host));
	assert_false(request_origin_is_ours(STR("http://"), STR("")));
	assert_true(request_site_is_ours(str_of(NULL)));
	assert_true(request_site_is_ours(STR("same-origin")));
	assert_true(request_site_is_ours(STR("none")));
	assert_false(request_site_is_ours(STR("same-site")));
	assert_false(request_site_is_ours(STR("cross-site")));
	assert_false(request_site_is_ours(STR("")));
}

static void
test_tokens(void **state)
{
	struct str token = STR("s3cret");

	(void)state;
	assert_true(request_has_token(STR("Bearer s3cret"), token));
	assert_true(request_has_token(STR("bearer  s3cret "), token));
	assert_false(request_has_token(str_of(NULL), token));
	assert_false(request_has_token(STR("Bearer"), token));
	assert_false(request_has_token(STR("Bearer "), token));
	assert_false(request_has_token(STR("Bearer s3cre"), token));
	assert_false(request_has_token(STR("Bearer s3crett"), token));
	assert_false(request_has_token(STR("Bearer s3crets3cret"), token));
	assert_false(request_has_token(STR("Bearer S3cret"), token));
	assert_false(request_has_token(STR("Basic s3cret"), token));
	assert_false(request_has_token(STR("s3cret"), token));
	assert_false(request_has_token(STR("Bearer "), STR("")));
	assert_false(request_has_token(STR("Bearer x"), STR("")));
	assert_true(request_is_json(STR("application/json")));
	assert_true(request_is_json(STR("Application/JSON ; charset=utf-8")));
	assert_false(request_is_json(STR("text/plain; application/json")));
	assert_false(request_is_json(str_of(NULL)));
}

static void
test_bodies(void **state)
{
	static const char *const wrong[] = { "", "null", "[]", "1", "{", "{\"who\":1}",
		"{\"who\":null}", "{\"note\":[]}", "{\"who\":\"a\\nb\"}",
		"{\"note\":\"\\u202e\"}", "{\"note\":\"\xff\"}", "{} x", "[[[[[[" };
	struct ack_body body = { 0 };
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		print_message("%s\n", wrong[i]);
		assert_true(ack_body_read(str_of(wrong[i]), &body, &err) < 0);
	}
	assert_int_equal(
	    ack_body_read(STR("{\"who\":\"ann\",\"note\":\"\\u00e9 --x\",\"z\":1}"), &body,
		&err),
	    0);
	assert_string_equal(buf_cstr(&body.who), "ann");
	assert_string_equal(buf_cstr(&body.note), "\xc3\xa9 --x");
	ack_body_done(&body);
	assert_int_equal(ack_body_read(STR("{}\n"), &body, &err), 0);
	assert_int_equal(body.who.n, 0);
	ack_body_done(&body);
}

/* Never back, 0 at first, and nothing twice when another store takes the place. */
static void
test_counters(void **state)
{
	struct counters *c = counters_new();

	(void)state;
	assert_non_null(c);
	counters_begin(c, 1);
	assert_int_equal(counters_value(c, STR("a"), 100), 0);
	counters_begin(c, 1);
	assert_int_equal(counters_value(c, STR("a"), 130), 30);
	assert_int_equal(counters_value(c, STR("late"), 5), 5);
	counters_begin(c, 1);
	assert_int_equal(counters_value(c, STR("a"), 120), 30);
	assert_int_equal(counters_value(c, STR("a"), 131), 31);
	counters_begin(c, 2);
	assert_int_equal(counters_value(c, STR("a"), 0), 31);
	assert_int_equal(counters_value(c, STR("a"), 4), 35);
	assert_false(counters_lost(c));
	counters_free(c);
}

static void
test_text(void **state)
{
	static const struct om_labels labels = { { { "a", STR_INIT("x\"\\\n\xff") } } };
	struct buf out = { 0 };
	struct om_writer w = { .out = &out, .format = METRICS_OPENMETRICS };

	(void)state;
	om_family(&w, "m", OM_COUNTER, NULL, "Help.");
	om_int(&w, NULL, &labels, 3);
	om_end(&w);
	assert_string_equal(buf_cstr(&out),
	    "# TYPE m counter\n# HELP m Help.\nm_total{a=\"x\\\"\\\\??\"} 3\n# EOF\n");
	buf_clear(&out);
	w.format = METRICS_TEXT;
	om_family(&w, "m", OM_COUNTER, NULL, "Help.");
	om_seconds(&w, NULL, NULL, 1500000);
	om_end(&w);
	assert_string_equal(buf_cstr(&out),
	    "# TYPE m_total counter\n# HELP m_total Help.\nm_total 1.500000\n");
	buf_done(&out);
	assert_true(request_wants_openmetrics(STR("")));
	assert_true(request_wants_openmetrics(STR("*/*")));
	assert_true(request_wants_openmetrics(
	    STR("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")));
	assert_false(request_wants_openmetrics(STR("text/plain;version=0.0.4")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
