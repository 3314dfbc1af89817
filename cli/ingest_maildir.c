#include "cli/ingest_maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/ingest_log.h"
#include "cli/ingest_read.h"
#include "cli/ingest_take.h"
#include "core/write.h"

#define SLACK_US (60 * INT64_C(1000000))

enum after {
	AFTER_LEAVE,
	AFTER_CUR,
	AFTER_MOVE,
};

struct maildir {
	struct ingest_setup *setup;
	struct seen_maildir *seen;
	char *path;
	char *parts[PART_COUNT];
	enum after after;
	const char *other;  /* of AFTER_MOVE: a Maildir */
	struct err trouble; /* with a message, told last */
};

/* A message that may be new. */
struct candidate {
	char *name;
	int64_t ctime_us;
	enum maildir_part part;
};

struct candidates {
	struct candidate *items;
	size_t n, cap;
};

struct maildir *
maildir_open(struct ingest_setup *setup, struct seen_maildir *seen, const char *path)
{
	static const char *const names[] = { "new", "cur" };
	const char *after = setup->config->reports.after;
	struct maildir *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->setup = setup;
	m->seen = seen;
	m->path = str_dup(str_of(path));
	bool whole = m->path != NULL;

	for (size_t i = 0; i < PART_COUNT; i++)
		if (asprintf(&m->parts[i], "%s/%s", path, names[i]) < 0) {
			m->parts[i] = NULL;
			whole = false;
		}
	if (after != NULL && after[0] == '/') {
		m->after = AFTER_MOVE;
		m->other = after;
	} else if (after != NULL && strcmp(after, "cur") == 0) {
		m->after = AFTER_CUR;
	}
	if (whole)
		return m;
	maildir_close(m);
	return NULL;
}

void
maildir_close(struct maildir *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < PART_COUNT; i++)
		free(m->parts[i]);
	free(m->path);
	free(m);
}

const char *
maildir_path(const struct maildir *m)
{
	return m->path;
}

const char *
maildir_part_path(const struct maildir *m, enum maildir_part part)
{
	return m->parts[part];
}

bool
maildir_has_part(const struct maildir *m, enum maildir_part part)
{
	return part == PART_NEW || m->after == AFTER_LEAVE;
}

static void
tell(struct maildir *m, const struct err *err)
{
	if (strcmp(m->trouble.text, err->text) == 0)
		return;
	m->trouble = *err;
	(void)app_fail(EXIT_FAILED, "%s", err->text);
}

/* --- what becomes of a report --- */

static int
copy(const char *from, const char *tmp, struct err *err)
{
	AUTO(buf_done) struct buf bytes = { 0 };
	int r = ingest_read_file(from, &bytes, err);

	if (r <= 0)
		return r < 0 ? r : -E2BIG;
	int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(err, "create", tmp);
	r = write_whole(fd, buf_str(&bytes));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	(void)close(fd);
	return r < 0 ? err_set(err, r, "write %s: %s", tmp, strerror(-r)) : 0;
}

/* Onto another disk: a copy, then the first one goes. */
static int
move_far(struct maildir *m, const char *from, const char *to, struct str base,
    struct err *err)
{
	AUTO(buf_done) struct buf tmp = { 0 };
	AUTO(buf_done) struct buf folder = { 0 };

	buf_addf(&tmp, "%s/tmp/%.*s", m->other, STR_ARG(base));
	buf_addf(&folder, "%s/new", m->other);
	if (tmp.failed || folder.failed)
		return err_set(err, -ENOMEM, "out of memory");
	int r = copy(from, buf_cstr(&tmp), err);

	if (r == 0 && rename(buf_cstr(&tmp), to) < 0)
		r = err_errno(err, "move to", to);
	if (r < 0) {
		(void)unlink(buf_cstr(&tmp));
		return r;
	}
	if ((r = ingest_sync_folder(buf_cstr(&folder), err)) == 0 && unlink(from) < 0)
		r = err_errno(err, "remove", from);
	return r;
}

static int
put_away(struct maildir *m, const char *path, struct str name, struct err *err)
{
	const struct str base = seen_base(name);
	AUTO(buf_done) struct buf to = { 0 };

	if (m->after == AFTER_CUR)
		buf_addf(&to, "%s/%.*s:2,S", m->parts[PART_CUR], STR_ARG(base));
	else
		buf_addf(&to, "%s/new/%.*s", m->other, STR_ARG(base));
	if (to.failed)
		return err_set(err, -ENOMEM, "out of memory");
	if (rename(path, buf_cstr(&to)) == 0)
		return 0;
	int code = errno;

	if (code == ENOENT && access(path, F_OK) != 0)
		return 0; /* somebody else has moved it */
	if (code == EXDEV && m->after == AFTER_MOVE)
		return move_far(m, path, buf_cstr(&to), base, err);
	return err_set(err, -code, "move %s to %s: %s%s", path, buf_cstr(&to),
	    strerror(code),
	    code == EACCES || code == EROFS
		? " (may this user write there? it was taken all the same)"
		: "");
}

/* --- one message --- */

/* The same words for the same message: told once, even if it is looked at again. */
static int
note_unread(struct maildir *m, const char *path, struct str name,
    const struct ingest_taken *taken, struct err *err)
{
	AUTO(buf_done) struct buf id = { 0 };

	buf_addf(&id, "%016llx-1", (unsigned long long)str_hash(seen_base(name)));
	return ingest_note_unread(m->setup, buf_str(&id), taken->result.why.text,
	    str_of(path), err);
}

static int
settle(struct maildir *m, const char *path, struct str name,
    const struct ingest_taken *taken, struct err *err)
{
	struct err why;
	int r = 0;

	if (taken->verdict == VERDICT_UNREADABLE)
		r = note_unread(m, path, name, taken, err);
	if (r < 0 ||
	    (taken->verdict != VERDICT_TAKEN && taken->verdict != VERDICT_UNREADABLE))
		return r;
	seen_add(m->seen, name);
	if (taken->verdict == VERDICT_TAKEN && m->after != AFTER_LEAVE &&
	    put_away(m, path, name, &why) < 0)
		tell(m, &why);
	return 0;
}

static int
take(struct maildir *m, enum maildir_part part, const char *name, struct err *err)
{
	AUTO(buf_done) struct buf path = { 0 };
	AUTO(buf_done) struct buf bytes = { 0 };
	struct ingest_taken taken;
	struct err why;

	buf_addf(&path, "%s/%s", m->parts[part], name);
	if (path.failed)
		return err_set(err, -ENOMEM, "out of memory");
	int r = ingest_read_file(buf_cstr(&path), &bytes, &why);

	if (r == -ENOMEM)
		return err_set(err, r, "%s", why.text);
	if (r < 0) { /* moved meanwhile, or not ours to read: the next one */
		if (r != -ENOENT)
			tell(m, &why);
		return 0;
	}
	if (r == 0)
		ingest_take_none(&taken);
	else if ((r = ingest_take(m->setup, ingest_message(buf_str(&bytes)),
		      INGEST_NEW_ONLY, &taken, err)) < 0)
		return r;
	r = settle(m, buf_cstr(&path), str_of(name), &taken, err);
	ingest_taken_done(&taken);
	return r;
}

/* --- which are new --- */

static int64_t
us_of(struct timespec t)
{
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

/* A message keeps its time of modification when it is renamed: what lies there for long is not
 * even read. */
static bool
is_candidate(const struct maildir *m, int folder, const char *name, int64_t *ctime_us)
{
	struct stat st;

	if (name[0] == '.' || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return false;
	*ctime_us = us_of(st.st_ctim);
	return !seen_has(m->seen, str_of(name)) &&
	       (m->setup->options->old || us_of(st.st_mtim) > app_now_us() - INGEST_OLD_US);
}

static bool
add_candidate(struct candidates *list, enum maildir_part part, const char *name,
    int64_t ctime_us)
{
	if (list->n == list->cap) {
		size_t cap = list->cap == 0 ? 64 : list->cap * 2;
		struct candidate *items =
		    reallocarray(list->items, cap, sizeof *list->items);

		if (items == NULL)
			return false;
		list->items = items;
		list->cap = cap;
	}
	char *copied = str_dup(str_of(name));

	if (copied == NULL)
		return false;
	list->items[list->n++] = (struct candidate){ copied, ctime_us, part };
	return true;
}

/*
 * Messages may get their names a moment after their times, and not in that order. A newest
 * time that is still to come was taken from a clock that was wrong: it tells nothing.
 */
static int64_t
scan_since(const struct maildir *m)
{
	const int64_t newest = seen_newest(m->seen);

	return newest < SLACK_US || newest > app_now_us() ? 0 : newest - SLACK_US;
}

static int
find_candidates(struct maildir *m, enum maildir_part part, struct candidates *list,
    struct err *err)
{
	const int64_t since_us = scan_since(m);
	DIR *dir = opendir(m->parts[part]);
	int r = 0;

	if (dir == NULL)
		return errno == ENOENT ? 0 : err_errno(err, "open", m->parts[part]);
	for (const struct dirent *e; r == 0 && (e = readdir(dir)) != NULL;) {
		int64_t ctime_us;

		if (is_candidate(m, dirfd(dir), e->d_name, &ctime_us) &&
		    ctime_us >= since_us && !add_candidate(list, part, e->d_name, ctime_us))
			r = err_set(err, -ENOMEM, "out of memory");
	}
	(void)closedir(dir);
	return r;
}

static int
by_time(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->ctime_us != y->ctime_us ? (x->ctime_us < y->ctime_us ? -1 : 1)
					  : strcmp(x->name, y->name);
}

static int
take_candidates(struct maildir *m, struct candidates *list, struct err *err)
{
	int r = 0;

	if (list->n > 0)
		qsort(list->items, list->n, sizeof *list->items, by_time);
	for (size_t i = 0; r == 0 && i < list->n; i++) {
		const struct candidate *c = &list->items[i];

		r = take(m, c->part, c->name, err);
		if (r == 0)
			seen_set_newest(m->seen, c->ctime_us);
	}
	return r;
}

int
maildir_scan(struct maildir *m, struct err *err)
{
	struct candidates list = { 0 };
	int r = 0;

	for (int part = 0; r == 0 && part < PART_COUNT; part++)
		if (maildir_has_part(m, (enum maildir_part)part))
			r = find_candidates(m, (enum maildir_part)part, &list, err);
	if (r == 0)
		r = take_candidates(m, &list, err);
	for (size_t i = 0; i < list.n; i++)
		free(list.items[i].name);
	free(list.items);
	return r;
}

int
maildir_take(struct maildir *m, enum maildir_part part, const char *name, struct err *err)
{
	int folder = open(m->parts[part], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int64_t ctime_us;

	if (folder < 0)
		return errno == ENOENT ? 0 : err_errno(err, "open", m->parts[part]);
	bool is_new = is_candidate(m, folder, name, &ctime_us);

	(void)close(folder);
	int r = is_new ? take(m, part, name, err) : 0;

	if (is_new && r == 0)
		seen_set_newest(m->seen, ctime_us);
	return r;
}
