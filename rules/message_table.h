/*
 * message_table - the messages seen last, by queue id and by message id
 *
 * Purpose    Fixed places for what is known of a message; for rules/message_context.h.
 * Ownership  The caller frees with message_table_free(). Entries live until others take
 *            their place; texts are copied.
 * Limits     MESSAGES_KEPT entries, first in, first out, evictions counted; of eight
 *            whose keys share a set a ninth takes the oldest one's place before its time.
 *            Of each text the bytes below, the rest is cut off; a queue id that is longer
 *            is none of these servers'.
 */
#ifndef RULES_MESSAGE_TABLE_H
#define RULES_MESSAGE_TABLE_H

#include "core/event.h"

enum {
	MESSAGES_KEPT = 16384,

	MESSAGE_QUEUE_ID_BYTES = 24,
	MESSAGE_ADDRESS_BYTES = 104,
	MESSAGE_LOGIN_BYTES = 48,
	MESSAGE_ID_BYTES = 96,
	MESSAGE_BYTES = 2 * MESSAGE_QUEUE_ID_BYTES + MESSAGE_ADDRESS_BYTES +
			MESSAGE_LOGIN_BYTES + MESSAGE_ID_BYTES,
};

enum message_fact {
	FACT_QUEUE_ID,
	FACT_SENDER,
	FACT_MESSAGE_ID,
	FACT_SASL_USER,
	FACT_RELATED,
	FACT_TEXTS,
	FACT_SIZE = FACT_TEXTS,
};

/* Which of its lines were seen; a line that comes before those is a new message's. */
enum message_reached {
	REACHED_NOTHING,
	REACHED_OPENED, /* Postfix: client=, uid= */
	REACHED_NAMED,  /* message-id= */
	REACHED_QUEUED, /* from=, size= */
};

struct message_entry {
	uint64_t key;
	int64_t at_us; /* when it was seen first */
	int64_t size;
	uint32_t host, instance; /* hashes */
	uint8_t origin;          /* enum event_origin */
	uint8_t reached;
	uint8_t known; /* 1 << enum message_fact */
	bool linked;   /* another line told where it came from */
	bool open;    /* only other messages' lines told of it: its instance is not known */
	bool returns; /* a client of a kind that filters and proxies are */
	struct {
		uint16_t at;
		uint8_t n;
	} texts[FACT_TEXTS];
	uint16_t used;
	char bytes[MESSAGE_BYTES];
};

struct message_table;

struct message_table *message_table_new(void); /* NULL without memory */
void message_table_free(struct message_table *table);

uint64_t message_table_key(uint32_t host, struct str queue_id);

/* The newest with that key, of that instance if there is one, else of any. */
struct message_entry *message_table_find(const struct message_table *table, uint64_t key,
    uint32_t instance);
/* A new one, also if there is one with that key. Takes the oldest one's place. */
struct message_entry *message_table_add(struct message_table *table, uint64_t key);

/* p is NULL if it is not known. */
struct str message_fact(const struct message_entry *entry, enum message_fact fact);
/* What was told first stays; p == NULL tells nothing. */
void message_learn(struct message_entry *entry, enum message_fact fact, struct str text);

/* From now on this is the one that is found by its message id, on its host. */
void message_table_name(struct message_table *table, const struct message_entry *entry);
struct message_entry *message_table_named(const struct message_table *table, uint32_t host,
    struct str message_id);

uint64_t message_table_evicted(const struct message_table *table);

#endif
