/* Compiling the patterns of rule files, for parsers/rule.h. */
#include <stdlib.h>
#include <string.h>

#include "parsers/field.h"
#include "parsers/rule.h"

static const struct mapping *
find_define(const struct rule_file *file, struct str name)
{
	for (size_t i = 0; i < file->ndefines; i++)
		if (str_eq(file->defines[i].from, name))
			return &file->defines[i];
	return NULL;
}

/*
 * Replaces {{name}}. *stop: where in the result to stop counting; the offset in the
 * source that it came from is returned, so that a fault finds its place again.
 */
static size_t
expand(const struct rule_file *file, const struct ynode *node, size_t stop, struct buf *out,
    struct diags *diags)
{
	struct str left = node->text;
	size_t base = out->n;

	while (left.n > 0) {
		ptrdiff_t open = str_find(left, STR("{{"));
		size_t plain = open < 0 ? left.n : (size_t)open;
		size_t at = (size_t)(left.p - node->text.p);

		if (out->n - base + plain > stop)
			return at + (stop - (out->n - base));
		buf_add(out, str_head(left, plain));
		left = str_skip(left, plain);
		if (open < 0)
			break;
		ptrdiff_t close = str_find(left, STR("}}"));
		struct str name =
		    close < 0 ? left : (struct str){ left.p + 2, (size_t)close - 2 };
		const struct mapping *define = close < 0 ? NULL : find_define(file, name);

		at += plain;
		if (define == NULL) {
			if (diags != NULL)
				diag_add(diags, ynode_pos(node, at), "no define '%.*s'",
				    STR_ARG(str_head(name, 40)));
			return SIZE_MAX;
		}
		buf_add(out, define->to);
		if (out->n - base > stop)
			return at;
		left = str_skip(left, (size_t)close + 2);
	}
	return node->text.n;
}

bool
pattern_compile_code(const struct rule_file *file, const struct ynode *node,
    struct pattern *out, struct diags *diags)
{
	AUTO(buf_done) struct buf text = { 0 };
	int code;
	PCRE2_SIZE off;

	if (expand(file, node, SIZE_MAX - 1, &text, diags) == SIZE_MAX)
		return false;
	/* Text may hold any byte, and run() checks no UTF: "(*UTF)" is a fault. */
	out->re = pcre2_compile((PCRE2_SPTR)buf_cstr(&text), text.n,
	    PCRE2_EXTENDED | PCRE2_DUPNAMES | PCRE2_NEVER_UTF |
		(file->many_lines ? PCRE2_MULTILINE | PCRE2_CASELESS
				  : PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY),
	    &code, &off, NULL);
	if (out->re == NULL) {
		char why[128];
		AUTO(buf_done) struct buf again = { 0 };
		size_t at = expand(file, node, off, &again, NULL);
		size_t end =
		    str_trim(node->text).n; /* a block's last newline is no place */

		if (node->is_block && at > end)
			at = end;

		(void)pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
		diag_add(diags, ynode_pos(node, at), "pattern: %s", why);
		return false;
	}
	/* Without JIT matching is slower, never wrong: no reason to refuse. */
	(void)pcre2_jit_compile(out->re, PCRE2_JIT_COMPLETE);
	return true;
}

/* Where "(?<name>" stands in the file; the pattern's beginning if a define has it. */
static struct pos
group_pos(const struct ynode *node, struct str name)
{
	AUTO(buf_done) struct buf group = { 0 };

	buf_add(&group, STR("?<"));
	buf_add(&group, name);
	buf_add_char(&group, '>');
	ptrdiff_t at = str_find(node->text, buf_str(&group));

	return at < 0 ? node->at : ynode_pos(node, (size_t)at + 2);
}

/* The groups that are event fields; those that begin with '_' are for parts. */
static bool
read_groups(const struct ynode *node, struct pattern *out, struct diags *diags)
{
	uint32_t n = 0, size = 0;
	PCRE2_SPTR table = NULL;
	bool good = true;

	(void)pcre2_pattern_info(out->re, PCRE2_INFO_NAMECOUNT, &n);
	(void)pcre2_pattern_info(out->re, PCRE2_INFO_NAMEENTRYSIZE, &size);
	(void)pcre2_pattern_info(out->re, PCRE2_INFO_NAMETABLE, &table);
	if (n > MAX_CAPTURES) {
		diag_add(diags, node->at, "more than %d named groups", MAX_CAPTURES);
		return false;
	}
	out->captures = calloc(n + 1, sizeof *out->captures);
	if (out->captures == NULL)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		const unsigned char *entry = table + (size_t)i * size;
		struct str name = str_of((const char *)entry + 2);

		if (name.p[0] == '_')
			continue;
		enum event_field f = field_named(name, group_pos(node, name), diags);

		if (f == EVF_COUNT) {
			good = false;
			continue;
		}
		out->captures[out->ncaptures++] = (struct capture){
			.group = (uint16_t)(entry[0] << 8 | entry[1]),
			.field = (uint16_t)f,
		};
	}
	return good;
}

static bool
read_constants(const struct ynode *set, struct pattern *out, struct diags *diags)
{
	bool good = true;

	if (set == NULL)
		return true;
	if (!ynode_is(set, YNODE_MAP, "fields and their values", diags))
		return false;
	struct constant *more =
	    realloc(out->constants, (out->nconstants + set->n + 1) * sizeof *more);

	if (more == NULL)
		return false;
	out->constants = more;
	for (size_t i = 0; i < set->n; i++) {
		struct event ev = { 0 };
		enum event_field f = field_named(set->keys[i].text, set->keys[i].at, diags);

		if (f == EVF_COUNT ||
		    !ynode_is(&set->values[i], YNODE_SCALAR, "a single value", diags)) {
			good = false;
			continue;
		}
		if (!event_set(&ev, f, set->values[i].text)) {
			diag_add(diags, set->values[i].at, "'%.*s' is no value for %s",
			    STR_ARG(set->values[i].text), event_field_name(f));
			good = false;
			continue;
		}
		more[out->nconstants++] = (struct constant){ (uint16_t)f, ev.v[f] };
	}
	return good;
}

/* Gives the field's captures what fn-like option says; false if the pattern has none. */
static bool
for_field(struct pattern *out, enum event_field f, const struct mapping *mappings, size_t n,
    bool lower)
{
	bool any = false;

	for (size_t i = 0; i < out->ncaptures; i++) {
		if (out->captures[i].field != f)
			continue;
		any = true;
		out->captures[i].lower |= lower;
		if (mappings != NULL) {
			out->captures[i].mappings = mappings;
			out->captures[i].nmappings = (uint16_t)n;
		}
	}
	return any;
}

static bool
read_map(const struct ynode *map, struct pattern *out, struct diags *diags)
{
	bool good = true;

	if (map == NULL)
		return true;
	if (!ynode_is(map, YNODE_MAP, "fields and their values", diags))
		return false;
	for (size_t i = 0; i < map->n; i++) {
		const struct ynode *pairs = &map->values[i];
		enum event_field f = field_named(map->keys[i].text, map->keys[i].at, diags);

		if (f == EVF_COUNT ||
		    !ynode_is(pairs, YNODE_MAP, "logged: wanted", diags)) {
			good = false;
			continue;
		}
		struct mapping *mappings = calloc(pairs->n + 1, sizeof *mappings);

		if (mappings == NULL)
			return false;
		for (size_t k = 0; k < pairs->n; k++)
			mappings[k] =
			    (struct mapping){ pairs->keys[k].text, pairs->values[k].text };
		if (!for_field(out, f, mappings, pairs->n, false)) {
			diag_add(diags, map->keys[i].at, "the pattern has no group '%s'",
			    event_field_name(f));
			free(mappings);
			good = false;
		}
	}
	return good;
}

static bool
read_lower(const struct ynode *names, struct pattern *out, struct diags *diags)
{
	bool good = true;

	if (names == NULL)
		return true;
	if (!ynode_is(names, YNODE_LIST, "a list of fields", diags))
		return false;
	for (size_t i = 0; i < names->n; i++) {
		enum event_field f =
		    field_named(names->values[i].text, names->values[i].at, diags);

		if (f != EVF_COUNT && for_field(out, f, NULL, 0, true))
			continue;
		if (f != EVF_COUNT)
			diag_add(diags, names->values[i].at,
			    "the pattern has no group '%s'", event_field_name(f));
		good = false;
	}
	return good;
}

bool
pattern_compile(const struct rule_file *file, const struct ynode *from, struct pattern *out,
    struct diags *diags)
{
	const struct ynode *node = ynode_get(from, "pattern");

	if (node == NULL) {
		diag_add(diags, from->at, "no `pattern`");
		return false;
	}
	if (!ynode_is(node, YNODE_SCALAR, "a pattern", diags))
		return false;
	out->source = node;
	if (!pattern_compile_code(file, node, out, diags))
		return false;
	bool good = read_groups(node, out, diags);

	good &= read_constants(ynode_get(from, "set"), out, diags);
	good &= read_map(ynode_get(from, "map"), out, diags);
	good &= read_lower(ynode_get(from, "lower"), out, diags);
	return good;
}

void
pattern_done(struct pattern *pattern)
{
	pcre2_code_free(pattern->re);
	for (size_t i = 0; i < pattern->ncaptures; i++) {
		const struct mapping *mine = pattern->captures[i].mappings;

		/* a field's captures share one table: the last of them frees it */
		for (size_t k = i + 1; k < pattern->ncaptures; k++)
			if (pattern->captures[k].mappings == mine)
				mine = NULL;
		free((void *)mine);
	}
	free(pattern->captures);
	free(pattern->constants);
}
