/* Events that count, for the tests of store/figures.c. */
#ifndef TESTS_FIGURE_BOX_H
#define TESTS_FIGURE_BOX_H

#include "store/figures.h"
#include "store_box.h"

/* A midnight, UTC. */
#define D0 (INT64_C(20000) * DAY_US)

struct told {
	int64_t at_us;
	enum event_kind kind;
	enum event_direction direction;
	enum event_outcome outcome;
	const char *provider, *category, *code_id;
	int64_t repeated;
	int64_t delay_us; /* -1: not told */
	const char *tls_version, *tls_verify;
};

static inline void
set_text(struct event *ev, enum event_field f, const char *text)
{
	if (text != NULL)
		event_set_text(ev, f, str_of(text));
}

static inline void
tell(struct box *b, const struct told *t)
{
	struct event ev = { .time_us = t->at_us, .offset = -1 };

	event_set_text(&ev, EVF_host, STR("mx1"));
	event_set_text(&ev, EVF_mta, STR("postfix"));
	event_set_num(&ev, EVF_kind, t->kind);
	event_set_num(&ev, EVF_direction, t->direction);
	event_set_num(&ev, EVF_outcome, t->outcome);
	set_text(&ev, EVF_provider, t->provider);
	set_text(&ev, EVF_category, t->category);
	set_text(&ev, EVF_code_id, t->code_id);
	set_text(&ev, EVF_tls_version, t->tls_version);
	set_text(&ev, EVF_tls_verify, t->tls_verify);
	if (t->repeated != 0)
		event_set_num(&ev, EVF_repeated, t->repeated);
	if (t->delay_us != -1)
		event_set_num(&ev, EVF_delay, t->delay_us);
	check(b, store_add_event(b->store, &ev, &b->err));
}

static inline void
sent(struct box *b, int64_t at_us, const char *provider, int64_t delay_us)
{
	const struct told t = { at_us, KIND_ATTEMPT, DIRECTION_OUTBOUND, OUTCOME_DELIVERED,
		provider, NULL, NULL, 0, delay_us, NULL, NULL };

	tell(b, &t);
}

static inline void
failed(struct box *b, int64_t at_us, const char *provider, const char *category,
    const char *code_id)
{
	const struct told t = { at_us, KIND_ATTEMPT, DIRECTION_OUTBOUND, OUTCOME_DEFERRED,
		provider, category, code_id, 0, -1, NULL, NULL };

	tell(b, &t);
}

static inline struct figures
figures_of(struct box *b, int64_t from_us, int64_t until_us)
{
	struct figures f;

	check(b, store_get_figures(b->store, from_us, until_us, &f, &b->err));
	return f;
}

#endif
