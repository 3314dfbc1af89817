/* parsers/header: every envelope that facts about log formats name, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "core/clock.h"
#include "parsers/header.h"

/* 2026-11-21T12:00:00Z */
#define REFERENCE_US INT64_C(1795262400000000)

struct header_case {
	const char *name;
	struct str line;
	bool none; /* no header */
	const char *time, *host, *ident, *pid, *text;
	int64_t repeated;
};

static const struct header_case cases[] = {
	{ "traditional", STR_INIT("Nov 21 02:41:17 mx1 postfix/smtp[2417]: 4bX: to=<a>"),
	    false, "2026-11-21T02:41:17.000000+00:00", "mx1", "postfix/smtp", "2417",
	    "4bX: to=<a>", 0 },
	{ "day with a blank", STR_INIT("Nov  5 02:41:17 mx1 dovecot: lmtp(1): x"), false,
	    "2026-11-05T02:41:17.000000+00:00", "mx1", "dovecot", "", "lmtp(1): x", 0 },
	{ "day with one blank", STR_INIT("Jul 7 12:34:07 localhost sm-mta[16365]: x"),
	    false, "2026-07-07T12:34:07.000000+00:00", "localhost", "sm-mta", "16365", "x",
	    0 },
	{ "day with a zero: Postfix' own file",
	    STR_INIT("Nov 05 02:41:17 mx1 postfix/smtpd[1]: connect from x"), false,
	    "2026-11-05T02:41:17.000000+00:00", "mx1", "postfix/smtpd", "1",
	    "connect from x", 0 },
	{ "no host", STR_INIT("Nov 21 02:41:17 postfix/smtp[2417]: x"), false,
	    "2026-11-21T02:41:17.000000+00:00", "", "postfix/smtp", "2417", "x", 0 },
	{ "later than the reference: last year",
	    STR_INIT("Dec 24 02:41:17 mx1 smtpd[1]: x"), false,
	    "2025-12-24T02:41:17.000000+00:00", "mx1", "smtpd", "1", "x", 0 },
	{ "a day ahead is this year: clocks differ",
	    STR_INIT("Nov 22 02:41:17 mx1 smtpd[1]: x"), false,
	    "2026-11-22T02:41:17.000000+00:00", "mx1", "smtpd", "1", "x", 0 },
	{ "leap day: the last year that had one",
	    STR_INIT("Feb 29 02:41:17 mx1 smtpd[1]: x"), false,
	    "2024-02-29T02:41:17.000000+00:00", "mx1", "smtpd", "1", "x", 0 },
	{ "RFC 3339 with fraction and offset",
	    STR_INIT("2026-11-21T02:41:17.482913+02:00 mx1 postfix/smtp[2417]: x"), false,
	    "2026-11-21T02:41:17.482913+02:00", "mx1", "postfix/smtp", "2417", "x", 0 },
	{ "RFC 3339, Z, no fraction", STR_INIT("2026-11-21T02:41:17Z mx1 smtpd[811]: x"),
	    false, "2026-11-21T02:41:17.000000+00:00", "mx1", "smtpd", "811", "x", 0 },
	{ "offset without colon", STR_INIT("2026-11-21T02:41:17-0330 mx1 smtpd[811]: x"),
	    false, "2026-11-21T02:41:17.000000-03:30", "mx1", "smtpd", "811", "x", 0 },
	{ "RFC 5424", STR_INIT("<22>1 2026-11-21T02:41:17.5Z mx1 sm-mta 42 - - 6AL: x"),
	    false, "2026-11-21T02:41:17.500000+00:00", "mx1", "sm-mta", "42", "6AL: x", 0 },
	{ "RFC 5424 with structured data and a mark",
	    STR_INIT(
		"<22>1 2026-11-21T02:41:17Z - smtpd - id [a b=\"]\\\" \"] \xef\xbb\xbfx y"),
	    false, "2026-11-21T02:41:17.000000+00:00", "", "smtpd", "", "x y", 0 },
	{ "priority before a traditional stamp",
	    STR_INIT("<22>Nov 21 02:41:17 mx1 smtpd[1]: x"), false,
	    "2026-11-21T02:41:17.000000+00:00", "mx1", "smtpd", "1", "x", 0 },
	{ "dovecot's own file",
	    STR_INIT("2026-08-11 03:56:40 auth-worker(default): Info: pam(x)"), false,
	    "2026-08-11T03:56:40.000000+00:00", "", "auth-worker", "", "Info: pam(x)", 0 },
	{ "Solaris",
	    STR_INIT("Nov 21 02:41:17 mx1 sendmail[9]: [ID 801593 mail.info] 6AL: x"),
	    false, "2026-11-21T02:41:17.000000+00:00", "mx1", "sendmail", "9", "6AL: x",
	    0 },
	{ "compose prefix",
	    STR_INIT("dovecot-mail_1    | Apr 23 17:40:32 mail dovecot: lmtp(a): x"), false,
	    "2026-04-23T17:40:32.000000+00:00", "mail", "dovecot", "", "lmtp(a): x", 0 },
	{ "compose prefix, stamp, level word, no host",
	    STR_INIT(
		"postfix   | 2026-01-24T14:43:33.171226+00:00 INFO    postfix/smtp[138]: x"),
	    false, "2026-01-24T14:43:33.171226+00:00", "", "postfix/smtp", "138", "x", 0 },
	{ "facility and level, no host",
	    STR_INIT("Nov 21 02:41:17 mail.info postfix/smtp[1]: x"), false,
	    "2026-11-21T02:41:17.000000+00:00", "", "postfix/smtp", "1", "x", 0 },
	{ "a host that begins like one",
	    STR_INIT("2026-11-21T02:41:17Z mail.example.org postfix/smtp[1]: x"), false,
	    "2026-11-21T02:41:17.000000+00:00", "mail.example.org", "postfix/smtp", "1",
	    "x", 0 },
	{ "German month", STR_INIT("M\xc3\xa4r 14 02:41:17 mx1 smtpd[1]: x"), false,
	    "2026-03-14T02:41:17.000000+00:00", "mx1", "smtpd", "1", "x", 0 },
	{ "French month", STR_INIT("f\xc3\xa9vr. 14 02:41:17 mx1 smtpd[1]: x"), false,
	    "2026-02-14T02:41:17.000000+00:00", "mx1", "smtpd", "1", "x", 0 },
	{ "repeated",
	    STR_INIT("Nov 21 02:41:17 mx1 smtpd[1]: message repeated 7 times: [ x [y]]"),
	    false, "2026-11-21T02:41:17.000000+00:00", "mx1", "smtpd", "1", "x [y]", 7 },
	{ "a header inside the text stays text",
	    STR_INIT(
		"Nov 21 02:41:17 mx1 smtpd[1]: Nov 21 02:41:18 evil postfix/smtp[2]: y"),
	    false, "2026-11-21T02:41:17.000000+00:00", "mx1", "smtpd", "1",
	    "Nov 21 02:41:18 evil postfix/smtp[2]: y", 0 },
	{ "a tag alone: the reference's time", STR_INIT("sm-mta[20900]: k4P: x"), false,
	    "2026-11-21T12:00:00.000000+00:00", "", "sm-mta", "20900", "k4P: x", 0 },
	{ "empty text", STR_INIT("Nov 21 02:41:17 mx1 smtpd[1]:"), false,
	    "2026-11-21T02:41:17.000000+00:00", "mx1", "smtpd", "1", "", 0 },
	{ "empty line", STR_INIT(""), true, NULL, NULL, NULL, NULL, NULL, 0 },
	{ "blanks", STR_INIT("    "), true, NULL, NULL, NULL, NULL, NULL, 0 },
	{ "a stamp alone", STR_INIT("Nov 21 02:41:17"), true, NULL, NULL, NULL, NULL, NULL,
	    0 },
	{ "words", STR_INIT("hello world"), true, NULL, NULL, NULL, NULL, NULL, 0 },
	{ "no such hour, no tag", STR_INIT("Nov 21 27:41:17 mx1 x"), true, NULL, NULL, NULL,
	    NULL, NULL, 0 },
	{ "NUL and high bytes", STR_INIT("\0\xff\xfe\0"), true, NULL, NULL, NULL, NULL,
	    NULL, 0 },
};

static void
assert_str(const char *what, const char *want, struct str got)
{
	if (!str_eq(str_of(want), got))
		fail_msg("%s: '%.*s', expected '%s'", what, STR_ARG(got), want);
}

static void
test_envelopes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct header_case *c = &cases[i];
		struct header_clock clock;
		struct header h;
		struct buf time = { 0 };

		header_clock_init(&clock, REFERENCE_US);
		bool found = header_parse(&clock, c->line, &h);

		if (found == c->none)
			fail_msg("%s: %s", c->name,
			    found ? "a header where none is" : "no header");
		if (c->none)
			continue;
		clock_rfc3339(&time, h.time_us, h.offset_min);
		assert_str(c->name, c->time, buf_str(&time));
		assert_str(c->name, c->host, h.host);
		assert_str(c->name, c->ident, h.ident);
		assert_str(c->name, c->pid, h.pid);
		assert_str(c->name, c->text, h.text);
		assert_int_equal(h.repeated, c->repeated);
		buf_done(&time);
	}
}

/* Views lie inside the line whatever its end: each case cut at every byte. */
static void
test_cut_at_every_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t n = 0; n <= cases[i].line.n; n++) {
			char *copy = malloc(n + 1); /* so that the sanitizer sees its end */
			struct header_clock clock;
			struct header h;

			assert_non_null(copy);
			for (size_t k = 0; k < n; k++)
				copy[k] = cases[i].line.p[k];
			copy = realloc(copy, n > 0 ? n : 1);
			header_clock_init(&clock, REFERENCE_US);
			if (header_parse(&clock, (struct str){ copy, n }, &h) &&
			    h.text.n > 0) {
				assert_true(h.text.p >= copy);
				assert_true(h.text.p + h.text.n <= copy + n);
			}
			free(copy);
		}
}

/* The zone's offset is part of the answer, also where the clocks change. */
static void
test_zone(void **state)
{
	static const struct {
		struct str line;
		const char *time;
	} zoned[] = {
		{ STR_INIT("Jul  1 12:00:00 mx1 smtpd[1]: x"),
		    "2026-07-01T12:00:00.000000+02:00" },
		{ STR_INIT("Jan  1 12:00:00 mx1 smtpd[1]: x"),
		    "2026-01-01T12:00:00.000000+01:00" },
		{ STR_INIT("Mar 29 03:30:00 mx1 smtpd[1]: x"),
		    "2026-03-29T03:30:00.000000+02:00" },
	};

	(void)state;
	(void)setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	for (size_t i = 0; i < sizeof zoned / sizeof *zoned; i++) {
		struct header_clock clock;
		struct header h;
		struct buf time = { 0 };

		header_clock_init(&clock, REFERENCE_US);
		assert_true(header_parse(&clock, zoned[i].line, &h));
		clock_rfc3339(&time, h.time_us, h.offset_min);
		assert_str("zone", zoned[i].time, buf_str(&time));
		buf_done(&time);
	}
	(void)setenv("TZ", "UTC", 1);
	tzset();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_envelopes),
		cmocka_unit_test(test_cut_at_every_byte),
		cmocka_unit_test(test_zone),
	};

	(void)setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
