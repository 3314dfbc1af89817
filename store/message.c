#include "store/message.h"

#include <string.h>

#include "rules/message_context.h"

static const int64_t hour_us = INT64_C(3600) * 1000000;

static int64_t
hour_of(int64_t time_us)
{
	return time_us < 0 ? 0 : time_us / hour_us;
}

/* FNV-1a, 32 bits: stands in files, so it stays as it is whatever str_hash() becomes. */
int64_t
message_queue_key(struct str queue_id, int64_t time_us)
{
	uint32_t hash = 2166136261u;
	int64_t hour = hour_of(time_us);

	for (size_t i = 0; i < queue_id.n; i++)
		hash = (hash ^ (unsigned char)queue_id.p[i]) * 16777619u;
	return (hour > INT32_MAX ? INT32_MAX : hour) << 32 | hash;
}

static uint64_t
memory_key(uint32_t host, struct str queue_id)
{
	uint64_t key = (str_hash(queue_id) ^ host) * UINT64_C(0x9e3779b97f4a7c15);

	return key == 0 ? 1 : key;
}

static unsigned
known_of(enum event_origin origin)
{
	if (origin == ORIGIN_UNKNOWN)
		return 0;
	return MESSAGE_HAS_ORIGIN | (origin == ORIGIN_LOCAL ? 0 : MESSAGE_IS_SETTLED);
}

struct message
message_of_event(const struct event *ev, uint32_t host, uint32_t mta, uint32_t instance)
{
	static const enum event_field texts[MESSAGE_TEXTS] = {
		[MESSAGE_SENDER] = EVF_sender,
		[MESSAGE_ID] = EVF_message_id,
		[MESSAGE_SASL_USER] = EVF_sasl_user,
		[MESSAGE_CLIENT_NAME] = EVF_relay_name,
		[MESSAGE_CLIENT_IP] = EVF_relay_ip,
		[MESSAGE_RELATED] = EVF_related_queue_id,
	};
	struct message m = {
		.time_us = ev->time_us,
		.host = host,
		.mta = mta,
		.instance = instance,
		.queue_id = str_head(event_text(ev, EVF_queue_id), STORE_TEXT_BYTES),
		.size = event_num(ev, EVF_size),
		.recipients = event_num(ev, EVF_recipients),
		.origin = (enum event_origin)event_num(ev, EVF_origin),
	};

	for (int i = 0; i < MESSAGE_TEXTS; i++) {
		m.texts[i] = str_head(event_text(ev, texts[i]), STORE_TEXT_BYTES);
		if (m.texts[i].p != NULL)
			m.known |= 1u << i;
	}
	if (event_has(ev, EVF_size))
		m.known |= MESSAGE_HAS_SIZE;
	if (event_has(ev, EVF_recipients))
		m.known |= MESSAGE_HAS_RECIPIENTS;
	m.known |= known_of(m.origin) | (instance != 0 ? MESSAGE_HAS_INSTANCE : 0);
	return m;
}

struct message
message_of_link(const struct event *ev, const struct message_link *link, uint32_t host,
    uint32_t mta)
{
	struct message m = {
		.time_us = ev->time_us,
		.host = host,
		.mta = mta,
		.queue_id = str_head(link->queue_id, STORE_TEXT_BYTES),
		.origin = link->origin,
		.known = known_of(link->origin),
		.texts = { [MESSAGE_SENDER] = link->sender,
		    [MESSAGE_SASL_USER] = link->sasl_user,
		    [MESSAGE_RELATED] = link->related },
	};

	for (int i = 0; i < MESSAGE_TEXTS; i++) {
		m.texts[i] = str_head(m.texts[i], STORE_TEXT_BYTES);
		if (m.texts[i].p != NULL)
			m.known |= 1u << i;
	}
	return m;
}

/* Nothing more is to come, or little: Postfix' "queue active" is the last part. */
static bool
is_complete(const struct message *m)
{
	return (m->known & 1u << MESSAGE_SENDER) != 0 &&
	       (m->known & (MESSAGE_HAS_SIZE | MESSAGE_HAS_RECIPIENTS)) != 0;
}

static void
bind_facts(struct query *q, const struct message *m)
{
	struct str related = m->texts[MESSAGE_RELATED];

	query_int_or_null(q, (m->known & MESSAGE_HAS_SIZE) != 0, m->size);
	query_int_or_null(q, (m->known & MESSAGE_HAS_RECIPIENTS) != 0, m->recipients);
	query_int_or_null(q, m->origin != ORIGIN_UNKNOWN, m->origin);
	query_int_or_null(q, m->instance != 0, m->instance);
	query_int_or_null(q, related.n > 0, message_queue_key(related, m->time_us));
	for (int i = 0; i < MESSAGE_TEXTS; i++)
		query_text(q, m->texts[i]);
}

/* --- rows that were written --- */

static struct message_seen *
seen_set(struct messages *messages, uint64_t key)
{
	return messages->seen[key % (MESSAGE_SEEN / MESSAGE_WAYS)];
}

/* Takes the place of the oldest in its set. */
static void
seen_add(struct messages *messages, uint64_t key, const struct message *m, int64_t id)
{
	struct message_seen *set = seen_set(messages, key), *oldest = set;

	for (int i = 0; i < MESSAGE_WAYS; i++) {
		if (set[i].key == key && set[i].id > id)
			return;
		if (set[i].key == key) {
			oldest = &set[i];
			break;
		}
		if (set[i].id < oldest->id)
			oldest = &set[i];
	}
	if (oldest->id < id)
		*oldest = (struct message_seen){ key, id,
			(int32_t)(message_queue_key(m->queue_id, m->time_us) >> 32),
			m->known };
}

static struct message_seen *
seen_find(struct messages *messages, uint64_t key, int64_t time_us)
{
	struct message_seen *set = seen_set(messages, key);
	int64_t hour = hour_of(time_us);

	for (int i = 0; i < MESSAGE_WAYS; i++)
		if (set[i].key == key && set[i].id != 0) {
			int64_t age_h = hour - set[i].hour;

			return age_h > MESSAGE_LIFE_H || age_h < -MESSAGE_LIFE_H ? NULL
										 : &set[i];
		}
	return NULL;
}

/* After a start, what the file tells about the newest messages. */
static int
warm_up(struct messages *messages, struct db *db, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(db,
	    "SELECT id, time, host, queue_id, "
	    "(sender IS NOT NULL) | (message_id IS NOT NULL) << 1 | "
	    "(sasl_user IS NOT NULL) << 2 | (client_name IS NOT NULL) << 3 | "
	    "(client_ip IS NOT NULL) << 4 | (related IS NOT NULL) << 5 | "
	    "(size IS NOT NULL) << 6 | (recipients IS NOT NULL) << 7 | "
	    "(origin IS NOT NULL) << 8 | (coalesce(origin, 3) <> 3) << 9 | "
	    "(instance IS NOT NULL) << 10 FROM message ORDER BY id DESC LIMIT ?1");
	int r;

	messages->next_id = 1;
	query_int(&q, MESSAGE_SEEN);
	while ((r = query_next(&q, "read store", err)) > 0) {
		struct message m = {
			.time_us = query_col_int(&q, 1),
			.host = (uint32_t)query_col_int(&q, 2),
			.queue_id = query_col_text(&q, 3),
			.known = (unsigned)query_col_int(&q, 4),
		};
		int64_t id = query_col_int(&q, 0);

		if (id >= messages->next_id)
			messages->next_id = id + 1;
		seen_add(messages, memory_key(m.host, m.queue_id), &m, id);
	}
	messages->warm = r == 0;
	return r;
}

static int
write_row(struct messages *messages, struct db *db, const struct message *m,
    struct err *err)
{
	struct query q = query_kept(db, Q_MESSAGE_ADD);
	int64_t id = m->id != 0 ? m->id : messages->next_id++;

	query_int(&q, id);
	query_int(&q, m->time_us);
	query_int(&q, message_queue_key(m->queue_id, m->time_us));
	query_int(&q, m->host);
	query_int(&q, m->mta);
	query_text(&q, m->queue_id);
	bind_facts(&q, m);
	int r = query_run(&q, "write to store", err);

	if (r == 0)
		seen_add(messages, memory_key(m->host, m->queue_id), m, id);
	return r;
}

static int
add_to_row(struct messages *messages, struct db *db, struct message_seen *seen,
    const struct message *m, struct err *err)
{
	if ((m->known & ~seen->known) == 0)
		return 0;
	struct query q = query_kept(db, Q_MESSAGE_MERGE);

	query_int(&q, seen->id);
	bind_facts(&q, m);
	int r = query_run(&q, "write to store", err);

	if (r < 0)
		return r;
	if (sqlite3_changes(db->sql) == 0) { /* the retention took it */
		seen->key = 0;
		return write_row(messages, db, m, err);
	}
	seen->known |= m->known;
	return 0;
}

/* --- messages in the making --- */

static bool
keep_text(struct message_part *part, struct str *to, struct str from)
{
	if (from.n > sizeof part->bytes - part->used)
		return false;
	to->p = part->bytes + part->used;
	to->n = from.n;
	if (from.n > 0)
		memcpy(part->bytes + part->used, from.p, from.n);
	part->used += from.n;
	return true;
}

/* What was told first stays, but for an origin that may be settled. False: no room, part of it may have been taken. */
static bool
merge(struct message_part *part, const struct message *m)
{
	unsigned fresh = m->known & ~part->row.known;

	if ((fresh & MESSAGE_HAS_SIZE) != 0)
		part->row.size = m->size;
	if ((fresh & MESSAGE_HAS_RECIPIENTS) != 0)
		part->row.recipients = m->recipients;
	if ((fresh & (MESSAGE_HAS_ORIGIN | MESSAGE_IS_SETTLED)) != 0)
		part->row.origin = m->origin;
	if ((fresh & MESSAGE_HAS_INSTANCE) != 0)
		part->row.instance = m->instance;
	part->row.known |= fresh & ~(unsigned)MESSAGE_ALL_TEXTS;
	for (int i = 0; i < MESSAGE_TEXTS; i++) {
		if ((fresh & 1u << i) == 0)
			continue;
		if (!keep_text(part, &part->row.texts[i], m->texts[i]))
			return false;
		part->row.known |= 1u << i;
	}
	return true;
}

static bool
begin_part(struct message_part *part, uint64_t key, const struct message *m)
{
	part->row = (struct message){
		.id = m->id,
		.time_us = m->time_us,
		.host = m->host,
		.mta = m->mta,
	};
	part->used = 0;
	if (!keep_text(part, &part->row.queue_id, m->queue_id) || !merge(part, m))
		return false;
	part->key = key;
	return true;
}

static int
finish_part(struct messages *messages, struct db *db, struct message_part *part,
    struct err *err)
{
	if (part->key == 0)
		return 0;
	part->key = 0;
	return write_row(messages, db, &part->row, err);
}

/* Adds to the part that waits there; too much for it, and row and rest are written. */
static int
continue_part(struct messages *messages, struct db *db, struct message_part *part,
    const struct message *m, struct err *err)
{
	uint64_t key = part->key;

	if (merge(part, m))
		return is_complete(&part->row) ? finish_part(messages, db, part, err) : 0;
	int r = finish_part(messages, db, part, err);
	struct message_seen *seen = r < 0 ? NULL : seen_find(messages, key, m->time_us);

	return seen == NULL ? r : add_to_row(messages, db, seen, m, err);
}

int
messages_take(struct messages *messages, struct db *db, const struct message *m,
    struct err *err)
{
	uint64_t key = memory_key(m->host, m->queue_id);
	struct message_part *part = &messages->parts[(key >> 32) % MESSAGE_PARTS];
	int r;

	if (m->queue_id.n == 0)
		return 0;
	if (part->key == key)
		return continue_part(messages, db, part, m, err);
	if (!messages->warm && (r = warm_up(messages, db, err)) < 0)
		return r;

	struct message_seen *seen = seen_find(messages, key, m->time_us);

	if (seen != NULL)
		return add_to_row(messages, db, seen, m, err);
	if (is_complete(m))
		return write_row(messages, db, m, err);
	if ((r = finish_part(messages, db, part, err)) < 0)
		return r;
	struct message numbered = *m;

	numbered.id = messages->next_id++;
	return begin_part(part, key, &numbered) ? 0
						: write_row(messages, db, &numbered, err);
}

int
messages_removed(struct messages *messages, struct db *db, uint32_t host,
    struct str queue_id, struct err *err)
{
	uint64_t key = memory_key(host, str_head(queue_id, STORE_TEXT_BYTES));
	struct message_seen *set = seen_set(messages, key);

	if (!messages->warm) {
		int r = warm_up(messages, db, err);

		if (r < 0)
			return r;
	}
	for (int i = 0; i < MESSAGE_WAYS; i++)
		if (set[i].key == key)
			set[i] = (struct message_seen){ 0 };
	return 0;
}

int
messages_flush(struct messages *messages, struct db *db, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < MESSAGE_PARTS && r == 0; i++)
		r = finish_part(messages, db, &messages->parts[i], err);
	return r;
}

void
messages_clear(struct messages *messages)
{
	for (size_t i = 0; i < MESSAGE_PARTS; i++)
		messages->parts[i].key = 0;
	memset(messages->seen, 0, sizeof messages->seen);
	messages->warm = false;
}
