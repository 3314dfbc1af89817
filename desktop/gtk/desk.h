/*
 * desk - mailwarden-desktop at work
 *
 * Purpose    Holds all parts together: streams of the hosts, mailboxes, tray, notifications,
 *            windows; reads desktop.yaml anew when it changes.
 * Ownership  Who makes it frees it; it takes over the settings. The application and the
 *            options must outlive it.
 * Threads    The thread of the main loop.
 */
#ifndef DESKTOP_GTK_DESK_H
#define DESKTOP_GTK_DESK_H

#include <gtk/gtk.h>

#include "desktop/settings.h"

struct desk;

struct desk_options {
	char *config, *state; /* files; owned by who fills this */
	char *icons;          /* searched besides the icon theme; NULL: none */
};

struct desk *desk_new(GtkApplication *app, const struct desk_options *options,
    struct desk_settings *settings);
void desk_free(struct desk *desk); /* NULL is fine */

void desk_show_overview(struct desk *desk);
void desk_show_settings(struct desk *desk);

#endif
