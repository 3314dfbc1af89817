/*
 * context - what earlier lines tell about later ones
 *
 * Purpose    An attempt that reached no host (DNS failure, no connection) names no
 *            provider, an expiry names neither relay nor often recipient: the domain's
 *            and the message's earlier attempts do. Sender, login, origin and the like of a
 *            message: rules/message_context.h.
 * Ownership  Provider ids are copied; those set in events live as long as the context.
 * Memory     What it learns is the store's to keep: context_flush() hands over the slots
 *            that changed, context_restore() takes them back after a restart.
 * Limits     Fixed tables of CONTEXT_DOMAINS and CONTEXT_MESSAGES entries, least
 *            recently used go first and are counted; keys are 64-bit hashes, so
 *            strangers' names take no memory.
 */
#ifndef RULES_CONTEXT_H
#define RULES_CONTEXT_H

#include "rules/message_context.h"

enum {
	CONTEXT_DOMAINS = 16384,
	CONTEXT_MESSAGES = 32768,
	CONTEXT_HOSTS = 64,
	CONTEXT_FAILED_S =
	    2, /* an OpenSMTPD delivery that follows a failed connection so soon
				 was meant for that host */
};

struct context;

struct context *context_new(void);
void context_free(struct context *context);

/* Does the context learn anything from an event of this kind and direction? */
static inline bool
context_wants(const struct event *ev)
{
	int64_t kind = event_num(ev, EVF_kind);

	return message_context_wants(ev) ||
	       ((kind == KIND_CONNECTION || kind == KIND_WARNING) &&
		   event_num(ev, EVF_direction) == DIRECTION_OUTBOUND);
}

/* A place in the tables and what stands there; number and key mean nothing outside. */
struct context_slot {
	int64_t number;
	uint64_t key;
	int64_t at;          /* when it was used, or an event time; orders slots, no more */
	struct str provider; /* id, empty: known to belong to none; or what else is kept */
};

/* The slot of a recipient's domain, below number CONTEXT_DOMAINS, has this key; its provider
 * is that of the host which took or refused mail for the domain last. */
uint64_t context_domain_key(struct str domain);

/* Calls fn for each slot that changed since the last flush; a negative errno ends it. */
int context_flush(struct context *context,
    int (*fn)(void *ctx, const struct context_slot *slot), void *ctx);
void context_restore(struct context *context, const struct context_slot *slot);

/* A message as the store kept it, oldest first: message_context_restore(). */
void context_restore_message(struct context *context, const struct event *row);

/* Learns from the event, and sets what it did not tell and is known: `provider`, and what
 * rules/message_context.h says. Views set live until the next call. */
void context_apply(struct context *context, struct event *ev);
const struct message_context *context_messages(const struct context *context);
uint64_t context_evicted(const struct context *context);
uint64_t context_messages_evicted(const struct context *context);

#endif
