/*
 * openmetrics - the text that a scraper reads
 *
 * Purpose    Families and samples in OpenMetrics 1.0 text, or in the older text format 0.0.4
 *            of Prometheus, which names counters with "_total" in the head, too, and knows
 *            no units.
 * Ownership  Writes into the caller's buffer.
 * Limits     OM_LABELS labels of a sample. Values of labels may be any text.
 */
#ifndef WEB_OPENMETRICS_H
#define WEB_OPENMETRICS_H

#include "core/buf.h"

enum metrics_format {
	METRICS_OPENMETRICS,
	METRICS_TEXT,
};
enum om_type { OM_COUNTER, OM_GAUGE, OM_HISTOGRAM, OM_INFO };
enum { OM_LABELS = 3 };

struct om_label {
	const char *name; /* NULL: no more */
	struct str value;
};
struct om_labels {
	struct om_label items[OM_LABELS];
};

struct om_writer {
	struct buf *out;
	enum metrics_format format;
	const char *name; /* of the family */
	enum om_type type;
};

/* unit: "seconds", "bytes", with which the name ends; NULL: none. */
void om_family(struct om_writer *w, const char *name, enum om_type type, const char *unit,
    const char *help);
/* suffix: "_bucket", "_count", "_sum" of a histogram; else NULL. */
void om_int(struct om_writer *w, const char *suffix, const struct om_labels *labels,
    int64_t value);
/* Microseconds as seconds. */
void om_seconds(struct om_writer *w, const char *suffix, const struct om_labels *labels,
    int64_t us);
void om_end(struct om_writer *w);

#endif
