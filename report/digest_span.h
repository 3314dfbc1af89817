/*
 * digest_span - which time a digest is about
 *
 * Purpose    A week is one of ISO 8601: from Monday 0:00 to Monday 0:00 of the process's
 *            zone (TZ), and it belongs to the year that its Thursday lies in. Each span is
 *            compared with the one before it.
 */
#ifndef REPORT_DIGEST_SPAN_H
#define REPORT_DIGEST_SPAN_H

#include "core/buf.h"

struct digest_span {
	int64_t from_us, until_us;
	int64_t before_from_us, before_until_us;
	int year, week; /* of ISO 8601; 0: it is no week */
	bool so_far;    /* the week is not over */
};

/* The last week that is over. */
struct digest_span digest_last_week(int64_t now_us);
/* "2026-W10"; false if it is none, or lies in the future. A week that is not over ends now,
 * and is compared with as much of the one before. */
bool digest_parse_week(struct str text, int64_t now_us, struct digest_span *out);
/* From then to now; from a whole hour on. */
struct digest_span digest_since(int64_t since_us, int64_t now_us);

/* "2026-W10", or "20260302T060000Z-20260304T050000Z": of an id, and of a file's name. */
void digest_span_id(const struct digest_span *span, struct buf *out);
/* "week 10 of 2026, Mon 2 March to Sun 8 March", "Mon 2 March 06:00 to Wed 4 March 05:00" */
void digest_span_words(const struct digest_span *span, struct buf *out);
/* "the week before", "the 3 days before" */
void digest_before_words(const struct digest_span *span, struct buf *out);
/* "Mon 2 March", local; with the time of the day "Mon 2 March 06:00". */
void digest_day(struct buf *out, int64_t at_us);
void digest_moment(struct buf *out, int64_t at_us);

#endif
