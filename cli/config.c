#include "cli/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/yaml.h"
#include "paths.h"

static const char *const top_keys[] = { "host", "state", "timezone", "rules", "sources",
	"alerts", NULL };
static const char *const alert_keys[] = { "relay", NULL };
static const char *const relay_keys[] = { "url", "user", "password_file", "credential",
	"from", "to", "tls", "ca_file", "helo", "timeout", NULL };
static const char *const source_keys[] = { "file", "journal", NULL };

/* A copy of map's text, or NULL if it is not there. */
static char *
copy_text(const struct ynode *map, const char *key, struct diags *diags)
{
	struct str text = ynode_text(map, key, (struct str){ NULL, 0 }, diags);

	return text.p == NULL ? NULL : str_dup(text);
}

static char *
default_state(void)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path = NULL;

	bool has_xdg = xdg != NULL && xdg[0] == '/';

	if (geteuid() == 0 || (!has_xdg && home == NULL))
		return strdup(PATH_STATE "/mailwarden.db");
	if (has_xdg)
		return asprintf(&path, "%s/mailwarden/mailwarden.db", xdg) < 0 ? NULL
									       : path;
	return asprintf(&path, "%s/.local/state/mailwarden/mailwarden.db", home) < 0 ? NULL
										     : path;
}

static char *
default_host(void)
{
	char name[256];

	if (gethostname(name, sizeof name) != 0)
		return strdup("localhost");
	name[sizeof name - 1] = '\0';
	return strdup(name);
}

static bool
read_source(const struct ynode *node, struct config_source *out, struct diags *diags)
{
	if (node->type == YNODE_SCALAR && str_eq(node->text, STR("journal"))) {
		*out = (struct config_source){ SOURCE_JOURNAL, NULL };
		return true;
	}
	if (node->type == YNODE_SCALAR && str_starts(node->text, STR("/"))) {
		*out = (struct config_source){ SOURCE_FILE, str_dup(node->text) };
		return true;
	}
	if (node->type != YNODE_MAP || node->n != 1) {
		diag_add(diags, node->at,
		    "a source is `journal`, a file's full path, `file: PATH` or `journal: FOLDER`");
		return false;
	}
	if (!ynode_check_keys(node, source_keys, diags))
		return false;
	bool file = ynode_get(node, "file") != NULL;

	out->kind = file ? SOURCE_FILE : SOURCE_JOURNAL;
	out->path = copy_text(node, file ? "file" : "journal", diags);
	if (out->path != NULL && out->path[0] != '/') {
		diag_add(diags, node->values[0].at, "a full path, from / on");
		return false;
	}
	return out->path != NULL;
}

static bool
read_sources(const struct ynode *list, struct config *config, struct diags *diags)
{
	bool good = true;

	if (list == NULL)
		return true;
	if (!ynode_is(list, YNODE_LIST, "a list of sources", diags))
		return false;
	config->sources = calloc(list->n + 1, sizeof *config->sources);
	if (config->sources == NULL)
		return false;
	for (size_t i = 0; i < list->n; i++)
		good &= read_source(&list->values[i], &config->sources[config->nsources++],
		    diags);
	return good;
}

static bool
read_tls(const struct ynode *map, struct config_relay *relay, struct diags *diags)
{
	static const struct {
		struct str word;
		enum config_tls tls;
	} words[] = { { STR_INIT("required"), CONFIG_TLS_REQUIRED },
		{ STR_INIT("try"), CONFIG_TLS_TRY }, { STR_INIT("off"), CONFIG_TLS_OFF } };
	struct str word = ynode_text(map, "tls", STR("required"), diags);

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_eq(word, words[i].word)) {
			relay->tls = words[i].tls;
			return true;
		}
	diag_add(diags, ynode_get(map, "tls")->at,
	    "`tls` is required, try or off, not '%.*s'", STR_ARG(word));
	return false;
}

static bool
read_recipients(const struct ynode *map, struct config_relay *relay, struct diags *diags)
{
	const struct ynode *to = ynode_get(map, "to");
	const struct ynode *values = to != NULL && to->type == YNODE_LIST ? to->values : to;
	size_t n = to == NULL ? 0 : to->type == YNODE_LIST ? to->n : 1;
	bool good = n > 0;

	if (n == 0)
		diag_add(diags, map->at, "`to`: whom shall the alerts reach?");
	relay->to = calloc(n + 1, sizeof *relay->to);
	if (relay->to == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!ynode_is(&values[i], YNODE_SCALAR, "a mail address", diags) ||
		    str_find_char(values[i].text, '@') <= 0) {
			diag_add(diags, values[i].at, "a mail address has an @ in it");
			good = false;
			continue;
		}
		relay->to[relay->nto++] = values[i].text;
	}
	return good;
}

static bool
is_relay_url(struct str url)
{
	return str_starts(url, STR("smtp://")) || str_starts(url, STR("smtps://"));
}

static bool
read_relay(const struct ynode *map, struct config_relay *relay, struct diags *diags)
{
	if (!ynode_is(map, YNODE_MAP, "the relay's settings", diags) ||
	    !ynode_check_keys(map, relay_keys, diags))
		return false;
	relay->url = copy_text(map, "url", diags);
	relay->user = copy_text(map, "user", diags);
	relay->password_file = copy_text(map, "password_file", diags);
	relay->credential = copy_text(map, "credential", diags);
	relay->ca_file = copy_text(map, "ca_file", diags);
	relay->helo = copy_text(map, "helo", diags);
	relay->from = copy_text(map, "from", diags);
	relay->timeout_s = ynode_int(map, "timeout", 60, 1, 600, diags);
	bool good = read_tls(map, relay, diags);

	good &= read_recipients(map, relay, diags);
	if (relay->url == NULL || !is_relay_url(str_of(relay->url))) {
		diag_add(diags, ynode_get(map, "url") ? ynode_get(map, "url")->at : map->at,
		    "`url` must be smtp://HOST:PORT or smtps://HOST:PORT");
		good = false;
	}
	if (relay->user != NULL && relay->password_file == NULL &&
	    relay->credential == NULL) {
		diag_add(diags, ynode_get(map, "user")->at,
		    "a `user` needs a `password_file` or a systemd `credential`");
		good = false;
	}
	return good;
}

static bool
read_all(const struct ynode *root, struct config *config, struct diags *diags)
{
	const struct ynode *alerts = ynode_get(root, "alerts");
	bool good = true;

	if (!ynode_is(root, YNODE_MAP, "settings", diags) ||
	    !ynode_check_keys(root, top_keys, diags))
		return false;
	config->host = copy_text(root, "host", diags);
	config->state = copy_text(root, "state", diags);
	config->timezone = copy_text(root, "timezone", diags);
	config->rules = copy_text(root, "rules", diags);
	good &= read_sources(ynode_get(root, "sources"), config, diags);
	if (alerts == NULL || (alerts->type == YNODE_SCALAR && alerts->text.n == 0))
		return good;
	if (!ynode_is(alerts, YNODE_MAP, "channels", diags) ||
	    !ynode_check_keys(alerts, alert_keys, diags))
		return false;
	if (ynode_get(alerts, "relay") != NULL)
		good &= read_relay(ynode_get(alerts, "relay"), &config->relay, diags);
	return good;
}

static int
fill_defaults(struct config *config)
{
	if (config->host == NULL)
		config->host = default_host();
	if (config->state == NULL)
		config->state = default_state();
	if (config->relay.url != NULL && config->relay.from == NULL &&
	    asprintf(&config->relay.from, "mailwarden@%s", config->host) < 0)
		config->relay.from = NULL;
	bool complete = config->host != NULL && config->state != NULL &&
			(config->relay.url == NULL || config->relay.from != NULL);

	return complete ? 0 : -ENOMEM;
}

int
config_load(const char *path, struct config *out, struct diags *diags)
{
	struct config config = { 0 };
	bool named = path != NULL;
	int r = 0;

	if (!named)
		path = PATH_ETC "/mailwarden.yaml";
	config.path = strdup(path);
	if (config.path == NULL)
		return -ENOMEM;
	config.found = named || access(path, F_OK) == 0;
	if (config.found) {
		r = ydoc_load(path, &config.yaml, diags);
		if (r == 0 && !read_all(ydoc_root(config.yaml), &config, diags))
			r = -EINVAL;
	}
	if (r == 0)
		r = fill_defaults(&config);
	if (r < 0 || diags->errors > 0) {
		config_done(&config);
		return r < 0 ? r : -EINVAL;
	}
	*out = config;
	return 0;
}

void
config_done(struct config *config)
{
	struct config_relay *relay = &config->relay;
	char *texts[] = { config->path, config->host, config->state, config->timezone,
		config->rules, relay->url, relay->user, relay->password_file,
		relay->credential, relay->ca_file, relay->helo, relay->from };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	for (size_t i = 0; i < config->nsources; i++)
		free(config->sources[i].path);
	free(config->sources);
	free(relay->to);
	ydoc_free(config->yaml);
	*config = (struct config){ 0 };
}
