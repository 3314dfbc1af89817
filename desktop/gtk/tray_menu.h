/*
 * tray_menu - what stands in the tray's menu
 *
 * Purpose    A list of entries from the view, to be compared with the one that is shown, and
 *            the menu made of it.
 * Ownership  Entries and menu are their maker's; the menu holds the entries on its own, and
 *            the calls must outlive it.
 * Limits     TRAY_MENU_* below; what does not fit is in the overview.
 */
#ifndef DESKTOP_GTK_TRAY_MENU_H
#define DESKTOP_GTK_TRAY_MENU_H

#include <gtk/gtk.h>

#include "desktop/gtk/tray.h"

enum {
	TRAY_MENU_MAILS = 5,
	TRAY_MENU_TROUBLES = 10,
	TRAY_MENU_HOSTS = 5,
};

GPtrArray *tray_menu_entries(const struct desk_view *view);
bool tray_menu_same(const GPtrArray *a, const GPtrArray *b); /* NULL: nothing yet */
GtkMenu *tray_menu_new(GPtrArray *entries, const struct tray_calls *calls);
/* Only other words for the same kinds of items: changes a menu that was made of `old`. False:
 * it has to be made anew, and nothing was changed. */
bool tray_menu_reword(GtkMenu *menu, const GPtrArray *old, GPtrArray *entries);

#endif
