#include "cli/ingest_seen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/ingest_log.h"
#include "core/buf.h"
#include "core/write.h"

enum { MAX_FILE = 8 * 1024 * 1024 };
static const char first_line[] = "mailwarden reports.seen 1";

struct seen_maildir {
	char *path;
	int64_t newest_us;
	uint64_t names[SEEN_NAMES]; /* hashes; a ring */
	size_t n;                   /* ever added */
	bool *changed;
};

struct seen {
	char *path;
	struct seen_maildir *maildirs[SEEN_MAILDIRS];
	size_t n;
	bool changed;
};

struct str
seen_base(struct str name)
{
	ptrdiff_t flags = str_find(name, STR(":2,"));

	return flags < 0 ? name : str_head(name, (size_t)flags);
}

struct seen_maildir *
seen_of(struct seen *seen, const char *maildir)
{
	struct seen_maildir *m;

	for (size_t i = 0; i < seen->n; i++)
		if (strcmp(seen->maildirs[i]->path, maildir) == 0)
			return seen->maildirs[i];
	if (seen->n == SEEN_MAILDIRS || (m = calloc(1, sizeof *m)) == NULL)
		return NULL;
	m->path = str_dup(str_of(maildir));
	m->changed = &seen->changed;
	if (m->path == NULL) {
		free(m);
		return NULL;
	}
	seen->maildirs[seen->n++] = m;
	return m;
}

int64_t
seen_newest(const struct seen_maildir *m)
{
	return m->newest_us;
}

void
seen_set_newest(struct seen_maildir *m, int64_t ctime_us)
{
	if (ctime_us <= m->newest_us)
		return;
	m->newest_us = ctime_us;
	*m->changed = true;
}

static bool
has_hash(const struct seen_maildir *m, uint64_t hash)
{
	for (size_t i = 0; i < m->n && i < SEEN_NAMES; i++)
		if (m->names[i] == hash)
			return true;
	return false;
}

static void
add_hash(struct seen_maildir *m, uint64_t hash)
{
	m->names[m->n++ % SEEN_NAMES] = hash;
	*m->changed = true;
}

bool
seen_has(const struct seen_maildir *m, struct str name)
{
	return has_hash(m, str_hash(seen_base(name)));
}

void
seen_add(struct seen_maildir *m, struct str name)
{
	if (!seen_has(m, name))
		add_hash(m, str_hash(seen_base(name)));
}

/* --- the file: a line for a Maildir, then one for each name --- */

static void
parse_line(struct seen *seen, struct seen_maildir **m, struct str line)
{
	struct str word = str_cut(&line, ' ');
	char text[32] = "";
	int64_t newest;

	if (str_eq(word, STR("maildir"))) {
		struct str number = str_cut(&line, ' ');
		AUTO(auto_free) char *path = str_dup(line);

		*m = NULL;
		if (path == NULL || !str_to_int(number, &newest))
			return;
		*m = seen_of(seen, path);
		if (*m != NULL)
			seen_set_newest(*m, newest);
	} else if (str_eq(word, STR("name")) && *m != NULL && line.n == 16) {
		memcpy(text, line.p, line.n);
		add_hash(*m, strtoull(text, NULL, 16));
	}
}

static void
parse(struct seen *seen, struct str text)
{
	struct seen_maildir *m = NULL;

	if (!str_eq(str_cut(&text, '\n'), str_of(first_line)))
		return;
	while (text.n > 0)
		parse_line(seen, &m, str_cut(&text, '\n'));
}

static int
load(struct seen *seen, struct err *err)
{
	int fd = open(seen->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	AUTO(buf_done) struct buf text = { 0 };
	struct stat st;
	ssize_t n = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, "open", seen->path);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < MAX_FILE &&
	    buf_reserve(&text, (size_t)st.st_size))
		n = read(fd, text.p, (size_t)st.st_size);
	(void)close(fd);
	parse(seen, (struct str){ text.p, n < 0 ? 0 : (size_t)n });
	seen->changed = false;
	return 0;
}

int
seen_open(const char *path, struct seen **out, struct err *err)
{
	struct seen *seen = calloc(1, sizeof *seen);

	if (seen == NULL || (seen->path = str_dup(str_of(path))) == NULL) {
		free(seen);
		return err_set(err, -ENOMEM, "out of memory");
	}
	int r = load(seen, err);

	if (r < 0)
		seen_free(seen);
	else
		*out = seen;
	return r;
}

void
seen_free(struct seen *seen)
{
	if (seen == NULL)
		return;
	for (size_t i = 0; i < seen->n; i++) {
		free(seen->maildirs[i]->path);
		free(seen->maildirs[i]);
	}
	free(seen->path);
	free(seen);
}

static void
print(const struct seen *seen, struct buf *out)
{
	buf_addf(out, "%s\n", first_line);
	for (size_t i = 0; i < seen->n; i++) {
		const struct seen_maildir *m = seen->maildirs[i];
		size_t from = m->n < SEEN_NAMES ? 0 : m->n - SEEN_NAMES;

		buf_addf(out, "maildir %lld %s\n", (long long)m->newest_us, m->path);
		for (size_t k = from; k < m->n; k++)
			buf_addf(out, "name %016llx\n",
			    (unsigned long long)m->names[k % SEEN_NAMES]);
	}
}

static int
write_file(const struct seen *seen, const char *folder, const char *tmp, struct str text,
    struct err *err)
{
	const mode_t mode = ingest_share_mode(folder, 0640);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);

	if (fd < 0)
		return err_errno(err, "create", tmp);
	int r = write_whole(fd, text);

	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		r = -errno;
	(void)close(fd);
	if (r == 0 && rename(tmp, seen->path) < 0)
		r = -errno;
	if (r == 0)
		return ingest_sync_folder(folder, err);
	(void)unlink(tmp);
	return err_set(err, r, "write %s: %s", seen->path, strerror(-r));
}

int
seen_save(struct seen *seen, const char *folder, struct err *err)
{
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf tmp = { 0 };

	if (!seen->changed)
		return 0;
	print(seen, &text);
	buf_addf(&tmp, "%s.new", seen->path);
	if (text.failed || tmp.failed)
		return err_set(err, -ENOMEM, "out of memory");
	int r = write_file(seen, folder, buf_cstr(&tmp), buf_str(&text), err);

	if (r == 0)
		seen->changed = false;
	return r;
}
