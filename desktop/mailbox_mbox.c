/*
 * RFC 4155: a message begins with a line "From " at the file's beginning or behind an empty
 * line, and lasts until the next one. What delivers appends; a mail program rewrites, in
 * place or by a new file. Both take a moment and hold a lock meanwhile; all that is needed
 * of a message is its head, so one whose head has not ended yet is left for the next look.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "desktop/mailbox_parts.h"

enum {
	MAX_BYTES = 256 * 1024 * 1024,
	ALL_BYTES = 4 * 1024 * 1024, /* up to here all of it is read at each change */
	CHUNK_BYTES = 65536,
	SIGN_BYTES = 512,
	SETTLE_MS = 250, /* after a write, without the file being closed */
	LOCK_WAIT_MS = 500,
	LOCK_WAITS = 20, /* then it is read all the same: a lock may be left over */
};

struct mbox {
	struct mailbox *mailbox;
	dev_t device;
	ino_t inode;
	off_t end;             /* up to here it is read: the beginning of a line */
	char sign[SIGN_BYTES]; /* what stands before `end` */
	size_t nsign;
	unsigned waits;
	bool was_read, is_changed;
	bool ends_empty; /* an empty line is the last one before `end` */
};

/* A walk over the lines of the file. */
struct reader {
	int fd;
	off_t at; /* of the line at hand */
	size_t from, to;
	char bytes[CHUNK_BYTES];
};

/* --- lines --- */

/* A line with its end, or a chunk of one that is longer; false at the end of the file, or
 * where the last line is not ended yet. */
static bool
next_line(struct reader *r, struct str *line_out)
{
	for (;;) {
		const char *begin = r->bytes + r->from;
		const char *end = memchr(begin, '\n', r->to - r->from);

		if (end != NULL || (r->from == 0 && r->to == CHUNK_BYTES)) {
			size_t n = end != NULL ? (size_t)(end - begin) + 1 : CHUNK_BYTES;

			*line_out = (struct str){ begin, n };
			r->from += n;
			return true;
		}
		memmove(r->bytes, begin, r->to - r->from);
		r->to -= r->from;
		r->from = 0;
		ssize_t n = read(r->fd, r->bytes + r->to, CHUNK_BYTES - r->to);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		r->to += (size_t)n;
	}
}

static bool
is_empty(struct str line)
{
	return str_eq(line, STR("\n")) || str_eq(line, STR("\r\n"));
}

/* --- one message --- */

/* "From joe@example.org Sat Nov 21 20:15:00 2026": RFC 4155 has it in UTC. */
static int64_t
time_of(struct str from_line)
{
	g_autofree char *line = g_strndup(from_line.p, from_line.n);
	const char *date = strchr(line, ' ');
	struct tm tm = { 0 };

	date = date == NULL ? NULL : strchr(date + 1, ' ');
	/* The names of days and months are English in the C locale only. */
	for (; date != NULL && *date == ' '; date++)
		;
	if (date == NULL || strlen(date) < strlen("Sat Nov 21 20:15:00 2026"))
		return 0;
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	g_autofree char *month = g_strndup(date + 4, 3);
	const char *place = strstr(months, month);

	if (place == NULL || strptime(date + 8, "%d %H:%M:%S %Y", &tm) == NULL)
		return 0;
	tm.tm_mon = (int)(place - months) / 3;
	return (int64_t)timegm(&tm) * G_USEC_PER_SEC;
}

/* The same after a mail program wrote its own fields into the head. */
static char *
key_of(const struct letter *letter, struct str from_line)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

	if (letter->message_id != NULL) {
		g_checksum_update(sum, (const guchar *)letter->message_id, -1);
	} else {
		g_checksum_update(sum, (const guchar *)from_line.p, (gssize)from_line.n);
		if (letter->subject != NULL)
			g_checksum_update(sum, (const guchar *)letter->subject, -1);
	}
	return g_strndup(g_checksum_get_string(sum), 32);
}

static void
take_message(struct mbox *mbox, struct str head)
{
	struct str rest = head;
	struct str from_line = str_cut(&rest, '\n');
	struct letter letter;

	desk_letter_read(&letter, head);
	letter.at_us = time_of(from_line);
	letter.was_there = !mbox->mailbox->was_read;
	g_autofree char *key = key_of(&letter, from_line);
	struct unread *unread = mailbox_unread(mbox->mailbox, key);
	bool is_read = letter.status != NULL && strpbrk(letter.status, "RD") != NULL;

	if (is_read)
		mailbox_seen(mbox->mailbox, key);
	else if (unread == NULL)
		mailbox_added(mbox->mailbox, key, "", &letter);
	if (!is_read)
		mailbox_unread(mbox->mailbox, key)->round = mbox->mailbox->round;
	desk_letter_done(&letter);
}

/* --- reading --- */

/* From mbox->end on, which moves behind what was taken. */
static void
read_on(struct mbox *mbox, int fd)
{
	g_autofree struct reader *reader = g_new(struct reader, 1);
	g_autoptr(GString) head = g_string_new(NULL);
	bool in_head = false, is_whole = true, after_empty = mbox->ends_empty;
	off_t at = mbox->end;
	struct str line;

	reader->fd = fd;
	reader->from = reader->to = 0;
	if (lseek(fd, at, SEEK_SET) < 0)
		return;
	while (next_line(reader, &line)) {
		bool begins = is_whole;

		is_whole = str_ends(line, STR("\n"));
		if (begins && after_empty && str_starts(line, STR("From "))) {
			g_string_truncate(head, 0);
			in_head = true;
			mbox->end = at; /* until its head has ended */
			mbox->ends_empty = true;
		}
		after_empty = begins && is_empty(line);
		if (in_head && head->len < LETTER_HEAD_BYTES)
			g_string_append_len(head, line.p, (gssize)line.n);
		at += (off_t)line.n;
		if (in_head && after_empty) {
			take_message(mbox, (struct str){ head->str, head->len });
			in_head = false;
		}
		if (!in_head && is_whole) {
			mbox->end = at;
			mbox->ends_empty = after_empty;
		}
	}
}

static size_t
read_sign(const struct mbox *mbox, int fd, char *sign)
{
	off_t from = mbox->end > SIGN_BYTES ? mbox->end - SIGN_BYTES : 0;
	ssize_t n = pread(fd, sign, (size_t)(mbox->end - from), from);

	return n < 0 ? 0 : (size_t)n;
}

/* Was something only appended? In a file that is read in full each time nobody asks: marks
 * may have been set in place, too. */
static bool
has_only_grown(const struct mbox *mbox, int fd, const struct stat *st)
{
	char sign[SIGN_BYTES];

	return mbox->was_read && st->st_size > ALL_BYTES && st->st_dev == mbox->device &&
	       st->st_ino == mbox->inode && st->st_size > mbox->end &&
	       read_sign(mbox, fd, sign) == mbox->nsign &&
	       memcmp(sign, mbox->sign, mbox->nsign) == 0;
}

/* Behind the last whole line, since a message may be about to be written. */
static void
skip_to_end(struct mbox *mbox, const struct stat *st)
{
	mbox->end = st->st_size;
	mbox->ends_empty = true;
	mailbox_fault(mbox->mailbox,
	    "it is over %d MiB: only what comes from now on is told", MAX_BYTES >> 20);
}

static void
read_file(struct mbox *mbox, int fd, const struct stat *st)
{
	if (!has_only_grown(mbox, fd, st)) {
		mailbox_look_begins(mbox->mailbox);
		mbox->end = 0;
		mbox->ends_empty = true;
		if (st->st_size > MAX_BYTES)
			skip_to_end(mbox, st);
		else
			read_on(mbox, fd);
		if (st->st_size <= MAX_BYTES)
			mailbox_look_ends(mbox->mailbox);
	} else {
		read_on(mbox, fd);
	}
	mbox->device = st->st_dev;
	mbox->inode = st->st_ino;
	mbox->nsign = read_sign(mbox, fd, mbox->sign);
	mbox->was_read = mbox->mailbox->was_read = true;
}

/* --- locks --- */

/* By fcntl() or by a file beside it; who holds one is about to change it. */
static bool
is_locked(const struct mbox *mbox, int fd)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	g_autofree char *beside = g_strconcat(mbox->mailbox->path, ".lock", NULL);

	if (access(beside, F_OK) == 0)
		return true;
	return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_WRLCK;
}

static void
mbox_look(void *state)
{
	struct mbox *mbox = state;
	int fd = desk_letter_open(mbox->mailbox->path, 0);
	struct stat st;

	if (fd < 0) {
		if (fd != -ENOENT)
			mailbox_fault(mbox->mailbox, "open: %s", g_strerror(-fd));
		return;
	}
	/* What lies there at the start is told at once: no mark can get lost by that. */
	if (mbox->was_read && mbox->waits < LOCK_WAITS && is_locked(mbox, fd)) {
		mbox->waits++;
		mailbox_later(mbox->mailbox, LOCK_WAIT_MS);
	} else if (fstat(fd, &st) == 0) {
		mbox->waits = 0;
		read_file(mbox, fd, &st);
	}
	(void)close(fd);
}

/* --- watching --- */

static void *
mbox_open(struct mailbox *mailbox)
{
	struct mbox *mbox = g_new0(struct mbox, 1);

	mbox->mailbox = mailbox;
	int r = mailbox_watch(mailbox, mailbox->path,
	    WATCH_SELF | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB, WATCH_FILE);

	if (r < 0 && r != -ENOENT)
		mailbox_watch_fault(mailbox, mailbox->path, r);
	return mbox;
}

static void
mbox_close(void *state)
{
	g_free(state);
}

static bool
mbox_event(void *state, int watch, const struct inotify_event *event)
{
	struct mbox *mbox = state;
	struct stat st;

	if (!(watch & WATCH_FILE))
		return false;
	/* Its name may have gone to another file while somebody still has this one open. */
	if ((event->mask & IN_ATTRIB) &&
	    (stat(mbox->mailbox->path, &st) < 0 || st.st_dev != mbox->device ||
		st.st_ino != mbox->inode))
		return true;
	if (event->mask & IN_CLOSE_WRITE)
		mbox->is_changed = true;
	if (event->mask & IN_MODIFY)
		mailbox_later(mbox->mailbox, SETTLE_MS);
	return false;
}

static void
mbox_batch(void *state)
{
	struct mbox *mbox = state;

	if (!mbox->is_changed)
		return;
	mbox->is_changed = false;
	mailbox_not_later(mbox->mailbox);
	mbox_look(mbox);
}

const struct mailbox_kind mailbox_kind_mbox = {
	.open = mbox_open,
	.close = mbox_close,
	.look = mbox_look,
	.event = mbox_event,
	.batch = mbox_batch,
	.later = mbox_look,
};
