/*
 * incident - one trouble, from its first sign to its end
 *
 * Purpose    What detectors open and feed, the store keeps and notify/ tells.
 * Ownership  All text is views; who holds an incident says who owns its text.
 */
#ifndef RULES_INCIDENT_H
#define RULES_INCIDENT_H

#include "core/buf.h"
#include "core/str.h"

enum severity {
	SEVERITY_UNKNOWN,
	SEVERITY_INFO,
	SEVERITY_WARNING,
	SEVERITY_CRITICAL,
};

enum incident_state {
	INCIDENT_PENDING, /* signs, fewer than the rule wants; nobody was told */
	INCIDENT_OPEN,
	INCIDENT_RESOLVED,
};

/* What is told about it; the outbox holds one row for each. */
enum notice {
	NOTICE_NONE,
	NOTICE_OPENED,
	NOTICE_ESCALATED, /* graver than told before, or known better */
	NOTICE_RESOLVED,
	NOTICE_TEST, /* notify --test: no incident behind it */
	/* Only among the changes of an incident; nobody is told. */
	NOTICE_ACKNOWLEDGED,
	NOTICE_UNACKNOWLEDGED,
	/* Only in the outbox: it is still open and nobody said that they work on it. */
	NOTICE_REMINDER,
	/* Only in the outbox: a digest, which is of no incident (store/digest.h). */
	NOTICE_DIGEST,
};

struct incident {
	struct str id; /* 12 hex digits, the same in every run over the same lines */
	struct str rule;
	struct str trouble; /* what rules share incidents by; empty: the rule's own name */
	enum severity severity;
	enum incident_state state;
	struct str group;    /* JSON object, its fields in the rule's order */
	struct str host;     /* of the first event */
	struct str provider; /* id as in the catalogue, empty: none */
	struct str code_id, category;
	int64_t opened_us, last_seen_us;
	int64_t resolved_us; /* 0: not resolved */
	int64_t noticed_us;  /* when there were enough signs; 0: never yet */
	int64_t told_us;     /* event time of the last notice, 0: none */
	int64_t count;       /* matching events, repeats counted */
	int64_t streak;      /* matching events since the last sign of health */
	struct str summary, advice, url;
	struct str seen; /* lines: what the streak counts apart, see `distinct` of rules */
	struct str affected; /* lines: names of relays that refused, newest last */
	struct str samples;  /* lines: raw log lines, the first few and the last */
	int64_t lag_us;      /* so far behind other hosts' lines its last event came */
	int64_t relapses;    /* how often it came back after it was resolved */
	/* Distinct addresses affected, estimated from the sketches (core/sketch.h). */
	int64_t senders, recipients;
	struct str senders_seen,
	    recipients_seen; /* the sketches as text, empty: none seen */

	/* What people said about it; filled in by the store, never saved with it. */
	int64_t ack_at_us; /* 0: not acknowledged */
	struct str ack_who, ack_note;
	int64_t silenced_us; /* until then its notices wait; 0: not silenced or not asked */
};

const char *severity_name(enum severity severity); /* "critical", ... */
enum severity severity_find(struct str name);      /* SEVERITY_UNKNOWN: no such */
const char *incident_state_name(enum incident_state state);
const char *notice_name(enum notice notice);

/*
 * A copy of what people are told, without what detectors keep in it. Its texts lie in one
 * block, which the caller frees; NULL without memory, then *to is empty.
 */
char *incident_copy(const struct incident *from, struct incident *to);

/* The incident as the JSON object of design section 5 ("type":"incident"). */
void incident_json(const struct incident *incident, struct buf *out);

#endif
