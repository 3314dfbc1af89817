/* What goes out: every answer with the same guard of headers. */
#include "core/json.h"
#include "web/server_impl.h"

static const struct {
	const char *name, *value;
} guard[] = {
	{ "Content-Security-Policy",
	    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
	    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
	    "form-action 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
};

static void
add_headers(struct MHD_Response *response, const char *type, const char *cache)
{
	for (size_t i = 0; i < sizeof guard / sizeof *guard; i++)
		(void)MHD_add_response_header(response, guard[i].name, guard[i].value);
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, cache);
}

void
answer_guard(struct MHD_Response *response, const char *type)
{
	add_headers(response, type, "no-store");
}

void
web_answer_error(struct web_answer *out, unsigned status, const char *what)
{
	buf_clear(&out->body);
	struct json j = json_begin(&out->body);

	json_text(&j, "error", str_of(what));
	json_end(&j);
	out->status = status;
	out->type = "application/json";
}

static void
add_hints(struct MHD_Response *response, unsigned status, bool is_ack)
{
	if (status == MHD_HTTP_UNAUTHORIZED)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
		    "Bearer realm=\"mailwarden\"");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
		    is_ack ? "POST" : "GET, HEAD");
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "5");
	/* The rest of such a request is not waited for. */
	if (status == MHD_HTTP_CONTENT_TOO_LARGE || status == MHD_HTTP_URI_TOO_LONG)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION,
		    "close");
}

enum MHD_Result
answer_send(struct MHD_Connection *connection, struct web_answer *answer, bool is_ack)
{
	if (answer->body.failed) {
		buf_done(&answer->body);
		return MHD_NO; /* without memory the connection goes */
	}
	struct MHD_Response *response = MHD_create_response_from_buffer(answer->body.n,
	    answer->body.p != NULL ? answer->body.p : "",
	    answer->body.p != NULL ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);

	if (response == NULL) {
		buf_done(&answer->body);
		return MHD_NO;
	}
	answer->body = (struct buf){ 0 };
	add_headers(response, answer->type, "no-store");
	add_hints(response, answer->status, is_ack);
	enum MHD_Result result = MHD_queue_response(connection, answer->status, response);

	MHD_destroy_response(response);
	return result;
}

enum MHD_Result
answer_asset(struct MHD_Connection *connection, const struct asset *asset)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(asset->text.n,
	    (void *)(uintptr_t)asset->text.p, MHD_RESPMEM_PERSISTENT);

	if (response == NULL)
		return MHD_NO;
	add_headers(response, asset->type, "no-cache");
	enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);

	MHD_destroy_response(response);
	return result;
}
