#include "rules/message_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * Entries lie in a ring, so those of the messages under way lie together. They are named by
 * a number that counts up. The index tells entries of a set apart without a look at them; a
 * number that is not among the last MESSAGES_KEPT is of an entry that is gone.
 */
enum { SETS = 8192, WAYS = 8, NAMES = 2 * MESSAGES_KEPT, LINE_BYTES = 64 };

struct place {
	uint32_t number; /* 0: free */
	uint32_t tag;    /* of the key */
};

struct message_table {
	uint32_t newest; /* number of the last one; 0: none yet */
	uint64_t added, crowded;
	struct place *places;  /* by key: SETS of WAYS, a set in a cache line */
	uint32_t names[NAMES]; /* by message id; the newest only */
	struct message_entry entries[MESSAGES_KEPT];
};

static_assert(sizeof(struct message_table) + SETS * WAYS * sizeof(struct place) < 7 << 20,
    "the ceiling that is told");
static_assert((MESSAGES_KEPT & (MESSAGES_KEPT - 1)) == 0, "numbers wrap around");
static_assert(MESSAGE_ID_BYTES <= UINT8_MAX && MESSAGE_ADDRESS_BYTES <= UINT8_MAX,
    "lengths are bytes");
static_assert(WAYS * sizeof(struct place) == LINE_BYTES, "a set in a cache line");

static const uint8_t most_bytes[FACT_TEXTS] = {
	[FACT_QUEUE_ID] = MESSAGE_QUEUE_ID_BYTES,
	[FACT_SENDER] = MESSAGE_ADDRESS_BYTES,
	[FACT_MESSAGE_ID] = MESSAGE_ID_BYTES,
	[FACT_SASL_USER] = MESSAGE_LOGIN_BYTES,
	[FACT_RELATED] = MESSAGE_QUEUE_ID_BYTES,
};

struct message_table *
message_table_new(void)
{
	const size_t bytes = SETS * WAYS * sizeof(struct place);
	struct message_table *table = calloc(1, sizeof(struct message_table));

	if (table == NULL)
		return NULL;
	table->places = aligned_alloc(LINE_BYTES, bytes);
	if (table->places == NULL) {
		free(table);
		return NULL;
	}
	memset(table->places, 0, bytes);
	return table;
}

void
message_table_free(struct message_table *table)
{
	if (table == NULL)
		return;
	free(table->places);
	free(table);
}

uint64_t
message_table_key(uint32_t host, struct str queue_id)
{
	return (str_hash(queue_id) ^ host) * UINT64_C(0x9e3779b97f4a7c15);
}

static struct place *
set_of(const struct message_table *table, uint64_t key)
{
	return &table->places[(key >> 40) % SETS * WAYS];
}

static bool
is_there(const struct message_table *table, uint32_t number)
{
	return number != 0 && table->newest - number < MESSAGES_KEPT;
}

static struct message_entry *
entry_of(const struct message_table *table, uint32_t number)
{
	return (struct message_entry *)&table->entries[number % MESSAGES_KEPT];
}

struct message_entry *
message_table_find(const struct message_table *table, uint64_t key, uint32_t instance)
{
	const struct place *set = set_of(table, key);
	struct message_entry *found = NULL;
	uint32_t least = MESSAGES_KEPT;

	for (size_t i = 0; i < WAYS; i++) {
		uint32_t age = table->newest - set[i].number;

		if (set[i].tag != (uint32_t)key || !is_there(table, set[i].number))
			continue;
		struct message_entry *e = entry_of(table, set[i].number);

		if (e->key != key)
			continue;
		if (e->instance != instance) /* the last resort */
			age += MESSAGES_KEPT;
		if (found == NULL || age < least) {
			found = e;
			least = age;
		}
	}
	return found;
}

struct message_entry *
message_table_add(struct message_table *table, uint64_t key)
{
	struct place *set = set_of(table, key), *oldest = set;

	if (++table->newest == 0)
		table->newest = MESSAGES_KEPT; /* 0 means none */
	for (size_t i = 0; i < WAYS; i++) {
		if (!is_there(table, set[i].number)) {
			oldest = &set[i];
			break;
		}
		if (table->newest - set[i].number > table->newest - oldest->number)
			oldest = &set[i];
	}
	if (is_there(table, oldest->number))
		table->crowded++;
	*oldest = (struct place){ table->newest, (uint32_t)key };

	struct message_entry *e = entry_of(table, table->newest);

	memset(e, 0, offsetof(struct message_entry, bytes));
	e->key = key;
	table->added++;
	return e;
}

struct str
message_fact(const struct message_entry *e, enum message_fact fact)
{
	if ((e->known & 1u << fact) == 0)
		return (struct str){ NULL, 0 };
	return (struct str){ e->bytes + e->texts[fact].at, e->texts[fact].n };
}

void
message_learn(struct message_entry *e, enum message_fact fact, struct str text)
{
	if (text.p == NULL || (e->known & 1u << fact) != 0)
		return;
	text = str_head(text, most_bytes[fact]);
	assert(e->used + text.n <= sizeof e->bytes);
	e->texts[fact].at = e->used;
	e->texts[fact].n = (uint8_t)text.n;
	if (text.n > 0)
		memcpy(e->bytes + e->used, text.p, text.n);
	e->used = (uint16_t)(e->used + text.n);
	e->known |= (uint8_t)(1u << fact);
}

static uint32_t *
name_place(const struct message_table *table, uint32_t host, struct str message_id)
{
	uint64_t hash = str_hash(message_id) ^ host;

	return (uint32_t *)&table->names[hash % NAMES];
}

void
message_table_name(struct message_table *table, const struct message_entry *e)
{
	size_t index = (size_t)(e - table->entries);
	uint32_t back = (table->newest - (uint32_t)index) % MESSAGES_KEPT;

	*name_place(table, e->host, message_fact(e, FACT_MESSAGE_ID)) =
	    table->newest - back;
}

struct message_entry *
message_table_named(const struct message_table *table, uint32_t host, struct str message_id)
{
	message_id = str_head(message_id, MESSAGE_ID_BYTES);
	uint32_t number = *name_place(table, host, message_id);

	if (!is_there(table, number))
		return NULL;
	struct message_entry *e = entry_of(table, number);

	return e->host == host && str_eq(message_fact(e, FACT_MESSAGE_ID), message_id)
		   ? e
		   : NULL;
}

uint64_t
message_table_evicted(const struct message_table *table)
{
	return table->crowded +
	       (table->added < MESSAGES_KEPT ? 0 : table->added - MESSAGES_KEPT);
}
