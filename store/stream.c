#include "store/stream.h"

#include <errno.h>

#include "rules/silence.h"
#include "store/private.h"

static const char letters[STREAM_TABLES] = { 'm', 'a', 'e', 'c' };

/* --- places --- */

void
stream_place_text(const struct stream_place *place, struct buf *out)
{
	buf_addf(out, "%08lx", (unsigned long)place->identity);
	for (int t = 0; t < STREAM_TABLES; t++)
		buf_addf(out, ".%c%lld", letters[t], (long long)place->after[t]);
}

static bool
read_identity(struct str text, uint32_t *out)
{
	uint32_t v = 0;

	if (text.n != 8)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
		v = v << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*out = v;
	return true;
}

bool
stream_place_read(struct str text, struct stream_place *out)
{
	struct stream_place place;

	if (str_ends(text, STR(".")) ||
	    !read_identity(str_cut(&text, '.'), &place.identity))
		return false;
	for (int t = 0; t < STREAM_TABLES; t++) {
		struct str part = str_cut(&text, '.');

		if (part.n < 2 || part.p[0] != letters[t] ||
		    !str_to_int(str_skip(part, 1), &place.after[t]))
			return false;
	}
	if (text.n > 0)
		return false;
	*out = place;
	return true;
}

static int
ask_one(struct store *store, const char *sql, int64_t *out, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db, sql);
	int r = query_next(&q, "read store", err);

	if (r > 0)
		*out = query_col_int(&q, 0);
	return r < 0 ? r : 0;
}

int
stream_first(struct store *store, struct stream_place *out, struct err *err)
{
	AUTO(buf_done) struct buf identity = { 0 };
	struct stream_place place = { 0 };
	int r = store_meta_get(store, STR("identity"), &identity, err);

	if (r < 0)
		return r;
	(void)read_identity(buf_str(&identity), &place.identity); /* none: 0 */
	*out = place;
	return 0;
}

static int
find_ends(struct store *store, int64_t ends[STREAM_TABLES], struct err *err)
{
	static const char *const sql[STREAM_TABLES] = {
		"SELECT coalesce(max(id), 0) FROM message",
		"SELECT coalesce(max(id), 0) FROM attempt",
		"SELECT coalesce(max(id), 0) FROM event",
		"SELECT coalesce(max(id), 0) FROM change",
	};
	int r = 0;

	for (int t = 0; t < STREAM_TABLES && r == 0; t++)
		r = ask_one(store, sql[t], &ends[t], err);
	return r;
}

int
stream_last(struct store *store, struct stream_place *out, struct err *err)
{
	struct stream_place place;
	int r = stream_first(store, &place, err);

	if (r == 0)
		r = find_ends(store, place.after, err);
	if (r == 0)
		*out = place;
	return r;
}

int
stream_check(struct store *store, const struct stream_place *place, struct err *err)
{
	struct stream_place last;
	int r = stream_last(store, &last, err);
	bool ours = r == 0 && place->identity == last.identity;

	for (int t = 0; t < STREAM_TABLES && r == 0; t++)
		ours = ours && place->after[t] <= last.after[t];
	if (r == 0 && !ours)
		return err_set(err, -ESTALE,
		    "the id is not of the store %s: it was made anew, or put back from a copy",
		    store->db.path);
	return r;
}

/* The hour's rows are gone through: the place is before the first that is late enough. */
static int
skip_earlier(struct store *store, const char *sql, int64_t since_us, int64_t last,
    int64_t *after, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db, sql);

	query_int(&q, *after);
	query_int(&q, since_us);
	int r = query_next(&q, "read store", err);

	if (r >= 0)
		*after = r > 0 ? query_col_int(&q, 0) : last;
	return r < 0 ? r : 0;
}

/*
 * The big tables have no index by time, but one that begins with the hour; rows without a
 * queue id stand at its beginning, and are few. 1 << 32: see message_queue_key(). The plus
 * keeps SQLite from walking along the ids until a row fits.
 */
int
stream_since(struct store *store, int64_t since_us, struct stream_place *out,
    struct err *err)
{
	static const struct {
		const char *sql, *by_hour; /* by_hour: what comes behind the hour's begin */
	} queries[STREAM_TABLES] = {
		[STREAM_MESSAGE] = { "SELECT min(+id) - 1 FROM message WHERE queue >= ?1 << 32",
		    "SELECT id - 1 FROM message WHERE id > ?1 AND time >= ?2 "
		    "ORDER BY id LIMIT 1" },
		[STREAM_ATTEMPT] = { "SELECT min(+id) - 1 FROM ("
				     "SELECT min(+id) AS id FROM attempt "
				     "WHERE queue >= ?1 << 32 UNION ALL "
				     "SELECT min(+id) FROM attempt WHERE queue IS NULL "
				     "AND time >= ?1 * 3600000000)",
		    "SELECT id - 1 FROM attempt WHERE id > ?1 AND time >= ?2 "
		    "ORDER BY id LIMIT 1" },
		[STREAM_EVENT] = { "SELECT min(+id) - 1 FROM event WHERE time >= ?1",
		    NULL },
		[STREAM_CHANGE] = { "SELECT min(+id) - 1 FROM change WHERE at >= ?1",
		    NULL },
	};
	struct stream_place place;
	int r = stream_last(store, &place, err);

	for (int t = 0; t < STREAM_TABLES && r == 0; t++) {
		AUTO(auto_query) struct query q = query_once(&store->db, queries[t].sql);

		int64_t last = place.after[t];

		query_int(&q,
		    queries[t].by_hour != NULL ? store_hour(since_us) / 3600 : since_us);
		r = query_next(&q, "read store", err);
		if (r > 0 && !query_col_is_null(&q, 0))
			place.after[t] = query_col_int(&q, 0);
		r = r < 0 ? r : 0;
		if (r == 0 && queries[t].by_hour != NULL)
			r = skip_earlier(store, queries[t].by_hour, since_us, last,
			    &place.after[t], err);
	}
	if (r == 0)
		*out = place;
	return r;
}

/* --- reading --- */

/* Columns from the third on; the first two are the row and its time. */
static const enum event_field message_fields[] = { EVF_host, EVF_mta, EVF_queue_id,
	EVF_related_queue_id, EVF_origin, EVF_size, EVF_recipients, EVF_sender,
	EVF_message_id, EVF_sasl_user, EVF_relay_name, EVF_relay_ip };
static const enum event_field attempt_fields[] = { EVF_host, EVF_mta, EVF_queue_id,
	EVF_related_queue_id, EVF_direction, EVF_outcome, EVF_provider, EVF_recipient,
	EVF_relay_name, EVF_relay_ip, EVF_smtp_code, EVF_status, EVF_category, EVF_code_id,
	EVF_suspected, EVF_delay, EVF_reply };
enum {
	ATTEMPT_FIELDS = sizeof attempt_fields / sizeof *attempt_fields,
	/* Of an attempt, in its row. */
	COL_QUEUE_ID = 4,
	COL_RECIPIENT = 9,
	COL_QUEUE = 2 + ATTEMPT_FIELDS,
	COL_HOST,
	/* Of a notable event; only if the filter asks for recipients. */
	COL_EVENT_TO = 4,
	COL_EVENT_ORIGINAL_TO,
	COL_EVENT_FIELDS,
};
/* Behind kind, body and recipients: what the text for people uses. */
static const enum event_field event_fields[] = { EVF_host, EVF_process, EVF_outcome,
	EVF_sender, EVF_recipient, EVF_relay_name, EVF_relay_ip, EVF_provider,
	EVF_smtp_code, EVF_status, EVF_reply, EVF_code_id, EVF_sasl_user, EVF_dsn_action,
	EVF_limit_name, EVF_limit_value, EVF_service, EVF_text, EVF_reporter, EVF_domain,
	EVF_source_ip, EVF_feedback_type, EVF_failure_type, EVF_spf, EVF_dkim, EVF_known };

#define MESSAGE_SQL                                                                   \
	"SELECT r.id, r.time, h.text, m.text, queue_id, related, nullif(origin, 0), " \
	"size, recipients, sender, message_id, sasl_user, client_name, client_ip "    \
	"FROM message AS r LEFT JOIN word AS h ON h.id = host "                       \
	"LEFT JOIN word AS m ON m.id = mta WHERE r.id > ?1 "                          \
	"AND (r.id > ?2 OR r.time >= ?3) ORDER BY r.id"
#define ATTEMPT_SQL                                                                        \
	"SELECT r.id, r.time, h.text, m.text, queue_id, related, nullif(direction, 0), "   \
	"nullif(outcome, 0), p.text, recipient, relay_name, relay_ip, smtp_code, status, " \
	"c.text, d.text, suspected, delay, reply, r.queue, r.host "                        \
	"FROM attempt AS r LEFT JOIN word AS h ON h.id = host "                            \
	"LEFT JOIN word AS m ON m.id = mta LEFT JOIN word AS p ON p.id = provider "        \
	"LEFT JOIN word AS c ON c.id = category LEFT JOIN word AS d ON d.id = code_id "    \
	"WHERE r.id > ?1 AND (r.id > ?2 OR r.time >= ?3) ORDER BY r.id"
#define EVENT_WHERE                                                                     \
	"FROM event AS r LEFT JOIN word AS h ON h.id = host "                           \
	"LEFT JOIN word AS p ON p.id = provider LEFT JOIN word AS d ON d.id = code_id " \
	"WHERE r.id > ?1 AND (r.id > ?2 OR r.time >= ?3) AND (1 << kind) & ?4 "         \
	"ORDER BY r.id"
/* clang-format off */
#define MEMBER(name) ", json_extract(body, '$." name "')"
#define TO_MEMBER(name) ", CASE WHEN ?5 THEN json_extract(body, '$." name "') END"
#define EVENT_COLUMNS                                                                 \
	"SELECT r.id, r.time, kind, body" TO_MEMBER("recipient")                      \
	TO_MEMBER("original_recipient")
#define EVENT_SQL EVENT_COLUMNS " " EVENT_WHERE
#define EVENT_FIELDS_SQL                                                              \
	EVENT_COLUMNS ", h.text" MEMBER("process")                                    \
	", nullif(outcome, 0)" MEMBER("sender") MEMBER("recipient")                   \
	MEMBER("relay_name") MEMBER("relay_ip") ", p.text" MEMBER("smtp_code")        \
	MEMBER("status") MEMBER("reply") ", d.text" MEMBER("sasl_user")               \
	MEMBER("dsn_action") MEMBER("limit_name") MEMBER("limit_value")               \
	MEMBER("service") MEMBER("text") MEMBER("reporter") MEMBER("domain")          \
	MEMBER("source_ip") MEMBER("feedback_type") MEMBER("failure_type")            \
	MEMBER("spf") MEMBER("dkim") MEMBER("known") " " EVENT_WHERE
/* clang-format on */
#define CHANGE_WHERE \
	"FROM change AS r WHERE r.id > ?1 AND (r.id > ?2 OR r.at >= ?3) ORDER BY r.id"
#define CHANGE_SQL "SELECT r.id, r.at, r.notice, r.incident, r.body " CHANGE_WHERE
/* What is told of it now stands in for a body that has gone. */
#define CHANGE_FIELDS_SQL                                                           \
	"SELECT r.id, r.at, r.notice, r.incident, r.body, "                         \
	"CASE r.body WHEN '' THEN '' ELSE json_extract(r.body, '$.severity') END, " \
	"CASE r.body WHEN '' THEN (SELECT summary FROM incident AS i WHERE i.id = " \
	"r.incident) ELSE json_extract(r.body, '$.summary') END " CHANGE_WHERE

/* The table's next row, which waits for its turn. */
struct head {
	struct query q;
	bool waits;
	int64_t id, time_us;
};

struct reading {
	struct store *store;
	const struct stream_filter *filter;
	struct head heads[STREAM_TABLES];
	struct query message; /* of the attempt that is handed out */
	int64_t first_queue;  /* key of the oldest message; -1: not asked yet */
	struct err *err;
};

static bool
fits_one(const char *const *to, struct str address)
{
	ptrdiff_t at = str_rfind_char(address, '@');
	struct str local = at < 0 ? address : str_head(address, (size_t)at);

	if (address.p == NULL)
		return false;
	for (; *to != NULL; to++) {
		struct str pattern = str_of(*to);
		bool whole = str_find_char(pattern, '@') >= 0;

		if (silence_glob(pattern, whole ? address : local))
			return true;
	}
	return false;
}

/* Whether it is told, whoever else might ask. */
static bool
is_for_us(const struct reading *reading, enum stream_table table)
{
	const char *const *to = reading->filter->to;
	const struct query *q = &reading->heads[table].q;

	if (to == NULL || table == STREAM_CHANGE)
		return true;
	if (table == STREAM_ATTEMPT)
		return fits_one(to, query_col_text(q, COL_RECIPIENT));
	return table == STREAM_EVENT &&
	       (fits_one(to, query_col_text(q, COL_EVENT_TO)) ||
		   fits_one(to, query_col_text(q, COL_EVENT_ORIGINAL_TO)));
}

static int
step(struct reading *reading, enum stream_table table)
{
	struct head *head = &reading->heads[table];
	int r;

	do
		r = query_next(&head->q, "read store", reading->err);
	while (r > 0 && !is_for_us(reading, table));
	head->waits = r > 0;
	if (r > 0) {
		head->id = query_col_int(&head->q, 0);
		head->time_us = query_col_int(&head->q, 1);
	}
	return r < 0 ? r : 0;
}

static bool
is_wanted(const struct stream_filter *filter, enum stream_table table)
{
	const uint32_t elsewhere = 1U << KIND_ACCEPTED | 1U << KIND_ATTEMPT;

	switch (table) {
	case STREAM_MESSAGE: /* of many recipients, and of none that a row tells */
		return (filter->kinds & 1U << KIND_ACCEPTED) != 0 && filter->to == NULL;
	case STREAM_ATTEMPT: return (filter->kinds & 1U << KIND_ATTEMPT) != 0;
	case STREAM_EVENT: return (filter->kinds & ~elsewhere) != 0;
	default: return filter->changes;
	}
}

static int
begin(struct reading *reading, const struct stream_place *place)
{
	bool fields = reading->filter->with_fields;
	const char *const sql[STREAM_TABLES] = { MESSAGE_SQL, ATTEMPT_SQL,
		fields ? EVENT_FIELDS_SQL : EVENT_SQL,
		fields ? CHANGE_FIELDS_SQL : CHANGE_SQL };
	int r = 0;

	for (int t = 0; t < STREAM_TABLES && r == 0; t++) {
		struct head *head = &reading->heads[t];

		if (!is_wanted(reading->filter, (enum stream_table)t))
			continue;
		head->q = query_once(&reading->store->db, sql[t]);
		query_int(&head->q, place->after[t]);
		query_int(&head->q, reading->filter->old.after[t]);
		query_int(&head->q, reading->filter->since_us);
		if (t == STREAM_EVENT) {
			query_int(&head->q, reading->filter->kinds);
			query_int(&head->q, reading->filter->to != NULL);
		}
		r = step(reading, (enum stream_table)t);
	}
	return r;
}

static enum stream_table
oldest(const struct reading *reading)
{
	int best = STREAM_TABLES;

	for (int t = 0; t < STREAM_TABLES; t++)
		if (reading->heads[t].waits &&
		    (best == STREAM_TABLES ||
			reading->heads[t].time_us < reading->heads[best].time_us))
			best = t;
	return (enum stream_table)best;
}

static void
set_fields(struct event *ev, const enum event_field *fields, size_t n,
    const struct query *q, int col)
{
	for (size_t i = 0; i < n; i++)
		store_set_field(ev, fields[i], q, col + (int)i);
}

/*
 * Its message: a row of the same queue id at that hour, or at one before, as long as a
 * message may wait. Neighbouring hours differ by 1 << 32 (message_queue_key()).
 */
static int
find_message(struct reading *reading, struct event *ev)
{
	const struct query *attempt = &reading->heads[STREAM_ATTEMPT].q;
	int64_t key = query_col_int(attempt, COL_QUEUE);
	int r = 0;

	if (query_col_is_null(attempt, COL_QUEUE))
		return 0;
	if (reading->first_queue < 0 &&
	    (r = ask_one(reading->store, "SELECT coalesce(min(queue), 0) FROM message",
		 &reading->first_queue, reading->err)) < 0)
		return r;
	for (int h = 0; h <= MESSAGE_LIFE_H && key >= reading->first_queue; h++) {
		struct query q = query_kept(&reading->store->db, Q_STREAM_MESSAGE);

		query_int(&q, key);
		query_text(&q, query_col_text(attempt, COL_QUEUE_ID));
		query_int(&q, query_col_int(attempt, COL_HOST));
		r = query_next(&q, "read store", reading->err);
		if (r > 0) {
			store_set_field(ev, EVF_sender, &q, 0);
			store_set_field(ev, EVF_message_id, &q, 1);
			reading->message = q; /* the texts live as long as its row */
			return 0;
		}
		query_end(&q);
		if (r < 0)
			return r;
		key -= INT64_C(1) << 32;
	}
	return 0;
}

static struct stream_record
make_record(const struct reading *reading, enum stream_table table)
{
	const struct head *head = &reading->heads[table];
	const struct query *q = &head->q;
	struct stream_record record = {
		.table = table,
		.time_us = head->time_us,
		.ev = { .time_us = head->time_us, .offset = -1 },
	};
	struct event *ev = &record.ev;

	switch (table) {
	case STREAM_MESSAGE:
		event_set_num(ev, EVF_kind, KIND_ACCEPTED);
		set_fields(ev, message_fields,
		    sizeof message_fields / sizeof *message_fields, q, 2);
		break;
	case STREAM_ATTEMPT:
		event_set_num(ev, EVF_kind, KIND_ATTEMPT);
		set_fields(ev, attempt_fields, ATTEMPT_FIELDS, q, 2);
		break;
	case STREAM_EVENT:
		event_set_num(ev, EVF_kind, query_col_int(q, 2));
		record.body = query_col_text(q, 3);
		if (reading->filter->with_fields)
			set_fields(ev, event_fields,
			    sizeof event_fields / sizeof *event_fields, q,
			    COL_EVENT_FIELDS);
		break;
	default:
		record.change = (enum notice)query_col_int(q, 2);
		record.incident = query_col_text(q, 3);
		record.body = query_col_text(q, 4);
		if (reading->filter->with_fields) {
			record.severity = query_col_text(q, 5);
			record.summary = query_col_text(q, 6);
		}
	}
	return record;
}

static int
read_all(struct reading *reading, struct stream_place *place, stream_fn *fn, void *ctx)
{
	int64_t ends[STREAM_TABLES];
	int r = find_ends(reading->store, ends, reading->err);

	if (r == 0)
		r = begin(reading, place);
	while (r == 0) {
		enum stream_table table = oldest(reading);

		if (table == STREAM_TABLES)
			break;
		struct stream_record record = make_record(reading, table);

		place->after[table] = reading->heads[table].id;
		record.place = *place;
		if (table == STREAM_ATTEMPT && reading->filter->with_message)
			r = find_message(reading, &record.ev);
		if (r == 0)
			r = fn(ctx, &record);
		auto_query(&reading->message);
		if (r == 0)
			r = step(reading, table);
	}
	for (int t = 0; t < STREAM_TABLES && r == 0; t++)
		if (ends[t] > place->after[t])
			place->after[t] = ends[t];
	return r;
}

int
stream_read(struct store *store, struct stream_place *place,
    const struct stream_filter *filter, stream_fn *fn, void *ctx, struct err *err)
{
	struct reading reading = {
		.store = store, .filter = filter, .first_queue = -1, .err = err
	};
	int r = db_exec(&store->db, "BEGIN", "read store", err); /* one look for all four */

	if (r < 0)
		return r;
	r = read_all(&reading, place, fn, ctx);
	for (int t = 0; t < STREAM_TABLES; t++)
		auto_query(&reading.heads[t].q);
	(void)sqlite3_exec(store->db.sql, "ROLLBACK", NULL, NULL, NULL);
	return r;
}
