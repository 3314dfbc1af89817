/*
 * reply_words - a reply taken apart into words, for catalogue_phrases.c
 *
 * Purpose    Words in small letters without accents ("Boîte" is "boite"), apostrophes and
 *            hyphens as people mean them, and what is no word: addresses, hosts, links.
 * Ownership  Views; the word read last is a copy in the reader.
 * Limits     WORD_BYTES of a word; the rest of it does not count.
 */
#ifndef PARSERS_REPLY_WORDS_H
#define PARSERS_REPLY_WORDS_H

#include "core/str.h"

enum { WORD_BYTES = 40 };

struct reading {
	const char *p; /* what is left of the text, in small letters if they are ASCII */
	size_t n;
	char word[WORD_BYTES];
	size_t word_n;
};

/* The next word into r->word; false: there is none. */
bool reading_next(struct reading *r);

/* What a run of characters without blanks is. */
enum run_class {
	RUN_WORDS, /* one or more ordinary words */
	RUN_IP,
	RUN_ADDRESS,
	RUN_HOST,
	RUN_URL,
	RUN_NUMBER,
	RUN_IP_URL, /* never told by run_class_of(): see run_has_ip() */
};
enum run_class run_class_of(struct str run);
/* Is it about one IP address: "https://example.org/lookup?ip=192.0.2.25"? */
bool run_has_ip(struct str run);

#endif
