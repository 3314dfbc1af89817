#include "core/plain.h"

struct plain_char
plain_char_at(struct str s)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s.p;
	const struct plain_char none = { 0, 0 };

	if (p[0] < 0x80)
		return (struct plain_char){ 1, p[0] };
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0xc2 || p[0] > 0xf4 || s.n < n)
		return none;
	uint32_t code = p[0] & (0x7fU >> n);

	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return none;
		code = code << 6 | (p[i] & 0x3fU);
	}
	if (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return none;
	return (struct plain_char){ n, code };
}

bool
plain_is_hidden(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x00, 0x1f },       /* C0 controls */
		{ 0x7f, 0x9f },       /* DEL, C1 controls */
		{ 0xad, 0xad },       /* soft hyphen */
		{ 0x61c, 0x61c },     /* Arabic letter mark */
		{ 0x200b, 0x200f },   /* zero width, direction marks */
		{ 0x2028, 0x202e },   /* separators, embeddings, overrides */
		{ 0x2060, 0x206f },   /* word joiner, isolates, deprecated controls */
		{ 0xfeff, 0xfeff },   /* byte order mark */
		{ 0xfff9, 0xfffb },   /* annotation controls */
		{ 0xe0000, 0xe007f }, /* tags */
	};

	for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

/* One character as it is shown; returns the bytes of s that it took. */
static size_t
add_char(struct buf *out, struct str s)
{
	struct plain_char c = plain_char_at(s);

	if (c.n == 0 || (c.n == 1 && plain_is_hidden(c.code)))
		buf_addf(out, "\\x%02x", (unsigned char)s.p[0]);
	else if (plain_is_hidden(c.code))
		buf_addf(out, "\\u%04x", (unsigned)c.code);
	else
		buf_add(out, str_head(s, c.n));
	return c.n == 0 ? 1 : c.n;
}

void
plain_add(struct buf *out, struct str text)
{
	while (text.n > 0)
		text = str_skip(text, add_char(out, text));
}

void
plain_add_cut(struct buf *out, struct str text, size_t max)
{
	const struct str dots = STR("...");
	size_t room = max > dots.n ? max - dots.n : 0;
	size_t start = out->n;
	size_t cut = start; /* where the dots go if the text turns out too long */

	while (text.n > 0) {
		text = str_skip(text, add_char(out, text));
		if (out->n - start <= room)
			cut = out->n;
		if (out->n - start > max) {
			out->n = cut;
			buf_add(out, dots);
			return;
		}
	}
}

static bool
needs_quotes(struct str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == ' ' || value.p[i] == '"' || value.p[i] == '\\' ||
		    value.p[i] == '=')
			return true;
	return value.n == 0;
}

void
plain_add_pair(struct buf *out, const char *key, struct str value)
{
	buf_addf(out, " %s=", key);
	if (!needs_quotes(value)) {
		plain_add(out, value);
		return;
	}
	buf_add_char(out, '"');
	while (value.n > 0) {
		if (value.p[0] == '"' || value.p[0] == '\\')
			buf_add_char(out, '\\');
		value = str_skip(value, add_char(out, value));
	}
	buf_add_char(out, '"');
}
