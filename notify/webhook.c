/*
 * webhook - a message as one or more HTTP requests in a service's shape
 *
 * Each request bears the message's id as Idempotency-Key, the same in each try. A message
 * of several requests (PagerDuty) is taken when all of them were; what was accepted is kept
 * until then, so that a long message gets on with each try, however short the time limit.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "notify/channel.h"
#include "notify/http_answer.h"
#include "notify/now.h"
#include "notify/secret.h"
#include "notify/shapes.h"
#include "notify/signature.h"

enum { OWN_HEADERS = 4 };

/* What the channel keeps between sends: keys of requests of one message. */
struct progress {
	char *message;
	struct texts accepted;
};

/* One send; released by send_done(). */
struct send {
	const struct channel_settings *settings;
	const struct message *message;
	struct progress *progress;
	struct secret url, token, signing;
	struct receipt *receipt;
	int64_t end_us; /* on the monotonic clock */
};

static void
send_done(struct send *s)
{
	secret_done(&s->url);
	secret_done(&s->token);
	secret_done(&s->signing);
}

/* --- progress --- */

static void
forget_progress(struct progress *p)
{
	for (size_t i = 0; i < p->accepted.n; i++)
		free(p->accepted.items[i]);
	free(p->accepted.items);
	free(p->message);
	*p = (struct progress){ 0 };
}

static bool
is_accepted(const struct progress *p, const char *key)
{
	for (size_t i = 0; i < p->accepted.n; i++)
		if (strcmp(p->accepted.items[i], key) == 0)
			return true;
	return false;
}

/* Without memory it is not noted, and told once more: no harm. */
static void
note_accepted(struct progress *p, const char *message, const char *key)
{
	char *copy = strdup(key);
	char **items =
	    realloc(p->accepted.items, (p->accepted.n + 1) * sizeof *p->accepted.items);

	if (p->message == NULL)
		p->message = strdup(message);
	if (items != NULL)
		p->accepted.items = items;
	if (items == NULL || copy == NULL) {
		free(copy);
		return;
	}
	p->accepted.items[p->accepted.n++] = copy;
}

static int
open_webhook(struct channel *channel, struct err *err)
{
	channel->kept = calloc(1, sizeof(struct progress));
	if (channel->kept == NULL)
		return err_set(err, -ENOMEM, "open channel %s: out of memory",
		    channel->settings->name);
	return 0;
}

static void
close_webhook(struct channel *channel)
{
	forget_progress(channel->kept);
	free(channel->kept);
}

/* --- headers --- */

static bool
is_set_by_user(const struct texts *headers, struct str own)
{
	struct str name = str_cut(&own, ':');

	for (size_t i = 0; i < headers->n; i++) {
		struct str rest = str_of(headers->items[i]);

		if (str_eq_nocase(str_cut(&rest, ':'), name))
			return true;
	}
	return false;
}

/* Ours, where the settings have none of that name, and theirs; the array is malloc'd. */
static const char **
list_headers(const struct texts *theirs, const char *const *ours, size_t nours,
    size_t *n_out)
{
	const char **list = calloc(theirs->n + nours, sizeof *list);
	size_t n = 0;

	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < nours; i++)
		if (ours[i][0] != '\0' && !is_set_by_user(theirs, str_of(ours[i])))
			list[n++] = ours[i];
	for (size_t i = 0; i < theirs->n; i++)
		list[n++] = theirs->items[i];
	*n_out = n;
	return list;
}

/* --- one request --- */

/* The values of the user's own headers may be secrets, too. */
static void
hide_headers(struct buf *body, const struct texts *headers)
{
	for (size_t i = 0; i < headers->n; i++) {
		struct str value = str_of(headers->items[i]);

		(void)str_cut(&value, ':');
		value = str_trim(value);
		secret_hide(body, value);
		(void)str_cut(&value, ' '); /* "Bearer" */
		secret_hide(body, value);
	}
}

static enum send_result
judge(struct send *s, struct shape_request *request, struct http_reply *reply,
    struct err *err)
{
	const struct str hidden[] = {
		secret_str(&s->token),
		secret_str(&s->signing),
	};

	hide_headers(&reply->body, &s->settings->webhook.headers);
	enum send_result result = http_answer(reply, buf_str(&request->url), hidden,
	    sizeof hidden / sizeof *hidden, s->receipt, err);

	/* Telegram answers so to a token that it does not know. */
	if (s->settings->webhook.shape == SHAPE_TELEGRAM && reply->status == 404)
		return SEND_LOGIN;
	return result;
}

/* What is left of the time limit; 0 would mean the default. */
static int64_t
time_left_us(const struct send *s)
{
	int64_t left_us = s->end_us - now_monotonic_us();

	return left_us > 0 ? left_us : 1;
}

static enum send_result
post(struct send *s, struct shape_request *request, const char *signature, struct err *err)
{
	const struct webhook_settings *hook = &s->settings->webhook;
	AUTO(http_reply_done) struct http_reply reply = { 0 };
	AUTO(buf_done) struct buf key = { 0 };
	AUTO(buf_done) struct buf agent = { 0 };
	size_t n = 0;

	buf_addf(&key, "Idempotency-Key: %s", buf_cstr(&request->key));
	buf_addf(&agent, "mailwarden/%s", s->message->version);
	const char *const ours[OWN_HEADERS] = { "Content-Type: application/json",
		buf_cstr(&key), buf_cstr(&request->login), signature };
	AUTO(auto_free) const char **headers =
		list_headers(&hook->headers, ours, OWN_HEADERS, &n);

	if (headers == NULL || key.failed || agent.failed) {
		(void)err_set(err, -ENOMEM, "post to a web address: out of memory");
		return SEND_RETRY;
	}
	int r = http_post(
	    &(struct http_request){
		.method = request->method,
		.url = buf_cstr(&request->url),
		.headers = headers,
		.nheaders = n,
		.body = buf_str(&request->body),
		.ca_file = hook->ca_file,
		.user_agent = buf_cstr(&agent),
		.timeout_us = time_left_us(s),
	    },
	    &reply, err);

	return r < 0 ? http_failure(r, &reply, s->receipt) : judge(s, request, &reply, err);
}

static enum send_result
sign_and_post(struct send *s, struct shape_request *request, struct err *err)
{
	AUTO(buf_done) struct buf signature = { 0 };
	int r = 0;

	if (secret_is_set(&s->settings->webhook.signing))
		r = signature_add(&signature, secret_str(&s->signing),
		    now_wall_us() / US_PER_S, buf_str(&request->body));
	if (r < 0) {
		(void)err_set(err, r, "sign the message: %s", strerror(-r));
		return SEND_RETRY;
	}
	return post(s, request, buf_cstr(&signature), err);
}

static enum send_result
send_part(struct send *s, size_t i, struct err *err)
{
	AUTO(shape_request_done) struct shape_request request = { 0 };
	const struct webhook_settings *hook = &s->settings->webhook;
	const struct shape_context context = {
		.message = s->message,
		.url = secret_is_set(&hook->url_from) ? secret_str(&s->url)
						      : str_of(hook->url),
		.token = secret_str(&s->token),
		.room = str_of(hook->room),
	};

	if (shape_build(hook->shape, &context, i, &request, err) < 0)
		return SEND_LOGIN;
	const char *key = buf_cstr(&request.key);

	if (is_accepted(s->progress, key))
		return SEND_ACCEPTED;
	enum send_result result = sign_and_post(s, &request, err);

	if (result == SEND_ACCEPTED)
		note_accepted(s->progress, s->message->id, key);
	return result;
}

/* --- the message --- */

static int
read_secrets(struct send *s, struct err *err)
{
	const struct webhook_settings *hook = &s->settings->webhook;
	const struct {
		const struct secret_source *source;
		const char *what;
		struct secret *to;
	} wanted[] = {
		{ &hook->url_from, "web address", &s->url },
		{ &hook->token, "token", &s->token },
		{ &hook->signing, "signing key", &s->signing },
	};

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		int r =
		    secret_is_set(wanted[i].source)
			? secret_read(wanted[i].source, wanted[i].what, wanted[i].to, err)
			: 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* "(120 of 500 parts were taken)" behind the reason. */
static void
tell_part(struct err *err, size_t taken, size_t n)
{
	struct err reason = *err;

	if (n > 1)
		(void)err_set(err, 0, "%.400s (%zu of %zu parts of the message were taken)",
		    reason.text, taken, n);
}

/* Goes on after a part that is refused for good: the others are to be heard. */
static enum send_result
send_parts(struct send *s, struct err *err)
{
	size_t n = shape_count(s->settings->webhook.shape, s->message), taken = 0;
	enum send_result worst = SEND_ACCEPTED;
	struct err refusal = { "" };

	for (size_t i = 0; i < n; i++) {
		struct err reason = { "" };
		enum send_result result = SEND_RETRY;

		if (now_monotonic_us() < s->end_us)
			result = send_part(s, i, &reason);
		else
			(void)err_set(&reason, 0, "the time limit is over");
		if (result == SEND_ACCEPTED) {
			taken++;
			continue;
		}
		if (worst == SEND_ACCEPTED || result != SEND_REFUSED)
			refusal = reason;
		worst = result;
		if (result != SEND_REFUSED)
			break;
	}
	if (worst != SEND_ACCEPTED) {
		*err = refusal;
		tell_part(err, taken, n);
	}
	return worst;
}

static enum send_result
send_webhook(struct channel *channel, const struct message *message,
    struct receipt *receipt, struct err *err)
{
	int64_t limit_us = channel->settings->webhook.timeout_us;
	AUTO(send_done) struct send s = {
		.settings = channel->settings,
		.message = message,
		.progress = channel->kept,
		.receipt = receipt,
	};

	if (limit_us <= 0)
		limit_us = (int64_t)HTTP_TIMEOUT_S * US_PER_S;
	s.end_us = now_monotonic_us() + limit_us;
	if (s.progress->message != NULL && strcmp(s.progress->message, message->id) != 0)
		forget_progress(s.progress);
	if (read_secrets(&s, err) < 0)
		return SEND_LOGIN;
	enum send_result result = send_parts(&s, err);

	if (result == SEND_ACCEPTED)
		forget_progress(s.progress);
	return result;
}

const struct channel_type channel_webhook = {
	.kind = CHANNEL_WEBHOOK,
	.open = open_webhook,
	.send = send_webhook,
	.close = close_webhook,
};
