/*
 * The one thing that may be written: by the program that people use, too. It is started
 * without a shell, checks what it is given by itself, and this process stays one that reads.
 */
#include <errno.h>

#include "cli/app.h"
#include "cli/web_jobs.h"
#include "core/place.h"
#include "paths.h"
#include "web/body.h"

enum { BAD_REQUEST = 400, CONFLICT = 409, FAILED = 500, ARGS = 12 };

struct asked {
	struct web_api *api;
	struct buf id; /* in full */
	bool open;
};

static int
take_incident(void *ctx, const struct incident *in)
{
	struct asked *asked = ctx;

	buf_add(&asked->id, in->id);
	asked->open = in->state == INCIDENT_OPEN;
	return 0;
}

static void
acknowledged(struct web_api *api, const struct web_job_result *result,
    struct web_answer *out)
{
	struct err err = { "" };

	api->limit.until_us = 0; /* that of the question is over */
	if (result->status != EXIT_FINE)
		web_answer_error(out, result->status == EXIT_FAILED ? CONFLICT : FAILED,
		    result->why);
	else if (web_api_open(api, &err) < 0)
		web_api_fault(api, 0, &err, out);
	else
		web_api_incident(api, result->tag, out);
}

/* "--note=..." is one word: what the client wrote cannot become an option. */
static void
acknowledge(struct asked *asked, const struct ack_body *body, struct web_answer *out)
{
	const struct web_options *o = asked->api->options;
	const char *program = place_is_below(PATH_BUILD_DIR) ? PATH_BUILD_DIR "/mailwarden"
							     : PATH_BIN "/mailwarden";
	AUTO(buf_done) struct buf who = { 0 }, note = { 0 };
	char *items[ARGS] = { (char *)program, "ack", "--json", "--state",
		(char *)o->state };
	size_t n = 5;

	buf_addf(&who, "--who=%.*s",
	    STR_ARG(body->who.n > 0 ? buf_str(&body->who) : STR("the dashboard")));
	buf_addf(&note, "--note=%.*s", STR_ARG(buf_str(&body->note)));
	items[n++] = (char *)buf_cstr(&who);
	if (body->note.n > 0)
		items[n++] = (char *)buf_cstr(&note);
	if (o->config != NULL) {
		items[n++] = "--config";
		items[n++] = (char *)o->config;
	}
	items[n++] = "--";
	items[n++] = (char *)buf_cstr(&asked->id);
	const struct web_job_plan plan = { .argv = { items, n },
		.limit_ms = WEB_ACK_MS,
		.tag = buf_str(&asked->id),
		.fn = acknowledged };

	if (who.failed || note.failed || asked->id.failed)
		web_answer_error(out, FAILED, "out of memory");
	else
		web_jobs_start(asked->api->jobs, &plan, out);
}

void
web_ack(struct web_api *api, const struct web_request *request, struct web_answer *out)
{
	struct asked asked = { .api = api };
	struct ack_body body = { 0 };
	struct err err = { "" };
	int r = store_find_incident(api->store, request->target.id, take_incident, &asked,
	    &err);

	if (r == -ENOENT || r == -ENOTUNIQ)
		web_answer_error(out, 404, err.text);
	else if (r < 0)
		web_api_fault(api, r, &err, out);
	else if (!asked.open)
		web_answer_error(out, CONFLICT, "the incident is not open");
	else if (ack_body_read(request->body, &body, &err) < 0)
		web_answer_error(out, BAD_REQUEST, err.text);
	else
		acknowledge(&asked, &body, out);
	ack_body_done(&body);
	buf_done(&asked.id);
}
