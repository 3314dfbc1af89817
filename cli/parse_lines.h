/*
 * parse_lines - a batch of lines becomes events, on as many cores as are worth it
 *
 * Purpose    Few lines are parsed one after the other, many in portions on all cores; their
 *            events are handed over in the order of the lines either way.
 * Ownership  Everything in the job is the caller's.
 */
#ifndef CLI_PARSE_LINES_H
#define CLI_PARSE_LINES_H

#include "cli/self.h"
#include "core/err.h"
#include "parsers/parser.h"
#include "store/store.h"

struct parse_job {
	struct parser *const *parsers; /* one for each core, at least one */
	size_t nparsers;
	int64_t reference_us; /* as parser_set_reference() */
	struct str source;
	const struct line *lines;
	size_t n;
	struct ledger_counts *counts; /* each line is added after its events were taken */
	struct self_samples *samples; /* of lines that no rule took */
	/* Takes one event; a negative errno ends it. */
	int (*take)(void *ctx, struct event *ev, struct str line);
	void *ctx;
};

/* 0, what `take` returned, -ENOMEM, or the reason why no thread could be started. */
int parse_lines(const struct parse_job *job, struct err *err);

#endif
