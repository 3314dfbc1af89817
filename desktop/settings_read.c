/* desktop.yaml as settings (settings.h): every fault is told, at its place. */
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/yaml.h"
#include "desktop/settings_check.h"
#include "desktop/settings_impl.h"

typedef const char *check(const char *text);

/* --- single values --- */

/* "addresses:" with nothing behind it, as when all of it was commented out, is as good as no
 * such key. */
static const struct ynode *
get(const struct ynode *map, const char *key)
{
	const struct ynode *node = ynode_get(map, key);

	return node != NULL && node->type == YNODE_SCALAR && node->text.n == 0 ? NULL
									       : node;
}

/* NULL: it was a fault. */
static char *
take_scalar(const struct ynode *node, const char *expected, check *right,
    struct diags *diags)
{
	if (!ynode_is(node, YNODE_SCALAR, expected, diags))
		return NULL;
	const char *wrong = memchr(node->text.p, '\0', node->text.n) != NULL
				? "it has a control character"
				: right(node->text.p);

	if (wrong == NULL)
		return g_strdup(node->text.p);
	diag_add(diags, node->at, "'%.*s': %s", STR_ARG(node->text), wrong);
	return NULL;
}

static char *
take_text(const struct ynode *map, const char *key, check *right, struct diags *diags)
{
	const struct ynode *node = get(map, key);

	return node != NULL ? take_scalar(node, "a single value", right, diags) : NULL;
}

static bool
is_word(const struct ynode *node, const char *word)
{
	return node->type == YNODE_SCALAR && str_eq(node->text, str_of(word));
}

/* One value, or a list of them; NULL if the key is not there. */
static char **
take_list(const struct ynode *map, const char *key, check *right, size_t max,
    struct diags *diags)
{
	const struct ynode *node = get(map, key);

	if (node == NULL)
		return NULL;
	bool one = node->type == YNODE_SCALAR;

	if (!one && !ynode_is(node, YNODE_LIST, "a list", diags))
		return NULL;
	size_t n = one ? 1 : node->n;

	if (n > max) {
		diag_add(diags, node->at, "'%s' has %zu values, at most %zu are allowed",
		    key, n, max);
		return NULL;
	}
	GPtrArray *list = g_ptr_array_new();

	for (size_t i = 0; i < n; i++) {
		char *text = take_scalar(one ? node : &node->values[i], "a single value",
		    right, diags);

		if (text != NULL)
			g_ptr_array_add(list, text);
	}
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_free(list, FALSE);
}

/* A command: its words as a list, or as a line that is parted as the shell does it. */
static char **
take_words(const struct ynode *map, const char *key, struct diags *diags)
{
	const struct ynode *node = get(map, key);

	if (node == NULL || node->type != YNODE_SCALAR)
		return take_list(map, key, check_text, DESK_MAX_WORDS, diags);
	g_autofree char *line = take_text(map, key, check_text, diags);
	g_autoptr(GError) why = NULL;
	char **words = NULL;

	if (line == NULL)
		return NULL;
	if (!g_shell_parse_argv(line, NULL, &words, &why))
		diag_add(diags, node->at, "'%s': %s", key, why->message);
	else if (g_strv_length(words) > DESK_MAX_WORDS)
		diag_add(diags, node->at, "'%s' has more than %d words", key,
		    DESK_MAX_WORDS);
	return words;
}

/* The place of one of `names` among them; `fallback` without the key, or at a fault. */
static int
take_name(const struct ynode *map, const char *key, const char *const *names, int fallback,
    struct diags *diags)
{
	const struct ynode *node = get(map, key);

	if (node == NULL || !ynode_is(node, YNODE_SCALAR, "a single word", diags))
		return fallback;
	g_autofree char *all = g_strjoinv(", ", (char **)names);

	for (int i = 0; names[i] != NULL; i++)
		if (is_word(node, names[i]))
			return i;
	const char *near = nearest_word(node->text, names);

	if (near != NULL)
		diag_add(diags, node->at, "'%s' cannot be '%.*s', did you mean '%s'?", key,
		    STR_ARG(node->text), near);
	else
		diag_add(diags, node->at, "'%s' cannot be '%.*s', only one of %s", key,
		    STR_ARG(node->text), all);
	return fallback;
}

static enum desk_choice
take_choice(const struct ynode *map, const char *key, struct diags *diags)
{
	if (get(map, key) == NULL)
		return DESK_UNSET;
	return ynode_bool(map, key, false, diags) ? DESK_YES : DESK_NO;
}

static void
replace(char ***list, char **by)
{
	if (by == NULL)
		return;
	g_strfreev(*list);
	*list = by;
}

/* --- hosts --- */

/* Words of its own machine's paths; on another host its shell knows where they lie. */
static char *
take_path(const struct ynode *map, const char *key, bool is_here, struct diags *diags)
{
	char *path = take_text(map, key, is_here ? check_text : check_there, diags);

	if (path == NULL || !is_here)
		return path;
	char *full = desk_path_full(path);

	g_free(path);
	return full;
}

static void
read_host(struct desk_host *host, const struct ynode *node, struct diags *diags)
{
	static const char *const keys[] = { "name", "ssh", "program", "state", "config",
		"dashboard", NULL };

	if (!ynode_is(node, YNODE_MAP, "a host, such as 'ssh: mx1'", diags))
		return;
	(void)ynode_check_keys(node, keys, diags); /* faults are counted in diags */
	const struct ynode *ssh = get(node, "ssh");
	bool is_here = ssh == NULL;

	host->ssh = take_words(node, "ssh", diags);
	const char *wrong = host->ssh != NULL ? check_ssh(host->ssh) : NULL;

	if (wrong != NULL)
		diag_add(diags, ssh->at, "'ssh': %s", wrong);
	host->name = take_text(node, "name", check_text, diags);
	if (host->name == NULL && host->ssh != NULL && wrong == NULL)
		host->name = check_ssh_name(host->ssh);
	if (host->name == NULL)
		host->name = g_strdup(g_get_host_name());
	host->program = take_path(node, "program", is_here, diags);
	if (host->program == NULL)
		host->program = g_strdup("mailwarden");
	host->state = take_path(node, "state", is_here, diags);
	host->config = take_path(node, "config", is_here, diags);
	host->dashboard = take_text(node, "dashboard", check_dashboard, diags);
}

static void
read_hosts(struct desk_settings *settings, const struct ynode *root, struct diags *diags)
{
	const struct ynode *list = get(root, "hosts");

	if (list == NULL || !ynode_is(list, YNODE_LIST, "a list of hosts", diags))
		return;
	if (list->n > DESK_MAX_HOSTS) {
		diag_add(diags, list->at, "%zu hosts, at most %d are allowed", list->n,
		    DESK_MAX_HOSTS);
		return;
	}
	settings_drop_hosts(settings);
	settings->hosts = g_new0(struct desk_host, list->n);
	for (size_t i = 0; i < list->n; i++, settings->nhosts++) {
		struct desk_host *host = &settings->hosts[i];

		read_host(host, &list->values[i], diags);
		for (size_t k = 0; host->name != NULL && k < i; k++)
			if (g_strcmp0(settings->hosts[k].name, host->name) == 0)
				diag_add(diags, list->values[i].at,
				    "two hosts are called '%s': give each its own 'name'",
				    host->name);
	}
}

/* --- mail --- */

static void
read_rule(struct desk_rule *rule, const struct ynode *node, struct diags *diags)
{
	static const char *const keys[] = { "to", "from", "count", "notify", "sound",
		NULL };

	if (!ynode_is(node, YNODE_MAP, "a rule, such as 'to: list@example.org'", diags))
		return;
	(void)ynode_check_keys(node, keys, diags);
	rule->to = take_text(node, "to", check_pattern, diags);
	rule->from = take_text(node, "from", check_pattern, diags);
	rule->count = take_choice(node, "count", diags);
	rule->notify = take_choice(node, "notify", diags);
	rule->sound = take_choice(node, "sound", diags);
	if (get(node, "to") == NULL && get(node, "from") == NULL)
		diag_add(diags, node->at, "a rule needs 'to' or 'from'");
	if (rule->count == DESK_UNSET && rule->notify == DESK_UNSET &&
	    rule->sound == DESK_UNSET)
		diag_add(diags, node->at, "a rule needs 'count', 'notify' or 'sound'");
}

static void
read_rules(struct desk_settings *settings, const struct ynode *mail, struct diags *diags)
{
	const struct ynode *list = get(mail, "rules");

	if (list == NULL || !ynode_is(list, YNODE_LIST, "a list of rules", diags))
		return;
	if (list->n > DESK_MAX_RULES) {
		diag_add(diags, list->at, "%zu rules, at most %d are allowed", list->n,
		    DESK_MAX_RULES);
		return;
	}
	settings_drop_rules(settings);
	settings->rules = g_new0(struct desk_rule, list->n);
	for (size_t i = 0; i < list->n; i++, settings->nrules++)
		read_rule(&settings->rules[i], &list->values[i], diags);
}

/* "yes" is the name that the sound naming specification has for new mail. */
static void
read_sound(struct desk_settings *settings, const struct ynode *mail, struct diags *diags)
{
	const struct ynode *sound = get(mail, "sound");

	if (sound == NULL)
		return;
	g_clear_pointer(&settings->mail_sound, g_free);
	if (is_word(sound, "no") || is_word(sound, "false"))
		return;
	if (is_word(sound, "yes") || is_word(sound, "true"))
		settings->mail_sound = g_strdup("message-new-email");
	else
		settings->mail_sound = take_text(mail, "sound", check_text, diags);
}

static void
read_mail(struct desk_settings *settings, const struct ynode *root, struct diags *diags)
{
	static const char *const keys[] = { "addresses", "mailboxes", "open", "notify",
		"sound", "settle", "rules", NULL };
	const struct ynode *mail = get(root, "mail");

	if (mail == NULL || !ynode_is(mail, YNODE_MAP, "settings of mail", diags))
		return;
	(void)ynode_check_keys(mail, keys, diags);
	replace(&settings->addresses,
	    take_list(mail, "addresses", check_pattern, DESK_MAX_ADDRESSES, diags));
	replace(&settings->mailboxes,
	    take_list(mail, "mailboxes", check_mailbox, DESK_MAX_MAILBOXES, diags));
	for (char **path = settings->mailboxes; *path != NULL; path++) {
		char *full = desk_path_full(*path);

		g_free(*path);
		*path = full;
	}
	const struct ynode *open = get(mail, "open");

	if (open != NULL && !is_word(open, "no"))
		replace(&settings->open, take_words(mail, "open", diags));
	if (settings->open != NULL && *settings->open == NULL)
		g_clear_pointer(&settings->open, g_strfreev); /* "open: []" */
	settings->mail_notify = ynode_bool(mail, "notify", settings->mail_notify, diags);
	read_sound(settings, mail, diags);
	settings->settle_us = ynode_span_us(mail, "settle", settings->settle_us, diags);
	if (settings->settle_us > DESK_MAX_SETTLE_S * G_USEC_PER_SEC)
		diag_add(diags, get(mail, "settle")->at, "'settle' is longer than %dm",
		    DESK_MAX_SETTLE_S / 60);
	read_rules(settings, mail, diags);
}

/* --- trouble, quiet hours, icons --- */

static void
read_trouble(struct desk_settings *settings, const struct ynode *root, struct diags *diags)
{
	static const char *const keys[] = { "notify", "acknowledged_in_icon", NULL };
	static const char *const names[] = { "none", "info", "warning", "critical", NULL };
	const struct ynode *trouble = get(root, "trouble");

	if (trouble == NULL || !ynode_is(trouble, YNODE_MAP, "settings of trouble", diags))
		return;
	(void)ynode_check_keys(trouble, keys, diags);
	int place = take_name(trouble, "notify", names, (int)settings->trouble_from, diags);

	settings->trouble_from = desk_severity_find(names[place]);
	settings->acknowledged_counts = ynode_bool(trouble, "acknowledged_in_icon",
	    settings->acknowledged_counts, diags);
}

static void
read_time(int *minute_out, const struct ynode *quiet, const char *key, struct diags *diags)
{
	const struct ynode *node = get(quiet, key);

	if (node == NULL)
		diag_add(diags, quiet->at, "quiet_hours need '%s'", key);
	else if (ynode_is(node, YNODE_SCALAR, "a time such as 22:00", diags) &&
		 !check_time(node->text.p, minute_out))
		diag_add(diags, node->at, "'%s' must be a time such as 22:00, not '%.*s'",
		    key, STR_ARG(node->text));
}

static void
read_quiet(struct desk_settings *settings, const struct ynode *root, struct diags *diags)
{
	static const char *const keys[] = { "from", "until", "critical", NULL };
	const struct ynode *quiet = get(root, "quiet_hours");
	size_t faults = diags->errors;

	if (quiet == NULL || is_word(quiet, "no") ||
	    !ynode_is(quiet, YNODE_MAP, "'from' and 'until', or no", diags))
		return;
	(void)ynode_check_keys(quiet, keys, diags);
	settings->quiet = true;
	read_time(&settings->quiet_from_min, quiet, "from", diags);
	read_time(&settings->quiet_until_min, quiet, "until", diags);
	settings->critical_when_quiet =
	    ynode_bool(quiet, "critical", settings->critical_when_quiet, diags);
	if (diags->errors == faults &&
	    settings->quiet_from_min == settings->quiet_until_min)
		diag_add(diags, quiet->at, "quiet_hours end when they begin");
}

static void
read_all(struct desk_settings *settings, const struct ynode *root, struct diags *diags)
{
	static const char *const keys[] = { "hosts", "mail", "trouble", "quiet_hours",
		"icons", NULL };
	static const char *const icons[] = { "colour", "symbolic", NULL };

	if (!ynode_is(root, YNODE_MAP, "settings such as 'hosts:' and 'mail:'", diags))
		return;
	(void)ynode_check_keys(root, keys, diags);
	read_hosts(settings, root, diags);
	read_mail(settings, root, diags);
	read_trouble(settings, root, diags);
	read_quiet(settings, root, diags);
	settings->symbolic = take_name(root, "icons", icons, 0, diags) == 1;
}

int
desk_settings_read(const char *path, struct desk_settings **out, struct diags *diags)
{
	AUTO(auto_yaml) struct yaml *yaml = NULL;
	size_t faults = diags->errors;
	struct stat st;
	bool is_there = stat(path, &st) == 0;

	if (!is_there && (errno == ENOENT || errno == ENOTDIR))
		return -ENOENT;
	if (is_there && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		diag_add(diags, (struct pos){ path, 0, 0 }, "it is no file");
		return -EINVAL; /* a pipe would be waited for */
	}
	int r = ydoc_load(path, &yaml, diags);

	if (r < 0)
		return r;
	struct desk_settings *settings = desk_settings_default();

	settings->given = true;
	read_all(settings, ydoc_root(yaml), diags);
	if (diags->errors > faults) {
		desk_settings_free(settings);
		return -EINVAL;
	}
	*out = settings;
	return 0;
}
