/*
 * context - what earlier lines tell about later ones
 *
 * Purpose    An attempt that reached no host (DNS failure, no connection) names no
 *            provider, an expiry names neither relay nor often recipient: the domain's
 *            and the message's earlier attempts do.
 * Ownership  Provider ids are copied; those set in events live as long as the context.
 * Limits     Fixed tables of CONTEXT_DOMAINS and CONTEXT_MESSAGES entries, least
 *            recently used go first and are counted; keys are 64-bit hashes, so
 *            strangers' names take no memory.
 */
#ifndef RULES_CONTEXT_H
#define RULES_CONTEXT_H

#include "core/event.h"

enum { CONTEXT_DOMAINS = 16384, CONTEXT_MESSAGES = 32768 };

struct context;

struct context *context_new(void);
void context_free(struct context *context);

/* Learns from the event, and sets `provider` where it was missing and is known. */
void context_apply(struct context *context, struct event *ev);
uint64_t context_evicted(const struct context *context);

#endif
