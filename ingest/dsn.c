#include "ingest/dsn.h"

#include <errno.h>

#include "ingest/address.h"
#include "ingest/dsn_text.h"
#include "ingest/fields.h"
#include "ingest/queue_id.h"
#include "parsers/reply_facts.h"

enum field {
	FIELD_FINAL_RECIPIENT,
	FIELD_ORIGINAL_RECIPIENT,
	FIELD_ACTUAL_RECIPIENT,
	FIELD_ACTION,
	FIELD_STATUS,
	FIELD_DIAGNOSTIC_CODE,
	FIELD_SUPPLEMENTARY_INFO,
	FIELD_REMOTE_MTA,
	RECIPIENT_FIELDS,
};

/* RFC 3464, 2.3; X-Actual-Recipient is sendmail's, for what an alias became. */
static const struct str recipient_fields[RECIPIENT_FIELDS] = { STR_INIT("Final-Recipient"),
	STR_INIT("Original-Recipient"), STR_INIT("X-Actual-Recipient"), STR_INIT("Action"),
	STR_INIT("Status"), STR_INIT("Diagnostic-Code"), STR_INIT("X-Supplementary-Info"),
	STR_INIT("Remote-MTA") };

enum message_field {
	FIELD_REPORTING_MTA,
	FIELD_POSTFIX_QUEUE_ID,
	FIELD_POSTFIX_SENDER,
	MESSAGE_FIELDS,
};

static const struct str message_fields[MESSAGE_FIELDS] = { STR_INIT("Reporting-MTA"),
	STR_INIT("X-Postfix-Queue-ID"), STR_INIT("X-Postfix-Sender") };

struct dsn {
	const struct dsn_parts *parts;
	const struct report_host *host;
	const struct report_sink *sink;
	struct str reporter;
	struct event message; /* what is the same for all recipients */
	struct queue_ids ids;
	struct buf message_values[MESSAGE_FIELDS], message_id, sender, sender_utf8;
	struct buf values[RECIPIENT_FIELDS]; /* of the group at hand */
	bool has[RECIPIENT_FIELDS];
	struct buf recipient, original, actual, reply, work;
	int n;
};

static void
dsn_done(struct dsn *d)
{
	for (int f = 0; f < MESSAGE_FIELDS; f++)
		buf_done(&d->message_values[f]);
	for (int f = 0; f < RECIPIENT_FIELDS; f++)
		buf_done(&d->values[f]);
	buf_done(&d->message_id);
	buf_done(&d->sender);
	buf_done(&d->sender_utf8);
	buf_done(&d->recipient);
	buf_done(&d->original);
	buf_done(&d->actual);
	buf_done(&d->reply);
	buf_done(&d->work);
}

/* --- the message --- */

/* "<m1@example.org>" without the brackets; what a stranger put in them stays. */
static struct str
bare_id(struct str value)
{
	ptrdiff_t open = str_find_char(value, '<');

	if (open < 0)
		return first_word(value);
	value = str_skip(value, (size_t)open + 1);
	ptrdiff_t close = str_find_char(value, '>');

	return str_trim(str_head(value, close < 0 ? value.n : (size_t)close));
}

static void
find_message_id(struct dsn *d)
{
	static const struct str names[] = { STR_INIT("In-Reply-To"),
		STR_INIT("References") };
	struct str id =
	    bare_id(fields_find(d->parts->returned, STR("Message-ID"), &d->message_id));

	/* the report itself may name it, as an answer does */
	for (size_t i = 0; id.n == 0 && i < sizeof names / sizeof *names; i++)
		id = bare_id(fields_find(d->parts->header, names[i], &d->message_id));
	if (id.n > 0 && !event_has(&d->message, EVF_message_id))
		event_set_text(&d->message, EVF_message_id, id);
}

static bool
is_postmaster(struct str address)
{
	return str_eq_nocase(str_cut(&address, '@'), STR("postmaster"));
}

/*
 * X-Postfix-Sender, else Return-Path of the returned message; else who the report was sent
 * to, as that is the sender (RFC 3464, 2), but for a copy to the postmaster.
 */
static void
find_sender(struct dsn *d)
{
	const struct buf *postfix = &d->message_values[FIELD_POSTFIX_SENDER];
	struct str sender = { NULL, 0 };

	if (postfix->n > 0)
		sender = address_of(buf_str(postfix), ADDRESS_PLAIN, &d->sender_utf8);
	if (postfix->n > 0 && sender.p == NULL)
		sender = STR("");
	if (sender.p == NULL)
		sender = address_in_header(fields_find(d->parts->returned,
		    STR("Return-Path"), &d->sender));
	/* sendmail's null sender, as it stands in its queue */
	if (str_eq(sender, STR("MAILER-DAEMON")))
		sender = STR("");
	if (sender.p == NULL) {
		sender =
		    address_in_header(fields_find(d->parts->header, STR("To"), &d->sender));
		if (is_postmaster(sender) || str_find_char(sender, '@') < 0)
			sender.p = NULL;
	}
	if (sender.p != NULL && !event_has(&d->message, EVF_sender))
		event_set_text(&d->message, EVF_sender, sender);
}

static void
find_message(struct dsn *d)
{
	const struct queue_id *best = &d->ids.best, *next = &d->ids.next;
	struct event *ev = &d->message;

	queue_ids_find(&d->ids, d->parts, d->host, d->reporter,
	    buf_str(&d->message_values[FIELD_POSTFIX_QUEUE_ID]));
	if (event_has(ev, EVF_queue_id))
		next = best; /* a rule found one in the text: the best is the next */
	else if (best->n > 0)
		event_set_text(ev, EVF_queue_id, (struct str){ best->text, best->n });
	if (next->n > 0 && !event_has(ev, EVF_related_queue_id) &&
	    !str_eq(event_text(ev, EVF_queue_id), (struct str){ next->text, next->n }))
		event_set_text(ev, EVF_related_queue_id,
		    (struct str){ next->text, next->n });
	find_message_id(d);
	find_sender(d);
}

/* --- one recipient --- */

/* "5.7.1" at the beginning; servers add comments and dots. */
static struct str
status_in(struct str value)
{
	size_t i = 0, dots = 0, digits = 0;

	value = str_trim(value);
	if (value.n < 5 || (value.p[0] != '2' && value.p[0] != '4' && value.p[0] != '5'))
		return (struct str){ NULL, 0 };
	for (; i < value.n; i++) {
		char c = value.p[i];

		if (c >= '0' && c <= '9' && digits < 3) {
			digits++;
		} else if (c == '.' && digits > 0 && dots < 2) {
			dots++;
			digits = 0;
		} else {
			break;
		}
	}
	return dots == 2 && digits > 0 && value.p[1] == '.' ? str_head(value, i)
							    : (struct str){ NULL, 0 };
}

static struct str
action_in(struct str value)
{
	static const struct str actions[] = { STR_INIT("failed"), STR_INIT("delayed"),
		STR_INIT("delivered"), STR_INIT("relayed"), STR_INIT("expanded") };

	/* RFC 3464, 2.3.3; comments and other words may follow */
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (str_eq_nocase(str_head(str_trim(value), actions[i].n), actions[i]))
			return actions[i];
	return (struct str){ NULL, 0 };
}

/* What is not said tells the class of the status; a report without any is of a failure. */
static struct str
action_by_status(struct str status)
{
	if (status.n == 0 || status.p[0] == '5')
		return STR("failed");
	return status.p[0] == '4' ? STR("delayed") : STR("delivered");
}

static bool
is_remote(struct str address, const struct dsn *d)
{
	ptrdiff_t at = str_rfind_char(address, '@');
	struct str domain = str_skip(address, (size_t)(at + 1));

	return at > 0 && !is_this_host(domain, d->host) &&
	       !str_eq_nocase(domain, d->reporter);
}

static void
set_recipients(struct dsn *d, struct event *ev)
{
	struct str final = address_of(buf_str(&d->values[FIELD_FINAL_RECIPIENT]),
	    ADDRESS_PLAIN, &d->recipient);
	struct str original = address_of(buf_str(&d->values[FIELD_ORIGINAL_RECIPIENT]),
	    ADDRESS_XTEXT, &d->original);
	struct str actual_field = buf_str(&d->values[FIELD_ACTUAL_RECIPIENT]);
	struct str actual = address_of(actual_field, ADDRESS_PLAIN, &d->actual);

	/*
	 * sendmail's Final-Recipient is the address that came in, also of an alias;
	 * X-Actual-Recipient is where the alias led, the one its log speaks of. For what
	 * stays on that host (a program, user@host) the address that came in tells more.
	 */
	if (actual.n > 0 && !str_eq_nocase(actual, final) && is_remote(actual, d) &&
	    !str_eq_nocase(typed_of(actual_field).type, STR("x-unix"))) {
		if (original.n == 0)
			original = final;
		final = actual;
	}
	if (final.n == 0) {
		final = original;
		original.n = 0;
	}
	event_set_text(ev, EVF_recipient, final);
	if (original.n > 0 && !str_eq_nocase(original, final))
		event_set_text(ev, EVF_original_recipient, original);
}

static struct str
find_reply(struct dsn *d, const struct event *ev)
{
	static const enum event_field who[] = { EVF_recipient, EVF_original_recipient };
	struct str reply = typed_of(buf_str(&d->values[FIELD_DIAGNOSTIC_CODE])).value;
	struct str said = { NULL, 0 };

	if (reply.n == 0)
		reply = typed_of(buf_str(&d->values[FIELD_SUPPLEMENTARY_INFO])).value;
	if (!dsn_says_nothing(reply))
		return dsn_text_complete(d->parts->text, reply, &d->reply);
	for (size_t i = 0; said.n == 0 && i < sizeof who / sizeof *who; i++)
		said = dsn_text_reply(d->parts->text, event_text(ev, who[i]), &d->reply);
	return said.n > 0 ? said : reply;
}

/* "5.0.0" says no more than "failed": then the reply's own counts, of the same class. */
static struct str
better_status(struct str status, struct str replied)
{
	bool vague = str_ends(status, STR(".0.0")) && status.n == 5;

	if (status.n == 0 || (vague && replied.n > 0 && replied.p[0] == status.p[0]))
		return replied;
	return status;
}

static void
set_reply(struct dsn *d, struct event *ev)
{
	struct str reply = find_reply(d, ev), replied = { NULL, 0 };
	struct str status = status_in(buf_str(&d->values[FIELD_STATUS]));
	struct str action = action_in(buf_str(&d->values[FIELD_ACTION]));
	int64_t code = 0;

	if (reply.n > 0) {
		event_set_text(ev, EVF_reply, reply);
		reply_codes(reply, &code, &replied);
		if (code == 0 && reply.n == 3) /* a code and no words */
			(void)str_to_int(reply, &code);
	}
	/* AOL's gateways reported failures with the success of another command */
	bool trouble = str_eq(action, STR("failed")) || str_eq(action, STR("delayed"));

	if (code >= (trouble ? 400 : 200) && code <= 599)
		event_set_num(ev, EVF_smtp_code, code);
	if (trouble && status.n > 0 && status.p[0] == '2')
		status.n = 0;
	if (trouble && replied.n > 0 && replied.p[0] == '2')
		replied.n = 0;
	status = better_status(status, replied);
	if (status.n > 0)
		event_set_text(ev, EVF_status, status);
	event_set_text(ev, EVF_dsn_action,
	    action.n > 0 ? action : action_by_status(status));
}

static void
set_relay(struct dsn *d, struct event *ev)
{
	struct named_host relay = host_of(buf_str(&d->values[FIELD_REMOTE_MTA]));

	if (relay.name.n == 0)
		relay.name = dsn_text_relay(d->parts->text, event_text(ev, EVF_reply));
	if (relay.name.n == 0)
		relay.name = reply_host(event_text(ev, EVF_reply));
	if (relay.name.n > 0)
		event_set_text(ev, EVF_relay_name, relay.name);
	if (relay.ip.n > 0)
		event_set_text(ev, EVF_relay_ip, relay.ip);
}

static int
end_group(struct dsn *d)
{
	struct event ev = d->message;
	bool named = d->values[FIELD_FINAL_RECIPIENT].n > 0 ||
		     d->values[FIELD_ORIGINAL_RECIPIENT].n > 0;
	int r = 0;

	if (named)
		set_recipients(d, &ev);
	if (event_text(&ev, EVF_recipient).n > 0) {
		set_reply(d, &ev);
		set_relay(d, &ev);
		d->n++;
		r = d->sink->event(d->sink->ctx, &ev);
	}
	for (int f = 0; f < RECIPIENT_FIELDS; f++) {
		buf_clear(&d->values[f]);
		d->has[f] = false;
	}
	return r;
}

/* --- groups --- */

static int
find_field(const struct str *names, int n, struct str name)
{
	for (int f = 0; f < n; f++)
		if (str_eq_nocase(name, names[f]))
			return f;
	return n;
}

/*
 * A blank line begins a group (RFC 3464, 2.1), if a recipient comes with it: some servers
 * put blank lines between the fields of one. Some put none between recipients: then a
 * field that must not occur twice begins the next.
 */
static bool
begins_recipient(const struct dsn *d, const struct fields *f, enum field field)
{
	bool names = field == FIELD_FINAL_RECIPIENT || field == FIELD_ORIGINAL_RECIPIENT;
	bool named = d->has[FIELD_FINAL_RECIPIENT] || d->has[FIELD_ORIGINAL_RECIPIENT];

	return names && (d->has[field] || (f->begins_group && named));
}

static int
take_field(struct dsn *d, const struct fields *f)
{
	int field = find_field(recipient_fields, RECIPIENT_FIELDS, f->name), r = 0;

	if (field == RECIPIENT_FIELDS)
		return 0;
	if (begins_recipient(d, f, (enum field)field))
		r = end_group(d);
	if (!d->has[field] || d->values[field].n == 0)
		buf_add(&d->values[field], f->value);
	d->has[field] = true;
	return r;
}

/* All of them come before the first recipient, but not everyone sends them so. */
static void
take_message_fields(struct dsn *d)
{
	AUTO(fields_done) struct fields f = { .rest = d->parts->status };

	while (fields_next(&f)) {
		int field = find_field(message_fields, MESSAGE_FIELDS, f.name);

		if (field < MESSAGE_FIELDS && d->message_values[field].n == 0)
			buf_add(&d->message_values[field], f.value);
	}
	struct named_host reporter =
	    host_of(buf_str(&d->message_values[FIELD_REPORTING_MTA]));

	d->reporter = reporter.name.n > 0 ? reporter.name : reporter.ip;
	if (d->reporter.n > 0)
		event_set_text(&d->message, EVF_reporter, d->reporter);
}

int
dsn_read(const struct dsn_parts *parts, const struct report_host *host,
    const struct report_sink *sink, struct err *err)
{
	AUTO(dsn_done) struct dsn d = { .parts = parts, .host = host, .sink = sink };
	AUTO(fields_done) struct fields f = { .rest = parts->status };
	int r = 0;

	event_set_num(&d.message, EVF_kind, KIND_DSN);
	d.message.offset = -1;
	take_message_fields(&d);
	find_message(&d);
	while (r >= 0 && fields_next(&f))
		r = take_field(&d, &f);
	if (r >= 0)
		r = end_group(&d);
	if (r >= 0 && (f.joined.failed || d.reply.failed || d.recipient.failed))
		r = err_set(err, -ENOMEM, "read delivery status: out of memory");
	return r < 0 ? r : d.n;
}

/* The same text as it stands in the parts, which outlive what was made of them. */
static struct str
as_it_stands(const struct dsn_parts *parts, struct str text)
{
	const struct str places[] = { parts->returned, parts->header, parts->boundary };

	for (size_t i = 0; text.n > 0 && i < sizeof places / sizeof *places; i++) {
		ptrdiff_t at = str_find(places[i], text);

		if (at >= 0)
			return str_head(str_skip(places[i], (size_t)at), text.n);
	}
	return text.p != NULL && text.n == 0 ? STR("") : (struct str){ NULL, 0 };
}

void
dsn_set_message(const struct dsn_parts *parts, const struct report_host *host,
    struct event *ev)
{
	static const enum event_field fields[] = { EVF_queue_id, EVF_related_queue_id,
		EVF_message_id, EVF_sender };
	AUTO(dsn_done) struct dsn d = { .parts = parts, .host = host };

	d.message = *ev;
	find_message(&d);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		struct str text = event_text(&d.message, fields[i]);

		if (event_has(ev, fields[i]) || text.p == NULL)
			continue;
		text = as_it_stands(parts, text);
		if (text.p != NULL)
			event_set_text(ev, fields[i], text);
	}
}
