/*
 * inbox - which mail is new
 *
 * Purpose    Takes what the hosts' logs and the mailboxes of this machine tell of new mail,
 *            counts a message once, and remembers what was not seen yet.
 * Ownership  Text handed in is copied. A mail handed out lives until the next call that
 *            adds one or loads.
 * Limits     INBOX_KEPT mails are remembered, the newest; the count goes on beyond them.
 *            Of the last INBOX_IDS messages a second copy is told from a new one; a stranger
 *            who knows the Message-ID of one of them can send another uncounted.
 *            The settings must outlive the inbox or be replaced by inbox_set().
 */
#ifndef DESKTOP_INBOX_H
#define DESKTOP_INBOX_H

#include "core/buf.h"
#include "desktop/record.h"
#include "desktop/settings.h"

enum { INBOX_KEPT = 200, INBOX_IDS = 1000 };

struct inbox;

struct inbox_mail {
	uint64_t number;                                              /* its own, rising */
	const char *host, *sender, *recipient, *subject, *message_id; /* NULL: not known */
	const char *mailbox, *key; /* where it lies and its name there; NULL: a log told */
	int64_t at_us;
	bool seen;
	bool wants_notice, wants_sound; /* by the rules and the settings; count is sure */
	bool told;
};

struct inbox *inbox_new(const struct desk_settings *settings);
void inbox_free(struct inbox *inbox);
void inbox_set(struct inbox *inbox, const struct desk_settings *settings);

/* A delivery (RECORD_DELIVERED) or a mail that lies in a mailbox. Gives the number of a mail
 * that is new, 0 if it is known (by its Message-ID, or by mailbox and key), not for the
 * user's addresses, or not to be counted by a rule. A mail that a log told takes over the
 * subject and the place of its letter. Of very many at once the oldest are only counted:
 * inbox_find() has no mail of their numbers. */
uint64_t inbox_add_delivery(struct inbox *inbox, const char *host,
    const struct record *record);

struct letter; /* letter.h */
uint64_t inbox_add_letter(struct inbox *inbox, const char *mailbox, const char *key,
    const struct letter *letter, int64_t at_us);

/* Keys of what lies in a mailbox and is not seen, for mailbox_check() after a start:
 * NULL-terminated, to be freed by g_strfreev(). */
char **inbox_unseen_keys(const struct inbox *inbox, const char *mailbox);
/* The mail program marked it as read, or took it away. False: nothing changed. */
bool inbox_key_seen(struct inbox *inbox, const char *mailbox, const char *key);
/* All of it was seen: the icon was clicked. False: there was none. */
bool inbox_all_seen(struct inbox *inbox);

size_t inbox_new_count(const struct inbox *inbox); /* not seen */
/* The i-th newest, seen or not; NULL behind the last. */
const struct inbox_mail *inbox_recent(const struct inbox *inbox, size_t i);
const struct inbox_mail *inbox_find(const struct inbox *inbox, uint64_t number);
/* The newest unseen one that is to be told and was not; marks it as told. NULL: none. */
const struct inbox_mail *inbox_next_untold(struct inbox *inbox);

/* For the state file: a JSON array, and back. */
void inbox_save(const struct inbox *inbox, struct buf *out);
void inbox_load(struct inbox *inbox, void *json_array);

#endif
