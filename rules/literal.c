#include "rules/literal.h"

struct scan {
	struct str p;
	size_t at;
	bool lost; /* something that is not understood: no literals */
};

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789 -_:;,@/=<>\"'%#!&~]}";
/* Escapes that stand for themselves, or take nothing of what follows. */
static const char escapes[] = "dDwWsSbBAzZGhHvVnrtfaeRK^$.*+?()[]{}|\\/\"'-:@";

static char
peek(const struct scan *s)
{
	return s->at < s->p.n ? s->p.p[s->at] : '\0';
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && str_find_char(str_of(set), c) >= 0;
}

static size_t
shortest(const struct literals *l)
{
	size_t n = l->n == 0 ? 0 : SIZE_MAX;

	for (size_t i = 0; i < l->n; i++)
		n = l->items[i].n < n ? l->items[i].n : n;
	return n;
}

static void
consider(struct literals *best, const struct literals *other)
{
	if (shortest(other) > shortest(best))
		*best = *other;
}

/* Behind what may be there or not: ?, *, {0,3}, and what is lazy or possessive. */
static bool
skip_quantifier(struct scan *s)
{
	char c = peek(s);
	bool optional = c == '?' || c == '*' || c == '{';

	if (c == '{') {
		while (s->at < s->p.n && peek(s) != '}')
			if (!is_one_of(s->p.p[s->at++], "{0123456789, "))
				s->lost = true;
		s->lost |= s->at == s->p.n;
	}
	if (optional || c == '+')
		s->at++;
	if ((optional || c == '+') && is_one_of(peek(s), "?+"))
		s->at++;
	if ((optional || c == '+') && is_one_of(peek(s), "?*+{"))
		s->lost = true; /* a quantifier's quantifier */
	return optional;
}

static void
skip_class(struct scan *s)
{
	s->at++; /* [ */
	if (peek(s) == '^')
		s->at++;
	if (peek(s) == ']')
		s->at++;
	for (; s->at < s->p.n && peek(s) != ']'; s->at++) {
		if (peek(s) == '\\')
			s->at++;
		else if (peek(s) == '[')
			s->lost = true; /* [[:alpha:]] */
	}
	s->at++;
}

static struct literals alternatives(struct scan *s, int depth);

/* ( up to the ) that belongs to it. */
static struct literals
group(struct scan *s, int depth)
{
	static const struct literals none = { .n = 0 };

	s->at++;
	if (str_starts(str_skip(s->p, s->at), STR("?:"))) {
		s->at += 2;
	} else if (is_one_of(peek(s), "?*")) {
		s->lost = true;
		return none;
	}
	struct literals inner = alternatives(s, depth + 1);

	if (peek(s) != ')')
		s->lost = true;
	s->at++;
	return skip_quantifier(s) ? none : inner;
}

/* What is no plain character, and what repeats it. */
static void
skip_other(struct scan *s)
{
	if (peek(s) == '[') {
		skip_class(s);
	} else {
		if (peek(s) == '\\' &&
		    !is_one_of(s->at + 1 < s->p.n ? s->p.p[s->at + 1] : '\0', escapes))
			s->lost = true;
		s->at += peek(s) == '\\' ? 2 : 1;
	}
	(void)skip_quantifier(s);
}

static void
take_run(struct scan *s, struct literals *best)
{
	size_t from = s->at;

	while (is_one_of(peek(s), plain))
		s->at++;
	struct literals run = { { { s->p.p + from, s->at - from } }, 1 };

	if (skip_quantifier(s))
		run.items[0].n--; /* the last one may be absent */
	consider(best, &run);
}

/* Up to | or the end of the group: the best of what stands in a row. */
static struct literals
sequence(struct scan *s, int depth)
{
	struct literals best = { .n = 0 };

	while (s->at < s->p.n && !s->lost && peek(s) != '|' && peek(s) != ')') {
		if (is_one_of(peek(s), plain)) {
			take_run(s, &best);
		} else if (peek(s) == '(') {
			struct literals inner = group(s, depth);

			consider(&best, &inner);
		} else {
			skip_other(s);
		}
	}
	return best;
}

static struct literals
alternatives(struct scan *s, int depth)
{
	struct literals all = { .n = 0 };
	bool complete = true;

	s->lost |= depth > 8;
	while (!s->lost) {
		struct literals one = sequence(s, depth);

		complete &= one.n > 0 && all.n + one.n <= LITERAL_MAX;
		for (size_t i = 0; complete && i < one.n; i++)
			all.items[all.n++] = one.items[i];
		if (peek(s) != '|')
			break;
		s->at++;
	}
	if (!complete)
		all.n = 0;
	return all;
}

struct literals
literals_of(struct str pattern)
{
	struct scan s = { .p = pattern };
	struct literals all = alternatives(&s, 0);

	if (s.lost || s.at < pattern.n || shortest(&all) == 0)
		all.n = 0;
	return all;
}
