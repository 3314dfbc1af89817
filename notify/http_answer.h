/*
 * http_answer - what a web server's answer means for a message
 *
 * Purpose    The status decides (RFC 9110, 15): taken, later, never, or a person must mend
 *            it. Retry-After counts with 429 and 503; Telegram, Discord and Matrix tell the
 *            wait in their JSON, too.
 * Ownership  The reply is the caller's; hidden texts are taken out of it before it is quoted.
 */
#ifndef NOTIFY_HTTP_ANSWER_H
#define NOTIFY_HTTP_ANSWER_H

#include "notify/channel.h"
#include "notify/http.h"

/* The server might repeat what it was sent: the address, where path and query may be secrets,
 * and others, `hidden`. */
enum send_result http_answer(struct http_reply *reply, struct str url,
    const struct str *hidden, size_t nhidden, struct receipt *receipt, struct err *err);

/* http_post() failed with `code`: later, or a person must mend the settings. */
enum send_result http_failure(int code, const struct http_reply *reply,
    struct receipt *receipt);

#endif
