/*
 * yaml - files that people write, with the place of every word
 *
 * Purpose    A YAML file as a tree whose nodes know their line and column, and
 *            the checks that every schema needs. Read by libyaml.
 * Ownership  The tree owns all text; free it with ydoc_free(). Nodes die with it.
 * Limits     YAML_MAX_* below; past them the file is refused. Aliases
 *            count each time they are used, so they cannot blow up.
 * Errors     Faults go to *diags with their place; functions return false or
 *            a negative errno. Every scalar is text until asked for more.
 */
#ifndef CORE_YAML_H
#define CORE_YAML_H

#include "core/diag.h"
#include "core/str.h"

enum {
	YAML_MAX_BYTES = 16 * 1024 * 1024,
	YAML_MAX_NODES = 1000000,
	YAML_MAX_DEPTH = 24,
};

struct yaml;

enum ynode_type {
	YNODE_SCALAR,
	YNODE_LIST,
	YNODE_MAP,
};

struct ynode {
	enum ynode_type type;
	struct pos at;
	struct str text;    /* scalar: its value, NUL-terminated behind n */
	struct pos text_at; /* where the value's first byte stands */
	bool is_block;      /* scalar in a block (| or >): text_at.col is the indent */
	size_t n;           /* list or map: members */
	const struct ynode *keys;   /* map: n keys */
	const struct ynode *values; /* list or map: n values */
};

int ydoc_load(const char *path, struct yaml **yaml_out, struct diags *diags);
/* From memory; name is what faults call the file. */
int ydoc_parse(const char *name, struct str text, struct yaml **yaml_out,
    struct diags *diags);
void ydoc_free(struct yaml *yaml); /* NULL is fine */
void auto_yaml(struct yaml **yaml);

/* The top node; an empty file gives an empty map. */
const struct ynode *ydoc_root(const struct yaml *yaml);

/* The value of a key, NULL if absent or not a map. */
const struct ynode *ynode_get(const struct ynode *map, const char *key);

/* Checks the type; tells a fault as "expected a list of rules", say. */
bool ynode_is(const struct ynode *node, enum ynode_type type, const char *expected,
    struct diags *diags);

/* All keys among `allowed` (NULL-terminated)? Each other one is a fault, with a
 * suggestion if one is near. */
bool ynode_check_keys(const struct ynode *map, const char *const *allowed,
    struct diags *diags);

/* The nearest of `allowed` to a misspelt word, NULL if none is near. */
const char *nearest_word(struct str word, const char *const *allowed);

/* Text of map's key, or fallback; a fault if it is no scalar. */
struct str ynode_text(const struct ynode *map, const char *key, struct str fallback,
    struct diags *diags);
/* The same for a number in [min, max], yes/no, and a span such as 30s, 5m, 6h, 2d
 * (microseconds). */
int64_t ynode_int(const struct ynode *map, const char *key, int64_t fallback, int64_t min,
    int64_t max, struct diags *diags);
bool ynode_bool(const struct ynode *map, const char *key, bool fallback,
    struct diags *diags);
int64_t ynode_span_us(const struct ynode *map, const char *key, int64_t fallback_us,
    struct diags *diags);

/* Place of byte `offset` of a scalar's value, in the file. */
struct pos ynode_pos(const struct ynode *scalar, size_t offset);

#endif
