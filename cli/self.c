#include "cli/self.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "rules/engine.h"
#include "store/channels.h"
#include "store/delivery.h"

/* Much is not understood: more than 5 % of at least so many lines of mail servers. */
enum { UNPARSED_PERCENT = 5, UNPARSED_AT_LEAST = 200 };
/* One or two failures are nothing: greylisting, a restart of the relay. */
enum { CHANNEL_TRIES = 3 };
/* So long nobody took a notice that was due: no channel is to blame. */
#define NOTIFIER_WITHIN_US (600 * (int64_t)US_PER_S)

struct self_notice {
	const char *limit_name;
	char text[SELF_TEXT_BYTES + 1];
};

struct self {
	char host[256];
	struct self_notice notices[SELF_MAX_NOTICES];
	size_t n, fed;
};

struct self *
self_new(void)
{
	struct self *self = calloc(1, sizeof *self);

	if (self == NULL)
		return NULL;
	if (gethostname(self->host, sizeof self->host - 1) != 0)
		strcpy(self->host, "localhost");
	self->host[strcspn(self->host, ".")] = '\0'; /* as logs name it */
	return self;
}

void
self_free(struct self *self)
{
	free(self);
}

void
self_note(struct self *self, const char *limit_name, const char *fmt, ...)
{
	struct self_notice one = { .limit_name = limit_name };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(one.text, sizeof one.text, fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < self->n; i++)
		if (strcmp(self->notices[i].limit_name, limit_name) == 0 &&
		    strcmp(self->notices[i].text, one.text) == 0)
			return;
	if (self->n == SELF_MAX_NOTICES)
		fprintf(stderr, "mailwarden: no room to tell: %s: %s\n", limit_name,
		    one.text);
	else
		self->notices[self->n++] = one;
}

bool
self_has_news(const struct self *self)
{
	return self->n > 0;
}

/* --- looking --- */

struct looking {
	struct self *self;
	bool any; /* channels that tell notices */
};

static int
look_at_channel(void *ctx, const struct channel_row *row)
{
	struct looking *l = ctx;
	struct str why = str_head(row->last_error, SELF_TEXT_BYTES);

	l->any |= !str_eq(row->kind, STR("heartbeat"));
	if (row->failing_since_us == 0)
		return 0;
	if (row->fault == CHANNEL_FAULT_LOGIN)
		self_note(l->self, SELF_CHANNEL,
		    "channel %.*s waits for you, nobody else can mend it: %.*s",
		    STR_ARG(row->name), STR_ARG(why));
	else if (row->fault == CHANNEL_FAULT_REFUSED)
		self_note(l->self, SELF_CHANNEL, "channel %.*s refuses a message: %.*s",
		    STR_ARG(row->name), STR_ARG(why));
	else if (row->tries >= CHANNEL_TRIES)
		self_note(l->self, SELF_CHANNEL, "channel %.*s: %.*s", STR_ARG(row->name),
		    STR_ARG(why));
	return 0;
}

int
self_look_at_outbox(struct self *self, struct store *store, int64_t now_us, struct err *err)
{
	AUTO(buf_done) struct buf configured = { 0 };
	struct looking looking = { .self = self };
	int64_t due_us = INT64_MAX;
	int r = channel_row_each(store, look_at_channel, &looking, err);

	if (r == 0)
		r = store_meta_get(store, STR(STORE_META_CHANNELS), &configured, err);
	if (r == 0)
		r = delivery_next_unplanned(store, now_us, &due_us, err);
	/* Where no channel is, nobody is to take them. */
	if (r == 0 && (looking.any || configured.n > 0) && due_us != INT64_MAX &&
	    due_us < now_us - NOTIFIER_WITHIN_US)
		self_note(self, SELF_NOTIFIER,
		    "the notifier does not run: notices wait for it for more than %d minutes",
		    (int)(NOTIFIER_WITHIN_US / US_PER_S / 60));
	return r;
}

static int
look_at_hour(void *ctx, struct str source, int64_t hour_us, int64_t events,
    int64_t unparsed)
{
	struct self *self = ctx;
	AUTO(buf_done) struct buf when = { 0 };
	int64_t claimed = events + unparsed;

	if (claimed < UNPARSED_AT_LEAST || unparsed * 100 <= claimed * UNPARSED_PERCENT)
		return 0;
	clock_minute(&when, hour_us);
	self_note(self, SELF_UNPARSED,
	    "%lld of %lld (%.1f %%) in the hour from %.*s, in %.*s", (long long)unparsed,
	    (long long)claimed, 100.0 * (double)unparsed / (double)claimed,
	    STR_ARG(buf_str(&when)), STR_ARG(source));
	return self->n == SELF_MAX_NOTICES; /* history is read: that is enough of it */
}

int
self_look_at_ledger(struct self *self, struct store *store, int64_t log_us, struct err *err)
{
	int r = store_each_hour_over(store, log_us, look_at_hour, self, err);

	return r < 0 ? r : store_judged_hours(store, log_us, err);
}

/* --- telling --- */

static const char *
service_of(const char *limit_name)
{
	if (strcmp(limit_name, SELF_RULE_OFF) == 0)
		return "rule";
	if (strcmp(limit_name, SELF_NOTIFIER) == 0)
		return "notifier";
	return strcmp(limit_name, SELF_CHANNEL) == 0 ? "channel" : "source";
}

int
self_feed(struct self *self, struct engine *engine, int64_t at_us)
{
	for (size_t i = 0; i < self->n; i++) {
		const struct self_notice *notice = &self->notices[i];
		struct event ev = { .time_us = at_us, .offset = -1 };

		event_set_num(&ev, EVF_kind, KIND_WARNING);
		event_set_text(&ev, EVF_mta, STR("mailwarden"));
		event_set_text(&ev, EVF_process, STR("mailwarden"));
		event_set_text(&ev, EVF_host, str_of(self->host));
		event_set_text(&ev, EVF_service, str_of(service_of(notice->limit_name)));
		event_set_text(&ev, EVF_limit_name, str_of(notice->limit_name));
		event_set_text(&ev, EVF_text, str_of(notice->text));
		if (!engine_feed(engine, &ev, STR("")))
			return -ENOMEM;
	}
	self->fed = self->n;
	return 0;
}

void
self_told(struct self *self)
{
	memmove(self->notices, self->notices + self->fed,
	    (self->n - self->fed) * sizeof *self->notices);
	self->n -= self->fed;
	self->fed = 0;
}

/* --- samples --- */

void
self_add_sample(struct self_samples *samples, const struct line *line)
{
	samples->lines[samples->n++ % STORE_UNPARSED_LINES] = line;
}

static size_t
oldest(const struct self_samples *samples)
{
	return samples->n > STORE_UNPARSED_LINES ? samples->n - STORE_UNPARSED_LINES : 0;
}

void
self_add_samples(struct self_samples *samples, const struct self_samples *more)
{
	for (size_t i = oldest(more); i < more->n; i++)
		self_add_sample(samples, more->lines[i % STORE_UNPARSED_LINES]);
}

static void
write_line(struct buf *out, const struct line *line)
{
	size_t from = out->n;

	if (line->has_fields && line->ident.n > 0) {
		buf_add(out, str_head(line->ident, 64));
		if (line->pid.n > 0)
			buf_addf(out, "[%.*s]", STR_ARG(str_head(line->pid, 16)));
		buf_add(out, STR(": "));
	}
	buf_add(out, str_head(line->text, STORE_UNPARSED_BYTES));
	for (size_t i = from; i < out->n; i++)
		if (out->p[i] == '\n' || out->p[i] == '\0')
			out->p[i] = ' '; /* it stands on a line */
	buf_add_char(out, '\n');
}

int
self_save_samples(struct self_samples *samples, struct store *store, struct str source,
    struct err *err)
{
	AUTO(buf_done) struct buf lines = { 0 };

	for (size_t i = oldest(samples); i < samples->n; i++)
		write_line(&lines, samples->lines[i % STORE_UNPARSED_LINES]);
	samples->n = 0;
	if (lines.failed)
		return err_set(err, -ENOMEM, "out of memory");
	return lines.n == 0 ? 0 : store_add_unparsed(store, source, buf_str(&lines), err);
}
