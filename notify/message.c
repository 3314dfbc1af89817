#include "notify/message.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/plain.h"
#include "notify/mail.h"

/* Characters, not bytes; wide ones count one, as an approximation. */
static size_t
columns(struct str text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		if (((unsigned char)text.p[i] & 0xc0) != 0x80)
			n++;
	return n;
}

/*
 * Running text, folded at blanks only: a link stays whole, however long. Later lines
 * are set in by `indent` blanks.
 */
static void
add_folded(struct buf *out, struct str text, size_t indent)
{
	AUTO(buf_done) struct buf word = { 0 };
	size_t column = 0;
	bool first = true;

	while (text.n > 0) {
		buf_clear(&word);
		plain_add(&word, str_cut(&text, ' '));
		if (word.n == 0)
			continue;
		size_t width = columns(buf_str(&word));

		if (!first && column + 1 + width > MESSAGE_COLUMNS) {
			buf_addf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			buf_add_char(out, ' ');
			column++;
		}
		buf_add(out, buf_str(&word));
		column += width;
		first = false;
	}
	buf_add_char(out, '\n');
}

/* How much of a line is a list mark ("- ", "* ", "2. ", "2) ")? */
static size_t
list_mark(struct str line)
{
	size_t n = 0;

	if (str_starts(line, STR("- ")) || str_starts(line, STR("* ")))
		return 2;
	while (n < line.n && n < 2 && line.p[n] >= '0' && line.p[n] <= '9')
		n++;
	struct str rest = str_skip(line, n);

	return n > 0 && (str_starts(rest, STR(". ")) || str_starts(rest, STR(") "))) ? n + 2
										     : 0;
}

static bool
is_verbatim(struct str line)
{
	return line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
}

/* Lines of text that flow together: up to a blank, indented or list line. */
static struct str
cut_paragraph(struct str *text)
{
	struct str all = *text;
	struct str line = str_cut(text, '\n');
	size_t n = line.n;

	while (text->n > 0) {
		struct str rest = *text;
		struct str next = str_cut(&rest, '\n');

		if (str_trim(next).n == 0 || is_verbatim(next) || list_mark(next) > 0)
			break;
		n += 1 + next.n;
		*text = rest;
	}
	return str_head(all, n);
}

/* Advice as rule authors write it: paragraphs, lists, and commands set in by blanks. */
static void
add_advice(struct buf *out, struct str text)
{
	AUTO(buf_done) struct buf flow = { 0 };
	struct str rest = str_head(text, MESSAGE_ADVICE_BYTES);

	while (rest.n > 0) {
		struct str after = rest;
		struct str line = str_cut(&after, '\n');

		if (str_trim(line).n == 0 || is_verbatim(line)) {
			plain_add(out, str_trim(line).n == 0 ? STR("") : line);
			buf_add_char(out, '\n');
			rest = after;
			continue;
		}
		struct str paragraph = cut_paragraph(&rest);

		buf_clear(&flow);
		for (size_t i = 0; i < paragraph.n; i++)
			buf_add_char(&flow, paragraph.p[i] == '\n' ? ' ' : paragraph.p[i]);
		add_folded(out, buf_str(&flow), list_mark(paragraph));
	}
	if (text.n > MESSAGE_ADVICE_BYTES)
		buf_add(out, STR("...\n"));
}

/* A time and how long ago that was; no line at all for a time that is not known. */
static void
add_when(struct buf *out, const char *label, int64_t at_us,
    const struct message_context *context)
{
	if (at_us == 0)
		return;
	buf_addf(out, "%s: ", label);
	mail_date(out, at_us, context->offset_min);
	if (context->now_us > at_us) {
		buf_add(out, STR(" ("));
		clock_span_words(out, context->now_us - at_us);
		buf_add(out, STR(" ago)"));
	}
	buf_add_char(out, '\n');
}

static void
add_label(struct buf *out, const char *label, struct str value)
{
	if (value.n == 0)
		return;
	buf_addf(out, "%s: ", label);
	plain_add_cut(out, value, MESSAGE_EVIDENCE_BYTES);
	buf_add_char(out, '\n');
}

static size_t
count_lines(struct str text)
{
	size_t n = 0;

	while (text.n > 0)
		n += str_cut(&text, '\n').n > 0;
	return n;
}

/*
 * Lines as they are, set in by two blanks: the first `head` and the last `tail` of
 * them, and a count of what lies between.
 */
static void
add_lines(struct buf *out, struct str lines, size_t head, size_t tail)
{
	size_t total = count_lines(lines), i = 0;

	while (lines.n > 0) {
		struct str line = str_cut(&lines, '\n');

		if (line.n == 0)
			continue;
		if (i < head || i + tail >= total) {
			buf_add(out, STR("  "));
			plain_add_cut(out, line, MESSAGE_EVIDENCE_BYTES);
			buf_add_char(out, '\n');
		} else if (i == head) {
			buf_addf(out, "  (%zu more)\n", total - head - tail);
		}
		i++;
	}
}

static bool
is_over(const struct incident *incident, enum notice notice)
{
	return notice == NOTICE_RESOLVED || incident->resolved_us != 0;
}

/* Since when, until when, how often. */
static void
add_course(struct buf *out, const struct incident *in, enum notice notice,
    const struct message_context *context)
{
	add_when(out, "Since", in->opened_us, context);
	if (is_over(in, notice)) {
		add_when(out, "Resolved", in->resolved_us, context);
		if (in->opened_us != 0 && in->resolved_us >= in->opened_us) {
			buf_add(out, STR("Lasted: "));
			clock_span_words(out, in->resolved_us - in->opened_us);
			buf_add_char(out, '\n');
		}
	}
	if (in->count > 0)
		buf_addf(out, "Seen: %lld %s\n", (long long)in->count,
		    in->count == 1 ? "time" : "times");
	if (in->last_seen_us != in->opened_us)
		add_when(out, "Last seen", in->last_seen_us, context);
}

static void
add_facts(struct buf *out, const struct incident *in, enum notice notice,
    const struct message_context *context)
{
	if (in->host.n > 0)
		add_label(out, "Host", in->host);
	if (in->severity != SEVERITY_UNKNOWN)
		add_label(out, "Severity", str_of(severity_name(in->severity)));
	add_course(out, in, notice, context);
	if (count_lines(in->affected) == 1)
		add_label(out, "Relay", str_trim(in->affected));
	if (count_lines(in->affected) > 1) {
		buf_add(out, STR("Relays, newest last:\n"));
		add_lines(out, in->affected, 0, MESSAGE_AFFECTED);
	}
}

/* The first sentence: what kind of news this is, and the incident's own words. */
static void
add_opening(struct buf *out, const struct incident *in, enum notice notice)
{
	AUTO(buf_done) struct buf text = { 0 };

	if (notice == NOTICE_RESOLVED)
		buf_add(&text, STR("Resolved: "));
	else if (notice == NOTICE_ESCALATED)
		buf_add(&text, STR("Graver, or better known, than told before: "));
	buf_add(&text,
	    in->summary.n > 0 ? str_head(in->summary, MESSAGE_SUMMARY_BYTES) : in->rule);
	add_folded(out, buf_str(&text), 0);
	if (notice != NOTICE_RESOLVED && in->resolved_us != 0)
		buf_add(out, STR("It has been resolved meanwhile.\n"));
}

static void
add_footer(struct buf *out, const struct incident *in,
    const struct message_context *context)
{
	buf_add_char(out, '\n');
	if (in != NULL) {
		buf_add(out, STR("Incident: "));
		plain_add_cut(out, in->id, 64);
		if (in->rule.n > 0) {
			buf_add(out, STR(" (rule "));
			plain_add_cut(out, in->rule, 100);
			buf_add(out, STR(")"));
		}
		buf_add(out, STR("\nMore: mailwarden incidents\n"));
	}
	buf_add(out, STR("Told by: mailwarden "));
	plain_add_cut(out, context->version, 64);
	buf_add(out, STR(" on "));
	plain_add_cut(out, context->host, 255);
	buf_add_char(out, '\n');
}

static void
render_test(const struct message_context *context, struct buf *subject, struct buf *body)
{
	AUTO(buf_done) struct buf text = { 0 };

	buf_add(subject, STR("[test] "));
	plain_add_cut(subject, context->host, 64);
	buf_add(subject, STR(": mailwarden can reach you"));
	buf_add(&text, STR("This is a test from mailwarden on "));
	buf_add(&text, context->host);
	buf_add(&text,
	    STR(". Nothing is wrong: you read this because the channel works, and "
		"alerts from this host will reach you in the same way."));
	add_folded(body, buf_str(&text), 0);
	buf_add(body, STR("\nSent: "));
	mail_date(body, context->now_us, context->offset_min);
	buf_add_char(body, '\n');
	add_footer(body, NULL, context);
}

static void
render_subject(const struct incident *in, enum notice notice,
    const struct message_context *context, struct buf *subject)
{
	AUTO(buf_done) struct buf text = { 0 };
	const char *kind = severity_name(in->severity);

	if (notice == NOTICE_RESOLVED)
		kind = "resolved";
	else if (in->severity == SEVERITY_UNKNOWN)
		kind = "alert";
	buf_addf(&text, "[%s] ", kind);
	plain_add_cut(&text, in->host.n > 0 ? in->host : context->host, 64);
	buf_add(&text, STR(": "));
	buf_add(&text,
	    in->summary.n > 0 ? str_head(in->summary, MESSAGE_SUMMARY_BYTES) : in->rule);
	plain_add_cut(subject, buf_str(&text), MESSAGE_SUBJECT_BYTES);
}

void
message_render(const struct incident *incident, enum notice notice,
    const struct message_context *context, struct buf *subject, struct buf *body)
{
	if (incident == NULL) {
		render_test(context, subject, body);
		return;
	}
	render_subject(incident, notice, context, subject);
	add_opening(body, incident, notice);
	buf_add_char(body, '\n');
	add_facts(body, incident, notice, context);
	if (!is_over(incident, notice) && incident->advice.n > 0) {
		buf_add(body, STR("\nWhat to do:\n"));
		add_advice(body, incident->advice);
	}
	if (!is_over(incident, notice) && incident->url.n > 0) {
		buf_add_char(body, '\n');
		add_label(body, "Link", incident->url);
	}
	if (incident->samples.n > 0) {
		buf_add(body, STR("\nFrom the log:\n"));
		add_lines(body, incident->samples, MESSAGE_EVIDENCE_LINES / 2,
		    MESSAGE_EVIDENCE_LINES / 2);
	}
	add_footer(body, incident, context);
}

struct message *
message_new(struct str id, const struct told *items, size_t nitems,
    const struct message_context *context)
{
	struct message *message = calloc(1, sizeof *message);
	AUTO(buf_done) struct buf subject = { 0 };
	AUTO(buf_done) struct buf body = { 0 };

	if (message == NULL)
		return NULL;
	message_render(nitems == 0 ? NULL : &items->incident,
	    nitems == 0 ? NOTICE_TEST : items->notice, context, &subject, &body);
	message->id = str_dup(id);
	message->host = str_dup(context->host);
	message->version = str_dup(context->version);
	message->at_us = context->now_us;
	message->offset_min = context->offset_min;
	message->is_test = nitems == 0;
	message->subject = str_dup(buf_str(&subject));
	message->text = str_dup(buf_str(&body));
	return message;
}

void
message_free(struct message *message)
{
	if (message == NULL)
		return;
	free(message->id);
	free(message->host);
	free(message->version);
	free(message->subject);
	free(message->text);
	free(message);
}
