/*
 * notifier_loop - what mailwarden-notify does all day
 *
 * Purpose    Sleeps until somebody knocks (store/wake.h), a notice is due by the wall clock,
 *            the clock is set, or a channel has ended; then plans and sends. SIGHUP reloads
 *            the configuration, SIGTERM and SIGINT end it after what is being sent. Tells
 *            systemd how it goes (sd_notify(3)) and that it lives.
 * Ownership  Options are the caller's until it returns; the configuration is taken over.
 * Errors     Trouble with the store is told once and tried again; the loop goes on.
 */
#ifndef CLI_NOTIFIER_LOOP_H
#define CLI_NOTIFIER_LOOP_H

#include "cli/config.h"

struct notifier_options {
	const char *config; /* as given with --config, NULL: the default */
	const char *state;  /* the store's file */
	const char *state_dir;
	bool child; /* of `run`: ends when standard input does */
};

/* An exit code. */
int notifier_loop(const struct notifier_options *options, struct config *config);

/* One pass until nothing is due; an exit code. */
int notifier_once(const struct notifier_options *options, struct config *config);

#endif
