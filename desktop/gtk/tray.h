/*
 * tray - the icon in the panel and its menu
 *
 * Purpose    A StatusNotifierItem by libayatana-appindicator: icon, title, menu; a click.
 *            Where there is no host for it, an icon by XEmbed is tried (by the library).
 * Ownership  Who makes it frees it. The view is looked at during tray_show() only.
 * Limits     The menu is made anew only if what it shows has changed, and once a second at
 *            most.
 *
 * https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem/
 */
#ifndef DESKTOP_GTK_TRAY_H
#define DESKTOP_GTK_TRAY_H

#include "desktop/words.h"

struct tray;

struct tray_calls {
	void *ctx;
	void (*clicked)(void *ctx); /* the icon, by the first button */
	void (*open_mail)(void *ctx);
	void (*mark_seen)(void *ctx);
	void (*show_mail)(void *ctx, uint64_t number);
	void (*show_trouble)(void *ctx, const char *source, const char *id);
	void (*show_overview)(void *ctx);
	void (*show_settings)(void *ctx);
	void (*pause)(void *ctx, bool on); /* notifications, for an hour */
	void (*retry)(void *ctx);
	void (*quit)(void *ctx);
	void (*no_host)(void *ctx); /* nobody shows the icon; told once */
};

/* icons: folder that is searched besides the icon theme; NULL: none. */
struct tray *tray_new(const char *icons, const struct tray_calls *calls);
void tray_free(struct tray *tray);
void tray_show(struct tray *tray, const struct desk_view *view);

#endif
