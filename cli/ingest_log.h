/*
 * ingest_log - reports.log, appended to so that nothing is lost or half there
 *
 * Purpose    One append is one write under a lock, on the disk when it returns. Several
 *            programs may append at once. What a crash left behind its last newline was
 *            acknowledged to nobody and is cut off: it comes again as a whole.
 * Ownership  Paths stay the caller's.
 * Limits     At REPORTS_LOG_BYTES the file becomes reports.log.1, that one .2, up to
 *            REPORTS_LOG_FILES. LOCK_S for the lock.
 * Errors     -ENOSPC, -EACCES, -EROFS, -EAGAIN (locked), -ENOENT (no folder), -EIO: nothing
 *            was added.
 * Rights     0640; in a folder that a group shares (setgid) 0660, as the store.
 */
#ifndef CLI_INGEST_LOG_H
#define CLI_INGEST_LOG_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/err.h"
#include "core/str.h"

enum {
	REPORTS_LOG_BYTES = 16 * 1024 * 1024,
	REPORTS_LOG_FILES = 8,
	REPORTS_LOG_LOCK_S = 10,
};

/* lines: without their stamps, as in struct jail_result. */
int ingest_log_append(const char *folder, const char *path, struct str lines,
    struct err *err);

/* --- what is made in the store's folder --- */

/* Rights of a new file or folder: those of the group too where the folder is shared. */
mode_t ingest_share_mode(const char *folder, mode_t mode);
/* New names in it are on the disk when it returns. */
int ingest_sync_folder(const char *folder, struct err *err);

#endif
