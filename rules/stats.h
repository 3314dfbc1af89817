/*
 * stats - the tests behind the detectors
 *
 * Purpose    How sure one may be that a share, a count or a silence is not the usual one.
 * Inputs     Any: negative counts and means count as 0, a dispersion below 1 or not a
 *            number as 1, hits above the total as the total, infinities as very large.
 *            Results are never NaN; probabilities are in [0, 1].
 * Cost       Bounded whatever the numbers: at most some ten thousand steps.
 * Threads    Pure functions.
 *
 * Mail comes in bursts, so counts vary more than a Poisson process would and shares more
 * than coin tosses: `dispersion` is variance / mean, 1 where nothing of that kind is known.
 */
#ifndef RULES_STATS_H
#define RULES_STATS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * z with P(Z <= z) = p for a standard normal Z. Algorithm AS 241, PPND16 (Wichura 1988,
 * Applied Statistics 37, 477-484). p is held within [1e-300, 1 - 1e-16].
 */
double stats_normal_quantile(double p);

/*
 * One-sided bounds of a share of which `hits` of `total` were seen: the share is above
 * the lower (below the upper) one with the given confidence, e.g. 0.99. Score interval
 * (Wilson 1927, JASA 22, 209-212): unlike the textbook's Wald interval it holds for small
 * totals and for shares near 0 and 1 (Brown, Cai, DasGupta 2001, Statistical Science 16).
 * Nothing seen: 0 and 1.
 */
double stats_wilson_lower(int64_t hits, int64_t total, double confidence);
double stats_wilson_upper(int64_t hits, int64_t total, double confidence);

/*
 * P(X >= x) for a count with this mean and dispersion. Negative binomial with variance =
 * dispersion * mean ("NB1", Cameron and Trivedi 1986, J. Applied Econometrics 1): hours
 * add up to days with the same dispersion, which the other form has not. Dispersion 1 is
 * Poisson. By the incomplete beta and gamma functions (continued fraction and series as in
 * DiDonato and Morris 1992, ACM TOMS 18; prefactor as in Loader 2000, so that large counts
 * lose no digits). Above a hundred million of x or mean a proportional part of the span
 * is judged: that errs towards "usual". Mean 0: 0 for any x >= 1.
 */
double stats_negbin_upper_tail(int64_t x, double mean, double dispersion);

/*
 * ln P(no event at all) where `expected` were to come, of the same distribution:
 * -expected * ln(dispersion) / (dispersion - 1), and -expected for Poisson.
 */
double stats_silence_log_p(double expected, double dispersion);

/*
 * Is this window's share another one than the baseline's? The probability that of `total`
 * new events at least (upper) or at most (not upper) `hits` match, when base_hits of
 * base_total did before. Beta-binomial predictive tail with Jeffreys' prior, Beta(1/2, 1/2)
 * (Gelman et al. 2013, Bayesian Data Analysis, chapter 2; the prior: Brown, Cai, DasGupta
 * 2001): a short history is uncertain and so says little, where a plain binomial test
 * against the historic share would take it for exact. For overdispersed shares divide all
 * four counts by the dispersion (the effective sample size). Where the spread of the count
 * is above a few thousand, a smaller sample with the same share is judged: that errs
 * towards "usual". Nothing in the window: 1.
 */
double stats_share_tail(int64_t hits, int64_t total, double base_hits, double base_total,
    bool upper);

/*
 * Pearson's dispersion estimate, chi-squared / degrees of freedom (McCullagh and Nelder
 * 1989, Generalized Linear Models, 4.5 and 6.2), held within [1, max]; 1 where there are no
 * degrees of freedom.
 * counts: chi2 is the sum of (x - mean)^2 / mean over n spans whose means came from
 * `fitted` parameters.
 * shares: n spans (days) with total_i > 0 around their pooled share hits / total;
 * squares is the sum of hits_i^2 / total_i.
 */
double stats_dispersion_counts(double chi2, int64_t n, int64_t fitted, double max);
double stats_dispersion_shares(double squares, double hits, double total, int64_t n,
    double max);

#endif
