/*
 * shapes - what each web service wants to be sent
 *
 * Purpose    Turns a message into HTTP requests: address, one header for the login, JSON.
 *            One request tells the whole message; PagerDuty takes one event a request. Each
 *            request may be repeated: the service, or who reads there, can tell.
 * Ownership  Views go in; a request owns what it holds. shape_request_done() wipes it, as
 *            address, header and body may hold a token.
 * Limits     Text is cut to what the service takes. Log text can't become markup, a link or
 *            a mention there.
 * Errors     -EINVAL with a reason for settings that the service can't do with.
 */
#ifndef NOTIFY_SHAPES_H
#define NOTIFY_SHAPES_H

#include "core/err.h"
#include "notify/message.h"
#include "notify/settings.h"

struct shape_context {
	const struct message *message;
	struct str url;   /* empty: the service's own, if it has one */
	struct str token; /* empty: none */
	struct str room;  /* empty: none */
	int64_t now_us;
};

struct shape_request {
	const char *method; /* static text */
	struct buf url;
	struct buf login; /* "Name: value", or empty */
	struct buf body;
	struct buf key; /* the same in each try, another for each request */
};

/* How many requests tell this message. */
size_t shape_count(enum webhook_shape shape, const struct message *message);
/* The i-th of them into an empty *out. */
int shape_build(enum webhook_shape shape, const struct shape_context *context, size_t i,
    struct shape_request *out, struct err *err);
void shape_request_done(struct shape_request *request);

/* "ntfy", ... */
const char *shape_name(enum webhook_shape shape);

#endif
