/*
 * show - what the commands share that look at the store, or change what people say to it
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
/* The store's file, as --state or the configuration has it; the caller frees it. An exit
 * code, with the message printed. */
int show_path(const struct show_options *options, char **path_out);
/* The store, read-only; an exit code, with the message printed. */
int show_open(const struct show_options *options, struct store **out);
/* The store, to write beside the one who watches. */
int show_join(const struct show_options *options, struct store **out);

/* Notices may be due that were not: wakes the notifier. A failure is told; they are found
 * later. */
void show_knock(const struct show_options *options);

struct alert_rules;
/* The alert rules, NULL if they are wrong; the caller frees them. */
struct alert_rules *show_alert_rules(const struct show_options *options);

/* Who runs this command, also through sudo: the name, or the number. Never empty. */
void show_who(struct buf *out);

/* "acknowledged by ann", "silenced until 2026-11-21 08:00Z": empty if neither. */
void show_marks(const struct incident *incident, struct buf *out);
/* {"host":"mx1","provider":"google"} as "host mx1, provider google". */
void show_group(struct str group, struct buf *out);
/* A paragraph for 80 columns, behind so many blanks; safe to look at. Also words that are
 * longer than a line are cut into lines. */
void show_folded(struct str text, size_t indent, FILE *to);
/* The same for text whose lines and empty lines mean something: advice. */
void show_paragraphs(struct str text, size_t indent, FILE *to);
const char *show_colour(const struct incident *incident); /* escape sequence */

#endif
