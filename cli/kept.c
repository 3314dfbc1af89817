#include "cli/kept.h"

#include <stdlib.h>

struct kept_list *
kept_new(void)
{
	return calloc(1, sizeof(struct kept_list));
}

void
kept_free(struct kept_list *list)
{
	if (list == NULL)
		return;
	free(list->items);
	free(list);
}

void
kept_clear(struct kept_list *list)
{
	list->n = 0;
	list->failed = false;
}

/* Copies only the fields that are there: most are not. */
static void
copy_event(struct event *to, const struct event *from)
{
	to->has = from->has;
	to->time_us = from->time_us;
	to->offset_min = from->offset_min;
	to->source = from->source;
	to->offset = from->offset;
	for (uint64_t left = from->has; left != 0; left &= left - 1) {
		int f = __builtin_ctzll(left);

		to->v[f] = from->v[f];
	}
}

void
kept_add(struct kept_list *list, const struct event *ev, struct str line)
{
	if (list->n == list->cap) {
		size_t cap = list->cap == 0 ? 256 : list->cap * 2;
		struct kept *items = realloc(list->items, cap * sizeof *items);

		if (items == NULL) {
			list->failed = true;
			return;
		}
		list->items = items;
		list->cap = cap;
	}
	copy_event(&list->items[list->n].ev, ev);
	list->items[list->n++].line = line;
}
