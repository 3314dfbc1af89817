/*
 * daemon - the event loop of `run`: sources, pipeline, notifier, signals
 *
 * Purpose    Follows every source, commits batches, knocks at the notifier's door when
 *            there is something to tell, reloads rules on SIGHUP, ends on SIGTERM and SIGINT.
 * Ownership  Settings stay the caller's until daemon_run() returns.
 */
#ifndef CLI_DAEMON_H
#define CLI_DAEMON_H

#include "cli/config.h"
#include "watcher/source.h"

struct daemon_settings {
	const struct config *config;
	const char *config_path; /* as given with --config, NULL: the default */
	const char *rules;       /* as given with --rules, or the configuration's; NULL */
	const char *state;
	const struct config_source *sources;
	size_t nsources;
	enum source_start start; /* for sources without a cursor */
	bool once;               /* catch up, tell, stop */
	bool no_notifier;        /* it is a service of its own, or not wanted */
	bool no_ingest;          /* so is what watches Maildirs */
};

/* An exit code. */
int daemon_run(const struct daemon_settings *settings);

#endif
