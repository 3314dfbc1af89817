/*
 * child - a helper program that runs as long as we do
 *
 * Purpose    Starts it, starts it again when it died, and lets it end by closing its standard
 *            input, which it watches.
 * Ownership  The caller frees with child_stop(). Texts of the order stay the caller's.
 */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include <systemd/sd-event.h>

#include "core/err.h"

struct child;

enum { CHILD_MAX_ARGS = 8 };

struct child_order {
	const char *program;              /* as app_helper_path() takes it */
	const char *what;                 /* "the notifier", for what is told */
	const char *args[CHILD_MAX_ARGS]; /* after the name; ended by NULL */
};

int child_start(sd_event *loop, const struct child_order *order, struct child **out,
    struct err *err);
void child_reload(struct child *child); /* SIGHUP; NULL is fine */
void child_stop(struct child *child);   /* NULL is fine */

/* Waits for its end; the exit status, or a negative errno. */
int child_run_once(const struct child_order *order, struct err *err);

#endif
