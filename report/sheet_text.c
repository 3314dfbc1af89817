/* A digest as plain text, for terminals and for mail programs that show no HTML. */
#include "core/plain.h"
#include "report/sheet.h"

enum { INDENT = 2, ITEM_INDENT = 4, GAP = 2, LEAST_WIDE = 12 };

/* Ranges that take two columns, roughly (Unicode Standard Annex 11, W and F). */
static bool
is_wide(uint32_t code)
{
	return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
	       (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
	       (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
	       (code >= 0x1f300 && code <= 0x1faff) || (code >= 0x20000 && code <= 0x3fffd);
}

/* Its bytes; *width: its columns. */
static size_t
take_char(struct str text, size_t *width)
{
	struct plain_char c = plain_char_at(text);

	*width = c.n > 0 && is_wide(c.code) ? 2 : 1;
	return c.n > 0 ? c.n : 1;
}

size_t
sheet_columns(struct str text)
{
	size_t columns = 0, width;

	while (text.n > 0) {
		text = str_skip(text, take_char(text, &width));
		columns += width;
	}
	return columns;
}

/* As much of the text as fits into so many columns, one character at least. */
static struct str
head_of_columns(struct str text, size_t most)
{
	size_t n = 0, columns = 0, width;

	while (n < text.n) {
		size_t bytes = take_char(str_skip(text, n), &width);

		if (columns + width > most && n > 0)
			break;
		columns += width;
		n += bytes;
	}
	return str_head(text, n);
}

static void
add_blanks(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_add_char(out, ' ');
}

/* A link that is longer than a line: cut, nobody could follow it. */
static bool
is_link(struct str word)
{
	enum { LINK_BYTES = 500 };

	return word.n <= LINK_BYTES &&
	       (str_starts(word, STR("https://")) || str_starts(word, STR("http://")));
}

/* The next line of a text that flows; words that are longer than a line are cut. */
static struct str
cut_line(struct str *text, size_t most)
{
	struct str all = str_trim(*text), line = { all.p, 0 };

	for (size_t i = 0; i <= all.n; i++) {
		if (i < all.n && all.p[i] != ' ')
			continue;
		if (sheet_columns(str_head(all, i)) > most)
			break;
		line.n = i;
	}
	struct str rest = all;
	struct str word = str_cut(&rest, ' ');

	if (line.n == 0)
		line = is_link(word) ? word : head_of_columns(all, most);
	*text = str_trim(str_skip(all, line.n));
	return str_trim(line);
}

/* The first line begins with `mark`, the others as far in. */
static void
add_folded(struct sheet *sheet, struct str mark, size_t indent, struct str text)
{
	bool first = true;

	do {
		struct str line = cut_line(&text, SHEET_COLUMNS - indent);

		if (first)
			buf_add(sheet->out, mark);
		add_blanks(sheet->out, first ? indent - sheet_columns(mark) : indent);
		buf_add(sheet->out, line);
		buf_add_char(sheet->out, '\n');
		first = false;
	} while (text.n > 0);
}

/* An empty line where another kind of text begins. */
static void
part(struct sheet *sheet, enum sheet_block block)
{
	enum sheet_block last = sheet->last;
	bool inner = block == SHEET_DETAIL || block == SHEET_ITEM || block == SHEET_COMMAND;

	sheet->last = block;
	if (last == SHEET_NOTHING || last == SHEET_HEADING || inner ||
	    (last == SHEET_ENTRY && block == SHEET_ENTRY))
		return;
	buf_add_char(sheet->out, '\n');
}

static void
text_begin(struct sheet *sheet, struct str title)
{
	add_folded(sheet, STR(""), 0, title);
	sheet->last = SHEET_NOTE;
}

static void
text_end(struct sheet *sheet)
{
	(void)sheet;
}

static void
text_verdict(struct sheet *sheet, enum sheet_tone tone, struct str text)
{
	(void)tone;
	part(sheet, SHEET_VERDICT);
	add_folded(sheet, STR(""), 0, text);
}

static void
text_heading(struct sheet *sheet, struct str text)
{
	part(sheet, SHEET_HEADING);
	add_folded(sheet, STR(""), 0, text);
	for (size_t i = sheet_columns(text); i > 0; i--)
		buf_add_char(sheet->out, '-');
	buf_add_char(sheet->out, '\n');
}

static void
text_paragraph(struct sheet *sheet, struct str text)
{
	part(sheet, SHEET_PARAGRAPH);
	add_folded(sheet, STR(""), 0, text);
}

static void
text_entry(struct sheet *sheet, enum sheet_tone tone, struct str word, struct str text)
{
	AUTO(buf_done) struct buf line = { 0 };

	(void)tone;
	part(sheet, SHEET_ENTRY);
	buf_add(&line, word);
	buf_add(&line, STR(": "));
	buf_add(&line, text);
	add_folded(sheet, STR("*"), INDENT, buf_str(&line));
	sheet->out->failed |= line.failed;
}

static void
text_detail(struct sheet *sheet, struct str text)
{
	part(sheet, SHEET_DETAIL);
	add_folded(sheet, STR(""), INDENT, text);
}

static void
text_item(struct sheet *sheet, struct str text)
{
	part(sheet, SHEET_ITEM);
	add_folded(sheet, STR("  -"), ITEM_INDENT, text);
}

static void
text_command(struct sheet *sheet, struct str text)
{
	part(sheet, SHEET_COMMAND);
	add_folded(sheet, STR(""), ITEM_INDENT, text);
}

/* --- tables --- */

static void
measure(const struct sheet_table *table, size_t *widths)
{
	size_t sum = 0;

	for (size_t c = 0; c < table->ncells; c++) {
		widths[c] = sheet_columns(str_of(table->heads[c]));
		for (size_t r = 0; r < table->nrows; r++) {
			size_t n = sheet_columns(table->cells[r][c]);

			widths[c] = n > widths[c] ? n : widths[c];
		}
		sum += widths[c] + (c > 0 ? GAP : 0);
	}
	/* What does not fit is taken from the first column: it is folded. */
	size_t over = sum > SHEET_COLUMNS ? sum - SHEET_COLUMNS : 0;

	if (over > 0)
		widths[0] = widths[0] > over + LEAST_WIDE ? widths[0] - over : LEAST_WIDE;
}

static void
add_row(struct sheet *sheet, const struct sheet_table *table, const struct str *cells,
    const size_t *widths)
{
	struct str rest = cells[0];
	bool first = true;

	do {
		struct str folded = cut_line(&rest, widths[0]);
		AUTO(buf_done) struct buf line = { 0 };

		for (size_t c = 0; c < table->ncells; c++) {
			struct str cell = c == 0 ? folded : first ? cells[c] : STR("");
			size_t width = sheet_columns(cell);
			size_t pad = widths[c] > width ? widths[c] - width : 0;

			add_blanks(&line, (c > 0 ? GAP : 0) + (c == 0 ? 0 : pad));
			buf_add(&line, cell);
			add_blanks(&line, c == 0 ? pad : 0);
		}
		while (line.n > 0 && line.p[line.n - 1] == ' ')
			line.n--;
		buf_add(sheet->out, buf_str(&line));
		buf_add_char(sheet->out, '\n');
		sheet->out->failed |= line.failed;
		first = false;
	} while (rest.n > 0);
}

static void
text_table(struct sheet *sheet, const struct sheet_table *table)
{
	struct str heads[SHEET_CELLS];
	size_t widths[SHEET_CELLS];

	part(sheet, SHEET_TABLE);
	for (size_t c = 0; c < table->ncells; c++)
		heads[c] = str_of(table->heads[c]);
	measure(table, widths);
	add_row(sheet, table, heads, widths);
	for (size_t r = 0; r < table->nrows; r++)
		add_row(sheet, table, table->cells[r], widths);
}

static void
text_plot(struct sheet *sheet, struct str url, int width, int height, struct str alt)
{
	(void)url;
	(void)width;
	(void)height;
	part(sheet, SHEET_PLOT);
	add_folded(sheet, STR(""), 0, alt);
}

static void
text_note(struct sheet *sheet, struct str text)
{
	part(sheet, SHEET_NOTE);
	add_folded(sheet, STR(""), 0, text);
}

const struct sheet_type sheet_text = {
	.begin = text_begin,
	.end = text_end,
	.verdict = text_verdict,
	.heading = text_heading,
	.paragraph = text_paragraph,
	.entry = text_entry,
	.detail = text_detail,
	.item = text_item,
	.command = text_command,
	.table = text_table,
	.plot = text_plot,
	.note = text_note,
};
