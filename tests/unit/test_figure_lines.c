/* Time lines: steps, names, and sums that are those of the figures. */
#include <string.h>

#include "store/figures.h"
#include "store_box.h"

/* A midnight, UTC. */
#define D0 (INT64_C(20000) * DAY_US)

static void
attempt(struct box *b, int64_t at_us, const char *provider, enum event_outcome outcome)
{
	struct event ev = { .time_us = at_us, .offset = -1 };

	event_set_num(&ev, EVF_kind, KIND_ATTEMPT);
	event_set_num(&ev, EVF_direction, DIRECTION_OUTBOUND);
	event_set_num(&ev, EVF_outcome, outcome);
	if (provider != NULL)
		event_set_text(&ev, EVF_provider, str_of(provider));
	event_set_num(&ev, EVF_delay, 10 * (int64_t)US_PER_S);
	if (outcome == OUTCOME_DELIVERED && provider != NULL)
		event_set_text(&ev, EVF_tls_version, STR("TLSv1.3"));
	check(b, store_add_event(b->store, &ev, &b->err));
}

static void
other(struct box *b, int64_t at_us, enum event_kind kind, enum event_direction direction,
    enum event_outcome outcome)
{
	struct event ev = { .time_us = at_us, .offset = -1 };

	event_set_num(&ev, EVF_kind, kind);
	event_set_num(&ev, EVF_direction, direction);
	event_set_num(&ev, EVF_outcome, outcome);
	check(b, store_add_event(b->store, &ev, &b->err));
}

/* Each hour something, in each fifth nothing. */
static void
fill(struct box *b, int hours)
{
	static const char *const providers[] = { "google", "yahoo", "apple", "comcast",
		"t-online", "microsoft-365", "ionos", "ovh", "strato", NULL };

	check(b, store_begin(b->store, &b->err));
	for (int h = 0; h < hours; h++) {
		int64_t at_us = D0 + h * HOUR_US;

		if (h % 5 == 0)
			continue;
		for (int i = 0; i < 10; i++)
			for (int k = i; k < 10; k++)
				attempt(b, at_us, providers[i],
				    k == 9 ? OUTCOME_DEFERRED : OUTCOME_DELIVERED);
		other(b, at_us, KIND_ATTEMPT, DIRECTION_LOCAL, OUTCOME_DELIVERED);
		other(b, at_us, KIND_REJECT, DIRECTION_INBOUND, OUTCOME_DEFERRED);
		other(b, at_us, KIND_AUTH, DIRECTION_INBOUND, OUTCOME_UNKNOWN);
		other(b, at_us, KIND_AUTH, DIRECTION_INBOUND, OUTCOME_REJECTED);
		other(b, at_us, KIND_AUTH, DIRECTION_INBOUND, OUTCOME_REJECTED);
	}
	check(b, store_commit(b->store, &b->err));
}

static struct figure_lines
lines_of(struct box *b, enum figure_line line, int64_t hours, int64_t step_us)
{
	struct figure_lines l;

	check(b, store_get_lines(b->store, line, D0, D0 + hours * HOUR_US, step_us, &l,
		     &b->err));
	return l;
}

static int64_t
sum_of(const struct figure_lines *l, const char *name)
{
	int64_t sum = 0;

	for (size_t i = 0; i < l->nlines; i++)
		if (str_eq(l->names[i], str_of(name)))
			for (size_t k = 0; k < l->nsteps; k++)
				sum += l->values[i * l->nsteps + k];
	return sum;
}

static void
test_names(void **state)
{
	static const char *const names[] = { "volume", "out", "providers", "failed",
		"delay", "tls", "logins" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(figure_line_find(str_of(names[i])), i);
	assert_int_equal(figure_line_find(STR("volumes")), LINE_COUNT);
	assert_int_equal(figure_line_find(STR("")), LINE_COUNT);
}

/* Whole hours that a day is made of, or days; never too many. */
static void
test_steps(void **state)
{
	static const struct {
		int64_t hours, step_us, got_us;
		size_t n;
	} cases[] = {
		{ 10, 1, HOUR_US, 10 },
		{ 10, 0, HOUR_US, 10 },
		{ 48, 5 * HOUR_US, 6 * HOUR_US, 8 },
		{ 48, 25 * HOUR_US, 2 * DAY_US, 1 },
		{ 49, DAY_US, DAY_US, 3 },
		{ 7 * 24, 0, HOUR_US, 168 },
		{ 30 * 24, 0, 2 * HOUR_US, 360 },
		{ 365 * 24, 0, DAY_US, 365 },
		{ 1500, HOUR_US, HOUR_US, 1500 },
		{ 1501, HOUR_US, DAY_US, 63 },
		{ 1500, 2 * HOUR_US, 2 * HOUR_US, 750 },
		{ 365 * 24, HOUR_US, DAY_US, 365 },
		{ 20 * 365 * 24, HOUR_US, 5 * DAY_US, 1460 },
		{ 20 * 365 * 24, 0, 19 * DAY_US, 385 },
		{ 1, INT64_MAX, 2 * DAY_US, 1 },
		{ 2500000 * INT64_C(24), INT64_MAX, 0, 1 },
		{ 0, 0, HOUR_US, 0 },
		{ -5, HOUR_US, HOUR_US, 0 },
	};
	struct box *b = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct figure_lines l =
		    lines_of(b, LINE_TLS, cases[i].hours, cases[i].step_us);

		if (cases[i].got_us != 0)
			assert_int_equal(l.step_us, cases[i].got_us);
		assert_int_equal(l.nsteps, cases[i].n);
		figure_lines_done(&l);
	}
}

/* A step begins where steps of that length begin. */
static void
test_begins(void **state)
{
	struct box *b = *state;
	struct figure_lines l;

	check(b, store_get_lines(b->store, LINE_TLS, D0 + 5 * HOUR_US + 7, D0 + 2 * DAY_US,
		     4 * HOUR_US, &l, &b->err));
	assert_int_equal(l.from_us, D0 + 4 * HOUR_US);
	assert_int_equal(l.nsteps, 11);
	figure_lines_done(&l);
	check(b, store_get_lines(b->store, LINE_TLS, D0 + 5 * HOUR_US, D0 + 2 * DAY_US,
		     DAY_US, &l, &b->err));
	assert_int_equal(l.from_us, D0);
	assert_int_equal(l.nsteps, 2);
	figure_lines_done(&l);
}

/* Whatever the step: all steps together are what the figures say. */
static void
test_agrees_with_figures(void **state)
{
	static const int64_t steps[] = { HOUR_US, 3 * HOUR_US, DAY_US, 4 * DAY_US, 0 };
	struct box *b = *state;
	struct figures f;

	fill(b, 96);
	check(b, store_get_figures(b->store, D0, D0 + 4 * DAY_US, &f, &b->err));
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct figure_lines l = lines_of(b, LINE_VOLUME, 96, steps[i]);

		assert_int_equal(l.nlines, 5);
		assert_int_equal(sum_of(&l, "delivered"),
		    f.out.outcomes[OUTCOME_DELIVERED] + f.local[OUTCOME_DELIVERED]);
		assert_int_equal(sum_of(&l, "deferred"), f.out.outcomes[OUTCOME_DEFERRED]);
		assert_int_equal(sum_of(&l, "rejected"), f.rejects);
		assert_int_not_equal(f.rejects, 0);
		figure_lines_done(&l);
		l = lines_of(b, LINE_OUT, 96, steps[i]);
		assert_int_equal(l.nlines, 4);
		assert_int_equal(sum_of(&l, "delivered"),
		    f.out.outcomes[OUTCOME_DELIVERED]);
		assert_int_equal(sum_of(&l, "deferred"), f.out.outcomes[OUTCOME_DEFERRED]);
		assert_int_equal(sum_of(&l, "bounced"), f.out.outcomes[OUTCOME_BOUNCED]);
		assert_int_not_equal(f.local[OUTCOME_DELIVERED], 0);
		figure_lines_done(&l);
		l = lines_of(b, LINE_TLS, 96, steps[i]);
		assert_int_equal(sum_of(&l, "plain"), f.out.tls.plain);
		assert_int_equal(sum_of(&l, "encrypted"), f.out.tls.encrypted);
		figure_lines_done(&l);
		l = lines_of(b, LINE_LOGINS, 96, steps[i]);
		assert_int_equal(sum_of(&l, "accepted"), f.logins);
		assert_int_equal(sum_of(&l, "failed"), f.logins_failed);
		figure_lines_done(&l);
	}
	figures_done(&f);
}

/* The largest by name, in both the same; an hour without mail is zero. */
static void
test_providers(void **state)
{
	struct box *b = *state;

	fill(b, 24);
	struct figure_lines all = lines_of(b, LINE_PROVIDERS, 24, HOUR_US);
	struct figure_lines failed = lines_of(b, LINE_FAILED, 24, HOUR_US);

	assert_int_equal(all.nlines, FIGURE_LINE_PROVIDERS + 1);
	assert_int_equal(failed.nlines, all.nlines);
	for (size_t i = 0; i < all.nlines; i++)
		assert_true(str_eq(all.names[i], failed.names[i]));
	assert_true(str_eq(all.names[0], STR("google")));
	assert_true(str_eq(all.names[6], STR("ionos")));
	assert_true(str_eq(all.names[7], STR("other")));
	assert_int_equal(all.values[0], 0);
	assert_int_equal(all.values[1], 10);
	assert_int_equal(failed.values[1], 1);
	/* ovh, strato, none: 3 + 2 + 1 */
	assert_int_equal(all.values[7 * all.nsteps + 1], 6);
	assert_int_equal(failed.values[7 * all.nsteps + 1], 3);
	figure_lines_done(&all);
	figure_lines_done(&failed);
}

static void
test_delay(void **state)
{
	struct box *b = *state;

	fill(b, 24);
	struct figure_lines l = lines_of(b, LINE_DELAY, 24, HOUR_US);

	assert_int_equal(l.nlines, 2);
	assert_int_equal(l.values[0], -1);
	assert_in_range(l.values[1], 9050000, 12800000);
	assert_in_range(l.values[l.nsteps + 1], 9050000, 12800000);
	figure_lines_done(&l);
}

static void
test_no_such_line(void **state)
{
	struct box *b = *state;
	struct figure_lines l;

	assert_true(store_get_lines(b->store, LINE_COUNT, D0, D0 + HOUR_US, 0, &l,
			&b->err) < 0);
	assert_true(strlen(b->err.text) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		STORE_TEST(test_steps),
		STORE_TEST(test_begins),
		STORE_TEST(test_agrees_with_figures),
		STORE_TEST(test_providers),
		STORE_TEST(test_delay),
		STORE_TEST(test_no_such_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
