#include "cli/ingest_box.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/ingest_read.h"
#include "core/buf.h"
#include "ingest/report.h"

struct walk {
	const char *path;
	box_fn *fn;
	void *ctx;
	uint64_t done;
	struct err *err;
};

static int
hand_over(struct walk *w, const char *name, struct str bytes, bool too_long)
{
	const struct box_message message = { name, ingest_message(bytes), too_long,
		w->done };

	return w->fn(w->ctx, &message);
}

/* --- mbox --- */

struct mbox {
	struct walk *walk;
	struct buf message;
	bool too_long, empty_line; /* the line before was one */
	unsigned long long number;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "From " and, somewhere, a time of day: text that begins so is rare, quoted or not. */
static bool
begins_message(struct str line)
{
	if (!str_starts(line, STR("From ")))
		return false;
	for (size_t i = 7; i + 2 < line.n; i++)
		if (line.p[i] == ':' && is_digit(line.p[i - 1]) &&
		    is_digit(line.p[i + 1]) && is_digit(line.p[i + 2]))
			return true;
	return false;
}

static int
end_message(struct mbox *m)
{
	char name[PATH_MAX + 32];
	int r = 0;

	if (m->message.failed)
		return err_set(m->walk->err, -ENOMEM, "read %s: out of memory",
		    m->walk->path);
	if (m->number > 0) {
		(void)snprintf(name, sizeof name, "%s:%llu", m->walk->path, m->number);
		r = hand_over(m->walk, name, buf_str(&m->message), m->too_long);
	}
	m->number++;
	m->too_long = false;
	buf_clear(&m->message);
	return r;
}

static void
add_line(struct mbox *m, struct str line)
{
	size_t quotes = 0;

	while (quotes < line.n && line.p[quotes] == '>')
		quotes++;
	if (quotes > 0 && str_starts(str_skip(line, quotes), STR("From ")))
		line = str_skip(line, 1);
	if (m->message.n + line.n > REPORT_MESSAGE_BYTES)
		m->too_long = true;
	else
		buf_add(&m->message, line);
}

/* line: with its newline, or a piece of a line that is very long. */
static int
take_line(struct mbox *m, struct str line, bool is_start)
{
	int r = 0;

	if (is_start && m->empty_line && begins_message(line))
		r = end_message(m);
	else
		add_line(m, line);
	m->empty_line = is_start && (str_eq(line, STR("\n")) || str_eq(line, STR("\r\n")));
	return r;
}

static int
read_mbox(struct walk *w, FILE *file)
{
	struct mbox m = { .walk = w, .empty_line = true };
	char piece[64 * 1024];
	bool is_start = true;
	int r = 0;

	/* A line may be of any length and hold NUL bytes, which fgets() hides: by hand. */
	for (size_t n = 0; r == 0;) {
		int c = getc_unlocked(file);

		if (c != EOF)
			piece[n++] = (char)c;
		if (n > 0 && (c == EOF || c == '\n' || n == sizeof piece)) {
			w->done += n;
			r = take_line(&m, (struct str){ piece, n }, is_start);
			is_start = c == '\n';
			n = 0;
		}
		if (c == EOF)
			break;
	}
	if (r == 0 && ferror(file))
		r = err_errno(w->err, "read", w->path);
	if (r == 0)
		r = end_message(&m);
	buf_done(&m.message);
	return r;
}

/* --- files --- */

static int
read_file(struct walk *w, const char *path)
{
	AUTO(buf_done) struct buf bytes = { 0 };
	int r = ingest_read_file(path, &bytes, w->err);

	if (r < 0)
		return r;
	w->done += bytes.n;
	return hand_over(w, path, buf_str(&bytes), r == 0);
}

static int
read_file_or_mbox(struct walk *w)
{
	FILE *file = fopen(w->path, "re");
	char begin[128];

	if (file == NULL)
		return err_errno(w->err, "open", w->path);
	struct str line = { begin, fread(begin, 1, sizeof begin, file) };
	int r;

	if (begins_message(str_cut(&line, '\n'))) {
		rewind(file);
		r = read_mbox(w, file);
	} else {
		r = read_file(w, w->path);
	}
	(void)fclose(file);
	return r;
}

/* --- Maildir --- */

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* new/ or cur/; one that is not there has none. What is moved meanwhile is passed over. */
static int
read_folder(struct walk *w, const char *part, bool *found)
{
	AUTO(buf_done) struct buf folder = { 0 };
	struct dirent **names = NULL;
	int r = 0;

	buf_addf(&folder, "%s/%s", w->path, part);
	int n = scandir(buf_cstr(&folder), &names, is_visible, by_name);

	if (n < 0)
		return errno == ENOENT ? 0 : err_errno(w->err, "open", buf_cstr(&folder));
	*found = true;
	for (int i = 0; i < n; i++) {
		AUTO(buf_done) struct buf path = { 0 };

		buf_addf(&path, "%s/%s", buf_cstr(&folder), names[i]->d_name);
		if (r == 0 && (r = read_file(w, buf_cstr(&path))) == -ENOENT)
			r = 0;
		free(names[i]);
	}
	free(names);
	return r;
}

static int
read_maildir(struct walk *w)
{
	bool found = false;
	int r = read_folder(w, "new", &found);

	if (r == 0)
		r = read_folder(w, "cur", &found);
	if (r == 0 && !found)
		r = err_set(w->err, -EISDIR,
		    "read %s: a folder without new/ or cur/ is no Maildir", w->path);
	return r;
}

int
box_each(const char *path, box_fn *fn, void *ctx, struct err *err)
{
	struct walk w = { .path = path, .fn = fn, .ctx = ctx, .err = err };
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(err, "open", path);
	return S_ISDIR(st.st_mode) ? read_maildir(&w) : read_file_or_mbox(&w);
}

static uint64_t
folder_size(const char *path, const char *part)
{
	AUTO(buf_done) struct buf folder = { 0 };
	uint64_t sum = 0;
	struct stat st;

	buf_addf(&folder, "%s/%s", path, part);
	DIR *dir = opendir(buf_cstr(&folder));

	for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
		if (fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_size;
	if (dir != NULL)
		(void)closedir(dir);
	return sum;
}

uint64_t
box_size(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return 0;
	return S_ISDIR(st.st_mode) ? folder_size(path, "new") + folder_size(path, "cur")
				   : (uint64_t)st.st_size;
}
