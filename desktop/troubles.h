/*
 * troubles - the open incidents of all hosts
 *
 * Purpose    Follows the stream of each host: what is open, how bad the worst is, and
 *            which change is worth a notification.
 * Ownership  Text is copied. A trouble handed out lives until the next call that changes
 *            anything; its texts as logged (words.h for showing).
 * Limits     TROUBLES_KEPT open ones a host, and its last ten resolved ones.
 */
#ifndef DESKTOP_TROUBLES_H
#define DESKTOP_TROUBLES_H

#include "desktop/record.h"
#include "desktop/settings.h"

enum { TROUBLES_KEPT = 500, TROUBLE_SAMPLES = 20 };

struct troubles;

struct trouble {
	const char *source; /* name of the desk_host that told it */
	const char *id, *host, *rule, *provider, *summary, *advice, *acknowledged_by;
	const char *const *samples; /* NULL-terminated */
	enum desk_severity severity;
	bool open, acknowledged;
	int64_t opened_us, last_seen_us, resolved_us, silenced_until_us, count;
};

/* What a record means for the person at the desk. */
enum trouble_news {
	TROUBLE_SAME,   /* known already, or only more of it */
	TROUBLE_OPENED, /* also what was open before we listened for the first time */
	TROUBLE_WORSE,
	TROUBLE_RESOLVED,
	TROUBLE_NOTED, /* acknowledged, silenced or the like: icon and menu change only */
};

struct troubles *troubles_new(void);
void troubles_free(struct troubles *troubles);

/* The host's stream begins anew: what it does not tell as open until RECORD_READY is not.
 * Who makes the store there anew begins such a list in the middle of the stream, too. */
void troubles_begin(struct troubles *troubles, const char *source);
/* RECORD_OPEN, RECORD_CHANGE, RECORD_READY. *trouble_out: the one in question, NULL for none
 * (RECORD_READY, or past the limit). first: this host was never listened to before: what is
 * open is news; later only its changes are, since the stream goes on where it ended. */
enum trouble_news troubles_take(struct troubles *troubles, const char *source,
    const struct record *record, bool first, const struct trouble **trouble_out);
/* It was silenced from here: the stream does not tell so. */
void troubles_silence(struct troubles *troubles, const char *source, const char *id,
    int64_t until_us);
/* The host is not listened to any more. */
void troubles_forget(struct troubles *troubles, const char *source);

/* Open ones first, the worst and newest first; then resolved ones, newest first. */
const struct trouble *troubles_get(const struct troubles *troubles, size_t i);
const struct trouble *troubles_find(const struct troubles *troubles, const char *source,
    const char *id);
size_t troubles_open(const struct troubles *troubles);
/* Of the open ones; without those acknowledged unless they count. */
enum desk_severity troubles_worst(const struct troubles *troubles,
    bool acknowledged_counts);

#endif
