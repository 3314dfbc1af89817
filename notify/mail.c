#include "notify/mail_impl.h"

#include <stdlib.h>

#include "core/clock.h"
#include "notify/base64.h"
#include "notify/message.h"
#include "notify/settings.h"

void
mail_date(struct buf *out, int64_t at_us, int offset_min)
{
	static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue",
		"Wed" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	int64_t s = at_us / US_PER_S + (int64_t)offset_min * 60;
	int64_t day = s / 86400, second = s % 86400;
	int year, month, mday;
	unsigned zone = (unsigned)(offset_min < 0 ? -offset_min : offset_min);

	if (second < 0) {
		second += 86400;
		day--;
	}
	clock_civil(day, &year, &month, &mday);
	buf_addf(out, "%s, %02d %s %04d %02d:%02d:%02d %c%02u%02u", days[(day % 7 + 7) % 7],
	    mday, months[month - 1], year, (int)(second / 3600), (int)(second / 60 % 60),
	    (int)(second % 60), offset_min < 0 ? '-' : '+', zone / 60, zone % 60);
}

/*
 * The parts are quoted-printable, in which "=_" cannot occur: a boundary that begins with
 * it ends no part by chance, nor by what a stranger wrote into a log (RFC 2045, 6.7).
 */
#define BOUNDARY "=_mailwarden_alternative"
#define RELATED "=_mailwarden_related"

static void
add_quoted_part(struct buf *out, struct str type, struct str text)
{
	buf_add(out, STR("Content-Type: "));
	buf_add(out, type);
	buf_add(out, STR("\r\n"
			 "Content-Transfer-Encoding: quoted-printable\r\n"
			 "\r\n"));
	body_add_quoted(out, text);
	/* the line end before a boundary is the boundary's (RFC 2046, 5.1.1) */
	buf_add(out, STR("\r\n"));
}

/* Base64 has no "=_" either. */
static void
add_image(struct buf *out, const struct message_image *image)
{
	enum { LINE = 76 }; /* RFC 2045, 6.8 */
	AUTO(buf_done) struct buf text = { 0 };

	buf_add(out, STR("--" RELATED "\r\n"
			 "Content-Type: image/png\r\n"
			 "Content-Transfer-Encoding: base64\r\n"
			 "Content-Disposition: inline\r\n"));
	ptrdiff_t at = str_rfind_char(image->id, '@');

	header_add_ids(out, STR("Content-ID"),
	    &(struct str){ image->id.p, at < 0 ? image->id.n : (size_t)at }, 1,
	    at < 0 ? STR("") : str_skip(image->id, (size_t)at + 1));
	buf_add(out, STR("\r\n"));
	base64_encode(&text, image->png);
	out->failed |= text.failed;
	for (struct str rest = buf_str(&text); rest.n > 0; rest = str_skip(rest, LINE)) {
		buf_add(out, str_head(rest, LINE));
		buf_add(out, STR("\r\n"));
	}
	buf_add(out, STR("\r\n"));
}

static void
add_html(const struct mail *mail, struct buf *out)
{
	if (mail->nimages > 0)
		buf_add(out, STR("Content-Type: multipart/related; type=\"text/html\";\r\n"
				 " boundary=\"" RELATED "\"\r\n"
				 "\r\n"
				 "--" RELATED "\r\n"));
	add_quoted_part(out, STR("text/html; charset=utf-8"), mail->html);
	for (size_t i = 0; i < mail->nimages; i++)
		add_image(out, &mail->images[i]);
	if (mail->nimages > 0)
		buf_add(out, STR("--" RELATED "--\r\n"));
}

/* The same in text and in HTML, the better last (RFC 2046, 5.1.4). */
static void
add_alternatives(const struct mail *mail, struct buf *out)
{
	AUTO(buf_done) struct buf flowed = { 0 };

	buf_add(out, STR("Content-Type: multipart/alternative;\r\n"
			 " boundary=\"" BOUNDARY "\"\r\n"
			 "\r\n"
			 "--" BOUNDARY "\r\n"));
	if (mail->fixed) {
		add_quoted_part(out, STR("text/plain; charset=utf-8"), mail->body);
	} else {
		body_flow(&flowed, mail->body);
		add_quoted_part(out, STR("text/plain; charset=utf-8; format=flowed"),
		    buf_str(&flowed));
	}
	buf_add(out, STR("--" BOUNDARY "\r\n"));
	add_html(mail, out);
	buf_add(out, STR("--" BOUNDARY "--\r\n"));
	if (flowed.failed)
		out->failed = true;
}

static void
add_plain_text(const struct mail *mail, struct buf *out)
{
	bool plain = body_is_7bit(mail->body);

	buf_add(out, STR("Content-Type: text/plain; charset=utf-8\r\n"
			 "Content-Transfer-Encoding: "));
	buf_add(out, plain ? STR("7bit\r\n\r\n") : STR("quoted-printable\r\n\r\n"));
	if (plain)
		body_add_7bit(out, mail->body);
	else
		body_add_quoted(out, mail->body);
}

void
mail_render(const struct mail *mail, struct buf *out)
{
	size_t nthreads =
	    mail->nthreads < MAIL_THREADS ? mail->nthreads : (size_t)MAIL_THREADS;

	buf_add(out, STR("Date: "));
	mail_date(out, mail->date_us, mail->offset_min);
	buf_add(out, STR("\r\n"));
	header_add_from(out, mail->from);
	header_add_to(out, mail->to, mail->nto);
	header_add_text(out, STR("Subject"), mail->subject);
	header_add_ids(out, STR("Message-ID"), &mail->id, 1, mail->domain);
	if (nthreads > 0) {
		header_add_ids(out, STR("In-Reply-To"), mail->threads, 1, mail->domain);
		header_add_ids(out, STR("References"), mail->threads, nthreads,
		    mail->domain);
	}
	for (size_t i = 0; i < mail->nfields; i++)
		if (mail->fields[i].value.n > 0)
			header_add_text(out, mail->fields[i].name, mail->fields[i].value);
	/*
	 * No Precedence: it was never standardised (RFC 2076, 3.9), and servers hold
	 * "bulk" back under load. Auto-Submitted keeps answers away, and for Exchange the
	 * field after it: all but reports of non-delivery, which are worth having.
	 */
	buf_add(out, STR("Auto-Submitted: auto-generated\r\n"
			 "X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply\r\n"
			 "MIME-Version: 1.0\r\n"));
	if (mail->html.n > 0)
		add_alternatives(mail, out);
	else
		add_plain_text(mail, out);
}

bool
mail_is_ascii(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] >= 0x80)
			return false;
	return true;
}

struct str
mail_sender(const struct mail_settings *settings)
{
	return mail_address(str_of(settings->sender != NULL ? settings->sender
							    : settings->from));
}

/* Of ids: that of the sender's address, or of the host where that is not ASCII. */
static struct str
id_domain(const struct message *message, const struct mail_settings *settings)
{
	struct str address = mail_address(str_of(settings->from));
	ptrdiff_t at = str_rfind_char(address, '@');
	struct str domain = str_skip(address, (size_t)(at + 1));

	return at >= 0 && mail_is_ascii(domain) ? domain : str_of(message->host);
}

/* A word for people's filters: what is not of a plain name becomes '?'. */
static void
add_token(struct buf *list, struct str text)
{
	enum { TOKEN_BYTES = 64 };

	if (text.n == 0)
		return;
	buf_add(list, list->n > 0 ? STR(", ") : STR(""));
	for (size_t i = 0; i < text.n && i < TOKEN_BYTES; i++) {
		char c = text.p[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';

		buf_add_char(list, plain ? c : '?');
	}
}

/* What the fields for filters say, one entry for each of the first incidents. */
struct marks {
	struct buf incidents, rules, hosts, notices;
};

static void
marks_done(struct marks *marks)
{
	buf_done(&marks->incidents);
	buf_done(&marks->rules);
	buf_done(&marks->hosts);
	buf_done(&marks->notices);
}

static void
marks_fill(struct marks *marks, const struct message *message)
{
	for (size_t i = 0; i < message->nitems && i < MAIL_THREADS; i++) {
		const struct told *told = &message->items[i];

		add_token(&marks->incidents, told->incident.id);
		add_token(&marks->rules, told->incident.rule);
		add_token(&marks->hosts, told->incident.host);
		add_token(&marks->notices, str_of(notice_name(told->notice)));
	}
	if (message->nitems == 0)
		add_token(&marks->notices,
		    message->digest != NULL ? STR("digest") : STR("test"));
	if (message->digest != NULL)
		add_token(&marks->hosts, str_of(message->host));
}

void
mail_render_message(const struct message *message, const struct mail_settings *settings,
    struct buf *out)
{
	AUTO(auto_free) struct str *to = calloc(settings->to.n + 1, sizeof *to);
	AUTO(marks_done) struct marks marks = { .incidents = { 0 } };
	const struct message_digest *digest = message->digest;
	struct str threads[MAIL_THREADS];
	size_t nthreads = 0;

	if (to == NULL) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < settings->to.n; i++)
		to[i] = str_of(settings->to.items[i]);
	for (size_t i = 0; i < message->nitems && nthreads < MAIL_THREADS; i++)
		if (message->items[i].incident.id.n > 0)
			threads[nthreads++] = message->items[i].incident.id;
	marks_fill(&marks, message);
	const struct mail_field fields[] = {
		{ STR_INIT("X-Mailwarden-Severity"),
		    str_of(severity_name(message->severity)) },
		{ STR_INIT("X-Mailwarden-Notice"), buf_str(&marks.notices) },
		{ STR_INIT("X-Mailwarden-Host"), buf_str(&marks.hosts) },
		{ STR_INIT("X-Mailwarden-Rule"), buf_str(&marks.rules) },
		{ STR_INIT("X-Mailwarden-Incident"), buf_str(&marks.incidents) },
		{ STR_INIT("Importance"),
		    message->severity == SEVERITY_CRITICAL ? STR("high") : STR("") },
	};

	mail_render(
	    &(struct mail){
		.from = str_of(settings->from),
		.to = to,
		.nto = settings->to.n,
		.subject = str_of(message->subject),
		.body = digest != NULL ? digest->text : str_of(message->text),
		.html = digest != NULL ? digest->html : str_of(message->html),
		.fixed = digest != NULL,
		.images = digest != NULL ? digest->images : NULL,
		.nimages = digest != NULL ? digest->nimages : 0,
		.id = str_of(message->id),
		.threads = threads,
		.nthreads = nthreads,
		.domain = id_domain(message, settings),
		.fields = fields,
		.nfields = sizeof fields / sizeof *fields,
		.date_us = message->at_us,
		.offset_min = message->offset_min,
	    },
	    out);
	if (marks.incidents.failed || marks.rules.failed || marks.hosts.failed ||
	    marks.notices.failed)
		out->failed = true;
}
