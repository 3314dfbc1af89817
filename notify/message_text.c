/*
 * A message as plain text. A paragraph is a line, however long: a phone and a terminal fold
 * it as they are wide, mail is folded when it is written (RFC 3676). Nothing needs a font of
 * fixed width.
 */
#include "notify/message_impl.h"

enum { TEXT_BYTES = 300000, DASHES = 40 };

static void
add_line(struct page *page, struct str text)
{
	buf_add(page->out, text);
	buf_add_char(page->out, '\n');
}

/* An empty line where another kind of text begins. */
static void
part(struct page *page, enum block block)
{
	enum block last = page->last;

	page->last = block;
	if (last == BLOCK_NONE || last == BLOCK_HEADING)
		return;
	if (last == block && block != BLOCK_PARAGRAPH)
		return;
	if (block == BLOCK_VERBATIM || (block == BLOCK_ITEM && last == BLOCK_PARAGRAPH) ||
	    (block == BLOCK_LINK && last == BLOCK_VERBATIM))
		return;
	buf_add_char(page->out, '\n');
}

static void
text_begin(struct page *page, struct str title)
{
	(void)page;
	(void)title; /* stands in the subject */
}

static void
text_end(struct page *page)
{
	(void)page;
}

static void
text_headline(struct page *page, enum tone tone, struct str word, struct str text)
{
	AUTO(buf_done) struct buf line = { 0 };

	(void)tone;
	part(page, BLOCK_HEADLINE);
	if (page->several) {
		for (int i = 0; i < DASHES; i++)
			buf_add_char(page->out, '-');
		buf_add_char(page->out, '\n');
	}
	buf_add(&line, word);
	buf_add(&line, STR(": "));
	buf_add(&line, text);
	add_line(page, buf_str(&line));
}

static void
text_line(struct page *page, enum tone tone, struct str word, struct str text)
{
	AUTO(buf_done) struct buf line = { 0 };

	(void)tone;
	part(page, BLOCK_LINE);
	buf_add(&line, word);
	buf_add_char(&line, ' ');
	buf_add(&line, text);
	add_line(page, buf_str(&line));
}

static void
text_fact(struct page *page, const char *label, struct str value)
{
	part(page, BLOCK_FACT);
	buf_addf(page->out, "%s: ", label);
	add_line(page, value);
}

static void
text_heading(struct page *page, struct str text)
{
	part(page, BLOCK_HEADING);
	buf_add(page->out, text);
	buf_add(page->out, STR(":\n"));
}

static void
text_paragraph(struct page *page, struct str text)
{
	part(page, BLOCK_PARAGRAPH);
	add_line(page, text);
}

static void
text_item(struct page *page, struct str mark, struct str text)
{
	part(page, BLOCK_ITEM);
	buf_add(page->out, mark);
	buf_add_char(page->out, ' ');
	add_line(page, text);
}

/* As they are, however long: people search and paste them. */
static void
text_verbatim(struct page *page, struct str lines)
{
	part(page, BLOCK_VERBATIM);
	while (lines.n > 0) {
		buf_add(page->out, STR("  "));
		buf_add(page->out, str_cut(&lines, '\n'));
		buf_add_char(page->out, '\n');
	}
}

static void
text_link(struct page *page, const char *label, struct str url)
{
	part(page, BLOCK_LINK);
	buf_addf(page->out, "%s: ", label);
	buf_add(page->out, url);
	buf_add_char(page->out, '\n');
}

static void
text_note(struct page *page, struct str text)
{
	part(page, BLOCK_NOTE);
	add_line(page, text);
}

const struct page_type page_text = {
	.max_bytes = TEXT_BYTES,
	.begin = text_begin,
	.end = text_end,
	.headline = text_headline,
	.line = text_line,
	.fact = text_fact,
	.heading = text_heading,
	.paragraph = text_paragraph,
	.item = text_item,
	.verbatim = text_verbatim,
	.link = text_link,
	.note = text_note,
};
