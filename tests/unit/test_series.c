/* rules/series: windows slide, history ends, tables have a ceiling, bodies come back. */
#include "rules/series.h"

#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "rules_text.h"

#define MINUTE_US (60 * (int64_t)US_PER_S)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)
#define T0 (INT64_C(20800) * DAY_US)

static const char rules_text[] =
    "rules:\n"
    "  - { name: c, detector: count, when: { kind: limit }, at_least: 3, within: 1h, "
    "summary: c }\n"
    "  - { name: r, detector: ratio, when: { kind: limit }, among: { kind: tls }, "
    "within: 1h, summary: r }\n"
    "  - { name: s, detector: silence, when: { kind: limit }, summary: s }\n"
    "  - { name: u, detector: surge, when: { kind: limit }, within: 1h, summary: u }\n";

enum { COUNT, RATIO, SILENCE, SURGE };

struct fixture {
	struct alert_rules *rules;
	struct series_table *table;
};

static struct series *
find(const struct fixture *fx, int rule, const char *group, int64_t now_us)
{
	struct series *s = series_find(fx->table, &fx->rules->rules[rule], str_of(group),
	    str_hash(str_of(group)), now_us);

	assert_non_null(s);
	return s;
}

static bool
is_there(const struct fixture *fx, int rule, const char *group)
{
	return series_peek(fx->table, &fx->rules->rules[rule], str_of(group),
		   str_hash(str_of(group))) != NULL;
}

static void
test_window(void **state)
{
	/* Twelve steps of five minutes: the one in progress, and eleven before it. */
	static const struct {
		int64_t at_us;
		bool hit;
		int64_t weight, hits, total;
	} rows[] = {
		{ 0, true, 1, 1, 1 },
		{ MINUTE_US, false, 1, 1, 2 },
		{ 5 * MINUTE_US, true, 3, 4, 5 },
		{ 4 * MINUTE_US, true, 1, 5, 6 }, /* late: counts as of now */
		{ 59 * MINUTE_US, false, 1, 5, 7 },
		{ 60 * MINUTE_US, true, 1, 5, 6 },
		{ 65 * MINUTE_US, true, 1, 2, 3 },
		{ 3 * HOUR_US, false, 1, 0, 1 },
		{ 900 * DAY_US, true, 2, 2, 2 },
	};
	const struct fixture *fx = *state;
	struct series *s = find(fx, RATIO, "w", T0);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		print_message("row %zu\n", i);
		series_add(s, rows[i].hit, rows[i].weight, T0 + rows[i].at_us);
		assert_int_equal(s->window_hits, rows[i].hits);
		assert_int_equal(s->window_total, rows[i].total);
	}
	series_clear_window(s);
	assert_int_equal(s->window_hits + s->window_total, 0);
	assert_int_equal(s->past[s->npast - 1].hits, 2);
}

static void
test_history_ends(void **state)
{
	static const struct {
		int rule;
		int64_t unit_us, kept, neighbours;
	} rows[] = {
		{ SURGE, DAY_US, 35, 0 },
		{ SILENCE, HOUR_US, 28 * 24, 25 },
	};
	const struct fixture *fx = *state;

	for (size_t i = 0; i < 2; i++) {
		struct series *s = find(fx, rows[i].rule, "h", T0);
		int64_t first = T0 / rows[i].unit_us;

		for (int64_t k = 0; k <= 1000; k++) {
			series_add(s, true, k + 1, T0 + k * rows[i].unit_us);
			int64_t last = first + k, most = rows[i].kept + rows[i].neighbours;

			assert_int_equal(s->past[s->npast - 1].at, last);
			assert_int_equal(s->npast, k < most ? k + 1 : most + 1);
			assert_int_equal(series_at(s, last)->hits, k + 1);
			assert_true(k < rows[i].kept ||
				    series_at(s, last - rows[i].kept) != NULL);
			assert_null(series_at(s, last - most - 1));
			assert_null(series_at(s, last + 1));
		}
	}
}

static void
test_peaks_and_squares(void **state)
{
	static const int64_t minutes[] = { 0, 10, 20, 70, 80, 190 }; /* 3, 2, 1 an hour */
	const struct fixture *fx = *state;
	struct series *s = find(fx, SURGE, "p", T0);

	for (size_t i = 0; i < sizeof minutes / sizeof *minutes; i++)
		series_add(s, true, 1, T0 + minutes[i] * MINUTE_US);
	assert_int_equal(s->npast, 1);
	assert_int_equal(s->past[0].peak, 3);
	assert_int_equal(s->past[0].squares, 9 + 4 + 1);
	for (int i = 0; i < 100000; i++) /* lines that stand for a million each */
		series_add(s, true, 1000000, T0 + 200 * MINUTE_US);
	assert_int_equal(s->past[0].squares, SERIES_SQUARES_MAX);
}

static void
test_marks(void **state)
{
	static const struct {
		uint64_t value;
		int64_t minute;
		bool is_new;
		size_t nmarks;
	} rows[] = {
		{ 2, 0, true, 1 }, { 2, 1, false, 1 }, { 4, 2, true, 2 },
		{ 0, 3, true, 3 }, /* none: always new */
		{ 0, 4, true, 3 }, { 6, 5, true, 3 }, { 6, 64, false, 3 },
		{ 6, 124, true, 3 }, /* an hour later it is new again */
	};
	const struct fixture *fx = *state;
	struct series *s = find(fx, COUNT, "m", T0);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		print_message("row %zu\n", i);
		assert_int_equal(series_add_mark(s, rows[i].value,
				     T0 + rows[i].minute * MINUTE_US),
		    rows[i].is_new);
		assert_int_equal(s->nmarks, rows[i].nmarks);
	}
}

/* A hundred thousand strangers' names do not drive out whom we know. */
static void
test_strangers(void **state)
{
	static const struct {
		int rule;
		size_t friends, most;
	} rows[] = {
		{ SURGE, 500, SERIES_MAX },
		{ COUNT, 500, SERIES_MAX },
		{ SILENCE, 30, SERIES_MAX_SILENCE },
	};
	const struct fixture *fx = *state;
	char name[32];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t before = series_count(fx->table);
		uint64_t evicted = series_evicted(fx->table);

		for (size_t k = 0; k < rows[i].friends; k++)
			for (int64_t hour = 0; hour < 2; hour++) {
				(void)snprintf(name, sizeof name, "friend%zu", k);
				(void)find(fx, rows[i].rule, name, T0 + hour * HOUR_US);
			}
		for (size_t k = 0; k < 100000; k++) {
			(void)snprintf(name, sizeof name, "stranger%zu", k);
			(void)find(fx, rows[i].rule, name, T0 + 2 * HOUR_US);
			assert_in_range(series_count(fx->table) - before, 1, rows[i].most);
		}
		for (size_t k = 0; k < rows[i].friends; k++) {
			(void)snprintf(name, sizeof name, "friend%zu", k);
			assert_true(is_there(fx, rows[i].rule, name));
		}
		assert_true(is_there(fx, rows[i].rule, "stranger99999"));
		assert_false(is_there(fx, rows[i].rule, "stranger0"));
		assert_int_equal(series_evicted(fx->table) - evicted,
		    rows[i].friends + 100000 - (series_count(fx->table) - before));
	}
}

/* Names that come back again and again have a ceiling, too: the longest unheard of goes. */
static void
test_many_established(void **state)
{
	const struct fixture *fx = *state;
	char name[32];

	for (size_t k = 0; k < 3000; k++)
		for (int64_t hour = 0; hour < 2; hour++) {
			(void)snprintf(name, sizeof name, "name%zu", k);
			(void)find(fx, SURGE, name, T0 + hour * HOUR_US);
			(void)find(fx, SURGE, "old friend", T0 + hour * HOUR_US);
		}
	assert_in_range(series_count(fx->table), 1, SERIES_MAX);
	assert_true(is_there(fx, SURGE, "old friend"));
	assert_true(is_there(fx, SURGE, "name2999"));
	assert_false(is_there(fx, SURGE, "name0"));
}

/* --- keeping --- */

struct kept {
	struct series_row row;
	struct buf group, body;
	struct series_record records[2000];
	size_t nrecords, saves, forgotten;
};

static int
save(void *ctx, const struct series_row *row, int64_t *number_out)
{
	struct kept *k = ctx;

	buf_clear(&k->group);
	buf_clear(&k->body);
	buf_add(&k->group, row->group);
	buf_add(&k->body, row->body);
	k->row = *row;
	k->row.number = *number_out = 7;
	k->row.group = buf_str(&k->group);
	k->row.body = buf_str(&k->body);
	k->saves++;
	return 0;
}

static int
count(void *ctx, int64_t number, const struct series_record *record)
{
	struct kept *k = ctx;
	size_t i = 0;

	assert_int_equal(number, 7);
	while (i < k->nrecords && k->records[i].at != record->at)
		i++;
	assert_true(i < sizeof k->records / sizeof *k->records);
	k->records[i] = *record;
	k->nrecords += i == k->nrecords;
	return 0;
}

static int
forget(void *ctx, int64_t number)
{
	(void)number;
	((struct kept *)ctx)->forgotten++;
	return 0;
}

static void
done_kept(struct kept *k)
{
	buf_done(&k->group);
	buf_done(&k->body);
	*k = (struct kept){ 0 };
}

/* Weeks in one batch and weeks in many: the same comes back. */
static void
test_comes_back(void **state)
{
	static struct kept k;
	const struct fixture *fx = *state;
	const struct series_sink sink = { save, count, forget, &k };

	for (int rule = COUNT; rule <= SURGE; rule++) {
		struct series_table *other = series_new(fx->rules);
		struct series *s, *t;
		AUTO(buf_done) struct buf body = { 0 };
		char name[8];

		(void)snprintf(name, sizeof name, "\"%d\"", rule);
		for (int64_t i = 0; i < 2000; i++) {
			s = find(fx, rule, name, T0 + i * 17 * MINUTE_US);
			if (rule == COUNT)
				(void)series_add_mark(s,
				    (uint64_t)(i % 5) * (UINT64_MAX / 50) >> 3,
				    T0 + i * 17 * MINUTE_US);
			else
				series_add(s, i % 3 != 0, 1, T0 + i * 17 * MINUTE_US);
			series_add_sample(s, i % 2 == 0 ? STR("even") : STR("odd"));
			if (i == 900 || i == 905)
				assert_int_equal(series_flush(fx->table, &sink), 0);
		}
		assert_int_equal(series_flush(fx->table, &sink), 0);
		size_t saves = k.saves;

		assert_int_equal(series_flush(fx->table, &sink), 0);
		assert_int_equal(k.saves, saves); /* nothing changed since */
		assert_int_equal(series_restore(other, &k.row, &t), 0);
		for (size_t i = 0; i < k.nrecords; i++)
			assert_int_equal(series_restore_record(t, &k.records[i]), 0);
		assert_int_equal(t->npast, s->npast);
		for (size_t i = 0; i < t->npast; i++)
			assert_memory_equal(&t->past[i], &s->past[i], sizeof *t->past);
		assert_memory_equal(t->hits, s->hits, sizeof t->hits);
		assert_int_equal(t->window_hits, s->window_hits);
		assert_int_equal(t->window_total, s->window_total);
		series_write_body(t, &body);
		assert_true(str_eq(buf_str(&body), k.row.body));
		series_free(other);
		done_kept(&k);
	}
}

static void
test_damage(void **state)
{
	static struct kept k;
	static const char *const bodies[] = { "", " ", "1", "2 0 0", "1 x", "\n", "1\n1",
		"1 99999999999999999999 0", "1 -9223372036854775808 9223372036854775807 " };
	const struct fixture *fx = *state;
	const struct series_sink sink = { save, count, forget, &k };
	struct series *s = find(fx, COUNT, "d", T0), *t;
	AUTO(buf_done) struct buf good = { 0 };

	for (uint64_t i = 0; i < 3; i++)
		(void)series_add_mark(s, i * 2, T0);
	assert_int_equal(series_flush(fx->table, &sink), 0);
	buf_add(&good, k.row.body);
	struct series_row row = k.row;

	assert_int_equal(series_restore(fx->table, &row, &t), 0);
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		row.body = str_of(bodies[i]);
		assert_int_equal(series_restore(fx->table, &row, &t), -ENOENT);
	}
	for (size_t i = 0; i + 1 < good.n; i++) { /* cut short */
		row.body = str_head(buf_str(&good), i);
		if (series_restore(fx->table, &row, &t) == 0)
			assert_true(i + 2 >= good.n); /* a last number that is whole */
	}
	/* One number after the other is another one: refused, or of no harm. */
	static const char *const wrong[] = { "-1", "x", "3fffffffffffffff",
		"7fffffffffffffff", "17" };
	size_t words = 0, refused = 0, tried = 0;

	for (size_t i = 0; i < good.n; i++)
		words += good.p[i] == ' ';
	for (size_t w = 0; w < words; w++)
		for (size_t x = 0; x < sizeof wrong / sizeof *wrong; x++) {
			AUTO(buf_done) struct buf body = { 0 };
			struct str left = buf_str(&good);

			for (size_t i = 0; i < words; i++) {
				struct str word = str_cut(&left, ' ');

				buf_add(&body, i == w ? str_of(wrong[x]) : word);
				buf_add_char(&body, ' ');
			}
			buf_add_char(&body, '\n');
			row.body = buf_str(&body);
			tried++;
			if (series_restore(fx->table, &row, &t) < 0) {
				refused++;
				continue;
			}
			for (uint64_t i = 0; i < 10; i++)
				(void)series_add_mark(t, i * 2, T0 + HOUR_US);
			series_add(t, true, 1, T0 + HOUR_US);
			(void)series_base_of(t, T0 + DAY_US);
		}
	print_message("%zu of %zu refused\n", refused, tried);
	assert_in_range(refused, tried / 2, tried - 1);
	done_kept(&k);
}

/* Rows of rules that are gone, or count something else now, are forgotten. */
static void
test_other_rules(void **state)
{
	static struct kept k;
	const struct fixture *fx = *state;
	const struct series_sink sink = { save, count, forget, &k };
	struct series *t;

	(void)find(fx, SURGE, "o", T0);
	assert_int_equal(series_flush(fx->table, &sink), 0);
	struct series_row row = k.row;

	row.mark++;
	assert_int_equal(series_restore(fx->table, &row, &t), -ENOENT);
	row = k.row;
	row.rule = STR("gone");
	assert_int_equal(series_restore(fx->table, &row, &t), -ENOENT);
	assert_int_equal(series_flush(fx->table, &sink), 0);
	assert_int_equal(k.forgotten, 2);
	done_kept(&k);
}

static int
set_up(void **state)
{
	static struct fixture fx;

	fx.rules = good_rules(rules_text);
	fx.table = series_new(fx.rules);
	*state = &fx;
	return fx.table == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;

	series_free(fx->table);
	alert_rules_free(fx->rules);
	return 0;
}

#define SERIES_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		SERIES_TEST(test_window),
		SERIES_TEST(test_history_ends),
		SERIES_TEST(test_peaks_and_squares),
		SERIES_TEST(test_marks),
		SERIES_TEST(test_strangers),
		SERIES_TEST(test_many_established),
		SERIES_TEST(test_comes_back),
		SERIES_TEST(test_damage),
		SERIES_TEST(test_other_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
