/*
 * mailbox - a Maildir or an mbox of this machine, watched
 *
 * Purpose    Tells of messages that came, that the mail program marked as read, or that
 *            went away. What lies in `new/` of a Maildir at the start is new; of an mbox, what
 *            has no R in its Status field.
 * Ownership  Who makes it frees it, but not within a callback. What the callbacks point to
 *            must outlive it; path, key and letter are copied or looked at, as they say.
 * Limits     inotify only: nothing is asked by time, but for a moment after a change. A
 *            mailbox that is not there yet, or not any more, is waited for; what was not read
 *            in it stays so until it is back. An mbox of over 256 MiB is read from its end
 *            on only. Of over 1000 messages found at once the newest have a head that was
 *            read; the others are told with an empty letter.
 * Errors     What cannot be watched is told by `fault`, once for each reason.
 * Threads    Callbacks come from the main context that was the thread's own when it was
 *            made, and from within mailbox_new() and mailbox_check().
 *
 * https://cr.yp.to/proto/maildir.html (names, flags), RFC 4155 (mbox)
 */
#ifndef DESKTOP_MAILBOX_H
#define DESKTOP_MAILBOX_H

#include "desktop/letter.h"

struct mailbox;

struct mailbox_calls {
	void *ctx;
	/* key: the name without flags, or for an mbox what tells its messages apart. */
	void (*added)(void *ctx, const char *path, const char *key,
	    const struct letter *letter);
	void (*seen)(void *ctx, const char *path, const char *key); /* read, or gone */
	void (*fault)(void *ctx, const char *path, const char *reason);
};

/* What is there already is told before this returns. */
struct mailbox *mailbox_new(const char *path, const struct mailbox_calls *calls);
void mailbox_free(struct mailbox *mailbox); /* NULL is fine */

/* Keys that were told in an earlier run and not seen (inbox_unseen_keys()), NULL-terminated:
 * tells which of them were read meanwhile or are gone, and watches the others. */
void mailbox_check(struct mailbox *mailbox, char *const *keys);

#endif
