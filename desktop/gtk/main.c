/*
 * mailwarden-desktop: new mail and trouble of mail hosts, in the panel.
 *
 * One for a session: a second start asks the first to show itself, and ends. Exit codes as
 * those of mailwarden: 0 fine, 1 it could not be done, 2 usage, 3 desktop.yaml is wrong.
 */
#include <errno.h>
#include <glib-unix.h>
#include <gtk/gtk.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/place.h"
#include "desktop/gtk/desk.h"
#include "desktop/kept.h"
#include "desktop/notices.h"
#include "desktop_paths.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 3 };

#define APPLICATION_ID "org.mailwarden.Desktop"

struct program {
	struct desk_options options;
	struct desk_settings *settings; /* until the desk has them */
	struct desk *desk;              /* NULL in a second start */
	int code;                       /* other than 0: the first start failed */
	bool was_started;
};

/* --- the first start --- */

static int
load_settings(struct program *program)
{
	struct diags diags = { 0 };
	int r = desk_settings_read(program->options.config, &program->settings, &diags);

	diags_print(&diags, stderr);
	diags_done(&diags);
	if (r == -ENOENT)
		program->settings = desk_settings_default();
	else if (r < 0)
		return EXIT_CONFIG;
	return 0;
}

/* What is known is saved at the end. */
static gboolean
on_signal(gpointer app)
{
	g_application_quit(app);
	return G_SOURCE_CONTINUE;
}

static void
on_startup(GApplication *app, gpointer data)
{
	struct program *program = data;

	program->code = load_settings(program);
	if (program->code != 0)
		return; /* on_local_options ends it */
	if (program->options.icons != NULL)
		gtk_icon_theme_append_search_path(gtk_icon_theme_get_default(),
		    program->options.icons);
	gtk_window_set_default_icon_name("mailwarden-desktop");
	program->desk =
	    desk_new(GTK_APPLICATION(app), &program->options, program->settings);
	program->settings = NULL;
	g_application_hold(app); /* it lives without a window */
	(void)g_unix_signal_add(SIGTERM, on_signal, app);
	(void)g_unix_signal_add(SIGINT, on_signal, app);
	(void)g_unix_signal_add(SIGHUP, on_signal, app);
}

static void
on_shutdown(GApplication *app, gpointer data)
{
	struct program *program = data;

	(void)app;
	desk_free(program->desk);
	program->desk = NULL;
}

/* --- each start; it runs in the first --- */

static int
on_command_line(GApplication *app, GApplicationCommandLine *line, gpointer data)
{
	struct program *program = data;
	GVariantDict *options = g_application_command_line_get_options_dict(line);
	bool is_second = program->was_started;

	program->was_started = true;
	if (g_variant_dict_contains(options, "quit"))
		g_application_quit(app);
	else if (g_variant_dict_contains(options, "settings"))
		desk_show_settings(program->desk);
	else if (g_variant_dict_contains(options, "overview") ||
		 (is_second && !g_variant_dict_contains(options, "hidden")))
		desk_show_overview(program->desk);
	return 0;
}

static char *
absolute(const char *path)
{
	return g_canonicalize_filename(path, NULL);
}

/* Before anything else: -1 goes on, else the exit code. */
static int
on_local_options(GApplication *app, GVariantDict *given, gpointer data)
{
	struct program *program = data;
	g_autoptr(GError) why = NULL;
	const char *path;

	if (g_variant_dict_contains(given, "version")) {
		puts("mailwarden-desktop " DESKTOP_VERSION);
		return 0;
	}
	program->options.config = g_variant_dict_lookup(given, "config", "^&ay", &path)
				      ? absolute(path)
				      : desk_settings_path();
	program->options.state = g_variant_dict_lookup(given, "state", "^&ay", &path)
				     ? absolute(path)
				     : kept_path();
	if (place_is_below(PATH_BUILD_DIR))
		program->options.icons = g_strdup(PATH_SOURCE_ICONS);
	/* GTK itself would end the program with its own words. */
	if (!gtk_init_check(NULL, NULL)) {
		g_printerr("mailwarden-desktop: no display: it runs in a desktop session, "
			   "where DISPLAY or WAYLAND_DISPLAY is set\n");
		return EXIT_FAILED;
	}
	/* Without one there is no icon, no notification, and no other start to speak to. */
	g_autofree char *no_bus = notices_find_bus();

	if (no_bus != NULL) {
		g_printerr("mailwarden-desktop: %s\n", no_bus);
		return EXIT_FAILED;
	}
	if (!g_application_register(app, NULL, &why)) {
		g_printerr("mailwarden-desktop: %s\n", why->message);
		return EXIT_FAILED;
	}
	return program->code != 0 ? program->code : -1;
}

static const GOptionEntry entries[] = {
	{ "hidden", 0, 0, G_OPTION_ARG_NONE, NULL,
	    "Only the icon, as when a session begins", NULL },
	{ "overview", 0, 0, G_OPTION_ARG_NONE, NULL, "Opens the overview", NULL },
	{ "settings", 0, 0, G_OPTION_ARG_NONE, NULL, "Opens the settings", NULL },
	{ "quit", 0, 0, G_OPTION_ARG_NONE, NULL, "Ends the one that runs", NULL },
	{ "config", 0, 0, G_OPTION_ARG_FILENAME, NULL,
	    "In place of ~/.config/mailwarden/desktop.yaml", "FILE" },
	{ "state", 0, 0, G_OPTION_ARG_FILENAME, NULL,
	    "In place of ~/.local/state/mailwarden/desktop.json", "FILE" },
	{ "version", 0, 0, G_OPTION_ARG_NONE, NULL, "Prints the version", NULL },
	{ 0 },
};

/* GApplication would end with 1, which means something else to us. */
static bool
is_called_right(char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_auto(GStrv) words = g_strdupv(argv);
	g_autoptr(GError) why = NULL;
	GOptionEntry looked_at[G_N_ELEMENTS(entries)];
	g_autofree char *path = NULL; /* read again by the application */
	gboolean is_given;

	memcpy(looked_at, entries, sizeof entries);
	for (size_t i = 0; looked_at[i].long_name != NULL; i++)
		looked_at[i].arg_data = looked_at[i].arg == G_OPTION_ARG_NONE
					    ? (gpointer)&is_given
					    : (gpointer)&path;
	g_option_context_add_main_entries(context, looked_at, NULL);
	g_option_context_add_group(context, gtk_get_option_group(FALSE));
	g_option_context_set_summary(context,
	    "Shows new mail and trouble of mail hosts in the panel. A second start opens the\n"
	    "overview of the first. Settings: ~/.config/mailwarden/desktop.yaml");
	if (!g_option_context_parse_strv(context, &words, &why))
		g_printerr("mailwarden-desktop: %s\n", why->message);
	else if (words[0] != NULL && words[1] != NULL)
		g_printerr("mailwarden-desktop: takes no '%s'\n", words[1]);
	else
		return true;
	g_printerr("Try `mailwarden-desktop --help`.\n");
	return false;
}

int
main(int argc, char **argv)
{
	struct program program = { 0 };

	if (!is_called_right(argv))
		return EXIT_USAGE;
	g_autoptr(GtkApplication) app =
	    gtk_application_new(APPLICATION_ID, G_APPLICATION_HANDLES_COMMAND_LINE);

	g_set_prgname("mailwarden-desktop");
	g_set_application_name("mailwarden");
	(void)g_signal_connect(app, "handle-local-options", G_CALLBACK(on_local_options),
	    &program);
	(void)g_signal_connect(app, "startup", G_CALLBACK(on_startup), &program);
	(void)g_signal_connect(app, "command-line", G_CALLBACK(on_command_line), &program);
	(void)g_signal_connect(app, "shutdown", G_CALLBACK(on_shutdown), &program);
	(void)signal(SIGPIPE, SIG_IGN);
	g_application_add_main_option_entries(G_APPLICATION(app), entries);
	int code = g_application_run(G_APPLICATION(app), argc, argv);

	g_free(program.options.icons);
	g_free(program.options.config);
	g_free(program.options.state);
	desk_settings_free(program.settings);
	return code;
}
