/*
 * rules/stats: against values that were computed with sixty decimal digits, by summing
 * every single probability, and against the inputs that nobody should pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "rules/stats.h"

#define N(a) (sizeof(a) / sizeof *(a))

static void
assert_near(const char *what, size_t row, double want, double got, double relative)
{
	if (!(fabs(got - want) <= fabs(want) * relative + 1e-300))
		fail_msg("%s, row %zu: want %.10g, got %.10g", what, row, want, got);
}

static void
test_quantile(void **state)
{
	static const double cases[][2] = {
		{ 0.9, 1.281551566 },
		{ 0.99, 2.326347874 },
		{ 0.999, 3.090232306 },
		{ 0.9999, 3.719016485 },
		{ 1e-6, -4.753424309 },
		{ 0.025, -1.959963985 },
		{ 1e-10, -6.361340902 },
		/* on either side of the seam at 0.925 */
		{ 0.92, 1.405071560 },
		{ 0.93, 1.475791028 },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++)
		assert_near("quantile", i, cases[i][1], stats_normal_quantile(cases[i][0]),
		    1e-8);
	assert_true(fabs(stats_normal_quantile(0.5)) < 1e-12);
	assert_true(stats_normal_quantile(0) < -30);
	assert_true(stats_normal_quantile(1) > 8);
	assert_true(stats_normal_quantile(NAN) < -30);
}

static void
test_wilson(void **state)
{
	static const struct {
		int64_t hits, total;
		double confidence, lower, upper;
	} cases[] = {
		{ 0, 10, 0.99, 0, 0.3511504997 },
		{ 1, 10, 0.95, 0.02263490873, 0.3477186673 },
		{ 10, 10, 0.99, 0.6488495003, 1 },
		{ 500, 1000, 0.99, 0.4633163405, 0.5366836595 },
		{ 3, 5, 0.999, 0.1320830594, 0.9366476562 },
		{ 40, 60, 0.99, 0.5165841812, 0.7891706081 },
		{ 2, 1000000, 0.9, 8.314394535e-7, 4.810925695e-6 },
		/* nothing seen, nonsense */
		{ 0, 0, 0.99, 0, 1 },
		{ 5, -3, 0.99, 0, 1 },
		{ 20, 10, 0.99, 0.6488495003, 1 },
		{ -7, 10, 0.99, 0, 0.3511504997 },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		assert_near("lower", i, cases[i].lower,
		    stats_wilson_lower(cases[i].hits, cases[i].total, cases[i].confidence),
		    1e-8);
		assert_near("upper", i, cases[i].upper,
		    stats_wilson_upper(cases[i].hits, cases[i].total, cases[i].confidence),
		    1e-8);
	}
	/* Below one half a confidence means nothing: the share itself. */
	assert_near("coin", 0, 0.5, stats_wilson_lower(5, 10, 0.1), 1e-9);
	assert_near("coin", 1, 0.5, stats_wilson_lower(5, 10, NAN), 1e-9);
	assert_near("huge", 0, 0.5, stats_wilson_upper(INT64_MAX / 2, INT64_MAX, 0.999),
	    1e-6);
}

static void
test_negbin(void **state)
{
	static const struct {
		int64_t x;
		double mean, dispersion, tail;
	} cases[] = {
		/* Poisson */
		{ 1, 0.5, 1, 3.934693403e-1 },
		{ 10, 3, 1, 1.102488130e-3 },
		{ 50, 10, 1, 1.854726884e-19 },
		{ 100, 120, 1, 9.721362601e-1 },
		{ 10600, 10000, 1, 1.440851924e-9 },
		/* bursts */
		{ 60, 20, 4, 6.952084722e-4 },
		{ 10, 3, 2.5, 3.023308800e-2 },
		{ 1, 0.001, 3, 5.491553033e-4 },
		{ 500, 200, 10, 3.760816001e-7 },
		{ 3, 10, 2, 9.807128906e-1 },
		{ 120, 20, 1.5, 1.941055241e-27 },
		{ 2000, 1000, 20, 1.034375168e-8 },
		{ 12000, 10000, 50, 3.647409854e-3 },
		{ 200, 50, 1.0001, 2.070614347e-57 },
		{ 5, 0.01, 30, 4.992257067e-4 },
		{ 100, 1, 100, 2.238596343e-3 },
		{ 1, 2, 7, 4.772420414e-1 },
		/* nothing, nonsense */
		{ 0, 10, 2, 1 },
		{ -5, 10, 2, 1 },
		{ 1, 0, 2, 0 },
		{ 1, -4, 2, 0 },
		{ 10, 3, -8, 1.102488130e-3 },
		{ 10, 3, NAN, 1.102488130e-3 },
		{ 10, NAN, 1, 0 },
		{ 10, INFINITY, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++)
		assert_near("negbin", i, cases[i].tail,
		    stats_negbin_upper_tail(cases[i].x, cases[i].mean, cases[i].dispersion),
		    1e-7);
	/* The limit is reached without a step. */
	for (double mean = 0.1; mean < 2e8; mean *= 10) {
		int64_t x = (int64_t)(mean + 5 * sqrt(mean)) + 1;
		double poisson = stats_negbin_upper_tail(x, mean, 1);

		assert_near("limit", 0, poisson,
		    stats_negbin_upper_tail(x, mean, 1 + 1.01e-9), 1e-6);
		assert_true(poisson > 1e-9 && poisson < 5e-3);
	}
	/* Huge numbers: never less likely than for a hundredth of the span. */
	double small = stats_negbin_upper_tail(100060000, 1e8, 100);
	double large = stats_negbin_upper_tail(INT64_C(10006000000), 1e10, 100);
	assert_true(large >= small * 0.9 && large < 0.5);
	assert_true(stats_negbin_upper_tail(INT64_MAX, 1e18, 1e300) <= 1);
	assert_true(stats_negbin_upper_tail(INT64_MAX, 1e-300, 1) == 0);
}

static void
test_silence(void **state)
{
	(void)state;
	assert_near("silence", 0, -10, stats_silence_log_p(10, 1), 1e-12);
	assert_near("silence", 1, -6.931471806, stats_silence_log_p(10, 2), 1e-9);
	assert_near("silence", 2, -0.1485315387, stats_silence_log_p(0.5, 8), 1e-9);
	assert_near("silence", 3, -117.2826683, stats_silence_log_p(1000, 30), 1e-9);
	/* The same question as P(X >= 1), asked the other way. */
	assert_near("silence", 4, 1 - exp(stats_silence_log_p(2, 7)),
	    stats_negbin_upper_tail(1, 2, 7), 1e-9);
	assert_true(stats_silence_log_p(0, 3) == 0);
	assert_true(stats_silence_log_p(-1, 3) == 0);
	assert_true(stats_silence_log_p(NAN, NAN) == 0);
	assert_true(isfinite(stats_silence_log_p(INFINITY, INFINITY)));
}

static void
test_share(void **state)
{
	static const struct {
		int64_t hits, total;
		double base_hits, base_total;
		bool upper;
		double tail;
	} cases[] = {
		{ 5, 10, 10, 100, true, 3.409577765e-3 },
		{ 3, 5, 0, 1000, true, 1.854068213e-8 },
		{ 0, 20, 50, 100, false, 4.647144232e-6 },
		{ 20, 20, 900, 1000, true, 1.230462907e-1 },
		{ 60, 100, 200, 1000, true, 1.963609889e-16 },
		{ 40, 100, 200, 1000, true, 1.119740787e-5 },
		{ 2, 100, 200, 1000, false, 1.683318631e-7 },
		{ 30, 1000, 1000, 100000, true, 2.523854021e-7 },
		{ 299, 300, 1000, 1000, false, 1.229166806e-1 },
		{ 100, 4000, 10, 1000, true, 9.350956155e-4 },
		/* no history: nothing is surprising */
		{ 1, 1, 0, 0, true, 0.5 },
		{ 3, 10, 0, 0, true, 6.574249268e-1 },
		/* nothing, nonsense */
		{ 0, 0, 5, 10, true, 1 },
		{ 0, 10, 5, 10, true, 1 },
		{ 10, 10, 5, 10, false, 1 },
		{ -3, 20, 50, 100, false, 4.647144232e-6 },
		{ 30, 20, 900, 1000, true, 1.230462907e-1 },
		{ 1, 1, -5, NAN, true, 0.5 },
		{ 1, 1, NAN, 0, false, 1 },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++)
		assert_near("share", i, cases[i].tail,
		    stats_share_tail(cases[i].hits, cases[i].total, cases[i].base_hits,
			cases[i].base_total, cases[i].upper),
		    1e-6);
	/* Both tails together hold the count itself twice. */
	for (int64_t k = 1; k < 50; k++) {
		double up = stats_share_tail(k, 50, 7, 30, true);
		double down = stats_share_tail(k - 1, 50, 7, 30, false);

		assert_near("both", (size_t)k, 1, up + down, 1e-9);
	}
}

/* Samples too large to sum say less, never more, than a smaller one of the same share. */
static void
test_share_large(void **state)
{
	(void)state;
	for (int64_t n = 1000; n <= 10000000; n *= 10) {
		double of_n = stats_share_tail(n * 6 / 10, n, 400, 1000, true);
		double of_less = stats_share_tail(600, 1000, 400, 1000, true);

		assert_true(of_n <= of_less * 1.001 && of_n > 0);
		of_n = stats_share_tail(n * 2 / 10, n, 400, 1000, false);
		of_less = stats_share_tail(200, 1000, 400, 1000, false);
		assert_true(of_n <= of_less * 1.001 && of_n > 0);
		assert_near("usual", 0, 0.5,
		    stats_share_tail(n * 4 / 10, n, 400, 1000, true), 0.05);
	}
	/* A rare share of many stays sharp: 1 of 10,000, now 1 of 1,000. */
	assert_true(stats_share_tail(10000, 10000000, 1000, 1e7, true) < 1e-12);
	assert_true(stats_share_tail(1100, 10000000, 1000, 1e7, true) > 1e-3);
	/* Extremes end, and stay probabilities. */
	static const double bases[] = { 0, 0.5, 1, 1e3, 1e9, INFINITY };
	static const int64_t counts[] = { 0, 1, 5000, 9999999, 10000000, INT64_MAX };
	for (size_t i = 0; i < N(bases) * N(bases) * N(counts) * N(counts) * 2; i++) {
		size_t j = i / 2, k = j / N(bases), m = k / N(bases);
		double p = stats_share_tail(counts[m % N(counts)], counts[m / N(counts)],
		    bases[j % N(bases)], bases[k % N(bases)], i % 2 == 0);

		assert_true(p >= 0 && p <= 1);
	}
}

static void
test_dispersion(void **state)
{
	/* days of 3/10, 5/10, 9/10 and 3/30 */
	double squares = 0.9 + 2.5 + 8.1 + 0.3, share = 20.0 / 60, chi2 = 0;
	static const double days[][2] = { { 3, 10 }, { 5, 10 }, { 9, 10 }, { 3, 30 } };

	(void)state;
	assert_near("counts", 0, 2, stats_dispersion_counts(20, 11, 1, 100), 1e-12);
	assert_near("counts", 1, 1, stats_dispersion_counts(5, 11, 1, 100), 1e-12);
	assert_near("counts", 2, 100, stats_dispersion_counts(1e9, 11, 1, 100), 1e-12);
	assert_near("counts", 3, 1, stats_dispersion_counts(20, 1, 1, 100), 1e-12);
	assert_near("counts", 4, 1, stats_dispersion_counts(20, 0, -5, 100), 1e-12);
	assert_near("counts", 5, 1, stats_dispersion_counts(NAN, 11, 1, 100), 1e-12);
	assert_near("counts", 6, 1, stats_dispersion_counts(20, 11, 1, NAN), 1e-12);
	assert_near("counts", 7, 1, stats_dispersion_counts(20, INT64_MIN, INT64_MAX, 9),
	    1e-12);
	for (size_t i = 0; i < N(days); i++) {
		double off = days[i][0] - days[i][1] * share;

		chi2 += off * off / (days[i][1] * share * (1 - share));
	}
	assert_near("shares", 0, chi2 / 3, stats_dispersion_shares(squares, 20, 60, 4, 100),
	    1e-12);
	assert_near("shares", 1, 1, stats_dispersion_shares(0, 0, 60, 4, 100), 1e-12);
	assert_near("shares", 2, 1, stats_dispersion_shares(60, 60, 60, 4, 100), 1e-12);
	assert_near("shares", 3, 1, stats_dispersion_shares(3, 3, 0, 4, 100), 1e-12);
	assert_near("shares", 4, 1, stats_dispersion_shares(NAN, NAN, NAN, 4, 9), 1e-12);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantile),
		cmocka_unit_test(test_wilson),
		cmocka_unit_test(test_negbin),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_share_large),
		cmocka_unit_test(test_dispersion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
