/*
 * config_review - is what the configuration names there, and will it reach somebody?
 *
 * Purpose    What `mailwarden check` finds in a configuration that can be read: secret
 *            files and programs as they stand on this machine, channels that no route
 *            leads to, severities that nobody hears of, alerts that ride on what is broken.
 * Ownership  Looks only. No secret is read.
 */
#ifndef CLI_CONFIG_REVIEW_H
#define CLI_CONFIG_REVIEW_H

#include "cli/config.h"
#include "core/buf.h"

void config_review(const struct config *config, struct diags *diags);

struct alert_rules;
/* Does each rule=name of a route name a rule? Else an error at its `match`. */
void config_review_rules(const struct config *config, const struct alert_rules *rules,
    struct diags *diags);

enum secret_state {
	SECRET_UNSET,   /* no file is named */
	SECRET_SET,     /* it is there and nobody else can read it */
	SECRET_UNKNOWN, /* not to be seen from here */
	SECRET_FAULTY,  /* not there, or others can read it */
};
/* file: as in struct secret_source. why: what is wrong, with what helps. */
enum secret_state secret_look(const char *file, struct buf *why);

#endif
