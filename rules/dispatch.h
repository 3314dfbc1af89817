/*
 * dispatch - which of many rules can concern an event
 *
 * Purpose    A thousand rules cost little: a rule is looked at only for the kinds and
 *            outcomes that it names, and, where it names values of a text field or a
 *            pattern with a literal, only if the event has one of the values or the
 *            literal. What it picks is a superset of what matches: the caller still asks
 *            conditions_hold().
 * Ownership  The rules are the caller's and must outlive it.
 */
#ifndef RULES_DISPATCH_H
#define RULES_DISPATCH_H

#include "rules/alert_rule.h"

struct dispatch;

/* A bit per rule, in their order. */
struct picked {
	uint64_t *when;  /* `when` may hold */
	uint64_t *signs; /* `resolves: when` or `among` may hold */
	size_t words;
};

struct dispatch *dispatch_new(const struct alert_rules *rules);
void dispatch_free(struct dispatch *d); /* NULL is fine */

/* Good until the next call. */
struct picked dispatch_pick(struct dispatch *d, const struct event *ev);

#endif
