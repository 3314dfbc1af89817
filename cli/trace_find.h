/*
 * trace_find - the messages that a pattern means, and their JSON
 *
 * Purpose    A queue id, a message id, an address or a part of addresses: where it occurs,
 *            and the whole way of each message there (cli/trace.h). What `trace` and the web
 *            show.
 * Ownership  The caller frees with trace_found_done().
 * Limits     TRACE_MOST_FOUND places are looked at, TRACE_MOST_SHOWN messages loaded, the
 *            newest; `more` says that there are others.
 * Errors     Those of the store, with the reason in *err.
 */
#ifndef CLI_TRACE_FIND_H
#define CLI_TRACE_FIND_H

#include "cli/trace.h"

enum { TRACE_MOST_FOUND = 2000, TRACE_MOST_SHOWN = 20 };

struct trace_found {
	struct trace *messages[TRACE_MOST_SHOWN]; /* the newest first */
	size_t n;
	bool more;
};

/* n is 0 if there is none. */
int trace_find(struct store *store, struct str pattern, int64_t since_us, int64_t now_us,
    struct trace_found *out, struct err *err);
void trace_found_done(struct trace_found *found);

/* Its Message-ID, as any hop tells it; p NULL: none does. */
struct str trace_message_id(const struct trace *trace);
/* The object of `trace --json`. */
void trace_json(const struct trace *trace, struct buf *out);

#endif
