#include "watcher/rotation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watcher/siblings.h"

enum {
	MAX_TRIES = 4,
	NOWHERE = -1,
};

/* How much has to agree before a file is the mark's. */
enum check {
	CHECK_BEGINNING, /* enough for a file with the mark's inode */
	CHECK_ALL,
};

static int
open_sibling(const struct siblings *list, const struct sibling *s,
    struct rotation_file *out, struct err *err)
{
	int fd =
	    openat(list->dir_fd, s->name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, -EAGAIN, "open %s: just renamed", s->name);
	if (fd < 0)
		return err_errno(err, "open", s->name);
	if (fstat(fd, &st) < 0 || st.st_ino != s->ino || st.st_dev != s->dev) {
		close(fd);
		return err_set(err, -EAGAIN, "open %s: just replaced", s->name);
	}
	*out = (struct rotation_file){
		.fd = fd,
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.born_ns = mark_born_ns(fd),
		.is_current = s->kind == SIBLING_CURRENT,
	};
	(void)snprintf(out->name, sizeof out->name, "%s", s->name);
	return 0;
}

/* 1: out is open and it is the mark's file; 0: it is another. */
static int
open_if_fits(const struct siblings *list, const struct sibling *s, const struct mark *mark,
    enum check check, struct rotation_file *out, struct err *err)
{
	struct mark want = *mark;
	int r = open_sibling(list, s, out, err);

	if (r < 0)
		return r;
	if (check == CHECK_BEGINNING) {
		want.offset = want.head_n;
		want.tail_n = 0;
	}
	r = mark_fits(&want, out->fd, s->name, err);
	if (r != 1)
		close(out->fd);
	return r;
}

static bool
is_inode(const struct sibling *s, const struct mark *mark)
{
	return s->ino == mark->ino && s->dev == mark->dev;
}

/*
 * The place of the mark's file in the list, or NOWHERE. First by inode, then by
 * content: after compression, or a copy that was followed by a truncation. Then
 * out->fd is open; but a mark without content has nothing but its inode, so that
 * there is nothing to open (-1).
 */
static int
locate(const struct siblings *list, const struct mark *mark, enum check check,
    struct rotation_file *out, int *at_out, struct err *err)
{
	*at_out = NOWHERE;
	for (size_t i = list->n; i-- > 0;) {
		if (!is_inode(&list->items[i], mark))
			continue;
		if (mark->head_n == 0) {
			out->fd = -1;
			*at_out = (int)i;
			return 0;
		}
		int r = open_if_fits(list, &list->items[i], mark, check, out, err);

		if (r == 1)
			*at_out = (int)i;
		if (r != 0)
			return r < 0 ? r : 0;
	}
	for (size_t i = list->n; i-- > 0 && mark->head_n > 0;) {
		int r = open_if_fits(list, &list->items[i], mark, CHECK_ALL, out, err);

		if (r == -EAGAIN)
			return r;
		if (r == 1) {
			*at_out = (int)i;
			return 0;
		}
		/* Damaged or not ours to read: then it is not the one either. */
	}
	return 0;
}

int
rotation_find(const char *path, const struct mark *mark, struct rotation_file *out,
    struct err *err)
{
	int r = -EAGAIN, at = NOWHERE;

	for (int i = 0; i < MAX_TRIES && r == -EAGAIN; i++) {
		AUTO(auto_siblings) struct siblings list = { .dir_fd = -1 };

		r = siblings_read(path, &list, err);
		if (r == 0)
			r = locate(&list, mark, CHECK_ALL, out, &at, err);
		if (r == 0 && at != NOWHERE && out->fd < 0)
			r = open_sibling(&list, &list.items[at], out, err);
	}
	return r < 0 ? r : at != NOWHERE;
}

/* Is it a copy, maybe hardly begun, of what the current file still holds? An empty
 * file may become one, and has nothing to read now. */
static bool
is_copy_of_current(const struct siblings *list, const struct sibling *s)
{
	const struct sibling *current = &list->items[list->n - 1];
	struct rotation_file f;
	struct mark beginning;

	if (s == current || current->kind != SIBLING_CURRENT ||
	    open_sibling(list, s, &f, NULL) < 0)
		return false;
	int r = mark_beginning(&beginning, f.fd, f.name, NULL);

	close(f.fd);
	if (r < 0 || beginning.head_n == 0)
		return r == 0;
	r = open_if_fits(list, current, &beginning, CHECK_BEGINNING, &f, NULL);
	if (r == 1)
		close(f.fd);
	return r == 1;
}

static const struct sibling *
next_in_order(const struct siblings *list, int at, bool is_known)
{
	bool ordered = is_known && (at == NOWHERE || list->items[at].kind != SIBLING_OTHER);

	for (size_t i = (size_t)(at + 1); i < list->n; i++) {
		const struct sibling *s = &list->items[i];

		if (s->kind == SIBLING_CURRENT ||
		    (ordered && s->kind != SIBLING_OTHER && !is_copy_of_current(list, s)))
			return s;
	}
	return NULL;
}

static int
try_next(const char *path, const struct mark *mark, struct rotation_file *out,
    struct err *err)
{
	AUTO(auto_siblings) struct siblings list = { .dir_fd = -1 };
	struct rotation_file found;
	int at = NOWHERE;
	int r = siblings_read(path, &list, err);

	if (r == 0 && mark_is_set(mark))
		r = locate(&list, mark, CHECK_BEGINNING, &found, &at, err);
	if (r < 0)
		return r;
	if (at != NOWHERE && found.fd >= 0)
		close(found.fd);
	bool is_known = at != NOWHERE || !mark_is_set(mark);
	const struct sibling *next = next_in_order(&list, at, is_known);

	if (next == NULL)
		return 0;
	r = open_sibling(&list, next, out, err);
	if (r < 0)
		return r;
	out->is_after = is_known;
	return 1;
}

int
rotation_next(const char *path, const struct mark *mark, struct rotation_file *out,
    struct err *err)
{
	int r = -EAGAIN;

	for (int i = 0; i < MAX_TRIES && r == -EAGAIN; i++)
		r = try_next(path, mark, out, err);
	return r;
}

int
rotation_newest(const char *path, struct mark *mark_out, struct err *err)
{
	AUTO(auto_siblings) struct siblings list = { .dir_fd = -1 };
	int r = siblings_read(path, &list, err);

	*mark_out = (struct mark){ 0 };
	for (size_t i = list.n; r == 0 && i-- > 0;) {
		const struct sibling *s = &list.items[i];
		struct rotation_file f;

		if ((s->kind != SIBLING_NUMBER && s->kind != SIBLING_DATE) ||
		    is_copy_of_current(&list, s))
			continue;
		*mark_out = (struct mark){ .dev = s->dev, .ino = s->ino };
		/* Not ours to read: the inode alone has to do. */
		r = open_sibling(&list, s, &f, err);
		if (r == 0) {
			r = mark_beginning(mark_out, f.fd, f.name, err);
			close(f.fd);
		}
		return r == -EAGAIN ? r : 0;
	}
	return r;
}
