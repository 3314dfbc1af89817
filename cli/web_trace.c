/*
 * The search for messages. It may look at all that the store has, and its answer may be large:
 * this program, started anew with --trace, does it, and the one that serves keeps its time
 * and its memory.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/trace_find.h"
#include "cli/web_jobs.h"
#include "core/clock.h"

#define WEEK_US (7 * 86400 * (int64_t)US_PER_S)

enum {
	BAD_REQUEST = 400,
	FAILED = 500,
	STATUS_BYTES = 4, /* "\n200", behind the body */
	ENOUGH_BYTES = 2 << 20,
};

static bool
read_question(const struct web_request *request, int64_t now_us, struct buf *pattern,
    int64_t *since_us, struct web_answer *out)
{
	*since_us = now_us - WEEK_US;
	if (!web_api_time(request, STR("since"), since_us, out))
		return false;
	if (query_value(request->target.query, STR("q"), pattern) == QUERY_FOUND &&
	    pattern->n > 0)
		return true;
	web_answer_error(out, BAD_REQUEST, "`q` is a queue id, a message id or an address");
	return false;
}

/* --- the search --- */

/* So many of the newest are not too much to send. */
static size_t
count_sent(const struct trace_found *found)
{
	AUTO(buf_done) struct buf text = { 0 };
	size_t bytes = 0, i = 0;

	while (i < found->n && bytes <= ENOUGH_BYTES) {
		buf_clear(&text);
		trace_json(found->messages[i++], &text);
		bytes += text.n;
	}
	return i;
}

static int
search(struct web_api *api, struct str pattern, int64_t since_us, struct buf *out,
    struct err *err)
{
	struct trace_found found;
	int r = trace_find(api->store, pattern, since_us, app_now_us(), &found, err);

	if (r < 0)
		return r;
	size_t n = count_sent(&found);

	buf_add(out, STR("{\"messages\":["));
	for (size_t i = n; i-- > 0;) {
		trace_json(found.messages[i], out);
		if (i > 0)
			buf_add_char(out, ',');
	}
	buf_addf(out, "],\"truncated\":%s}", found.more || n < found.n ? "true" : "false");
	trace_found_done(&found);
	return 0;
}

int
web_trace_child(const struct web_options *options)
{
	struct web_api api = { .options = options };
	struct web_request request = { .target.endpoint = ENDPOINT_TRACE };
	struct web_answer out = { 0 };
	char query[REQUEST_TARGET_BYTES + 1];
	size_t n = fread(query, 1, sizeof query, stdin);

	request.target.query = (struct str){ query, n };
	web_api_answer(&api, &request, &out);
	buf_addf(&out.body, "\n%03u", out.status);
	if (!out.body.failed)
		(void)fwrite(out.body.p, 1, out.body.n, stdout);
	bool failed = out.body.failed || fflush(stdout) != 0;

	buf_done(&out.body);
	web_api_done(&api);
	return failed ? EXIT_FAILED : EXIT_FINE;
}

/* --- the one that serves --- */

static void
found(struct web_api *api, const struct web_job_result *result, struct web_answer *out)
{
	struct str text = buf_str(result->out);
	int64_t status = 0;

	(void)api;
	if (result->status != EXIT_FINE || text.n < STATUS_BYTES || result->out->failed ||
	    !str_to_int(str_skip(text, text.n - STATUS_BYTES + 1), &status)) {
		web_answer_error(out, FAILED, result->why);
		return;
	}
	out->status = (unsigned)status;
	out->type = "application/json";
	out->body = *result->out;
	out->body.n -= STATUS_BYTES;
	*result->out = (struct buf){ 0 };
}

static int
start_child(struct web_api *api, struct str query, struct web_answer *out, struct err *err)
{
	AUTO(auto_free) char *path = app_helper_path("mailwarden-web");
	char *items[] = { path, "--trace", "--state", (char *)api->options->state };
	const struct web_job_plan plan = { .argv = { items, sizeof items / sizeof *items },
		.input = query,
		.limit_ms = WEB_TRACE_MS,
		.fn = found };

	if (path == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	web_jobs_start(api->jobs, &plan, out);
	return 0;
}

int
web_trace(struct web_api *api, const struct web_request *request, struct web_answer *out,
    struct err *err)
{
	AUTO(buf_done) struct buf pattern = { 0 };
	int64_t since_us;

	if (!read_question(request, app_now_us(), &pattern, &since_us, out))
		return 0;
	if (api->jobs == NULL)
		return search(api, buf_str(&pattern), since_us, &out->body, err);
	return start_child(api, request->target.query, out, err);
}
