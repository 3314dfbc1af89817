#include "notify/secret.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "notify/program.h"

/* Whole pages: advice about memory is for pages. */
enum { ROOM_BYTES = SECRET_MAX_BYTES + 1 };
static_assert(ROOM_BYTES % 4096 == 0, "a secret's room is whole pages");

enum access_check {
	OWNER_ONLY, /* refuse what group or others can read or write */
	AS_IT_IS,
};

/* What is read, and where from, for error texts. */
struct origin {
	const char *what, *place;
};

static void
auto_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* only read from: nothing can be lost */
}

void
secret_done(struct secret *secret)
{
	if (secret->text != NULL) {
		explicit_bzero(secret->text, ROOM_BYTES);
		(void)munmap(secret->text, ROOM_BYTES);
	}
	*secret = (struct secret){ 0 };
}

/* Kept out of swap, core dumps and children where the system lets us: a limit on locked
 * memory or an old kernel is no reason not to send an alert. */
static int
take_room(struct secret *secret)
{
	void *p = mmap(NULL, ROOM_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	(void)mlock(p, ROOM_BYTES);
	(void)madvise(p, ROOM_BYTES, MADV_DONTDUMP);
	(void)madvise(p, ROOM_BYTES, MADV_WIPEONFORK);
	*secret = (struct secret){ .text = p };
	return 0;
}

struct str
secret_str(const struct secret *secret)
{
	return (struct str){ secret->text, secret->n };
}

int
secret_set(struct secret *secret, struct str text)
{
	if (text.n > SECRET_MAX_BYTES)
		return -EINVAL;
	secret_done(secret);
	int r = take_room(secret);

	if (r < 0)
		return r;
	if (text.n > 0)
		memcpy(secret->text, text.p, text.n);
	secret->n = text.n;
	return 0;
}

void
secret_wipe(struct buf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->cap);
	buf_done(b);
}

void
secret_hide(struct buf *text, struct str hidden)
{
	AUTO(buf_done) struct buf shown = { 0 };
	struct str rest = buf_str(text);
	ptrdiff_t at;

	/* Of a few letters an occurrence says nothing, and would tear up any text. */
	if (hidden.n < 4 || str_find(rest, hidden) < 0)
		return;
	while ((at = str_find(rest, hidden)) >= 0) {
		buf_add(&shown, str_head(rest, (size_t)at));
		buf_add(&shown, STR("[hidden]"));
		rest = str_skip(rest, (size_t)at + hidden.n);
	}
	buf_add(&shown, rest);
	explicit_bzero(text->p, text->cap);
	buf_clear(text);
	buf_add(text, buf_str(&shown));
}

/* One line, without its end, of what stands in the room. */
static int
accept_line(struct secret *secret, size_t n, struct origin from, struct err *err)
{
	char *text = secret->text;

	if (n > SECRET_MAX_BYTES)
		return err_set(err, -EINVAL, "read %s from %s: longer than %d bytes",
		    from.what, from.place, SECRET_MAX_BYTES);
	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0 && text[n - 1] == '\r')
		n--;
	text[n] = '\0';
	if (n == 0)
		return err_set(err, -EINVAL, "read %s from %s: it is empty", from.what,
		    from.place);
	if (strcspn(text, "\r\n") != n)
		return err_set(err, -EINVAL,
		    "read %s from %s: expected one line with the %s and nothing else",
		    from.what, from.place, from.what);
	secret->n = n;
	return 0;
}

static int
check_file(int fd, enum access_check check, struct origin from, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "read %s from %s: %s", from.what, from.place,
		    strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "read %s from %s: not a regular file",
		    from.what, from.place);
	if (check == OWNER_ONLY && (st.st_mode & 077) != 0)
		return err_set(err, -EPERM,
		    "read %s from %s: others can read it (mode %04o): chmod 600 %s",
		    from.what, from.place, (unsigned)st.st_mode & 07777, from.place);
	return 0;
}

/* Everything, but never more than fits; the byte behind it tells that there was more. */
static ssize_t
read_all(int fd, char *to, size_t max)
{
	size_t n = 0;

	while (n < max) {
		ssize_t r = read(fd, to + n, max - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	return (ssize_t)n;
}

static int
read_file(const char *path, enum access_check check, const char *what,
    struct secret *secret, struct err *err)
{
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct origin from = { what, path };

	if (fd < 0)
		return err_set(err, -errno, "read %s from %s: %s", what, path,
		    strerror(errno));
	int r = check_file(fd, check, from, err);

	if (r < 0)
		return r;
	ssize_t n = read_all(fd, secret->text, ROOM_BYTES);

	if (n < 0)
		return err_set(err, -errno, "read %s from %s: %s", what, path,
		    strerror(errno));
	return accept_line(secret, (size_t)n, from, err);
}

/* systemd guards the folder by itself; it may grant access by an ACL, whose mask shows as
 * group rights. */
static int
read_credential(const char *name, const char *what, struct secret *secret, struct err *err)
{
	const char *folder = secure_getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];

	if (folder == NULL)
		return err_set(err, -ENOENT,
		    "read %s from credential %s: CREDENTIALS_DIRECTORY is not set (start "
		    "by systemd with LoadCredential=%s:FILE, or name a file)",
		    what, name, name);
	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
		return err_set(err, -EINVAL,
		    "read %s from credential %s: expected a plain name", what, name);
	if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
		return err_set(err, -ENAMETOOLONG,
		    "read %s from credential %s: its path is too long", what, name);
	return read_file(path, AS_IT_IS, what, secret, err);
}

/* What a program says on failure may hold what it was to keep: only its status is told,
 * and what program_run() has to say about starting it. */
static int
read_program(const struct texts *argv, const char *what, struct secret *secret,
    struct err *err)
{
	AUTO(secret_wipe) struct buf out = { 0 };
	AUTO(buf_done) struct buf place = { 0 };
	struct err why = { "" };
	int status = 0;

	/* All at once: a buffer that grows leaves copies behind. */
	if (!buf_reserve(&out, 2 * (size_t)ROOM_BYTES))
		return err_set(err, -ENOMEM, "read %s: out of memory", what);
	int r = program_run(argv, (struct str){ NULL, 0 },
	    (int64_t)SECRET_PROGRAM_S * US_PER_S, &out, ROOM_BYTES, &status, &why);

	if (r == -ETIMEDOUT) /* its reason quotes the program */
		(void)err_set(&why, r, "it did not end within %d s and was killed",
		    SECRET_PROGRAM_S);
	if (r < 0)
		return err_set(err, r, "read %s from the program %s: %s", what,
		    argv->items[0], why.text);
	if (status != 0)
		return err_set(err, -EIO,
		    "read %s from the program %s: it failed (status %d; run it by hand as "
		    "this user to see why)",
		    what, argv->items[0], status);
	struct str rest = buf_str(&out);
	struct str line = str_cut(&rest, '\n');

	line = str_head(line, ROOM_BYTES);
	if (line.n > 0)
		memcpy(secret->text, line.p, line.n);
	buf_addf(&place, "the program %s", argv->items[0]);
	return accept_line(secret, line.n, (struct origin){ what, buf_cstr(&place) }, err);
}

bool
secret_is_set(const struct secret_source *source)
{
	return source->file != NULL || source->command.n > 0;
}

static int
read_source(const struct secret_source *source, const char *what, struct secret *secret,
    struct err *err)
{
	struct str file = str_of(source->file), prefix = STR("credential:");

	if (source->command.n > 0)
		return read_program(&source->command, what, secret, err);
	if (file.n == 0)
		return err_set(err, -EINVAL, "no %s is set", what);
	if (str_starts(file, prefix))
		return read_credential(source->file + prefix.n, what, secret, err);
	return read_file(source->file, OWNER_ONLY, what, secret, err);
}

int
secret_read(const struct secret_source *source, const char *what, struct secret *out,
    struct err *err)
{
	AUTO(secret_done) struct secret secret = { 0 };

	if (take_room(&secret) < 0)
		return err_set(err, -ENOMEM, "read %s: out of memory", what);
	int r = read_source(source, what, &secret, err);

	if (r < 0)
		return r; /* what was read before a fault was found is wiped */
	secret_done(out);
	*out = secret;
	secret = (struct secret){ 0 };
	return 0;
}

void
secret_place(const struct secret_source *source, struct buf *out)
{
	struct str file = str_of(source->file), prefix = STR("credential:");

	if (source->command.n > 0)
		buf_addf(out, "the program %s", source->command.items[0]);
	else if (str_starts(file, prefix))
		buf_addf(out, "credential %s", source->file + prefix.n);
	else
		buf_add(out, file);
}
