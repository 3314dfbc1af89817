/* A request's head is judged before its body is read. */
#include <string.h>

#include "web/server_impl.h"

static struct str
header(struct MHD_Connection *connection, const char *name)
{
	return str_of(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name));
}

static bool
refuse(struct web_answer *out, unsigned status, const char *what)
{
	web_answer_error(out, status, what);
	return false;
}

static enum MHD_Result
count_host(void *ctx, enum MHD_ValueKind kind, const char *key, const char *value)
{
	size_t *n = ctx;

	(void)kind;
	(void)value;
	*n += str_eq_nocase(str_of(key), STR("host"));
	return MHD_YES;
}

/* Exactly one (RFC 9112, 3.2): of two, a proxy may look at the other one. */
static bool
is_for_us(struct MHD_Connection *connection, const struct web_settings *settings)
{
	size_t n = 0;

	(void)MHD_get_connection_values(connection, MHD_HEADER_KIND, count_host, &n);
	return n == 1 && request_host_is_ours(header(connection, MHD_HTTP_HEADER_HOST),
			     &settings->hosts);
}

static bool
is_from_our_page(const struct exchange *x, struct MHD_Connection *connection)
{
	struct str host = header(connection, MHD_HTTP_HEADER_HOST);

	/* A link to the page may stand anywhere; what it asks for then comes from itself. */
	if (x->request.target.endpoint == ENDPOINT_ASSET)
		return true;
	return request_origin_is_ours(header(connection, MHD_HTTP_HEADER_ORIGIN), host) &&
	       request_site_is_ours(header(connection, "Sec-Fetch-Site"));
}

static bool
judge_write(const struct exchange *x, const struct web_settings *settings,
    struct MHD_Connection *connection, struct web_answer *refusal)
{
	int64_t length;

	if (settings->token.n == 0)
		return refuse(refusal, MHD_HTTP_FORBIDDEN,
		    "nothing may be written: set `token_file` below `web:` in "
		    "mailwarden.yaml, or use `mailwarden ack`");
	if (!x->request.has_token)
		return refuse(refusal, MHD_HTTP_UNAUTHORIZED,
		    "the token is missing or wrong: it stands in the `token_file` of "
		    "mailwarden.yaml");
	if (!request_is_json(header(connection, MHD_HTTP_HEADER_CONTENT_TYPE)))
		return refuse(refusal, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
		    "Content-Type must be application/json");
	struct str declared = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);

	if (declared.n > 0 &&
	    (!str_to_int(declared, &length) || length > REQUEST_BODY_BYTES))
		return refuse(refusal, MHD_HTTP_CONTENT_TOO_LARGE,
		    "the body is longer than 8 KiB");
	return true;
}

bool
exchange_judge(struct exchange *x, const struct web_settings *settings,
    struct MHD_Connection *connection, const char *method, struct web_answer *refusal)
{
	struct target *target = &x->request.target;
	bool posts = strcmp(method, MHD_HTTP_METHOD_POST) == 0;
	bool reads = strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
		     strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;

	if (x->too_long)
		return refuse(refusal, MHD_HTTP_URI_TOO_LONG,
		    "the address is longer than 2048 bytes");
	if (!is_for_us(connection, settings))
		return refuse(refusal, MHD_HTTP_MISDIRECTED_REQUEST,
		    "no host of that name here: ask for localhost, or add the name to `hosts` "
		    "below `web:` in mailwarden.yaml");
	*target = target_read(buf_str(&x->target));
	if (target->endpoint == ENDPOINT_NONE)
		return refuse(refusal, MHD_HTTP_NOT_FOUND, "there is no such address");
	if (!is_from_our_page(x, connection))
		return refuse(refusal, MHD_HTTP_FORBIDDEN,
		    "another site may not ask this one");
	if (target->endpoint == ENDPOINT_ACK ? !posts : !reads)
		return refuse(refusal, MHD_HTTP_METHOD_NOT_ALLOWED,
		    target->endpoint == ENDPOINT_ACK ? "only POST is allowed"
						     : "only GET and HEAD are allowed");
	x->request.accept = header(connection, MHD_HTTP_HEADER_ACCEPT);
	x->request.last_seen = header(connection, "Last-Event-ID");
	x->request.has_token =
	    request_has_token(header(connection, MHD_HTTP_HEADER_AUTHORIZATION),
		settings->token);
	return target->endpoint != ENDPOINT_ACK ||
	       judge_write(x, settings, connection, refusal);
}
