/*
 * letter - a message taken apart: the parts that readers of reports want
 *
 * Purpose    MIME (RFC 2045, 2046) by GMime: parts decoded, text as UTF-8, the returned
 *            message's header, attachments that may be reports, messages in the message.
 *            A message in the message is not taken apart with it, so that nothing of what
 *            a bounce returns is read as the bounce's own.
 * Ownership  letter_done() frees. The message must live as long.
 * Limits     REPORT_PARTS, REPORT_DEPTH: what is over is left out and counted.
 *            LETTER_ATTACHMENTS, LETTER_INNER: more are not kept.
 * Errors     -E2BIG as in prescan.h, -EBADMSG, -ENOMEM.
 */
#ifndef INGEST_LETTER_H
#define INGEST_LETTER_H

#include "core/buf.h"
#include "core/err.h"

enum {
	LETTER_ATTACHMENTS = 8,
	LETTER_INNER = 8,
};

enum attachment_kind {
	ATTACHMENT_NONE,
	ATTACHMENT_TLS,    /* RFC 8460, 6.4 and 6.5 */
	ATTACHMENT_DMARC,  /* XML, or packed: RFC 7489, 7.2.1.1 */
	ATTACHMENT_PACKED, /* packed, of a name and type that anything may have */
};

struct attachment {
	enum attachment_kind kind;
	struct buf bytes; /* decoded, still packed */
};

struct letter {
	struct str header;            /* as it stands */
	struct buf from, subject;     /* decoded, UTF-8 */
	struct buf type, report_type; /* "multipart/report", "delivery-status" */
	struct buf boundary;
	struct buf status;   /* delivery-status parts */
	struct buf feedback; /* message/feedback-report */
	struct buf text;     /* for people, up to the returned message */
	struct buf returned; /* its header */
	struct attachment attachments[LETTER_ATTACHMENTS];
	struct buf inner[LETTER_INNER]; /* whole messages in it */
	size_t nattachments, ninner, parts, left_out;
	bool has_returned; /* a part of it holds the returned message */
};

/* Once in a process, before the first letter. */
void letter_init(void);

int letter_read(struct letter *letter, struct str message, struct err *err);
void letter_done(struct letter *letter);

#endif
