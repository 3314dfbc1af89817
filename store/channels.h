/*
 * channels - how each channel fares
 *
 * Purpose    One row for a channel: does it work, and if not since when, how often it was
 *            tried, and why. Written by the notifier with each result, read by status and by
 *            the watcher, who makes an incident of it.
 * Ownership  Text handed out lives until the callback returns.
 * Errors     As in store.h. Writes stand within a batch of the caller's.
 */
#ifndef STORE_CHANNELS_H
#define STORE_CHANNELS_H

#include "store/store.h"

/* Set by the watcher (store_meta_set()): not empty if its configuration has channels, so that
 * it is noticed if no notifier ever ran. */
#define STORE_META_CHANNELS "channels"

/* What kind of trouble; stands in the store. */
enum channel_fault {
	CHANNEL_FAULT_NONE,    /* none, or one that may pass by itself */
	CHANNEL_FAULT_LOGIN,   /* only a person can mend it: password, token, rights */
	CHANNEL_FAULT_REFUSED, /* the other side would not take a message */
};

struct channel_row {
	struct str name, kind;    /* kind as channel_kind_name() */
	int64_t failing_since_us; /* 0: it works, or was never tried */
	int64_t tries;            /* in a row that failed */
	enum channel_fault fault;
	struct str last_error;
	int64_t last_sent_us; /* 0: never */
	/* Not written, but counted: notices that wait for it, and when what failed before is
	 * tried again, 0: nothing did. */
	int64_t waiting, next_try_us;
};

/* Makes the row of a channel that has none. */
int channel_row_add(struct store *store, struct str name, struct str kind, struct err *err);
int channel_row_forget(struct store *store, struct str name, struct err *err);

/* It took a message: it works. */
int channel_row_worked(struct store *store, struct str name, int64_t now_us,
    struct err *err);
/* It did not. A refusal that another kind of trouble follows (or the reverse) begins anew. */
int channel_row_failed(struct store *store, struct str name, enum channel_fault fault,
    struct str reason, int64_t now_us, struct err *err);

typedef int channel_row_fn(void *ctx, const struct channel_row *row);
/* By name. */
int channel_row_each(struct store *store, channel_row_fn *fn, void *ctx, struct err *err);
/* Without its texts; -ENOENT. */
int channel_row_find(struct store *store, struct str name, struct channel_row *out,
    struct err *err);

#endif
