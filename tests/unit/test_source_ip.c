/* ingest/source_ip: spellings of addresses, and networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/source_ip.h"

static void
test_spellings(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: no address */
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ " [192.0.2.1] ", "192.0.2.1" },
		{ "192.0.2.1 (mx.example.net)", "192.0.2.1" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "::FFFF:c000:201", "192.0.2.1" },
		{ "[IPv6:2001:DB8:0:0::1]", "2001:db8::1" },
		{ "fe80::1%eth0", "fe80::1" },
		{ "::", "::" },
		{ "192.0.2.256", NULL },
		{ "192.0.2", NULL },
		{ "mx.example.net", NULL },
		{ "", NULL },
		{ "[]", NULL },
		{ "[", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct ip ip;
		struct ip_text store;
		bool is_ip = ip_read(str_of(cases[i].text), &ip);

		if (is_ip != (cases[i].want != NULL))
			fail_msg("'%s'", cases[i].text);
		if (is_ip && !str_eq(ip_write(&ip, &store), str_of(cases[i].want)))
			fail_msg("'%s' is %s", cases[i].text, store.c);
	}
}

static void
test_networks(void **state)
{
	static const struct {
		const char *ip, *entry;
		bool want;
	} cases[] = {
		{ "203.0.113.15", "203.0.113.0/28", true },
		{ "203.0.113.16", "203.0.113.0/28", false },
		{ "203.0.113.1", "203.0.113.9/28", true }, /* bits past the mask */
		{ "203.0.113.1", "203.0.113.1/32", true },
		{ "203.0.113.0", "203.0.113.1/32", false },
		{ "203.0.113.1", "0.0.0.0/0", true },
		{ "2001:db8::1", "0.0.0.0/0", false },
		{ "203.0.113.1", "::/0", false },
		{ "2001:db8:0:f::1", "2001:db8::/60", true },
		{ "2001:db8:0:10::1", "2001:db8::/60", false },
		{ "2001:db8::1", "2001:db8:0::1", true },
		{ "::ffff:203.0.113.1", "203.0.113.1", true },
		{ "203.0.113.1", "203.0.113.1/33", false },
		{ "203.0.113.1", "203.0.113.1/", false },
		{ "203.0.113.1", "203.0.113.1/-1", false },
		{ "2001:db8::1", "2001:db8::1/129", false },
		{ "203.0.113.1", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct ip ip;

		assert_true(ip_read(str_of(cases[i].ip), &ip));
		if (ip_is_in(&ip, str_of(cases[i].entry)) != cases[i].want)
			fail_msg("%s in '%s'", cases[i].ip, cases[i].entry);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spellings),
		cmocka_unit_test(test_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
