/*
 * self - what mailwarden has to say about itself
 *
 * Purpose    Lines lost, sources that cannot be read, lines that are not understood, rules
 *            switched off, channels that fail: each becomes an event that the alert rules
 *            judge (rules.d/alerts/mailwarden.yaml). Such events stand in no log and are not
 *            stored; the incidents that they give are.
 * Ownership  The caller frees it with self_free(). Texts are copied, lines are not.
 * Limits     SELF_MAX_NOTICES wait, each of SELF_TEXT_BYTES; what finds no room is told on
 *            standard error.
 * Time       Event time is the log's clock (rules/engine.h), which may be far behind the
 *            wall's while old lines are read.
 */
#ifndef CLI_SELF_H
#define CLI_SELF_H

#include "core/line.h"
#include "store/store.h"

struct engine;
struct self;

enum { SELF_MAX_NOTICES = 32, SELF_TEXT_BYTES = 500 };

/* `limit_name` of an event. */
#define SELF_GAP "gap"
#define SELF_SOURCE_FAILED "source-failed"
#define SELF_UNPARSED "unparsed-share"
#define SELF_RULE_OFF "rule-off"
#define SELF_CHANNEL "channel-failing"
#define SELF_NOTIFIER "notifier-down"
#define SELF_TABLE_FULL "table-full"

struct self *self_new(void); /* NULL without memory */
void self_free(struct self *self);

/* Something to tell, as soon as self_feed() may; twice the same is once. limit_name: one of
 * the above. */
__attribute__((format(printf, 3, 4))) void self_note(struct self *self,
    const char *limit_name, const char *fmt, ...);
bool self_has_news(const struct self *self);

/* Channels that failed several times, or that only a person can mend, and a notifier that
 * takes no notices: noted. */
int self_look_at_outbox(struct self *self, struct store *store, int64_t now_us,
    struct err *err);
/* Hours of sources that are over by log_us, and of which much was not understood: noted, and
 * marked as looked at. Within a batch. */
int self_look_at_ledger(struct self *self, struct store *store, int64_t log_us,
    struct err *err);

/* Feeds what waits. What has been fed waits on until self_told(): the batch is committed. */
int self_feed(struct self *self, struct engine *engine, int64_t at_us);
void self_told(struct self *self);

/* --- samples of what is not understood: the newest of a batch --- */

struct self_samples {
	const struct line *lines[STORE_UNPARSED_LINES]; /* a ring */
	size_t n;                                       /* ever added */
};

void self_add_sample(struct self_samples *samples, const struct line *line);
void self_add_samples(struct self_samples *samples, const struct self_samples *more);
/* Into the store, if there are any; empty afterwards. Within a batch. */
int self_save_samples(struct self_samples *samples, struct store *store, struct str source,
    struct err *err);

#endif
