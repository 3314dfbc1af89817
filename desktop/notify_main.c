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
 *    "incident": its id, for the actions, the same as the key; none without one,
 *    "acknowledge": bool}
 *   {"key":, "close": true}
 *
 * Texts are safe to look at already.
 */
#include <gio/gio.h>
#include <glib-unix.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/plain.h"
#include "desktop/notices.h"

enum {
	MAX_LINE_BYTES = 262144,
	REASON_BYTES = 300,
	ANSWER_MS = 25000, /* longer than who asks waits: how long is its affair */
};

struct desk {
	GMainLoop *loop;
	const char *mailwarden, *store; /* NULL: no acknowledging */
	char **show;                    /* NULL: no showing */
	struct notices *notices;
	GString *input;
};

struct request {
	const char *key, *title, *body, *urgency, *incident;
	bool acknowledge, close;
};

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

	buf_addf(&body, "%s: ", incident);
	plain_add_cut(&body, str_of(reason), REASON_BYTES);
	const struct desk_notice notice = {
		.key = key,
		.title = "mailwarden: not acknowledged",
		.body = buf_cstr(&body),
		.icon = "dialog-warning",
		.urgency = NOTICE_NORMAL,
	};
	g_autofree char *fault = notices_show(desk->notices, &notice);

	if (fault != NULL)
		g_printerr("%s: %s\n", notice.title, fault);
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
on_acknowledge(void *ctx, const char *incident, const char *id)
{
	struct desk *desk = ctx;
	g_autoptr(GError) why = NULL;

	(void)id;
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
on_show(void *ctx, const char *incident, const char *id)
{
	struct desk *desk = ctx;
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autoptr(GError) why = NULL;

	(void)id;
	for (char **word = desk->show; *word != NULL; word++)
		g_ptr_array_add(argv, *word);
	g_ptr_array_add(argv, (char *)incident); /* only looked at */
	g_ptr_array_add(argv, NULL);
	/* It may stay open for as long as it likes: nobody waits for it. */
	g_autoptr(GSubprocess) process = g_subprocess_newv((const char *const *)argv->pdata,
	    G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &why);

	if (process == NULL)
		g_printerr("show: %s\n", why->message);
}

/* --- requests --- */

static enum notice_urgency
find_urgency(const char *name)
{
	return strcmp(name, "critical") == 0 ? NOTICE_CRITICAL
	       : strcmp(name, "low") == 0    ? NOTICE_LOW
					     : NOTICE_NORMAL;
}

/* Icon names of the freedesktop.org icon naming specification: in every theme. */
static const char *
icon_for(enum notice_urgency urgency)
{
	return urgency == NOTICE_CRITICAL ? "dialog-error"
	       : urgency == NOTICE_LOW    ? "dialog-information"
					  : "dialog-warning";
}

static char *
show(struct desk *desk, const struct request *request)
{
	struct notice_action actions[4] = { 0 };
	size_t n = 0;
	const struct desk_notice notice = {
		.key = request->key,
		.title = request->title,
		.body = request->body,
		.icon = icon_for(find_urgency(request->urgency)),
		.urgency = find_urgency(request->urgency),
		.actions = request->incident == NULL ? NULL : actions,
	};

	if (desk->show != NULL) {
		/* "default" is a click on the notification itself; it has no button. */
		actions[n++] = (struct notice_action){ "default", "Show", on_show, desk };
		actions[n++] = (struct notice_action){ "show", "Show", on_show, desk };
	}
	if (request->acknowledge && desk->store != NULL)
		actions[n++] = (struct notice_action){ "acknowledge", "Acknowledge",
			on_acknowledge, desk };
	return notices_show(desk->notices, &notice);
}

static bool
is_understood(const struct request *r)
{
	if (r->key == NULL)
		return false;
	if (r->close)
		return true;
	return r->title != NULL && r->body != NULL && r->urgency != NULL &&
	       (r->incident == NULL || strcmp(r->incident, r->key) == 0);
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
	char *fault = NULL;

	if (!is_understood(&request))
		fault = g_strdup("a request that is not understood");
	else if (request.close)
		fault = notices_close(desk->notices, request.key);
	else
		fault = show(desk, &request);
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
	desk.loop = g_main_loop_new(NULL, FALSE);
	desk.notices = notices_new();
	notices_set_limit(desk.notices, ANSWER_MS);
	desk.input = g_string_new(NULL);
	(void)g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, &desk);
	g_main_loop_run(desk.loop);
	notices_free(desk.notices);
	(void)g_string_free(desk.input, TRUE);
	g_main_loop_unref(desk.loop);
	return 0;
}
