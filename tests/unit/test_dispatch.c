/*
 * rules/dispatch: no rule that matches is left out. Random rules over random events: whatever
 * conditions_hold() accepts dispatch_pick() must have picked.
 */
#include "rules/dispatch.h"

#include <string.h>

#include "rules_text.h"

enum { RULES = 400, EVENTS = 4000, ROUNDS = 6 };

static uint64_t random_state;

static uint32_t
rnd(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 33) % n;
}

#define COUNT_OF(a) (sizeof(a) / sizeof *(a))
#define PICK(a) ((a)[rnd(COUNT_OF(a))])

static const char *const kinds[] = { "attempt", "accepted", "reject", "dsn", "limit",
	"tls" };
static const char *const outcomes[] = { "delivered", "deferred", "bounced", "rejected" };
static const char *const texts[] = { "sender", "recipient", "provider", "code_id", "reply",
	"relay_name", "sasl_user", "status", "host", "mta", "text" };
static const char *const values[] = { "", "alpha", "beta", "gamma", "alpha@example.org",
	"blocked using zen", "BLOCKED USING zen", "5.7.1", "a", "mx1", "smtp.example.net",
	"xx block list yy", "blocklist", "blocked  using", "user\\\\1", "aabbcc", "Abcd",
	"41bcd" };

/* Patterns that hold, or seem to hold, a literal. */
static const char *const patterns[] = {
	"block list",
	"blocks? list",
	"(?:alpha|beta|blocked) ?(?:using|@example)",
	"(alpha|x(?:blocked|gamma)+)",
	"(?:alpha|beta)?gamma",
	"(?:alpha|)using",
	"alpha(?:beta)*",
	"alpha(?:beta){0,2}t?",
	"(?:alph[ae]|bl[^x]cked|[]x]alpha)",
	"[[:alpha:]]lpha",
	"alpha[\\]@]",
	"(?<name>alpha)",
	"(?=alpha)al",
	"(?<!x)alpha",
	"(?i:ALPHA)",
	"(alpha)|\\1beta",
	"a(?:l(?:p(?:h(?:a|b)|x)|y)|z)",
	"blocked]?",
	"blocked}",
	"(((((((((alpha)))))))))",
	"blocked|gamma",
	"(?:alpha|beta)@example",
	"blo[ck]+ed using",
	"alp(ha)?",
	"^alpha",
	"example\\.org$",
	"alphax?",
	"alphabetax{0,4}",
	"blocked +using",
	"blocked.*using",
	"bloc\\x6bed using",
	"\\x41bcd",
	"\\x{41}bcd",
	"\\o{101}bcd",
	"\\101bcd",
	"\\Qblocked\\E using",
	"\\Qexample.o\\Erg",
	"\\d\\.7\\.1",
	"\\w+@example",
	"al\\w+",
	"[a-z]{4,}",
	"a{2}b{2}c{2}",
	"aabbcc{2}",
	"aabbcc{0}",
	"blocked\\s+using",
	"smtp\\.exam",
	"\\bsmtp\\b",
	"(?x) alpha # a remark",
	"(?i)ALPHA",
	"ALPHA",
	"alpha@",
	"\\p{L}lpha",
	"\\pLlpha",
	"^$",
	"",
	"user\\\\",
	"user\\\\1",
	"\\Huser",
	"block(?# remark )list",
	"blocklist*",
	"xx? block",
	"xx block(?=list| list)",
	"alpha??@",
	"alphaz*+@",
	"alpha++@",
	"\\cAlpha",
};

/* One condition, and "not" before it now and then. */
static void
add_condition(struct buf *out, const char *field)
{
	bool negate = rnd(4) == 0;

	buf_addf(out, ", %s: ", field);
	if (negate)
		buf_addf(out, "{ not: ");
	switch (rnd(5)) {
	case 0: buf_addf(out, "'%s'", PICK(values)); break;
	case 1:
		buf_addf(out, "[ '%s', '%s', '%s' ]", PICK(values), PICK(values),
		    PICK(values));
		break;
	case 2: buf_addf(out, "{ known: %s }", rnd(2) == 0 ? "true" : "false"); break;
	default: buf_addf(out, "{ match: '%s' }", PICK(patterns)); break;
	}
	if (negate)
		buf_addf(out, " }");
}

static void
add_conditions(struct buf *out)
{
	size_t first = rnd(COUNT_OF(texts)), n = rnd(4);

	buf_addf(out, "{ ");
	switch (rnd(4)) {
	case 0: buf_addf(out, "kind: %s", PICK(kinds)); break;
	case 1: buf_addf(out, "kind: [ %s, %s ]", kinds[rnd(3)], kinds[3 + rnd(3)]); break;
	case 2: buf_addf(out, "kind: { not: %s }", PICK(kinds)); break;
	default: buf_addf(out, "smtp_code: { not: 999 }"); break;
	}
	switch (rnd(4)) {
	case 0: buf_addf(out, ", outcome: %s", PICK(outcomes)); break;
	case 1:
		buf_addf(out, ", outcome: { not: [ %s, bounced ] }", outcomes[rnd(2)]);
		break;
	case 2: buf_addf(out, ", outcome: { known: %s }", rnd(2) == 0 ? "true" : "false");
	}
	for (size_t i = 0; i < n; i++)
		add_condition(out, texts[(first + i * 3) % COUNT_OF(texts)]);
	buf_addf(out, " }");
}

static struct alert_rules *
random_rules(void)
{
	AUTO(buf_done) struct buf text = { 0 };

	buf_addf(&text, "rules:\n");
	for (int i = 0; i < RULES; i++) {
		buf_addf(&text, "  - { name: r%d, summary: x, when: ", i);
		add_conditions(&text);
		if (rnd(3) == 0) {
			buf_addf(&text, ", detector: ratio, among: ");
			add_conditions(&text);
		} else {
			buf_addf(&text, ", resolves: { after: 1h, when: ");
			add_conditions(&text);
			buf_addf(&text, " }");
		}
		buf_addf(&text, " }\n");
	}
	return good_rules(buf_cstr(&text));
}

static void
random_event(struct event *ev)
{
	*ev = (struct event){ .time_us = 1 };
	if (rnd(20) != 0)
		(void)event_set(ev, EVF_kind, str_of(PICK(kinds)));
	if (rnd(3) != 0)
		(void)event_set(ev, EVF_outcome, str_of(PICK(outcomes)));
	if (rnd(3) != 0)
		event_set_num(ev, EVF_smtp_code, 550);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		if (rnd(3) != 0)
			event_set_text(ev, event_field_find(str_of(texts[i])),
			    str_of(PICK(values)));
}

static void
assert_picked(const uint64_t *bits, const struct alert_rules *rules, size_t i,
    const struct conditions *c, const struct event *ev)
{
	AUTO(buf_done) struct buf json = { 0 };

	if (!conditions_hold(c, ev) || (bits[i / 64] >> i % 64 & 1) != 0)
		return;
	event_json(ev, &json);
	for (size_t k = 0; k < c->n; k++)
		print_message("%s%s ", event_field_name(c->items[k].field),
		    c->items[k].negate ? " not" : "");
	fail_msg("rule %s, line %u, is not picked for %s", rules->rules[i].name.p,
	    rules->rules[i].node->at.line, buf_cstr(&json));
}

static void
test_superset(void **state)
{
	size_t held = 0, picked_bits = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
		struct alert_rules *rules = random_rules();
		struct dispatch *d = dispatch_new(rules);

		assert_non_null(d);
		print_message("seed %llu\n", (unsigned long long)seed);
		for (int i = 0; i < EVENTS; i++) {
			struct event ev;

			random_event(&ev);
			struct picked picked = dispatch_pick(d, &ev);

			for (size_t k = 0; k < rules->nrules; k++) {
				const struct alert_rule *rule = &rules->rules[k];

				assert_picked(picked.when, rules, k, &rule->when, &ev);
				if (rule->has_healthy)
					assert_picked(picked.signs, rules, k,
					    &rule->healthy, &ev);
				if (rule->has_among)
					assert_picked(picked.signs, rules, k, &rule->among,
					    &ev);
				held += conditions_hold(&rule->when, &ev);
				picked_bits += picked.when[k / 64] >> k % 64 & 1;
			}
		}
		dispatch_free(d);
		alert_rules_free(rules);
	}
	print_message("%zu held, %zu picked, of %d\n", held, picked_bits,
	    ROUNDS * EVENTS * RULES);
	assert_true(held > 1000);
	assert_true(picked_bits < (size_t)ROUNDS * EVENTS * RULES / 4);
}

/* Each pattern alone, on each text: no literal may be wanted that a match has not. */
static void
test_literals(void **state)
{
	static const char *const more[] = { "ABCD", "Abcd", "a\001lpha", "\001lpha", "alph",
		"aabbc", "aabb", "aab", "bcc", "xyz", "block list", "block lis", "blocklis",
		"user\\1", "user\\", "x block", "1.7.1", "alph@", "alphabeta", "alphabet" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(patterns); i++) {
		AUTO(buf_done) struct buf text = { 0 };

		buf_addf(&text,
		    "rules:\n  - { name: r, summary: x, resolves: { after: 1h }, when: { "
		    "kind: limit, text: { match: '%s' } } }\n",
		    patterns[i]);
		struct alert_rules *rules = good_rules(buf_cstr(&text));
		struct dispatch *d = dispatch_new(rules);

		for (size_t k = 0; k < COUNT_OF(values) + COUNT_OF(more); k++) {
			struct event ev = { 0 };

			event_set_num(&ev, EVF_kind, KIND_LIMIT);
			event_set_text(&ev, EVF_text,
			    str_of(k < COUNT_OF(values) ? values[k]
							: more[k - COUNT_OF(values)]));
			struct picked picked = dispatch_pick(d, &ev);

			if (conditions_hold(&rules->rules[0].when, &ev) &&
			    picked.when[0] == 0)
				fail_msg("'%s' wants '%.*s', which is not in '%.*s'",
				    patterns[i],
				    STR_ARG(*rules->rules[0].when.items[1].values),
				    STR_ARG(event_text(&ev, EVF_text)));
		}
		dispatch_free(d);
		alert_rules_free(rules);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_literals),
		cmocka_unit_test(test_superset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
