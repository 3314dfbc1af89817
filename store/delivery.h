/*
 * delivery - what each channel is to tell of each notice
 *
 * Purpose    Between a notice in the outbox and the channels: a row for each channel that is
 *            to tell it (rank 0) and for each fallback (rank from 1 on, in order), what came
 *            of its tries, and when the next is due. A row whose due is not set waits for
 *            nothing: a fallback that nobody wants yet, or one that another covered. A row
 *            is wanted if it was not sent and its due is set. A notice is done when none of
 *            its rows is wanted and one was sent.
 * Ownership  Text handed out lives until the callback returns.
 * Errors     As in store.h. Writes stand within a batch of the caller's; callbacks do not
 *            write, the caller does so after the walk.
 */
#ifndef STORE_DELIVERY_H
#define STORE_DELIVERY_H

#include "store/store.h"

typedef int delivery_text_fn(void *ctx, struct str text);

/* What is known of the last try; stands in the store. */
enum delivery_try {
	TRY_NONE,      /* none, or it failed for sure: may be told together with others */
	TRY_UNCERTAIN, /* its end is not known: the same notices, the same id again */
	TRY_REFUSED,   /* refused for good: it goes by itself, so that others are not */
};

struct delivery_row {
	int64_t id;
	int64_t notice; /* outbox.seq */
	struct str channel;
	int64_t rank;
	bool wanted;
	int64_t due_us; /* if it is wanted */
	int64_t tries;
	struct str last_error; /* of a row that was sent: a warning */
	struct str message;    /* left side of the Message-ID of the last try */
	enum delivery_try trying;
	int64_t sent_us; /* 0: not sent */
	struct str queue_id;
	enum event_outcome fate; /* what the mail log told, unknown: nothing */
	int64_t fate_us;

	/* Of its notice. */
	struct str notice_id, incident;
	enum notice what;
	int64_t created_us;
};

/* Rows of one message. */
struct delivery_set {
	const int64_t *ids;
	size_t n;
};

/* --- planning --- */

/* Notices that are due and have no rows yet. */
typedef int delivery_notice_fn(void *ctx, int64_t seq, const struct outbox_row *row);
int delivery_each_unplanned(struct store *store, int64_t now_us, delivery_notice_fn *fn,
    void *ctx, struct err *err);
/* When the next such is due; INT64_MAX: none waits. */
int delivery_next_unplanned(struct store *store, int64_t now_us, int64_t *due_us_out,
    struct err *err);
/* Notices of the future, since the clock was set back, become notices of now; they are due
 * as long after now as they were after their time. 1: there were some; 0: none. */
int delivery_step_back(struct store *store, int64_t now_us, struct err *err);

/* due_us INT64_MAX: not wanted yet. A channel that has a row for the notice keeps it. */
int delivery_add(struct store *store, int64_t notice, struct str channel, int64_t rank,
    int64_t due_us, struct err *err);
/* The notice waits until then; it has no rows yet. */
int delivery_put_off(struct store *store, int64_t notice, int64_t due_us, struct err *err);
/* Nobody is to be told: the reason is kept. */
int delivery_nobody(struct store *store, int64_t notice, struct str reason, int64_t now_us,
    struct err *err);
/* The notice goes, with its rows. */
int delivery_drop(struct store *store, int64_t notice, struct err *err);

/* Channels that were told, or are being told, that the incident is open, before that notice
 * and after its last resolution that was told. */
int delivery_each_told(struct store *store, struct str incident, int64_t before,
    delivery_text_fn *fn, void *ctx, struct err *err);
/* When the channel told of the incident last; 0: never. */
int delivery_last_told(struct store *store, struct str incident, struct str channel,
    int64_t *at_us_out, struct err *err);
/* 1: a reminder of it is to come; 0: none is. */
int delivery_has_reminder(struct store *store, struct str incident, struct err *err);

/* Channels with rows that were not sent. */
int delivery_each_channel(struct store *store, delivery_text_fn *fn, void *ctx,
    struct err *err);
/* The channel is gone: its rows that were not sent go. Notices that are left without any
 * wanted or sent row lose the others, too: they are to be planned anew. */
int delivery_forget_channel(struct store *store, struct str channel, struct err *err);

/* --- trying --- */

typedef int delivery_fn(void *ctx, const struct delivery_row *row);
/* The wanted rows of a channel, the first due first, of the same time those that were tried
 * less. due_us: that of the notice where it was silenced after it was planned. */
int delivery_each_waiting(struct store *store, struct str channel, delivery_fn *fn,
    void *ctx, struct err *err);
/* As above, when the first is due; INT64_MAX: none waits. tried: only those tried before. */
enum delivery_which { DELIVERIES_ALL, DELIVERIES_TRIED };
int delivery_next_due(struct store *store, struct str channel, enum delivery_which which,
    int64_t *due_us_out, struct err *err);
/* When the nth newest message of the channel between the two was sent; 0: fewer were. */
int delivery_nth_sent(struct store *store, struct str channel, int64_t n, int64_t since_us,
    int64_t until_us, int64_t *at_us_out, struct err *err);

/* They are handed out under that id. */
int delivery_begin(struct store *store, struct delivery_set set, struct str message,
    struct err *err);
/* The incidents of a set, each once. */
int delivery_each_incident(struct store *store, struct delivery_set set,
    delivery_text_fn *fn, void *ctx, struct err *err);
/* They were not sent after all. */
int delivery_return(struct store *store, struct delivery_set set, enum delivery_try trying,
    struct err *err);
/* Taken: rows of lower ranks that failed are covered, fallbacks that are no longer needed
 * are called off. */
int delivery_sent(struct store *store, struct delivery_set set, struct str queue_id,
    struct str warning, int64_t now_us, struct err *err);
int delivery_failed(struct store *store, struct delivery_set set, enum delivery_try trying,
    struct str reason, int64_t due_us, struct err *err);
/* Rows of that kind that were tried before and are due later are due at that time. */
int delivery_hasten(struct store *store, struct str channel, enum delivery_try trying,
    int64_t due_us, struct err *err);
/* The clock was set back: no row that was tried is due later than latest_us, and none that
 * was not a day (and an hour) later than now. */
int delivery_bound(struct store *store, struct str channel, int64_t now_us,
    int64_t latest_us, struct err *err);
/* Refused rows are not due before that time. */
int delivery_put_off_refused(struct store *store, struct str channel, int64_t due_us,
    struct err *err);
/* They are not to be told any more. A notice that nobody told, or is to tell, goes. */
int delivery_call_off(struct store *store, struct delivery_set set, struct err *err);

/* --- fallbacks --- */

/* The next fallback of each notice that waits for the channel, and has no fallback at work,
 * is due at now_us; notices that the channel itself is not to tell yet wait on. How many. */
int delivery_call_fallbacks(struct store *store, struct str channel, int64_t now_us,
    struct err *err);
/* The same for some rows. */
int delivery_call_fallbacks_of(struct store *store, struct delivery_set set, int64_t now_us,
    struct err *err);
/* When the channel is first to tell a notice that such a fallback waits for; INT64_MAX. */
int delivery_next_fallback(struct store *store, struct str channel, int64_t *due_us_out,
    struct err *err);

/* Notices that are done are marked as sent. */
int delivery_finish(struct store *store, struct err *err);

/* --- for show --- */

/* Those of a notice by its id, by rank. */
int delivery_each_of_notice(struct store *store, struct str notice_id, delivery_fn *fn,
    void *ctx, struct err *err);

#endif
