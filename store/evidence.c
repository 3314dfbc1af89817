/* What `evidence` asks: attempts at one provider or relay. The numbers of kinds,
 * directions and outcomes are those of core/event.h (see the assertions in migrate.c). */
#include <assert.h>

#include "store/private.h"

static_assert(OUTCOME_DELIVERED == 1 && OUTCOME_DEFERRED == 2 && OUTCOME_BOUNCED == 3 &&
		  OUTCOME_EXPIRED == 4 && OUTCOME_REJECTED == 5 && OUTCOME_COUNT == 6,
    "outcomes as below");

#define WORD(parameter) "(SELECT id FROM word WHERE text = " parameter ")"
/* A name that ends so, behind a dot; not LIKE: the name is a stranger's. */
#define BELOW(name, parameter)                                   \
	"substr(lower(rtrim(" name ", '.')), -length(" parameter \
	") - 1) = '.' || lower(" parameter ")"

/* ?1, ?2 the span, ?3 host, ?4 provider, ?5 peer. */
#define IN_SCOPE                                                                        \
	"a.time BETWEEN ?1 AND ?2 AND a.direction <> 4 "                                \
	"AND (?3 = '' OR a.host = " WORD(                                               \
	    "?3") ") "                                                                  \
		  "AND (?4 = '' OR a.provider = " WORD(                                 \
		      "?4") ") "                                                        \
			    "AND (?4 <> '' OR ?5 = '' OR a.relay_ip = ?5 "              \
			    "OR lower(rtrim(a.relay_name, '.')) = lower(?5) OR " BELOW( \
				"a.relay_name", "?5") ") "

#define SELECT_ATTEMPT                                                                    \
	"SELECT a.time, h.text, a.queue_id, a.recipient, a.relay_name, a.relay_ip, "      \
	"a.outcome, p.text, a.smtp_code, a.status, c.text, d.text, a.suspected, a.reply " \
	"FROM attempt a LEFT JOIN word h ON h.id = a.host "                               \
	"LEFT JOIN word p ON p.id = a.provider LEFT JOIN word c ON c.id = a.category "    \
	"LEFT JOIN word d ON d.id = a.code_id WHERE " IN_SCOPE

static void
bind_scope(struct query *q, const struct evidence_scope *scope)
{
	query_int(q, scope->since_us);
	query_int(q, scope->until_us);
	query_text(q, store_not_null(scope->host));
	query_text(q, store_not_null(scope->provider));
	query_text(q, store_not_null(scope->peer));
}

static int
walk(struct query *q, store_event_fn *fn, void *ctx, struct err *err)
{
	static const enum event_field fields[] = { EVF_host, EVF_queue_id, EVF_recipient,
		EVF_relay_name, EVF_relay_ip, EVF_outcome, EVF_provider, EVF_smtp_code,
		EVF_status, EVF_category, EVF_code_id, EVF_suspected, EVF_reply };
	int r;

	while ((r = query_next(q, "read store", err)) > 0) {
		struct event ev = { .time_us = query_col_int(q, 0), .offset = -1 };

		for (int i = 0; i < (int)(sizeof fields / sizeof *fields); i++)
			store_set_field(&ev, fields[i], q, i + 1);
		if ((r = fn(ctx, &ev)) != 0)
			return r;
	}
	return r;
}

int
store_each_failure(struct store *store, const struct evidence_scope *scope,
    store_event_fn *fn, void *ctx, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    SELECT_ATTEMPT "AND a.outcome > 1 ORDER BY a.time, a.id");

	bind_scope(&q, scope);
	return walk(&q, fn, ctx, err);
}

int
store_find_success(struct store *store, const struct evidence_scope *scope,
    enum evidence_end end, store_event_fn *fn, void *ctx, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    end == EVIDENCE_FIRST ? SELECT_ATTEMPT
		"AND a.outcome = 1 ORDER BY a.time, a.id LIMIT 1"
				  : SELECT_ATTEMPT
		"AND a.outcome = 1 ORDER BY a.time DESC, a.id DESC LIMIT 1");

	bind_scope(&q, scope);
	return walk(&q, fn, ctx, err);
}

#define DAY_SUMS(count)                               \
	"sum(" count ") FILTER (WHERE outcome = 1), " \
	"sum(" count ") FILTER (WHERE outcome = 2), " \
	"sum(" count ") FILTER (WHERE outcome = 3), " \
	"sum(" count ") FILTER (WHERE outcome = 4), " \
	"sum(" count ") FILTER (WHERE outcome = 5), " \
	"sum(" count ") FILTER (WHERE category = " WORD("?6") ")"

int
store_each_day(struct store *store, const struct evidence_scope *scope, store_day_fn *fn,
    void *ctx, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    scope->provider.n > 0
		? "SELECT hour - hour % 86400, " DAY_SUMS(
		      "count") " FROM rollup "
			       "WHERE hour BETWEEN ?1 AND ?2 AND direction <> 4 "
			       "AND (kind = 3 OR outcome = 4) "
			       "AND (?3 = '' OR host = " WORD("?3") ") AND provider = " WORD(
				   "?4") " AND ?5 IS NOT NULL GROUP BY 1 ORDER BY 1"
		: "SELECT a.time / 1000000 - a.time / 1000000 % 86400, " DAY_SUMS(
		      "1") " FROM attempt a WHERE " IN_SCOPE "GROUP BY 1 ORDER BY 1");
	struct evidence_scope hours = *scope;
	int r;

	if (scope->provider.n > 0) {
		hours.since_us = store_hour(scope->since_us);
		hours.until_us = store_hour(scope->until_us);
	}
	bind_scope(&q, &hours);
	query_text(&q, STR("mailbox-unknown"));
	while ((r = query_next(&q, "read store", err)) > 0) {
		struct evidence_day day = { .day_us = query_col_int(&q, 0) * US_PER_S,
			.unknown_users = query_col_int(&q, 6) };

		for (int i = OUTCOME_DELIVERED; i < OUTCOME_COUNT; i++)
			day.outcomes[i] = query_col_int(&q, i);
		if ((r = fn(ctx, &day)) != 0)
			return r;
	}
	return r;
}
