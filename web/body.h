/*
 * body - the body of an acknowledgement
 *
 * Purpose    {"who": "...", "note": "..."} of a client, checked: it becomes arguments of
 *            `mailwarden ack` and is shown to people.
 * Ownership  The caller's buffers.
 * Limits     BODY_WHO_BYTES, BODY_NOTE_BYTES; valid UTF-8 without control characters.
 * Errors     -EINVAL with a reason for the client.
 */
#ifndef WEB_BODY_H
#define WEB_BODY_H

#include "core/buf.h"
#include "core/err.h"

enum { BODY_WHO_BYTES = 100, BODY_NOTE_BYTES = 1000 };

struct ack_body {
	struct buf who, note; /* both may be empty */
};

int ack_body_read(struct str text, struct ack_body *out, struct err *err);
void ack_body_done(struct ack_body *body);

#endif
