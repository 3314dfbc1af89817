/*
 * bounce_rules - bounce messages that only people can read, by rules as data
 *
 * Purpose    qmail, Exim, Exchange, old and odd servers write what happened in plain text.
 *            A rule (rules.d/bounces/, its README says how to write one) finds the
 *            recipients in it, and what was said of each.
 * Ownership  The caller frees; texts handed to the callback live until it returns.
 * Limits     A rule whose pattern hits the match limit is passed over, counted.
 * Threads    One reader at a time.
 */
#ifndef PARSERS_BOUNCE_RULES_H
#define PARSERS_BOUNCE_RULES_H

#include "core/diag.h"
#include "core/str.h"

struct bounce_rules;

/* Reads the .yaml files of bounces/ below each folder, the later override by name. A folder without any is
 * fine. NULL: out of memory; faults are in diags. */
struct bounce_rules *bounce_rules_load(const char *const *dirs, size_t n,
    struct diags *diags);
void bounce_rules_free(struct bounce_rules *rules);
size_t bounce_rules_count(const struct bounce_rules *rules);
/* Runs the examples of all rules; faults go to diags. How many ran. */
size_t bounce_rules_check(struct bounce_rules *rules, struct diags *diags);

/* The message as rules see it: decoded to UTF-8, lines end in \n. */
struct bounce_letter {
	struct str from, subject; /* header values; may be empty */
	struct str header;        /* the whole header, unfolded */
	struct str text; /* the first part for people, up to the returned message */
};

/* What was said of a recipient; p is NULL where nothing was. */
struct bounce_find {
	struct str rule;
	struct str action; /* failed, delayed */
	struct str recipient, status, reply, relay_name, relay_ip, queue_id, sender,
	    message_id;
	int smtp_code; /* 0: none */
};

typedef int bounce_find_fn(void *ctx, const struct bounce_find *find);
/* The first rule that finds recipients counts. How many; a negative value of fn ends it. */
int bounce_rules_read(struct bounce_rules *rules, const struct bounce_letter *letter,
    bounce_find_fn *fn, void *ctx);

#endif
