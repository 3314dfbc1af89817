#include "cli/trace.h"

#include <errno.h>
#include <stdlib.h>

#include "store/reports.h"

enum { MOST_STEPS_UP = 16 };

/* --- texts --- */

static struct str
keep(struct trace *t, struct str text)
{
	char **more = realloc(t->kept, (t->nkept + 1) * sizeof *more);
	char *copy = more == NULL ? NULL : str_dup(text);

	if (more != NULL)
		t->kept = more;
	if (copy == NULL)
		return (struct str){ NULL, 0 };
	t->kept[t->nkept++] = copy;
	return (struct str){ copy, text.n };
}

/* Sets in to what it does not have. False without memory. */
static bool
keep_event(struct trace *t, struct event *to, const struct event *from)
{
	for (int f = 0; f < EVF_COUNT; f++) {
		enum event_field field = (enum event_field)f;

		if (!event_has(from, field) || event_has(to, field))
			continue;
		if (!event_field_is_text(field)) {
			event_set_num(to, field, event_num(from, field));
			continue;
		}
		struct str text = keep(t, event_text(from, field));

		if (text.p == NULL)
			return false;
		event_set_text(to, field, text);
	}
	return true;
}

void
trace_free(struct trace *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->nkept; i++)
		free(t->kept[i]);
	free(t->kept);
	for (size_t i = 0; i < TRACE_HOPS; i++)
		free(t->hops[i].attempts);
	free(t);
}

/* --- one queue id --- */

struct loading {
	struct trace *t;
	struct trace_hop *hop;
	struct str host;
	int64_t at_us;
};

/* Short queue ids are given again: rows that contradict are of another message. */
static bool
is_other(const struct event *hop, const struct event *row)
{
	static const enum event_field fields[] = { EVF_sender, EVF_message_id };

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (event_has(hop, fields[i]) && event_has(row, fields[i]) &&
		    !str_eq(event_text(hop, fields[i]), event_text(row, fields[i])))
			return true;
	return event_has(hop, EVF_size) && event_has(row, EVF_size) &&
	       event_num(hop, EVF_size) != event_num(row, EVF_size);
}

static bool
add_attempt(struct loading *l, const struct event *ev)
{
	struct trace_hop *hop = l->hop;

	if (hop->n == TRACE_ATTEMPTS) {
		hop->left_out++;
		return true;
	}
	struct event *more = realloc(hop->attempts, (hop->n + 1) * sizeof *more);

	if (more == NULL)
		return false;
	hop->attempts = more;
	more[hop->n] = (struct event){ .time_us = ev->time_us, .offset = -1 };
	return keep_event(l->t, &more[hop->n++], ev);
}

static int
on_row(void *ctx, const struct event *ev)
{
	struct loading *l = ctx;
	struct trace_hop *hop = l->hop;
	bool is_message = event_num(ev, EVF_kind) == KIND_ACCEPTED;

	if (!str_eq(event_text(ev, EVF_host), l->host))
		return 0;
	if (is_message && is_other(&hop->ev, ev)) {
		if (ev->time_us > l->at_us)
			return 1; /* the next one's */
		free(hop->attempts);
		*hop = (struct trace_hop){ .parent = hop->parent };
	}
	if (hop->ev.has == 0)
		hop->ev = (struct event){ .time_us = ev->time_us, .offset = -1 };
	hop->last_us = ev->time_us;
	if (is_message)
		return keep_event(l->t, &hop->ev, ev) ? 0 : -ENOMEM;
	/* What the message is called, if no row of its own does. */
	struct event name = *ev;

	name.has &= EVENT_BIT(EVF_host) | EVENT_BIT(EVF_mta) | EVENT_BIT(EVF_queue_id);
	return keep_event(l->t, &hop->ev, &name) && add_attempt(l, ev) ? 0 : -ENOMEM;
}

static int
on_bounce(void *ctx, const struct event *ev)
{
	struct loading *l = ctx;

	if (!str_eq(event_text(ev, EVF_host), l->host))
		return 0;
	return add_attempt(l, ev) ? 0 : -ENOMEM;
}

/* 1: it is there, 0: nothing is known of it. */
static int
load_hop(struct store *store, struct trace *t, struct trace_hop *hop, struct str host,
    struct str queue_id, int64_t at_us, struct err *err)
{
	struct loading l = { t, hop, host, at_us };
	size_t parent = hop->parent;

	free(hop->attempts);
	*hop = (struct trace_hop){ .parent = parent };
	int r = store_each_of_queue_id(store, queue_id, at_us - TRACE_LIFE_US,
	    at_us + TRACE_LIFE_US, on_row, &l, err);

	if (r >= 0 && hop->ev.has != 0)
		r = store_each_bounce(store, queue_id, hop->ev.time_us,
		    hop->last_us + TRACE_LIFE_US, on_bounce, &l, err);
	if (r == -ENOMEM)
		return err_set(err, r, "out of memory");
	return r < 0 ? r : hop->ev.has != 0;
}

/* --- the whole way --- */

static bool
is_hop(const struct trace_hop *hop, struct str host, struct str queue_id, int64_t at_us)
{
	return str_eq(event_text(&hop->ev, EVF_queue_id), queue_id) &&
	       str_eq(event_text(&hop->ev, EVF_host), host) && at_us >= hop->ev.time_us &&
	       at_us <= hop->last_us;
}

bool
trace_has(const struct trace *t, struct str host, struct str queue_id, int64_t at_us)
{
	for (size_t i = 0; i < t->n; i++)
		if (is_hop(&t->hops[i], host, queue_id, at_us))
			return true;
	return false;
}

/* From the first place to where the message came in. */
static int
go_up(struct store *store, struct trace *t, struct err *err)
{
	struct trace_hop *root = &t->hops[0], *above = &t->hops[1];

	for (int i = 0; i < MOST_STEPS_UP; i++) {
		struct str related = event_text(&root->ev, EVF_related_queue_id);

		if (related.n == 0)
			break;
		int r = load_hop(store, t, above, event_text(&root->ev, EVF_host), related,
		    root->ev.time_us, err);

		if (r <= 0)
			return r;
		struct trace_hop swap = *root;

		*root = *above;
		*above = swap;
	}
	return 0;
}

struct child {
	int64_t at_us;
	struct str queue_id;
};

struct children {
	struct trace *t;
	struct str host;
	struct child found[TRACE_HOPS];
	size_t n;
	bool cut;
};

static int
on_child(void *ctx, const struct event *ev)
{
	struct children *c = ctx;

	if (!str_eq(event_text(ev, EVF_host), c->host))
		return 0;
	if (c->n == TRACE_HOPS) {
		c->cut = true;
		return 1;
	}
	struct str queue_id = keep(c->t, event_text(ev, EVF_queue_id));

	if (queue_id.p == NULL)
		return -ENOMEM;
	c->found[c->n++] = (struct child){ ev->time_us, queue_id };
	return 0;
}

static int
go_down(struct store *store, struct trace *t, size_t parent, struct err *err)
{
	const struct event *ev = &t->hops[parent].ev;
	struct children c = { .t = t, .host = event_text(ev, EVF_host) };
	int r = store_each_related(store, event_text(ev, EVF_queue_id), ev->time_us,
	    t->hops[parent].last_us + TRACE_LIFE_US, on_child, &c, err);

	if (r == -ENOMEM)
		return err_set(err, r, "out of memory");
	t->cut |= c.cut;
	for (size_t i = 0; r >= 0 && i < c.n; i++) {
		if (trace_has(t, c.host, c.found[i].queue_id, c.found[i].at_us))
			continue;
		if (t->n == TRACE_HOPS) {
			t->cut = true;
			break;
		}
		r = load_hop(store, t, &t->hops[t->n], c.host, c.found[i].queue_id,
		    c.found[i].at_us, err);
		if (r > 0)
			t->hops[t->n++].parent = parent;
	}
	return r < 0 ? r : 0;
}

int
trace_load(struct store *store, struct str host, struct str queue_id, int64_t at_us,
    struct trace **out, struct err *err)
{
	struct trace *t = calloc(1, sizeof *t);

	if (t == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	int r = load_hop(store, t, &t->hops[0], host, queue_id, at_us, err);

	if (r == 0)
		r = -ENOENT;
	if (r > 0)
		r = go_up(store, t, err);
	t->n = 1;
	t->hops[0].parent = SIZE_MAX;
	for (size_t i = 0; r == 0 && i < t->n; i++)
		r = go_down(store, t, i, err);
	if (r < 0) {
		trace_free(t);
		return r;
	}
	*out = t;
	return 0;
}
