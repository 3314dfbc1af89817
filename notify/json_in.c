#include "notify/json_in.h"

#include <json-c/json.h>
#include <limits.h>
#include <string.h>

static void
auto_tokener(struct json_tokener **tokener)
{
	if (*tokener != NULL)
		json_tokener_free(*tokener);
}

static struct str
without_line_ends(struct str text)
{
	for (text = str_trim(text); str_ends(text, STR("\n")) || str_ends(text, STR("\r"));)
		text = str_trim(str_head(text, text.n - 1));
	return text;
}

struct json_object *
json_in_read(struct str text)
{
	AUTO(auto_tokener) struct json_tokener *tokener =
		json_tokener_new_ex(JSON_IN_DEPTH);

	text = without_line_ends(text);
	if (tokener == NULL || text.n == 0 || text.n > INT_MAX)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *object = json_tokener_parse_ex(tokener, text.p, (int)text.n);

	if (object == NULL || json_tokener_get_parse_end(tokener) != text.n ||
	    !json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		return NULL;
	}
	return object;
}

void
json_in_done(struct json_object **object)
{
	if (*object == NULL)
		return;
	json_object_object_foreach(*object, key, value)
	{
		(void)key;
		/* Ours alone: nobody else has a reference to what was just parsed. */
		if (json_object_is_type(value, json_type_string))
			explicit_bzero((char *)(uintptr_t)json_object_get_string(value),
			    (size_t)json_object_get_string_len(value));
	}
	json_object_put(*object);
	*object = NULL;
}

bool
json_in_has(struct json_object *object, const char *key)
{
	return json_object_object_get_ex(object, key, NULL);
}

struct str
json_in_text(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return (struct str){ NULL, 0 };
	return (struct str){ json_object_get_string(value),
		(size_t)json_object_get_string_len(value) };
}

int64_t
json_in_int(struct json_object *object, const char *key, int64_t otherwise)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_int64(value)
							      : otherwise;
}

bool
json_in_secret(struct json_object *object, const char *key, struct secret *out)
{
	struct str text = json_in_text(object, key);

	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] > 0x7e)
			return false;
	return text.n > 0 && secret_set(out, text) == 0;
}
