/*
 * app - what all subcommands share: exit codes, options, rules, output
 *
 * Purpose    Keeps each subcommand's file to its arguments and its wiring.
 * Ownership  As told at each function.
 */
#ifndef CLI_APP_H
#define CLI_APP_H

#include <stdio.h>

#include "core/diag.h"
#include "core/err.h"
#include "parsers/catalogue.h"
#include "parsers/ruleset.h"

/* Design, section 5. */
enum exit_code {
	EXIT_FINE = 0,
	EXIT_FAILED = 1, /* the thing asked for failed or was not found */
	EXIT_USAGE = 2,
	EXIT_CONFIG = 3, /* configuration or rules are wrong */
	EXIT_STORE = 4,  /* store or source unusable */
};

struct command {
	const char *name, *args, *summary;
	const char *help; /* what --help prints below the usage line */
	int (*run)(int argc, char **argv);
};

extern const struct command cmd_trace;
extern const struct command cmd_ack, cmd_events, cmd_show, cmd_silence;
extern const struct command cmd_digest;
extern const struct command cmd_evidence, cmd_explain, cmd_ingest, cmd_serve;
extern const struct command cmd_check, cmd_config, cmd_incidents, cmd_notify, cmd_parse,
    cmd_replay, cmd_run, cmd_status;

void app_help(const struct command *command, FILE *to);
/* "mailwarden COMMAND: what", then how to get help; returns EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int app_usage(const struct command *command,
    const char *fmt, ...);
/* "mailwarden: what"; returns code. */
__attribute__((format(printf, 2, 3))) int app_fail(enum exit_code code, const char *fmt,
    ...);

/* Folders of rules, the shipped first, then the admin's; NULL-terminated, static text. */
struct rule_dirs {
	const char *dirs[3];
	size_t n;
};
/* override: --rules DIR or NULL. Takes the place of /etc/mailwarden/rules.d. */
struct rule_dirs app_rule_dirs(const char *override);

/* The catalogue folders of these; as catalogue_load(). */
int app_load_catalogue(const struct rule_dirs *dirs, struct catalogue **out,
    struct diags *diags);

struct alert_rules;

struct rulebook {
	struct ruleset *parsers;
	struct catalogue *catalogue;
	struct alert_rules *alerts; /* NULL unless asked for */
};
enum rulebook_parts {
	RULEBOOK_PARSERS,
	RULEBOOK_ALL,
};
/* Prints faults to standard error; EXIT_FINE or EXIT_CONFIG. */
int app_load_rules(const char *override, enum rulebook_parts parts, struct rulebook *out);
void app_free_rules(struct rulebook *book);

int64_t app_now_us(void);
/* Path of a helper program: beside a program run from its build folder, or libexec. */
char *app_helper_path(const char *name); /* owned by the caller; NULL without memory */

/* Text from strangers on a terminal, as plain_add() of core/plain.h. */
void app_print_safe(struct str text, FILE *to);
/* Colours only on a terminal and without NO_COLOR. */
bool app_wants_colour(FILE *to);

/* A progress bar on standard error, only where that is a terminal. */
struct progress {
	int64_t began_us, shown_us;
	const char *what;
	bool on;
	const char *unit; /* of `lines`: "lines" */
};
struct progress progress_begin(const char *what);
void progress_show(struct progress *p, uint64_t done, uint64_t size, uint64_t lines);
void progress_end(struct progress *p);

#endif
