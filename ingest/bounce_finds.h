/*
 * bounce_finds - what rules found in a bounce's text, kept
 *
 * Purpose    Rules hand over one recipient at a time; here they wait to become events, or
 *            to lend their replies to status fields that have none.
 * Ownership  bounce_finds_done() frees; texts of a find live until then.
 * Limits     REPORT_EVENTS finds; more are counted in left_out.
 */
#ifndef INGEST_BOUNCE_FINDS_H
#define INGEST_BOUNCE_FINDS_H

#include "ingest/letter.h"
#include "ingest/report.h"
#include "parsers/bounce_rules.h"

struct bounce_finds {
	struct bounce_find *finds;
	size_t n, cap, left_out;
	bool asked;
};

/* Asks the rules, once; NULL rules find nothing. */
int bounce_finds_ask(struct bounce_finds *finds, struct bounce_rules *rules,
    const struct letter *letter, struct err *err);
void bounce_finds_done(struct bounce_finds *finds);

/* What was found of that recipient, or the only find if it names none; else NULL. */
const struct bounce_find *bounce_finds_of(const struct bounce_finds *finds,
    struct str recipient);

/* As an event of kind dsn; texts are the find's. */
void bounce_find_event(const struct bounce_find *find, struct event *ev);

#endif
