/* A store, a configuration and a clock that a test moves: what the tests of post share. */
#ifndef TESTS_POST_BOX_H
#define TESTS_POST_BOX_H

#include <string.h>

#include "notify/post.h"
#include "store/channels.h"
#include "store/delivery.h"
#include "store_box.h"

#define SECOND_US ((int64_t)US_PER_S)
#define MINUTE_US (60 * SECOND_US)

enum { BOX_CHANNELS = 6, BOX_ROUTES = 4 };

struct post_box {
	struct box box; /* first: store_box.h works with it, too */
	struct channel_settings channels[BOX_CHANNELS];
	struct route routes[BOX_ROUTES];
	struct notify_settings settings;
	struct post *post;
	int64_t now_us;
	struct buf log;
	int64_t next_notice;
	struct parcel *parcel; /* taken last */
};

static inline void
keep_log(void *ctx, struct str line)
{
	struct post_box *b = ctx;

	buf_add(&b->log, line);
	buf_add_char(&b->log, '\n');
}

static inline void
open_post(struct post_box *b)
{
	const struct post_context context = {
		.host = STR("mx1"),
		.version = STR("0"),
		.log = keep_log,
		.ctx = b,
	};

	post_close(b->post);
	check(&b->box,
	    post_open(b->box.store, &b->settings, &context, &b->post, &b->box.err));
}

static inline struct channel_settings *
add_channel(struct post_box *b, const char *name, enum channel_kind kind)
{
	struct channel_settings *channel = &b->channels[b->settings.nchannels++];

	*channel = (struct channel_settings){ .name = (char *)name, .kind = kind };
	return channel;
}

static inline struct route *
add_route(struct post_box *b, const char *match)
{
	struct route *route = &b->routes[b->settings.nroutes++];

	*route = (struct route){
		.match = (char *)match, .repeat_us = REPEAT_BY_SEVERITY, .resolved = true
	};
	return route;
}

static inline int
set_up_post(void **state)
{
	struct post_box *b = calloc(1, sizeof *b);
	void *box;

	assert_non_null(b);
	assert_int_equal(set_up(&box), 0);
	b->box = *(struct box *)box;
	free(box);
	b->now_us = INT64_C(1795228877) * US_PER_S;
	b->settings.channels = b->channels;
	b->settings.routes = b->routes;
	*state = b;
	return 0;
}

static inline int
tear_down_post(void **state)
{
	struct post_box *b = *state;

	post_close(b->post);
	buf_done(&b->log);
	return tear_down(state);
}

#define POST_TEST(f) cmocka_unit_test_setup_teardown(f, set_up_post, tear_down_post)

/* --- incidents and their notices --- */

static inline struct incident
an_incident(const char *id)
{
	return (struct incident){
		.id = str_of(id),
		.rule = STR("rule"),
		.severity = SEVERITY_CRITICAL,
		.state = INCIDENT_OPEN,
		.group = STR("{}"),
		.host = STR("mx1"),
		.summary = str_of(id),
		.opened_us = T0,
		.last_seen_us = T0,
		.count = 1,
	};
}

static inline void
save_incident(struct post_box *b, const struct incident *in)
{
	check(&b->box, store_save_incident(b->box.store, in, &b->box.err));
}

static inline void
add_notice_due(struct post_box *b, const char *incident, enum notice notice, int64_t due_us)
{
	char id[80];

	(void)snprintf(id, sizeof id, "%s.%s.%lld", incident, notice_name(notice),
	    (long long)b->next_notice++);
	check(&b->box, store_outbox_add(b->box.store,
			   &(struct outbox_row){ .id = str_of(id),
			       .incident = str_of(incident),
			       .notice = notice,
			       .created_us = b->now_us,
			       .due_us = due_us },
			   &b->box.err));
}

static inline void
add_notice(struct post_box *b, const char *incident, enum notice notice)
{
	add_notice_due(b, incident, notice, b->now_us);
}

/* An incident that opens now. */
static inline void
open_incident(struct post_box *b, const char *id)
{
	struct incident in = an_incident(id);

	save_incident(b, &in);
	add_notice(b, id, NOTICE_OPENED);
}

static inline void
resolve_incident(struct post_box *b, const char *id)
{
	struct incident in = an_incident(id);

	in.state = INCIDENT_RESOLVED;
	in.resolved_us = T0 + 1;
	save_incident(b, &in);
	add_notice(b, id, NOTICE_RESOLVED);
}

/* --- sending --- */

static inline int
plan(struct post_box *b)
{
	int r = post_plan(b->post, b->now_us, &b->box.err);

	check(&b->box, r);
	return r;
}

/* Is there a message for the channel? Then it is b->parcel. */
static inline bool
take(struct post_box *b, const char *channel)
{
	int r;

	b->parcel = NULL;
	(void)plan(b);
	r = post_take(b->post, channel, b->now_us, &b->parcel, &b->box.err);
	check(&b->box, r);
	return r == 1;
}

static inline void
done(struct post_box *b, enum send_result result)
{
	const struct receipt receipt = { 0 };
	const struct err reason = { "no connection" };

	check(&b->box, post_done(b->post, b->parcel, result, &receipt, &reason, b->now_us,
			   &b->box.err));
	b->parcel = NULL;
}

static inline void
done_uncertain(struct post_box *b)
{
	const struct receipt receipt = { .uncertain = true };
	const struct err reason = { "connection lost after DATA" };

	check(&b->box, post_done(b->post, b->parcel, SEND_RETRY, &receipt, &reason,
			   b->now_us, &b->box.err));
	b->parcel = NULL;
}

/* Takes a message and answers it. */
static inline bool
send_one(struct post_box *b, const char *channel, enum send_result result)
{
	if (!take(b, channel))
		return false;
	done(b, result);
	return true;
}

static inline int64_t
next_due(struct post_box *b, const char *channel)
{
	int64_t due_us;

	check(&b->box, post_next_due(b->post, channel, b->now_us, &due_us, &b->box.err));
	return due_us;
}

/* To when the channel, or the plan, is due next. */
static inline void
go_to_due(struct post_box *b, const char *channel)
{
	int64_t due_us = next_due(b, channel);

	assert_int_not_equal(due_us, INT64_MAX);
	if (due_us > b->now_us)
		b->now_us = due_us;
}

static inline int64_t
waiting(struct post_box *b)
{
	return ask(&b->box, "SELECT count(*) FROM outbox WHERE sent IS NULL");
}

#endif
