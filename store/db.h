/*
 * db - one SQLite file, its kept statements, its faults in words
 *
 * Purpose    What the modules of this room share: opening with the right rights
 *            and pragmas, statements prepared once, SQLite's result codes as
 *            negative errno with a reason that says what helps.
 * Ownership  The struct is the caller's; db_close() frees what is in it.
 * Errors     As in store.h. A failed db_open() leaves nothing behind but, when
 *            writing, the folder and perhaps an empty file.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <sqlite3.h>

#include "core/err.h"
#include "store/query.h"
#include "store/store.h"

enum {
	DB_BUSY_MS = 10000,
	DB_PAGE_BYTES = 8192,
	DB_CACHE_KIB = 2048,
	DB_CHECKPOINT_PAGES = 500,   /* the -wal file begins anew after about 4 MB */
	DB_WAL_KEPT_BYTES = 8 << 20, /* a longer one is cut when it begins anew */
};

struct db {
	sqlite3 *sql;
	char *path; /* as the caller named it, for messages */
	enum store_mode mode;
	sqlite3_stmt *kept[Q_COUNT];
};

int db_open(struct db *db, const char *path, enum store_mode mode, struct err *err);
void db_close(struct db *db);

/* A file or FIFO of ours in a folder that a group shares (setgid): mode 0660, else as it is. */
int db_share_file(const char *path, struct err *err);

/* One statement without parameters and rows. */
int db_exec(struct db *db, const char *sql, const char *tried, struct err *err);

/* The fault behind a result code, as "tried path: reason"; returns the negative errno. */
int db_fault(struct db *db, int rc, const char *tried, struct err *err);

#endif
