#include "cli/explain_report.h"

#include <stdlib.h>

#include "cli/explain_ask.h"
#include "cli/explain_tables.h"
#include "cli/show.h"
#include "core/json.h"

static enum event_kind
kind_of(const struct explain_report *report)
{
	return report->events->n == 0
		   ? KIND_UNKNOWN
		   : (enum event_kind)event_num(&report->events->items[0].ev, EVF_kind);
}

/* --- bounces --- */

/* What the catalogue makes of one recipient's event. */
static void
answer_of(const struct explain_report *report, const struct event *ev,
    struct explain_answer *a)
{
	*a = (struct explain_answer){ .reply = event_text(ev, EVF_reply),
		.recipient = event_text(ev, EVF_recipient),
		.relay_name = event_text(ev, EVF_relay_name),
		.status = event_text(ev, EVF_status),
		.smtp_code = event_num(ev, EVF_smtp_code),
		.action = event_text(ev, EVF_dsn_action),
		.reporter = event_text(ev, EVF_reporter),
		.queue_id = event_text(ev, EVF_queue_id),
		.message_id = event_text(ev, EVF_message_id),
		.sender = event_text(ev, EVF_sender) };
	struct catalogue_question q = {
		.reply = a->reply, .status = a->status, .smtp_code = a->smtp_code
	};

	if (a->recipient.n == 0)
		a->recipient = event_text(ev, EVF_original_recipient);
	if (a->action.n == 0)
		a->action = STR("failed");
	if (report->relay.n > 0)
		a->relay_name = report->relay;
	else if (str_eq_nocase(a->relay_name, reply_host(a->reply)))
		a->relay_name = STR(""); /* from the reply: see explain_ask_with_host() */
	if (!str_eq(a->action, STR("failed")) && !str_eq(a->action, STR("delayed")))
		return; /* nothing was refused */
	a->ip = reply_ip(a->reply, event_text(ev, EVF_relay_ip));
	if (a->reply.n > 0)
		explain_ask_with_host(report->catalogue, &q, a);
	else
		explain_ask_bare(report->catalogue, a);
}

/* What two recipients must share to stand in one block: the reply but for their names. */
static void
add_key(struct buf *key, const struct explain_answer *a)
{
	struct str rest = a->reply;

	buf_clear(key);
	buf_addf(key, "%.*s\n%.*s\n%.*s\n%.*s\n", STR_ARG(a->action),
	    STR_ARG(a->relay_name), STR_ARG(a->status), STR_ARG(a->reporter));
	while (a->recipient.n > 0) {
		ptrdiff_t at = str_find_nocase(rest, a->recipient);

		if (at < 0)
			break;
		buf_add(key, str_head(rest, (size_t)at));
		buf_add_char(key, '\n');
		rest = str_skip(rest, (size_t)at + a->recipient.n);
	}
	buf_add(key, rest);
}

/* "ann@example.org", or "3 recipients". */
static void
add_whom(struct buf *out, struct str recipient, size_t n)
{
	if (n > 1)
		buf_addf(out, "%zu recipients", n);
	else if (recipient.n > 0)
		buf_add(out, recipient);
	else
		buf_add(out, STR("a recipient who is not named"));
}

static void
add_fate(struct buf *out, const struct explain_answer *a)
{
	bool failed = str_eq(a->action, STR("failed"));

	if (failed || str_eq(a->action, STR("delayed"))) {
		if (a->relay_name.n > 0) {
			buf_add(out, failed ? STR("refused by ") : STR("put off by "));
			buf_add(out, a->relay_name);
		} else {
			buf_add(out, failed ? STR("not delivered") : STR("still waits"));
		}
	} else if (str_eq(a->action, STR("delivered"))) {
		buf_add(out, STR("delivered"));
	} else if (str_eq(a->action, STR("relayed"))) {
		buf_add(out, STR("handed on, to a server that sends no receipts"));
	} else if (str_eq(a->action, STR("expanded"))) {
		buf_add(out, STR("handed on to the members of a list"));
	} else {
		buf_add(out, a->action);
	}
}

static void
print_block(const struct explain_report *report, const struct explain_answer *a,
    const size_t *members, size_t n)
{
	AUTO(buf_done) struct buf head = { 0 };
	AUTO(buf_done) struct buf names = { 0 };

	putchar('\n');
	add_whom(&head, a->recipient, n);
	buf_add(&head, STR(": "));
	add_fate(&head, a);
	show_folded(buf_str(&head), 0, stdout);
	for (size_t i = 0; n > 1 && i < n && i < EXPLAIN_NAMES; i++) {
		const struct event *ev = &report->events->items[members[i]].ev;

		buf_add(&names, i > 0 ? STR(", ") : STR(""));
		buf_add(&names, event_text(ev, EVF_recipient));
	}
	if (n > EXPLAIN_NAMES)
		buf_addf(&names, " and %zu more", n - EXPLAIN_NAMES);
	show_folded(buf_str(&names), 2, stdout);
	explain_print_reply(a->reply);
	explain_print_facts(report->catalogue, a);
}

/* The keys of all recipients, one behind the other. */
struct keys {
	struct buf text;
	size_t *ends;    /* of each key in text */
	size_t *members; /* of the block in the making */
	bool *shown;
	size_t n;
};

static void
auto_keys(struct keys *k)
{
	buf_done(&k->text);
	free(k->ends);
	free(k->members);
	free(k->shown);
}

static struct str
key_at(const struct keys *k, size_t i)
{
	size_t begin = i == 0 ? 0 : k->ends[i - 1];

	return (struct str){ k->text.p + begin, k->ends[i] - begin };
}

static bool
make_keys(const struct explain_report *report, struct keys *k)
{
	AUTO(buf_done) struct buf key = { 0 };
	struct explain_answer a;

	k->n = report->events->n;
	k->ends = calloc(k->n, sizeof *k->ends);
	k->members = calloc(k->n, sizeof *k->members);
	k->shown = calloc(k->n, sizeof *k->shown);
	if (k->ends == NULL || k->members == NULL || k->shown == NULL)
		return false;
	for (size_t i = 0; i < k->n; i++) {
		answer_of(report, &report->events->items[i].ev, &a);
		add_key(&key, &a);
		buf_add(&k->text, buf_str(&key));
		k->ends[i] = k->text.n;
	}
	return !key.failed && !k->text.failed;
}

static void
bounce_title(const struct explain_report *report)
{
	const struct event *ev = &report->events->items[0].ev;
	bool failed = false, waits = false;
	struct str sender = event_text(ev, EVF_sender);

	for (size_t i = 0; i < report->events->n; i++) {
		struct str action =
		    event_text(&report->events->items[i].ev, EVF_dsn_action);

		failed = failed || action.n == 0 || str_eq(action, STR("failed"));
		waits = waits || str_eq(action, STR("delayed"));
	}
	explain_title(report, failed  ? "A bounce message"
			      : waits ? "A delay notice"
				      : "A receipt");
	if (sender.p != NULL)
		explain_print_line("Mail from", sender.n > 0 ? sender : STR("<>"),
		    sender.n > 0 ? "" : " (itself a notice of a mail server)");
	explain_print_line("Message", event_text(ev, EVF_message_id), "");
	explain_print_line("Queue id", event_text(ev, EVF_queue_id), "");
}

static void
explain_bounce(const struct explain_report *report)
{
	AUTO(auto_keys) struct keys k = { 0 };
	struct explain_answer a;

	if (!make_keys(report, &k)) {
		(void)app_fail(EXIT_FAILED, "out of memory");
		return;
	}
	bounce_title(report);
	for (size_t i = 0; i < k.n; i++) {
		size_t n = 0;

		if (k.shown[i])
			continue;
		for (size_t other = i; other < k.n; other++)
			if (!k.shown[other] && str_eq(key_at(&k, i), key_at(&k, other))) {
				k.shown[other] = true;
				k.members[n++] = other;
			}
		answer_of(report, &report->events->items[i].ev, &a);
		print_block(report, &a, k.members, n);
	}
}

void
explain_title(const struct explain_report *report, const char *what)
{
	AUTO(buf_done) struct buf title = { 0 };
	const struct event *ev = &report->events->items[0].ev;
	struct str reporter = event_text(ev, EVF_reporter);
	struct str domain = event_text(ev, EVF_domain);

	if (report->again)
		putchar('\n');
	buf_add(&title, str_of(what));
	if (reporter.n > 0)
		buf_addf(&title, " from %.*s", STR_ARG(reporter));
	if (domain.n > 0)
		buf_addf(&title, " about %.*s", STR_ARG(domain));
	if (report->date.n > 0)
		buf_addf(&title, ", %.*s", STR_ARG(report->date));
	show_folded(buf_str(&title), 0, stdout);
}

void
explain_report_text(const struct explain_report *report)
{
	switch (kind_of(report)) {
	case KIND_DSN: explain_bounce(report); break;
	case KIND_COMPLAINT: explain_complaint(report); break;
	case KIND_DMARC: explain_dmarc(report); break;
	case KIND_TLS_REPORT: explain_tls(report); break;
	default: puts("a report that tells nothing"); break;
	}
}

/* --- JSON --- */

/* The event's fields as the report has them: neither time nor place of a log line. */
static void
event_object(const struct event *ev, struct buf *out)
{
	static const uint64_t left_out = EVENT_BIT(EVF_host) | EVENT_BIT(EVF_process) |
					 EVENT_BIT(EVF_pid) | EVENT_BIT(EVF_mta) |
					 EVENT_BIT(EVF_rule);
	struct json j = json_begin(out);

	for (enum event_field f = 0; f < EVF_COUNT; f++) {
		AUTO(buf_done) struct buf value = { 0 };

		if (!event_has(ev, f) || (left_out & EVENT_BIT(f)) != 0)
			continue;
		if (event_field_type(f) == EVT_BOOL) {
			json_bool(&j, event_field_name(f), ev->v[f].num != 0);
		} else if (event_field_type(f) == EVT_INT) {
			json_int(&j, event_field_name(f), ev->v[f].num);
		} else {
			event_value_text(ev, f, &value);
			json_text(&j, event_field_name(f), buf_str(&value));
		}
	}
	json_end(&j);
	buf_add_char(out, '\n');
}

void
explain_report_json(const struct explain_report *report)
{
	for (size_t i = 0; i < report->events->n; i++) {
		const struct event *ev = &report->events->items[i].ev;
		AUTO(buf_done) struct buf out = { 0 };
		struct explain_answer a;

		if (event_num(ev, EVF_kind) == KIND_DSN) {
			answer_of(report, ev, &a);
			explain_print_json(report->catalogue, &a);
			continue;
		}
		event_object(ev, &out);
		(void)fwrite(out.p, 1, out.n, stdout);
	}
}
