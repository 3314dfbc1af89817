/* Header fields: folded, encoded where they must be, and never more than one line each. */
#include "notify/mail_impl.h"

#include "core/plain.h"

enum {
	FOLD_COLUMNS = 78,  /* RFC 5322, 2.1.1: should be no more */
	ENCODED_LINE = 76,  /* RFC 2047, 2: a line that holds an encoded-word */
	ENCODED_WORD = 75,  /* RFC 2047, 2 */
	LONGEST_PLAIN = 60, /* of a header's words; a longer one is encoded, to be split */
};

#define WORD_BEGIN STR("=?utf-8?q?")
#define WORD_END STR("?=")

static const char hex[] = "0123456789ABCDEF";

/* A header line that grows; column counts what stands on the last physical line. */
struct header {
	struct buf *out;
	size_t column;
};

static struct header
header_begin(struct buf *out, struct str name)
{
	buf_add(out, name);
	buf_add(out, STR(": "));
	return (struct header){ out, name.n + 2 };
}

static void
header_add(struct header *h, struct str text)
{
	buf_add(h->out, text);
	h->column += text.n;
}

/* Folding white space (RFC 5322, 3.2.2) if `more` bytes would not fit, else a blank. */
static void
header_blank(struct header *h, size_t more, size_t limit)
{
	if (h->column + 1 + more > limit) {
		buf_add(h->out, STR("\r\n"));
		h->column = 0;
	}
	header_add(h, STR(" "));
}

static void
header_end(struct header *h)
{
	buf_add(h->out, STR("\r\n"));
}

/* A header value without what could end it or turn it around. */
static void
clean_value(struct buf *out, struct str text)
{
	while (text.n > 0 && out->n < MAIL_VALUE_BYTES) {
		struct plain_char c = plain_char_at(text);

		if (c.n == 0)
			buf_add_char(out, '?');
		else if (!plain_is_hidden(c.code))
			buf_add(out, str_head(text, c.n));
		text = str_skip(text, c.n == 0 ? 1 : c.n);
	}
}

/* An address without controls, blanks and brackets (RFC 5322, 3.4.1). */
static void
clean_address(struct buf *out, struct str text)
{
	size_t start = out->n;

	while (text.n > 0) {
		struct plain_char c = plain_char_at(text);

		if (c.n > 0 && c.code != ' ' && c.code != '<' && c.code != '>' &&
		    c.code != ',' && c.code != 0xa0 && !plain_is_hidden(c.code))
			buf_add(out, str_head(text, c.n));
		text = str_skip(text, c.n == 0 ? 1 : c.n);
	}
	if (out->n - start > MAIL_ADDRESS_BYTES)
		out->n = start;
}

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool
is_atext(char c)
{
	return is_alnum(c) ||
	       (c != '\0' && str_find_char(STR("!#$%&'*+-/=?^_`{|}~"), c) >= 0);
}

/* Must this (clean) text be written as encoded-words? */
static bool
needs_encoding(struct str text)
{
	size_t word = 0;

	for (size_t i = 0; i < text.n; i++) {
		word = text.p[i] == ' ' ? 0 : word + 1;
		if ((unsigned char)text.p[i] >= 0x80 || word > LONGEST_PLAIN)
			return true;
	}
	return str_find(text, STR("=?")) >= 0;
}

/*
 * Encoded-words in the Q encoding, none over 75 characters and each with whole
 * characters only (RFC 2047, 2 and 5). Only what is safe in a phrase, too, stands for
 * itself (5, rule 3), so that subjects and display names share this.
 */
static void
add_encoded(struct header *h, struct str text)
{
	bool open = false;
	size_t word = 0; /* characters of the encoded-word so far */

	while (text.n > 0) {
		struct plain_char c = plain_char_at(text);
		size_t n = c.n == 0 ? 1 : c.n;
		bool bare = n == 1 && (is_alnum(text.p[0]) || text.p[0] == ' ');
		size_t cost = bare ? 1 : 3 * n;

		if (open && (word + cost + WORD_END.n > ENCODED_WORD ||
				h->column + cost + WORD_END.n > ENCODED_LINE)) {
			header_add(h, WORD_END);
			header_blank(h, ENCODED_LINE, ENCODED_LINE);
			open = false;
		}
		if (!open) {
			header_add(h, WORD_BEGIN);
			word = WORD_BEGIN.n;
			open = true;
		}
		for (size_t i = 0; i < n; i++) {
			unsigned char b = (unsigned char)text.p[i];
			char code[3] = { '=', hex[b >> 4], hex[b & 15] };

			if (bare)
				header_add(h, b == ' ' ? STR("_") : str_head(text, 1));
			else
				header_add(h, (struct str){ code, sizeof code });
		}
		word += cost;
		text = str_skip(text, n);
	}
	if (open)
		header_add(h, WORD_END);
}

/* Words as they are, folded between them; runs of blanks become one. */
static void
add_words(struct header *h, struct str text)
{
	bool first = true;

	while (text.n > 0) {
		struct str word = str_cut(&text, ' ');

		if (word.n == 0)
			continue;
		if (!first)
			header_blank(h, word.n, FOLD_COLUMNS);
		header_add(h, word);
		first = false;
	}
}

void
header_add_text(struct buf *out, struct str name, struct str text)
{
	struct header h = header_begin(out, name);
	AUTO(buf_done) struct buf clean = { 0 };

	clean_value(&clean, text);
	if (needs_encoding(buf_str(&clean)))
		add_encoded(&h, str_trim(buf_str(&clean)));
	else
		add_words(&h, buf_str(&clean));
	header_end(&h);
}

/* A display name: atoms as they are, else a quoted-string (RFC 5322, 3.2.4). */
static void
add_phrase(struct header *h, struct str name)
{
	AUTO(buf_done) struct buf quoted = { 0 };
	bool atoms = true;

	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != ' ' && !is_atext(name.p[i]))
			atoms = false;
	if (atoms) {
		add_words(h, name);
		return;
	}
	buf_add_char(&quoted, '"');
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '"' || name.p[i] == '\\')
			buf_add_char(&quoted, '\\');
		buf_add_char(&quoted, name.p[i]);
	}
	buf_add_char(&quoted, '"');
	add_words(h, buf_str(&quoted));
}

struct str
mail_address(struct str mailbox)
{
	ptrdiff_t open = str_rfind_char(mailbox, '<');

	if (open >= 0) {
		struct str rest = str_skip(mailbox, (size_t)open + 1);

		return str_trim(str_cut(&rest, '>'));
	}
	return str_trim(mailbox);
}

/* The name before "<address>", without its quotes; empty if there is none. */
static struct str
display_name(struct str mailbox)
{
	ptrdiff_t open = str_rfind_char(mailbox, '<');
	struct str name = str_trim(str_head(mailbox, open > 0 ? (size_t)open : 0));

	if (name.n >= 2 && name.p[0] == '"' && name.p[name.n - 1] == '"')
		name = (struct str){ name.p + 1, name.n - 2 };
	return name;
}

static void
add_mailbox(struct header *h, struct str mailbox, struct str address)
{
	AUTO(buf_done) struct buf name = { 0 };

	clean_value(&name, display_name(mailbox));
	if (name.n == 0) {
		header_add(h, address);
		return;
	}
	if (needs_encoding(buf_str(&name)))
		add_encoded(h, str_trim(buf_str(&name)));
	else
		add_phrase(h, buf_str(&name));
	header_blank(h, address.n + 2, ENCODED_LINE);
	header_add(h, STR("<"));
	header_add(h, address);
	header_add(h, STR(">"));
}

void
header_add_from(struct buf *out, struct str mailbox)
{
	struct header h = header_begin(out, STR("From"));
	AUTO(buf_done) struct buf address = { 0 };

	clean_address(&address, mail_address(mailbox));
	add_mailbox(&h, mailbox, buf_str(&address));
	header_end(&h);
}

void
header_add_to(struct buf *out, const struct str *mailboxes, size_t n)
{
	struct header h = header_begin(out, STR("To"));
	AUTO(buf_done) struct buf address = { 0 };
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		buf_clear(&address);
		clean_address(&address, mail_address(mailboxes[i]));
		if (address.n == 0)
			continue;
		if (any) {
			header_add(&h, STR(","));
			header_blank(&h, FOLD_COLUMNS, FOLD_COLUMNS); /* one a line */
		}
		add_mailbox(&h, mailboxes[i], buf_str(&address));
		any = true;
	}
	if (!any)
		header_add(&h, STR("undisclosed-recipients:;")); /* RFC 5322, A.1.3 */
	header_end(&h);
}

/* One side of a message id: a dot-atom, or what stands in for it. */
static void
add_dot_atom(struct buf *out, struct str text, struct str fallback)
{
	size_t start = out->n;

	for (size_t i = 0; i < text.n && out->n - start < MAIL_ADDRESS_BYTES; i++)
		if (is_atext(text.p[i]) ||
		    (text.p[i] == '.' && out->n > start && out->p[out->n - 1] != '.'))
			buf_add_char(out, text.p[i]);
	while (out->n > start && out->p[out->n - 1] == '.')
		out->n--;
	if (out->n == start)
		buf_add(out, fallback);
}

void
header_add_ids(struct buf *out, struct str name, const struct str *left, size_t n,
    struct str domain)
{
	buf_add(out, name);
	buf_add_char(out, ':');
	for (size_t i = 0; i < n; i++) {
		buf_add(out, i > 0 ? STR("\r\n <") : STR(" <"));
		add_dot_atom(out, left[i], STR("unknown"));
		buf_add_char(out, '@');
		add_dot_atom(out, domain, STR("mailwarden.invalid"));
		buf_add_char(out, '>');
	}
	buf_add(out, STR("\r\n"));
}
