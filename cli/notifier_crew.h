/*
 * notifier_crew - the channels of one configuration, and what they are sending
 *
 * Purpose    A worker for each channel and the post that hands out messages: plans what is
 *            due, gives each idle worker its next message, notes each result. A reload makes
 *            a new crew; the old one ends what it is sending with its own settings.
 * Ownership  A crew owns its configuration. The caller frees it with crew_free(); store and
 *            context are the caller's and outlive it.
 * Errors     Store trouble is returned as a negative errno with a reason. A channel's
 *            trouble is a result that the store keeps.
 * Threads    The loop's thread alone.
 */
#ifndef CLI_NOTIFIER_CREW_H
#define CLI_NOTIFIER_CREW_H

#include "cli/config.h"
#include "notify/post.h"

struct crew;

struct crew_context {
	const char *state;     /* the store's file */
	const char *state_dir; /* the notifier's own folder */
	int done_fd;           /* an eventfd: a channel has ended */
};

/* Takes the configuration over, also when it fails: -ENOMEM. */
int crew_new(struct config *config, const struct crew_context *context, struct crew **out,
    struct err *err);
/* What is being sent is waited for: see crew_is_busy(). NULL is fine. */
void crew_free(struct crew *crew);
const struct config *crew_config(const struct crew *crew);
bool crew_is_busy(const struct crew *crew);

/* The store is there from now on, or no longer. To be detached only when not busy. */
int crew_attach(struct crew *crew, struct store *store, struct err *err);
void crew_detach(struct crew *crew);

/* Plans, and gives idle workers what is due. older: a crew whose busy channels are left
 * alone, and those of the crews behind it; may be NULL. */
int crew_work(struct crew *crew, const struct crew *older, int64_t now_us, struct err *err);
/* Notes the results that are there; how many messages failed is added to *failed. */
int crew_collect(struct crew *crew, int64_t now_us, size_t *failed, struct err *err);
/* INT64_MAX: nothing before something new comes. Busy channels do not count. */
int crew_next_due(struct crew *crew, const struct crew *older, int64_t now_us,
    int64_t *due_us_out, struct err *err);

/* Heartbeats. crew_beat() sends one unless the last has not ended yet. */
size_t crew_channels(const struct crew *crew);
const struct channel_settings *crew_channel(const struct crew *crew, size_t i);
int crew_beat(struct crew *crew, size_t i, int64_t now_us, struct err *err);

/* The crew before this one, which still sends; a list in the loop's hands. */
struct crew *crew_older(const struct crew *crew);
void crew_set_older(struct crew *crew, struct crew *older);

/* The message that a channel gets in a test or as a heartbeat; NULL without memory. */
struct message *crew_test_message(const struct config *config, int64_t now_us);

#endif
