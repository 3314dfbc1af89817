/* Attempts and messages, read back as events. */
#include "store/private.h"

static void
set_text(struct event *ev, enum event_field field, const struct query *q, int col)
{
	struct str text = query_col_text(q, col);

	if (text.p != NULL)
		event_set_text(ev, field, text);
}

static void
set_number(struct event *ev, enum event_field field, const struct query *q, int col)
{
	if (!query_col_is_null(q, col))
		event_set_num(ev, field, query_col_int(q, col));
}

void
store_set_field(struct event *ev, enum event_field field, const struct query *q, int col)
{
	if (event_field_is_text(field))
		set_text(ev, field, q, col);
	else
		set_number(ev, field, q, col);
}

/* As the columns are, in order: the first is the time. */
static int
walk(struct query *q, const enum event_field *fields, int nfields, store_event_fn *fn,
    void *ctx, struct err *err)
{
	int r;

	while ((r = query_next(q, "read store", err)) > 0) {
		struct event ev = { .time_us = query_col_int(q, 0), .offset = -1 };

		for (int i = 0; i < nfields; i++)
			store_set_field(&ev, fields[i], q, i + 1);
		if ((r = fn(ctx, &ev)) != 0)
			return r;
	}
	return r;
}

int
store_each_attempt(struct store *store, int64_t n, store_event_fn *fn, void *ctx,
    struct err *err)
{
	static const enum event_field fields[] = { EVF_kind, EVF_host, EVF_mta,
		EVF_direction, EVF_outcome, EVF_provider, EVF_queue_id, EVF_recipient,
		EVF_relay_name, EVF_relay_ip, EVF_category, EVF_code_id, EVF_suspected,
		EVF_reply };
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT time, ?2, h.text, m.text, direction, outcome, p.text, queue_id, recipient, "
	    "relay_name, relay_ip, c.text, d.text, suspected, reply "
	    "FROM (SELECT * FROM attempt ORDER BY id DESC LIMIT ?1) a "
	    "LEFT JOIN word h ON h.id = host LEFT JOIN word m ON m.id = mta "
	    "LEFT JOIN word p ON p.id = provider LEFT JOIN word c ON c.id = category "
	    "LEFT JOIN word d ON d.id = code_id ORDER BY a.id");

	query_int(&q, n);
	query_int(&q, KIND_ATTEMPT);
	return walk(&q, fields, sizeof fields / sizeof *fields, fn, ctx, err);
}

int
store_each_of_queue_id(struct store *store, struct str queue_id, int64_t since_us,
    int64_t until_us, store_event_fn *fn, void *ctx, struct err *err)
{
	static const enum event_field fields[] = { EVF_kind, EVF_host, EVF_mta,
		EVF_queue_id, EVF_size, EVF_recipients, EVF_sender, EVF_message_id,
		EVF_sasl_user, EVF_relay_name, EVF_relay_ip, EVF_recipient, EVF_direction,
		EVF_outcome, EVF_provider, EVF_smtp_code, EVF_status, EVF_category,
		EVF_code_id, EVF_suspected, EVF_delay, EVF_reply, EVF_origin,
		EVF_related_queue_id };
	/* Keys of neighbouring hours differ by 1 << 32. CROSS JOIN is SQLite's word for "in
	 * this order": hours first, then the index. */
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "WITH RECURSIVE keys (key) AS (SELECT ?2 UNION ALL "
	    "SELECT key + 4294967296 FROM keys WHERE key < ?3), "
	    "found AS (SELECT m.time, ?4 AS kind, m.id, host, mta, queue_id, size, "
	    "recipients, "
	    "sender, message_id, sasl_user, client_name AS relay_name, client_ip AS "
	    "relay_ip, "
	    "NULL AS recipient, NULL AS direction, NULL AS outcome, 0 AS provider, "
	    "NULL AS smtp_code, NULL AS status, 0 AS category, 0 AS code_id, "
	    "NULL AS suspected, NULL AS delay, NULL AS reply, origin, related "
	    "FROM keys CROSS JOIN message m ON m.queue = key WHERE queue_id = ?1 UNION ALL "
	    "SELECT a.time, ?5, a.id, host, mta, queue_id, NULL, NULL, NULL, NULL, NULL, "
	    "relay_name, relay_ip, recipient, direction, outcome, provider, smtp_code, "
	    "status, "
	    "category, code_id, suspected, delay, reply, NULL, related "
	    "FROM keys CROSS JOIN attempt a ON a.queue = key WHERE queue_id = ?1) "
	    "SELECT time, kind, h.text, m.text, queue_id, size, recipients, sender, "
	    "message_id, "
	    "sasl_user, relay_name, relay_ip, recipient, nullif(direction, 0), "
	    "nullif(outcome, 0), p.text, smtp_code, status, c.text, d.text, suspected, "
	    "delay, "
	    "reply, origin, related FROM found LEFT JOIN word h ON h.id = host LEFT JOIN word m ON m.id = "
	    "mta "
	    "LEFT JOIN word p ON p.id = provider LEFT JOIN word c ON c.id = category "
	    "LEFT JOIN word d ON d.id = code_id WHERE time BETWEEN ?6 AND ?7 "
	    "ORDER BY time, kind, found.id");

	queue_id = str_head(queue_id, STORE_TEXT_BYTES);
	query_text(&q, queue_id);
	query_int(&q, message_queue_key(queue_id, since_us));
	query_int(&q, message_queue_key(queue_id, until_us));
	query_int(&q, KIND_ACCEPTED);
	query_int(&q, KIND_ATTEMPT);
	query_int(&q, since_us);
	query_int(&q, until_us);
	return walk(&q, fields, sizeof fields / sizeof *fields, fn, ctx, err);
}
