/*
 * pipeline - lines of a source into the store, one transaction a batch
 *
 * Purpose    Parser, engine and store in a row: events, rollups, ledger, incidents, outbox
 *            rows and the cursor are committed together (design, invariant 1). After a
 *            failed batch the engine is built again from the store, so that nothing of
 *            the batch is left.
 * Ownership  Rules stay the caller's and must outlive the pipeline, or until others are set;
 *            the struct that names them may go. The store is the pipeline's.
 * Errors     Negative errno with the reason in *err; the batch may be offered again.
 */
#ifndef CLI_PIPELINE_H
#define CLI_PIPELINE_H

#include "cli/app.h"
#include "core/line.h"
#include "store/store.h"
#include "watcher/source.h"

struct pipeline;

struct pipeline_totals {
	int64_t lines, incidents_opened, notices;
	int64_t orphans; /* incidents that were resolved since their rule is gone */
};

int pipeline_open(const char *state, const struct rulebook *book, struct pipeline **out,
    struct err *err);
void pipeline_close(struct pipeline *p); /* NULL is fine */

int pipeline_lines(struct pipeline *p, const char *source, const struct line *lines,
    size_t n, const char *cursor, struct err *err);
int pipeline_gap(struct pipeline *p, const char *source, const char *what,
    const char *detail, struct err *err);
/*
 * Time passes without lines: quiet spans end. The log's clock goes on from the last line by
 * as much as the wall clock did since, so that old lines which arrive in portions do not
 * make everything else look quiet. pipeline_next_due(): when (wall clock) the next span
 * ends; INT64_MAX: none.
 */
int pipeline_tick(struct pipeline *p, int64_t now_us, struct err *err);
int64_t pipeline_next_due(const struct pipeline *p);

/*
 * What mailwarden sees of itself (cli/self.h): pipeline_note() keeps what is to be told until
 * the next batch; pipeline_look() looks at outbox and ledger and tells, also where no line
 * comes. Once in some minutes.
 */
__attribute__((format(printf, 3, 4))) void pipeline_note(struct pipeline *p,
    const char *limit_name, const char *fmt, ...);
int pipeline_look(struct pipeline *p, int64_t now_us, struct err *err);

/* Other rules from now on; on failure the old ones stay. */
int pipeline_set_rules(struct pipeline *p, const struct rulebook *book, struct err *err);

/* The cursor of a source, "" if it has none; owned by the caller, NULL on failure. */
char *pipeline_cursor(struct pipeline *p, const char *source, struct err *err);
struct store *pipeline_store(struct pipeline *p);
/* Since the last call; then counted from zero. */
struct pipeline_totals pipeline_take_totals(struct pipeline *p);

#endif
