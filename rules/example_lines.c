#include "rules/example_lines.h"

#include <stdlib.h>

#include "core/clock.h"

#define DAY_US (86400 * (int64_t)US_PER_S)

static const char *const item_keys[] = { "repeat", NULL };
static const char *const repeat_keys[] = { "line", "from", "every", "for", NULL };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
	"Aug", "Sep", "Oct", "Nov", "Dec", NULL };

struct example_line {
	int64_t
	    at_s; /* since the year began; a line without a stamp follows the one before */
	size_t order;
	size_t from, n; /* in the text */
};

struct builder {
	struct buf text;
	struct example_line *lines; /* owned */
	size_t n, cap;
	struct diags *diags;
};

static int64_t
two_digits(struct str s, size_t at)
{
	char tens = s.p[at] == ' ' ? '0' : s.p[at];

	return (tens - '0') * 10 + (s.p[at + 1] - '0');
}

/* "Nov 21 02:41:17", as RFC 3164 has it, in 2026. */
static bool
parse_stamp(struct str s, int64_t *at_s)
{
	static const int days[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };

	if (s.n < 15 || s.p[6] != ' ' || s.p[9] != ':' || s.p[12] != ':')
		return false;
	for (int m = 0; months[m] != NULL; m++)
		if (str_starts(s, str_of(months[m]))) {
			int64_t day = days[m] + two_digits(s, 4) - 1;

			*at_s =
			    ((day * 24 + two_digits(s, 7)) * 60 + two_digits(s, 10)) * 60 +
			    two_digits(s, 13);
			return true;
		}
	return false;
}

static void
write_stamp(struct buf *out, int64_t at_s)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t day = at_s / 86400, s = at_s % 86400;
	int m = 0;

	while (m < 11 && day >= days[m])
		day -= days[m++];
	buf_addf(out, "%s %02d %02d:%02d:%02d", months[m], (int)day + 1, (int)(s / 3600),
	    (int)(s / 60 % 60), (int)(s % 60));
}

static bool
add(struct builder *b, int64_t at_s, size_t from)
{
	if (b->n == b->cap) {
		size_t cap = b->cap * 2 + 64;
		struct example_line *more = realloc(b->lines, cap * sizeof *more);

		if (more == NULL)
			return false;
		b->lines = more;
		b->cap = cap;
	}
	b->lines[b->n] = (struct example_line){ at_s, b->n, from, b->text.n - from };
	b->n++;
	return true;
}

static bool
add_text(struct builder *b, struct str text)
{
	int64_t at_s = 0;

	while (text.n > 0) {
		struct str line = str_cut(&text, '\n');
		size_t from = b->text.n;

		if (line.n == 0)
			continue;
		(void)parse_stamp(line, &at_s);
		buf_add(&b->text, line);
		buf_add_char(&b->text, '\n');
		if (!add(b, at_s, from))
			return false;
	}
	return true;
}

static void
fill(struct buf *out, struct str line, int64_t at_s, int64_t number)
{
	while (line.n > 0) {
		if (str_starts(line, STR("{time}"))) {
			write_stamp(out, at_s);
			line = str_skip(line, 6);
		} else if (str_starts(line, STR("{n}"))) {
			buf_addf(out, "%07lld", (long long)number);
			line = str_skip(line, 3);
		} else {
			buf_add_char(out, line.p[0]);
			line = str_skip(line, 1);
		}
	}
	buf_add_char(out, '\n');
}

static bool
add_repeat(struct builder *b, const struct ynode *repeat)
{
	struct str line, from;
	int64_t start_s, every_us, for_us;

	if (!ynode_is(repeat, YNODE_MAP, "line, from, every and for", b->diags) ||
	    !ynode_check_keys(repeat, repeat_keys, b->diags))
		return false;
	line = ynode_text(repeat, "line", STR(""), b->diags);
	from = ynode_text(repeat, "from", STR(""), b->diags);
	every_us = ynode_span_us(repeat, "every", 0, b->diags);
	for_us = ynode_span_us(repeat, "for", 0, b->diags);
	if (line.n == 0 || every_us <= 0 || !parse_stamp(from, &start_s)) {
		diag_add(b->diags, repeat->at,
		    "repeat wants `line`, `from` as in \"Nov 01 00:00:00\", `every` and `for`");
		return false;
	}
	if (for_us / every_us > EXAMPLE_MAX_LINES) {
		diag_add(b->diags, repeat->at, "more than %d lines", EXAMPLE_MAX_LINES);
		return false;
	}
	for (int64_t i = 0; i * every_us < for_us || i == 0; i++) {
		size_t at = b->text.n;
		int64_t at_s = start_s + i * every_us / US_PER_S;

		fill(&b->text, line, at_s, i);
		if (!add(b, at_s, at))
			return false;
	}
	return true;
}

static int
by_time(const void *a, const void *b)
{
	const struct example_line *x = a, *y = b;

	if (x->at_s != y->at_s)
		return x->at_s < y->at_s ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static bool
add_list(struct builder *b, const struct ynode *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct ynode *item = &list->values[i];

		if (item->type == YNODE_SCALAR) {
			if (!add_text(b, item->text))
				return false;
			continue;
		}
		if (!ynode_is(item, YNODE_MAP, "lines, or repeat", b->diags) ||
		    !ynode_check_keys(item, item_keys, b->diags) || item->n != 1 ||
		    !add_repeat(b, &item->values[0]))
			return false;
	}
	qsort(b->lines, b->n, sizeof *b->lines, by_time);
	return true;
}

bool
example_lines(const struct ynode *lines, struct buf *out, struct diags *diags)
{
	struct builder b = { .diags = diags };
	bool good = lines->type == YNODE_SCALAR
			? add_text(&b, lines->text)
			: lines->type == YNODE_LIST && add_list(&b, lines);

	for (size_t i = 0; good && i < b.n; i++)
		buf_add(out,
		    str_head(str_skip(buf_str(&b.text), b.lines[i].from), b.lines[i].n));
	good &= !b.text.failed && !out->failed;
	buf_done(&b.text);
	free(b.lines);
	return good;
}
