/*
 * notifier - the child process that has the network
 *
 * Purpose    Starts mailwarden-notify, starts it again when it died, and lets it end by
 *            closing its standard input. Who has something to tell knocks (store/wake.h).
 * Ownership  The caller frees with notifier_stop().
 */
#ifndef CLI_NOTIFIER_H
#define CLI_NOTIFIER_H

#include <systemd/sd-event.h>

#include "core/err.h"

struct notifier;

struct notifier_args {
	const char *config; /* NULL: the default */
	const char *state;
};

int notifier_start(sd_event *loop, const struct notifier_args *args, struct notifier **out,
    struct err *err);
void notifier_reload(struct notifier *notifier); /* NULL is fine */
void notifier_stop(struct notifier *notifier);   /* NULL is fine */

/* One pass over what is due, waited for; its exit status, or a negative errno. */
int notifier_run_once(const struct notifier_args *args, struct err *err);

#endif
