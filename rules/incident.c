#include "rules/incident.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/json.h"

static const char *const severities[] = {
	[SEVERITY_UNKNOWN] = "",
	[SEVERITY_INFO] = "info",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_CRITICAL] = "critical",
};
static const char *const states[] = {
	[INCIDENT_PENDING] = "pending",
	[INCIDENT_OPEN] = "open",
	[INCIDENT_RESOLVED] = "resolved",
};
static const char *const notices[] = {
	[NOTICE_NONE] = "",
	[NOTICE_OPENED] = "opened",
	[NOTICE_ESCALATED] = "escalated",
	[NOTICE_RESOLVED] = "resolved",
	[NOTICE_TEST] = "test",
	[NOTICE_ACKNOWLEDGED] = "acknowledged",
	[NOTICE_UNACKNOWLEDGED] = "unacknowledged",
	[NOTICE_REMINDER] = "reminder",
	[NOTICE_DIGEST] = "digest",
};

static const char *
name_of(const char *const *names, size_t count, unsigned value)
{
	return value < count ? names[value] : "";
}

const char *
severity_name(enum severity severity)
{
	return name_of(severities, sizeof severities / sizeof *severities,
	    (unsigned)severity);
}

enum severity
severity_find(struct str name)
{
	for (int s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++)
		if (str_eq(name, str_of(severities[s])))
			return (enum severity)s;
	return SEVERITY_UNKNOWN;
}

const char *
incident_state_name(enum incident_state state)
{
	return name_of(states, sizeof states / sizeof *states, (unsigned)state);
}

const char *
notice_name(enum notice notice)
{
	return name_of(notices, sizeof notices / sizeof *notices, (unsigned)notice);
}

static void
add_text(struct json *j, const char *key, struct str value)
{
	if (value.n > 0)
		json_text(j, key, value);
}

/* Lines as an array of strings. */
static void
add_lines(struct json *j, const char *key, struct str lines)
{
	bool any = false;

	if (lines.n == 0)
		return;
	json_key(j, key);
	buf_add_char(j->out, '[');
	while (lines.n > 0) {
		struct str line = str_cut(&lines, '\n');

		if (line.n == 0)
			continue;
		if (any)
			buf_add_char(j->out, ',');
		any = true;
		json_quote(j->out, line);
	}
	buf_add_char(j->out, ']');
}

static void
add_acknowledged(struct json *j, const struct incident *incident)
{
	if (incident->ack_at_us == 0)
		return;
	json_key(j, "acknowledged");
	struct json ack = json_begin(j->out);

	json_time(&ack, "at", incident->ack_at_us);
	add_text(&ack, "who", incident->ack_who);
	add_text(&ack, "note", incident->ack_note);
	json_end(&ack);
}

/* What people are told; the rest is for detectors. */
static const size_t told_texts[] = {
	offsetof(struct incident, id),
	offsetof(struct incident, rule),
	offsetof(struct incident, trouble),
	offsetof(struct incident, group),
	offsetof(struct incident, host),
	offsetof(struct incident, provider),
	offsetof(struct incident, code_id),
	offsetof(struct incident, category),
	offsetof(struct incident, summary),
	offsetof(struct incident, advice),
	offsetof(struct incident, url),
	offsetof(struct incident, affected),
	offsetof(struct incident, samples),
	offsetof(struct incident, ack_who),
	offsetof(struct incident, ack_note),
};

enum { TOLD_TEXTS = sizeof told_texts / sizeof *told_texts };

static struct str *
text_at(struct incident *incident, size_t i)
{
	return (struct str *)(void *)((char *)incident + told_texts[i]);
}

char *
incident_copy(const struct incident *from, struct incident *to)
{
	size_t size = 1;

	*to = *from;
	to->seen = to->senders_seen = to->recipients_seen = STR("");
	for (size_t i = 0; i < TOLD_TEXTS; i++)
		size += text_at(to, i)->n;
	char *block = malloc(size), *at = block;

	if (block == NULL) {
		*to = (struct incident){ 0 };
		return NULL;
	}
	for (size_t i = 0; i < TOLD_TEXTS; i++) {
		struct str *text = text_at(to, i);

		if (text->n > 0)
			memcpy(at, text->p, text->n);
		text->p = at;
		at += text->n;
	}
	return block;
}

void
incident_json(const struct incident *incident, struct buf *out)
{
	struct json j = json_begin(out);

	json_text(&j, "type", STR("incident"));
	add_text(&j, "id", incident->id);
	add_text(&j, "rule", incident->rule);
	add_text(&j, "severity", str_of(severity_name(incident->severity)));
	add_text(&j, "state", str_of(incident_state_name(incident->state)));
	json_raw(&j, "group", incident->group.n > 0 ? incident->group : STR("{}"));
	add_text(&j, "provider", incident->provider);
	add_text(&j, "code_id", incident->code_id);
	add_text(&j, "category", incident->category);
	json_time(&j, "opened", incident->opened_us);
	if (incident->noticed_us != 0)
		json_time(&j, "noticed", incident->noticed_us);
	json_time(&j, "last_seen", incident->last_seen_us);
	if (incident->resolved_us != 0)
		json_time(&j, "resolved", incident->resolved_us);
	json_int(&j, "count", incident->count);
	json_int(&j, "relapses", incident->relapses);
	if (incident->senders > 0)
		json_int(&j, "senders", incident->senders);
	if (incident->recipients > 0)
		json_int(&j, "recipients", incident->recipients);
	add_acknowledged(&j, incident);
	if (incident->silenced_us != 0)
		json_time(&j, "silenced_until", incident->silenced_us);
	add_text(&j, "summary", incident->summary);
	add_text(&j, "advice", incident->advice);
	add_text(&j, "url", incident->url);
	add_lines(&j, "samples", incident->samples);
	json_end(&j);
}
