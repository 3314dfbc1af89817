/*
 * notifier - the child process that has the network
 *
 * Purpose    mailwarden-notify as a child of `run` (cli/child.h). Who has something to tell
 *            knocks (store/wake.h).
 */
#ifndef CLI_NOTIFIER_H
#define CLI_NOTIFIER_H

#include <systemd/sd-event.h>

#include "core/err.h"

struct child;

struct notifier_args {
	const char *config; /* NULL: the default */
	const char *state;
};

/* For child_stop(). */
int notifier_start(sd_event *loop, const struct notifier_args *args, struct child **out,
    struct err *err);

/* One pass over what is due, waited for; its exit status, or a negative errno. */
int notifier_run_once(const struct notifier_args *args, struct err *err);

#endif
