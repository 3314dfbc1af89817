/*
 * pool - batches worked on by several threads, handed back in order
 *
 * Purpose    Parsing is pure, so batches of lines are parsed on all cores; what has a
 *            memory (detectors, the store, standard output) gets them one after the
 *            other, in the order of the input.
 * Ownership  The pool owns its slots and threads; slot data is the caller's, made and
 *            freed by its functions.
 * Limits     POOL_SLOTS_PER_WORKER batches in flight for each worker.
 * Threads    work() runs on workers (or, with none, on the caller's thread); fill() and
 *            take() only on the caller's.
 */
#ifndef PARSERS_POOL_H
#define PARSERS_POOL_H

#include <stddef.h>

enum { POOL_SLOTS_PER_WORKER = 2, POOL_MAX_WORKERS = 16 };

struct pool_job {
	void *ctx;
	/* A slot's data; NULL without memory. */
	void *(*slot_new)(void *ctx);
	void (*slot_free)(void *ctx, void *slot);
	/* 1: the slot holds a batch; 0: no more; negative errno. */
	int (*fill)(void *ctx, void *slot);
	/* worker: 0 .. workers-1, for what each thread has of its own. */
	void (*work)(void *ctx, size_t worker, void *slot);
	/* In the order of fill(). Negative errno ends the run. */
	int (*take)(void *ctx, void *slot);
};

/* Runs until fill() says 0. workers 0: all on this thread (worker number 0). */
int pool_run(size_t workers, const struct pool_job *job);

/* Workers that make sense on this machine: a core each, one left for the reader. */
size_t pool_default_workers(void);

#endif
