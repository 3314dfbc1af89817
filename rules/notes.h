/*
 * notes - short texts by key that outlive a restart
 *
 * Purpose    What a line tells about later ones without naming a message: who logged in on
 *            a session, whose mail failed last.
 * Ownership  The caller frees with notes_free(). Texts handed out live until the next
 *            change.
 * Memory     notes_flush() hands over what changed, notes_restore() takes it back; with
 *            the same notes in the same places all goes on as without a restart.
 * Limits     A fixed number of notes, NOTE_BYTES of each text; in a full set the oldest
 *            goes and is counted. Keys are 64-bit hashes.
 */
#ifndef RULES_NOTES_H
#define RULES_NOTES_H

#include "core/str.h"

enum {
	NOTE_BYTES = 160,
	NOTES_WAYS = 4,
};

struct notes;
struct context_slot;

/* n: a power of two, at least NOTES_WAYS. NULL without memory. */
struct notes *notes_new(size_t n);
void notes_free(struct notes *notes); /* NULL is fine */

/* p is NULL if there is none; *at_us_out only if there is one. */
struct str notes_find(const struct notes *notes, uint64_t key, int64_t *at_us_out);
/* Replaces the note of that key. What is longer than NOTE_BYTES is cut off. */
void notes_set(struct notes *notes, uint64_t key, int64_t at_us, struct str text);

/* As context_flush(); numbers of slots begin with first. */
int notes_flush(struct notes *notes, int64_t first,
    int (*fn)(void *ctx, const struct context_slot *slot), void *ctx);
/* index: the slot's number without `first`. */
void notes_restore(struct notes *notes, size_t index, const struct context_slot *slot);

uint64_t notes_evicted(const struct notes *notes);

#endif
