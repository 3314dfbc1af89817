#include "cli/show_json.h"

#include <errno.h>

#include "cli/status_channels.h"
#include "core/json.h"

struct telling {
	struct store *store;
	size_t n;
	struct buf *out;
	struct err *err;
};

static void
begin_item(struct telling *s)
{
	if (s->n++ > 0)
		buf_add_char(s->out, ',');
}

static int
json_change(void *ctx, const struct change_row *row)
{
	struct telling *s = ctx;

	begin_item(s);
	struct json j = json_begin(s->out);

	json_time(&j, "at", row->at_us);
	json_text(&j, "change", str_of(notice_name(row->notice)));
	json_end(&j);
	return 0;
}

static int
json_notice(void *ctx, const struct outbox_row *row, int64_t sent_us)
{
	struct telling *s = ctx;

	begin_item(s);
	struct json j = json_begin(s->out);

	json_text(&j, "notice", str_of(notice_name(row->notice)));
	if (sent_us != 0)
		json_time(&j, "sent", sent_us);
	else
		json_time(&j, "due", row->due_us);
	json_int(&j, "tries", row->tries);
	if (row->last_error.n > 0)
		json_text(&j, "error", row->last_error);
	json_key(&j, "channels");
	int r = deliveries_json(s->store, row->id, s->out, s->err);

	json_end(&j);
	return r;
}

int
show_json(struct store *store, const struct incident *in, struct buf *out, struct err *err)
{
	struct telling telling = { .store = store, .out = out, .err = err };
	struct telling *s = &telling;

	incident_json(in, s->out);
	if (out->n > 0)
		out->n--; /* its brace */
	buf_add(s->out, STR(",\"changes\":["));
	int r = store_each_change(s->store, in->id, json_change, s, s->err);

	s->n = 0;
	buf_add(s->out, STR("],\"notices\":["));
	if (r == 0)
		r = store_each_notice(s->store, in->id, json_notice, s, s->err);
	buf_add(s->out, STR("]}"));
	return r == 0 && out->failed ? err_set(err, -ENOMEM, "out of memory") : r;
}
