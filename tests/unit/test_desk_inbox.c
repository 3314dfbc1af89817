/* desktop/inbox: one message told by logs and mailboxes counts once, and until it is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <glib.h>
#include <json-c/json.h>

#include "desktop/inbox.h"
#include "desktop/letter.h"

#define S (INT64_C(1000000))
#define NOON (1700000000 * S)

struct box {
	struct desk_settings settings;
	struct desk_rule rules[2];
	struct inbox *inbox;
};

static char *addresses[] = { (char *)"joe@example.org", (char *)"*@joe.example.net", NULL };
static const char *const maildir = "/home/joe/Maildir";

static int
set_up(void **state)
{
	struct box *b = g_new0(struct box, 1);

	b->settings.addresses = addresses;
	b->settings.mail_notify = true;
	b->settings.rules = b->rules;
	b->inbox = inbox_new(&b->settings);
	*state = b;
	return 0;
}

static int
tear_down(void **state)
{
	struct box *b = *state;

	inbox_free(b->inbox);
	g_free(b);
	return 0;
}

static uint64_t
log_tells(struct box *b, const char *recipient, const char *message_id)
{
	const struct record record = {
		.kind = RECORD_DELIVERED,
		.at_us = NOON,
		.host = "mail.example.org",
		.sender = "ann@example.net",
		.recipient = recipient,
		.message_id = message_id,
	};

	return inbox_add_delivery(b->inbox, "mx1", &record);
}

static uint64_t
file_tells(struct box *b, const char *key, const char *message_id)
{
	const struct letter letter = {
		.subject = (char *)"Lunch",
		.from = (char *)"Ann <ann@example.net>",
		.to = (char *)"joe@example.org, list@example.net",
		.message_id = (char *)(uintptr_t)message_id,
		.at_us = NOON,
	};

	return inbox_add_letter(b->inbox, maildir, key, &letter, NOON);
}

/* As after a start: found there rather than seen coming. */
static uint64_t
file_lay_there(struct box *b, const char *key, const char *message_id, int64_t at_us)
{
	const struct letter letter = {
		.message_id = (char *)(uintptr_t)message_id,
		.at_us = at_us,
		.was_there = true,
	};

	return inbox_add_letter(b->inbox, maildir, key, &letter, NOON + 10000 * S);
}

static void
restart(struct box *b)
{
	struct buf text = { 0 }, again = { 0 };

	inbox_save(b->inbox, &text);
	inbox_free(b->inbox);
	b->inbox = inbox_new(&b->settings);
	struct json_object *array = json_tokener_parse(buf_cstr(&text));

	assert_non_null(array);
	inbox_load(b->inbox, array);
	json_object_put(array);
	inbox_save(b->inbox, &again);
	assert_string_equal(buf_cstr(&text), buf_cstr(&again));
	buf_done(&text);
	buf_done(&again);
}

/* --- counted once --- */

static void
test_same_message(void **state)
{
	static const struct {
		const char *name, *first, *second;
		bool same;
	} cases[] = {
		{ "as it is", "<a1@example.net>", "<a1@example.net>", true },
		{ "without brackets", "<a1@example.net>", "a1@example.net", true },
		{ "brackets later", "a1@example.net", "<a1@example.net>", true },
		{ "blanks, folded", "<a1@example.net>", " \r\n\t<a1@ example.net> ", true },
		{ "a comment behind", "<a1@example.net> (added by a relay)",
		    "<a1@example.net>", true },
		{ "control character, logged as ?", "<a\x01@example.net>",
		    "<a?@example.net>", true },
		{ "case counts", "<A1@example.net>", "<a1@example.net>", false },
		{ "one is the other's beginning", "<a1@example.net>", "<a1@example.ne>",
		    false },
		{ "no id at all", NULL, NULL, false },
		{ "empty id", "<>", "<>", false },
		{ "empty text", "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		for (int order = 0; order < 4; order++) {
			void *own = NULL;

			assert_int_equal(set_up(&own), 0);
			struct box *b = own;
			uint64_t first =
			    order & 1 ? file_tells(b, "k1", cases[i].first)
				      : log_tells(b, "joe@example.org", cases[i].first);
			uint64_t second =
			    order & 2 ? file_tells(b, "k2", cases[i].second)
				      : log_tells(b, "joe@example.org", cases[i].second);

			if (first == 0 || (second == 0) != cases[i].same ||
			    inbox_new_count(b->inbox) != (cases[i].same ? 1 : 2))
				fail_msg("%s, order %d", cases[i].name, order);
			(void)tear_down(&own);
		}
}

/* Dovecot logs 200 bytes of it, the last three of them dots. */
static void
test_long_id(void **state)
{
	struct box *b = *state;
	g_autofree char *many = g_strnfill(300, 'x');
	g_autofree char *whole = g_strdup_printf("<%s@example.net>", many);
	g_autofree char *cut = g_strdup_printf("<%.196s...", many);

	assert_int_not_equal(file_tells(b, "k1", whole), 0);
	assert_int_equal(log_tells(b, "joe@example.org", cut), 0);
	assert_int_equal(inbox_new_count(b->inbox), 1);
}

static void
test_queue_id(void **state)
{
	struct box *b = *state;
	struct record record = { .kind = RECORD_DELIVERED,
		.queue_id = "4XyZ1k2cQpz",
		.recipient = "joe@example.org",
		.at_us = NOON };

	assert_int_not_equal(inbox_add_delivery(b->inbox, "mx1", &record), 0);
	assert_int_equal(inbox_add_delivery(b->inbox, "mx1", &record), 0);
	assert_int_not_equal(inbox_add_delivery(b->inbox, "mx2", &record), 0);
	/* The host as logged tells more than how the desk calls it. */
	record.host = "a.example.org";
	assert_int_not_equal(inbox_add_delivery(b->inbox, "mx1", &record), 0);
	assert_int_equal(inbox_add_delivery(b->inbox, "mx2", &record), 0);
	record.queue_id = NULL;
	assert_int_not_equal(inbox_add_delivery(b->inbox, "mx1", &record), 0);
	assert_int_not_equal(inbox_add_delivery(b->inbox, "mx1", &record), 0);
}

/* Postfix' attempt, Dovecot's `stored`, the Maildir: and the Maildir tells it was read. */
static void
test_log_then_file(void **state)
{
	struct box *b = *state;
	uint64_t number = log_tells(b, "joe@example.org", "<a1@example.net>");

	assert_int_not_equal(number, 0);
	assert_int_equal(log_tells(b, "joe@example.org", "a1@example.net"), 0);
	assert_int_equal(file_tells(b, "k1", "<a1@example.net>"), 0);
	const struct inbox_mail *mail = inbox_find(b->inbox, number);

	assert_string_equal(mail->subject, "Lunch");
	assert_string_equal(mail->sender, "ann@example.net");
	assert_string_equal(mail->host, "mx1");
	assert_string_equal(mail->mailbox, maildir);
	assert_string_equal(mail->key, "k1");
	assert_false(inbox_key_seen(b->inbox, maildir, "k2"));
	assert_false(inbox_key_seen(b->inbox, "/elsewhere", "k1"));
	assert_int_equal(inbox_new_count(b->inbox), 1);
	assert_true(inbox_key_seen(b->inbox, maildir, "k1"));
	assert_false(inbox_key_seen(b->inbox, maildir, "k1"));
	assert_int_equal(inbox_new_count(b->inbox), 0);
}

static void
test_file_then_log(void **state)
{
	struct box *b = *state;
	uint64_t number = file_tells(b, "k1", "<a1@example.net>");

	assert_true(inbox_key_seen(b->inbox, maildir, "k1"));
	assert_int_equal(log_tells(b, "joe@example.org", "<a1@example.net>"), 0);
	assert_int_equal(inbox_new_count(b->inbox), 0);
	assert_string_equal(inbox_find(b->inbox, number)->host, "mx1");
	assert_string_equal(inbox_find(b->inbox, number)->recipient, "joe@example.org");
}

/* A second copy in another folder does not take the place of the first. */
static void
test_two_copies(void **state)
{
	struct box *b = *state;
	const struct letter letter = { .message_id = (char *)"<a1@example.net>" };

	(void)file_tells(b, "k1", "<a1@example.net>");
	assert_int_equal(inbox_add_letter(b->inbox, "/other", "k9", &letter, NOON), 0);
	assert_int_equal(inbox_new_count(b->inbox), 1);
	assert_false(inbox_key_seen(b->inbox, "/other", "k9"));
	assert_true(inbox_key_seen(b->inbox, maildir, "k1"));
}

static void
test_key_again(void **state)
{
	struct box *b = *state;

	assert_int_not_equal(file_tells(b, "k1", NULL), 0);
	assert_int_equal(file_tells(b, "k1", NULL), 0);
	assert_true(inbox_all_seen(b->inbox));
	assert_int_equal(file_tells(b, "k1", NULL), 0);
	assert_int_equal(inbox_new_count(b->inbox), 0);
}

/* --- whose, and which --- */

static void
test_addresses(void **state)
{
	static char *nobody[] = { NULL };
	struct box *b = *state;
	const struct record by_alias = { .kind = RECORD_DELIVERED,
		.at_us = NOON,
		.recipient = "u1000@store.example.org",
		.original_recipient = "Joe@Example.Org" };

	assert_int_equal(log_tells(b, "ann@example.org", "<1@example.net>"), 0);
	assert_int_equal(log_tells(b, NULL, "<2@example.net>"), 0);
	assert_int_not_equal(log_tells(b, "JOE@example.org", "<3@example.net>"), 0);
	assert_int_not_equal(log_tells(b, "shop@joe.example.net", "<4@example.net>"), 0);
	uint64_t number = inbox_add_delivery(b->inbox, "mx1", &by_alias);

	assert_string_equal(inbox_find(b->inbox, number)->recipient, "Joe@Example.Org");
	/* What lies in the user's own mailbox is the user's. */
	b->settings.addresses = nobody;
	assert_int_equal(log_tells(b, "joe@example.org", "<5@example.net>"), 0);
	assert_int_not_equal(file_tells(b, "k1", "<6@example.net>"), 0);
	/* Somebody else's copy must not hide ours. */
	b->settings.addresses = addresses;
	assert_int_not_equal(log_tells(b, "joe@example.org", "<1@example.net>"), 0);
}

static void
test_rules(void **state)
{
	struct box *b = *state;

	b->settings.mail_sound = (char *)"message-new-email";
	b->settings.nrules = 2;
	b->rules[0] =
	    (struct desk_rule){ .to = (char *)"list@example.net", .notify = DESK_NO };
	b->rules[1] =
	    (struct desk_rule){ .from = (char *)"*@example.net", .sound = DESK_NO };
	const struct inbox_mail *mail =
	    inbox_find(b->inbox, file_tells(b, "k1", "<1@example.net>"));

	assert_false(mail->wants_notice);
	assert_true(mail->wants_sound);
	mail = inbox_find(b->inbox, log_tells(b, "joe@example.org", "<2@example.net>"));
	assert_true(mail->wants_notice);
	assert_false(mail->wants_sound);
	/* The letter shows that it went to the list. */
	uint64_t number = mail->number;

	assert_int_equal(file_tells(b, "k2", "<2@example.net>"), 0);
	assert_false(inbox_find(b->inbox, number)->wants_notice);
	b->rules[0].count = DESK_NO;
	assert_int_equal(file_tells(b, "k3", "<3@example.net>"), 0);
	assert_int_equal(log_tells(b, "joe@example.org", "<3@example.net>"), 0);
	assert_int_not_equal(log_tells(b, "joe@example.org", "<4@example.net>"), 0);
	assert_int_equal(inbox_new_count(b->inbox), 3);
	assert_int_equal(file_tells(b, "k4", "<4@example.net>"), 0);
	assert_int_equal(inbox_new_count(b->inbox), 2);
}

/* The sender's name is the sender's to choose. */
static void
test_forged_name(void **state)
{
	struct box *b = *state;
	const struct letter letter = {
		.from = (char *)"<boss@example.org> <mallory@example.net>"
	};

	b->settings.nrules = 1;
	b->rules[0] =
	    (struct desk_rule){ .from = (char *)"boss@example.org", .notify = DESK_NO };
	uint64_t number = inbox_add_letter(b->inbox, maildir, "k1", &letter, NOON);

	assert_true(inbox_find(b->inbox, number)->wants_notice);
}

static void
test_untold(void **state)
{
	struct box *b = *state;

	assert_null(inbox_next_untold(b->inbox));
	uint64_t first = file_tells(b, "k1", NULL), second = file_tells(b, "k2", NULL);

	(void)file_tells(b, "k3", NULL);
	(void)inbox_key_seen(b->inbox, maildir, "k3");
	assert_int_equal(inbox_next_untold(b->inbox)->number, second);
	restart(b);
	assert_int_equal(inbox_next_untold(b->inbox)->number, first);
	assert_null(inbox_next_untold(b->inbox));
	assert_true(inbox_find(b->inbox, first)->told);
	b->settings.mail_notify = false;
	(void)file_tells(b, "k4", NULL);
	assert_null(inbox_next_untold(b->inbox));
	assert_int_equal(inbox_new_count(b->inbox), 3);
}

/* --- many --- */

enum { MANY = 1500 };

static uint64_t
tell_many(struct box *b, int from, int n, bool lay_there)
{
	uint64_t last = 0;

	for (int i = from; i < from + n; i++) {
		g_autofree char *key = g_strdup_printf("k%d", i);
		g_autofree char *id = g_strdup_printf("<%d@example.net>", i);

		last = lay_there ? file_lay_there(b, key, id, NOON + i * S)
				 : file_tells(b, key, id);
	}
	return last;
}

static void
test_many(void **state)
{
	struct box *b = *state;
	uint64_t last = tell_many(b, 0, MANY, false);

	assert_int_equal(inbox_new_count(b->inbox), MANY);
	assert_int_equal(inbox_recent(b->inbox, 0)->number, last);
	assert_non_null(inbox_recent(b->inbox, INBOX_KEPT - 1));
	assert_null(inbox_recent(b->inbox, INBOX_KEPT));
	assert_null(inbox_find(b->inbox, 1));
	/* What is only counted can be read all the same, once. */
	assert_true(inbox_key_seen(b->inbox, maildir, "k3"));
	assert_false(inbox_key_seen(b->inbox, maildir, "k3"));
	assert_int_equal(inbox_new_count(b->inbox), MANY - 1);
	assert_int_equal(file_tells(b, "k4", NULL), 0);
	assert_int_equal(log_tells(b, "joe@example.org", "<1400@example.net>"), 0);
	assert_true(inbox_all_seen(b->inbox));
	assert_int_equal(inbox_new_count(b->inbox), 0);
	assert_false(inbox_all_seen(b->inbox));
}

static void
test_many_deliveries(void **state)
{
	struct box *b = *state;

	for (int i = 0; i < MANY; i++) {
		g_autofree char *id = g_strdup_printf("<%d@example.net>", i);

		(void)log_tells(b, "joe@example.org", id);
	}
	assert_int_equal(inbox_new_count(b->inbox), MANY);
	restart(b);
	assert_int_equal(inbox_new_count(b->inbox), MANY);
	/* The last INBOX_IDS are known again. */
	g_autofree char *known = g_strdup_printf("<%d@example.net>", MANY - INBOX_IDS);

	assert_int_equal(log_tells(b, "joe@example.org", known), 0);
	assert_int_equal(file_tells(b, "k1", known), 0);
	assert_int_not_equal(log_tells(b, "joe@example.org", "<0@example.net>"), 0);
}

/* After a start all that lies in new/ is told again, whatever is still remembered. */
static void
test_many_again(void **state)
{
	struct box *b = *state;

	(void)tell_many(b, 0, MANY, true);
	assert_int_equal(inbox_new_count(b->inbox), MANY);
	restart(b);
	(void)tell_many(b, 0, MANY, true);
	assert_int_equal(inbox_new_count(b->inbox), MANY);
	assert_true(inbox_all_seen(b->inbox));
	restart(b);
	(void)tell_many(b, 0, MANY + 2, true);
	assert_int_equal(inbox_new_count(b->inbox), 2);
	assert_int_equal(inbox_recent(b->inbox, 0)->at_us, NOON + (MANY + 1) * S);
}

/* --- kept --- */

static void
test_kept(void **state)
{
	struct box *b = *state;
	uint64_t number = log_tells(b, "joe@example.org", "<1@example.net>");
	const struct letter hostile = {
		.subject = (char *)"\"\\ <b>\xe2\x80\xaegnp.exe\x7f",
		.message_id = (char *)"<2@example.net>",
	};
	uint64_t second =
	    inbox_add_letter(b->inbox, "/mail \"x\"\n", "k,S=1", &hostile, NOON);

	restart(b);
	assert_int_equal(inbox_new_count(b->inbox), 2);
	assert_string_equal(inbox_find(b->inbox, number)->sender, "ann@example.net");
	assert_null(inbox_find(b->inbox, number)->key);
	assert_string_equal(inbox_find(b->inbox, second)->subject, hostile.subject);
	assert_string_equal(inbox_find(b->inbox, second)->mailbox, "/mail \"x\"\n");
	assert_int_equal(log_tells(b, "joe@example.org", "<2@example.net>"), 0);
	assert_int_equal(file_tells(b, "k1", "<1@example.net>"), 0);
	assert_true(inbox_key_seen(b->inbox, maildir, "k1"));
	assert_true(file_tells(b, "k3", NULL) > second);
}

/* While nobody watched, a program gave the file another name. */
static void
test_other_key(void **state)
{
	struct box *b = *state;

	(void)file_tells(b, "k1", "<1@example.net>");
	restart(b);
	assert_int_equal(file_lay_there(b, "k1,U=7", "<1@example.net>", NOON), 0);
	assert_true(inbox_key_seen(b->inbox, maildir, "k1,U=7"));
}

static void
test_unseen_keys(void **state)
{
	struct box *b = *state;

	(void)log_tells(b, "joe@example.org", "<9999@example.net>");
	(void)tell_many(b, 0, 300, true);
	(void)inbox_key_seen(b->inbox, maildir, "k0");
	(void)inbox_key_seen(b->inbox, maildir, "k299");
	restart(b);
	g_auto(GStrv) keys = inbox_unseen_keys(b->inbox, maildir);
	g_auto(GStrv) none = inbox_unseen_keys(b->inbox, "/elsewhere");

	assert_int_equal(g_strv_length(keys), 298);
	assert_false(g_strv_contains((const char *const *)keys, "k0"));
	assert_true(g_strv_contains((const char *const *)keys, "k1"));
	assert_false(g_strv_contains((const char *const *)keys, "k299"));
	assert_null(none[0]);
}

/* A file that somebody wrote into. */
static void
test_load_anything(void **state)
{
	static const char *const texts[] = { "{}", "null", "3", "[null, 1, \"x\", [], {}]",
		"[{\"known\": 5, \"beyond\": {\"a\": 1}, \"beyond_logs\": \"x\"}]",
		"[{\"known\": [1, null, {}], \"beyond\": [[]], \"beyond_logs\": -4}]",
		"[{\"number\": -1}, {\"number\": 1, \"key\": \"k\"}]",
		"[{\"number\": 2, \"sender\": 7, \"seen\": \"yes\", \"at_us\": {}}]",
		"[{\"looked_at\": \"/x\", \"seen_us\": \"y\"}]",
		"[{\"beyond\": [\"no line feed\"]}]" };
	struct box *b = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		struct json_object *array = json_tokener_parse(texts[i]);

		inbox_load(b->inbox, array);
		json_object_put(array);
		g_auto(GStrv) keys = inbox_unseen_keys(b->inbox, "/x");

		assert_null(keys[0]);
	}
	assert_int_equal(inbox_new_count(b->inbox), 3);
	restart(b);
	assert_true(inbox_all_seen(b->inbox));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_message),
		T(test_long_id),
		T(test_queue_id),
		T(test_log_then_file),
		T(test_file_then_log),
		T(test_two_copies),
		T(test_key_again),
		T(test_addresses),
		T(test_rules),
		T(test_forged_name),
		T(test_untold),
		T(test_many),
		T(test_many_deliveries),
		T(test_many_again),
		T(test_kept),
		T(test_other_key),
		T(test_unseen_keys),
		T(test_load_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
