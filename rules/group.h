/*
 * group - whose trouble: the values that an incident is grouped by
 *
 * Purpose    {"host":"mx1","provider":"google"}: as text it is a key in tables, a column in
 *            the store and a field of `incidents --json`.
 * Limits     GROUP_MAX_VALUE bytes of each value, the rest is cut off.
 */
#ifndef RULES_GROUP_H
#define RULES_GROUP_H

#include "core/buf.h"
#include "rules/alert_rule.h"

enum { GROUP_MAX_VALUE = 256 };

/* The group of an event as a JSON object, fields in the rule's order; replaces *out. */
void group_of_event(const struct alert_rule *rule, const struct event *ev, struct buf *out);

/* The same values as bytes without any form: quick to make, to tell groups apart by;
 * replaces *out. */
void group_raw(const struct alert_rule *rule, const struct event *ev, struct buf *out);

/* The name under which a field of group_by stands in the object. */
struct str group_field_name(unsigned field);

/* A field's value as it stands in the object, escapes and all; p is NULL if absent. */
struct str group_value(struct str group, struct str name);

/* Do both agree in all fields that both have, and have they one in common? */
bool group_overlap(struct str a, struct str b);

/* Sets the event's fields from a group, for incidents that no event opens (silence). The
 * text is put into *values, which must outlive the event. */
void group_to_event(const struct alert_rule *rule, struct str group, struct event *ev,
    struct buf *values);

#endif
