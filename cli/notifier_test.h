/*
 * notifier_test - does a channel reach its people?
 *
 * Purpose    Sends a test through one channel, or through all, and prints what it does and
 *            what the other side answered.
 * Ownership  Options are the caller's; the configuration is taken over.
 */
#ifndef CLI_NOTIFIER_TEST_H
#define CLI_NOTIFIER_TEST_H

#include "cli/notifier_loop.h"

/* channel: a name, or "all". EXIT_FINE: every test was accepted, EXIT_FAILED: not every,
 * EXIT_USAGE: there is no such channel, EXIT_CONFIG: there is none at all. */
int notifier_test(const struct notifier_options *options, struct config *config,
    const char *channel);

#endif
