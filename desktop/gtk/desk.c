#include "desktop/gtk/desk.h"

#include "desktop/gtk/desk_impl.h"
#include "desktop/gtk/dialog.h"

/* --- what is said and shown --- */

void
desk_say(struct desk *desk, const char *reason)
{
	if (!g_hash_table_add(desk->said, g_strdup(reason)))
		return;
	g_autofree char *plain = words_plain(reason, 500);

	g_printerr("mailwarden-desktop: %s\n", plain);
}

void
desk_notify(struct desk *desk, const struct desk_notice *notice)
{
	g_autofree char *fault = notices_show(desk->notices, notice);

	if (fault == NULL)
		return;
	g_autofree char *text = g_strdup_printf("no notifications: %s", fault);

	desk_say(desk, text);
}

struct desk_view
desk_view_now(const struct desk *desk)
{
	return (struct desk_view){
		.settings = desk->settings,
		.inbox = desk->inbox,
		.troubles = desk->troubles,
		.sources = desk->sources,
		.nsources = desk->nsources,
		.faults = (char *const *)desk->faults->pdata,
		.now_us = g_get_real_time(),
		.paused_until_us = desk->paused_until_us,
		.mail_is_new = inbox_new_count(desk->inbox) > 0,
	};
}

static void
save(struct desk *desk)
{
	struct err err = { "" };

	if (kept_save(desk->kept, desk->inbox, &err) < 0)
		desk_say(desk, err.text);
}

static gboolean
on_changed(gpointer data)
{
	struct desk *desk = data;
	struct desk_view view = desk_view_now(desk);

	desk->changed_idle = 0;
	tray_show(desk->tray, &view);
	windows_update(desk->app, &view);
	save(desk);
	return G_SOURCE_REMOVE;
}

void
desk_changed(struct desk *desk)
{
	if (desk->changed_idle == 0)
		desk->changed_idle = g_idle_add(on_changed, desk);
}

void
desk_show_overview(struct desk *desk)
{
	struct desk_view view = desk_view_now(desk);

	windows_overview(desk->app, &view, &desk->window_calls);
}

/* --- settings --- */

/* Streams and mailboxes look into the settings: they end before the old ones go. */
static void
use_settings(struct desk *desk, struct desk_settings *settings)
{
	desk_hosts_end(desk);
	desk_mail_end(desk);
	desk_settings_free(desk->settings);
	desk->settings = settings;
	inbox_set(desk->inbox, settings);
	desk_mail_begin(desk);
	desk_hosts_begin(desk);
	desk_quiet_changed(desk);
	desk_changed(desk);
}

/* Remembers what is in the file; true if that is something new. */
static bool
has_new_content(struct desk *desk)
{
	g_autofree char *content = NULL;

	/* Reading a pipe or a device would not end. */
	if (g_file_test(desk->options->config, G_FILE_TEST_IS_REGULAR))
		(void)g_file_get_contents(desk->options->config, &content, NULL, NULL);
	if (g_strcmp0(content, desk->file_content) == 0)
		return false;
	g_free(desk->file_content);
	desk->file_content = g_steal_pointer(&content);
	return true;
}

static void
say_faults(struct desk *desk, const struct diags *diags)
{
	g_autofree char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	if (to == NULL)
		return;
	diags_print(diags, to);
	(void)fclose(to);
	g_autofree char *plain = words_plain_lines(text, 600);
	g_autofree char *body =
	    g_strdup_printf("What was set before still holds.\n%s", plain);

	g_printerr("%s", text);
	desk_notify(desk, &(struct desk_notice){
			      .key = "settings",
			      .title = "mailwarden: the settings have a fault",
			      .body = body,
			      .icon = "dialog-warning",
			      .urgency = NOTICE_NORMAL,
			  });
}

static void
on_file(GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
    gpointer data)
{
	struct desk *desk = data;
	struct desk_settings *settings = NULL;
	struct diags diags = { 0 };

	(void)monitor, (void)file, (void)other;
	/* Who writes is not done yet: a hint follows that the changes are. */
	if (event == G_FILE_MONITOR_EVENT_CHANGED || event == G_FILE_MONITOR_EVENT_CREATED)
		return;
	if (!has_new_content(desk))
		return;
	int r = desk_settings_read(desk->options->config, &settings, &diags);

	if (r == 0)
		g_free(notices_close(desk->notices, "settings"));
	/* One that is away may be written anew just now: what was set still holds. */
	if (r < 0 && r != -ENOENT)
		say_faults(desk, &diags);
	if (settings != NULL)
		use_settings(desk, settings);
	diags_done(&diags);
}

static void
watch_file(struct desk *desk)
{
	g_autoptr(GFile) file = g_file_new_for_path(desk->options->config);
	g_autofree char *folder = g_path_get_dirname(desk->options->config);

	(void)has_new_content(desk);
	/* GLib would wake up every four seconds to look for a folder that is not there. */
	if (g_mkdir_with_parents(folder, 0700) < 0)
		return;
	desk->file = g_file_monitor_file(file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
	if (desk->file != NULL)
		(void)g_signal_connect(desk->file, "changed", G_CALLBACK(on_file), desk);
}

static char *
on_saved(void *ctx, struct desk_settings *settings)
{
	struct desk *desk = ctx;
	struct err err = { "" };

	if (desk_settings_write(desk->options->config, settings, &err) < 0) {
		desk_settings_free(settings);
		return g_strdup(err.text);
	}
	(void)has_new_content(desk);
	use_settings(desk, settings);
	return NULL;
}

void
desk_show_settings(struct desk *desk)
{
	const struct dialog_calls calls = { desk, on_saved };

	dialog_open(desk->app, desk->settings, desk->options->config, &calls);
}

/* --- what the tray and the windows ask for --- */

static void
on_clicked(void *ctx)
{
	struct desk *desk = ctx;

	if (inbox_new_count(desk->inbox) > 0)
		desk_mail_open(desk);
	else
		desk_show_overview(desk);
}

static void
on_open_mail(void *ctx)
{
	desk_mail_open(ctx);
}

static void
on_mark_seen(void *ctx)
{
	desk_mail_seen(ctx);
}

static void
on_show_mail(void *ctx, uint64_t number)
{
	struct desk *desk = ctx;
	const struct inbox_mail *mail = inbox_find(desk->inbox, number);

	if (mail != NULL)
		windows_mail(desk->app, mail, &desk->window_calls);
	else
		desk_show_overview(desk);
}

static void
on_show_trouble(void *ctx, const char *source, const char *id)
{
	desk_trouble_show(ctx, source, id);
}

static void
on_dashboard(void *ctx, const char *source, const char *id)
{
	desk_trouble_dashboard(ctx, source, id);
}

static void
on_acknowledge(void *ctx, const char *source, const char *id)
{
	desk_trouble_acknowledge(ctx, source, id);
}

static void
on_silence(void *ctx, const char *source, const char *id)
{
	desk_trouble_silence(ctx, source, id);
}

static void
on_show_overview(void *ctx)
{
	desk_show_overview(ctx);
}

static void
on_show_settings(void *ctx)
{
	desk_show_settings(ctx);
}

static void
on_pause(void *ctx, bool on)
{
	desk_pause(ctx, on);
}

static void
on_retry(void *ctx)
{
	desk_hosts_retry(ctx);
}

static void
on_quit(void *ctx)
{
	struct desk *desk = ctx;

	g_application_quit(G_APPLICATION(desk->app));
}

static void
on_no_host(void *ctx)
{
	struct desk *desk = ctx;

	desk_say(desk,
	    "no tray: nothing on this desktop shows icons of programs (a "
	    "StatusNotifierItem host: KDE, Xfce, MATE, LXQt and Cinnamon have one, "
	    "GNOME by its AppIndicator extension); notifications go on, and "
	    "another start of mailwarden-desktop opens the overview");
	desk_notify(desk,
	    &(struct desk_notice){
		.key = "tray",
		.title = "mailwarden: no tray on this desktop",
		.body = "Its icon cannot be shown. Notifications go on; start "
			"mailwarden-desktop again for the overview.",
		.icon = "dialog-information",
		.urgency = NOTICE_LOW,
	    });
}

static void
set_calls(struct desk *desk)
{
	desk->tray_calls = (struct tray_calls){ .ctx = desk,
		.clicked = on_clicked,
		.open_mail = on_open_mail,
		.mark_seen = on_mark_seen,
		.show_mail = on_show_mail,
		.show_trouble = on_show_trouble,
		.show_overview = on_show_overview,
		.show_settings = on_show_settings,
		.pause = on_pause,
		.retry = on_retry,
		.quit = on_quit,
		.no_host = on_no_host };
	desk->window_calls = (struct window_calls){ .ctx = desk,
		.show_trouble = on_show_trouble,
		.show_mail = on_show_mail,
		.acknowledge = on_acknowledge,
		.silence = on_silence,
		.dashboard = on_dashboard,
		.open_mail = on_open_mail,
		.mark_seen = on_mark_seen,
		.show_settings = on_show_settings,
		.retry = on_retry };
}

/* --- life --- */

struct desk *
desk_new(GtkApplication *app, const struct desk_options *options,
    struct desk_settings *settings)
{
	struct desk *desk = g_new0(struct desk, 1);
	struct err err = { "" };

	desk->app = app;
	desk->options = options;
	desk->settings = settings;
	desk->ending = g_cancellable_new();
	desk->unheard = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	desk->said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	desk->news = g_ptr_array_new_with_free_func(desk_news_free);
	desk->inbox = inbox_new(settings);
	desk->troubles = troubles_new();
	desk->notices = notices_new();
	desk->sound = sound_new();
	desk->kept = kept_load(options->state, desk->inbox, &err);
	if (err.text[0] != '\0')
		desk_say(desk, err.text);
	set_calls(desk);
	desk->tray = tray_new(options->icons, &desk->tray_calls);
	watch_file(desk);
	desk_watch_sleep(desk);
	desk_mail_begin(desk);
	desk_hosts_begin(desk);
	desk_changed(desk);
	return desk;
}

void
desk_free(struct desk *desk)
{
	if (desk == NULL)
		return;
	save(desk);
	g_cancellable_cancel(desk->ending);
	(void)g_signal_handlers_disconnect_by_data(g_network_monitor_get_default(), desk);
	if (desk->system_bus != NULL)
		g_dbus_connection_signal_unsubscribe(desk->system_bus, desk->sleep_signal);
	g_clear_object(&desk->system_bus);
	desk_hosts_end(desk);
	desk_mail_end(desk);
	g_clear_handle_id(&desk->changed_idle, g_source_remove);
	g_clear_handle_id(&desk->quiet_timer, g_source_remove);
	g_clear_object(&desk->file);
	tray_free(desk->tray);
	sound_free(desk->sound);
	notices_close_all(desk->notices); /* nobody would hear of their buttons */
	notices_free(desk->notices);
	kept_free(desk->kept);
	troubles_free(desk->troubles);
	inbox_free(desk->inbox);
	g_ptr_array_unref(desk->news);
	g_hash_table_unref(desk->unheard);
	g_hash_table_unref(desk->said);
	g_free(desk->file_content);
	desk_settings_free(desk->settings);
	g_object_unref(desk->ending);
	g_free(desk);
}
