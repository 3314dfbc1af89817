/*
 * report - what a message tells, as events
 *
 * Purpose    What the readers of this room share: bounce messages, complaints, DMARC and TLS
 *            reports become events of one stream. Each event is written as one line of a
 *            log file (ingest/report_line.h), which `run` follows like any other log.
 * Ownership  An event's texts live until the function that was given it returns.
 * Limits     Those below, of one message. What is over is left out, counted and told; the
 *            events that were found count all the same.
 */
#ifndef INGEST_REPORT_H
#define INGEST_REPORT_H

#include "core/err.h"
#include "core/event.h"

enum {
	REPORT_MESSAGE_BYTES = 32 * 1024 * 1024,  /* a larger one is not read */
	REPORT_UNPACKED_BYTES = 64 * 1024 * 1024, /* of a compressed part */
	REPORT_PARTS = 1000,
	REPORT_DEPTH = 32,             /* of parts in parts */
	REPORT_EVENTS = 5000,          /* recipients, or rows */
	REPORT_TEXT_BYTES = 64 * 1024, /* of text for people that rules look at */
	REPORT_FIELD_BYTES = 4096,     /* of one value */
	REPORT_SECONDS = 20,           /* of CPU time */
	REPORT_MEMORY_BYTES = 512 * 1024 * 1024,
};

/*
 * Takes one event. Kinds: dsn (a recipient of a bounce message, delay notice or receipt),
 * complaint, dmarc (a row), tls_report (a policy's sessions, or a kind of failure).
 * time_us is 0: the line gets the time at which it is written. A negative errno ends it.
 */
typedef int report_event_fn(void *ctx, const struct event *ev);

struct report_sink {
	report_event_fn *event;
	void *ctx;
};

/* What the readers are told of this host. Texts are the caller's. */
struct report_host {
	struct str name;         /* the log's host name */
	const struct str *names; /* other names of this host: its own Received lines */
	size_t nnames;
	const struct str *addresses; /* its own, as text; see `ours` of a DMARC row */
	size_t naddresses;
};

#endif
