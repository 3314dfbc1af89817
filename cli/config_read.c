#include "cli/config_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"

void *
config_take(struct config_reader *reader, size_t n, size_t size)
{
	struct config_memory *piece = NULL;

	if (size == 0 || n < SIZE_MAX / 2 / size)
		piece = calloc(1, sizeof *piece + n * size);
	if (piece == NULL) {
		reader->out_of_memory = true;
		return NULL;
	}
	piece->next = reader->config->memory;
	reader->config->memory = piece;
	return piece->bytes;
}

char *
config_copy(struct config_reader *reader, struct str text)
{
	char *copy = config_take(reader, text.n + 1, 1);

	if (copy != NULL && text.n > 0)
		memcpy(copy, text.p, text.n);
	return copy;
}

char *
config_format(struct config_reader *reader, const char *fmt, ...)
{
	char *made = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&made, fmt, ap);

	va_end(ap);
	if (n < 0) {
		reader->out_of_memory = true;
		return NULL;
	}
	char *copy = config_copy(reader, (struct str){ made, (size_t)n });

	free(made);
	return copy;
}

bool
config_is_empty(const struct ynode *node)
{
	return node->type == YNODE_SCALAR && !node->is_block &&
	       (node->text.n == 0 || str_eq(node->text, STR("~")) ||
		   str_eq(node->text, STR("null")));
}

struct ynode
config_as_map(const struct ynode *node)
{
	if (config_is_empty(node))
		return (struct ynode){ .type = YNODE_MAP, .at = node->at };
	return *node;
}

struct pos
config_key_pos(const struct ynode *map, const char *key)
{
	for (size_t i = 0; map->type == YNODE_MAP && i < map->n; i++)
		if (str_eq(map->keys[i].text, str_of(key)))
			return map->keys[i].at;
	return map->at;
}

struct pos
config_value_pos(const struct ynode *map, const char *key)
{
	const struct ynode *value = ynode_get(map, key);

	return value != NULL ? value->at : map->at;
}

/* Channel types that have a key: "webhook and heartbeat". */
static void
name_kinds(struct buf *out, const struct section *section, const char *key)
{
	unsigned kinds = 0;
	size_t n = 0, told = 0;

	for (size_t i = 0; i < section->n; i++)
		if (strcmp(section->settings[i].key, key) == 0)
			kinds |= section->settings[i].kinds;
	for (size_t i = 0; config_channel_types[i].word != NULL; i++)
		n += (kinds & FOR_CHANNEL(config_channel_types[i].value)) != 0;
	for (size_t i = 0; config_channel_types[i].word != NULL; i++) {
		if ((kinds & FOR_CHANNEL(config_channel_types[i].value)) == 0)
			continue;
		buf_addf(out, "%s%s",
		    told == 0       ? ""
		    : told + 1 == n ? " and "
				    : ", ",
		    config_channel_types[i].word);
		told++;
	}
}

enum { MAX_KEYS = 100 };

/* The row whose key is nearest to a misspelt one, among those that fit here. */
static const struct setting *
nearest_setting(const struct section *section, struct str key, unsigned kinds)
{
	const char *words[MAX_KEYS + 1];
	size_t n = 0;

	for (size_t i = 0; i < section->n && n < MAX_KEYS; i++)
		if ((section->settings[i].kinds & kinds) != 0)
			words[n++] = section->settings[i].key;
	words[n] = NULL;
	const char *near = nearest_word(key, words);

	return near == NULL ? NULL : section_find(section, near, kinds);
}

/* The line is not shown: what is written there may be a secret. */
static void
tell_unknown(struct config_reader *reader, const struct config_part *part,
    const struct ynode *key)
{
	const struct section *section = part->section;
	const struct setting *other = section_find(section, key->text.p, FOR_ALL);
	const struct setting *near = nearest_setting(section, key->text, part->kinds);
	AUTO(buf_done) struct buf where = { 0 };

	if (near != NULL && near->type == SETTING_INLINE_SECRET)
		near = section_find(section, near->about, part->kinds);
	if (other != NULL && strlen(other->key) == key->text.n) {
		name_kinds(&where, section, other->key);
		diag_add_hidden(reader->diags, key->at,
		    "`%s` is a setting of %s channels, not of this one", other->key,
		    buf_cstr(&where));
	} else if (near != NULL) {
		diag_add_hidden(reader->diags, key->at,
		    "unknown key '%.*s', did you mean '%s'?", STR_ARG(key->text),
		    near->key);
	} else {
		diag_add_hidden(reader->diags, key->at, "unknown key '%.*s' in %s",
		    STR_ARG(key->text), section->what);
	}
}

static void
read_member(struct config_reader *reader, const struct config_part *part,
    const struct ynode *key, const struct ynode *value)
{
	const struct setting *setting =
	    section_find(part->section, key->text.p, part->kinds);

	if (setting == NULL || strlen(setting->key) != key->text.n) {
		tell_unknown(reader, part, key);
		return;
	}
	if (setting->type == SETTING_INLINE_SECRET) {
		bool fits =
		    section_find(part->section, setting->about, part->kinds) != NULL;

		diag_add_hidden(reader->diags, key->at,
		    "secrets do not stand in this file%s%s%s",
		    fits ? ": put it into a file of its own, chmod 600, and name that by `"
			 : "",
		    fits ? setting->about : "", fits ? "`" : "");
	} else if (setting->type == SETTING_GONE) {
		diag_add(reader->diags, key->at, "`%s` is gone: %s", setting->key,
		    setting->about);
	} else {
		config_read_value(reader, setting, value,
		    (char *)part->base + setting->offset);
	}
}

static void
read_fallback(struct config_reader *reader, const struct config_part *part,
    const struct setting *setting)
{
	struct ynode written = {
		.type = YNODE_SCALAR, .at = part->at, .text = str_of(setting->fallback)
	};

	config_read_value(reader, setting, &written, (char *)part->base + setting->offset);
}

/* Is something written that stands in for the key? */
static bool
has_substitute(const struct config_part *part, const char *key)
{
	for (size_t i = 0; i < part->section->n; i++) {
		const struct setting *s = &part->section->settings[i];

		if ((s->kinds & part->kinds) != 0 && s->instead_of != NULL &&
		    strcmp(s->instead_of, key) == 0 && ynode_get(part->map, s->key) != NULL)
			return true;
	}
	return false;
}

static void
read_absent(struct config_reader *reader, const struct config_part *part,
    const struct setting *setting)
{
	if (setting->fallback != NULL)
		read_fallback(reader, part, setting);
	else if (setting->needed != NULL && !has_substitute(part, setting->key))
		diag_add(reader->diags, part->at, "%s needs `%s`: %s",
		    part->one != NULL ? part->one : part->section->one, setting->key,
		    setting->needed);
}

void
config_read_section(struct config_reader *reader, const struct config_part *part)
{
	if (!ynode_is(part->map, YNODE_MAP, part->section->what, reader->diags))
		return;
	for (size_t i = 0; i < part->map->n; i++)
		read_member(reader, part, &part->map->keys[i], &part->map->values[i]);
	for (size_t i = 0; i < part->section->n; i++) {
		const struct setting *s = &part->section->settings[i];

		if ((s->kinds & part->kinds) == 0)
			continue;
		if (ynode_get(part->map, s->key) == NULL)
			read_absent(reader, part, s);
		else if (s->instead_of != NULL && ynode_get(part->map, s->instead_of))
			diag_add(reader->diags, config_key_pos(part->map, s->key),
			    "`%s` and `%s`: write one of them", s->instead_of, s->key);
	}
}
