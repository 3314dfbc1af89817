/*
 * tally - deliveries counted by outcome and provider
 *
 * Purpose    The figures of `replay` and their one definition: an attempt of one recipient
 *            counts once by its outcome; an expiry counts by the line that gives up; a
 *            refusal in the SMTP session counts as rejected; internal hand-overs apart.
 * Ownership  The caller's struct; provider ids are copied.
 * Limits     TALLY_PROVIDERS providers, the rest under "other".
 */
#ifndef RULES_TALLY_H
#define RULES_TALLY_H

#include "core/event.h"

enum { TALLY_PROVIDERS = 512, TALLY_NAME = 48 };

struct tally {
	int64_t outcomes[OUTCOME_COUNT], internal;
	struct tally_provider {
		char name[TALLY_NAME];
		int64_t outcomes[OUTCOME_COUNT];
	} providers[TALLY_PROVIDERS];
	size_t nproviders;
};

void tally_add(struct tally *tally, const struct event *ev);
/* "outcomes", "internal" and "providers" as members of a JSON object; needs struct json. */
struct json;
void tally_json(const struct tally *tally, struct json *j);

#endif
