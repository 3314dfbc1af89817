/*
 * show - opening the store to look at it; what `status` and `incidents` share
 */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include "cli/app.h"
#include "store/store.h"

struct show_options {
	bool json, all;
	const char *config, *state;
	const char *const *words; /* what is left of argv */
	size_t nwords;
};

/* An exit code; options --json --all --state --config. */
int show_options(const struct command *command, int argc, char **argv,
    struct show_options *out);
/* The store, read-only; an exit code, with the message printed. */
int show_open(const struct show_options *options, struct store **out);

#endif
