/*
 * message_context - one message's facts, joined over all lines that tell of it
 *
 * Purpose    A delivery names the recipient, other lines the sender, the size, the login,
 *            the client. Lines of one message are joined by host, MTA instance (what
 *            stands before the first '/' of a process name: `postfix-out/smtp`) and queue
 *            id. An attempt, a dsn and an accepted event get `sender`, `size`,
 *            `sasl_user`, `message_id`, `origin` and `related_queue_id` where the line did
 *            not tell them; a dsn those of the message that it is about.
 *            related_queue_id: of an internal attempt and of a dsn the next queue id, as
 *            the line tells it; else where the message came from: the queue id before the
 *            filter, the message that a bounce is about.
 *            origin: a login makes it submitted; pickup, the sendmail command and
 *            loopback clients local; other clients remote; the server's own notices are
 *            bounces. What comes back from a filter or proxy on this host keeps the origin
 *            and the login that it had, by the first of: `orig_queue_id`, `queued as` in
 *            the filter's answer, the same message id within MESSAGE_RETURN_S from a
 *            loopback client.
 *            OpenSMTPD names neither client nor login in a message's lines: the session's
 *            do. It does not say which message a bounce is about: the one of that sender
 *            that failed within MESSAGE_BOUNCE_S, else the last that was deferred within
 *            MESSAGE_WARNED_S. sendmail tells a login by process, before the message.
 * Ownership  Texts set in events are views into the table: they live until the next call.
 * Memory     After a restart: messages from the store, in their order, by
 *            message_context_restore(); sessions and the like by slots. The same lines
 *            then give the same facts as without a restart.
 * Limits     MESSAGES_KEPT messages, first in, first out, evictions counted; texts as
 *            rules/message_table.h says. With sessions it is less than 10 MiB, whatever
 *            the logs say: ten million queue ids take no more.
 */
#ifndef RULES_MESSAGE_CONTEXT_H
#define RULES_MESSAGE_CONTEXT_H

#include "rules/message_session.h"

enum {
	MESSAGE_SLOTS = MESSAGE_SESSIONS + MESSAGE_FAILURES,
	MESSAGE_RETURN_S = 900, /* from a filter or proxy */
};

struct message_context;
struct context_slot;

struct message_context *message_context_new(void); /* NULL without memory */
void message_context_free(struct message_context *mc);

/* Does it learn anything from such an event, or set anything in it? */
static inline bool
message_context_wants(const struct event *ev)
{
	struct str mta = event_text(ev, EVF_mta);
	bool opensmtpd = mta.n == 9 && mta.p[0] == 'o';

	switch ((enum event_kind)event_num(ev, EVF_kind)) {
	case KIND_ACCEPTED:
	case KIND_ATTEMPT:
	case KIND_DSN: return true;
	case KIND_CONNECTION:
		return opensmtpd && event_num(ev, EVF_direction) == DIRECTION_INBOUND &&
		       message_session_begins(ev);
	case KIND_AUTH: /* the client's, that was not refused; dovecot's tell no message */
		return event_num(ev, EVF_direction) == DIRECTION_INBOUND &&
		       event_num(ev, EVF_outcome) <= OUTCOME_DELIVERED &&
		       event_has(ev, EVF_sasl_user) &&
		       ((opensmtpd && event_has(ev, EVF_session_id)) ||
			   (mta.n == 8 && mta.p[0] == 's' && event_has(ev, EVF_pid)));
	default: return false;
	}
}

/* Learns from the event and completes it. Cheap for events that it does not want. */
void message_context_apply(struct message_context *mc, struct event *ev);

/*
 * A message as the store kept it: an event of kind accepted with host, process, queue_id,
 * and what is known of size, sender, message_id, sasl_user, relay_name, relay_ip, origin,
 * related_queue_id; oldest first.
 */
void message_context_restore(struct message_context *mc, const struct event *ev);

/* As context_flush(): slots first to first + MESSAGE_SLOTS - 1. */
int message_context_flush(struct message_context *mc, int64_t first,
    int (*fn)(void *ctx, const struct context_slot *slot), void *ctx);
/* index: the slot's number without `first`. */
void message_context_restore_slot(struct message_context *mc, size_t index,
    const struct context_slot *slot);

/* Is a message of that host and queue id known, of any instance? */
bool message_context_has(const struct message_context *mc, struct str host,
    struct str queue_id);

uint64_t message_context_evicted(const struct message_context *mc);

/* "postfix-out" of "postfix-out/smtp"; empty for "postfix" and names without '/'. */
struct str message_instance(struct str process);

/*
 * Of an event as message_context_apply() left it: the i-th of the other queue ids that its
 * line tells of, and what that one's message inherits. False: it tells of no more. The
 * store keeps the same in its rows.
 */
struct message_link {
	struct str queue_id, related; /* the other one; this event's own */
	enum event_origin origin;
	struct str sender, sasl_user; /* p is NULL: nothing inherited */
};
bool message_link_of(const struct event *ev, size_t i, struct message_link *out);

#endif
