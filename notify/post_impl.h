/*
 * post_impl - what the files of post share
 *
 * Purpose    The state of a post: what it knows of each channel besides the store.
 * Ownership  As in post.h.
 */
#ifndef NOTIFY_POST_IMPL_H
#define NOTIFY_POST_IMPL_H

#include "core/clock.h"
#include "notify/post.h"
#include "notify/route.h"
#include "store/channels.h"
#include "store/delivery.h"

enum {
	POST_LONGEST_WAIT_S = 6 * 3600, /* whatever the other side asks for */
	POST_LOGIN_TRIES = 4, /* only a person can mend it: as if it had failed so often */
	POST_FALLBACK_AFTER_S = 120,
	POST_PLANNED_AT_ONCE = 500, /* notices in one transaction */
};

/* What came of a parcel; kept as long as the store does not take it. */
struct outcome {
	int64_t *ids;
	size_t n;
	char *message;         /* its id */
	enum delivery_try was; /* before this try */
	enum send_result result;
	struct receipt receipt;
	struct err reason;
	int64_t at_us;
};

struct post_channel {
	const struct channel_settings *settings;
	bool busy;             /* a parcel is on its way */
	enum delivery_try was; /* what its rows were before */
	struct outcome *unsaved;
	bool looked;           /* not_before_us was made out after the start */
	int64_t not_before_us; /* back-off of the channel as a whole */
};

struct post {
	struct store *store;
	const struct notify_settings *settings;
	struct post_context context;
	struct post_channel *channels; /* one for each of the settings */
	size_t nchannels;
	bool prepared;     /* the store knows the channels */
	bool stepped;      /* the clock was set back: waits are to be bounded */
	int64_t last_us;   /* the latest that post heard of the time; INT64_MIN: nothing */
	struct buf domain; /* last answer of provider_of_domain() */
};

/* Compares with what was the time before. */
void post_notice_time(struct post *post, int64_t now_us);

/* Of that name; NULL: no such. */
struct post_channel *post_channel(struct post *post, struct str name);
bool post_has_channels(const struct post *post); /* that tell notices */
/* Its row; zeroed where there is none. */
int post_look_at(struct post *post, struct str channel, struct channel_row *out,
    struct err *err);
/* It has failed for so long that others tell what it should. */
bool post_is_passed_over(const struct post *post, const struct channel_row *row,
    int64_t now_us);
int64_t post_fallback_after_us(const struct post *post);

/* Who is behind a name: what was learnt from the logs, else what the caller knows. */
struct route_names post_names(struct post *post);

/* 0: its rate cap leaves room; else when it will. */
int post_capped_until(struct post *post, const struct post_channel *channel, int64_t now_us,
    int64_t *until_us_out, struct err *err);

/* Commits if r is 0, else rolls back; gives the result of both. */
int post_end_batch(struct post *post, int r, struct err *err);

/* Into the store, with all that follows from it; within no batch. */
int post_save(struct post *post, struct post_channel *channel,
    const struct outcome *outcome, struct err *err);
/* Outcomes that the store did not take before. */
int post_save_unsaved(struct post *post, struct err *err);
void outcome_free(struct outcome *outcome); /* NULL is fine */

/* Microseconds that the channel waits after that many failures in a row. */
int64_t post_back_off_us(const struct post_channel *channel, int64_t tries, int64_t now_us);

/* --- folding (post_fold.c) --- */

/* A row that is about to be told; texts are the fold's own. */
struct fold_row {
	int64_t id, notice;
	int64_t tries;
	char *notice_id, *incident;
	enum notice what;
	bool stale; /* a reminder of what is over, or is worked on */
};

struct fold {
	struct fold_row *rows;
	size_t n, cap;
	enum delivery_try kind;
	char *message; /* its id, if these were sent together before */
	struct told *items;
	char **blocks; /* the items' texts */
	size_t nitems;
	struct message_digest *digest; /* it is one, alone; else NULL */
};

void fold_done(struct fold *fold);
int fold_add(struct fold *fold, const struct delivery_row *row);
/* Asks the store for the incidents, marks stale rows. */
int fold_load(struct fold *fold, struct store *store, struct err *err);
/* "<id>" or "<id>.<hash of all>"; that of the last try if it has to be the same. */
void fold_id(const struct fold *fold, struct buf *out);

#endif
