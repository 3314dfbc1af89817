/*
 * bounce_join - a bounce message and the delivery attempt that it is about
 *
 * Purpose    The log's line and the bounce message tell of one attempt. Outbound attempts
 *            are remembered by host, queue id and recipient; a bounce (an event of kind dsn
 *            with a report_id, dsn_action failed or delayed) becomes:
 *              known: attempt    the attempt failed as the log says. Kind attempt, repeated
 *                                0: nothing is counted twice. Host, provider and relay as
 *                                logged, category and code of whoever knows better.
 *              known: delivered  the next host took it and bounced it later: an attempt of
 *                                its own that failed there. Kind attempt, but once for
 *                                failed and once for delayed: who got the message knows its
 *                                queue id, and may send any number of bounces about it.
 *              known: message    the message is known, no such attempt. Stays a dsn.
 *              known: none       nothing is known: backscatter, or long ago. Stays a dsn.
 *            Notices of other actions stay dsn events and get only `known`.
 *            Host names are the same without regard to case, or if one of them is the first
 *            label of the other: logs often say `mx1`, reports `mx1.example.org`.
 *            Reports that were told before are recognised by their report_id.
 * Ownership  Texts are copied; those set in events live until the next call.
 * Memory     After a restart: the newest attempts of the store, oldest first, by
 *            bounce_join_learn(). What the tables do not know is asked of `look_up`.
 * Limits     BOUNCE_ATTEMPTS of 64 bytes, BOUNCE_REPORTS of 8: about 4 MiB. Of a set of
 *            BOUNCE_WAYS the oldest goes, counted; keys are 64-bit hashes, so strangers'
 *            names take no memory. Names (hosts, providers, categories, codes): BOUNCE_NAMES
 *            of them, further ones are not known.
 */
#ifndef RULES_BOUNCE_JOIN_H
#define RULES_BOUNCE_JOIN_H

#include "core/event.h"

enum {
	BOUNCE_ATTEMPTS = 65536,
	BOUNCE_REPORTS = 16384,
	BOUNCE_WAYS = 4,
	BOUNCE_NAMES = 1024,
	BOUNCE_HOSTS = 64, /* of the names: hosts that are looked at for a bounce */
};

struct bounce_join;
struct message_context;

typedef void bounce_row_fn(void *ctx, const struct event *row);

/* What a store knows; each may be NULL. A failure is the store's owner's to tell. */
struct bounce_memory {
	/* Calls fn with the messages (kind accepted) and attempts of a queue id, on any
	 * host, that were told lately before at_us. */
	void (*look_up)(void *ctx, struct str queue_id, int64_t at_us, bounce_row_fn *fn,
	    void *fn_ctx);
	/* Has this report been told before? */
	bool (*has_report)(void *ctx, struct str report_id);
	void *ctx;
};

struct bounce_join *bounce_join_new(void); /* NULL without memory */
void bounce_join_free(struct bounce_join *join);
void bounce_join_set_memory(struct bounce_join *join, const struct bounce_memory *memory);

/* Is it of a report, and not of a log? */
static inline bool
bounce_is_report(const struct event *ev)
{
	return event_has(ev, EVF_report_id);
}

/* Does it tell more of an attempt that is counted already? */
static inline bool
bounce_is_more(const struct event *ev)
{
	return event_has(ev, EVF_known) && event_has(ev, EVF_report_id) &&
	       str_eq(ev->v[EVF_known].text, STR("attempt"));
}

/* Of a report: was it told before? If not, it is from now on. */
bool bounce_join_is_repeat(struct bounce_join *join, const struct event *ev);

/* An outbound attempt, as it is at last, or one that a bounce left in the store (mta
 * mailwarden); other events tell nothing. */
void bounce_join_learn(struct bounce_join *join, const struct event *ev);

enum bounce_news {
	BOUNCE_AS_IT_IS, /* judge it as any event */
	BOUNCE_NO_NEWS,  /* it says no more than the log did, or judges nothing */
	BOUNCE_MORE,     /* it knows better why that attempt failed */
	BOUNCE_MORE_LATE /* the same, but mail was delivered to that provider since */
};

/* Completes a bounce; other events stay as they are. */
enum bounce_news bounce_join_apply(struct bounce_join *join,
    const struct message_context *messages, struct event *ev);

uint64_t bounce_join_evicted(const struct bounce_join *join);
uint64_t bounce_join_repeats(const struct bounce_join *join);

#endif
