#include "web/request.h"

#include <arpa/inet.h>
#include <string.h>

static const struct {
	struct str path;
	enum endpoint endpoint;
} fixed[] = {
	{ STR_INIT("/"), ENDPOINT_ASSET },
	{ STR_INIT("/healthz"), ENDPOINT_HEALTHZ },
	{ STR_INIT("/metrics"), ENDPOINT_METRICS },
	{ STR_INIT("/api/v1/health"), ENDPOINT_HEALTH },
	{ STR_INIT("/api/v1/status"), ENDPOINT_STATUS },
	{ STR_INIT("/api/v1/figures"), ENDPOINT_FIGURES },
	{ STR_INIT("/api/v1/lines"), ENDPOINT_LINES },
	{ STR_INIT("/api/v1/incidents"), ENDPOINT_INCIDENTS },
	{ STR_INIT("/api/v1/trace"), ENDPOINT_TRACE },
	{ STR_INIT("/api/v1/stream"), ENDPOINT_STREAM },
};

static bool
is_letter_or_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* --- target --- */

static bool
is_id(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_letter_or_digit(s.p[i]))
			return false;
	return s.n > 0 && s.n <= REQUEST_ID_BYTES;
}

static void
read_incident(struct str rest, struct target *out)
{
	static const struct str ack = STR_INIT("/ack");
	bool acks = str_ends(rest, ack);
	struct str id = acks ? str_head(rest, rest.n - ack.n) : rest;

	if (!is_id(id))
		return;
	out->id = id;
	out->endpoint = acks ? ENDPOINT_ACK : ENDPOINT_INCIDENT;
}

/* "/name.ending": one name of letters, digits, "-" and "_". */
static bool
is_asset(struct str path)
{
	struct str ending = str_skip(path, 1);
	struct str name = str_cut(&ending, '.');

	for (size_t i = 0; i < name.n; i++)
		if (!is_letter_or_digit(name.p[i]) && name.p[i] != '-' && name.p[i] != '_')
			return false;
	for (size_t i = 0; i < ending.n; i++)
		if (!is_letter_or_digit(ending.p[i]))
			return false;
	return str_starts(path, STR("/")) && name.n > 0 && ending.n > 0;
}

struct target
target_read(struct str text)
{
	static const struct str incidents = STR_INIT("/api/v1/incidents/");
	struct target target = { .endpoint = ENDPOINT_NONE };

	if (text.n > REQUEST_TARGET_BYTES)
		return target;
	target.query = text;
	target.path = str_cut(&target.query, '?');
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		if (str_eq(target.path, fixed[i].path)) {
			target.endpoint = fixed[i].endpoint;
			return target;
		}
	if (str_starts(target.path, incidents))
		read_incident(str_skip(target.path, incidents.n), &target);
	else if (is_asset(target.path))
		target.endpoint = ENDPOINT_ASSET;
	return target;
}

/* --- query --- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character at s, *used bytes of it; -1: none that is fine. */
static int
decode_char(struct str s, size_t *used)
{
	int c = (unsigned char)s.p[0];

	*used = 1;
	if (c == '+')
		return ' ';
	if (c == '%') {
		int high = s.n >= 3 ? hex_digit(s.p[1]) : -1;
		int low = s.n >= 3 ? hex_digit(s.p[2]) : -1;

		if (high < 0 || low < 0)
			return -1;
		*used = 3;
		c = high * 16 + low;
	}
	return c < 0x20 || c == 0x7f ? -1 : c;
}

static bool
decode(struct str s, struct buf *out)
{
	while (s.n > 0) {
		size_t used;
		int c = decode_char(s, &used);

		if (c < 0 || out->n == REQUEST_VALUE_BYTES)
			return false;
		buf_add_char(out, (char)c);
		s = str_skip(s, used);
	}
	return !out->failed;
}

enum query_result
query_value(struct str query, struct str key, struct buf *out)
{
	enum query_result result = QUERY_NONE;

	buf_clear(out);
	while (query.n > 0) {
		struct str value = str_cut(&query, '&');
		struct str name = str_cut(&value, '=');

		if (!str_eq(name, key))
			continue;
		if (result != QUERY_NONE || !decode(value, out))
			return QUERY_BROKEN;
		result = QUERY_FOUND;
	}
	return result;
}

/* --- who asks --- */

static bool
is_port(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0 && s.n <= 5;
}

/* Host without its port, an IPv6 address with its brackets; empty if it is none. */
static struct str
host_name(struct str host)
{
	static const struct str none = { NULL, 0 };
	struct str name = host, port;

	if (str_starts(host, STR("["))) {
		ptrdiff_t end = str_find_char(host, ']');

		if (end < 0)
			return none;
		name = str_head(host, (size_t)end + 1);
	} else {
		ptrdiff_t colon = str_find_char(host, ':');

		if (colon >= 0)
			name = str_head(host, (size_t)colon);
	}
	port = str_skip(host, name.n);
	return port.n == 0 || (port.p[0] == ':' && is_port(str_skip(port, 1))) ? name
									       : none;
}

/* 127.0.0.0/8: 127.example.org is somebody's name. */
static bool
is_loopback_address(struct str name)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr address;

	if (name.n >= sizeof text)
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	return inet_pton(AF_INET, text, &address) == 1 &&
	       ntohl(address.s_addr) >> 24 == 127;
}

bool
request_host_is_ours(struct str host, const struct host_list *allowed)
{
	struct str name = host_name(host);

	if (name.n == 0)
		return false;
	if (str_eq_nocase(name, STR("localhost")) || str_eq(name, STR("[::1]")) ||
	    is_loopback_address(name))
		return true;
	for (size_t i = 0; i < allowed->n; i++)
		if (str_eq_nocase(name, str_of(allowed->names[i])))
			return true;
	return false;
}

bool
request_origin_is_ours(struct str origin, struct str host)
{
	static const struct str schemes[] = { STR_INIT("http://"), STR_INIT("https://") };

	if (origin.p == NULL)
		return true;
	for (size_t i = 0; i < 2; i++)
		if (str_starts(origin, schemes[i]))
			return host.n > 0 &&
			       str_eq_nocase(str_skip(origin, schemes[i].n), host);
	return false;
}

bool
request_site_is_ours(struct str site)
{
	return site.p == NULL || str_eq(site, STR("same-origin")) ||
	       str_eq(site, STR("none"));
}

bool
request_has_token(struct str authorization, struct str token)
{
	static const struct str scheme = STR_INIT("Bearer ");

	if (token.n == 0 || !str_eq_nocase(str_head(authorization, scheme.n), scheme))
		return false;
	struct str given = str_trim(str_skip(authorization, scheme.n));
	volatile size_t different = given.n ^ token.n;

	/* As many steps as the client sent bytes, whatever they are. */
	for (size_t i = 0; i < given.n; i++)
		different |= (unsigned char)(given.p[i] ^ token.p[i % token.n]);
	return different == 0;
}

/* --- content --- */

bool
request_is_json(struct str content_type)
{
	return str_eq_nocase(str_trim(str_cut(&content_type, ';')),
	    STR("application/json"));
}

bool
request_wants_openmetrics(struct str accept)
{
	return accept.n == 0 || str_find_nocase(accept, STR("openmetrics-text")) >= 0 ||
	       str_find_nocase(accept, STR("text/plain")) < 0;
}
