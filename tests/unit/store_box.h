/* A store in a folder of its own, for the tests of store/. */
#ifndef TESTS_STORE_BOX_H
#define TESTS_STORE_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core/clock.h"
#include "store/store.h"

#define HOUR_US (INT64_C(3600) * US_PER_S)
#define DAY_US (24 * HOUR_US)
#define T0 (INT64_C(500000) * HOUR_US) /* the beginning of an hour */

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct str source = STR_INIT("/var/log/mail.log");

struct box {
	char folder[256], path[300];
	struct store *store;
	struct err err;
};

static inline void
check(struct box *b, int r)
{
	if (r < 0)
		fail_msg("%d: %s", r, b->err.text);
}

static inline void
reopen(struct box *b)
{
	store_close(b->store);
	b->store = NULL;
	check(b, store_open(b->path, STORE_WRITE, &b->store, &b->err));
}

static inline int
set_up(void **state)
{
	struct box *b = calloc(1, sizeof *b);
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(b->folder, sizeof b->folder, "%s/mw-store-XXXXXX",
	    tmp == NULL || *tmp == '\0' ? "/tmp" : tmp);
	assert_non_null(mkdtemp(b->folder));
	(void)snprintf(b->path, sizeof b->path, "%s/new/s.db", b->folder);
	reopen(b);
	*state = b;
	return 0;
}

static inline int
tear_down(void **state)
{
	struct box *b = *state;
	char command[400];

	store_close(b->store);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", b->folder);
	assert_int_equal(system(command), 0);
	free(b);
	return 0;
}

/* Runs SQL on the file, beside the store; the first number of the first row. */
static inline int64_t
ask(struct box *b, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	int64_t answer = 0;

	assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_step(stmt) == SQLITE_ROW)
		answer = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	return answer;
}

#endif
