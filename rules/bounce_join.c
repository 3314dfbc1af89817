#include "rules/bounce_join.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "rules/message_context.h"

enum {
	RELAY_BYTES = 38, /* longer names are not kept: the bounce's own stands */
	RELAY_IS_IP = 0x80,
	NAME_SLOTS = 4 * BOUNCE_NAMES,
	DELIVERIES = 4096, /* by host and provider */
};

/* How well it is known why an attempt failed; more is better. */
enum strength {
	STRENGTH_NONE,
	STRENGTH_SUSPECTED,
	STRENGTH_STATUS, /* a category, by a status or a word of the server's own */
	STRENGTH_REPLY,  /* by the other side's words */
	STRENGTH_CODE,   /* and a code of the catalogue is among them */
};

/* What bounces told of an attempt that delivered: each counts once. */
enum told {
	TOLD_DELAYED = 1,
	TOLD_FAILED = 2,
};

struct attempt {
	uint64_t key; /* 0: free */
	int64_t at_us;
	uint16_t host, provider, category, code; /* names */
	uint8_t outcome : 3, strength : 3;
	uint8_t told : 2; /* bits enum told, of a delivered one */
	uint8_t relay_n;  /* | RELAY_IS_IP */
	char relay[RELAY_BYTES];
};

static_assert(sizeof(struct attempt) == 64, "a line of the cache");
static_assert(OUTCOME_REJECTED < 8 && STRENGTH_CODE < 8, "three bits");

struct delivery {
	uint16_t host, provider;
	int64_t at_us;
};

struct bounce_join {
	struct attempt *attempts;         /* BOUNCE_ATTEMPTS */
	uint64_t reports[BOUNCE_REPORTS]; /* hashes of report ids; a ring in each set */
	uint8_t newest[BOUNCE_REPORTS / BOUNCE_WAYS];
	struct delivery deliveries[DELIVERIES];
	char *names[BOUNCE_NAMES]; /* owned; [0] is not used */
	uint16_t name_slots[NAME_SLOTS];
	size_t nnames;
	uint16_t hosts[BOUNCE_HOSTS];
	size_t nhosts;
	struct bounce_memory memory;
	uint64_t missed;  /* hash of the queue id that the store did not know, last asked */
	bool row_of_host; /* the store knows a message of that host */
	struct str wanted; /* host of the bounce in hand */
	uint64_t evicted, repeats;
};

struct bounce_join *
bounce_join_new(void)
{
	struct bounce_join *j = calloc(1, sizeof *j);

	if (j == NULL)
		return NULL;
	j->nnames = 1;
	j->attempts = calloc(BOUNCE_ATTEMPTS, sizeof *j->attempts);
	if (j->attempts == NULL) {
		bounce_join_free(j);
		return NULL;
	}
	return j;
}

void
bounce_join_free(struct bounce_join *j)
{
	if (j == NULL)
		return;
	for (size_t i = 1; i < j->nnames; i++)
		free(j->names[i]);
	free(j->attempts);
	free(j);
}

void
bounce_join_set_memory(struct bounce_join *j, const struct bounce_memory *memory)
{
	j->memory = *memory;
	j->missed = 0;
}

uint64_t
bounce_join_evicted(const struct bounce_join *j)
{
	return j->evicted;
}

uint64_t
bounce_join_repeats(const struct bounce_join *j)
{
	return j->repeats;
}

/* --- names --- */

/* 0 for no name, and if there is no room. */
static uint16_t
name_number(struct bounce_join *j, struct str name)
{
	if (name.n == 0)
		return 0;
	size_t at = (size_t)(str_hash(name) % NAME_SLOTS);

	for (; j->name_slots[at] != 0; at = (at + 1) % NAME_SLOTS)
		if (str_eq(str_of(j->names[j->name_slots[at]]), name))
			return j->name_slots[at];
	if (j->nnames == BOUNCE_NAMES || (j->names[j->nnames] = str_dup(name)) == NULL)
		return 0;
	j->name_slots[at] = (uint16_t)j->nnames;
	return (uint16_t)j->nnames++;
}

static struct str
name_text(const struct bounce_join *j, uint16_t number)
{
	return number == 0 ? (struct str){ NULL, 0 } : str_of(j->names[number]);
}

static void
note_host(struct bounce_join *j, uint16_t host)
{
	for (size_t i = 0; i < j->nhosts; i++)
		if (j->hosts[i] == host)
			return;
	if (j->nhosts < BOUNCE_HOSTS)
		j->hosts[j->nhosts++] = host;
}

static bool
is_same_host(struct str a, struct str b)
{
	struct str first_a = a, first_b = b;

	if (str_eq_nocase(a, b))
		return true;
	first_a = str_cut(&first_a, '.');
	first_b = str_cut(&first_b, '.');
	return (first_a.n == a.n || first_b.n == b.n) && str_eq_nocase(first_a, first_b);
}

/* --- attempts --- */

static uint64_t
lower_hash(struct str s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		c = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
		h = (h ^ (unsigned char)c) * UINT64_C(0x100000001b3);
	}
	return h;
}

static uint64_t
attempt_key(uint16_t host, struct str queue_id, struct str recipient)
{
	uint64_t h = (str_hash(queue_id) ^ host) * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ lower_hash(recipient)) * UINT64_C(0x9e3779b97f4a7c15);
	return (h ^ h >> 29) | 1;
}

static struct attempt *
set_of(const struct bounce_join *j, uint64_t key)
{
	return &j->attempts[(key >> 1) % (BOUNCE_ATTEMPTS / BOUNCE_WAYS) * BOUNCE_WAYS];
}

static struct attempt *
find_attempt(const struct bounce_join *j, uint64_t key)
{
	struct attempt *set = set_of(j, key);

	for (size_t i = 0; i < BOUNCE_WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	return NULL;
}

/* The place of that key, or of the oldest. */
static struct attempt *
place_attempt(struct bounce_join *j, uint64_t key)
{
	struct attempt *set = set_of(j, key), *oldest = set;

	for (size_t i = 0; i < BOUNCE_WAYS; i++) {
		if (set[i].key == key || set[i].key == 0)
			return &set[i];
		if (set[i].at_us < oldest->at_us)
			oldest = &set[i];
	}
	j->evicted++;
	return oldest;
}

static enum strength
strength_of(const struct event *ev)
{
	if (event_text(ev, EVF_category).n == 0)
		return STRENGTH_NONE;
	if (event_num(ev, EVF_suspected) != 0)
		return STRENGTH_SUSPECTED;
	if (event_text(ev, EVF_reply).n == 0)
		return STRENGTH_STATUS;
	return event_text(ev, EVF_code_id).n > 0 ? STRENGTH_CODE : STRENGTH_REPLY;
}

static struct delivery *
delivery_slot(struct bounce_join *j, uint16_t host, uint16_t provider)
{
	return &j->deliveries[(host * 31u + provider) % DELIVERIES];
}

static void
keep_relay(struct attempt *a, const struct event *ev)
{
	struct str relay = event_text(ev, EVF_relay_name);
	uint8_t mark = 0;

	if (relay.n == 0) {
		relay = event_text(ev, EVF_relay_ip);
		mark = RELAY_IS_IP;
	}
	a->relay_n = 0;
	if (relay.n == 0 || relay.n > RELAY_BYTES)
		return;
	memcpy(a->relay, relay.p, relay.n);
	a->relay_n = (uint8_t)(relay.n | mark);
}

static void
learn_as(struct bounce_join *j, const struct event *ev, const struct attempt *a,
    struct str recipient)
{
	uint64_t key = attempt_key(a->host, event_text(ev, EVF_queue_id), recipient);
	struct attempt *to = place_attempt(j, key);

	*to = *a;
	to->key = key;
}

static enum told
told_of(int64_t outcome)
{
	return outcome == OUTCOME_DEFERRED ? TOLD_DELAYED : TOLD_FAILED;
}

/* A row that a bounce left, see join_attempt(): the delivery before it is told of. */
static void
learn_told(struct bounce_join *j, const struct event *ev)
{
	uint16_t host = name_number(j, event_text(ev, EVF_host));
	struct attempt *a = find_attempt(j,
	    attempt_key(host, event_text(ev, EVF_queue_id), event_text(ev, EVF_recipient)));

	if (a != NULL)
		a->told |= (uint8_t)told_of(event_num(ev, EVF_outcome)) & 3;
}

void
bounce_join_learn(struct bounce_join *j, const struct event *ev)
{
	struct str recipient = event_text(ev, EVF_recipient);
	struct str original = event_text(ev, EVF_original_recipient);

	if (event_num(ev, EVF_kind) != KIND_ATTEMPT ||
	    event_num(ev, EVF_direction) != DIRECTION_OUTBOUND || bounce_is_report(ev) ||
	    event_text(ev, EVF_queue_id).n == 0)
		return;
	if (str_eq(event_text(ev, EVF_mta), STR("mailwarden"))) {
		learn_told(j, ev);
		return;
	}
	struct attempt a = {
		.at_us = ev->time_us,
		.host = name_number(j, event_text(ev, EVF_host)),
		.provider = name_number(j, event_text(ev, EVF_provider)),
		.outcome = (uint8_t)event_num(ev, EVF_outcome) & 7,
	};

	if (a.host == 0)
		return;
	note_host(j, a.host);
	keep_relay(&a, ev);
	if (a.outcome == OUTCOME_DELIVERED) {
		struct delivery *d = delivery_slot(j, a.host, a.provider);

		*d = (struct delivery){ a.host, a.provider, ev->time_us };
	} else {
		a.category = name_number(j, event_text(ev, EVF_category));
		a.code = name_number(j, event_text(ev, EVF_code_id));
		a.strength = (uint8_t)strength_of(ev) & 7;
		if (original.n > 0 && !str_eq_nocase(original, recipient))
			learn_as(j, ev, &a, original);
	}
	if (recipient.n > 0)
		learn_as(j, ev, &a, recipient);
}

/* --- reports --- */

static bool
note_report(struct bounce_join *j, struct str id)
{
	uint64_t hash = str_hash(id) | 1;
	size_t set = (size_t)((hash >> 1) % (BOUNCE_REPORTS / BOUNCE_WAYS));
	uint64_t *ids = &j->reports[set * BOUNCE_WAYS];

	for (size_t i = 0; i < BOUNCE_WAYS; i++)
		if (ids[i] == hash)
			return true;
	ids[j->newest[set]] = hash;
	j->newest[set] = (uint8_t)((j->newest[set] + 1) % BOUNCE_WAYS);
	return false;
}

bool
bounce_join_is_repeat(struct bounce_join *j, const struct event *ev)
{
	struct str id = event_text(ev, EVF_report_id);

	if (id.n == 0)
		return false;
	bool seen = note_report(j, id) || (j->memory.has_report != NULL &&
					      j->memory.has_report(j->memory.ctx, id));

	j->repeats += seen;
	return seen;
}

/* --- joining --- */

/* The attempt of that queue id, to one of the two recipients, on the bounce's host. */
static struct attempt *
find_of(const struct bounce_join *j, const struct event *ev, struct str queue_id)
{
	const struct str to[] = { event_text(ev, EVF_recipient),
		event_text(ev, EVF_original_recipient) };
	struct str host = event_text(ev, EVF_host);

	for (size_t h = 0; h < j->nhosts && queue_id.n > 0; h++) {
		if (!is_same_host(name_text(j, j->hosts[h]), host))
			continue;
		for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
			struct attempt *a =
			    to[i].n == 0 ? NULL
					 : find_attempt(j,
					       attempt_key(j->hosts[h], queue_id, to[i]));

			if (a != NULL)
				return a;
		}
	}
	return NULL;
}

/* Host of a message of that queue id, as the log names it; p NULL: none is known. */
static struct str
host_of_message(const struct bounce_join *j, const struct message_context *messages,
    const struct event *ev, struct str queue_id)
{
	struct str host = event_text(ev, EVF_host);

	if (queue_id.n == 0)
		return (struct str){ NULL, 0 };
	if (messages != NULL && message_context_has(messages, host, queue_id))
		return host;
	for (size_t h = 0; h < j->nhosts; h++) {
		struct str name = name_text(j, j->hosts[h]);

		if (messages != NULL && is_same_host(name, host) &&
		    message_context_has(messages, name, queue_id))
			return name;
	}
	return (struct str){ NULL, 0 };
}

static void
take_row(void *ctx, const struct event *row)
{
	struct bounce_join *j = ctx;

	j->row_of_host |= is_same_host(event_text(row, EVF_host), j->wanted);
	bounce_join_learn(j, row);
}

/* True: the store knows a message of that queue id. Its attempts are in the table now. */
static bool
ask_memory(struct bounce_join *j, const struct event *ev, struct str queue_id)
{
	uint64_t hash = str_hash(queue_id) | 1;

	if (queue_id.n == 0 || j->memory.look_up == NULL || j->missed == hash)
		return false;
	j->row_of_host = false;
	j->wanted = event_text(ev, EVF_host);
	j->memory.look_up(j->memory.ctx, queue_id, ev->time_us, take_row, j);
	if (!j->row_of_host)
		j->missed = hash; /* a message with a thousand recipients asks once */
	return j->row_of_host;
}

static void
set_name(const struct bounce_join *j, struct event *ev, enum event_field f, uint16_t name)
{
	if (name != 0)
		event_set_text(ev, f, name_text(j, name));
}

static enum event_outcome
outcome_of(const struct event *ev)
{
	return str_eq(event_text(ev, EVF_dsn_action), STR("delayed")) ? OUTCOME_DEFERRED
								      : OUTCOME_BOUNCED;
}

static void
become_attempt(const struct bounce_join *j, struct event *ev, const struct attempt *a,
    struct str queue_id)
{
	event_set_num(ev, EVF_kind, KIND_ATTEMPT);
	event_set_num(ev, EVF_direction, DIRECTION_OUTBOUND);
	event_set_num(ev, EVF_outcome, outcome_of(ev));
	event_set_text(ev, EVF_queue_id, queue_id);
	set_name(j, ev, EVF_host, a->host);
}

/* The log and the bounce tell of the same: who knows better? */
static enum bounce_news
tell_more(struct bounce_join *j, struct event *ev, struct attempt *a)
{
	enum strength strength = strength_of(ev);
	const struct delivery *d = delivery_slot(j, a->host, a->provider);

	event_set_text(ev, EVF_known, STR("attempt"));
	event_set_num(ev, EVF_repeated, 0);
	set_name(j, ev, EVF_provider, a->provider);
	if (a->relay_n > 0) {
		struct str relay = { a->relay, a->relay_n & ~RELAY_IS_IP };
		bool is_ip = (a->relay_n & RELAY_IS_IP) != 0;

		event_unset(ev, EVF_relay_name);
		event_unset(ev, EVF_relay_ip);
		event_set_text(ev, is_ip ? EVF_relay_ip : EVF_relay_name, relay);
	}
	if (strength <= a->strength) {
		event_unset(ev, EVF_category);
		event_unset(ev, EVF_code_id);
		event_unset(ev, EVF_suspected);
		set_name(j, ev, EVF_category, a->category);
		set_name(j, ev, EVF_code_id, a->code);
		if (a->strength == STRENGTH_SUSPECTED)
			event_set_num(ev, EVF_suspected, 1);
		return BOUNCE_NO_NEWS;
	}
	a->strength = (uint8_t)strength & 7;
	a->category = name_number(j, event_text(ev, EVF_category));
	a->code = name_number(j, event_text(ev, EVF_code_id));
	bool since = a->provider != 0 && d->host == a->host && d->provider == a->provider &&
		     d->at_us > a->at_us;

	return since ? BOUNCE_MORE_LATE : BOUNCE_MORE;
}

static enum bounce_news
join_attempt(struct bounce_join *j, struct event *ev, struct attempt *a,
    struct str queue_id)
{
	enum told told = told_of(outcome_of(ev));

	if (a->outcome != OUTCOME_DELIVERED) {
		become_attempt(j, ev, a, queue_id);
		return tell_more(j, ev, a);
	}
	event_set_text(ev, EVF_known, STR("delivered"));
	if ((a->told & told) != 0) {
		event_set_text(ev, EVF_queue_id, queue_id);
		set_name(j, ev, EVF_host, a->host);
		return BOUNCE_NO_NEWS;
	}
	a->told |= (uint8_t)told & 3;
	become_attempt(j, ev, a, queue_id);
	return BOUNCE_AS_IT_IS;
}

static bool
is_failure(const struct event *ev)
{
	struct str action = event_text(ev, EVF_dsn_action);

	return str_eq(action, STR("failed")) || str_eq(action, STR("delayed"));
}

enum bounce_news
bounce_join_apply(struct bounce_join *j, const struct message_context *messages,
    struct event *ev)
{
	if (!bounce_is_report(ev) || event_num(ev, EVF_kind) != KIND_DSN)
		return BOUNCE_AS_IT_IS;
	const struct str ids[] = { event_text(ev, EVF_queue_id),
		event_text(ev, EVF_related_queue_id) };
	bool failure = is_failure(ev), known = false;

	event_unset(ev, EVF_related_queue_id); /* a guess, and no message's parent */
	for (size_t i = 0; i < 2 && failure; i++) {
		struct attempt *a = find_of(j, ev, ids[i]);

		if (a != NULL)
			return join_attempt(j, ev, a, ids[i]);
	}
	for (size_t i = 0; i < 2; i++) {
		struct str host = host_of_message(j, messages, ev, ids[i]);
		bool in_store = ask_memory(j, ev, ids[i]);
		struct attempt *a = in_store && failure ? find_of(j, ev, ids[i]) : NULL;

		if (a != NULL)
			return join_attempt(j, ev, a, ids[i]);
		if (known || (host.p == NULL && !in_store))
			continue;
		known = true;
		event_set_text(ev, EVF_queue_id, ids[i]);
		if (host.p != NULL)
			event_set_text(ev, EVF_host, host);
	}
	event_set_text(ev, EVF_known, known ? STR("message") : STR("none"));
	return failure ? BOUNCE_AS_IT_IS : BOUNCE_NO_NEWS;
}
