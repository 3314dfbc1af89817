/*
 * A followed file: numbered lines are written while the file is rotated in every
 * way, and each line has to come exactly once. Nothing sleeps: the loop runs
 * until what is waited for has come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"
#include "watcher/reader.h"
#include "watcher/source.h"

enum {
	MAX_NUMBER = 200000,
	DEADLINE_S = 120,
};

struct rig {
	char dir[64], path[96];
	sd_event *loop;
	struct source *src;
	unsigned char *seen; /* how often each number came */
	atomic_uint highest; /* number that came, plus 1 */
	size_t lines, fragments, twice, offers, refuse;
	size_t gaps[GAP_SUPPRESSED + 1];
	char cursor[SOURCE_CURSOR_MAX];
	struct buf text; /* the lines that are no numbered ones, each with a "|" */
};

/* "line 0000012 (…) ok": the number, or -1 if a part is missing. */
static int64_t
number_of(struct str line)
{
	int64_t n;

	if (!str_starts(line, STR("line ")) || !str_ends(line, STR(" ok")) || line.n < 12)
		return -1;
	return str_to_int((struct str){ line.p + 5, 7 }, &n) && n < MAX_NUMBER ? n : -1;
}

static size_t
print_line(char *to, size_t size, unsigned n)
{
	return (size_t)snprintf(to, size, "line %07u %.*s ok\n", n, (int)(n * 7 % 60),
	    "to=<ann@example.org>, relay=mx.example.org[192.0.2.25]:25, status=sent");
}

static int
on_lines(void *ctx, struct source *src, const struct line *lines, size_t n,
    const char *cursor)
{
	struct rig *rig = ctx;

	(void)src;
	rig->offers++;
	if (rig->refuse > 0) {
		rig->refuse--;
		return -EAGAIN;
	}
	assert_true(n <= SOURCE_BATCH_LINES);
	for (size_t i = 0; i < n; i++) {
		int64_t number = number_of(lines[i].text);

		rig->lines++;
		if (number < 0) {
			rig->fragments++;
			buf_add(&rig->text, lines[i].text);
			buf_add_char(&rig->text, '|');
			continue;
		}
		rig->twice += rig->seen[number] > 0;
		rig->seen[number]++;
		if (number >= atomic_load(&rig->highest))
			atomic_store(&rig->highest, (unsigned)number + 1);
	}
	assert_true(strlen(cursor) < sizeof rig->cursor);
	(void)strcpy(rig->cursor, cursor);
	return 0;
}

static void
on_gap(void *ctx, struct source *src, enum source_gap gap, const char *detail)
{
	struct rig *rig = ctx;

	(void)src;
	assert_true(detail[0] != '\0');
	rig->gaps[gap]++;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static int
rig_up(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);

	(void)strcpy(rig->dir, "/tmp/mailwarden-source-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	(void)snprintf(rig->path, sizeof rig->path, "%s/mail.log", rig->dir);
	rig->seen = calloc(MAX_NUMBER, 1);
	assert_true(sd_event_new(&rig->loop) >= 0);
	*state = rig;
	return 0;
}

static int
rig_down(void **state)
{
	struct rig *rig = *state;

	source_close(rig->src);
	sd_event_unref(rig->loop);
	(void)nftw(rig->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	buf_done(&rig->text);
	free(rig->seen);
	free(rig);
	return 0;
}

static void
start(struct rig *rig, enum source_start from)
{
	const struct source_events events = { on_lines, on_gap, rig };
	struct err err = { "" };
	int r = source_open_file(rig->loop, rig->path, rig->cursor, from, &events,
	    &rig->src, &err);

	if (r < 0)
		fail_msg("%s", err.text);
}

static void
stop(struct rig *rig)
{
	source_close(rig->src);
	rig->src = NULL;
}

static void
catch_up(struct rig *rig)
{
	struct err err = { "" };

	if (source_catch_up(rig->src, &err) < 0)
		fail_msg("%s", err.text);
}

static time_t
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Runs the loop until *counter reaches want. */
static void
wait_for(struct rig *rig, const size_t *counter, size_t want)
{
	time_t deadline = now_s() + DEADLINE_S;

	while (*counter < want) {
		assert_true(sd_event_run(rig->loop, 1000000) >= 0);
		if (now_s() > deadline)
			fail_msg("%zu of %zu came; trouble: %s", *counter, want,
			    source_trouble(rig->src));
	}
}

/* Runs the loop until nothing is left to do right now. */
static void
settle(struct rig *rig)
{
	unsigned turns = 0;

	while (sd_event_run(rig->loop, 0) > 0)
		assert_true(++turns < 1000);
}

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "ae");

	assert_non_null(f);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void
put_lines(const char *path, unsigned from, unsigned to)
{
	FILE *f = fopen(path, "ae");
	char line[128];

	assert_non_null(f);
	for (unsigned i = from; i < to; i++)
		(void)fwrite(line, 1, print_line(line, sizeof line, i), f);
	assert_int_equal(fclose(f), 0);
}

static void
assert_each_once(const struct rig *rig, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		if (rig->seen[i] != 1)
			fail_msg("line %u came %u times", i, rig->seen[i]);
}

static void
assert_text(const struct rig *rig, struct str want)
{
	struct str have = buf_str(&rig->text);

	if (!str_eq(have, want))
		fail_msg("have '%.*s' want '%.*s'", STR_ARG(have), STR_ARG(want));
}

static char *
sibling(const struct rig *rig, const char *suffix)
{
	char *name = NULL;

	assert_true(asprintf(&name, "%s%s", rig->path, suffix) > 0);
	return name;
}

static void
move(const struct rig *rig, const char *from, const char *to)
{
	AUTO(auto_free) char *a = sibling(rig, from);
	AUTO(auto_free) char *b = sibling(rig, to);

	assert_int_equal(rename(a, b), 0);
}

static void
slurp(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	do {
		assert_true(buf_reserve(out, 65536));
		n = read(fd, out->p + out->n, 65536);
		out->n += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	close(fd);
}

static void
copy(const struct rig *rig, const char *from, const char *to)
{
	AUTO(auto_free) char *a = sibling(rig, from);
	AUTO(auto_free) char *b = sibling(rig, to);
	struct buf bytes = { 0 };
	int fd = open(b, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	slurp(a, &bytes);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes.p == NULL ? "" : bytes.p, bytes.n), bytes.n);
	close(fd);
	buf_done(&bytes);
}

static void
pack(const struct rig *rig, const char *from, const char *to, int filter)
{
	AUTO(auto_free) char *a = sibling(rig, from);
	AUTO(auto_free) char *b = sibling(rig, to);
	struct archive *out = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	struct buf bytes = { 0 };

	slurp(a, &bytes);
	archive_write_add_filter(out, filter);
	archive_write_set_format_raw(out);
	assert_int_equal(archive_write_open_filename(out, b), ARCHIVE_OK);
	archive_entry_set_filetype(e, AE_IFREG);
	assert_int_equal(archive_write_header(out, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(out, bytes.p, bytes.n), bytes.n);
	archive_entry_free(e);
	archive_write_free(out);
	assert_int_equal(unlink(a), 0);
	buf_done(&bytes);
}

/* ---- while nobody looks: lines 0-599 are read, 600-999 are written to the old
 * file, then it is rotated and lines 1000-1499 follow. ---- */

static void
rotate_not(struct rig *rig)
{
	(void)rig;
}

static void
rotate_rename(struct rig *rig)
{
	move(rig, "", ".1");
}

static void
rotate_date(struct rig *rig)
{
	AUTO(auto_free) char *old = sibling(rig, "-20261119");

	put(old, "an older one\n");
	move(rig, "", "-20261121");
}

static void
rotate_gzip(struct rig *rig)
{
	move(rig, "", ".1");
	pack(rig, ".1", ".1.gz", ARCHIVE_FILTER_GZIP);
}

static void
rotate_xz_date(struct rig *rig)
{
	move(rig, "", "-20261121");
	pack(rig, "-20261121", "-20261121.xz", ARCHIVE_FILTER_XZ);
}

static void
rotate_often(struct rig *rig)
{
	move(rig, "", ".3");
	pack(rig, ".3", ".3.gz", ARCHIVE_FILTER_GZIP);
	put_lines(rig->path, 1500, 1600);
	move(rig, "", ".2");
	pack(rig, ".2", ".2.gz", ARCHIVE_FILTER_ZSTD);
	put_lines(rig->path, 1600, 1700);
	move(rig, "", ".1");
}

/* gzip is still at work, or was killed: half of the packed one lies beside. */
static void
rotate_gzip_begun(struct rig *rig)
{
	AUTO(auto_free) char *half = sibling(rig, ".1.gz");

	copy(rig, "", ".1");
	pack(rig, "", ".1.gz", ARCHIVE_FILTER_GZIP);
	assert_int_equal(truncate(half, 1000), 0);
}

static void
rotate_newsyslog(struct rig *rig)
{
	AUTO(auto_free) char *old = sibling(rig, ".1.gz");

	put(old, "an older one\n");
	move(rig, "", ".0");
	pack(rig, ".0", ".0.bz2", ARCHIVE_FILTER_BZIP2);
}

static void
rotate_copytruncate(struct rig *rig)
{
	copy(rig, "", ".1");
	assert_int_equal(truncate(rig->path, 0), 0);
}

static void
rotate_copytruncate_gzip(struct rig *rig)
{
	rotate_copytruncate(rig);
	pack(rig, ".1", ".1.gz", ARCHIVE_FILTER_GZIP);
}

/* To another disk and back, or an editor: the same bytes, another inode. */
static void
rotate_inode(struct rig *rig)
{
	copy(rig, "", "~new");
	move(rig, "~new", "");
}

static void
rotate_by_hand(struct rig *rig)
{
	move(rig, "", ".old");
}

static void
rotate_lost(struct rig *rig)
{
	assert_int_equal(unlink(rig->path), 0);
}

static void
rotate_truncate(struct rig *rig)
{
	assert_int_equal(truncate(rig->path, 0), 0);
}

static const struct {
	const char *name;
	void (*rotate)(struct rig *rig);
	enum source_gap gap;
	bool loses; /* lines 600-999 */
} restarts[] = {
	{ "nothing happened", rotate_not, GAP_NONE, false },
	{ "renamed to .1", rotate_rename, GAP_NONE, false },
	{ "renamed to -DATE", rotate_date, GAP_NONE, false },
	{ "renamed and gzipped", rotate_gzip, GAP_NONE, false },
	{ "renamed to -DATE.xz", rotate_xz_date, GAP_NONE, false },
	{ "renamed three times, .gz and .zst", rotate_often, GAP_NONE, false },
	{ "gzip half done", rotate_gzip_begun, GAP_NONE, false },
	{ "newsyslog, .0.bz2", rotate_newsyslog, GAP_NONE, false },
	{ "copied and truncated", rotate_copytruncate, GAP_TRUNCATED, false },
	{ "copied, truncated, gzipped", rotate_copytruncate_gzip, GAP_TRUNCATED, false },
	{ "same bytes in another inode", rotate_inode, GAP_NONE, false },
	{ "renamed to a name without order", rotate_by_hand, GAP_NONE, false },
	{ "deleted", rotate_lost, GAP_LOST_FILE, true },
	{ "truncated", rotate_truncate, GAP_TRUNCATED, true },
};

static void
check_restart(struct rig *rig, size_t i, bool complete)
{
	put_lines(rig->path, 0, 600);
	if (!complete)
		put(rig->path, "half a ");
	start(rig, SOURCE_FROM_START);
	catch_up(rig);
	assert_int_equal(rig->lines, 600);
	stop(rig);

	if (!complete)
		put(rig->path, "line\n");
	put_lines(rig->path, 600, 1000);
	put(rig->path, "the end of the old file\n");
	restarts[i].rotate(rig);
	put_lines(rig->path, 1000, 1500);

	start(rig, SOURCE_FROM_END); /* the cursor decides */
	catch_up(rig);
	assert_each_once(rig, 0, 600);
	assert_each_once(rig, 1000, 1500);
	if (!restarts[i].loses)
		assert_each_once(rig, 600, 1000);
	if (restarts[i].rotate == rotate_often)
		assert_each_once(rig, 1500, 1700);
	assert_int_equal(rig->twice, 0);
	for (size_t gap = 0; gap <= GAP_SUPPRESSED; gap++)
		assert_int_equal(rig->gaps[gap], gap != GAP_NONE && gap == restarts[i].gap);
	if (restarts[i].loses)
		assert_text(rig, STR(""));
	else if (complete)
		assert_text(rig, STR("the end of the old file|"));
	else
		assert_text(rig, STR("half a line|the end of the old file|"));
	assert_string_equal(source_trouble(rig->src), "");
}

static void
test_restart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof restarts / sizeof restarts[0]; i++)
		for (int complete = 0; complete < 2; complete++) {
			void *rig = NULL;

			print_message("  %s, %s line\n", restarts[i].name,
			    complete ? "complete" : "incomplete");
			rig_up(&rig);
			check_restart(rig, i, complete);
			rig_down(&rig);
		}
}

/* A stop between any two offers: the cursor is enough to go on. */
static void
test_restart_anywhere(void **state)
{
	struct rig *rig = *state;

	put_lines(rig->path, 0, 3 * SOURCE_BATCH_LINES);
	for (unsigned i = 0; i < 8; i++) {
		struct err err;
		size_t lines = rig->lines;

		start(rig, SOURCE_FROM_START);
		rig->refuse = 0;
		while (rig->lines == lines && sd_event_run(rig->loop, 0) > 0)
			;
		rig->refuse = 1;
		if (rig->lines < 3 * SOURCE_BATCH_LINES)
			assert_int_equal(source_catch_up(rig->src, &err), -EAGAIN);
		rig->refuse = 0;
		stop(rig);
		if (i == 1)
			move(rig, "", ".1");
		if (i == 2)
			pack(rig, ".1", ".1.gz", ARCHIVE_FILTER_GZIP);
	}
	start(rig, SOURCE_FROM_START);
	catch_up(rig);
	assert_each_once(rig, 0, 3 * SOURCE_BATCH_LINES);
	assert_int_equal(rig->gaps[GAP_LOST_FILE], 0);
}

static void
test_bad_cursor(void **state)
{
	struct rig *rig = *state;

	put_lines(rig->path, 0, 10);
	(void)strcpy(rig->cursor, "something else");
	start(rig, SOURCE_FROM_START);
	catch_up(rig);
	assert_int_equal(rig->gaps[GAP_LOST_FILE], 1);
	assert_each_once(rig, 0, 10);
}

static void
test_from_end(void **state)
{
	struct rig *rig = *state;

	put(rig->path, "old\nbegun ");
	start(rig, SOURCE_FROM_END);
	wait_for(rig, &rig->offers, 1); /* the cursor of where it begins */
	assert_int_equal(rig->lines, 0);
	stop(rig);
	put(rig->path, "before\nnew\n");
	start(rig, SOURCE_FROM_END);
	wait_for(rig, &rig->lines, 2);
	assert_text(rig, STR("begun before|new|"));
}

static void
test_refused(void **state)
{
	struct rig *rig = *state;
	struct err err = { "" };

	put_lines(rig->path, 0, 20000);
	start(rig, SOURCE_FROM_START);
	rig->refuse = 2;
	assert_int_equal(source_catch_up(rig->src, &err), -EAGAIN);
	assert_string_equal(rig->cursor, "");
	settle(rig); /* refused again: now it waits */
	assert_int_equal(rig->offers, 2);
	put_lines(rig->path, 20000, 20010);
	settle(rig); /* and new lines do not hurry it */
	assert_int_equal(rig->offers, 2);
	wait_for(rig, &rig->lines, 20010);
	assert_each_once(rig, 0, 20010);
}

static void
test_lines(void **state)
{
	struct rig *rig = *state;

	start(rig, SOURCE_FROM_START);
	settle(rig);
	assert_non_null(strstr(source_trouble(rig->src), rig->path));
	put(rig->path, "one\r\ntw");
	wait_for(rig, &rig->lines, 1);
	assert_string_equal(source_trouble(rig->src), "");
	put(rig->path, "o\nthree\n");
	wait_for(rig, &rig->lines, 3);
	assert_text(rig, STR("one|two|three|"));
	/* Idle is asleep: no event, and no timer that would become one. */
	settle(rig);
	assert_int_equal(sd_event_run(rig->loop, 20000), 0);
}

static void
test_last_line_of_rotated_file(void **state)
{
	struct rig *rig = *state;
	AUTO(auto_free) char *old = sibling(rig, ".1");

	put(rig->path, "one\nlast");
	start(rig, SOURCE_FROM_START);
	wait_for(rig, &rig->lines, 1);
	move(rig, "", ".1");
	put(rig->path, "");
	settle(rig);
	put(old, " line"); /* the server has not reopened its log yet */
	settle(rig);
	assert_text(rig, STR("one|"));
	put(rig->path, "new\n");
	wait_for(rig, &rig->lines, 3);
	assert_text(rig, STR("one|last line|new|"));
}

static void
test_truncate_and_outgrow(void **state)
{
	struct rig *rig = *state;

	put_lines(rig->path, 0, 100);
	start(rig, SOURCE_FROM_START);
	wait_for(rig, &rig->lines, 100);
	assert_int_equal(truncate(rig->path, 0), 0);
	put_lines(rig->path, 100, 1000); /* past our position at once */
	wait_for(rig, &rig->lines, 1000);
	assert_each_once(rig, 0, 1000);
	assert_int_equal(rig->gaps[GAP_TRUNCATED], 1);
	assert_int_equal(rig->fragments, 0);
}

static void
test_directory_comes_and_goes(void **state)
{
	struct rig *rig = *state;
	char away[128], deep[128];

	(void)snprintf(away, sizeof away, "%s/away", rig->dir);
	(void)snprintf(deep, sizeof deep, "%s/a", rig->dir);
	(void)snprintf(rig->path, sizeof rig->path, "%s/a/b/mail.log", rig->dir);
	start(rig, SOURCE_FROM_END);
	settle(rig);
	assert_int_equal(mkdir(deep, 0755), 0);
	settle(rig);
	(void)strcat(deep, "/b");
	assert_int_equal(mkdir(deep, 0755), 0);
	put_lines(rig->path, 0, 10);
	wait_for(rig, &rig->lines, 10);
	/* Replaced as a whole: the old file first, then the new one. */
	assert_int_equal(rename(deep, away), 0);
	settle(rig);
	assert_true(source_trouble(rig->src)[0] != '\0');
	(void)strcat(away, "/mail.log");
	put_lines(away, 10, 20);
	assert_int_equal(mkdir(deep, 0755), 0);
	put_lines(rig->path, 20, 30);
	wait_for(rig, &rig->lines, 30);
	assert_each_once(rig, 0, 30);
	assert_string_equal(source_trouble(rig->src), "");
}

static void
test_link(void **state)
{
	struct rig *rig = *state;
	char dir[128], real[160], old[164];

	(void)snprintf(dir, sizeof dir, "%s/elsewhere", rig->dir);
	(void)snprintf(real, sizeof real, "%s/mail.log", dir);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(symlink("elsewhere/mail.log", rig->path), 0);
	start(rig, SOURCE_FROM_START);
	settle(rig);
	put_lines(real, 0, 10);
	wait_for(rig, &rig->lines, 10);
	(void)snprintf(old, sizeof old, "%s.1", real);
	assert_int_equal(rename(real, old), 0);
	put_lines(old, 10, 20);
	settle(rig);
	put_lines(real, 20, 30);
	wait_for(rig, &rig->lines, 30);
	assert_each_once(rig, 0, 30);
}

static void
test_unreadable(void **state)
{
	struct rig *rig = *state;

	if (geteuid() == 0) { /* root may read everything */
		assert_int_equal(chown(rig->dir, 65534, (gid_t)-1), 0);
		assert_int_equal(seteuid(65534), 0);
	}
	put_lines(rig->path, 0, 10);
	assert_int_equal(chmod(rig->path, 0), 0);
	start(rig, SOURCE_FROM_START);
	settle(rig);
	assert_non_null(strstr(source_trouble(rig->src), "group adm"));
	assert_int_equal(chmod(rig->path, 0600), 0);
	settle(rig); /* at once, without waiting for the next try */
	assert_each_once(rig, 0, 10);
	assert_string_equal(source_trouble(rig->src), "");
	(void)seteuid(getuid());
}

/* ---- while the loop runs: a writer in a thread, a rotator in another ---- */

enum way {
	WAY_RENAME, /* the server is told and reopens its log some lines later */
	WAY_CREATE, /* the same, but the rotator creates the new file at once */
	WAY_COPYTRUNCATE,
	WAY_DELETE,
};

struct traffic {
	struct rig *rig;
	enum way way;
	unsigned every; /* lines between two rotations */
	atomic_bool done;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned written, rotations, reopened;
	unsigned next_at; /* lines, then the next rotation comes */
	bool reopen;      /* wanted */
};

/* As servers do: whole lines, but not always whole buffers; the last line of a
 * file that is renamed has no newline. */
static void *
write_lines(void *ctx)
{
	struct traffic *t = ctx;
	int fd = open(t->rig->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	char line[128];

	for (unsigned i = 0; i < MAX_NUMBER; i++) {
		size_t n = print_line(line, sizeof line, i), half = i % 5 == 0 ? n / 2 : n;
		bool last;

		pthread_mutex_lock(&t->lock);
		/* The very last line comes when nothing can happen to it any more. */
		while (!atomic_load(&t->done) && !t->reopen &&
		       (i == MAX_NUMBER - 1 || i > t->next_at + t->every))
			pthread_cond_wait(&t->changed, &t->lock);
		last = t->reopen && i % 100 == 99 && i + 1 < MAX_NUMBER;
		pthread_mutex_unlock(&t->lock);
		if (t->way == WAY_COPYTRUNCATE)
			half = n; /* else the cut may go through a line */
		else if (last)
			n--;
		if (half > n)
			half = n;
		if (write(fd, line, half) < 0 || write(fd, line + half, n - half) < 0)
			abort();
		pthread_mutex_lock(&t->lock);
		t->written = i + 1;
		if (last) {
			close(fd);
			fd = open(t->rig->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			    0644);
			t->reopen = false;
			t->reopened = i + 1;
		}
		pthread_cond_broadcast(&t->changed);
		pthread_mutex_unlock(&t->lock);
	}
	close(fd);
	return NULL;
}

static void
rotate_once(struct traffic *t)
{
	char from[16], to[16];

	for (unsigned i = t->rotations; t->way != WAY_DELETE && i > 0; i--) {
		(void)snprintf(from, sizeof from, ".%u", i);
		(void)snprintf(to, sizeof to, ".%u", i + 1);
		move(t->rig, from, to);
	}
	t->rotations++;
	if (t->way == WAY_COPYTRUNCATE) {
		copy(t->rig, "", ".1");
		assert_int_equal(truncate(t->rig->path, 0), 0);
		return;
	}
	if (t->way == WAY_DELETE)
		assert_int_equal(unlink(t->rig->path), 0);
	else
		move(t->rig, "", ".1");
	if (t->way == WAY_CREATE)
		put(t->rig->path, "");
}

/* A file that was never opened cannot be read after it is deleted: wait until the
 * reader has come to it, and watch the writer meanwhile. */
static void
wait_for_reader(struct traffic *t)
{
	struct timespec soon;

	while (t->way == WAY_DELETE && atomic_load(&t->rig->highest) <= t->reopened &&
	       !atomic_load(&t->done)) {
		(void)clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_nsec += soon.tv_nsec < 999000000 ? 1000000 : 0;
		(void)pthread_cond_timedwait(&t->changed, &t->lock, &soon);
	}
}

static void *
rotate_files(void *ctx)
{
	struct traffic *t = ctx;

	pthread_mutex_lock(&t->lock);
	for (; t->next_at < MAX_NUMBER - t->every; t->next_at = t->written + t->every) {
		pthread_cond_broadcast(&t->changed);
		while (t->written < t->next_at)
			pthread_cond_wait(&t->changed, &t->lock);
		wait_for_reader(t);
		if (t->written > MAX_NUMBER - 200)
			break; /* it may not come to reopening its log */
		pthread_mutex_unlock(&t->lock);
		rotate_once(t);
		pthread_mutex_lock(&t->lock);
		t->reopen = t->way != WAY_COPYTRUNCATE;
		pthread_cond_broadcast(&t->changed);
		while (t->reopen && t->written < MAX_NUMBER - 1)
			pthread_cond_wait(&t->changed, &t->lock);
	}
	atomic_store(&t->done, true);
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

static void
run_traffic(struct traffic *t)
{
	struct rig *rig = t->rig;
	pthread_t writer, rotator;

	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	t->next_at = t->every;
	start(rig, SOURCE_FROM_START);
	assert_int_equal(pthread_create(&writer, NULL, write_lines, t), 0);
	assert_int_equal(pthread_create(&rotator, NULL, rotate_files, t), 0);
	time_t deadline = now_s() + DEADLINE_S;

	/* The last line is in the current file, so it comes at last. */
	while (atomic_load(&rig->highest) < MAX_NUMBER && now_s() < deadline)
		assert_true(sd_event_run(rig->loop, 1000000) >= 0);
	pthread_join(writer, NULL);
	pthread_join(rotator, NULL);
	settle(rig);
	print_message("  %u rotations, %zu lines, gaps: %zu truncated, %zu lost\n",
	    t->rotations, rig->lines, rig->gaps[GAP_TRUNCATED], rig->gaps[GAP_LOST_FILE]);
	assert_true(t->rotations >= 5);
	assert_int_equal(rig->twice, 0);
	assert_int_equal(rig->gaps[GAP_LOST_FILE], 0);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->changed);
}

static void
test_rename_rotation(void **state)
{
	struct traffic t = { .rig = *state, .way = WAY_RENAME, .every = 20000 };

	run_traffic(&t);
	assert_each_once(t.rig, 0, MAX_NUMBER);
	assert_int_equal(t.rig->gaps[GAP_TRUNCATED], 0);
}

static void
test_create_rotation(void **state)
{
	struct traffic t = { .rig = *state, .way = WAY_CREATE, .every = 3000 };

	run_traffic(&t);
	assert_each_once(t.rig, 0, MAX_NUMBER);
	assert_int_equal(t.rig->gaps[GAP_TRUNCATED], 0);
}

static void
test_deletion(void **state)
{
	struct traffic t = { .rig = *state, .way = WAY_DELETE, .every = 10000 };

	run_traffic(&t);
	assert_each_once(t.rig, 0, MAX_NUMBER);
	assert_int_equal(t.rig->gaps[GAP_TRUNCATED], 0);
}

/* Which lines the copies and the current file hold: what nobody can miss. */
static size_t
count_kept(const struct rig *rig, unsigned rotations, unsigned char *kept)
{
	size_t n = 0;

	for (unsigned i = 0; i <= rotations; i++) {
		struct buf bytes = { 0 };
		char suffix[16] = "";

		if (i > 0)
			(void)snprintf(suffix, sizeof suffix, ".%u", i);
		AUTO(auto_free) char *name = sibling(rig, suffix);

		slurp(name, &bytes);
		for (struct str rest = buf_str(&bytes); rest.n > 0;) {
			int64_t number = number_of(str_cut(&rest, '\n'));

			if (number >= 0) {
				n++;
				kept[number]++;
			}
		}
		buf_done(&bytes);
	}
	return n;
}

static void
test_copytruncate(void **state)
{
	struct traffic t = { .rig = *state, .way = WAY_COPYTRUNCATE, .every = 10000 };
	unsigned char *kept = calloc(MAX_NUMBER, 1);
	size_t lost = 0, late = 0;

	run_traffic(&t);
	size_t n = count_kept(t.rig, t.rotations, kept);

	for (unsigned i = 0; i < MAX_NUMBER; i++) {
		if (kept[i] > 0 && t.rig->seen[i] != 1)
			fail_msg("line %u came %u times", i, t.rig->seen[i]);
		late += kept[i] == 0 && t.rig->seen[i] == 1;
		lost += kept[i] == 0 && t.rig->seen[i] == 0;
	}
	print_message("  %zu kept, %zu read before the truncation, %zu out of reach\n", n,
	    late, lost);
	assert_int_equal(n + late + lost, MAX_NUMBER);
	assert_true(t.rig->gaps[GAP_TRUNCATED] > 0);
	/* A copy may end within a line, whose rest the truncation took. */
	assert_true(t.rig->fragments <= t.rotations);
	free(kept);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_up, rig_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart),
		TEST(test_restart_anywhere),
		TEST(test_bad_cursor),
		TEST(test_from_end),
		TEST(test_refused),
		TEST(test_lines),
		TEST(test_last_line_of_rotated_file),
		TEST(test_truncate_and_outgrow),
		TEST(test_directory_comes_and_goes),
		TEST(test_link),
		TEST(test_unreadable),
		TEST(test_rename_rotation),
		TEST(test_create_rotation),
		TEST(test_deletion),
		TEST(test_copytruncate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
