/*
 * kept - events that wait for their turn
 *
 * Purpose    Workers parse batches of lines in any order; detectors and store take the
 *            events in the lines' order. Between the two they wait here.
 * Ownership  The caller frees a list with kept_free(). Events and lines are views into the
 *            batch and the rules, as parser.h says, and valid as long as those.
 */
#ifndef CLI_KEPT_H
#define CLI_KEPT_H

#include "core/event.h"

struct kept_list {
	struct kept {
		struct event ev;
		struct str line; /* the raw line */
	} * items;
	size_t n, cap;
	bool failed; /* memory ran out: some are missing */
};

struct kept_list *kept_new(void);
void kept_free(struct kept_list *list);
void kept_clear(struct kept_list *list);
void kept_add(struct kept_list *list, const struct event *ev, struct str line);

#endif
