#include "store/rollup.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct rollup_key) == 40, "no padding: keys are compared as bytes");
static_assert(ROLLUP_SLOTS <= UINT16_MAX, "slots are named by 16 bits");

/* The key's slot, or the free one where it belongs; half of the table is always free. */
static struct rollup_slot *
find_slot(struct rollups *rollups, const struct rollup_key *key)
{
	uint64_t hash = str_hash((struct str){ (const char *)key, sizeof *key });
	size_t at = (size_t)(hash % ROLLUP_SLOTS);

	while (rollups->slots[at].used &&
	       memcmp(&rollups->slots[at].key, key, sizeof *key) != 0)
		at = (at + 1) % ROLLUP_SLOTS;
	return &rollups->slots[at];
}

int
rollups_add(struct rollups *rollups, struct db *db, const struct rollup_key *key,
    int64_t count, struct err *err)
{
	struct rollup_slot *slot = find_slot(rollups, key);

	if (!slot->used && rollups->n == ROLLUP_KEYS) {
		int r = rollups_flush(rollups, db, err);

		if (r < 0)
			return r;
		slot = find_slot(rollups, key);
	}
	if (!slot->used) {
		*slot = (struct rollup_slot){ .key = *key, .used = true };
		rollups->order[rollups->n++] = (uint16_t)(slot - rollups->slots);
	}
	slot->count += count;
	return 0;
}

int
rollups_flush(struct rollups *rollups, struct db *db, struct err *err)
{
	for (size_t i = 0; i < rollups->n; i++) {
		const struct rollup_slot *slot = &rollups->slots[rollups->order[i]];
		struct query q = query_kept(db, Q_ROLLUP_ADD);

		query_int(&q, slot->key.hour);
		query_int(&q, slot->key.host);
		query_int(&q, slot->key.mta);
		query_int(&q, slot->key.kind);
		query_int(&q, slot->key.direction);
		query_int(&q, slot->key.provider);
		query_int(&q, slot->key.outcome);
		query_int(&q, slot->key.category);
		query_int(&q, slot->count);
		int r = query_run(&q, "write to store", err);

		if (r < 0)
			return r;
	}
	rollups_clear(rollups);
	return 0;
}

void
rollups_clear(struct rollups *rollups)
{
	for (size_t i = 0; i < rollups->n; i++)
		rollups->slots[rollups->order[i]].used = false;
	rollups->n = 0;
}
