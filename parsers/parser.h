/*
 * parser - a line goes in, delivery events come out
 *
 * Purpose    Header, rule match, what is the same for all servers (reply codes,
 *            provider, category, loopback), lists of recipients split. A pure function
 *            of the line but for the stamp that a line without one inherits.
 * Ownership  rules and catalogue stay the caller's and must outlive the parser; events
 *            point into the line and into them, until the next line.
 * Limits     MAX_SPLIT recipients of one line; the rest is cut and flagged `partial`.
 * Threads    One parser a thread; rules and catalogue are shared.
 */
#ifndef PARSERS_PARSER_H
#define PARSERS_PARSER_H

#include "core/line.h"
#include "parsers/catalogue.h"
#include "parsers/ruleset.h"

struct parser;

enum { MAX_SPLIT = 200 }; /* sendmail breaks its lines long before (1024 bytes) */

enum parse_result {
	PARSE_NOT_OURS, /* another program's line, or none at all */
	PARSE_EVENT,
	PARSE_IGNORED,  /* ours, known, says nothing */
	PARSE_UNPARSED, /* ours, and no rule took it */
	PARSE_GAVE_UP,  /* ours, a rule hit its limit, no other took it */
};

typedef void parser_event_fn(void *ctx, struct event *ev);

struct parser *parser_new(const struct ruleset *rules, const struct catalogue *catalogue,
    int64_t reference_us);
void parser_free(struct parser *parser);

/* Begins a batch. reference_us: what a stamp without year is measured against, as header.h
 * says; a line without a stamp no longer inherits that of a line before. */
void parser_set_reference(struct parser *parser, int64_t reference_us);
/* The line has no header: its text is process's; an empty name tries all services. */
void parser_set_no_header(struct parser *parser, struct str process);

/* Calls fn for each event of the line; source is the name the events carry. */
enum parse_result parser_line(struct parser *parser, const struct line *line,
    struct str source, parser_event_fn *fn, void *ctx);

struct matcher *parser_matcher(struct parser *parser); /* for its counts */

#endif
