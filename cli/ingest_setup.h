/*
 * ingest_setup - what `mailwarden ingest` works with
 *
 * Purpose    Configuration, rules for bounce messages, the host's names and addresses, and
 *            the paths beside the store: read once, before the first message.
 * Ownership  The caller frees with ingest_setup_free().
 */
#ifndef CLI_INGEST_SETUP_H
#define CLI_INGEST_SETUP_H

#include "cli/app.h"
#include "cli/config.h"
#include "cli/ingest_jail.h"

struct ingest_options {
	const char *config, *state, *rules; /* NULL: as configured */
	bool json, dry_run, old;
	bool child; /* of --watch: it ends with its standard input */
};

struct ingest_setup {
	const struct ingest_options *options;
	struct config *config;
	struct bounce_rules *rules;
	struct report_host host;
	struct jail *jail;
	struct rulebook book; /* of --dry-run --json */
	struct parser *parser;
	char *folder; /* of the store */
	char *log;    /* reports.log in it */
	/* what `host` points to */
	struct str names[2 + 100], addresses[100];
	char *found_name;
	struct buf found_addresses;
};

/* NULL: faults were told on standard error. */
struct ingest_setup *ingest_setup_new(const struct ingest_options *options);
void ingest_setup_free(struct ingest_setup *setup); /* NULL is fine */

#endif
