/*
 * http - one request to a web server, by libcurl
 *
 * Purpose    What webhooks, heartbeats and OAuth ask of a server: https:// (certificate and
 *            host name checked always, TLS 1.2 or later) or http://. Nothing from the
 *            environment: no proxy, no .netrc. No redirect is followed, no cookie kept, no
 *            compressed answer asked for.
 * Ownership  The request is the caller's. The caller frees what is in a reply with
 *            http_reply_done(), which also wipes it: an answer may hold a token.
 * Errors     0: the server answered, whatever it said. Else a negative errno, and *err says
 *            what was tried, where, why it failed and what helps. Of an address only
 *            scheme, host and port are ever shown: path, query and user may be secrets.
 *            -EINVAL: the address, a header or the certificates' file is none; the rest may
 *            work later.
 * Limits     HTTP_REPLY_BYTES of the answer are kept. The call ends within timeout_us.
 * Threads    Any, each with its own request and reply. SIGPIPE must be ignored, and main()
 *            calls curl_start() before it starts threads.
 */
#ifndef NOTIFY_HTTP_H
#define NOTIFY_HTTP_H

#include "core/buf.h"
#include "core/err.h"

enum {
	HTTP_REPLY_BYTES = 65536,
	HTTP_QUOTE_BYTES = 300,
	HTTP_PLACE_BYTES = 300,
	HTTP_TIMEOUT_S = 15,
	HTTP_LONGEST_WAIT_S = 3600, /* a longer Retry-After counts as this */
};

struct http_request {
	const char *tried;  /* for error texts; NULL: "post to" */
	const char *method; /* NULL: POST */
	const char *url;
	const char *const *headers; /* "Name: value", also secret ones */
	size_t nheaders;
	struct str body;        /* not of a GET */
	const char *ca_file;    /* NULL: the system's */
	const char *user_agent; /* NULL: "mailwarden" */
	int64_t timeout_us;     /* for the whole exchange; 0: HTTP_TIMEOUT_S */
};

/* Zeroed by the caller. */
struct http_reply {
	char place[HTTP_PLACE_BYTES]; /* "https://host:port", safe to show */
	int status;                   /* 200; 0: no answer */
	struct buf body;
	bool is_cut;            /* there was more, or it broke off */
	bool is_uncertain;      /* no answer, but the server has the whole request */
	int64_t retry_after_us; /* 0: it did not say (RFC 9110, 10.2.3) */
	char moved_to[HTTP_PLACE_BYTES]; /* 3xx: "https://other:port", or empty */
};

int http_post(const struct http_request *request, struct http_reply *reply,
    struct err *err);
void http_reply_done(struct http_reply *reply);

/* The first HTTP_QUOTE_BYTES of the answer on one line, safe to show. */
void http_quote(const struct http_reply *reply, struct buf *out);

/*
 * Retry-After of RFC 9110, 10.2.3: seconds, or a date, which counts from the server's own
 * Date, or from now_s if it sent none. In microseconds, at most HTTP_LONGEST_WAIT_S; 0 for
 * what is neither, or is over.
 */
int64_t http_retry_after_us(const char *value, const char *date, int64_t now_s);

#endif
