/* The next message of a channel. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "notify/post_impl.h"

/* Gathers what goes together with the first row that is due. */
struct picking {
	struct fold fold;
	int64_t now_us;
};

/* What failed for sure goes with what is new, also if its own time has not come. */
static bool
goes_with(const struct picking *p, const struct delivery_row *row)
{
	const struct fold *fold = &p->fold;

	if (row->trying != fold->kind)
		return false;
	/* A digest goes alone: it is read at another time than alerts are. */
	if (row->what == NOTICE_DIGEST || fold->rows[0].what == NOTICE_DIGEST)
		return false;
	switch (fold->kind) {
	case TRY_UNCERTAIN: return str_eq(row->message, str_of(fold->message));
	case TRY_REFUSED: return false; /* alone */
	case TRY_NONE: break;
	}
	return row->due_us <= p->now_us || row->tries > 0;
}

static int
pick(void *ctx, const struct delivery_row *row)
{
	struct picking *p = ctx;
	struct fold *fold = &p->fold;

	if (fold->n == 0) {
		if (row->due_us > p->now_us)
			return 1;
		fold->kind = row->trying;
		fold->message = str_dup(row->message);
		return fold->message == NULL ? -ENOMEM : fold_add(fold, row);
	}
	if (fold->n == POST_MESSAGE_NOTICES)
		return 1;
	return goes_with(p, row) ? fold_add(fold, row) : 0;
}

/* The back-off of before a restart: when the first of those that failed is due. */
static int
recall_back_off(struct post *post, struct post_channel *channel, struct err *err)
{
	struct str name = str_of(channel->settings->name);
	struct channel_row row;
	int64_t due_us;
	int r = post_look_at(post, name, &row, err);

	if (r == 0 && row.tries > 0 && row.fault != CHANNEL_FAULT_REFUSED) {
		r = delivery_next_due(post->store, name, DELIVERIES_TRIED, &due_us, err);
		if (r == 0 && due_us != INT64_MAX)
			channel->not_before_us = due_us;
	}
	channel->looked = r == 0;
	return r;
}

static int
may_send(struct post *post, struct post_channel *channel, int64_t now_us, struct err *err)
{
	int64_t until_us;
	int r = channel->looked ? 0 : recall_back_off(post, channel, err);

	if (r < 0 || channel->not_before_us > now_us)
		return r;
	r = post_capped_until(post, channel, now_us, &until_us, err);
	return r < 0 ? r : until_us <= now_us;
}

/* --- the message --- */

static struct message *
new_message(const struct post *post, const struct fold *fold, struct str id, int64_t now_us)
{
	const struct message_context context = {
		.host = post->context.host,
		.version = post->context.version,
		.now_us = now_us,
		.offset_min = clock_offset_min(now_us),
		.dashboard = str_of(post->settings->dashboard),
	};

	if (fold->digest != NULL)
		return message_new_digest(id, fold->digest, &context);
	return message_new(id, fold->items, fold->nitems, &context);
}

static void
parcel_free(struct parcel *parcel)
{
	if (parcel == NULL)
		return;
	message_free(parcel->message);
	free(parcel->deliveries);
	free(parcel);
}

static struct parcel *
new_parcel(const struct post *post, const struct post_channel *channel,
    const struct fold *fold, int64_t now_us)
{
	AUTO(buf_done) struct buf id = { 0 };
	struct parcel *parcel = calloc(1, sizeof *parcel);

	if (parcel == NULL)
		return NULL;
	fold_id(fold, &id);
	parcel->channel = channel->settings->name;
	parcel->deliveries = calloc(fold->n, sizeof *parcel->deliveries);
	for (size_t i = 0; parcel->deliveries != NULL && i < fold->n; i++)
		if (!fold->rows[i].stale)
			parcel->deliveries[parcel->n++] = fold->rows[i].id;
	if (!id.failed && parcel->n > 0)
		parcel->message = new_message(post, fold, buf_str(&id), now_us);
	if (parcel->deliveries == NULL || id.failed ||
	    (parcel->n > 0 && parcel->message == NULL)) {
		parcel_free(parcel);
		return NULL;
	}
	return parcel;
}

/* Nobody waits for a reminder of what is over. */
static int
call_off_stale(struct post *post, const struct fold *fold, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < fold->n; i++)
		if (fold->rows[i].stale)
			r = delivery_call_off(post->store,
			    (struct delivery_set){ &fold->rows[i].id, 1 }, err);
	return r;
}

/* Before it goes out it is known under which id. */
static int
commit_begin(struct post *post, const struct fold *fold, const struct parcel *parcel,
    struct err *err)
{
	struct delivery_set set = { parcel->deliveries, parcel->n };
	int r = store_begin(post->store, err);

	if (r < 0)
		return r;
	r = call_off_stale(post, fold, err);
	if (r == 0 && parcel->n > 0)
		r = delivery_begin(post->store, set, str_of(parcel->message->id), err);
	return post_end_batch(post, r, err);
}

static int
make_parcel(struct post *post, struct post_channel *channel, struct fold *fold,
    int64_t now_us, struct parcel **out, struct err *err)
{
	int r = fold_load(fold, post->store, err);

	if (r < 0)
		return r;
	struct parcel *parcel = new_parcel(post, channel, fold, now_us);

	if (parcel == NULL)
		return err_set(err, -ENOMEM, "write message: out of memory");
	r = commit_begin(post, fold, parcel, err);
	if (r < 0 || parcel->n == 0) {
		parcel_free(parcel);
		return r;
	}
	channel->busy = true;
	channel->was = fold->kind;
	*out = parcel;
	return 1;
}

int
post_take(struct post *post, const char *channel, int64_t now_us, struct parcel **out,
    struct err *err)
{
	struct post_channel *one = post_channel(post, str_of(channel));
	struct picking p = { .now_us = now_us };

	post_notice_time(post, now_us);
	if (one == NULL || one->busy)
		return 0;
	int r = post_save_unsaved(post, err);

	if (r < 0 || (r = may_send(post, one, now_us, err)) <= 0)
		return r;
	r = delivery_each_waiting(post->store, str_of(channel), pick, &p, err);
	if (r == -ENOMEM)
		(void)err_set(err, r, "read outbox: out of memory");
	if (r >= 0)
		r = p.fold.n > 0 ? make_parcel(post, one, &p.fold, now_us, out, err) : 0;
	fold_done(&p.fold);
	return r;
}

int
post_return(struct post *post, struct parcel *parcel, struct err *err)
{
	struct post_channel *channel = post_channel(post, str_of(parcel->channel));
	struct delivery_set set = { parcel->deliveries, parcel->n };
	int r = store_begin(post->store, err);

	channel->busy = false;
	if (r == 0) {
		r = delivery_return(post->store, set, channel->was, err);
		r = post_end_batch(post, r, err);
	}
	parcel_free(parcel);
	return r;
}
