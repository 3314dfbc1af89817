/*
 * config - mailwarden.yaml
 *
 * Purpose    Reads /etc/mailwarden/mailwarden.yaml, or the file that --config names. An
 *            absent file is fine: every setting has a default.
 * Ownership  The caller's struct; config_done() frees what is in it.
 * Errors     Negative errno with every fault in *diags at its line and column.
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "core/diag.h"
#include "core/str.h"
#include "notify/settings.h"

enum source_kind {
	SOURCE_FILE,
	SOURCE_JOURNAL,
};

struct config_source {
	enum source_kind kind;
	char *path; /* file; journal: folder, NULL for this machine's */
};

/* Bounce messages and reports. */
struct report_settings {
	struct texts maildirs; /* that are watched */
	char *after;           /* "leave", "cur", a Maildir's path; NULL: leave */
	struct texts own_addresses, own_names; /* none: what the machine says */
};

/* `mailwarden serve`. */
struct web_settings_read {
	char *listen;               /* ADDRESS:PORT or unix:/PATH */
	struct secret_source token; /* unset: nothing may be written */
	struct texts hosts;         /* names in Host besides loopback's */
	bool is_public;             /* may listen at what is not loopback */
};

struct config {
	char *path;
	bool found;
	char *host;     /* name of this machine in alerts */
	char *state;    /* the store's file */
	char *timezone; /* of stamps without one; NULL: the machine's */
	char *rules;    /* the admin's rules folder; NULL: /etc/mailwarden/rules.d */
	struct config_source *sources; /* none: what this machine has */
	size_t nsources;
	struct report_settings reports;
	struct web_settings_read web;
	struct notify_settings notify;
	struct yaml *yaml;
	struct config_memory *memory; /* owns all texts and lists of above */
};

/* What was written, also where nothing was: an empty map. Dies with the configuration. */
const struct ynode *config_root(const struct config *config);

/* path NULL: the default file. */
int config_load(const char *path, struct config *out, struct diags *diags);
/* The same on the heap, faults told on standard error; NULL: faulty, or no memory. For
 * config_done() and free(). */
struct config *config_read_told(const char *path);
void config_done(struct config *config);

#endif
