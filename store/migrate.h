/*
 * migrate - the schema and its versions
 *
 * Purpose    Brings a store of any released version to the current one; a new
 *            file is version 0. A step is data: a version and the SQL that leads
 *            there from the one before. Forward only; steps that were released
 *            are never changed.
 * Errors     As in store.h: -EPROTO for a newer version, -EUCLEAN for a file of
 *            another program.
 */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "store/db.h"

enum { STORE_APPLICATION_ID = 0x6d77726e }; /* "mwrn", also for file(1) */

struct migration {
	int version;
	const char *sql;
};

/* Is it ours, and not newer than `newest`? A reader cannot migrate: older is refused. */
int migrate_check(struct db *db, int newest, struct err *err);
/* Takes the steps that are missing, all in one transaction. */
int migrate_run(struct db *db, const struct migration *steps, size_t n, struct err *err);
int migrate_store(struct db *db, struct err *err);

#endif
