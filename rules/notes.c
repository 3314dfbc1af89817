#include "rules/notes.h"

#include <stdlib.h>
#include <string.h>

#include "rules/context.h"

enum { LINE_BYTES = 64 };

struct note_key {
	uint64_t key; /* 0: free */
	int64_t at_us;
};

struct note {
	bool dirty; /* changed since the last flush, in the list */
	uint8_t n;
	char text[NOTE_BYTES];
};

struct notes {
	struct note_key *keys; /* apart: those of a set lie together, in a cache line */
	struct note *notes;
	uint32_t *dirty; /* indexes of those that changed */
	size_t n, mask, ndirty;
	uint64_t evicted;
};

struct notes *
notes_new(size_t n)
{
	struct notes *notes = calloc(1, sizeof *notes);

	if (notes == NULL)
		return NULL;
	notes->n = n;
	notes->mask = n / NOTES_WAYS - 1;
	notes->keys = aligned_alloc(LINE_BYTES, n * sizeof *notes->keys);
	notes->notes = calloc(n, sizeof *notes->notes);
	notes->dirty = calloc(n, sizeof *notes->dirty);
	if (notes->keys == NULL || notes->notes == NULL || notes->dirty == NULL) {
		notes_free(notes);
		return NULL;
	}
	memset(notes->keys, 0, n * sizeof *notes->keys);
	return notes;
}

void
notes_free(struct notes *notes)
{
	if (notes == NULL)
		return;
	free(notes->keys);
	free(notes->notes);
	free(notes->dirty);
	free(notes);
}

uint64_t
notes_evicted(const struct notes *notes)
{
	return notes->evicted;
}

/* The first place of its set. */
static size_t
set_of(const struct notes *notes, uint64_t key)
{
	return (key >> 20 & notes->mask) * NOTES_WAYS;
}

/* notes->n if there is none. */
static size_t
find(const struct notes *notes, uint64_t key)
{
	size_t first = set_of(notes, key);

	for (size_t i = first; i < first + NOTES_WAYS; i++)
		if (notes->keys[i].key == key)
			return i;
	return notes->n;
}

struct str
notes_find(const struct notes *notes, uint64_t key, int64_t *at_us_out)
{
	size_t i = find(notes, key);

	if (i == notes->n)
		return (struct str){ NULL, 0 };
	*at_us_out = notes->keys[i].at_us;
	return (struct str){ notes->notes[i].text, notes->notes[i].n };
}

static void
mark(struct notes *notes, size_t i)
{
	if (notes->notes[i].dirty)
		return;
	notes->notes[i].dirty = true;
	notes->dirty[notes->ndirty++] = (uint32_t)i;
}

/* A free place of the set, or that of the oldest note. */
static size_t
make_room(struct notes *notes, uint64_t key)
{
	size_t first = set_of(notes, key), oldest = first;

	for (size_t i = first; i < first + NOTES_WAYS; i++) {
		if (notes->keys[i].key == 0)
			return i;
		if (notes->keys[i].at_us < notes->keys[oldest].at_us)
			oldest = i;
	}
	notes->evicted++;
	return oldest;
}

void
notes_set(struct notes *notes, uint64_t key, int64_t at_us, struct str text)
{
	size_t i = find(notes, key);

	if (i == notes->n)
		i = make_room(notes, key);
	text = str_head(text, NOTE_BYTES);
	notes->keys[i] = (struct note_key){ key, at_us };
	notes->notes[i].n = (uint8_t)text.n;
	if (text.n > 0)
		memmove(notes->notes[i].text, text.p, text.n);
	mark(notes, i);
}

int
notes_flush(struct notes *notes, int64_t first,
    int (*fn)(void *ctx, const struct context_slot *slot), void *ctx)
{
	int r = 0;

	for (size_t i = 0; i < notes->ndirty; i++) {
		struct note *note = &notes->notes[notes->dirty[i]];
		const struct context_slot slot = {
			.number = first + notes->dirty[i],
			.key = notes->keys[notes->dirty[i]].key,
			.at = notes->keys[notes->dirty[i]].at_us,
			.provider = { note->text, note->n },
		};

		note->dirty = false;
		if (r >= 0 && fn != NULL)
			r = fn(ctx, &slot);
	}
	notes->ndirty = 0;
	return r < 0 ? r : 0;
}

void
notes_restore(struct notes *notes, size_t index, const struct context_slot *slot)
{
	struct str text = str_head(slot->provider, NOTE_BYTES);

	if (index >= notes->n)
		return;
	notes->keys[index] = (struct note_key){ slot->key, slot->at };
	notes->notes[index] = (struct note){ .n = (uint8_t)text.n };
	if (text.n > 0)
		memcpy(notes->notes[index].text, text.p, text.n);
}
