/* What holds without a file, and for what a file leaves out (settings.h). */
#include <glib.h>

#include "desktop/settings_impl.h"

static void
add_mailbox(GPtrArray *mailboxes, const char *path)
{
	if (!g_ptr_array_find_with_equal_func(mailboxes, path, g_str_equal, NULL))
		g_ptr_array_add(mailboxes, g_strdup(path));
}

/* $MAIL is meant to be the place of the user's mail (POSIX, sh), so it may come later. */
static char **
find_mailboxes(void)
{
	GPtrArray *mailboxes = g_ptr_array_new();
	const char *mail = g_getenv("MAIL");
	char *places[] = {
		g_build_filename(g_get_home_dir(), "Maildir", NULL),
		g_build_filename("/var/mail", g_get_user_name(), NULL),
	};

	if (mail != NULL && *mail == '/')
		add_mailbox(mailboxes, mail);
	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		if (g_file_test(places[i], G_FILE_TEST_EXISTS))
			add_mailbox(mailboxes, places[i]);
		g_free(places[i]);
	}
	g_ptr_array_add(mailboxes, NULL);
	return (char **)g_ptr_array_free(mailboxes, FALSE);
}

struct desk_settings *
desk_settings_default(void)
{
	struct desk_settings *settings = g_new(struct desk_settings, 1);
	const char *addresses[] = { g_get_user_name(), NULL };

	*settings = (struct desk_settings){
		.hosts = g_new0(struct desk_host, 1),
		.nhosts = 1,
		.addresses = g_strdupv((char **)addresses),
		.mailboxes = find_mailboxes(),
		.mail_notify = true,
		.settle_us = 3 * G_USEC_PER_SEC,
		.trouble_from = DESK_WARNING,
		.acknowledged_counts = true,
		.quiet_from_min = 22 * 60,
		.quiet_until_min = 7 * 60,
		.critical_when_quiet = true,
	};
	settings->hosts[0].name = g_strdup(g_get_host_name());
	settings->hosts[0].program = g_strdup("mailwarden");
	return settings;
}
