/*
 * A message as HTML for mail programs.
 *
 * Mail programs drop style sheets, scripts and what they do not know, and each has its own
 * way to turn a page dark. So: styles in the elements, nothing from elsewhere, text and
 * background left to the reader's own colours, and shades that are read on both: only the
 * bars have colours of their own. It is well-formed XML, too.
 */
#include "notify/message_impl.h"

#define MONOSPACE "font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
#define SHADE "background:rgba(128,128,128,.15);"
/* A log line has words as long as a screen is wide. */
#define WRAP "white-space:pre-wrap;overflow-wrap:anywhere;word-break:break-word;"

static const struct {
	const char *bar;  /* white text is read on it: contrast 4.5 and more */
	const char *mark; /* read on white and on black: contrast 4.5 and 3 */
} colours[] = {
	[TONE_PLAIN] = { "#57606a", "#6e7781" },
	[TONE_GOOD] = { "#1a7f37", "#2a8a45" },
	[TONE_INFO] = { "#0b5cad", "#2f74c0" },
	[TONE_WARNING] = { "#8f5a00", "#a86a00" },
	[TONE_CRITICAL] = { "#b3261e", "#d03a30" },
};

static void
add_escaped(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		switch (text.p[i]) {
		case '&': buf_add(out, STR("&amp;")); break;
		case '<': buf_add(out, STR("&lt;")); break;
		case '>': buf_add(out, STR("&gt;")); break;
		case '"': buf_add(out, STR("&quot;")); break;
		case '\'': buf_add(out, STR("&#39;")); break;
		default: buf_add_char(out, text.p[i]);
		}
}

/* `postqueue -f` as code. sendmail's m4 has other quotes, `so', which stay as they are. */
static void
add_running(struct buf *out, struct str text)
{
	while (text.n > 0) {
		ptrdiff_t open = str_find_char(text, '`');

		if (open < 0)
			break;
		add_escaped(out, str_head(text, (size_t)open));
		text = str_skip(text, (size_t)open + 1);
		ptrdiff_t close = str_find_char(text, '`');
		struct str code = str_head(text, close < 0 ? 0 : (size_t)close);

		if (code.n == 0 || str_find_char(code, '\'') >= 0) {
			buf_add_char(out, '`');
			continue;
		}
		buf_add(out, STR("<code style=\"" MONOSPACE SHADE
				 "font-size:.9em;padding:0 3px;border-radius:3px;"
				 "overflow-wrap:anywhere\">"));
		add_escaped(out, code);
		buf_add(out, STR("</code>"));
		text = str_skip(text, (size_t)close + 1);
	}
	add_escaped(out, text);
}

/* Lists and tables end where another kind of text begins. */
static void
part(struct page *page, enum block block)
{
	enum block last = page->last;

	page->last = block;
	if (last == block)
		return;
	if (last == BLOCK_FACT || last == BLOCK_LINE)
		buf_add(page->out, STR("</table>\n"));
	if (block == BLOCK_FACT)
		buf_add(page->out,
		    STR("<table role=\"presentation\" cellpadding=\"0\" "
			"cellspacing=\"0\" style=\"border-collapse:collapse;font-size:15px;"
			"margin:0 0 12px\">\n"));
	if (block == BLOCK_LINE)
		buf_add(page->out,
		    STR("<table role=\"presentation\" cellpadding=\"0\" "
			"cellspacing=\"0\" style=\"border-collapse:collapse;width:100%;"
			"margin:0 0 12px\">\n"));
}

static void
html_begin(struct page *page, struct str title)
{
	buf_add(page->out,
	    STR("<!DOCTYPE html>\n"
		"<html lang=\"en\" style=\"color-scheme:light dark\">\n"
		"<head>\n"
		"<meta charset=\"utf-8\"/>\n"
		"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n"
		"<meta name=\"color-scheme\" content=\"light dark\"/>\n"
		"<meta name=\"supported-color-schemes\" content=\"light dark\"/>\n"
		"<title>"));
	add_escaped(page->out, title);
	buf_add(page->out,
	    STR("</title>\n"
		"</head>\n"
		"<body style=\"margin:0;padding:0\">\n"
		"<div style=\"max-width:680px;margin:0 auto;padding:12px;"
		"font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,"
		"sans-serif;font-size:16px;line-height:1.45;overflow-wrap:break-word\">\n"));
}

static void
html_end(struct page *page)
{
	part(page, BLOCK_NONE);
	buf_add(page->out, STR("</div>\n</body>\n</html>\n"));
}

static void
html_headline(struct page *page, enum tone tone, struct str word, struct str text)
{
	bool below = page->last != BLOCK_NONE;

	part(page, BLOCK_HEADLINE);
	buf_addf(page->out,
	    "<div style=\"background:%s;color:#ffffff;font-weight:bold;"
	    "padding:6px 12px;border-radius:6px;margin:%s 0 8px\">",
	    colours[tone].bar, below ? "32px" : "0");
	add_escaped(page->out, word);
	buf_add(page->out,
	    STR("</div>\n<p style=\"font-size:19px;line-height:1.3;font-weight:bold;"
		"margin:0 0 12px;overflow-wrap:anywhere\">"));
	add_escaped(page->out, text);
	buf_add(page->out, STR("</p>\n"));
}

static void
html_line(struct page *page, enum tone tone, struct str word, struct str text)
{
	part(page, BLOCK_LINE);
	buf_addf(page->out,
	    "<tr><td style=\"border-left:6px solid %s;padding:2px 0 2px 10px;"
	    "border-bottom:6px solid transparent;overflow-wrap:anywhere\">"
	    "<b style=\"color:%s\">",
	    colours[tone].bar, colours[tone].mark);
	add_escaped(page->out, word);
	buf_add(page->out, STR("</b> "));
	add_escaped(page->out, text);
	buf_add(page->out, STR("</td></tr>\n"));
}

static void
html_fact(struct page *page, const char *label, struct str value)
{
	part(page, BLOCK_FACT);
	buf_addf(page->out,
	    "<tr><td style=\"padding:1px 14px 1px 0;vertical-align:top;opacity:.7;"
	    "white-space:nowrap\">%s</td>"
	    "<td style=\"padding:1px 0;vertical-align:top;overflow-wrap:anywhere\">",
	    label);
	add_escaped(page->out, value);
	buf_add(page->out, STR("</td></tr>\n"));
}

static void
html_heading(struct page *page, struct str text)
{
	part(page, BLOCK_HEADING);
	buf_add(page->out, STR("<p style=\"font-weight:bold;margin:16px 0 4px\">"));
	add_escaped(page->out, text);
	buf_add(page->out, STR("</p>\n"));
}

static void
html_paragraph(struct page *page, struct str text)
{
	part(page, BLOCK_PARAGRAPH);
	buf_add(page->out, STR("<p style=\"margin:0 0 8px\">"));
	add_running(page->out, text);
	buf_add(page->out, STR("</p>\n"));
}

static void
html_item(struct page *page, struct str mark, struct str text)
{
	part(page, BLOCK_ITEM);
	buf_addf(page->out, "<p style=\"margin:0 0 6px;padding-left:%s;text-indent:-%s\">",
	    mark.n > 1 ? "1.6em" : "1em", mark.n > 1 ? "1.6em" : "1em");
	add_escaped(page->out, str_eq(mark, STR("-")) ? STR("\xe2\x80\x93") : mark);
	buf_add_char(page->out, ' ');
	add_running(page->out, text);
	buf_add(page->out, STR("</p>\n"));
}

static void
html_verbatim(struct page *page, struct str lines)
{
	part(page, BLOCK_VERBATIM);
	buf_add(page->out,
	    STR("<div style=\"" MONOSPACE SHADE
		"font-size:13px;line-height:1.4;border-radius:6px;padding:8px 10px 4px;"
		"margin:0 0 12px\">\n"));
	while (lines.n > 0) {
		/* What is folded by the screen is set in: each line is seen as one. */
		buf_add(page->out,
		    STR("<div style=\"" WRAP
			"padding-left:1em;text-indent:-1em;margin:0 0 4px\">"));
		add_escaped(page->out, str_cut(&lines, '\n'));
		buf_add(page->out, STR("</div>\n"));
	}
	buf_add(page->out, STR("</div>\n"));
}

/* An address that a mail program may be told to open: http(s), plain characters. */
static bool
is_web_address(struct str url)
{
	if (!str_starts(url, STR("https://")) && !str_starts(url, STR("http://")))
		return false;
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] >= 0x7f ||
		    str_find_char(STR("\"'<>\\^`{|}"), url.p[i]) >= 0)
			return false;
	return true;
}

static void
html_link(struct page *page, const char *label, struct str url)
{
	part(page, BLOCK_LINK);
	buf_addf(page->out,
	    "<p style=\"margin:0 0 8px;overflow-wrap:anywhere\">%s: ", label);
	if (is_web_address(url)) {
		buf_add(page->out, STR("<a href=\""));
		add_escaped(page->out, url);
		buf_add(page->out, STR("\">"));
		add_escaped(page->out, url);
		buf_add(page->out, STR("</a>"));
	} else {
		add_escaped(page->out, url);
	}
	buf_add(page->out, STR("</p>\n"));
}

static void
html_note(struct page *page, struct str text)
{
	part(page, BLOCK_NOTE);
	buf_add(page->out,
	    STR("<p style=\"font-size:13px;opacity:.7;margin:20px 0 0;padding-top:8px;"
		"border-top:1px solid rgba(128,128,128,.4)\">"));
	add_escaped(page->out, text);
	buf_add(page->out, STR("</p>\n"));
}

const struct page_type page_html = {
	.max_bytes = MESSAGE_HTML_BYTES,
	.begin = html_begin,
	.end = html_end,
	.headline = html_headline,
	.line = html_line,
	.fact = html_fact,
	.heading = html_heading,
	.paragraph = html_paragraph,
	.item = html_item,
	.verbatim = html_verbatim,
	.link = html_link,
	.note = html_note,
};
