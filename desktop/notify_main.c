/*
 * mailwarden-notify-desktop: shows notifications in the session of who runs it.
 *
 *   mailwarden-notify-desktop [--mailwarden PROGRAM --store FILE] [--show PROGRAM [ARG...]]
 *
 * Kept running by mailwarden-notify (notify/desktop.c), so that libnotify stays out of the
 * process that has the network and the secrets. Reads one JSON object a line on standard
 * input, answers each by "ok" or "error TEXT" on standard output, and ends with its input:
 *
 *   {"key": what it replaces, "title":, "body":, "urgency": "low"|"normal"|"critical",
 *    "incident": its id, for the actions; none without one, "acknowledge": bool}
 *   {"key":, "close": true}
 *
 * Texts are safe to look at already; what the server takes for markup is escaped here,
 * since only here the server is known.
 *
 * https://specifications.freedesktop.org/notification-spec/latest/
 */
#include <glib-unix.h>
#include <json-c/json.h>
#include <libnotify/notify.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/plain.h"

enum {
	MAX_LINE_BYTES = 262144,
	MAX_SHOWN = 200, /* remembered, to be replaced; the oldest is forgotten */
	REASON_BYTES = 300,
};

struct desk {
	GMainLoop *loop;
	const char *mailwarden, *store; /* NULL: no acknowledging */
	char **show;                    /* NULL: no showing */
	GHashTable *shown;              /* key -> notification */
	GQueue *order;                  /* keys of it, oldest first; views into it */
	GString *input;
	bool has_actions, has_markup, has_tags;
};

struct request {
	const char *key, *title, *body, *urgency, *incident;
	bool acknowledge, close;
};

/* --- what is on the screen --- */

static const char *
key_of(NotifyNotification *notification)
{
	return g_object_get_data(G_OBJECT(notification), "key");
}

static void
forget(struct desk *desk, const char *key)
{
	GList *place = g_queue_find_custom(desk->order, key, (GCompareFunc)strcmp);

	if (place != NULL)
		g_queue_delete_link(desk->order, place);
	(void)g_hash_table_remove(desk->shown, key); /* frees the key, too */
}

static void
on_closed(NotifyNotification *notification, gpointer data)
{
	struct desk *desk = data;
	g_autofree char *key = g_strdup(key_of(notification));

	if (g_hash_table_lookup(desk->shown, key) == notification)
		forget(desk, key);
}

static NotifyNotification *
find_or_make(struct desk *desk, const char *key)
{
	NotifyNotification *notification = g_hash_table_lookup(desk->shown, key);

	if (notification != NULL)
		return notification;
	while (desk->order->length >= MAX_SHOWN)
		forget(desk, g_queue_peek_head(desk->order));
	notification = notify_notification_new("", NULL, NULL);
	g_object_set_data_full(G_OBJECT(notification), "key", g_strdup(key), g_free);
	(void)g_signal_connect(notification, "closed", G_CALLBACK(on_closed), desk);
	char *own_key = g_strdup(key);

	(void)g_hash_table_insert(desk->shown, own_key, notification);
	g_queue_push_tail(desk->order, own_key);
	return notification;
}

static void
set_look(NotifyNotification *notification, const char *urgency)
{
	if (strcmp(urgency, "critical") == 0) {
		notify_notification_set_urgency(notification, NOTIFY_URGENCY_CRITICAL);
		notify_notification_set_timeout(notification, NOTIFY_EXPIRES_NEVER);
		return;
	}
	notify_notification_set_urgency(notification,
	    strcmp(urgency, "low") == 0 ? NOTIFY_URGENCY_LOW : NOTIFY_URGENCY_NORMAL);
	notify_notification_set_timeout(notification, NOTIFY_EXPIRES_DEFAULT);
}

/* Icon names of the freedesktop.org icon naming specification: in every theme. */
static const char *
icon_for(const char *urgency)
{
	return strcmp(urgency, "critical") == 0 ? "dialog-error"
	       : strcmp(urgency, "low") == 0    ? "dialog-information"
						: "dialog-warning";
}

static bool
put_on_screen(struct desk *desk, NotifyNotification *notification,
    const struct request *request, GError **why)
{
	g_autofree char *body = desk->has_markup ? g_markup_escape_text(request->body, -1)
						 : g_strdup(request->body);

	/* False only if no title is given; it is still put up. */
	(void)notify_notification_update(notification, request->title, body,
	    icon_for(request->urgency));
	set_look(notification, request->urgency);
	/* Replaces also what we put up before we were started again. */
	if (desk->has_tags)
		notify_notification_set_hint(notification, "x-dunst-stack-tag",
		    g_variant_new_take_string(g_strdup_printf("mailwarden:%s",
			key_of(notification))));
	return notify_notification_show(notification, why);
}

/* --- actions --- */

struct acknowledging {
	struct desk *desk;
	char *incident;
};

static void
say_failed(struct desk *desk, const char *incident, const char *reason)
{
	AUTO(buf_done) struct buf body = { 0 };
	g_autofree char *key = g_strdup_printf("failed:%s", incident);
	g_autoptr(GError) why = NULL;

	buf_addf(&body, "%s: ", incident);
	plain_add_cut(&body, str_of(reason), REASON_BYTES);
	const struct request request = {
		.title = "mailwarden: not acknowledged",
		.body = buf_cstr(&body),
		.urgency = "normal",
	};

	if (!put_on_screen(desk, find_or_make(desk, key), &request, &why))
		g_printerr("%s: %s\n", request.title, why->message);
}

static void
on_acknowledged(GObject *source, GAsyncResult *result, gpointer data)
{
	GSubprocess *process = G_SUBPROCESS(source);
	struct acknowledging *asked = data;
	g_autoptr(GError) why = NULL;
	g_autofree char *said = NULL;

	if (!g_subprocess_communicate_utf8_finish(process, result, NULL, &said, &why))
		say_failed(asked->desk, asked->incident, why->message);
	else if (!g_subprocess_get_successful(process))
		say_failed(asked->desk, asked->incident,
		    said != NULL && *said != '\0' ? g_strstrip(said)
						  : "mailwarden ack failed");
	g_free(asked->incident);
	g_free(asked);
}

static void
on_acknowledge(NotifyNotification *notification, char *action, gpointer data)
{
	struct desk *desk = data;
	const char *incident = g_object_get_data(G_OBJECT(notification), "incident");
	g_autoptr(GError) why = NULL;

	(void)action;
	g_autoptr(GSubprocess) process =
	    g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE |
				 G_SUBPROCESS_FLAGS_STDERR_PIPE,
		&why, desk->mailwarden, "ack", "--state", desk->store, "--", incident,
		NULL);

	if (process == NULL) {
		say_failed(desk, incident, why->message);
		return;
	}
	struct acknowledging *asked = g_new(struct acknowledging, 1);

	*asked = (struct acknowledging){ desk, g_strdup(incident) };
	g_subprocess_communicate_utf8_async(process, NULL, NULL, on_acknowledged, asked);
}

static void
on_show(NotifyNotification *notification, char *action, gpointer data)
{
	struct desk *desk = data;
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autoptr(GError) why = NULL;

	(void)action;
	for (char **word = desk->show; *word != NULL; word++)
		g_ptr_array_add(argv, *word);
	g_ptr_array_add(argv, g_object_get_data(G_OBJECT(notification), "incident"));
	g_ptr_array_add(argv, NULL);
	/* It may stay open for as long as it likes: nobody waits for it. */
	g_autoptr(GSubprocess) process = g_subprocess_newv((const char *const *)argv->pdata,
	    G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &why);

	if (process == NULL)
		g_printerr("show: %s\n", why->message);
}

static void
set_actions(struct desk *desk, NotifyNotification *notification,
    const struct request *request)
{
	notify_notification_clear_actions(notification);
	if (!desk->has_actions || request->incident == NULL)
		return;
	g_object_set_data_full(G_OBJECT(notification), "incident",
	    g_strdup(request->incident), g_free);
	if (desk->show != NULL) {
		/* "default" is a click on the notification itself; it has no button. */
		notify_notification_add_action(notification, "default", "Show", on_show,
		    desk, NULL);
		notify_notification_add_action(notification, "show", "Show", on_show, desk,
		    NULL);
	}
	if (request->acknowledge && desk->store != NULL)
		notify_notification_add_action(notification, "acknowledge", "Acknowledge",
		    on_acknowledge, desk, NULL);
}

/* --- requests --- */

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

/* What the server of now can do: it may be another one than last time. NULL, or why there
 * is none, to be freed. */
static char *
meet_server(struct desk *desk, GError **why)
{
	const char *const needs = "; run `mailwarden run` in your session, where "
				  "DBUS_SESSION_BUS_ADDRESS is set";

	if (!has_session_bus())
		return g_strdup_printf("no session bus%s", needs);
	g_autoptr(GDBusConnection) bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, why);

	if (bus == NULL)
		return g_strdup_printf("no session bus: %s%s", (*why)->message, needs);
	GList *able = notify_get_server_caps();

	if (able == NULL)
		return g_strdup("no notification daemon answers on the session bus (a "
				"desktop has one; else install one, such as dunst)");
	desk->has_actions =
	    g_list_find_custom(able, "actions", (GCompareFunc)strcmp) != NULL;
	desk->has_markup =
	    g_list_find_custom(able, "body-markup", (GCompareFunc)strcmp) != NULL;
	desk->has_tags =
	    g_list_find_custom(able, "x-dunst-stack-tag", (GCompareFunc)strcmp) != NULL;
	g_list_free_full(able, g_free);
	return NULL;
}

static const char *
text_of(struct json_object *object, const char *name)
{
	struct json_object *value = json_object_object_get(object, name);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value)
							    : NULL;
}

static bool
truth_of(struct json_object *object, const char *name)
{
	return json_object_get_boolean(json_object_object_get(object, name));
}

static char *
carry_out(struct desk *desk, const struct request *request)
{
	g_autoptr(GError) why = NULL;
	char *fault = meet_server(desk, &why);

	if (fault != NULL)
		return fault;
	if (request->close) {
		NotifyNotification *old = g_hash_table_lookup(desk->shown, request->key);

		/* Gone already is as good. */
		if (old != NULL)
			(void)notify_notification_close(old, NULL);
		return NULL;
	}
	NotifyNotification *notification = find_or_make(desk, request->key);

	set_actions(desk, notification, request);
	if (put_on_screen(desk, notification, request, &why))
		return NULL;
	forget(desk, request->key);
	return g_strdup(why->message);
}

/* NULL: done; else why not, to be freed. */
static char *
take_request(struct desk *desk, const char *line)
{
	struct json_object *object = json_tokener_parse(line);
	struct request request = {
		.key = text_of(object, "key"),
		.title = text_of(object, "title"),
		.body = text_of(object, "body"),
		.urgency = text_of(object, "urgency"),
		.incident = text_of(object, "incident"),
		.acknowledge = truth_of(object, "acknowledge"),
		.close = truth_of(object, "close"),
	};
	bool whole = request.key != NULL &&
		     (request.close || (request.title != NULL && request.body != NULL &&
					   request.urgency != NULL));
	char *fault = whole ? carry_out(desk, &request)
			    : g_strdup("a request that is not understood");

	json_object_put(object);
	return fault;
}

static void
answer(struct desk *desk, const char *line)
{
	AUTO(buf_done) struct buf text = { 0 };
	g_autofree char *fault = take_request(desk, line);

	if (fault == NULL) {
		buf_add(&text, STR("ok"));
	} else {
		buf_add(&text, STR("error "));
		plain_add_cut(&text, str_of(fault), REASON_BYTES);
	}
	/* Who started us has gone if nobody reads: the input ends, too. */
	(void)puts(buf_cstr(&text));
	(void)fflush(stdout);
}

static gboolean
on_input(gint fd, GIOCondition condition, gpointer data)
{
	struct desk *desk = data;
	char bytes[4096], *end;
	ssize_t n = read(fd, bytes, sizeof bytes);

	(void)condition;
	if (n <= 0 || desk->input->len > MAX_LINE_BYTES) {
		g_main_loop_quit(desk->loop);
		return G_SOURCE_REMOVE;
	}
	(void)g_string_append_len(desk->input, bytes, n);
	while ((end = memchr(desk->input->str, '\n', desk->input->len)) != NULL) {
		*end = '\0';
		answer(desk, desk->input->str);
		(void)g_string_erase(desk->input, 0, end - desk->input->str + 1);
	}
	return G_SOURCE_CONTINUE;
}

static bool
read_options(int argc, char **argv, struct desk *desk)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--mailwarden") == 0) {
			desk->mailwarden = argv[i + 1];
		} else if (strcmp(argv[i], "--store") == 0) {
			desk->store = argv[i + 1];
		} else if (strcmp(argv[i], "--show") == 0) {
			desk->show = &argv[i + 1]; /* all that follows; ends in NULL */
			return true;
		} else {
			return false;
		}
	}
	return argc % 2 == 1 && (desk->mailwarden == NULL) == (desk->store == NULL);
}

int
main(int argc, char **argv)
{
	struct desk desk = { 0 };

	if (!read_options(argc, argv, &desk)) {
		g_printerr("usage: mailwarden-notify-desktop [--mailwarden PROGRAM --store "
			   "FILE] [--show PROGRAM [ARG...]]\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)notify_init("mailwarden"); /* fails only without a name */
	desk.loop = g_main_loop_new(NULL, FALSE);
	desk.shown = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_object_unref);
	desk.order = g_queue_new();
	desk.input = g_string_new(NULL);
	(void)g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, &desk);
	g_main_loop_run(desk.loop);
	/* No notify_uninit(): it takes away what has actions, seen or not. */
	g_queue_free(desk.order);
	g_hash_table_destroy(desk.shown);
	(void)g_string_free(desk.input, TRUE);
	g_main_loop_unref(desk.loop);
	return 0;
}
