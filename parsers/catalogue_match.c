/* Replies made ready (facts, "Matching advice" 1 and 4), and tokens found in them. */
#include "parsers/catalogue_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool
is_blank(char c)
{
	return (unsigned char)c <= ' ';
}

/* "4xx" or "5xx", then a blank or hyphen. */
static bool
is_refusal_code(struct str s)
{
	return s.n >= 4 && (s.p[0] == '4' || s.p[0] == '5') && is_digit(s.p[1]) &&
	       is_digit(s.p[2]) && (s.p[3] == ' ' || s.p[3] == '-');
}

size_t
status_read(struct str s, status_number *out)
{
	status_number v = 0;
	size_t i = 0;

	for (int part = 0; part < 3; part++) {
		status_number number = 0;
		size_t from = i;

		while (i < s.n && i < from + 3 && is_digit(s.p[i]))
			number = number * 10 + (status_number)(s.p[i++] - '0');
		if (i == from || (part == 0 && (i != 1 || (number != 4 && number != 5))))
			return 0;
		v = v << 10 | number;
		if (part < 2 && (i >= s.n || s.p[i++] != '.'))
			return 0;
	}
	if (i < s.n &&
	    (is_alnum(s.p[i]) || (s.p[i] == '.' && i + 1 < s.n && is_digit(s.p[i + 1]))))
		return 0;
	*out = v;
	return i;
}

/*
 * What stands before a nested reply: "said: 550", "after RCPT TO: 550", "smtp;550",
 * "-> 550", "(addr:550". Cisco writes "550-'5.1.1 ...'": the quote is the border.
 */
struct str
reply_innermost(struct str reply)
{
	struct str inner = reply;

	reply = str_head(reply, CATALOGUE_MAX_REPLY);
	bool lines = is_refusal_code(reply) && reply.p[3] == '-';

	for (size_t i = 1; i + 4 <= reply.n; i++) {
		const char *c = reply.p + i;

		if ((*c != '4' && *c != '5') || !is_refusal_code(str_skip(reply, i)))
			continue;
		if (lines && memcmp(c, reply.p, 3) == 0)
			continue; /* the next line of the same reply */
		size_t before = i;

		while (before > 0 && reply.p[before - 1] == ' ')
			before--;
		char mark = before == 0 ? ' ' : reply.p[before - 1];
		bool arrow = mark == '>' && before > 1 && reply.p[before - 2] == '-';

		if (c[3] == '-' && i + 4 < reply.n && c[4] == '\'')
			inner = str_skip(reply, i + 5);
		else if (mark == ':' || mark == ';' || arrow)
			inner = str_skip(reply, i);
	}
	return inner;
}

struct str
reply_head(struct str reply, uint32_t *smtp_code, status_number *status)
{
	reply = str_trim(reply);
	if (is_refusal_code(reply)) {
		*smtp_code = (uint32_t)((reply.p[0] - '0') * 100 + (reply.p[1] - '0') * 10 +
					(reply.p[2] - '0'));
		reply = str_skip(reply, 4);
	}
	while (reply.n > 0 && (reply.p[0] == ' ' || reply.p[0] == '#'))
		reply = str_skip(reply, 1);

	size_t n = status_read(reply, status);

	return n > 0 ? str_trim(str_skip(reply, n)) : reply;
}

/* The "550-5.7.1 " of a further line of the same reply: bytes to leave out. */
static size_t
repeated_prefix(struct str s, struct str first, struct str status)
{
	size_t n = 4;

	if (s.n < 4 || memcmp(s.p, first.p, 3) != 0 || (s.p[3] != '-' && s.p[3] != ' '))
		return 0;
	if (status.n > 0 && str_starts(str_skip(s, n), status))
		n += status.n;
	else if (status.n > 0 && s.p[3] == ' ')
		return 0; /* a number in the text */
	while (n < s.n && is_blank(s.p[n]))
		n++;
	return n;
}

static void
put_char(struct scratch *s, char c)
{
	if (c == ' ') {
		if (s->n > 0 && s->text[s->n - 1] != ' ')
			s->text[s->n++] = ' ';
		return;
	}
	s->at[s->squeezed_n] = (uint16_t)s->n;
	s->squeezed[s->squeezed_n++] = c;
	s->text[s->n++] = c;
}

void
scratch_fill(struct scratch *s, struct str reply)
{
	struct str status = { NULL, 0 };
	status_number ignored;

	reply = str_head(reply, CATALOGUE_MAX_REPLY);
	s->n = s->squeezed_n = 0;

	bool lines = is_refusal_code(reply) && reply.p[3] == '-';
	size_t i = lines ? 4 : 0;

	if (lines) {
		for (size_t k = 0; k < i; k++)
			put_char(s, reply.p[k]);
		status =
		    str_head(str_skip(reply, i), status_read(str_skip(reply, i), &ignored));
	}
	while (i < reply.n) {
		char c = reply.p[i];

		if (lines && c == reply.p[0] && is_blank(reply.p[i - 1])) {
			size_t n = repeated_prefix(str_skip(reply, i), reply, status);

			if (n > 0) {
				i += n;
				continue;
			}
		}
		/* quoted-printable, as in a bounce message's copy of the reply */
		if (c == '=' && i + 2 < reply.n && reply.p[i + 1] == '3' &&
		    reply.p[i + 2] == 'D')
			i += 2;
		put_char(s, is_blank(c) ? ' ' : to_lower(c));
		i++;
	}
}

static uint32_t
bucket_of(const char *three)
{
	uint32_t v = (uint32_t)(unsigned char)three[0] << 16 |
		     (uint32_t)(unsigned char)three[1] << 8 |
		     (uint32_t)(unsigned char)three[2];

	return (v * 0x9E3779B1u) >> 21;
}
_Static_assert(TOKEN_BUCKETS == 1u << 11, "bucket_of() keeps eleven bits");

/* "A digit, a bracket, / or #, a dot inside, or all upper case" (facts, "Matching
 * advice" 3): a code; anything else is words. */
static bool
is_code_like(struct str token)
{
	bool upper = true, letter = false;

	for (size_t i = 0; i < token.n; i++) {
		char c = token.p[i];

		if (is_digit(c) || (c != '\0' && strchr("[](){}/#", c) != NULL))
			return true;
		if (c == '.' && i > 0 && i + 1 < token.n && is_alnum(token.p[i - 1]) &&
		    is_alnum(token.p[i + 1]))
			return true;
		letter = letter || is_alnum(c);
		upper = upper && !(c >= 'a' && c <= 'z');
	}
	return upper && letter;
}

static bool
token_make(struct catalogue *cat, struct str from, uint32_t code, struct token *out)
{
	char *text = catalogue_take(cat, 2 * from.n);
	char *squeezed = text + from.n;
	size_t n = 0;

	if (text == NULL)
		return false;
	for (size_t i = 0; i < from.n; i++) {
		text[i] = to_lower(from.p[i]);
		if (text[i] != ' ')
			squeezed[n++] = text[i];
	}
	*out = (struct token){
		.text = { text, from.n },
		.squeezed = { squeezed, n },
		.code = code,
		.bucket = (uint16_t)bucket_of(squeezed),
		.is_code = is_code_like(from),
	};
	return true;
}

static int
token_compare(const void *a, const void *b)
{
	const struct token *x = a, *y = b;

	if (x->bucket != y->bucket)
		return x->bucket < y->bucket ? -1 : 1;
	return x->code < y->code ? -1 : x->code > y->code;
}

int
tokens_build(struct catalogue *cat)
{
	struct tokens *tokens = &cat->tokens;
	size_t most = 1;

	for (size_t i = 0; i < cat->ncodes; i++)
		most += cat->codes[i].tokens.n;
	tokens->items = catalogue_take(cat, most * sizeof *tokens->items);
	if (tokens->items == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < cat->ncodes; i++)
		for (size_t k = 0; k < cat->codes[i].tokens.n; k++)
			if (!token_make(cat, cat->codes[i].tokens.p[k], (uint32_t)i,
				&tokens->items[tokens->n++]))
				return -ENOMEM;
	qsort(tokens->items, tokens->n, sizeof *tokens->items, token_compare);
	for (size_t i = 0, b = 0; b <= TOKEN_BUCKETS; b++) {
		while (i < tokens->n && tokens->items[i].bucket < b)
			i++;
		tokens->start[b] = (uint32_t)i;
	}
	return 0;
}

/* Does the token stand at squeezed[i]? */
static bool
token_is_at(const struct token *token, const struct scratch *s, size_t i)
{
	if (token->text.n >= SQUEEZE_FROM)
		return s->squeezed_n - i >= token->squeezed.n &&
		       memcmp(s->squeezed + i, token->squeezed.p, token->squeezed.n) == 0;
	return s->n - s->at[i] >= token->text.n &&
	       memcmp(s->text + s->at[i], token->text.p, token->text.n) == 0;
}

void
tokens_search(const struct tokens *tokens, const struct scratch *s, token_fn fn, void *ctx)
{
	for (size_t i = 0; i + 3 <= s->squeezed_n; i++) {
		size_t at = s->at[i];

		/* No word begins in another: RACT is not in "character", though
		 * #BL000000 is in "codes.php#BL000000". */
		if (at > 0 && is_alnum(s->text[at - 1]) && is_alnum(s->text[at]))
			continue;
		uint32_t b = bucket_of(s->squeezed + i);

		for (uint32_t k = tokens->start[b]; k < tokens->start[b + 1]; k++)
			if (token_is_at(&tokens->items[k], s, i))
				fn(ctx, &tokens->items[k]);
	}
}
