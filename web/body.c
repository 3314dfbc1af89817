#include "web/body.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "core/plain.h"

enum { DEPTH = 3 };

static int
check_text(struct str text, const char *key, size_t most, struct err *err)
{
	if (text.n > most)
		return err_set(err, -EINVAL, "`%s` is longer than %zu bytes", key, most);
	while (text.n > 0) {
		struct plain_char c = plain_char_at(text);

		if (c.n == 0 || plain_is_hidden(c.code))
			return err_set(err, -EINVAL,
			    "`%s` holds a control character, or is not UTF-8", key);
		text = str_skip(text, c.n);
	}
	return 0;
}

static int
read_text(struct json_object *root, const char *key, size_t most, struct buf *out,
    struct err *err)
{
	struct json_object *value;

	if (!json_object_object_get_ex(root, key, &value))
		return 0;
	if (json_object_get_type(value) != json_type_string)
		return err_set(err, -EINVAL, "`%s` must be a text", key);
	struct str text = { json_object_get_string(value),
		(size_t)json_object_get_string_len(value) };
	int r = check_text(text, key, most, err);

	if (r == 0)
		buf_add(out, text);
	return r == 0 && out->failed ? err_set(err, -ENOMEM, "out of memory") : r;
}

static struct json_object *
parse(struct str text)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH);
	struct json_object *root;

	if (tokener == NULL)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	root = json_tokener_parse_ex(tokener, text.p, (int)text.n);
	if (root != NULL && json_tokener_get_parse_end(tokener) < text.n &&
	    str_trim(str_skip(text, json_tokener_get_parse_end(tokener))).n > 0) {
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(tokener);
	return root;
}

int
ack_body_read(struct str text, struct ack_body *out, struct err *err)
{
	struct ack_body body = { 0 };
	struct json_object *root = text.n > 0 ? parse(text) : NULL;

	if (!json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		return err_set(err, -EINVAL,
		    "expected {\"who\": \"...\", \"note\": \"...\"}");
	}
	int r = read_text(root, "who", BODY_WHO_BYTES, &body.who, err);

	if (r == 0)
		r = read_text(root, "note", BODY_NOTE_BYTES, &body.note, err);
	json_object_put(root);
	if (r < 0) {
		ack_body_done(&body);
		return r;
	}
	*out = body;
	return 0;
}

void
ack_body_done(struct ack_body *body)
{
	buf_done(&body->who);
	buf_done(&body->note);
}
