#include "notify/post_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/learnt.h"

#define STEP_US ((int64_t)US_PER_S) /* less is not called a step of the clock */

int64_t
post_wait_us(int64_t tries, uint64_t random)
{
	const uint64_t first = (uint64_t)POST_FIRST_WAIT_S * US_PER_S;
	const uint64_t last = (uint64_t)POST_LAST_WAIT_S * US_PER_S;
	uint64_t wait = first;

	for (int64_t i = 1; i < tries && wait < last; i++)
		wait *= 2;
	/* Up to half as much again; at the ceiling the jitter goes down instead. */
	wait += random % (wait / 2 + 1);
	if (wait > last)
		wait = last - random % (last / 4);
	return (int64_t)wait;
}

int
post_open(struct store *store, const struct notify_settings *settings,
    const struct post_context *context, struct post **out, struct err *err)
{
	struct post *post = calloc(1, sizeof *post);

	if (post == NULL)
		return err_set(err, -ENOMEM, "open outbox: out of memory");
	post->store = store;
	post->settings = settings;
	post->context = *context;
	post->nchannels = settings->nchannels;
	post->channels = calloc(post->nchannels + 1, sizeof *post->channels);
	if (post->channels == NULL) {
		free(post);
		return err_set(err, -ENOMEM, "open outbox: out of memory");
	}
	for (size_t i = 0; i < post->nchannels; i++)
		post->channels[i].settings = &settings->channels[i];
	post->last_us = INT64_MIN;
	post->stepped = true; /* who knows what it did while nobody looked? */
	*out = post;
	return 0;
}

void
post_close(struct post *post)
{
	if (post == NULL)
		return;
	for (size_t i = 0; i < post->nchannels; i++)
		outcome_free(post->channels[i].unsaved);
	free(post->channels);
	buf_done(&post->domain);
	free(post);
}

/* --- what the files of post share --- */

void
post_notice_time(struct post *post, int64_t now_us)
{
	if (post->last_us != INT64_MIN && now_us < post->last_us - STEP_US)
		post->stepped = true;
	post->last_us = now_us;
}

struct post_channel *
post_channel(struct post *post, struct str name)
{
	for (size_t i = 0; i < post->nchannels; i++)
		if (str_eq(str_of(post->channels[i].settings->name), name))
			return &post->channels[i];
	return NULL;
}

bool
post_has_channels(const struct post *post)
{
	for (size_t i = 0; i < post->nchannels; i++)
		if (post->channels[i].settings->kind != CHANNEL_HEARTBEAT)
			return true;
	return false;
}

int
post_look_at(struct post *post, struct str channel, struct channel_row *out,
    struct err *err)
{
	int r;

	*out = (struct channel_row){ 0 };
	r = channel_row_find(post->store, channel, out, err);
	return r == -ENOENT ? 0 : r;
}

int64_t
post_fallback_after_us(const struct post *post)
{
	return post->settings->fallback_after_us > 0
		   ? post->settings->fallback_after_us
		   : POST_FALLBACK_AFTER_S * (int64_t)US_PER_S;
}

bool
post_is_passed_over(const struct post *post, const struct channel_row *row, int64_t now_us)
{
	if (row->failing_since_us == 0 || row->fault == CHANNEL_FAULT_REFUSED)
		return false;
	/* Since a time to come: the clock was set back, nobody knows since when. */
	return row->fault == CHANNEL_FAULT_LOGIN || row->failing_since_us > now_us ||
	       now_us - row->failing_since_us >= post_fallback_after_us(post);
}

/* Channels do not try in step with each other. */
int64_t
post_back_off_us(const struct post_channel *channel, int64_t tries, int64_t now_us)
{
	uint64_t random = str_hash(str_of(channel->settings->name)) ^
			  (uint64_t)now_us * UINT64_C(0x9e3779b97f4a7c15);

	return post_wait_us(tries, random >> 16);
}

static struct str
provider_of_domain(void *ctx, struct str domain)
{
	struct post *post = ctx;
	const struct route_names *more = &post->context.names;

	buf_clear(&post->domain);
	/* What cannot be read is not known. */
	(void)learnt_provider(post->store, domain, &post->domain, NULL);
	if (post->domain.n > 0 || more->provider_of_domain == NULL)
		return buf_str(&post->domain);
	return more->provider_of_domain(more->ctx, domain);
}

static struct str
provider_of_host(void *ctx, struct str host)
{
	struct post *post = ctx;
	const struct route_names *more = &post->context.names;

	return more->provider_of_host == NULL ? STR("")
					      : more->provider_of_host(more->ctx, host);
}

struct route_names
post_names(struct post *post)
{
	return (struct route_names){
		.provider_of_host = provider_of_host,
		.provider_of_domain = provider_of_domain,
		.ctx = post,
	};
}

int
post_end_batch(struct post *post, int r, struct err *err)
{
	if (r == 0)
		r = store_commit(post->store, err);
	if (r < 0)
		store_rollback(post->store);
	return r;
}

/* --- when to look again --- */

static int
next_plan(struct post *post, int64_t now_us, int64_t *due_us_out, struct err *err)
{
	int r = 0;

	/* Without a channel notices wait for one. */
	if (post_has_channels(post))
		r = delivery_next_unplanned(post->store, now_us, due_us_out, err);
	if (!post->prepared)
		*due_us_out = now_us;
	for (size_t i = 0; r == 0 && i < post->nchannels; i++) {
		struct str name = str_of(post->channels[i].settings->name);
		struct channel_row row;
		int64_t due_us;

		if ((r = post_look_at(post, name, &row, err)) < 0)
			return r;
		if (row.failing_since_us == 0 || row.fault == CHANNEL_FAULT_REFUSED)
			continue;
		if ((r = delivery_next_fallback(post->store, name, &due_us, err)) < 0)
			return r;
		if (due_us == INT64_MAX)
			continue;
		int64_t after_us =
		    post_is_passed_over(post, &row, now_us)
			? now_us
			: row.failing_since_us + post_fallback_after_us(post);

		if (due_us < after_us)
			due_us = after_us;
		if (due_us < *due_us_out)
			*due_us_out = due_us;
	}
	return r;
}

int
post_capped_until(struct post *post, const struct post_channel *channel, int64_t now_us,
    int64_t *until_us_out, struct err *err)
{
	const struct rate_cap *cap = &channel->settings->at_most;
	int64_t at_us = 0;
	int r = 0;

	if (cap->messages > 0 && cap->per_us > 0)
		r = delivery_nth_sent(post->store, str_of(channel->settings->name),
		    cap->messages, now_us - cap->per_us, now_us, &at_us, err);
	*until_us_out = at_us == 0 ? 0 : at_us + cap->per_us;
	return r;
}

static int
next_delivery(struct post *post, const struct post_channel *channel, int64_t now_us,
    int64_t *due_us_out, struct err *err)
{
	struct str name = str_of(channel->settings->name);
	int64_t until_us;
	int r = delivery_next_due(post->store, name, DELIVERIES_ALL, due_us_out, err);

	if (r < 0 || *due_us_out == INT64_MAX)
		return r;
	if ((r = post_capped_until(post, channel, now_us, &until_us, err)) < 0)
		return r;
	if (*due_us_out < channel->not_before_us)
		*due_us_out = channel->not_before_us;
	if (*due_us_out < until_us)
		*due_us_out = until_us;
	return 0;
}

int
post_next_due(struct post *post, const char *channel, int64_t now_us, int64_t *due_us_out,
    struct err *err)
{
	struct post_channel *one;

	*due_us_out = INT64_MAX;
	post_notice_time(post, now_us);
	if (channel == NULL)
		return next_plan(post, now_us, due_us_out, err);
	one = post_channel(post, str_of(channel));
	if (one == NULL || one->busy)
		return 0;
	if (one->unsaved != NULL) { /* the store may have recovered */
		*due_us_out = now_us + POST_FIRST_WAIT_S * (int64_t)US_PER_S;
		return 0;
	}
	return next_delivery(post, one, now_us, due_us_out, err);
}
