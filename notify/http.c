#include "notify/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/plain.h"
#include "notify/curl_start.h"
#include "notify/tls_words.h"

enum {
	MAX_HEADER_BYTES = 65536, /* of the answer, all together */
	MAX_DATE_BYTES = 64,
};

/* One exchange; everything in it is released by exchange_done(). */
struct exchange {
	const struct http_request *request;
	struct http_reply *reply;
	CURL *curl;
	CURLU *url;
	struct curl_slist *headers;
	char *moved; /* Location, of a redirect */
	size_t header_bytes;
	char retry_after[MAX_DATE_BYTES], date[MAX_DATE_BYTES];
	char why[CURL_ERROR_SIZE];
};

/* Our copies of headers may hold tokens. */
static void
exchange_done(struct exchange *e)
{
	for (struct curl_slist *i = e->headers; i != NULL; i = i->next)
		explicit_bzero(i->data, strlen(i->data));
	curl_slist_free_all(e->headers);
	curl_easy_cleanup(e->curl);
	curl_url_cleanup(e->url);
	free(e->moved);
}

void
http_reply_done(struct http_reply *reply)
{
	if (reply->body.p != NULL)
		explicit_bzero(reply->body.p, reply->body.cap);
	buf_done(&reply->body);
}

static void
auto_curl_free(char **p)
{
	curl_free(*p);
}

static const char *
tried(const struct exchange *e)
{
	return e->request->tried != NULL ? e->request->tried : "post to";
}

/* "https://host:port" of an address; an address that has none is left out. */
static bool
show_place(CURLU *url, char *to, size_t size)
{
	AUTO(auto_curl_free) char *scheme = NULL;
	AUTO(auto_curl_free) char *host = NULL;
	AUTO(auto_curl_free) char *port = NULL;
	AUTO(buf_done) struct buf place = { 0 };

	if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
	    (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
		return false;
	buf_addf(&place, "%s://", scheme);
	plain_add_cut(&place, str_of(host), HTTP_PLACE_BYTES - 32);
	buf_addf(&place, ":%s", port);
	if (place.failed || place.n >= size)
		return false;
	memcpy(to, place.p, place.n);
	to[place.n] = '\0';
	return true;
}

static int
read_url(struct exchange *e, struct err *err)
{
	e->url = curl_url();
	if (e->url == NULL)
		return err_set(err, -ENOMEM, "%s a web address: out of memory", tried(e));
	if (e->request->url == NULL ||
	    curl_url_set(e->url, CURLUPART_URL, e->request->url, 0) != CURLUE_OK ||
	    !show_place(e->url, e->reply->place, sizeof e->reply->place))
		return err_set(err, -EINVAL,
		    "%s a web address: expected https://host/path (it is not shown, since "
		    "it may hold a secret)",
		    tried(e));
	return 0;
}

/* A control character would end the header, and what follows would be another one. */
static bool
is_header(const char *text)
{
	struct str rest = str_of(text);
	struct str name = str_cut(&rest, ':');

	if (name.n == 0 || name.n == strlen(text))
		return false;
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return str_find_char(name, ' ') < 0;
}

static int
add_header(struct exchange *e, const char *text, struct err *err)
{
	struct curl_slist *more = curl_slist_append(e->headers, text);

	if (more == NULL)
		return err_set(err, -ENOMEM, "%s %s: out of memory", tried(e),
		    e->reply->place);
	e->headers = more;
	return 0;
}

static int
set_headers(struct exchange *e, struct err *err)
{
	const struct http_request *request = e->request;

	for (size_t i = 0; i < request->nheaders; i++) {
		if (!is_header(request->headers[i]))
			return err_set(err, -EINVAL,
			    "%s %s: header %zu is not 'Name: value' on one line (a token "
			    "with a control character in it?)",
			    tried(e), e->reply->place, i + 1);
		int r = add_header(e, request->headers[i], err);

		if (r < 0)
			return r;
	}
	/* No "Expect: 100-continue": some servers let us wait for it. */
	int r = add_header(e, "Expect:", err);

	if (r < 0)
		return r;
	curl_easy_setopt(e->curl, CURLOPT_HTTPHEADER, e->headers);
	return 0;
}

static void
keep_header(char *to, struct str value)
{
	struct str part = str_head(str_trim(value), MAX_DATE_BYTES - 1);

	memcpy(to, part.p, part.n);
	to[part.n] = '\0';
}

static size_t
on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct exchange *e = ctx;
	struct str value = { data, size * count };

	e->header_bytes += value.n;
	if (e->header_bytes > MAX_HEADER_BYTES)
		return 0; /* libcurl gives up; the status is known by now */
	struct str name = str_cut(&value, ':');

	if (str_eq_nocase(name, STR("Retry-After")))
		keep_header(e->retry_after, value);
	else if (str_eq_nocase(name, STR("Date")))
		keep_header(e->date, value);
	else if (str_eq_nocase(name, STR("Location")) && e->moved == NULL)
		e->moved = str_dup(str_trim(value));
	return size * count;
}

static size_t
on_write(char *data, size_t size, size_t count, void *ctx)
{
	struct http_reply *reply = ctx;
	struct str part = { data, size * count };

	if (part.n > HTTP_REPLY_BYTES - reply->body.n) {
		buf_add(&reply->body, str_head(part, HTTP_REPLY_BYTES - reply->body.n));
		reply->is_cut = true;
		return 0; /* enough of it */
	}
	buf_add(&reply->body, part);
	return reply->body.failed ? 0 : part.n;
}

static void
set_method(struct exchange *e)
{
	const char *method = e->request->method != NULL ? e->request->method : "POST";

	if (strcmp(method, "GET") == 0) {
		curl_easy_setopt(e->curl, CURLOPT_HTTPGET, 1L);
		return;
	}
	curl_easy_setopt(e->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(e->curl, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)e->request->body.n);
	curl_easy_setopt(e->curl, CURLOPT_POSTFIELDS,
	    e->request->body.n > 0 ? e->request->body.p : "");
	if (strcmp(method, "POST") != 0)
		curl_easy_setopt(e->curl, CURLOPT_CUSTOMREQUEST, method);
}

static void
set_exchange(struct exchange *e)
{
	const char *agent = e->request->user_agent;
	int64_t timeout_us = e->request->timeout_us;

	curl_easy_setopt(e->curl, CURLOPT_CURLU, e->url);
	curl_guard(e->curl, CURL_OF_WEB, e->request->ca_file,
	    timeout_us > 0 ? timeout_us : HTTP_TIMEOUT_S * (int64_t)US_PER_S, e->why);
	curl_easy_setopt(e->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e->curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e->curl, CURLOPT_USERAGENT, agent != NULL ? agent : "mailwarden");
	curl_easy_setopt(e->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e->curl, CURLOPT_HEADERDATA, e);
	curl_easy_setopt(e->curl, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(e->curl, CURLOPT_WRITEDATA, e->reply);
}

static int
explain_connect(const struct exchange *e, struct buf *out)
{
	long code = 0;

	(void)curl_easy_getinfo(e->curl, CURLINFO_OS_ERRNO, &code);
	if (code != 0)
		buf_addf(out, "cannot connect: %s", strerror((int)code));
	else
		buf_add(out, STR("cannot connect"));
	buf_add(out, STR(" (is the port right, does a firewall block it?)"));
	return code != 0 ? -(int)code : -ECONNREFUSED;
}

static void
explain_timeout(const struct exchange *e, struct buf *out)
{
	curl_off_t named_us = 0, connected_us = 0;

	(void)curl_easy_getinfo(e->curl, CURLINFO_NAMELOOKUP_TIME_T, &named_us);
	(void)curl_easy_getinfo(e->curl, CURLINFO_CONNECT_TIME_T, &connected_us);
	if (named_us == 0)
		buf_add(out, STR("no name server answered in time (does this machine "
				 "resolve names?)"));
	else if (connected_us == 0)
		buf_add(out, STR("no answer to the attempt to connect (is the port open "
				 "there, and for us?)"));
	else
		buf_add(out, STR("no answer in time"));
}

/* Did the server get all of the request? Then it may have done what we asked for. */
static bool
was_sent(const struct exchange *e)
{
	long request_bytes = 0;
	curl_off_t body_bytes = 0;

	(void)curl_easy_getinfo(e->curl, CURLINFO_REQUEST_SIZE, &request_bytes);
	(void)curl_easy_getinfo(e->curl, CURLINFO_SIZE_UPLOAD_T, &body_bytes);
	return request_bytes > 0 && (size_t)body_bytes >= e->request->body.n;
}

static void
explain_loss(const struct exchange *e, CURLcode code, struct buf *out)
{
	buf_add(out, e->reply->is_uncertain
			 ? STR("the connection was lost before the answer came; the server "
			       "may have taken it")
			 : STR("the connection was lost"));
	/* libcurl's text for these adds nothing to that. */
	if (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
	    code == CURLE_GOT_NOTHING)
		return;
	buf_add(out, STR(" ("));
	plain_add_cut(out, str_of(e->why[0] != '\0' ? e->why : curl_easy_strerror(code)),
	    HTTP_QUOTE_BYTES);
	buf_add(out, STR(")"));
}

/* Why there is no answer; a negative errno. */
static int
explain(const struct exchange *e, CURLcode code, struct buf *out)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		buf_add(out, STR("the name was not found in DNS (is it spelt right, does "
				 "this machine resolve names?)"));
		return -EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT: return explain_connect(e, out);
	case CURLE_OPERATION_TIMEDOUT: explain_timeout(e, out); return -ETIMEDOUT;
	case CURLE_SSL_CACERT_BADFILE:
		buf_addf(out, "cannot read the authorities' certificates in %s",
		    e->request->ca_file != NULL ? e->request->ca_file
						: "the system's store");
		return -EINVAL;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
		tls_words_add(out, e->why,
		    "that port does not speak TLS (is the port right, or is it http://?)");
		return -EPROTO;
	case CURLE_OUT_OF_MEMORY: buf_add(out, STR("out of memory")); return -ENOMEM;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		buf_add(out,
		    STR("what answers there is no web server (is the port right?)"));
		return -EPROTO;
	default: explain_loss(e, code, out); return -ECONNRESET;
	}
}

/* Where a redirect leads, shown as a place only. */
static void
read_location(struct exchange *e)
{
	if (e->moved != NULL && e->reply->status / 100 == 3 &&
	    curl_url_set(e->url, CURLUPART_URL, e->moved, 0) == CURLUE_OK)
		(void)show_place(e->url, e->reply->moved_to, sizeof e->reply->moved_to);
}

int64_t
http_retry_after_us(const char *value, const char *date, int64_t now_s)
{
	int64_t wait_s = 0, server_s;

	if (!str_to_int(str_of(value), &wait_s)) {
		int64_t until_s = (int64_t)curl_getdate(value, NULL);

		if (until_s < 0)
			return 0;
		server_s = (int64_t)curl_getdate(date, NULL);
		wait_s = until_s - (server_s < 0 ? now_s : server_s);
	}
	if (wait_s <= 0)
		return 0;
	return (wait_s < HTTP_LONGEST_WAIT_S ? wait_s : HTTP_LONGEST_WAIT_S) * US_PER_S;
}

/* An answer whose rest did not come is one, too: its status is what counts. */
static int
judge(struct exchange *e, CURLcode code, struct err *err)
{
	AUTO(buf_done) struct buf why = { 0 };
	long status = 0;

	(void)curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200) {
		e->reply->status = (int)status;
		e->reply->is_cut |= code != CURLE_OK;
		e->reply->retry_after_us =
		    http_retry_after_us(e->retry_after, e->date, (int64_t)time(NULL));
		read_location(e);
		return 0;
	}
	e->reply->is_uncertain = was_sent(e);
	int r = explain(e, code, &why);

	return err_set(err, r, "%s %s: %s", tried(e), e->reply->place, buf_cstr(&why));
}

int
http_post(const struct http_request *request, struct http_reply *reply, struct err *err)
{
	AUTO(exchange_done) struct exchange e = { .request = request, .reply = reply };
	int r = read_url(&e, err);

	if (r < 0)
		return r;
	e.curl = curl_easy_init();
	if (e.curl == NULL)
		return err_set(err, -ENOMEM, "%s %s: cannot set up libcurl", tried(&e),
		    reply->place);
	r = set_headers(&e, err);
	if (r < 0)
		return r;
	set_exchange(&e);
	set_method(&e);
	return judge(&e, curl_easy_perform(e.curl), err);
}

void
http_quote(const struct http_reply *reply, struct buf *out)
{
	struct str text = str_head(buf_str(&reply->body), 4 * HTTP_QUOTE_BYTES);

	plain_add_cut(out, str_trim(text), HTTP_QUOTE_BYTES);
}
