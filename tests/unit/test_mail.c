#include "notify/mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "notify/mail_impl.h"
#include "notify/message.h"
#include "notify/settings.h"

static const int64_t a_morning_us = INT64_C(1795228877482913); /* 2026-11-21 02:41:17 UTC */

static const struct str thread = STR_INIT("0123456789ab");

static struct mail
plain_mail(const struct str *to)
{
	return (struct mail){
		.from = STR("Mail Warden <warden@mx1.example.org>"),
		.to = to,
		.nto = 1,
		.subject = STR("[critical] mx1: trouble"),
		.body = STR("First line\nSecond line\n"),
		.id = STR("0123456789ab-1"),
		.threads = &thread,
		.nthreads = 1,
		.domain = STR("mx1.example.org"),
		.date_us = a_morning_us,
		.offset_min = 60,
	};
}

/* Header block, or body: what stands before or behind the empty line. */
static struct str
header_of(struct str text)
{
	ptrdiff_t end = str_find(text, STR("\r\n\r\n"));

	assert_true(end > 0);
	return str_head(text, (size_t)end + 2);
}

static struct str
body_of(struct str text)
{
	return str_skip(text, header_of(text).n + 2);
}

/* A header's value with its folds, without the line end. */
static struct str
value_of(struct str text, const char *name)
{
	struct str rest = header_of(text), found = { NULL, 0 };

	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n');
		size_t n = strlen(name);

		if (!str_starts(line, str_of(name)) || line.n < n + 2 || line.p[n] != ':')
			continue;
		assert_null(found.p); /* once only */
		found = str_skip(line, n + 2);
		while (rest.n > 0 && rest.p[0] == ' ')
			found.n += 1 + str_cut(&rest, '\n').n;
		found.n--; /* CR */
	}
	return found;
}

static void
assert_text(struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		fail_msg("got  '%.*s'\nwant '%s'", STR_ARG(got), want);
}

/* Every mail, whatever went in: CRLF only, no line over 998, header fields we know. */
static void
assert_sound(struct str text)
{
	static const char *const known[] = { "Date", "From", "To", "Subject", "Message-ID",
		"In-Reply-To", "References", "Auto-Submitted", "MIME-Version",
		"X-Auto-Response-Suppress", "Importance", "X-Mailwarden-Severity",
		"X-Mailwarden-Notice", "X-Mailwarden-Host", "X-Mailwarden-Rule",
		"X-Mailwarden-Incident", "Content-Type", "Content-Transfer-Encoding" };
	struct str rest = text, header = header_of(text);

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == '\n')
			assert_true(i > 0 && text.p[i - 1] == '\r');
		else if (c == '\r')
			assert_true(i + 1 < text.n && text.p[i + 1] == '\n');
		else
			assert_true((c >= ' ' && c < 0x7f) || c == '\t');
	}
	while (rest.n > 0)
		assert_true(str_cut(&rest, '\n').n <= MAIL_LINE_BYTES + 1);
	while (header.n > 0) {
		struct str line = str_cut(&header, '\n');
		bool ok = line.p[0] == ' ' && str_trim(line).n > 0;

		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
			ok = ok || (str_starts(line, str_of(known[i])) &&
				       line.p[strlen(known[i])] == ':');
		if (!ok)
			fail_msg("strange header line '%.*s'", STR_ARG(line));
	}
}

static void
test_whole(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = { 0 };
	struct str to = STR("ops@example.org");
	struct mail mail = plain_mail(&to);

	mail_render(&mail, &out);
	assert_text(buf_str(&out), "Date: Sat, 21 Nov 2026 03:41:17 +0100\r\n"
				   "From: Mail Warden <warden@mx1.example.org>\r\n"
				   "To: ops@example.org\r\n"
				   "Subject: [critical] mx1: trouble\r\n"
				   "Message-ID: <0123456789ab-1@mx1.example.org>\r\n"
				   "In-Reply-To: <0123456789ab@mx1.example.org>\r\n"
				   "References: <0123456789ab@mx1.example.org>\r\n"
				   "Auto-Submitted: auto-generated\r\n"
				   "X-Auto-Response-Suppress: DR, RN, NRN, OOF, "
				   "AutoReply\r\n"
				   "MIME-Version: 1.0\r\n"
				   "Content-Type: text/plain; charset=utf-8\r\n"
				   "Content-Transfer-Encoding: 7bit\r\n"
				   "\r\n"
				   "First line\r\n"
				   "Second line\r\n");
	assert_sound(buf_str(&out));
}

static void
test_no_thread(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = { 0 };
	struct str to = STR("ops@example.org");
	struct mail mail = plain_mail(&to);

	mail.nthreads = 0;
	mail_render(&mail, &out);
	assert_null(value_of(buf_str(&out), "References").p);
	assert_null(value_of(buf_str(&out), "In-Reply-To").p);
}

/* News of several incidents stands in the threads of all of them. */
static void
test_many_threads(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = { 0 };
	struct str to = STR("ops@example.org"), threads[MAIL_THREADS + 5];
	struct mail mail = plain_mail(&to);
	size_t n = 1;

	for (size_t i = 0; i < MAIL_THREADS + 5; i++)
		threads[i] = i == 0 ? STR("first") : STR("other>\r\nX: y");
	mail.threads = threads;
	mail.nthreads = MAIL_THREADS + 5;
	mail_render(&mail, &out);
	struct str value = value_of(buf_str(&out), "References");

	assert_true(str_starts(value,
	    STR("<first@mx1.example.org>\r\n <otherXy@mx1.example.org>\r\n")));
	for (size_t i = 0; i < value.n; i++)
		n += value.p[i] == '\n';
	assert_int_equal(n, MAIL_THREADS);
	assert_text(value_of(buf_str(&out), "In-Reply-To"), "<first@mx1.example.org>");
	assert_sound(buf_str(&out));
}

static void
test_subjects(void **state)
{
	(void)state;
	static const struct {
		struct str subject;
		const char *want;
	} cases[] = {
		{ STR_INIT("plain"), "plain" },
		{ STR_INIT("a\r\nBcc: victim@example.org"), "aBcc: victim@example.org" },
		{ STR_INIT("a\nb\rc\0d\x1b[31me\x7f"), "abcd[31me" },
		{ STR_INIT("a\xe2\x80\xae"
			   "b\xc2\x85"
			   "c\xe2\x80\xa8"
			   "d"),
		    "abcd" },
		{ STR_INIT("bad \xff utf-8 \xc3"), "bad ? utf-8 ?" },
		{ STR_INIT("caf\xc3\xa9 =_?"), "=?utf-8?q?caf=C3=A9_=3D=5F=3F?=" },
		/* what looks encoded is not ours to pass on */
		{ STR_INIT("=?utf-8?q?x?="), "=?utf-8?q?=3D=3Futf=2D8=3Fq=3Fx=3F=3D?=" },
		{ STR_INIT("twelve words that make a subject which is longer than a line "
			   "of mail should be"),
		    "twelve words that make a subject which is longer than a line of "
		    "mail\r\n"
		    " should be" },
		{ STR_INIT(""), "" },
	};
	struct str to = STR("ops@example.org");

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf_done) struct buf out = { 0 };
		struct mail mail = plain_mail(&to);

		mail.subject = cases[i].subject;
		mail_render(&mail, &out);
		assert_text(value_of(buf_str(&out), "Subject"), cases[i].want);
		assert_sound(buf_str(&out));
	}
}

/* Undoes encoded-words of the Q encoding, one after the other. */
static void
decode_words(struct str value, struct buf *out)
{
	while (value.n > 0) {
		struct str line = str_trim(str_cut(&value, '\n'));

		assert_true(line.n <= 75);
		assert_true(str_starts(line, STR("=?utf-8?q?")) &&
			    str_ends(line, STR("?=")));
		line = str_skip(line, 10);
		line.n -= 2;
		/* whole characters only: a word never begins with a continuation byte */
		assert_false(line.n > 1 && line.p[0] == '=' && strchr("89AB", line.p[1]));
		while (line.n > 0) {
			unsigned byte;

			if (line.p[0] != '=') {
				buf_add_char(out, line.p[0] == '_' ? ' ' : line.p[0]);
				line = str_skip(line, 1);
				continue;
			}
			char code[3] = { line.p[1], line.p[2], '\0' };

			assert_int_equal(sscanf(code, "%x", &byte), 1);
			buf_add_char(out, (char)byte);
			line = str_skip(line, 3);
		}
	}
}

static void
test_long_encoded(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf out = { 0 };
	AUTO(buf_done) struct buf back = { 0 };
	struct str to = STR("ops@example.org");
	struct mail mail = plain_mail(&to);

	for (int i = 0; i < 40; i++)
		buf_add(&text, i % 3 == 0   ? STR("\xe2\x82\xac")
			       : i % 3 == 1 ? STR("a b")
					    : STR("\xf0\x9f\x93\xac"));
	mail.subject = buf_str(&text);
	mail_render(&mail, &out);
	assert_sound(buf_str(&out));
	decode_words(value_of(buf_str(&out), "Subject"), &back);
	assert_true(str_eq(buf_str(&back), buf_str(&text)));

	/* one ASCII word of 2,000 bytes cannot be folded: it is encoded, to be split */
	buf_clear(&text);
	buf_clear(&out);
	buf_clear(&back);
	for (int i = 0; i < 2000; i++)
		buf_add_char(&text, 'x');
	mail.subject = buf_str(&text);
	mail_render(&mail, &out);
	assert_sound(buf_str(&out));
	decode_words(value_of(buf_str(&out), "Subject"), &back);
	assert_true(str_eq(buf_str(&back), buf_str(&text)));
}

static void
test_mailboxes(void **state)
{
	(void)state;
	static const struct {
		struct str from;
		const char *want;
	} cases[] = {
		{ STR_INIT("a@example.org"), "a@example.org" },
		{ STR_INIT(" Ann Bee <a@example.org> "), "Ann Bee <a@example.org>" },
		{ STR_INIT("<a@example.org>"), "a@example.org" },
		{ STR_INIT("\"Bee, Ann\" <a@example.org>"),
		    "\"Bee, Ann\" <a@example.org>" },
		{ STR_INIT("Bee, \"Ann\" <a@example.org>"),
		    "\"Bee, \\\"Ann\\\"\" <a@example.org>" },
		{ STR_INIT("J\xc3\xbcrg <j@example.org>"),
		    "=?utf-8?q?J=C3=BCrg?= <j@example.org>" },
		{ STR_INIT("A\r\nBcc: v@example.org\r\n <a@example.org>"),
		    "\"ABcc: v@example.org\" <a@example.org>" },
		{ STR_INIT("a@example.org\r\nBcc: v@example.org"),
		    "a@example.orgBcc:v@example.org" },
		{ STR_INIT("A <a@example.org\r\n,\0b@example.org>"),
		    "A <a@example.orgb@example.org>" },
	};
	struct str to = STR("ops@example.org");

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf_done) struct buf out = { 0 };
		struct mail mail = plain_mail(&to);

		mail.from = cases[i].from;
		mail_render(&mail, &out);
		assert_text(value_of(buf_str(&out), "From"), cases[i].want);
		assert_sound(buf_str(&out));
	}
}

static void
test_recipients(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = { 0 };
	AUTO(buf_done) struct buf huge = { 0 };
	struct str to[] = { STR_INIT("a@example.org"),
		STR_INIT("J\xc3\xb6 <j@example.org>"), { NULL, 0 }, STR_INIT("") };
	struct mail mail = plain_mail(to);

	for (int i = 0; i < 2000; i++)
		buf_add_char(&huge, 'x');
	to[2] = buf_str(&huge);
	mail.nto = 4;
	mail_render(&mail, &out);
	assert_text(value_of(buf_str(&out), "To"),
	    "a@example.org,\r\n =?utf-8?q?J=C3=B6?= <j@example.org>");
	assert_sound(buf_str(&out));

	buf_clear(&out);
	mail.nto = 0;
	mail_render(&mail, &out);
	assert_text(value_of(buf_str(&out), "To"), "undisclosed-recipients:;");
}

static void
test_ids(void **state)
{
	(void)state;
	static const struct {
		struct str id, domain;
		const char *want;
	} cases[] = {
		{ STR_INIT("a1"), STR_INIT("example.org"), "<a1@example.org>" },
		{ STR_INIT("a\r\nX: y>"), STR_INIT("[192.0.2.1]"), "<aXy@192.0.2.1>" },
		{ STR_INIT("a@b\0c"), STR_INIT("exa mple..org."), "<abc@example.org>" },
		{ STR_INIT(""), STR_INIT("\xff."), "<unknown@mailwarden.invalid>" },
	};
	struct str to = STR("ops@example.org");

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf_done) struct buf out = { 0 };
		struct mail mail = plain_mail(&to);

		mail.id = cases[i].id;
		mail.domain = cases[i].domain;
		mail_render(&mail, &out);
		assert_text(value_of(buf_str(&out), "Message-ID"), cases[i].want);
		assert_sound(buf_str(&out));
	}
}

static void
test_bodies(void **state)
{
	(void)state;
	static const struct {
		struct str body;
		const char *encoding, *want;
	} cases[] = {
		{ STR_INIT(""), "7bit", "" },
		{ STR_INIT("no newline"), "7bit", "no newline\r\n" },
		{ STR_INIT(".\n..\n"), "7bit", ".\r\n..\r\n" }, /* libcurl stuffs dots */
		{ STR_INIT("caf\xc3\xa9 = 1\n"), "quoted-printable",
		    "caf=C3=A9 =3D 1\r\n" },
		{ STR_INIT("cr\r\nnul\0.\n"), "quoted-printable", "cr=0D\r\nnul=00.\r\n" },
		{ STR_INIT("\xc3\xa9 \n\t\n"), "quoted-printable", "=C3=A9=20\r\n=09\r\n" },
	};
	struct str to = STR("ops@example.org");

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf_done) struct buf out = { 0 };
		struct mail mail = plain_mail(&to);

		mail.body = cases[i].body;
		mail_render(&mail, &out);
		assert_text(value_of(buf_str(&out), "Content-Transfer-Encoding"),
		    cases[i].encoding);
		assert_text(body_of(buf_str(&out)), cases[i].want);
		assert_sound(buf_str(&out));
	}
}

/* Every length around the limits of a line comes back as it was. */
static void
test_long_lines(void **state)
{
	(void)state;
	struct str to = STR("ops@example.org");

	for (size_t n = 70; n<1100; n += n> 160 && n < 990 ? 83 : 1) {
		AUTO(buf_done) struct buf body = { 0 };
		AUTO(buf_done) struct buf out = { 0 };
		AUTO(buf_done) struct buf back = { 0 };
		struct mail mail = plain_mail(&to);

		for (size_t i = 0; i < n; i++)
			buf_add_char(&body, i % 7 == 6 ? ' ' : 'a');
		if (n < 160)
			buf_add(&body, STR("\xc3\xa9"));
		mail.body = buf_str(&body);
		mail_render(&mail, &out);
		assert_sound(buf_str(&out));
		bool qp = n < 160 || n > MAIL_LINE_BYTES;
		struct str rest = body_of(buf_str(&out));

		assert_text(value_of(buf_str(&out), "Content-Transfer-Encoding"),
		    qp ? "quoted-printable" : "7bit");
		while (rest.n > 0) {
			struct str line = str_cut(&rest, '\n');

			line.n--; /* CR */
			assert_true(!qp || line.n <= 76);
			if (str_ends(line, STR("=C3=A9"))) {
				line.n -= 6;
				buf_add(&back, line);
				buf_add(&back, STR("\xc3\xa9"));
			} else if (str_ends(line, STR("=20"))) {
				line.n -= 3;
				buf_add(&back, line);
				buf_add_char(&back, ' ');
			} else {
				line.n -= qp && str_ends(line, STR("="));
				buf_add(&back, line);
			}
		}
		/* an é cut in two by a soft break is put together by its reader only */
		if (str_find(body_of(buf_str(&out)), STR("=C3=\r\n=A9")) < 0)
			assert_true(str_eq(buf_str(&back), buf_str(&body)));
	}
}

static void
test_addresses(void **state)
{
	(void)state;
	assert_text(mail_address(STR("Name <a@b>")), "a@b");
	assert_text(mail_address(STR(" a@b ")), "a@b");
	assert_text(mail_address(STR("x <y> < a@b > z")), "a@b");
	assert_text(mail_address(STR("open <a@b")), "a@b");
	assert_text(mail_address(STR("")), "");
}

/* Dates of all kinds of years and zones. */
static void
test_dates(void **state)
{
	(void)state;
	static const struct {
		int64_t at_us;
		int offset_min;
		const char *want;
	} cases[] = {
		{ 0, 0, "Thu, 01 Jan 1970 00:00:00 +0000" },
		{ 0, -90, "Wed, 31 Dec 1969 22:30:00 -0130" },
		{ INT64_C(951827696000000), 330, "Tue, 29 Feb 2000 18:04:56 +0530" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf_done) struct buf out = { 0 };

		mail_date(&out, cases[i].at_us, cases[i].offset_min);
		assert_text(buf_str(&out), cases[i].want);
	}
}

/* --- a message as mail --- */

static const struct message_context context = {
	.host = STR_INIT("mx1"),
	.now_us = INT64_C(1795228877482913),
	.version = STR_INIT("0.2.0"),
};

static struct told
trouble(void)
{
	return (struct told){
		.incident = { .id = STR("0123456789ab"),
		    .rule = STR("disk-full"),
		    .severity = SEVERITY_CRITICAL,
		    .host = STR("mx1"),
		    .opened_us = INT64_C(1795228877482913),
		    .count = 1,
		    .summary = STR("The disk of mx1 is full"),
		    .advice = STR("See what fills it.") },
		.notice = NOTICE_OPENED,
	};
}

static void
test_message(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = { 0 };
	AUTO(buf_done) struct buf again = { 0 };
	struct told told = trouble();
	char *to[] = { (char[]){ "Ops <ops@example.org>" }, (char[]){ "b@example.org" } };
	struct mail_settings settings = { .from = (char[]){ "warden@mx1.example.org" },
		.to = { to, 2 } };
	struct message *m = message_new(STR("0123456789ab.opened.1"), &told, 1, &context);

	mail_render_message(m, &settings, &out);
	mail_render_message(m, &settings, &again);
	struct str text = buf_str(&out);

	assert_sound(text);
	assert_true(str_eq(text, buf_str(&again)));
	assert_text(value_of(text, "Subject"), "[critical] mx1: The disk is full");
	assert_text(value_of(text, "To"), "Ops <ops@example.org>,\r\n b@example.org");
	assert_text(value_of(text, "Message-ID"),
	    "<0123456789ab.opened.1@mx1.example.org>");
	assert_text(value_of(text, "References"), "<0123456789ab@mx1.example.org>");
	assert_text(value_of(text, "X-Mailwarden-Severity"), "critical");
	assert_text(value_of(text, "X-Mailwarden-Notice"), "opened");
	assert_text(value_of(text, "X-Mailwarden-Host"), "mx1");
	assert_text(value_of(text, "X-Mailwarden-Rule"), "disk-full");
	assert_text(value_of(text, "X-Mailwarden-Incident"), "0123456789ab");
	assert_text(value_of(text, "Importance"), "high");
	assert_true(str_starts(value_of(text, "Content-Type"),
	    STR("multipart/alternative;\r\n boundary=\"")));
	ptrdiff_t plain = str_find(text, STR("Content-Type: text/plain; charset=utf-8; "
					     "format=flowed\r\n"));
	ptrdiff_t html = str_find(text, STR("Content-Type: text/html; charset=utf-8\r\n"));

	assert_true(plain > 0 && html > plain); /* RFC 2046, 5.1.4: the better last */
	message_free(m);
}

/* A warning, a resolution and a test are not urgent; a test stands in no thread. */
static void
test_lesser_messages(void **state)
{
	(void)state;
	char *to[] = { (char[]){ "b@example.org" } };
	struct mail_settings settings = { .from = (char[]){ "w@example.org" },
		.to = { to, 1 } };

	for (int i = 0; i < 3; i++) {
		AUTO(buf_done) struct buf out = { 0 };
		struct told told = trouble();

		told.incident.severity = i == 0 ? SEVERITY_WARNING : SEVERITY_CRITICAL;
		told.notice = i == 1 ? NOTICE_RESOLVED : NOTICE_OPENED;
		struct message *m = message_new(STR("m1"), &told, i == 2 ? 0 : 1, &context);

		mail_render_message(m, &settings, &out);
		assert_sound(buf_str(&out));
		assert_null(value_of(buf_str(&out), "Importance").p);
		assert_int_equal(value_of(buf_str(&out), "References").p == NULL, i == 2);
		message_free(m);
	}
}

/* Nothing of an incident or of the settings gets out of its place. */
static void
test_hostile_message(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf junk = { 0 };
	AUTO(buf_done) struct buf out = { 0 };
	struct told items[30];
	char *to[] = { (char[]){ "a\r\nBcc: x@example.org" } };
	struct mail_settings settings = { .from = (char[]){ "A\nX: y <w@example.org>" },
		.to = { to, 1 } };
	size_t boundaries = 0;

	for (int i = 0; i < 1000000; i += 50)
		buf_addf(&junk,
		    "%c\r\n\r\n--=_mailwarden_alternative--\r\nBcc: x\r\n.\r\nFrom y ",
		    'a' + i % 26);
	for (size_t i = 0; i < 30; i++) {
		items[i] = trouble();
		struct incident *in = &items[i].incident;

		in->id = in->rule = in->host = in->summary = in->advice = in->samples =
		    buf_str(&junk);
	}
	struct message *m = message_new(buf_str(&junk), items, 30, &context);

	mail_render_message(m, &settings, &out);
	assert_sound(buf_str(&out));
	assert_true(header_of(buf_str(&out)).n < 40000);
	for (struct str rest = buf_str(&out); rest.n > 0;)
		boundaries += str_starts(str_cut(&rest, '\n'), STR("--=_"));
	assert_int_equal(boundaries, 3);
	message_free(m);
}

static void
test_addresses_in_utf8(void **state)
{
	(void)state;
	static const struct {
		const char *from, *sender, *to;
	} cases[] = {
		{ "w@example.org", NULL, "a@example.org" },
		{ "J\xc3\xbcrg <w@example.org>", NULL, "a@example.org" },
		{ "w@ex\xc3\xa4mple.org", NULL, "a@example.org" },
		{ "w@example.org", "b\xc3\xb6@example.org", "a@example.org" },
		{ "w@example.org", NULL, "J\xc3\xbcrg <j\xc3\xbc@example.org>" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(auto_free) char *from = str_dup(str_of(cases[i].from));
		AUTO(auto_free) char *to = str_dup(str_of(cases[i].to));
		AUTO(auto_free) char *sender =
			cases[i].sender ? str_dup(str_of(cases[i].sender)) : NULL;
		struct mail_settings settings = { from, sender, { &to, 1 } };
		AUTO(buf_done) struct buf out = { 0 };
		struct message *m = message_new(STR("m1"), NULL, 0, &context);

		mail_render_message(m, &settings, &out);
		/* ids are ASCII whatever the domain */
		struct str id = value_of(buf_str(&out), "Message-ID");

		assert_text(id, i == 2 ? "<m1@mx1>" : "<m1@example.org>");
		message_free(m);
	}
	struct mail_settings settings = { .from = (char[]){ "A <a@example.org>" } };

	assert_text(mail_sender(&settings), "a@example.org");
	settings.sender = (char[]){ "bounces@example.org" };
	assert_text(mail_sender(&settings), "bounces@example.org");
}

/* --- format=flowed --- */

static void
test_flowed(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "short\n\nlines\n", "short\n\nlines\n" },
		{ "one two three four five six seven eight nine ten eleven twelve "
		  "thirteen fourteen\n",
		    "one two three four five six seven eight nine ten eleven twelve "
		    "thirteen \nfourteen\n" },
		/* a blank at the end would join a line to the next */
		{ "label: \nnext\n", "label:\nnext\n" },
		{ "> not a quote\nFrom me\n", " > not a quote\n From me\n" },
		/* evidence and commands stay as they are, stuffed */
		{ "  a log line that is longer than any line of running text may ever be, "
		  "really\n",
		    "   a log line that is longer than any line of running text may ever "
		    "be, really\n" },
		{ "see https://example.org/a/very/long/address/that/is/never/folded/"
		  "however/long/it/is/in/the/end ok\n",
		    "see \nhttps://example.org/a/very/long/address/that/is/never/folded/"
		    "however/long/it/is/in/the/end \nok\n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf_done) struct buf out = { 0 };

		body_flow(&out, str_of(cases[i].text));
		assert_text(buf_str(&out), cases[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_no_thread),
		cmocka_unit_test(test_many_threads),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_lesser_messages),
		cmocka_unit_test(test_hostile_message),
		cmocka_unit_test(test_addresses_in_utf8),
		cmocka_unit_test(test_flowed),
		cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_long_encoded),
		cmocka_unit_test(test_mailboxes),
		cmocka_unit_test(test_recipients),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
