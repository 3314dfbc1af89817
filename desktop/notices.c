#include "desktop/notices.h"

#include <libnotify/notify.h>
#include <string.h>

enum {
	MAX_SHOWN = 200,
	ANSWER_MS = 3000, /* the bus may have to start the server first */
	HUNG_REST_S = 30,
};

#define SERVER_NAME "org.freedesktop.Notifications"
#define SERVER_PATH "/org/freedesktop/Notifications"

static const char hung[] =
    "the session's notification daemon does not answer (does it hang?)";

struct notices {
	GHashTable *shown; /* key -> NotifyNotification */
	GQueue *order;     /* keys of it, oldest first; views into it */
	char *server;      /* unique name of the one that knows what is shown; NULL: none */
	bool has_actions, has_markup, has_tags; /* has_tags: it is dunst */
	bool shows_default;                     /* the default action has a button, too */
	int answer_ms;
	gint64 rests_until_us; /* it hangs: monotonic time before which it is not asked */
};

/* What a button of a notification calls; dies with the notification's actions. */
struct button {
	void (*chosen)(void *ctx, const char *key, const char *id);
	void *ctx;
};

/* --- what is on the screen --- */

static const char *
key_of(NotifyNotification *notification)
{
	return g_object_get_data(G_OBJECT(notification), "key");
}

static void
forget(struct notices *notices, const char *key)
{
	GList *place = g_queue_find_custom(notices->order, key, (GCompareFunc)strcmp);

	if (place != NULL)
		g_queue_delete_link(notices->order, place);
	(void)g_hash_table_remove(notices->shown, key); /* frees the key, too */
}

static void
forget_all(struct notices *notices)
{
	g_queue_clear(notices->order);
	g_hash_table_remove_all(notices->shown);
}

static void
on_closed(NotifyNotification *notification, gpointer data)
{
	struct notices *notices = data;
	g_autofree char *key = g_strdup(key_of(notification));

	if (g_hash_table_lookup(notices->shown, key) == notification)
		forget(notices, key);
}

/* What is forgotten stays on the screen, but must not call back any more. */
static void
drop_notification(gpointer data)
{
	NotifyNotification *notification = data;

	(void)g_signal_handlers_disconnect_matched(notification, G_SIGNAL_MATCH_FUNC, 0, 0,
	    NULL, (gpointer)on_closed, NULL);
	g_object_unref(notification);
}

static NotifyNotification *
find_or_make(struct notices *notices, const char *key)
{
	NotifyNotification *notification = g_hash_table_lookup(notices->shown, key);

	if (notification != NULL)
		return notification;
	while (notices->order->length >= MAX_SHOWN)
		forget(notices, g_queue_peek_head(notices->order));
	notification = notify_notification_new("", NULL, NULL);
	g_object_set_data_full(G_OBJECT(notification), "key", g_strdup(key), g_free);
	(void)g_signal_connect(notification, "closed", G_CALLBACK(on_closed), notices);
	char *own_key = g_strdup(key);

	(void)g_hash_table_insert(notices->shown, own_key, notification);
	g_queue_push_tail(notices->order, own_key);
	return notification;
}

static void
set_urgency(NotifyNotification *notification, enum notice_urgency urgency)
{
	static const NotifyUrgency urgencies[] = {
		[NOTICE_LOW] = NOTIFY_URGENCY_LOW,
		[NOTICE_NORMAL] = NOTIFY_URGENCY_NORMAL,
		[NOTICE_CRITICAL] = NOTIFY_URGENCY_CRITICAL,
	};

	notify_notification_set_urgency(notification, urgencies[urgency]);
	notify_notification_set_timeout(notification,
	    urgency == NOTICE_CRITICAL ? NOTIFY_EXPIRES_NEVER : NOTIFY_EXPIRES_DEFAULT);
}

/* dunst 1.9 takes markup though it says that it does not, where its configuration leaves
 * `markup` out: what could be a tag is shown by signs that look like it. */
static char *
without_tags(const char *text)
{
	g_autoptr(GString) shown = g_string_new(text);

	(void)g_string_replace(shown, "<", "\u2039", 0);
	(void)g_string_replace(shown, ">", "\u203a", 0);
	return g_strdup(shown->str);
}

/* GDBus ends a program that sends text which is not UTF-8. */
static char *
make_body(const struct notices *notices, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text == NULL ? "" : text, -1);

	if (notices->has_markup)
		return g_markup_escape_text(valid, -1);
	return notices->has_tags ? without_tags(valid) : g_steal_pointer(&valid);
}

static bool
put_on_screen(struct notices *notices, NotifyNotification *notification,
    const struct desk_notice *notice, GError **why)
{
	g_autofree char *title = g_utf8_make_valid(notice->title, -1);
	g_autofree char *body = make_body(notices, notice->body);

	/* False only if no title is given; it is still put up. */
	(void)notify_notification_update(notification, title, body, notice->icon);
	set_urgency(notification, notice->urgency);
	/* Replaces also what we put up before we were started again. */
	if (notices->has_tags)
		notify_notification_set_hint(notification, "x-dunst-stack-tag",
		    g_variant_new_take_string(g_strdup_printf("mailwarden:%s",
			notice->key)));
	return notify_notification_show(notification, why);
}

/* --- actions --- */

/* What is called may show or close this key anew, and with it free the button. */
static void
on_action(NotifyNotification *notification, char *action, gpointer data)
{
	const struct button button = *(const struct button *)data;
	g_autofree char *key = g_strdup(key_of(notification));
	g_autofree char *id = g_strdup(action);

	button.chosen(button.ctx, key, id);
}

static void
set_actions(const struct notices *notices, NotifyNotification *notification,
    const struct notice_action *actions)
{
	notify_notification_clear_actions(notification);
	if (!notices->has_actions || actions == NULL)
		return;
	for (const struct notice_action *a = actions; a->id != NULL; a++) {
		if (notices->shows_default && strcmp(a->id, "default") == 0)
			continue; /* there is one of that name behind it */
		struct button *button = g_new(struct button, 1);

		button->chosen = a->chosen;
		button->ctx = a->ctx;
		notify_notification_add_action(notification, a->id, a->label, on_action,
		    button, g_free);
	}
}

/* --- the server --- */

/* Without an address GLib looks for $XDG_RUNTIME_DIR/bus; failing that it would start a
 * bus of its own, on which nobody shows anything. */
static bool
has_session_bus(void)
{
	const char *runtime = g_getenv("XDG_RUNTIME_DIR");
	g_autofree char *path =
	    runtime == NULL ? NULL : g_build_filename(runtime, "bus", NULL);

	return g_getenv("DBUS_SESSION_BUS_ADDRESS") != NULL ||
	       (path != NULL && g_file_test(path, G_FILE_TEST_EXISTS));
}

static char *
no_bus(const char *reason)
{
	return g_strdup_printf("no session bus%s%s; start it in your session, where "
			       "DBUS_SESSION_BUS_ADDRESS is set",
	    reason == NULL ? "" : ": ", reason == NULL ? "" : reason);
}

static char *
no_server(struct notices *notices, const GError *why)
{
	if (g_error_matches(why, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)) {
		notices->rests_until_us =
		    g_get_monotonic_time() + HUNG_REST_S * G_TIME_SPAN_SECOND;
		return g_strdup(hung);
	}
	if (g_error_matches(why, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN) ||
	    g_error_matches(why, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
		return g_strdup("no notification daemon answers on the session bus (a "
				"desktop has one; else install one, such as dunst)");
	return g_strdup_printf("no notification daemon answers on the session bus: %s",
	    why->message);
}

/* libnotify waits for 25 seconds, and for that long the whole program would stand still: so
 * the server is asked here first whether it answers at all. */
static GDBusMessage *
ask_server(GDBusConnection *bus, int limit_ms, GError **why)
{
	g_autoptr(GDBusMessage) question = g_dbus_message_new_method_call(SERVER_NAME,
	    SERVER_PATH, SERVER_NAME, "GetCapabilities");
	g_autoptr(GDBusMessage) answer = g_dbus_connection_send_message_with_reply_sync(bus,
	    question, G_DBUS_SEND_MESSAGE_FLAGS_NONE, limit_ms, NULL, NULL, why);

	if (answer == NULL || g_dbus_message_to_gerror(answer, why))
		return NULL;
	return g_steal_pointer(&answer);
}

/* xfce4-notifyd has no click on the notification as such: its default action is a button. */
static bool
shows_default(GDBusConnection *bus, int limit_ms)
{
	g_autoptr(GVariant) answer = g_dbus_connection_call_sync(bus, SERVER_NAME,
	    SERVER_PATH, SERVER_NAME, "GetServerInformation", NULL,
	    G_VARIANT_TYPE("(ssss)"), G_DBUS_CALL_FLAGS_NONE, limit_ms, NULL, NULL);
	const char *name = "";

	if (answer != NULL)
		g_variant_get_child(answer, 0, "&s", &name);
	return strcmp(name, "Xfce Notify Daemon") == 0;
}

/* Another server's numbers are not those of what was shown before: replacing by them would
 * take away what another program shows. */
static void
know_server(struct notices *notices, GDBusConnection *bus, GDBusMessage *answer)
{
	GVariant *body = g_dbus_message_get_body(answer);
	g_autofree const char **able = NULL;

	if (g_strcmp0(notices->server, g_dbus_message_get_sender(answer)) != 0) {
		forget_all(notices);
		g_free(notices->server);
		notices->server = g_strdup(g_dbus_message_get_sender(answer));
		notices->shows_default = shows_default(bus, notices->answer_ms);
	}
	if (body != NULL && g_variant_is_of_type(body, G_VARIANT_TYPE("(as)")))
		g_variant_get(body, "(^a&s)", &able);
	const char *const none[] = { NULL };
	const char *const *words = able == NULL ? none : able;

	notices->has_actions = g_strv_contains(words, "actions");
	notices->has_markup = g_strv_contains(words, "body-markup");
	notices->has_tags = g_strv_contains(words, "x-dunst-stack-tag");
}

static char *
find_bus(GDBusConnection **bus_out)
{
	g_autoptr(GError) why = NULL;

	if (!has_session_bus())
		return no_bus(NULL);
	*bus_out = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, &why);
	return *bus_out != NULL ? NULL : no_bus(why->message);
}

/* NULL: there is one, and what it can do is known; it may be another one than last time. */
static char *
meet_server(struct notices *notices)
{
	g_autoptr(GDBusConnection) bus = NULL;
	g_autoptr(GError) why = NULL;

	if (g_get_monotonic_time() < notices->rests_until_us)
		return g_strdup(hung);
	char *fault = find_bus(&bus);

	if (fault != NULL)
		return fault;
	g_autoptr(GDBusMessage) answer = ask_server(bus, notices->answer_ms, &why);

	if (answer == NULL)
		return no_server(notices, why);
	know_server(notices, bus, answer);
	return NULL;
}

/* --- for callers --- */

struct notices *
notices_new(void)
{
	struct notices *notices = g_new0(struct notices, 1);

	if (!notify_is_initted())
		(void)notify_init("mailwarden"); /* fails only without a name */
	notices->shown =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, drop_notification);
	notices->order = g_queue_new();
	notices->answer_ms = ANSWER_MS;
	return notices;
}

/* No notify_uninit(): it takes away what has actions, seen or not. */
void
notices_free(struct notices *notices)
{
	if (notices == NULL)
		return;
	g_queue_free(notices->order);
	g_hash_table_destroy(notices->shown);
	g_free(notices->server);
	g_free(notices);
}

char *
notices_find_bus(void)
{
	g_autoptr(GDBusConnection) bus = NULL;

	return find_bus(&bus);
}

void
notices_set_limit(struct notices *notices, int answer_ms)
{
	notices->answer_ms = answer_ms;
}

char *
notices_show(struct notices *notices, const struct desk_notice *notice)
{
	g_autoptr(GError) why = NULL;
	char *fault = meet_server(notices);

	if (fault != NULL)
		return fault;
	NotifyNotification *notification = find_or_make(notices, notice->key);

	set_actions(notices, notification, notice->actions);
	if (put_on_screen(notices, notification, notice, &why))
		return NULL;
	forget(notices, notice->key);
	if (g_error_matches(why, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
		return no_server(notices, why);
	return g_strdup(why->message);
}

char *
notices_close(struct notices *notices, const char *key)
{
	NotifyNotification *notification = g_hash_table_lookup(notices->shown, key);

	if (notification == NULL)
		return NULL;
	char *fault = meet_server(notices); /* another one: what was shown is forgotten */

	if (fault != NULL)
		return fault;
	notification = g_hash_table_lookup(notices->shown, key);
	/* Gone already is as good. */
	if (notification != NULL)
		(void)notify_notification_close(notification, NULL);
	return NULL;
}

void
notices_close_all(struct notices *notices)
{
	g_autoptr(GList) keys = g_hash_table_get_keys(notices->shown);
	g_autoptr(GPtrArray) own = g_ptr_array_new_with_free_func(g_free);

	for (GList *at = keys; at != NULL; at = at->next)
		g_ptr_array_add(own, g_strdup(at->data));
	for (guint i = 0; i < own->len; i++)
		g_free(notices_close(notices, own->pdata[i]));
}
