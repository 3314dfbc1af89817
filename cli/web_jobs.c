#include "cli/web_jobs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/clock.h"
#include "notify/program.h"

enum { BUSY = 503, FAILED = 500, READ_BYTES = 16 * 1024, ERRORS_BYTES = 4096 };

struct job {
	struct web_jobs *jobs;
	struct program program; /* pid 0: the place is free */
	sd_event_source *output, *timer;
	web_job_fn *fn;
	struct buf out, tag;
	bool late, too_much; /* it was killed for it */
};

struct web_jobs {
	sd_event *event;
	struct web_api *api;
	web_jobs_fn *fn;
	void *ctx;
	struct job items[WEB_JOBS];
};

struct web_jobs *
web_jobs_new(sd_event *event, struct web_api *api, web_jobs_fn *fn, void *ctx)
{
	struct web_jobs *jobs = calloc(1, sizeof *jobs);

	if (jobs != NULL)
		*jobs =
		    (struct web_jobs){ .event = event, .api = api, .fn = fn, .ctx = ctx };
	return jobs;
}

/* Its whole group: it has no others. The end of its output then ends the job. */
static void
kill_job(struct job *job)
{
	if (job->program.pid > 0) /* 0 would be our own group */
		(void)kill(-job->program.pid, SIGKILL);
}

static void
forget(struct job *job)
{
	job->output = sd_event_source_disable_unref(job->output);
	job->timer = sd_event_source_disable_unref(job->timer);
	buf_done(&job->out);
	buf_done(&job->tag);
	*job = (struct job){ 0 };
}

void
web_jobs_free(struct web_jobs *jobs)
{
	if (jobs == NULL)
		return;
	for (size_t i = 0; i < WEB_JOBS; i++) {
		struct job *job = &jobs->items[i];

		if (job->program.pid == 0)
			continue;
		kill_job(job);
		(void)program_end(&job->program, PROGRAM_GRACE_US);
		forget(job);
	}
	free(jobs);
}

/* --- its end --- */

static void
read_errors(const struct job *job, struct buf *why)
{
	char text[ERRORS_BYTES];
	ssize_t n = read(job->program.errors, text, sizeof text);

	if (n > 0)
		program_last_line((struct str){ text, (size_t)n }, why);
}

static void
end_job(struct job *job)
{
	AUTO(buf_done) struct buf why = { 0 };
	struct web_jobs *jobs = job->jobs;
	struct web_answer answer = { 0 };

	job->output = sd_event_source_disable_unref(job->output); /* before its pipe goes */
	read_errors(job, &why);
	int status = program_end(&job->program, PROGRAM_GRACE_US);

	if (why.n == 0)
		buf_addf(&why, "ended with status %d", status);
	if (job->late) {
		web_answer_error(&answer, BUSY,
		    "this takes too long: ask for less, or ask the command");
	} else if (job->too_much) {
		web_answer_error(&answer, BUSY,
		    "this is more than 4 MiB: ask for less, or ask the command");
	} else {
		const struct web_job_result result = { status, buf_cstr(&why), &job->out,
			buf_str(&job->tag) };

		job->fn(jobs->api, &result, &answer);
	}
	forget(job); /* first: while the answer is sent, the place may be taken again */
	jobs->fn(jobs->ctx, job, &answer);
}

static int
on_output(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct job *job = ctx;
	char text[READ_BYTES];
	ssize_t n = read(fd, text, sizeof text);

	(void)source;
	(void)events;
	if (n > 0) {
		if (job->out.n + (size_t)n <= WEB_JOB_BYTES) {
			buf_add(&job->out, (struct str){ text, (size_t)n });
		} else if (!job->too_much) {
			job->too_much = true;
			kill_job(job);
		}
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		end_job(job);
	}
	return 0;
}

static int
on_limit(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct job *job = ctx;

	(void)source;
	(void)usec;
	job->late = true;
	kill_job(job);
	return 0;
}

/* --- its beginning --- */

static struct job *
free_place(struct web_jobs *jobs, const struct web_job_plan *plan)
{
	struct job *place = NULL;
	size_t same = 0;

	for (size_t i = 0; i < WEB_JOBS; i++) {
		if (jobs->items[i].program.pid == 0)
			place = &jobs->items[i];
		else if (jobs->items[i].fn == plan->fn)
			same++;
	}
	return same < WEB_JOBS - 1 ? place : NULL;
}

static int
start(struct job *job, const struct web_job_plan *plan, struct err *err)
{
	sd_event *event = job->jobs->event;
	int r = program_start(&plan->argv, PROGRAM_CLEAN, &job->program, err);

	if (r < 0)
		return r;
	/* It is empty, so that this fits; who does not read it ends with a fault of its own. */
	(void)program_write(&job->program, plan->input);
	(void)close(job->program.in);
	job->program.in = -1;
	r = sd_event_add_io(event, &job->output, job->program.out, EPOLLIN, on_output, job);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &job->timer, CLOCK_MONOTONIC,
		    (uint64_t)plan->limit_ms * 1000, 0, on_limit, job);
	if (r >= 0)
		return 0;
	kill_job(job);
	job->output = sd_event_source_disable_unref(job->output);
	(void)program_end(&job->program, PROGRAM_GRACE_US);
	return err_set(err, r, "event loop: %s", strerror(-r));
}

void
web_jobs_start(struct web_jobs *jobs, const struct web_job_plan *plan,
    struct web_answer *out)
{
	struct job *job = free_place(jobs, plan);
	struct err err = { "" };

	if (job == NULL) {
		web_answer_error(out, BUSY,
		    "others ask for the same: try again in a few seconds");
		return;
	}
	*job = (struct job){ .jobs = jobs, .fn = plan->fn };
	buf_add(&job->tag, plan->tag);
	if (start(job, plan, &err) < 0) {
		web_answer_error(out, FAILED, err.text);
		forget(job);
		return;
	}
	out->status = 0;
	out->later = job;
}
