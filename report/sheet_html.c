/*
 * A digest as HTML for mail programs.
 *
 * They drop scripts and what they do not know, many drop style sheets, and each has its own
 * way to turn a page dark. So: styles in the elements, text and background left to the
 * reader's own colours, shades that are read on both, and bars with colours of their own. A
 * style sheet sets what only a screen's width can tell; without it all is still read.
 * Well-formed as XML, too.
 */
#include "report/sheet.h"

#define MONOSPACE "font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
#define SHADE "background:rgba(128,128,128,.15);"

static const struct {
	const char *bar;  /* white text is read on it: contrast 4.5 and more */
	const char *mark; /* read on white and on black: contrast 4.5 and 3 */
} colours[] = {
	[SHEET_PLAIN] = { "#57606a", "#6e7781" },
	[SHEET_GOOD] = { "#0b6e4f", "#0e8563" },
	[SHEET_INFO] = { "#0b5cad", "#2f74c0" },
	[SHEET_WARNING] = { "#8f5a00", "#a86a00" },
	[SHEET_CRITICAL] = { "#b3261e", "#d03a30" },
};

void
sheet_escape(struct buf *out, struct str text)
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

/* `postqueue -f` as code, without the backticks. */
static void
add_running(struct buf *out, struct str text)
{
	while (text.n > 0) {
		ptrdiff_t open = str_find_char(text, '`');
		struct str after = open < 0 ? STR("") : str_skip(text, (size_t)open + 1);
		ptrdiff_t close = str_find_char(after, '`');

		if (open < 0 || close < 0)
			break;
		sheet_escape(out, str_head(text, (size_t)open));
		buf_add(out, STR("<code style=\"" MONOSPACE SHADE
				 "font-size:.92em;padding:0 3px;border-radius:3px;"
				 "overflow-wrap:anywhere\">"));
		sheet_escape(out, str_head(after, (size_t)close));
		buf_add(out, STR("</code>"));
		text = str_skip(after, (size_t)close + 1);
	}
	sheet_escape(out, text);
}

/* Ends what is open where another kind of text begins. */
static void
part(struct sheet *sheet, enum sheet_block block)
{
	bool inner = block == SHEET_DETAIL || block == SHEET_ITEM || block == SHEET_COMMAND;

	if (sheet->last == SHEET_ITEM && block != SHEET_ITEM)
		buf_add(sheet->out, STR("</ul>\n"));
	if (sheet->open && !inner) {
		buf_add(sheet->out, STR("</div>\n"));
		sheet->open = false;
	}
	if (block == SHEET_ITEM && sheet->last != SHEET_ITEM)
		buf_add(sheet->out, STR("<ul style=\"margin:4px 0;padding-left:20px\">\n"));
	sheet->last = block;
}

static void
html_begin(struct sheet *sheet, struct str title)
{
	buf_add(sheet->out,
	    STR("<!DOCTYPE html>\n"
		"<html lang=\"en\">\n"
		"<head>\n"
		"<meta charset=\"utf-8\"/>\n"
		"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n"
		"<meta name=\"color-scheme\" content=\"light dark\"/>\n"
		"<meta name=\"supported-color-schemes\" content=\"light dark\"/>\n"
		"<title>"));
	sheet_escape(sheet->out, title);
	buf_add(sheet->out,
	    STR("</title>\n"
		"<style>\n"
		":root{color-scheme:light dark}\n"
		"@media (prefers-color-scheme:dark){body{background:#14171a;"
		"color:#e3e6e8}}\n"
		"@media (max-width:480px){td,th{font-size:12px!important;"
		"padding-left:5px!important}td:first-child,th:first-child{"
		"padding-left:0!important}}\n"
		"</style>\n"
		"</head>\n"
		"<body style=\"margin:0;padding:0\">\n"
		"<div style=\"max-width:680px;margin:0 auto;padding:12px;"
		"font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,"
		"sans-serif;font-size:16px;line-height:1.45;overflow-wrap:anywhere\">\n"
		"<h1 style=\"font-size:15px;font-weight:normal;margin:0 0 10px\">"));
	sheet_escape(sheet->out, title);
	buf_add(sheet->out, STR("</h1>\n"));
	sheet->last = SHEET_NOTE;
}

static void
html_end(struct sheet *sheet)
{
	part(sheet, SHEET_NOTHING);
	buf_add(sheet->out, STR("</div>\n</body>\n</html>\n"));
}

static void
html_verdict(struct sheet *sheet, enum sheet_tone tone, struct str text)
{
	part(sheet, SHEET_VERDICT);
	buf_addf(sheet->out,
	    "<p style=\"background:%s;color:#ffffff;font-size:18px;line-height:1.35;"
	    "padding:10px 14px;border-radius:6px;margin:0 0 14px\">",
	    colours[tone].bar);
	sheet_escape(sheet->out, text);
	buf_add(sheet->out, STR("</p>\n"));
}

static void
html_heading(struct sheet *sheet, struct str text)
{
	part(sheet, SHEET_HEADING);
	buf_add(sheet->out, STR("<h2 style=\"font-size:17px;line-height:1.3;margin:26px 0 "
				"6px;padding-top:8px;border-top:1px solid "
				"rgba(128,128,128,.4)\">"));
	sheet_escape(sheet->out, text);
	buf_add(sheet->out, STR("</h2>\n"));
}

static void
html_paragraph(struct sheet *sheet, struct str text)
{
	part(sheet, SHEET_PARAGRAPH);
	buf_add(sheet->out, STR("<p style=\"margin:0 0 8px\">"));
	add_running(sheet->out, text);
	buf_add(sheet->out, STR("</p>\n"));
}

static void
html_entry(struct sheet *sheet, enum sheet_tone tone, struct str word, struct str text)
{
	part(sheet, SHEET_ENTRY);
	buf_addf(sheet->out,
	    "<div style=\"border-left:5px solid %s;padding:1px 0 1px 10px;margin:0 0 10px\">\n"
	    "<p style=\"margin:0 0 2px\"><b style=\"color:%s\">",
	    colours[tone].bar, colours[tone].mark);
	sheet_escape(sheet->out, word);
	buf_add(sheet->out, STR(":</b> "));
	add_running(sheet->out, text);
	buf_add(sheet->out, STR("</p>\n"));
	sheet->open = true;
}

static void
html_detail(struct sheet *sheet, struct str text)
{
	part(sheet, SHEET_DETAIL);
	buf_add(sheet->out, STR("<p style=\"margin:0 0 4px;font-size:15px\">"));
	add_running(sheet->out, text);
	buf_add(sheet->out, STR("</p>\n"));
}

static void
html_item(struct sheet *sheet, struct str text)
{
	part(sheet, SHEET_ITEM);
	buf_add(sheet->out, STR("<li style=\"margin:0 0 3px;font-size:15px\">"));
	add_running(sheet->out, text);
	buf_add(sheet->out, STR("</li>\n"));
}

static void
html_command(struct sheet *sheet, struct str text)
{
	part(sheet, SHEET_COMMAND);
	buf_add(sheet->out, STR("<p style=\"" MONOSPACE SHADE
				"font-size:13px;border-radius:4px;padding:3px 8px;"
				"margin:4px 0\">"));
	sheet_escape(sheet->out, text);
	buf_add(sheet->out, STR("</p>\n"));
}

static void
add_cell(struct buf *out, const char *element, const char *more, bool left, struct str text)
{
	buf_addf(out,
	    "<%s%s style=\"text-align:%s;vertical-align:top;%s"
	    "padding:3px 0 3px 10px;font-size:14px;line-height:1.3;"
	    "border-bottom:1px solid rgba(128,128,128,.25)\">",
	    element, more, left ? "left" : "right",
	    left              ? "overflow-wrap:normal;"
	    : more[0] != '\0' ? "overflow-wrap:normal;"
			      : "white-space:nowrap;font-variant-numeric:tabular-nums;");
	sheet_escape(out, text);
	buf_addf(out, "</%s>", element);
}

static void
html_table(struct sheet *sheet, const struct sheet_table *table)
{
	struct buf *out = sheet->out;

	part(sheet, SHEET_TABLE);
	buf_add(out, STR("<table aria-label=\""));
	sheet_escape(out, str_of(table->caption));
	buf_add(out, STR("\" style=\"border-collapse:collapse;width:100%;margin:4px 0 "
			 "12px\">\n<tr>"));
	for (size_t c = 0; c < table->ncells; c++)
		add_cell(out, "th", " scope=\"col\"", c == 0, str_of(table->heads[c]));
	buf_add(out, STR("</tr>\n"));
	for (size_t r = 0; r < table->nrows; r++) {
		buf_add(out, STR("<tr>"));
		for (size_t c = 0; c < table->ncells; c++)
			add_cell(out, "td", "", c == 0, table->cells[r][c]);
		buf_add(out, STR("</tr>\n"));
	}
	buf_add(out, STR("</table>\n"));
}

static void
html_plot(struct sheet *sheet, struct str url, int width, int height, struct str alt)
{
	part(sheet, SHEET_PLOT);
	buf_add(sheet->out, STR("<p style=\"margin:8px 0 12px\"><img src=\""));
	sheet_escape(sheet->out, url);
	buf_addf(sheet->out,
	    "\" width=\"%d\" height=\"%d\" style=\"display:block;width:100%%;max-width:%dpx;"
	    "height:auto;border:0;border-radius:6px\" alt=\"",
	    width, height, width);
	sheet_escape(sheet->out, alt);
	buf_add(sheet->out, STR("\"/></p>\n"));
}

static void
html_note(struct sheet *sheet, struct str text)
{
	part(sheet, SHEET_NOTE);
	buf_add(sheet->out,
	    STR("<p style=\"font-size:13px;opacity:.75;margin:24px 0 0;padding-top:8px;"
		"border-top:1px solid rgba(128,128,128,.4)\">"));
	add_running(sheet->out, text);
	buf_add(sheet->out, STR("</p>\n"));
}

const struct sheet_type sheet_html = {
	.begin = html_begin,
	.end = html_end,
	.verdict = html_verdict,
	.heading = html_heading,
	.paragraph = html_paragraph,
	.entry = html_entry,
	.detail = html_detail,
	.item = html_item,
	.command = html_command,
	.table = html_table,
	.plot = html_plot,
	.note = html_note,
};
