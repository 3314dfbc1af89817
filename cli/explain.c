#include "cli/explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/explain_ask.h"
#include "cli/explain_helper.h"
#include "cli/explain_report.h"
#include "cli/show.h"
#include "parsers/parser.h"
#include "parsers/reply_facts.h"

struct explain {
	const struct rulebook *book;
	struct parser *parser; /* lines with a header */
	struct parser *bare;   /* "postfix/smtp[79]: ..." */
	struct str relay;
	const char *rules;
	enum explain_output output;
	size_t found, printed;
};

struct explain *
explain_new(const struct rulebook *book, int64_t now_us)
{
	struct explain *ex = calloc(1, sizeof *ex);

	if (ex == NULL)
		return NULL;
	ex->book = book;
	ex->parser = parser_new(book->parsers, book->catalogue, now_us);
	ex->bare = parser_new(book->parsers, book->catalogue, now_us);
	if (ex->parser == NULL || ex->bare == NULL) {
		explain_free(ex);
		return NULL;
	}
	return ex;
}

void
explain_free(struct explain *ex)
{
	if (ex == NULL)
		return;
	parser_free(ex->parser);
	parser_free(ex->bare);
	free(ex);
}

void
explain_set(struct explain *ex, struct str relay, const char *rules,
    enum explain_output output)
{
	ex->relay = relay;
	ex->rules = rules;
	ex->output = output;
}

size_t
explain_found(const struct explain *ex)
{
	return ex->found;
}

/* --- answers --- */

static void
print(struct explain *ex, const struct explain_answer *a)
{
	ex->found += a->a.category.n > 0 || a->words.detail != NULL;
	if (ex->output != EXPLAIN_TEXT)
		explain_print_json(ex->book->catalogue, a);
	else
		explain_print_text(ex->book->catalogue, a, ex->printed > 0);
	ex->printed++;
}

static bool
is_number(struct str s, size_t digits)
{
	int64_t ignored;

	return s.n == digits && str_to_int(s, &ignored);
}

/* "550", "5.1.1", "550 5.1.1", "550-5.1.1", "#5.1.1", and nothing else. */
static bool
read_bare(struct str text, struct explain_answer *a)
{
	struct str code = str_head(text, 3), rest = text;

	if (is_number(code, 3) && code.p[0] >= '2' && code.p[0] <= '5') {
		rest = str_skip(text, 3);
		if (rest.n > 0 && rest.p[0] != ' ' && rest.p[0] != '-')
			return false;
		rest = str_skip(rest, 1);
		(void)str_to_int(code, &a->smtp_code);
	}
	rest = str_trim(rest);
	if (rest.n > 0 && rest.p[0] == '#')
		rest = str_skip(rest, 1);
	if (rest.n > 0 && status_words(rest).class == NULL)
		return false;
	if (rest.n > 0)
		a->status = rest;
	return a->smtp_code != 0 || rest.n > 0;
}

/* Is there "4xx" or "5xx" before a blank or hyphen? */
static bool
has_code(struct str text)
{
	for (size_t i = 0; i + 4 <= text.n; i++)
		if ((i == 0 || text.p[i - 1] == ' ' || text.p[i - 1] == ':') &&
		    (text.p[i] == '4' || text.p[i] == '5') &&
		    is_number(str_head(str_skip(text, i), 3), 3) &&
		    (text.p[i + 3] == ' ' || text.p[i + 3] == '-'))
			return true;
	return false;
}

/* What stands before the code ("The response was: 550 ...") is not the reply. */
static struct str
from_code(struct str text)
{
	for (size_t i = 0; i + 4 <= text.n; i++)
		if ((i == 0 || text.p[i - 1] == ' ') &&
		    has_code(str_head(str_skip(text, i), 4)))
			return str_skip(text, i);
	return text;
}

static void
explain_reply(const struct explain *ex, struct str text, struct explain_answer *a)
{
	struct catalogue_question q = { .reply = text, .relay_name = ex->relay };

	a->reply = text;
	reply_codes(text, &a->smtp_code, &a->status);
	a->relay_name = ex->relay;
	a->ip = reply_ip(text, (struct str){ NULL, 0 });
	explain_ask_with_host(ex->book->catalogue, &q, a);
	q.reply = from_code(text);
	if (a->a.category.n == 0 && q.reply.n < text.n) {
		reply_codes(q.reply, &a->smtp_code, &a->status);
		explain_ask(ex->book->catalogue, &q, a);
	}
}

static void
explain_bare(const struct explain *ex, struct str text, struct explain_answer *a)
{
	a->relay_name = ex->relay;
	explain_ask_bare(ex->book->catalogue, a);
	a->reply = text;
}

/* --- log lines --- */

struct line_work {
	struct explain *ex;
	bool known; /* a log line, whatever it says */
	bool any;   /* and an answer was given */
	bool one;   /* no more than one answer */
};

static void
take_event(void *ctx, struct event *ev)
{
	struct line_work *w = ctx;
	struct explain_answer a = { .is_log_line = true,
		.reply = event_text(ev, EVF_reply),
		.recipient = event_text(ev, EVF_recipient),
		.relay_name = event_text(ev, EVF_relay_name),
		.status = event_text(ev, EVF_status),
		.smtp_code = event_num(ev, EVF_smtp_code),
		.outcome = (enum event_outcome)event_num(ev, EVF_outcome) };

	w->known = true;
	if ((w->any && w->one) || a.outcome == OUTCOME_DELIVERED)
		return;
	if (a.reply.n == 0)
		a.reply = event_text(ev, EVF_text);
	if (a.reply.n == 0 && a.status.n == 0 && a.smtp_code == 0)
		return;
	if (w->ex->relay.n > 0)
		a.relay_name = w->ex->relay;
	struct catalogue_question q = { .reply = event_text(ev, EVF_reply),
		.text = event_text(ev, EVF_text),
		.status = a.status,
		.smtp_code = a.smtp_code,
		.relay_name = a.relay_name,
		.provider = event_text(ev, EVF_provider),
		.outcome = a.outcome };

	/* what this host told a client is about the client's address, not about ours */
	if (event_num(ev, EVF_kind) != KIND_REJECT)
		a.ip = reply_ip(a.reply, event_text(ev, EVF_relay_ip));
	explain_ask(w->ex->book->catalogue, &q, &a);
	w->any = true;
	print(w->ex, &a);
}

/* "postfix/smtp[79]: text": name and text of a line whose stamp was left out. */
static bool
split_tag(struct str line, struct str *process, struct str *text)
{
	size_t n = 0, skip;

	while (n < line.n && line.p[n] != ':' && line.p[n] != '[' && line.p[n] != ' ')
		n++;
	if (n == 0 || n >= line.n || n > 64 || line.p[n] == ' ')
		return false;
	ptrdiff_t end = str_find(line, STR(": "));

	if (end < 0 || (size_t)end < n)
		return false;
	skip = (size_t)end + 2;
	*process = str_head(line, n);
	*text = str_skip(line, skip);
	return true;
}

static enum parse_result
parse_line(struct explain *ex, struct str text, struct line_work *w)
{
	struct line line = { .text = str_head(text, LINE_MAX_BYTES),
		.truncated = text.n > LINE_MAX_BYTES };
	struct str process;
	enum parse_result r = parser_line(ex->parser, &line, STR("input"), take_event, w);

	if (r != PARSE_NOT_OURS || !split_tag(text, &process, &line.text) ||
	    ruleset_find(ex->book->parsers, process) == NULL)
		return r;
	parser_set_no_header(ex->bare, process);
	return parser_line(ex->bare, &line, STR("input"), take_event, w);
}

void
explain_line(struct explain *ex, struct str line)
{
	struct line_work w = { .ex = ex, .one = ex->output == EXPLAIN_BATCH };
	struct explain_answer a = { 0 };

	line = str_trim(line);
	if (line.n > 0 && parse_line(ex, line, &w) != PARSE_NOT_OURS && w.any)
		return;
	a.is_log_line = w.known;
	if (w.known)
		a.reply = line;
	else if (read_bare(line, &a))
		explain_bare(ex, line, &a);
	else if (catalogue_explain_code(ex->book->catalogue, line, &a.a))
		a.reply = line;
	else if (line.n > 0)
		explain_reply(ex, line, &a);
	print(ex, &a);
}

/* --- messages --- */

struct message_work {
	struct kept_list *events;
	struct str line;
};

static void
keep_event(void *ctx, struct event *ev)
{
	struct message_work *w = ctx;

	kept_add(w->events, ev, w->line);
}

/* The helper's lines; each is a line of the reports log. */
static void
read_lines(struct explain *ex, struct str lines, struct kept_list *events)
{
	while (lines.n > 0) {
		struct str text = str_cut(&lines, '\n');
		struct line line = { .text = text };
		struct message_work w = { events, text };

		(void)parser_line(ex->parser, &line, STR("input"), keep_event, &w);
	}
}

static int
show_report(struct explain *ex, struct str message, struct str lines, struct err *err)
{
	AUTO(buf_done) struct buf date = { 0 };
	struct kept_list *events = kept_new();
	int r = 0;

	if (events == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	read_lines(ex, lines, events);
	explain_date(message, &date);
	struct explain_report report = { .catalogue = ex->book->catalogue,
		.events = events,
		.date = buf_str(&date),
		.relay = ex->relay,
		.again = ex->printed > 0 };

	if (events->failed || date.failed)
		r = err_set(err, -ENOMEM, "out of memory");
	else if (events->n == 0)
		r = err_set(err, -EBADMSG,
		    "read the message: no rule takes the lines of "
		    "mailwarden-ingest; see `mailwarden check`");
	else if (ex->output == EXPLAIN_TEXT)
		explain_report_text(&report);
	else
		explain_report_json(&report);
	if (r == 0) {
		ex->found += events->n;
		ex->printed += events->n;
	}
	kept_free(events);
	return r;
}

static void
show_no_report(struct explain *ex, struct str why)
{
	struct explain_answer nothing = { 0 };

	ex->printed++;
	if (ex->output != EXPLAIN_TEXT) {
		explain_print_json(ex->book->catalogue, &nothing);
		return;
	}
	puts("no bounce message, complaint, DMARC or TLS report that can be read:");
	show_folded(why, 4, stdout);
}

static int
explain_message(struct explain *ex, struct str message, struct err *err)
{
	AUTO(buf_done) struct buf lines = { 0 };
	AUTO(buf_done) struct buf said = { 0 };
	enum explain_helped helped;
	int r = explain_helper(message, ex->rules, &lines, &said, &helped, err);

	if (r < 0)
		return r;
	if (helped == HELPED_REPORT)
		return show_report(ex, message, buf_str(&lines), err);
	show_no_report(ex, buf_str(&said));
	return 0;
}

static int
explain_status(struct explain *ex, struct str text, struct err *err)
{
	AUTO(buf_done) struct buf message = { 0 };

	buf_add(&message, STR("Content-Type: message/delivery-status\n\n"));
	buf_add(&message, str_trim(text));
	buf_add_char(&message, '\n');
	return message.failed ? err_set(err, -ENOMEM, "out of memory")
			      : explain_message(ex, buf_str(&message), err);
}

/* --- texts of several lines --- */

/* "550-" begins a reply of several lines (RFC 5321, 4.2.1). */
static bool
goes_on(struct str line)
{
	return line.n >= 4 && is_number(str_head(line, 3), 3) && line.p[3] == '-';
}

static bool
is_same_reply(struct str first, struct str line)
{
	return line.n >= 4 && str_starts(line, str_head(first, 3)) &&
	       (line.p[3] == '-' || line.p[3] == ' ');
}

int
explain_text(struct explain *ex, struct str text, struct err *err)
{
	AUTO(buf_done) struct buf reply = { 0 };
	AUTO(buf_done) struct buf diagnostic = { 0 };

	if (explain_is_message(text))
		return explain_message(ex, text, err);
	if (explain_is_status(text))
		return explain_status(ex, text, err);
	if (explain_diagnostic(text, &diagnostic).n > 0)
		text = buf_str(&diagnostic);
	size_t before = ex->printed;

	while (text.n > 0) {
		struct str line = str_trim(str_cut(&text, '\n'));

		if (line.n == 0)
			continue;
		buf_clear(&reply);
		buf_add(&reply, line);
		for (bool more = goes_on(line); more && text.n > 0;) {
			struct str rest = text, next = str_trim(str_cut(&rest, '\n'));

			more = is_same_reply(line, next);
			if (!more)
				break;
			buf_add_char(&reply, ' ');
			buf_add(&reply, next);
			text = rest;
			more = goes_on(next);
		}
		if (reply.failed)
			return err_set(err, -ENOMEM, "out of memory");
		explain_line(ex, buf_str(&reply));
	}
	if (ex->printed == before)
		explain_line(ex, STR(""));
	return 0;
}
