/*
 * queue_id - which queue entry of this host a bounce message is about
 *
 * Purpose    Collects what may be the message's id in our queue, from the surest to the
 *            most doubtful, and keeps the best two that differ.
 * Limits     QUEUE_ID_BYTES of an id; a longer one is none.
 */
#ifndef INGEST_QUEUE_ID_H
#define INGEST_QUEUE_ID_H

#include "ingest/dsn.h"

enum { QUEUE_ID_BYTES = 100 };

struct queue_ids {
	struct queue_id {
		int rank; /* the lower the surer; 0: none */
		size_t n;
		char text[QUEUE_ID_BYTES];
	} best, next;
};

/* reporting: the host that wrote the report (Reporting-MTA), postfix_id its
 * X-Postfix-Queue-ID; either may be empty. */
void queue_ids_find(struct queue_ids *ids, const struct dsn_parts *parts,
    const struct report_host *host, struct str reporting, struct str postfix_id);

/* Is it one of this host's names? A name without a domain stands for all of its domains. */
bool is_this_host(struct str name, const struct report_host *host);

/* `by` and `id` of a Received field's value (RFC 5321, 4.4); empty where it has none. */
struct received {
	struct str by, id;
};
struct received received_of(struct str value);

#endif
