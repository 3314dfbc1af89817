/*
 * status_learning - which rules do not judge yet, for `status`
 *
 * Purpose    Detectors trend, silence and surge want days of history first (key `learn`).
 *            Here is which of them still learn, and until when: the oldest history in the
 *            store, and the span that the rule wants. What a silence or a share is made of
 *            is learnt for each group; the oldest group counts.
 * Ownership  Everything is the caller's.
 * Errors     Negative errno with a reason in *err.
 */
#ifndef CLI_STATUS_LEARNING_H
#define CLI_STATUS_LEARNING_H

#include "rules/alert.h"
#include "store/store.h"

/* A section for people, nothing if nobody learns. rules NULL: they cannot be read. */
int learning_print(struct store *store, const struct alert_rules *rules, int64_t now_us,
    struct err *err);
/* An array of objects {"rule", "detector", "state": "learning", "since", "until"}, and
 * {"rule", "detector", "state": "nothing seen yet"}. */
int learning_json(struct store *store, const struct alert_rules *rules, int64_t now_us,
    struct buf *out, struct err *err);

#endif
