/*
 * tally - counts by hour and by day, which figures are summed from
 *
 * Purpose    Rows of the table `tally`: grain, time, what is counted, and of that what its
 *            line below names. Hours are gathered in memory until the batch is written. When
 *            a later day (UTC) has begun, the days before it are summed up; what comes late
 *            is added to its hour and to its day. TALLY_MARK of `meta` tells which days are
 *            summed: those before it; the others have hours alone.
 *            Whatever `rollup` counts as an attempt, a reject or an expiry (store/status.c),
 *            counts here, too, by the same weight: totals agree.
 * Ownership  The struct is the caller's, zeroed at first; it owns nothing else.
 * Limits     TALLY_KEYS different keys; when they are full they are written, within the open
 *            transaction, and gathering goes on. No key holds a stranger's text or number:
 *            providers, categories and code ids are those of our rules, servers are four,
 *            the rest are enumerators and buckets. No host.
 */
#ifndef STORE_TALLY_H
#define STORE_TALLY_H

#include "core/event.h"
#include "store/db.h"

enum { TALLY_KEYS = 2048, TALLY_SLOTS = 2 * TALLY_KEYS };

#define TALLY_MARK "tally_days" /* a midnight, seconds since 1970 */

enum tally_grain { TALLY_HOUR, TALLY_DAY };

/* These numbers stand in the files of all users: only add to them. What is not named is 0. */
enum tally_what {
	TALLY_OUT = 1,  /* attempts and expiries on the way out: provider, value: outcome */
	TALLY_LOCAL,    /* the same into mailboxes here: value: outcome */
	TALLY_INTERNAL, /* hand-overs to filters here: value: outcome */
	TALLY_REJECT,   /* word: category */
	TALLY_REASON,   /* of what TALLY_OUT counts and was not delivered: provider,
			    value: outcome, word: category, code: code_id */
	TALLY_DELAY,    /* of what was delivered out: provider, value: bucket */
	TALLY_DELAY_SUM, /* the same, milliseconds: provider */
	TALLY_TLS,       /* of what was delivered out: provider, value: enum tally_tls */
	TALLY_ACCEPTED,  /* messages of other hosts: value: enum tally_tls */
	TALLY_LOGIN,     /* word: mta, value: outcome, delivered or rejected */
	TALLY_LIMIT,     /* word: mta */
	TALLY_STORED,    /* into mailboxes, told by dovecot: value: outcome */
	TALLY_BOUNCE,    /* bounce messages made here */
	TALLY_WHATS
};

enum tally_tls { TALLY_PLAIN, TALLY_ENCRYPTED, TALLY_VERIFIED, TALLY_TLS_COUNT };

/* Compared and hashed as words: begin with `= { 0 }`. */
struct tally_key {
	int64_t hour; /* seconds since 1970 */
	uint32_t what, provider, value, word, code, zero;
};

struct tallies {
	struct tally_slot {
		struct tally_key key;
		int64_t count;
		bool used;
	} slots[TALLY_SLOTS];
	uint16_t order[TALLY_KEYS]; /* slots in use */
	size_t n;
};

/* Days before it are summed; INT64_MIN: none is. */
int tally_mark(struct db *db, int64_t *mark_out, struct err *err);
/* Midnight before, UTC; also before 1970. */
int64_t tally_day(int64_t hour);

int tallies_add(struct tallies *tallies, struct db *db, const struct tally_key *key,
    int64_t count, struct err *err);
/* Writes what was gathered and forgets it. */
int tallies_flush(struct tallies *tallies, struct db *db, struct err *err);
void tallies_clear(struct tallies *tallies);

/* Numbers of the event's words, see store/word.h. */
struct tally_words {
	uint32_t mta, provider, category, code_id;
};
/* All that an event counts for; weight: of the event, at least 1. */
int tallies_count(struct tallies *tallies, struct db *db, const struct event *ev,
    const struct tally_words *words, int64_t hour, int64_t weight, struct err *err);

/* Bucket of a time to deliver, see FIGURE_BUCKETS. */
int tally_bucket(int64_t delay_us);
/* In what session was it? */
enum tally_tls tally_tls(const struct event *ev);

#endif
