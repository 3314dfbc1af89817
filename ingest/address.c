#include "ingest/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "ingest/fields.h"

enum { TYPE_BYTES = 32 };

static bool
is_type_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* A type is an atom that begins with a letter; "550 no; really" has none. */
struct typed
typed_of(struct str field)
{
	struct typed none = { { NULL, 0 }, str_trim(field) };
	ptrdiff_t mark = str_find_char(none.value, ';');
	struct str type = str_trim(str_head(none.value, mark < 0 ? 0 : (size_t)mark));

	if (type.n == 0 || type.n > TYPE_BYTES || (type.p[0] >= '0' && type.p[0] <= '9'))
		return none;
	for (size_t i = 0; i < type.n; i++)
		if (!is_type_char(type.p[i]))
			return none;
	return (struct typed){ type, str_trim(str_skip(none.value, (size_t)mark + 1)) };
}

/* --- encodings --- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* xtext (RFC 3461, 4) must write '+' and '=' as +2B and +3D. An address may as well hold
 * "+20" by itself: undone only if all of it can be xtext, and what comes out is an address.
 */
static bool
add_xtext(struct str s, struct buf *out)
{
	int ats = 0;

	buf_clear(out);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '+') {
			int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
			int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;

			c = (char)(high * 16 + low);
			if (high < 0 || low < 0 || (c != '+' && c != '=' && c != '@'))
				return false;
			i += 2;
		}
		ats += c == '@';
		buf_add_char(out, c);
	}
	return ats == 1;
}

static void
add_utf8(struct buf *out, uint32_t code)
{
	if (code < 0x80) {
		buf_add_char(out, (char)code);
		return;
	}
	int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	static const unsigned char leads[] = { 0, 0xc0, 0xe0, 0xf0 };

	buf_add_char(out, (char)(leads[more] | code >> 6 * more));
	while (more-- > 0)
		buf_add_char(out, (char)(0x80 | (code >> 6 * more & 0x3f)));
}

/* EmbeddedUnicodeChar, "\x{E9}" (RFC 6533, 3); bytes used, 0 if there is none. */
static size_t
embedded_at(struct str s, uint32_t *code_out)
{
	uint32_t code = 0;
	size_t i = 3;

	if (!str_starts(s, STR("\\x{")))
		return 0;
	for (; i < s.n && i < 9 && hex_digit(s.p[i]) >= 0; i++)
		code = code * 16 + (uint32_t)hex_digit(s.p[i]);
	if (i == 3 || i >= s.n || s.p[i] != '}' || code < ' ' || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*code_out = code;
	return i + 1;
}

static void
add_embedded(struct str s, struct buf *out)
{
	buf_clear(out);
	while (s.n > 0) {
		uint32_t code;
		size_t n = embedded_at(s, &code);

		if (n > 0)
			add_utf8(out, code);
		else
			buf_add_char(out, s.p[0]);
		s = str_skip(s, n > 0 ? n : 1);
	}
}

/* --- addresses --- */

/* Up to one of the characters, or all; what stands in quotes does not count. */
static size_t
span_unquoted(struct str s, const char *stops)
{
	bool quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && quoted)
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (!quoted && s.p[i] != '\0' && strchr(stops, s.p[i]) != NULL)
			return i;
	}
	return s.n;
}

static struct str
in_angles(struct str s)
{
	size_t open = span_unquoted(s, "<");

	if (open == s.n)
		return (struct str){ NULL, 0 };
	s = str_skip(s, open + 1);
	size_t n = span_unquoted(s, ">");

	/* an odd number of quotes: the last > it is */
	if (n == s.n && str_rfind_char(s, '>') >= 0)
		n = (size_t)str_rfind_char(s, '>');
	return str_trim(str_head(s, n));
}

static struct str
bare_address(struct str s)
{
	struct str inner = in_angles(s);

	if (inner.p != NULL)
		return inner;
	s = str_head(s, span_unquoted(s, " \t("));
	while (s.n > 0 && strchr(",;>", s.p[s.n - 1]) != NULL && s.p[s.n - 1] != '\0')
		s.n--;
	return s;
}

struct str
address_of(struct str field, enum address_form form, struct buf *out)
{
	struct typed t = typed_of(field);
	bool x400 = str_eq_nocase(t.type, STR("x400"));
	struct str address = x400 ? t.value : bare_address(t.value);

	if (form == ADDRESS_XTEXT && str_find_char(address, '+') >= 0 &&
	    add_xtext(address, out))
		return buf_str(out);
	add_embedded(address, out);
	return buf_str(out);
}

struct str
address_in_header(struct str value)
{
	struct str s = str_trim(value), inner = in_angles(s);

	if (inner.p != NULL)
		return inner.n > 0 ? inner : STR("");
	s = bare_address(s);
	return str_find_char(s, '@') > 0 ? s : (struct str){ NULL, 0 };
}

/* --- hosts --- */

static bool
is_ip(struct str s)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char bytes[16];

	if (s.n == 0 || s.n >= sizeof text || memchr(s.p, '\0', s.n) != NULL)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(AF_INET, text, bytes) == 1 ||
	       inet_pton(AF_INET6, text, bytes) == 1;
}

static bool
is_address_char(char c)
{
	return hex_digit(c) >= 0 || c == '.' || c == ':';
}

/* The first IP address; of what stands in a name (mx-192.0.2.1.example.org) none. */
static struct str
ip_in(struct str s)
{
	while (s.n > 0) {
		size_t n = 0, gap = 0;

		while (n < s.n && is_address_char(s.p[n]))
			n++;
		if (is_ip(str_head(s, n)) &&
		    (n == s.n || strchr(" \t)],;", s.p[n]) != NULL))
			return str_head(s, n);
		s = str_skip(s, n);
		while (gap < s.n && strchr(" \t([", s.p[gap]) == NULL)
			gap++;
		s = str_skip(s, gap + 1);
		if (str_starts(s, STR("IPv6:")))
			s = str_skip(s, 5);
	}
	return (struct str){ NULL, 0 };
}

struct named_host
host_of(struct str field)
{
	struct str value = typed_of(field).value, name = first_word(value);
	struct named_host host = { .ip = ip_in(value) };

	name = str_head(name, span_unquoted(name, "([,;"));
	while (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n > 0 && !is_ip(name))
		host.name = name;
	return host;
}
