/* Texts, replies and addresses of bounce messages, for parsers/bounce_rules.h. */
#include <string.h>

#include "core/plain.h"
#include "parsers/bounce_rules_impl.h"

enum {
	MAX_ADDRESS = 320,
	MAX_REPLY_LINES = 20,
	MAX_QUOTES = 8,
	MAX_TEXT = 1000, /* of a text that says in no certain place what happened */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* --- texts --- */

/* "> > text" as mail programs quote it; ">>> RCPT To:" of a transcript is none. */
static struct str
without_quotes(struct str line)
{
	for (int i = 0; i < MAX_QUOTES; i++) {
		if (str_starts(line, STR(">>>")) || !str_starts(line, STR(">")))
			break;
		if (line.n > 1 && line.p[1] != ' ' && line.p[1] != '>')
			break;
		line = str_skip(line, 1);
		if (str_starts(line, STR(" ")))
			line = str_skip(line, 1);
	}
	return line;
}

/* A blank of Unicode, or a character without width: how many bytes, and is it a blank? */
static size_t
blank_at(struct str s, bool *blank_out)
{
	const unsigned char *b = (const unsigned char *)s.p;

	*blank_out = true;
	if (b[0] == '\t' || b[0] == '\v')
		return 1;
	if (s.n >= 2 && b[0] == 0xc2 && b[1] == 0xa0) /* U+00A0 */
		return 2;
	if (s.n < 3)
		return 0;
	if (b[0] == 0xe2 && b[1] == 0x80 && b[2] >= 0x80 && b[2] <= 0x8a)
		return 3; /* U+2000 to U+200A */
	if ((b[0] == 0xe2 && b[1] == 0x80 && b[2] == 0xaf) ||
	    (b[0] == 0xe3 && b[1] == 0x80 && b[2] == 0x80))
		return 3; /* U+202F, U+3000 */
	*blank_out = false;
	if (b[0] == 0xe2 && b[1] == 0x80 && b[2] >= 0x8b && b[2] <= 0x8f)
		return 3; /* U+200B to U+200F: no width, and marks of direction */
	return b[0] == 0xef && b[1] == 0xbb && b[2] == 0xbf ? 3 : 0; /* U+FEFF */
}

static void
add_line(struct str line, struct buf *out)
{
	size_t from = out->n;
	bool blank;

	for (size_t i = 0; i < line.n;) {
		size_t n = blank_at(str_skip(line, i), &blank);

		if (n > 0 && blank)
			buf_add_char(out, ' ');
		else if (n == 0 && line.p[i] != '\0')
			buf_add_char(out, line.p[i]);
		i += n > 0 ? n : 1;
	}
	struct str quoted = { out->p + from, out->n - from };
	struct str bare = out->n > from ? without_quotes(quoted) : quoted;

	if (bare.n < quoted.n) {
		memmove(out->p + from, bare.p, bare.n);
		out->n = from + bare.n;
	}
	while (out->n > from && out->p[out->n - 1] == ' ')
		out->n--;
	buf_add_char(out, '\n');
}

bool
bounce_text_clean(struct str text, struct buf *out)
{
	text = str_head(text, BOUNCE_TEXT_BYTES);
	buf_clear(out);
	while (text.n > 0 && !out->failed) {
		size_t n = 0;

		while (n < text.n && text.p[n] != '\n' && text.p[n] != '\r')
			n++;
		add_line(str_head(text, n), out);
		if (str_starts(str_skip(text, n), STR("\r\n")))
			n++;
		text = str_skip(text, n < text.n ? n + 1 : n);
	}
	return !out->failed;
}

bool
bounce_reply_clean(struct str reply, struct buf *out)
{
	bool blank = false;

	buf_clear(out);
	reply = str_trim(reply);
	while (reply.n > 0) {
		struct str line = str_trim(str_cut(&reply, '\n'));

		if (str_starts(line, STR("<<< ")))
			line = str_trim(str_skip(line, 4));
		for (size_t i = 0; i < line.n && out->n < BOUNCE_VALUE_BYTES; i++) {
			unsigned char c = (unsigned char)line.p[i];

			if (c <= ' ' || c == 0x7f) {
				blank = out->n > 0;
				continue;
			}
			if (blank)
				buf_add_char(out, ' ');
			blank = false;
			buf_add_char(out, (char)c);
		}
		blank = out->n > 0;
	}
	return !out->failed;
}

/* --- addresses --- */

static struct str
without_prefix(struct str a, struct str prefix)
{
	bool has = a.n >= prefix.n && str_eq_nocase(str_head(a, prefix.n), prefix);

	return has ? str_trim(str_skip(a, prefix.n)) : a;
}

static bool
is_wrapping(char first, char last)
{
	return (first == '<' && last == '>') || (first == '(' && last == ')') ||
	       (first == '[' && last == ']') || (first == '"' && last == '"') ||
	       (first == '\'' && last == '\'');
}

static struct str
unwrap(struct str a)
{
	static const struct str prefixes[] = { STR_INIT("mailto:"), STR_INIT("rfc822;"),
		STR_INIT("smtp:"), STR_INIT("smtp;"), STR_INIT("to:") };
	size_t before;

	do {
		before = a.n;
		a = str_trim(a);
		while (a.n > 1 && strchr(".,;:*", a.p[a.n - 1]) != NULL)
			a.n--;
		while (a.n > 1 && strchr("*,;:", a.p[0]) != NULL)
			a = str_skip(a, 1);
		if (a.n >= 2 && is_wrapping(a.p[0], a.p[a.n - 1]))
			a = str_head(str_skip(a, 1), a.n - 2);
		for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
			a = without_prefix(a, prefixes[i]);
	} while (a.n < before);
	return a;
}

/* "@relay.example.org:ann@example.org": RFC 5321, 4.1.2, appendix C. */
static struct str
without_route(struct str a)
{
	ptrdiff_t colon = str_find_char(a, ':');

	if (a.n > 0 && a.p[0] == '@' && colon > 0)
		return str_skip(a, (size_t)colon + 1);
	return a;
}

static bool
is_domain(struct str d)
{
	bool any = false;

	if (d.n > 2 && d.p[0] == '[')
		return d.p[d.n - 1] == ']';
	for (size_t i = 0; i < d.n; i++) {
		bool letter = is_alnum(d.p[i]) || (unsigned char)d.p[i] >= 0x80;

		any |= letter;
		if (!letter && strchr("-._", d.p[i]) == NULL)
			return false;
	}
	return any && d.p[0] != '.' && d.p[0] != '-' && str_find(d, STR("..")) < 0;
}

static bool
is_local_part(struct str l)
{
	bool quoted = l.n > 2 && l.p[0] == '"' && l.p[l.n - 1] == '"';

	for (size_t i = 0; i < l.n; i++) {
		unsigned char c = (unsigned char)l.p[i];

		if (c < ' ' || c == 0x7f || strchr("<>", c) != NULL)
			return false;
		if (!quoted && strchr(" \"(),:;[]\\", c) != NULL)
			return false;
	}
	return l.n > 0;
}

struct str
bounce_address_clean(struct str address, bool local)
{
	const struct str none = { NULL, 0 };
	struct str a = without_route(unwrap(address));
	ptrdiff_t at = str_rfind_char(a, '@');

	if (a.n == 0 || a.n > MAX_ADDRESS)
		return none;
	if (at < 0)
		return local && is_local_part(a) && is_alnum(a.p[0]) ? a : none;
	if (!is_local_part(str_head(a, (size_t)at)) ||
	    !is_domain(str_skip(a, (size_t)at + 1)))
		return none;
	return a;
}

/* --- codes --- */

/* "5.7.1" that is no part of an IP address or of a longer number; RFC 3463, 2. */
static size_t
status_at(struct str s)
{
	size_t i = 1;

	if (s.n < 5 || (s.p[0] != '4' && s.p[0] != '5'))
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		if (i >= s.n || s.p[i++] != '.')
			return 0;
		while (i < s.n && is_digit(s.p[i]) && digits < 3)
			i++, digits++;
		if (digits == 0)
			return 0;
	}
	if (i < s.n && is_digit(s.p[i]))
		return 0;
	return i + 1 < s.n && s.p[i] == '.' && is_digit(s.p[i + 1]) ? 0 : i;
}

static bool
may_begin(struct str s, size_t i)
{
	return i == 0 || (!is_alnum(s.p[i - 1]) && strchr(".-_@/+,$", s.p[i - 1]) == NULL);
}

struct str
bounce_status_in(struct str reply)
{
	for (size_t i = 0; i < reply.n; i++) {
		size_t n = may_begin(reply, i) ? status_at(str_skip(reply, i)) : 0;

		if (n > 0)
			return str_head(str_skip(reply, i), n);
	}
	return (struct str){ NULL, 0 };
}

/* "550 " or "550-5.1.1": at byte i stands a reply code (RFC 5321, 4.2.1). */
static bool
is_code_at(struct str s, size_t i)
{
	struct str c = str_skip(s, i);

	if (!may_begin(s, i) || c.n < 3 || (c.p[0] != '4' && c.p[0] != '5') ||
	    c.p[1] < '0' || c.p[1] > '7' || !is_digit(c.p[2]))
		return false;
	if (c.n == 3)
		return true;
	if (c.p[3] == '-') /* "550-5.1.1", not "550-1234" */
		return c.n > 4 && (status_at(str_skip(c, 4)) > 0 || !is_digit(c.p[4]));
	return c.p[3] == ' ' || c.p[3] == '\n' || c.p[3] == ':' || c.p[3] == '>' ||
	       c.p[3] == ',' || c.p[3] == ';' || (c.p[3] == '#' && c.n > 4);
}

/* Bytes before the reply that the line holds: at its code or status; -1: it holds none. */
static ptrdiff_t
reply_begin(struct str line)
{
	for (size_t i = 0; i < line.n; i++) {
		size_t mark = line.p[i] == '#' || line.p[i] == '(' ? 1 : 0;

		if (is_code_at(line, i))
			return (ptrdiff_t)i;
		if ((mark > 0 || may_begin(line, i)) &&
		    status_at(str_skip(line, i + mark)) > 0)
			return (ptrdiff_t)i;
	}
	return -1;
}

int
bounce_code_in(struct str reply)
{
	for (size_t i = 0; i < reply.n; i++)
		if (is_code_at(reply, i))
			return (reply.p[i] - '0') * 100 + (reply.p[i + 1] - '0') * 10 +
			       (reply.p[i + 2] - '0');
	return 0;
}

/* --- what stands near --- */

static struct str
line_at(struct str text, size_t at)
{
	struct str rest = str_skip(text, at);

	return str_cut(&rest, '\n');
}

/* The next line belongs to the reply that the last line is of. */
static bool
goes_on(struct str last, struct str line)
{
	struct str bare = str_trim(line);
	ptrdiff_t begin = reply_begin(bare);
	bool many = last.n > 3 && last.p[3] == '-';

	if (bare.n == 0 || strchr("<>=*", bare.p[0]) != NULL || str_starts(bare, STR("--")))
		return false;
	if (begin == 0)
		return many || status_at(bare) > 0;
	if (bare.p[bare.n - 1] == ':' && str_find_char(bare, '@') >= 0)
		return false;
	return !str_starts(bare, STR("- "));
}

/* The reply that begins at byte `at`, with the lines it goes on in. */
static struct str
whole_reply(struct str text, size_t at)
{
	struct str last = line_at(text, at);
	size_t end = at + last.n;

	for (int i = 0; i < MAX_REPLY_LINES && end < text.n; i++) {
		struct str line = line_at(text, end + 1);

		if (end + 1 >= text.n || !goes_on(last, line))
			break;
		if (is_code_at(str_trim(line), 0))
			last = str_trim(line);
		end += 1 + line.n;
	}
	return str_head(str_skip(text, at), end - at);
}

bool
bounce_replies_find(struct str text, struct bounce_replies *out)
{
	size_t from = 0;

	out->n = 0;
	while (from < text.n && out->n < BOUNCE_MAX_REPLIES) {
		struct str line = line_at(text, from);
		ptrdiff_t begin = reply_begin(line);

		if (begin >= 0 && !str_starts(str_trim(line), STR(">>>")))
			out->lines[out->n++] =
			    (struct bounce_reply_line){ from, line.n, (size_t)begin };
		from += line.n + 1;
	}
	return out->n > 0;
}

/* The first reply from byte `from` on, whose line names the recipient if there is one. */
static struct str
first_reply(struct str text, const struct bounce_replies *replies, size_t from,
    struct str recipient)
{
	for (size_t i = 0; i < replies->n; i++) {
		const struct bounce_reply_line *l = &replies->lines[i];
		struct str line = str_head(str_skip(text, l->at), l->n);

		if (l->at + l->n < from)
			continue;
		if (recipient.n == 0 || str_find_nocase(line, recipient) >= 0)
			return whole_reply(text, l->at + l->begin);
	}
	return (struct str){ NULL, 0 };
}

/* "Reason: mailbox full": does a line with a label begin the next paragraph? Then its end,
 * else where the first paragraph ends. */
static size_t
end_of_reason(struct str text, size_t end)
{
	enum { LABEL = 32 };
	struct str next = str_skip(text, end);

	while (next.n > 0 && next.p[0] == '\n')
		next = str_skip(next, 1);
	ptrdiff_t colon = str_find_char(str_head(next, LABEL), ':');
	ptrdiff_t line = str_find_char(next, '\n'), empty = str_find(next, STR("\n\n"));

	if (colon < 2 || (line >= 0 && colon > line))
		return end;
	next = str_head(next, empty < 0 ? next.n : (size_t)empty);
	return str_find_char(next, '@') >= 0 ? end : (size_t)(next.p - text.p) + next.n;
}

/* What follows the address in its paragraph, or the sentence that it stands in, and the
 * reason that a label begins behind it; if nothing does, all that the text says. */
static struct str
paragraph(struct str text, size_t at)
{
	size_t begin = at;

	if (at >= text.n)
		return str_head(text, MAX_TEXT);
	while (begin > 0 && text.p[begin - 1] != '\n')
		begin--;
	struct str before = str_trim(str_head(str_skip(text, begin), at - begin));
	/* more than "<", and no label */
	bool words_before = before.n > 2 && str_find_char(before, ':') < 0;

	while (!words_before && at < text.n && text.p[at] != ' ' && text.p[at] != '\n')
		at++;
	if (words_before)
		at = begin;
	struct str rest = str_skip(text, at);
	ptrdiff_t empty = str_find(rest, STR("\n\n"));
	size_t end = empty < 0 ? rest.n : end_of_reason(rest, (size_t)empty);
	struct str words = str_trim(str_head(rest, end));

	return words.n > 3 ? words : str_head(text, MAX_TEXT);
}

struct str
bounce_reply_near(struct str text, const struct bounce_replies *replies, size_t at,
    struct str recipient)
{
	size_t from = at < text.n ? at : 0;
	struct str reply = first_reply(text, replies, from, recipient);

	if (reply.n == 0)
		reply = first_reply(text, replies, 0, recipient);
	if (reply.n == 0)
		reply = first_reply(text, replies, from, STR(""));
	if (reply.n == 0)
		reply = first_reply(text, replies, 0, STR(""));
	if (reply.n == 0)
		reply = paragraph(text, at);
	return reply;
}
