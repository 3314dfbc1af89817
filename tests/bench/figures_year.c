/*
 * figures_year - how long figures of a busy year take
 *
 *   figures_year STORE [MESSAGES [PROVIDERS [END]]]
 *
 * Makes a store with a year of hours such as MESSAGES (10 million) deliveries to PROVIDERS
 * (30) leave behind, if there is none, through store_add_event(). The year ends at the
 * midnight (UTC) before END, seconds since 1970. Then times store_get_figures()
 * of a week and of a year and store_get_lines() of each line, each with a new handle, and
 * prints the median of ROUNDS in milliseconds: by the clock, and of the processor, which a busy
 * machine does not spoil. Nothing fails for being slow.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "core/clock.h"
#include "store/figures.h"

enum { HOURS = 365 * 24, ROUNDS = 9, CODES = 12 };

#define HOUR_US (INT64_C(3600) * US_PER_S)
#define YEAR_US (HOURS * HOUR_US)
#define END_S 1759536000 /* where none is given */

static uint64_t random_state = 88172645463325252u;

static double
random01(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (double)(random_state >> 11) * 0x1.0p-53;
}

static void
stop_if(int r, const struct err *err)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "figures_year: %s\n", err->text);
	exit(1);
}

/* Small numbers are chosen far more often. */
static int
choose(int n)
{
	double u = random01();

	return (int)(u * u * u * n);
}

static struct event
event_at(int64_t at_us, enum event_kind kind, enum event_direction direction)
{
	struct event ev = { .time_us = at_us, .offset = -1 };

	event_set_text(&ev, EVF_host, STR("mx1"));
	event_set_text(&ev, EVF_mta, STR("postfix"));
	event_set_num(&ev, EVF_kind, kind);
	event_set_num(&ev, EVF_direction, direction);
	return ev;
}

/* Counted, with a weight, where a row for each would only take time. */
static void
add(struct store *store, struct event *ev, int64_t weight, struct err *err)
{
	event_set_num(ev, EVF_repeated, weight);
	stop_if(store_add_event(store, ev, err), err);
}

static void
add_delivery(struct store *store, int64_t at_us, int provider, int64_t weight,
    struct err *err)
{
	struct event ev = event_at(at_us, KIND_ATTEMPT, DIRECTION_OUTBOUND);
	char name[24], code[24];
	double u = random01();
	int n = snprintf(name, sizeof name, "provider%d", provider);

	event_set_text(&ev, EVF_provider, (struct str){ name, (size_t)n });
	event_set_num(&ev, EVF_outcome,
	    u < 0.9    ? OUTCOME_DELIVERED
	    : u < 0.97 ? OUTCOME_DEFERRED
		       : OUTCOME_BOUNCED);
	if (u < 0.9) {
		event_set_num(&ev, EVF_delay,
		    (int64_t)(exp(1.0 +
				  1.2 * (random01() + random01() + random01() - 1.5) * 2) *
			      1e6));
		if (random01() < 0.9)
			event_set_text(&ev, EVF_tls_version, STR("TLSv1.3"));
		if (random01() < 0.6)
			event_set_text(&ev, EVF_tls_verify, STR("verified"));
	} else {
		int c = choose(CODES);

		n = snprintf(code, sizeof code, "code-%d-%d", provider, c);
		event_set_text(&ev, EVF_code_id, (struct str){ code, (size_t)n });
		event_set_text(&ev, EVF_category,
		    c % 3 == 0 ? STR("rate-limited") : STR("mailbox-unknown"));
	}
	add(store, &ev, weight, err);
}

static void
add_inbound(struct store *store, int64_t at_us, struct err *err)
{
	static const char *const categories[] = { "mailbox-unknown", "spam", "relay-denied",
		"sender-unknown", "greylisted" };

	for (int i = 0; i < 5; i++) {
		struct event ev = event_at(at_us, KIND_REJECT, DIRECTION_INBOUND);

		event_set_text(&ev, EVF_category, str_of(categories[i]));
		add(store, &ev, 1 + choose(50), err);
	}
	for (int i = 0; i < 2; i++) {
		struct event ev = event_at(at_us, KIND_AUTH, DIRECTION_INBOUND);

		event_set_num(&ev, EVF_outcome,
		    i == 0 ? OUTCOME_UNKNOWN : OUTCOME_REJECTED);
		add(store, &ev, 1 + choose(500), err);
		ev = event_at(at_us, KIND_ACCEPTED, DIRECTION_INBOUND);
		event_set_text(&ev, EVF_relay_ip, STR("192.0.2.1"));
		event_set_num(&ev, EVF_origin, ORIGIN_REMOTE);
		if (i == 0)
			event_set_text(&ev, EVF_tls_version, STR("TLSv1.3"));
		add(store, &ev, 1 + choose(200), err);
	}
}

/* In an hour there are at most so many events; each stands for several messages. */
static void
make(struct store *store, int64_t begin_us, int64_t messages, int providers,
    struct err *err)
{
	int64_t an_hour = messages / HOURS;
	int64_t n = an_hour < 1200 ? an_hour : 1200;

	for (int h = 0; h < HOURS; h++) {
		int64_t at_us = begin_us + h * HOUR_US;
		struct ledger_counts ledger = { .lines = an_hour * 6,
			.events = an_hour * 5 };

		stop_if(store_begin(store, err), err);
		for (int64_t i = 0; i < n; i++)
			add_delivery(store, at_us, choose(providers), an_hour / n, err);
		add_inbound(store, at_us, err);
		stop_if(store_add_ledger(store, STR("/var/log/mail.log"), at_us, &ledger,
			    err),
		    err);
		stop_if(store_commit(store, err), err);
	}
}

/* --- timing --- */

static double
now_ms(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct asked {
	const char *name;
	enum figure_line line; /* LINE_COUNT: the figures */
	int64_t from_us, until_us, step_us;
};

static void
ask(struct store *store, const struct asked *a, struct err *err)
{
	struct figures f;
	struct figure_lines l;

	if (a->line == LINE_COUNT) {
		stop_if(store_get_figures(store, a->from_us, a->until_us, &f, err), err);
		figures_done(&f);
	} else {
		stop_if(store_get_lines(store, a->line, a->from_us, a->until_us, a->step_us,
			    &l, err),
		    err);
		figure_lines_done(&l);
	}
}

static void
measure(const char *path, const struct asked *a)
{
	double took[ROUNDS], worked[ROUNDS];
	struct err err;

	for (int i = 0; i < ROUNDS; i++) {
		struct store *store = NULL;

		stop_if(store_open(path, STORE_READ, &store, &err), &err);
		double begin = now_ms(CLOCK_MONOTONIC);
		double began = now_ms(CLOCK_PROCESS_CPUTIME_ID);

		ask(store, a, &err);
		took[i] = now_ms(CLOCK_MONOTONIC) - begin;
		worked[i] = now_ms(CLOCK_PROCESS_CPUTIME_ID) - began;
		store_close(store);
	}
	qsort(took, ROUNDS, sizeof *took, by_value);
	qsort(worked, ROUNDS, sizeof *worked, by_value);
	(void)printf("%-28s %8.1f ms, processor %8.1f ms\n", a->name, took[ROUNDS / 2],
	    worked[ROUNDS / 2]);
}

static void
measure_all(const char *path, int64_t end_us)
{
	static const char *const names[LINE_COUNT] = { "volume", "out", "providers",
		"failed", "delay", "tls", "logins" };
	const int64_t week_us = 7 * 24 * HOUR_US;
	const struct asked figures[] = {
		{ "figures, a week", LINE_COUNT, end_us - week_us - 5 * HOUR_US, end_us,
		    0 },
		{ "figures, a year", LINE_COUNT, end_us - YEAR_US + 5 * HOUR_US, end_us,
		    0 },
	};
	const struct {
		const char *name;
		int64_t from_us, step_us;
	} spans[] = {
		{ "a week, 1 h", end_us - week_us, 0 },
		{ "60 days, 1 h", end_us - 60 * 24 * HOUR_US, HOUR_US },
		{ "a year, 1 day", end_us - YEAR_US, 0 },
	};

	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
		measure(path, &figures[i]);
	for (int line = 0; line < LINE_COUNT; line++)
		for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
			char name[64];
			struct asked a = { name, (enum figure_line)line, spans[i].from_us,
				end_us, spans[i].step_us };

			(void)snprintf(name, sizeof name, "%s, %s", names[line],
			    spans[i].name);
			measure(path, &a);
		}
}

int
main(int argc, char **argv)
{
	int64_t end_s = argc > 4 ? atoll(argv[4]) : END_S;
	int64_t end_us = end_s / 86400 * 24 * HOUR_US;
	struct store *store = NULL;
	struct stat st;
	struct err err;

	if (argc < 2) {
		(void)fprintf(stderr,
		    "usage: figures_year STORE [MESSAGES [PROVIDERS [END]]]\n");
		return 2;
	}
	if (stat(argv[1], &st) < 0) {
		stop_if(store_open(argv[1], STORE_WRITE, &store, &err), &err);
		make(store, end_us - YEAR_US, argc > 2 ? atoll(argv[2]) : 10000000,
		    argc > 3 ? atoi(argv[3]) : 30, &err);
		store_close(store);
	}
	measure_all(argv[1], end_us);
	return 0;
}
