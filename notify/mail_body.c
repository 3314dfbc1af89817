/* Bodies: as they are, or quoted-printable. */
#include "notify/mail_impl.h"

enum {
	QP_LINE = 76,   /* RFC 2045, 6.7 (5) */
	FLOW_LINE = 72, /* RFC 3676, 4.2: shorter than 78, room for quoting */
};

static const char hex[] = "0123456789ABCDEF";

bool
body_is_7bit(struct str body)
{
	size_t line = 0;

	for (size_t i = 0; i < body.n; i++) {
		unsigned char b = (unsigned char)body.p[i];

		line = b == '\n' ? 0 : line + 1;
		if (b >= 0x7f || (b < 0x20 && b != '\n' && b != '\t') ||
		    line > MAIL_LINE_BYTES)
			return false;
	}
	return true;
}

void
body_add_7bit(struct buf *out, struct str body)
{
	while (body.n > 0) {
		buf_add(out, str_cut(&body, '\n'));
		buf_add(out, STR("\r\n"));
	}
}

/*
 * One line as quoted-printable (RFC 2045, 6.7), soft breaks as needed. "From " and a dot at
 * the beginning of a line are encoded, too: what stores mail may change them (RFC 2049, 3).
 */
static void
add_quoted_line(struct buf *out, struct str line)
{
	size_t column = 0;

	for (size_t i = 0; i < line.n; i++) {
		unsigned char b = (unsigned char)line.p[i];
		bool last = i + 1 == line.n;
		bool bare = (b > 0x20 && b < 0x7f && b != '=') ||
			    ((b == ' ' || b == '\t') && !last);

		if (column == 0 &&
		    (b == '.' || str_starts(str_skip(line, i), STR("From "))))
			bare = false;
		size_t cost = bare ? 1 : 3;

		/* A soft break needs a column; the last character of a line does not. */
		if (column + cost > QP_LINE - (last ? 0 : 1)) {
			buf_add(out, STR("=\r\n"));
			column = 0;
		}
		if (bare) {
			buf_add_char(out, (char)b);
		} else {
			char code[3] = { '=', hex[b >> 4], hex[b & 15] };

			buf_add(out, (struct str){ code, sizeof code });
		}
		column += cost;
	}
	buf_add(out, STR("\r\n"));
}

void
body_add_quoted(struct buf *out, struct str text)
{
	while (text.n > 0)
		add_quoted_line(out, str_cut(&text, '\n'));
}

/* What a reader would take for a quote or for stuffing (RFC 3676, 4.4), or mbox for a
 * message's beginning, gets a blank before it. */
static void
add_stuffed(struct buf *out, struct str line)
{
	if (str_starts(line, STR(" ")) || str_starts(line, STR(">")) ||
	    str_starts(line, STR("From ")))
		buf_add_char(out, ' ');
	buf_add(out, line);
	buf_add_char(out, '\n');
}

static size_t
columns(struct str text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	return n;
}

/* The words that fit on a line, with the blank behind the last of them. */
static struct str
cut_flowing(struct str *text)
{
	struct str all = *text;
	size_t end = 0;

	for (size_t i = 0; i < all.n; i++) {
		if (all.p[i] != ' ')
			continue;
		if (end > 0 && columns(str_head(all, i)) > FLOW_LINE)
			break;
		end = i + 1;
		if (columns(str_head(all, i)) > FLOW_LINE)
			break;
	}
	if (end == 0 || columns(all) <= FLOW_LINE)
		end = all.n;
	*text = str_skip(all, end);
	return str_head(all, end);
}

void
body_flow(struct buf *out, struct str text)
{
	while (text.n > 0) {
		struct str line = str_cut(&text, '\n');

		while (line.n > 0 && line.p[line.n - 1] == ' ')
			line.n--; /* a blank at the end would join it to the next */
		if (str_starts(line, STR("  "))) {
			add_stuffed(out, line);
			continue;
		}
		do {
			add_stuffed(out, cut_flowing(&line));
		} while (line.n > 0);
	}
}
