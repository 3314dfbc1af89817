#include "web/counters.h"

#include <stdlib.h>

enum { SLOTS = 2 * COUNTERS };

struct counter {
	char *series; /* NULL: free */
	int64_t base; /* its sum when it was seen first, or began in this store */
	int64_t kept; /* of stores before this one */
	int64_t value;
};

struct counters {
	struct counter *slots; /* SLOTS, open addressing */
	size_t n;
	uint64_t identity;
	bool looked; /* at least once */
	bool first;  /* this look is the first */
	bool lost;
};

struct counters *
counters_new(void)
{
	struct counters *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->slots = calloc(SLOTS, sizeof *c->slots);
	if (c->slots != NULL)
		return c;
	free(c);
	return NULL;
}

void
counters_free(struct counters *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		free(c->slots[i].series);
	free(c->slots);
	free(c);
}

void
counters_begin(struct counters *c, uint64_t identity)
{
	c->first = !c->looked;
	if (c->looked && identity != c->identity)
		for (size_t i = 0; i < SLOTS; i++) {
			c->slots[i].kept = c->slots[i].value;
			c->slots[i].base = 0;
		}
	c->identity = identity;
	c->looked = true;
}

int64_t
counters_value(struct counters *c, struct str series, int64_t sum)
{
	size_t i = str_hash(series) % SLOTS;

	while (c->slots[i].series != NULL && !str_eq(str_of(c->slots[i].series), series))
		i = (i + 1) % SLOTS;
	struct counter *slot = &c->slots[i];

	if (slot->series == NULL) {
		if (c->n == COUNTERS || (slot->series = str_dup(series)) == NULL) {
			c->lost = true;
			return 0;
		}
		c->n++;
		slot->base = c->first ? sum : 0;
	}
	if (slot->kept + sum - slot->base > slot->value)
		slot->value = slot->kept + sum - slot->base;
	return slot->value;
}

bool
counters_lost(const struct counters *c)
{
	return c->lost;
}
