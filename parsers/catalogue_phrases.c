#include "parsers/catalogue_phrases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parsers/reply_words.h"

enum {
	STEM_BYTES = 3,    /* shorter stems would be everywhere */
	WORD_MEANINGS = 6, /* the word, its stems, its class */
	FIRST_TERMS = 1024,
	SIEVE_BITS = 8192,
};

/* What the words of phrases are, and which phrases begin with each. */
struct term {
	char text[WORD_BYTES];
	uint8_t n;
	bool stem;
	uint32_t hash;
	uint32_t first, nfirst; /* in phrases->begins */
};

struct phrase_element {
	uint64_t mask; /* term_bit() of all terms: most words are told apart by it */
	uint16_t *terms;
	uint16_t n;
	uint16_t gap; /* words that may stand before it */
};

struct phrase {
	uint64_t second; /* mask of the second element; of all bits: no use in looking */
	uint32_t code;
	uint16_t n, weight;
	struct phrase_element *elements;
};

/* A word of a reply: the terms it is. */
struct word {
	uint64_t mask;
	uint16_t terms[WORD_MEANINGS];
	uint8_t n, bytes;
	bool last; /* of a sentence: no phrase goes on behind it */
};

static uint32_t
step(uint32_t h, char c)
{
	return (h ^ (uint8_t)c) * 0x01000193u;
}
#define HASH_BASIS 0x811c9dc5u

static uint32_t
spread(uint32_t h, bool stem)
{
	h ^= stem ? 0x5bd1e995u : 0;
	return (h ^ h >> 15) * 0x9E3779B1u;
}

/* --- phrases --- */

static struct term *
find_term(const struct phrases *phrases, const char *text, size_t n, bool stem,
    uint32_t hash)
{
	hash = spread(hash, stem);
	if (phrases->slots == NULL ||
	    (phrases->sieve[hash % SIEVE_BITS / 8] & 1u << hash % 8) == 0)
		return NULL;
	for (uint32_t i = hash >> 8 & phrases->mask;; i = (i + 1) & phrases->mask) {
		struct term *t;

		if (phrases->slots[i] == 0)
			return NULL;
		t = &phrases->terms[phrases->slots[i] - 1];
		if (t->hash == hash && t->stem == stem && t->n == n &&
		    memcmp(t->text, text, n) == 0)
			return t;
	}
}

static uint32_t
hash_of(const char *text, size_t n)
{
	uint32_t h = HASH_BASIS;

	for (size_t i = 0; i < n; i++)
		h = step(h, text[i]);
	return h;
}

static const struct {
	struct str name;
	char letter; /* what stands for it as a term: no word is a control character */
} classes[] = { { STR_INIT("{ip}"), 1 }, { STR_INIT("{address}"), 2 },
	{ STR_INIT("{host}"), 3 }, { STR_INIT("{url}"), 4 }, { STR_INIT("{number}"), 5 },
	{ STR_INIT("{ipurl}"), 6 } };

/* One alternative as it is looked up; false if it is none. */
static bool
read_term(struct str text, char out[WORD_BYTES], size_t *n, bool *stem)
{
	struct reading r = { 0 };

	*stem = false;
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
		if (str_eq(text, classes[i].name)) {
			out[0] = classes[i].letter;
			*n = 1;
			return true;
		}
	if (text.n > 0 && text.p[text.n - 1] == '*') {
		*stem = true;
		text.n--;
	}
	r.p = text.p;
	r.n = text.n;
	if (text.n > WORD_BYTES || !reading_next(&r) || r.n > 0 ||
	    (*stem && r.word_n < STEM_BYTES))
		return false;
	memcpy(out, r.word, r.word_n);
	*n = r.word_n;
	return true;
}

bool
phrase_is_word(struct str text)
{
	char term[WORD_BYTES];
	size_t n;
	bool stem;

	return read_term(text, term, &n, &stem);
}

/* The set that "<name>" names; NULL: there is none, or it is no such word. */
static const struct word_set *
find_set(const struct catalogue *cat, struct str text)
{
	uint32_t i;

	if (text.n < 3 || text.p[0] != '<' || text.p[text.n - 1] != '>')
		return NULL;
	text = str_head(str_skip(text, 1), text.n - 2);
	return names_find(&cat->set_names, text, &i) ? &cat->sets[i] : NULL;
}

static const char *
element_fault(const struct catalogue *cat, struct str element)
{
	size_t alternatives = 0;

	do {
		struct str word = str_cut(&element, '|');
		const struct word_set *set = find_set(cat, word);

		if (set == NULL && !phrase_is_word(word))
			return "expected words such as 'mailbox|inbox is full', 'block*', "
			       "'..', or '<name>' of a set before it";
		alternatives += set == NULL ? 1 : set->words.n;
	} while (element.n > 0);
	return alternatives > PHRASE_ALTERNATIVES ? "too many alternatives" : NULL;
}

const char *
phrase_fault(const struct catalogue *cat, struct str text)
{
	const char *fault;
	size_t elements = 0;

	while (text.n > 0) {
		struct str element = str_cut(&text, ' ');

		if (str_eq(element, STR(".."))) {
			if (elements == 0 || text.n == 0)
				return "'..' stands between words";
			continue;
		}
		if ((fault = element_fault(cat, element)) != NULL)
			return fault;
		if (++elements > PHRASE_ELEMENTS)
			return "too many words";
	}
	return elements == 0 ? "expected words" : NULL;
}

static int
grow_terms(struct phrases *phrases)
{
	uint32_t count = phrases->nterms == 0 ? FIRST_TERMS : 2 * phrases->nterms;
	struct term *terms = realloc(phrases->terms, count * sizeof *terms);
	uint32_t *slots = calloc(4 * (size_t)count, sizeof *slots);

	if (terms != NULL)
		phrases->terms = terms;
	if (terms == NULL || slots == NULL || count >= UINT16_MAX) {
		free(slots);
		return -ENOMEM;
	}
	free(phrases->slots);
	phrases->slots = slots;
	phrases->mask = 4 * count - 1;
	phrases->room = count;
	for (uint32_t t = 0; t < phrases->nterms; t++) {
		uint32_t i = terms[t].hash >> 8 & phrases->mask;

		while (slots[i] != 0)
			i = (i + 1) & phrases->mask;
		slots[i] = t + 1;
	}
	return 0;
}

/* The term's number, a new one if need be. */
static int
add_term(struct phrases *phrases, struct str text, uint16_t *out)
{
	struct term t = { 0 };
	size_t n = 0;

	(void)read_term(text, t.text, &n, &t.stem); /* the row was checked */
	t.n = (uint8_t)n;
	uint32_t hash = hash_of(t.text, n);
	const struct term *old = find_term(phrases, t.text, n, t.stem, hash);

	if (old != NULL) {
		*out = (uint16_t)(old - phrases->terms);
		return 0;
	}
	if (phrases->nterms == phrases->room && grow_terms(phrases) < 0)
		return -ENOMEM;
	t.hash = spread(hash, t.stem);
	uint32_t i = t.hash >> 8 & phrases->mask;

	while (phrases->slots[i] != 0)
		i = (i + 1) & phrases->mask;
	phrases->sieve[t.hash % SIEVE_BITS / 8] |= (uint8_t)(1u << t.hash % 8);
	*out = (uint16_t)phrases->nterms;
	phrases->terms[phrases->nterms++] = t;
	phrases->slots[i] = phrases->nterms;
	return 0;
}

static uint64_t
term_bit(uint16_t term)
{
	return UINT64_C(1) << term % 64;
}

static int
compile_element(struct catalogue *cat, struct str text, struct phrase_element *out)
{
	uint16_t terms[PHRASE_ALTERNATIVES], n = 0;

	do {
		struct str word = str_cut(&text, '|');
		const struct word_set *set = find_set(cat, word);
		struct strs words = set != NULL ? set->words : (struct strs){ &word, 1 };

		for (size_t i = 0; i < words.n && n < PHRASE_ALTERNATIVES; i++)
			if (add_term(&cat->phrases, words.p[i], &terms[n++]) < 0)
				return -ENOMEM;
	} while (text.n > 0);
	out->terms = catalogue_take(cat, n * sizeof *terms + 1);
	if (out->terms == NULL)
		return -ENOMEM;
	memcpy(out->terms, terms, n * sizeof *terms);
	out->n = n;
	out->mask = 0;
	for (uint16_t i = 0; i < n; i++)
		out->mask |= term_bit(terms[i]);
	return 0;
}

static int
compile(struct catalogue *cat, struct str text, const struct saying *saying,
    struct phrase *out)
{
	struct phrase_element elements[PHRASE_ELEMENTS];
	uint16_t gap = 0;

	*out = (struct phrase){ .code = saying->code, .weight = saying->weight };
	while (text.n > 0) {
		struct str element = str_cut(&text, ' ');

		if (str_eq(element, STR(".."))) {
			gap = (uint16_t)(gap + PHRASE_GAP);
			continue;
		}
		elements[out->n].gap = gap;
		gap = 0;
		if (compile_element(cat, element, &elements[out->n++]) < 0)
			return -ENOMEM;
	}
	out->elements = catalogue_take(cat, out->n * sizeof *elements);
	if (out->elements == NULL)
		return -ENOMEM;
	memcpy(out->elements, elements, out->n * sizeof *elements);
	out->second =
	    out->n > 1 && elements[1].gap <= PHRASE_GAP ? elements[1].mask : UINT64_MAX;
	return 0;
}

/* Lists for each term the phrases that begin with it. */
static int
index_begins(struct catalogue *cat)
{
	struct phrases *phrases = &cat->phrases;
	uint32_t total = 0;

	for (uint32_t p = 0; p < phrases->n; p++)
		for (uint16_t k = 0; k < phrases->items[p].elements[0].n; k++) {
			phrases->terms[phrases->items[p].elements[0].terms[k]].nfirst++;
			total++;
		}
	phrases->begins = catalogue_take(cat, (total + 1) * sizeof *phrases->begins);
	if (phrases->begins == NULL)
		return -ENOMEM;
	total = 0;
	for (uint32_t t = 0; t < phrases->nterms; t++) {
		phrases->terms[t].first = total;
		total += phrases->terms[t].nfirst;
		phrases->terms[t].nfirst = 0;
	}
	for (uint32_t p = 0; p < phrases->n; p++)
		for (uint16_t k = 0; k < phrases->items[p].elements[0].n; k++) {
			struct term *t =
			    &phrases->terms[phrases->items[p].elements[0].terms[k]];

			phrases->begins[t->first + t->nfirst++] = p;
		}
	return 0;
}

int
phrases_build(struct catalogue *cat)
{
	struct phrases *phrases = &cat->phrases;
	size_t most = 1;

	for (size_t i = 0; i < cat->nsayings; i++)
		most += cat->sayings[i].phrases.n;
	phrases->items = catalogue_take(cat, most * sizeof *phrases->items);
	phrases->sieve = catalogue_take(cat, SIEVE_BITS / 8);
	if (phrases->items == NULL || phrases->sieve == NULL)
		return -ENOMEM;
	memset(phrases->sieve, 0, SIEVE_BITS / 8);
	for (size_t i = 0; i < cat->nsayings; i++) {
		const struct saying *saying = &cat->sayings[i];

		for (size_t k = 0; k < saying->phrases.n; k++) {
			int r = compile(cat, saying->phrases.p[k], saying,
			    &phrases->items[phrases->n++]);

			if (r < 0)
				return r;
		}
	}
	return index_begins(cat);
}

void
phrases_done(struct phrases *phrases)
{
	free(phrases->terms);
	free(phrases->slots);
}

/* --- search --- */

static void
add_meaning(const struct phrases *phrases, struct word *w, const struct term *t)
{
	if (t == NULL || w->n == WORD_MEANINGS)
		return;
	w->terms[w->n] = (uint16_t)(t - phrases->terms);
	w->mask |= term_bit(w->terms[w->n++]);
}

static void
add_class(const struct phrases *phrases, struct word *w, char letter)
{
	add_meaning(phrases, w, find_term(phrases, &letter, 1, false, hash_of(&letter, 1)));
}

/* What the terms know of this word: itself, and each stem it begins with. */
static void
look_up(const struct phrases *phrases, struct word *w, const char *text, size_t n)
{
	uint32_t h = HASH_BASIS;

	for (size_t i = 0; i < n; i++) {
		h = step(h, text[i]);
		if (i + 1 >= STEM_BYTES)
			add_meaning(phrases, w, find_term(phrases, text, i + 1, true, h));
	}
	add_meaning(phrases, w, find_term(phrases, text, n, false, h));
}

/* A host name also is its labels ("dbl.example.org" is "dbl"), a page's those of its
 * host. */
static void
read_run(const struct phrases *phrases, struct word *w, struct str run,
    enum run_class class)
{
	struct reading r = { .p = run.p, .n = run.n };

	add_class(phrases, w, (char)class);
	if (class == RUN_URL && run_has_ip(run))
		add_class(phrases, w, RUN_IP_URL);
	if (class == RUN_URL) {
		ptrdiff_t host = str_find(run, STR("://"));

		run = str_skip(run, host < 0 ? 0 : (size_t)host + 3);
		run = str_cut(&run, '/');
		r.p = run.p;
		r.n = run.n;
	}
	while ((class == RUN_URL || class == RUN_HOST) && reading_next(&r))
		look_up(phrases, w, r.word, r.word_n);
}

static size_t
read_words(const struct phrases *phrases, const struct scratch *s, struct word *words)
{
	struct str text = { s->text, s->n };
	size_t n = 0;

	while (text.n > 0 && n < PHRASE_WORDS) {
		struct str run = str_cut(&text, ' ');
		struct reading r;
		bool last = false, open = run.n > 0 && run.p[0] == '[';

		/* what brackets and ends of sentences do not belong to it */
		while (run.n > 0 && strchr("([{<\"'", run.p[0]) != NULL)
			run = str_skip(run, 1);
		for (; run.n > 0 && strchr(")]}>\"'.,;:!?", run.p[run.n - 1]); run.n--)
			last = last || strchr(".;!?", run.p[run.n - 1]) != NULL;
		if (open && str_find_char(run, ']') > 0) /* "[192.0.2.25]:4411" */
			run = str_head(run, (size_t)str_find_char(run, ']'));
		enum run_class class = run_class_of(run);

		if (class != RUN_WORDS) {
			words[n] = (struct word){ .bytes = 2 };
			read_run(phrases, &words[n++], run, class);
		}
		r = (struct reading){ .p = run.p, .n = class == RUN_WORDS ? run.n : 0 };
		while (n < PHRASE_WORDS && reading_next(&r)) {
			words[n] = (struct word){ .bytes = (uint8_t)r.word_n };
			look_up(phrases, &words[n++], r.word, r.word_n);
		}
		if (last && n > 0)
			words[n - 1].last = true;
	}
	return n;
}

static bool
is_element(const struct phrase_element *e, const struct word *w)
{
	if ((e->mask & w->mask) == 0)
		return false;
	for (uint8_t k = 0; k < w->n; k++)
		for (uint16_t i = 0; i < e->n; i++)
			if (e->terms[i] == w->terms[k])
				return true;
	return false;
}

/* Bytes matched, 0 if the phrase does not stand at words[at]; the nearest word fills a
 * gap's end. */
static size_t
match_at(const struct phrase *p, const struct word *words, size_t n, size_t at)
{
	size_t length = p->weight + words[at].bytes + 1u;

	for (uint32_t e = 1; e < p->n; e++) {
		size_t last = at + 1 + p->elements[e].gap;

		do {
			if (words[at].last || ++at >= n || at > last)
				return 0;
		} while (!is_element(&p->elements[e], &words[at]));
		length += words[at].bytes + 1u;
	}
	return length;
}

/* Masks of the words that a phrase's second element may be: behind at, over one gap. */
static uint64_t
mask_behind(const struct word *words, size_t n, size_t at)
{
	uint64_t mask = 0;

	for (size_t i = at + 1; i < n && i <= at + 1 + PHRASE_GAP; i++)
		mask |= words[i].mask;
	return mask;
}

static void
search_at(const struct phrases *phrases, const struct word *words, size_t n, size_t at,
    const struct term *t, phrase_fn fn, void *ctx)
{
	uint64_t behind = mask_behind(words, n, at);

	for (uint32_t i = 0; i < t->nfirst; i++) {
		const struct phrase *p = &phrases->items[phrases->begins[t->first + i]];
		size_t length = p->second == UINT64_MAX || (p->second & behind) != 0
				    ? match_at(p, words, n, at)
				    : 0;

		if (length > 0)
			fn(ctx, p->code, length);
	}
}

void
phrases_search(const struct phrases *phrases, const struct scratch *s, phrase_fn fn,
    void *ctx)
{
	struct word words[PHRASE_WORDS];
	size_t n = phrases->n == 0 ? 0 : read_words(phrases, s, words);

	for (size_t at = 0; at < n; at++)
		for (uint8_t k = 0; k < words[at].n; k++)
			search_at(phrases, words, n, at,
			    &phrases->terms[words[at].terms[k]], fn, ctx);
}
