/*
 * source - where lines come from while the daemon runs
 *
 * Purpose    One interface over a followed file and the journal. A source hands
 *            over batches of lines together with the cursor that stands behind
 *            them; the owner commits both in one transaction.
 * Ownership  source_close() frees. Lines live until on_lines returns.
 * Errors     source_open_*() fail with a reason in *err. Later trouble (a file
 *            gone, a directory replaced) is not an error: the source waits and
 *            reports it through on_gap or source_trouble().
 * Threads    All callbacks come from the event loop that was handed in, or from
 *            source_catch_up(); none from source_open_*(). They may not close
 *            the source.
 */
#ifndef WATCHER_SOURCE_H
#define WATCHER_SOURCE_H

#include <systemd/sd-event.h>

#include "core/err.h"
#include "core/line.h"

struct source;

enum source_gap {
	GAP_NONE,
	GAP_TRUNCATED,  /* the file shrank under us: bytes between were never seen */
	GAP_LOST_FILE,  /* the file of the cursor is gone; what it still held is unknown */
	GAP_VACUUMED,   /* the journal no longer has the entry of the cursor */
	GAP_READ_ERROR, /* reading failed; detail says why */
	GAP_SUPPRESSED, /* journald dropped messages of a service; detail is its message */
};

struct source_events {
	/*
	 * Lines in order, and the cursor behind the last of them (NUL-terminated,
	 * opaque, at most SOURCE_CURSOR_MAX bytes; copy it). Returning a negative
	 * errno means "not taken": the source keeps its position and offers the
	 * same lines again after a while (1 s, then longer, up to 30 s).
	 *
	 * n may be 0: without a cursor and with SOURCE_FROM_END the source offers the
	 * cursor of the place it begins at, so that a restart before the first line
	 * loses nothing.
	 */
	int (*on_lines)(void *ctx, struct source *src, const struct line *lines, size_t n,
	    const char *cursor);
	/* Lines that nobody will ever see; detail is for people. Comes before the
	 * lines behind the gap; again after a restart if these were not taken. */
	void (*on_gap)(void *ctx, struct source *src, enum source_gap gap,
	    const char *detail);
	void *ctx;
};

enum {
	SOURCE_CURSOR_MAX = 1024,
	/* Of a file that is caught up with: a transaction for each, so rather much. */
	SOURCE_BATCH_BYTES = 2 * 1024 * 1024,
	SOURCE_BATCH_LINES = 16384, /* at most so many lines in one on_lines */
};

enum source_start {
	SOURCE_FROM_END,   /* without a cursor: only what comes now */
	SOURCE_FROM_START, /* without a cursor: everything there is */
};

/*
 * loop may be NULL for both: then lines come from source_catch_up() alone.
 *
 * Follows a plain file with inotify through rename rotation, copytruncate,
 * deletion and re-creation, late appearance and a replaced directory. cursor:
 * as committed last, NULL or "" for none; if the file was rotated while nobody
 * looked, the rest of the old one (path.1, path-DATE, also compressed) is read
 * first. An incomplete last line waits until it is complete, or until the file
 * is finished: rotated away, and its successor has got data, so that lines which
 * the server writes to the old file until it reopens its log are not missed.
 * A cursor that is not understood is a GAP_LOST_FILE, and `start` decides.
 */
int source_open_file(sd_event *loop, const char *path, const char *cursor,
    enum source_start start, const struct source_events *events, struct source **src_out,
    struct err *err);

/* The journal of this machine (dir NULL) or a directory or file of journals,
 * only entries of `identifiers` (NULL-terminated list, NULL: all; it must outlive
 * the source). A trailing "*" in an identifier matches any rest. A single file is
 * not watched for growth: source_catch_up() reads what is there. */
int source_open_journal(sd_event *loop, const char *dir, const char *const *identifiers,
    const char *cursor, enum source_start start, const struct source_events *events,
    struct source **src_out, struct err *err);

/* Reads on until nothing more is there now; what `run --once` does instead of the
 * loop. 0, or a negative errno if on_lines refused or reading failed. */
int source_catch_up(struct source *src, struct err *err);

/*
 * Its lines wait while another source has any, and wait_us after they were read: what they
 * speak of has been logged by then, and is known. Without a loop nothing waits: the order of
 * source_catch_up() decides.
 */
void source_set_late(struct source *src, uint64_t wait_us);

const char *source_name(const struct source *src); /* "file:/var/log/mail.log", "journal" */
/* Does the thing exist and can we read it? The reason if not, "" if all is well. */
const char *source_trouble(const struct source *src);
void source_close(struct source *src); /* NULL is fine */

#endif
