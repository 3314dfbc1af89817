/*
 * letter - the head of a message in a mailbox
 *
 * Purpose    Subject, sender, recipients and Message-ID of a message, decoded (RFC 5322,
 *            RFC 2047) by GMime.
 * Ownership  desk_letter_done() frees the text.
 * Limits     LETTER_HEAD_BYTES are looked at; text is cut to LETTER_CHARACTERS.
 *            It is a stranger's text, though valid UTF-8 without control characters:
 *            words.h makes it fit to be seen.
 * Errors     A negative errno for a file; what can't be read of a head is NULL.
 */
#ifndef DESKTOP_LETTER_H
#define DESKTOP_LETTER_H

#include "core/str.h"

enum { LETTER_HEAD_BYTES = 65536, LETTER_CHARACTERS = 300 };

struct letter {
	char *subject;    /* NULL, here and below: not there */
	char *from;       /* "address", or "Name <address>" */
	char *to;         /* addresses: delivered to, To, Cc; ", " between them */
	char *message_id; /* as it stands, with its angle brackets */
	char *status;     /* Status and X-Status of an mbox; R: read, D: deleted */
	int64_t at_us;    /* when it came, by the mailbox; 0: not known */
	bool was_there;   /* found by a look, rather than seen coming */
};

/* From the beginning of a message; never fails. */
void desk_letter_read(struct letter *letter, struct str head);
/* A file that is no regular one gives -EINVAL or -ELOOP and never blocks, an empty one
 * -ENODATA. at_us is when it came into its folder. */
int desk_letter_read_file(struct letter *letter, const char *path);
void desk_letter_done(struct letter *letter);

/* Opens a regular file to read, without touching its time of access where that is allowed:
 * shells and mail programs tell new mail by it. -EINVAL: no regular file. */
int desk_letter_open(const char *path, int flags);

#endif
