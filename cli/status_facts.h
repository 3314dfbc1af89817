/*
 * status_facts - what `status` says, gathered once for text, JSON and the web
 *
 * Purpose    The last 24 hours' counts, open incidents and which of them to look at first,
 *            and all of it as the JSON object of `status --json`.
 * Ownership  The caller's struct; status_facts_done() frees what is in it.
 * Errors     Those of the store, with the reason in *err.
 */
#ifndef CLI_STATUS_FACTS_H
#define CLI_STATUS_FACTS_H

#include "core/clock.h"
#include "store/reports.h"
#include "store/store.h"

#define STATUS_SPAN_US (86400 * (int64_t)US_PER_S)

struct alert_rules;

struct status_facts {
	int64_t now_us;
	struct store_totals totals;
	struct report_totals reports;
	size_t open, critical, acknowledged, silenced;
	struct {
		enum severity severity;
		bool marked; /* acknowledged or silenced: somebody knows */
		struct buf id, summary;
	} gravest; /* of what is open */
};

/* Open incidents alone. */
int status_count_incidents(struct store *store, int64_t now_us, struct status_facts *out,
    struct err *err);
int status_gather(struct store *store, int64_t now_us, struct status_facts *out,
    struct err *err);
void status_facts_done(struct status_facts *facts);

/* "No trouble is open.", or how many incidents are, and what the gravest says. */
void status_sentence(const struct status_facts *facts, struct buf *out);

/* trouble: of the store, empty: none; rules NULL: they cannot be read. */
int status_json(struct store *store, const struct status_facts *facts, struct str trouble,
    const struct alert_rules *rules, struct buf *out, struct err *err);

#endif
