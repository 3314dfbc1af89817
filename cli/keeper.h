/*
 * keeper - between the engine and the store
 *
 * Purpose    What the engine must have again after a restart is loaded from the store, and
 *            what it hands over is written: incidents, what is learnt and counted, changes,
 *            and notices in the outbox.
 * Ownership  Everything is the caller's; a keeper is made for one call.
 * Errors     Negative errno with a reason in *err.
 */
#ifndef CLI_KEEPER_H
#define CLI_KEEPER_H

#include "cli/pipeline.h"

struct engine;

struct keeper {
	struct store *store;
	struct pipeline_totals *totals; /* notices and opened incidents are added */
	int64_t now_us;                 /* wall clock */
	struct err *err;
	bool of_now; /* what is told is of now, also where the log's clock is behind */
};

/* A new engine with all that the store knows; NULL with a reason. */
struct engine *keeper_load(struct keeper *keeper, const struct rulebook *book);

/* Writes what changed since the last time, within the store's open transaction. */
int keeper_flush(struct keeper *keeper, struct engine *engine);

/*
 * Incidents whose rule is gone can neither be fed nor end: they are resolved as of now, which
 * is noted among their changes and mailed to nobody. A batch of its own.
 */
int keeper_close_orphans(struct keeper *keeper, const struct rulebook *book);

#endif
