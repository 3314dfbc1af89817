/*
 * channel - one way to reach a person
 *
 * Purpose    What every channel offers: take a message, say whether it was
 *            accepted for good, may be tried again, or will never be taken.
 * Errors     The result says which; the reason is in *err, for people: what was
 *            tried, on which host, why it failed, what helps.
 */
#ifndef NOTIFY_CHANNEL_H
#define NOTIFY_CHANNEL_H

#include "core/err.h"
#include "core/str.h"

enum send_result {
	SEND_ACCEPTED,
	SEND_RETRY,   /* no connection, 4xx, TLS or login trouble: keep and try later */
	SEND_REFUSED, /* 5xx to this very message: keep, try seldom, tell */
};

#endif
