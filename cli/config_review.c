#include "cli/config_review.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/config_read.h"
#include "rules/silence.h"

/* --- secrets and programs as they stand on this machine --- */

/* Of a credential only who was started with it knows. */
static enum secret_state
look_at_credential(const char *name, struct buf *why)
{
	const char *folder = secure_getenv("CREDENTIALS_DIRECTORY");
	AUTO(buf_done) struct buf path = { 0 };

	if (folder == NULL) {
		buf_add(why, STR("only the service that gets it can see it"));
		return SECRET_UNKNOWN;
	}
	buf_addf(&path, "%s/%s", folder, name);
	if (access(buf_cstr(&path), F_OK) == 0)
		return SECRET_SET;
	buf_addf(why, "not among this service's credentials: LoadCredential=%s:FILE", name);
	return SECRET_FAULTY;
}

enum secret_state
secret_look(const char *file, struct buf *why)
{
	struct str name = str_of(file);
	struct stat st;

	if (file == NULL)
		return SECRET_UNSET;
	if (str_starts(name, STR("credential:")))
		return look_at_credential(file + strlen("credential:"), why);
	if (stat(file, &st) != 0) {
		buf_addf(why, "%s", strerror(errno));
		return errno == EACCES ? SECRET_UNKNOWN : SECRET_FAULTY;
	}
	if (!S_ISREG(st.st_mode))
		buf_add(why, STR("not a regular file"));
	else if ((st.st_mode & 077) != 0)
		buf_addf(why, "others can read it (mode %04o): chmod 600 %s",
		    (unsigned)st.st_mode & 07777, file);
	else if (st.st_size == 0)
		buf_add(why, STR("the file is empty"));
	else if (access(file, R_OK) == 0)
		return SECRET_SET;
	else {
		buf_addf(why, "%s", strerror(errno));
		return SECRET_UNKNOWN;
	}
	return SECRET_FAULTY;
}

static void
check_secret(const char *key, const char *file, struct pos at, struct diags *diags)
{
	AUTO(buf_done) struct buf why = { 0 };
	enum secret_state state = secret_look(file, &why);

	if (state == SECRET_FAULTY)
		diag_add(diags, at, "`%s` %s: %s", key, file, buf_cstr(&why));
	/* That a credential cannot be seen is as it should be. */
	else if (state == SECRET_UNKNOWN && file[0] == '/')
		diag_warn(diags, at, "`%s` %s cannot be looked at: %s", key, file,
		    buf_cstr(&why));
}

static void
check_program(const char *key, const char *path, struct pos at, struct diags *diags)
{
	struct stat st;

	if (stat(path, &st) != 0)
		diag_add(diags, at, "`%s` %s: %s", key, path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
		diag_add(diags, at, "`%s` %s: not a program: chmod +x?", key, path);
}

static void
check_input(const char *key, const char *path, struct pos at, struct diags *diags)
{
	if (access(path, R_OK) != 0)
		diag_warn(diags, at, "`%s` %s: %s", key, path, strerror(errno));
}

/* What a section's rows name, if it is written in the file or a program's default. */
static void
check_named(const struct section *section, const struct ynode *map, unsigned kinds,
    const void *base, struct diags *diags)
{
	for (size_t i = 0; i < section->n; i++) {
		const struct setting *s = &section->settings[i];
		const void *field = (const char *)base + s->offset;
		struct pos at = config_value_pos(map, s->key);

		if ((s->kinds & kinds) == 0 ||
		    (ynode_get(map, s->key) == NULL && s->fallback == NULL))
			continue;
		if (s->type == SETTING_SECRET_FILE)
			check_secret(s->key, *(char *const *)field, at, diags);
		else if (s->type == SETTING_PROGRAM || s->type == SETTING_SECRET_COMMAND)
			check_program(s->key, ((const struct texts *)field)->items[0], at,
			    diags);
		else if (s->type == SETTING_PROGRAM_FILE)
			check_program(s->key, *(char *const *)field, at, diags);
		else if (s->type == SETTING_INPUT_FILE)
			check_input(s->key, *(char *const *)field, at, diags);
		else if (s->type == SETTING_OAUTH)
			check_named(&config_oauth_section, ynode_get(map, s->key), FOR_ALL,
			    field, diags);
	}
}

/* --- what a channel should not do --- */

static void
review_relay(const struct channel_settings *channel, const struct ynode *map,
    struct diags *diags)
{
	for (size_t i = 0; i < channel->relay.urls.n; i++) {
		struct str host = config_url_host(str_of(channel->relay.urls.items[i]));

		if (channel->relay.tls == RELAY_TLS_OFF && channel->relay.user != NULL &&
		    !config_is_loopback(host))
			diag_warn(diags, config_value_pos(map, "tls"),
			    "the password goes to %.*s in the clear", STR_ARG(host));
	}
}

static bool
has_secret(const struct secret_source *source)
{
	return source->file != NULL || source->command.n > 0;
}

static void
review_webhook(const struct channel_settings *channel, const struct ynode *map,
    struct diags *diags)
{
	const struct webhook_settings *hook = &channel->webhook;
	struct str url = str_of(hook->url);

	if (str_starts(url, STR("http://")) && has_secret(&hook->token) &&
	    !config_is_loopback(config_url_host(url)))
		diag_warn(diags, config_value_pos(map, "url"),
		    "the token goes over the network in the clear: use https://");
	if (ynode_get(map, "url") != NULL &&
	    config_webhook_needs(hook->shape)->url_is_secret)
		diag_warn(diags, config_key_pos(map, "url"),
		    "who knows this address may post: put it into a file of its own, chmod "
		    "600, and name that by `url_file`");
}

static void
review_channel(const struct config *config, size_t i, struct diags *diags)
{
	const struct ynode *alerts = ynode_get(config_root(config), "alerts");
	const struct channel_settings *channel = &config->notify.channels[i];
	struct ynode map = config_as_map(&alerts->values[i]);

	if (map.n == 0) /* nothing is written there: told at the name */
		map.at = alerts->keys[i].at;
	check_named(&config_channel_section, &map, FOR_CHANNEL(channel->kind), channel,
	    diags);
	if (channel->kind == CHANNEL_RELAY)
		review_relay(channel, &map, diags);
	if (channel->kind == CHANNEL_WEBHOOK)
		review_webhook(channel, &map, diags);
}

/* --- does somebody hear of it? --- */

static bool
names_channel(const struct texts *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

static bool
has_way_there(const struct notify_settings *notify, const char *name)
{
	for (size_t i = 0; i < notify->nroutes; i++)
		if (names_channel(&notify->routes[i].to, name) ||
		    names_channel(&notify->routes[i].fallback, name))
			return true;
	return notify->nroutes == 0;
}

/* Do all of these need the host's own mail server? */
static bool
is_all_own(const struct notify_settings *notify, const struct texts *names)
{
	for (size_t i = 0; i < names->n; i++)
		if (!settings_channel(notify, names->items[i])->own_path)
			return false;
	return true;
}

static bool
is_all_channels_own(const struct notify_settings *notify)
{
	size_t told = 0;

	for (size_t i = 0; i < notify->nchannels; i++) {
		if (notify->channels[i].kind == CHANNEL_HEARTBEAT)
			continue;
		if (!notify->channels[i].own_path)
			return false;
		told++;
	}
	return told > 0;
}

/* Could a route's match take an incident of this severity? *always: would it take each? */
static bool
takes_severity(struct str match, struct str severity, bool *always)
{
	*always = true;
	while (match.n > 0) {
		struct str value = str_cut(&match, ',');
		struct str field = str_trim(str_cut(&value, '='));

		if (!str_eq(field, STR("severity")))
			*always = false;
		else if (!silence_glob(str_trim(value), severity))
			return false;
	}
	return true;
}

static void
review_severity(const struct notify_settings *notify, const char *severity, struct pos at,
    struct diags *diags)
{
	bool some = false, all = false;

	for (size_t i = 0; i < notify->nroutes; i++) {
		bool always;

		if (!takes_severity(str_of(notify->routes[i].match), str_of(severity),
			&always))
			continue;
		some = true;
		all |= always;
	}
	if (!some)
		diag_warn(diags, at,
		    "no route takes incidents of severity '%s': nobody hears of them",
		    severity);
	else if (!all && strcmp(severity, "critical") == 0)
		diag_warn(diags, at,
		    "no route takes every incident of severity 'critical': of some nobody "
		    "hears");
}

static const char own_path_words[] =
    "goes through this host's own mail server: when that is in trouble nobody hears of it; "
    "add one with another way";

static void
review_routes(const struct config *config, struct diags *diags)
{
	static const char *const severities[] = { "info", "warning", "critical" };
	const struct notify_settings *notify = &config->notify;
	const struct ynode *root = config_root(config);
	const struct ynode *routes = ynode_get(root, "routes");
	const struct ynode *alerts = ynode_get(root, "alerts");

	if (is_all_channels_own(notify))
		diag_warn(diags, config_key_pos(root, "alerts"), "every channel %s",
		    own_path_words);
	else
		for (size_t i = 0; i < notify->nroutes; i++)
			if (is_all_own(notify, &notify->routes[i].to) &&
			    is_all_own(notify, &notify->routes[i].fallback))
				diag_warn(diags, routes->values[i].at,
				    "every channel of this route %s", own_path_words);
	if (notify->nroutes > 0)
		for (size_t i = 0; i < sizeof severities / sizeof *severities; i++)
			review_severity(notify, severities[i],
			    config_key_pos(root, "routes"), diags);
	for (size_t i = 0; i < notify->nchannels; i++)
		if (notify->channels[i].kind != CHANNEL_HEARTBEAT &&
		    !has_way_there(notify, notify->channels[i].name))
			diag_warn(diags, alerts->keys[i].at, "no route leads to '%s'",
			    notify->channels[i].name);
}

/* --- the rest of the file --- */

/* A zone that the system has; what is spelt out as TZ allows ("CET-1CEST") has digits. */
static void
review_timezone(const struct config *config, struct diags *diags)
{
	AUTO(buf_done) struct buf path = { 0 };
	const char *zone = config->timezone;

	if (zone == NULL || strpbrk(zone, "0123456789:<") != NULL ||
	    access("/usr/share/zoneinfo", X_OK) != 0)
		return;
	buf_addf(&path, "/usr/share/zoneinfo/%s", zone);
	if (access(buf_cstr(&path), F_OK) != 0)
		diag_warn(diags, config_value_pos(config_root(config), "timezone"),
		    "this machine knows no zone '%s'", zone);
}

static void
review_sources(const struct config *config, struct diags *diags)
{
	const struct ynode *list = ynode_get(config_root(config), "sources");

	for (size_t i = 0; i < config->nsources; i++)
		if (config->sources[i].path != NULL)
			check_input(config->sources[i].kind == SOURCE_FILE ? "file"
									   : "journal",
			    config->sources[i].path, list->values[i].at, diags);
}

static void
review_reports(const struct config *config, struct diags *diags)
{
	const struct ynode *map = ynode_get(config_root(config), "reports");
	const struct report_settings *reports = &config->reports;

	for (size_t i = 0; i < reports->maildirs.n; i++)
		check_input("maildir", reports->maildirs.items[i],
		    config_value_pos(map, "maildir"), diags);
	if (reports->after != NULL && reports->after[0] == '/')
		check_input("after", reports->after, config_value_pos(map, "after"), diags);
}

void
config_review(const struct config *config, struct diags *diags)
{
	review_timezone(config, diags);
	if (config->rules != NULL)
		check_input("rules", config->rules,
		    config_value_pos(config_root(config), "rules"), diags);
	review_sources(config, diags);
	review_reports(config, diags);
	for (size_t i = 0; i < config->notify.nchannels; i++)
		review_channel(config, i, diags);
	review_routes(config, diags);
}

void
config_review_rules(const struct config *config, const struct alert_rules *rules,
    struct diags *diags)
{
	const struct ynode *routes = ynode_get(config_root(config), "routes");

	for (size_t i = 0; i < config->notify.nroutes; i++) {
		const char *match = config->notify.routes[i].match;
		struct err err = { "" };

		if (match != NULL && silence_check_rules(str_of(match), rules, &err) < 0)
			diag_add(diags, config_value_pos(&routes->values[i], "match"),
			    "`match`: %s", err.text);
	}
}
