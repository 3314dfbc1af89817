/* What came of a message. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/plain.h"
#include "notify/post_impl.h"

void
outcome_free(struct outcome *outcome)
{
	if (outcome == NULL)
		return;
	free(outcome->ids);
	free(outcome->message);
	free(outcome);
}

/* --- reminders --- */

struct reminding {
	struct post *post;
	int64_t now_us;
	struct err *err;
};

static int
add_reminder(const struct reminding *r, const struct incident *incident, int64_t repeat_us)
{
	AUTO(buf_done) struct buf id = { 0 };

	buf_addf(&id, "%.*s.%s.%llx", STR_ARG(incident->id), notice_name(NOTICE_REMINDER),
	    (unsigned long long)r->now_us);
	if (id.failed)
		return err_set(r->err, -ENOMEM, "write to store: out of memory");
	return store_outbox_add(r->post->store,
	    &(struct outbox_row){
		.id = buf_str(&id),
		.incident = incident->id,
		.notice = NOTICE_REMINDER,
		.created_us = r->now_us,
		.due_us = r->now_us + repeat_us,
	    },
	    r->err);
}

static int
remind_of(void *ctx, const struct incident *incident)
{
	const struct reminding *r = ctx;
	struct route_names names = post_names(r->post);
	struct route_list list;
	int64_t repeat_us = 0;

	if (incident->state != INCIDENT_OPEN || incident->ack_at_us != 0)
		return 0;
	if (route_find(r->post->settings, incident, r->now_us, &names, &list) < 0)
		return err_set(r->err, -ENOMEM, "write to store: out of memory");
	for (size_t i = 0; i < list.n; i++) {
		const struct route_entry *entry = &list.entries[i];

		if (entry->rank == 0 && entry->repeat_us > 0 &&
		    (repeat_us == 0 || entry->repeat_us < repeat_us))
			repeat_us = entry->repeat_us;
	}
	route_list_done(&list);
	if (repeat_us == 0)
		return 0;
	/* One chain for an incident, however many channels tell of it. */
	int has = delivery_has_reminder(r->post->store, incident->id, r->err);

	return has != 0 ? has < 0 ? has : 0 : add_reminder(r, incident, repeat_us);
}

static int
keep_id(void *ctx, struct str incident)
{
	struct buf *lines = ctx;

	buf_add(lines, incident);
	buf_add_char(lines, '\n');
	return 0;
}

static int
add_reminders(struct post *post, struct delivery_set set, int64_t now_us, struct err *err)
{
	AUTO(buf_done) struct buf lines = { 0 };
	struct reminding reminding = { post, now_us, err };
	int r = delivery_each_incident(post->store, set, keep_id, &lines, err);

	if (r == 0 && lines.failed)
		return err_set(err, -ENOMEM, "write to store: out of memory");
	for (struct str rest = buf_str(&lines); r == 0 && rest.n > 0;) {
		r = store_find_incident(post->store, str_cut(&rest, '\n'), remind_of,
		    &reminding, err);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

/* --- into the store --- */

static int
write_sent(struct post *post, const struct post_channel *channel, const struct outcome *o,
    struct err *err)
{
	struct str name = str_of(channel->settings->name);
	struct delivery_set set = { o->ids, o->n };
	int r = delivery_sent(post->store, set, str_of(o->receipt.queue_id),
	    str_of(o->receipt.warning), o->at_us, err);

	if (r == 0)
		r = channel_row_worked(post->store, name, o->at_us, err);
	/* It works again: what waited for that goes at once. What it refused may still be
	 * refused, unless this was such a one. */
	if (r == 0)
		r = delivery_hasten(post->store, name, TRY_NONE, o->at_us, err);
	if (r == 0)
		r = delivery_hasten(post->store, name, TRY_UNCERTAIN, o->at_us, err);
	if (r == 0 && o->was == TRY_REFUSED)
		r = delivery_hasten(post->store, name, TRY_REFUSED, o->at_us, err);
	return r == 0 ? add_reminders(post, set, o->at_us, err) : r;
}

/* Once a try may have had success, only an answer ends that. */
static enum delivery_try
try_after(const struct outcome *o)
{
	if (o->result == SEND_REFUSED)
		return TRY_REFUSED;
	if (o->receipt.uncertain || o->was == TRY_UNCERTAIN)
		return TRY_UNCERTAIN;
	return o->was == TRY_REFUSED ? TRY_REFUSED : TRY_NONE;
}

static enum channel_fault
fault_of(enum send_result result)
{
	if (result == SEND_LOGIN)
		return CHANNEL_FAULT_LOGIN;
	return result == SEND_REFUSED ? CHANNEL_FAULT_REFUSED : CHANNEL_FAULT_NONE;
}

static int64_t
wait_after(const struct post_channel *channel, const struct outcome *o, int64_t tries)
{
	int64_t asked_us = o->receipt.retry_after_us;
	int64_t most_us = POST_LONGEST_WAIT_S * (int64_t)US_PER_S;
	int64_t wait_us;

	if (o->result == SEND_REFUSED)
		return POST_LAST_WAIT_S * (int64_t)US_PER_S;
	if (o->result == SEND_LOGIN)
		tries += POST_LOGIN_TRIES;
	wait_us = post_back_off_us(channel, tries, o->at_us);
	if (asked_us > most_us)
		asked_us = most_us;
	return asked_us > wait_us ? asked_us : wait_us;
}

static int
write_failed(struct post *post, struct post_channel *channel, const struct outcome *o,
    int64_t *wait_us_out, struct err *err)
{
	struct str name = str_of(channel->settings->name);
	struct str reason = str_of(o->reason.text);
	struct delivery_set set = { o->ids, o->n };
	struct channel_row row;
	int r = channel_row_failed(post->store, name, fault_of(o->result), reason, o->at_us,
	    err);

	if (r == 0)
		r = post_look_at(post, name, &row, err);
	if (r < 0)
		return r;
	int64_t wait_us = wait_after(channel, o, row.tries);

	r = delivery_failed(post->store, set, try_after(o), reason, o->at_us + wait_us,
	    err);
	if (r == 0 && o->result == SEND_REFUSED)
		r = delivery_put_off_refused(post->store, name, o->at_us + wait_us, err);
	if (r == 0 && o->result == SEND_REFUSED)
		r = delivery_call_fallbacks_of(post->store, set, o->at_us, err);
	if (r == 0 && post_is_passed_over(post, &row, o->at_us))
		r = delivery_call_fallbacks(post->store, name, o->at_us, err);
	*wait_us_out = wait_us;
	return r;
}

/* --- the program's own log --- */

static void
log_outcome(const struct post *post, const struct post_channel *channel,
    const struct outcome *o, int64_t wait_us)
{
	static const char *const words[] = {
		[SEND_RETRY] = "retry", [SEND_REFUSED] = "refused", [SEND_LOGIN] = "login"
	};
	AUTO(buf_done) struct buf line = { 0 };
	bool sent = o->result == SEND_ACCEPTED;

	if (post->context.log == NULL)
		return;
	buf_addf(&line, "alert %s", sent ? "sent" : "failed");
	plain_add_pair(&line, "channel", str_of(channel->settings->name));
	plain_add_pair(&line, "id", str_of(o->message));
	buf_addf(&line, " notices=%zu", o->n);
	if (!sent)
		buf_addf(&line, " result=%s%s next=%llds", words[o->result],
		    o->receipt.uncertain ? " uncertain=yes" : "",
		    (long long)(wait_us / US_PER_S));
	if (o->receipt.queue_id[0] != '\0')
		plain_add_pair(&line, "queue_id", str_of(o->receipt.queue_id));
	if (o->receipt.warning[0] != '\0')
		plain_add_pair(&line, "warning", str_of(o->receipt.warning));
	if (!sent)
		plain_add_pair(&line, "error", str_of(o->reason.text));
	post->context.log(post->context.ctx, buf_str(&line));
}

/* --- all of it --- */

int
post_save(struct post *post, struct post_channel *channel, const struct outcome *o,
    struct err *err)
{
	int64_t wait_us = 0;
	int r = store_begin(post->store, err);

	if (r < 0)
		return r;
	r = o->result == SEND_ACCEPTED ? write_sent(post, channel, o, err)
				       : write_failed(post, channel, o, &wait_us, err);
	if (r == 0)
		r = delivery_finish(post->store, err);
	if ((r = post_end_batch(post, r, err)) < 0)
		return r;
	channel->looked = true;
	if (o->result == SEND_ACCEPTED)
		channel->not_before_us = 0;
	else if (o->result != SEND_REFUSED)
		channel->not_before_us = o->at_us + wait_us;
	log_outcome(post, channel, o, wait_us);
	return 0;
}

int
post_save_unsaved(struct post *post, struct err *err)
{
	for (size_t i = 0; i < post->nchannels; i++) {
		struct post_channel *channel = &post->channels[i];

		if (channel->unsaved == NULL)
			continue;
		int r = post_save(post, channel, channel->unsaved, err);

		if (r < 0)
			return r;
		outcome_free(channel->unsaved);
		channel->unsaved = NULL;
	}
	return 0;
}

int
post_done(struct post *post, struct parcel *parcel, enum send_result result,
    const struct receipt *receipt, const struct err *reason, int64_t now_us,
    struct err *err)
{
	struct post_channel *channel = post_channel(post, str_of(parcel->channel));
	struct outcome *outcome = calloc(1, sizeof *outcome);

	post_notice_time(post, now_us);
	channel->busy = false;
	if (outcome == NULL) {
		message_free(parcel->message);
		free(parcel->deliveries);
		free(parcel);
		return err_set(err, -ENOMEM, "note what came of a message: out of memory");
	}
	*outcome = (struct outcome){
		.ids = parcel->deliveries,
		.n = parcel->n,
		.message = parcel->message->id,
		.was = channel->was,
		.result = result,
		.receipt = receipt == NULL ? (struct receipt){ 0 } : *receipt,
		.reason = reason == NULL ? (struct err){ "" } : *reason,
		.at_us = now_us,
	};
	parcel->message->id = NULL; /* handed over */
	message_free(parcel->message);
	free(parcel);
	int r = post_save(post, channel, outcome, err);

	if (r < 0)
		channel->unsaved = outcome; /* it is saved before anything else */
	else
		outcome_free(outcome);
	return r;
}

int
post_note_beat(struct post *post, const char *channel, enum send_result result,
    const struct err *reason, int64_t now_us, struct err *err)
{
	int r = store_begin(post->store, err);

	if (r < 0)
		return r;
	r = result == SEND_ACCEPTED
		? channel_row_worked(post->store, str_of(channel), now_us, err)
		: channel_row_failed(post->store, str_of(channel), fault_of(result),
		      str_of(reason->text), now_us, err);
	return post_end_batch(post, r, err);
}
