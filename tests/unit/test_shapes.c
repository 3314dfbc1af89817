/* Text in the shapes of web services: markup, limits, signatures, Retry-After. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/plain.h"
#include "notify/http.h"
#include "notify/shapes.h"
#include "notify/shapes_text.h"
#include "notify/signature.h"

#include "../lab/samples.h"

#define JOINER "\xe2\x81\xa0"
#define THIN "\xe2\x80\x8b"

static void
test_markup(void **state)
{
	static const struct {
		const char *name;
		enum shape_markup markup;
		const char *text, *want;
	} cases[] = {
		{ "as it is", MARKUP_NONE, "<b> & @a *b*", "<b> & @a *b*" },
		{ "HTML", MARKUP_HTML, "<b> & \"q\" 'a'",
		    "&lt;b&gt; &amp; &quot;q&quot; 'a'" },
		{ "HTML: a mention", MARKUP_HTML, "@all x@y.org",
		    "@" JOINER "all x@y.org" },
		{ "a mention at the end of a word", MARKUP_LINE, "(@here)",
		    "(@" JOINER "here)" },
		{ "emphasis", MARKUP_LINE, "**a** ~~b~~ `c` ||d||",
		    "\xe2\x88\x97\xe2\x88\x97"
		    "a\xe2\x88\x97\xe2\x88\x97 "
		    "\xe2\x88\xbc\xe2\x88\xbc"
		    "b\xe2\x88\xbc\xe2\x88\xbc 'c' "
		    "\xc2\xa6\xc2\xa6"
		    "d\xc2\xa6\xc2\xa6" },
		{ "underscores", MARKUP_LINE, "process_limit _x_",
		    "process_limit \xef\xbc\xbfx\xef\xbc\xbf" },
		{ "a link", MARKUP_LINE, "[critical] [a](b)",
		    "[critical] [a]" JOINER "(b)" },
		{ "Discord's names", MARKUP_LINE, "<@1> <#2>",
		    "<" JOINER "@" JOINER "1> <" JOINER "#2>" },
		{ "Slack's names", MARKUP_SLACK_LINE, "<!here> a&b",
		    "&lt;!here&gt; a&amp;b" },
		{ "a code block stays one", MARKUP_CODE, "```x",
		    "`" THIN "`" THIN "`" THIN "x" },
		{ "no markup in code", MARKUP_CODE, "*a* @b <c>", "*a* @b <c>" },
		{ "Slack's code", MARKUP_SLACK_CODE, "<a> \"b\" `",
		    "&lt;a&gt; \"b\" `" THIN },
		{ "not UTF-8", MARKUP_NONE,
		    "a\xff"
		    "b",
		    "a\xef\xbf\xbd"
		    "b" },
		{ "empty", MARKUP_HTML, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf_done) struct buf out = { 0 };

		shape_add_text(&out, str_of(cases[i].text), cases[i].markup, MEASURE_BYTES,
		    1000);
		if (strcmp(buf_cstr(&out), cases[i].want) != 0)
			fail_msg("%s: got %s", cases[i].name, buf_cstr(&out));
	}
}

static void
test_measures(void **state)
{
	static const struct {
		const char *name;
		enum shape_markup markup;
		enum shape_measure measure;
		size_t max;
		const char *text, *want;
	} cases[] = {
		{ "fits", MARKUP_NONE, MEASURE_BYTES, 5, "abcde", "abcde" },
		{ "one too long", MARKUP_NONE, MEASURE_BYTES, 5, "abcdef", "ab..." },
		{ "between characters", MARKUP_NONE, MEASURE_BYTES, 6,
		    "ab\xe2\x82\xac"
		    "cd",
		    "ab..." },
		{ "bytes of an entity", MARKUP_HTML, MEASURE_BYTES, 8, "a<b>", "a&lt;..." },
		{ "an entity is one", MARKUP_HTML, MEASURE_SHOWN, 4, "a<b>", "a&lt;b&gt;" },
		{ "a pair counts two", MARKUP_NONE, MEASURE_UTF16, 5,
		    "\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7",
		    "\xf0\x9f\x93\xa7..." },
		{ "pairs that fit", MARKUP_NONE, MEASURE_UTF16, 4,
		    "\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7",
		    "\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7" },
		{ "no room for dots", MARKUP_NONE, MEASURE_BYTES, 2, "abc", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf_done) struct buf out = { 0 };

		shape_add_text(&out, str_of(cases[i].text), cases[i].markup,
		    cases[i].measure, cases[i].max);
		if (strcmp(buf_cstr(&out), cases[i].want) != 0)
			fail_msg("%s: got %s", cases[i].name, buf_cstr(&out));
	}
}

/* Whatever is cut where: within the limit, whole characters, and a prefix of the whole. */
static void
test_every_cut(void **state)
{
	const struct str text =
	    STR("a<\xc3\xa4>&\xe2\x82\xac`*@x\xf0\x9f\x93\xa7\"_\n end");

	(void)state;
	for (int markup = MARKUP_NONE; markup <= MARKUP_SLACK_CODE; markup++)
		for (size_t max = 3; max < 120; max++) {
			AUTO(buf_done) struct buf out = { 0 };

			shape_add_text(&out, text, (enum shape_markup)markup, MEASURE_BYTES,
			    max);
			assert_true(out.n <= max);
			for (struct str rest = buf_str(&out); rest.n > 0;) {
				struct plain_char c = plain_char_at(rest);

				assert_int_not_equal(c.n, 0);
				rest = str_skip(rest, c.n);
			}
		}
}

static void
test_segment(void **state)
{
	AUTO(buf_done) struct buf out = { 0 };

	(void)state;
	shape_add_segment(&out, STR("!aZ09-._~:/?#\xc3\xa4 %"));
	assert_string_equal(buf_cstr(&out), "%21aZ09-._~%3A%2F%3F%23%C3%A4%20%25");
}

static void
test_retry_after(void **state)
{
	static const struct {
		const char *value, *date;
		int64_t want_s;
	} cases[] = {
		{ "120", "", 120 },
		{ "0", "", 0 },
		{ "", "", 0 },
		{ "-5", "", 0 },
		{ "soon", "", 0 },
		{ "99999999999999999999999", "", 0 },
		{ "86400", "", HTTP_LONGEST_WAIT_S },
		/* A date counts from the server's own clock, ... */
		{ "Sat, 21 Nov 2026 08:02:00 GMT", "Sat, 21 Nov 2026 08:01:00 GMT", 60 },
		/* ... or from ours if it does not tell it. */
		{ "Sat, 21 Nov 2026 08:02:00 GMT", "", 120 },
		{ "Saturday, 21-Nov-26 08:02:00 GMT", "", 120 },
		{ "Sat Nov 21 08:02:00 2026", "", 120 },
		{ "Sat, 21 Nov 2026 07:59:00 GMT", "", 0 },
		{ "Sun, 22 Nov 2026 08:00:00 GMT", "", HTTP_LONGEST_WAIT_S },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t got = http_retry_after_us(cases[i].value, cases[i].date,
		    SAMPLES_NOW_US / US_PER_S);

		if (got != cases[i].want_s * US_PER_S)
			fail_msg("%s: got %lld", cases[i].value, (long long)got);
	}
}

/* Computed by another implementation: Python's hmac. */
static void
test_signature(void **state)
{
	AUTO(buf_done) struct buf out = { 0 };

	(void)state;
	assert_int_equal(signature_add(&out, STR("key"), 1795248000, STR("{\"a\":1}")), 0);
	assert_string_equal(buf_cstr(&out),
	    "X-Mailwarden-Signature: t=1795248000,v1="
	    "cc196870c3f1f98ceb0c4364470797609d38c79387ab6f28b7fcab575a47bd75");
}

static struct message *
message_of(const char *sample, const char *dashboard)
{
	AUTO(samples_done) struct samples samples = { 0 };
	const struct message_context context = {
		.host = STR("mx1"),
		.now_us = SAMPLES_NOW_US,
		.version = STR("0.1.0"),
		.dashboard = str_of(dashboard),
	};

	assert_true(samples_make(sample, &samples));
	struct message *message =
	    message_new(STR("id1"), samples.items, samples.n, &context);

	assert_non_null(message);
	return message;
}

/* What a service can't do without is told before anything is sent. */
static void
test_settings(void **state)
{
	static const struct {
		enum webhook_shape shape;
		const char *url, *token, *room, *want;
	} cases[] = {
		{ SHAPE_MAILWARDEN, "", "", "", "needs a url" },
		{ SHAPE_SLACK, "", "", "", "needs a url" },
		{ SHAPE_NTFY, "https://ntfy.example.org/", "", "", "TOPIC" },
		{ SHAPE_NTFY, "https://ntfy.example.org", "", "", "TOPIC" },
		{ SHAPE_NTFY, "topic", "", "", "TOPIC" },
		{ SHAPE_GOTIFY, "https://g.example.org", "", "", "token_file" },
		{ SHAPE_MATRIX, "https://m.example.org", "t", "", "room" },
		{ SHAPE_MATRIX, "https://m.example.org", "t", "#a:b", "'!'" },
		{ SHAPE_TELEGRAM, "", "", "1", "token_file" },
		{ SHAPE_TELEGRAM, "", "1:a", "", "room" },
		{ SHAPE_TELEGRAM, "", "1:a/../b", "1", "BotFather" },
		{ SHAPE_PAGERDUTY, "", "", "", "token_file" },
		{ SHAPE_TELEGRAM, "", "1:a", "1", NULL },
		{ SHAPE_PAGERDUTY, "", "k", "", NULL },
		{ SHAPE_NTFY, "https://ntfy.example.org/t", "", "", NULL },
	};
	struct message *message = message_of("opened", "");

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(shape_request_done) struct shape_request request = { 0 };
		const struct shape_context context = {
			.message = message,
			.url = str_of(cases[i].url),
			.token = str_of(cases[i].token),
			.room = str_of(cases[i].room),
		};
		struct err err = { "" };
		int r = shape_build(cases[i].shape, &context, 0, &request, &err);

		if ((r < 0) != (cases[i].want != NULL) ||
		    (r < 0 && strstr(err.text, cases[i].want) == NULL))
			fail_msg("%zu: %d %s", i, r, err.text);
	}
	message_free(message);
}

/* Each shape of each sample stays below a size that every one of the services takes. */
static void
test_sizes(void **state)
{
	static const char *const samples[] = { "opened", "escalated", "resolved",
		"reminder", "many", "test", "hostile" };
	static const size_t most[] = {
		[SHAPE_NTFY] = 8192,
		[SHAPE_GOTIFY] = 40000,
		[SHAPE_SLACK] = 16000,
		[SHAPE_MATRIX] = 64000,
		[SHAPE_DISCORD] = 30000,
		[SHAPE_TELEGRAM] = 30000,
		[SHAPE_PAGERDUTY] = 512 * 1024,
		[SHAPE_ALERTMANAGER] = 8 * 1024 * 1024,
	};

	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
		struct message *message = message_of(samples[i], "https://d.example.org/");

		for (int shape = SHAPE_NTFY; shape <= SHAPE_ALERTMANAGER; shape++) {
			AUTO(shape_request_done) struct shape_request request = { 0 };
			const struct shape_context context = {
				.message = message,
				.url = STR("https://s.example.org/topic"),
				.token = STR("t"),
				.room = STR("!r"),
			};
			struct err err = { "" };

			assert_int_equal(shape_build((enum webhook_shape)shape, &context, 0,
					     &request, &err),
			    0);
			if (request.body.n > most[shape])
				fail_msg("%s of %s: %zu bytes",
				    shape_name((enum webhook_shape)shape), samples[i],
				    request.body.n);
			/* On one line and without a NUL: JSON escapes both. */
			assert_null(memchr(request.body.p, '\n', request.body.n));
			assert_null(memchr(request.body.p, '\0', request.body.n));
		}
		message_free(message);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_markup),
		cmocka_unit_test(test_measures),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_segment),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_signature),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
