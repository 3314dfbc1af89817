/*
 * outbox - takes notices out of the store and hands them to a channel
 *
 * Purpose    One pass: every row that is due is rendered and sent; taken rows are
 *            marked sent, others get a later due time (exponential back-off with
 *            jitter, OUTBOX_FIRST_WAIT_S to OUTBOX_LAST_WAIT_S) and the reason.
 * Ownership  Store and settings are the caller's.
 * Errors     Store trouble is returned; a channel's trouble is a count and a line in
 *            the report callback, never an error.
 */
#ifndef NOTIFY_OUTBOX_H
#define NOTIFY_OUTBOX_H

#include "notify/relay.h"
#include "store/store.h"

enum { OUTBOX_FIRST_WAIT_S = 15, OUTBOX_LAST_WAIT_S = 3600 };

struct outbox_settings {
	const struct relay_settings *relay;
	struct str from;
	const struct str *to;
	size_t nto;
	struct str host, version;
};

struct outbox_report {
	size_t sent, failed;
	/* One line per try, for the program's own log: key=value. */
	void (*log)(void *ctx, struct str line);
	void *ctx;
};

int outbox_run(struct store *store, const struct outbox_settings *settings, int64_t now_us,
    struct outbox_report *report, struct err *err);

/* Microseconds to wait after `tries` failures; random is any number, for the jitter. */
int64_t outbox_wait_us(int64_t tries, uint64_t random);

#endif
