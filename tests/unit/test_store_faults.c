/*
 * The store in trouble: killed, disk full, damaged, locked, of another version; and what
 * waits in it meanwhile: incidents and the outbox.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core/clock.h"
#include "store/migrate.h"

#define HOUR_US (INT64_C(3600) * US_PER_S)
#define DAY_US	(24 * HOUR_US)
#define T0	(INT64_C(500000) * HOUR_US)

static const struct str source = STR_INIT("/var/log/mail.log");

/* --- a file system whose n-th write fails --- */

static struct {
	sqlite3_vfs vfs, *real;
	int writes_left; /* then all fail; -1: none does */
	int result;	 /* of those that fail */
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
	return is_failing() ? shim.result : behind(f)->pMethods->xWrite(behind(f), p, n, at);
}

static int
shim_sync(sqlite3_file *f, int flags)
{
	return is_failing() ? SQLITE_IOERR_FSYNC : behind(f)->pMethods->xSync(behind(f), flags);
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

/* --- a folder for each test --- */

struct box {
	char folder[256], path[300];
	struct store *store;
	struct err err;
};

static void
check(struct box *b, int r)
{
	if (r < 0)
		fail_msg("%d: %s", r, b->err.text);
}

static void
reopen(struct box *b)
{
	store_close(b->store);
	b->store = NULL;
	check(b, store_open(b->path, STORE_WRITE, &b->store, &b->err));
}

static int
set_up(void **state)
{
	struct box *b = calloc(1, sizeof *b);
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(b->folder, sizeof b->folder, "%s/mw-store-XXXXXX",
	    tmp == NULL || *tmp == '\0' ? "/tmp" : tmp);
	assert_non_null(mkdtemp(b->folder));
	(void)snprintf(b->path, sizeof b->path, "%s/s.db", b->folder);
	shim.writes_left = -1;
	reopen(b);
	*state = b;
	return 0;
}

static int
tear_down(void **state)
{
	struct box *b = *state;
	char command[400];

	shim.writes_left = -1;
	store_close(b->store);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", b->folder);
	assert_int_equal(system(command), 0);
	free(b);
	return 0;
}

static void
sql(struct box *b, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	(void)sqlite3_close(db);
}

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
	check(b, store_each_incident(
		     b->store, INCIDENTS_ALIVE, 0, count_incident, &incidents, &b->err));
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
	static const struct migration steps[] = {
		{ 1, "CREATE TABLE never (a)" },
		{ 2, "CREATE TABLE two (a)" },
		{ 3, "INSERT INTO two VALUES (3)" },
	};
	static const struct migration broken[] = {
		{ 4, "CREATE TABLE four (a)" },
		{ 5, "CREATE TABLE meta (a)" },
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

	for (int mode = STORE_READ; mode <= STORE_WRITE; mode++) {
		assert_int_equal(
		    store_open(b->path, (enum store_mode)mode, &b->store, &b->err), -EPROTO);
		assert_non_null(strstr(b->err.text, "newer"));
		assert_non_null(strstr(b->err.text, "3"));
	}
	sql(b, "PRAGMA user_version = 0");
	assert_int_equal(store_open(b->path, STORE_READ, &b->store, &b->err), -EPROTO);
	assert_non_null(strstr(b->err.text, "older"));
	sql(b, "PRAGMA user_version = 1; PRAGMA application_id = 5");
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

/* --- incidents and the outbox --- */

static int
same_incident(void *ctx, const struct incident *got)
{
	const struct incident *want = ctx;

	assert_true(str_eq(got->id, want->id) && str_eq(got->rule, want->rule));
	assert_true(str_eq(got->group, want->group) && str_eq(got->host, want->host));
	assert_true(str_eq(got->provider, want->provider));
	assert_true(str_eq(got->code_id, want->code_id));
	assert_true(str_eq(got->category, want->category));
	assert_true(str_eq(got->summary, want->summary) && str_eq(got->advice, want->advice));
	assert_true(str_eq(got->url, want->url) && str_eq(got->affected, want->affected));
	assert_true(str_eq(got->samples, want->samples));
	assert_int_equal(got->severity, want->severity);
	assert_int_equal(got->state, want->state);
	assert_int_equal(got->opened_us, want->opened_us);
	assert_int_equal(got->last_seen_us, want->last_seen_us);
	assert_int_equal(got->resolved_us, want->resolved_us);
	assert_int_equal(got->told_us, want->told_us);
	assert_int_equal(got->count, want->count);
	assert_int_equal(got->streak, want->streak);
	return 42;
}

static int
add_id(void *ctx, const struct incident *incident)
{
	buf_add(ctx, incident->id);
	buf_add_char(ctx, ' ');
	return 0;
}

static void
test_incident_whole(void **state)
{
	struct box *b = *state;
	struct incident i = {
		.id = STR("0123456789ab"), .rule = STR("r"), .severity = SEVERITY_CRITICAL,
		.state = INCIDENT_OPEN, .group = STR("{\"a\":1}"), .host = STR("mx1"),
		.provider = STR("google"), .code_id = STR("c"), .category = STR("k"),
		.opened_us = 1, .last_seen_us = 2, .resolved_us = 3, .told_us = 4, .count = 5,
		.streak = 6, .summary = STR("s'\n"), .advice = STR("a"), .url = STR("u"),
		.affected = STR("x\ny\n"), .samples = STR("l\xff\n"),
	};

	check(b, store_save_incident(b->store, &i, &b->err));
	assert_int_equal(
	    store_find_incident(b->store, i.id, same_incident, &i, &b->err), 42);
	i = (struct incident){ .id = i.id, .rule = STR("q"), .state = INCIDENT_RESOLVED };
	check(b, store_save_incident(b->store, &i, &b->err));
	assert_int_equal(
	    store_find_incident(b->store, STR("01"), same_incident, &i, &b->err), 42);
	check(b, store_forget_incident(b->store, i.id, &b->err));
	assert_int_equal(
	    store_find_incident(b->store, i.id, same_incident, &i, &b->err), -ENOENT);
}

static void
test_incident_search(void **state)
{
	static const struct incident rows[] = {
		{ .id = STR_INIT("aa"), .state = INCIDENT_OPEN, .opened_us = 50, .last_seen_us = 50 },
		{ .id = STR_INIT("aabb"), .state = INCIDENT_PENDING, .opened_us = 10 },
		{ .id = STR_INIT("aacc"), .state = INCIDENT_RESOLVED, .opened_us = 20,
		    .last_seen_us = 60, .resolved_us = 90 },
		{ .id = STR_INIT("b%"), .state = INCIDENT_RESOLVED, .opened_us = 5,
		    .last_seen_us = 8, .resolved_us = 30 },
		{ .id = STR_INIT("c"), .state = INCIDENT_OPEN, .opened_us = 7, .last_seen_us = 9 },
	};
	static const struct {
		enum incident_filter filter;
		const char *want;
	} walks[] = {
		{ INCIDENTS_OPEN, "c aa " },
		{ INCIDENTS_ALIVE, "c aabb aacc aa " },
		{ INCIDENTS_RECENT, "aacc aa c " },
	};
	static const struct {
		struct str id;
		int want;
	} finds[] = {
		{ STR_INIT("aa"), 0 }, { STR_INIT("aab"), 0 }, { STR_INIT("b"), 0 },
		{ STR_INIT("a"), -ENOTUNIQ }, { STR_INIT(""), -ENOENT },
		{ STR_INIT("aaa"), -ENOENT }, { STR_INIT("%"), -ENOENT },
		{ STR_INIT("z"), -ENOENT }, { STR_INIT("aabbc"), -ENOENT },
	};
	struct box *b = *state;
	AUTO(buf_done) struct buf out = { 0 };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check(b, store_save_incident(b->store, &rows[i], &b->err));
	for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
		buf_clear(&out);
		check(b, store_each_incident(
			     b->store, walks[i].filter, 40, add_id, &out, &b->err));
		assert_string_equal(buf_cstr(&out), walks[i].want);
	}
	for (size_t i = 0; i < sizeof finds / sizeof *finds; i++) {
		buf_clear(&out);
		assert_int_equal(
		    store_find_incident(b->store, finds[i].id, add_id, &out, &b->err),
		    finds[i].want);
		assert_true(str_starts(buf_str(&out), finds[i].want == 0 ? finds[i].id : STR("")));
	}
}

static int
add_row(void *ctx, const struct outbox_row *row)
{
	buf_addf(ctx, "%.*s/%d%.*s ", STR_ARG(row->id), (int)row->tries,
	    STR_ARG(row->last_error));
	return 0;
}

static void
expect_outbox(struct box *b, int64_t now_us, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };

	check(b, store_each_outbox(b->store, now_us, add_row, &out, &b->err));
	assert_string_equal(buf_cstr(&out), want);
}

static void
test_outbox(void **state)
{
	static const struct outbox_row rows[] = {
		{ .id = STR_INIT("z"), .incident = STR_INIT("i"), .notice = NOTICE_OPENED,
		    .created_us = T0, .due_us = T0 + 10 },
		{ .id = STR_INIT("a"), .incident = STR_INIT("i"), .notice = NOTICE_RESOLVED,
		    .created_us = T0, .due_us = T0 },
		{ .id = STR_INIT("k"), .incident = STR_INIT("j"), .notice = NOTICE_OPENED,
		    .created_us = T0 - 5, .due_us = T0 + 99 },
	};
	struct box *b = *state;
	struct store_totals t;
	int64_t due = 0;

	assert_int_equal(store_outbox_next_due(b->store, &due, &b->err), -ENOENT);
	for (int round = 0; round < 2; round++) /* twice: known ids change nothing */
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
			check(b, store_outbox_add(b->store, &rows[i], &b->err));
	check(b, store_outbox_next_due(b->store, &due, &b->err));
	assert_int_equal(due, T0);
	expect_outbox(b, INT64_MAX, "k/0 z/0 a/0 ");
	expect_outbox(b, T0 + 10, "z/0 a/0 ");
	expect_outbox(b, T0 - 1, "");

	check(b, store_outbox_failed(b->store, STR("z"), T0 + 50, STR("no"), &b->err));
	expect_outbox(b, T0 + 10, "a/0 ");
	expect_outbox(b, T0 + 50, "z/1no a/0 ");
	check(b, store_outbox_withdraw(b->store, STR("i"), NOTICE_OPENED, &b->err));
	check(b, store_outbox_withdraw(b->store, STR("j"), NOTICE_OPENED, &b->err));
	expect_outbox(b, INT64_MAX, "z/1no a/0 ");
	check(b, store_outbox_sent(b->store, STR("a"), T0 + 1, &b->err));
	assert_int_equal(store_outbox_sent(b->store, STR("a"), T0 + 2, &b->err), -ENOENT);
	assert_int_equal(
	    store_outbox_failed(b->store, STR("k"), T0, STR("no"), &b->err), -ENOENT);
	check(b, store_outbox_add(b->store, &rows[1], &b->err));
	check(b, store_outbox_next_due(b->store, &due, &b->err));
	assert_int_equal(due, T0 + 50);
	expect_outbox(b, INT64_MAX, "z/1no ");
	check(b, store_get_totals(b->store, T0, &t, &b->err));
	assert_int_equal(t.outbox_waiting, 1);
	assert_int_equal(t.outbox_sent, 1);
	check(b, store_get_totals(b->store, T0 + 2, &t, &b->err));
	assert_int_equal(t.outbox_sent, 0);
}

static void
test_expire(void **state)
{
	struct box *b = *state;
	struct store_totals t;
	int n = 0;

	for (int i = 1; i <= 3; i++) {
		check(b, offer_batch(b, i));
		assert_true(i > 1 || store_expire(b->store, T0, &b->err) == -EINVAL);
		check(b, store_commit(b->store, &b->err));
	}
	check(b, store_outbox_sent(b->store, STR("000000000001"), T0, &b->err));
	sql(b, "WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
	       "INSERT INTO attempt (time, host, mta, direction, outcome, provider) "
	       "SELECT 7, 0, 0, 0, 0, 0 FROM n");
	check(b, store_expire(b->store, T0 + 29 * DAY_US, &b->err));
	sql(b, "CREATE TEMP TABLE t (n CHECK (n = 4)); "
	       "INSERT INTO t SELECT count(*) FROM attempt");
	check(b, store_expire(b->store, T0 + 31 * DAY_US, &b->err));
	sql(b, "CREATE TEMP TABLE t (n CHECK (n = 1)); "
	       "INSERT INTO t SELECT count(*) FROM attempt; "
	       "INSERT INTO t SELECT count(*) FROM message; "
	       "INSERT INTO t SELECT count(*) FROM event; "
	       "INSERT INTO t SELECT max(id) = 5003 FROM attempt");
	check(b, store_each_outbox(b->store, INT64_MAX, count_row, &n, &b->err));
	assert_int_equal(n, 2);
	check(b, store_get_totals(b->store, 0, &t, &b->err));
	assert_int_equal(t.outcomes[OUTCOME_BOUNCED], 3);
	check(b, store_expire(b->store, T0 + 731 * DAY_US, &b->err));
	check(b, store_get_totals(b->store, 0, &t, &b->err));
	assert_int_equal(t.outcomes[OUTCOME_BOUNCED], 0);
	n = 0;
	check(b, store_each_incident(b->store, INCIDENTS_ALIVE, 0, count_incident, &n, &b->err));
	assert_int_equal(n, 3);
}

int
main(void)
{
#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_killed),
		STORE_TEST(test_writes_fail),
		STORE_TEST(test_creation_fails),
		STORE_TEST(test_versions),
		STORE_TEST(test_damaged),
		STORE_TEST(test_locked),
		STORE_TEST(test_reader),
		STORE_TEST(test_incident_whole),
		STORE_TEST(test_incident_search),
		STORE_TEST(test_outbox),
		STORE_TEST(test_expire),
	};

	return cmocka_run_group_tests(tests, shim_register, NULL);
}
