/*
 * post - what goes out next, and what came of it
 *
 * Purpose    Between the outbox in the store and the channels: routes each notice that is
 *            due (routes, quiet hours), puts what waits for a channel into one message,
 *            keeps the channel's rate cap by folding, passes over a channel that fails or
 *            shares the trouble that it is to tell of (design, invariant 7), writes
 *            reminders, and notes each result. It sends nothing itself.
 * Promise    At least once (design, invariant 2). Before a message is handed out its id and
 *            its notices are committed; post_done() commits the result. A crash between the
 *            two, or a result that is not certain, sends the same notices again under the
 *            same id.
 * Ownership  Store and settings are the caller's and outlive it.
 * Errors     Store trouble is returned as a negative errno with a reason; a channel's
 *            trouble is a result, never an error.
 * Time       now_us is the wall clock, which may step either way: a wait is never longer
 *            than the back-off from now on.
 */
#ifndef NOTIFY_POST_H
#define NOTIFY_POST_H

#include "notify/channel.h"
#include "notify/route.h"
#include "store/store.h"

enum {
	POST_FIRST_WAIT_S = 15,
	POST_LAST_WAIT_S = 3600,
	POST_MESSAGE_NOTICES = 500, /* in one message; what is left goes into the next */
};

struct post;

struct post_context {
	struct str host, version;
	/* One line per result, for the program's own log: key=value. May be NULL. */
	void (*log)(void *ctx, struct str line);
	void *ctx;
	/* Whose hosts and domains are whose, from the catalogue; may be all NULL: then only
	 * what was learnt from the logs is known. */
	struct route_names names;
};

int post_open(struct store *store, const struct notify_settings *settings,
    const struct post_context *context, struct post **out, struct err *err);
void post_close(struct post *post); /* NULL is fine */

/* Routes the notices that are due by now_us; how many. */
int post_plan(struct post *post, int64_t now_us, struct err *err);

/* A message on its way; only one at a time for a channel. */
struct parcel {
	struct message *message;
	int64_t *deliveries; /* ids in the store */
	size_t n;
	const char *channel;
};

/* 1: *out is what the channel is to send now; 0: nothing is due for it. */
int post_take(struct post *post, const char *channel, int64_t now_us, struct parcel **out,
    struct err *err);
/* What came of it; the parcel is freed also when the store fails. reason: why not, or "". */
int post_done(struct post *post, struct parcel *parcel, enum send_result result,
    const struct receipt *receipt, const struct err *reason, int64_t now_us,
    struct err *err);
/* A heartbeat, which is none of the post's messages, ended so: `status` tells of it, too. */
int post_note_beat(struct post *post, const char *channel, enum send_result result,
    const struct err *reason, int64_t now_us, struct err *err);
/* Given up before it was sent (the program ends): as if it had not been taken. */
int post_return(struct post *post, struct parcel *parcel, struct err *err);

/* When to look again: the next notice to plan (channel NULL), or the next delivery of a
 * channel. INT64_MAX: not before something new comes. */
int post_next_due(struct post *post, const char *channel, int64_t now_us,
    int64_t *due_us_out, struct err *err);

/* Microseconds to wait after `tries` failures; random is any number, for the jitter. */
int64_t post_wait_us(int64_t tries, uint64_t random);

#endif
