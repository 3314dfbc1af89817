/* The store in trouble: killed, disk full, damaged, locked, of another version. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/migrate.h"
#include "store_box.h"

/* --- a file system whose n-th write fails --- */

static struct {
	sqlite3_vfs vfs, *real;
	int writes_left; /* then all fail; -1: none does */
	int result;      /* of those that fail */
} shim = { .writes_left = -1 };

struct shim_file {
	sqlite3_file base;
	sqlite3_io_methods methods; /* the real ones, some replaced */
	const sqlite3_io_methods *real;
};

static bool
is_failing(void)
{
	if (shim.writes_left > 0)
		shim.writes_left--;
	return shim.writes_left == 0;
}

/* The real file lies behind ours, and finds its methods in its own first member. */
static sqlite3_file *
behind(sqlite3_file *file)
{
	return (sqlite3_file *)((struct shim_file *)file + 1);
}

static int
shim_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	return is_failing() ? shim.result
			    : behind(f)->pMethods->xWrite(behind(f), p, n, at);
}

static int
shim_sync(sqlite3_file *f, int flags)
{
	return is_failing() ? SQLITE_IOERR_FSYNC
			    : behind(f)->pMethods->xSync(behind(f), flags);
}

static int
shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return is_failing() ? SQLITE_IOERR_TRUNCATE
			    : behind(f)->pMethods->xTruncate(behind(f), size);
}

static int
shim_close(sqlite3_file *f)
{
	return behind(f)->pMethods->xClose(behind(f));
}

static int
shim_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return behind(f)->pMethods->xRead(behind(f), p, n, at);
}

static int
shim_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return behind(f)->pMethods->xFileSize(behind(f), size);
}

static int
shim_lock(sqlite3_file *f, int level)
{
	return behind(f)->pMethods->xLock(behind(f), level);
}

static int
shim_unlock(sqlite3_file *f, int level)
{
	return behind(f)->pMethods->xUnlock(behind(f), level);
}

static int
shim_reserved(sqlite3_file *f, int *out)
{
	return behind(f)->pMethods->xCheckReservedLock(behind(f), out);
}

static int
shim_control(sqlite3_file *f, int op, void *arg)
{
	return behind(f)->pMethods->xFileControl(behind(f), op, arg);
}

static int
shim_sector(sqlite3_file *f)
{
	return behind(f)->pMethods->xSectorSize(behind(f));
}

static int
shim_traits(sqlite3_file *f)
{
	return behind(f)->pMethods->xDeviceCharacteristics(behind(f));
}

static int
shim_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	if (extend && is_failing())
		return SQLITE_IOERR_SHMSIZE;
	return behind(f)->pMethods->xShmMap(behind(f), page, size, extend, out);
}

static int
shim_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return behind(f)->pMethods->xShmLock(behind(f), offset, n, flags);
}

static void
shim_shm_barrier(sqlite3_file *f)
{
	behind(f)->pMethods->xShmBarrier(behind(f));
}

static int
shim_shm_unmap(sqlite3_file *f, int delete)
{
	return behind(f)->pMethods->xShmUnmap(behind(f), delete);
}

static int
shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	static const sqlite3_io_methods methods = { 2, shim_close, shim_read, shim_write,
		shim_truncate, shim_sync, shim_size, shim_lock, shim_unlock, shim_reserved,
		shim_control, shim_sector, shim_traits, shim_shm_map, shim_shm_lock,
		shim_shm_barrier, shim_shm_unmap, NULL, NULL };
	int rc = shim.real->xOpen(shim.real, name, behind(f), flags, out);

	(void)vfs;
	f->pMethods = behind(f)->pMethods == NULL ? NULL : &methods;
	return rc;
}

static int
shim_register(void **state)
{
	(void)state;
	shim.real = sqlite3_vfs_find(NULL);
	shim.vfs = *shim.real;
	shim.vfs.zName = "shim";
	shim.vfs.szOsFile = (int)sizeof(struct shim_file) + shim.real->szOsFile;
	shim.vfs.xOpen = shim_open;
	return sqlite3_vfs_register(&shim.vfs, 1);
}

/* --- batches --- */

/* One batch: an event of each kind of row, an incident, a notice, the cursor. */
static int
offer_batch(struct box *b, int n)
{
	char id[16], cursor[16];
	struct event ev = { .time_us = T0 + n, .source = source };
	int r = store_begin(b->store, &b->err);

	(void)snprintf(id, sizeof id, "%012d", n);
	(void)snprintf(cursor, sizeof cursor, "%d", n);
	event_set_text(&ev, EVF_host, STR("mx1"));
	event_set_text(&ev, EVF_queue_id, str_of(id));
	event_set_text(&ev, EVF_recipient, STR("ann@example.org"));
	event_set_num(&ev, EVF_outcome, OUTCOME_BOUNCED);
	for (int kind = KIND_ACCEPTED; kind <= KIND_REJECT && r == 0; kind++) {
		event_set_num(&ev, EVF_kind, kind);
		r = store_add_event(b->store, &ev, &b->err);
	}
	struct incident incident = { .id = str_of(id), .rule = STR("r"), .count = n };
	struct outbox_row row = { .id = str_of(id), .incident = str_of(id) };

	if (r == 0)
		r = store_save_incident(b->store, &incident, &b->err);
	if (r == 0)
		r = store_outbox_add(b->store, &row, &b->err);
	if (r == 0)
		r = store_cursor_set(b->store, source, str_of(cursor), T0, &b->err);
	return r;
}

static int
count_row(void *ctx, const struct outbox_row *row)
{
	(void)row;
	++*(int *)ctx;
	return 0;
}

static int
count_incident(void *ctx, const struct incident *incident)
{
	(void)incident;
	++*(int *)ctx;
	return 0;
}

/* Everything says the same number of batches, the cursor too; that number. */
static int
agreed_batches(struct box *b)
{
	AUTO(buf_done) struct buf cursor = { 0 };
	struct store_totals t;
	int notices = 0, incidents = 0;
	int r = store_cursor_get(b->store, source, &cursor, &b->err);

	if (r != -ENOENT)
		check(b, r);
	int n = cursor.n == 0 ? 0 : atoi(buf_cstr(&cursor));

	check(b, store_get_totals(b->store, 0, &t, &b->err));
	check(b, store_each_outbox(b->store, INT64_MAX, count_row, &notices, &b->err));
	check(b, store_each_incident(b->store, INCIDENTS_ALIVE, 0, count_incident,
		     &incidents, &b->err));
	assert_int_equal(t.outcomes[OUTCOME_BOUNCED], n);
	assert_int_equal(t.outcomes[OUTCOME_REJECTED], n);
	assert_int_equal(notices, n);
	assert_int_equal(incidents, n);
	return n;
}

static void
test_killed(void **state)
{
	struct box *b = *state;
	enum { BEFORE_COMMIT, AFTER_COMMIT, MOMENTS };

	store_close(b->store);
	b->store = NULL;
	for (int moment = 0; moment < MOMENTS; moment++) {
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			int r = store_open(b->path, STORE_WRITE, &b->store, &b->err);

			if (r == 0)
				r = offer_batch(b, 1);
			if (r == 0 && moment == AFTER_COMMIT)
				r = store_commit(b->store, &b->err);
			_exit(r == 0 ? 0 : 1);
		}
		int status;

		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		reopen(b);
		assert_int_equal(agreed_batches(b), moment == AFTER_COMMIT ? 1 : 0);
		store_close(b->store);
		b->store = NULL;
	}
	reopen(b);
}

/* Whichever write fails: an errno and a reason, all or nothing, and the next try works. */
static void
writes_fail_with(struct box *b, int result, int want)
{
	int batches = agreed_batches(b), faults = 0;

	for (int nth = 1;; nth++) {
		shim.result = result;
		shim.writes_left = nth;
		int r = offer_batch(b, batches + 1);

		if (r == 0)
			r = store_commit(b->store, &b->err);
		bool over = shim.writes_left > 0;

		shim.writes_left = -1;
		if (r == 0) {
			batches++;
			assert_int_equal(agreed_batches(b), batches);
			if (over)
				break;
			continue;
		}
		faults++;
		if (r != want && r != -EIO)
			fail_msg("write %d: %d %s", nth, r, b->err.text);
		assert_non_null(strstr(b->err.text, b->path));
		assert_true(store_cursor_set(b->store, source, STR("99"), T0, &b->err) < 0);
		store_rollback(b->store);
		assert_int_equal(agreed_batches(b), batches);
		if (nth % 2 == 0)
			reopen(b);
		assert_int_equal(agreed_batches(b), batches);
	}
	assert_true(faults > 2);
}

static void
test_writes_fail(void **state)
{
	writes_fail_with(*state, SQLITE_FULL, -ENOSPC);
	writes_fail_with(*state, SQLITE_IOERR_WRITE, -EIO);
}

/* A new file, too, is made whole or can be made later. */
static void
test_creation_fails(void **state)
{
	struct box *b = *state;

	for (int nth = 1;; nth++) {
		store_close(b->store);
		b->store = NULL;
		(void)snprintf(b->path, sizeof b->path, "%s/n%d.db", b->folder, nth);
		shim.result = SQLITE_FULL;
		shim.writes_left = nth;
		int r = store_open(b->path, STORE_WRITE, &b->store, &b->err);
		bool over = shim.writes_left > 0;

		shim.writes_left = -1;
		if (r == 0 && over)
			break;
		if (r < 0)
			reopen(b);
		check(b, offer_batch(b, 1));
		check(b, store_commit(b->store, &b->err));
	}
}

static void
test_versions(void **state)
{
	enum { V = STORE_SCHEMA_VERSION };
	static const struct migration steps[] = {
		{ V, "CREATE TABLE never (a)" },
		{ V + 1, "CREATE TABLE two (a)" },
		{ V + 2, "INSERT INTO two VALUES (3)" },
	};
	static const struct migration broken[] = {
		{ V + 3, "CREATE TABLE four (a)" },
		{ V + 4, "CREATE TABLE meta (a)" },
	};
	struct box *b = *state;
	struct db db;

	store_close(b->store);
	b->store = NULL;
	check(b, db_open(&db, b->path, STORE_WRITE, &b->err));
	check(b, migrate_run(&db, steps, 3, &b->err));
	check(b, migrate_run(&db, steps, 3, &b->err));
	check(b, db_exec(&db, "SELECT a FROM two", "test", &b->err));
	assert_true(db_exec(&db, "SELECT a FROM never", "test", &b->err) < 0);
	assert_true(migrate_run(&db, broken, 2, &b->err) < 0);
	assert_true(db_exec(&db, "SELECT a FROM four", "test", &b->err) < 0);
	db_close(&db);

	for (int mode = STORE_READ; mode <= STORE_JOIN; mode++) {
		assert_int_equal(store_open(b->path, (enum store_mode)mode, &b->store,
				     &b->err),
		    -EPROTO);
		assert_non_null(strstr(b->err.text, "newer"));
	}
	(void)ask(b, "PRAGMA user_version = 0");
	assert_int_equal(store_open(b->path, STORE_READ, &b->store, &b->err), -EPROTO);
	assert_non_null(strstr(b->err.text, "older"));
	(void)ask(b, "PRAGMA user_version = 1");
	(void)ask(b, "PRAGMA application_id = 5");
	assert_int_equal(store_open(b->path, STORE_WRITE, &b->store, &b->err), -EUCLEAN);
	assert_non_null(strstr(b->err.text, "another program"));
}

static void
overwrite(struct box *b, off_t at, size_t n)
{
	int fd = open(b->path, O_WRONLY | O_CLOEXEC);
	char garbage[4096];

	memset(garbage, 0x5a, sizeof garbage);
	assert_true(fd >= 0);
	for (size_t done = 0; done < n; done += sizeof garbage)
		assert_true(pwrite(fd, garbage, sizeof garbage, at + (off_t)done) > 0);
	(void)close(fd);
}

static void
test_damaged(void **state)
{
	struct box *b = *state;
	struct stat st;

	for (int i = 1; i <= 50; i++) {
		check(b, offer_batch(b, i));
		check(b, store_commit(b->store, &b->err));
	}
	store_close(b->store);
	b->store = NULL;
	assert_int_equal(stat(b->path, &st), 0);
	/* All but the first page, which holds the schema: found when it is used. */
	overwrite(b, DB_PAGE_BYTES, (size_t)st.st_size - DB_PAGE_BYTES);
	int r = store_open(b->path, STORE_WRITE, &b->store, &b->err);

	if (r == 0)
		r = offer_batch(b, 51);
	assert_int_equal(r, -EUCLEAN);
	assert_non_null(strstr(b->err.text, "move it aside"));
	store_close(b->store);
	b->store = NULL;
	overwrite(b, 0, 4096);
	for (int mode = STORE_READ; mode <= STORE_WRITE; mode++) {
		r = store_open(b->path, (enum store_mode)mode, &b->store, &b->err);
		assert_int_equal(r, -EUCLEAN);
		assert_non_null(strstr(b->err.text, b->path));
	}
}

static void
test_locked(void **state)
{
	struct box *b = *state;
	struct store *other = NULL;

	check(b, store_open(b->path, STORE_WRITE, &other, &b->err));
	check(b, store_begin(b->store, &b->err));
	struct db *db = (struct db *)other; /* its first member: do not wait 10 s */

	(void)sqlite3_busy_timeout(db->sql, 0);
	assert_int_equal(store_begin(other, &b->err), -EBUSY);
	assert_non_null(strstr(b->err.text, "locked"));
	store_rollback(b->store);
	check(b, store_begin(other, &b->err));
	check(b, store_commit(other, &b->err));
	store_close(other);
}

/* Reads while another writes, sees what is committed, and needs no right to write. */
static void
test_reader(void **state)
{
	struct box *b = *state, reader = { 0 };

	check(b, store_open(b->path, STORE_READ, &reader.store, &reader.err));
	check(b, offer_batch(b, 1));
	assert_int_equal(agreed_batches(&reader), 0);
	check(b, store_commit(b->store, &b->err));
	assert_int_equal(agreed_batches(&reader), 1);
	store_close(reader.store);
	if (geteuid() != 0)
		return; /* what follows gives rights up */
	store_close(b->store);
	b->store = NULL;
	assert_int_equal(chmod(b->folder, 0755) | chmod(b->path, 0644), 0);
	pid_t child = fork();

	if (child == 0) {
		int r = setuid(65534);

		r |= store_open(b->path, STORE_WRITE, &b->store, &b->err) != -EACCES;
		_exit(r != 0 || strstr(b->err.text, b->path) == NULL);
	}
	int status = -1;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_killed),
		STORE_TEST(test_writes_fail),
		STORE_TEST(test_creation_fails),
		STORE_TEST(test_versions),
		STORE_TEST(test_damaged),
		STORE_TEST(test_locked),
		STORE_TEST(test_reader),
	};

	return cmocka_run_group_tests(tests, shim_register, NULL);
}
