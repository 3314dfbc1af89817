#include "desktop/gtk/tray.h"

#include <gdk/gdk.h>
#include <libayatana-appindicator/app-indicator.h>
#ifdef GDK_WINDOWING_X11
#include <gdk/gdkx.h>
#endif

#include "desktop/gtk/tray_click.h"
#include "desktop/gtk/tray_menu.h"

enum {
	LOOK_MS = 1000,
	HOST_LOOKS = 5, /* at the start of a session the panel may come after us */
	MAX_LOOKS = 20,
	/* xfce4-panel 4.18 crashes if the menu is made anew while it reads it. */
	MENU_REST_MS = 1000,
};

struct tray {
	AppIndicator *indicator;
	struct tray_click *click;
	const struct tray_calls *calls;
	GPtrArray *entries; /* of the menu that is shown */
	GPtrArray *waiting; /* of the next one; NULL: none */
	guint menu_rest;    /* until the menu may change again; 0: it may */
	char *icon, *title;
	char *icons; /* folder; NULL: none */
	guint look;  /* for a host; 0: over */
	int looks;
	bool had_watcher; /* at the last look */
};

static bool
has_host(struct tray *tray)
{
	gboolean connected = FALSE;

	g_object_get(tray->indicator, "connected", &connected, NULL);
	return connected;
}

/* The older kind of tray, for which the library has an icon of its own (System Tray
 * Protocol Specification, "Locating the system tray"); the first screen's. */
static bool
has_old_tray(void)
{
#ifdef GDK_WINDOWING_X11
	GdkDisplay *display = gdk_display_get_default();

	if (GDK_IS_X11_DISPLAY(display))
		return XGetSelectionOwner(GDK_DISPLAY_XDISPLAY(display),
			   gdk_x11_get_xatom_by_name_for_display(display,
			       "_NET_SYSTEM_TRAY_S0")) != None;
#endif
	return false;
}

static bool
has_watcher(void)
{
	g_autoptr(GDBusConnection) bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, NULL);
	g_autoptr(GVariant) answer = NULL;
	gboolean there = FALSE;

	if (bus == NULL)
		return false;
	answer = g_dbus_connection_call_sync(bus, "org.freedesktop.DBus",
	    "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
	    g_variant_new("(s)", "org.kde.StatusNotifierWatcher"), G_VARIANT_TYPE("(b)"),
	    G_DBUS_CALL_FLAGS_NONE, LOOK_MS, NULL, NULL);
	if (answer != NULL)
		g_variant_get(answer, "(b)", &there);
	return there;
}

static void
make_indicator(struct tray *tray)
{
	tray->indicator = app_indicator_new("mailwarden", "mailwarden-disconnected",
	    APP_INDICATOR_CATEGORY_COMMUNICATIONS);
	if (tray->icons != NULL)
		app_indicator_set_icon_theme_path(tray->indicator, tray->icons);
}

/* It is put on the bus by the first call that finds it with a menu and active. */
static void
show_face(struct tray *tray)
{
	app_indicator_set_icon_full(tray->indicator, tray->icon, tray->title);
	app_indicator_set_title(tray->indicator, tray->title);
	/* Passive items are hidden by some hosts. */
	app_indicator_set_status(tray->indicator, APP_INDICATOR_STATUS_ACTIVE);
}

/* libayatana-appindicator 0.5.92 may hear of the host before it has its own connection
 * ("g_dbus_proxy_new: assertion 'G_IS_DBUS_CONNECTION'"), and then never registers: in 2 of
 * 80 starts on a busy machine. A new one does. */
static void
make_anew(struct tray *tray)
{
	g_object_unref(tray->indicator);
	make_indicator(tray);
	if (tray->entries == NULL)
		return; /* nothing was shown yet */
	app_indicator_set_menu(tray->indicator, tray_menu_new(tray->entries, tray->calls));
	show_face(tray);
}

static gboolean
on_look(void *data)
{
	struct tray *tray = data;

	tray->looks++;
	if (!has_host(tray) && has_watcher() && tray->looks < MAX_LOOKS) {
		if (tray->had_watcher) /* for a second: time enough to register */
			make_anew(tray);
		tray->had_watcher = true;
		return G_SOURCE_CONTINUE;
	}
	if (!has_host(tray) && tray->looks < HOST_LOOKS)
		return G_SOURCE_CONTINUE;
	tray->look = 0;
	if (!has_host(tray) && !has_old_tray())
		tray->calls->no_host(tray->calls->ctx);
	return G_SOURCE_REMOVE;
}

struct tray *
tray_new(const char *icons, const struct tray_calls *calls)
{
	struct tray *tray = g_new0(struct tray, 1);

	tray->calls = calls;
	tray->icons = g_strdup(icons);
	/* Before the item is put on the bus: its first answer must be right already. */
	tray->click = tray_click_new(calls->clicked, calls->ctx);
	make_indicator(tray);
	tray->look = g_timeout_add(LOOK_MS, on_look, tray);
	return tray;
}

void
tray_free(struct tray *tray)
{
	if (tray == NULL)
		return;
	g_clear_handle_id(&tray->look, g_source_remove);
	tray_click_free(tray->click);
	g_object_unref(tray->indicator);
	g_clear_handle_id(&tray->menu_rest, g_source_remove);
	g_clear_pointer(&tray->entries, g_ptr_array_unref);
	g_clear_pointer(&tray->waiting, g_ptr_array_unref);
	g_free(tray->icon);
	g_free(tray->title);
	g_free(tray->icons);
	g_free(tray);
}

static gboolean on_menu_rest_over(void *data);

/* Shows what waits, unless it is there already. */
static void
show_menu(struct tray *tray)
{
	g_autoptr(GPtrArray) entries = g_steal_pointer(&tray->waiting);

	if (tray_menu_same(tray->entries, entries))
		return;
	if (!tray_menu_reword(app_indicator_get_menu(tray->indicator), tray->entries,
		entries)) {
		/* The indicator takes the floating reference, and lets go of the old one. */
		app_indicator_set_menu(tray->indicator,
		    tray_menu_new(entries, tray->calls));
		tray->menu_rest = g_timeout_add(MENU_REST_MS, on_menu_rest_over, tray);
	}
	g_clear_pointer(&tray->entries, g_ptr_array_unref);
	tray->entries = g_steal_pointer(&entries);
}

static gboolean
on_menu_rest_over(void *data)
{
	struct tray *tray = data;

	tray->menu_rest = 0;
	if (tray->waiting != NULL)
		show_menu(tray);
	return G_SOURCE_REMOVE;
}

void
tray_show(struct tray *tray, const struct desk_view *view)
{
	g_autofree char *icon = words_icon(view);
	g_autofree char *title = words_title(view);

	g_clear_pointer(&tray->waiting, g_ptr_array_unref);
	tray->waiting = tray_menu_entries(view);
	if (tray->menu_rest == 0)
		show_menu(tray);
	if (g_strcmp0(icon, tray->icon) == 0 && g_strcmp0(title, tray->title) == 0)
		return;
	g_free(tray->icon);
	g_free(tray->title);
	tray->icon = g_steal_pointer(&icon);
	tray->title = g_steal_pointer(&title);
	show_face(tray);
}
