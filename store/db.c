#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/migrate.h"

int
store_make_folders(const char *path, struct err *err)
{
	AUTO(auto_free) char *folder = str_dup(str_of(path));

	if (folder == NULL)
		return err_set(err, -ENOMEM, "open store %s: out of memory", path);
	for (char *at = strchr(folder + (*folder == '/'), '/'); at != NULL;
	     at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(folder, 0700) < 0 && errno != EEXIST) {
			struct stat st;
			int fault = errno;

			/* On a read-only disk even a folder that exists gives EROFS. */
			if (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode)) {
				errno = fault;
				return err_errno(err, "create folder", folder);
			}
		}
		*at = '/';
	}
	return 0;
}

/* Is the folder one that users of a group share? */
static bool
is_shared_folder(const char *path, gid_t group)
{
	AUTO(auto_free) char *folder = str_dup(str_of(path));
	struct stat st;

	if (folder == NULL)
		return false;
	char *slash = strrchr(folder, '/');

	if (slash != NULL)
		slash[slash == folder] = '\0';
	if (stat(slash == NULL ? "." : folder, &st) < 0)
		return false;
	return (st.st_mode & S_ISGID) != 0 && st.st_gid == group;
}

/* Also what was made before the folder was shared, or under a strict umask. By its name:
 * closing a descriptor would take away the locks that SQLite holds in this process. */
int
db_share_file(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0 || st.st_uid != geteuid() ||
	    (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode)) ||
	    (st.st_mode & 0777) == 0660 || !is_shared_folder(path, st.st_gid))
		return 0;
	return chmod(path, 0660) < 0 ? err_errno(err, "share with the group", path) : 0;
}

int
store_make_file(const char *path, int *fd_out, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd < 0)
		return err_errno(err, "open", path);
	int r = db_share_file(path, err);

	if (r < 0)
		(void)close(fd);
	else
		*fd_out = fd;
	return r;
}

/*
 * SQLite would create the file with the umask's rights; ours holds addresses. It gives new
 * -wal and -shm files the rights of this one.
 */
static int
make_file(const char *path, struct err *err)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	int fd, r = 0;

	if (access(path, F_OK) < 0) {
		if ((r = store_make_file(path, &fd, err)) == 0)
			(void)close(fd);
		return r;
	}
	for (size_t i = 0; r == 0 && i < sizeof endings / sizeof *endings; i++) {
		AUTO(auto_free) char *name = NULL;

		if (asprintf(&name, "%s%s", path, endings[i]) < 0)
			return err_set(err, -ENOMEM, "open store %s: out of memory", path);
		r = db_share_file(name, err);
	}
	return r;
}

static int
check_path(const char *path, enum store_mode mode, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		if (errno != ENOENT || mode == STORE_WRITE)
			return err_errno(err, "open store", path);
		return err_set(err, -ENOENT,
		    "open store %s: not there (has `mailwarden run` run yet?)", path);
	}
	if (S_ISDIR(st.st_mode))
		return err_set(err, -EISDIR, "open store %s: is a folder, a file is needed",
		    path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "open store %s: is not a regular file", path);
	if (access(path, mode == STORE_READ ? R_OK : R_OK | W_OK) < 0)
		return err_errno(err, "open store", path);
	return 0;
}

static int
reason_no_space(struct db *db, const char *tried, struct err *err)
{
	return err_set(err, -ENOSPC,
	    "%s %s: no space left (make room there; nothing is lost, "
	    "it is tried again from the last position kept)",
	    tried, db->path);
}

static int
reason_damaged(struct db *db, int rc, const char *tried, struct err *err)
{
	return err_set(err, -EUCLEAN,
	    "%s %s: the file is damaged (%s): stop mailwarden, move it aside together "
	    "with its -wal and -shm files, start again: a new one is made and the logs "
	    "are read again as far as they reach",
	    tried, db->path, sqlite3_errstr(rc));
}

static bool
is_no_space(int code)
{
	return code == ENOSPC || code == EDQUOT || code == EFBIG;
}

/*
 * Faults of the operating system. SQLite keeps their errno, but not if a commit meets
 * them (3.40): then only what the failed call left behind tells of a full quota.
 */
static int
reason_system(struct db *db, int rc, const char *tried, struct err *err)
{
	int left = errno, code = sqlite3_system_errno(db->sql);

	if (is_no_space(code) || (code == 0 && is_no_space(left)))
		return reason_no_space(db, tried, err);
	if (code == EROFS || code == EACCES || code == EPERM)
		return err_set(err, -code, "%s %s: %s (the folder must be writable, too)",
		    tried, db->path, strerror(code));
	if (code != 0)
		return err_set(err, -EIO, "%s %s: %s (%s)", tried, db->path, strerror(code),
		    sqlite3_errstr(rc));
	return err_set(err, -EIO, "%s %s: %s", tried, db->path, sqlite3_errstr(rc));
}

int
db_fault(struct db *db, int rc, const char *tried, struct err *err)
{
	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return err_set(err, -ENOMEM, "%s %s: out of memory", tried, db->path);
	case SQLITE_FULL: return reason_no_space(db, tried, err);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, -EBUSY,
		    "%s %s: locked by another process for more than %d s", tried, db->path,
		    DB_BUSY_MS / 1000);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return reason_damaged(db, rc, tried, err);
	case SQLITE_READONLY:
		return err_set(err, -EROFS,
		    "%s %s: read-only (disk mounted read-only, or no right to write)",
		    tried, db->path);
	case SQLITE_IOERR:
		if (rc == SQLITE_IOERR_CORRUPTFS)
			return reason_damaged(db, rc, tried, err);
		return reason_system(db, rc, tried, err);
	case SQLITE_CANTOPEN:
	case SQLITE_PERM: return reason_system(db, rc, tried, err);
	default:
		return err_set(err, -EIO, "%s %s: %s", tried, db->path,
		    sqlite3_errmsg(db->sql));
	}
}

int
db_exec(struct db *db, const char *sql, const char *tried, struct err *err)
{
	errno = 0; /* db_fault() looks at it */
	int rc = sqlite3_exec(db->sql, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : db_fault(db, rc, tried, err);
}

/* journal_mode answers with the mode that it got, not with an error. */
static int
turn_on_wal(struct db *db, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(db, "PRAGMA journal_mode = WAL");
	int r = query_next(&q, "open store", err);

	if (r < 0)
		return r;
	if (r == 0 || !str_eq(query_col_text(&q, 0), STR("wal")))
		return err_set(err, -ENOTSUP,
		    "open store %s: no write-ahead log on this file system "
		    "(a local disk is needed, not a network mount)",
		    db->path);
	return 0;
}

static int
set_up_writer(struct db *db, struct err *err)
{
	char sql[400];
	int keep_wal = 1;

	(void)snprintf(sql, sizeof sql,
	    "PRAGMA page_size = %d; PRAGMA cache_size = -%d; PRAGMA synchronous = FULL; "
	    "PRAGMA wal_autocheckpoint = %d; PRAGMA journal_size_limit = %d; "
	    "PRAGMA secure_delete = FAST; PRAGMA trusted_schema = OFF;",
	    DB_PAGE_BYTES, DB_CACHE_KIB, DB_CHECKPOINT_PAGES, DB_WAL_KEPT_BYTES);
	int r = db_exec(db, sql, "open store", err);

	if (r < 0)
		return r;
	if (sqlite3_db_readonly(db->sql, "main") == 1)
		return db_fault(db, SQLITE_READONLY, "open store", err);
	/* Who may read but not write the folder cannot make a -wal file: leave ours. Where
	 * it does not work such a reader is told by its own open. */
	(void)sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_PERSIST_WAL, &keep_wal);
	if ((r = migrate_check(db, STORE_SCHEMA_VERSION, err)) < 0 ||
	    (r = turn_on_wal(db, err)) < 0)
		return r;
	return db->mode == STORE_JOIN ? 0 : migrate_store(db, err);
}

static int
set_up_reader(struct db *db, struct err *err)
{
	int r = db_exec(db, "PRAGMA cache_size = -2048; PRAGMA trusted_schema = OFF;",
	    "open store", err);

	return r < 0 ? r : migrate_check(db, STORE_SCHEMA_VERSION, err);
}

int
db_open(struct db *db, const char *path, enum store_mode mode, struct err *err)
{
	char real[PATH_MAX];
	int r, rc;

	*db = (struct db){ .mode = mode, .path = str_dup(str_of(path)) };
	if (db->path == NULL)
		return err_set(err, -ENOMEM, "open store %s: out of memory", path);
	if (mode == STORE_WRITE &&
	    ((r = store_make_folders(path, err)) < 0 || (r = make_file(path, err)) < 0))
		return r;
	if ((r = check_path(path, mode, err)) < 0)
		return r;
	/* An absolute path is never taken for a URI or for ":memory:". */
	if (realpath(path, real) == NULL)
		return err_errno(err, "open store", path);
	rc = sqlite3_open_v2(real, &db->sql,
	    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
		(mode == STORE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE),
	    NULL);
	if (rc != SQLITE_OK)
		return db_fault(db, rc, "open store", err);
	(void)sqlite3_busy_timeout(db->sql, DB_BUSY_MS);
	return mode == STORE_READ ? set_up_reader(db, err) : set_up_writer(db, err);
}

/* Closing checkpoints the log; if that fails the next open does it. */
void
db_close(struct db *db)
{
	for (int i = 0; i < Q_COUNT; i++)
		(void)sqlite3_finalize(db->kept[i]);
	(void)sqlite3_close(db->sql);
	free(db->path);
	*db = (struct db){ 0 };
}
