/* The catalogue's files: found in each folder, read by catalogue_rows.c, kept by id. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parsers/catalogue_phrases.h"
#include "parsers/catalogue_rows.h"

enum { CHUNK_BYTES = 64 * 1024, MAX_PATH = 4096 };

struct chunk {
	struct chunk *next;
	size_t used, size;
	max_align_t bytes[];
};

enum kind { PROVIDERS, CODES, SUSPICIONS, PHRASES, KINDS };

static const char *const file_names[KINDS] = { "providers.yaml", "codes.yaml",
	"suspected.yaml", "phrases.yaml" };

struct loading {
	struct row_reader reader;
	struct names seen;       /* ids of the file at hand */
	struct names seen_hosts; /* MX names and domains of the file at hand */
	bool faulty;
};

void *
catalogue_take(struct catalogue *cat, size_t bytes)
{
	struct chunk *c = cat->chunks;

	bytes = (bytes + 15) & ~(size_t)15;
	if (c == NULL || c->size - c->used < bytes) {
		size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;

		c = malloc(sizeof *c + size);
		if (c == NULL)
			return NULL;
		*c = (struct chunk){ cat->chunks, 0, size };
		cat->chunks = c;
	}
	void *p = (char *)c->bytes + c->used;

	c->used += bytes;
	return p;
}

/* Room for `more` rows of `size` bytes behind n. */
static int
reserve(void *array, size_t n, size_t more, size_t size)
{
	void *old, *new;

	memcpy(&old, array, sizeof old);
	new = realloc(old, (n + more + 1) * size);
	if (new == NULL)
		return -ENOMEM;
	memcpy(array, &new, sizeof new);
	return 0;
}

/* Was the name met in this file before? Remembers it. */
static int
check_twice(struct loading *l, struct names *seen, struct str name, struct pos at)
{
	uint32_t line;

	if (name.n > 0 && name.p[0] == '.')
		name = str_skip(name, 1);
	if (name.n > 0 && names_find(seen, name, &line)) {
		diag_add(l->reader.diags, at, "'%.*s' stands twice, first in line %u",
		    STR_ARG(name), line);
		return -EINVAL;
	}
	return name.n > 0 ? names_put(seen, name, at.line) : 0;
}

/* Where the row of that id goes: a new place, or that of the row it replaces. */
static int
place_of(struct names *ids, struct str id, size_t *n, size_t *index_out)
{
	uint32_t old;

	if (names_find(ids, id, &old)) {
		*index_out = old;
		return 0;
	}
	int r = names_put(ids, id, (uint32_t)*n);

	if (r == 0)
		*index_out = (*n)++;
	return r;
}

static int
add_provider(struct loading *l, const struct ynode *map)
{
	struct catalogue *cat = l->reader.cat;
	struct provider row;
	size_t i;
	int r;

	if (!read_provider(&l->reader, map, &row))
		return l->reader.no_memory ? -ENOMEM : -EINVAL;
	r = check_twice(l, &l->seen, row.id, map->at);
	for (size_t k = 0; r == 0 && k < row.mx.n; k++)
		r = check_twice(l, &l->seen_hosts, row.mx.p[k], map->at);
	if (r == 0)
		r = place_of(&cat->provider_ids, row.id, &cat->nproviders, &i);
	if (r == 0)
		cat->providers[i] = row;
	return r;
}

static int
add_code(struct loading *l, const struct ynode *map)
{
	struct catalogue *cat = l->reader.cat;
	struct code row;
	size_t i;
	int r;

	if (!read_code(&l->reader, map, &row))
		return l->reader.no_memory ? -ENOMEM : -EINVAL;
	r = check_twice(l, &l->seen, row.row.id, map->at);
	if (r == 0)
		r = place_of(&cat->code_ids, row.row.id, &cat->ncodes, &i);
	if (r == 0)
		cat->codes[i] = row;
	return r;
}

static int
add_suspicion(struct loading *l, const struct ynode *map)
{
	struct catalogue *cat = l->reader.cat;
	struct suspicion row;
	size_t i;
	int r;

	if (!read_suspicion(&l->reader, map, &row))
		return l->reader.no_memory ? -ENOMEM : -EINVAL;
	r = check_twice(l, &l->seen, row.id, map->at);
	if (r == 0)
		r = place_of(&cat->suspicion_ids, row.id, &cat->nsuspicions, &i);
	if (r == 0)
		cat->suspicions[i] = row;
	return r;
}

/* Sets and lists of phrases: those of a later folder come to those before. */
static int
add_phrases(struct loading *l, const struct ynode *map)
{
	struct catalogue *cat = l->reader.cat;
	struct word_set set;
	struct saying saying;
	size_t i;

	if (ynode_get(map, "set") == NULL) {
		if (!read_saying(&l->reader, map, &saying))
			return l->reader.no_memory ? -ENOMEM : -EINVAL;
		cat->sayings[cat->nsayings++] = saying;
		return 0;
	}
	if (!read_word_set(&l->reader, map, &set))
		return l->reader.no_memory ? -ENOMEM : -EINVAL;
	int r = check_twice(l, &l->seen, set.name, map->at);

	if (r == 0)
		r = place_of(&cat->set_names, set.name, &cat->nsets, &i);
	if (r == 0)
		cat->sets[i] = set;
	return r;
}

static int
reserve_rows(struct catalogue *cat, enum kind kind, size_t more)
{
	switch (kind) {
	case PROVIDERS:
		return reserve(&cat->providers, cat->nproviders, more,
		    sizeof *cat->providers);
	case CODES: return reserve(&cat->codes, cat->ncodes, more, sizeof *cat->codes);
	case PHRASES: {
		int r = reserve(&cat->sets, cat->nsets, more, sizeof *cat->sets);

		return r < 0 ? r
			     : reserve(&cat->sayings, cat->nsayings, more,
				   sizeof *cat->sayings);
	}
	default:
		return reserve(&cat->suspicions, cat->nsuspicions, more,
		    sizeof *cat->suspicions);
	}
}

static int
add_rows(struct loading *l, enum kind kind, const struct ynode *list)
{
	static int (*const add[KINDS])(struct loading *,
	    const struct ynode *) = { add_provider, add_code, add_suspicion, add_phrases };
	int r = reserve_rows(l->reader.cat, kind, list->n);

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		r = add[kind](l, &list->values[i]);
		if (r == -EINVAL) {
			l->faulty = true; /* go on: report every fault */
			r = 0;
		}
	}
	return r;
}

/* suspected.yaml has the words that hide a reply beside its rows. */
static const struct ynode *
open_suspicions(struct loading *l, const struct ynode *root)
{
	static const char *const keys[] = { "hidden", "rows", NULL };
	struct strs hidden;

	if (!ynode_is(root, YNODE_MAP, "a map with 'hidden' and 'rows'", l->reader.diags) ||
	    !ynode_check_keys(root, keys, l->reader.diags))
		l->faulty = true;
	hidden = read_words(&l->reader, root, "hidden");
	if (hidden.n > 0)
		l->reader.cat->hidden = hidden;
	return ynode_get(root, "rows");
}

static int
load_file(struct loading *l, enum kind kind, const char *path)
{
	AUTO(auto_yaml) struct yaml *yaml = NULL;
	size_t before = l->reader.diags->errors;
	int r = ydoc_load(path, &yaml, l->reader.diags);

	if (r == -EINVAL) {
		l->faulty = true;
		return 0;
	}
	if (r < 0)
		return r;

	const struct ynode *rows = ydoc_root(yaml);

	if (kind == SUSPICIONS)
		rows = open_suspicions(l, rows);
	else if (rows->type == YNODE_MAP && rows->n == 0)
		rows = NULL; /* an empty file */
	if (rows != NULL && ynode_is(rows, YNODE_LIST, "a list of rows", l->reader.diags))
		r = add_rows(l, kind, rows);
	names_done(&l->seen);
	names_done(&l->seen_hosts);
	if (l->reader.diags->errors != before)
		l->faulty = true;
	return r;
}

static int
load_kind(struct loading *l, enum kind kind, const char *const *dirs, size_t ndirs)
{
	bool found = false;

	for (size_t i = 0; i < ndirs; i++) {
		char path[MAX_PATH];
		int n = snprintf(path, sizeof path, "%s/%s", dirs[i], file_names[kind]);

		if (n < 0 || (size_t)n >= sizeof path) {
			errno = ENAMETOOLONG;
			return diag_errno(l->reader.diags, dirs[i], "open");
		}
		if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
			continue;
		found = true;
		int r = load_file(l, kind, path);

		if (r < 0)
			return r;
	}
	if (found || kind == PHRASES)
		return 0;
	diag_add(l->reader.diags, (struct pos){ ndirs > 0 ? dirs[ndirs - 1] : ".", 0, 0 },
	    "no %s here%s", file_names[kind],
	    ndirs > 1 ? ", nor in the folders before it" : "");
	return -ENOENT;
}

static int
index_names(struct names *names, const struct strs *list, size_t provider)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		struct str name = list->p[i];

		if (name.p[0] == '.')
			name = str_skip(name, 1);
		if (name.n > 0)
			r = names_put(names, name, (uint32_t)provider);
	}
	return r;
}

static bool
is_in_bucket(const struct code *code, size_t bucket)
{
	for (size_t i = 0; i < code->nstatus; i++)
		if (status_bucket(code->status[i].from) <= bucket &&
		    status_bucket(code->status[i].to) >= bucket)
			return true;
	return false;
}

/* Lists of codes without a token; bucket STATUS_BUCKETS: those without a status, too. */
static int
list_bare(struct catalogue *cat, size_t bucket, struct code_list *out)
{
	for (int round = 0; round < 2; round++) {
		if (round == 1)
			out->items = catalogue_take(cat, (out->n + 1) * sizeof *out->items);
		if (round == 1 && out->items == NULL)
			return -ENOMEM;
		out->n = 0;
		for (size_t i = 0; i < cat->ncodes; i++) {
			const struct code *code = &cat->codes[i];

			if (code->tokens.n > 0 ||
			    (bucket < STATUS_BUCKETS ? !is_in_bucket(code, bucket)
						     : code->nstatus > 0))
				continue;
			if (round == 1)
				out->items[out->n] = (uint32_t)i;
			out->n++;
		}
	}
	return 0;
}

static int
index_bare(struct catalogue *cat)
{
	int r = list_bare(cat, STATUS_BUCKETS, &cat->bare_smtp);

	for (size_t b = 0; r == 0 && b < STATUS_BUCKETS; b++)
		r = list_bare(cat, b, &cat->bare_status[b]);
	return r;
}

static int
index_catalogue(struct catalogue *cat)
{
	int r = tokens_build(cat);

	if (r == 0)
		r = phrases_build(cat);

	for (size_t i = 0; r == 0 && i < cat->nproviders; i++) {
		r = index_names(&cat->hosts, &cat->providers[i].mx, i);
		if (r == 0)
			r = index_names(&cat->domains, &cat->providers[i].domains, i);
	}
	if (r < 0)
		return r;
	return index_bare(cat);
}

int
catalogue_load(const char *const *dirs, size_t ndirs, struct catalogue **out,
    struct diags *diags)
{
	AUTO(auto_catalogue) struct catalogue *cat = calloc(1, sizeof *cat);
	struct loading l = { .reader = { .cat = cat, .diags = diags } };

	if (cat == NULL)
		return -ENOMEM;
	for (enum kind kind = PROVIDERS; kind < KINDS; kind++) {
		int r = load_kind(&l, kind, dirs, ndirs);

		if (r < 0)
			return r;
	}
	if (l.reader.no_memory)
		return -ENOMEM;
	if (l.faulty)
		return -EINVAL;
	int r = index_catalogue(cat);

	if (r < 0)
		return r;
	*out = cat;
	cat = NULL; /* handed over */
	return 0;
}

void
catalogue_free(struct catalogue *cat)
{
	if (cat == NULL)
		return;
	for (struct chunk *c = cat->chunks; c != NULL;) {
		struct chunk *next = c->next;

		free(c);
		c = next;
	}
	free(cat->providers);
	free(cat->codes);
	free(cat->suspicions);
	phrases_done(&cat->phrases);
	free(cat->sets);
	free(cat->sayings);
	names_done(&cat->set_names);
	names_done(&cat->provider_ids);
	names_done(&cat->code_ids);
	names_done(&cat->suspicion_ids);
	names_done(&cat->hosts);
	names_done(&cat->domains);
	free(cat);
}

void
auto_catalogue(struct catalogue **cat)
{
	catalogue_free(*cat);
}
