#include "desktop/gtk/tray_click.h"

#include <gio/gio.h>
#include <stdbool.h>

/* Shared with the thread of GDBus, which may be at the filter while it is taken away. */
struct target {
	void (*clicked)(void *ctx); /* NULL: nobody wants it any more; main thread only */
	void *ctx;
};

struct tray_click {
	GDBusConnection *bus;
	guint filter;
	struct target *target;
};

static gboolean
tell(void *data)
{
	struct target *target = data;

	if (target->clicked != NULL)
		target->clicked(target->ctx);
	return G_SOURCE_REMOVE;
}

static bool
is_click(GDBusMessage *message)
{
	return g_dbus_message_get_message_type(message) ==
		   G_DBUS_MESSAGE_TYPE_METHOD_CALL &&
	       g_strcmp0(g_dbus_message_get_interface(message),
		   "org.kde.StatusNotifierItem") == 0 &&
	       g_strcmp0(g_dbus_message_get_member(message), "Activate") == 0;
}

static void
take_click(GDBusConnection *bus, GDBusMessage *call, struct target *target)
{
	g_autoptr(GDBusMessage) reply = g_dbus_message_new_method_reply(call);

	/* Fails only if the connection was closed: then nobody waits for it. */
	(void)g_dbus_connection_send_message(bus, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE,
	    NULL, NULL);
	(void)g_idle_add_full(G_PRIORITY_DEFAULT, tell, g_atomic_rc_box_acquire(target),
	    g_atomic_rc_box_release);
}

/* The item's answer to GetAll is told by a property that only the library has. */
static GDBusMessage *
with_click(GDBusMessage *message)
{
	if (g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_RETURN ||
	    g_strcmp0(g_dbus_message_get_signature(message), "a{sv}") != 0)
		return message;
	g_autoptr(GVariant) all =
	    g_variant_get_child_value(g_dbus_message_get_body(message), 0);
	g_auto(GVariantDict) properties = G_VARIANT_DICT_INIT(all);
	GDBusMessage *copy;

	if (!g_variant_dict_contains(&properties, "XAyatanaLabel"))
		return message;
	copy = g_dbus_message_copy(message, NULL);
	if (copy == NULL)
		return message;
	g_variant_dict_insert(&properties, "ItemIsMenu", "b", FALSE);
	GVariant *changed = g_variant_dict_end(&properties);

	g_dbus_message_set_body(copy, g_variant_new_tuple(&changed, 1));
	g_object_unref(message);
	return copy;
}

static GDBusMessage *
on_message(GDBusConnection *bus, GDBusMessage *message, gboolean incoming, void *data)
{
	if (!incoming)
		return with_click(message);
	if (!is_click(message))
		return message;
	take_click(bus, message, data);
	g_object_unref(message);
	return NULL;
}

struct tray_click *
tray_click_new(void (*clicked)(void *ctx), void *ctx)
{
	struct tray_click *click = g_new0(struct tray_click, 1);

	click->bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, NULL);
	if (click->bus == NULL)
		return click;
	click->target = g_atomic_rc_box_new0(struct target);
	*click->target = (struct target){ clicked, ctx };
	click->filter = g_dbus_connection_add_filter(click->bus, on_message,
	    g_atomic_rc_box_acquire(click->target), g_atomic_rc_box_release);
	return click;
}

void
tray_click_free(struct tray_click *click)
{
	if (click == NULL)
		return;
	if (click->bus != NULL) {
		click->target->clicked = NULL;
		g_dbus_connection_remove_filter(click->bus, click->filter);
		g_atomic_rc_box_release(click->target);
		g_object_unref(click->bus);
	}
	g_free(click);
}
