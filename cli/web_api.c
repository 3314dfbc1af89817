#include "cli/web_api.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/show_json.h"
#include "cli/status_channels.h"
#include "cli/status_facts.h"
#include "cli/watcher_lives.h"
#include "core/json.h"
#include "paths.h"
#include "store/figures_json.h"

#define DAY_US (86400 * (int64_t)US_PER_S)
#define WEEK_US (7 * DAY_US)
#define RECENT_US (30 * DAY_US)
#define LATEST_S INT64_C(32503680000) /* the year 3000 */

enum { OK = 200, BAD_REQUEST = 400, NOT_FOUND = 404, UNAVAILABLE = 503 };

/* --- the store --- */

void
web_api_done(struct web_api *api)
{
	metrics_free(api->metrics);
	web_cache_done(&api->cache);
	store_close(api->store);
	*api = (struct web_api){ 0 };
}

int
web_api_open(struct web_api *api, struct err *err)
{
	struct stat now;
	bool there = stat(api->options->state, &now) == 0;

	if (there && api->store != NULL && now.st_dev == api->file.st_dev &&
	    now.st_ino == api->file.st_ino)
		return 0;
	store_close(api->store);
	web_cache_done(&api->cache);
	api->store = NULL;
	int r = store_open(api->options->state, STORE_READ, &api->store, err);

	if (r < 0)
		return r;
	api->file = now;
	store_set_limit(api->store, &api->limit);
	return 0;
}

static void
set_limit(struct web_api *api)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	api->limit.until_us = now.tv_sec * (int64_t)US_PER_S + now.tv_nsec / 1000 +
			      WEB_QUERY_MS * INT64_C(1000);
	api->limit.passed = false;
}

void
web_api_fault(struct web_api *api, int r, const struct err *err, struct web_answer *out)
{
	(void)r;
	if (api->limit.passed)
		web_answer_error(out, UNAVAILABLE,
		    "this takes longer than 5 s: ask for less, or ask the command");
	else
		web_answer_error(out, UNAVAILABLE, err->text);
}

static void
json_answer(struct web_answer *out)
{
	out->status = OK;
	out->type = "application/json";
}

/* --- health --- */

static const char *
verdict_of(const struct status_facts *facts, bool blind)
{
	if (blind)
		return "blind";
	if (facts->open > 0 && facts->gravest.severity == SEVERITY_CRITICAL)
		return "critical";
	if (facts->open > 0 && facts->gravest.severity == SEVERITY_WARNING)
		return "warning";
	return "ok";
}

/* Why nothing can be told of now; empty: it can. */
static int
find_blindness(struct web_api *api, struct status_facts *facts, struct buf *why)
{
	struct err err = { "" };
	int r = web_api_open(api, &err);

	if (r == 0)
		r = status_count_incidents(api->store, app_now_us(), facts, &err);
	if (r < 0) {
		buf_add(why, str_of(err.text));
		return r;
	}
	r = watcher_lives(api->options->state, &err);
	if (r < 0)
		buf_add(why, str_of(err.text));
	else if (r == 0)
		buf_add(why,
		    STR("Nobody watches the logs: `mailwarden run` does not work on this "
			"store."));
	return 0;
}

int
web_api_health(struct web_api *api, struct buf *out, struct err *err)
{
	AUTO(buf_done) struct buf sentence = { 0 };
	struct status_facts facts = { 0 };

	(void)find_blindness(api, &facts, &sentence);
	bool blind = sentence.n > 0;

	if (!blind)
		status_sentence(&facts, &sentence);
	struct json j = json_begin(out);

	json_text(&j, "verdict", str_of(verdict_of(&facts, blind)));
	json_text(&j, "sentence", buf_str(&sentence));
	json_int(&j, "open", (int64_t)facts.open);
	json_int(&j, "critical", (int64_t)facts.critical);
	json_text(&j, "host", str_of(api->options->host));
	json_text(&j, "version", str_of(MAILWARDEN_VERSION));
	json_time(&j, "now", app_now_us());
	json_bool(&j, "writes", api->options->writes);
	json_end(&j);
	status_facts_done(&facts);
	return out->failed ? err_set(err, -ENOMEM, "out of memory") : 0;
}

/* For who asks whether we and the watcher work, not whether mail does. */
static void
healthz(struct web_api *api, struct web_answer *out)
{
	struct status_facts facts = { 0 };

	(void)find_blindness(api, &facts, &out->body);
	out->status = out->body.n > 0 ? UNAVAILABLE : OK;
	out->type = "text/plain; charset=utf-8";
	if (out->body.n == 0)
		buf_add(&out->body, STR("ok"));
	buf_add_char(&out->body, '\n');
	status_facts_done(&facts);
}

/* --- status --- */

static int
status(struct web_api *api, struct web_answer *out, struct err *err)
{
	AUTO(buf_done) struct buf trouble = { 0 };
	struct status_facts facts = { 0 };
	int r = status_gather(api->store, app_now_us(), &facts, err);

	store_room_trouble(api->options->state, &trouble);
	if (r >= 0)
		r = status_json(api->store, &facts, buf_str(&trouble), api->options->rules,
		    &out->body, err);
	status_facts_done(&facts);
	return r;
}

/* --- values of a query --- */

bool
web_api_time(const struct web_request *request, struct str key, int64_t *us_out,
    struct web_answer *out)
{
	AUTO(buf_done) struct buf text = { 0 };
	int64_t s;

	switch (query_value(request->target.query, key, &text)) {
	case QUERY_NONE: return true;
	case QUERY_FOUND:
		if (!str_to_int(buf_str(&text), &s) || s > LATEST_S)
			break;
		*us_out = s * US_PER_S;
		return true;
	case QUERY_BROKEN: break;
	}
	AUTO(buf_done) struct buf what = { 0 };

	buf_addf(&what, "`%.*s` is a number of seconds, once", STR_ARG(key));
	web_answer_error(out, BAD_REQUEST, buf_cstr(&what));
	return false;
}

struct span {
	int64_t from_us, until_us;
};

static bool
read_span(const struct web_request *request, struct span *span, struct web_answer *out)
{
	span->until_us = app_now_us();
	if (!web_api_time(request, STR("until"), &span->until_us, out))
		return false;
	span->from_us = span->until_us - WEEK_US;
	if (!web_api_time(request, STR("from"), &span->from_us, out))
		return false;
	if (span->from_us < span->until_us)
		return true;
	web_answer_error(out, BAD_REQUEST, "`from` must be before `until`");
	return false;
}

/* --- figures --- */

static int
figures(struct web_api *api, const struct web_request *request, struct web_answer *out,
    struct err *err)
{
	struct figures figures;
	struct span span;

	if (!read_span(request, &span, out))
		return 0;
	const struct web_cache_key key = { LINE_COUNT, span.from_us, span.until_us, 0 };

	if (web_cache_find(&api->cache, api->store, &key, &out->body))
		return 0;
	int r = store_get_figures(api->store, span.from_us, span.until_us, &figures, err);

	if (r < 0)
		return r;
	figures_json(&figures, &out->body);
	figures_done(&figures);
	web_cache_keep(&api->cache, &key, buf_str(&out->body));
	return 0;
}

static int
lines(struct web_api *api, const struct web_request *request, struct web_answer *out,
    struct err *err)
{
	AUTO(buf_done) struct buf what = { 0 };
	struct figure_lines lines;
	struct span span;
	int64_t step_us = 0;

	if (query_value(request->target.query, STR("what"), &what) != QUERY_FOUND ||
	    figure_line_find(buf_str(&what)) == LINE_COUNT) {
		web_answer_error(out, BAD_REQUEST,
		    "`what` is volume, out, providers, failed, delay, tls or logins");
		return 0;
	}
	if (!read_span(request, &span, out) ||
	    !web_api_time(request, STR("step"), &step_us, out))
		return 0;
	enum figure_line line = figure_line_find(buf_str(&what));
	const struct web_cache_key key = { line, span.from_us, span.until_us, step_us };

	if (web_cache_find(&api->cache, api->store, &key, &out->body))
		return 0;
	int r = store_get_lines(api->store, line, span.from_us, span.until_us, step_us,
	    &lines, err);

	if (r < 0)
		return r;
	figure_lines_json(&lines, line, &out->body);
	figure_lines_done(&lines);
	web_cache_keep(&api->cache, &key, buf_str(&out->body));
	return 0;
}

/* --- incidents --- */

struct listing {
	struct web_api *api;
	struct buf *out;
	size_t n;
	int64_t now_us;
	struct err *err;
};

static int
list_incident(void *ctx, const struct incident *found)
{
	struct listing *l = ctx;
	struct incident in = *found;

	if (in.state == INCIDENT_PENDING)
		return 0;
	if (in.state == INCIDENT_OPEN) {
		int r = store_silenced_until(l->api->store, &in, l->now_us, &in.silenced_us,
		    l->err);

		if (r < 0)
			return r;
	}
	if (l->n++ > 0)
		buf_add_char(l->out, ',');
	incident_json(&in, l->out);
	return 0;
}

static int
incidents(struct web_api *api, const struct web_request *request, struct web_answer *out,
    struct err *err)
{
	AUTO(buf_done) struct buf state = { 0 };
	struct listing l = { api, &out->body, 0, app_now_us(), err };
	enum query_result q = query_value(request->target.query, STR("state"), &state);
	bool recent = str_eq(buf_str(&state), STR("recent"));

	if (q == QUERY_BROKEN ||
	    (q == QUERY_FOUND && !recent && !str_eq(buf_str(&state), STR("open")))) {
		web_answer_error(out, BAD_REQUEST, "`state` is open or recent");
		return 0;
	}
	buf_add(&out->body, STR("{\"incidents\":["));
	int r = store_each_incident(api->store, recent ? INCIDENTS_RECENT : INCIDENTS_OPEN,
	    l.now_us - RECENT_US, list_incident, &l, err);

	buf_add(&out->body, STR("]}"));
	return r;
}

static int
show_incident(void *ctx, const struct incident *found)
{
	struct listing *l = ctx;
	struct incident in = *found;
	int r =
	    store_silenced_until(l->api->store, &in, l->now_us, &in.silenced_us, l->err);

	return r < 0 ? r : show_json(l->api->store, &in, l->out, l->err);
}

void
web_api_incident(struct web_api *api, struct str id, struct web_answer *out)
{
	struct err err = { "" };
	struct listing l = { api, &out->body, 0, app_now_us(), &err };
	int r = store_find_incident(api->store, id, show_incident, &l, &err);

	json_answer(out);
	if (r == -ENOENT || r == -ENOTUNIQ)
		web_answer_error(out, NOT_FOUND, err.text);
	else if (r < 0)
		web_api_fault(api, r, &err, out);
}

/* --- all --- */

static int
scrape(struct web_api *api, const struct web_request *request, struct web_answer *out,
    struct err *err)
{
	bool openmetrics = request_wants_openmetrics(request->accept);
	int lives = watcher_lives(api->options->state, err);

	if (lives < 0)
		return lives;
	const struct metrics_now now = { .now_us = app_now_us(),
		.version = MAILWARDEN_VERSION,
		.watched = lives > 0,
		.store_bytes = api->file.st_size,
		.identity = (uint64_t)api->file.st_ino };

	out->type = openmetrics
			? "application/openmetrics-text; version=1.0.0; charset=utf-8"
			: "text/plain; version=0.0.4; charset=utf-8";
	return metrics_write(api->metrics, api->store, &now,
	    openmetrics ? METRICS_OPENMETRICS : METRICS_TEXT, &out->body, err);
}

static int
answer_from_store(struct web_api *api, const struct web_request *request,
    struct web_answer *out, struct err *err)
{
	switch (request->target.endpoint) {
	case ENDPOINT_METRICS: return scrape(api, request, out, err);
	case ENDPOINT_STATUS: return status(api, out, err);
	case ENDPOINT_FIGURES: return figures(api, request, out, err);
	case ENDPOINT_LINES: return lines(api, request, out, err);
	case ENDPOINT_INCIDENTS: return incidents(api, request, out, err);
	case ENDPOINT_INCIDENT: web_api_incident(api, request->target.id, out); return 0;
	case ENDPOINT_ACK: web_ack(api, request, out); return 0;
	case ENDPOINT_TRACE: return web_trace(api, request, out, err);
	case ENDPOINT_STREAM: out->stream = web_stream_new(api, request, out); return 0;
	case ENDPOINT_NONE:
	case ENDPOINT_ASSET:
	case ENDPOINT_HEALTHZ:
	case ENDPOINT_HEALTH: break;
	}
	web_answer_error(out, NOT_FOUND, "there is no such address");
	return 0;
}

void
web_api_answer(void *ctx, const struct web_request *request, struct web_answer *out)
{
	struct web_api *api = ctx;
	struct err err = { "" };
	int r;

	set_limit(api);
	json_answer(out);
	if (request->target.endpoint == ENDPOINT_HEALTHZ) {
		healthz(api, out);
		return;
	}
	if (request->target.endpoint == ENDPOINT_HEALTH)
		r = web_api_health(api, &out->body, &err);
	else if ((r = web_api_open(api, &err)) == 0)
		r = answer_from_store(api, request, out, &err);
	if (r < 0)
		web_api_fault(api, r, &err, out);
}

void
web_api_begin(struct web_api *api)
{
	struct web_answer out = { 0 };
	const struct web_request first = { .target.endpoint = ENDPOINT_METRICS };

	web_api_answer(api, &first, &out); /* a fault is told to who asks next */
	buf_done(&out.body);
}
