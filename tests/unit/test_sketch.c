/* core/sketch: counts of different values within what its header promises. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/sketch.h"

static uint64_t
hash_of(int round, int i)
{
	char text[64];

	(void)snprintf(text, sizeof text, "user%d.%d@example.org", i, round);
	return str_hash(str_of(text));
}

static void
test_few_are_exact(void **state)
{
	struct sketch s = { 0 };

	(void)state;
	assert_int_equal(sketch_count(&s), 0);
	assert_true(sketch_add(&s, hash_of(0, 1)));
	assert_false(sketch_add(&s, hash_of(0, 1)));
	assert_int_equal(sketch_count(&s), 1);
	for (int i = 2; i <= 20; i++)
		(void)sketch_add(&s, hash_of(0, i));
	assert_in_range(sketch_count(&s), 19, 21);
}

/* The mean error over many rounds stays within the standard error that the header names. */
static void
test_error(void **state)
{
	static const struct {
		int n;
		double error;
	} cases[] = { { 50, 0.02 }, { 500, 0.02 }, { 2000, 0.02 }, { 8000, 0.04 } };

	(void)state;
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		double squares = 0;

		for (int round = 0; round < 40; round++) {
			struct sketch s = { 0 };

			for (int i = 0; i < cases[c].n; i++)
				(void)sketch_add(&s, hash_of(round, i));
			double off = (double)sketch_count(&s) / cases[c].n - 1;

			squares += off * off;
		}
		if (sqrt(squares / 40) > cases[c].error * 1.3) /* 40 rounds: some luck */
			fail_msg("%d values: error %.4f", cases[c].n, sqrt(squares / 40));
	}
}

static void
test_full(void **state)
{
	struct sketch s = { 0 };

	(void)state;
	for (int i = 0; i < 200000; i++)
		(void)sketch_add(&s, hash_of(1, i));
	assert_int_equal(sketch_count(&s), SKETCH_MOST);
}

static void
test_text(void **state)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct sketch s = { 0 }, back;

	(void)state;
	sketch_to_text(&s, &text);
	assert_int_equal(text.n, 0);
	assert_true(sketch_of_text(buf_str(&text), &back));
	for (int i = 0; i < 300; i++)
		(void)sketch_add(&s, hash_of(2, i));
	sketch_to_text(&s, &text);
	assert_int_equal(text.n, SKETCH_TEXT);
	assert_true(sketch_of_text(buf_str(&text), &back));
	assert_memory_equal(&back, &s, sizeof s);
	assert_int_equal(sketch_text_count(buf_str(&text)), sketch_count(&s));
	text.p[7] = 'x';
	assert_false(sketch_of_text(buf_str(&text), &back));
	assert_int_equal(sketch_count(&back), 0);
	assert_int_equal(sketch_text_count(str_head(buf_str(&text), 100)), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few_are_exact),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
