#include "watcher/source.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "watcher/source_impl.h"

enum {
	FIRST_WAIT_S = 1,
	MAX_WAIT_S = 30,
	/* Lines that come one by one are taken together, or each would cost a commit. The
	 * first after a quiet moment is taken at once. */
	PAUSE_US = 80 * 1000,
};

int
source_init(struct source *src, const struct source_ops *ops, const char *name,
    const struct source_events *events, struct err *err)
{
	*src = (struct source){ .ops = ops, .events = *events, .wait_s = FIRST_WAIT_S };
	src->name = str_dup(str_of(name));
	return src->name == NULL ? err_set(err, -ENOMEM, "open %s: out of memory", name)
				 : 0;
}

void
source_close(struct source *src)
{
	if (src == NULL)
		return;
	sd_event_source_disable_unref(src->io);
	sd_event_source_disable_unref(src->again);
	sd_event_source_disable_unref(src->retry);
	sd_event_source_disable_unref(src->pause);
	sd_event_source_disable_unref(src->settle);
	line_batch_done(&src->batch);
	free(src->name);
	src->ops->close(src);
}

const char *
source_name(const struct source *src)
{
	return src->name;
}

const char *
source_trouble(const struct source *src)
{
	return src->trouble;
}

void
source_set_trouble(struct source *src, const char *text)
{
	(void)snprintf(src->trouble, sizeof src->trouble, "%s", text);
}

void
source_tell_gap(struct source *src, enum source_gap gap, const char *fmt, ...)
{
	char detail[1024];
	va_list ap;

	if (src->events.on_gap == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(detail, sizeof detail, fmt, ap);
	va_end(ap);
	src->events.on_gap(src->events.ctx, src, gap, detail);
}

static bool
has_lines(const struct source *src)
{
	return src->taken < src->batch.n || src->owes_cursor;
}

static int
offer(struct source *src, struct err *err)
{
	char cursor[SOURCE_CURSOR_MAX];
	size_t n = src->batch.n - src->taken;

	if (n > SOURCE_BATCH_LINES)
		n = SOURCE_BATCH_LINES;
	src->ops->cursor(src, src->taken + n, cursor, sizeof cursor);
	int r = src->events.on_lines(src->events.ctx, src,
	    n == 0 ? NULL : src->batch.lines + src->taken, n, cursor);

	if (r < 0)
		return err_set(err, r, "%s: lines not taken: %s", src->name, strerror(-r));
	src->ops->taken(src);
	src->taken += n;
	src->owes_cursor = false;
	return STEP_MORE;
}

/* --- lines that wait for those of other sources --- */

static void run_turn(struct source *src);

static void
begin_settling(struct source *src)
{
	src->settling = true;
	(void)sd_event_source_set_time_relative(src->settle, src->settle_us);
	(void)sd_event_source_set_enabled(src->settle, SD_EVENT_ONESHOT);
}

static int
on_settled(sd_event_source *s, uint64_t usec, void *ctx)
{
	struct source *src = ctx;

	(void)s;
	(void)usec;
	src->settling = false;
	src->settled = true;
	run_turn(src);
	return 0;
}

void
source_set_late(struct source *src, uint64_t wait_us)
{
	sd_event *loop = src->retry == NULL ? NULL : sd_event_source_get_event(src->retry);

	if (loop == NULL || src->settle != NULL ||
	    sd_event_add_time_relative(loop, &src->settle, CLOCK_MONOTONIC, 0, 1000,
		on_settled, src) < 0)
		return; /* without a timer nothing waits */
	sd_event_source *const all[] = { src->io, src->again, src->retry, src->pause,
		src->settle };

	(void)sd_event_source_set_enabled(src->settle, SD_EVENT_OFF);
	src->settle_us = wait_us;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i] != NULL)
			(void)sd_event_source_set_priority(all[i], SD_EVENT_PRIORITY_IDLE);
}

/* Must the batch wait, and has it not yet? */
static bool
is_early(const struct source *src)
{
	return src->settle_us > 0 && !src->settled && src->taken < src->batch.n;
}

/* One turn: an enum source_step, or a negative errno if it has to be tried again. */
static int
turn(struct source *src, struct err *err)
{
	if (has_lines(src))
		return offer(src, err);
	src->batch.n = 0;
	src->taken = 0;
	src->settled = false;
	source_set_trouble(src, "");
	int r = src->ops->step(src, err);

	if (r < 0)
		source_set_trouble(src, err->text);
	return r;
}

static void
run_turn(struct source *src)
{
	struct err err = { "" };

	if (src->settling)
		return;
	if (is_early(src)) {
		begin_settling(src);
		return;
	}
	int r = turn(src, &err);

	/* These calls fail only in a loop that is finished. */
	if (r < 0) {
		src->waiting = true;
		(void)sd_event_source_set_time_relative(src->retry,
		    src->wait_s * UINT64_C(1000000));
		(void)sd_event_source_set_enabled(src->retry, SD_EVENT_ONESHOT);
		src->wait_s = src->wait_s * 2 > MAX_WAIT_S ? MAX_WAIT_S : src->wait_s * 2;
		return;
	}
	src->wait_s = FIRST_WAIT_S;
	src->waiting = false;
	(void)sd_event_source_set_enabled(src->retry, SD_EVENT_OFF);
	if (r == STEP_MORE)
		(void)sd_event_source_set_enabled(src->again, SD_EVENT_ONESHOT);
}

static int
on_again(sd_event_source *s, void *ctx)
{
	struct source *src = ctx;

	(void)s;
	if (!src->waiting)
		run_turn(src);
	return 0;
}

static int
on_retry(sd_event_source *s, uint64_t usec, void *ctx)
{
	struct source *src = ctx;

	(void)s;
	(void)usec;
	run_turn(src);
	return 0;
}

static void
look(struct source *src, uint64_t now_us)
{
	src->turned_us = now_us;
	/* While lines are refused nothing is read, whatever happens to the file. */
	if (src->ops->wake(src) && !(src->waiting && has_lines(src)))
		run_turn(src);
}

static int
on_pause(sd_event_source *s, uint64_t usec, void *ctx)
{
	struct source *src = ctx;
	uint64_t now_us = usec;

	(void)sd_event_now(sd_event_source_get_event(s), CLOCK_MONOTONIC, &now_us);
	(void)sd_event_source_set_enabled(src->io, SD_EVENT_ON);
	look(src, now_us);
	return 0;
}

static int
on_io(sd_event_source *s, int fd, uint32_t revents, void *ctx)
{
	struct source *src = ctx;
	uint64_t now_us = 0;

	(void)fd;
	(void)revents;
	(void)sd_event_now(sd_event_source_get_event(s), CLOCK_MONOTONIC, &now_us);
	if (now_us >= src->turned_us + PAUSE_US) {
		look(src, now_us);
		return 0;
	}
	(void)sd_event_source_set_enabled(src->io, SD_EVENT_OFF);
	(void)sd_event_source_set_time(src->pause, src->turned_us + PAUSE_US);
	(void)sd_event_source_set_enabled(src->pause, SD_EVENT_ONESHOT);
	return 0;
}

int
source_attach(struct source *src, sd_event *loop, int fd, uint32_t poll_events,
    struct err *err)
{
	if (loop == NULL)
		return 0;
	int r = sd_event_add_defer(loop, &src->again, on_again, src);

	if (r >= 0)
		r = sd_event_add_time_relative(loop, &src->retry, CLOCK_MONOTONIC, 0, 0,
		    on_retry, src);
	if (r >= 0)
		r = sd_event_source_set_enabled(src->retry, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &src->pause, CLOCK_MONOTONIC, 0, 1000,
		    on_pause, src);
	if (r >= 0)
		r = sd_event_source_set_enabled(src->pause, SD_EVENT_OFF);
	if (r >= 0 && fd >= 0)
		r = sd_event_add_io(loop, &src->io, fd, poll_events, on_io, src);
	return r < 0 ? err_set(err, r, "watch %s: %s", src->name, strerror(-r)) : 0;
}

int
source_catch_up(struct source *src, struct err *err)
{
	struct err reason = { "" };
	int r;

	(void)src->ops->wake(src); /* what it says is looked at anyway */
	do
		r = turn(src, &reason);
	while (r == STEP_MORE);
	return r < 0 ? err_set(err, r, "%s", reason.text) : 0;
}
