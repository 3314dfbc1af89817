#include "notify/shapes.h"

#include <errno.h>

#include "notify/secret.h"
#include "notify/shapes_impl.h"

enum { URL_ROOM_BYTES = 1024, BODY_ROOM_BYTES = 128 * 1024 };

static const struct shape_type *const types[] = {
	[SHAPE_MAILWARDEN] = &shape_mailwarden,
	[SHAPE_NTFY] = &shape_ntfy,
	[SHAPE_GOTIFY] = &shape_gotify,
	[SHAPE_SLACK] = &shape_slack,
	[SHAPE_MATRIX] = &shape_matrix,
	[SHAPE_DISCORD] = &shape_discord,
	[SHAPE_TELEGRAM] = &shape_telegram,
	[SHAPE_PAGERDUTY] = &shape_pagerduty,
	[SHAPE_ALERTMANAGER] = &shape_alertmanager,
};

const char *
shape_name(enum webhook_shape shape)
{
	return types[shape]->name;
}

size_t
shape_count(enum webhook_shape shape, const struct message *message)
{
	return types[shape]->count == NULL ? 1 : types[shape]->count(message);
}

/* What the service can't do without. */
static int
check_settings(const struct shape_type *type, const struct shape_context *context,
    struct err *err)
{
	if (type->own_url == NULL && context->url.n == 0)
		return err_set(err, -EINVAL, "shape %s needs a url", type->name);
	if (type->token != NULL && context->token.n == 0)
		return err_set(err, -EINVAL, "shape %s needs %s (set token_file)",
		    type->name, type->token);
	if (type->room != NULL && context->room.n == 0)
		return err_set(err, -EINVAL, "shape %s needs %s (set room)", type->name,
		    type->room);
	return 0;
}

int
shape_build(enum webhook_shape shape, const struct shape_context *context, size_t i,
    struct shape_request *out, struct err *err)
{
	const struct shape_type *type = types[shape];
	struct shape_context filled = *context;
	int r = check_settings(type, context, err);

	if (r < 0)
		return r;
	if (filled.url.n == 0)
		filled.url = str_of(type->own_url);
	/* A buffer that grows leaves a copy behind: there is room before a secret comes. */
	(void)buf_reserve(&out->url, context->url.n + context->token.n + URL_ROOM_BYTES);
	(void)buf_reserve(&out->login, context->token.n + URL_ROOM_BYTES);
	(void)buf_reserve(&out->body, BODY_ROOM_BYTES);
	out->method = "POST";
	buf_add(&out->key, str_of(context->message->id));
	r = type->build(&filled, i, out, err);
	if (r < 0)
		return r;
	if (out->url.failed || out->login.failed || out->body.failed || out->key.failed)
		return err_set(err, -ENOMEM, "write the message for %s: out of memory",
		    type->name);
	return 0;
}

void
shape_request_done(struct shape_request *request)
{
	secret_wipe(&request->url);
	secret_wipe(&request->login);
	secret_wipe(&request->body);
	secret_wipe(&request->key);
}

void
shape_set_url(struct shape_request *out, struct str url, const char *path)
{
	while (url.n > 0 && url.p[url.n - 1] == '/')
		url.n--;
	buf_add(&out->url, url);
	buf_add(&out->url, str_of(path));
}

/* RFC 6750, 2.1 */
void
shape_set_bearer(struct shape_request *out, struct str token)
{
	if (token.n == 0)
		return;
	buf_add(&out->login, STR("Authorization: Bearer "));
	buf_add(&out->login, token);
}

enum shape_look
shape_look(const struct message *message)
{
	bool over = true;

	if (message->digest != NULL)
		return LOOK_INFO;
	if (message->nitems == 0)
		return LOOK_TEST;
	for (size_t i = 0; i < message->nitems; i++)
		over &= told_is_over(&message->items[i]);
	if (over)
		return LOOK_RESOLVED;
	switch (message->severity) {
	case SEVERITY_CRITICAL: return LOOK_CRITICAL;
	case SEVERITY_INFO: return LOOK_INFO;
	default: return LOOK_WARNING;
	}
}

struct str
shape_body(const struct message *message)
{
	return str_trim(str_of(message->text));
}

void
shape_add_link(const struct message *message, const struct told *told, struct buf *out)
{
	struct str dashboard = str_of(message->dashboard);

	while (dashboard.n > 0 && dashboard.p[dashboard.n - 1] == '/')
		dashboard.n--;
	buf_add(out, dashboard);
	if (dashboard.n == 0 || told == NULL)
		return;
	buf_add(out, STR("/incident/"));
	shape_add_segment(out, told->incident.id);
}

void
shape_add_message_link(const struct message *message, struct buf *out)
{
	shape_add_link(message, message->nitems == 1 ? message->items : NULL, out);
}

void
shape_json_text(struct json *j, const char *key, struct str text, struct shape_text how)
{
	AUTO(buf_done) struct buf shown = { 0 };

	shape_add_text(&shown, text, how.markup, how.measure, how.max);
	json_text(j, key, buf_str(&shown));
}
