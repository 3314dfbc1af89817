#include "report/shares.h"

#include <math.h>

#include "rules/stats.h"

enum { LEAST_DAYS = 3 };

static struct share
tidy(struct share share)
{
	if (share.total < 0)
		share.total = 0;
	if (share.hits < 0)
		share.hits = 0;
	if (share.hits > share.total)
		share.hits = share.total;
	return share;
}

static double
at_least_one(double dispersion)
{
	return dispersion > 1 ? dispersion : 1; /* also where it is not a number */
}

double
share_value(struct share share)
{
	share = tidy(share);
	return share.total == 0 ? -1 : (double)share.hits / (double)share.total;
}

static double
two_sided_z(void)
{
	return stats_normal_quantile(1 - (1 - SHARES_CONFIDENCE) / 2);
}

/* The score interval of a share of n trials, where n need not be whole. */
static struct share_interval
score_interval(double share, double n)
{
	double z = two_sided_z();
	double middle = share + z * z / (2 * n);
	double spread = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n));
	double scale = 1 + z * z / n;

	return (struct share_interval){ fmax(0, (middle - spread) / scale),
		fmin(1, (middle + spread) / scale) };
}

struct share_interval
share_difference(struct share now, struct share before, double dispersion)
{
	now = tidy(now);
	before = tidy(before);
	if (now.total == 0 || before.total == 0)
		return (struct share_interval){ -1, 1 };
	dispersion = at_least_one(dispersion);
	double p = share_value(now), q = share_value(before);
	struct share_interval a = score_interval(p, (double)now.total / dispersion);
	struct share_interval b = score_interval(q, (double)before.total / dispersion);

	return (struct share_interval){ p - q - hypot(p - a.lower, b.upper - q),
		p - q + hypot(a.upper - p, q - b.lower) };
}

int
share_sign(struct share now, struct share before, double dispersion, double least)
{
	struct share_interval interval = share_difference(now, before, dispersion);
	double change = share_value(now) - share_value(before);

	if (interval.lower > 0 && change >= least)
		return 1;
	return interval.upper < 0 && -change >= least ? -1 : 0;
}

int
count_sign(int64_t now, int64_t before, double dispersion, double least)
{
	/* Half a one more, so that none has a logarithm, too. */
	double a = (now > 0 ? (double)now : 0) + 0.5;
	double b = (before > 0 ? (double)before : 0) + 0.5;
	double ratio = log(a / b);
	double spread = two_sided_z() * sqrt(at_least_one(dispersion) * (1 / a + 1 / b));

	if (now < SHARES_LEAST_COUNT && before < SHARES_LEAST_COUNT)
		return 0;
	if (ratio - spread > 0 && ratio >= log(least))
		return 1;
	return ratio + spread < 0 && -ratio >= log(least) ? -1 : 0;
}

double
share_dispersion(const struct share *days, size_t n, double max)
{
	double squares = 0, hits = 0, total = 0;
	int64_t known = 0;

	for (size_t i = 0; i < n; i++) {
		struct share day = tidy(days[i]);

		if (day.total == 0)
			continue;
		squares += (double)day.hits * (double)day.hits / (double)day.total;
		hits += (double)day.hits;
		total += (double)day.total;
		known++;
	}
	if (known < LEAST_DAYS)
		return 1;
	return stats_dispersion_shares(squares, hits, total, known, max);
}

double
count_dispersion(const int64_t *days, size_t n, double max)
{
	double sum = 0, chi2 = 0;

	for (size_t i = 0; i < n; i++)
		sum += days[i] > 0 ? (double)days[i] : 0;
	double mean = n == 0 ? 0 : sum / (double)n;

	if (n < LEAST_DAYS || mean <= 0)
		return 1;
	for (size_t i = 0; i < n; i++) {
		double off = (days[i] > 0 ? (double)days[i] : 0) - mean;

		chi2 += off * off / mean;
	}
	return stats_dispersion_counts(chi2, (int64_t)n, 1, max);
}
