/*
 * Server-sent events (HTML Living Standard, 9.2): the stream of `events --json`, and how
 * things stand whenever an incident changes.
 */
#include <errno.h>
#include <stdlib.h>

#include "cli/stream_line.h"
#include "cli/web_api.h"
#include "core/clock.h"

struct follower {
	struct stream_place place;
	bool begun;
	struct buf line;
	struct buf *out; /* of this call */
	bool changed;    /* an incident was among them */
};

static int
find_place(struct web_api *api, const struct web_request *request, struct follower *f,
    struct err *err)
{
	AUTO(buf_done) struct buf since = { 0 };
	struct str id = request->last_seen;
	struct err stale;

	/* What the browser saw last wins: it asks with the same address again and again. */
	if (id.n == 0 &&
	    query_value(request->target.query, STR("since"), &since) == QUERY_FOUND)
		id = buf_str(&since);
	if (stream_place_read(id, &f->place)) {
		int r = stream_check(api->store, &f->place, &stale);

		if (r != -ESTALE)
			return r < 0 ? err_set(err, r, "%s", stale.text) : 0;
	}
	return stream_last(api->store, &f->place, err);
}

void *
web_stream_new(struct web_api *api, const struct web_request *request,
    struct web_answer *out)
{
	struct follower *f = calloc(1, sizeof *f);
	struct err err = { "out of memory" };
	int r = f == NULL ? -ENOMEM : find_place(api, request, f, &err);

	if (r < 0) {
		free(f);
		web_api_fault(api, r, &err, out);
		return NULL;
	}
	out->status = 0;
	return f;
}

void
web_stream_free(void *api, void *stream)
{
	struct follower *f = stream;

	(void)api;
	buf_done(&f->line);
	free(f);
}

static int
add_record(void *ctx, const struct stream_record *record)
{
	struct follower *f = ctx;
	bool change = record->table == STREAM_CHANGE;

	f->changed |= change;
	buf_add(f->out, STR("id: "));
	stream_place_text(&record->place, f->out);
	buf_addf(f->out, "\nevent: %s\ndata: ", change ? "incident" : "event");
	buf_clear(&f->line);
	stream_line_json(record, &f->line); /* ends with a newline */
	buf_add(f->out, buf_str(&f->line));
	buf_add_char(f->out, '\n');
	return f->out->n >= SERVER_STREAM_BYTES;
}

static bool
add_status(struct web_api *api, struct buf *out)
{
	struct err err;

	buf_add(out, STR("event: status\ndata: "));
	int r = web_api_health(api, out, &err);

	buf_add(out, STR("\n\n"));
	return r == 0;
}

bool
web_stream_more(void *ctx, void *stream, bool beat, struct buf *out)
{
	static const struct stream_filter all = {
		.kinds = UINT32_MAX, .changes = true, .with_message = true
	};
	struct web_api *api = ctx;
	struct follower *f = stream;
	struct err err;

	api->limit.until_us = 0; /* what comes here is what was just added */
	if (web_api_open(api, &err) < 0)
		return false; /* the browser comes again */
	f->out = out;
	f->changed = false;
	if (!f->begun)
		buf_add(out, STR("retry: 3000\n\n"));
	/* The store may have been made anew under us. */
	if (stream_check(api->store, &f->place, &err) < 0 ||
	    stream_read(api->store, &f->place, &all, add_record, f, &err) < 0)
		return false;
	if (!f->begun || f->changed) {
		f->begun = true;
		return add_status(api, out);
	}
	if (beat && out->n == 0)
		buf_add(out, STR(":\n\n"));
	return true;
}
