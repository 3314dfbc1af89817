/* Routing: from notices that are due to rows for the channels, and on to the fallbacks. */
#include <errno.h>
#include <stdlib.h>

#include "notify/post_impl.h"

/* --- channels come and go with the configuration --- */

struct names {
	char *items[64];
	size_t n;
	struct post *post;
};

static void
names_done(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->items[i]);
}

static int
keep_stranger(void *ctx, struct str name)
{
	struct names *names = ctx;

	if (post_channel(names->post, name) != NULL ||
	    names->n == sizeof names->items / sizeof *names->items)
		return 0;
	names->items[names->n] = str_dup(name);
	return names->items[names->n++] == NULL ? -ENOMEM : 0;
}

static int
keep_strange_row(void *ctx, const struct channel_row *row)
{
	return keep_stranger(ctx, row->name);
}

static int
forget_strangers(struct post *post, struct err *err)
{
	AUTO(names_done) struct names names = { .post = post };
	int r = delivery_each_channel(post->store, keep_stranger, &names, err);

	if (r == 0)
		r = channel_row_each(post->store, keep_strange_row, &names, err);
	if (r == -ENOMEM)
		return err_set(err, r, "read outbox: out of memory");
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		struct str name = str_of(names.items[i]);

		r = delivery_forget_channel(post->store, name, err);
		if (r == 0)
			r = channel_row_forget(post->store, name, err);
	}
	return r;
}

static int
prepare(struct post *post, struct err *err)
{
	int r = forget_strangers(post, err);

	for (size_t i = 0; r == 0 && i < post->nchannels; i++) {
		const struct channel_settings *channel = post->channels[i].settings;

		r = channel_row_add(post->store, str_of(channel->name),
		    str_of(channel_kind_name(channel->kind)), err);
	}
	return r;
}

/* --- a clock that was set back --- */

/* Nothing waits longer than a failure of now would make it wait. */
static int
bound_waits(struct post *post, int64_t now_us, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < post->nchannels; i++) {
		struct post_channel *channel = &post->channels[i];
		struct str name = str_of(channel->settings->name);
		struct channel_row row;

		if ((r = post_look_at(post, name, &row, err)) < 0)
			return r;
		/* At the start the other side may have asked for more. */
		int64_t wait_us = channel->looked
				      ? post_back_off_us(channel, row.tries, now_us)
				      : POST_LONGEST_WAIT_S * (int64_t)US_PER_S;

		if (channel->not_before_us > now_us + wait_us)
			channel->not_before_us = now_us + wait_us;
		r = delivery_bound(post->store, name, now_us, now_us + wait_us, err);
	}
	return r;
}

/* --- one notice --- */

struct planning {
	struct post *post;
	int64_t now_us;
	int64_t notice; /* its number */
	enum notice what;
	struct str id;
	const struct incident *incident; /* NULL: gone, or a test */
	struct route_list list;
	size_t added;
	int64_t again_us; /* a reminder is too early for all: not before */
	struct err *err;
};

static int
add(struct planning *p, const struct route_entry *entry, int rank, int64_t due_us)
{
	p->added++;
	return delivery_add(p->post->store, p->notice, str_of(entry->channel->name), rank,
	    due_us, p->err);
}

static int
add_all(struct planning *p)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->list.n; i++) {
		const struct route_entry *entry = &p->list.entries[i];

		r = add(p, entry, entry->rank,
		    entry->rank == 0 ? entry->due_us : INT64_MAX);
	}
	return r;
}

/* Who was told that it is open hears that it is over, unless no route says so. */
static int
add_resolution(void *ctx, struct str name)
{
	struct planning *p = ctx;
	const struct route_entry *entry = route_list_find(&p->list, name);
	const struct post_channel *channel = post_channel(p->post, name);
	bool any = false;

	if (channel == NULL)
		return 0;
	for (size_t i = 0; i < p->list.n; i++)
		any |= p->list.entries[i].resolved;
	if (entry == NULL ? !any : !entry->resolved)
		return 0;
	p->added++;
	return delivery_add(p->post->store, p->notice, name, 0,
	    entry != NULL && entry->rank == 0 ? entry->due_us : p->now_us, p->err);
}

static int
add_resolutions(struct planning *p)
{
	return delivery_each_told(p->post->store,
	    p->incident == NULL ? STR("") : p->incident->id, p->notice, add_resolution, p,
	    p->err);
}

/* Only where nothing was told of it for about as long as the reminder takes. */
static int
add_reminders(struct planning *p)
{
	int r = 0;

	p->again_us = INT64_MAX;
	for (size_t i = 0; r == 0 && i < p->list.n; i++) {
		const struct route_entry *entry = &p->list.entries[i];
		int64_t told_us;

		if (entry->rank > 0 || entry->repeat_us == 0)
			continue;
		r = delivery_last_told(p->post->store, p->incident->id,
		    str_of(entry->channel->name), &told_us, p->err);
		int64_t due_us = told_us + entry->repeat_us;

		if (r == 0 && told_us <= p->now_us &&
		    due_us - entry->repeat_us / 10 > p->now_us)
			p->again_us = due_us < p->again_us ? due_us : p->again_us;
		else if (r == 0)
			r = add(p, entry, 0, entry->due_us);
	}
	for (size_t i = 0; r == 0 && p->added > 0 && i < p->list.n; i++)
		if (p->list.entries[i].rank > 0)
			r = add(p, &p->list.entries[i], p->list.entries[i].rank, INT64_MAX);
	return r;
}

static bool
is_stale_reminder(const struct planning *p)
{
	return p->what == NOTICE_REMINDER &&
	       (p->incident == NULL || p->incident->state != INCIDENT_OPEN ||
		   p->incident->ack_at_us != 0);
}

static int
nobody(struct planning *p)
{
	struct str why =
	    p->what == NOTICE_RESOLVED
		? STR("nobody was told: nobody had been told of its opening, or no "
		      "route wants resolutions")
		: STR("nobody was told: no route matches");

	if (p->what == NOTICE_REMINDER && p->again_us != INT64_MAX)
		return delivery_put_off(p->post->store, p->notice, p->again_us, p->err);
	if (p->what == NOTICE_REMINDER)
		return delivery_drop(p->post->store, p->notice, p->err);
	return delivery_nobody(p->post->store, p->notice, why, p->now_us, p->err);
}

static int
plan_routes(struct planning *p)
{
	struct route_names names = post_names(p->post);
	int r;

	if (route_find(p->post->settings, p->incident, p->now_us, &names, &p->list) < 0)
		return err_set(p->err, -ENOMEM, "read outbox: out of memory");
	if (p->what == NOTICE_RESOLVED && p->incident != NULL)
		r = add_resolutions(p);
	else if (p->what == NOTICE_REMINDER)
		r = add_reminders(p);
	else
		r = add_all(p);
	if (r == 0 && p->added == 0)
		r = nobody(p);
	route_list_done(&p->list);
	return r;
}

static int
plan_incident(void *ctx, const struct incident *incident)
{
	struct planning *p = ctx;
	int64_t until_us = 0;
	int r;

	p->incident = incident;
	if (is_stale_reminder(p))
		return delivery_drop(p->post->store, p->notice, p->err);
	r = store_silenced_until(p->post->store, incident, p->now_us, &until_us, p->err);
	if (r == 0 && until_us > p->now_us)
		return delivery_put_off(p->post->store, p->notice, until_us, p->err);
	return r < 0 ? r : plan_routes(p);
}

static int
plan_digest(struct planning *p)
{
	int r;

	if (route_find_digest(p->post->settings, p->post->context.host, p->now_us,
		&p->list) < 0)
		return err_set(p->err, -ENOMEM, "read outbox: out of memory");
	r = add_all(p);
	if (r == 0 && p->added == 0)
		r = delivery_nobody(p->post->store, p->notice,
		    STR("nobody was told: no channel takes digests"), p->now_us, p->err);
	route_list_done(&p->list);
	return r;
}

static int
plan_one(struct planning *p, struct str incident)
{
	if (p->what == NOTICE_DIGEST)
		return plan_digest(p);
	int r = store_find_incident(p->post->store, incident, plan_incident, p, p->err);

	if (r != -ENOENT)
		return r;
	p->incident = NULL;
	if (is_stale_reminder(p))
		return delivery_drop(p->post->store, p->notice, p->err);
	return plan_routes(p);
}

/* --- all that are due --- */

struct waiting_notice {
	int64_t number;
	enum notice what;
	char *incident;
};

struct waiting_notices {
	struct waiting_notice items[POST_PLANNED_AT_ONCE];
	size_t n;
};

static void
waiting_done(struct waiting_notices **waiting)
{
	for (size_t i = 0; *waiting != NULL && i < (*waiting)->n; i++)
		free((*waiting)->items[i].incident);
	free(*waiting);
}

static int
keep_notice(void *ctx, int64_t number, const struct outbox_row *row)
{
	struct waiting_notices *waiting = ctx;
	struct waiting_notice *new = &waiting->items[waiting->n];

	if (waiting->n == POST_PLANNED_AT_ONCE)
		return 1;
	*new = (struct waiting_notice){ number, row->notice, str_dup(row->incident) };
	waiting->n++;
	return new->incident == NULL ? -ENOMEM : 0;
}

/* Those who should tell have failed for long: others do. */
static int
call_fallbacks(struct post *post, int64_t now_us, struct err *err)
{
	int r = 0;

	/* A fallback may have failed for long as well: each of them calls for the next. */
	for (size_t round = 0; r == 0 && round < post->nchannels; round++)
		for (size_t i = 0; r == 0 && i < post->nchannels; i++) {
			struct str name = str_of(post->channels[i].settings->name);
			struct channel_row row;

			r = post_look_at(post, name, &row, err);
			if (r == 0 && post_is_passed_over(post, &row, now_us))
				r = delivery_call_fallbacks(post->store, name, now_us, err);
		}
	return r;
}

/* 1: notices of the future were made notices of now, look again. */
static int
plan_batch(struct post *post, const struct waiting_notices *waiting, int64_t now_us,
    struct err *err)
{
	int moved = 0, r = store_begin(post->store, err);

	if (r < 0)
		return r;
	if (!post->prepared)
		r = prepare(post, err);
	if (r == 0 && post->stepped)
		r = bound_waits(post, now_us, err);
	/* Also where the step was not seen: nobody looked while the clock was ahead. */
	if (r == 0)
		moved = delivery_step_back(post->store, now_us, err);
	if (moved < 0)
		r = moved;
	for (size_t i = 0; r == 0 && i < waiting->n; i++) {
		struct planning p = {
			.post = post,
			.now_us = now_us,
			.notice = waiting->items[i].number,
			.what = waiting->items[i].what,
			.again_us = INT64_MAX,
			.err = err,
		};

		r = plan_one(&p, str_of(waiting->items[i].incident));
	}
	if (r == 0)
		r = call_fallbacks(post, now_us, err);
	if (r == 0)
		r = delivery_finish(post->store, err);
	if ((r = post_end_batch(post, r, err)) < 0)
		return r;
	post->prepared = true;
	post->stepped = false;
	return moved;
}

/* A look that writes nothing, so that a wake-up for nothing costs nothing. */
static int
has_plans(struct post *post, int64_t now_us, struct err *err)
{
	int64_t due_us;
	int r = post_next_due(post, NULL, now_us, &due_us, err);

	return r < 0 ? r : post->stepped || due_us <= now_us;
}

int
post_plan(struct post *post, int64_t now_us, struct err *err)
{
	int planned = 0, r;

	post_notice_time(post, now_us);
	if ((r = post_save_unsaved(post, err)) < 0)
		return r;
	while ((r = has_plans(post, now_us, err)) > 0) {
		AUTO(waiting_done)
		struct waiting_notices *waiting = calloc(1, sizeof *waiting);

		r = waiting == NULL ? -ENOMEM : 0;
		/* Without a channel they wait for one. */
		if (r == 0 && post_has_channels(post))
			r = delivery_each_unplanned(post->store, now_us, keep_notice,
			    waiting, err);
		if (r == -ENOMEM)
			return err_set(err, r, "read outbox: out of memory");
		if (r < 0 || (r = plan_batch(post, waiting, now_us, err)) < 0)
			return r;
		planned += (int)waiting->n;
		if (r == 0 && waiting->n < POST_PLANNED_AT_ONCE)
			break;
	}
	return r < 0 ? r : planned;
}
