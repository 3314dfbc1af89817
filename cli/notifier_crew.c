#include "cli/notifier_crew.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/notifier_names.h"
#include "cli/notifier_worker.h"
#include "core/clock.h"
#include "core/plain.h"
#include "paths.h"

/* One channel, and what it is busy with: a parcel of the post, or a heartbeat. */
struct desk {
	const struct channel_settings *settings;
	struct worker *worker;
	struct parcel *parcel;
	struct message *beat;
	bool beat_failed; /* the last one, and it was told */
};

struct crew {
	struct config *config;
	struct crew_context context;
	struct post *post; /* NULL: no store */
	struct notifier_names *names;
	struct desk *desks;
	size_t ndesks;
	struct crew *older;
};

static void
log_line(void *ctx, struct str line)
{
	(void)ctx;
	fprintf(stderr, "%.*s\n", STR_ARG(line));
}

/* --- beginning and end --- */

static int
make_desks(struct crew *c, struct err *err)
{
	const struct notify_settings *notify = &c->config->notify;
	const struct channel_context context = {
		.state_dir = c->context.state_dir,
		.store = c->context.state,
		.host = c->config->host,
	};

	c->desks = calloc(notify->nchannels + 1, sizeof *c->desks);
	if (c->desks == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < notify->nchannels; i++) {
		struct desk *desk = &c->desks[c->ndesks++];

		desk->settings = &notify->channels[i];
		desk->worker = worker_new(desk->settings, &context, c->context.done_fd);
		if (desk->worker == NULL)
			return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

int
crew_new(struct config *config, const struct crew_context *context, struct crew **out,
    struct err *err)
{
	struct crew *c = calloc(1, sizeof *c);

	if (c == NULL) {
		config_done(config);
		free(config);
		return err_set(err, -ENOMEM, "out of memory");
	}
	c->config = config;
	c->context = *context;
	c->names = notifier_names_new(config->rules);
	int r = make_desks(c, err);

	if (r < 0) {
		crew_free(c);
		return r;
	}
	*out = c;
	return 0;
}

void
crew_free(struct crew *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->ndesks; i++) {
		worker_free(c->desks[i].worker);
		message_free(c->desks[i].beat);
	}
	post_close(c->post);
	notifier_names_free(c->names);
	free(c->desks);
	config_done(c->config);
	free(c->config);
	free(c);
}

const struct config *
crew_config(const struct crew *crew)
{
	return crew->config;
}

bool
crew_is_busy(const struct crew *crew)
{
	for (size_t i = 0; i < crew->ndesks; i++)
		if (!worker_is_idle(crew->desks[i].worker))
			return true;
	return false;
}

int
crew_attach(struct crew *c, struct store *store, struct err *err)
{
	const struct post_context context = {
		.host = str_of(c->config->host),
		.version = STR(MAILWARDEN_VERSION),
		.log = log_line,
		.names = notifier_names_get(c->names),
	};

	return post_open(store, &c->config->notify, &context, &c->post, err);
}

void
crew_detach(struct crew *crew)
{
	post_close(crew->post);
	crew->post = NULL;
}

struct crew *
crew_older(const struct crew *crew)
{
	return crew->older;
}

void
crew_set_older(struct crew *crew, struct crew *older)
{
	crew->older = older;
}

size_t
crew_channels(const struct crew *crew)
{
	return crew->ndesks;
}

const struct channel_settings *
crew_channel(const struct crew *crew, size_t i)
{
	return crew->desks[i].settings;
}

/* --- messages --- */

static bool
is_busy_in(const struct crew *crew, const char *channel)
{
	for (; crew != NULL; crew = crew->older)
		for (size_t i = 0; i < crew->ndesks; i++)
			if (!worker_is_idle(crew->desks[i].worker) &&
			    strcmp(crew->desks[i].settings->name, channel) == 0)
				return true;
	return false;
}

/* Two messages of one channel at a time could overtake each other, and the older crew's
 * may be of the same notices. */
static bool
is_free(const struct desk *desk, const struct crew *older)
{
	return desk->settings->kind != CHANNEL_HEARTBEAT && worker_is_idle(desk->worker) &&
	       !is_busy_in(older, desk->settings->name);
}

static int
give_next(struct crew *c, struct desk *desk, int64_t now_us, struct err *err)
{
	struct parcel *parcel;
	int r = post_take(c->post, desk->settings->name, now_us, &parcel, err);

	if (r <= 0)
		return r;
	r = worker_give(desk->worker, parcel->message, err);
	if (r < 0) {
		(void)post_return(c->post, parcel, NULL);
		return r;
	}
	desk->parcel = parcel;
	return 0;
}

int
crew_work(struct crew *c, const struct crew *older, int64_t now_us, struct err *err)
{
	int r = post_plan(c->post, now_us, err);

	for (size_t i = 0; i < c->ndesks && r >= 0; i++)
		if (is_free(&c->desks[i], older))
			r = give_next(c, &c->desks[i], now_us, err);
	return r < 0 ? r : 0;
}

/* A channel's words come from strangers. */
static void
say(const char *channel, const char *what, const char *reason)
{
	AUTO(buf_done) struct buf text = { 0 };

	plain_add(&text, str_of(reason));
	fprintf(stderr, "%s channel=%s%s%.*s%s\n", what, channel,
	    text.n > 0 ? " reason=\"" : "", STR_ARG(buf_str(&text)),
	    text.n > 0 ? "\"" : "");
}

/* Told when it begins to fail, and when it works again. */
static void
note_beat(const struct crew *c, struct desk *desk, const struct worker_result *result,
    int64_t now_us)
{
	bool failed = result->result != SEND_ACCEPTED;

	if (failed != desk->beat_failed)
		say(desk->settings->name,
		    failed ? "heartbeat failed" : "heartbeat works again",
		    failed ? result->reason.text : "");
	desk->beat_failed = failed;
	/* A store that is in trouble is told by what would be lost; the next beat is soon. */
	if (c->post != NULL)
		(void)post_note_beat(c->post, desk->settings->name, result->result,
		    &result->reason, now_us, NULL);
	message_free(desk->beat);
	desk->beat = NULL;
}

int
crew_collect(struct crew *c, int64_t now_us, size_t *failed, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < c->ndesks; i++) {
		struct desk *desk = &c->desks[i];
		struct worker_result result;

		if (!worker_take(desk->worker, &result))
			continue;
		if (desk->beat != NULL) {
			note_beat(c, desk, &result, now_us);
			continue;
		}
		*failed += result.result != SEND_ACCEPTED;
		/* The results of the others must not wait for a store that works again. */
		int done = post_done(c->post, desk->parcel, result.result, &result.receipt,
		    &result.reason, now_us, err);

		desk->parcel = NULL;
		if (done < 0)
			r = done;
	}
	return r;
}

int
crew_next_due(struct crew *c, const struct crew *older, int64_t now_us, int64_t *due_us_out,
    struct err *err)
{
	int64_t first = INT64_MAX, due_us = INT64_MAX;
	int r = post_next_due(c->post, NULL, now_us, &first, err);

	for (size_t i = 0; i < c->ndesks && r >= 0; i++) {
		if (!is_free(&c->desks[i], older))
			continue;
		r = post_next_due(c->post, c->desks[i].settings->name, now_us, &due_us,
		    err);
		if (r >= 0 && due_us < first)
			first = due_us;
	}
	if (r >= 0)
		*due_us_out = first;
	return r < 0 ? r : 0;
}

/* --- tests and heartbeats --- */

struct message *
crew_test_message(const struct config *config, int64_t now_us)
{
	AUTO(buf_done) struct buf id = { 0 };
	const struct message_context context = {
		.host = str_of(config->host),
		.now_us = now_us,
		.offset_min = clock_offset_min(now_us),
		.version = STR(MAILWARDEN_VERSION),
		.dashboard = str_of(config->notify.dashboard),
	};

	buf_addf(&id, "test.%llx", (unsigned long long)now_us);
	return id.failed ? NULL : message_new(buf_str(&id), NULL, 0, &context);
}

int
crew_beat(struct crew *c, size_t i, int64_t now_us, struct err *err)
{
	struct desk *desk = &c->desks[i];

	if (!worker_is_idle(desk->worker))
		return 0;
	desk->beat = crew_test_message(c->config, now_us);
	if (desk->beat == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	int r = worker_give(desk->worker, desk->beat, err);

	if (r < 0) {
		message_free(desk->beat);
		desk->beat = NULL;
	}
	return r;
}
