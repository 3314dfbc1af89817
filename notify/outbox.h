/*
 * outbox - takes notices out of the store and hands them to a channel
 *
 * Purpose    One pass: every row that is due is rendered and sent; taken rows are
 *            marked sent, others get a later due time (exponential back-off with
 *            jitter, OUTBOX_FIRST_WAIT_S to OUTBOX_LAST_WAIT_S) and the reason. A row
 *            that the relay refuses for good waits OUTBOX_LAST_WAIT_S: it stays.
 * Promise    At least once (design, invariant 2). Each row commits by itself, after the
 *            relay's answer: a crash between the two sends the mail again, with the same
 *            Message-ID, which is the row's id. A row whose incident is gone is told
 *            with what the row knows.
 * Ownership  Store and settings are the caller's.
 * Limits     OUTBOX_PASS_ROWS a pass. A SEND_RETRY ends the pass: what stopped one row
 *            most likely stops the next, and now_us has grown old by then. What was due
 *            and not tried is counted in `left` and still due; call again.
 * Errors     Store trouble is returned; a channel's trouble is a count and a line in
 *            the report callback, never an error.
 */
#ifndef NOTIFY_OUTBOX_H
#define NOTIFY_OUTBOX_H

#include "notify/relay.h"
#include "store/store.h"

enum {
	OUTBOX_FIRST_WAIT_S = 15,
	OUTBOX_LAST_WAIT_S = 3600,
	OUTBOX_PASS_ROWS = 100,
};

struct outbox_settings {
	const struct relay_settings *relay;
	struct str from; /* address, or "Name <address>"; its domain is the Message-ID's */
	const struct str *to;
	size_t nto;
	struct str host, version;
};

struct outbox_report {
	size_t sent, failed;
	size_t left; /* due, but not tried in this pass */
	/* One line per try, for the program's own log: key=value. May be NULL. */
	void (*log)(void *ctx, struct str line);
	void *ctx;
};

/* Adds to the report's counts. Text shows times in the process's zone (TZ). */
int outbox_run(struct store *store, const struct outbox_settings *settings, int64_t now_us,
    struct outbox_report *report, struct err *err);

/* Microseconds to wait after `tries` failures; random is any number, for the jitter. */
int64_t outbox_wait_us(int64_t tries, uint64_t random);

#endif
