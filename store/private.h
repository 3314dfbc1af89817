/*
 * private - the store's handle, for the files of this room
 *
 * Purpose    What the files of this room share besides store.h. A write goes through
 *            store_may_write() before and store_wrote() after: that is where a fault ends the transaction.
 */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include "core/clock.h"
#include "store/db.h"
#include "store/message.h"
#include "store/rollup.h"
#include "store/tally.h"
#include "store/word.h"

static const int64_t store_hour_us = INT64_C(3600) * US_PER_S;

struct store {
	struct db db;
	bool begun;
	int failed; /* why the batch was rolled back; until the next begin or rollback */
	struct words words;
	struct rollups rollups;
	struct tallies tallies;
	struct messages messages;
	struct buf body;
	int64_t rows_day; /* whose rows of reports are counted, see REPORT_DAY_ROWS */
	int64_t rows;
};

/* Start of the hour, in seconds since 1970; also before. */
int64_t store_hour(int64_t at_us);

int store_may_write(struct store *store, struct err *err);
/* Gives r back; a fault inside a transaction rolls it back. */
int store_wrote(struct store *store, int r);
/* query_run() between the two. */
int store_run(struct store *store, struct query *q, struct err *err);

/* A column as a field of the event; NULL leaves it unset. A view into the row. */
void store_set_field(struct event *ev, enum event_field field, const struct query *q,
    int col);

/* Text for columns that are never NULL. */
struct str store_not_null(struct str text);

#endif
