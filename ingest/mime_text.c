#include "ingest/mime_text.h"

#include <errno.h>

#include <gmime/gmime.h>

#include "core/plain.h"

/* What bounces are written in, by their servers' languages. GMime keeps up to 16. */
static const char *const usual_charsets[] = { "iso-8859-1", "iso-8859-2", "iso-8859-15",
	"windows-1250", "windows-1251", "windows-1252", "koi8-r", "iso-2022-jp",
	"shift_jis", "euc-jp", "gb18030", "big5", "euc-kr", "utf-16" };

void
mime_text_init(void)
{
	for (size_t i = 0; i < sizeof usual_charsets / sizeof *usual_charsets; i++) {
		iconv_t cd = g_mime_iconv_open("utf-8", usual_charsets[i]);

		if (cd != (iconv_t)-1)
			g_mime_iconv_close(cd);
	}
}

static bool
is_utf8(struct str s)
{
	while (s.n > 0) {
		size_t n = plain_char_at(s).n;

		if (n == 0)
			return false;
		s = str_skip(s, n);
	}
	return true;
}

static void
add_latin1(struct buf *out, struct str bytes)
{
	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];

		if (c >= 0x80) {
			buf_add_char(out, (char)(0xc0 | c >> 6));
			c = 0x80 | (c & 0x3f);
		}
		buf_add_char(out, (char)c);
	}
}

static bool
add_converted(struct buf *out, struct str bytes, struct str charset)
{
	AUTO(auto_free) char *name = str_dup(charset);
	iconv_t cd = name == NULL ? (iconv_t)-1 : g_mime_iconv_open("utf-8", name);
	char *in = (char *)(uintptr_t)bytes.p;
	size_t left = bytes.n;

	if (cd == (iconv_t)-1)
		return false;
	while (left > 0) {
		char piece[4096], *to = piece;
		size_t room = sizeof piece;
		size_t r = iconv(cd, &in, &left, &to, &room);

		buf_add(out, (struct str){ piece, sizeof piece - room });
		if (r != (size_t)-1 || errno == E2BIG)
			continue;
		buf_add_char(out, '?');
		in++;
		left--;
	}
	(void)iconv(cd, NULL, NULL, NULL, NULL);
	g_mime_iconv_close(cd);
	return true;
}

/* Line ends as \n; other controls say nothing. */
static void
add_lines(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '\r' && i + 1 < text.n && text.p[i + 1] == '\n')
			continue;
		if (c == '\r')
			c = '\n';
		buf_add_char(out,
		    (unsigned char)c >= ' ' || c == '\n' || c == '\t' ? c : ' ');
	}
}

void
mime_text_add(struct buf *out, struct str bytes, struct str charset, size_t max)
{
	AUTO(buf_done) struct buf wide = { 0 };
	bool plain = charset.n == 0 || str_eq_nocase(charset, STR("utf-8")) ||
		     str_eq_nocase(charset, STR("us-ascii"));

	bytes = str_head(bytes, max);
	if (!plain && add_converted(&wide, bytes, charset))
		bytes = buf_str(&wide);
	/* cut in the middle of a character, it is UTF-8 all the same */
	for (size_t cut = 0; cut < 4 && cut < bytes.n; cut++)
		if (is_utf8(str_head(bytes, bytes.n - cut))) {
			add_lines(out, str_head(bytes, bytes.n - cut));
			return;
		}
	buf_clear(&wide);
	add_latin1(&wide, bytes);
	add_lines(out, buf_str(&wide));
}

/* --- HTML --- */

static const struct {
	struct str name;
	char c;
} entities[] = { { STR_INIT("&lt;"), '<' }, { STR_INIT("&gt;"), '>' },
	{ STR_INIT("&amp;"), '&' }, { STR_INIT("&quot;"), '"' },
	{ STR_INIT("&nbsp;"), ' ' }, { STR_INIT("&#39;"), '\'' },
	{ STR_INIT("&#64;"), '@' }, { STR_INIT("&#46;"), '.' } };

static struct str
skip_entity(struct str html, struct buf *out)
{
	for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
		if (str_eq_nocase(str_head(html, entities[i].name.n), entities[i].name)) {
			buf_add_char(out, entities[i].c);
			return str_skip(html, entities[i].name.n);
		}
	buf_add_char(out, '&');
	return str_skip(html, 1);
}

static bool
is_tag(struct str html, struct str name)
{
	struct str behind = str_skip(html, 1 + name.n);

	return str_eq_nocase(str_head(str_skip(html, 1), name.n), name) &&
	       (behind.n == 0 || behind.p[0] <= '/' || behind.p[0] == '>');
}

/* A tag, or all of an element whose content is not for reading. */
static struct str
skip_tag(struct str html, struct buf *out)
{
	static const struct str hidden[] = { STR_INIT("style"), STR_INIT("script"),
		STR_INIT("title") };
	static const struct str breaks[] = { STR_INIT("br"), STR_INIT("p"), STR_INIT("/p"),
		STR_INIT("div"), STR_INIT("/div"), STR_INIT("tr"), STR_INIT("/tr"),
		STR_INIT("li"), STR_INIT("td"), STR_INIT("h1"), STR_INIT("h2"),
		STR_INIT("/h1"), STR_INIT("/h2"), STR_INIT("pre"), STR_INIT("/pre") };
	ptrdiff_t end = str_find_char(html, '>');

	/* "<ann@example.org>", as bad HTML has it, is text */
	if (end < 0 || str_find_char(str_head(html, (size_t)end), '@') > 0) {
		buf_add_char(out, '<');
		return str_skip(html, 1);
	}
	for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++)
		if (is_tag(html, breaks[i]))
			buf_add_char(out, '\n');
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
		ptrdiff_t close;

		if (!is_tag(html, hidden[i]))
			continue;
		close = str_find(html, STR("</"));
		if (close < 0)
			return str_skip(html, html.n);
		html = str_skip(html, (size_t)close);
		end = str_find_char(html, '>');
		break;
	}
	return str_skip(html, end < 0 ? html.n : (size_t)end + 1);
}

void
mime_text_add_html(struct buf *out, struct str html)
{
	while (html.n > 0) {
		if (html.p[0] == '<') {
			html = skip_tag(html, out);
		} else if (html.p[0] == '&') {
			html = skip_entity(html, out);
		} else {
			buf_add_char(out, html.p[0]);
			html = str_skip(html, 1);
		}
	}
}
