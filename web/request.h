/*
 * request - what a client asked for, judged before anything is done for it
 *
 * Purpose    The parts of a request that decide what it gets: target and query, Host
 *            (DNS rebinding), Origin and Sec-Fetch-Site (requests that another site makes a
 *            browser send), the bearer token, the kinds of content. Pure: text in, verdict
 *            out, so that it can be tested and fuzzed without a socket.
 * Ownership  Views point into the caller's text; decoded text goes to the caller's buffer.
 * Limits     REQUEST_TARGET_BYTES of path and query, REQUEST_VALUE_BYTES of one value.
 */
#ifndef WEB_REQUEST_H
#define WEB_REQUEST_H

#include "core/buf.h"

enum {
	REQUEST_TARGET_BYTES = 2048,
	REQUEST_VALUE_BYTES = 512,
	REQUEST_ID_BYTES = 64,
	REQUEST_BODY_BYTES = 8192,
};

enum endpoint {
	ENDPOINT_NONE, /* there is no such thing: 404 */
	ENDPOINT_ASSET,
	ENDPOINT_HEALTHZ,
	ENDPOINT_METRICS,
	ENDPOINT_HEALTH,
	ENDPOINT_STATUS,
	ENDPOINT_FIGURES,
	ENDPOINT_LINES,
	ENDPOINT_INCIDENTS,
	ENDPOINT_INCIDENT,
	ENDPOINT_ACK,
	ENDPOINT_TRACE,
	ENDPOINT_STREAM,
};

struct target {
	enum endpoint endpoint;
	struct str
	    path;      /* of an asset: "/", "/page.js": whether it is there is not asked */
	struct str id; /* of an incident: letters and digits */
	struct str query; /* still encoded */
};

/* The origin form alone (RFC 9112, 3.2.1): "/path?query". Paths are plain: none of ours
 * needs a percent-encoding, and "." and ".." are no part of any. */
struct target target_read(struct str text);

enum query_result {
	QUERY_NONE,
	QUERY_FOUND,
	QUERY_BROKEN, /* twice, too long, a broken encoding, a control character */
};
/* The value of a key, decoded (application/x-www-form-urlencoded), replaces *out. */
enum query_result query_value(struct str query, struct str key, struct buf *out);

struct host_list {
	const char *const *names;
	size_t n;
};
/* Host: a loopback name or address, or one of the list; any port. */
bool request_host_is_ours(struct str host, const struct host_list *allowed);
/* Origin, if the client sent one: http or https and the same host and port as in Host. */
bool request_origin_is_ours(struct str origin, struct str host);
/* Sec-Fetch-Site, if the client sent one: the page itself, or a person's own doing. */
bool request_site_is_ours(struct str site);

/* Authorization: Bearer TOKEN (RFC 6750, 2.1). Takes as long for a wrong token as for the
 * right one. False for an empty token. */
bool request_has_token(struct str authorization, struct str token);

/* Content-Type: application/json, with or without parameters. */
bool request_is_json(struct str content_type);
/* Accept names OpenMetrics, or anything: a scraper that wants only the older text says
 * text/plain and nothing of OpenMetrics. */
bool request_wants_openmetrics(struct str accept);

#endif
