#include "cli/notifier_worker.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct worker {
	const struct channel_settings *settings;
	struct channel_context context;
	int done_fd;
	bool busy;    /* the loop's: given, not taken */
	bool started; /* the loop's */
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t change;
	/* Behind the mutex. */
	const struct message *message; /* to send, or being sent */
	bool ending, ended;
	struct worker_result result;
};

struct worker *
worker_new(const struct channel_settings *settings, const struct channel_context *context,
    int done_fd)
{
	struct worker *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	w->settings = settings;
	w->context = *context;
	w->done_fd = done_fd;
	(void)pthread_mutex_init(&w->mutex, NULL);
	(void)pthread_cond_init(&w->change, NULL);
	return w;
}

/* --- the thread's side --- */

static void
name_thread(const char *channel)
{
	char name[16]; /* what the kernel keeps of it; seen in ps -L */

	(void)strncpy(name, channel, sizeof name - 1);
	name[sizeof name - 1] = '\0';
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

static void
send_one(struct worker *w, struct channel **channel, const struct message *message,
    struct worker_result *out)
{
	*out = (struct worker_result){ .result = SEND_RETRY };
	if (*channel == NULL &&
	    channel_open(w->settings, &w->context, channel, &out->reason) < 0)
		return;
	out->result = channel_send(*channel, message, &out->receipt, &out->reason);
}

static void
tell_loop(int fd)
{
	const uint64_t one = 1;

	/* Only a full counter could refuse it, and then it is readable as it is. */
	while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
		;
}

static void *
serve(void *ctx)
{
	struct worker *w = ctx;
	struct channel *channel = NULL;
	struct worker_result result;

	name_thread(w->settings->name);
	(void)pthread_mutex_lock(&w->mutex);
	while (!w->ending) {
		const struct message *message = w->message;

		if (message == NULL || w->ended) {
			(void)pthread_cond_wait(&w->change, &w->mutex);
			continue;
		}
		(void)pthread_mutex_unlock(&w->mutex);
		send_one(w, &channel, message, &result);
		(void)pthread_mutex_lock(&w->mutex);
		w->result = result;
		w->ended = true;
		tell_loop(w->done_fd);
	}
	(void)pthread_mutex_unlock(&w->mutex);
	channel_close(channel);
	return NULL;
}

/* --- the loop's side --- */

static int
start(struct worker *w, struct err *err)
{
	size_t bytes =
	    WORKER_STACK_BYTES < PTHREAD_STACK_MIN ? PTHREAD_STACK_MIN : WORKER_STACK_BYTES;
	pthread_attr_t attributes;
	int fault = pthread_attr_init(&attributes);

	if (fault == 0) {
		(void)pthread_attr_setstacksize(&attributes, bytes);
		fault = pthread_create(&w->thread, &attributes, serve, w);
		(void)pthread_attr_destroy(&attributes);
	}
	if (fault != 0)
		return err_set(err, -fault, "start a thread for channel %s: %s",
		    w->settings->name, strerror(fault));
	w->started = true;
	return 0;
}

bool
worker_is_idle(const struct worker *worker)
{
	return !worker->busy;
}

int
worker_give(struct worker *w, const struct message *message, struct err *err)
{
	int r = w->started ? 0 : start(w, err);

	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&w->mutex);
	w->message = message;
	w->ended = false;
	(void)pthread_cond_signal(&w->change);
	(void)pthread_mutex_unlock(&w->mutex);
	w->busy = true;
	return 0;
}

bool
worker_take(struct worker *w, struct worker_result *out)
{
	if (!w->busy)
		return false;
	(void)pthread_mutex_lock(&w->mutex);
	bool ended = w->ended;

	if (ended) {
		*out = w->result;
		w->message = NULL;
		w->ended = false;
		w->busy = false;
	}
	(void)pthread_mutex_unlock(&w->mutex);
	return ended;
}

void
worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	if (w->started) {
		(void)pthread_mutex_lock(&w->mutex);
		w->ending = true;
		(void)pthread_cond_signal(&w->change);
		(void)pthread_mutex_unlock(&w->mutex);
		(void)pthread_join(w->thread, NULL);
	}
	(void)pthread_cond_destroy(&w->change);
	(void)pthread_mutex_destroy(&w->mutex);
	free(w);
}
