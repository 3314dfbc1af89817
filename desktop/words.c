#include "desktop/words.h"

#include <gio/gio.h>
#include <string.h>

#include "core/clock.h"
#include "core/plain.h"

enum {
	NAME_CHARS = 60,     /* hosts, addresses in a line */
	TITLE_CHARS = 120,   /* of a notification */
	BODY_CHARS = 400,    /* advice in it */
	DETAIL_CHARS = 4000, /* one text in a window */
	REASON_CHARS = 200,
};

/* --- strangers' text --- */

/* Characters of classes R and AL (UAX #9, 3.2), by the blocks that hold them. */
static bool
is_right_to_left(gunichar c)
{
	return (c >= 0x590 && c <= 0x8ff) || (c >= 0xfb1d && c <= 0xfdff) ||
	       (c >= 0xfe70 && c <= 0xfefe) || (c >= 0x10800 && c <= 0x10fff) ||
	       (c >= 0x1e800 && c <= 0x1efff);
}

static bool
has_right_to_left(const char *text)
{
	for (; *text != '\0'; text = g_utf8_next_char(text))
		if (is_right_to_left(g_utf8_get_char(text)))
			return true;
	return false;
}

/* The bytes of at most `chars` characters: no more than that is looked at closely. */
static struct str
first_chars(const char *text, size_t chars)
{
	struct str all = str_of(text), rest = all;

	for (; chars > 0 && rest.n > 0; chars--) {
		size_t n = plain_char_at(rest).n;

		rest = str_skip(rest, n == 0 ? 1 : n);
	}
	return str_head(all, all.n - rest.n);
}

static void
cut(GString *text, size_t max)
{
	static const char dots[] = "...";
	size_t room = max > sizeof dots - 1 ? max - (sizeof dots - 1) : 0;

	if ((size_t)g_utf8_strlen(text->str, (gssize)text->len) <= max)
		return;
	(void)g_string_truncate(text,
	    (gsize)(g_utf8_offset_to_pointer(text->str, (glong)room) - text->str));
	(void)g_string_append(text, dots);
}

static char *
make_plain(const char *text, size_t max, bool keep_lines)
{
	AUTO(buf_done) struct buf seen = { 0 };
	struct str rest = first_chars(text == NULL ? "" : text, max + 1);
	GString *out;

	while (keep_lines && str_find_char(rest, '\n') >= 0) {
		plain_add(&seen, str_cut(&rest, '\n'));
		buf_add_char(&seen, '\n');
	}
	plain_add(&seen, rest);
	out = g_string_new(buf_cstr(&seen));
	cut(out, max);
	return g_string_free(out, FALSE);
}

/* U+2068 FIRST STRONG ISOLATE and U+2069 POP DIRECTIONAL ISOLATE around it. */
static char *
isolate(char *line)
{
	g_autofree char *bare = line;

	if (!has_right_to_left(bare))
		return g_steal_pointer(&bare);
	return g_strconcat("\u2068", bare, "\u2069", NULL);
}

char *
words_plain(const char *text, size_t max)
{
	return isolate(make_plain(text, max, false));
}

char *
words_plain_lines(const char *text, size_t max)
{
	g_autofree char *plain = make_plain(text, max, true);
	g_auto(GStrv) lines = g_strsplit(plain, "\n", -1);

	/* An isolate ends with its line. */
	for (size_t i = 0; lines[i] != NULL; i++)
		lines[i] = isolate(lines[i]);
	return g_strjoinv("\n", lines);
}

/* --- times and numbers --- */

/* "21 Nov"; the words are ours, whatever the locale. */
static char *
day_of(GDateTime *at)
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

	return g_strdup_printf("%d %s", g_date_time_get_day_of_month(at),
	    months[g_date_time_get_month(at) - 1]);
}

static int64_t
julian_day(GDateTime *at)
{
	return clock_days(g_date_time_get_year(at), g_date_time_get_month(at),
	    g_date_time_get_day_of_month(at));
}

char *
words_time(int64_t at_us, int64_t now_us)
{
	static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat",
		"Sun" };
	g_autoptr(GDateTime) at = g_date_time_new_from_unix_local(at_us / US_PER_S);
	g_autoptr(GDateTime) now = g_date_time_new_from_unix_local(now_us / US_PER_S);

	if (at_us == 0 || at == NULL || now == NULL)
		return g_strdup("");
	g_autofree char *clock = g_strdup_printf("%02d:%02d", g_date_time_get_hour(at),
	    g_date_time_get_minute(at));
	int64_t apart = julian_day(at) - julian_day(now);

	if (apart == 0)
		return g_steal_pointer(&clock);
	if (apart > -7 && apart < 7)
		return g_strdup_printf("%s %s", days[g_date_time_get_day_of_week(at) - 1],
		    clock);
	g_autofree char *day = day_of(at);

	if (g_date_time_get_year(at) == g_date_time_get_year(now))
		return g_strdup_printf("%s %s", day, clock);
	return g_strdup_printf("%s %d", day, g_date_time_get_year(at));
}

/* "21 Nov 2026 10:42:07": for what may be read much later. */
static char *
full_time(int64_t at_us)
{
	g_autoptr(GDateTime) at = g_date_time_new_from_unix_local(at_us / US_PER_S);

	if (at_us == 0 || at == NULL)
		return g_strdup("not known");
	g_autofree char *day = day_of(at);

	return g_strdup_printf("%s %d %02d:%02d:%02d", day, g_date_time_get_year(at),
	    g_date_time_get_hour(at), g_date_time_get_minute(at),
	    g_date_time_get_second(at));
}

static void
add_number(GString *out, size_t n, const char *one, const char *many)
{
	if (n == 0)
		return;
	g_string_append_printf(out, "%s%zu %s", out->len > 0 ? ", " : "", n,
	    n == 1 ? one : many);
}

/* --- the icon --- */

enum desk_state
words_state(const struct desk_view *view)
{
	enum desk_severity worst =
	    troubles_worst(view->troubles, view->settings->acknowledged_counts);

	if (worst == DESK_CRITICAL)
		return DESK_STATE_CRITICAL;
	if (worst != DESK_NONE)
		return DESK_STATE_WARNING;
	for (size_t i = 0; i < view->nsources; i++)
		if (!source_is_heard(view->sources[i]))
			return DESK_STATE_DISCONNECTED;
	return DESK_STATE_IDLE;
}

char *
words_icon(const struct desk_view *view)
{
	static const char *const names[DESK_STATES] = {
		[DESK_STATE_IDLE] = "-idle",
		[DESK_STATE_DISCONNECTED] = "-disconnected",
		[DESK_STATE_WARNING] = "-warning",
		[DESK_STATE_CRITICAL] = "-critical",
	};
	enum desk_state state = words_state(view);
	bool bare = view->mail_is_new && state == DESK_STATE_IDLE;

	return g_strconcat("mailwarden", view->mail_is_new ? "-new" : "",
	    bare ? "" : names[state], view->settings->symbolic ? "-symbolic" : "", NULL);
}

static void
add_troubles(GString *out, const struct troubles *troubles)
{
	const struct trouble *trouble;
	size_t critical = 0, other = 0;

	for (size_t i = 0; (trouble = troubles_get(troubles, i)) != NULL && trouble->open;
	     i++)
		if (trouble->severity == DESK_CRITICAL)
			critical++;
		else
			other++;
	add_number(out, critical, "critical incident", "critical incidents");
	add_number(out, other, critical > 0 ? "other incident" : "incident",
	    critical > 0 ? "other incidents" : "incidents");
}

static void
add_lost(GString *out, const struct desk_view *view)
{
	const struct source *lost = NULL;
	size_t n = 0;

	for (size_t i = 0; i < view->nsources; i++) {
		if (source_is_heard(view->sources[i]))
			continue;
		lost = view->sources[i];
		n++;
	}
	if (n == 0)
		return;
	g_autofree char *name = words_plain(source_host(lost)->name, NAME_CHARS);

	if (out->len > 0)
		(void)g_string_append(out, ", ");
	if (n == 1)
		g_string_append_printf(out, "%s not connected", name);
	else
		g_string_append_printf(out, "%zu hosts not connected", n);
}

char *
words_title(const struct desk_view *view)
{
	GString *out = g_string_new(NULL);

	add_number(out, view->mail_is_new ? inbox_new_count(view->inbox) : 0, "new message",
	    "new messages");
	add_troubles(out, view->troubles);
	add_lost(out, view);
	if (out->len == 0)
		(void)g_string_append(out, "No new mail, all is well");
	if (view->paused_until_us > view->now_us) {
		g_autofree char *until = words_time(view->paused_until_us, view->now_us);

		g_string_append_printf(out, ", notifications paused until %s", until);
	}
	return g_string_free(out, FALSE);
}

/* --- mail --- */

/* The null sender is a mail server that reports (RFC 5321, 4.5.5). */
static char *
sender_of(const struct inbox_mail *mail, size_t max)
{
	if (mail->sender == NULL)
		return NULL;
	if (*mail->sender == '\0')
		return g_strdup("a mail server (<>)");
	return words_plain(mail->sender, max);
}

char *
words_mail_line(const struct inbox_mail *mail, int64_t now_us)
{
	g_autofree char *at = words_time(mail->at_us, now_us);
	g_autofree char *sender = sender_of(mail, NAME_CHARS);
	g_autofree char *subject = words_plain(mail->subject, WORDS_LINE);
	g_autofree char *recipient = words_plain(mail->recipient, NAME_CHARS);
	GString *out = g_string_new(mail->seen ? "" : "• ");

	g_string_append_printf(out, "%s%s", at, *at != '\0' ? "  " : "");
	if (sender == NULL && *subject == '\0')
		g_string_append_printf(out, "mail for %s",
		    *recipient != '\0' ? recipient : "you");
	else
		g_string_append_printf(out, "%s%s%s", sender == NULL ? "" : sender,
		    sender != NULL && *subject != '\0' ? ": " : "", subject);
	return g_string_free(out, FALSE);
}

char *
words_mail_title(const struct inbox_mail *mail)
{
	g_autofree char *sender = sender_of(mail, TITLE_CHARS);

	return sender == NULL ? g_strdup("New mail")
			      : g_strconcat("New mail from ", sender, NULL);
}

char *
words_mail_body(const struct inbox_mail *mail, size_t more)
{
	g_autofree char *subject = words_plain(mail->subject, TITLE_CHARS);
	g_autofree char *recipient = words_plain(mail->recipient, NAME_CHARS);
	GString *out = g_string_new(subject);

	if (*recipient != '\0')
		g_string_append_printf(out, "%sto %s", out->len > 0 ? "\n" : "", recipient);
	if (more > 0)
		g_string_append_printf(out, "%sand %zu more", out->len > 0 ? "\n" : "",
		    more);
	return g_string_free(out, FALSE);
}

static void
add_fact(GString *out, const char *name, const char *text)
{
	g_autofree char *plain = words_plain(text, DETAIL_CHARS);

	if (*plain != '\0')
		g_string_append_printf(out, "%s: %s\n", name, plain);
}

char *
words_mail_details(const struct inbox_mail *mail)
{
	g_autofree char *at = full_time(mail->at_us);
	g_autofree char *sender = sender_of(mail, DETAIL_CHARS);
	GString *out = g_string_new(NULL);

	add_fact(out, "Subject", mail->subject);
	if (sender != NULL) /* is plain already */
		g_string_append_printf(out, "From: %s\n", sender);
	add_fact(out, "To", mail->recipient);
	add_fact(out, "Arrived", at);
	add_fact(out, "Told by the log of", mail->host);
	add_fact(out, "Lies in", mail->mailbox);
	add_fact(out, "Message-ID", mail->message_id);
	(void)g_string_append(out, mail->seen ? "Seen: yes" : "Seen: not yet");
	return g_string_free(out, FALSE);
}

/* --- incidents --- */

static char *
summary_of(const struct trouble *trouble, size_t max)
{
	const char *text = trouble->summary;

	if (text == NULL || *text == '\0')
		text = trouble->rule;
	if (text == NULL || *text == '\0')
		text = "incident";
	return words_plain(text, max);
}

static const char *
severity_word(const struct trouble *trouble)
{
	return trouble->severity == DESK_NONE ? "unknown"
					      : desk_severity_name(trouble->severity);
}

char *
words_trouble_line(const struct trouble *trouble, bool with_host, size_t max)
{
	g_autofree char *summary = summary_of(trouble, max);
	g_autofree char *source = words_plain(trouble->source, NAME_CHARS);

	return g_strdup_printf("%s%s%s: %s%s", with_host ? source : "",
	    with_host ? ", " : "", trouble->open ? severity_word(trouble) : "resolved",
	    summary, trouble->open && trouble->acknowledged ? " (acknowledged)" : "");
}

char *
words_trouble_title(const struct trouble *trouble, enum trouble_news news)
{
	g_autofree char *summary = summary_of(trouble, TITLE_CHARS);
	const char *severity = severity_word(trouble);

	if (news == TROUBLE_RESOLVED || !trouble->open)
		return g_strdup_printf("Resolved: %s", summary);
	if (news == TROUBLE_WORSE)
		return g_strdup_printf("Now %s: %s", severity, summary);
	return g_strdup_printf("%c%s: %s", g_ascii_toupper(*severity), severity + 1,
	    summary);
}

/* Whole paragraphs, as many as there is room for; of the first what there is room for. */
static char *
first_paragraphs(const char *text, size_t max)
{
	g_autofree char *plain = words_plain_lines(text, max);
	char *end = NULL;

	if ((size_t)g_utf8_strlen(plain, -1) >= max) /* it was cut, or might have been */
		end = g_strrstr(plain, "\n\n");
	if (end != NULL)
		*end = '\0';
	return g_steal_pointer(&plain);
}

char *
words_trouble_body(const struct trouble *trouble)
{
	g_autofree char *source = words_plain(trouble->source, NAME_CHARS);
	g_autofree char *advice = first_paragraphs(trouble->advice, BODY_CHARS);
	g_autofree char *since =
	    full_time(trouble->open ? trouble->opened_us : trouble->resolved_us);
	GString *out = g_string_new(source);

	g_string_append_printf(out, ", %s %s", trouble->open ? "since" : "resolved", since);
	if (trouble->count > 1)
		g_string_append_printf(out, ", %lld times", (long long)trouble->count);
	if (trouble->open && *advice != '\0')
		g_string_append_printf(out, "\n%s", advice);
	return g_string_free(out, FALSE);
}

static void
add_standing(GString *out, const struct trouble *trouble)
{
	g_autofree char *who = words_plain(trouble->acknowledged_by, NAME_CHARS);
	g_autofree char *resolved = full_time(trouble->resolved_us);
	g_autofree char *silenced = full_time(trouble->silenced_until_us);

	g_string_append_printf(out, "Severity: %s\n", severity_word(trouble));
	if (!trouble->open)
		g_string_append_printf(out, "Resolved: %s\n", resolved);
	if (trouble->acknowledged)
		g_string_append_printf(out, "Acknowledged by: %s\n",
		    *who != '\0' ? who : "somebody");
	if (trouble->open && trouble->silenced_until_us > 0)
		g_string_append_printf(out, "Silenced until: %s\n", silenced);
}

char *
words_trouble_facts(const struct trouble *trouble)
{
	g_autofree char *opened = full_time(trouble->opened_us);
	g_autofree char *last = full_time(trouble->last_seen_us);
	GString *out = g_string_new(NULL);

	add_standing(out, trouble);
	g_string_append_printf(out, "Since: %s\nLast seen: %s\nCount: %lld\n", opened, last,
	    (long long)trouble->count);
	add_fact(out, "Host", trouble->host);
	if (g_strcmp0(trouble->host, trouble->source) != 0)
		add_fact(out, "Told by", trouble->source);
	add_fact(out, "Provider", trouble->provider);
	add_fact(out, "Rule", trouble->rule);
	add_fact(out, "Incident", trouble->id);
	(void)g_string_truncate(out, out->len - 1); /* the last line feed */
	return g_string_free(out, FALSE);
}

char *
words_trouble_details(const struct trouble *trouble)
{
	g_autofree char *summary = summary_of(trouble, DETAIL_CHARS);
	g_autofree char *facts = words_trouble_facts(trouble);
	g_autofree char *advice = words_plain_lines(trouble->advice, DETAIL_CHARS);
	GString *out = g_string_new(NULL);

	g_string_append_printf(out, "%s\n\n%s\n", summary, facts);
	if (*advice != '\0')
		g_string_append_printf(out, "\nWhat to do\n%s\n", advice);
	if (trouble->samples == NULL || trouble->samples[0] == NULL)
		return g_string_free(out, FALSE);
	(void)g_string_append(out, "\nLog lines\n");
	for (size_t i = 0; trouble->samples[i] != NULL; i++) {
		g_autofree char *line = words_plain(trouble->samples[i], DETAIL_CHARS);

		g_string_append_printf(out, "%s\n", line);
	}
	return g_string_free(out, FALSE);
}

/* --- hosts --- */

char *
words_source_state(const struct source *source)
{
	g_autofree char *name = words_plain(source_host(source)->name, NAME_CHARS);
	int64_t retry_us = source_retry_us(source);
	/* The next try is minutes away at most: its day goes without saying. */
	g_autofree char *next = words_time(retry_us, retry_us);

	switch (source_state(source)) {
	case SOURCE_CONNECTED:
		return g_strdup_printf("%s: %s", name,
		    source_is_heard(source) ? "connected" : "nothing is heard");
	case SOURCE_STARTING: return g_strdup_printf("%s: connecting...", name);
	case SOURCE_LOST: break;
	}
	return g_strdup_printf("%s: not connected%s%s", name,
	    *next != '\0' ? ", next try at " : "", next);
}

char *
words_source_line(const struct source *source)
{
	g_autofree char *state = words_source_state(source);
	g_autofree char *reason = words_plain(source_reason(source), REASON_CHARS);

	if (source_is_heard(source) || *reason == '\0')
		return g_steal_pointer(&state);
	return g_strdup_printf("%s (%s)", state, reason);
}
