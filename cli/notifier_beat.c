#include "cli/notifier_beat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/watcher_lives.h"
#include "core/clock.h"
#include "notify/now.h"

struct beat {
	struct beats *all;
	size_t channel; /* of the crew */
	uint64_t every_us;
	sd_event_source *timer;
};

struct beats {
	sd_event *loop;
	struct crew *crew;
	const char *state;
	struct beat *items;
	size_t n;
	bool held_back; /* the watcher did not run, and that was told */
};

/* May a heartbeat go out? Why not is told once. */
static bool
may_beat(struct beats *b)
{
	struct err err = { "`mailwarden run` does not work on this store" };
	bool lives = watcher_lives(b->state, &err) == 1;

	if (!lives && !b->held_back)
		fprintf(stderr, "heartbeat held back: %s: %s\n", b->state, err.text);
	if (lives && b->held_back)
		fprintf(stderr, "heartbeat goes on: the watcher of %s runs\n", b->state);
	b->held_back = !lives;
	return lives;
}

static void
send_beat(struct beat *beat)
{
	struct err err;

	if (crew_beat(beat->all->crew, beat->channel, now_wall_us(), &err) < 0)
		fprintf(stderr, "mailwarden-notify: heartbeat: %s\n", err.text);
}

static int
on_beat(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct beat *beat = ctx;
	uint64_t now_us = usec;

	if (may_beat(beat->all))
		send_beat(beat);
	/* After a long sleep one is enough. */
	(void)sd_event_now(beat->all->loop, CLOCK_BOOTTIME, &now_us);
	(void)sd_event_source_set_time(source, now_us + beat->every_us);
	(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

static int
add_timers(struct beats *b, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < crew_channels(b->crew) && r >= 0; i++) {
		const struct channel_settings *settings = crew_channel(b->crew, i);
		struct beat *beat = &b->items[b->n];

		if (settings->kind != CHANNEL_HEARTBEAT)
			continue;
		*beat = (struct beat){ b, i, (uint64_t)settings->heartbeat.every_us, NULL };
		b->n++;
		/* Time that the machine sleeps counts, too. */
		r = sd_event_add_time_relative(b->loop, &beat->timer, CLOCK_BOOTTIME, 0,
		    US_PER_S, on_beat, beat);
	}
	return r < 0 ? err_set(err, r, "heartbeat: %s", strerror(-r)) : 0;
}

int
beats_new(sd_event *loop, struct crew *crew, const char *state, struct beats **out,
    struct err *err)
{
	struct beats *b = calloc(1, sizeof *b);

	if (b != NULL)
		b->items = calloc(crew_channels(crew) + 1, sizeof *b->items);
	if (b == NULL || b->items == NULL) {
		free(b);
		return err_set(err, -ENOMEM, "out of memory");
	}
	b->loop = loop;
	b->crew = crew;
	b->state = state;
	int r = add_timers(b, err);

	if (r < 0) {
		beats_free(b);
		return r;
	}
	*out = b;
	return 0;
}

void
beats_free(struct beats *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < b->n; i++)
		(void)sd_event_source_disable_unref(b->items[i].timer);
	free(b->items);
	free(b);
}

void
beats_knock(struct beats *b)
{
	if (b == NULL || !b->held_back || !may_beat(b))
		return;
	for (size_t i = 0; i < b->n; i++)
		send_beat(&b->items[i]);
}

bool
beats_held_back(const struct beats *beats)
{
	return beats != NULL && beats->held_back;
}
