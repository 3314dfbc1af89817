/*
 * windows - overview, details of an incident, details of a mail
 *
 * Purpose    Small windows of plain widgets, for who has no tray, no dashboard, or wants to
 *            know more.
 * Ownership  A window lives until it is closed; the calls must outlive it. At most one of
 *            each kind and subject: a second request brings the first to the front.
 * Limits     Strangers' text only as plain text, never as markup, never as a link.
 */
#ifndef DESKTOP_GTK_WINDOWS_H
#define DESKTOP_GTK_WINDOWS_H

#include <gtk/gtk.h>

#include "desktop/words.h"

struct window_calls {
	void *ctx;
	void (*show_trouble)(void *ctx, const char *source, const char *id);
	void (*show_mail)(void *ctx, uint64_t number);
	void (*acknowledge)(void *ctx, const char *source, const char *id);
	void (*silence)(void *ctx, const char *source, const char *id); /* for an hour */
	void (*dashboard)(void *ctx, const char *source, const char *id);
	void (*open_mail)(void *ctx);
	void (*mark_seen)(void *ctx);
	void (*show_settings)(void *ctx);
	void (*retry)(void *ctx);
};

/* Opens or presents. has_dashboard: the host has one. */
void windows_overview(GtkApplication *app, const struct desk_view *view,
    const struct window_calls *calls);
void windows_trouble(GtkApplication *app, const struct trouble *trouble, bool has_dashboard,
    const struct window_calls *calls);
void windows_mail(GtkApplication *app, const struct inbox_mail *mail,
    const struct window_calls *calls);
/* What is open shows what is now. */
void windows_update(GtkApplication *app, const struct desk_view *view);

#endif
