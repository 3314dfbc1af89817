#include "core/json.h"

#include <string.h>

#include "core/clock.h"
#include "core/plain.h"

/* Bytes that stand for themselves inside a JSON string: printable ASCII but " and \. */
/* clang-format off */
static const bool plain[256] = {
	[' '] = true, ['!'] = true,
#define R4(a) [a] = true, [(a) + 1] = true, [(a) + 2] = true, [(a) + 3] = true
	R4('#'), R4('\''), R4('+'), R4('/'), R4('3'), R4('7'), R4(';'), R4('?'), R4('C'),
	R4('G'), R4('K'), R4('O'), R4('S'), R4('W'), ['['] = true, R4(']'), R4('a'), R4('e'),
	R4('i'), R4('m'), R4('q'), R4('u'), R4('y'), ['}'] = true, ['~'] = true,
#undef R4
};
/* clang-format on */

static void
add_unit(struct buf *out, uint32_t unit)
{
	static const char hex[] = "0123456789abcdef";
	char code[6] = { '\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15],
		hex[unit >> 4 & 15], hex[unit & 15] };

	buf_add(out, (struct str){ code, sizeof code });
}

/* What a terminal may obey (C1), or turns text around, is written by its number: the same
 * to who reads JSON (RFC 8259, 7), and harmless to who looks at it. */
static size_t
add_beyond_ascii(struct buf *out, struct str s)
{
	struct plain_char c = plain_char_at(s);

	if (c.n == 0) {
		buf_add(out, STR("\xef\xbf\xbd"));
		return 1;
	}
	if (!plain_is_hidden(c.code)) {
		buf_add(out, str_head(s, c.n));
	} else if (c.code < 0x10000) {
		add_unit(out, c.code);
	} else {
		add_unit(out, 0xd800 + ((c.code - 0x10000) >> 10));
		add_unit(out, 0xdc00 + ((c.code - 0x10000) & 0x3ff));
	}
	return c.n;
}

static size_t
add_special(struct buf *out, const unsigned char *p, size_t n)
{
	if (*p >= 0x80)
		return add_beyond_ascii(out, (struct str){ (const char *)p, n });
	switch (*p) {
	case '"': buf_add(out, STR("\\\"")); break;
	case '\\': buf_add(out, STR("\\\\")); break;
	case '\n': buf_add(out, STR("\\n")); break;
	case '\r': buf_add(out, STR("\\r")); break;
	case '\t': buf_add(out, STR("\\t")); break;
	default: add_unit(out, *p);
	}
	return 1;
}

void
json_quote(struct buf *out, struct str text)
{
	const unsigned char *p = (const unsigned char *)text.p;
	size_t n = text.n;

	if (!buf_reserve(out, n + 2))
		return;
	buf_add_char(out, '"');
	while (n > 0) {
		size_t run = 0;

		while (run < n && plain[p[run]])
			run++;
		buf_add(out, (struct str){ (const char *)p, run });
		p += run;
		n -= run;
		if (n > 0) {
			size_t used = add_special(out, p, n);

			p += used;
			n -= used;
		}
	}
	buf_add_char(out, '"');
}

struct json
json_begin(struct buf *out)
{
	buf_add_char(out, '{');
	return (struct json){ out, false };
}

void
json_end(struct json *j)
{
	buf_add_char(j->out, '}');
}

void
json_key(struct json *j, const char *key)
{
	if (j->any)
		buf_add_char(j->out, ',');
	j->any = true;
	buf_add_char(j->out, '"');
	buf_add(j->out, str_of(key));
	buf_add(j->out, STR("\":"));
}

void
json_text(struct json *j, const char *key, struct str value)
{
	json_key(j, key);
	json_quote(j->out, value);
}

void
json_int(struct json *j, const char *key, int64_t value)
{
	json_key(j, key);
	buf_add_int(j->out, value);
}

void
json_bool(struct json *j, const char *key, bool value)
{
	json_key(j, key);
	buf_add(j->out, value ? STR("true") : STR("false"));
}

void
json_time(struct json *j, const char *key, int64_t at_us)
{
	json_key(j, key);
	buf_add_char(j->out, '"');
	clock_rfc3339(j->out, at_us, 0);
	buf_add_char(j->out, '"');
}

void
json_raw(struct json *j, const char *key, struct str value)
{
	json_key(j, key);
	buf_add(j->out, value);
}
