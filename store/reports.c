#include "store/reports.h"

#include "rules/bounce_join.h"
#include "store/private.h"

#define DAY_US (24 * store_hour_us)

int
store_has_report(struct store *store, struct str report_id, struct err *err)
{
	struct query q = query_kept(&store->db, Q_REPORT_HAS);

	query_text(&q, str_head(report_id, STORE_TEXT_BYTES));
	int r = query_next(&q, "read store", err);

	query_end(&q);
	return r;
}

/* --- counting --- */

static bool
is(const struct event *ev, enum event_field f, const char *value)
{
	return str_eq(event_text(ev, f), str_of(value));
}

/* A bounce by what is known of its message; a receipt is none. */
static struct str
result_of_bounce(const struct event *ev)
{
	if (!is(ev, EVF_dsn_action, "failed") && !is(ev, EVF_dsn_action, "delayed"))
		return STR("receipt");
	return event_text(ev, EVF_known);
}

static struct str
result_of_dmarc(const struct event *ev)
{
	bool spf = is(ev, EVF_spf, "pass"), dkim = is(ev, EVF_dkim, "pass");

	if (spf && dkim)
		return STR("pass");
	return spf ? STR("spf") : dkim ? STR("dkim") : STR("fail");
}

struct count {
	enum event_kind kind;
	struct str result;
	int64_t n;
};

/* False: it is none of the reports. */
static bool
count_of(const struct event *ev, struct count *out)
{
	struct str failure = event_text(ev, EVF_failure_type);

	out->kind = (enum event_kind)event_num(ev, EVF_kind);
	out->n = event_weight(ev) < 0 ? 0 : event_weight(ev);
	switch (out->kind) {
	case KIND_ATTEMPT: out->kind = KIND_DSN; /* fall through */
	case KIND_DSN:
		out->result = result_of_bounce(ev);
		out->n = 1;
		return true;
	case KIND_COMPLAINT: out->result = event_text(ev, EVF_feedback_type); return true;
	case KIND_DMARC: out->result = result_of_dmarc(ev); return true;
	case KIND_TLS_REPORT:
		out->result = failure.n > 0 ? failure : STR("ok");
		return true;
	case KIND_WARNING:
		out->result = STR("unread");
		out->n = 1;
		return true;
	default: return false;
	}
}

static void
bind_name(struct query *q, struct str name)
{
	query_text(q, store_not_null(str_head(name, REPORT_NAME_BYTES)));
}

static void
bind_count(struct query *q, const struct event *ev, const struct count *count)
{
	bool ours = event_num(ev, EVF_ours) != 0, bounce = count->kind == KIND_DSN;

	query_int(q, store_hour(ev->time_us));
	query_int(q, count->kind);
	bind_name(q, event_text(ev, EVF_domain));
	bind_name(q, bounce ? STR("") : event_text(ev, EVF_reporter));
	bind_name(q, ours ? event_text(ev, EVF_source_ip) : STR(""));
	query_int(q, event_has(ev, EVF_ours) ? ours : 2);
	bind_name(q, count->result);
	query_int(q, count->n);
}

static int
count_report(struct store *store, const struct event *ev, struct err *err)
{
	struct count count;

	if (!count_of(ev, &count))
		return 0;
	struct query q = query_kept(&store->db, Q_REPORT_COUNT);

	bind_count(&q, ev, &count);
	int r = query_run(&q, "write to store", err);

	if (r < 0 || sqlite3_changes(store->db.sql) > 0)
		return r;
	q = query_kept(&store->db, Q_REPORT_COUNT_NEW);
	bind_count(&q, ev, &count);
	query_int(&q, REPORT_HOUR_COUNTS);
	return query_run(&q, "write to store", err);
}

bool
reports_is_one(const struct event *ev)
{
	return bounce_is_report(ev) || (event_num(ev, EVF_kind) == KIND_WARNING &&
					   is(ev, EVF_limit_name, "unread"));
}

int
reports_note(struct store *store, const struct event *ev, struct err *err)
{
	if (!bounce_is_report(ev))
		return count_report(store, ev, err);
	struct query q = query_kept(&store->db, Q_REPORT_ADD);

	query_text(&q, str_head(event_text(ev, EVF_report_id), STORE_TEXT_BYTES));
	query_int(&q, ev->time_us);
	int r = query_run(&q, "write to store", err);

	return r < 0 ? r : count_report(store, ev, err);
}

bool
reports_wants_row(struct store *store, const struct event *ev)
{
	bool spf = is(ev, EVF_spf, "pass"), dkim = is(ev, EVF_dkim, "pass");
	int64_t day = ev->time_us / DAY_US;

	switch ((enum event_kind)event_num(ev, EVF_kind)) {
	case KIND_DMARC:
		if (event_num(ev, EVF_ours) != 0 ? spf && dkim : spf || dkim)
			return false;
		break;
	case KIND_TLS_REPORT:
		if (!event_has(ev, EVF_failure_type))
			return false;
		break;
	default: return true;
	}
	if (day != store->rows_day)
		store->rows = 0;
	store->rows_day = day;
	return store->rows++ < REPORT_DAY_ROWS;
}

/* --- the attempt that a bounce is about --- */

struct found {
	int64_t id, time_us;
	uint32_t mta, provider, category, code_id;
	uint32_t outcome;
	bool suspected;
};

/* The newest that failed: 1, 0 or a negative errno. */
static int
find_attempt(struct store *store, const struct event *ev, struct str recipient,
    uint32_t host, struct found *out, struct err *err)
{
	struct str queue_id = str_head(event_text(ev, EVF_queue_id), STORE_TEXT_BYTES);
	int64_t since_us = ev->time_us - REPORT_BACK_DAYS * DAY_US;
	/* As store_each_of_queue_id(). */
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "WITH RECURSIVE keys (key) AS (SELECT ?2 UNION ALL "
	    "SELECT key + 4294967296 FROM keys WHERE key < ?3) "
	    "SELECT a.id, time, mta, provider, category, code_id, outcome, suspected "
	    "FROM keys CROSS JOIN attempt a ON a.queue = key WHERE queue_id = ?1 AND "
	    "host = ?4 AND recipient = ?5 COLLATE NOCASE AND direction = 2 AND "
	    "outcome <> 1 ORDER BY a.id DESC LIMIT 1");

	query_text(&q, queue_id);
	query_int(&q, message_queue_key(queue_id, since_us));
	query_int(&q, message_queue_key(queue_id, ev->time_us));
	query_int(&q, host);
	query_text(&q, str_head(recipient, STORE_TEXT_BYTES));
	int r = query_next(&q, "read store", err);

	if (r > 0)
		*out = (struct found){
			.id = query_col_int(&q, 0),
			.time_us = query_col_int(&q, 1),
			.mta = (uint32_t)query_col_int(&q, 2),
			.provider = (uint32_t)query_col_int(&q, 3),
			.category = (uint32_t)query_col_int(&q, 4),
			.code_id = (uint32_t)query_col_int(&q, 5),
			.outcome = (uint32_t)query_col_int(&q, 6),
			.suspected = query_col_int(&q, 7) != 0,
		};
	return r;
}

static int
move_count(struct store *store, const struct found *found, const struct report_words *words,
    struct err *err)
{
	struct rollup_key key = {
		.hour = store_hour(found->time_us),
		.host = words->host,
		.mta = found->mta,
		.provider = found->provider,
		.category = found->category,
		.kind = KIND_ATTEMPT,
		.direction = DIRECTION_OUTBOUND,
		.outcome = found->outcome,
	};
	int r = rollups_add(&store->rollups, &store->db, &key, -1, err);

	key.category = words->category;
	return r < 0 ? r : rollups_add(&store->rollups, &store->db, &key, 1, err);
}

/* The same of what figures are summed from. */
static int
move_tally(struct store *store, const struct found *found, const struct report_words *words,
    struct err *err)
{
	struct tally_key key = {
		.hour = store_hour(found->time_us),
		.what = TALLY_REASON,
		.provider = found->provider,
		.value = found->outcome,
		.word = found->category,
		.code = found->code_id,
	};
	int r = tallies_add(&store->tallies, &store->db, &key, -1, err);

	key.word = words->category;
	key.code = words->code_id;
	return r < 0 ? r : tallies_add(&store->tallies, &store->db, &key, 1, err);
}

/* What the bounce knows better replaces what the log hid; what the log said stays. */
static int
correct_row(struct store *store, const struct event *ev, const struct found *found,
    const struct report_words *words, bool better, struct err *err)
{
	struct query q = query_once(&store->db,
	    "UPDATE attempt SET category = CASE WHEN ?2 THEN ?3 ELSE category END, "
	    "code_id = CASE WHEN ?2 THEN ?4 ELSE code_id END, "
	    "suspected = CASE WHEN ?2 THEN ?5 ELSE suspected END, "
	    "reply = CASE WHEN ?2 THEN coalesce(?6, reply) ELSE coalesce(reply, ?6) END, "
	    "smtp_code = coalesce(smtp_code, ?7), "
	    "status = CASE WHEN ?2 OR status IS NULL OR substr(status, 2) = '.0.0' "
	    "THEN coalesce(?8, status) ELSE status END WHERE id = ?1");
	bool suspected = event_num(ev, EVF_suspected) != 0;

	query_int(&q, found->id);
	query_int(&q, better);
	query_int_or_null(&q, words->category != 0, words->category);
	query_int_or_null(&q, words->code_id != 0, words->code_id);
	query_int_or_null(&q, suspected, suspected);
	query_text(&q, str_head(event_text(ev, EVF_reply), STORE_TEXT_BYTES));
	query_int_or_null(&q, event_has(ev, EVF_smtp_code), event_num(ev, EVF_smtp_code));
	query_text(&q, event_text(ev, EVF_status));
	return query_run(&q, "write to store", err);
}

int
reports_correct(struct store *store, const struct event *ev,
    const struct report_words *words, bool counted, struct err *err)
{
	struct found found;
	int r = find_attempt(store, ev, event_text(ev, EVF_recipient), words->host, &found,
	    err);

	if (r == 0 && event_has(ev, EVF_original_recipient))
		r = find_attempt(store, ev, event_text(ev, EVF_original_recipient),
		    words->host, &found, err);
	if (r <= 0)
		return r;
	bool suspected = event_num(ev, EVF_suspected) != 0;
	bool better = words->category != 0 &&
		      (words->category != found.category ||
			  words->code_id != found.code_id || suspected != found.suspected);

	r = correct_row(store, ev, &found, words, better, err);
	if (r == 0 && counted && better && words->category != found.category)
		r = move_count(store, &found, words, err);
	if (r == 0 && counted && better && found.outcome > OUTCOME_DELIVERED)
		r = move_tally(store, &found, words, err);
	return r;
}

/* --- sums --- */

int
reports_sum(struct store *store, int64_t from_hour, int64_t until_hour,
    struct report_totals *out, struct err *err)
{
	/* Kinds are those of core/event.h (see the assertions in migrate.c). */
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT sum(count) FILTER (WHERE kind = 6 AND result <> 'receipt'), "
	    "sum(count) FILTER (WHERE kind = 6 AND result = 'receipt'), "
	    "sum(count) FILTER (WHERE kind = 6 AND result = 'none'), "
	    "sum(count) FILTER (WHERE kind = 14), sum(count) FILTER (WHERE kind = 15), "
	    "sum(count) FILTER (WHERE kind = 15 AND ours = 1 AND result = 'fail'), "
	    "sum(count) FILTER (WHERE kind = 15 AND ours <> 1 AND result = 'fail'), "
	    "sum(count) FILTER (WHERE kind = 16), "
	    "sum(count) FILTER (WHERE kind = 16 AND result <> 'ok'), "
	    "sum(count) FILTER (WHERE kind = 13) FROM report_count "
	    "WHERE hour >= ?1 AND hour < ?2");

	query_int(&q, from_hour);
	query_int(&q, until_hour);
	int r = query_next(&q, "read store", err);

	if (r > 0)
		*out = (struct report_totals){
			.bounces = query_col_int(&q, 0),
			.receipts = query_col_int(&q, 1),
			.backscatter = query_col_int(&q, 2),
			.complaints = query_col_int(&q, 3),
			.dmarc = query_col_int(&q, 4),
			.dmarc_own_failed = query_col_int(&q, 5),
			.dmarc_others_failed = query_col_int(&q, 6),
			.tls = query_col_int(&q, 7),
			.tls_failed = query_col_int(&q, 8),
			.unread = query_col_int(&q, 9),
		};
	return r < 0 ? r : 0;
}

int
store_get_reports(struct store *store, int64_t since_us, struct report_totals *out,
    struct err *err)
{
	return reports_sum(store, store_hour(since_us), INT64_MAX, out, err);
}

int
store_each_bounce(struct store *store, struct str queue_id, int64_t since_us,
    int64_t until_us, store_event_fn *fn, void *ctx, struct err *err)
{
	static const enum event_field fields[] = { EVF_kind, EVF_host, EVF_mta,
		EVF_queue_id, EVF_recipient, EVF_dsn_action, EVF_relay_name, EVF_relay_ip,
		EVF_smtp_code, EVF_status, EVF_reply, EVF_report_id, EVF_reporter,
		EVF_known, EVF_provider, EVF_category, EVF_code_id };
	/* The first comparison keeps JSON from being read where it need not. */
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT time, kind, h.text, body ->> 'mta', ?1, body ->> 'recipient', "
	    "body ->> 'dsn_action', body ->> 'relay_name', body ->> 'relay_ip', "
	    "body ->> 'smtp_code', body ->> 'status', body ->> 'reply', "
	    "body ->> 'report_id' AS report, body ->> 'reporter', body ->> 'known', p.text, "
	    "c.text, d.text FROM event LEFT JOIN word h ON h.id = host "
	    "LEFT JOIN word p ON p.id = provider LEFT JOIN word c ON c.id = category "
	    "LEFT JOIN word d ON d.id = code_id WHERE time BETWEEN ?2 AND ?3 AND kind = 6 "
	    "AND instr(body, ?1) > 0 AND body ->> 'queue_id' = ?1 AND report IS NOT NULL "
	    "ORDER BY time, event.id");
	int r;

	query_text(&q, str_head(queue_id, STORE_TEXT_BYTES));
	query_int(&q, since_us);
	query_int(&q, until_us);
	while ((r = query_next(&q, "read store", err)) > 0) {
		struct event ev = { .time_us = query_col_int(&q, 0), .offset = -1 };

		for (int i = 0; i < (int)(sizeof fields / sizeof *fields); i++)
			store_set_field(&ev, fields[i], &q, i + 1);
		if ((r = fn(ctx, &ev)) != 0)
			return r;
	}
	return r;
}
