#include "desktop/record.h"

#include <glib.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

#include "core/clock.h"

enum {
	ID_BYTES = 200,   /* places and incidents have some thirty at most */
	WORD_BYTES = 512, /* addresses, names, Message-IDs */
	TEXT_BYTES = 4096,
};

/* --- members of an object; what is of another type is like not there --- */

static struct json_object *
member(struct json_object *object, const char *name)
{
	struct json_object *found = NULL;

	if (json_object_is_type(object, json_type_object))
		(void)json_object_object_get_ex(object, name, &found);
	return found;
}

/* Cut to so many bytes, at a character's begin (RFC 3629, 3): what a broken host sends is
 * kept, and must not grow without end. NULL: no text. */
static const char *
cut_text(struct json_object *text, int max)
{
	if (!json_object_is_type(text, json_type_string))
		return NULL;
	if (json_object_get_string_len(text) <= max)
		return json_object_get_string(text);
	g_autofree char *head = g_strndup(json_object_get_string(text), (gsize)max + 1);

	while (max > 0 && ((unsigned char)head[max] & 0xc0) == 0x80)
		max--;
	(void)json_object_set_string_len(text, head, max);
	return json_object_get_string(text);
}

static const char *
text_of(struct json_object *object, const char *name)
{
	return cut_text(member(object, name), WORD_BYTES);
}

static const char *
long_text_of(struct json_object *object, const char *name)
{
	return cut_text(member(object, name), TEXT_BYTES);
}

/* Ids become words of commands: whatever is none is not there. */
static const char *
id_of(struct json_object *object, const char *name)
{
	const char *text = text_of(object, name);

	return text != NULL && record_is_id(text) ? text : NULL;
}

static bool
is_text(struct json_object *object, const char *name, const char *wanted)
{
	const char *text = text_of(object, name);

	return text != NULL && strcmp(text, wanted) == 0;
}

static int64_t
time_of(struct json_object *object, const char *name)
{
	struct str text = str_of(text_of(object, name));
	int64_t at_us = 0;
	int offset;

	return clock_parse_rfc3339(text, &at_us, &offset) == text.n ? at_us : 0;
}

/* --- the kinds of lines --- */

static void
read_event(struct record *record, struct json_object *object)
{
	bool into_mailbox =
	    is_text(object, "kind", "stored") ||
	    (is_text(object, "kind", "attempt") && is_text(object, "direction", "local"));

	record->at_us = time_of(object, "time");
	record->host = text_of(object, "host");
	if (!into_mailbox || !is_text(object, "outcome", "delivered"))
		return;
	record->kind = RECORD_DELIVERED;
	record->recipient = text_of(object, "recipient");
	record->original_recipient = text_of(object, "original_recipient");
	record->sender = text_of(object, "sender");
	record->message_id = text_of(object, "message_id");
	record->queue_id = text_of(object, "queue_id");
	record->service = text_of(object, "service");
}

static void
read_incident(struct record *record, struct json_object *line)
{
	struct json_object *object = member(line, "incident");
	struct json_object *acknowledged = member(object, "acknowledged");

	record->at_us = time_of(line, "at");
	record->change = text_of(line, "change");
	record->incident = id_of(object, "id");
	if (record->change == NULL || record->incident == NULL)
		return;
	record->kind = strcmp(record->change, "open") == 0 ? RECORD_OPEN : RECORD_CHANGE;
	record->host = text_of(member(object, "group"), "host");
	record->rule = text_of(object, "rule");
	record->summary = long_text_of(object, "summary");
	record->advice = long_text_of(object, "advice");
	record->provider = text_of(object, "provider");
	const char *severity = text_of(object, "severity");

	record->severity = severity == NULL ? DESK_NONE : desk_severity_find(severity);
	/* A change whose details have expired says no state. */
	record->open = text_of(object, "state") != NULL
			   ? is_text(object, "state", "open")
			   : strcmp(record->change, "resolved") != 0;
	record->acknowledged = acknowledged != NULL;
	record->acknowledged_by = text_of(acknowledged, "who");
	record->opened_us = time_of(object, "opened");
	record->last_seen_us = time_of(object, "last_seen");
	record->resolved_us = time_of(object, "resolved");
	record->silenced_until_us = time_of(object, "silenced_until");
	record->count = json_object_get_int64(member(object, "count"));
}

/* One object and nothing but blanks behind it. */
static struct json_object *
parse(struct str line)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object = NULL;

	if (tokener == NULL || line.n == 0 || line.n > INT_MAX) {
		if (tokener != NULL)
			json_tokener_free(tokener);
		return NULL;
	}
	object = json_tokener_parse_ex(tokener, line.p, (int)line.n);
	size_t end = json_tokener_get_parse_end(tokener);

	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    str_trim(str_skip(line, end)).n > 0 ||
	    !json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		object = NULL;
	}
	json_tokener_free(tokener);
	return object;
}

bool
record_is_id(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t n = strspn(text, allowed);

	return n > 0 && n <= ID_BYTES && text[n] == '\0' && text[0] != '-';
}

void
record_read(struct record *record, struct str line)
{
	struct json_object *object = parse(line);

	*record = (struct record){ .object = object };
	if (object == NULL)
		return;
	record->id = id_of(object, "id");
	if (is_text(object, "type", "event")) {
		read_event(record, object);
	} else if (is_text(object, "type", "incident")) {
		read_incident(record, object);
	} else if (is_text(object, "type", "ready")) {
		record->kind = RECORD_READY;
		record->at_us = time_of(object, "at");
	} else if (is_text(object, "type", "watcher")) {
		record->kind = RECORD_WATCHER;
		record->runs = json_object_get_boolean(member(object, "runs"));
	}
}

void
record_done(struct record *record)
{
	json_object_put(record->object);
	*record = (struct record){ 0 };
}

const char *
record_sample(const struct record *record, size_t i)
{
	struct json_object *samples = member(member(record->object, "incident"), "samples");

	if (!json_object_is_type(samples, json_type_array) ||
	    i >= json_object_array_length(samples))
		return NULL;
	const char *text = cut_text(json_object_array_get_idx(samples, i), TEXT_BYTES);

	return text != NULL ? text : "";
}
