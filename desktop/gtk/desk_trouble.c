/* Incidents: what is told of them, and what the person does about them. */
#include "core/clock.h"
#include "desktop/gtk/desk_impl.h"

#define SILENCE_US (3600 * (int64_t)US_PER_S)

enum {
	MAX_TOLD = 5,    /* at once; more are one notification */
	MAX_NEWS = 2000, /* then those whose incidents are not kept any more are dropped */
	MAX_HELD = 1000,
};

/* Between a host's name and an incident's id in a key; in neither. */
#define KEY_SEPARATOR "\x1f"

struct news {
	char *key;
	enum trouble_news news;
};

void
desk_news_free(void *data)
{
	struct news *news = data;

	g_free(news->key);
	g_free(news);
}

static char *
key_of(const char *source, const char *id)
{
	return g_strconcat(source, KEY_SEPARATOR, id, NULL);
}

/* Host's name and id of a key, to be freed by g_strfreev(). */
static char **
parts_of(const char *key)
{
	return g_strsplit(key, KEY_SEPARATOR, 2);
}

static const struct trouble *
find(const struct desk *desk, const char *key)
{
	g_auto(GStrv) parts = parts_of(key);

	return g_strv_length(parts) == 2 ? troubles_find(desk->troubles, parts[0], parts[1])
					 : NULL;
}

/* --- what is told --- */

static void
on_action(void *ctx, const char *key, const char *id)
{
	struct desk *desk = ctx;
	g_auto(GStrv) parts = parts_of(key);

	if (g_strv_length(parts) != 2)
		desk_show_overview(desk);
	else if (strcmp(id, "acknowledge") == 0)
		desk_trouble_acknowledge(desk, parts[0], parts[1]);
	else if (strcmp(id, "silence") == 0)
		desk_trouble_silence(desk, parts[0], parts[1]);
	else
		desk_trouble_show(desk, parts[0], parts[1]);
}

static enum notice_urgency
urgency_of(const struct trouble *trouble, enum trouble_news news)
{
	if (news == TROUBLE_RESOLVED || trouble->severity <= DESK_INFO)
		return NOTICE_LOW;
	return trouble->severity == DESK_CRITICAL ? NOTICE_CRITICAL : NOTICE_NORMAL;
}

static const char *
icon_of(enum notice_urgency urgency)
{
	return urgency == NOTICE_CRITICAL ? "dialog-error"
	       : urgency == NOTICE_NORMAL ? "dialog-warning"
					  : "dialog-information";
}

static void
notify_trouble(struct desk *desk, const struct trouble *trouble, enum trouble_news news)
{
	const struct notice_action actions[] = { { "default", "Show", on_action, desk },
		{ "show", "Show", on_action, desk },
		{ news == TROUBLE_RESOLVED ? NULL : "acknowledge", "Acknowledge", on_action,
		    desk },
		{ "silence", "Silence for an hour", on_action, desk }, { 0 } };
	enum notice_urgency urgency = urgency_of(trouble, news);
	g_autofree char *key = key_of(trouble->source, trouble->id);
	g_autofree char *title = words_trouble_title(trouble, news);
	g_autofree char *body = words_trouble_body(trouble);

	desk_notify(desk, &(struct desk_notice){
			      .key = key,
			      .title = title,
			      .body = body,
			      .icon = icon_of(urgency),
			      .urgency = urgency,
			      .actions = actions,
			  });
}

static void
notify_more(struct desk *desk, size_t n)
{
	const struct notice_action show[] = { { "default", "Show", on_action, desk },
		{ "show", "Show", on_action, desk }, { 0 } };
	g_autofree char *title = g_strdup_printf("%zu more incidents of mail", n);

	desk_notify(desk, &(struct desk_notice){
			      .key = "more",
			      .title = title,
			      .body = "The overview lists them.",
			      .icon = "dialog-warning",
			      .urgency = NOTICE_NORMAL,
			      .actions = show,
			  });
}

/* Of a flood only some incidents are kept (troubles.h); of the others there is no news. */
static void
drop_old_news(struct desk *desk)
{
	for (guint i = desk->news->len; i > 0; i--)
		if (find(desk, ((struct news *)desk->news->pdata[i - 1])->key) == NULL)
			(void)g_ptr_array_remove_index(desk->news, i - 1);
}

void
desk_trouble_news(struct desk *desk, const struct trouble *trouble, enum trouble_news news)
{
	g_autofree char *key = key_of(trouble->source, trouble->id);

	if (news == TROUBLE_NOTED && trouble->acknowledged)
		g_free(notices_close(desk->notices, key));
	/* After a start the hosts tell again what was open when it was held back. */
	if (news == TROUBLE_NOTED && g_hash_table_contains(kept_held(desk->kept), key))
		news = TROUBLE_OPENED;
	if (news == TROUBLE_NOTED)
		return;
	/* Of what was told at once the last word counts. */
	for (guint i = 0; i < desk->news->len; i++) {
		struct news *waits = desk->news->pdata[i];

		if (strcmp(waits->key, key) == 0) {
			waits->news = news;
			return;
		}
	}
	if (desk->news->len > 0 && desk->news->len % MAX_NEWS == 0)
		drop_old_news(desk);
	struct news *item = g_new(struct news, 1);

	*item = (struct news){ g_steal_pointer(&key), news };
	g_ptr_array_add(desk->news, item);
}

static bool
is_to_be_told(struct desk *desk, const struct trouble *trouble, const struct news *item)
{
	enum desk_severity from = desk->settings->trouble_from;
	GHashTable *held = kept_held(desk->kept);

	(void)g_hash_table_remove(held, item->key);
	if (trouble == NULL || from == DESK_NONE || trouble->severity < from ||
	    trouble->silenced_until_us > g_get_real_time())
		return false;
	/* What was open before us and has somebody who works on it is no news. */
	if (item->news != TROUBLE_RESOLVED && trouble->acknowledged)
		return item->news == TROUBLE_WORSE;
	if (!desk_is_hushed(desk, trouble->severity == DESK_CRITICAL))
		return true;
	if (item->news == TROUBLE_RESOLVED)
		return false;
	if (g_hash_table_size(held) < MAX_HELD)
		(void)g_hash_table_add(held, g_strdup(item->key));
	desk_tell_later(desk);
	return false;
}

static gint
by_severity(gconstpointer a, gconstpointer b, gpointer desk)
{
	const struct news *const *x = a, *const *y = b;
	const struct trouble *left = find(desk, (*x)->key), *right = find(desk, (*y)->key);

	return (right == NULL ? 0 : (int)right->severity) -
	       (left == NULL ? 0 : (int)left->severity);
}

void
desk_trouble_tell(struct desk *desk)
{
	size_t told = 0, more = 0;

	g_ptr_array_sort_with_data(desk->news, by_severity, desk);
	for (guint i = 0; i < desk->news->len; i++) {
		const struct news *item = desk->news->pdata[i];
		const struct trouble *trouble = find(desk, item->key);

		if (!is_to_be_told(desk, trouble, item)) {
			/* The notification of its opening is out of date. */
			if (item->news == TROUBLE_RESOLVED)
				g_free(notices_close(desk->notices, item->key));
		} else if (told++ < MAX_TOLD) {
			notify_trouble(desk, trouble, item->news);
		} else {
			more++;
		}
	}
	g_ptr_array_set_size(desk->news, 0);
	if (more > 0)
		notify_more(desk, more);
}

/* The host may still tell it as open. */
static bool
is_awaited(const struct desk *desk, const char *key)
{
	g_auto(GStrv) parts = parts_of(key);
	const struct source *of =
	    g_strv_length(parts) == 2 ? desk_source(desk, parts[0]) : NULL;

	return of != NULL && source_state(of) != SOURCE_CONNECTED;
}

void
desk_trouble_tell_held(struct desk *desk)
{
	GHashTableIter all;
	gpointer key;

	g_hash_table_iter_init(&all, kept_held(desk->kept));
	while (g_hash_table_iter_next(&all, &key, NULL)) {
		const struct trouble *trouble = find(desk, key);

		if (trouble != NULL && trouble->open)
			desk_trouble_news(desk, trouble, TROUBLE_OPENED);
		else if (trouble != NULL || !is_awaited(desk, key))
			g_hash_table_iter_remove(&all);
	}
	desk_trouble_tell(desk);
}

/* --- what the person does --- */

void
desk_trouble_dashboard(struct desk *desk, const char *source, const char *id)
{
	struct source *of = desk_source(desk, source);
	const char *base = of == NULL ? NULL : source_host(of)->dashboard;
	g_autofree char *escaped = g_uri_escape_string(id, NULL, FALSE);
	g_autofree char *address =
	    base == NULL ? NULL : g_strconcat(base, "#/incident/", escaped, NULL);
	g_autoptr(GError) why = NULL;

	if (address == NULL)
		return;
	if (gtk_show_uri_on_window(NULL, address, GDK_CURRENT_TIME, &why))
		return;
	desk_say(desk, why->message);
	const struct trouble *trouble = troubles_find(desk->troubles, source, id);

	if (trouble != NULL) /* no browser: the window tells as much */
		windows_trouble(desk->app, trouble, true, &desk->window_calls);
}

void
desk_trouble_show(struct desk *desk, const char *source, const char *id)
{
	struct source *of = desk_source(desk, source);
	const struct trouble *trouble = troubles_find(desk->troubles, source, id);

	if (of != NULL && source_host(of)->dashboard != NULL)
		desk_trouble_dashboard(desk, source, id);
	else if (trouble != NULL)
		windows_trouble(desk->app, trouble, false, &desk->window_calls);
	else
		desk_show_overview(desk); /* resolved long ago */
}

struct doing {
	struct desk *desk;
	char *key;
	const char *failed; /* what is said if it does not work */
	bool silences;
};

static void
say_failed(const struct doing *doing, const char *reason)
{
	const struct trouble *trouble = find(doing->desk, doing->key);
	g_auto(GStrv) parts = parts_of(doing->key);
	g_autofree char *key = g_strconcat("failed:", doing->key, NULL);
	g_autofree char *text = g_strdup_printf("%s: %s", parts[0], reason);
	g_autofree char *plain = words_plain(text, 300);
	g_autofree char *line =
	    trouble == NULL ? g_strdup("") : words_trouble_line(trouble, false, WORDS_LINE);
	g_autofree char *body = g_strdup_printf("%s\n%s", plain, line);

	desk_notify(doing->desk, &(struct desk_notice){
				     .key = key,
				     .title = doing->failed,
				     .body = body,
				     .icon = "dialog-warning",
				     .urgency = NOTICE_NORMAL,
				 });
}

static void
take_silence(struct desk *desk, const char *key)
{
	g_auto(GStrv) parts = parts_of(key);

	troubles_silence(desk->troubles, parts[0], parts[1],
	    g_get_real_time() + SILENCE_US);
}

static void
on_done(GObject *object, GAsyncResult *result, gpointer data)
{
	GSubprocess *process = G_SUBPROCESS(object);
	struct doing *doing = data;
	g_autoptr(GError) why = NULL;
	g_autofree char *said = NULL;
	bool fine =
	    g_subprocess_communicate_utf8_finish(process, result, NULL, &said, &why);

	if (g_error_matches(why, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
		/* The desk is gone. */
	} else if (!fine) {
		say_failed(doing, why->message);
	} else if (!g_subprocess_get_successful(process)) {
		say_failed(doing,
		    said != NULL && *g_strstrip(said) != '\0' ? said : "it failed");
	} else {
		if (doing->silences)
			take_silence(doing->desk, doing->key);
		g_free(notices_close(doing->desk->notices, doing->key));
		desk_changed(doing->desk);
	}
	g_free(doing->key);
	g_free(doing);
}

/* `mailwarden WORDS` where the incident was found. */
static void
do_there(struct desk *desk, const char *source, const char *const *words,
    const struct doing *what)
{
	struct source *of = desk_source(desk, source);
	g_autoptr(GError) why = NULL;

	if (of == NULL) {
		say_failed(what, "this host is not in the settings any more");
		return;
	}
	g_auto(GStrv) command = source_command(source_host(of), words);
	g_autoptr(GSubprocess) process = g_subprocess_newv((const char *const *)command,
	    G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE, &why);

	if (process == NULL) {
		say_failed(what, why->message);
		return;
	}
	struct doing *doing = g_new(struct doing, 1);

	*doing = *what;
	doing->key = g_strdup(what->key);
	g_subprocess_communicate_utf8_async(process, NULL, desk->ending, on_done, doing);
}

void
desk_trouble_acknowledge(struct desk *desk, const char *source, const char *id)
{
	const char *const words[] = { "ack", id, "--who", g_get_user_name(), NULL };
	g_autofree char *key = key_of(source, id);

	do_there(desk, source, words,
	    &(struct doing){ .desk = desk, .key = key, .failed = "Not acknowledged" });
}

void
desk_trouble_silence(struct desk *desk, const char *source, const char *id)
{
	const char *const words[] = { "silence", id, "1h", NULL };
	g_autofree char *key = key_of(source, id);

	do_there(desk, source, words,
	    &(struct doing){
		.desk = desk, .key = key, .failed = "Not silenced", .silences = true });
}
