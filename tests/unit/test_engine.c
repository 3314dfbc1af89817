/*
 * rules/engine: replay equals live (design, invariant 3), and nothing grows without end.
 *
 * A random history of deliveries and refusals is fed once in one piece, then in random
 * pieces with a new engine after each, built from what the one before handed to its sink,
 * as after a restart: the incidents must be the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/clock.h"
#include "parsers/parser.h"
#include "rules/context.h"
#include "rules/engine.h"
#include "rules/series.h"

enum { HISTORY = 3000, MAX_STORED = 2000, MAX_SLOTS = 4000, MAX_SERIES = 200, ROUNDS = 20 };

#define START_US INT64_C(1795262400000000)

/* What a store would keep: incidents by id, slots, series by number; texts copied. */
struct memory {
	struct stored {
		struct incident in;
		struct buf text; /* owned: all its texts */
	} items[MAX_STORED];
	size_t n;
	int64_t notices;
	struct context_slot slots[MAX_SLOTS];
	char providers[MAX_SLOTS][40];
	size_t nslots;
	struct counted {
		struct series_row row; /* number 0: forgotten */
		struct buf text;       /* owned */
		struct series_record past[HISTORY_DAYS * 24];
		size_t npast;
	} series[MAX_SERIES];
	size_t nseries;
};

/* The texts of an incident that are kept. */
static const size_t incident_texts[] = {
	offsetof(struct incident, id),
	offsetof(struct incident, rule),
	offsetof(struct incident, trouble),
	offsetof(struct incident, group),
	offsetof(struct incident, host),
	offsetof(struct incident, provider),
	offsetof(struct incident, code_id),
	offsetof(struct incident, category),
	offsetof(struct incident, summary),
	offsetof(struct incident, advice),
	offsetof(struct incident, url),
	offsetof(struct incident, seen),
	offsetof(struct incident, affected),
	offsetof(struct incident, samples),
	offsetof(struct incident, senders_seen),
	offsetof(struct incident, recipients_seen),
};
static const size_t row_texts[] = {
	offsetof(struct series_row, rule),
	offsetof(struct series_row, group),
	offsetof(struct series_row, body),
};

/* Lets the texts of a struct, at these offsets, be copies in *text. */
static void
copy_texts(void *from, const size_t *offsets, size_t n, struct buf *text)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		buf_add(text, *(struct str *)((char *)from + offsets[i]));
	for (size_t i = 0; i < n; i++) {
		struct str *s = (struct str *)((char *)from + offsets[i]);

		s->p = text->p + at;
		at += s->n;
	}
}

struct fixture {
	struct ruleset *parsers;
	struct catalogue *catalogue;
	struct alert_rules *alerts;
};

static uint64_t random_state;

static uint32_t
rnd(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 33) % n;
}

static void
forget_stored(struct memory *m, size_t i)
{
	buf_done(&m->items[i].text);
	m->items[i] = m->items[--m->n];
}

static struct stored *
find_stored(struct memory *m, struct str id)
{
	for (size_t i = 0; i < m->n; i++)
		if (str_eq(m->items[i].in.id, id))
			return &m->items[i];
	return NULL;
}

static int
save(void *ctx, const struct incident *in)
{
	struct memory *m = ctx;
	struct stored *s = find_stored(m, in->id);
	struct stored fresh = { .in = *in };

	copy_texts(&fresh.in, incident_texts,
	    sizeof incident_texts / sizeof *incident_texts, &fresh.text);
	if (s == NULL) {
		assert_true(m->n < MAX_STORED);
		s = &m->items[m->n++];
	} else {
		buf_done(&s->text);
	}
	*s = fresh;
	return 0;
}

static int
forget(void *ctx, const struct incident *in)
{
	struct memory *m = ctx;
	struct stored *s = find_stored(m, in->id);

	assert_non_null(s);
	forget_stored(m, (size_t)(s - m->items));
	return 0;
}

static int
remember(void *ctx, const struct context_slot *slot)
{
	struct memory *m = ctx;

	size_t i = 0;

	while (i < m->nslots && m->slots[i].number != slot->number)
		i++;
	assert_true(i < MAX_SLOTS && slot->provider.n < sizeof m->providers[0]);
	m->nslots += i == m->nslots;
	if (slot->provider.n > 0)
		memcpy(m->providers[i], slot->provider.p, slot->provider.n);
	m->slots[i] = *slot;
	m->slots[i].provider.p = m->providers[i];
	return 0;
}

static int
save_series(void *ctx, const struct series_row *row, int64_t *number_out)
{
	struct memory *m = ctx;
	struct counted fresh = { .row = *row };

	if (row->number == 0)
		fresh.row.number = (int64_t)++m->nseries;
	assert_in_range(fresh.row.number, 1, MAX_SERIES);
	struct counted *c = &m->series[fresh.row.number - 1];

	copy_texts(&fresh.row, row_texts, sizeof row_texts / sizeof *row_texts,
	    &fresh.text);
	buf_done(&c->text);
	c->row = fresh.row;
	c->text = fresh.text;
	*number_out = c->row.number;
	return 0;
}

static int
save_record(void *ctx, int64_t number, const struct series_record *record)
{
	struct counted *c = &((struct memory *)ctx)->series[number - 1];
	size_t i = c->npast;

	while (i > 0 && c->past[i - 1].at >= record->at)
		i--;
	assert_true(i < sizeof c->past / sizeof *c->past);
	assert_true(i + 1 >= c->npast);
	c->past[i] = *record;
	c->npast = i + 1;
	return 0;
}

static int
forget_series(void *ctx, int64_t number)
{
	struct counted *c = &((struct memory *)ctx)->series[number - 1];

	buf_done(&c->text);
	*c = (struct counted){ 0 };
	return 0;
}

static int
tell(void *ctx, const struct incident *in, enum notice notice, int64_t at_us)
{
	struct memory *m = ctx;

	(void)in;
	(void)notice;
	(void)at_us;
	m->notices++;
	return 0;
}

static void
done_memory(struct memory *m)
{
	while (m->n > 0)
		forget_stored(m, m->n - 1);
	m->nslots = 0;
	m->notices = 0;
	while (m->nseries > 0)
		(void)forget_series(m, (int64_t)m->nseries--);
}

/* One random line: a provider delivers, refuses by a code, throttles, or times out. */
static void
make_line(struct buf *out, int64_t at_us)
{
	static const struct {
		const char *host;
		const char *words[3];
	} providers[] = {
		{ "hotmail-com.olc.protection.outlook.com",
		    { "550 5.7.1 part of their network is on our block list (S3140)",
			"451 4.7.650 temporarily rate limited due to IP reputation (S775)",
			"550 5.5.0 mailbox unavailable" } },
		{ "mx01.mail.icloud.com",
		    { "554 5.7.1 [HM08] Message rejected due to local policy.",
			"450 4.2.2 over quota", "550 5.1.1 user does not exist" } },
		{ "mx.example.net",
		    { "554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org",
			"450 4.2.0 Greylisted", "550 5.1.1 User unknown" } },
	};
	struct tm tm;
	time_t s = at_us / US_PER_S;
	char stamp[32];
	size_t p = rnd(3);
	uint32_t what = rnd(10);

	(void)gmtime_r(&s, &tm);
	(void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_clear(out);
	if (what == 0) {
		buf_addf(out,
		    "%s mx%u dovecot: master: Warning: service(imap-login): process_limit (9) "
		    "reached, client connections are being dropped",
		    stamp, rnd(2));
		return;
	}
	buf_addf(out,
	    "%s mx%u postfix/smtp[7]: 4bXkWz3qLRz%04u: to=<u%u@example.org>, relay=%s",
	    stamp, rnd(2), rnd(50), rnd(20), providers[p].host);
	buf_addf(out, "[203.0.113.%zu]:25, delay=1, delays=0/0/0/1, ", p);
	if (what < 4)
		buf_addf(out, "dsn=2.0.0, status=sent (250 ok)");
	else
		buf_addf(out,
		    "dsn=5.7.1, status=bounced (host %s[203.0.113.%zu] said: %s (in reply "
		    "to RCPT TO command))",
		    providers[p].host, p, providers[p].words[what < 7 ? 0 : what - 7]);
}

struct history {
	struct buf lines[HISTORY];
};

static void
make_history(struct history *h)
{
	int64_t at_us = START_US;

	for (size_t i = 0; i < HISTORY; i++) {
		at_us += rnd(600) * (int64_t)US_PER_S;
		if (rnd(50) == 0)
			at_us += 7200 * (int64_t)US_PER_S;
		make_line(&h->lines[i], at_us);
	}
}

struct feeding {
	struct engine *engine;
	struct str line;
	size_t events;
};

static void
on_event(void *ctx, struct event *ev)
{
	struct feeding *f = ctx;

	f->events++;
	assert_true(engine_feed(f->engine, ev, f->line));
}

static int
by_touched(const void *a, const void *b)
{
	int64_t x = (*(struct counted *const *)a)->row.touched;
	int64_t y = (*(struct counted *const *)b)->row.touched;

	return (x > y) - (x < y);
}

static void
restore_series(struct memory *m, struct engine *e)
{
	struct counted *order[MAX_SERIES];
	size_t n = 0;

	for (size_t i = 0; i < m->nseries; i++)
		if (m->series[i].row.number != 0)
			order[n++] = &m->series[i];
	qsort(order, n, sizeof *order, by_touched);
	for (size_t i = 0; i < n; i++) {
		struct series *s;

		assert_int_equal(engine_restore_series(e, &order[i]->row, &s), 0);
		for (size_t k = 0; k < order[i]->npast; k++)
			assert_int_equal(series_restore_record(s, &order[i]->past[k]), 0);
	}
}

/* As the store gives them back after a restart. */
static struct engine *
restart(const struct fixture *fx, struct memory *m)
{
	struct engine *e = engine_new(fx->alerts, fx->catalogue);

	assert_non_null(e);
	for (size_t i = 0; i < m->n; i++)
		if (m->items[i].in.state != INCIDENT_RESOLVED ||
		    m->items[i].in.resolved_us > 0)
			assert_int_equal(engine_restore(e, &m->items[i].in), 0);
	for (size_t i = 0; i < m->nslots; i++)
		engine_remember(e, &m->slots[i]);
	restore_series(m, e);
	engine_restored(e);
	return e;
}

/* restart_one_in: 0 never. */
static size_t
run_history(const struct fixture *fx, const struct history *h, struct memory *m,
    uint32_t restart_one_in)
{
	const struct series_sink series = { save_series, save_record, forget_series, m };
	const struct engine_sink sink = { save, forget, tell, NULL, remember, &series, m };
	struct parser *parser = parser_new(fx->parsers, fx->catalogue, START_US);
	struct feeding f = { .engine = engine_new(fx->alerts, fx->catalogue) };

	assert_non_null(parser);
	for (size_t i = 0; i < HISTORY; i++) {
		struct line line = { .text = buf_str(&h->lines[i]), .offset = -1 };

		f.line = line.text;
		assert_int_equal(parser_line(parser, &line, STR("test"), on_event, &f),
		    PARSE_EVENT);
		if (restart_one_in == 0 || rnd(restart_one_in) != 0)
			continue;
		assert_int_equal(engine_flush(f.engine, &sink), 0);
		if (rnd(2) == 0)
			continue;
		engine_free(f.engine);
		f.engine = restart(fx, m);
	}
	assert_int_equal(engine_flush(f.engine, &sink), 0);
	engine_free(f.engine);
	parser_free(parser);
	return f.events;
}

static void
assert_same_memory(struct memory *a, struct memory *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		struct stored *other = find_stored(b, a->items[i].in.id);
		struct buf x = { 0 }, y = { 0 };

		if (other == NULL)
			fail_msg("incident %.*s is missing", STR_ARG(a->items[i].in.id));
		incident_json(&a->items[i].in, &x);
		incident_json(&other->in, &y);
		if (!str_eq(buf_str(&x), buf_str(&y)))
			fail_msg("%s\n%s", buf_cstr(&x), buf_cstr(&y));
		assert_int_equal(a->items[i].in.streak, other->in.streak);
		buf_done(&x);
		buf_done(&y);
	}
}

static void
test_pieces_and_restarts(void **state)
{
	const struct fixture *fx = *state;
	static struct history h;
	static struct memory whole, pieces;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t seed = 1000 + round;

		random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
		make_history(&h);
		print_message("seed %llu: ", (unsigned long long)seed);
		assert_int_equal(run_history(fx, &h, &whole, 0), HISTORY);
		(void)run_history(fx, &h, &pieces, 1 + rnd(100));
		assert_same_memory(&whole, &pieces);
		assert_int_equal(whole.notices > 0, 1);
		print_message("%zu incidents\n", whole.n);
		done_memory(&whole);
		done_memory(&pieces);
	}
	for (size_t i = 0; i < HISTORY; i++)
		buf_done(&h.lines[i]);
}

/* Strangers may invent groups without end: the table has a ceiling, and counts what it drops. */
static void
test_many_groups(void **state)
{
	const struct fixture *fx = *state;
	struct engine *e = engine_new(fx->alerts, fx->catalogue);
	struct buf service = { 0 };

	assert_non_null(e);
	for (int i = 0; i < 3 * ENGINE_MAX_ALIVE; i++) {
		struct event ev = { .time_us = START_US };

		buf_clear(&service);
		buf_addf(&service, "s%d", i);
		event_set_num(&ev, EVF_kind, KIND_LIMIT);
		event_set_text(&ev, EVF_mta, STR("dovecot"));
		event_set_text(&ev, EVF_host, STR("mx1"));
		event_set_text(&ev, EVF_limit_name, STR("process_limit"));
		event_set_text(&ev, EVF_service, buf_str(&service));
		assert_true(engine_feed(e, &ev, STR("line")));
	}
	assert_int_equal(engine_alive(e), ENGINE_MAX_ALIVE);
	assert_int_equal(engine_dropped(e), 2 * ENGINE_MAX_ALIVE);

	/* That it is full finds room all the same. */
	struct event own = { .time_us = START_US };

	event_set_num(&own, EVF_kind, KIND_WARNING);
	event_set_text(&own, EVF_mta, STR("mailwarden"));
	event_set_text(&own, EVF_host, STR("mx1"));
	event_set_text(&own, EVF_limit_name, STR("table-full"));
	event_set_text(&own, EVF_text, STR("too many"));
	assert_true(engine_feed(e, &own, STR("line")));
	assert_int_equal(engine_alive(e), ENGINE_MAX_ALIVE + 1);
	buf_done(&service);
	engine_free(e);
}

static int
set_up(void **state)
{
	static struct fixture fx;
	static const char *const dirs[] = { SOURCE_DIR "/rules.d" };
	static const char *const catalogue_dirs[] = { SOURCE_DIR "/rules.d/catalogue" };
	struct diags diags = { 0 };

	if (ruleset_load(dirs, 1, &fx.parsers, &diags) < 0 ||
	    catalogue_load(catalogue_dirs, 1, &fx.catalogue, &diags) < 0 ||
	    alert_rules_load(dirs, 1, &fx.alerts, &diags) < 0) {
		diags_print(&diags, stderr);
		return -1;
	}
	diags_done(&diags);
	*state = &fx;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;

	alert_rules_free(fx->alerts);
	catalogue_free(fx->catalogue);
	ruleset_free(fx->parsers);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_and_restarts),
		cmocka_unit_test(test_many_groups),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
