/* Messages: those that the context knew before a restart, and what `trace` looks for. */
#include "store/private.h"

static const enum event_field message_fields[] = { EVF_kind, EVF_host, EVF_mta, EVF_process,
	EVF_queue_id, EVF_size, EVF_recipients, EVF_origin, EVF_sender, EVF_message_id,
	EVF_sasl_user, EVF_relay_name, EVF_relay_ip, EVF_related_queue_id };

/* In their order, of a table or view `m`. The slash makes it a process of that instance. */
#define MESSAGE_COLUMNS                                                                \
	"m.time, 2, h.text, a.text, i.text || '/', m.queue_id, m.size, m.recipients, " \
	"m.origin, m.sender, m.message_id, m.sasl_user, m.client_name, m.client_ip, "  \
	"m.related "
#define MESSAGE_WORDS                                                         \
	"LEFT JOIN word h ON h.id = m.host LEFT JOIN word a ON a.id = m.mta " \
	"LEFT JOIN word i ON i.id = m.instance "

static int
walk_messages(struct query *q, store_event_fn *fn, void *ctx, struct err *err)
{
	int r;

	while ((r = query_next(q, "read store", err)) > 0) {
		struct event ev = { .time_us = query_col_int(q, 0), .offset = -1 };

		for (int i = 0; i < (int)(sizeof message_fields / sizeof *message_fields);
		     i++)
			store_set_field(&ev, message_fields[i], q, i + 1);
		if ((r = fn(ctx, &ev)) != 0)
			return r;
	}
	return r;
}

int
store_each_message(struct store *store, int64_t n, store_event_fn *fn, void *ctx,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT " MESSAGE_COLUMNS
	    "FROM (SELECT * FROM message ORDER BY id DESC LIMIT ?1) m " MESSAGE_WORDS
	    "ORDER BY m.id");

	query_int(&q, n);
	return walk_messages(&q, fn, ctx, err);
}

int
store_each_related(struct store *store, struct str queue_id, int64_t since_us,
    int64_t until_us, store_event_fn *fn, void *ctx, struct err *err)
{
	/* As store_each_of_queue_id(). */
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "WITH RECURSIVE keys (key) AS (SELECT ?2 UNION ALL "
	    "SELECT key + 4294967296 FROM keys WHERE key < ?3) "
	    "SELECT " MESSAGE_COLUMNS
	    "FROM keys CROSS JOIN message m ON m.related_queue = key " MESSAGE_WORDS
	    "WHERE m.related = ?1 AND m.time BETWEEN ?4 AND ?5 ORDER BY m.id");

	queue_id = str_head(queue_id, STORE_TEXT_BYTES);
	query_text(&q, queue_id);
	query_int(&q, message_queue_key(queue_id, since_us));
	query_int(&q, message_queue_key(queue_id, until_us));
	query_int(&q, since_us);
	query_int(&q, until_us);
	return walk_messages(&q, fn, ctx, err);
}

/*
 * `queue` begins with the hour: its index bounds the search by time, and rows of an hour
 * lie together. Which of the comparisons counts is decided before: ?2 is what to compare
 * with, and a text that is not asked for is NULL, which equals nothing.
 */
static const char find_sql[] =
    "SELECT f.time, 2, h.text, NULL, NULL, f.queue_id, NULL, NULL, NULL, NULL, NULL, "
    "NULL, NULL, NULL, NULL FROM ("
    "SELECT time, host, queue_id FROM message INDEXED BY message_queue WHERE queue >= ?1 "
    "AND (message_id = ?2 OR sender = ?3 COLLATE NOCASE OR sasl_user = ?3 COLLATE NOCASE "
    "OR substr(sender, -length(?4)) = ?4 COLLATE NOCASE "
    "OR substr(sender, 1, length(?5)) = ?5 COLLATE NOCASE) AND time >= ?6 "
    "UNION "
    "SELECT time, host, queue_id FROM attempt INDEXED BY attempt_queue WHERE queue >= ?1 "
    "AND ?7 AND (recipient = ?3 COLLATE NOCASE "
    "OR substr(recipient, -length(?4)) = ?4 COLLATE NOCASE "
    "OR substr(recipient, 1, length(?5)) = ?5 COLLATE NOCASE) AND time >= ?6) f "
    "LEFT JOIN word h ON h.id = f.host ORDER BY f.time DESC LIMIT ?8";

int
store_find_messages(struct store *store, const struct message_search *search,
    store_event_fn *fn, void *ctx, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db, find_sql);
	int64_t hour = search->since_us < 0 ? 0 : search->since_us / store_hour_us;

	query_int(&q, hour << 32);
	query_text(&q, search->message_id);
	query_text(&q, search->address);
	query_text(&q, search->ends);
	query_text(&q, search->begins);
	query_int(&q, search->since_us);
	query_int(&q, search->address.p != NULL || search->ends.p != NULL ||
			  search->begins.p != NULL);
	query_int(&q, search->most);
	return walk_messages(&q, fn, ctx, err);
}
