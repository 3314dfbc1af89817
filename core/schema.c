/* The checks of core/yaml.h that every schema needs: types, known keys, numbers, spans. */
#include "core/yaml.h"

#include <string.h>

#include "core/clock.h"

const struct ynode *
ynode_get(const struct ynode *map, const char *key)
{
	if (map == NULL || map->type != YNODE_MAP)
		return NULL;
	for (size_t i = 0; i < map->n; i++)
		if (str_eq(map->keys[i].text, str_of(key)))
			return &map->values[i];
	return NULL;
}

bool
ynode_is(const struct ynode *node, enum ynode_type type, const char *expected,
    struct diags *diags)
{
	static const char *const found[] = { "a single value", "a list", "a map" };

	if (node->type == type)
		return true;
	diag_add(diags, node->at, "expected %s, found %s", expected, found[node->type]);
	return false;
}

enum { MAX_WORD = 40 };

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edits that make b of a, two letters in the wrong order being one (Damerau 1964); words up
 * to MAX_WORD bytes. */
static size_t
distance(struct str a, struct str b)
{
	size_t rows[3][MAX_WORD + 1]; /* this one, the last, the one before */

	if (a.n > MAX_WORD || b.n > MAX_WORD)
		return MAX_WORD;
	for (size_t j = 0; j <= b.n; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *row = rows[i % 3], *last = rows[(i + 2) % 3];
		const size_t *before = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			row[j] = least(last[j] + 1, row[j - 1] + 1);
			row[j] = least(row[j], last[j - 1] + (a.p[i - 1] != b.p[j - 1]));
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
			    a.p[i - 2] == b.p[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return rows[a.n % 3][b.n];
}

const char *
nearest_word(struct str word, const char *const *allowed)
{
	const char *best = NULL;
	size_t nearest = word.n <= 4 ? 2 : 3; /* farther is no misspelling */

	for (; *allowed != NULL; allowed++) {
		size_t d = distance(word, str_of(*allowed));

		if (d < nearest) {
			nearest = d;
			best = *allowed;
		}
	}
	return best;
}

static bool
is_among(struct str word, const char *const *allowed)
{
	for (; *allowed != NULL; allowed++)
		if (str_eq(word, str_of(*allowed)))
			return true;
	return false;
}

bool
ynode_check_keys(const struct ynode *map, const char *const *allowed, struct diags *diags)
{
	bool good = true;

	for (size_t i = 0; i < map->n; i++) {
		struct str key = map->keys[i].text;

		if (is_among(key, allowed))
			continue;
		const char *near = nearest_word(key, allowed);

		good = false;
		if (near != NULL)
			diag_add(diags, map->keys[i].at,
			    "unknown key '%.*s', did you mean '%s'?", STR_ARG(key), near);
		else
			diag_add(diags, map->keys[i].at, "unknown key '%.*s'",
			    STR_ARG(key));
	}
	return good;
}

struct str
ynode_text(const struct ynode *map, const char *key, struct str fallback,
    struct diags *diags)
{
	const struct ynode *node = ynode_get(map, key);

	if (node == NULL || !ynode_is(node, YNODE_SCALAR, "a single value", diags))
		return fallback;
	return node->text;
}

int64_t
ynode_int(const struct ynode *map, const char *key, int64_t fallback, int64_t min,
    int64_t max, struct diags *diags)
{
	const struct ynode *node = ynode_get(map, key);
	int64_t v;

	if (node == NULL || !ynode_is(node, YNODE_SCALAR, "a number", diags))
		return fallback;
	if (!str_to_int(node->text, &v) || v < min || v > max) {
		diag_add(diags, node->at,
		    "'%s' must be a whole number from %lld to %lld, not '%.*s'", key,
		    (long long)min, (long long)max, STR_ARG(node->text));
		return fallback;
	}
	return v;
}

bool
ynode_bool(const struct ynode *map, const char *key, bool fallback, struct diags *diags)
{
	const struct ynode *node = ynode_get(map, key);

	if (node == NULL || !ynode_is(node, YNODE_SCALAR, "yes or no", diags))
		return fallback;
	if (str_eq(node->text, STR("yes")) || str_eq(node->text, STR("true")))
		return true;
	if (str_eq(node->text, STR("no")) || str_eq(node->text, STR("false")))
		return false;
	diag_add(diags, node->at, "'%s' must be yes or no, not '%.*s'", key,
	    STR_ARG(node->text));
	return fallback;
}

int64_t
ynode_span_us(const struct ynode *map, const char *key, int64_t fallback_us,
    struct diags *diags)
{
	const struct ynode *node = ynode_get(map, key);
	int64_t v;

	if (node == NULL || !ynode_is(node, YNODE_SCALAR, "a span such as 30m", diags))
		return fallback_us;
	if (clock_parse_span(node->text, &v))
		return v;
	diag_add(diags, node->at,
	    "'%s' must be a span such as 30s, 5m, 6h or 2d, not '%.*s'", key,
	    STR_ARG(node->text));
	return fallback_us;
}
