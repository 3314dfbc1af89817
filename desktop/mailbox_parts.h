/*
 * mailbox_parts - what the files of the mailbox share
 *
 * Purpose    mailbox.c finds the mailbox, owns the watches and hands out what they tell to
 *            its kind: mailbox_maildir.c or mailbox_mbox.c.
 * Ownership  As said at each member. A kind lives from its open() to its close().
 */
#ifndef DESKTOP_MAILBOX_PARTS_H
#define DESKTOP_MAILBOX_PARTS_H

#include <glib.h>
#include <sys/inotify.h>

#include "desktop/mailbox.h"

/* What a watch is for; one folder may be several things. */
enum {
	WATCH_FOLDER_ABOVE = 1 << 0, /* of the path: only whether it goes away */
	WATCH_NEAREST = 1 << 1,      /* what is waited for comes to be in it */
	WATCH_ROOT = 1 << 2,         /* of a Maildir */
	WATCH_NEW = 1 << 3,
	WATCH_CUR = 1 << 4,
	WATCH_FILE = 1 << 5, /* an mbox */
};

/* A folder or file goes away: found again from the root on. */
#define WATCH_SELF (IN_DELETE_SELF | IN_MOVE_SELF)

/* A message that was told and is not seen yet. */
struct unread {
	char *told;     /* the key it was told by */
	char *name;     /* where it lies, to the kind; NULL: it was not looked for yet */
	unsigned round; /* of the last look that found it */
};

struct mailbox_kind {
	void *(*open)(struct mailbox *mailbox);
	void (*close)(void *state);
	/* All of it is looked at: what is there, what is not any more. */
	void (*look)(void *state);
	/* watch: WATCH_...; true: something moved, all must be found anew. */
	bool (*event)(void *state, int watch, const struct inotify_event *event);
	void (*batch)(void *state); /* the events that were there at once are through */
	void (*later)(void *state); /* mailbox_later() */
};

extern const struct mailbox_kind mailbox_kind_maildir, mailbox_kind_mbox;

struct mailbox {
	char *given_path,
	    *path; /* as the callbacks get it; without "..", "//" and the like */
	struct mailbox_calls calls;
	int inotify; /* negative: there is none */
	GMainContext *context;
	GSource *input, *timer;          /* NULL: none */
	GHashTable *watches;             /* descriptor -> WATCH_... */
	GHashTable *unread;              /* key -> struct unread */
	GHashTable *faults;              /* told already */
	char *awaited;                   /* name that is waited for in the nearest folder */
	const struct mailbox_kind *kind; /* NULL: it is not there */
	void *state;
	unsigned round; /* of looks */
	bool was_read;  /* an mbox, in full: what is found from now on came since */
};

/* 0, or a negative errno. */
int mailbox_watch(struct mailbox *mailbox, const char *path, uint32_t mask, int watch);
__attribute__((format(printf, 2, 3))) void mailbox_fault(struct mailbox *mailbox,
    const char *fmt, ...);
/* Tells why a watch failed, and what helps. */
void mailbox_watch_fault(struct mailbox *mailbox, const char *path, int error);
/* later() of the kind is called once; no effect if it will be already. */
void mailbox_later(struct mailbox *mailbox, unsigned wait_ms);
void mailbox_not_later(struct mailbox *mailbox);

struct unread *mailbox_unread(struct mailbox *mailbox, const char *key); /* or NULL */
/* Tells a message, and remembers it as unread under the name. */
void mailbox_added(struct mailbox *mailbox, const char *key, const char *name,
    const struct letter *letter);
/* It was read or is gone: tells so if it is unread. key is not looked at after. */
void mailbox_seen(struct mailbox *mailbox, const char *key);
/* A look begins: what is found is marked by mailbox->round. */
void mailbox_look_begins(struct mailbox *mailbox);
/* What the look did not find is gone. */
void mailbox_look_ends(struct mailbox *mailbox);

#endif
