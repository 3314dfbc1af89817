#include "cli/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/config_read.h"
#include "paths.h"

/* Root's and the service's; else the user's own, or, for who has none and may read it, the
 * service's: members of its group look at it without naming it. */
static char *
default_state(struct config_reader *reader)
{
	static const char service[] = PATH_STATE "/mailwarden.db";
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	bool has_xdg = xdg != NULL && xdg[0] == '/';

	if (geteuid() == 0 || (!has_xdg && home == NULL))
		return config_copy(reader, str_of(service));
	char *own = config_format(reader, "%s%s/mailwarden/mailwarden.db",
	    has_xdg ? xdg : home, has_xdg ? "" : "/.local/state");

	if (own != NULL && access(own, F_OK) != 0 && access(service, R_OK) == 0)
		return config_copy(reader, str_of(service));
	return own;
}

static char *
default_host(struct config_reader *reader)
{
	char name[256];

	if (gethostname(name, sizeof name) != 0)
		return config_copy(reader, STR("localhost"));
	name[sizeof name - 1] = '\0';
	return config_copy(reader, str_of(name));
}

/* --- sources --- */

static void
read_source(struct config_reader *reader, const struct ynode *node,
    struct config_source *out)
{
	if (node->type == YNODE_SCALAR && str_eq(node->text, STR("journal"))) {
		out->kind = SOURCE_JOURNAL;
		return;
	}
	if (node->type == YNODE_SCALAR && str_starts(node->text, STR("/"))) {
		out->kind = SOURCE_FILE;
		config_read_value(reader,
		    section_find(&config_source_section, "file", FOR_ALL), node,
		    &out->path);
		return;
	}
	if (node->type != YNODE_MAP || node->n != 1) {
		diag_add(reader->diags, node->at,
		    "a source is `journal`, a file's full path, `file: PATH` or "
		    "`journal: FOLDER`");
		return;
	}
	out->kind = ynode_get(node, "file") != NULL ? SOURCE_FILE : SOURCE_JOURNAL;
	const struct config_part part = { &config_source_section, node, FOR_ALL, node->at,
		NULL, out };

	config_read_section(reader, &part);
}

static void
read_sources(struct config_reader *reader, const struct ynode *list)
{
	struct config *config = reader->config;

	if (list == NULL || config_is_empty(list) ||
	    !ynode_is(list, YNODE_LIST, "a list of sources", reader->diags))
		return;
	config->sources = config_take(reader, list->n + 1, sizeof *config->sources);
	if (config->sources == NULL)
		return;
	for (size_t i = 0; i < list->n; i++)
		read_source(reader, &list->values[i], &config->sources[config->nsources++]);
}

/* --- the file --- */

static void
read_all(struct config_reader *reader, const struct ynode *root)
{
	struct config *config = reader->config;

	struct ynode map = config_as_map(root); /* "---" alone is an empty text */
	const struct config_part part = { &config_top_section, &map, FOR_ALL, map.at, NULL,
		config };

	config_read_section(reader, &part);
	if (config->host == NULL)
		config->host = default_host(reader);
	if (config->state == NULL)
		config->state = default_state(reader);
	if (reader->out_of_memory)
		return;
	read_sources(reader, ynode_get(root, "sources"));
	config_read_alerts(reader, ynode_get(root, "alerts"));
	config_read_routes(reader, ynode_get(root, "routes"));
}

const struct ynode *
config_root(const struct config *config)
{
	static const struct ynode empty = { .type = YNODE_MAP };

	return config->yaml != NULL ? ydoc_root(config->yaml) : &empty;
}

int
config_load(const char *path, struct config *out, struct diags *diags)
{
	struct config config = { 0 };
	struct config_reader reader = { &config, diags, false };
	size_t faults = diags->errors;
	bool named = path != NULL;
	int r = 0;

	if (!named)
		path = PATH_ETC "/mailwarden.yaml";
	config.path = config_copy(&reader, str_of(path));
	config.found = named || access(path, F_OK) == 0;
	if (config.found)
		r = ydoc_load(path, &config.yaml, diags);
	if (r == 0 && !reader.out_of_memory)
		read_all(&reader, config_root(&config));
	if (r == 0 && reader.out_of_memory)
		r = -ENOMEM;
	if (r == 0 && diags->errors > faults)
		r = -EINVAL;
	if (r < 0) {
		config_done(&config);
		return r;
	}
	*out = config;
	return 0;
}

struct config *
config_read_told(const char *path)
{
	struct config *config = calloc(1, sizeof *config);
	struct diags diags = { 0 };

	if (config == NULL)
		return NULL;
	int r = config_load(path, config, &diags);

	diags_print(&diags, stderr);
	diags_done(&diags);
	if (r == 0)
		return config;
	free(config);
	return NULL;
}

void
config_done(struct config *config)
{
	for (struct config_memory *m = config->memory; m != NULL;) {
		struct config_memory *next = m->next;

		free(m);
		m = next;
	}
	ydoc_free(config->yaml);
	*config = (struct config){ 0 };
}
