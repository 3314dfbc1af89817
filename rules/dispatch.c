#include "rules/dispatch.h"

#include <stdlib.h>
#include <string.h>

enum {
	WHEN,
	SIGNS,
	ROLES,
	GRAM = 4,         /* bytes of a literal that are looked for */
	GRAM_BITS = 4096, /* of the filter before the table */
	TABLE = 8192,
};

/* A rule to look at if a field has this value, or holds this gram. */
struct entry {
	struct entry *next;
	enum event_field field;
	struct str value; /* of the rule; of a gram the literal */
	uint64_t hash;
	uint32_t kinds, outcomes; /* as in struct conditions */
	size_t rule;
	int role;
};

struct dispatch {
	size_t words;
	/* By kind and outcome: rules without a value or literal to look for. */
	uint64_t *always[KIND_COUNT][OUTCOME_COUNT][ROLES]; /* into `bits` */
	uint64_t *bits;                                     /* owned */
	struct entry *values[TABLE], *grams[TABLE];         /* owned */
	uint64_t value_fields[KIND_COUNT]; /* EVENT_BIT of fields to look up */
	uint64_t gram_fields[KIND_COUNT][OUTCOME_COUNT];
	uint8_t gram_filter[GRAM_BITS / 8];
	struct picked picked;   /* owned */
	unsigned kind, outcome; /* of the event in hand */
};

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The low bits are looked at. */
static uint32_t
mixed(uint32_t gram)
{
	gram *= 2654435761u;
	return gram << 16 | gram >> 16;
}

static uint32_t
gram_at(const char *p)
{
	uint32_t g = 0;

	for (size_t i = 0; i < GRAM; i++)
		g = g << 8 | (unsigned char)lower(p[i]);
	return mixed(g);
}

static uint64_t
value_hash(enum event_field field, struct str value)
{
	return (str_hash(value) ^ (uint64_t)field << 56) * UINT64_C(0x9e3779b97f4a7c15) >>
	       8;
}

static bool
add_entry(struct entry **table, struct entry entry)
{
	struct entry *e = malloc(sizeof *e);

	if (e == NULL)
		return false;
	*e = entry;
	e->next = table[entry.hash % TABLE];
	table[entry.hash % TABLE] = e;
	return true;
}

/* --- making it --- */

/* Fields of which a log holds few values, each often. */
#define COMMON_FIELDS                                                                 \
	(EVENT_BIT(EVF_provider) | EVENT_BIT(EVF_status) | EVENT_BIT(EVF_category) |  \
	    EVENT_BIT(EVF_process) | EVENT_BIT(EVF_mailer) | EVENT_BIT(EVF_service) | \
	    EVENT_BIT(EVF_tls_role) | EVENT_BIT(EVF_tls_version) |                    \
	    EVENT_BIT(EVF_tls_cipher) | EVENT_BIT(EVF_tls_verify) |                   \
	    EVENT_BIT(EVF_dsn_action) | EVENT_BIT(EVF_limit_name) | EVENT_BIT(EVF_rule))
#define USELESS_FIELDS (EVENT_BIT(EVF_host) | EVENT_BIT(EVF_mta))

static const struct condition *
with_values(const struct conditions *c, uint64_t but)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->items[i].test == CONDITION_ONE_OF && !c->items[i].negate &&
		    event_field_is_text(c->items[i].field) &&
		    (but & EVENT_BIT(c->items[i].field)) == 0)
			return &c->items[i];
	return NULL;
}

/* Of the literals one of which every match has. */
static size_t
shortest(const struct condition *c)
{
	size_t n = c->nvalues == 0 ? 0 : SIZE_MAX;

	for (size_t i = 0; i < c->nvalues; i++)
		n = c->values[i].n < n ? c->values[i].n : n;
	return n;
}

static const struct condition *
with_literal(const struct conditions *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->items[i].test == CONDITION_MATCH && !c->items[i].negate &&
		    shortest(&c->items[i]) >= GRAM)
			return &c->items[i];
	return NULL;
}

static bool
add_values(struct dispatch *d, const struct conditions *c, const struct condition *by,
    size_t rule, int role)
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		if ((c->kinds >> kind & 1) != 0)
			d->value_fields[kind] |= EVENT_BIT(by->field);
	for (size_t i = 0; i < by->nvalues; i++)
		if (!add_entry(d->values, (struct entry){ .field = by->field,
					      .value = by->values[i],
					      .hash = value_hash(by->field, by->values[i]),
					      .kinds = c->kinds,
					      .outcomes = c->outcomes,
					      .rule = rule,
					      .role = role }))
			return false;
	return true;
}

static bool
add_grams(struct dispatch *d, const struct conditions *c, const struct condition *by,
    size_t rule, int role)
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++)
			if ((c->kinds >> kind & 1) != 0 &&
			    (c->outcomes >> outcome & 1) != 0)
				d->gram_fields[kind][outcome] |= EVENT_BIT(by->field);
	for (size_t i = 0; i < by->nvalues; i++) {
		uint32_t gram = gram_at(by->values[i].p);

		d->gram_filter[gram % GRAM_BITS / 8] |= (uint8_t)(1u << gram % 8);
		if (!add_entry(d->grams, (struct entry){ .field = by->field,
					     .value = by->values[i],
					     .hash = gram,
					     .kinds = c->kinds,
					     .outcomes = c->outcomes,
					     .rule = rule,
					     .role = role }))
			return false;
	}
	return true;
}

static bool
add_conditions(struct dispatch *d, const struct conditions *c, size_t rule, int role)
{
	const struct condition *by = with_values(c, COMMON_FIELDS | USELESS_FIELDS);

	if (by != NULL)
		return add_values(d, c, by, rule, role);
	if ((by = with_literal(c)) != NULL)
		return add_grams(d, c, by, rule, role);
	if ((by = with_values(c, USELESS_FIELDS)) != NULL)
		return add_values(d, c, by, rule, role);
	for (int kind = 0; kind < KIND_COUNT; kind++)
		for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++)
			if ((c->kinds >> kind & 1) != 0 &&
			    (c->outcomes >> outcome & 1) != 0)
				d->always[kind][outcome][role][rule / 64] |= UINT64_C(1)
									     << rule % 64;
	return true;
}

static bool
add_rules(struct dispatch *d, const struct alert_rules *rules)
{
	for (size_t i = 0; i < rules->nrules; i++) {
		const struct alert_rule *rule = &rules->rules[i];

		if (!add_conditions(d, &rule->when, i, WHEN) ||
		    (rule->has_healthy && !add_conditions(d, &rule->healthy, i, SIGNS)) ||
		    (rule->has_among && !add_conditions(d, &rule->among, i, SIGNS)))
			return false;
	}
	return true;
}

struct dispatch *
dispatch_new(const struct alert_rules *rules)
{
	struct dispatch *d = calloc(1, sizeof *d);
	size_t words = rules->nrules / 64 + 1;

	if (d == NULL)
		return NULL;
	d->words = d->picked.words = words;
	d->bits =
	    calloc((size_t)KIND_COUNT * OUTCOME_COUNT * ROLES * words, sizeof *d->bits);
	d->picked.when = calloc(words, sizeof *d->picked.when);
	d->picked.signs = calloc(words, sizeof *d->picked.signs);
	if (d->bits == NULL || d->picked.when == NULL || d->picked.signs == NULL) {
		dispatch_free(d);
		return NULL;
	}
	uint64_t *at = d->bits;

	for (int kind = 0; kind < KIND_COUNT; kind++)
		for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++)
			for (int role = 0; role < ROLES; role++, at += words)
				d->always[kind][outcome][role] = at;
	if (!add_rules(d, rules)) {
		dispatch_free(d);
		return NULL;
	}
	return d;
}

static void
free_table(struct entry **table)
{
	for (size_t i = 0; i < TABLE; i++)
		for (struct entry *e = table[i], *next; e != NULL; e = next) {
			next = e->next;
			free(e);
		}
}

void
dispatch_free(struct dispatch *d)
{
	if (d == NULL)
		return;
	free_table(d->values);
	free_table(d->grams);
	free(d->bits);
	free(d->picked.when);
	free(d->picked.signs);
	free(d);
}

/* --- asking it --- */

static void
pick(struct dispatch *d, const struct entry *e)
{
	uint64_t *bits = e->role == WHEN ? d->picked.when : d->picked.signs;

	if ((e->kinds >> d->kind & e->outcomes >> d->outcome & 1) == 0)
		return;
	bits[e->rule / 64] |= UINT64_C(1) << e->rule % 64;
}

static void
pick_by_value(struct dispatch *d, const struct event *ev, enum event_field field)
{
	struct str value = event_text(ev, field);
	uint64_t hash = value_hash(field, value);

	for (const struct entry *e = d->values[hash % TABLE]; e != NULL; e = e->next)
		if (e->hash == hash && e->field == field && str_eq(e->value, value))
			pick(d, e);
}

/* Those whose literal begins where text does. */
static void
pick_literals(struct dispatch *d, enum event_field field, struct str text, uint32_t gram)
{
	for (const struct entry *e = d->grams[gram % TABLE]; e != NULL; e = e->next)
		if (e->hash == gram && e->field == field && e->value.n <= text.n &&
		    str_eq_nocase(e->value, str_head(text, e->value.n)))
			pick(d, e);
}

static void
pick_by_gram(struct dispatch *d, const struct event *ev, enum event_field field)
{
	struct str text = event_text(ev, field);
	uint32_t raw = 0;

	for (size_t i = 0; i < text.n; i++) {
		raw = raw << 8 | (unsigned char)lower(text.p[i]);
		uint32_t gram = mixed(raw);

		if ((d->gram_filter[gram % GRAM_BITS / 8] >> gram % 8 & 1) != 0 &&
		    i + 1 >= GRAM)
			pick_literals(d, field, str_skip(text, i + 1 - GRAM), gram);
	}
}

struct picked
dispatch_pick(struct dispatch *d, const struct event *ev)
{
	int64_t kind = event_num(ev, EVF_kind), outcome = event_num(ev, EVF_outcome);
	size_t bytes = d->words * sizeof(uint64_t);

	d->kind = (unsigned)kind;
	d->outcome = (unsigned)outcome;
	memcpy(d->picked.when, d->always[kind][outcome][WHEN], bytes);
	memcpy(d->picked.signs, d->always[kind][outcome][SIGNS], bytes);
	for (uint64_t f = d->value_fields[kind] & ev->has; f != 0; f &= f - 1)
		pick_by_value(d, ev, (enum event_field)__builtin_ctzll(f));
	for (uint64_t f = d->gram_fields[kind][outcome] & ev->has; f != 0; f &= f - 1)
		pick_by_gram(d, ev, (enum event_field)__builtin_ctzll(f));
	return d->picked;
}
