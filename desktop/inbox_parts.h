/*
 * inbox_parts - what the files of the inbox share
 *
 * Purpose    The struct behind inbox.h, and how a mail is known again.
 * Ownership  As said at each member.
 */
#ifndef DESKTOP_INBOX_PARTS_H
#define DESKTOP_INBOX_PARTS_H

#include <glib.h>

#include "desktop/inbox.h"

struct mail {
	struct inbox_mail shown; /* its texts are owned */
	char *id;                /* the Message-ID in its comparable form; NULL: none */
	bool loaded; /* by the last run: its mailbox may know it by another key */
};

/* How far a mailbox was looked at, by the mailbox's own times. */
struct mark {
	char *mailbox;
	int64_t last_us; /* of the newest letter */
	int64_t seen_us; /* of the newest when all was seen */
};

struct inbox {
	const struct desk_settings *settings;
	uint64_t last_number;
	GPtrArray *mails;  /* struct mail, owned, the oldest first */
	GHashTable *known; /* what is known again; keys in known_order, owned there */
	GQueue known_order;
	/* Not seen and not in `mails` any more: letters by place ("KEY\nMAILBOX"), so that
	 * they can be read, and how many of the logs. */
	GHashTable *beyond; /* place, owned -> its link in beyond_order */
	GQueue beyond_order;
	size_t beyond_logs;
	GPtrArray *marks; /* struct mark, owned */
};

/* Comparable: without brackets and blanks, cut; NULL for nothing. By g_free(). */
char *inbox_id(const char *message_id);
bool inbox_is_known(const struct inbox *inbox, const char *id);
void inbox_remember(struct inbox *inbox, const char *id); /* NULL is fine */

/* Puts it at its place in time and takes the oldest away where there are too many. */
void inbox_insert(struct inbox *inbox, struct mail *mail);
struct mark *inbox_mark(struct inbox *inbox, const char *mailbox); /* made if need be */
char *inbox_place(const char *mailbox, const char *key);           /* by g_free() */
void inbox_add_beyond(struct inbox *inbox, const char *place);

#endif
