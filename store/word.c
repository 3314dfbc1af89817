#include "store/word.h"

#include <string.h>

static int
find_or_add(struct db *db, struct str text, uint32_t *number_out, struct err *err)
{
	struct query find = query_kept(db, Q_WORD_FIND);

	query_text(&find, text);
	int r = query_next(&find, "write to store", err);

	if (r > 0)
		*number_out = (uint32_t)query_col_int(&find, 0);
	query_end(&find);
	if (r != 0)
		return r < 0 ? r : 0;

	struct query add = query_kept(db, Q_WORD_ADD);

	query_text(&add, text);
	if ((r = query_run(&add, "write to store", err)) == 0)
		*number_out = (uint32_t)sqlite3_last_insert_rowid(db->sql);
	return r;
}

static bool
holds(const struct word_slot *slot, struct str text)
{
	return slot->id != 0 && slot->n == text.n &&
	       memcmp(slot->text, text.p, text.n) == 0;
}

int
words_number(struct words *words, struct db *db, enum word_role role, struct str text,
    uint32_t *number_out, struct err *err)
{
	struct word_slot *slot = &words->slots[words->last[role]];

	text = str_head(text, WORD_BYTES);
	if (text.n == 0) {
		*number_out = 0;
		return 0;
	}
	if (text.n > WORD_CACHED_BYTES)
		return find_or_add(db, text, number_out, err);
	if (!holds(slot, text)) {
		words->last[role] = (uint16_t)(str_hash(text) % WORD_SLOTS);
		slot = &words->slots[words->last[role]];
	}
	if (!holds(slot, text)) {
		slot->id = 0;
		int r = find_or_add(db, text, &slot->id, err);

		if (r < 0)
			return r;
		memcpy(slot->text, text.p, text.n);
		slot->n = (uint32_t)text.n;
	}
	*number_out = slot->id;
	return 0;
}

void
words_clear(struct words *words)
{
	for (size_t i = 0; i < WORD_SLOTS; i++)
		words->slots[i].id = 0;
}
