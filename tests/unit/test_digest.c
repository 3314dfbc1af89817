/* The digest's model and words, from figures made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/clock.h"
#include "report/telling.h"

#define DAY_US (INT64_C(86400) * US_PER_S)

static int
set_zone(void **state)
{
	(void)state;
	(void)setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return 0;
}

static int64_t
at(const char *words)
{
	int64_t us = 0;

	assert_true(clock_parse_words(str_of(words), 0, CLOCK_PAST, &us));
	return us;
}

/* --- weeks --- */

static void
test_weeks(void **state)
{
	static const struct {
		const char *week, *from, *until;
	} cases[] = {
		{ "2026-W10", "2026-03-02", "2026-03-09" },
		{ "2026-W01", "2025-12-29", "2026-01-05" },
		{ "2020-W53", "2020-12-28", "2021-01-04" },
		{ "2026-W13", "2026-03-23", "2026-03-30" }, /* an hour shorter */
	};
	struct digest_span span;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(digest_parse_week(str_of(cases[i].week), at("2027-01-01"),
		    &span));
		assert_int_equal(span.from_us, at(cases[i].from));
		assert_int_equal(span.until_us, at(cases[i].until));
		assert_int_equal(span.before_until_us, span.from_us);
		assert_false(span.so_far);
	}
	assert_int_equal(at("2026-03-30") - at("2026-03-23"), 7 * DAY_US - DAY_US / 24);
	static const char *const wrong[] = { "2026-W54", "2021-W53", "2026-W00", "2026W10",
		"2026-W1", "2027-W10", "", "2026-W1x", "0000-W01" };

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (digest_parse_week(str_of(wrong[i]), at("2026-12-31"), &span))
			fail_msg("%s", wrong[i]);
}

static void
test_last_week(void **state)
{
	struct digest_span span = digest_last_week(at("2026-03-09 00:00"));

	(void)state;
	assert_int_equal(span.from_us, at("2026-03-02"));
	assert_int_equal(span.week, 10);
	span = digest_last_week(at("2026-03-08 23:59"));
	assert_int_equal(span.from_us, at("2026-02-23"));
	/* one that is not over is compared with as much of the one before */
	assert_true(digest_parse_week(STR("2026-W10"), at("2026-03-04 12:00"), &span));
	assert_true(span.so_far);
	assert_int_equal(span.before_until_us, at("2026-02-25 12:00"));
}

/* --- the model --- */

enum { GOOGLE, MICROSOFT, PROVIDERS };

struct sample {
	struct digest d;
	struct figure_provider now[PROVIDERS], before[PROVIDERS];
};

static void
set(struct figures *f, struct figure_provider *rows, size_t i, const char *id,
    int64_t delivered, int64_t bounced)
{
	rows[i].provider = str_of(id);
	rows[i].outcomes[OUTCOME_DELIVERED] = delivered;
	rows[i].outcomes[OUTCOME_BOUNCED] = bounced;
	f->out.outcomes[OUTCOME_DELIVERED] += delivered;
	f->out.outcomes[OUTCOME_BOUNCED] += bounced;
	f->providers = rows;
	f->nproviders = i + 1;
}

static struct sample *
new_sample(void)
{
	struct sample *s = calloc(1, sizeof *s);

	assert_non_null(s);
	assert_true(digest_parse_week(STR("2026-W10"), at("2026-03-09 07:00"), &s->d.span));
	s->d.now_us = at("2026-03-09 07:00");
	s->d.host = STR("mx1.example.org");
	s->d.version = STR("0");
	set(&s->d.now, s->now, GOOGLE, "google", 1000, 5);
	set(&s->d.now, s->now, MICROSOFT, "microsoft", 500, 2);
	set(&s->d.before, s->before, GOOGLE, "google", 1010, 6);
	set(&s->d.before, s->before, MICROSOFT, "microsoft", 490, 3);
	s->d.now.ledger = (struct ledger_counts){ .lines = 9000, .events = 8000 };
	s->d.before.ledger = s->d.now.ledger;
	return s;
}

static void
free_sample(struct sample *s)
{
	/* What stands in the sample is not the digest's. */
	s->d.now = s->d.before = (struct figures){ 0 };
	digest_done(&s->d);
	free(s);
}

static void
judge(struct sample *s)
{
	static const struct digest_unrest calm = { 0 };

	digest_judge(&s->d, &calm, NULL);
	assert_false(s->d.failed);
}

static struct buf
tell(const struct digest *d, const struct sheet_type *type)
{
	static const struct telling_plots nowhere = { 0 };
	struct buf out = { 0 };

	telling_write(d, type, &nowhere, &out);
	assert_false(out.failed);
	return out;
}

static bool
says(struct str text, const char *words)
{
	return str_find(text, str_of(words)) >= 0;
}

static void
test_quiet(void **state)
{
	struct sample *s = new_sample();

	(void)state;
	judge(s);
	assert_true(s->d.quiet);
	assert_int_equal(s->d.health, DIGEST_HEALTHY);
	assert_true(says(s->d.verdict,
	    "Mail is healthy: 99.5 % of 1,507 delivery attempts"));
	AUTO(buf_done) struct buf text = tell(&s->d, &sheet_text);

	assert_false(says(buf_str(&text), "---"));
	free_sample(s);
}

static void
test_change(void **state)
{
	struct sample *s = new_sample();

	(void)state;
	s->now[MICROSOFT].outcomes[OUTCOME_BOUNCED] = 300;
	s->now[MICROSOFT].outcomes[OUTCOME_DELIVERED] = 200;
	judge(s);
	assert_false(s->d.quiet);
	assert_int_equal(s->d.health, DIGEST_WARNING);
	assert_int_equal(s->d.nchanges, 1);
	assert_true(s->d.changes[0].bad);
	assert_true(says(s->d.changes[0].text,
	    "at microsoft the share accepted fell from 99.4 % to 40.0 %"));
	assert_int_equal(s->d.providers[GOOGLE].accepted.sign, 0);
	free_sample(s);
}

/* Nothing is compared with a time in which nothing was read. */
static void
test_no_before(void **state)
{
	struct sample *s = new_sample();

	(void)state;
	s->d.before.ledger.lines = 0;
	s->now[MICROSOFT].outcomes[OUTCOME_BOUNCED] = 300;
	judge(s);
	assert_int_equal(s->d.nchanges, 0);
	assert_true(says(s->d.verdict, "nothing before it to compare with"));
	free_sample(s);
}

static void
test_blind(void **state)
{
	struct sample *s = new_sample();

	(void)state;
	s->d.now.ledger.lines = 0;
	judge(s);
	assert_int_equal(s->d.health, DIGEST_BLIND);
	assert_false(s->d.quiet);
	free_sample(s);
}

static struct incident
an_incident(const char *id, enum severity severity, enum incident_state incident_state)
{
	return (struct incident){
		.id = str_of(id),
		.rule = STR("rule"),
		.severity = severity,
		.state = incident_state,
		.opened_us = at("2026-03-03 10:00"),
		.resolved_us =
		    incident_state == INCIDENT_RESOLVED ? at("2026-03-03 12:00") : 0,
		.count = 3,
		.summary = str_of(id),
		.advice = STR("It means this.\n\nDo that:\n- first\n- then `that`\n\n"
			      "    postqueue -f\n"),
	};
}

static void
test_incidents(void **state)
{
	struct sample *s = new_sample();
	struct incident list[] = {
		an_incident("aa", SEVERITY_WARNING, INCIDENT_OPEN),
		an_incident("bb", SEVERITY_CRITICAL, INCIDENT_OPEN),
		an_incident("cc", SEVERITY_CRITICAL, INCIDENT_RESOLVED),
		an_incident("dd", SEVERITY_CRITICAL, INCIDENT_RESOLVED), /* later */
		an_incident("ee", SEVERITY_CRITICAL, INCIDENT_PENDING),
	};

	(void)state;
	list[3].opened_us = list[3].resolved_us = at("2026-03-10");
	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		assert_int_equal(digest_add_incident(&s->d, &list[i]), 0);
	judge(s);
	assert_int_equal(s->d.health, DIGEST_CRITICAL);
	assert_int_equal(s->d.nopen, 2);
	assert_int_equal(s->d.nresolved, 1);
	assert_true(str_eq(s->d.open[0].id, STR("bb")));
	AUTO(buf_done) struct buf text = tell(&s->d, &sheet_text);

	assert_true(says(buf_str(&text),
	    "* critical: bb\n  Since Tue 3 March 10:00, 3 times."
	    "\n  Do that:\n  - first\n  - then `that`\n"
	    "    postqueue -f\n    mailwarden show bb\n"));
	assert_true(says(buf_str(&text), "* Tue 3 March, after 2 hours: cc\n"));
	assert_false(says(buf_str(&text), "It means this"));
	free_sample(s);
}

/* Many, with all that a stranger may write. */
static void
test_hostile(void **state)
{
	struct sample *s = new_sample();
	char evil[3000];

	(void)state;
	for (size_t i = 0; i < sizeof evil; i++)
		evil[i] = "<script>\x1b[1m\xff\"'&`\n\xe2\x80\xae- \t"[i % 25];
	for (int i = 0; i < 300; i++) {
		struct incident in = an_incident("ff", SEVERITY_WARNING, INCIDENT_OPEN);

		in.summary = in.advice = in.ack_who = in.id =
		    (struct str){ evil, sizeof evil };
		in.ack_at_us = 1;
		assert_int_equal(digest_add_incident(&s->d, &in), 0);
	}
	s->now[GOOGLE].provider = (struct str){ evil, sizeof evil };
	s->d.host = (struct str){ evil, sizeof evil };
	judge(s);
	AUTO(buf_done) struct buf text = tell(&s->d, &sheet_text);
	AUTO(buf_done) struct buf page = tell(&s->d, &sheet_html);
	AUTO(buf_done) struct buf subject = { 0 };

	for (struct str rest = buf_str(&text); rest.n > 0;) {
		struct str line = str_cut(&rest, '\n');

		assert_true(sheet_columns(line) <= SHEET_COLUMNS);
		for (size_t i = 0; i < line.n; i++)
			assert_true((unsigned char)line.p[i] >= 0x20 && line.p[i] != 0x7f);
	}
	assert_false(says(buf_str(&page), "<script"));
	assert_int_equal(str_find_char(buf_str(&page), '\x1b'), -1);
	assert_true(page.n < 100000);
	telling_subject(&s->d, &subject);
	assert_int_equal(str_find_char(buf_str(&subject), '\n'), -1);
	assert_true(says(buf_str(&text), "And 275 more"));
	free_sample(s);
}

/* --- words --- */

static void
test_numbers(void **state)
{
	static const struct {
		struct share share;
		const char *percent;
	} percents[] = {
		{ { 0, 0 }, "-" },
		{ { 0, 10 }, "0 %" },
		{ { 10, 10 }, "100 %" },
		{ { 1, 3 }, "33.3 %" },
		{ { 1, 2000 }, "0.05 %" },
		{ { 1, 20000000 }, "<0.01 %" },
		{ { 9996, 10000 }, "99.96 %" },
		{ { 19999999, 20000000 }, ">99.99 %" },
	};
	AUTO(buf_done) struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
		buf_clear(&out);
		digest_add_percent(&out, percents[i].share);
		assert_string_equal(buf_cstr(&out), percents[i].percent);
	}
	buf_clear(&out);
	digest_add_number(&out, 0);
	buf_add_char(&out, ' ');
	digest_add_number(&out, -1234567);
	buf_add_char(&out, ' ');
	digest_add_count(&out, 1, "line", NULL);
	buf_add_char(&out, ' ');
	digest_add_delay(&out, 800000);
	buf_add_char(&out, ' ');
	digest_add_delay(&out, 7 * 3600 * (int64_t)US_PER_S);
	assert_string_equal(buf_cstr(&out), "0 -1,234,567 1 line 0.8 s 7.0 h");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weeks),
		cmocka_unit_test(test_last_week),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_no_before),
		cmocka_unit_test(test_blind),
		cmocka_unit_test(test_incidents),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, set_zone, NULL);
}
