/*
 * dialog - the settings
 *
 * Purpose    The common settings of desktop.yaml to look at and to change.
 * Ownership  Works on a copy; `saved` gets settings that it owns.
 * Limits     What the dialog does not show (rules, program, state, config) stays as it was.
 */
#ifndef DESKTOP_GTK_DIALOG_H
#define DESKTOP_GTK_DIALOG_H

#include <gtk/gtk.h>

#include "desktop/settings.h"

struct dialog_calls {
	void *ctx;
	/* Takes over the settings; gives NULL, or why they could not be saved, to be
	 * freed by g_free(): the dialog shows it and stays. */
	char *(*saved)(void *ctx, struct desk_settings *settings);
};

/* One at a time: presents the one that is open. `path` is shown. */
void dialog_open(GtkApplication *app, const struct desk_settings *settings,
    const char *path, const struct dialog_calls *calls);

#endif
