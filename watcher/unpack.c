#include "watcher/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	SLOTS = 2,
	INPUT_BYTES = 128 * 1024,
};

struct slot {
	char *p;
	size_t n;
};

struct unpack {
	int fd;      /* the caller's */
	int stop_fd; /* tells a thread that waits for a pipe to give up */
	pthread_t thread;
	bool has_thread;

	pthread_mutex_t lock; /* for what follows up to why */
	pthread_cond_t changed;
	unsigned filled, emptied; /* slots ever */
	bool stop, ended;
	int error;
	char why[256];

	struct slot slots[SLOTS];
	size_t used; /* the caller's: of the oldest slot */
	char *input; /* the thread's */
	size_t npeeked;
	atomic_uint_least64_t done;
};

bool
unpack_is_packed(struct str magic)
{
	static const struct str known[] = {
		STR_INIT("\x1f\x8b"),         /* gzip, RFC 1952 */
		STR_INIT("\xfd\x37zXZ\0"),    /* xz */
		STR_INIT("\x28\xb5\x2f\xfd"), /* zstd, RFC 8878 */
		STR_INIT("BZh"),              /* bzip2 */
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (str_starts(magic, known[i]))
			return true;
	return false;
}

static la_ssize_t
read_packed(struct archive *a, void *ctx, const void **bytes_out)
{
	struct unpack *u = ctx;
	struct pollfd fds[] = { { .fd = u->fd, .events = POLLIN },
		{ .fd = u->stop_fd, .events = POLLIN } };
	size_t n = u->npeeked;
	ssize_t got;

	*bytes_out = u->input;
	if (n > 0) {
		u->npeeked = 0;
		atomic_fetch_add_explicit(&u->done, n, memory_order_relaxed);
		return (la_ssize_t)n;
	}
	do {
		if (poll(fds, 2, -1) > 0 && fds[1].revents != 0)
			return 0;
		got = read(u->fd, u->input, INPUT_BYTES);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		archive_set_error(a, errno, "read: %s", strerror(errno));
		return -1;
	}
	atomic_fetch_add_explicit(&u->done, (uint64_t)got, memory_order_relaxed);
	return (la_ssize_t)got;
}

static struct archive *
open_archive(struct unpack *u, int *result_out)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;

	if (a == NULL)
		return NULL;
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_format_raw(a);
	archive_read_support_format_empty(a);
	int r = archive_read_open(a, u, NULL, read_packed, NULL);

	*result_out = r == ARCHIVE_OK ? archive_read_next_header(a, &entry) : r;
	return a;
}

/* Waits for an empty slot; NULL when the caller has lost interest. */
static struct slot *
wait_empty(struct unpack *u)
{
	pthread_mutex_lock(&u->lock);
	while (!u->stop && u->filled - u->emptied == SLOTS)
		pthread_cond_wait(&u->changed, &u->lock);
	struct slot *slot = u->stop ? NULL : &u->slots[u->filled % SLOTS];

	pthread_mutex_unlock(&u->lock);
	return slot;
}

static void
tell_filled(struct unpack *u)
{
	pthread_mutex_lock(&u->lock);
	u->filled++;
	pthread_cond_signal(&u->changed);
	pthread_mutex_unlock(&u->lock);
}

static void
tell_end(struct unpack *u, struct archive *a, la_ssize_t result)
{
	pthread_mutex_lock(&u->lock);
	u->ended = true;
	if (a == NULL) {
		u->error = -ENOMEM;
		(void)snprintf(u->why, sizeof u->why, "%s", strerror(ENOMEM));
	} else if (result < ARCHIVE_OK) {
		const char *why = archive_error_string(a);

		u->error = archive_errno(a) > 0 ? -archive_errno(a) : -EBADMSG;
		(void)snprintf(u->why, sizeof u->why, "%s",
		    why == NULL ? "damaged data" : why);
	}
	pthread_cond_signal(&u->changed);
	pthread_mutex_unlock(&u->lock);
}

static void *
unpack_thread(void *ctx)
{
	struct unpack *u = ctx;
	int opened = ARCHIVE_FATAL;
	struct archive *a = open_archive(u, &opened);
	la_ssize_t got = opened == ARCHIVE_EOF ? ARCHIVE_OK : opened;
	struct slot *slot;

	if (opened == ARCHIVE_OK || opened == ARCHIVE_WARN)
		while ((slot = wait_empty(u)) != NULL) {
			got = archive_read_data(a, slot->p, UNPACK_SLOT_BYTES);
			if (got <= 0)
				break;
			slot->n = (size_t)got;
			tell_filled(u);
		}
	tell_end(u, a, got);
	archive_read_free(a);
	return NULL;
}

static int
start_thread(struct unpack *u)
{
	sigset_t all, before;

	/* The loop takes signals through a descriptor: here they stay blocked. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&u->thread, NULL, unpack_thread, u);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	u->has_thread = r == 0;
	return -r;
}

int
unpack_open(int fd, struct str peeked, struct unpack **unpack_out, struct err *err)
{
	struct unpack *u = calloc(1, sizeof *u);
	int r = -ENOMEM;

	if (u == NULL)
		return err_set(err, r, "decompress: out of memory");
	u->fd = fd;
	u->stop_fd = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->changed, NULL);
	u->input = malloc(INPUT_BYTES);
	for (size_t i = 0; i < SLOTS; i++)
		u->slots[i].p = malloc(UNPACK_SLOT_BYTES);
	if (u->stop_fd < 0) {
		r = err_errno(err, "decompress:", "eventfd");
	} else if (u->input == NULL || u->slots[0].p == NULL || u->slots[1].p == NULL) {
		(void)err_set(err, r, "decompress: out of memory");
	} else {
		if (peeked.n > 0)
			memcpy(u->input, peeked.p, peeked.n);
		u->npeeked = peeked.n;
		r = start_thread(u);
		if (r < 0)
			(void)err_set(err, r, "start decompression thread: %s",
			    strerror(-r));
	}
	if (r < 0) {
		unpack_close(u);
		return r;
	}
	*unpack_out = u;
	return 0;
}

ssize_t
unpack_read(struct unpack *u, const char *name, char *to, size_t n, struct err *err)
{
	pthread_mutex_lock(&u->lock);
	while (u->filled == u->emptied && !u->ended)
		pthread_cond_wait(&u->changed, &u->lock);
	bool empty = u->filled == u->emptied;

	pthread_mutex_unlock(&u->lock);
	if (empty && u->error < 0)
		return err_set(err, u->error, "decompress %s: %s", name, u->why);
	if (empty)
		return 0;

	struct slot *slot = &u->slots[u->emptied % SLOTS];
	size_t left = slot->n - u->used;

	if (n > left)
		n = left;
	memcpy(to, slot->p + u->used, n);
	u->used += n;
	if (u->used == slot->n) {
		u->used = 0;
		pthread_mutex_lock(&u->lock);
		u->emptied++;
		pthread_cond_signal(&u->changed);
		pthread_mutex_unlock(&u->lock);
	}
	return (ssize_t)n;
}

uint64_t
unpack_done_bytes(const struct unpack *u)
{
	return atomic_load_explicit(&u->done, memory_order_relaxed);
}

void
unpack_close(struct unpack *u)
{
	if (u == NULL)
		return;
	if (u->has_thread) {
		pthread_mutex_lock(&u->lock);
		u->stop = true;
		pthread_cond_signal(&u->changed);
		pthread_mutex_unlock(&u->lock);
		(void)eventfd_write(u->stop_fd, 1); /* cannot fail: it was 0 */
		pthread_join(u->thread, NULL);
	}
	pthread_mutex_destroy(&u->lock);
	pthread_cond_destroy(&u->changed);
	if (u->stop_fd >= 0)
		close(u->stop_fd);
	for (size_t i = 0; i < SLOTS; i++)
		free(u->slots[i].p);
	free(u->input);
	free(u);
}
