#include "parsers/header.h"

#include <string.h>

#include "core/clock.h"

enum {
	MAX_TAG = 128,   /* bytes of ident that we look at */
	MAX_PREFIX = 80, /* "container-name_1    | " */
	MAX_HOST = 255,  /* RFC 1035, 2.3.4 */
	MAX_REPEAT = 1000000,
};

void
header_clock_init(struct header_clock *clock, int64_t reference_us)
{
	*clock =
	    (struct header_clock){ .reference_us = reference_us, .last_us = INT64_MIN };
}

/* Month names as localised syslog daemons write them, beside the English ones: the first
 * three letters decide, names that would clash are left to English. */
/* clang-format off */
static const struct month {
	struct str name;
	int number;
} months[] = {
	{ STR_INIT("Jan"), 1 }, { STR_INIT("Feb"), 2 }, { STR_INIT("Mar"), 3 },
	{ STR_INIT("Apr"), 4 }, { STR_INIT("May"), 5 }, { STR_INIT("Jun"), 6 },
	{ STR_INIT("Jul"), 7 }, { STR_INIT("Aug"), 8 }, { STR_INIT("Sep"), 9 },
	{ STR_INIT("Oct"), 10 }, { STR_INIT("Nov"), 11 }, { STR_INIT("Dec"), 12 },
	{ STR_INIT("M\xc3\xa4r"), 3 }, { STR_INIT("M\xe4r"), 3 }, { STR_INIT("Mrz"), 3 },
	{ STR_INIT("Mai"), 5 }, { STR_INIT("Okt"), 10 }, { STR_INIT("Dez"), 12 },
	{ STR_INIT("mrt"), 3 }, { STR_INIT("mei"), 5 }, { STR_INIT("okt"), 10 },
	{ STR_INIT("janv"), 1 }, { STR_INIT("f\xc3\xa9vr"), 2 }, { STR_INIT("f\xe9vr"), 2 },
	{ STR_INIT("mars"), 3 }, { STR_INIT("avril"), 4 }, { STR_INIT("avr"), 4 },
	{ STR_INIT("mai"), 5 }, { STR_INIT("juin"), 6 }, { STR_INIT("juil"), 7 },
	{ STR_INIT("ao\xc3\xbbt"), 8 }, { STR_INIT("ao\xfbt"), 8 }, { STR_INIT("sept"), 9 },
	{ STR_INIT("d\xc3\xa9" "c"), 12 }, { STR_INIT("d\xe9" "c"), 12 },
	{ STR_INIT("ene"), 1 }, { STR_INIT("abr"), 4 }, { STR_INIT("ago"), 8 },
	{ STR_INIT("dic"), 12 }, { STR_INIT("gen"), 1 }, { STR_INIT("mag"), 5 },
	{ STR_INIT("giu"), 6 }, { STR_INIT("lug"), 7 }, { STR_INIT("set"), 9 },
	{ STR_INIT("ott"), 10 }, { STR_INIT("fev"), 2 }, { STR_INIT("out"), 10 },
	{ STR_INIT("dez"), 12 }, { STR_INIT("maj"), 5 },
};
/* clang-format on */

static int
month_number(struct str word)
{
	if (word.n > 0 && word.p[word.n - 1] == '.')
		word.n--;
	for (size_t i = 0; i < sizeof months / sizeof *months; i++)
		if (str_eq_nocase(word, months[i].name))
			return months[i].number;
	return 0;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
number(const char *p, size_t n)
{
	int v = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_digit(p[i]))
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	return v;
}

static bool
is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* First second of that hour, in the year that fits the reference. */
static void
resolve_hour(struct header_clock *clock, int month, int day, int hour)
{
	int year, m, d;

	clock_civil(clock->reference_us / US_PER_S / 86400, &year, &m, &d);
	year += m == 12; /* local time may be ahead of UTC */
	for (;; year--) {
		if (month == 2 && day == 29 && !is_leap(year))
			continue;
		clock->hour_s =
		    clock_local(year, month, day, hour * 3600, &clock->hour_offset_min);
		if (clock->hour_s * US_PER_S <= clock->reference_us + 86400ll * US_PER_S ||
		    year <= 1970)
			return;
	}
}

/* "Mmm dd hh:mm:ss" with one or two blanks; bytes used, 0 if it is none. */
static size_t
parse_rfc3164(struct header_clock *clock, struct str s, struct header *h)
{
	size_t at = 0;

	while (at < s.n && at < 7 && s.p[at] != ' ')
		at++;
	size_t word = at;

	while (at < s.n && at < word + 2 && s.p[at] == ' ')
		at++;
	size_t day_at = at;

	while (at < s.n && is_digit(s.p[at]))
		at++;
	/* now at the blank before hh:mm:ss */
	if (word < 3 || at - day_at < 1 || at - day_at > 2 || s.n < at + 9 ||
	    s.p[at] != ' ' || s.p[at + 3] != ':' || s.p[at + 6] != ':')
		return 0;
	const char *t = s.p + at + 1;
	int hour = number(t, 2), minute = number(t + 3, 2), second = number(t + 6, 2);

	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return 0;
	size_t hour_n = at + 3;

	if (hour_n != clock->hour_n || memcmp(s.p, clock->hour_text, hour_n) != 0) {
		int month = month_number(str_head(s, word));
		int day = number(s.p + day_at, at - day_at);

		if (month == 0 || day < 1 || day > 31)
			return 0;
		resolve_hour(clock, month, day, hour);
		clock->hour_n = hour_n <= sizeof clock->hour_text ? hour_n : 0;
		memcpy(clock->hour_text, s.p, clock->hour_n);
	}
	h->time_us = (clock->hour_s + minute * 60 + second) * US_PER_S;
	h->offset_min = clock->hour_offset_min;
	at += 9;
	if (at < s.n && s.p[at] == '.') /* some daemons add milliseconds */
		for (at++; at < s.n && is_digit(s.p[at]);)
			at++;
	return at;
}

/* A stamp at the beginning, bytes used including one blank behind it; 0: none. */
static size_t
parse_stamp(struct header_clock *clock, struct str s, struct header *h)
{
	size_t used = 0;

	if (s.n == 0)
		return 0;
	if (is_digit(s.p[0]))
		used = clock_parse_rfc3339(s, &h->time_us, &h->offset_min);
	else
		used = parse_rfc3164(clock, s, h);
	if (used == 0 || used >= s.n || s.p[used] != ' ')
		return 0;
	while (used < s.n && s.p[used] == ' ')
		used++;
	if (used < s.n && s.p[used] == '<') { /* FreeBSD's syslogd -v: "<mail.info> " */
		ptrdiff_t end = str_find(str_head(str_skip(s, used), 24), STR("> "));

		if (end > 0)
			used += (size_t)end + 2;
	}
	return used;
}

static bool
is_tag_char(char c)
{
	return c > ' ' && c != '[' && c != ':' && c != '(' && (unsigned char)c < 0x7f;
}

/* "ident[pid]: text", "ident: text", "ident[pid] text"; false if s does not begin so. */
static bool
parse_tag(struct str s, struct header *h)
{
	size_t i = 0;

	while (i < s.n && i < MAX_TAG && is_tag_char(s.p[i]))
		i++;
	if (i == 0 || i == s.n)
		return false;
	h->tagged = s;
	h->ident = str_head(s, i);
	h->pid = (struct str){ NULL, 0 };
	bool had_pid = false;

	if (s.p[i] == '[') {
		struct str rest = str_skip(s, i + 1);
		ptrdiff_t end = str_find_char(str_head(rest, 24), ']');

		if (end < 0)
			return false;
		h->pid = str_head(rest, (size_t)end);
		had_pid = true;
		i += (size_t)end + 2;
	} else if (s.p[i] == '(') { /* dovecot's own file: "imap(user)<1><x>: text" */
		ptrdiff_t colon = str_find(str_head(s, MAX_HOST), STR(": "));

		if (colon < 0)
			return false;
		h->text = str_skip(s, (size_t)colon + 2);
		return true;
	}
	if (i < s.n && s.p[i] == ':')
		i++;
	else if (!had_pid)
		return false;
	if (i < s.n && s.p[i] != ' ')
		return false;
	while (i < s.n && s.p[i] == ' ') /* some templates pad */
		i++;
	h->text = str_skip(s, i);
	return true;
}

/* Solaris: "[ID 702911 mail.info] " before the text (msgid in syslogd.c there). */
static void
drop_solaris_id(struct header *h)
{
	ptrdiff_t end;

	if (str_starts(h->text, STR("[ID ")) && (end = str_find(h->text, STR("] "))) > 0 &&
	    end < 40)
		h->text = str_skip(h->text, (size_t)end + 2);
}

void
header_unfold_repeat(struct header *h)
{
	static const struct str mark = STR_INIT("message repeated ");
	struct str rest = h->text;

	h->repeated = 0;
	if (!str_starts(rest, mark))
		return;
	rest = str_skip(rest, mark.n);
	struct str count = str_cut(&rest, ' ');
	int64_t n;

	if (!str_starts(rest, STR("times: [")) || !str_to_int(count, &n) || n < 1)
		return;
	rest = str_skip(rest, 8);
	if (str_starts(rest, STR(" ")))
		rest = str_skip(rest, 1);
	if (rest.n > 0 && rest.p[rest.n - 1] == ']')
		rest.n--;
	h->repeated = n > MAX_REPEAT ? MAX_REPEAT : n;
	h->text = rest;
}

/* RFC 5424, 6: "1 TIME HOST APP PROCID MSGID SD [BOM]TEXT" behind <PRI>. */
static bool
parse_rfc5424(struct str s, struct header *h)
{
	struct str rest = str_skip(s, 2);
	struct str stamp = str_cut(&rest, ' ');

	if (clock_parse_rfc3339(stamp, &h->time_us, &h->offset_min) == 0)
		return false;
	h->host = str_cut(&rest, ' ');
	h->ident = str_cut(&rest, ' ');
	h->pid = str_cut(&rest, ' ');
	(void)str_cut(&rest, ' '); /* MSGID */
	if (str_starts(rest, STR("["))) {
		bool quoted = false;
		size_t i = 0;

		for (; i < rest.n; i++) { /* elements end at "] " outside quotes */
			if (rest.p[i] == '\\' && quoted)
				i++;
			else if (rest.p[i] == '"')
				quoted = !quoted;
			else if (rest.p[i] == ']' && !quoted &&
				 (i + 1 == rest.n || rest.p[i + 1] == ' '))
				break;
		}
		rest = str_skip(rest, i + 2);
	} else {
		(void)str_cut(&rest, ' ');
	}
	if (str_starts(rest, STR("\xef\xbb\xbf")))
		rest = str_skip(rest, 3);
	if (str_eq(h->host, STR("-")))
		h->host = (struct str){ NULL, 0 };
	if (str_eq(h->pid, STR("-")))
		h->pid = (struct str){ NULL, 0 };
	h->text = h->tagged = rest;
	return h->ident.n > 0;
}

/* "INFO ", "mail.info ": words that containers and some daemons put before the tag; but
 * mail.example.org is a host. Levels as in syslog.conf(5). */
static struct str
skip_level_word(struct str s)
{
	static const struct str words[] = { STR_INIT("INFO "), STR_INIT("WARNING "),
		STR_INIT("ERROR "), STR_INIT("CRITICAL "), STR_INIT("DEBUG "),
		STR_INIT("NOTICE "), STR_INIT("mail.info "), STR_INIT("mail.warning "),
		STR_INIT("mail.warn "), STR_INIT("mail.notice "), STR_INIT("mail.err "),
		STR_INIT("mail.error "), STR_INIT("mail.crit "), STR_INIT("mail.debug "),
		STR_INIT("mail.alert "), STR_INIT("mail.emerg ") };

	if (s.n < 6 || (s.p[1] != 'a' && (s.p[1] < 'A' || s.p[1] > 'Z')))
		return s; /* as nearly always */
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!str_starts(s, words[i]))
			continue;
		struct str rest = s;

		(void)str_cut(&rest, ' ');
		while (rest.n > 0 && rest.p[0] == ' ')
			rest = str_skip(rest, 1);
		return rest;
	}
	return s;
}

/* Behind the stamp: an optional host, then the tag. A token that ends in ':' is the tag. */
static bool
parse_host_and_tag(struct str s, struct header *h)
{
	struct str behind = skip_level_word(s);

	h->host = (struct str){ NULL, 0 };
	if (behind.p != s.p)
		return parse_tag(behind, h);
	ptrdiff_t blank = str_find_char(str_head(s, MAX_HOST + 1), ' ');

	if (blank > 0 && s.p[blank - 1] != ':' && s.p[blank - 1] != ']' &&
	    str_find_char(str_head(s, (size_t)blank), '(') < 0) {
		struct str rest = str_skip(s, (size_t)blank + 1);

		while (rest.n > 0 && rest.p[0] == ' ')
			rest = str_skip(rest, 1);
		if (parse_tag(skip_level_word(rest), h)) {
			h->host = str_head(s, (size_t)blank);
			return true;
		}
	}
	return parse_tag(s, h);
}

/* docker and compose: "name_1   | line"; tai64n: "@4000... line". */
static struct str
drop_prefix(struct str s)
{
	ptrdiff_t bar = str_find(str_head(s, MAX_PREFIX), STR(" | "));

	while (s.n > 0 && s.p[0] == ' ')
		s = str_skip(s, 1);
	if (s.n > 26 && s.p[0] == '@' && s.p[25] == ' ')
		return str_skip(s, 26);
	if (bar > 0) {
		struct str name = str_trim(str_head(s, (size_t)bar));

		if (str_find_char(name, ' ') < 0 && str_find_char(name, ':') < 0)
			return str_skip(s, (size_t)bar + 3);
	}
	return s;
}

static void
remember_time(struct header_clock *clock, const struct header *h)
{
	clock->last_us = h->time_us;
	clock->last_offset_min = h->offset_min;
}

static bool
parse_stamped(struct header_clock *clock, struct str line, struct header *out)
{
	size_t used = parse_stamp(clock, line, out);

	if (used == 0 || !parse_host_and_tag(str_skip(line, used), out))
		return false;
	remember_time(clock, out);
	drop_solaris_id(out);
	header_unfold_repeat(out);
	return true;
}

bool
header_parse(struct header_clock *clock, struct str line, struct header *out)
{
	out->repeated = 0;
	if (parse_stamped(clock, line, out))
		return true;
	line = drop_prefix(line);
	if (line.n > 3 && line.p[0] == '<') {
		ptrdiff_t end = str_find_char(str_head(line, 6), '>');

		if (end > 1)
			line = str_skip(line, (size_t)end + 1);
		if (str_starts(line, STR("1 ")) && parse_rfc5424(line, out)) {
			remember_time(clock, out);
			header_unfold_repeat(out);
			return true;
		}
	}
	if (parse_stamped(clock, line, out))
		return true;
	/* No stamp: a tag alone, as some containers print it. */
	out->host = (struct str){ NULL, 0 };
	if (!parse_tag(line, out))
		return false;
	out->time_us = clock->last_us == INT64_MIN ? clock->reference_us : clock->last_us;
	out->offset_min = clock->last_offset_min;
	drop_solaris_id(out);
	header_unfold_repeat(out);
	return true;
}
