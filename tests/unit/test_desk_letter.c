/* desktop/letter: heads of messages, most of them somebody's who means no good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#include "desktop/letter.h"

static void
expect(const char *name, const char *what, const char *is, const char *want)
{
	if (g_strcmp0(is, want) != 0)
		fail_msg("%s: %s is %s%s%s, not %s", name, what, is == NULL ? "" : "'",
		    is == NULL ? "not there" : is, is == NULL ? "" : "'",
		    want == NULL ? "not there" : want);
}

static void
test_heads(void **state)
{
	static const struct {
		const char *name;
		struct str head;
		const char *subject, *from, *to, *message_id, *status;
	} cases[] = {
		{
		    .name = "plain",
		    .head = STR_INIT("Return-Path: <bounce@example.net>\n"
				     "Message-ID: <1@example.net>\n"
				     "From: Ann Other <ann@example.net>\n"
				     "To: joe@example.org\nSubject: Lunch?\n\n"
				     "Subject: not this one\n"),
		    .subject = "Lunch?",
		    .from = "Ann Other <ann@example.net>",
		    .to = "joe@example.org",
		    .message_id = "<1@example.net>",
		},
		{
		    .name = "CRLF, folded, names in any case, a blank before the colon",
		    .head = STR_INIT("SUBJECT : Lunch\r\n\ttoday\r\n"
				     "message-id:\r\n <1@example.net>\r\n\r\n"),
		    .subject = "Lunch today",
		    .message_id = "<1@example.net>",
		},
		{
		    .name = "encoded words (RFC 2047)",
		    .head = STR_INIT("Subject: =?UTF-8?B?R3LDvMOfZQ==?=\n =?utf-8?Q?_aus_"
				     "K=C3=B6ln?=\nFrom: =?iso-8859-1?Q?J=FCrgen?= "
				     "<j@example.net>\n\n"),
		    .subject = "Gr\xc3\xbc\xc3\x9f"
			       "e aus K\xc3\xb6ln",
		    .from = "J\xc3\xbcrgen <j@example.net>",
		},
		{
		    .name = "UTF-8 as it is (RFC 6532)",
		    .head = STR_INIT("Subject: Gr\xc3\xbc\xc3\x9f"
				     "e\nFrom: j\xc3\xbcrgen@example.net\n\n"),
		    .subject = "Gr\xc3\xbc\xc3\x9f"
			       "e",
		    .from = "j\xc3\xbcrgen@example.net",
		},
		{
		    .name = "who it was delivered to comes first, each address once",
		    .head =
			STR_INIT("Delivered-To: joe@example.org\nX-Original-To: "
				 "lunch@example.org\nTo: \"Other, Ann\" <ann@example.net>, "
				 "JOE@example.org\nCc: friends: eve@example.net;\n\n"),
		    .to = "lunch@example.org, joe@example.org, ann@example.net, "
			  "eve@example.net",
		},
		{
		    .name = "of two fields the upper one",
		    .head = STR_INIT("Subject: a\nMessage-ID: <1@x>\nSubject: b\n c\n"
				     "Message-ID: <2@x>\n\n"),
		    .subject = "a",
		    .message_id = "<1@x>",
		},
		{
		    .name = "an address of an mbox line is no field",
		    .head = STR_INIT("From ann@example.net Sat Nov 21 20:15:00 2026\n"
				     "Subject: a\nStatus: RO\nX-Status: A\n\n"),
		    .subject = "a",
		    .status = "ROA",
		},
		{
		    .name = "Thunderbird's marks: read",
		    .head = STR_INIT("X-Mozilla-Status: 0011\nSubject: a\n\n"),
		    .subject = "a",
		    .status = "R",
		},
		{
		    .name = "Thunderbird's marks: expunged, unread",
		    .head = STR_INIT("X-Mozilla-Status: 0008\n\n"),
		    .status = "D",
		},
		{
		    .name = "NUL and control characters",
		    .head = STR_INIT("Subject: a\0b\x1b[2J\x07\n"
				     "Message-ID: <1\0@x>\n\n"),
		    .subject = "a b [2J",
		    .message_id = "<1 @x>",
		},
		{
		    .name = "control characters in encoded words",
		    .head = STR_INIT("Subject: =?utf-8?Q?a=0Ab=1B=00c?=\n\n"),
		    .subject = "a b ?c",
		},
		{
		    .name = "not UTF-8 in what says it is",
		    .head = STR_INIT("Subject: =?utf-8?Q?a=FFb?=\n\n"),
		    .subject = "a?b",
		},
		{
		    .name = "a head that is cut",
		    .head = STR_INIT("Subject: a\nFrom: ann@exam"),
		    .subject = "a",
		    .from = "ann@exam",
		},
		{
		    .name = "no fields but one without a name",
		    .head = STR_INIT(": a\nnonsense\n b\n\n"),
		},
		{
		    .name = "empty fields",
		    .head = STR_INIT("Subject:\nFrom: \nTo:\n \nMessage-ID:\nStatus:\n\n"),
		},
		{
		    .name = "the field is called otherwise",
		    .head = STR_INIT("Subject-Line: a\nX-Subject: b\nSubjec: c\n\n"),
		},
		{ .name = "nothing", .head = STR_INIT("") },
		{ .name = "an empty head", .head = STR_INIT("\nSubject: a\n") },
		{
		    .name = "a sender that is no address",
		    .head = STR_INIT("From: =?utf-8?Q?Caf=C3=A9?=\n\n"),
		    .from = "Caf\xc3\xa9",
		},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct letter letter;

		desk_letter_read(&letter, cases[i].head);
		expect(cases[i].name, "subject", letter.subject, cases[i].subject);
		expect(cases[i].name, "from", letter.from, cases[i].from);
		expect(cases[i].name, "to", letter.to, cases[i].to);
		expect(cases[i].name, "message_id", letter.message_id, cases[i].message_id);
		expect(cases[i].name, "status", letter.status, cases[i].status);
		desk_letter_done(&letter);
	}
}

static void
test_long(void **state)
{
	struct letter letter;
	g_autoptr(GString) head = g_string_new("Subject: ");

	(void)state;
	for (int i = 0; i < 50000; i++)
		g_string_append(head, "\xc3\xa9");
	g_string_append(head, "\nTo: ");
	for (int i = 0; i < 100; i++)
		g_string_append_printf(head, "somebody.%d@example.org, ", i);
	g_string_append(head, "\n\n");
	desk_letter_read(&letter, (struct str){ head->str, head->len });
	assert_int_equal(g_utf8_strlen(letter.subject, -1), LETTER_CHARACTERS);
	assert_null(letter.to); /* behind LETTER_HEAD_BYTES */
	desk_letter_done(&letter);
	/* Whole addresses only. */
	const char *to = strstr(head->str, "To: ");

	desk_letter_read(&letter, str_of(to));
	assert_true(g_str_has_prefix(letter.to, "somebody.0@example.org, "));
	assert_true(g_str_has_suffix(letter.to, "@example.org"));
	assert_true(strlen(letter.to) <= LETTER_CHARACTERS);
	desk_letter_done(&letter);
}

/* Groups in groups, comments in comments, quotes that do not end: each takes no time. */
static void
test_deep(void **state)
{
	static const char *const pieces[] = { "a:", "(", "<", "\"", "=?utf-8?Q?", ",", "@",
		"\\", "=?utf-8?B?", "<@a,", "[", ";" };

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
		g_autoptr(GString) head = g_string_new("From: ");
		struct letter letter;

		while (head->len < LETTER_HEAD_BYTES / 2)
			g_string_append(head, pieces[i]);
		g_string_append(head, "\nSubject: ");
		while (head->len < LETTER_HEAD_BYTES)
			g_string_append(head, pieces[i]);
		desk_letter_read(&letter, (struct str){ head->str, head->len });
		desk_letter_done(&letter);
	}
}

static void
test_files(void **state)
{
	g_autofree char *folder = g_dir_make_tmp("letter-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(folder, "file", NULL);
	g_autofree char *link = g_build_filename(folder, "link", NULL);
	g_autofree char *fifo = g_build_filename(folder, "fifo", NULL);
	g_autofree char *empty = g_build_filename(folder, "empty", NULL);
	struct letter letter;

	(void)state;
	assert_true(g_file_set_contents(file, "Subject: a\n\n", -1, NULL));
	assert_true(g_file_set_contents(empty, "", -1, NULL));
	assert_int_equal(symlink(file, link), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(desk_letter_read_file(&letter, file), 0);
	assert_string_equal(letter.subject, "a");
	assert_true(letter.at_us > 0);
	desk_letter_done(&letter);
	/* None of these blocks, and none gives a text. */
	assert_int_equal(desk_letter_read_file(&letter, link), -ELOOP);
	assert_int_equal(desk_letter_read_file(&letter, fifo), -EINVAL);
	assert_int_equal(desk_letter_read_file(&letter, folder), -EINVAL);
	assert_int_equal(desk_letter_read_file(&letter, "/dev/zero"), -EINVAL);
	assert_int_equal(desk_letter_read_file(&letter, empty), -ENODATA);
	assert_int_equal(g_unlink(file), 0);
	assert_int_equal(desk_letter_read_file(&letter, file), -ENOENT);
	assert_null(letter.subject);
	desk_letter_done(&letter);
	(void)g_unlink(link);
	(void)g_unlink(fifo);
	(void)g_unlink(empty);
	assert_int_equal(g_rmdir(folder), 0);
}

/* Shells and mail programs tell new mail by a time of access before that of the change. */
static void
test_access_time(void **state)
{
	g_autofree char *folder = g_dir_make_tmp("letter-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(folder, "file", NULL);
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000 } };
	struct letter letter;
	struct stat st;

	(void)state;
	assert_true(g_file_set_contents(file, "Subject: a\n\n", -1, NULL));
	assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
	assert_int_equal(desk_letter_read_file(&letter, file), 0);
	desk_letter_done(&letter);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_atime, 1000);
	(void)g_unlink(file);
	assert_int_equal(g_rmdir(folder), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_access_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
