/*
 * trace - a message's whole way, from the store
 *
 * Purpose    Puts the messages together that are one: what a filter or proxy took and gave
 *            back, what was forwarded here, and the bounces about it.
 * Ownership  trace_load() fills a struct that the caller frees with trace_done(); its texts
 *            are its own.
 * Limits     TRACE_HOPS queue ids of a message, TRACE_ATTEMPTS attempts of each, then they
 *            are counted. A bounce is looked for TRACE_LIFE_US after its original at most.
 */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "core/clock.h"
#include "store/store.h"

enum {
	TRACE_HOPS = 64,
	TRACE_ATTEMPTS = 500,
};
#define TRACE_LIFE_US (6 * 86400 * (int64_t)US_PER_S)

/* A queue id: one pass through the queue. */
struct trace_hop {
	struct event ev;        /* what is known of the message there; kind accepted */
	int64_t last_us;        /* of its last attempt */
	size_t parent;          /* where it came from; SIZE_MAX: nowhere */
	struct event *attempts; /* and behind them bounce messages about them, kind dsn */
	size_t n, left_out;
};

struct trace {
	struct trace_hop hops[TRACE_HOPS]; /* a parent stands before its children */
	size_t n;
	bool cut;    /* there are more hops */
	char **kept; /* texts */
	size_t nkept;
};

/* The whole way of the message that had that queue id on that host at that time.
 * -ENOENT: there is none. */
int trace_load(struct store *store, struct str host, struct str queue_id, int64_t at_us,
    struct trace **out, struct err *err);
void trace_free(struct trace *trace); /* NULL is fine */

/* Is it one of this trace's? */
bool trace_has(const struct trace *trace, struct str host, struct str queue_id,
    int64_t at_us);

#endif
