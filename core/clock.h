/*
 * clock - civil time to microseconds and back
 *
 * Purpose    Nobody below cli/ asks what time it is; here is the arithmetic
 *            on times that were handed in. Microseconds since 1970, UTC.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include "core/buf.h"

enum { US_PER_S = 1000000 };

/* Days since 1970-01-01 of a proleptic Gregorian date; month from 1. */
int64_t clock_days(int year, int month, int day);

/* Year, month, day of that many days since 1970. */
void clock_civil(int64_t days, int *year, int *month, int *day);

/* Seconds since 1970 of a local wall-clock time in the process's zone (TZ);
 * *offset_min_out is the zone's offset then. Of an hour that occurs twice it is the
 * first (daylight time), one that never occurs is moved forward, as mktime does. */
int64_t clock_local(int year, int month, int day, int second_of_day, int *offset_min_out);

/* Minutes that the process's zone (TZ) is ahead of UTC at that time; 0 if nobody knows. */
int clock_offset_min(int64_t at_us);

/* RFC 3339 with microseconds and offset. */
void clock_rfc3339(struct buf *out, int64_t at_us, int offset_min);

/* "2026-11-21T02:41:17.482913+00:00", also with Z, a space for T, no fraction.
 * Returns bytes used, 0 if s does not begin with such a stamp. */
size_t clock_parse_rfc3339(struct str s, int64_t *at_us_out, int *offset_min_out);

/* "30s", "5m", "6h", "2d", "1w"; at most seven digits. False on anything else. */
bool clock_parse_span(struct str s, int64_t *span_us_out);

/*
 * A time as a person writes it: "2026-11-21", "2026-11-21 08:00", also with T, seconds and
 * a zone (Z, +01:00); without one it is the process's zone (TZ). "08:00" alone is the next
 * such time after now_us, or with CLOCK_PAST the last one before it. False on anything else.
 */
enum clock_side {
	CLOCK_FUTURE,
	CLOCK_PAST,
};
bool clock_parse_words(struct str s, int64_t now_us, enum clock_side side,
    int64_t *at_us_out);

/* "2026-11-21 02:41Z", "02:41:17": for people, UTC. */
void clock_minute(struct buf *out, int64_t at_us);
void clock_time_of_day(struct buf *out, int64_t at_us);

/* "57 minutes", "15 hours", "3 days": for people. */
void clock_span_words(struct buf *out, int64_t span_us);

#endif
