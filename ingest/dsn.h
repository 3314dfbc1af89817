/*
 * dsn - delivery status notifications (RFC 3464, 3461, 6533)
 *
 * Purpose    The fields of message/delivery-status and message/global-delivery-status, one
 *            event of kind dsn for each recipient: dsn_action, recipient,
 *            original_recipient, status, smtp_code, reply, relay_name, relay_ip, reporter.
 *            What the returned headers and the report's own tell of the message: queue_id,
 *            related_queue_id (next best), message_id, sender.
 * Ownership  Everything is the caller's; events live until the sink returns.
 */
#ifndef INGEST_DSN_H
#define INGEST_DSN_H

#include "ingest/report.h"

/* The parts of a bounce message that matter, decoded; n 0 where there is none. */
struct dsn_parts {
	struct str status;   /* body of the delivery-status part */
	struct str returned; /* header of the returned message, unfolded or not */
	struct str text;     /* the part for people: transcript, longer replies */
	struct str header;   /* the report's own header */
	struct str boundary;
};

/* How many recipients were handed over; 0: the part names none. */
int dsn_read(const struct dsn_parts *parts, const struct report_host *host,
    const struct report_sink *sink, struct err *err);

/*
 * The message's facts by its returned header alone, for bounces without status fields: sets
 * queue_id, related_queue_id, message_id and sender where they are found and not set yet.
 * The texts are views into the parts.
 */
void dsn_set_message(const struct dsn_parts *parts, const struct report_host *host,
    struct event *ev);

#endif
