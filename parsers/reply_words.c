#include "parsers/reply_words.h"

#include <string.h>

#include "parsers/catalogue_impl.h"

/* Letters of Latin scripts without their accents, so that "Boîte" is "boite". The
 * letters of U+00C0 to U+017F in order; a blank for what is none. */
static const char plain_letters[] =
    "aaaaaaaceeeeiiiidnooooo ouuuuytsaaaaaaaceeeeiiiidnooooo ouuuuyty"
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll"
    "lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
_Static_assert(sizeof plain_letters == 0x180 - 0xc0 + 1, "one for each letter");

/* One letter, in lower case and without accent; bytes used, 0: not a letter. */
static size_t
read_letter(const char *p, size_t n, char out[4], size_t *out_n)
{
	unsigned char c = (unsigned char)p[0];

	*out_n = 1;
	out[0] = p[0];
	if (c < 0x80)
		return 0; /* read_plain() has taken the letters */
	if (n < 2 || ((unsigned char)p[1] & 0xc0) != 0x80)
		return 1; /* Latin-1, or broken: a letter of its own */
	uint32_t code = (uint32_t)(c & 0x1f) << 6 | ((unsigned char)p[1] & 0x3f);

	if (c >= 0xc3 && c <= 0xc5) {
		out[0] = plain_letters[code - 0xc0];
		return out[0] == ' ' ? 0 : 2;
	}
	if (c >= 0xe0)
		return 1; /* byte by byte: writing without blanks is for tokens */
	if (c == 0xc2)
		return 0;
	if (code >= 0x410 && code <= 0x42f) /* Cyrillic capitals */
		code += 0x20;
	out[0] = (char)(0xc0 | code >> 6);
	out[1] = (char)(0x80 | (code & 0x3f));
	*out_n = 2;
	return 2;
}

/* Bytes of an apostrophe, also the typographic one. */
static size_t
apostrophe(const char *p, size_t n)
{
	if (p[0] == '\'' || p[0] == '`')
		return 1;
	return n >= 3 && memcmp(p, "\xe2\x80\x99", 3) == 0 ? 3 : 0;
}

static bool
is_joint(const struct reading *r, size_t *skip)
{
	size_t a = apostrophe(r->p, r->n);

	if (a > 0 && r->n > a && (r->p[a] == 't' || r->p[a] == 's') &&
	    (r->n == a + 1 || !is_alnum(r->p[a + 1]))) {
		*skip = a; /* doesn't: "doesnt"; but l'adresse is two words */
		return true;
	}
	*skip = a > 0 ? a : 1;
	return r->p[0] == '-' && r->word_n == 1 && r->word[0] == 'e'; /* e-mail */
}

/* The common case: letters and digits of ASCII. */
static void
read_plain(struct reading *r)
{
	size_t n = 0, room = sizeof r->word - r->word_n;

	while (n < r->n && is_alnum(r->p[n]))
		n++;
	memcpy(r->word + r->word_n, r->p, n < room ? n : room);
	r->word_n += n < room ? n : room;
	r->p += n;
	r->n -= n;
}

bool
reading_next(struct reading *r)
{
	char letter[4];
	size_t letter_n, skip;

	r->word_n = 0;
	while (r->n > 0) {
		read_plain(r);
		if (r->n == 0)
			break;
		size_t used = apostrophe(r->p, r->n) > 0
				  ? 0
				  : read_letter(r->p, r->n, letter, &letter_n);

		if (used == 0) {
			if (!is_joint(r, &skip) && r->word_n > 0)
				return true;
			used = skip;
			letter_n = 0;
		}
		if (r->word_n + letter_n <= sizeof r->word) {
			memcpy(r->word + r->word_n, letter, letter_n);
			r->word_n += letter_n;
		}
		r->p += used;
		r->n -= used;
	}
	return r->word_n > 0;
}

/* Digits and dots: "192.0.2.25"; or hexadecimal digits and colons. */
static bool
is_ip(struct str run)
{
	size_t dots = 0, digits = 0, colons = 0, hex = 0;

	for (size_t i = 0; i < run.n; i++) {
		char c = run.p[i];

		digits += is_digit(c);
		hex += is_digit(c) || (c >= 'a' && c <= 'f');
		colons += c == ':';
		dots += c == '.';
	}
	return (dots == 3 && digits + 3 == run.n && digits > 3) ||
	       (colons >= 2 && hex > 0 && hex + colons == run.n);
}

/* "https://example.org/lookup?ip=192.0.2.25": a page about one address. */
bool
run_has_ip(struct str url)
{
	size_t dots = 0, digits = 0;

	for (size_t i = 0; i < url.n; i++) {
		if (is_digit(url.p[i]))
			digits++;
		else if (url.p[i] == '.' && digits > 0 && digits < 4)
			dots++, digits = 0;
		else
			dots = digits = 0;
		if (dots == 3 && digits > 0)
			return true;
	}
	return false;
}

/* Class of a run without blanks; RUN_WORDS if it is one or more ordinary words. */
enum run_class
run_class_of(struct str run)
{
	size_t digits = 0;
	bool inside = false;

	for (size_t i = 0; i < run.n; i++) {
		char c = run.p[i];

		if (c == '@' && i > 0)
			return RUN_ADDRESS;
		if (c == ':' && str_starts(str_skip(run, i), STR("://")))
			return RUN_URL;
		digits += is_digit(c);
		inside = inside || ((c == '.' || c == ':') && i > 0 && i + 1 < run.n &&
				       is_alnum(run.p[i - 1]));
	}
	if (run.n > 0 && digits == run.n)
		return RUN_NUMBER;
	if (!inside)
		return RUN_WORDS;
	if (is_ip(run))
		return RUN_IP;
	if (str_starts(run, STR("www.")))
		return RUN_URL;
	return str_find_char(run, ':') < 0 ? RUN_HOST : RUN_WORDS;
}
