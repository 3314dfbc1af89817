/*
 * notifier_worker - a thread that serves one channel
 *
 * Purpose    A channel may take a minute to answer; while it does the others and the
 *            program's loop go on. The thread starts with the first message, opens the
 *            channel, sends one message at a time and closes the channel at its end.
 * Ownership  The caller frees it with worker_free(). Settings, context and a message that
 *            was given must live until its result was taken.
 * Threads    All functions are for the loop's thread alone. Signals that are to come to the
 *            loop must be blocked before the first message.
 * Errors     A channel that cannot be opened is a result: to be tried again.
 */
#ifndef CLI_NOTIFIER_WORKER_H
#define CLI_NOTIFIER_WORKER_H

#include "notify/channel.h"

enum { WORKER_STACK_BYTES = 512 * 1024 };

struct worker;

struct worker_result {
	enum send_result result;
	struct receipt receipt;
	struct err reason; /* why it was not accepted, or "" */
};

/* done_fd: an eventfd, written to when a result can be taken; the caller's. NULL without
 * memory. */
struct worker *worker_new(const struct channel_settings *settings,
    const struct channel_context *context, int done_fd);
/* Ends the thread; what it is sending is waited for. NULL is fine. */
void worker_free(struct worker *worker);

/* False: it has a message whose result was not taken yet. */
bool worker_is_idle(const struct worker *worker);
int worker_give(struct worker *worker, const struct message *message, struct err *err);
/* True once for each message that was given, when it has ended. */
bool worker_take(struct worker *worker, struct worker_result *out);

#endif
