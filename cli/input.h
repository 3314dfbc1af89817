/*
 * input - files and journals read to the end, parsed on all cores
 *
 * Purpose    What `parse` and `replay` share: opening inputs, the worker pool, a parser
 *            for each worker, the progress bar, the count of what became of the lines.
 * Ownership  The caller's job; rules stay the caller's.
 */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "cli/app.h"
#include "parsers/parser.h"
#include "watcher/reader.h"

struct line_counts {
	int64_t lines, events, ignored, unparsed, gave_up, truncated;
};

/* One batch: its lines, and what the workers made of them. */
struct input_batch {
	struct line_batch lines;
	struct str source;         /* name of the file the lines came from */
	struct line_counts counts; /* of this batch */
	void *data;                /* the job's, from batch_new() */
};

struct input_job {
	const struct rulebook *book;
	char *const *paths; /* "-" is standard input */
	size_t npaths;
	bool journal; /* paths are journals; none: this machine's */
	bool no_header;
	struct str process; /* of lines without header */
	size_t workers;     /* SIZE_MAX: as the machine has cores */
	bool want_unparsed; /* call on_unparsed too */
	int64_t max_lines;  /* stop after so many; 0: read to the end */

	void *ctx;
	void *(*batch_new)(void *ctx);
	void (*batch_free)(void *ctx, void *data);
	/* On a worker: a new batch begins, an event, a claimed line that no rule took. */
	void (*on_begin)(void *ctx, struct input_batch *batch);
	void (*on_event)(void *ctx, struct input_batch *batch, struct event *ev,
	    const struct line *line);
	void (*on_unparsed)(void *ctx, struct input_batch *batch, const struct line *line);
	/* On the caller's thread, in the order of the input. Negative errno stops. */
	int (*on_batch)(void *ctx, struct input_batch *batch);
};

/* An exit code; messages are printed. *total_out: the sum over all batches. */
int input_run(const struct input_job *job, struct line_counts *total_out);

#endif
