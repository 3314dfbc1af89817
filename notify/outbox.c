#include "notify/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "core/plain.h"
#include "notify/mail.h"
#include "notify/message.h"

/* A row, copied: the outbox may not change while the store walks through it. */
struct entry {
	char *id, *incident;
	enum notice notice;
	int64_t tries;
};

struct batch {
	struct entry entries[OUTBOX_PASS_ROWS];
	size_t n;
	size_t left;
};

/* What one pass hands around. */
struct pass {
	struct store *store;
	const struct outbox_settings *settings;
	struct outbox_report *report;
	int64_t now_us;
	struct str *recipients; /* bare addresses, settings->nto of them */
	struct message_context context;
};

struct rendering {
	const struct message_context *context;
	enum notice notice;
	struct buf *subject, *body;
};

static void
batch_done(struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		free(batch->entries[i].id);
		free(batch->entries[i].incident);
	}
}

static int
take_row(void *ctx, const struct outbox_row *row)
{
	struct batch *batch = ctx;

	if (batch->n == OUTBOX_PASS_ROWS) {
		batch->left++;
		return 0;
	}
	struct entry *entry = &batch->entries[batch->n];

	*entry = (struct entry){
		.id = str_dup(row->id),
		.incident = str_dup(row->incident),
		.notice = row->notice,
		.tries = row->tries,
	};
	batch->n++; /* whatever was allocated is freed with the batch */
	return entry->id == NULL || entry->incident == NULL ? -ENOMEM : 0;
}

int64_t
outbox_wait_us(int64_t tries, uint64_t random)
{
	const uint64_t first = (uint64_t)OUTBOX_FIRST_WAIT_S * US_PER_S;
	const uint64_t last = (uint64_t)OUTBOX_LAST_WAIT_S * US_PER_S;
	uint64_t wait = first;

	for (int64_t i = 1; i < tries && wait < last; i++)
		wait *= 2;
	/* Up to half as much again; at the ceiling the jitter goes down instead. */
	wait += random % (wait / 2 + 1);
	if (wait > last)
		wait = last - random % (last / 4);
	return (int64_t)wait;
}

static int
render_incident(void *ctx, const struct incident *incident)
{
	struct rendering *r = ctx;

	message_render(incident, r->notice, r->context, r->subject, r->body);
	return 0;
}

/* Subject and body of a row's message. */
static int
render_entry(const struct pass *pass, const struct entry *entry, struct buf *subject,
    struct buf *body, struct err *err)
{
	struct rendering r = { &pass->context, entry->notice, subject, body };
	struct str id = str_of(entry->incident);

	if (entry->notice == NOTICE_TEST || id.n == 0) {
		message_render(NULL, NOTICE_TEST, &pass->context, subject, body);
		return 0;
	}
	int e = store_find_incident(pass->store, id, render_incident, &r, err);

	if (e != -ENOENT)
		return e;
	/* Somebody deleted the incident; that it was there is still worth telling. */
	return render_incident(&r,
	    &(struct incident){
		.id = id,
		.summary = STR("an incident that is no longer in the store"),
	    });
}

static int
render_mail(const struct pass *pass, const struct entry *entry, struct buf *out,
    struct err *err)
{
	AUTO(buf_done) struct buf subject = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	struct str sender = mail_address(pass->settings->from);
	int r = render_entry(pass, entry, &subject, &body, err);

	if (r < 0)
		return r;
	mail_render(
	    &(struct mail){
		.from = pass->settings->from,
		.to = pass->settings->to,
		.nto = pass->settings->nto,
		.subject = buf_str(&subject),
		.body = buf_str(&body),
		.id = str_of(entry->id),
		.thread = str_of(entry->incident),
		.domain = str_skip(sender, (size_t)(str_rfind_char(sender, '@') + 1)),
		.date_us = pass->now_us,
		.offset_min = pass->context.offset_min,
	    },
	    out);
	if (subject.failed || body.failed || out->failed)
		return err_set(err, -ENOMEM, "write alert %s: out of memory", entry->id);
	return 0;
}

static void
add_recipients(struct buf *out, const struct pass *pass)
{
	AUTO(buf_done) struct buf all = { 0 };

	for (size_t i = 0; i < pass->settings->nto; i++) {
		if (i > 0)
			buf_add_char(&all, ',');
		buf_add(&all, pass->recipients[i]);
	}
	plain_add_pair(out, "to", buf_str(&all));
}

static void
log_begin(struct buf *line, const struct entry *entry, const char *what)
{
	buf_addf(line, "alert %s channel=relay", what);
	plain_add_pair(line, "id", str_of(entry->id));
	if (entry->incident[0] != '\0')
		plain_add_pair(line, "incident", str_of(entry->incident));
	plain_add_pair(line, "notice", str_of(notice_name(entry->notice)));
}

static void
log_end(const struct pass *pass, const struct buf *line)
{
	if (pass->report->log != NULL)
		pass->report->log(pass->report->ctx, buf_str(line));
}

/* Ends the transaction of one write, which came to r. */
static int
commit_write(const struct pass *pass, int r, struct err *err)
{
	if (r == 0)
		return store_commit(pass->store, err);
	store_rollback(pass->store);
	/* The row was withdrawn while we talked to the relay: nothing is left to note. */
	return r == -ENOENT ? 0 : r;
}

static int
commit_sent(const struct pass *pass, const struct entry *entry, struct err *err)
{
	int r = store_begin(pass->store, err);

	if (r < 0)
		return r;
	r = store_outbox_sent(pass->store, str_of(entry->id), pass->now_us, err);
	return commit_write(pass, r, err);
}

static int
commit_failed(const struct pass *pass, const struct entry *entry, int64_t wait_us,
    struct str reason, struct err *err)
{
	int r = store_begin(pass->store, err);

	if (r < 0)
		return r;
	r = store_outbox_failed(pass->store, str_of(entry->id), pass->now_us + wait_us,
	    reason, err);
	return commit_write(pass, r, err);
}

static int
note_sent(const struct pass *pass, const struct entry *entry, const struct err *told,
    struct err *err)
{
	AUTO(buf_done) struct buf line = { 0 };

	pass->report->sent++;
	log_begin(&line, entry, "sent");
	add_recipients(&line, pass);
	if (told->text[0] != '\0') /* some recipients were refused */
		plain_add_pair(&line, "warning", str_of(told->text));
	log_end(pass, &line);
	return commit_sent(pass, entry, err);
}

static int
note_failed(const struct pass *pass, const struct entry *entry, enum send_result result,
    const struct err *told, struct err *err)
{
	AUTO(buf_done) struct buf line = { 0 };
	/* Rows spread without a random source: each id gives its own, new with each try. */
	uint64_t random = str_hash(str_of(entry->id)) ^
			  (uint64_t)entry->tries * UINT64_C(0x9e3779b97f4a7c15);
	int64_t tries = result == SEND_REFUSED ? INT64_MAX : entry->tries + 1;
	int64_t wait_us = outbox_wait_us(tries, random);

	pass->report->failed++;
	log_begin(&line, entry, "failed");
	plain_add_pair(&line, "result",
	    result == SEND_REFUSED ? STR("refused") : STR("retry"));
	buf_addf(&line, " tries=%lld next=%llds", (long long)entry->tries + 1,
	    (long long)(wait_us / US_PER_S));
	plain_add_pair(&line, "error", str_of(told->text));
	log_end(pass, &line);
	return commit_failed(pass, entry, wait_us, str_of(told->text), err);
}

static int
send_entry(const struct pass *pass, const struct entry *entry, enum send_result *result_out,
    struct err *err)
{
	AUTO(buf_done) struct buf mail = { 0 };
	struct err told = { "" };
	int r = render_mail(pass, entry, &mail, err);

	if (r < 0)
		return r;
	*result_out = relay_send(pass->settings->relay, mail_address(pass->settings->from),
	    pass->recipients, pass->settings->nto, buf_str(&mail), &told);
	if (*result_out == SEND_ACCEPTED)
		return note_sent(pass, entry, &told, err);
	return note_failed(pass, entry, *result_out, &told, err);
}

/* The zone's offset at that time, minutes east of UTC. */
static int
zone_offset_min(int64_t at_us)
{
	time_t at = (time_t)(at_us / US_PER_S);
	struct tm local;

	return localtime_r(&at, &local) == NULL ? 0 : (int)(local.tm_gmtoff / 60);
}

static int
run_batch(const struct pass *pass, struct batch *batch, struct err *err)
{
	int r = store_each_outbox(pass->store, pass->now_us, take_row, batch, err);

	if (r == -ENOMEM)
		return err_set(err, r, "read outbox: out of memory");
	if (r < 0)
		return r;
	pass->report->left += batch->left;
	for (size_t i = 0; i < batch->n; i++) {
		enum send_result result = SEND_RETRY;

		r = send_entry(pass, &batch->entries[i], &result, err);
		if (r < 0)
			return r;
		if (result == SEND_RETRY) {
			pass->report->left += batch->n - i - 1;
			break;
		}
	}
	return 0;
}

int
outbox_run(struct store *store, const struct outbox_settings *settings, int64_t now_us,
    struct outbox_report *report, struct err *err)
{
	AUTO(batch_done) struct batch batch = { .n = 0 };
	AUTO(auto_free) struct str *recipients =
		calloc(settings->nto + 1, sizeof *recipients);
	struct pass pass = {
		.store = store,
		.settings = settings,
		.report = report,
		.now_us = now_us,
		.recipients = recipients,
		.context = { .host = settings->host,
		    .now_us = now_us,
		    .offset_min = zone_offset_min(now_us),
		    .version = settings->version },
	};

	if (recipients == NULL)
		return err_set(err, -ENOMEM, "send alerts: out of memory");
	for (size_t i = 0; i < settings->nto; i++)
		recipients[i] = mail_address(settings->to[i]);
	return run_batch(&pass, &batch, err);
}
