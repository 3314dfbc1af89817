/*
 * web_jobs - what would hold all other clients up is done by a process of its own
 *
 * Purpose    A search through the store, an acknowledgement that waits for who writes to it:
 *            a program of ours does it, and the loop goes on until it ends.
 * Ownership  The caller's; web_jobs_free() kills what still runs, and answers nobody.
 * Limits     WEB_JOBS at once, of one kind one less; WEB_JOB_BYTES of output; the plan's time.
 *            What does not keep them is killed.
 * Errors     Become the client's answer.
 */
#ifndef CLI_WEB_JOBS_H
#define CLI_WEB_JOBS_H

#include <systemd/sd-event.h>

#include "cli/web_api.h"
#include "notify/settings.h"

enum { WEB_JOBS = 4, WEB_JOB_BYTES = 4 << 20 };

struct web_jobs;

struct web_job_result {
	int status;      /* exit status, 128 and the signal, negative errno */
	const char *why; /* unless it is 0: the last line it said */
	struct buf *out; /* what it printed; may be taken */
	struct str tag;  /* the plan's */
};
typedef void web_job_fn(struct web_api *api, const struct web_job_result *result,
    struct web_answer *out);

struct web_job_plan {
	struct texts argv;
	struct str input; /* what fits into a pipe */
	int limit_ms;
	struct str tag; /* copied, for fn */
	web_job_fn *fn; /* makes the answer; also what kind it is */
};

/* For each job, when its answer is there. */
typedef void web_jobs_fn(void *ctx, const void *later, struct web_answer *answer);

/* NULL without memory. Event and api stay the caller's. */
struct web_jobs *web_jobs_new(sd_event *event, struct web_api *api, web_jobs_fn *fn,
    void *ctx);
void web_jobs_free(struct web_jobs *jobs); /* NULL is fine */

/* *out: comes later, or a refusal. */
void web_jobs_start(struct web_jobs *jobs, const struct web_job_plan *plan,
    struct web_answer *out);

#endif
