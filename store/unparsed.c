/* Lines of mail servers that no rule took: samples of them, and the hours that had many. */
#include "store/private.h"

static void
make_key(struct buf *key, struct str what, struct str source)
{
	buf_add(key, what);
	buf_add_char(key, ' ');
	buf_add(key, source);
}

static size_t
count_lines(struct str lines)
{
	size_t n = 0;

	for (; lines.n > 0; n++)
		(void)str_cut(&lines, '\n');
	return n;
}

static void
add_lines(struct buf *out, struct str lines, size_t skip)
{
	while (lines.n > 0) {
		struct str line = str_cut(&lines, '\n');

		if (skip > 0) {
			skip--;
			continue;
		}
		buf_add(out, str_head(line, STORE_UNPARSED_BYTES));
		buf_add_char(out, '\n');
	}
}

int
store_get_unparsed(struct store *store, struct str source, struct buf *out, struct err *err)
{
	AUTO(buf_done) struct buf key = { 0 };

	make_key(&key, STR("unparsed"), source);
	return store_meta_get(store, buf_str(&key), out, err);
}

int
store_add_unparsed(struct store *store, struct str source, struct str lines,
    struct err *err)
{
	AUTO(buf_done) struct buf key = { 0 };
	AUTO(buf_done) struct buf old = { 0 };
	AUTO(buf_done) struct buf all = { 0 };
	int r = store_get_unparsed(store, source, &old, err);

	if (r < 0)
		return r;
	size_t n = count_lines(buf_str(&old)), fresh = count_lines(lines);
	size_t over =
	    n + fresh > STORE_UNPARSED_LINES ? n + fresh - STORE_UNPARSED_LINES : 0;

	add_lines(&all, buf_str(&old), over < n ? over : n);
	add_lines(&all, lines, over > n ? over - n : 0);
	make_key(&key, STR("unparsed"), source);
	return store_meta_set(store, buf_str(&key), buf_str(&all), err);
}

/* Hours that are over: the source has come to a later one, or the log's clock has. */
#define OVER                                                                                  \
	"(hour < (SELECT max(hour) FROM ledger AS newer WHERE newer.source = ledger.source) " \
	"OR hour + 3600 <= ?1)"
#define JUDGED "'unparsed-judged ' || source"

int
store_each_hour_over(struct store *store, int64_t log_us, store_hour_fn *fn, void *ctx,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT source, hour, events, unparsed FROM ledger WHERE unparsed > 0 AND " OVER
	    " AND hour > coalesce((SELECT CAST(value AS INTEGER) FROM meta "
	    "WHERE key = " JUDGED "), 0) ORDER BY source, hour");
	int r;

	query_int(&q, log_us / US_PER_S);
	while ((r = query_next(&q, "read store", err)) > 0) {
		r = fn(ctx, query_col_text(&q, 0), query_col_int(&q, 1) * US_PER_S,
		    query_col_int(&q, 2), query_col_int(&q, 3));
		if (r != 0)
			return r;
	}
	return r;
}

int
store_judged_hours(struct store *store, int64_t log_us, struct err *err)
{
	struct query q =
	    query_once(&store->db, "INSERT OR REPLACE INTO meta (key, value) SELECT " JUDGED
				   ", max(hour) FROM ledger "
				   "WHERE " OVER " GROUP BY source");

	query_int(&q, log_us / US_PER_S);
	return store_run(store, &q, err);
}
