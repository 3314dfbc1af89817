/*
 * record - one line of `mailwarden events --json`
 *
 * Purpose    What the desk needs to know of a line: a delivery into a mailbox, a change of
 *            an incident, an incident that is open, or the end of those.
 * Ownership  A record owns what it was read from: record_done() frees it. Text points into
 *            it, NULL where the line does not say.
 * Limits     Lines of other kinds, and what is no JSON, are RECORD_OTHER: only id and time.
 *            All text is a stranger's: words.h makes it fit to be seen. It is cut to 512
 *            bytes, that of an incident to 4096; an id that looks like none is not there.
 */
#ifndef DESKTOP_RECORD_H
#define DESKTOP_RECORD_H

#include "core/str.h"
#include "desktop/settings.h"

enum record_kind {
	RECORD_OTHER,
	RECORD_DELIVERED, /* into a mailbox: `stored`, or a local attempt that was delivered */
	RECORD_OPEN,      /* an incident that is open when the stream begins */
	RECORD_CHANGE,    /* of an incident */
	RECORD_WATCHER, /* one works on the store there, or none */
	RECORD_READY,   /* all open incidents were told: what follows happens now */
};

struct record {
	enum record_kind kind;
	const char *id;   /* where to go on; NULL in a line without one */
	int64_t at_us;    /* 0: the line does not say */
	const char *host; /* as logged */
	bool runs;        /* RECORD_WATCHER */
	/* RECORD_DELIVERED */
	const char *recipient, *original_recipient, *sender, *message_id, *queue_id,
	    *service;
	/* RECORD_OPEN, RECORD_CHANGE */
	const char *change; /* "opened", "resolved", "escalated", ... (notice_name()) */
	const char *incident, *rule, *summary, *advice, *provider;
	enum desk_severity severity;
	bool open, acknowledged;
	int64_t opened_us, last_seen_us, resolved_us, silenced_until_us, count;
	const char *acknowledged_by;
	void *object; /* what the text points into (json-c) */
};

/* May be a place or an incident: letters, digits, "._-", no dash at its begin, not too long. */
bool record_is_id(const char *text);
void record_read(struct record *record, struct str line);
void record_done(struct record *record);
/* Sample line i of the incident, NULL behind the last. */
const char *record_sample(const struct record *record, size_t i);

#endif
