#include "desktop/settings.h"

#include <glib.h>
#include <string.h>

#include "desktop/settings_impl.h"

/* --- one piece --- */

void
settings_done_host(struct desk_host *host)
{
	g_free(host->name);
	g_strfreev(host->ssh);
	g_free(host->program);
	g_free(host->state);
	g_free(host->config);
	g_free(host->dashboard);
}

struct desk_host
settings_copy_host(const struct desk_host *from)
{
	return (struct desk_host){
		.name = g_strdup(from->name),
		.ssh = g_strdupv(from->ssh),
		.program = g_strdup(from->program),
		.state = g_strdup(from->state),
		.config = g_strdup(from->config),
		.dashboard = g_strdup(from->dashboard),
	};
}

void
settings_drop_hosts(struct desk_settings *settings)
{
	for (size_t i = 0; i < settings->nhosts; i++)
		settings_done_host(&settings->hosts[i]);
	g_clear_pointer(&settings->hosts, g_free);
	settings->nhosts = 0;
}

void
settings_drop_rules(struct desk_settings *settings)
{
	for (size_t i = 0; i < settings->nrules; i++) {
		g_free(settings->rules[i].to);
		g_free(settings->rules[i].from);
	}
	g_clear_pointer(&settings->rules, g_free);
	settings->nrules = 0;
}

void
desk_settings_free(struct desk_settings *settings)
{
	if (settings == NULL)
		return;
	settings_drop_hosts(settings);
	settings_drop_rules(settings);
	g_strfreev(settings->addresses);
	g_strfreev(settings->mailboxes);
	g_strfreev(settings->open);
	g_free(settings->mail_sound);
	g_free(settings);
}

struct desk_settings *
desk_settings_copy(const struct desk_settings *from)
{
	struct desk_settings *to = g_new(struct desk_settings, 1);

	*to = *from; /* what is a number; all else is made anew */
	to->hosts = g_new0(struct desk_host, from->nhosts);
	for (size_t i = 0; i < from->nhosts; i++)
		to->hosts[i] = settings_copy_host(&from->hosts[i]);
	to->addresses = g_strdupv(from->addresses);
	to->mailboxes = g_strdupv(from->mailboxes);
	to->open = g_strdupv(from->open);
	to->mail_sound = g_strdup(from->mail_sound);
	to->rules = g_new0(struct desk_rule, from->nrules);
	for (size_t i = 0; i < from->nrules; i++) {
		to->rules[i] = from->rules[i];
		to->rules[i].to = g_strdup(from->rules[i].to);
		to->rules[i].from = g_strdup(from->rules[i].from);
	}
	return to;
}

/* --- places --- */

char *
desk_settings_path(void)
{
	return g_build_filename(g_get_user_config_dir(), "mailwarden", "desktop.yaml",
	    NULL);
}

char *
desk_path_full(const char *path)
{
	if (!g_str_has_prefix(path, "~/"))
		return g_strdup(path);
	return g_build_filename(g_get_home_dir(), path + 2, NULL);
}

char *
desk_path_short(const char *path)
{
	const char *home = g_get_home_dir();
	size_t n = strlen(home);

	while (n > 1 && home[n - 1] == '/')
		n--;
	if (n <= 1 || strncmp(path, home, n) != 0 || path[n] != '/')
		return g_strdup(path);
	return g_strconcat("~", path + n, NULL);
}

/* --- severities --- */

static const char *const severity_names[] = {
	[DESK_NONE] = "none",
	[DESK_INFO] = "info",
	[DESK_WARNING] = "warning",
	[DESK_CRITICAL] = "critical",
};

const char *
desk_severity_name(enum desk_severity severity)
{
	return severity_names[severity];
}

enum desk_severity
desk_severity_find(const char *name)
{
	for (size_t i = 0; name != NULL && i < G_N_ELEMENTS(severity_names); i++)
		if (strcmp(severity_names[i], name) == 0)
			return (enum desk_severity)i;
	return DESK_NONE;
}

/* --- who and when --- */

/* At a "*" the rest is tried at each place; only the last "*" needs to be tried again. */
static bool
wild_matches(const char *pattern, const char *text, size_t n)
{
	const char *star = NULL;
	size_t i = 0, star_at = 0;

	while (i < n) {
		if (*pattern == '*') {
			star = pattern++;
			star_at = i;
		} else if (*pattern != '\0' &&
			   g_ascii_tolower(*pattern) == g_ascii_tolower(text[i])) {
			pattern++;
			i++;
		} else if (star != NULL) {
			pattern = star + 1;
			i = ++star_at;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

bool
desk_pattern_matches(const char *pattern, const char *address)
{
	if (address == NULL)
		return false;
	/* A quoted local part may hold an "@" (RFC 5321, 4.1.2): the last one counts. */
	const char *at = strchr(pattern, '@') == NULL ? strrchr(address, '@') : NULL;

	return wild_matches(pattern, address,
	    at != NULL ? (size_t)(at - address) : strlen(address));
}

bool
desk_address_matches(const char *address, char *const *patterns)
{
	for (; *patterns != NULL; patterns++)
		if (desk_pattern_matches(*patterns, address))
			return true;
	return false;
}

bool
desk_is_quiet(const struct desk_settings *settings, int minute_of_day)
{
	int from = settings->quiet_from_min, until = settings->quiet_until_min;

	if (!settings->quiet)
		return false;
	if (from <= until)
		return minute_of_day >= from && minute_of_day < until;
	return minute_of_day >= from || minute_of_day < until;
}
