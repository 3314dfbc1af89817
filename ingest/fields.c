#include "ingest/fields.h"

#include "ingest/report.h"

struct str
field_name_of(struct str line)
{
	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if (c == ':')
			return str_head(line, i);
		/* "Name :" is obsolete, but still read (RFC 5322, 4.5) */
		if ((c == ' ' || c == '\t') && i > 0 && i + 1 < line.n &&
		    line.p[i + 1] == ':')
			return str_head(line, i);
		if (c <= ' ' || c > '~')
			break;
	}
	return (struct str){ NULL, 0 };
}

static void
add_line(struct buf *to, struct str text)
{
	text = str_trim(text);
	if (to->n > 0 && text.n > 0)
		buf_add_char(to, ' ');
	if (to->n < REPORT_FIELD_BYTES)
		buf_add(to, str_head(text, REPORT_FIELD_BYTES - to->n));
}

static bool
is_folded(struct str line)
{
	return line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t') &&
	       str_trim(line).n > 0;
}

bool
fields_next(struct fields *f)
{
	struct str line, name = { NULL, 0 };
	bool first = f->name.p == NULL;

	for (;;) {
		if (f->rest.n == 0)
			return false;
		line = str_cut(&f->rest, '\n');
		if (str_trim(line).n == 0) {
			f->was_blank = true;
			continue;
		}
		name = is_folded(line) ? name : field_name_of(line);
		if (name.n > 0)
			break;
	}
	f->begins_group = first || f->was_blank;
	f->was_blank = false;
	f->name = name;
	buf_clear(&f->joined);
	struct str value = str_skip(line, name.n);

	add_line(&f->joined, str_skip(value, (size_t)str_find_char(value, ':') + 1));
	for (;;) {
		struct str ahead = f->rest;

		line = str_cut(&ahead, '\n');
		if (!is_folded(line))
			break;
		add_line(&f->joined, line);
		f->rest = ahead;
	}
	f->value = f->joined.n > 0 ? buf_str(&f->joined) : STR("");
	return true;
}

void
fields_done(struct fields *f)
{
	buf_done(&f->joined);
}

struct str
fields_find(struct str text, struct str name, struct buf *out)
{
	AUTO(fields_done) struct fields f = { .rest = text };

	buf_clear(out);
	while (fields_next(&f)) {
		if (!str_eq_nocase(f.name, name))
			continue;
		buf_add(out, f.value);
		return out->n > 0 ? buf_str(out) : STR("");
	}
	return (struct str){ NULL, 0 };
}

struct str
header_of(struct str message, struct str *body_out)
{
	struct str rest = message;

	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n');

		if (line.n > 0 && !str_eq(line, STR("\r")))
			continue;
		*body_out = rest;
		return str_head(message, (size_t)(line.p - message.p));
	}
	*body_out = (struct str){ NULL, 0 };
	return message;
}

struct str
first_word(struct str s)
{
	size_t n = 0;

	s = str_trim(s);
	while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t')
		n++;
	return str_head(s, n);
}
