#include "notify/shapes_text.h"

#include "core/plain.h"

/* U+2060 WORD JOINER shows nothing, and the name behind it is none any more. */
#define JOINER "\xe2\x81\xa0"
/* U+200B ZERO WIDTH SPACE */
#define THIN "\xe2\x80\x8b"

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || (unsigned char)c >= 0x80;
}

static const char *
entity_of(char c)
{
	switch (c) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	default: return NULL;
	}
}

/*
 * Markdown has no escape that all services know, so a mark is replaced by its like. An
 * underscore inside of a word (process_limit) is no mark.
 */
static const char *
like_of(char c, char before, char after)
{
	switch (c) {
	case '*': return "\xe2\x88\x97"; /* U+2217 ASTERISK OPERATOR */
	case '~': return "\xe2\x88\xbc"; /* U+223C TILDE OPERATOR */
	case '`': return "'";
	case '|': return "\xc2\xa6"; /* U+00A6 BROKEN BAR */
	case '_':
		/* U+FF3F FULLWIDTH LOW LINE */
		return is_word(before) && is_word(after) ? NULL : "\xef\xbc\xbf";
	default: return NULL;
	}
}

static bool
is_line(enum shape_markup markup)
{
	return markup == MARKUP_LINE || markup == MARKUP_SLACK_LINE;
}

/* One ASCII character between its neighbours, 0 at the ends. */
static void
add_ascii(struct buf *out, char c, char before, char after, enum shape_markup markup)
{
	bool code = markup == MARKUP_CODE || markup == MARKUP_SLACK_CODE;
	bool slack = markup == MARKUP_SLACK_LINE || markup == MARKUP_SLACK_CODE;
	const char *like = is_line(markup) ? like_of(c, before, after) : NULL;
	const char *entity = markup == MARKUP_HTML || slack ? entity_of(c) : NULL;

	if (slack && c == '"')
		entity = NULL;
	if (like != NULL || entity != NULL)
		buf_add(out, str_of(like != NULL ? like : entity));
	else
		buf_add_char(out, c);
	/* Three backticks in a row end the block. */
	if (code && c == '`')
		buf_add(out, STR(THIN));
	/* "@here" is a mention, "ann@example.org" is none. */
	if ((is_line(markup) || markup == MARKUP_HTML) && c == '@' && !is_word(before))
		buf_add(out, STR(JOINER));
	/* "<@1>", "[a](b)", "![a](b)" */
	if (is_line(markup) && ((c == '<' && !slack) || (c == ']' && after == '(')))
		buf_add(out, STR(JOINER));
}

/* One character; its bytes in text. */
static size_t
add_char(struct buf *out, struct str text, char before, enum shape_markup markup)
{
	struct plain_char c = plain_char_at(text);

	if (c.n == 1) {
		add_ascii(out, text.p[0], before, text.n > 1 ? text.p[1] : '\0', markup);
		return 1;
	}
	if (c.n == 0) { /* not UTF-8, as JSON must be */
		buf_add(out, STR("\xef\xbf\xbd"));
		return 1;
	}
	buf_add(out, str_head(text, c.n));
	return c.n;
}

size_t
shape_utf16(struct str text)
{
	size_t units = 0;

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if ((c & 0xc0) != 0x80)
			units += c >= 0xf0 ? 2 : 1;
	}
	return units;
}

/* What was written for one character. */
static size_t
units_of(struct str added, enum shape_measure measure)
{
	if (measure == MEASURE_BYTES)
		return added.n;
	if (measure == MEASURE_SHOWN && added.n > 1 && added.p[0] == '&')
		return 1; /* an entity */
	return shape_utf16(added);
}

void
shape_add_text(struct buf *out, struct str text, enum shape_markup markup,
    enum shape_measure measure, size_t max)
{
	const struct str dots = STR("...");
	size_t room = max > dots.n ? max - dots.n : 0;
	size_t start = out->n, cut = start, used = 0;
	char before = '\0';

	while (text.n > 0 && !out->failed) {
		size_t from = out->n;
		size_t n = add_char(out, text, before, markup);

		used += units_of((struct str){ out->p + from, out->n - from }, measure);
		if (used <= room)
			cut = out->n;
		if (used > max) {
			out->n = cut;
			if (max >= dots.n)
				buf_add(out, dots);
			return;
		}
		before = text.p[n - 1];
		text = str_skip(text, n);
	}
}

void
shape_add_segment(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		bool plain = (unsigned char)c < 0x80 &&
			     (is_word(c) || c == '-' || c == '.' || c == '~');

		if (plain)
			buf_add_char(out, c);
		else
			buf_addf(out, "%%%02X", (unsigned char)c);
	}
}
