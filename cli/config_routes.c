/* routes: what is told to which channels. */
#include <string.h>

#include "cli/config_read.h"

/* Is a name there, and does it take notices? */
static void
check_name(struct config_reader *reader, const struct ynode *name)
{
	const struct notify_settings *notify = &reader->config->notify;
	const char *names[CONFIG_MAX_ITEMS + 1];
	size_t n = 0;

	for (size_t i = 0; i < notify->nchannels; i++) {
		const struct channel_settings *channel = &notify->channels[i];

		if (channel->name == NULL) /* faulty, and told */
			continue;
		if (str_eq(name->text, str_of(channel->name))) {
			if (channel->kind == CHANNEL_HEARTBEAT)
				diag_add(reader->diags, name->at,
				    "'%s' is a heartbeat: it takes no notices",
				    channel->name);
			return;
		}
		if (channel->kind != CHANNEL_HEARTBEAT)
			names[n++] = channel->name;
	}
	names[n] = NULL;
	const char *near = nearest_word(name->text, names);

	if (near != NULL)
		diag_add(reader->diags, name->at,
		    "no channel '%.*s' in `alerts`, did you mean '%s'?",
		    STR_ARG(name->text), near);
	else
		diag_add(reader->diags, name->at, "no channel '%.*s' in `alerts`",
		    STR_ARG(name->text));
}

static void
check_names(struct config_reader *reader, const struct ynode *names)
{
	if (names == NULL || config_is_empty(names))
		return;
	if (names->type == YNODE_SCALAR)
		check_name(reader, names);
	for (size_t i = 0; names->type == YNODE_LIST && i < names->n; i++)
		if (names->values[i].type == YNODE_SCALAR)
			check_name(reader, &names->values[i]);
}

/* A channel is named once in a route: it could not stand in for itself. */
static void
check_twice(struct config_reader *reader, const struct ynode *map,
    const struct route *route)
{
	for (size_t i = 0; i < route->fallback.n; i++)
		for (size_t k = 0; k < route->to.n; k++)
			if (strcmp(route->fallback.items[i], route->to.items[k]) == 0)
				diag_add(reader->diags, config_value_pos(map, "fallback"),
				    "'%s' stands in `to` already: it cannot stand in for "
				    "itself",
				    route->fallback.items[i]);
}

static void
read_route(struct config_reader *reader, const struct ynode *map, struct route *route)
{
	*route = (struct route){ .line = map->at.line, .repeat_us = REPEAT_BY_SEVERITY };
	const struct config_part part = { &config_route_section, map, FOR_ALL, map->at,
		NULL, route };

	config_read_section(reader, &part);
	if (map->type != YNODE_MAP)
		return;
	check_names(reader, ynode_get(map, "to"));
	check_names(reader, ynode_get(map, "fallback"));
	check_twice(reader, map, route);
}

void
config_read_routes(struct config_reader *reader, const struct ynode *routes)
{
	struct notify_settings *notify = &reader->config->notify;

	if (routes == NULL || config_is_empty(routes) ||
	    !ynode_is(routes, YNODE_LIST, "a list of routes", reader->diags))
		return;
	if (routes->n > CONFIG_MAX_ITEMS) {
		diag_add(reader->diags, routes->at, "more than %d routes",
		    CONFIG_MAX_ITEMS);
		return;
	}
	notify->routes = config_take(reader, routes->n + 1, sizeof *notify->routes);
	if (notify->routes == NULL)
		return;
	for (size_t i = 0; i < routes->n; i++)
		read_route(reader, &routes->values[i], &notify->routes[notify->nroutes++]);
}
