#include "report/digest_json.h"

#include "core/json.h"
#include "store/figures_json.h"

const char *
digest_health_name(enum digest_health health)
{
	switch (health) {
	case DIGEST_HEALTHY: return "ok";
	case DIGEST_WARNING: return "warning";
	case DIGEST_CRITICAL: return "critical";
	default: return "blind";
	}
}

static void
add_incidents(struct json *j, const char *key, const struct incident *list, size_t n)
{
	json_key(j, key);
	buf_add_char(j->out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_add_char(j->out, ',');
		incident_json(&list[i], j->out);
	}
	buf_add_char(j->out, ']');
}

static void
add_changes(struct json *parent, const struct digest *d)
{
	json_key(parent, "changes");
	buf_add_char(parent->out, '[');
	for (size_t i = 0; i < d->nchanges; i++) {
		if (i > 0)
			buf_add_char(parent->out, ',');
		struct json j = json_begin(parent->out);

		json_bool(&j, "bad", d->changes[i].bad);
		json_text(&j, "text", d->changes[i].text);
		json_end(&j);
	}
	buf_add_char(parent->out, ']');
}

static void
add_gaps(struct json *parent, const struct digest *d)
{
	json_key(parent, "gaps");
	buf_add_char(parent->out, '[');
	for (size_t i = 0; i < d->ngaps; i++) {
		if (i > 0)
			buf_add_char(parent->out, ',');
		struct json j = json_begin(parent->out);

		json_time(&j, "at", d->gaps[i].at_us);
		json_text(&j, "source", d->gaps[i].source);
		json_text(&j, "what", d->gaps[i].what);
		if (d->gaps[i].detail.n > 0)
			json_text(&j, "detail", d->gaps[i].detail);
		json_end(&j);
	}
	buf_add_char(parent->out, ']');
}

void
digest_json(const struct digest *d, struct buf *out)
{
	AUTO(buf_done) struct buf week = { 0 };
	struct json j = json_begin(out);

	digest_span_id(&d->span, &week);
	json_text(&j, "type", STR("digest"));
	if (d->span.week != 0)
		json_text(&j, "week", buf_str(&week));
	json_time(&j, "from", d->span.from_us);
	json_time(&j, "until", d->span.until_us);
	json_text(&j, "host", d->host);
	json_text(&j, "health", str_of(digest_health_name(d->health)));
	json_text(&j, "verdict", d->verdict);
	json_bool(&j, "quiet", d->quiet);
	add_changes(&j, d);
	add_incidents(&j, "open", d->open, d->nopen);
	add_incidents(&j, "resolved", d->resolved, d->nresolved);
	if (d->open_left + d->resolved_left > 0)
		json_int(&j, "incidents_left_out",
		    (int64_t)(d->open_left + d->resolved_left));
	add_gaps(&j, d);
	json_key(&j, "figures");
	figures_json(&d->now, out);
	if (d->has_before) {
		json_key(&j, "before");
		figures_json(&d->before, out);
	}
	json_end(&j);
	out->failed |= week.failed;
}
