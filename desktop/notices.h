/*
 * notices - notifications on the desktop, by libnotify
 *
 * Purpose    Puts up, replaces and takes away notifications, each under a key of its own,
 *            with actions; for mailwarden-desktop and for the helper of the desktop channel.
 * Ownership  Who makes it frees it. Text handed in is copied; action contexts must outlive it.
 * Limits     200 of them are remembered, to be replaced; the oldest is forgotten.
 *            Text must be fit to be seen; what the server takes for markup is escaped here,
 *            since only here the server is known (capability body-markup).
 *            Calls wait for the server for 3 seconds at most; one that did not answer in
 *            time is not asked again for the next 30 seconds: what is shown meanwhile is
 *            refused at once.
 * Errors     GError-less: a reason as text. A server that is not there is asked for again
 *            at each call, without starting a bus of its own. A server that is another one
 *            than before is told nothing of what the former showed.
 *
 * https://specifications.freedesktop.org/notification-spec/latest/
 */
#ifndef DESKTOP_NOTICES_H
#define DESKTOP_NOTICES_H

#include <stdbool.h>

struct notices;

enum notice_urgency {
	NOTICE_LOW,
	NOTICE_NORMAL,
	NOTICE_CRITICAL, /* stays until it is closed */
};

struct notice_action {
	const char
	    *id; /* "default": a click on the notification itself; NULL ends the list */
	const char *label;
	/* May show or close this key and others, but not free the notices. */
	void (*chosen)(void *ctx, const char *key, const char *id);
	void *ctx;
};

struct desk_notice {
	const char *key, *title, *body, *icon; /* icon: a name of the theme, or a path */
	enum notice_urgency urgency;
	const struct notice_action *actions; /* NULL: none */
};

/* NULL: there is a session bus; else why not, to be freed by g_free(). */
char *notices_find_bus(void);

struct notices *notices_new(void);
void notices_free(struct notices *notices); /* what is on the screen stays; NULL is fine */
/* Who has nothing else to do may wait for longer. */
void notices_set_limit(struct notices *notices, int answer_ms);
/* NULL: it is shown, in place of what the key showed; else why not, to be freed by g_free(). */
char *notices_show(struct notices *notices, const struct desk_notice *notice);
char *notices_close(struct notices *notices, const char *key);
/* Before the end of who would hear of their actions. */
void notices_close_all(struct notices *notices);

#endif
