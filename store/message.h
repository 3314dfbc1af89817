/*
 * message - one row for a message, however many lines told of it
 *
 * Purpose    Postfix tells of one message in three lines (client=, message-id=, queue
 *            active) and repeats the last at each retry. Parts are put together in
 *            memory and written once; what comes after that is added to the row. Rows are
 *            numbered in the order of the messages' first lines, so that what is read back
 *            after a restart is in the order of an uninterrupted run.
 * Ownership  The struct is the caller's, zeroed at first; it owns nothing else.
 *            Texts are copied.
 * Limits     MESSAGE_PARTS messages in the making; when two meet in a slot the older
 *            is written as it is. MESSAGE_SEEN rows are known by queue id; a message
 *            pushed out of them, or older than MESSAGE_LIFE_H, gets a second row
 *            if it is told of again.
 */
#ifndef STORE_MESSAGE_H
#define STORE_MESSAGE_H

#include "store/db.h"

enum {
	MESSAGE_PARTS = 128,
	MESSAGE_PART_BYTES = 1024,
	MESSAGE_SEEN = 16384,
	MESSAGE_WAYS = 4,
	/* Postfix and sendmail give up after five days; an id comes again later. */
	MESSAGE_LIFE_H = 6 * 24,
};

enum message_text {
	MESSAGE_SENDER,
	MESSAGE_ID,
	MESSAGE_SASL_USER,
	MESSAGE_CLIENT_NAME,
	MESSAGE_CLIENT_IP,
	MESSAGE_RELATED,
	MESSAGE_TEXTS
};

struct message {
	int64_t id; /* of its row; 0: none yet */
	int64_t time_us;
	uint32_t host, mta, instance; /* words */
	struct str queue_id;
	int64_t size, recipients;
	enum event_origin origin;
	struct str texts[MESSAGE_TEXTS];
	unsigned known; /* 1 << enum message_text, and those below */
};

enum {
	MESSAGE_HAS_SIZE = 1 << MESSAGE_TEXTS,
	MESSAGE_HAS_RECIPIENTS = 2 << MESSAGE_TEXTS,
	MESSAGE_HAS_ORIGIN = 4 << MESSAGE_TEXTS,
	MESSAGE_IS_SETTLED = 8 << MESSAGE_TEXTS, /* not local: no line tells better */
	MESSAGE_HAS_INSTANCE = 16 << MESSAGE_TEXTS,
	MESSAGE_ALL_TEXTS = (1 << MESSAGE_TEXTS) - 1,
};

struct messages {
	struct message_part {
		uint64_t key;       /* 0: free */
		struct message row; /* its texts lie in bytes */
		size_t used;
		char bytes[MESSAGE_PART_BYTES];
	} parts[MESSAGE_PARTS];
	struct message_seen {
		uint64_t key;
		int64_t id; /* 0: free */
		int32_t hour;
		uint32_t known;
	} seen[MESSAGE_SEEN / MESSAGE_WAYS][MESSAGE_WAYS];
	int64_t next_id; /* ids of rows are given at a message's first line */
	bool warm;       /* seen holds what the file tells, next_id, too */
};

/* What an event says about its message. Views into the event. host, mta, instance: words. */
struct message message_of_event(const struct event *ev, uint32_t host, uint32_t mta,
    uint32_t instance);
struct message_link;
/* What it says about another one, by message_link_of(). */
struct message message_of_link(const struct event *ev, const struct message_link *link,
    uint32_t host, uint32_t mta);

int messages_take(struct messages *messages, struct db *db, const struct message *message,
    struct err *err);
/* It left the queue: its id may be given to another. */
int messages_removed(struct messages *messages, struct db *db, uint32_t host,
    struct str queue_id, struct err *err);
/* Before a commit: writes what is still in the making. */
int messages_flush(struct messages *messages, struct db *db, struct err *err);
/* After a rollback: forgets everything, the file tells it again. */
void messages_clear(struct messages *messages);

/* What stands in the columns `queue` and `related_queue`: the hour, and 32 bits of the queue id. */
int64_t message_queue_key(struct str queue_id, int64_t time_us);

#endif
