/*
 * tray_click - the first mouse button on the tray's icon
 *
 * Purpose    libayatana-appindicator 0.5 has no method Activate and does not say that its
 *            item is more than a menu (property ItemIsMenu): a host then opens the menu at
 *            any click. A filter on the session bus, which is the library's own connection,
 *            takes Activate and adds the property to what GetAll answers.
 * Ownership  Who makes it frees it; the context must outlive it.
 * Errors     Without a session bus there is no tray either: nothing happens.
 * Threads    `clicked` is called in the thread of the main loop.
 *
 * https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem/StatusNotifierItem/
 */
#ifndef DESKTOP_GTK_TRAY_CLICK_H
#define DESKTOP_GTK_TRAY_CLICK_H

struct tray_click;

struct tray_click *tray_click_new(void (*clicked)(void *ctx), void *ctx);
void tray_click_free(struct tray_click *click); /* NULL is fine */

#endif
