#include "rules/context.h"

#include <stdlib.h>

#include "core/clock.h"

enum { WAYS = 4, MAX_NAMES = 1024 };

struct entry {
	uint64_t key;  /* 0: free */
	uint32_t used; /* when, for least recently used */
	uint16_t name; /* of the provider, 0: none */
	bool dirty;    /* changed since the last flush */
};

/* The last connection of one of our hosts that failed. */
struct failure {
	uint64_t host;
	int64_t at_us;
	uint16_t name;
	bool dirty;
};

enum {
	FIRST_MESSAGE = CONTEXT_DOMAINS, /* slot numbers */
	FIRST_FAILURE = FIRST_MESSAGE + CONTEXT_MESSAGES,
	OWN_SLOTS = FIRST_FAILURE + CONTEXT_HOSTS,
	SLOTS = OWN_SLOTS + MESSAGE_SLOTS,
};

struct context {
	struct message_context *joined; /* facts of messages */
	struct entry domains[CONTEXT_DOMAINS];
	struct entry messages[CONTEXT_MESSAGES]; /* and OpenSMTPD's sessions */
	struct failure failed[CONTEXT_HOSTS];    /* by host */
	uint32_t dirty[OWN_SLOTS];               /* numbers of the slots that changed */
	size_t ndirty;
	char *names[MAX_NAMES]; /* owned; [0] is not used */
	size_t nnames;
	uint32_t clock;
	uint64_t evicted;
};

struct context *
context_new(void)
{
	struct context *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->nnames = 1;
	c->joined = message_context_new();
	if (c->joined == NULL) {
		context_free(c);
		return NULL;
	}
	return c;
}

void
context_free(struct context *c)
{
	if (c == NULL)
		return;
	for (size_t i = 1; i < c->nnames; i++)
		free(c->names[i]);
	message_context_free(c->joined);
	free(c);
}

/* Providers are few: their names are kept once. 0 if there is no room. */
static uint16_t
name_index(struct context *c, struct str name)
{
	if (name.n == 0)
		return 0;
	for (size_t i = 1; i < c->nnames; i++)
		if (str_eq(str_of(c->names[i]), name))
			return (uint16_t)i;
	if (c->nnames == MAX_NAMES || (c->names[c->nnames] = str_dup(name)) == NULL)
		return 0;
	return (uint16_t)c->nnames++;
}

uint64_t
context_evicted(const struct context *context)
{
	return context->evicted;
}

uint64_t
context_messages_evicted(const struct context *context)
{
	return message_context_evicted(context->joined);
}

static struct entry *
find(struct context *c, struct entry *table, size_t size, uint64_t key)
{
	struct entry *set = &table[(key >> 1) % (size / WAYS) * WAYS];

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].key == key) {
			set[i].used = ++c->clock;
			return &set[i];
		}
	return NULL;
}

/* A slot of the table that begins at number `first` has changed. */
static void
mark(struct context *c, size_t first, size_t index, bool *dirty)
{
	if (*dirty)
		return;
	*dirty = true;
	c->dirty[c->ndirty++] = (uint32_t)(first + index);
}

static void
put(struct context *c, struct entry *table, size_t size, uint64_t key, struct str provider)
{
	struct entry *set = &table[(key >> 1) % (size / WAYS) * WAYS];
	struct entry *victim = find(c, table, size, key);

	for (size_t i = 0; victim == NULL && i < WAYS; i++)
		if (set[i].key == 0)
			victim = &set[i];
	if (victim == NULL) {
		victim = &set[0];
		for (size_t i = 1; i < WAYS; i++)
			if (set[i].used < victim->used)
				victim = &set[i];
		c->evicted++;
	}
	uint16_t name = name_index(c, provider);

	if (victim->key != key || victim->name != name)
		mark(c, table == c->domains ? 0 : FIRST_MESSAGE, (size_t)(victim - table),
		    &victim->dirty);
	victim->key = key;
	victim->name = name;
	victim->used = ++c->clock;
}

uint64_t
context_domain_key(struct str domain)
{
	return str_hash(domain) | 1;
}

static uint64_t
domain_key(const struct event *ev)
{
	struct str recipient = event_text(ev, EVF_recipient);
	ptrdiff_t at = str_rfind_char(recipient, '@');

	return at < 0 ? 0 : context_domain_key(str_skip(recipient, (size_t)at + 1));
}

static uint64_t
message_key(const struct event *ev, struct str recipient)
{
	uint64_t h = str_hash(event_text(ev, EVF_queue_id));

	h = (h ^ str_hash(event_text(ev, EVF_host))) * 0x9e3779b97f4a7c15u;
	return (h ^ str_hash(recipient)) | 1;
}

static void
set_provider(const struct context *c, struct event *ev, const struct entry *entry)
{
	if (entry != NULL && entry->name != 0)
		event_set_text(ev, EVF_provider, str_of(c->names[entry->name]));
}

static uint64_t
session_key(const struct event *ev)
{
	uint64_t h = str_hash(event_text(ev, EVF_session_id));

	return (h ^ str_hash(event_text(ev, EVF_host))) | 1;
}

/*
 * OpenSMTPD logs a connection that fails by session, and the envelopes that waited for it
 * without: "mta connecting ... host=H", "mta error", "mta delivery ... relay=DOMAIN".
 */
static void
learn_connection(struct context *c, const struct event *ev)
{
	uint64_t host = str_hash(event_text(ev, EVF_host));
	const struct entry *session;

	if (!event_has(ev, EVF_session_id))
		return;
	if (event_num(ev, EVF_kind) == KIND_CONNECTION) {
		if (event_has(ev, EVF_relay_name))
			put(c, c->messages, CONTEXT_MESSAGES, session_key(ev),
			    event_text(ev, EVF_provider));
		return;
	}
	session = find(c, c->messages, CONTEXT_MESSAGES, session_key(ev));
	struct failure *failure = &c->failed[host % CONTEXT_HOSTS];

	failure->host = host;
	failure->at_us = ev->time_us;
	failure->name = session == NULL ? 0 : session->name;
	mark(c, FIRST_FAILURE, host % CONTEXT_HOSTS, &failure->dirty);
}

static void
guess_by_failure(struct context *c, struct event *ev)
{
	uint64_t host = str_hash(event_text(ev, EVF_host));
	size_t i = host % CONTEXT_HOSTS;
	int64_t age_us = ev->time_us - c->failed[i].at_us;

	if (c->failed[i].host == host && c->failed[i].name != 0 && age_us >= 0 &&
	    age_us <= CONTEXT_FAILED_S * (int64_t)US_PER_S)
		event_set_text(ev, EVF_provider, str_of(c->names[c->failed[i].name]));
}

/* By the recipient if the line names one, else by the message's last deferral. */
static void
find_expired(struct context *c, struct event *ev)
{
	struct str recipient = event_text(ev, EVF_recipient);
	uint64_t domain = domain_key(ev);

	set_provider(c, ev,
	    find(c, c->messages, CONTEXT_MESSAGES, message_key(ev, recipient)));
	if (!event_has(ev, EVF_provider) && domain != 0)
		set_provider(c, ev, find(c, c->domains, CONTEXT_DOMAINS, domain));
}

static void
apply_provider(struct context *c, struct event *ev)
{
	int64_t outcome = event_num(ev, EVF_outcome);

	if (outcome == OUTCOME_EXPIRED) {
		if (!event_has(ev, EVF_provider))
			find_expired(c, ev);
		return;
	}
	if (event_num(ev, EVF_kind) == KIND_TLS && event_has(ev, EVF_session_id)) {
		/* OpenSMTPD: the session's first line names the host, this one does not. */
		if (!event_has(ev, EVF_provider))
			set_provider(c, ev,
			    find(c, c->messages, CONTEXT_MESSAGES, session_key(ev)));
		return;
	}
	if (event_num(ev, EVF_direction) != DIRECTION_OUTBOUND)
		return;
	if (event_num(ev, EVF_kind) != KIND_ATTEMPT) {
		if (context_wants(ev))
			learn_connection(c, ev);
		return;
	}
	uint64_t domain = domain_key(ev);

	if (event_has(ev, EVF_relay_ip) && domain != 0) /* a host answered */
		put(c, c->domains, CONTEXT_DOMAINS, domain, event_text(ev, EVF_provider));
	else if (!event_has(ev, EVF_provider) && domain != 0)
		set_provider(c, ev, find(c, c->domains, CONTEXT_DOMAINS, domain));
	if (!event_has(ev, EVF_provider) && !event_has(ev, EVF_relay_ip) &&
	    str_eq(event_text(ev, EVF_mta), STR("opensmtpd")))
		guess_by_failure(c, ev);
	if (outcome == OUTCOME_DEFERRED && event_has(ev, EVF_queue_id)) {
		struct str provider = event_text(ev, EVF_provider);

		put(c, c->messages, CONTEXT_MESSAGES, message_key(ev, STR("")), provider);
		put(c, c->messages, CONTEXT_MESSAGES,
		    message_key(ev, event_text(ev, EVF_recipient)), provider);
	}
}

void
context_apply(struct context *c, struct event *ev)
{
	message_context_apply(c->joined, ev);
	if (!event_has(ev,
		EVF_report_id)) /* what a stranger's report says teaches nothing */
		apply_provider(c, ev);
}

const struct message_context *
context_messages(const struct context *c)
{
	return c->joined;
}

static void
describe_slot(struct context *c, uint32_t number, struct context_slot *out)
{
	uint16_t name;

	out->number = number;
	if (number >= FIRST_FAILURE) {
		struct failure *f = &c->failed[number - FIRST_FAILURE];

		f->dirty = false;
		out->key = f->host;
		out->at = f->at_us;
		name = f->name;
	} else {
		struct entry *e = number >= FIRST_MESSAGE
				      ? &c->messages[number - FIRST_MESSAGE]
				      : &c->domains[number];

		e->dirty = false;
		out->key = e->key;
		out->at = e->used;
		name = e->name;
	}
	out->provider = name == 0 ? STR("") : str_of(c->names[name]);
}

int
context_flush(struct context *c, int (*fn)(void *ctx, const struct context_slot *slot),
    void *ctx)
{
	int r = 0;

	for (size_t i = 0; i < c->ndirty; i++) {
		struct context_slot slot;

		describe_slot(c, c->dirty[i], &slot);
		if (r >= 0 && fn != NULL)
			r = fn(ctx, &slot);
	}
	c->ndirty = 0;
	int s = message_context_flush(c->joined, OWN_SLOTS, r < 0 ? NULL : fn, ctx);

	return r < 0 ? r : s;
}

void
context_restore(struct context *c, const struct context_slot *slot)
{
	if (slot->number < 0 || slot->number >= SLOTS)
		return; /* written with larger tables */
	if (slot->number >= OWN_SLOTS) {
		message_context_restore_slot(c->joined, (size_t)(slot->number - OWN_SLOTS),
		    slot);
		return;
	}
	uint16_t name = name_index(c, slot->provider);

	if (slot->number >= FIRST_FAILURE) {
		c->failed[slot->number - FIRST_FAILURE] =
		    (struct failure){ slot->key, slot->at, name, false };
		return;
	}
	struct entry *e = slot->number >= FIRST_MESSAGE
			      ? &c->messages[slot->number - FIRST_MESSAGE]
			      : &c->domains[slot->number];

	*e = (struct entry){ slot->key, (uint32_t)slot->at, name, false };
	if (e->used > c->clock)
		c->clock = e->used;
}

void
context_restore_message(struct context *c, const struct event *row)
{
	message_context_restore(c->joined, row);
}
