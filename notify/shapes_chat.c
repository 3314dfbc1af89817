/* Services for people who talk to each other. */
#include <errno.h>

#include "core/clock.h"
#include "notify/shapes_impl.h"

enum {
	/* An attachment's text; Slack shows up to this much of a block's text, too:
	 * https://api.slack.com/reference/block-kit/blocks#section */
	SLACK_TEXT_BYTES = 3000,
	SLACK_TITLE_BYTES = 1000,
	/* https://discord.com/developers/docs/resources/message#embed-object-embed-limits */
	DISCORD_CONTENT_CHARS = 2000,
	DISCORD_DESCRIPTION_CHARS = 4096,
	DISCORD_FENCES = 8, /* "```\n" twice */
	/* https://core.telegram.org/bots/api#sendmessage: after entities are parsed */
	TELEGRAM_CHARS = 4096,
	TELEGRAM_TITLE_CHARS = 300,
	/* An event has at most 65536 bytes, and the text stands in it twice:
	 * https://spec.matrix.org/v1.11/client-server-api/#size-limits */
	MATRIX_TEXT_BYTES = 12000,
	MATRIX_HTML_BYTES = 24000,
};

static const unsigned colours[LOOK_COUNT] = {
	[LOOK_TEST] = 0x667085,
	[LOOK_RESOLVED] = 0x12b76a,
	[LOOK_INFO] = 0x2e90fa,
	[LOOK_WARNING] = 0xf79009,
	[LOOK_CRITICAL] = 0xd92d20,
};

/* --- Slack, Mattermost --- */

/*
 * https://api.slack.com/reference/messaging/attachments and
 * https://developers.mattermost.com/integrate/reference/message-attachments: what both know.
 * Slack's entities are & < > alone (https://api.slack.com/reference/surfaces/formatting).
 * Mattermost reads Markdown and mentions wherever it can, so the text stands in a code block.
 */
static void
add_slack_attachment(struct json *j, const struct message *message)
{
	const struct shape_text line = { MARKUP_SLACK_LINE, MEASURE_BYTES,
		SLACK_TITLE_BYTES };
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf link = { 0 };

	json_key(j, "attachments");
	buf_add_char(j->out, '[');
	struct json a = json_begin(j->out);

	json_key(&a, "color");
	buf_addf(a.out, "\"#%06x\"", colours[shape_look(message)]);
	shape_json_text(&a, "fallback", str_of(message->subject), line);
	shape_add_message_link(message, &link);
	if (link.n > 0) {
		json_text(&a, "title", STR("Open the dashboard"));
		json_text(&a, "title_link", buf_str(&link));
	}
	buf_add(&text, STR("```\n"));
	shape_add_text(&text, shape_body(message), MARKUP_SLACK_CODE, MEASURE_BYTES,
	    SLACK_TEXT_BYTES);
	buf_add(&text, STR("\n```"));
	json_text(&a, "text", buf_str(&text));
	json_raw(&a, "mrkdwn_in", STR("[\"text\"]"));
	json_int(&a, "ts", message->at_us / US_PER_S);
	json_end(&a);
	buf_add_char(j->out, ']');
}

static int
build_slack(const struct shape_context *context, size_t i, struct shape_request *out,
    struct err *err)
{
	const struct message *message = context->message;

	(void)i;
	(void)err;
	buf_add(&out->url, context->url);
	shape_set_bearer(out, context->token);

	struct json j = json_begin(&out->body);

	shape_json_text(&j, "text", str_of(message->subject),
	    (struct shape_text){ MARKUP_SLACK_LINE, MEASURE_BYTES, SLACK_TITLE_BYTES });
	if (context->room.n > 0)
		json_text(&j, "channel", context->room);
	/* Strangers' addresses are not to be visited by the service. */
	json_bool(&j, "unfurl_links", false);
	json_bool(&j, "unfurl_media", false);
	add_slack_attachment(&j, message);
	json_end(&j);
	return 0;
}

const struct shape_type shape_slack = {
	.name = "slack",
	.build = build_slack,
};

/* --- Discord: https://discord.com/developers/docs/resources/webhook#execute-webhook --- */

static void
add_discord_embed(struct json *j, const struct message *message)
{
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf link = { 0 };

	json_key(j, "embeds");
	buf_add_char(j->out, '[');
	struct json e = json_begin(j->out);

	json_int(&e, "color", colours[shape_look(message)]);
	shape_add_message_link(message, &link);
	if (link.n > 0) {
		json_text(&e, "title", STR("Open the dashboard"));
		json_text(&e, "url", buf_str(&link));
	}
	buf_add(&text, STR("```\n"));
	shape_add_text(&text, shape_body(message), MARKUP_CODE, MEASURE_UTF16,
	    DISCORD_DESCRIPTION_CHARS - DISCORD_FENCES);
	buf_add(&text, STR("\n```"));
	json_text(&e, "description", buf_str(&text));
	json_time(&e, "timestamp", message->at_us);
	json_end(&e);
	buf_add_char(j->out, ']');
}

static int
build_discord(const struct shape_context *context, size_t i, struct shape_request *out,
    struct err *err)
{
	const struct message *message = context->message;

	(void)i;
	(void)err;
	buf_add(&out->url, context->url);

	struct json j = json_begin(&out->body);

	shape_json_text(&j, "content", str_of(message->subject),
	    (struct shape_text){ MARKUP_LINE, MEASURE_UTF16, DISCORD_CONTENT_CHARS });
	/* Nobody is called, whatever the text says: .../resources/message#allowed-mentions-object
	 */
	json_raw(&j, "allowed_mentions", STR("{\"parse\":[]}"));
	add_discord_embed(&j, message);
	json_end(&j);
	return 0;
}

const struct shape_type shape_discord = {
	.name = "discord",
	.build = build_discord,
};

/* --- Telegram: https://core.telegram.org/bots/api#sendmessage, #html-style --- */

static int
build_telegram(const struct shape_context *context, size_t i, struct shape_request *out,
    struct err *err)
{
	const struct message *message = context->message;
	AUTO(buf_done) struct buf text = { 0 };

	(void)i;
	for (size_t k = 0; k < context->token.n; k++)
		if (str_find_char(STR("/?#%& "), context->token.p[k]) >= 0)
			return err_set(err, -EINVAL,
			    "shape telegram: the token is none (as @BotFather gave it: "
			    "digits, a colon, letters)");
	shape_set_url(out, context->url, "/bot");
	buf_add(&out->url, context->token);
	buf_add(&out->url, STR("/sendMessage"));

	buf_add(&text, STR("<b>"));
	shape_add_text(&text, str_of(message->subject), MARKUP_HTML, MEASURE_SHOWN,
	    TELEGRAM_TITLE_CHARS);
	buf_add(&text, STR("</b>\n\n"));
	shape_add_text(&text, shape_body(message), MARKUP_HTML, MEASURE_SHOWN,
	    TELEGRAM_CHARS - TELEGRAM_TITLE_CHARS - 2);

	struct json j = json_begin(&out->body);

	json_text(&j, "chat_id", context->room);
	json_text(&j, "text", buf_str(&text));
	json_text(&j, "parse_mode", STR("HTML"));
	json_raw(&j, "link_preview_options", STR("{\"is_disabled\":true}"));
	json_end(&j);
	return 0;
}

const struct shape_type shape_telegram = {
	.name = "telegram",
	.own_url = "https://api.telegram.org",
	.token = "a bot's token",
	.room = "a chat's id",
	.build = build_telegram,
};

/* --- Matrix --- */

/* Line ends as elements; a line's indent is kept. */
static void
add_matrix_html(struct buf *out, struct str text)
{
	while (text.n > 0) {
		struct str line = str_cut(&text, '\n');

		buf_add(out, STR("<br>"));
		while (str_starts(line, STR(" "))) {
			buf_add(out, STR("&nbsp;"));
			line = str_skip(line, 1);
		}
		shape_add_text(out, line, MARKUP_HTML, MEASURE_BYTES, MATRIX_HTML_BYTES);
	}
}

/*
 * https://spec.matrix.org/v1.11/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid
 * The same transaction id gives the same event: a repeat is shown once.
 */
static int
set_matrix_url(const struct shape_context *context, struct shape_request *out,
    struct err *err)
{
	if (context->room.p[0] != '!')
		return err_set(err, -EINVAL,
		    "shape matrix needs a room's id, which begins with '!' (in the room's "
		    "settings, under Advanced)");
	out->method = "PUT";
	shape_set_url(out, context->url, "/_matrix/client/v3/rooms/");
	shape_add_segment(&out->url, context->room);
	buf_add(&out->url, STR("/send/m.room.message/"));
	shape_add_segment(&out->url, str_of(context->message->id));
	return 0;
}

static int
build_matrix(const struct shape_context *context, size_t i, struct shape_request *out,
    struct err *err)
{
	const struct message *message = context->message;
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf html = { 0 };
	int r = set_matrix_url(context, out, err);

	(void)i;
	if (r < 0)
		return r;
	shape_set_bearer(out, context->token);
	buf_addf(&text, "%s\n\n", message->subject);
	shape_add_text(&text, shape_body(message), MARKUP_NONE, MEASURE_BYTES,
	    MATRIX_TEXT_BYTES);
	buf_add(&html, STR("<strong>"));
	shape_add_text(&html, str_of(message->subject), MARKUP_HTML, MEASURE_BYTES,
	    MATRIX_HTML_BYTES);
	buf_add(&html, STR("</strong><br>"));
	add_matrix_html(&html, str_skip(buf_str(&text), str_of(message->subject).n + 2));

	struct json j = json_begin(&out->body);

	json_text(&j, "msgtype", STR("m.text"));
	json_text(&j, "body", buf_str(&text));
	/* The format is optional: too much of it, and there is none. */
	if (html.n <= MATRIX_HTML_BYTES) {
		json_text(&j, "format", STR("org.matrix.custom.html"));
		json_text(&j, "formatted_body", buf_str(&html));
	}
	/* Nobody is mentioned, whatever the text says: #user-and-room-mentions */
	json_raw(&j, "m.mentions", STR("{}"));
	json_end(&j);
	return 0;
}

const struct shape_type shape_matrix = {
	.name = "matrix",
	.token = "an access token",
	.room = "a room's id",
	.build = build_matrix,
};
