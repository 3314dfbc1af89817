/*
 * evidence - what the store knows for a delisting request, gathered
 *
 * Purpose    Which of our addresses, since when, the exact replies, volume by day, last
 *            success: everything that a provider's form asks, for one incident.
 * Ownership  The caller frees with evidence_free(). Texts are copies.
 * Limits     EVIDENCE_REPLIES different replies, EVIDENCE_IPS addresses, EVIDENCE_DAYS
 *            days; what is over is counted.
 */
#ifndef CLI_EVIDENCE_H
#define CLI_EVIDENCE_H

#include "store/store.h"

enum { EVIDENCE_REPLIES = 20, EVIDENCE_IPS = 8, EVIDENCE_DAYS = 31 };

struct evidence_reply {
	char *text, *key; /* as it was said first; key: without what differs each time */
	char *relay;      /* who said it first */
	int64_t smtp_code, count, first_us, last_us;
	char status[16];
};

struct evidence_ip {
	char text[48];
	int64_t count;
};

struct evidence {
	struct incident in; /* views into text */
	struct buf text, peer_text;
	struct str provider, peer; /* whom it is about; both empty: nobody */
	bool about_mail;           /* attempts have to do with it */
	struct evidence_reply replies[EVIDENCE_REPLIES];
	size_t nreplies;
	int64_t other_replies; /* further attempts, their replies not kept */
	int64_t failures;
	struct evidence_ip ips[EVIDENCE_IPS];
	size_t nips;
	struct evidence_day days[EVIDENCE_DAYS]; /* the last ones */
	size_t ndays;
	struct {
		int64_t at_us; /* 0: not seen */
		char *relay;
	} last_success, first_success;
};

/* -ENOENT and -ENOTUNIQ as store_find_incident(), with the reason in *err. */
int evidence_gather(struct store *store, struct str id, struct evidence **out,
    struct err *err);
void evidence_free(struct evidence *ev);

#endif
