/* Advice: paragraphs, lists and commands, as rule authors write them. */
#include "core/plain.h"
#include "notify/message_impl.h"

enum { LABEL_WORDS = 3, LABEL_BYTES = 30 };

/* How much of a line is a list mark ("- ", "* ", "2. ", "2) ")? */
static size_t
list_mark(struct str line)
{
	size_t n = 0;

	if (str_starts(line, STR("- ")) || str_starts(line, STR("* ")))
		return 2;
	while (n < line.n && n < 2 && line.p[n] >= '0' && line.p[n] <= '9')
		n++;
	struct str rest = str_skip(line, n);

	return n > 0 && (str_starts(rest, STR(". ")) || str_starts(rest, STR(") "))) ? n + 2
										     : 0;
}

static bool
is_blank(struct str line)
{
	return str_trim(line).n == 0;
}

static bool
is_verbatim(struct str line)
{
	return line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t') && !is_blank(line);
}

/* Lines of text that flow together: up to a blank, indented or list line. */
static struct str
cut_paragraph(struct str *text)
{
	struct str all = *text;
	struct str line = str_cut(text, '\n');
	size_t n = line.n;

	while (text->n > 0) {
		struct str rest = *text;
		struct str next = str_cut(&rest, '\n');

		if (is_blank(next) || is_verbatim(next) || list_mark(next) > 0)
			break;
		n += 1 + next.n;
		*text = rest;
	}
	return str_head(all, n);
}

/*
 * "Postfix: ...", "Many at once: ...": a sentence that begins with what it is about. Its
 * label is of a few plain words; 0: it has none.
 */
static size_t
label_of(struct str sentence)
{
	size_t words = 1;

	for (size_t i = 0; i < sentence.n && i < LABEL_BYTES; i++) {
		char c = sentence.p[i];

		if (c == ':')
			return i > 0 && i + 1 < sentence.n && sentence.p[i + 1] == ' ' ? i
										       : 0;
		if (c == ' ' && ++words > LABEL_WORDS)
			return 0;
		if (c != ' ' && c != '-' &&
		    !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9')))
			return 0;
	}
	return 0;
}

/* The sentences before the next one that has a label. */
static struct str
cut_unlabelled(struct str *text)
{
	struct str all = *text;

	for (size_t i = 1; i + 1 < all.n; i++) {
		bool end = all.p[i] == ' ' && str_find_char(STR(".?!)"), all.p[i - 1]) >= 0;

		if (!end || all.p[i - 1] == ')' || label_of(str_skip(all, i + 1)) == 0)
			continue;
		*text = str_skip(all, i + 1);
		return str_head(all, i);
	}
	*text = (struct str){ NULL, 0 };
	return all;
}

/* A paragraph with two such sentences or more reads better as a list. */
static void
add_paragraph(struct page *page, struct str text)
{
	struct str rest = text;
	size_t labels = label_of(rest) > 0;

	(void)cut_unlabelled(&rest);
	while (rest.n > 0) {
		labels++;
		(void)cut_unlabelled(&rest);
	}
	if (labels < 2) {
		page->type->paragraph(page, text);
		return;
	}
	while (text.n > 0) {
		struct str part = cut_unlabelled(&text);

		if (label_of(part) > 0)
			page->type->item(page, STR("-"), part);
		else
			page->type->paragraph(page, part);
	}
}

static void
add_flowing(struct page *page, struct str text)
{
	AUTO(buf_done) struct buf flow = { 0 };
	AUTO(buf_done) struct buf safe = { 0 };
	size_t mark = list_mark(text);

	for (size_t i = 0; i < text.n; i++)
		buf_add_char(&flow, text.p[i] == '\n' ? ' ' : text.p[i]);
	plain_add(&safe, str_trim(str_skip(buf_str(&flow), mark)));
	if (mark > 0)
		page->type->item(page, str_trim(str_head(text, mark)), buf_str(&safe));
	else
		add_paragraph(page, buf_str(&safe));
}

static void
add_verbatim(struct page *page, struct str *text)
{
	AUTO(buf_done) struct buf lines = { 0 };

	while (text->n > 0) {
		struct str rest = *text;
		struct str line = str_cut(&rest, '\n');

		if (!is_verbatim(line))
			break;
		plain_add(&lines, str_trim(line));
		buf_add_char(&lines, '\n');
		*text = rest;
	}
	page->type->verbatim(page, buf_str(&lines));
}

void
story_advice(struct page *page, struct str advice)
{
	struct str rest = text_head(advice, MESSAGE_ADVICE_BYTES);

	while (rest.n > 0) {
		struct str after = rest;
		struct str line = str_cut(&after, '\n');

		if (is_blank(line))
			rest = after;
		else if (is_verbatim(line))
			add_verbatim(page, &rest);
		else
			add_flowing(page, cut_paragraph(&rest));
	}
	if (advice.n > MESSAGE_ADVICE_BYTES)
		page->type->paragraph(page, STR("..."));
}
