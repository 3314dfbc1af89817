/* The inbox from the state file: people can write into it, so each member may be anything. */
#include <json-c/json.h>

#include "desktop/inbox_parts.h"

enum { MAX_MARKS = 1000 }; /* one for each mailbox that was ever set */

static const char *
text_of(struct json_object *object, const char *name)
{
	struct json_object *value = json_object_object_get(object, name);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value)
							    : NULL;
}

static int64_t
int_of(struct json_object *object, const char *name)
{
	struct json_object *value = json_object_object_get(object, name);

	return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : 0;
}

static bool
truth_of(struct json_object *object, const char *name)
{
	struct json_object *value = json_object_object_get(object, name);

	return json_object_is_type(value, json_type_boolean) &&
	       json_object_get_boolean(value);
}

static void
load_texts(struct inbox *inbox, struct json_object *list,
    void (*take)(struct inbox *inbox, const char *text))
{
	size_t n =
	    json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *text = json_object_array_get_idx(list, i);

		if (json_object_is_type(text, json_type_string))
			take(inbox, json_object_get_string(text));
	}
}

static void
load_mark(struct inbox *inbox, const char *mailbox, struct json_object *from)
{
	if (inbox->marks->len >= MAX_MARKS)
		return;
	struct mark *mark = inbox_mark(inbox, mailbox);

	mark->last_us = int_of(from, "last_us");
	mark->seen_us = int_of(from, "seen_us");
}

static void
load_mail(struct inbox *inbox, struct json_object *from, int64_t number)
{
	struct mail *mail = g_new0(struct mail, 1);
	bool has_place = text_of(from, "mailbox") != NULL && text_of(from, "key") != NULL;

	mail->shown = (struct inbox_mail){
		.number = (uint64_t)number,
		.host = g_strdup(text_of(from, "host")),
		.sender = g_strdup(text_of(from, "sender")),
		.recipient = g_strdup(text_of(from, "recipient")),
		.subject = g_strdup(text_of(from, "subject")),
		.message_id = g_strdup(text_of(from, "message_id")),
		.mailbox = has_place ? g_strdup(text_of(from, "mailbox")) : NULL,
		.key = has_place ? g_strdup(text_of(from, "key")) : NULL,
		.at_us = int_of(from, "at_us"),
		.seen = truth_of(from, "seen"),
		.wants_notice = truth_of(from, "notice"),
		.wants_sound = truth_of(from, "sound"),
		.told = truth_of(from, "told"),
	};
	mail->id = inbox_id(mail->shown.message_id);
	mail->loaded = true;
	inbox->last_number = MAX(inbox->last_number, mail->shown.number);
	inbox_insert(inbox, mail);
}

void
inbox_load(struct inbox *inbox, void *json_array)
{
	struct json_object *list = json_array;
	size_t n =
	    json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *from = json_object_array_get_idx(list, i);
		int64_t number = 0;

		if (!json_object_is_type(from, json_type_object))
			continue;
		load_texts(inbox, json_object_object_get(from, "known"), inbox_remember);
		load_texts(inbox, json_object_object_get(from, "beyond"), inbox_add_beyond);
		if (int_of(from, "beyond_logs") > 0)
			inbox->beyond_logs += (size_t)int_of(from, "beyond_logs");
		if (text_of(from, "looked_at") != NULL)
			load_mark(inbox, text_of(from, "looked_at"), from);
		number = int_of(from, "number");
		if (number > 0)
			load_mail(inbox, from, number);
	}
}
