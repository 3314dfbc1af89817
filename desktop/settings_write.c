/* Settings as desktop.yaml (settings.h). */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/str.h"
#include "core/write.h"
#include "desktop/settings_impl.h"

/* --- values --- */

/* Plain where any reader of YAML takes it for text as it stands, else in double quotes
 * (YAML 1.2, 7.3.1), with what can't be seen by its number. */
static void
add_text(GString *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789@._/+-";

	if ((g_ascii_isalpha(*text) || *text == '/') &&
	    strspn(text, plain) == strlen(text)) {
		g_string_append(out, text);
		return;
	}
	g_string_append_c(out, '"');
	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (c == '"' || c == '\\')
			g_string_append_printf(out, "\\%c", (char)c);
		else if (g_unichar_isprint(c))
			g_string_append_unichar(out, c);
		else
			g_string_append_printf(out, "\\U%08X", c);
	}
	g_string_append_c(out, '"');
}

static void
add_pair(GString *out, const char *key, const char *text)
{
	if (text == NULL)
		return;
	g_string_append_printf(out, "%s: ", key);
	add_text(out, text);
	g_string_append_c(out, '\n');
}

static void
add_words(GString *out, const char *key, char *const *words)
{
	if (words == NULL)
		return;
	g_string_append_printf(out, "%s: [", key);
	for (size_t i = 0; words[i] != NULL; i++) {
		if (i > 0)
			g_string_append(out, ", ");
		add_text(out, words[i]);
	}
	g_string_append(out, "]\n");
}

static void
add_lines(GString *out, const char *key, char *const *texts)
{
	g_string_append_printf(out, "%s:%s\n", key, *texts == NULL ? " []" : "");
	for (; *texts != NULL; texts++) {
		g_autofree char *text = desk_path_short(*texts);

		g_string_append(out, "    - ");
		add_text(out, text);
		g_string_append_c(out, '\n');
	}
}

static const char *
yes_no(bool yes)
{
	return yes ? "yes" : "no";
}

/* --- parts --- */

static void
add_hosts(GString *out, const struct desk_settings *settings)
{
	g_string_append(out,
	    "\n# Where mail is logged: this machine, or another one by ssh.\n");
	g_string_append(out, settings->nhosts > 0 ? "hosts:\n" : "hosts: []\n");
	for (size_t i = 0; i < settings->nhosts; i++) {
		const struct desk_host *host = &settings->hosts[i];

		add_pair(out, "  - name", host->name);
		add_words(out, "    ssh", host->ssh);
		add_pair(out, "    program", host->program);
		add_pair(out, "    state", host->state);
		add_pair(out, "    config", host->config);
		add_pair(out, "    dashboard", host->dashboard);
	}
}

static void
add_rules(GString *out, const struct desk_settings *settings)
{
	static const char *const names[] = { [DESK_NO] = "no", [DESK_YES] = "yes" };

	if (settings->nrules == 0)
		return;
	g_string_append(out, "  # The first rule that fits a message decides.\n  rules:\n");
	for (size_t i = 0; i < settings->nrules; i++) {
		const struct desk_rule *rule = &settings->rules[i];
		const struct {
			const char *key;
			enum desk_choice choice;
		} choices[] = { { "count", rule->count }, { "notify", rule->notify },
			{ "sound", rule->sound } };

		add_pair(out, "    - to", rule->to);
		add_pair(out, rule->to != NULL ? "      from" : "    - from", rule->from);
		for (size_t k = 0; k < G_N_ELEMENTS(choices); k++)
			if (choices[k].choice != DESK_UNSET)
				g_string_append_printf(out, "      %s: %s\n",
				    choices[k].key, names[choices[k].choice]);
	}
}

static void
add_mail(GString *out, const struct desk_settings *settings)
{
	g_string_append(out,
	    "\nmail:\n"
	    "  # Whose deliveries are new mail; \"*\" for any characters.\n");
	add_lines(out, "  addresses", settings->addresses);
	g_string_append(out, "  # Maildirs and mbox files of this machine.\n");
	add_lines(out, "  mailboxes", settings->mailboxes);
	g_string_append(out, "  # What a click on new mail runs.\n");
	if (settings->open != NULL)
		add_words(out, "  open", settings->open);
	else
		g_string_append(out, "  open: no\n");
	g_string_append_printf(out, "  notify: %s\n", yes_no(settings->mail_notify));
	g_string_append(out, "  # Name of a sound of the theme, or no.\n");
	add_pair(out, "  sound",
	    settings->mail_sound != NULL ? settings->mail_sound : "no");
	g_string_append(out,
	    "  # So long a mail program may mark it as read before it is told.\n"
	    "  settle: ");
	g_string_append_printf(out, "%ds\n", (int)(settings->settle_us / G_USEC_PER_SEC));
	add_rules(out, settings);
}

static void
add_rest(GString *out, const struct desk_settings *settings)
{
	int from = settings->quiet_from_min, until = settings->quiet_until_min;

	g_string_append_printf(out,
	    "\ntrouble:\n"
	    "  # Incidents from here on: none, info, warning or critical.\n"
	    "  notify: %s\n"
	    "  # Does the icon show those that somebody works on?\n"
	    "  acknowledged_in_icon: %s\n",
	    desk_severity_name(settings->trouble_from),
	    yes_no(settings->acknowledged_counts));
	g_string_append_printf(out,
	    "\n# No notifications and sounds; critical: but for critical incidents.\n");
	if (settings->quiet)
		g_string_append_printf(out,
		    "quiet_hours: { from: \"%02d:%02d\", until: \"%02d:%02d\","
		    " critical: %s }\n",
		    from / 60, from % 60, until / 60, until % 60,
		    yes_no(settings->critical_when_quiet));
	else
		g_string_append(out, "quiet_hours: no\n");
	g_string_append_printf(out,
	    "\n# colour, or symbolic: as the panel paints its own.\nicons: %s\n",
	    settings->symbolic ? "symbolic" : "colour");
}

/* --- the file --- */

static const char first_words[] = "# Written by mailwarden-desktop ";
enum { SUM_CHARS = 16 };

/* The first line has a checksum of the others: so a file that was changed by hand since is
 * told from one that was not. */
static char *
first_line(const char *rest)
{
	g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, rest, -1);

	return g_strdup_printf("%s(%.*s).\n", first_words, SUM_CHARS, sum);
}

static bool
is_ours(const char *text)
{
	const char *rest = strchr(text, '\n');

	if (rest == NULL)
		return false;
	g_autofree char *first = first_line(rest + 1);

	return g_str_has_prefix(text, first);
}

static char *
settings_text(const struct desk_settings *settings)
{
	g_autoptr(GString) rest = g_string_new(
	    "# You may change it; the settings dialog then keeps yours as desktop.yaml.bak.\n"
	    "# All of it is explained in mailwarden-desktop(1).\n");

	add_hosts(rest, settings);
	add_mail(rest, settings);
	add_rest(rest, settings);
	g_autofree char *first = first_line(rest->str);

	return g_strconcat(first, rest->str, NULL);
}

static int
write_synced(int fd, struct str text)
{
	int r = write_whole(fd, text);

	return r == 0 && fsync(fd) < 0 ? -errno : r;
}

/* Under its name stands the old file or the new one, never a part. */
static int
replace_file(const char *path, struct str text, mode_t mode, struct err *err)
{
	g_autofree char *fresh = g_strconcat(path, ".XXXXXX", NULL);
	int fd = g_mkstemp_full(fresh, O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(err, "make a file beside", path);
	int r = write_synced(fd, text);

	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	(void)unlink(fresh); /* the first failure is the one that is told */
	return err_set(err, r, "write %s: %s", path, g_strerror(-r));
}

static int
keep_old(const char *path, mode_t *mode, struct err *err)
{
	g_autofree char *old = NULL, *backup = NULL;
	g_autoptr(GError) why = NULL;
	struct stat st;
	gsize n;

	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(err, "look at", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "write %s: it is no plain file", path);
	*mode = st.st_mode & 0777;
	if (!g_file_get_contents(path, &old, &n, &why))
		return err_set(err, -EIO, "%s", why->message);
	if (is_ours(old))
		return 0;
	backup = g_strconcat(path, ".bak", NULL);
	return replace_file(backup, (struct str){ old, n }, *mode, err);
}

int
desk_settings_write(const char *path, const struct desk_settings *settings, struct err *err)
{
	/* A link, as from a folder of such files, stays one. */
	AUTO(auto_free) char *real = realpath(path, NULL);
	const char *at = real != NULL ? real : path;
	g_autofree char *folder = g_path_get_dirname(at);
	g_autofree char *text = settings_text(settings);
	mode_t mode = 0600;

	if (g_mkdir_with_parents(folder, 0700) < 0)
		return err_errno(err, "make", folder);
	int r = keep_old(at, &mode, err);

	return r < 0 ? r : replace_file(at, str_of(text), mode, err);
}
