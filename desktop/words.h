/*
 * words - what the desk says
 *
 * Purpose    Text for the icon, the menu, notifications and windows, in one place; strangers'
 *            text in it is harmless: what is hidden or steers is shown by its number
 *            (core/plain.h), and each piece stands between FIRST STRONG ISOLATE and POP
 *            DIRECTIONAL ISOLATE (UAX #9) where it has right-to-left characters, so that
 *            it cannot turn its neighbours around.
 * Ownership  Text given back is freed by g_free(). Times are shown in the local zone.
 */
#ifndef DESKTOP_WORDS_H
#define DESKTOP_WORDS_H

#include "desktop/inbox.h"
#include "desktop/source.h"
#include "desktop/troubles.h"

/* At most max characters, "..." behind what was cut; valid UTF-8 of one line. */
char *words_plain(const char *text, size_t max);
/* The same for a body of several lines: line feeds stay. */
char *words_plain_lines(const char *text, size_t max);

enum { WORDS_LINE = 70, WORDS_ROW = 300 };

enum { DESK_STATES = 4 };
enum desk_state { /* the icon's, without new mail */
	DESK_STATE_IDLE,
	DESK_STATE_DISCONNECTED,
	DESK_STATE_WARNING, /* also of an incident of severity info: it is worth a look */
	DESK_STATE_CRITICAL,
};

struct desk_view { /* all that icon, menu and overview show */
	const struct desk_settings *settings;
	const struct inbox *inbox;
	const struct troubles *troubles;
	struct source *const *sources;
	size_t nsources;
	char *const
	    *faults; /* of mailboxes here, fit to be seen; NULL-terminated or NULL */
	int64_t now_us;
	int64_t paused_until_us; /* notifications were paused; 0: they are not */
	bool mail_is_new;
};

enum desk_state words_state(const struct desk_view *view);
/* "mailwarden-idle", "mailwarden-new-critical-symbolic", ... */
char *words_icon(const struct desk_view *view);
/* "3 new messages, 1 critical incident, mx1 not connected": for tooltip and reader. */
char *words_title(const struct desk_view *view);

char *words_mail_line(const struct inbox_mail *mail, int64_t now_us); /* for the menu */
char *words_mail_title(const struct inbox_mail *mail);             /* of a notification */
char *words_mail_body(const struct inbox_mail *mail, size_t more); /* more: not shown */
char *words_mail_details(const struct inbox_mail *mail);
/* WORDS_LINE characters of the summary at most, or as many as a window has room for. */
char *words_trouble_line(const struct trouble *trouble, bool with_host, size_t max);
char *words_trouble_title(const struct trouble *trouble, enum trouble_news news);
char *words_trouble_body(const struct trouble *trouble);
/* Severity, since when, how often, where: a line each. */
char *words_trouble_facts(const struct trouble *trouble);
/* Summary, facts, what to do, the log lines: to copy. */
char *words_trouble_details(const struct trouble *trouble);
/* "mx1: connected", "mx1: not connected, next try at 10:04": for the menu. */
char *words_source_state(const struct source *source);
char *words_source_line(const struct source *source); /* the same with the reason */
char *words_time(int64_t at_us, int64_t now_us); /* "10:42", "Thu 10:42", "3 Nov 10:42" */

#endif
