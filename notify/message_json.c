#include "core/json.h"
#include "core/plain.h"
#include "notify/message_impl.h"

/* incident_json() with one member more. */
static void
add_incident(struct buf *out, const struct told *told)
{
	AUTO(buf_done) struct buf body = { 0 };

	incident_json(&told->incident, &body);
	buf_add(out, str_head(buf_str(&body), body.n > 0 ? body.n - 1 : 0));
	buf_addf(out, ",\"notice\":\"%s\"}", notice_name(told->notice));
	if (body.failed)
		out->failed = true;
}

void
message_json(const struct message *message, struct buf *out)
{
	size_t i = 0, start = out->n;
	struct json j = json_begin(out);

	json_text(&j, "type", STR("message"));
	json_text(&j, "id", str_of(message->id));
	json_time(&j, "time", message->at_us);
	json_text(&j, "host", str_of(message->host));
	json_text(&j, "version", str_of(message->version));
	json_text(&j, "subject", str_of(message->subject));
	if (message->severity != SEVERITY_UNKNOWN)
		json_text(&j, "severity", str_of(severity_name(message->severity)));
	json_bool(&j, "test", message->is_test);
	if (message->digest != NULL)
		json_bool(&j, "digest", true);
	json_text(&j, "text", str_of(message->text));
	json_key(&j, "incidents");
	buf_add_char(out, '[');
	while (i < message->nitems && i < MESSAGE_TOLD_LINES &&
	       (i == 0 || out->n - start < MESSAGE_JSON_BYTES)) {
		if (i > 0)
			buf_add_char(out, ',');
		add_incident(out, &message->items[i++]);
	}
	buf_add_char(out, ']');
	if (i < message->nitems)
		json_int(&j, "incidents_left_out", (int64_t)(message->nitems - i));
	json_end(&j);
}
