/* Whose address a reply names, who wrote it, what its status means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/mask.h"
#include "parsers/reply_facts.h"

static void
assert_text(const char *what, struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		fail_msg("%s: got '%.*s', want '%s'", what, STR_ARG(got), want);
}

static void
test_ip(void **state)
{
	static const struct {
		const char *reply, *relay_ip, *want;
	} cases[] = {
		{ "550 5.7.1 Unfortunately, messages from [192.0.2.25] weren't sent.", "",
		    "192.0.2.25" },
		{ "550-5.7.1 [192.0.2.25      12] Our system has detected", "",
		    "192.0.2.25" },
		{ "550-5.7.1 [2001:db8::25      12] Our system", "", "2001:db8::25" },
		{ "554 IP=192.0.2.25 - A problem occurred.", "", "192.0.2.25" },
		{ "554 IP:192.0.2.25 - A problem occurred.", "", "192.0.2.25" },
		{ "550 mail from 192.0.2.25.", "", "192.0.2.25" },
		{ "554 <h.example.net[192.0.2.25]>: Client host rejected", "",
		    "192.0.2.25" },
		{ "550 see https://example.org/lookup?ip=192.0.2.25&c=bl", "",
		    "192.0.2.25" },
		{ "550 see https://example.org/query/ip/192.0.2.25", "", "192.0.2.25" },
		{ "host mx.example.org[203.0.113.10] said: 550 192.0.2.25 is listed", "",
		    "192.0.2.25" },
		/* not ours */
		{ "550 said 203.0.113.10", "203.0.113.10", "" },
		{ "550 203.0.113.10 refuses 192.0.2.25", "203.0.113.10", "192.0.2.25" },
		{ "connect to mx.example.org[203.0.113.10]:25: Connection timed out", "",
		    "" },
		{ "lost connection with mx.example.org[203.0.113.10] while greeting", "",
		    "" },
		{ "550 blocked using bl.example.org; 127.0.0.4", "", "" },
		{ "550 listed, 25.2.0.192.bl.example.org", "", "" },
		{ "554 rejected, policy (3.2.1.1)", "", "" },
		{ "550 mailer/4.9.1.2 says no", "", "" },
		{ "550 version v4.9.1.2", "", "" },
		{ "550 1.2.3.4.5", "", "" },
		{ "550 1.2.3.456", "", "" },
		{ "550 ec2-192.0.2.25x", "", "" },
		{ "451 try again at 00:05:00", "", "" },
		{ "550 ::: and fe and a:b", "", "" },
		{ "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str got =
		    reply_ip(str_of(cases[i].reply), str_of(cases[i].relay_ip));

		assert_text(cases[i].reply, got, cases[i].want);
		assert_int_equal(got.p == NULL, cases[i].want[0] == '\0');
	}
}

static void
test_host(void **state)
{
	static const struct {
		const char *reply, *want;
	} cases[] = {
		{ "host mx.example.org[203.0.113.10] said: 550 no", "mx.example.org" },
		{ "host mx.example.org[203.0.113.10] refused to talk to me: 554 no",
		    "mx.example.org" },
		{ "SMTP error after RCPT TO:<a@example.org>: host mx.example.org "
		  "[203.0.113.10]: 550 no",
		    "mx.example.org" },
		{ "550 no [AM6EUR05HT060.eop-eur05.prod.protection.outlook.com 2026]",
		    "AM6EUR05HT060.eop-eur05.prod.protection.outlook.com" },
		{ "550 Client host mx.example.org is listed", "" },
		{ "550 ghost mx.example.org[203.0.113.10]", "" },
		{ "host ", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_text(cases[i].reply, reply_host(str_of(cases[i].reply)),
		    cases[i].want);
}

static void
test_codes(void **state)
{
	static const struct {
		const char *reply;
		int64_t code;
		const char *status;
	} cases[] = {
		{ "550 5.7.1 no", 550, "5.7.1" },
		{ "550-5.7.1 no", 550, "5.7.1" },
		{ "550 #5.1.0 no", 550, "5.1.0" },
		{ "host x said: 421 4.7.0 no", 421, "4.7.0" },
		{ "554 no", 554, "" },
		{ "no", 0, "" },
		{ "250 ok", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t code;
		struct str status;

		reply_codes(str_of(cases[i].reply), &code, &status);
		assert_int_equal(code, cases[i].code);
		assert_text(cases[i].reply, status, cases[i].status);
	}
}

/* Every number of the registry has words of its own. */
static void
test_status_words(void **state)
{
	static const unsigned most[] = { 0, 10, 4, 6, 7, 6, 10, 30 };
	char text[16];

	(void)state;
	for (unsigned subject = 0; subject < 8; subject++)
		for (unsigned detail = 0; detail <= most[subject]; detail++) {
			(void)snprintf(text, sizeof text, "5.%u.%u", subject, detail);
			struct status_words words = status_words(str_of(text));

			assert_string_equal(words.class, "permanent");
			assert_non_null(words.detail);
			if (detail > 0)
				assert_string_not_equal(words.detail,
				    status_words(STR("5.0.0")).detail);
		}
	assert_string_equal(status_words(STR("4.2.99")).detail,
	    status_words(STR("4.2.0")).detail);
	assert_string_equal(status_words(STR("4.2.2")).class, "temporary");
	assert_null(status_words(STR("4.9.2")).detail);
	assert_null(status_words(STR("2.0.0")).class);
	assert_null(status_words(STR("5.1")).class);
	assert_null(status_words(STR("")).class);
}

/* --- masking --- */

static void
test_mask(void **state)
{
	static const struct {
		const char *text;
		const char *gone[3]; /* must not be there any more */
		const char *kept[4];
	} cases[] = {
		{ "to=<joe@example.org>, relay=mx.example.org[192.0.2.1]:25", { "joe" },
		    { "to=<user-", "@example.org>",
			"relay=mx.example.org[192.0.2.1]:25" } },
		{ "message-id=<5EAD.20@example.org>", { "5EAD" }, { "message-id=<user-" } },
		{ "from=<bounce+joe=example.org@example.net>", { "joe", "bounce" },
		    { "@example.net>" } },
		{ "sasl_username=joe, sender=x", { "joe" }, { "sasl_username=user-" } },
		{ "sasl_username=joe@example.org", { "joe" },
		    { "sasl_username=user-", "@example.org" } },
		{ "ctladdr=joe (510/500)", { "joe" }, { "(510/500)" } },
		{ "to=<root>, from=<>", { "root" }, { "from=<>", "to=<user-" } },
		{ "\"joe doe\"@example.org", { "joe", "doe" }, { "@example.org" } },
		{ "see https://example.org/r?to=joe%40example.com&x=1", { "joe" },
		    { "https://example.org/r?to=user-", "%40example.com&x=1" } },
		{ "https://joe@example.org/", { "joe" }, { "https://user-" } },
		{ "<jos\xc3\xa9@example.org>", { "jos" }, { "@example.org" } },
		{ "joe@[192.0.2.1]", { "joe" }, { "@[192.0.2.1]" } },
		{ "a @ b, stat=Sent (250 ok)", { NULL }, { "a @ b, stat=Sent (250 ok)" } },
		{ "@example.org at @", { NULL }, { "@example.org at @" } },
		{ "JunkMail 5.7.1 (S3140)", { NULL }, { "JunkMail 5.7.1 (S3140)" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf_done) struct buf out = { 0 };

		mask_add(&out, str_of(cases[i].text));
		for (size_t k = 0; k < 3 && cases[i].gone[k] != NULL; k++)
			if (str_find(buf_str(&out), str_of(cases[i].gone[k])) >= 0)
				fail_msg("'%s' in '%.*s'", cases[i].gone[k],
				    STR_ARG(buf_str(&out)));
		for (size_t k = 0; k < 4 && cases[i].kept[k] != NULL; k++)
			if (str_find(buf_str(&out), str_of(cases[i].kept[k])) < 0)
				fail_msg("no '%s' in '%.*s'", cases[i].kept[k],
				    STR_ARG(buf_str(&out)));
	}
}

/* The same person is the same, whatever stands around it. */
static void
test_mask_is_stable(void **state)
{
	AUTO(buf_done) struct buf one = { 0 };
	AUTO(buf_done) struct buf two = { 0 };

	(void)state;
	mask_add(&one, STR("to=<joe@example.org>"));
	mask_add(&two, STR("to=<JOE@example.org>"));
	assert_text("case of letters", buf_str(&one), buf_cstr(&two));
	assert_text("fixed", buf_str(&one), "to=<user-1feb@example.org>");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_status_words),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_mask_is_stable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
