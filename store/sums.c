#include "store/sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_S = 86400, FIRST_SIZE = 1024 };

void
sums_done(struct sums *sums)
{
	free(sums->slots);
	*sums = (struct sums){ 0 };
}

void
sum_to(int64_t *total, int64_t n)
{
	int64_t sum;

	if (__builtin_add_overflow(*total, n, &sum))
		sum = n > 0 ? INT64_MAX : INT64_MIN;
	*total = sum;
}

static int64_t
clamp(int64_t at_us)
{
	static const int64_t most_us = INT64_C(250000000000) * US_PER_S; /* AD 9892 */

	return at_us > most_us ? most_us : at_us < -most_us ? -most_us : at_us;
}

void
sums_span(int64_t from_us, int64_t until_us, int64_t *from, int64_t *until)
{
	*from = store_hour(clamp(from_us));
	*until = store_hour(clamp(until_us) - 1) + store_hour_us / US_PER_S;
}

static bool
same_key(const struct sum *a, const struct sum *b)
{
	return a->what == b->what && a->provider == b->provider && a->value == b->value &&
	       a->word == b->word && a->code == b->code;
}

/* The key's slot, or the free one where it belongs. */
static struct sum *
find_slot(struct sum *slots, size_t size, const struct sum *one)
{
	const uint32_t key[] = { one->what, one->provider, one->value, one->word,
		one->code };
	size_t at = str_hash((struct str){ (const char *)key, sizeof key }) % size;

	while (slots[at].used != 0 && !same_key(&slots[at], one))
		at = (at + 1) % size;
	return &slots[at];
}

static int
grow(struct sums *sums)
{
	size_t size = sums->size == 0 ? FIRST_SIZE : 2 * sums->size;
	struct sum *slots = calloc(size, sizeof *slots);

	if (slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < sums->size; i++)
		if (sums->slots[i].used != 0)
			*find_slot(slots, size, &sums->slots[i]) = sums->slots[i];
	free(sums->slots);
	sums->slots = slots;
	sums->size = size;
	return 0;
}

int
sums_add(struct sums *sums, const struct sum *one)
{
	int r = 2 * sums->n >= sums->size ? grow(sums) : 0;

	if (r < 0)
		return r;
	struct sum *slot = find_slot(sums->slots, sums->size, one);

	if (slot->used == 0) {
		*slot = *one;
		slot->used = 1;
		slot->count = 0;
		sums->n++;
	}
	sum_to(&slot->count, one->count);
	return 0;
}

const struct sum *
sums_next(const struct sums *sums, size_t *at)
{
	while (*at < sums->size)
		if (sums->slots[(*at)++].used != 0)
			return &sums->slots[*at - 1];
	return NULL;
}

static int
read_rows(struct store *store, enum tally_grain grain, int64_t from, int64_t until,
    struct sums *sums, struct err *err)
{
	AUTO(auto_query) struct query q = query_once(&store->db,
	    "SELECT what, provider, value, word, code, count FROM tally "
	    "WHERE grain = ?1 AND at >= ?2 AND at < ?3");
	int r;

	query_int(&q, grain);
	query_int(&q, from);
	query_int(&q, until);
	while ((r = query_next(&q, "read store", err)) > 0) {
		const struct sum one = {
			.what = (uint32_t)query_col_int(&q, 0),
			.provider = (uint32_t)query_col_int(&q, 1),
			.value = (uint32_t)query_col_int(&q, 2),
			.word = (uint32_t)query_col_int(&q, 3),
			.code = (uint32_t)query_col_int(&q, 4),
			.count = query_col_int(&q, 5),
		};

		if (sums_add(sums, &one) < 0)
			return err_set(err, -ENOMEM, "read store %s: out of memory",
			    store->db.path);
	}
	return r;
}

int
sums_read(struct store *store, int64_t from, int64_t until, struct sums *sums,
    struct err *err)
{
	int64_t first = tally_day(from + DAY_S - 1), last = tally_day(until), mark;
	int r = tally_mark(&store->db, &mark, err);

	if (last > mark)
		last = mark;
	if (r < 0 || first >= last) /* no day that is summed lies in it */
		return r < 0 ? r : read_rows(store, TALLY_HOUR, from, until, sums, err);
	r = read_rows(store, TALLY_HOUR, from, first, sums, err);
	if (r == 0)
		r = read_rows(store, TALLY_DAY, first, last, sums, err);
	return r < 0 ? r : read_rows(store, TALLY_HOUR, last, until, sums, err);
}

int
sums_word(struct store *store, uint32_t number, struct str *out, struct err *err)
{
	AUTO(auto_query) struct query q =
		query_once(&store->db, "SELECT text FROM word WHERE id = ?1");
	struct str text = STR("");

	query_int(&q, number);
	int r = query_next(&q, "read store", err);

	if (r > 0)
		text = query_col_text(&q, 0);
	if (r < 0)
		return r;
	char *copy = str_dup(text);

	if (copy == NULL)
		return err_set(err, -ENOMEM, "read store %s: out of memory",
		    store->db.path);
	*out = (struct str){ copy, text.n };
	return 0;
}

int
sums_begin_look(struct store *store, bool *mine, struct err *err)
{
	*mine = sqlite3_get_autocommit(store->db.sql) != 0;
	return *mine ? db_exec(&store->db, "BEGIN", "read store", err) : 0;
}

void
sums_end_look(struct store *store, bool mine)
{
	if (mine)
		(void)sqlite3_exec(store->db.sql, "ROLLBACK", NULL, NULL, NULL);
}
