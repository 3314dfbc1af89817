/*
 * The cursor is that of the last entry that was looked at, wanted or not: the
 * lines of a batch are offered as a whole, and what is not wanted needs no look
 * after a restart.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watcher/journal_impl.h"
#include "watcher/source_impl.h"

struct journal_source {
	struct source base; /* first member */
	struct journal_reader *reader;
	enum source_start start;
	bool sought;
	size_t unsaved;                 /* entries looked at since a cursor was offered */
	char cursor[SOURCE_CURSOR_MAX]; /* as taken, "" for none */
};

static struct journal_source *
of(struct source *src)
{
	return (struct journal_source *)src;
}

static int
seek_start(struct journal_source *js)
{
	sd_journal *j = journal_reader_handle(js->reader);
	char *cursor;
	int r;

	if (js->start == SOURCE_FROM_START)
		return sd_journal_seek_head(j);
	r = sd_journal_seek_tail(j);
	if (r >= 0)
		r = sd_journal_previous(j);
	if (r == 0)
		return sd_journal_seek_head(j); /* it is empty: all that comes is new */
	if (r > 0)
		r = sd_journal_get_cursor(j, &cursor);
	if (r < 0)
		return r;
	(void)snprintf(js->cursor, sizeof js->cursor, "%s", cursor);
	free(cursor);
	js->base.owes_cursor = true;
	return 0;
}

/* Seeking finds the entry or the nearest one behind it: which is it? */
static int
seek_cursor(struct journal_source *js)
{
	sd_journal *j = journal_reader_handle(js->reader);
	int r = sd_journal_seek_cursor(j, js->cursor);

	if (r >= 0)
		r = sd_journal_next(j);
	if (r > 0)
		r = sd_journal_test_cursor(j, js->cursor);
	if (r != 0)
		return r < 0 ? r : 0;
	source_tell_gap(&js->base, GAP_VACUUMED,
	    "the journal no longer has the entry that was read last: "
	    "what came between it and the oldest entry left is lost");
	return sd_journal_seek_cursor(j, js->cursor); /* the next read gives that one */
}

static int
seek(struct journal_source *js, struct err *err)
{
	int r = js->cursor[0] == '\0' ? seek_start(js) : seek_cursor(js);

	if (r == -EINVAL && js->cursor[0] != '\0') {
		source_tell_gap(&js->base, GAP_VACUUMED,
		    "the saved position in the journal is not understood: "
		    "what was not read before is unknown");
		js->cursor[0] = '\0';
		r = seek_start(js);
	}
	if (r < 0)
		return err_set(err, r, "find place in journal: %s", strerror(-r));
	js->sought = true;
	return 0;
}

static int
journal_step(struct source *src, struct err *err)
{
	struct journal_source *js = of(src);
	int r = js->sought ? 0 : seek(js, err);

	if (r < 0)
		return r;
	if (src->owes_cursor)
		return STEP_MORE;
	/* Files come and go while we catch up; without this they stay open. */
	r = sd_journal_process(journal_reader_handle(js->reader));
	if (r < 0 && r != -EMEDIUMTYPE)
		return err_set(err, r, "watch journal: %s", strerror(-r));
	r = journal_reader_fill(js->reader, &src->batch, err);
	if (r < 0) {
		js->sought = false; /* again from the last cursor */
		return r;
	}
	js->unsaved += (size_t)r;
	src->owes_cursor = js->unsaved >= JOURNAL_SCAN_ENTRIES;
	return r > 0 ? STEP_MORE : STEP_IDLE;
}

static const char *
place(const struct journal_source *js)
{
	const char *last = journal_reader_cursor(js->reader);

	return last[0] == '\0' ? js->cursor : last;
}

static void
journal_cursor(struct source *src, size_t n, char *to, size_t size)
{
	(void)n; /* a batch is offered as a whole */
	(void)snprintf(to, size, "%s", place(of(src)));
}

static void
journal_taken(struct source *src)
{
	struct journal_source *js = of(src);
	const char *last = place(js);

	if (last != js->cursor)
		(void)snprintf(js->cursor, sizeof js->cursor, "%s", last);
	js->unsaved = 0;
}

static bool
journal_wake(struct source *src)
{
	return sd_journal_process(journal_reader_handle(of(src)->reader)) != SD_JOURNAL_NOP;
}

static void
journal_close(struct source *src)
{
	journal_reader_close(of(src)->reader);
	free(of(src));
}

static const struct source_ops journal_ops = {
	.step = journal_step,
	.cursor = journal_cursor,
	.taken = journal_taken,
	.wake = journal_wake,
	.close = journal_close,
};

static void
on_notice(void *ctx, enum journal_notice notice, struct str text)
{
	struct journal_source *js = ctx;

	if (notice == JOURNAL_SUPPRESSED)
		source_tell_gap(&js->base, GAP_SUPPRESSED, "%.*s", STR_ARG(text));
	else
		source_tell_gap(&js->base, GAP_READ_ERROR, "entry of the journal: %.*s",
		    STR_ARG(text));
}

static int
prepare(struct journal_source *js, sd_event *loop, const char *dir,
    const char *const *identifiers, struct err *err)
{
	int r = journal_reader_open(dir, identifiers, &js->reader, err);

	if (r < 0)
		return r;
	journal_reader_on_notice(js->reader, on_notice, js);
	sd_journal *j = journal_reader_handle(js->reader);
	int fd = sd_journal_get_fd(j);

	if (fd == -EMEDIUMTYPE) /* single files are not watched */
		return source_attach(&js->base, loop, -1, 0, err);
	if (fd < 0)
		return err_set(err, fd, "watch journal: %s", strerror(-fd));
	int poll_events = sd_journal_get_events(j);

	return source_attach(&js->base, loop, fd, (uint32_t)poll_events, err);
}

int
source_open_journal(sd_event *loop, const char *dir, const char *const *identifiers,
    const char *cursor, enum source_start start, const struct source_events *events,
    struct source **src_out, struct err *err)
{
	struct journal_source *js = calloc(1, sizeof *js);
	AUTO(auto_free) char *name = NULL;
	int r;

	if (js == NULL ||
	    asprintf(&name, "journal%s%s", dir ? ":" : "", dir ? dir : "") < 0) {
		free(js);
		return err_set(err, -ENOMEM, "open journal: out of memory");
	}
	js->start = start;
	(void)snprintf(js->cursor, sizeof js->cursor, "%s", cursor == NULL ? "" : cursor);
	r = source_init(&js->base, &journal_ops, name, events, err);
	if (r == 0)
		r = prepare(js, loop, dir, identifiers, err);
	if (r < 0) {
		source_close(&js->base);
		return r;
	}
	*src_out = &js->base;
	return 0;
}
