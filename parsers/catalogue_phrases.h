/*
 * catalogue_phrases - sayings found in a reply word by word
 *
 * Purpose    People who run mail servers word the same refusal in a hundred ways. A
 *            phrase is a row of words that must follow each other in the reply:
 *            alternatives ("full|voll"), sets of them ("<mailbox>"), stems ("block*"),
 *            gaps ("..": up to PHRASE_GAP other words), and classes of words that
 *            nobody chose: {ip}, {address}, {host}, {url}, {ipurl} (with an IP address
 *            in it), {number}. No phrase goes over the end of a sentence.
 * Ownership  Compiled into the catalogue's chunks; texts asked about are looked at.
 * Limits     The first PHRASE_WORDS words of a reply, PHRASE_ELEMENTS elements.
 */
#ifndef PARSERS_CATALOGUE_PHRASES_H
#define PARSERS_CATALOGUE_PHRASES_H

#include "parsers/catalogue_impl.h"

enum {
	PHRASE_GAP = 4,
	PHRASE_WORDS = 160,
	PHRASE_ELEMENTS = 12,
	PHRASE_ALTERNATIVES = 100,
};

/* Why the text is no phrase, or NULL; cat: its sets. */
const char *phrase_fault(const struct catalogue *cat, struct str text);
/* Is it one word, stem or class? */
bool phrase_is_word(struct str text);

/* From cat->sayings and cat->sets; -ENOMEM. */
int phrases_build(struct catalogue *cat);

/* Calls fn for each phrase that stands in s; length: bytes of the words matched and
 * the phrase's weight. */
typedef void (*phrase_fn)(void *ctx, uint32_t code, size_t length);
void phrases_search(const struct phrases *phrases, const struct scratch *s, phrase_fn fn,
    void *ctx);

#endif
