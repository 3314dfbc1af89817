/*
 * web_api - what `mailwarden serve` answers
 *
 * Purpose    The store's facts as the JSON that the commands print, for web/server.h. The
 *            store is only read; an acknowledgement is made by the program `mailwarden ack`,
 *            so that what reads strangers' requests never holds a handle that writes.
 * Ownership  The caller's struct; web_api_done() frees. Options stay the caller's.
 *            What may take long is done by a child (web_jobs.h).
 * Limits     WEB_QUERY_MS for what one request asks of the store; WEB_ACK_MS and WEB_TRACE_MS
 *            for children.
 */
#ifndef CLI_WEB_API_H
#define CLI_WEB_API_H

#include <sys/stat.h>

#include "cli/web_cache.h"
#include "store/limit.h"
#include "store/store.h"
#include "web/metrics.h"
#include "web/server.h"

enum { WEB_QUERY_MS = 5000, WEB_TRACE_MS = 8000, WEB_ACK_MS = 15000 };

struct alert_rules;
struct web_jobs;

struct web_options {
	const char *config;              /* as given, NULL: the default */
	const char *state;               /* the store's file */
	const char *host;                /* this machine's name */
	const struct alert_rules *rules; /* NULL: they cannot be read */
	bool writes;                     /* there is a token */
};

struct web_api {
	const struct web_options *options;
	struct store *store; /* NULL: it is not there */
	struct stat file;    /* of the store that is open */
	struct store_limit limit;
	struct web_cache cache; /* of that store */
	struct metrics *metrics;
	struct web_jobs *jobs; /* NULL: this process is one */
};

void web_api_done(struct web_api *api);
/* Sets where counters begin; without a store, at the first one. */
void web_api_begin(struct web_api *api);
/* Opens it, or the one that took its place. */
int web_api_open(struct web_api *api, struct err *err);
/* {"verdict": ...}, also where there is no store. */
int web_api_health(struct web_api *api, struct buf *out, struct err *err);

/* For web_handler. */
void web_api_answer(void *api, const struct web_request *request, struct web_answer *out);

/* --- web_ack.c --- */

void web_ack(struct web_api *api, const struct web_request *request,
    struct web_answer *out);
/* The object of `show --json`, as an answer. */
void web_api_incident(struct web_api *api, struct str id, struct web_answer *out);

/* --- web_trace.c --- */

/* Searches where there are no jobs, else has a child do it. */
int web_trace(struct web_api *api, const struct web_request *request,
    struct web_answer *out, struct err *err);
/* The child: the request's target on standard input, the answer on standard output. An exit
 * code. */
int web_trace_child(const struct web_options *options);

/* --- web_stream.c --- */

/* NULL: *out is a refusal. */
void *web_stream_new(struct web_api *api, const struct web_request *request,
    struct web_answer *out);
bool web_stream_more(void *api, void *stream, bool beat, struct buf *out);
void web_stream_free(void *api, void *stream);

/* Seconds since 1970 of the query, or what stands in *us_out already; false: *out says what
 * is wrong. */
bool web_api_time(const struct web_request *request, struct str key, int64_t *us_out,
    struct web_answer *out);
/* What went wrong with the store, as an answer. */
void web_api_fault(struct web_api *api, int r, const struct err *err,
    struct web_answer *out);

#endif
