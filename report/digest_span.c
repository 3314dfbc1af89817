#include "report/digest_span.h"

#include <time.h>

#include "core/clock.h"

enum { DAYS_OF_WEEK = 7, THURSDAY = 3 }; /* days since Monday */

#define HOUR_US (INT64_C(3600) * US_PER_S)

/* --- local days --- */

static int64_t
local_day(int64_t at_us)
{
	time_t at = (time_t)(at_us / US_PER_S);
	struct tm local;

	if (localtime_r(&at, &local) == NULL)
		return at_us / US_PER_S / 86400;
	return clock_days(local.tm_year + 1900, local.tm_mon + 1, local.tm_mday);
}

static int64_t
day_begins_us(int64_t day)
{
	int year, month, mday, offset_min;

	clock_civil(day, &year, &month, &mday);
	return clock_local(year, month, mday, 0, &offset_min) * US_PER_S;
}

/* Day 0 of 1970 was a Thursday. */
static int
weekday(int64_t day)
{
	return (int)(((day + THURSDAY) % DAYS_OF_WEEK + DAYS_OF_WEEK) % DAYS_OF_WEEK);
}

static struct digest_span
span_of_week(int64_t monday, int64_t now_us)
{
	struct digest_span span = {
		.from_us = day_begins_us(monday),
		.until_us = day_begins_us(monday + DAYS_OF_WEEK),
		.before_from_us = day_begins_us(monday - DAYS_OF_WEEK),
		.before_until_us = day_begins_us(monday),
	};
	int month, mday;

	clock_civil(monday + THURSDAY, &span.year, &month, &mday);
	span.week =
	    (int)((monday + THURSDAY - clock_days(span.year, 1, 1)) / DAYS_OF_WEEK) + 1;
	if (span.until_us > now_us) {
		span.so_far = true;
		span.until_us = now_us;
		span.before_until_us = span.before_from_us + (now_us - span.from_us);
	}
	return span;
}

struct digest_span
digest_last_week(int64_t now_us)
{
	int64_t today = local_day(now_us);

	return span_of_week(today - weekday(today) - DAYS_OF_WEEK, now_us);
}

bool
digest_parse_week(struct str text, int64_t now_us, struct digest_span *out)
{
	int64_t year, week;

	if (text.n != 8 || !str_to_int(str_head(text, 4), &year) ||
	    !str_eq(str_head(str_skip(text, 4), 2), STR("-W")) ||
	    !str_to_int(str_skip(text, 6), &week) || year < 1971 || week < 1)
		return false;
	/* The week that 4 January lies in is the first. */
	int64_t day = clock_days((int)year, 1, 4);
	int64_t monday = day - weekday(day) + (week - 1) * DAYS_OF_WEEK;
	struct digest_span span = span_of_week(monday, now_us);

	if (span.year != year || span.week != week || span.from_us >= now_us)
		return false;
	*out = span;
	return true;
}

struct digest_span
digest_since(int64_t since_us, int64_t now_us)
{
	int64_t from_us = since_us - ((since_us % HOUR_US) + HOUR_US) % HOUR_US;

	return (struct digest_span){
		.from_us = from_us,
		.until_us = now_us,
		.before_from_us = from_us - (now_us - from_us),
		.before_until_us = from_us,
	};
}

/* --- words --- */

static void
add_stamp(struct buf *out, int64_t at_us)
{
	int64_t s = at_us / US_PER_S;
	int year, month, mday;

	clock_civil(s / 86400, &year, &month, &mday);
	buf_addf(out, "%04d%02d%02dT%02d%02d%02dZ", year, month, mday, (int)(s / 3600 % 24),
	    (int)(s / 60 % 60), (int)(s % 60));
}

void
digest_span_id(const struct digest_span *span, struct buf *out)
{
	if (span->week != 0) {
		buf_addf(out, "%04d-W%02d", span->year, span->week);
		return;
	}
	add_stamp(out, span->from_us);
	buf_add_char(out, '-');
	add_stamp(out, span->until_us);
}

static void
add_day(struct buf *out, int64_t day)
{
	static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat",
		"Sun" };
	static const char *const months[] = { "January", "February", "March", "April",
		"May", "June", "July", "August", "September", "October", "November",
		"December" };
	int year, month, mday;

	clock_civil(day, &year, &month, &mday);
	buf_addf(out, "%s %d %s", days[weekday(day)], mday, months[month - 1]);
}

void
digest_day(struct buf *out, int64_t at_us)
{
	add_day(out, local_day(at_us));
}

void
digest_moment(struct buf *out, int64_t at_us)
{
	int64_t minute = (at_us / US_PER_S / 60 + clock_offset_min(at_us)) % (24 * 60);

	add_day(out, local_day(at_us));
	buf_addf(out, " %02d:%02d", (int)(minute / 60), (int)(minute % 60));
}

void
digest_span_words(const struct digest_span *span, struct buf *out)
{
	if (span->week == 0) {
		digest_moment(out, span->from_us);
		buf_add(out, STR(" to "));
		digest_moment(out, span->until_us);
		return;
	}
	buf_addf(out, "week %d of %d, ", span->week, span->year);
	digest_day(out, span->from_us);
	buf_add(out, STR(" to "));
	if (span->so_far)
		digest_moment(out, span->until_us);
	else
		digest_day(out, span->until_us - HOUR_US);
}

void
digest_before_words(const struct digest_span *span, struct buf *out)
{
	if (span->week != 0) {
		buf_add(out, span->so_far ? STR("as much of the week before")
					  : STR("the week before"));
		return;
	}
	buf_add(out, STR("the "));
	clock_span_words(out, span->until_us - span->from_us);
	buf_add(out, STR(" before"));
}
