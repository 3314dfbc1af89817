#include "ingest/message.h"

#include <errno.h>
#include <gmime/gmime.h>
#include <openssl/evp.h>
#include <string.h>

#include "core/clock.h"
#include "ingest/address.h"
#include "ingest/bounce_finds.h"
#include "ingest/complaint.h"
#include "ingest/dmarc.h"
#include "ingest/dsn.h"
#include "ingest/dsn_text.h"
#include "ingest/fields.h"
#include "ingest/letter.h"
#include "ingest/tls_report.h"
#include "ingest/unpack.h"

enum {
	INNER_DEPTH = 4, /* of messages in messages that are looked into */
	ID_DIGITS = 16,
	UNNAMED_REPLY_BYTES = 1000, /* of a text that names no recipient */
	NO_REPORT = 0, /* what the readers below give, if it is none of theirs */
};

struct message {
	struct letter letter;
	struct dsn_parts parts;
	const struct report_host *host;
	struct bounce_rules *rules;
	const struct report_sink *to;
	struct report_summary *out;
	struct bounce_finds finds;
	struct buf from_field;
	char id[ID_DIGITS + 1];
};

void
report_message_init(void)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n;

	letter_init();
	/* libcrypto reads its configuration with the first digest */
	(void)EVP_Digest("", 0, digest, &n, EVP_sha256(), NULL);
}

static void
message_done(struct message *m)
{
	letter_done(&m->letter);
	bounce_finds_done(&m->finds);
	buf_done(&m->from_field);
}

/* --- what goes out --- */

/* A length before each text, so that no two messages give the same bytes. */
static bool
digest_text(EVP_MD_CTX *ctx, struct str text)
{
	uint64_t n = text.n;

	return EVP_DigestUpdate(ctx, &n, sizeof n) == 1 &&
	       EVP_DigestUpdate(ctx, text.n > 0 ? text.p : "", text.n) == 1;
}

/* Over what stays the same when the message is delivered twice: not the trace fields. */
static int
make_id(struct message *m, struct err *err)
{
	struct letter *l = &m->letter;
	AUTO(buf_done) struct buf id = { 0 };
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	ok = ok && digest_text(ctx, fields_find(l->header, STR("Message-ID"), &id));
	ok = ok && digest_text(ctx, buf_str(&l->status));
	ok = ok && digest_text(ctx, buf_str(&l->feedback));
	ok = ok && digest_text(ctx, buf_str(&l->text));
	ok = ok && digest_text(ctx, buf_str(&l->returned));
	for (size_t i = 0; i < l->nattachments; i++)
		ok = ok && digest_text(ctx, buf_str(&l->attachments[i].bytes));
	ok = ok && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	for (int i = 0; ok && i < ID_DIGITS; i++)
		m->id[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
	return ok ? 0 : err_set(err, -ENOMEM, "digest of the message: libcrypto failed");
}

static int
hand_over(struct message *m, const struct event *ev)
{
	char id[ID_DIGITS + 24];
	struct event copy = *ev;

	if (m->out->events == REPORT_EVENTS) {
		m->out->left_out++;
		return 0;
	}
	m->out->events++;
	(void)snprintf(id, sizeof id, "%s-%zu", m->id, m->out->events);
	event_set_text(&copy, EVF_report_id, str_of(id));
	return m->to->event(m->to->ctx, &copy);
}

static int
take_event(void *ctx, const struct event *ev)
{
	return hand_over(ctx, ev);
}

/* --- bounces --- */

static bool
is_vague(struct str status)
{
	return status.n == 0 || (status.n == 5 && str_ends(status, STR(".0.0")));
}

static bool
is_trouble(struct str action)
{
	return str_eq(action, STR("failed")) || str_eq(action, STR("delayed"));
}

/* Status fields without a telling reply: a rule may have found it in the text. */
static int
take_dsn(void *ctx, const struct event *ev)
{
	struct message *m = ctx;
	struct event merged = *ev;
	const struct bounce_find *find;

	if (!dsn_says_nothing(event_text(ev, EVF_reply)) ||
	    !is_trouble(event_text(ev, EVF_dsn_action)))
		return hand_over(m, ev);
	int r = bounce_finds_ask(&m->finds, m->rules, &m->letter, NULL);

	if (r < 0)
		return r;
	find = bounce_finds_of(&m->finds, event_text(ev, EVF_recipient));
	if (find != NULL) {
		struct event found = { 0 };
		static const enum event_field lent[] = { EVF_reply, EVF_smtp_code,
			EVF_relay_name, EVF_relay_ip };

		bounce_find_event(find, &found);
		if (event_has(&found, EVF_reply))
			merged.has &= ~EVENT_BIT(EVF_reply);
		for (size_t i = 0; i < sizeof lent / sizeof *lent; i++)
			if (!event_has(&merged, lent[i]) && event_has(&found, lent[i])) {
				merged.v[lent[i]] = found.v[lent[i]];
				merged.has |= EVENT_BIT(lent[i]);
			}
		if (is_vague(event_text(ev, EVF_status)) && event_has(&found, EVF_status))
			event_set_text(&merged, EVF_status, event_text(&found, EVF_status));
	}
	return hand_over(m, &merged);
}

static int
read_finds(struct message *m, struct err *err)
{
	struct str reporter = str_of(NULL);
	int r = bounce_finds_ask(&m->finds, m->rules, &m->letter, err);

	reporter = address_in_header(buf_str(&m->from_field));
	(void)str_cut(&reporter, '@');
	for (size_t i = 0; r >= 0 && i < m->finds.n; i++) {
		struct event ev = { .offset = -1 };

		bounce_find_event(&m->finds.finds[i], &ev);
		if (event_text(&ev, EVF_recipient).n == 0)
			continue;
		dsn_set_message(&m->parts, m->host, &ev);
		if (reporter.n > 0)
			event_set_text(&ev, EVF_reporter, reporter);
		r = hand_over(m, &ev);
	}
	m->out->left_out += m->finds.left_out;
	return r < 0 ? r : (int)m->out->events;
}

static bool
has_any(struct str text, const struct str *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_find_nocase(text, words[i]) >= 0)
			return true;
	return false;
}

/* A null reverse-path (RFC 5321, 4.5.5) or an automatic answer (RFC 3834, 5). */
static bool
is_automatic(const struct message *m)
{
	AUTO(buf_done) struct buf value = { 0 };
	struct str header = m->letter.header;
	struct str path = fields_find(header, STR("Return-Path"), &value);

	if (path.p != NULL && (path.n == 0 || str_eq(path, STR("<>")) ||
				  str_find_nocase(path, STR("mailer-daemon")) >= 0))
		return true;
	struct str automatic = fields_find(header, STR("Auto-Submitted"), &value);

	return (automatic.n > 0 && !str_eq_nocase(first_word(automatic), STR("no"))) ||
	       fields_find(header, STR("X-Failed-Recipients"), &value).p != NULL ||
	       str_find_nocase(buf_str(&m->letter.from), STR("mailer-daemon")) >= 0 ||
	       str_eq_nocase(buf_str(&m->letter.type), STR("multipart/report"));
}

/* A sender as mail servers use it. */
static bool
is_from_server(const struct message *m)
{
	static const struct str froms[] = { STR_INIT("mailer-daemon"),
		STR_INIT("postmaster"), STR_INIT("mail delivery"), STR_INIT("mail system"),
		STR_INIT("mailer"), STR_INIT("mdaemon"), STR_INIT("mmdf"),
		STR_INIT("system administrator"), STR_INIT("microsoftexchange") };

	return has_any(buf_str(&m->letter.from), froms, sizeof froms / sizeof *froms);
}

static bool
has_failure_subject(const struct message *m)
{
	static const struct str subjects[] = { STR_INIT("undeliver"), STR_INIT("deliver"),
		STR_INIT("returned"), STR_INIT("failure"), STR_INIT("bounce"),
		STR_INIT("delayed"), STR_INIT("rejected"), STR_INIT("returning message"),
		STR_INIT("mail fail"), STR_INIT("could not send") };

	return has_any(buf_str(&m->letter.subject), subjects,
	    sizeof subjects / sizeof *subjects);
}

static bool
looks_like_bounce(const struct message *m)
{
	return is_automatic(m) || is_from_server(m) || has_failure_subject(m);
}

/* People quote bounces in what they write to each other. */
static bool
is_answer(const struct message *m)
{
	AUTO(buf_done) struct buf value = { 0 };

	return fields_find(m->letter.header, STR("In-Reply-To"), &value).n > 0 ||
	       fields_find(m->letter.header, STR("References"), &value).n > 0;
}

/* The one recipient of the returned message; n 0 if there are more, or none. */
static struct str
returned_to(const struct message *m, struct buf *work)
{
	AUTO(buf_done) struct buf cc = { 0 };
	struct str to = fields_find(m->parts.returned, STR("To"), work);

	if (fields_find(m->parts.returned, STR("Cc"), &cc).n > 0)
		return (struct str){ NULL, 0 };
	struct str address = address_in_header(to);
	ptrdiff_t at = str_find_char(to, '@');

	if (at < 0 || at != str_rfind_char(to, '@') || str_find_char(address, '@') < 0)
		return (struct str){ NULL, 0 };
	return address;
}

/*
 * Words of a failure that name nobody: it was for the one whom the returned message is for.
 * Only from a mail server that says so in the subject: whoever is on vacation may return
 * the message too.
 */
static int
read_unnamed(struct message *m)
{
	AUTO(buf_done) struct buf to = { 0 }, words = { 0 };
	struct str text = m->parts.text, recipient = returned_to(m, &to);
	struct event ev = { .offset = -1 };

	if (recipient.n == 0 || !is_from_server(m) || !has_failure_subject(m) ||
	    str_eq_nocase(buf_str(&m->letter.report_type), STR("disposition-notification")))
		return NO_REPORT;
	while (text.n > 0 && words.n < UNNAMED_REPLY_BYTES) {
		struct str line = str_trim(str_cut(&text, '\n'));

		if (line.n > 0 && words.n > 0)
			buf_add_char(&words, ' ');
		buf_add(&words, str_head(line, UNNAMED_REPLY_BYTES));
	}
	const struct bounce_find find = { .recipient = recipient,
		.reply = buf_str(&words) };

	bounce_find_event(&find, &ev);
	dsn_set_message(&m->parts, m->host, &ev);
	int r = hand_over(m, &ev);

	return r < 0 ? r : (int)m->out->events;
}

static int
read_bounce(struct message *m, struct err *err)
{
	const struct report_sink sink = { take_dsn, m };
	int r = NO_REPORT;

	if (m->parts.status.n > 0)
		r = dsn_read(&m->parts, m->host, &sink, err);
	if (r == 0 && (looks_like_bounce(m) || !is_answer(m)))
		r = read_finds(m, err);
	if (r == 0 && is_automatic(m))
		r = read_unnamed(m);
	if (r > 0)
		m->out->kind = REPORT_BOUNCE;
	return r;
}

/* --- reports --- */

static int
read_complaint(struct message *m, struct err *err)
{
	const struct report_sink sink = { take_event, m };

	m->out->kind = REPORT_COMPLAINT;
	return complaint_read(buf_str(&m->letter.feedback), buf_str(&m->from_field),
	    &m->parts, m->host, &sink, err);
}

static int
read_attachment(struct message *m, const struct attachment *a, struct err *err)
{
	const struct report_sink sink = { take_event, m };
	AUTO(buf_done) struct buf plain = { 0 };
	size_t left = 0;
	int r = unpack(buf_str(&a->bytes), &plain, err);

	if (r < 0)
		return r;
	m->out->kind = a->kind == ATTACHMENT_TLS ? REPORT_TLS : REPORT_DMARC;
	if (a->kind == ATTACHMENT_TLS)
		r = tls_report_read(buf_str(&plain), m->host, &sink, &left, err);
	else
		r = dmarc_read(buf_str(&plain), m->host, &sink, &left, err);
	m->out->left_out += left;
	return r;
}

/* Anybody may send a zip: only what is announced as a report is one that cannot be read. */
static bool
is_announced(const struct message *m, const struct attachment *a)
{
	return a->kind != ATTACHMENT_PACKED ||
	       str_find_nocase(buf_str(&m->letter.subject), STR("report domain")) >= 0;
}

static int
read_attachments(struct message *m, struct err *err)
{
	int found = NO_REPORT, failed = 0;

	for (size_t i = 0; i < m->letter.nattachments; i++) {
		const struct attachment *a = &m->letter.attachments[i];
		struct err why = { "" };
		int r = read_attachment(m, a, &why);

		if (r > 0)
			found += r;
		if (r == -ENOMEM || (r < 0 && failed == 0 && is_announced(m, a))) {
			failed = r;
			(void)err_set(err, r, "%s", why.text);
		}
	}
	if (found == NO_REPORT && failed == 0)
		m->out->kind = REPORT_NONE;
	return found > 0 ? found : failed;
}

/* --- the message --- */

static void
take_date(struct message *m)
{
	AUTO(buf_done) struct buf value = { 0 };

	if (fields_find(m->letter.header, STR("Date"), &value).n == 0)
		return;
	GDateTime *date = g_mime_utils_header_decode_date(buf_cstr(&value));

	if (date != NULL) {
		m->out->dated_us = g_date_time_to_unix(date) * US_PER_S;
		g_date_time_unref(date);
	}
}

/* The first that finds something counts; a negative number ends it. */
static int
read_kinds(struct message *m, struct err *err)
{
	int r = NO_REPORT;

	/* Microsoft's older complaints are the message alone, without fields */
	if (m->letter.feedback.n > 0 ||
	    (m->letter.status.n == 0 && m->parts.returned.n > 0))
		r = read_complaint(m, err);
	/* a bounce may return a report, but it is no part of its own */
	if (r == NO_REPORT && m->letter.status.n == 0)
		r = read_attachments(m, err);
	if (r == NO_REPORT)
		r = read_bounce(m, err);
	return r;
}

static int
read_one(struct message *m, struct str text, struct err *err)
{
	struct letter *l = &m->letter;
	int r = letter_read(l, text, err);

	if (r < 0)
		return r;
	m->parts = (struct dsn_parts){ .status = buf_str(&l->status),
		.returned = buf_str(&l->returned),
		.text = buf_str(&l->text),
		.header = l->header,
		.boundary = buf_str(&l->boundary) };
	(void)fields_find(l->header, STR("From"), &m->from_field);
	m->out->left_out += l->left_out;
	take_date(m);
	r = make_id(m, err);
	return r < 0 ? r : read_kinds(m, err);
}

/* mbox's "From " line, and blank lines, before the header. */
static struct str
skip_envelope(struct str message)
{
	for (;;) {
		struct str rest = message, line = str_cut(&rest, '\n');

		if (rest.n == 0 ||
		    (str_trim(line).n > 0 && !str_starts(line, STR("From ")) &&
			!str_starts(line, STR(">From "))))
			return message;
		message = rest;
	}
}

static const char *
words_for(const struct message *m)
{
	struct str report = buf_str(&m->letter.report_type);

	if (str_eq_nocase(report, STR("disposition-notification")))
		return "it is a receipt of a reader (disposition notification)";
	if (m->letter.status.n > 0)
		return "a bounce message that names no recipient";
	if (looks_like_bounce(m))
		return "it looks like a bounce message, but no rule in bounces/ reads it";
	return "it is neither a bounce message nor a complaint, DMARC or TLS report";
}

static int
read_message(const struct message *like, struct str text, int depth, struct err *err)
{
	AUTO(message_done) struct message m = *like;
	int r = read_one(&m, skip_envelope(text), err);

	if (r != NO_REPORT)
		return r;
	/* forwarded as an attachment; of what a bounce returns nothing is a report to us */
	for (size_t i = 0; depth < INNER_DEPTH && i < m.letter.ninner; i++) {
		/* the subject tells nothing: people forward with the subject of the bounce */
		if (m.letter.status.n > 0 || is_automatic(&m))
			break;
		r = read_message(like, buf_str(&m.letter.inner[i]), depth + 1, NULL);
		if (r > 0)
			return r;
	}
	m.out->kind = REPORT_NONE;
	return err_set(err, -ENOMSG, "%s", words_for(&m));
}

int
report_message_read(struct str message, const struct report_host *host,
    struct bounce_rules *rules, const struct report_sink *sink, struct report_summary *out,
    struct err *err)
{
	struct message blank = { .host = host, .rules = rules, .to = sink, .out = out };

	*out = (struct report_summary){ 0 };
	int r = read_message(&blank, message, 0, err);

	return r < 0 ? r : 0;
}
