/*
 * figures - what happened in a span of time: for digest, page, metrics and status
 *
 * Purpose    One place that sums, so that all who show numbers show the same. Counts lie in
 *            the table `tally` by hour and by day (UTC): a span takes whole days from the
 *            latter, so that a year costs as little as a week.
 * Ownership  figures_done() frees; texts and arrays live until then.
 * Errors     Negative errno with a reason, as in store.h.
 *            What lies in it since schema version 5 alone: delays, TLS, logins, accepted,
 *            bounces_made, code ids of reasons (store/migrate.c); before they are 0.
 * Limits     FIGURE_PROVIDERS providers by name, the largest, FIGURE_PROVIDERS_MOST where all
 *            are asked for; the rest is added to "other".
 *            FIGURE_REASONS reasons.
 */
#ifndef STORE_FIGURES_H
#define STORE_FIGURES_H

#include "store/reports.h"
#include "store/store.h"

enum {
	FIGURE_PROVIDERS = 20,
	FIGURE_PROVIDERS_MOST = 100,
	FIGURE_REASONS = 50,
	/* Times to deliver: bucket i ends at 0.1 s * 2^(i / 2); the last holds all above. */
	FIGURE_BUCKETS = 46,
};

struct figure_delay {
	int64_t n; /* deliveries whose delay the log told */
	int64_t buckets[FIGURE_BUCKETS];
	int64_t sum_us;
};
/* Quantile q (0 to 1) in microseconds, interpolated in its bucket: off by a few percent where
 * many lie in it, by a factor of 1.41 at most. In the last bucket its lower bound; -1 if n is
 * 0. */
int64_t figure_delay_quantile(const struct figure_delay *delay, double q);
/* Upper bound of a bucket, microseconds; INT64_MAX of the last. */
int64_t figure_delay_bound(int bucket);

/* Deliveries over the network: in what session. Sessions that the log does not tell of are
 * plain. */
struct figure_tls {
	int64_t plain, encrypted, verified; /* encrypted without the verified */
};

struct figure_provider {
	struct str provider; /* id; "other": without one, or too many; "all" in `out` */
	int64_t outcomes[OUTCOME_COUNT];
	struct figure_delay delay;
	struct figure_tls tls;
};

struct figure_reason {
	struct str provider; /* id; "other" */
	struct str code_id;  /* of the catalogue; empty: none fits */
	struct str category;
	enum event_outcome outcome;
	int64_t count;
};

struct figure_name {
	struct str name;
	int64_t count;
};

struct figures {
	int64_t from_us, until_us; /* whole hours */

	/*
	 * Out: attempts and what expired, by provider; the largest first, "other" last (always
	 * there). out, local and rejects together are the outcomes of struct store_totals.
	 */
	struct figure_provider out; /* all of them */
	struct figure_provider *providers;
	size_t nproviders;
	struct figure_reason *reasons; /* of what failed, the most frequent first */
	size_t nreasons;

	/* In. */
	int64_t accepted;             /* messages from other hosts */
	struct figure_tls tls_in;     /* of them */
	struct figure_name *rejected; /* by category, the most frequent first */
	size_t nrejected;
	int64_t rejects; /* all */
	/* SMTP AUTH and dovecot. Postfix tells of logins that succeed by message. Of a failure
	 * that has two lines one counts: not dovecot's auth process, but its login process. */
	int64_t logins, logins_failed;
	int64_t dovecot_logins, dovecot_failed, dovecot_limits;
	int64_t local[OUTCOME_COUNT]; /* final delivery here */
	int64_t stored;               /* told by dovecot */
	int64_t internal;             /* hand-overs to filters */

	int64_t bounces_made; /* messages written here about mail that failed for good */
	struct report_totals reports;

	struct ledger_counts ledger;
	int64_t gaps;
	int64_t incidents_opened, incidents_resolved; /* how often */
};

int store_get_figures(struct store *store, int64_t from_us, int64_t until_us,
    struct figures *out, struct err *err);
/* For who adds looks up: whose name was told once stays told, see FIGURE_PROVIDERS_MOST. */
int store_get_figures_of_all(struct store *store, int64_t from_us, int64_t until_us,
    struct figures *out, struct err *err);
void figures_done(struct figures *figures);

/* --- time lines --- */

enum figure_line {
	LINE_VOLUME,    /* delivered, deferred, bounced, expired: out and into mailboxes
			   here; rejected: refused to clients. As struct store_totals. */
	LINE_OUT,       /* delivered, deferred, bounced, expired: out alone */
	LINE_PROVIDERS, /* attempts of known outcome by provider, FIGURE_LINE_PROVIDERS
			   and "other": all of LINE_OUT */
	LINE_FAILED,    /* the same, what was not delivered of them */
	LINE_DELAY,     /* median, 95th percentile; microseconds, -1: none */
	LINE_TLS,       /* plain, encrypted, verified: out */
	LINE_LOGINS,    /* accepted, failed */
	LINE_COUNT
};
enum { FIGURE_LINE_PROVIDERS = 7, FIGURE_STEPS = 1500 };

struct figure_lines {
	int64_t from_us, step_us; /* a step begins at from_us + i * step_us */
	size_t nsteps, nlines;
	struct str *names;
	int64_t *values; /* [line * nsteps + step] */
};
/*
 * step_us: whole hours that a day is made of, in spans of up to FIGURE_STEPS hours (half of
 * that if it is 0), or whole days, which begin at UTC midnight; what gives more than FIGURE_STEPS steps is made larger, 0
 * chooses one that gives up to 400. The first step may begin before from_us, the last end
 * after until_us: they count whole.
 */
int store_get_lines(struct store *store, enum figure_line line, int64_t from_us,
    int64_t until_us, int64_t step_us, struct figure_lines *out, struct err *err);
void figure_lines_done(struct figure_lines *lines);
/* volume, providers, failed, delay, tls, logins; LINE_COUNT: none of them. */
enum figure_line figure_line_find(struct str name);

#endif
