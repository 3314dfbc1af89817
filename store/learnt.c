#include "store/learnt.h"

#include "store/private.h"

static int
find_slot(struct store *store, struct str domain, struct buf *out, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT provider FROM slot WHERE number < ?1 AND key = ?2");

	query_int(&q, CONTEXT_DOMAINS);
	query_int(&q, (int64_t)context_domain_key(domain));
	int r = query_next(&q, "read store", err);

	if (r > 0)
		buf_add(out, query_col_text(&q, 0));
	return r < 0 ? r : 0;
}

/* Keys are of names as logged: as somebody wrote them, or in small letters. */
int
learnt_provider(struct store *store, struct str domain, struct buf *out, struct err *err)
{
	AUTO(buf_done) struct buf small = { 0 };
	size_t before = out->n;
	int r = find_slot(store, domain, out, err);

	if (r < 0 || out->n > before)
		return r;
	for (size_t i = 0; i < domain.n; i++) {
		char c = domain.p[i];

		buf_add_char(&small, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
	}
	return find_slot(store, buf_str(&small), out, err);
}
