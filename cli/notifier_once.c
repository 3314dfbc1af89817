/* mailwarden-notify --once: one pass, without the loop. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/notifier_crew.h"
#include "cli/notifier_loop.h"
#include "cli/notifier_store.h"
#include "notify/now.h"

/* The notifier before may be about to end; it has 20 s for that. */
enum { LOCK_TRIES = 300, LOCK_STEP_MS = 100 };

static int
open_once(struct hold *hold, struct err *err)
{
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000L };
	int r = hold_open(hold, err);

	for (int i = 0; r == -EWOULDBLOCK && i < LOCK_TRIES; i++) {
		(void)nanosleep(&step, NULL);
		r = hold_open(hold, err);
	}
	return r;
}

static int
collect(struct crew *crew, int done_fd, size_t *failed, struct err *err)
{
	struct pollfd done = { .fd = done_fd, .events = POLLIN };
	uint64_t times;

	while (poll(&done, 1, -1) < 0 && errno == EINTR)
		;
	(void)!read(done_fd, &times, sizeof times);
	return crew_collect(crew, now_wall_us(), failed, err);
}

static int
pass_once(struct crew *crew, int done_fd, size_t *failed, struct err *err)
{
	int r;

	while ((r = crew_work(crew, NULL, now_wall_us(), err)) == 0 && crew_is_busy(crew))
		if ((r = collect(crew, done_fd, failed, err)) < 0)
			break;
	/* What is under way when the store fails ends all the same. */
	while (crew_is_busy(crew))
		(void)collect(crew, done_fd, failed, NULL);
	return r;
}

int
notifier_once(const struct notifier_options *options, struct config *config)
{
	struct hold hold = hold_of(options->state);
	int done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	const struct crew_context context = { options->state, options->state_dir, done_fd };
	struct crew *crew = NULL;
	struct err err = { "" };
	size_t failed = 0;
	int r = crew_new(config, &context, &crew, &err);

	if (r == 0 && done_fd < 0)
		r = err_errno(&err, "make", "an eventfd");
	if (r == 0 && (r = open_once(&hold, &err)) == 0 &&
	    (r = crew_attach(crew, hold.store, &err)) == 0)
		r = pass_once(crew, done_fd, &failed, &err);
	crew_free(crew);
	hold_close(&hold);
	(void)close(done_fd);
	if (r < 0) {
		fprintf(stderr, "mailwarden-notify: %s\n", err.text);
		return EXIT_STORE;
	}
	return failed > 0 ? EXIT_FAILED : EXIT_FINE;
}
