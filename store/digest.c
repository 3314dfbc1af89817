#include "store/digest.h"

#include <errno.h>

#include "store/private.h"

static int
add_part(struct store *store, struct str id, const struct digest_part *part,
    struct err *err)
{
	struct query q = query_once(&store->db,
	    "INSERT INTO digest (notice, name, body) VALUES (?1, ?2, ?3)");

	query_text(&q, id);
	query_text(&q, part->name);
	query_blob(&q, part->body);
	return store_run(store, &q, err);
}

int
store_add_digest(struct store *store, struct str id, int64_t now_us,
    const struct digest_part *parts, size_t n, struct err *err)
{
	const struct outbox_row row = {
		.id = id,
		.notice = NOTICE_DIGEST,
		.created_us = now_us,
		.due_us = now_us,
	};
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += parts[i].body.n;
	if (n > DIGEST_PARTS || bytes > DIGEST_STORED_BYTES)
		return err_set(err, -E2BIG,
		    "write digest to store: %zu parts with %zu bytes are too large", n,
		    bytes);
	int r = store_outbox_add(store, &row, err);

	if (r < 0 || sqlite3_changes(store->db.sql) == 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_part(store, id, &parts[i], err);
	return r < 0 ? r : 1;
}

int
store_each_part(struct store *store, struct str id, store_part_fn *fn, void *ctx,
    struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT name, body FROM digest WHERE notice = ?1 ORDER BY rowid");
	int r;

	query_text(&q, id);
	while ((r = query_next(&q, "read store", err)) > 0) {
		struct digest_part part = { query_col_text(&q, 0), query_col_blob(&q, 1) };

		if ((r = fn(ctx, &part)) != 0)
			return r;
	}
	return r;
}
