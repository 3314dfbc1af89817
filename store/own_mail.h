/*
 * own_mail - mailwarden's own messages, met again in the mail log
 *
 * Purpose    A mail of ours that goes through a watched server appears in its log: it is
 *            left out of the statistics, can't raise an alert about itself, and what the
 *            log says of it is the proof of its arrival (design, invariant 7).
 *            Recognised by the Message-ID, which is committed before the mail is sent, or
 *            by the queue id that the server told when it took the mail (all that
 *            OpenSMTPD logs); so a mail that only looks like ours, in order not to be
 *            counted, is not ours.
 * Errors     Negative errno with a reason.
 */
#ifndef STORE_OWN_MAIL_H
#define STORE_OWN_MAIL_H

#include "core/event.h"
#include "store/store.h"

/* Could it be? Looks at the event alone, so that only few are looked up: a Message-ID of our
 * form, or a delivery of OpenSMTPD, which logs none. */
bool own_mail_may_be(const struct event *ev);

/*
 * 1: it is about a message of ours of the last OWN_MAIL_DAYS, whose id (without the domain)
 * is added to *id_out; 0: it is not. Who has read an alert knows its id: no more is believed
 * of a message that was handed over, or came to its end, more than OWN_MAIL_LATE_S before
 * the event, unless the log told that it is deferred.
 */
enum { OWN_MAIL_DAYS = 7, OWN_MAIL_LATE_S = 3600 };
int own_mail_find(struct store *store, const struct event *ev, int64_t now_us,
    struct buf *id_out, struct err *err);

/*
 * What the log tells of that message of ours, and of the channel that sent it as mail.
 * Delivered to one recipient it has arrived, whatever befalls the others. Bounced or expired,
 * the fallbacks of its notices are due at once, and its channel is failing; deferred, they
 * are due OWN_MAIL_DEFER_S later, unless it is delivered until then. Events that are no
 * attempts tell nothing. 1: there is something for the notifier to do; else 0. Within a batch
 * of the caller's.
 */
enum { OWN_MAIL_DEFER_S = 300 };
int own_mail_fate(struct store *store, struct str id, const struct event *ev,
    int64_t now_us, struct err *err);

#endif
