/*
 * source_impl - what every kind of source has, and what each must bring
 *
 * Purpose    The turns of a source: offer lines, wait when they are refused,
 *            read on, let others have their turn. The kinds only read.
 * Ownership  A kind embeds struct source as its first member.
 */
#ifndef WATCHER_SOURCE_IMPL_H
#define WATCHER_SOURCE_IMPL_H

#include "watcher/reader.h"
#include "watcher/source.h"

enum source_step {
	STEP_IDLE, /* nothing is there now */
	STEP_MORE, /* come again: lines are in the batch, or there is more to do */
};

struct source_ops {
	/* Reads on, once; called when the batch was taken. An enum source_step, or a
	 * negative errno with the reason: tried again later, told as trouble. Other
	 * trouble it sets itself, at each step. */
	int (*step)(struct source *src, struct err *err);
	/* The cursor behind the first n lines of the batch. */
	void (*cursor)(struct source *src, size_t n, char *to, size_t size);
	/* The lines of the last cursor were taken. */
	void (*taken)(struct source *src);
	/* Takes what woke us (the descriptor's events); false: nothing of interest. */
	bool (*wake)(struct source *src);
	void (*close)(struct source *src); /* not the struct source's own members */
};

struct source {
	const struct source_ops *ops;
	struct source_events events;
	char *name;
	char trouble[sizeof((struct err *)0)->text];
	struct line_batch batch;
	size_t taken;     /* lines of the batch */
	bool owes_cursor; /* to be offered without lines */
	sd_event_source *io, *again, *retry;
	sd_event_source *pause;  /* ends a pause, see PAUSE_US */
	uint64_t turned_us;      /* monotonic, when it was woken last */
	sd_event_source *settle; /* ends a wait, see source_set_late() */
	uint64_t settle_us;      /* 0: lines do not wait */
	bool settling, settled;  /* the batch waits; it has waited */
	unsigned wait_s;         /* before the next retry */
	bool waiting;
};

/* Takes ops; fd -1: nothing to wait for. On failure only the kind's own members
 * are left to be freed. */
int source_init(struct source *src, const struct source_ops *ops, const char *name,
    const struct source_events *events, struct err *err);
int source_attach(struct source *src, sd_event *loop, int fd, uint32_t poll_events,
    struct err *err);

__attribute__((format(printf, 3, 4))) void source_tell_gap(struct source *src,
    enum source_gap gap, const char *fmt, ...);
void source_set_trouble(struct source *src, const char *text);

#endif
