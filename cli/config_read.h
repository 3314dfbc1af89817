/*
 * config_read - values of mailwarden.yaml into structs, as the tables say
 *
 * Purpose    Reads a section by its table (config_schema): each value checked, copied and
 *            put where its row says; what is left out gets its default; unknown and
 *            misplaced keys are told with what was meant.
 * Ownership  All that is read belongs to the configuration's memory.
 * Errors     Every fault goes to *diags at its place, and reading goes on. Lines that may
 *            hold a secret are not shown. out_of_memory is set where memory ends.
 * Limits     CONFIG_MAX_*; more is refused.
 */
#ifndef CLI_CONFIG_READ_H
#define CLI_CONFIG_READ_H

#include "cli/config.h"
#include "cli/config_schema.h"
#include "core/yaml.h"

enum {
	CONFIG_MAX_TEXT = 4096, /* bytes of one value */
	CONFIG_MAX_ITEMS = 100, /* of one list; channels; routes */
	CONFIG_MAX_NAME = 64,   /* bytes of a channel's name */
};

/* What a configuration holds on the heap: freed as one piece. */
struct config_memory {
	struct config_memory *next;
	max_align_t bytes[];
};

struct config_reader {
	struct config *config;
	struct diags *diags;
	bool out_of_memory;
};

/* n zeroed members, the configuration's; NULL without memory, which is noted. */
void *config_take(struct config_reader *reader, size_t n, size_t size);
char *config_copy(struct config_reader *reader, struct str text);
__attribute__((format(printf, 2, 3))) char *config_format(struct config_reader *reader,
    const char *fmt, ...);

/* A map of the file, and what is read into. */
struct config_part {
	const struct section *section;
	const struct ynode *map;
	unsigned kinds;  /* FOR_CHANNEL() of a channel, else FOR_ALL */
	struct pos at;   /* where is told what is missing */
	const char *one; /* what it is called, "phone"; NULL: as the section says */
	void *base;      /* the section's struct */
};
void config_read_section(struct config_reader *reader, const struct config_part *part);
/* Nothing is written there: "desktop:" alone. */
bool config_is_empty(const struct ynode *node);
/* An empty map in its place, for what may be left empty. */
struct ynode config_as_map(const struct ynode *node);

/* Place of map's key, or of the map if it has none. */
struct pos config_key_pos(const struct ynode *map, const char *key);
struct pos config_value_pos(const struct ynode *map, const char *key);

/* --- config_values.c: one value each --- */

/* What is written at node into *field, as the row says. */
void config_read_value(struct config_reader *reader, const struct setting *setting,
    const struct ynode *node, void *field);

/* The host in scheme://[user@]host[:port][/...], without brackets; empty if none. */
struct str config_url_host(struct str url);
bool config_url_has_user(struct str url);
/* "localhost", 127.0.0.0/8, ::1. */
bool config_is_loopback(struct str host);

/* --- sections with members of their own --- */

void config_read_alerts(struct config_reader *reader, const struct ynode *alerts);
void config_read_routes(struct config_reader *reader, const struct ynode *routes);
/* From channels.c: provider, token_url and scope; after the section itself. */
void config_fill_provider(struct config_reader *reader, const struct ynode *map,
    struct oauth_settings *oauth);

#endif
