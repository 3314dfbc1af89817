/*
 * event - what one log line says, in the field's own words
 *
 * Purpose    The delivery event of design section 4, as a table: a value for
 *            each field and a bit that says whether the log gave it.
 * Ownership  Text values are views into the line, the rule set or the
 *            catalogue: they live until the next line. Who keeps an event
 *            longer copies what it needs.
 * Limits     EVF_COUNT fields; the struct is not cleared between lines, only
 *            `has` tells what is valid.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "core/buf.h"
#include "core/str.h"

/* Field, its type. The order is the order in JSON. */
/* clang-format off */
#define EVENT_FIELDS(F)                                                                     \
	F(host, TEXT) F(process, TEXT) F(pid, INT) F(mta, TEXT) F(kind, KIND)               \
	F(direction, DIRECTION) F(queue_id, TEXT) F(related_queue_id, TEXT)                 \
	F(session_id, TEXT) F(message_id, TEXT) F(sender, TEXT) F(recipient, TEXT)          \
	F(original_recipient, TEXT) F(relay_name, TEXT) F(relay_ip, TEXT)                   \
	F(relay_port, INT) F(provider, TEXT) F(outcome, OUTCOME) F(smtp_code, INT)          \
	F(status, TEXT) F(reply, TEXT) F(category, TEXT) F(code_id, TEXT)                   \
	F(suspected, BOOL) F(origin, ORIGIN) F(delay, SECONDS) F(delays, DELAYS) F(size, INT)                 \
	F(recipients, INT) F(sasl_user, TEXT) F(mailer, TEXT) F(helo, TEXT)                 \
	F(tls_role, TEXT) F(tls_version, TEXT) F(tls_cipher, TEXT) F(tls_bits, INT)         \
	F(tls_verify, TEXT) F(dsn_action, TEXT) F(limit_name, TEXT) F(limit_value, INT)     \
	F(service, TEXT) F(text, TEXT) F(repeated, INT) F(partial, BOOL) F(ambiguous, BOOL) \
	F(report_id, TEXT) F(reporter, TEXT) F(known, TEXT) F(source_ip, TEXT)              \
	F(ours, BOOL) F(domain, TEXT) F(spf, TEXT) F(dkim, TEXT) F(disposition, TEXT)       \
	F(feedback_type, TEXT) F(policy_type, TEXT) F(failure_type, TEXT)                   \
	F(rule, TEXT)

enum event_field {
#define F(name, type) EVF_##name,
	EVENT_FIELDS(F)
#undef F
	EVF_COUNT
};
/* clang-format on */

enum event_type {
	EVT_TEXT,
	EVT_INT,
	EVT_BOOL,
	EVT_SECONDS, /* num in microseconds */
	EVT_DELAYS,  /* text "a/b/c/d", seconds */
	EVT_KIND,
	EVT_DIRECTION,
	EVT_OUTCOME,
	EVT_ORIGIN,
};

enum event_kind {
	KIND_UNKNOWN,
	KIND_CONNECTION,
	KIND_ACCEPTED,
	KIND_ATTEMPT,
	KIND_REJECT,
	KIND_STORED,
	KIND_DSN,
	KIND_REMOVED,
	KIND_TLS,
	KIND_AUTH,
	KIND_LIMIT,
	KIND_FILTER,
	KIND_LIFECYCLE,
	KIND_WARNING,
	KIND_COMPLAINT,  /* a recipient called our mail spam: RFC 5965 */
	KIND_DMARC,      /* what a receiver saw of our domain: RFC 7489 */
	KIND_TLS_REPORT, /* what a sender met at our MX: RFC 8460 */
	KIND_COUNT
};

enum event_direction {
	DIRECTION_UNKNOWN,
	DIRECTION_INBOUND,
	DIRECTION_OUTBOUND,
	DIRECTION_LOCAL,    /* final delivery into a mailbox here */
	DIRECTION_INTERNAL, /* to a local filter or proxy: never final */
	DIRECTION_COUNT
};

enum event_outcome {
	OUTCOME_UNKNOWN,
	OUTCOME_DELIVERED,
	OUTCOME_DEFERRED,
	OUTCOME_BOUNCED,
	OUTCOME_EXPIRED,
	OUTCOME_REJECTED,
	OUTCOME_COUNT
};

/* Where a message came from; filled in from earlier lines by rules/context.h. Of a `dsn` it
 * tells where the message came from that the notice is about. */
enum event_origin {
	ORIGIN_UNKNOWN,
	ORIGIN_REMOTE,    /* another host, without a login */
	ORIGIN_SUBMITTED, /* a user who had logged in */
	ORIGIN_LOCAL,     /* this machine: sendmail command, loopback */
	ORIGIN_BOUNCE,    /* this mail server itself: bounces, notices, receipts */
	ORIGIN_COUNT
};

union event_value {
	struct str text;
	int64_t num;
};

struct event {
	uint64_t has;       /* bit 1 << EVF_x: v[EVF_x] is valid */
	int64_t time_us;    /* since 1970, UTC; always set */
	int16_t offset_min; /* of the stamp as logged, minutes east of UTC */
	struct str source;  /* file name, or journal cursor */
	int64_t offset;     /* byte offset of the line in source, -1: none */
	union event_value v[EVF_COUNT];
};

#define EVENT_BIT(field) (UINT64_C(1) << (field))

static inline bool
event_has(const struct event *ev, enum event_field f)
{
	return (ev->has & EVENT_BIT(f)) != 0;
}

/* p is NULL when the log did not say; an empty sender has p set and n 0. */
static inline struct str
event_text(const struct event *ev, enum event_field f)
{
	return event_has(ev, f) ? ev->v[f].text : (struct str){ NULL, 0 };
}

/* 0 when the log did not say (for enums: unknown). */
static inline int64_t
event_num(const struct event *ev, enum event_field f)
{
	return event_has(ev, f) ? ev->v[f].num : 0;
}

static inline void
event_set_text(struct event *ev, enum event_field f, struct str text)
{
	ev->v[f].text = text;
	ev->has |= EVENT_BIT(f);
}

static inline void
event_set_num(struct event *ev, enum event_field f, int64_t num)
{
	ev->v[f].num = num;
	ev->has |= EVENT_BIT(f);
}

static inline void
event_unset(struct event *ev, enum event_field f)
{
	ev->has &= ~EVENT_BIT(f);
}

/* Lines that said "message repeated N times" and rows of reports count N, all others 1; a
 * bounce message that tells more of a delivery attempt that is counted already, 0. */
static inline int64_t
event_weight(const struct event *ev)
{
	return event_has(ev, EVF_repeated) ? ev->v[EVF_repeated].num : 1;
}

/* Is the value held as text (else as a number)? */
bool event_field_is_text(enum event_field f);
enum event_type event_field_type(enum event_field f);
const char *event_field_name(enum event_field f);
/* The field of that name, or EVF_COUNT. */
enum event_field event_field_find(struct str name);

/* Names of the enumerators, "" for 0; _find gives 0 for a name that is none. */
const char *event_enum_name(enum event_type type, int64_t value);
int event_enum_find(enum event_type type, struct str name);

/*
 * Sets a field from text as logged: digits, a delay in any of the servers'
 * forms ("1.4", "1+03:00:12", "4d1h3s"), an enumerator's name. False, and the
 * field stays unset, if the text does not fit the type.
 */
bool event_set(struct event *ev, enum event_field f, struct str logged);

/* One value as plain text, for summaries and tests. */
void event_value_text(const struct event *ev, enum event_field f, struct buf *out);

/* The whole event as one JSON object, without newline. */
void event_json(const struct event *ev, struct buf *out);

#endif
