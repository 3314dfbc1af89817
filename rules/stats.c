#include "rules/stats.h"

#include <math.h>
#include <stddef.h>

#define COUNT_MAX 1e8     /* counts above it are scaled down */
#define VALUE_MAX 1e15    /* infinities and the like */
#define STEPS_MAX 50000   /* of a series or continued fraction */
#define SPREAD_MAX 2000.0 /* standard deviation of a count whose tail is summed */
#define SUM_MAX 100000    /* terms of such a sum */
#define NEARLY_POISSON 1e-9

static const double HALF_LN_2PI = 0.91893853320467274178;

/* Into [low, high]; NaN becomes low. */
static double
clamp(double value, double low, double high)
{
	if (!(value > low))
		return low;
	return value < high ? value : high;
}

/* c[0] + c[1] x + ... + c[n-1] x^(n-1) */
static double
polynomial(const double *c, size_t n, double x)
{
	double sum = 0;

	while (n > 0)
		sum = sum * x + c[--n];
	return sum;
}

double
stats_normal_quantile(double p)
{
	static const double a[] = { 3.3871328727963666080e0, 1.3314166789178437745e2,
		1.9715909503065514427e3, 1.3731693765509461125e4, 4.5921953931549871457e4,
		6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3 };
	static const double b[] = { 1.0, 4.2313330701600911252e1, 6.8718700749205790830e2,
		5.3941960214247511077e3, 2.1213794301586595867e4, 3.9307895800092710610e4,
		2.8729085735721942674e4, 5.2264952788528545610e3 };
	static const double c[] = { 1.42343711074968357734e0, 4.63033784615654529590e0,
		5.76949722146069140550e0, 3.64784832476320460504e0,
		1.27045825245236838258e0, 2.41780725177450611770e-1,
		2.27238449892691845833e-2, 7.74545014278341407640e-4 };
	static const double d[] = { 1.0, 2.05319162663775882187e0, 1.67638483018380384940e0,
		6.89767334985100004550e-1, 1.48103976427480074590e-1,
		1.51986665636164571966e-2, 5.47593808499534494600e-4,
		1.05075007164441684324e-9 };
	static const double e[] = { 6.65790464350110377720e0, 5.46378491116411436990e0,
		1.78482653991729133580e0, 2.96560571828504891230e-1,
		2.65321895265761230930e-2, 1.24266094738807843860e-3,
		2.71155556874348757815e-5, 2.01033439929228813265e-7 };
	static const double f[] = { 1.0, 5.99832206555887937690e-1,
		1.36929880922735805310e-1, 1.48753612908506148525e-2,
		7.86869131145613259100e-4, 1.84631831751005468180e-5,
		1.42151175831644588870e-7, 2.04426310338993978564e-15 };

	p = clamp(p, 1e-300, 1 - 1e-16);
	double q = p - 0.5;
	if (fabs(q) <= 0.425) {
		double r = 0.180625 - q * q;

		return q * polynomial(a, 8, r) / polynomial(b, 8, r);
	}
	double r = sqrt(-log(q < 0 ? p : 1 - p));
	double z = r <= 5 ? polynomial(c, 8, r - 1.6) / polynomial(d, 8, r - 1.6)
			  : polynomial(e, 8, r - 5) / polynomial(f, 8, r - 5);
	return q < 0 ? -z : z;
}

/* The score interval's end: side -1 the lower, 1 the upper one. */
static double
wilson(int64_t hits, int64_t total, double confidence, int side)
{
	if (total <= 0)
		return side < 0 ? 0 : 1;

	double n = (double)total;
	double share = clamp((double)hits, 0, n) / n;
	double z = stats_normal_quantile(clamp(confidence, 0.5, 1));
	double spread = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n));
	double end = (share + z * z / (2 * n) + side * spread) / (1 + z * z / n);

	/* Rounding must not deny what was seen to be possible. */
	if (side < 0)
		return hits <= 0 ? 0 : clamp(end, 0, share);
	return hits >= total ? 1 : clamp(end, share, 1);
}

double
stats_wilson_lower(int64_t hits, int64_t total, double confidence)
{
	return wilson(hits, total, confidence, -1);
}

double
stats_wilson_upper(int64_t hits, int64_t total, double confidence)
{
	return wilson(hits, total, confidence, 1);
}

/* lgamma() keeps a sign in a global: not for threads. */
static double
log_gamma(double z)
{
	int sign;

	return lgamma_r(z, &sign);
}

/* ln gamma(z) less Stirling's formula for it (Loader 2000). */
static double
stirling_error(double z)
{
	if (z < 16)
		return log_gamma(z) - ((z - 0.5) * log(z) - z + HALF_LN_2PI);

	double zz = z * z;
	return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - 1.0 / 1680 / zz) / zz) / zz) / z;
}

/*
 * ln of q^a p^b gamma(a+b) / (gamma(a) gamma(b)), p = 1 - q. The large parts of the gamma
 * functions cancel on paper here, not in floating point.
 */
static double
log_beta_density(double a, double b, double q, double p)
{
	double off = q * b - p * a; /* how far q is from a / (a + b) */

	return a * log1p(off / a) + b * log1p(-off / b) +
	       0.5 * (log(a) + log(b) - log(a + b)) - HALF_LN_2PI + stirling_error(a + b) -
	       stirling_error(a) - stirling_error(b);
}

static double
nonzero(double value)
{
	return fabs(value) < 1e-300 ? 1e-300 : value;
}

/* I_q(a, b) for q below (a + 1) / (a + b + 2), by Lentz' method. */
static double
beta_fraction(double a, double b, double q, double p)
{
	double c = 1, d = 1 / nonzero(1 - (a + b) * q / (a + 1)), h = d;

	for (int m = 1; m <= STEPS_MAX; m++) {
		double even = m * (b - m) * q / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * q / ((a + 2 * m) * (a + 2 * m + 1));

		d = 1 / nonzero(1 + even * d);
		c = nonzero(1 + even / c);
		h *= d * c;
		d = 1 / nonzero(1 + odd * d);
		c = nonzero(1 + odd / c);
		h *= d * c;
		if (fabs(d * c - 1) < 1e-12)
			break;
	}
	return exp(log_beta_density(a, b, q, p)) / a * h;
}

/* The regularised incomplete beta function I_q(a, b), p = 1 - q. */
static double
incomplete_beta(double a, double b, double q, double p)
{
	if (q < (a + 1) / (a + b + 2))
		return beta_fraction(a, b, q, p);
	return 1 - beta_fraction(b, a, p, q);
}

/* The regularised lower incomplete gamma function P(a, m). */
static double
incomplete_gamma(double a, double m)
{
	double off = (m - a) / a;
	double density =
	    exp(a * (log1p(off) - off) + 0.5 * log(a) - HALF_LN_2PI - stirling_error(a));

	if (m < a + 1) {
		double term = 1 / a, sum = term;

		for (int n = 1; n <= STEPS_MAX && term > sum * 1e-14; n++) {
			term *= m / (a + n);
			sum += term;
		}
		return density * sum;
	}
	double b = m + 1 - a, c = 1e300, d = 1 / nonzero(b), h = d;
	for (int n = 1; n <= STEPS_MAX; n++) {
		double an = -n * (n - a);

		b += 2;
		d = 1 / nonzero(an * d + b);
		c = nonzero(b + an / c);
		h *= d * c;
		if (fabs(d * c - 1) < 1e-12)
			break;
	}
	return 1 - density * h;
}

double
stats_negbin_upper_tail(int64_t x, double mean, double dispersion)
{
	double count = (double)x;

	mean = clamp(mean, 0, VALUE_MAX);
	dispersion = clamp(dispersion, 1, VALUE_MAX);
	if (x <= 0)
		return 1;
	if (mean == 0)
		return 0;
	/* A part of the span: the sums of independent parts are distributed alike. */
	if (count > COUNT_MAX || mean > COUNT_MAX) {
		double part = COUNT_MAX / (count > mean ? count : mean);

		mean *= part;
		count = fmax(1, floor(count * part));
	}
	double tail;
	if (dispersion - 1 < NEARLY_POISSON)
		tail = incomplete_gamma(count, mean);
	else
		tail = incomplete_beta(count, mean / (dispersion - 1),
		    (dispersion - 1) / dispersion, 1 / dispersion);
	return clamp(tail, 0, 1);
}

double
stats_silence_log_p(double expected, double dispersion)
{
	double extra = clamp(dispersion, 1, VALUE_MAX) - 1;

	expected = clamp(expected, 0, VALUE_MAX);
	if (expected == 0)
		return 0; /* not -0 */
	return extra < NEARLY_POISSON ? -expected : -expected * log1p(extra) / extra;
}

/* The beta-binomial's chance of exactly k of n, as a logarithm. */
static double
log_beta_binomial(double k, double n, double a, double b)
{
	return log_gamma(n + 1) - log_gamma(k + 1) - log_gamma(n - k + 1) +
	       log_gamma(k + a) + log_gamma(n - k + b) - log_gamma(n + a + b) +
	       log_gamma(a + b) - log_gamma(a) - log_gamma(b);
}

/* Sum of the chances from k on, upwards or downwards. */
static double
sum_tail(double k, double n, double a, double b, bool upward)
{
	/* Downwards is upwards for what does not match. */
	if (!upward)
		return sum_tail(n - k, n, b, a, true);

	double first = log_beta_binomial(k, n, a, b), term = 1, sum = 1;
	for (int64_t steps = 0; k < n && steps < SUM_MAX; k++, steps++) {
		double ratio = (n - k) * (k + a) / ((k + 1) * (n - k - 1 + b));

		term *= ratio;
		sum += term;
		/* What is to come is below a geometric series; a U-shaped one ends high. */
		if (ratio < 1 && b >= 1 && term < sum * 1e-9 * (1 - ratio))
			break;
	}
	return exp(first + log(sum));
}

double
stats_share_tail(int64_t hits, int64_t total, double base_hits, double base_total,
    bool upper)
{
	if (total <= 0)
		return 1;

	double n = (double)total, k = clamp((double)hits, 0, n);
	base_total = clamp(base_total, 0, VALUE_MAX);
	base_hits = clamp(base_hits, 0, base_total);
	if (base_total > COUNT_MAX) { /* a smaller one with the same share */
		base_hits *= COUNT_MAX / base_total;
		base_total = COUNT_MAX;
	}
	double a = base_hits + 0.5, b = base_total - base_hits + 0.5;
	double share = a / (a + b);

	/* The variance grows with the square of n where the baseline is the short one. */
	for (;;) {
		double spread = sqrt(n * share * (1 - share) * (1 + (n - 1) / (a + b + 1)));
		if (n <= 2 * SPREAD_MAX || (spread <= SPREAD_MAX && n <= COUNT_MAX))
			break;
		k = upper ? floor(k / 2) : ceil(k / 2);
		n = floor(n / 2);
		k = fmin(k, n);
	}
	if (upper ? k <= 0 : k >= n)
		return 1;
	/* Sum the side that holds less: no small difference of large numbers. */
	double tail;
	if (upper ? k > n * share : k < n * share)
		tail = sum_tail(k, n, a, b, upper);
	else
		tail = 1 - sum_tail(upper ? k - 1 : k + 1, n, a, b, !upper);
	return clamp(tail, 0, 1);
}

double
stats_dispersion_counts(double chi2, int64_t n, int64_t fitted, double max)
{
	if (fitted < 0)
		fitted = 0;
	if (n <= 0 || n <= fitted)
		return 1;
	return clamp(clamp(chi2, 0, HUGE_VAL) / (double)(n - fitted), 1, fmax(max, 1));
}

double
stats_dispersion_shares(double squares, double hits, double total, int64_t n, double max)
{
	total = clamp(total, 0, VALUE_MAX);
	hits = clamp(hits, 0, total);

	double share = total > 0 ? hits / total : 0;
	double variance = share * (1 - share);
	if (!(variance > 0))
		return 1; /* all alike: nothing varies */
	return stats_dispersion_counts((squares - hits * share) / variance, n, 1, max);
}
