#include "watcher/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watcher/journal_impl.h"
#include "watcher/source.h"
#include "watcher/split.h"

enum {
	FIELD_MAX_BYTES = 256, /* of a field other than MESSAGE */
	ENTRY_MAX_BYTES = LINE_MAX_BYTES + 8 * FIELD_MAX_BYTES,
	CURSOR_MAX_BYTES = 512, /* about 130 are usual */
};

enum field {
	FIELD_MESSAGE,
	FIELD_IDENT,
	FIELD_COMM,
	FIELD_SYSLOG_PID,
	FIELD_PID,
	FIELD_HOST,
	FIELD_TIME,
	FIELD_COUNT
};

/* With these seen there is nothing better to come in an entry. */
enum {
	FIELDS_ENOUGH = 1 << FIELD_MESSAGE | 1 << FIELD_IDENT | 1 << FIELD_SYSLOG_PID |
			1 << FIELD_HOST | 1 << FIELD_TIME,
};

struct journal_reader {
	sd_journal *journal;
	const char *const *identifiers;
	void (*on_notice)(void *ctx, enum journal_notice notice, struct str text);
	void *notice_ctx;
	char *cursor; /* of the last line of the last batch */
};

struct entry {
	unsigned has; /* bit 1 << FIELD_x */
	struct str fields[FIELD_COUNT];
	bool truncated;
};

static enum field
field_of(struct str data, size_t *skip_out)
{
	static const struct {
		struct str prefix;
		enum field field;
	} wanted[] = {
		{ STR_INIT("_PID="), FIELD_PID },
		{ STR_INIT("_COMM="), FIELD_COMM },
		{ STR_INIT("_HOSTNAME="), FIELD_HOST },
		{ STR_INIT("_SOURCE_REALTIME_TIMESTAMP="), FIELD_TIME },
		{ STR_INIT("SYSLOG_IDENTIFIER="), FIELD_IDENT },
		{ STR_INIT("SYSLOG_PID="), FIELD_SYSLOG_PID },
		{ STR_INIT("MESSAGE="), FIELD_MESSAGE },
	};

	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		if (data.n >= wanted[i].prefix.n && data.p[1] == wanted[i].prefix.p[1] &&
		    memcmp(data.p, wanted[i].prefix.p, wanted[i].prefix.n) == 0) {
			*skip_out = wanted[i].prefix.n;
			return wanted[i].field;
		}
	return FIELD_COUNT;
}

/* The journal's memory may move with the next field: what is wanted is copied. */
static void
keep_field(struct entry *e, struct str data, struct line_batch *batch)
{
	size_t skip;
	enum field f = field_of(data, &skip);

	if (f == FIELD_COUNT || (e->has & 1u << f) != 0)
		return;
	size_t max = f == FIELD_MESSAGE ? LINE_MAX_BYTES : FIELD_MAX_BYTES;
	struct str value = str_skip(data, skip);

	if (f == FIELD_MESSAGE)
		e->truncated = value.n > max;
	value = str_head(value, max);
	char *copy = batch->bytes + batch->nbytes;

	memcpy(copy, value.p, value.n);
	batch->nbytes += value.n;
	e->fields[f] = (struct str){ copy, value.n };
	e->has |= 1u << f;
}

static int
read_entry(sd_journal *j, struct entry *e, struct line_batch *batch)
{
	const void *p;
	size_t n;
	int r;

	e->has = 0;
	e->truncated = false;
	sd_journal_restart_data(j);
	while ((r = sd_journal_enumerate_available_data(j, &p, &n)) > 0) {
		keep_field(e, (struct str){ p, n }, batch);
		if ((e->has & FIELDS_ENOUGH) == FIELDS_ENOUGH)
			break;
	}
	return r < 0 ? r : 0;
}

static struct str
field(const struct entry *e, enum field first, enum field second)
{
	if (e->has & 1u << first)
		return e->fields[first];
	return e->has & 1u << second ? e->fields[second] : (struct str){ NULL, 0 };
}

static bool
is_wanted(const struct journal_reader *reader, struct str ident)
{
	if (reader->identifiers == NULL)
		return true;
	for (const char *const *id = reader->identifiers; *id != NULL; id++) {
		struct str want = str_of(*id);

		if (str_ends(want, STR("*")) ? str_starts(ident, str_head(want, want.n - 1))
					     : str_eq(ident, want))
			return true;
	}
	return false;
}

static int
put_entry(struct journal_reader *reader, const struct entry *e, struct line_batch *batch)
{
	struct line *line = &batch->lines[batch->n];
	struct str ident = field(e, FIELD_IDENT, FIELD_COMM);
	uint64_t us = 0;

	if (!(e->has & 1u << FIELD_TIME) ||
	    !str_to_int(e->fields[FIELD_TIME], &line->time_us)) {
		int r = sd_journal_get_realtime_usec(reader->journal, &us);

		if (r < 0)
			return r;
		line->time_us = (int64_t)us;
	}
	line->text = e->fields[FIELD_MESSAGE];
	line->offset = -1;
	line->truncated = e->truncated;
	line->has_fields = true;
	line->host = field(e, FIELD_HOST, FIELD_HOST);
	line->ident = ident;
	line->pid = field(e, FIELD_SYSLOG_PID, FIELD_PID);
	line->cursor = (struct str){ NULL, 0 };
	batch->n++;
	return 0;
}

static void
notice_suppressed(struct journal_reader *reader, const struct entry *e)
{
	if (reader->on_notice != NULL &&
	    str_eq(field(e, FIELD_IDENT, FIELD_COMM), STR("systemd-journald")) &&
	    str_starts(e->fields[FIELD_MESSAGE], STR("Suppressed ")))
		reader->on_notice(reader->notice_ctx, JOURNAL_SUPPRESSED,
		    e->fields[FIELD_MESSAGE]);
}

/* The entry that the journal stands at. */
static int
take_entry(struct journal_reader *reader, struct line_batch *batch)
{
	struct entry e;
	size_t nbytes = batch->nbytes;

	if (batch->n == batch->cap && line_batch_grow(batch) < 0)
		return -ENOMEM;
	int r = read_entry(reader->journal, &e, batch);
	bool has_text = r == 0 && (e.has & 1u << FIELD_MESSAGE) != 0;

	if (has_text)
		notice_suppressed(reader, &e);
	if (has_text && is_wanted(reader, field(&e, FIELD_IDENT, FIELD_COMM)))
		r = put_entry(reader, &e, batch);
	else
		batch->nbytes = nbytes;
	if (r == 0 || r == -ENOMEM || reader->on_notice == NULL)
		return r;
	batch->nbytes = nbytes;
	reader->on_notice(reader->notice_ctx, JOURNAL_DAMAGED, str_of(strerror(-r)));
	return 0;
}

static int
prepare_batch(struct line_batch *batch)
{
	const size_t need = READER_BATCH_BYTES + ENTRY_MAX_BYTES + CURSOR_MAX_BYTES;

	batch->n = 0;
	batch->nbytes = 0;
	if (batch->bytes_cap >= need)
		return 0;
	char *bytes = malloc(need);

	if (bytes == NULL)
		return -ENOMEM;
	free(batch->bytes);
	batch->bytes = bytes;
	batch->bytes_cap = need;
	return 0;
}

/* One cursor a batch: making one costs more than reading an entry. */
static int
note_cursor(struct journal_reader *reader)
{
	char *cursor;
	int r = sd_journal_get_cursor(reader->journal, &cursor);

	if (r < 0)
		return r;
	free(reader->cursor);
	reader->cursor = cursor;
	return 0;
}

/* In the batch's own bytes: other batches are read while this one is worked on. */
static void
put_cursor(const struct journal_reader *reader, struct line_batch *batch)
{
	struct str cursor = str_of(reader->cursor);
	char *copy = batch->bytes + batch->nbytes;

	if (cursor.n > batch->bytes_cap - batch->nbytes)
		return;
	memcpy(copy, cursor.p, cursor.n);
	batch->nbytes += cursor.n;
	batch->lines[batch->n - 1].cursor = (struct str){ copy, cursor.n };
}

int
journal_reader_fill(struct journal_reader *reader, struct line_batch *batch,
    struct err *err)
{
	int r = prepare_batch(batch), scanned = 0;
	bool last_is_line = false;

	while (r == 0 && batch->n < SOURCE_BATCH_LINES &&
	       batch->nbytes < READER_BATCH_BYTES && scanned < JOURNAL_SCAN_ENTRIES) {
		size_t n = batch->n;

		r = sd_journal_next(reader->journal);
		if (r <= 0)
			break;
		scanned++;
		r = take_entry(reader, batch);
		last_is_line = batch->n > n;
	}
	if (r >= 0 && scanned > 0)
		r = note_cursor(reader);
	if (r < 0) {
		batch->n = 0;
		return err_set(err, r, "read journal: %s", strerror(-r));
	}
	if (last_is_line)
		put_cursor(reader, batch);
	return scanned;
}

int
journal_reader_next(struct journal_reader *reader, struct line_batch *batch,
    struct err *err)
{
	int r;

	do
		r = journal_reader_fill(reader, batch, err);
	while (r > 0 && batch->n == 0);
	return r < 0 ? r : r > 0;
}

const char *
journal_reader_cursor(const struct journal_reader *reader)
{
	return reader->cursor == NULL ? "" : reader->cursor;
}

sd_journal *
journal_reader_handle(struct journal_reader *reader)
{
	return reader->journal;
}

void
journal_reader_on_notice(struct journal_reader *reader,
    void (*fn)(void *ctx, enum journal_notice notice, struct str text), void *ctx)
{
	reader->on_notice = fn;
	reader->notice_ctx = ctx;
}

/* libsystemd opens what it may and keeps silent about the rest. */
static int
check_rights(struct err *err)
{
	glob_t files = { 0 };
	bool denied = false, readable = false;

	(void)glob("/var/log/journal/*/system.journal", 0, NULL, &files);
	(void)glob("/run/log/journal/*/system.journal", GLOB_APPEND, NULL, &files);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		int fd = open(files.gl_pathv[i], O_RDONLY | O_CLOEXEC | O_NOCTTY);

		readable = readable || fd >= 0;
		denied = denied || (fd < 0 && errno == EACCES);
		if (fd >= 0)
			close(fd);
	}
	globfree(&files);
	if (readable || !denied)
		return 0;
	return err_set(err, -EACCES,
	    "open journal: permission denied (is the user in group systemd-journal?)");
}

static int
open_journal(struct journal_reader *reader, const char *path, struct err *err)
{
	const char *files[] = { path, NULL };
	const char *what = path == NULL ? "journal" : path;
	struct stat st;
	int r;

	if (path == NULL) {
		r = check_rights(err);
		if (r < 0)
			return r;
		r = sd_journal_open(&reader->journal,
		    SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
	} else if (stat(path, &st) < 0) {
		r = -errno;
	} else if (S_ISDIR(st.st_mode)) {
		r = sd_journal_open_directory(&reader->journal, path, 0);
	} else {
		r = sd_journal_open_files(&reader->journal, files, 0);
	}
	/* One byte more than we keep tells that a text was cut. */
	if (r >= 0)
		r = sd_journal_set_data_threshold(reader->journal,
		    sizeof "MESSAGE=" + LINE_MAX_BYTES);
	return r < 0 ? err_set(err, r, "open %s: %s", what, strerror(-r)) : 0;
}

int
journal_reader_open(const char *path, const char *const *identifiers,
    struct journal_reader **reader_out, struct err *err)
{
	struct journal_reader *reader = calloc(1, sizeof *reader);

	if (reader == NULL)
		return err_set(err, -ENOMEM, "open journal: out of memory");
	reader->identifiers = identifiers;
	int r = open_journal(reader, path, err);

	if (r < 0) {
		journal_reader_close(reader);
		return r;
	}
	*reader_out = reader;
	return 0;
}

void
journal_reader_close(struct journal_reader *reader)
{
	if (reader == NULL)
		return;
	sd_journal_close(reader->journal);
	free(reader->cursor);
	free(reader);
}
