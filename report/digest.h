/*
 * digest - how mail fared in a week: the facts, and which of them are news
 *
 * Purpose    Collects the numbers of a span and of the one before it (store/figures.h),
 *            incidents, gaps in the logs, what refusals mean, and judges: is mail healthy,
 *            which changes are real (report/shares.h), is there anything to tell at all.
 *            How it is told: report/telling.h.
 * Ownership  digest_done() frees; all texts live until then. The store is not kept.
 * Errors     Negative errno with a reason.
 * Limits     As named below; what is over is counted. Texts of incidents come from strangers
 *            and are kept as they are: who shows them makes them safe.
 */
#ifndef REPORT_DIGEST_H
#define REPORT_DIGEST_H

#include "report/digest_span.h"
#include "report/shares.h"
#include "store/figures.h"

struct catalogue;

enum {
	DIGEST_INCIDENTS = 200, /* kept of each kind */
	DIGEST_GAPS = 50,
	DIGEST_REASONS = 10,
	DIGEST_CHANGES = 30,
	DIGEST_DAYS = 62, /* a longer span has no days of its own */
};

enum digest_health {
	DIGEST_HEALTHY,
	DIGEST_WARNING,  /* an open warning, or a change for the worse */
	DIGEST_CRITICAL, /* an open critical incident */
	DIGEST_BLIND,    /* no line was read */
};

/* A share now and before. sign: 1 higher, -1 lower, 0 no change that is known to be real. */
struct digest_share {
	struct share now, before;
	int sign;
};

struct digest_count {
	int64_t now, before;
	int sign;
};

/* Of deliveries in a span; -1 where there is none. */
struct digest_delay {
	int64_t median_us, late_us; /* half of all, and 95 % of all, took no longer */
	int64_t before_median_us, before_late_us;
	int median_sign, late_sign;
};

struct digest_provider {
	struct str id, name; /* name: what people call it */
	const struct figure_provider *now;
	struct digest_share accepted, deferred, refused; /* of all attempts */
	struct digest_share encrypted, verified; /* of all deliveries in TLS figures */
	struct digest_delay delay;
};

struct digest_reason {
	const struct figure_reason *reason;
	struct str provider; /* what people call it; empty: no provider's */
	struct str meaning;  /* of the catalogue; may be empty */
	int64_t before;
	int sign;
	bool is_new; /* there was none before, and there are enough now */
};

/* One thing that is another than before. */
struct digest_change {
	bool bad;
	double weight;   /* how much it matters, to sort by */
	struct str text; /* "at Google the share accepted fell from 99.1 % to 70.8 %" */
};

struct digest_gap {
	struct str source, what, detail;
	int64_t at_us;
};

struct digest {
	struct digest_span span;
	int64_t now_us;
	struct str host, version;

	struct figures now, before;
	bool has_before; /* the log was read then, too, from the beginning on */

	struct incident *open, *resolved; /* the gravest first; the latest first */
	size_t nopen, nresolved;
	size_t ncritical, nwarnings;     /* of those that are open */
	size_t open_left, resolved_left; /* not kept */

	struct digest_gap *gaps;
	size_t ngaps, gaps_left;

	struct digest_provider all,
	    *providers; /* those of now.providers with any attempt */
	size_t nproviders;
	struct digest_reason *reasons;
	size_t nreasons;
	struct digest_share accepted_in_tls, unparsed, logins_failed;
	struct digest_count volume_out, accepted_in, rejects, failed_logins, bounces_made;

	struct digest_change *changes; /* the most important first */
	size_t nchanges;

	enum digest_health health;
	bool quiet;          /* nothing to do, nothing that changed */
	struct str verdict;  /* one sentence */
	struct str headline; /* its beginning, a few words: for a subject */

	/* By day (or longer steps), for the plots. */
	struct figure_lines volume, delays; /* LINE_OUT, LINE_DELAY */

	struct buf scratch;
	char **kept;
	size_t nkept, kept_cap;
	bool failed; /* without memory */
};

struct digest_order {
	struct digest_span span;
	int64_t now_us;
	struct str host, version;
	const struct catalogue *catalogue; /* NULL: ids stand for names */
};

int digest_make(struct store *store, const struct digest_order *order, struct digest *out,
    struct err *err);
void digest_done(struct digest *digest);

/* --- the parts of digest_make(), for tests --- */

/* All that follows from now, before, incidents, gaps and lines. days: of the earlier span,
 * as LINE_VOLUME, LINE_OUT, LINE_LOGINS, LINE_PROVIDERS, LINE_FAILED; may be empty. */
struct digest_unrest {
	struct figure_lines volume, out, logins, providers, failed;
};
void digest_judge(struct digest *digest, const struct digest_unrest *unrest,
    const struct catalogue *catalogue);
/* A copy that lives as long as the digest. */
struct str digest_keep(struct digest *digest, struct str text);
int digest_add_incident(struct digest *digest, const struct incident *incident);

/* --- numbers as words --- */

void digest_add_number(struct buf *out, int64_t value);       /* "12,345" */
void digest_add_percent(struct buf *out, struct share share); /* "99.6 %", "-": none */
void digest_add_delay(struct buf *out, int64_t us);           /* "0.8 s", "3.5 min" */
/* "1 message", "12,345 messages"; many NULL: one with an s. */
void digest_add_count(struct buf *out, int64_t value, const char *one, const char *many);

#endif
