/* A code without the reply that it stood in. */
#include "parsers/catalogue_impl.h"

enum { MAX_CODE = 40 };

/* Does the code stand in the token as a word of its own: "TSS04" in "[TSS04]"? */
static bool
is_word_in(struct str token, struct str code)
{
	for (size_t i = 0; i + code.n <= token.n; i++) {
		size_t end = i + code.n;

		if (str_eq_nocase(str_head(str_skip(token, i), code.n), code) &&
		    (i == 0 || !is_alnum(token.p[i - 1]) || !is_alnum(code.p[0])) &&
		    (end == token.n || !is_alnum(token.p[end])))
			return true;
	}
	return false;
}

/* The row with the shortest token that the code stands in; words are no codes. */
static const struct code *
find_token(const struct catalogue *cat, struct str code)
{
	const struct token *best = NULL;

	for (size_t i = 0; i < cat->tokens.n; i++) {
		const struct token *token = &cat->tokens.items[i];

		if (token->is_code && is_word_in(token->text, code) &&
		    (best == NULL || token->text.n < best->text.n))
			best = token;
	}
	/* A token of many words has the code by chance. */
	return best == NULL || best->text.n > code.n + 6 ? NULL : &cat->codes[best->code];
}

static bool
has_status(const struct status_range *ranges, size_t n, status_number status)
{
	for (size_t i = 0; i < n; i++)
		if (status >= ranges[i].from && status <= ranges[i].to)
			return true;
	return false;
}

/* A status that one provider made up: the others' rows and the registry do not have it. */
static const struct catalogue_code *
find_status(const struct catalogue *cat, status_number status)
{
	for (size_t i = 0; i < cat->nsuspicions; i++) {
		const struct suspicion *s = &cat->suspicions[i];

		if (!s->suspected && has_status(s->status, s->nstatus, status))
			return &s->row;
	}
	for (size_t i = 0; i < cat->ncodes; i++) {
		const struct code *c = &cat->codes[i];

		if (!str_eq(c->row.provider, STR("generic")) &&
		    !str_eq(c->row.provider, STR("iana")) &&
		    has_status(c->status, c->nstatus, status))
			return &c->row;
	}
	return NULL;
}

/* Is there a word for the status in the registry (X.0.0 to X.7.30)? */
static bool
is_registered(status_number status)
{
	return (status & 0x3ff) <= 30;
}

static void
set_provider(const struct catalogue *cat, struct str id, struct catalogue_answer *a)
{
	uint32_t i;

	if (names_find(&cat->provider_ids, id, &i))
		a->provider = cat->providers[i].id;
}

bool
catalogue_explain_code(const struct catalogue *cat, struct str code,
    struct catalogue_answer *answer)
{
	const struct catalogue_code *row;
	status_number status = 0;

	*answer = (struct catalogue_answer){ 0 };
	code = str_trim(code);
	if (code.n < MIN_TOKEN || code.n > MAX_CODE || str_find_char(code, ' ') >= 0)
		return false;
	answer->confidence = CONFIDENCE_HIGH;
	row = catalogue_code(cat, code);
	if (row == NULL && status_read(code, &status) == code.n) {
		answer->confidence = CONFIDENCE_MEDIUM;
		row = is_registered(status) ? NULL : find_status(cat, status);
	} else if (row == NULL) {
		const struct code *found = find_token(cat, code);

		row = found == NULL ? NULL : &found->row;
	}
	if (row == NULL) {
		answer->confidence = CONFIDENCE_NONE;
		return false;
	}
	answer_fill(row, answer);
	set_provider(cat, row->provider, answer);
	return true;
}
