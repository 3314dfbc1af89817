#include "store/tally.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "rules/tls_sessions.h"
#include "store/figures.h"

static_assert(sizeof(struct tally_key) == 32, "no padding: keys are compared as bytes");
static_assert(TALLY_SLOTS <= UINT16_MAX, "slots are named by 16 bits");

enum {
	DAY_S = 86400,
	/* A delay that is longer is a forged line; nor is its sum worth more repeats. */
	DELAY_MAX_S = 30 * DAY_S,
	DELAY_MAX_WEIGHT = 1000,
};

/* --- gathering --- */

/* The key's slot, or the free one where it belongs; half of the table is always free. */
static struct tally_slot *
find_slot(struct tallies *tallies, const struct tally_key *key)
{
	uint64_t hash = str_hash((struct str){ (const char *)key, sizeof *key });
	size_t at = (size_t)(hash % TALLY_SLOTS);

	while (tallies->slots[at].used &&
	       memcmp(&tallies->slots[at].key, key, sizeof *key) != 0)
		at = (at + 1) % TALLY_SLOTS;
	return &tallies->slots[at];
}

int
tallies_add(struct tallies *tallies, struct db *db, const struct tally_key *key,
    int64_t count, struct err *err)
{
	struct tally_slot *slot = find_slot(tallies, key);

	if (!slot->used && tallies->n == TALLY_KEYS) {
		int r = tallies_flush(tallies, db, err);

		if (r < 0)
			return r;
		slot = find_slot(tallies, key);
	}
	if (!slot->used) {
		*slot = (struct tally_slot){ .key = *key, .used = true };
		tallies->order[tallies->n++] = (uint16_t)(slot - tallies->slots);
	}
	slot->count += count;
	return 0;
}

int64_t
tally_day(int64_t hour)
{
	return hour - ((hour % DAY_S) + DAY_S) % DAY_S;
}

int
tally_mark(struct db *db, int64_t *mark_out, struct err *err)
{
	struct query q = query_kept(db, Q_TALLY_MARK);
	int r = query_next(&q, "read store", err);

	*mark_out = r > 0 ? query_col_int(&q, 0) : INT64_MIN;
	query_end(&q);
	return r < 0 ? r : 0;
}

/* A later day has begun: those before it are summed, and from now on written twice. */
static int
sum_days(struct db *db, int64_t mark, int64_t day, struct err *err)
{
	struct query q = query_kept(db, Q_TALLY_DAYS);
	char text[24];
	int n = snprintf(text, sizeof text, "%lld", (long long)day);

	query_int(&q, mark);
	query_int(&q, day);
	int r = query_run(&q, "write to store", err);

	if (r < 0)
		return r;
	q = query_kept(db, Q_META_SET);
	query_text(&q, STR(TALLY_MARK));
	query_text(&q, (struct str){ text, (size_t)n });
	return query_run(&q, "write to store", err);
}

/* The day that the latest of them is of. */
static int64_t
last_day(const struct tallies *tallies)
{
	int64_t day = INT64_MIN;

	for (size_t i = 0; i < tallies->n; i++) {
		int64_t one = tally_day(tallies->slots[tallies->order[i]].key.hour);

		day = one > day ? one : day;
	}
	return day;
}

static int
write_row(struct db *db, const struct tally_slot *slot, enum tally_grain grain,
    struct err *err)
{
	const struct tally_key *key = &slot->key;
	struct query q = query_kept(db, Q_TALLY_ADD);

	query_int(&q, grain);
	query_int(&q, grain == TALLY_DAY ? tally_day(key->hour) : key->hour);
	query_int(&q, key->what);
	query_int(&q, key->provider);
	query_int(&q, key->value);
	query_int(&q, key->word);
	query_int(&q, key->code);
	query_int(&q, slot->count);
	return query_run(&q, "write to store", err);
}

int
tallies_flush(struct tallies *tallies, struct db *db, struct err *err)
{
	int64_t day = last_day(tallies), mark;

	if (tallies->n == 0)
		return 0;
	int r = tally_mark(db, &mark, err);

	if (r == 0 && day > mark) {
		r = sum_days(db, mark, day, err);
		mark = day;
	}
	for (size_t i = 0; r == 0 && i < tallies->n; i++) {
		const struct tally_slot *slot = &tallies->slots[tallies->order[i]];

		r = write_row(db, slot, TALLY_HOUR, err);
		if (r == 0 && slot->key.hour < mark)
			r = write_row(db, slot, TALLY_DAY, err);
	}
	if (r == 0)
		tallies_clear(tallies);
	return r;
}

void
tallies_clear(struct tallies *tallies)
{
	for (size_t i = 0; i < tallies->n; i++)
		tallies->slots[tallies->order[i]].used = false;
	tallies->n = 0;
}

/* --- what an event counts for --- */

int
tally_bucket(int64_t delay_us)
{
	int bucket = 0;

	while (bucket < FIGURE_BUCKETS - 1 && delay_us > figure_delay_bound(bucket))
		bucket++;
	return bucket;
}

enum tally_tls
tally_tls(const struct event *ev)
{
	if (!event_has(ev, EVF_tls_version))
		return TALLY_PLAIN;
	if (tls_is_verified(event_text(ev, EVF_tls_verify)))
		return TALLY_VERIFIED;
	return TALLY_ENCRYPTED;
}

/* What is being counted, for the functions below. */
struct tallying {
	struct tallies *tallies;
	struct db *db;
	const struct event *ev;
	const struct tally_words *words;
	int64_t weight;
	struct tally_key key; /* hour and, where there is one, provider */
	struct err *err;
};

static int
add(const struct tallying *c, enum tally_what what, uint32_t value)
{
	struct tally_key key = c->key;

	key.what = what;
	key.value = value;
	return tallies_add(c->tallies, c->db, &key, c->weight, c->err);
}

static int
add_word(const struct tallying *c, enum tally_what what, uint32_t value, uint32_t word,
    uint32_t code)
{
	struct tally_key key = c->key;

	key.what = what;
	key.value = value;
	key.word = word;
	key.code = code;
	return tallies_add(c->tallies, c->db, &key, c->weight, c->err);
}

static int
count_delay(const struct tallying *c)
{
	int64_t delay_us = event_num(c->ev, EVF_delay);
	struct tally_key key = c->key;

	if (delay_us < 0)
		delay_us = 0;
	if (delay_us > DELAY_MAX_S * (int64_t)US_PER_S)
		delay_us = DELAY_MAX_S * (int64_t)US_PER_S;
	int r = add(c, TALLY_DELAY, (uint32_t)tally_bucket(delay_us));

	if (r < 0)
		return r;
	key.what = TALLY_DELAY_SUM;
	return tallies_add(c->tallies, c->db, &key,
	    (delay_us + 500) / 1000 *
		(c->weight < DELAY_MAX_WEIGHT ? c->weight : DELAY_MAX_WEIGHT),
	    c->err);
}

static int
count_out(struct tallying *c, uint32_t outcome)
{
	c->key.provider = c->words->provider;
	int r = add(c, TALLY_OUT, outcome);

	if (r == 0 && outcome > OUTCOME_DELIVERED)
		return add_word(c, TALLY_REASON, outcome, c->words->category,
		    c->words->code_id);
	if (r < 0 || outcome != OUTCOME_DELIVERED)
		return r;
	r = add(c, TALLY_TLS, tally_tls(c->ev));
	return r == 0 && event_has(c->ev, EVF_delay) ? count_delay(c) : r;
}

/* As COUNTED of store/status.c, but for rejects. */
static int
count_attempt(struct tallying *c, enum event_kind kind)
{
	uint32_t outcome = (uint32_t)event_num(c->ev, EVF_outcome);

	if (kind != KIND_ATTEMPT && outcome != OUTCOME_EXPIRED)
		return 0;
	switch ((enum event_direction)event_num(c->ev, EVF_direction)) {
	case DIRECTION_INTERNAL:
		return kind == KIND_ATTEMPT ? add(c, TALLY_INTERNAL, outcome) : 0;
	case DIRECTION_LOCAL: return add(c, TALLY_LOCAL, outcome);
	default: return count_out(c, outcome);
	}
}

/*
 * Of a message's lines the one that names its client: Postfix "client=", sendmail "from=",
 * OpenSMTPD "message"; not what comes back from a filter. Postfix tells of a login by that
 * line alone.
 */
static int
count_accepted(const struct tallying *c)
{
	const struct event *ev = c->ev;
	int64_t origin = event_num(ev, EVF_origin);
	struct str mta = event_text(ev, EVF_mta);
	int r = 0;

	if (origin == ORIGIN_BOUNCE && str_eq(mta, STR("opensmtpd")))
		return add(c, TALLY_BOUNCE, 0); /* it has no line for that */
	if (event_has(ev, EVF_related_queue_id) ||
	    (!event_has(ev, EVF_relay_ip) && !event_has(ev, EVF_relay_name)))
		return 0;
	if (origin == ORIGIN_REMOTE)
		r = add(c, TALLY_ACCEPTED, tally_tls(ev));
	if (r == 0 && event_has(ev, EVF_sasl_user) && str_eq(mta, STR("postfix")))
		r = add_word(c, TALLY_LOGIN, OUTCOME_DELIVERED, c->words->mta, 0);
	return r;
}

/*
 * A login that fails may have two lines: dovecot's auth process tells it besides the login
 * process, OpenSMTPD as an answer to a command besides. One of them counts.
 */
static bool
is_told_besides(const struct event *ev)
{
	struct str mta = event_text(ev, EVF_mta);

	if (str_eq(mta, STR("dovecot")))
		return !str_ends(event_text(ev, EVF_service), STR("-login"));
	return str_eq(mta, STR("opensmtpd")) && event_has(ev, EVF_smtp_code);
}

static int
count_auth(const struct tallying *c)
{
	bool failed = event_num(c->ev, EVF_outcome) > OUTCOME_DELIVERED;

	if (event_num(c->ev, EVF_direction) != DIRECTION_INBOUND || is_told_besides(c->ev))
		return 0;
	return add_word(c, TALLY_LOGIN, failed ? OUTCOME_REJECTED : OUTCOME_DELIVERED,
	    c->words->mta, 0);
}

static bool
is_bounce_made(const struct event *ev)
{
	return !event_has(ev, EVF_report_id) &&
	       str_eq(event_text(ev, EVF_dsn_action), STR("failed"));
}

int
tallies_count(struct tallies *tallies, struct db *db, const struct event *ev,
    const struct tally_words *words, int64_t hour, int64_t weight, struct err *err)
{
	struct tallying c = { tallies, db, ev, words, weight, { .hour = hour }, err };
	enum event_kind kind = (enum event_kind)event_num(ev, EVF_kind);
	int r = 0;

	switch (kind) {
	case KIND_REJECT: return add_word(&c, TALLY_REJECT, 0, words->category, 0);
	case KIND_STORED:
		r = add(&c, TALLY_STORED, (uint32_t)event_num(ev, EVF_outcome));
		break;
	case KIND_ACCEPTED: r = count_accepted(&c); break;
	case KIND_AUTH: r = count_auth(&c); break;
	case KIND_LIMIT: r = add_word(&c, TALLY_LIMIT, 0, words->mta, 0); break;
	case KIND_DSN: r = is_bounce_made(ev) ? add(&c, TALLY_BOUNCE, 0) : 0; break;
	default: break;
	}
	return r < 0 ? r : count_attempt(&c, kind);
}
