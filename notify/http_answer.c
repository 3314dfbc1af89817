#include "notify/http_answer.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "core/clock.h"
#include "notify/secret.h"

/* Words like "webhook" or "messages" are none. */
enum { PATH_WORTH_HIDING = 8, PIECE_WORTH_HIDING = 12 };

static void
auto_json(struct json_object **json)
{
	json_object_put(*json);
}

static void
auto_tokener(struct json_tokener **tokener)
{
	if (*tokener != NULL)
		json_tokener_free(*tokener);
}

/* NULL: the answer is no JSON object. */
static struct json_object *
read_json(const struct http_reply *reply)
{
	AUTO(auto_tokener) struct json_tokener *tokener = json_tokener_new();
	AUTO(auto_json) struct json_object *json = NULL;

	if (tokener == NULL || reply->body.n == 0)
		return NULL;
	json = json_tokener_parse_ex(tokener, reply->body.p, (int)reply->body.n);
	if (json == NULL || !json_object_is_type(json, json_type_object))
		return NULL;
	struct json_object *object = json;

	json = NULL; /* handed over */
	return object;
}

static int64_t
read_wait_us(const struct json_object *json, const char *key, double unit_us)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(json, key, &value) ||
	    (!json_object_is_type(value, json_type_int) &&
		!json_object_is_type(value, json_type_double)))
		return 0;
	double us = json_object_get_double(value) * unit_us;
	const double longest_us = (double)HTTP_LONGEST_WAIT_S * US_PER_S;

	if (!(us > 0))
		return 0;
	return (int64_t)(us < longest_us ? us : longest_us);
}

/*
 * Telegram: {"ok":false,"parameters":{"retry_after":5}}, seconds
 * (https://core.telegram.org/bots/api#responseparameters). Discord: {"retry_after":0.65},
 * seconds (https://discord.com/developers/docs/topics/rate-limits). Matrix:
 * {"retry_after_ms":2000} (https://spec.matrix.org/v1.11/client-server-api/#rate-limiting).
 */
static int64_t
told_wait_us(const struct http_reply *reply)
{
	AUTO(auto_json) struct json_object *json = read_json(reply);
	struct json_object *parameters = NULL;
	int64_t wait_us = 0;

	if (json == NULL)
		return 0;
	if (json_object_object_get_ex(json, "parameters", &parameters) &&
	    json_object_is_type(parameters, json_type_object))
		wait_us = read_wait_us(parameters, "retry_after", US_PER_S);
	if (wait_us == 0)
		wait_us = read_wait_us(json, "retry_after", US_PER_S);
	if (wait_us == 0)
		wait_us = read_wait_us(json, "retry_after_ms", 1000);
	return wait_us;
}

static enum send_result
result_of(int status)
{
	switch (status) {
	case 401:
	case 403:
	case 407: return SEND_LOGIN;
	case 408:
	case 425:
	case 429: return SEND_RETRY;
	default: break;
	}
	if (status / 100 == 2)
		return SEND_ACCEPTED;
	/* A redirect is not followed: it is the address that must be mended. */
	return status / 100 == 3 || status / 100 == 4 ? SEND_REFUSED : SEND_RETRY;
}

static const char *
hint_of(int status)
{
	switch (status) {
	case 401:
	case 403: return " (is the token or the address right, has it the rights?)";
	case 407: return " (a proxy in between wants a login)";
	case 404:
	case 410: return " (is the address right?)";
	case 413: return " (the message is too long for it)";
	default: return "";
	}
}

/* Path and query of an address, where a hook's secret stands: as a whole, and what is long
 * enough of its pieces, since JSON may write a slash as "\/". */
static void
hide_address(struct buf *body, struct str url)
{
	ptrdiff_t scheme = str_find(url, STR("://"));
	struct str rest = scheme < 0 ? url : str_skip(url, (size_t)scheme + 3);
	ptrdiff_t slash = str_find_char(rest, '/');
	struct str path = slash < 0 ? STR("") : str_skip(rest, (size_t)slash);

	secret_hide(body, url);
	if (path.n >= PATH_WORTH_HIDING)
		secret_hide(body, path);
	for (size_t i = 0, begin = 0; i <= path.n; i++) {
		if (i < path.n && strchr("/?&=;,#", path.p[i]) == NULL)
			continue;
		if (i - begin >= PIECE_WORTH_HIDING)
			secret_hide(body, str_head(str_skip(path, begin), i - begin));
		begin = i + 1;
	}
}

enum send_result
http_answer(struct http_reply *reply, struct str url, const struct str *hidden,
    size_t nhidden, struct receipt *receipt, struct err *err)
{
	AUTO(buf_done) struct buf quote = { 0 };
	enum send_result result = result_of(reply->status);

	if (result == SEND_ACCEPTED)
		return result;
	if (reply->status == 429 || reply->status == 503) {
		int64_t told_us = reply->retry_after_us;

		receipt->retry_after_us = told_us > 0 ? told_us : told_wait_us(reply);
	}
	if (reply->status / 100 == 3) {
		(void)err_set(err, 0,
		    "post to %s: wrong address: it answered %d and wants us to go to %s; "
		    "redirects are not followed (set the new address)",
		    reply->place, reply->status,
		    reply->moved_to[0] != '\0' ? reply->moved_to : "another place");
		return result;
	}
	hide_address(&reply->body, url);
	for (size_t i = 0; i < nhidden; i++)
		secret_hide(&reply->body, hidden[i]);
	http_quote(reply, &quote);
	(void)err_set(err, 0, "post to %s: it answered %d%s%s%s", reply->place,
	    reply->status, quote.n > 0 ? ": " : "", buf_cstr(&quote),
	    hint_of(reply->status));
	return result;
}

enum send_result
http_failure(int code, const struct http_reply *reply, struct receipt *receipt)
{
	receipt->uncertain = reply->is_uncertain;
	return code == -EINVAL ? SEND_LOGIN : SEND_RETRY;
}
