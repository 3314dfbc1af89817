#include "core/yaml.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "core/buf.h"

/* The tree is built once and freed as one piece: a list of chunks. */
struct chunk {
	struct chunk *next;
	size_t used, size;
	max_align_t bytes[];
};

struct yaml {
	char *name;
	struct buf source;
	size_t *line_at; /* byte offset of each line */
	size_t nlines;
	struct chunk *chunks;
	struct ynode *root;
	size_t nodes; /* made so far, against YAML_MAX_NODES */
};

struct builder {
	struct yaml *yaml;
	yaml_document_t *doc;
	struct diags *diags;
	bool failed;
};

static void *
take(struct yaml *yaml, size_t n)
{
	n = (n + 15) & ~(size_t)15;
	struct chunk *c = yaml->chunks;

	if (c == NULL || c->size - c->used < n) {
		size_t size = n > 64 * 1024 ? n : 64 * 1024;

		c = malloc(sizeof *c + size);
		if (c == NULL)
			return NULL;
		*c = (struct chunk){ yaml->chunks, 0, size };
		yaml->chunks = c;
	}
	void *p = (char *)c->bytes + c->used;

	c->used += n;
	return p;
}

static struct pos
mark_pos(const struct yaml *yaml, yaml_mark_t mark)
{
	return (struct pos){ yaml->name, (unsigned)mark.line + 1,
		(unsigned)mark.column + 1 };
}

/* libyaml's marks count characters, so places are looked up by line. */
static bool
index_lines(struct yaml *yaml)
{
	struct str text = buf_str(&yaml->source), left = text;
	size_t n = 1;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	yaml->line_at = malloc(n * sizeof *yaml->line_at);
	if (yaml->line_at == NULL)
		return false;
	for (; yaml->nlines < n; yaml->nlines++) {
		yaml->line_at[yaml->nlines] = text.n - left.n;
		(void)str_cut(&left, '\n');
	}
	return true;
}

/* A block scalar's text begins on a later line, behind its indent. */
static struct pos
block_start(const struct yaml *yaml, struct pos at)
{
	struct str left = { NULL, 0 };

	if (at.line < yaml->nlines)
		left = str_skip(buf_str(&yaml->source), yaml->line_at[at.line]);
	at.line++;
	while (left.n > 0) {
		struct str line = str_cut(&left, '\n');
		size_t indent = 0;

		while (indent < line.n && line.p[indent] == ' ')
			indent++;
		if (indent < line.n) {
			at.col = (unsigned)indent + 1;
			return at;
		}
		at.line++;
	}
	at.col = 1;
	return at;
}

static bool build(struct builder *b, int id, unsigned depth, struct ynode *out);

static bool
fail(struct builder *b, struct pos at, const char *what)
{
	diag_add(b->diags, at, "%s", what);
	b->failed = true;
	return false;
}

static bool
build_scalar(struct builder *b, const yaml_node_t *from, struct ynode *out)
{
	size_t n = from->data.scalar.length;
	char *copy = take(b->yaml, n + 1);

	if (copy == NULL)
		return fail(b, out->at, "out of memory");
	memcpy(copy, from->data.scalar.value, n);
	copy[n] = '\0';
	out->type = YNODE_SCALAR;
	out->text = (struct str){ copy, n };
	out->text_at = out->at;
	switch (from->data.scalar.style) {
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE: out->text_at.col++; break;
	case YAML_LITERAL_SCALAR_STYLE:
	case YAML_FOLDED_SCALAR_STYLE:
		out->is_block = true;
		out->text_at = block_start(b->yaml, out->at);
		break;
	default: break;
	}
	return true;
}

static bool
build_list(struct builder *b, const yaml_node_t *from, unsigned depth, struct ynode *out)
{
	size_t n =
	    (size_t)(from->data.sequence.items.top - from->data.sequence.items.start);
	struct ynode *values = take(b->yaml, n * sizeof *values);

	if (values == NULL)
		return fail(b, out->at, "out of memory");
	for (size_t i = 0; i < n; i++)
		if (!build(b, from->data.sequence.items.start[i], depth + 1, &values[i]))
			return false;
	out->type = YNODE_LIST;
	out->n = n;
	out->values = values;
	return true;
}

static bool
build_map(struct builder *b, const yaml_node_t *from, unsigned depth, struct ynode *out)
{
	size_t n = (size_t)(from->data.mapping.pairs.top - from->data.mapping.pairs.start);
	struct ynode *keys = take(b->yaml, n * sizeof *keys);
	struct ynode *values = take(b->yaml, n * sizeof *values);

	if (keys == NULL || values == NULL)
		return fail(b, out->at, "out of memory");
	for (size_t i = 0; i < n; i++) {
		const yaml_node_pair_t *pair = &from->data.mapping.pairs.start[i];

		if (!build(b, pair->key, depth + 1, &keys[i]) ||
		    !build(b, pair->value, depth + 1, &values[i]))
			return false;
		if (keys[i].type != YNODE_SCALAR)
			return fail(b, keys[i].at, "a key must be a plain word");
		for (size_t k = 0; k < i; k++)
			if (str_eq(keys[k].text, keys[i].text)) {
				diag_add(b->diags, keys[i].at,
				    "'%.*s' stands twice, first in line %u",
				    STR_ARG(keys[i].text), keys[k].at.line);
				b->failed = true;
			}
	}
	out->type = YNODE_MAP;
	out->n = n;
	out->keys = keys;
	out->values = values;
	return true;
}

static bool
build(struct builder *b, int id, unsigned depth, struct ynode *out)
{
	const yaml_node_t *from = yaml_document_get_node(b->doc, id);

	assert(from != NULL);
	*out = (struct ynode){ .at = mark_pos(b->yaml, from->start_mark) };
	if (depth > YAML_MAX_DEPTH)
		return fail(b, out->at, "nested too deeply");
	if (++b->yaml->nodes > YAML_MAX_NODES)
		return fail(b, out->at, "too large");
	switch (from->type) {
	case YAML_SCALAR_NODE: return build_scalar(b, from, out);
	case YAML_SEQUENCE_NODE: return build_list(b, from, depth, out);
	case YAML_MAPPING_NODE: return build_map(b, from, depth, out);
	default: return fail(b, out->at, "unknown node");
	}
}

/* What stands behind a line "---" would not be read, and nobody would know. */
static int
refuse_second(struct yaml *yaml, yaml_parser_t *parser, struct diags *diags)
{
	yaml_document_t doc;

	if (!yaml_parser_load(parser, &doc)) {
		diag_add(diags, mark_pos(yaml, parser->problem_mark), "not YAML: %s",
		    parser->problem ? parser->problem : "?");
		return -EINVAL;
	}
	bool more = yaml_document_get_root_node(&doc) != NULL;
	struct pos at = mark_pos(yaml, doc.start_mark);

	yaml_document_delete(&doc);
	if (!more)
		return 0;
	diag_add(diags, at, "a second document: only one is read, put all into it");
	return -EINVAL;
}

static int
load_document(struct yaml *yaml, yaml_parser_t *parser, struct diags *diags)
{
	yaml_document_t doc;
	struct builder b = { .yaml = yaml, .doc = &doc, .diags = diags };

	if (!yaml_parser_load(parser, &doc)) {
		struct pos at = mark_pos(yaml, parser->problem_mark);

		if (parser->error == YAML_READER_ERROR)
			at = (struct pos){ yaml->name, 0, 0 };
		diag_add(diags, at, "not YAML: %s%s%s",
		    parser->problem ? parser->problem : "?", parser->context ? ", " : "",
		    parser->context ? parser->context : "");
		return -EINVAL;
	}
	yaml->root = take(yaml, sizeof *yaml->root);
	if (yaml->root == NULL) {
		yaml_document_delete(&doc);
		return -ENOMEM;
	}
	*yaml->root = (struct ynode){ .type = YNODE_MAP, .at = { yaml->name, 1, 1 } };
	if (yaml_document_get_root_node(&doc) != NULL)
		(void)build(&b, 1, 0, yaml->root);
	yaml_document_delete(&doc);
	return b.failed ? -EINVAL : refuse_second(yaml, parser, diags);
}

int
ydoc_parse(const char *name, struct str text, struct yaml **yaml_out, struct diags *diags)
{
	struct yaml *yaml = calloc(1, sizeof *yaml);
	yaml_parser_t parser;

	if (yaml == NULL || (yaml->name = strdup(name)) == NULL ||
	    !yaml_parser_initialize(&parser)) {
		ydoc_free(yaml);
		return -ENOMEM;
	}
	buf_add(&yaml->source, text);
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text.n ? text.p : ""),
	    text.n);
	bool ready = !yaml->source.failed && index_lines(yaml);
	int r = ready ? load_document(yaml, &parser, diags) : -ENOMEM;

	yaml_parser_delete(&parser);
	if (r < 0) {
		ydoc_free(yaml);
		return r;
	}
	*yaml_out = yaml;
	return 0;
}

static void
auto_fclose(FILE **f)
{
	if (*f != NULL)
		(void)fclose(*f);
}

int
ydoc_load(const char *path, struct yaml **yaml_out, struct diags *diags)
{
	AUTO(auto_fclose) FILE *f = fopen(path, "re");
	AUTO(buf_done) struct buf text = { 0 };
	struct stat st;

	if (f == NULL)
		return diag_errno(diags, path, "open");
	if (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return diag_errno(diags, path, "read");
	}
	while (buf_reserve(&text, 64 * 1024)) {
		size_t n = fread(text.p + text.n, 1, 64 * 1024, f);

		text.n += n;
		if (n == 0)
			break;
		if (text.n > YAML_MAX_BYTES) {
			diag_add(diags, (struct pos){ path, 0, 0 }, "larger than %d bytes",
			    YAML_MAX_BYTES);
			return -EFBIG;
		}
	}
	if (ferror(f))
		return diag_errno(diags, path, "read");
	if (text.failed)
		return -ENOMEM;
	return ydoc_parse(path, buf_str(&text), yaml_out, diags);
}

void
ydoc_free(struct yaml *yaml)
{
	if (yaml == NULL)
		return;
	for (struct chunk *c = yaml->chunks; c != NULL;) {
		struct chunk *next = c->next;

		free(c);
		c = next;
	}
	free(yaml->name);
	free(yaml->line_at);
	buf_done(&yaml->source);
	free(yaml);
}

void
auto_yaml(struct yaml **yaml)
{
	ydoc_free(*yaml);
}

const struct ynode *
ydoc_root(const struct yaml *yaml)
{
	return yaml->root;
}

struct pos
ynode_pos(const struct ynode *scalar, size_t offset)
{
	struct pos at = scalar->text_at;
	struct str text = str_head(scalar->text, offset);
	unsigned col = at.col;

	for (size_t i = 0; i < text.n; i++) {
		at.col++;
		if (text.p[i] == '\n' && scalar->is_block) {
			at.line++;
			at.col = col;
		}
	}
	return at;
}
