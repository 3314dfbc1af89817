#include "core/clock.h"

#include <string.h>
#include <time.h>

/* Both directions: the era arithmetic of Howard Hinnant's "chrono-compatible
 * low-level date algorithms" (days_from_civil, civil_from_days). */
int64_t
clock_days(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void
clock_civil(int64_t days, int *year, int *month, int *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t of_era = days - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t mp = (5 * of_year + 2) / 153;

	*day = (int)(of_year - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(y + era * 400 + (*month <= 2));
}

/* The first of the two where a local time occurs twice: mktime() picks either. Clocks are
 * set back by an hour, on Lord Howe Island by half of it. */
static time_t
first_of_both(time_t at, struct tm *tm)
{
	static const time_t steps_s[] = { 3600, 1800 };

	for (size_t i = 0; i < sizeof steps_s / sizeof *steps_s; i++) {
		time_t before = at - steps_s[i];
		struct tm other;

		if (localtime_r(&before, &other) != NULL && other.tm_min == tm->tm_min &&
		    other.tm_hour == tm->tm_hour && other.tm_mday == tm->tm_mday) {
			*tm = other;
			return before;
		}
	}
	return at;
}

int64_t
clock_local(int year, int month, int day, int second_of_day, int *offset_min_out)
{
	struct tm tm = {
		.tm_year = year - 1900,
		.tm_mon = month - 1,
		.tm_mday = day,
		.tm_hour = second_of_day / 3600,
		.tm_min = second_of_day / 60 % 60,
		.tm_sec = second_of_day % 60,
		.tm_isdst = -1,
	};
	time_t at = first_of_both(mktime(&tm), &tm);

	*offset_min_out = (int)(tm.tm_gmtoff / 60);
	return (int64_t)at;
}

int
clock_offset_min(int64_t at_us)
{
	time_t at = (time_t)(at_us / US_PER_S);
	struct tm local;

	return localtime_r(&at, &local) == NULL ? 0 : (int)(local.tm_gmtoff / 60);
}

static void
two(char *to, int v)
{
	to[0] = (char)('0' + v / 10 % 10);
	to[1] = (char)('0' + v % 10);
}

void
clock_rfc3339(struct buf *out, int64_t at_us, int offset_min)
{
	int64_t local_us = at_us + (int64_t)offset_min * 60 * US_PER_S;
	int64_t s = local_us / US_PER_S, us = local_us % US_PER_S;

	if (us < 0) {
		us += US_PER_S;
		s--;
	}
	int64_t days = s / 86400, left = s % 86400;
	int year, month, day;

	if (left < 0) {
		left += 86400;
		days--;
	}
	clock_civil(days, &year, &month, &day);
	if (year < 0 || year > 9999)
		year = 0; /* no such stamp is read; keep the shape */
	char text[] = "0000-00-00T00:00:00.000000+00:00";
	int zone = offset_min < 0 ? -offset_min : offset_min;

	two(text, year / 100);
	two(text + 2, year % 100);
	two(text + 5, month);
	two(text + 8, day);
	two(text + 11, (int)(left / 3600));
	two(text + 14, (int)(left / 60 % 60));
	two(text + 17, (int)(left % 60));
	for (int i = 25; i > 19; i--, us /= 10)
		text[i] = (char)('0' + us % 10);
	text[26] = offset_min < 0 ? '-' : '+';
	two(text + 27, zone / 60);
	two(text + 30, zone % 60);
	buf_add(out, (struct str){ text, sizeof text - 1 });
}

/* n digits at p as a number, -1 if one is none. */
static int
digits(const char *p, size_t n)
{
	int v = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	return v;
}

/* "Z", "+hh:mm", "+hhmm", "+hh"; none counts as UTC. Returns bytes used. */
static size_t
parse_zone(struct str s, int *offset_min)
{
	*offset_min = 0;
	if (s.n >= 1 && (s.p[0] == 'Z' || s.p[0] == 'z'))
		return 1;
	if (s.n < 3 || (s.p[0] != '+' && s.p[0] != '-'))
		return 0;
	int h = digits(s.p + 1, 2), m = 0;
	size_t used = 3;

	if (h < 0 || h > 23)
		return 0;
	if (s.n >= 6 && s.p[3] == ':' && digits(s.p + 4, 2) >= 0) {
		m = digits(s.p + 4, 2);
		used = 6;
	} else if (s.n >= 5 && digits(s.p + 3, 2) >= 0) {
		m = digits(s.p + 3, 2);
		used = 5;
	}
	*offset_min = (h * 60 + m % 60) * (s.p[0] == '-' ? -1 : 1);
	return used;
}

size_t
clock_parse_rfc3339(struct str s, int64_t *at_us_out, int *offset_min_out)
{
	if (s.n < 19 || s.p[4] != '-' || s.p[7] != '-' ||
	    (s.p[10] != 'T' && s.p[10] != ' ') || s.p[13] != ':' || s.p[16] != ':')
		return 0;
	int year = digits(s.p, 4), month = digits(s.p + 5, 2), day = digits(s.p + 8, 2);
	int h = digits(s.p + 11, 2), m = digits(s.p + 14, 2), sec = digits(s.p + 17, 2);

	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || h < 0 ||
	    h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60)
		return 0;
	size_t used = 19;
	int64_t us = 0, scale = 100000;
	int zone;

	if (used + 1 < s.n && (s.p[used] == '.' || s.p[used] == ',') &&
	    digits(s.p + used + 1, 1) >= 0) {
		used++;
		for (; used < s.n && digits(s.p + used, 1) >= 0; used++, scale /= 10)
			us += digits(s.p + used, 1) * scale;
	}
	used += parse_zone(str_skip(s, used), &zone);
	*at_us_out =
	    (clock_days(year, month, day) * 86400 + h * 3600 + m * 60 + sec - zone * 60) *
		US_PER_S +
	    us;
	*offset_min_out = zone;
	return used;
}

bool
clock_parse_span(struct str s, int64_t *span_us_out)
{
	static const struct {
		char letter;
		int64_t s;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
		{ 'w', 604800 } };
	int64_t v;

	if (s.n < 2 || s.n > 8 || !str_to_int(str_head(s, s.n - 1), &v))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (s.p[s.n - 1] == units[i].letter) {
			*span_us_out = v * units[i].s * US_PER_S;
			return true;
		}
	return false;
}

/* "hh:mm" or "hh:mm:ss" at the beginning; bytes used, 0 if it is neither. */
static size_t
parse_time_of_day(struct str s, int *second_out)
{
	if (s.n < 5 || s.p[2] != ':')
		return 0;
	int h = digits(s.p, 2), m = digits(s.p + 3, 2), sec = 0;
	size_t used = 5;

	if (s.n >= 8 && s.p[5] == ':') {
		sec = digits(s.p + 6, 2);
		used = 8;
	}
	if (h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 59)
		return 0;
	*second_out = h * 3600 + m * 60 + sec;
	return used;
}

/* That time of the day on the day of now_us, or the one beside it on the wanted side. */
static int64_t
nearest_day(int second, int64_t now_us, enum clock_side side)
{
	time_t now = (time_t)(now_us / US_PER_S);
	struct tm tm;
	int offset;

	if (localtime_r(&now, &tm) == NULL)
		return now_us;
	for (int day = -1; day <= 1; day++) {
		int at = side == CLOCK_FUTURE ? day : -day;
		int64_t us = clock_local(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday + at,
				 second, &offset) *
			     US_PER_S;

		if (side == CLOCK_FUTURE ? us > now_us : us <= now_us)
			return us;
	}
	return now_us;
}

bool
clock_parse_words(struct str s, int64_t now_us, enum clock_side side, int64_t *at_us_out)
{
	int second = 0, zone = 0;
	size_t used = parse_time_of_day(s, &second);

	if (used > 0 && used == s.n) {
		*at_us_out = nearest_day(second, now_us, side);
		return true;
	}
	if (s.n < 10 || s.p[4] != '-' || s.p[7] != '-')
		return false;
	int year = digits(s.p, 4), month = digits(s.p + 5, 2), day = digits(s.p + 8, 2);
	struct str left = str_skip(s, 10);

	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	if (left.n > 0) {
		if (left.p[0] != 'T' && left.p[0] != ' ')
			return false;
		left = str_skip(left, 1);
		if ((used = parse_time_of_day(left, &second)) == 0)
			return false;
		left = str_skip(left, used);
	}
	if (left.n == 0) {
		*at_us_out = clock_local(year, month, day, second, &zone) * US_PER_S;
		return true;
	}
	if (parse_zone(left, &zone) != left.n)
		return false;
	*at_us_out = (clock_days(year, month, day) * 86400 + second - zone * 60) * US_PER_S;
	return true;
}

void
clock_minute(struct buf *out, int64_t at_us)
{
	AUTO(buf_done) struct buf full = { 0 };

	clock_rfc3339(&full, at_us, 0);
	struct str stamp = buf_str(&full);

	buf_add(out, str_head(stamp, 10));
	buf_add_char(out, ' ');
	buf_add(out, str_head(str_skip(stamp, 11), 5));
	buf_add_char(out, 'Z');
}

void
clock_time_of_day(struct buf *out, int64_t at_us)
{
	AUTO(buf_done) struct buf full = { 0 };

	clock_rfc3339(&full, at_us, 0);
	buf_add(out, str_head(str_skip(buf_str(&full), 11), 8));
}

void
clock_span_words(struct buf *out, int64_t span_us)
{
	int64_t s = (span_us < 0 ? 0 : span_us) / US_PER_S;
	static const struct {
		int64_t from_s, unit_s;
		const char *word;
	} steps[] = {
		{ 2 * 86400, 86400, "day" },
		{ 2 * 3600, 3600, "hour" },
		{ 2 * 60, 60, "minute" },
		{ 0, 1, "second" },
	};

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		if (s < steps[i].from_s)
			continue;
		int64_t n = (s + steps[i].unit_s / 2) / steps[i].unit_s;

		buf_addf(out, "%lld %s%s", (long long)n, steps[i].word, n == 1 ? "" : "s");
		return;
	}
}
