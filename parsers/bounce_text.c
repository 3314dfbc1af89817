#include "parsers/bounce_text.h"

#include <errno.h>

#include "core/buf.h"

enum field {
	FIELD_FINAL_RECIPIENT,
	FIELD_ORIGINAL_RECIPIENT,
	FIELD_ACTION,
	FIELD_STATUS,
	FIELD_DIAGNOSTIC_CODE,
	FIELD_REMOTE_MTA,
	FIELDS,
	FIELD_OTHER = FIELDS,
};

static const struct str field_names[FIELDS] = { STR_INIT("Final-Recipient"),
	STR_INIT("Original-Recipient"), STR_INIT("Action"), STR_INIT("Status"),
	STR_INIT("Diagnostic-Code"), STR_INIT("Remote-MTA") };

/* --- lines --- */

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "=3D" is one character; a digit pair that gives a control character is none. */
static size_t
encoded_at(struct str s, size_t i, char *out)
{
	if (s.p[i] != '=' || i + 2 >= s.n)
		return 0;
	int high = hex(s.p[i + 1]), low = hex(s.p[i + 2]);

	if (high < 0 || low < 0 || high * 16 + low < ' ')
		return 0;
	*out = (char)(high * 16 + low);
	return 3;
}

/* Lines end with a newline; soft line breaks and encoded characters are undone. */
static bool
clean_up(struct str text, struct buf *out)
{
	bool encoded = str_find_nocase(text, STR("quoted-printable")) >= 0;

	if (!buf_reserve(out, text.n + 1))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		struct str rest = str_skip(text, i);
		char c = text.p[i];

		if (c == '\r' && str_starts(rest, STR("\r\n")))
			continue;
		size_t n = encoded ? encoded_at(text, i, &c) : 0;

		if (encoded && n == 0 && str_starts(rest, STR("=\n")))
			n = 2, c = '\0';
		else if (encoded && n == 0 && str_starts(rest, STR("=\r\n")))
			n = 3, c = '\0';
		i += n > 0 ? n - 1 : 0;
		if (c != '\0')
			buf_add_char(out, c);
	}
	return !out->failed;
}

/* Name of the field that begins a line, n 0 if none does. */
static struct str
field_name(struct str line)
{
	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i];

		if (c == ':')
			return str_head(line, i);
		if (c <= ' ' || c > '~')
			break;
	}
	return (struct str){ NULL, 0 };
}

bool
bounce_is_message(struct str text)
{
	static const struct str telling[] = { STR_INIT("Received"), STR_INIT("Return-Path"),
		STR_INIT("From"), STR_INIT("Subject"), STR_INIT("Content-Type"),
		STR_INIT("MIME-Version"), STR_INIT("Reporting-MTA"),
		STR_INIT("Final-Recipient"), STR_INIT("Diagnostic-Code"),
		STR_INIT("Remote-MTA") };

	while (text.n > 0) {
		struct str name = field_name(str_cut(&text, '\n'));

		for (size_t i = 0; i < sizeof telling / sizeof *telling; i++)
			if (str_eq_nocase(name, telling[i]))
				return true;
	}
	return false;
}

/* --- groups of fields --- */

struct group {
	struct buf values[FIELDS];
	bool has[FIELDS];
	enum field last;
	int n;
	bounce_recipient_fn *fn;
	void *ctx;
};

static void
add_value(struct buf *to, struct str value)
{
	value = str_trim(value);
	if (to->n > 0 && value.n > 0)
		buf_add_char(to, ' ');
	if (to->n < BOUNCE_FIELD_BYTES)
		buf_add(to, str_head(value, BOUNCE_FIELD_BYTES - to->n));
}

/* Without the type before the ";" (RFC 3464, 2.1.2: "smtp; 550 ..."). */
static struct str
typed_value(const struct group *g, enum field f)
{
	struct str none = { NULL, 0 }, value = buf_str(&g->values[f]);
	ptrdiff_t mark = str_find_char(value, ';');

	if (!g->has[f])
		return none;
	/* a type is one word; "550 no;really" has none */
	if (mark > 0 && str_find_char(str_head(value, (size_t)mark), ' ') < 0)
		value = str_skip(value, (size_t)mark + 1);
	return str_trim(value);
}

static struct str
address(const struct group *g, enum field f)
{
	struct str a = typed_value(g, f);

	if (a.n >= 2 && a.p[0] == '<' && a.p[a.n - 1] == '>')
		a = str_head(str_skip(a, 1), a.n - 2);
	return a;
}

/* Remote-MTA may be "dns; mx.example.org (192.0.2.1, ...)". */
static struct str
first_word(struct str s)
{
	return str_cut(&s, ' ');
}

static void
end_group(struct group *g)
{
	struct bounce_recipient r = {
		.recipient = address(g, FIELD_FINAL_RECIPIENT),
		.action = typed_value(g, FIELD_ACTION),
		.status = first_word(typed_value(g, FIELD_STATUS)),
		.reply = typed_value(g, FIELD_DIAGNOSTIC_CODE),
		.relay_name = first_word(typed_value(g, FIELD_REMOTE_MTA)),
	};

	if (r.recipient.n == 0)
		r.recipient = address(g, FIELD_ORIGINAL_RECIPIENT);
	if (r.recipient.n > 0 || r.reply.n > 0) {
		g->n++;
		g->fn(g->ctx, &r);
	}
	for (int f = 0; f < FIELDS; f++) {
		buf_clear(&g->values[f]);
		g->has[f] = false;
	}
	g->last = FIELD_OTHER;
}

static void
take_line(struct group *g, struct str line)
{
	struct str name = field_name(line);

	if (str_trim(line).n == 0) {
		end_group(g);
		return;
	}
	if (line.p[0] == ' ' || line.p[0] == '\t') {
		if (g->last < FIELDS)
			add_value(&g->values[g->last], line);
		return;
	}
	g->last = FIELD_OTHER;
	for (enum field f = 0; f < FIELDS; f++)
		if (str_eq_nocase(name, field_names[f]) && !g->has[f]) {
			g->last = f;
			g->has[f] = true;
			add_value(&g->values[f], str_skip(line, name.n + 1));
		}
}

int
bounce_each_recipient(struct str text, bounce_recipient_fn *fn, void *ctx)
{
	AUTO(buf_done) struct buf clean = { 0 };
	struct group g = { .last = FIELD_OTHER, .fn = fn, .ctx = ctx };
	bool failed = !clean_up(text, &clean);
	struct str rest = buf_str(&clean);

	while (!failed && rest.n > 0)
		take_line(&g, str_cut(&rest, '\n'));
	if (!failed)
		end_group(&g);
	for (int f = 0; f < FIELDS; f++) {
		failed = failed || g.values[f].failed;
		buf_done(&g.values[f]);
	}
	return failed ? -ENOMEM : g.n;
}

/* --- paragraphs --- */

/* Where the returned message begins: what follows is our own. */
static bool
begins_original(struct str line)
{
	struct str name = field_name(line);

	if (str_eq_nocase(name, STR("Content-Type")))
		return str_find_nocase(line, STR("message/rfc822")) >= 0 ||
		       str_find_nocase(line, STR("text/rfc822-headers")) >= 0;
	return str_find_nocase(line, STR("copy of the")) >= 0 ||
	       str_find_nocase(line, STR("below this line is a copy")) >= 0 ||
	       str_find_nocase(line, STR("original message follows")) >= 0 ||
	       str_find_nocase(line, STR("unsent message below")) >= 0 ||
	       str_find_nocase(line, STR("----- original message")) >= 0;
}

static void
flush(struct buf *paragraph, int *n, bounce_paragraph_fn *fn, void *ctx)
{
	if (paragraph->n == 0)
		return;
	(*n)++;
	fn(ctx, buf_str(paragraph));
	buf_clear(paragraph);
}

int
bounce_each_paragraph(struct str text, bounce_paragraph_fn *fn, void *ctx)
{
	AUTO(buf_done) struct buf clean = { 0 };
	AUTO(buf_done) struct buf paragraph = { 0 };
	int n = 0;

	if (!clean_up(text, &clean))
		return -ENOMEM;
	struct str rest = buf_str(&clean);
	struct str first = rest;
	bool header =
	    field_name(str_cut(&first, '\n')).n > 0 || str_starts(rest, STR("From "));

	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n');

		if (str_trim(line).n == 0) {
			flush(&paragraph, &n, fn, ctx);
			header = false;
			continue;
		}
		if (!header && begins_original(line))
			break;
		/* the headers of the message and of its parts, and their borders */
		if (header || str_starts(line, STR("--")) ||
		    str_starts(line, STR("Content-")))
			continue;
		add_value(&paragraph, line);
	}
	flush(&paragraph, &n, fn, ctx);
	return paragraph.failed ? -ENOMEM : n;
}
