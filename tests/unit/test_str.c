/* Finding text in text: as the simplest way of doing it finds it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/str.h"

static ptrdiff_t
find_simply(struct str s, struct str needle)
{
	for (size_t i = 0; i + needle.n <= s.n; i++)
		if (str_eq_nocase((struct str){ s.p + i, needle.n }, needle))
			return (ptrdiff_t)i;
	return -1;
}

static void
test_find_nocase(void **state)
{
	(void)state;
	assert_int_equal(str_find_nocase(STR("abc"), STR("")), 0);
	assert_int_equal(str_find_nocase(STR(""), STR("a")), -1);
	assert_int_equal(str_find_nocase(STR("ab"), STR("abc")), -1);
	assert_int_equal(str_find_nocase(STR("xABc"), STR("abC")), 1);
	assert_int_equal(str_find_nocase(STR("aaAB"), STR("ab")), 2);
	assert_int_equal(str_find_nocase(STR("-[-{"), STR("{")),
	    3); /* 32 apart, no letters */
	assert_int_equal(str_find_nocase(STR("a@b"), STR("@B")), 1);
	assert_int_equal(str_find_nocase(STR("no \xc4 \xe4"), STR("\xe4")), 5);
}

static void
test_find_nocase_anywhere(void **state)
{
	static const char letters[] = "aAbB[{@`";
	uint64_t seed = 88172645463325252u;
	char text[24], word[3];

	(void)state;
	for (int run = 0; run < 20000; run++) {
		for (size_t i = 0; i < sizeof text + sizeof word; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			*(i < sizeof text ? &text[i] : &word[i - sizeof text]) =
			    letters[seed % 8];
		}
		struct str s = { text, seed % (sizeof text + 1) };
		struct str needle = { word, 1 + seed / 32 % sizeof word };

		assert_int_equal(str_find_nocase(s, needle), find_simply(s, needle));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find_nocase),
		cmocka_unit_test(test_find_nocase_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
