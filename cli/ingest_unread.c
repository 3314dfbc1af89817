#include "cli/ingest_unread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/ingest_log.h"
#include "core/write.h"

enum { STALE_S = 24 * 3600, ID_BYTES = 8, PIECE = 64 * 1024 };

/* One that is being kept. */
struct keeping {
	const char *folder;
	struct buf maildir, tmp; /* paths */
	EVP_MD_CTX *sum;
	int fd;
	int64_t room; /* bytes that may still come */
};

static int
no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

static int
make_folder(const char *parent, const char *path, struct err *err)
{
	const mode_t mode = ingest_share_mode(parent, 0700);

	if (mkdir(path, mode) < 0)
		return errno == EEXIST ? 0 : err_errno(err, "create folder", path);
	if (mode != 0700) /* umask; and setgid comes from the parent */
		(void)chmod(path, mode | S_ISGID);
	return ingest_sync_folder(parent, err);
}

static int
make_maildir(struct keeping *k, struct err *err)
{
	static const char *const parts[] = { "tmp", "new", "cur" };

	buf_addf(&k->maildir, "%s/unread", k->folder);
	const char *maildir = buf_cstr(&k->maildir);
	int r = k->maildir.failed ? no_memory(err) : make_folder(k->folder, maildir, err);

	for (size_t i = 0; r == 0 && i < 3; i++) {
		AUTO(buf_done) struct buf path = { 0 };

		buf_addf(&path, "%s/%s", maildir, parts[i]);
		r = path.failed ? no_memory(err)
				: make_folder(maildir, buf_cstr(&path), err);
	}
	return r;
}

/* Adds up a folder's files; those in tmp/ that nobody writes any more are removed. */
static int
add_up(struct keeping *k, const char *part, int64_t *files, int64_t *bytes, struct err *err)
{
	AUTO(buf_done) struct buf path = { 0 };
	const bool is_tmp = strcmp(part, "tmp") == 0;

	buf_addf(&path, "%s/%s", buf_cstr(&k->maildir), part);
	DIR *dir = opendir(buf_cstr(&path));

	if (dir == NULL)
		return err_errno(err, "open folder", buf_cstr(&path));
	for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
		struct stat st;

		if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		if (is_tmp && time(NULL) - st.st_mtime > STALE_S) {
			(void)unlinkat(dirfd(dir), e->d_name, 0);
			continue;
		}
		(*files)++;
		*bytes += st.st_size;
	}
	(void)closedir(dir);
	return 0;
}

static int
is_full(struct keeping *k, struct err *err)
{
	return err_set(err, -EDQUOT,
	    "%s is full (%d messages, %d MiB): look through it and delete what is settled",
	    buf_cstr(&k->maildir), UNREAD_MESSAGES, UNREAD_BYTES / 1024 / 1024);
}

static int
find_room(struct keeping *k, struct err *err)
{
	int64_t files = 0, bytes = 0;
	int r = add_up(k, "tmp", &files, &bytes, err);

	if (r == 0)
		r = add_up(k, "new", &files, &bytes, err);
	if (r == 0)
		r = add_up(k, "cur", &files, &bytes, err);
	k->room = UNREAD_BYTES - bytes;
	return r == 0 && files >= UNREAD_MESSAGES ? is_full(k, err) : r;
}

static int
open_tmp(struct keeping *k, struct err *err)
{
	const mode_t mode = ingest_share_mode(k->folder, 0600);

	buf_addf(&k->tmp, "%s/tmp/%lld.%d", buf_cstr(&k->maildir), (long long)time(NULL),
	    (int)getpid());
	if (k->tmp.failed)
		return no_memory(err);
	k->fd = open(buf_cstr(&k->tmp),
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (k->fd < 0)
		return err_errno(err, "create", buf_cstr(&k->tmp));
	(void)fchmod(k->fd, mode);
	return 0;
}

static int
add(struct keeping *k, struct str bytes, struct err *err)
{
	k->room -= (int64_t)bytes.n;
	if (k->room < 0)
		return is_full(k, err);
	if (EVP_DigestUpdate(k->sum, bytes.p, bytes.n) != 1)
		return no_memory(err);
	int r = write_whole(k->fd, bytes);

	return r < 0 ? err_set(err, r, "write %s: %s", buf_cstr(&k->tmp), strerror(-r)) : 0;
}

static int
add_rest(struct keeping *k, int fd, struct err *err)
{
	char bytes[PIECE];

	for (;;) {
		ssize_t n = read(fd, bytes, sizeof bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "read", "the message");
		int r = n == 0 ? 0 : add(k, (struct str){ bytes, (size_t)n }, err);

		if (n == 0 || r < 0)
			return r;
	}
}

/* From tmp/ to new/, under its sum. */
static int
settle(struct keeping *k, struct unread_kept *out, struct err *err)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	AUTO(buf_done) struct buf folder = { 0 };

	if (fsync(k->fd) < 0)
		return err_errno(err, "write", buf_cstr(&k->tmp));
	if (EVP_DigestFinal_ex(k->sum, sum, NULL) != 1)
		return no_memory(err);
	for (int i = 0; i < ID_BYTES; i++)
		buf_addf(&out->id, "%02x", sum[i]);
	buf_addf(&folder, "%s/new", buf_cstr(&k->maildir));
	buf_addf(&out->path, "%s/%s.unread", buf_cstr(&folder), buf_cstr(&out->id));
	if (out->path.failed)
		return no_memory(err);
	if (rename(buf_cstr(&k->tmp), buf_cstr(&out->path)) != 0)
		return err_errno(err, "create", buf_cstr(&out->path));
	buf_clear(&k->tmp);
	return ingest_sync_folder(buf_cstr(&folder), err);
}

static int
keep(struct keeping *k, struct str message, int rest_fd, struct unread_kept *out,
    struct err *err)
{
	int r = make_maildir(k, err);

	if (r == 0)
		r = find_room(k, err);
	if (r == 0 && EVP_DigestInit_ex(k->sum, EVP_sha256(), NULL) != 1)
		r = no_memory(err);
	if (r == 0)
		r = open_tmp(k, err);
	if (r == 0)
		r = add(k, message, err);
	if (r == 0 && rest_fd >= 0)
		r = add_rest(k, rest_fd, err);
	return r == 0 ? settle(k, out, err) : r;
}

int
unread_keep(const char *folder, struct str message, int rest_fd, struct unread_kept *out,
    struct err *err)
{
	struct keeping k = { .folder = folder, .fd = -1, .sum = EVP_MD_CTX_new() };
	int r = k.sum == NULL ? no_memory(err) : keep(&k, message, rest_fd, out, err);

	if (k.fd >= 0) {
		(void)close(k.fd);
		if (k.tmp.n > 0)
			(void)unlink(buf_cstr(&k.tmp));
	}
	EVP_MD_CTX_free(k.sum);
	buf_done(&k.maildir);
	buf_done(&k.tmp);
	return r;
}

void
unread_kept_done(struct unread_kept *kept)
{
	buf_done(&kept->id);
	buf_done(&kept->path);
}
