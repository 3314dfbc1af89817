#include "notify/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/str.h"

enum access_check {
	OWNER_ONLY, /* refuse what group or others can read or write */
	AS_IT_IS,
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
	explicit_bzero(secret, sizeof *secret);
}

static int
check_file(int fd, const char *path, enum access_check check, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, "read password from", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "read password from %s: not a regular file",
		    path);
	if (check == OWNER_ONLY && (st.st_mode & 077) != 0)
		return err_set(err, -EPERM,
		    "read password from %s: others can read it (mode %04o): chmod 600 %s",
		    path, (unsigned)st.st_mode & 07777, path);
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
read_secret(const char *path, enum access_check check, struct secret *secret,
    struct err *err)
{
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return err_errno(err, "read password from", path);
	int r = check_file(fd, path, check, err);

	if (r < 0)
		return r;
	ssize_t n = read_all(fd, secret->text, sizeof secret->text);

	if (n < 0)
		return err_errno(err, "read password from", path);
	if (n > SECRET_MAX_BYTES)
		return err_set(err, -EINVAL, "read password from %s: longer than %d bytes",
		    path, SECRET_MAX_BYTES);
	if (n > 0 && secret->text[n - 1] == '\n')
		n--;
	if (n > 0 && secret->text[n - 1] == '\r')
		n--;
	secret->text[n] = '\0';
	if (n == 0)
		return err_set(err, -EINVAL, "read password from %s: the file is empty",
		    path);
	if (strcspn(secret->text, "\r\n") != (size_t)n)
		return err_set(err, -EINVAL,
		    "read password from %s: expected one line with the password", path);
	return 0;
}

/* What was read before a fault was found must not stay behind. */
static int
read_or_wipe(const char *path, enum access_check check, struct secret *secret,
    struct err *err)
{
	int r = read_secret(path, check, secret, err);

	if (r < 0)
		secret_done(secret);
	return r;
}

int
secret_read_file(const char *path, struct secret *secret, struct err *err)
{
	if (str_starts(str_of(path), STR("credential:")))
		return secret_read_credential(path + strlen("credential:"), secret, err);
	return read_or_wipe(path, OWNER_ONLY, secret, err);
}

int
secret_read_credential(const char *name, struct secret *secret, struct err *err)
{
	const char *folder = secure_getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];

	if (folder == NULL)
		return err_set(err, -ENOENT,
		    "read password from credential %s: CREDENTIALS_DIRECTORY is not set "
		    "(start by systemd with LoadCredential=%s:FILE, or name a password "
		    "file)",
		    name, name);
	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
		return err_set(err, -EINVAL,
		    "read password from credential %s: expected a plain name", name);
	if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
		return err_set(err, -ENAMETOOLONG,
		    "read password from credential %s: its path is too long", name);
	/* The manager may grant access by an ACL, whose mask shows as group rights. */
	return read_or_wipe(path, AS_IT_IS, secret, err);
}
