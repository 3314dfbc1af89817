#include "rules/message_context.h"

#include <stdlib.h>

#include "core/clock.h"
#include "rules/context.h"

struct message_context {
	struct message_table *table;
	struct message_sessions sessions;
};

static const enum event_field fact_fields[FACT_TEXTS] = {
	[FACT_QUEUE_ID] = EVF_queue_id,
	[FACT_SENDER] = EVF_sender,
	[FACT_MESSAGE_ID] = EVF_message_id,
	[FACT_SASL_USER] = EVF_sasl_user,
	[FACT_RELATED] = EVF_related_queue_id,
};

struct message_context *
message_context_new(void)
{
	struct message_context *mc = calloc(1, sizeof *mc);

	if (mc == NULL)
		return NULL;
	mc->table = message_table_new();
	mc->sessions.sessions = notes_new(MESSAGE_SESSIONS);
	mc->sessions.failures = notes_new(MESSAGE_FAILURES);
	if (mc->table != NULL && mc->sessions.sessions != NULL &&
	    mc->sessions.failures != NULL)
		return mc;
	message_context_free(mc);
	return NULL;
}

void
message_context_free(struct message_context *mc)
{
	if (mc == NULL)
		return;
	message_table_free(mc->table);
	notes_free(mc->sessions.sessions);
	notes_free(mc->sessions.failures);
	free(mc);
}

uint64_t
message_context_evicted(const struct message_context *mc)
{
	return message_table_evicted(mc->table);
}

/* --- small questions --- */

enum mta { MTA_OTHER, MTA_OPENSMTPD, MTA_SENDMAIL };

static enum mta
mta_of(const struct event *ev)
{
	struct str name = event_text(ev, EVF_mta);

	if (str_eq(name, STR("opensmtpd")))
		return MTA_OPENSMTPD;
	return str_eq(name, STR("sendmail")) ? MTA_SENDMAIL : MTA_OTHER;
}

static uint32_t
host_of(const struct event *ev)
{
	return (uint32_t)str_hash(event_text(ev, EVF_host));
}

struct str
message_instance(struct str process)
{
	if (str_starts(process, STR("postfix/")))
		return STR("");
	ptrdiff_t slash = str_find_char(process, '/');

	return slash < 0 ? STR("") : str_head(process, (size_t)slash);
}

static uint32_t
instance_of(const struct event *ev)
{
	struct str name = message_instance(event_text(ev, EVF_process));

	return name.n == 0 ? 0 : (uint32_t)str_hash(name);
}

/* The event's own message, if it is known. */
static struct message_entry *
find_own(const struct message_context *mc, const struct event *ev, uint32_t host)
{
	uint32_t instance = instance_of(ev);
	struct message_entry *e = message_table_find(mc->table,
	    message_table_key(host, event_text(ev, EVF_queue_id)), instance);

	return e != NULL && (e->instance == instance || e->open) ? e : NULL;
}

static struct message_entry *
add(struct message_context *mc, const struct event *ev, uint32_t host, struct str queue_id)
{
	struct message_entry *e =
	    message_table_add(mc->table, message_table_key(host, queue_id));

	e->host = host;
	e->instance = instance_of(ev);
	e->at_us = ev->time_us;
	message_learn(e, FACT_QUEUE_ID, queue_id);
	return e;
}

/* Sets what the line did not tell. */
static void
complete(const struct message_entry *e, struct event *ev)
{
	static const uint64_t told[FACT_TEXTS] = {
		[FACT_QUEUE_ID] = EVENT_BIT(EVF_queue_id),
		[FACT_SENDER] = EVENT_BIT(EVF_sender),
		[FACT_MESSAGE_ID] = EVENT_BIT(EVF_message_id),
		[FACT_SASL_USER] = EVENT_BIT(EVF_sasl_user),
		[FACT_RELATED] = EVENT_BIT(EVF_related_queue_id),
	};
	unsigned missing = 0;

	for (int f = 0; f < FACT_TEXTS; f++)
		missing |= (unsigned)((ev->has & told[f]) == 0) << f;
	/* Of these the line tells the next queue id, or there is none. */
	if (event_num(ev, EVF_kind) == KIND_DSN ||
	    event_num(ev, EVF_direction) == DIRECTION_INTERNAL)
		missing &= ~(1u << FACT_RELATED);
	for (missing &= e->known; missing != 0; missing &= missing - 1) {
		int f = __builtin_ctz(missing);

		event_set_text(ev, fact_fields[f], message_fact(e, (enum message_fact)f));
	}
	if ((e->known & 1u << FACT_SIZE) != 0 && !event_has(ev, EVF_size))
		event_set_num(ev, EVF_size, e->size);
	if (e->origin != ORIGIN_UNKNOWN && !event_has(ev, EVF_origin))
		event_set_num(ev, EVF_origin, e->origin);
}

/* --- chains --- */

/* It came from there: from elsewhere than the loopback client that handed it over. */
static void
inherit(struct message_entry *e, enum event_origin origin, struct str sasl_user,
    struct str related)
{
	if (origin != ORIGIN_UNKNOWN &&
	    (e->origin == ORIGIN_UNKNOWN || e->origin == ORIGIN_LOCAL))
		e->origin = (uint8_t)origin;
	if (origin == ORIGIN_SUBMITTED)
		message_learn(e, FACT_SASL_USER, sasl_user);
	message_learn(e, FACT_RELATED, related);
	e->linked = true;
}

static void
inherit_from(struct message_entry *e, const struct message_entry *parent)
{
	inherit(e, (enum event_origin)parent->origin, message_fact(parent, FACT_SASL_USER),
	    message_fact(parent, FACT_QUEUE_ID));
}

/* The i-th of "split: count=2, ids=A, B". */
static bool
find_split(struct str text, size_t i, struct str *out)
{
	ptrdiff_t at = str_find(text, STR("ids="));

	if (at < 0)
		return false;
	for (text = str_skip(text, (size_t)at + 4); text.n > 0; i--) {
		*out = str_trim(str_cut(&text, ','));
		if (i == 0)
			return out->n > 0;
	}
	return false;
}

static bool
link_of_copy(const struct event *ev, size_t i, struct message_link *out)
{
	/* `related` stands in other accepted events, too, but these tell recipients or a
	 * direction, or are of other servers. */
	if (event_has(ev, EVF_recipients) || event_has(ev, EVF_direction) ||
	    mta_of(ev) != MTA_SENDMAIL)
		return false;
	out->origin = (enum event_origin)event_num(ev, EVF_origin);
	out->sender = event_text(ev, EVF_sender);
	out->sasl_user = event_text(ev, EVF_sasl_user);
	if (str_starts(event_text(ev, EVF_text), STR("split:")))
		return find_split(event_text(ev, EVF_text), i, &out->queue_id);
	return i == 0;
}

bool
message_link_of(const struct event *ev, size_t i, struct message_link *out)
{
	if (!event_has(ev, EVF_related_queue_id) || !event_has(ev, EVF_queue_id))
		return false;
	*out = (struct message_link){
		.queue_id = event_text(ev, EVF_related_queue_id),
		.related = event_text(ev, EVF_queue_id),
	};
	switch ((enum event_kind)event_num(ev, EVF_kind)) {
	case KIND_DSN:
		out->origin = ORIGIN_BOUNCE;
		out->sender = STR("");
		return i == 0;
	case KIND_ATTEMPT:
		out->origin = (enum event_origin)event_num(ev, EVF_origin);
		out->sasl_user = event_text(ev, EVF_sasl_user);
		return i == 0 && event_num(ev, EVF_direction) == DIRECTION_INTERNAL &&
		       event_num(ev, EVF_outcome) == OUTCOME_DELIVERED;
	case KIND_ACCEPTED: return link_of_copy(ev, i, out);
	default: return false;
	}
}

/* Is it another message, that had the queue id before? */
static bool
is_former(const struct message_entry *child, const struct message_link *link,
    const struct message_entry *parent)
{
	if (parent != NULL && child->at_us < parent->at_us)
		return true;
	return link->origin == ORIGIN_BOUNCE &&
	       (child->origin == ORIGIN_REMOTE || child->origin == ORIGIN_SUBMITTED) &&
	       !child->linked;
}

/* parent: the event's own message, or NULL. */
static void
follow_links(struct message_context *mc, const struct event *ev, uint32_t host,
    const struct message_entry *parent)
{
	struct message_link link;

	for (size_t i = 0; message_link_of(ev, i, &link); i++) {
		struct message_entry *e;

		if (str_eq(link.queue_id, link.related) ||
		    link.queue_id.n > MESSAGE_QUEUE_ID_BYTES)
			continue;
		e = message_table_find(mc->table, message_table_key(host, link.queue_id),
		    instance_of(ev));
		if (e == NULL || is_former(e, &link, parent)) {
			e = add(mc, ev, host, link.queue_id);
			e->open = true;
		}
		inherit(e, link.origin, link.sasl_user, link.related);
		message_learn(e, FACT_SENDER, link.sender);
	}
}

/* What comes in by the loopback with a message id that went out just before. */
static void
find_way_back(struct message_context *mc, struct message_entry *e, int64_t now_us)
{
	struct str id = message_fact(e, FACT_MESSAGE_ID);
	const struct message_entry *parent;

	if (id.n == 0 || !e->returns || (e->known & 1u << FACT_RELATED) != 0)
		return;
	parent = message_table_named(mc->table, e->host, id);
	if (parent != NULL && parent->key != e->key && now_us >= parent->at_us &&
	    now_us - parent->at_us <= MESSAGE_RETURN_S * (int64_t)US_PER_S)
		inherit_from(e, parent);
}

/* --- events --- */

/* Which of a message's lines this is. */
static enum message_reached
line_of(const struct event *ev, enum mta mta)
{
	if (mta == MTA_OPENSMTPD)
		return REACHED_NOTHING; /* its ids do not come again so soon */
	if (event_has(ev, EVF_direction) || mta == MTA_SENDMAIL)
		return REACHED_OPENED;
	return event_has(ev, EVF_sender) || event_has(ev, EVF_size) ? REACHED_QUEUED
								    : REACHED_NAMED;
}

/* Short queue ids of Postfix are given again as soon as they are free. */
static bool
is_anew(const struct message_entry *e, enum message_reached line)
{
	return (line == REACHED_OPENED && e->reached >= REACHED_OPENED) ||
	       (line == REACHED_NAMED && e->reached == REACHED_QUEUED);
}

static enum event_origin
origin_by_client(const struct event *ev)
{
	struct str ip = event_text(ev, EVF_relay_ip);

	switch ((enum event_direction)event_num(ev, EVF_direction)) {
	case DIRECTION_LOCAL: return ORIGIN_LOCAL;
	case DIRECTION_INBOUND: break;
	default: return ORIGIN_UNKNOWN;
	}
	if (ip.p == NULL && str_eq(event_text(ev, EVF_relay_name), STR("localhost")))
		return ORIGIN_LOCAL;
	return is_loopback_client(ip) ? ORIGIN_LOCAL : ORIGIN_REMOTE;
}

static enum event_origin
find_origin(struct message_context *mc, struct event *ev, uint32_t host, enum mta mta)
{
	enum event_origin origin = ORIGIN_UNKNOWN;

	if (mta == MTA_OPENSMTPD && event_has(ev, EVF_session_id))
		origin = message_session_origin(&mc->sessions, ev, host);
	else if (mta == MTA_SENDMAIL)
		message_session_login(&mc->sessions, ev, host);
	if (event_has(ev, EVF_sasl_user))
		return ORIGIN_SUBMITTED;
	if (origin == ORIGIN_UNKNOWN &&
	    (event_has(ev, EVF_relay_ip) || !event_has(ev, EVF_session_id)))
		origin = origin_by_client(ev);
	return origin;
}

/* Of an OpenSMTPD bounce, told by its envelope: from=<> to=<the sender of the original>. */
static void
find_original(struct message_context *mc, struct message_entry *e, const struct event *ev,
    uint32_t host)
{
	char id[MESSAGE_QUEUE_ID_BYTES];

	if (e->origin == ORIGIN_BOUNCE && (e->known & 1u << FACT_RELATED) == 0 &&
	    event_has(ev, EVF_recipient))
		message_learn(e, FACT_RELATED,
		    message_session_bounced(&mc->sessions, event_text(ev, EVF_recipient),
			host, ev->time_us, id));
}

static void
learn_origin(struct message_context *mc, struct message_entry *e, struct event *ev,
    uint32_t host, enum mta mta)
{
	enum event_origin origin = find_origin(mc, ev, host, mta);
	struct str related = event_text(ev, EVF_related_queue_id);

	if (origin == ORIGIN_BOUNCE && e->origin == ORIGIN_LOCAL)
		e->origin = ORIGIN_BOUNCE; /* the sender was not known before */
	else if (e->origin == ORIGIN_UNKNOWN || (origin == ORIGIN_SUBMITTED && !e->linked))
		e->origin = (uint8_t)origin;
	if (event_num(ev, EVF_direction) == DIRECTION_INTERNAL ||
	    is_loopback_client(event_text(ev, EVF_relay_ip)))
		e->returns = true;
	if (related.n == 0)
		return;
	const struct message_entry *parent =
	    message_table_find(mc->table, message_table_key(host, related), e->instance);

	if (parent != NULL && parent != e)
		inherit_from(e, parent);
	message_learn(e, FACT_RELATED, related);
}

static void
on_accepted(struct message_context *mc, struct event *ev, uint32_t host)
{
	struct message_entry *e = find_own(mc, ev, host);
	enum mta mta = mta_of(ev);
	enum message_reached line = line_of(ev, mta);
	struct message_link link;

	if (message_link_of(ev, 0, &link)) { /* a clone: the line is about the other */
		if (e != NULL)
			complete(e, ev);
		follow_links(mc, ev, host, e);
		return;
	}
	if (e == NULL || is_anew(e, line))
		e = add(mc, ev, host, event_text(ev, EVF_queue_id));
	if (e->open) {
		e->open = false;
		e->instance = instance_of(ev);
	}
	if (line != REACHED_QUEUED && line != REACHED_NAMED)
		learn_origin(mc, e, ev, host, mta);
	if (line > e->reached)
		e->reached = (uint8_t)line;
	if (line == REACHED_OPENED && event_has(ev, EVF_size))
		e->reached = REACHED_QUEUED; /* sendmail tells all at once */
	bool named = (e->known & 1u << FACT_MESSAGE_ID) != 0;

	for (int f = FACT_SENDER; f < FACT_RELATED; f++)
		message_learn(e, (enum message_fact)f, event_text(ev, fact_fields[f]));
	if (event_has(ev, EVF_size) && (e->known & 1u << FACT_SIZE) == 0) {
		e->size = event_num(ev, EVF_size);
		e->known |= 1u << FACT_SIZE;
	}
	find_original(mc, e, ev, host);
	if (!named && message_fact(e, FACT_MESSAGE_ID).n > 0) {
		find_way_back(mc, e, ev->time_us);
		message_table_name(mc->table, e);
	}
	complete(e, ev);
}

static void
on_attempt(struct message_context *mc, struct event *ev, uint32_t host)
{
	const struct message_entry *e = find_own(mc, ev, host);
	enum mta mta = mta_of(ev);

	if (e != NULL)
		complete(e, ev);
	else if (mta == MTA_SENDMAIL && event_has(ev, EVF_original_recipient) &&
		 event_num(ev, EVF_direction) != DIRECTION_LOCAL)
		event_set_num(ev, EVF_origin, ORIGIN_LOCAL); /* ctladdr=: a user here */
	if (mta == MTA_OPENSMTPD)
		message_session_failed(&mc->sessions, ev, host);
	follow_links(mc, ev, host, e);
}

void
message_context_apply(struct message_context *mc, struct event *ev)
{
	uint32_t host;

	if (!message_context_wants(ev))
		return;
	host = host_of(ev);
	switch ((enum event_kind)event_num(ev, EVF_kind)) {
	case KIND_CONNECTION:
		message_session_on_connection(&mc->sessions, ev, host);
		return;
	case KIND_AUTH: message_session_on_auth(&mc->sessions, ev, host); return;
	default: break;
	}
	struct str queue_id = event_text(ev, EVF_queue_id);

	if (queue_id.n == 0 || queue_id.n > MESSAGE_QUEUE_ID_BYTES)
		return;
	if (event_num(ev, EVF_kind) == KIND_ACCEPTED) {
		on_accepted(mc, ev, host);
		return;
	}
	on_attempt(mc, ev, host);
}

bool
message_context_has(const struct message_context *mc, struct str host, struct str queue_id)
{
	return message_table_find(mc->table,
		   message_table_key((uint32_t)str_hash(host), queue_id), 0) != NULL;
}

/* --- coming back --- */

/* Rows of one message, as when it was told of again after the store had forgotten it. */
static bool
is_same(const struct message_entry *e, const struct event *row)
{
	for (int f = FACT_SENDER; f <= FACT_MESSAGE_ID; f++) {
		struct str had = message_fact(e, (enum message_fact)f);

		if (had.p != NULL && event_has(row, fact_fields[f]) &&
		    !str_eq(had, str_head(event_text(row, fact_fields[f]), had.n)))
			return false;
	}
	return (e->known & 1u << FACT_SIZE) == 0 || !event_has(row, EVF_size) ||
	       e->size == event_num(row, EVF_size);
}

void
message_context_restore(struct message_context *mc, const struct event *row)
{
	struct str queue_id = event_text(row, EVF_queue_id);
	uint32_t host = host_of(row);

	if (queue_id.n == 0 || queue_id.n > MESSAGE_QUEUE_ID_BYTES)
		return;
	struct message_entry *e = find_own(mc, row, host);

	if (e == NULL || !is_same(e, row))
		e = add(mc, row, host, queue_id);
	for (int f = FACT_SENDER; f < FACT_TEXTS; f++)
		message_learn(e, (enum message_fact)f, event_text(row, fact_fields[f]));
	if (event_has(row, EVF_size)) {
		e->size = event_num(row, EVF_size);
		e->known |= 1u << FACT_SIZE;
	}
	if (event_num(row, EVF_origin) != ORIGIN_UNKNOWN)
		e->origin = (uint8_t)event_num(row, EVF_origin);
	bool has_client = event_has(row, EVF_relay_ip) || event_has(row, EVF_relay_name);

	e->linked = event_has(row, EVF_related_queue_id);
	e->returns = is_loopback_client(event_text(row, EVF_relay_ip)) ||
		     (has_client && e->origin == ORIGIN_UNKNOWN);
	if (event_has(row, EVF_size))
		e->reached = REACHED_QUEUED;
	else if (event_has(row, EVF_message_id))
		e->reached = REACHED_NAMED;
	else if (has_client)
		e->reached = REACHED_OPENED;
	e->open = e->linked && e->instance == 0 && e->reached == REACHED_NOTHING;
	if (message_fact(e, FACT_MESSAGE_ID).n > 0)
		message_table_name(mc->table, e);
}

int
message_context_flush(struct message_context *mc, int64_t first,
    int (*fn)(void *ctx, const struct context_slot *slot), void *ctx)
{
	int r = notes_flush(mc->sessions.sessions, first, fn, ctx);
	int s = notes_flush(mc->sessions.failures, first + MESSAGE_SESSIONS,
	    r < 0 ? NULL : fn, ctx);

	return r < 0 ? r : s;
}

void
message_context_restore_slot(struct message_context *mc, size_t index,
    const struct context_slot *slot)
{
	if (index < MESSAGE_SESSIONS)
		notes_restore(mc->sessions.sessions, index, slot);
	else
		notes_restore(mc->sessions.failures, index - MESSAGE_SESSIONS, slot);
}
