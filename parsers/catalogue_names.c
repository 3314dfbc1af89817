/* Names of hosts, domains and ids: hash tables that are read from the end of the name,
 * so that one walk over a host name tries each of its suffixes. */
#include "parsers/catalogue_impl.h"

#include <errno.h>
#include <stdlib.h>

enum {
	FIRST_SLOTS = 64,
	HASH_SEED = 5381,
	MIN_TAIL = 8, /* a shorter rest of a cut name proves nothing */
};

static uint32_t
hash_step(uint32_t h, char c)
{
	return (h ^ (uint8_t)to_lower(c)) * 0x9E3779B1u;
}

static uint32_t
hash_name(struct str key)
{
	uint32_t h = HASH_SEED;

	for (size_t i = key.n; i > 0; i--)
		h = hash_step(h, key.p[i - 1]);
	return h;
}

static const struct name *
find_slot(const struct names *names, struct str key, uint32_t hash)
{
	if (names->n == 0)
		return NULL;
	for (size_t i = (hash >> 12) & names->mask;; i = (i + 1) & names->mask) {
		const struct name *slot = &names->slots[i];

		if (slot->key.p == NULL)
			return NULL;
		if (slot->hash == hash && str_eq_nocase(slot->key, key))
			return slot;
	}
}

static void
place(struct name *slots, size_t mask, struct name entry)
{
	size_t i = (entry.hash >> 12) & mask;

	while (slots[i].key.p != NULL)
		i = (i + 1) & mask;
	slots[i] = entry;
}

static int
grow(struct names *names)
{
	size_t count = names->slots == NULL ? FIRST_SLOTS : 2 * (names->mask + 1);
	struct name *slots = calloc(count, sizeof *slots);

	if (slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; names->slots != NULL && i <= names->mask; i++)
		if (names->slots[i].key.p != NULL)
			place(slots, count - 1, names->slots[i]);
	free(names->slots);
	names->slots = slots;
	names->mask = count - 1;
	return 0;
}

int
names_put(struct names *names, struct str key, uint32_t value)
{
	uint32_t hash = hash_name(key);
	const struct name *found = find_slot(names, key, hash);

	if (found != NULL) {
		names->slots[found - names->slots].value = value;
		return 0;
	}
	/* Half empty at least, so that a search ends soon. */
	if (names->slots == NULL || 2 * (names->n + 1) > names->mask) {
		int r = grow(names);

		if (r < 0)
			return r;
	}
	place(names->slots, names->mask, (struct name){ key, hash, value });
	names->n++;
	return 0;
}

bool
names_find(const struct names *names, struct str key, uint32_t *value_out)
{
	const struct name *found = find_slot(names, key, hash_name(key));

	if (found != NULL)
		*value_out = found->value;
	return found != NULL;
}

bool
names_find_suffix(const struct names *names, struct str host, uint32_t *value_out)
{
	uint32_t h = HASH_SEED;
	bool any = false;

	for (size_t i = host.n; i > 0; i--) {
		h = hash_step(h, host.p[i - 1]);
		if (i > 1 && host.p[i - 2] != '.')
			continue;
		const struct name *found = find_slot(names, str_skip(host, i - 1), h);

		if (found != NULL) {
			*value_out = found->value;
			any = true;
		}
	}
	return any;
}

/* How much of the name's beginning (with the dot before it) ends the head. */
static size_t
overlap(struct str head, struct str name)
{
	size_t most = head.n < name.n + 1 ? head.n : name.n + 1;

	for (size_t n = most; n > 0; n--)
		if (head.p[head.n - n] == '.' &&
		    str_eq_nocase(str_skip(head, head.n - n + 1), str_head(name, n - 1)))
			return n;
	return 0;
}

bool
names_find_cut(const struct names *names, struct str head, struct str tail,
    uint32_t *value_out)
{
	const struct name *best = NULL;
	size_t best_overlap = 0;

	/* Where the tail begins is no border between labels. */
	ptrdiff_t dot = str_find_char(tail, '.');

	if (dot >= 0 &&
	    names_find_suffix(names, str_skip(tail, (size_t)dot + 1), value_out))
		return true;
	if (tail.n < MIN_TAIL || names->n == 0)
		return false;
	for (size_t i = 0; i <= names->mask; i++) {
		const struct name *slot = &names->slots[i];

		if (slot->key.n < tail.n || !str_ends_nocase(slot->key, tail))
			continue;
		size_t n = overlap(head, slot->key);

		/* Without a hint from the head, the least specific name. */
		if (best == NULL || n > best_overlap ||
		    (n == best_overlap && slot->key.n < best->key.n)) {
			best = slot;
			best_overlap = n;
		}
	}
	if (best != NULL)
		*value_out = best->value;
	return best != NULL;
}

void
names_done(struct names *names)
{
	free(names->slots);
	*names = (struct names){ 0 };
}
