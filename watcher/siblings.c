#include "watcher/siblings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watcher/rotation.h"

enum {
	DATE_DIGITS = 6, /* fewer are a number: mail.log.1 */
	MAX_READINGS = 8,
};

void
siblings_done(struct siblings *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->items[i].name);
	free(s->items);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	*s = (struct siblings){ .dir_fd = -1 };
}

void
auto_siblings(struct siblings *s)
{
	siblings_done(s);
}

static struct str
without_packing(struct str name)
{
	static const struct str endings[] = { STR_INIT(".gz"), STR_INIT(".xz"),
		STR_INIT(".zst"), STR_INIT(".bz2") };

	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
		if (str_ends(name, endings[i]))
			return str_head(name, name.n - endings[i].n);
	return name;
}

/* What stands behind "mail.log." or "mail.log-"; logrotate's dateformat is free,
 * but what sorts by name has only digits and separators. */
static void
classify(struct sibling *s, struct str suffix)
{
	size_t digits = 0;

	for (size_t i = 0; i < suffix.n; i++) {
		bool digit = suffix.p[i] >= '0' && suffix.p[i] <= '9';

		digits += digit;
		if (!digit && memchr("-_.:T", suffix.p[i], 5) == NULL)
			return;
	}
	if (digits >= DATE_DIGITS) {
		s->kind = SIBLING_DATE;
		s->date = suffix;
	} else if (str_to_int(suffix, &s->number)) {
		s->kind = SIBLING_NUMBER;
	}
}

static bool
is_sibling(struct str name, struct str base)
{
	return str_starts(name, base) &&
	       (name.n == base.n || name.p[base.n] == '.' || name.p[base.n] == '-');
}

static int
add(struct siblings *list, const char *name, const struct stat *st, struct str base)
{
	if (list->n == list->cap) {
		size_t cap = list->cap == 0 ? 16 : list->cap * 2;
		struct sibling *items = cap > ROTATION_MAX_FILES
					    ? NULL
					    : realloc(list->items, cap * sizeof *items);

		if (items == NULL)
			return cap > ROTATION_MAX_FILES ? -E2BIG : -ENOMEM;
		list->items = items;
		list->cap = cap;
	}
	struct sibling s = {
		.name = str_dup(str_of(name)),
		.mtime_ns = st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec,
		.dev = st->st_dev,
		.ino = st->st_ino,
	};

	if (s.name == NULL)
		return -ENOMEM;
	s.stem = without_packing(str_of(s.name));
	if (strlen(name) == base.n)
		s.kind = SIBLING_CURRENT;
	else if (s.stem.n > base.n)
		classify(&s, str_skip(s.stem, base.n + 1));
	list->items[list->n++] = s;
	return 0;
}

static int
read_once(const char *dir, struct str base, struct siblings *out)
{
	AUTO(auto_siblings) struct siblings list = { .dir_fd = -1 };
	DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	if (d == NULL)
		return -errno;
	list.dir_fd = fcntl(dirfd(d), F_DUPFD_CLOEXEC, 0);
	if (list.dir_fd < 0)
		r = -errno;
	while (r == 0 && (errno = 0, e = readdir(d)) != NULL) {
		struct stat st;

		if (is_sibling(str_of(e->d_name), base) &&
		    fstatat(list.dir_fd, e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			r = add(&list, e->d_name, &st, base);
	}
	if (r == 0)
		r = -errno;
	closedir(d);
	if (r < 0)
		return r;
	siblings_done(out);
	*out = list;
	list = (struct siblings){ .dir_fd = -1 };
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct sibling *)a)->name, ((const struct sibling *)b)->name);
}

static int
compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int
by_time(const void *va, const void *vb)
{
	const struct sibling *a = va, *b = vb;
	int r = compare(a->kind == SIBLING_CURRENT, b->kind == SIBLING_CURRENT);

	if (r == 0)
		r = compare(a->kind != SIBLING_OTHER, b->kind != SIBLING_OTHER);
	if (r == 0)
		r = compare(a->mtime_ns, b->mtime_ns);
	return r == 0 ? by_name(va, vb) : r;
}

/* Where all rotated files have the same scheme, their names are the better
 * witness: a copy, a restore or a late write changes times. */
static int
by_scheme(const void *va, const void *vb)
{
	const struct sibling *a = va, *b = vb;

	if (a->kind != b->kind)
		return compare(a->kind, b->kind);
	if (a->kind == SIBLING_NUMBER)
		return compare(b->number, a->number);
	return a->kind == SIBLING_DATE ? by_name(va, vb) : by_time(va, vb);
}

static bool
is_same(const struct siblings *a, const struct siblings *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->items[i].ino != b->items[i].ino ||
		    a->items[i].dev != b->items[i].dev ||
		    strcmp(a->items[i].name, b->items[i].name) != 0)
			return false;
	return true;
}

static bool
has_name(const struct siblings *list, struct str name)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(str_of(list->items[i].name), name))
			return true;
	return false;
}

/* mail.log.1.gz beside mail.log.1 is only being made, or was left by a crash. All are
 * found before the first is dropped: a stem is looked up among the names. */
static void
drop_unfinished(struct siblings *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct sibling *s = &list->items[i];

		s->unfinished = s->stem.n < strlen(s->name) && has_name(list, s->stem);
	}
	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].unfinished)
			free(list->items[i].name);
		else
			list->items[kept++] = list->items[i];
	}
	list->n = kept;
}

static void
sort(struct siblings *list)
{
	bool numbers = false, dates = false;

	drop_unfinished(list);
	for (size_t i = 0; i < list->n; i++) {
		numbers = numbers || list->items[i].kind == SIBLING_NUMBER;
		dates = dates || list->items[i].kind == SIBLING_DATE;
	}
	if (list->n > 0)
		qsort(list->items, list->n, sizeof *list->items,
		    numbers && dates ? by_time : by_scheme);
}

/* A link is followed, as the rotated files lie beside what it leads to. */
static int
split_path(const char *path, char *dir, struct str *base_out)
{
	if (realpath(path, dir) == NULL) {
		if (strlen(path) >= PATH_MAX)
			return -ENAMETOOLONG;
		(void)strcpy(dir, path);
	}
	char *slash = strrchr(dir, '/');

	if (slash == NULL || slash[1] == '\0')
		return -EINVAL;
	*slash = '\0';
	*base_out = str_of(slash + 1);
	return 0;
}

int
siblings_read(const char *path, struct siblings *out, struct err *err)
{
	AUTO(auto_siblings) struct siblings before = { .dir_fd = -1 };
	AUTO(auto_siblings) struct siblings now = { .dir_fd = -1 };
	char dir[PATH_MAX];
	struct str base;
	int r = split_path(path, dir, &base);

	for (int i = 0; r == 0 && i < MAX_READINGS; i++) {
		r = read_once(dir[0] == '\0' ? "/" : dir, base, &now);
		if (r < 0)
			break;
		if (now.n > 0)
			qsort(now.items, now.n, sizeof *now.items, by_name);
		if (i > 0 && is_same(&before, &now)) {
			sort(&now);
			*out = now;
			now = (struct siblings){ .dir_fd = -1 };
			return 0;
		}
		struct siblings swap = before;

		before = now;
		now = swap;
	}
	if (r == -ENOENT) {
		*out = (struct siblings){ .dir_fd = -1 };
		return 0;
	}
	if (r == 0)
		return err_set(err, -EAGAIN, "read directory of %s: still changing", path);
	return err_set(err, r, "read directory of %s: %s", path, strerror(-r));
}
