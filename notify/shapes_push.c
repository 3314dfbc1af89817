/* Services that put a notification on a phone, and our own JSON. */
#include <errno.h>

#include "notify/shapes_impl.h"

enum {
	NTFY_TITLE_BYTES = 250,
	/* 4096 are taken, and 8192 of JSON; each of our bytes may become two there:
	 * https://docs.ntfy.sh/publish/#limitations */
	NTFY_MESSAGE_BYTES = 3500,
	GOTIFY_MESSAGE_BYTES = 16384, /* no limit is documented; nobody reads more */
};

/* --- our own: notify/message.h --- */

static int
build_mailwarden(const struct shape_context *context, size_t i, struct shape_request *out,
    struct err *err)
{
	(void)i;
	(void)err;
	buf_add(&out->url, context->url);
	shape_set_bearer(out, context->token);
	message_json(context->message, &out->body);
	return 0;
}

const struct shape_type shape_mailwarden = {
	.name = "mailwarden",
	.build = build_mailwarden,
};

/* --- ntfy: JSON goes to the server's root, https://docs.ntfy.sh/publish/#publish-as-json --- */

/* https://docs.ntfy.sh/publish/#message-priority and #tags-emojis */
static const struct {
	int priority;
	const char *emoji;
} ntfy_looks[LOOK_COUNT] = {
	[LOOK_TEST] = { 3, "test_tube" },
	[LOOK_RESOLVED] = { 3, "white_check_mark" },
	[LOOK_INFO] = { 2, "information_source" },
	[LOOK_WARNING] = { 4, "warning" },
	[LOOK_CRITICAL] = { 5, "rotating_light" },
};

/* https://server/base/topic?auth=... into the server's part, the topic, and the rest. */
static bool
split_topic(struct str url, struct str *server, struct str *topic, struct str *query)
{
	ptrdiff_t scheme = str_find(url, STR("://"));
	ptrdiff_t mark = str_find_char(url, '?');

	*query = mark < 0 ? STR("") : str_skip(url, (size_t)mark);
	url.n -= query->n;
	while (url.n > 0 && url.p[url.n - 1] == '/')
		url.n--;
	ptrdiff_t slash = str_rfind_char(url, '/');

	if (scheme < 0 || slash < scheme + 3)
		return false;
	*server = str_head(url, (size_t)slash);
	*topic = str_skip(url, (size_t)slash + 1);
	return topic->n > 0;
}

static void
add_ntfy_tags(struct json *j, enum shape_look look)
{
	json_key(j, "tags");
	buf_addf(j->out, "[\"%s\",\"mailwarden\"]", ntfy_looks[look].emoji);
}

static int
build_ntfy(const struct shape_context *context, size_t i, struct shape_request *out,
    struct err *err)
{
	const struct message *message = context->message;
	enum shape_look look = shape_look(message);
	AUTO(buf_done) struct buf link = { 0 };
	struct str server, topic, query;

	(void)i;
	if (!split_topic(context->url, &server, &topic, &query))
		return err_set(err, -EINVAL,
		    "shape ntfy needs a url with a topic, as https://ntfy.example.org/TOPIC");
	shape_set_url(out, server, "/");
	buf_add(&out->url, query);
	shape_set_bearer(out, context->token);

	struct json j = json_begin(&out->body);

	json_text(&j, "topic", topic);
	shape_json_text(&j, "title", str_of(message->subject),
	    (struct shape_text){ MARKUP_NONE, MEASURE_BYTES, NTFY_TITLE_BYTES });
	shape_json_text(&j, "message", shape_body(message),
	    (struct shape_text){ MARKUP_NONE, MEASURE_BYTES, NTFY_MESSAGE_BYTES });
	json_int(&j, "priority", ntfy_looks[look].priority);
	add_ntfy_tags(&j, look);
	shape_add_message_link(message, &link);
	if (link.n > 0)
		json_text(&j, "click", buf_str(&link));
	json_end(&j);
	return 0;
}

const struct shape_type shape_ntfy = {
	.name = "ntfy",
	.build = build_ntfy,
};

/* --- Gotify: https://gotify.net/docs/pushmsg and https://gotify.net/docs/msgextras --- */

/* 8 and more make a noise, 4 to 7 show themselves. */
static const int gotify_priorities[LOOK_COUNT] = {
	[LOOK_TEST] = 5,
	[LOOK_RESOLVED] = 4,
	[LOOK_INFO] = 2,
	[LOOK_WARNING] = 5,
	[LOOK_CRITICAL] = 8,
};

static void
add_gotify_extras(struct json *j, const struct message *message)
{
	AUTO(buf_done) struct buf link = { 0 };

	json_key(j, "extras");
	struct json extras = json_begin(j->out);

	json_raw(&extras, "client::display", STR("{\"contentType\":\"text/plain\"}"));
	shape_add_message_link(message, &link);
	if (link.n > 0) {
		json_key(&extras, "client::notification");
		buf_add(j->out, STR("{\"click\":{\"url\":"));
		json_quote(j->out, buf_str(&link));
		buf_add(j->out, STR("}}"));
	}
	json_end(&extras);
}

static int
build_gotify(const struct shape_context *context, size_t i, struct shape_request *out,
    struct err *err)
{
	const struct message *message = context->message;

	(void)i;
	(void)err;
	shape_set_url(out, context->url, "/message");
	buf_add(&out->login, STR("X-Gotify-Key: "));
	buf_add(&out->login, context->token);

	struct json j = json_begin(&out->body);

	json_text(&j, "title", str_of(message->subject));
	shape_json_text(&j, "message", shape_body(message),
	    (struct shape_text){ MARKUP_NONE, MEASURE_BYTES, GOTIFY_MESSAGE_BYTES });
	json_int(&j, "priority", gotify_priorities[shape_look(message)]);
	add_gotify_extras(&j, message);
	json_end(&j);
	return 0;
}

const struct shape_type shape_gotify = {
	.name = "gotify",
	.token = "an application's token",
	.build = build_gotify,
};
