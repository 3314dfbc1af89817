#include "core/members.h"

struct str
members_of(struct str object)
{
	struct str s = str_trim(object);

	if (s.n < 2 || s.p[0] != '{' || s.p[s.n - 1] != '}')
		return STR("");
	return str_trim(str_skip(str_head(s, s.n - 1), 1));
}

static int
hex4(struct str s)
{
	int v = 0;

	if (s.n < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = s.p[i];
		int d = c >= '0' && c <= '9'   ? c - '0'
			: c >= 'a' && c <= 'f' ? c - 'a' + 10
			: c >= 'A' && c <= 'F' ? c - 'A' + 10
					       : -1;

		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

/* Our writer escapes controls only: what needs more than two bytes stands for itself. */
static void
add_code(struct buf *out, int code)
{
	if (code < 0x80) {
		buf_add_char(out, (char)code);
	} else if (code < 0x800) {
		buf_add_char(out, (char)(0xc0 | code >> 6));
		buf_add_char(out, (char)(0x80 | (code & 0x3f)));
	} else {
		buf_add(out, STR("\xef\xbf\xbd"));
	}
}

/* What follows a backslash; bytes used, 0 if it is no escape. */
static size_t
add_escape(struct buf *out, struct str s)
{
	static const char letters[] = "nrtbf", meant[] = "\n\r\t\b\f";

	if (s.n == 0)
		return 0;
	for (size_t i = 0; letters[i] != '\0'; i++)
		if (s.p[0] == letters[i]) {
			buf_add_char(out, meant[i]);
			return 1;
		}
	if (s.p[0] == 'u') {
		int code = hex4(str_skip(s, 1));

		if (code < 0)
			return 0;
		add_code(out, code);
		return 5;
	}
	if (s.p[0] != '"' && s.p[0] != '\\' && s.p[0] != '/')
		return 0;
	buf_add_char(out, s.p[0]);
	return 1;
}

/* A quoted text at the beginning of *rest, which moves behind it. */
static bool
take_text(struct str *rest, struct buf *out)
{
	struct str s = *rest;

	buf_clear(out);
	if (s.n == 0 || s.p[0] != '"')
		return false;
	s = str_skip(s, 1);
	while (s.n > 0 && s.p[0] != '"') {
		if (s.p[0] != '\\') {
			buf_add_char(out, s.p[0]);
			s = str_skip(s, 1);
			continue;
		}
		size_t used = add_escape(out, str_skip(s, 1));

		if (used == 0)
			return false;
		s = str_skip(s, used + 1);
	}
	if (s.n == 0)
		return false;
	*rest = str_trim(str_skip(s, 1));
	return true;
}

static bool
take_value(struct str *rest, struct buf *out)
{
	if (rest->n > 0 && rest->p[0] == '"')
		return take_text(rest, out);
	size_t end = 0;

	while (end < rest->n && rest->p[end] != ',' && rest->p[end] != '}')
		end++;
	struct str value = str_trim(str_head(*rest, end));

	buf_clear(out);
	if (value.n == 0 || value.p[0] == '{' || value.p[0] == '[')
		return false;
	buf_add(out, value);
	*rest = str_skip(*rest, end);
	return true;
}

bool
members_next(struct str *rest, struct buf *key, struct buf *value)
{
	struct str s = *rest;

	if (!take_text(&s, key) || s.n == 0 || s.p[0] != ':')
		return false;
	s = str_trim(str_skip(s, 1));
	if (!take_value(&s, value))
		return false;
	if (s.n > 0 && s.p[0] != ',' && s.p[0] != '}')
		return false;
	/* A brace ends the object, whatever stands behind it. */
	*rest = s.n > 0 && s.p[0] == ',' ? str_trim(str_skip(s, 1)) : STR("");
	return !key->failed && !value->failed;
}
