/*
 * channel - one way to reach a person
 *
 * Purpose    What every channel offers: take a message, say whether it was accepted for
 *            good, may be tried again, or will never be taken. One file each: relay,
 *            sendmail, webhook, desktop, journal, command, heartbeat.
 * Ownership  Settings are the caller's and outlive the channel. A channel keeps what it
 *            needs between sends (a connection, a child process, a token's expiry) and is
 *            closed by channel_close(). Secrets are read for each send and wiped after it.
 * Errors     The result says which kind; the reason is in *err, for people: what was tried,
 *            on which host, why it failed, what helps. No secret is ever in it.
 * Threads    One at a time for a channel; different channels in different threads.
 * Limits     channel_send() returns within the channel's time limit, whatever the other
 *            side does.
 */
#ifndef NOTIFY_CHANNEL_H
#define NOTIFY_CHANNEL_H

#include "core/err.h"
#include "core/str.h"
#include "notify/message.h"
#include "notify/settings.h"

enum send_result {
	SEND_ACCEPTED,
	SEND_RETRY,   /* no connection, 4xx, 5xx of a web server, TLS: keep and try later */
	SEND_REFUSED, /* the other side will not take this message: keep, try seldom, tell */
	SEND_LOGIN,   /* as RETRY, but only a person can mend it: password, token, rights */
};

enum { RECEIPT_ID_BYTES = 64 };

/* What the other side said besides yes or no; zeroed by the caller. */
struct receipt {
	char queue_id[RECEIPT_ID_BYTES]; /* of the mail, if the server told it */
	int64_t retry_after_us;          /* wanted by the other side; 0: it did not say */
	char warning[400];               /* accepted, but: some recipients were refused */
	bool uncertain;                  /* failed, but the other side may have taken it */
};

/* What a channel may know of its surroundings. Views, which outlive the channel. */
struct channel_context {
	const char *state_dir; /* a folder that is the notifier's own, for tokens */
	const char *store;     /* the store's file, for `mailwarden ack` by an action */
	const char *host;      /* this machine's name in alerts */
};

struct channel;

/* What a channel's file offers; found by its kind. open may be NULL: nothing to keep. */
struct channel_type {
	enum channel_kind kind;
	int (*open)(struct channel *channel, struct err *err);
	enum send_result (*send)(struct channel *channel, const struct message *message,
	    struct receipt *receipt, struct err *err);
	void (*close)(struct channel *channel);
};

/* Seen by the files of this room alone. */
struct channel {
	const struct channel_type *type;
	const struct channel_settings *settings;
	struct channel_context context;
	void *kept; /* the type's own */
};

int channel_open(const struct channel_settings *settings,
    const struct channel_context *context, struct channel **out, struct err *err);
enum send_result channel_send(struct channel *channel, const struct message *message,
    struct receipt *receipt, struct err *err);
void channel_close(struct channel *channel); /* NULL is fine */

extern const struct channel_type channel_relay, channel_sendmail, channel_webhook,
    channel_desktop, channel_journal, channel_command, channel_heartbeat;

#endif
