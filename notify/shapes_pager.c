/* Services that keep incidents of their own: ours are opened and closed there. */
#include "core/clock.h"
#include "core/plain.h"
#include "notify/shapes_impl.h"

enum {
	/* https://developer.pagerduty.com/docs/send-alert-event: summary, and 512 KB in all */
	PAGERDUTY_SUMMARY_CHARS = 1024,
	PAGER_NAME_BYTES = 255,
	PAGER_TEXT_BYTES = 8000,
	PAGER_LINES_BYTES = 16000,
	/* Alertmanager ends an alert by itself that it has not heard of for a while
	 * (resolve_timeout) unless it is told until when it holds. */
	ALERT_HOLDS_DAYS = 7,
};

static void
add_name(struct json *j, const char *key, struct str text)
{
	AUTO(buf_done) struct buf shown = { 0 };

	if (text.n == 0)
		return;
	plain_add_cut(&shown, text, PAGER_NAME_BYTES);
	json_text(j, key, buf_str(&shown));
}

/* Text of several lines, each of them made safe; what is too much is left out. */
static void
add_lines(struct json *j, const char *key, struct str text, size_t max)
{
	AUTO(buf_done) struct buf shown = { 0 };

	if (str_trim(text).n == 0)
		return;
	while (text.n > 0 && shown.n < max) {
		plain_add_cut(&shown, str_trim(str_cut(&text, '\n')), max - shown.n);
		buf_add_char(&shown, '\n');
	}
	if (text.n > 0)
		buf_add(&shown, STR("..."));
	json_text(j, key, str_trim(buf_str(&shown)));
}

static void
add_link(struct json *j, const char *key, const struct message *message,
    const struct told *told)
{
	AUTO(buf_done) struct buf link = { 0 };

	shape_add_link(message, told, &link);
	if (link.n > 0)
		json_text(j, key, buf_str(&link));
}

static struct str
host_of(const struct message *message, const struct incident *in)
{
	return in->host.n > 0 ? in->host : str_of(message->host);
}

/* --- PagerDuty: https://developer.pagerduty.com/docs/send-alert-event --- */

/* A test is opened and closed at once, so that it wakes nobody for long. */
static size_t
count_pagerduty(const struct message *message)
{
	return message->nitems == 0 ? 2 : message->nitems;
}

static void
add_pagerduty_details(struct json *j, const struct incident *in)
{
	json_key(j, "custom_details");
	struct json d = json_begin(j->out);

	add_name(&d, "rule", in->rule);
	add_name(&d, "provider", in->provider);
	add_name(&d, "category", in->category);
	add_name(&d, "code_id", in->code_id);
	json_time(&d, "since", in->opened_us);
	json_int(&d, "count", in->count);
	add_lines(&d, "what_to_do", in->advice, PAGER_TEXT_BYTES);
	add_lines(&d, "from_the_log", in->samples, PAGER_LINES_BYTES);
	json_end(&d);
}

static const char *
pagerduty_severity(enum severity severity)
{
	switch (severity) {
	case SEVERITY_CRITICAL: return "critical";
	case SEVERITY_INFO: return "info";
	default: return "warning";
	}
}

static void
add_pagerduty_payload(struct json *j, const struct message *message,
    const struct told *told)
{
	static const struct incident none = { 0 };
	const struct incident *in = told != NULL ? &told->incident : &none;
	const struct shape_text summary = { MARKUP_NONE, MEASURE_UTF16,
		PAGERDUTY_SUMMARY_CHARS };
	AUTO(buf_done) struct buf line = { 0 };

	if (told != NULL)
		message_line(told, &line);
	else
		buf_add(&line, str_of(message->subject));
	json_key(j, "payload");
	struct json p = json_begin(j->out);

	shape_json_text(&p, "summary", buf_str(&line), summary);
	add_name(&p, "source", host_of(message, in));
	json_text(&p, "severity",
	    str_of(told != NULL ? pagerduty_severity(in->severity) : "info"));
	json_time(&p, "timestamp",
	    told != NULL && in->last_seen_us != 0 ? in->last_seen_us : message->at_us);
	add_name(&p, "component", STR("mail"));
	add_name(&p, "class", in->rule);
	if (told != NULL)
		add_pagerduty_details(&p, in);
	json_end(&p);
}

static int
build_pagerduty(const struct shape_context *context, size_t i, struct shape_request *out,
    struct err *err)
{
	const struct message *message = context->message;
	const struct told *told = message->nitems > 0 ? &message->items[i] : NULL;
	bool over = told != NULL ? told_is_over(told) : i == 1;
	struct str key = told != NULL ? told->incident.id : str_of(message->id);

	(void)err;
	shape_set_url(out, context->url, "/v2/enqueue");
	buf_addf(&out->key, "-%s-", over ? "resolve" : "trigger");
	shape_add_segment(&out->key, key);

	struct json j = json_begin(&out->body);

	json_text(&j, "routing_key", context->token);
	json_text(&j, "event_action", over ? STR("resolve") : STR("trigger"));
	/* The same for all that is told of an incident: nothing is opened twice. */
	add_name(&j, "dedup_key", key);
	if (!over) {
		json_text(&j, "client", STR("mailwarden"));
		add_link(&j, "client_url", message, told);
		add_pagerduty_payload(&j, message, told);
	}
	json_end(&j);
	return 0;
}

const struct shape_type shape_pagerduty = {
	.name = "pagerduty",
	.own_url = "https://events.pagerduty.com",
	.token = "a routing key",
	.count = count_pagerduty,
	.build = build_pagerduty,
};

/* --- Alertmanager:
 * https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml --- */

/*
 * An alert is its labels: other labels, another alert. So what may change while an incident
 * is open is no label (the rule that knew it best, the code), but for the severity, by which
 * people route: see add_former_alerts().
 */
static void
add_labels(struct json *j, const struct message *message, const struct told *told,
    enum severity severity)
{
	static const struct incident none = { 0 };
	const struct incident *in = told != NULL ? &told->incident : &none;

	json_key(j, "labels");
	struct json l = json_begin(j->out);

	if (told == NULL)
		json_text(&l, "alertname", STR("mailwarden-test"));
	else
		add_name(&l, "alertname", in->trouble.n > 0 ? in->trouble : in->rule);
	json_text(&l, "severity",
	    str_of(severity == SEVERITY_UNKNOWN ? "info" : severity_name(severity)));
	add_name(&l, "host", host_of(message, in));
	add_name(&l, "provider", in->provider);
	add_name(&l, "incident", told != NULL ? in->id : str_of(message->id));
	json_end(&l);
}

static void
add_annotations(struct json *j, const struct message *message, const struct told *told)
{
	AUTO(buf_done) struct buf line = { 0 };

	json_key(j, "annotations");
	struct json a = json_begin(j->out);

	if (told != NULL) {
		const struct incident *in = &told->incident;

		message_line(told, &line);
		json_text(&a, "summary", buf_str(&line));
		add_lines(&a, "description", in->advice, PAGER_TEXT_BYTES);
		add_lines(&a, "log", in->samples, PAGER_LINES_BYTES);
		add_name(&a, "rule", in->rule);
		add_name(&a, "category", in->category);
		add_name(&a, "code_id", in->code_id);
	} else {
		json_text(&a, "summary", str_of(message->subject));
		add_lines(&a, "description", shape_body(message), PAGER_TEXT_BYTES);
	}
	json_end(&a);
}

/* One alert; ends_us may lie ahead: until then it holds. */
static void
add_alert(struct buf *out, const struct message *message, const struct told *told,
    enum severity severity, int64_t ends_us)
{
	if (out->n > 0 && out->p[out->n - 1] != '[')
		buf_add_char(out, ',');
	int64_t starts_us = told != NULL ? told->incident.opened_us : message->at_us;
	struct json j = json_begin(out);

	add_labels(&j, message, told, severity);
	add_annotations(&j, message, told);
	/* An end before the beginning is refused. */
	if (starts_us > ends_us)
		starts_us = ends_us;
	json_time(&j, "startsAt", starts_us);
	json_time(&j, "endsAt", ends_us);
	add_link(&j, "generatorURL", message, told);
	json_end(&j);
}

/* It may have been told with a lower severity before: that alert ends. */
static void
add_former_alerts(struct buf *out, const struct message *message, const struct told *told,
    int64_t ends_us)
{
	for (int s = SEVERITY_INFO; s < (int)told->incident.severity; s++)
		add_alert(out, message, told, (enum severity)s, ends_us);
}

static int
build_alertmanager(const struct shape_context *context, size_t i, struct shape_request *out,
    struct err *err)
{
	const struct message *message = context->message;
	const int64_t holds_us =
	    message->at_us + INT64_C(86400) * ALERT_HOLDS_DAYS * US_PER_S;

	(void)i;
	(void)err;
	shape_set_url(out, context->url, "/api/v2/alerts");
	shape_set_bearer(out, context->token);
	buf_add_char(&out->body, '[');
	if (message->nitems == 0) /* ends by itself */
		add_alert(&out->body, message, NULL, SEVERITY_INFO,
		    message->at_us + INT64_C(60) * US_PER_S);
	for (size_t k = 0; k < message->nitems; k++) {
		const struct told *told = &message->items[k];
		bool over = told_is_over(told);
		int64_t over_us = told->incident.resolved_us != 0
				      ? told->incident.resolved_us
				      : message->at_us;

		if (over || told->notice == NOTICE_ESCALATED)
			add_former_alerts(&out->body, message, told,
			    over ? over_us : message->at_us);
		add_alert(&out->body, message, told, told->incident.severity,
		    over ? over_us : holds_us);
	}
	buf_add_char(&out->body, ']');
	return 0;
}

const struct shape_type shape_alertmanager = {
	.name = "alertmanager",
	.build = build_alertmanager,
};
