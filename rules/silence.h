/*
 * silence - does a silence hold for an incident?
 *
 * Purpose    A silence is a text of field=value pairs separated by commas, all of which
 *            must hold: rule (or its trouble), id, provider, host, severity, category,
 *            code_id, and every field that incidents are grouped by. In values * stands
 *            for any text; letters match without regard to case (ASCII).
 * Ownership  Looks only; no state.
 * Limits     SILENCE_MAX_BYTES; more is refused.
 */
#ifndef RULES_SILENCE_H
#define RULES_SILENCE_H

#include "core/err.h"
#include "rules/incident.h"

enum { SILENCE_MAX_BYTES = 1000 };

/* Is it such a text? -EINVAL with the reason, and a suggestion for a misspelt field. */
int silence_check(struct str match, struct err *err);
struct alert_rules;
/* Is every rule=name of it, without a star, a rule or a trouble of the set? -ENOENT with a
 * suggestion. */
int silence_check_rules(struct str match, const struct alert_rules *rules, struct err *err);
/* A text that silence_check() refuses matches nothing. */
bool silence_matches(struct str match, const struct incident *incident);

/* * in the pattern is any text, also none; ASCII letters match in either case. Takes no
 * more than pattern.n * text.n steps. */
bool silence_glob(struct str pattern, struct str text);

#endif
