#include "notify/oauth_state.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/json.h"
#include "core/write.h"
#include "notify/json_in.h"

enum { HASH_BYTES = (OAUTH_HASH_BYTES - 1) / 2 };

void
oauth_state_done(struct oauth_state *state)
{
	secret_done(&state->access);
	secret_done(&state->refresh);
	*state = (struct oauth_state){ 0 };
}

/* In lower case; out has OAUTH_HASH_BYTES. */
static void
write_hex(const unsigned char bytes[HASH_BYTES], char *out)
{
	for (size_t i = 0; i < HASH_BYTES; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

int
oauth_state_salt(struct oauth_state *state)
{
	unsigned char bytes[HASH_BYTES];

	if (state->salt[0] != '\0')
		return 0;
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return -errno;
	write_hex(bytes, state->salt);
	return 0;
}

void
oauth_state_hash(const struct oauth_state *state, struct str text, char *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };

	/* Should it fail, the hash is of no text at all: what was kept is then forgotten. */
	(void)HMAC(EVP_sha256(), state->salt, (int)strlen(state->salt),
	    (const unsigned char *)text.p, text.n, digest, NULL);
	write_hex(digest, out);
}

static bool
read_hash(struct json_object *object, const char *key, char *out)
{
	struct str text = json_in_text(object, key);

	if (text.n != OAUTH_HASH_BYTES - 1)
		return false;
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	return true;
}

int
oauth_state_load(const char *path, struct oauth_state *state, struct err *err)
{
	AUTO(auto_free) char *name = str_dup(str_of(path));
	AUTO(secret_done) struct secret text = { 0 };
	AUTO(json_in_done) struct json_object *object = NULL;
	struct secret_source source = { .file = name };
	struct oauth_state read = { 0 };

	if (name == NULL)
		return err_set(err, -ENOMEM, "read tokens: out of memory");
	int r = secret_read(&source, "tokens", &text, err);

	if (r < 0)
		return r;
	object = json_in_read(secret_str(&text));
	if (object == NULL || !read_hash(object, "salt", read.salt) ||
	    !read_hash(object, "original", read.original) ||
	    !read_hash(object, "settings", read.settings))
		return err_set(err, -EBADMSG,
		    "read tokens from %s: not what was written there", path);
	(void)json_in_secret(object, "access_token", &read.access);
	(void)json_in_secret(object, "refresh_token", &read.refresh);
	read.got_s = json_in_int(object, "got_at", 0);
	read.until_s = json_in_int(object, "expires_at", 0);
	oauth_state_done(state);
	*state = read;
	return 0;
}

int
oauth_state_save(const char *path, const struct oauth_state *state, struct err *err)
{
	AUTO(secret_wipe) struct buf text = { 0 };

	/* All at once: a buffer that grows leaves copies behind. A byte may take six. */
	if (!buf_reserve(&text, 12 * (size_t)SECRET_MAX_BYTES + 1000))
		return err_set(err, -ENOMEM, "save tokens: out of memory");
	struct json json = json_begin(&text);

	json_text(&json, "salt", str_of(state->salt));
	json_text(&json, "original", str_of(state->original));
	json_text(&json, "settings", str_of(state->settings));
	if (state->access.n > 0) {
		json_int(&json, "got_at", state->got_s);
		json_int(&json, "expires_at", state->until_s);
		json_text(&json, "access_token", secret_str(&state->access));
	}
	if (state->refresh.n > 0)
		json_text(&json, "refresh_token", secret_str(&state->refresh));
	json_end(&json);
	if (text.n > SECRET_MAX_BYTES - 1)
		return err_set(err, -EFBIG, "save tokens in %s: they are too long", path);
	return oauth_replace_file(path, buf_str(&text), err);
}

/* --- replacing a file --- */

static void
auto_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* what was written was flushed before */
}

static int
write_beside(const char *beside, const struct stat *before, struct str text)
{
	/* What a crash left; only the holder of the lock writes here. */
	(void)unlink(beside);
	AUTO(auto_close) int fd =
		open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (before != NULL) {
		/* As root we keep the owner; everybody else is the owner. */
		if (fchown(fd, before->st_uid, before->st_gid) < 0)
			return -errno;
		if (fchmod(fd, before->st_mode & 0700) < 0)
			return -errno;
	}
	int r = write_whole(fd, text);

	if (r == 0)
		r = write_whole(fd, STR("\n"));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

/* A rename lasts once its folder is on the disk. */
static int
flush_folder(const char *path)
{
	AUTO(auto_free) char *copy = str_dup(str_of(path));

	if (copy == NULL)
		return -ENOMEM;
	AUTO(auto_close) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int
oauth_replace_file(const char *path, struct str text, struct err *err)
{
	/* A symbolic link stays one: what it leads to is replaced. */
	AUTO(auto_free) char *real = realpath(path, NULL);
	const char *target = real != NULL ? real : path;
	AUTO(buf_done) struct buf beside = { 0 };
	struct stat before;
	bool had = stat(target, &before) == 0;

	buf_addf(&beside, "%s.new", target);
	int r = write_beside(buf_cstr(&beside), had ? &before : NULL, text);

	if (r == 0 && rename(buf_cstr(&beside), target) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(buf_cstr(&beside));
		return err_set(err, r, "save %s: %s", path, strerror(-r));
	}
	r = flush_folder(target);
	if (r < 0)
		return err_set(err, r, "save %s: flush its folder: %s", path, strerror(-r));
	return 0;
}
