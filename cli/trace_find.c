#include "cli/trace_find.h"

#include <errno.h>
#include <stdlib.h>

#include "core/json.h"

enum { EVPID_DIGITS = 16, MSGID_DIGITS = 8 };

struct place {
	char *host, *queue_id;
	int64_t at_us;
};

struct finding {
	struct store *store;
	int64_t since_us, now_us;
	struct place places[TRACE_MOST_FOUND]; /* newest first */
	size_t nplaces;
	struct trace_found *found;
	struct err *err;
};

/* --- finding --- */

static int
on_place(void *ctx, const struct event *ev)
{
	struct finding *t = ctx;
	struct place *p = &t->places[t->nplaces];

	if (t->nplaces == TRACE_MOST_FOUND) {
		t->found->more = true;
		return 1;
	}
	*p = (struct place){ str_dup(event_text(ev, EVF_host)),
		str_dup(event_text(ev, EVF_queue_id)), ev->time_us };
	t->nplaces++;
	return p->host == NULL || p->queue_id == NULL
		   ? err_set(t->err, -ENOMEM, "out of memory")
		   : 0;
}

static int
find_queue_id(struct finding *t, struct str id)
{
	return store_each_of_queue_id(t->store, id, t->since_us,
	    t->now_us + 86400 * (int64_t)US_PER_S, on_place, t, t->err);
}

static bool
is_hex(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return true;
}

/* A queue id, or OpenSMTPD's envelope id, which begins with it; else a message id. */
static int
find_word(struct finding *t, struct str word)
{
	const struct message_search search = {
		.message_id = word,
		.since_us = t->since_us,
		.most = TRACE_MOST_FOUND + 1,
	};
	int r = find_queue_id(t, word);

	if (r == 0 && t->nplaces == 0 && word.n == EVPID_DIGITS && is_hex(word))
		r = find_queue_id(t, str_head(word, MSGID_DIGITS));
	if (r == 0 && t->nplaces == 0)
		r = store_find_messages(t->store, &search, on_place, t, t->err);
	return r;
}

static int
find_places(struct finding *t, struct str pattern)
{
	struct message_search search = { .since_us = t->since_us,
		.most = TRACE_MOST_FOUND + 1 };

	if (pattern.n > 2 && pattern.p[0] == '<' && pattern.p[pattern.n - 1] == '>')
		pattern = str_head(str_skip(pattern, 1), pattern.n - 2);
	ptrdiff_t at = str_find_char(pattern, '@');

	if (at < 0)
		return find_word(t, pattern);
	if (at == 0)
		search.ends = pattern;
	else if ((size_t)at == pattern.n - 1)
		search.begins = pattern;
	else
		search.message_id = search.address = pattern;
	return store_find_messages(t->store, &search, on_place, t, t->err);
}

static bool
is_shown(const struct finding *t, const struct place *p)
{
	for (size_t i = 0; i < t->found->n; i++)
		if (trace_has(t->found->messages[i], str_of(p->host), str_of(p->queue_id),
			p->at_us))
			return true;
	return false;
}

/* The messages of the places found, newest first. */
static int
load(struct finding *t)
{
	for (size_t i = 0; i < t->nplaces; i++) {
		const struct place *p = &t->places[i];

		if (is_shown(t, p))
			continue;
		if (t->found->n == TRACE_MOST_SHOWN) {
			t->found->more = true;
			break;
		}
		int r = trace_load(t->store, str_of(p->host), str_of(p->queue_id), p->at_us,
		    &t->found->messages[t->found->n], t->err);

		if (r == 0)
			t->found->n++;
		else if (r != -ENOENT)
			return r;
	}
	return 0;
}

int
trace_find(struct store *store, struct str pattern, int64_t since_us, int64_t now_us,
    struct trace_found *out, struct err *err)
{
	struct finding *t = calloc(1, sizeof *t);

	*out = (struct trace_found){ 0 };
	if (t == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	t->store = store;
	t->since_us = since_us;
	t->now_us = now_us;
	t->found = out;
	t->err = err;
	int r = find_places(t, pattern);

	if (r >= 0)
		r = load(t);
	for (size_t i = 0; i < t->nplaces; i++) {
		free(t->places[i].host);
		free(t->places[i].queue_id);
	}
	free(t);
	if (r < 0)
		trace_found_done(out);
	return r < 0 ? r : 0;
}

void
trace_found_done(struct trace_found *found)
{
	for (size_t i = 0; i < found->n; i++)
		trace_free(found->messages[i]);
	*found = (struct trace_found){ 0 };
}

struct str
trace_message_id(const struct trace *trace)
{
	for (size_t i = 0; i < trace->n; i++)
		if (event_has(&trace->hops[i].ev, EVF_message_id))
			return event_text(&trace->hops[i].ev, EVF_message_id);
	return (struct str){ NULL, 0 };
}

/* --- JSON --- */

static void
add_json_hop(struct buf *out, const struct trace *trace, const struct trace_hop *hop)
{
	struct json j = json_begin(out);

	json_key(&j, "message");
	event_json(&hop->ev, out);
	if (hop->parent != SIZE_MAX)
		json_text(&j, "parent",
		    event_text(&trace->hops[hop->parent].ev, EVF_queue_id));
	json_key(&j, "attempts");
	for (size_t i = 0; i < hop->n; i++) {
		buf_add_char(out, i == 0 ? '[' : ',');
		event_json(&hop->attempts[i], out);
	}
	buf_add(out, hop->n == 0 ? STR("[]") : STR("]"));
	if (hop->left_out > 0)
		json_int(&j, "left_out", (int64_t)hop->left_out);
	json_end(&j);
}

void
trace_json(const struct trace *trace, struct buf *out)
{
	struct json j = json_begin(out);

	json_text(&j, "type", STR("trace"));
	if (trace_message_id(trace).n > 0)
		json_text(&j, "message_id", trace_message_id(trace));
	json_key(&j, "hops");
	for (size_t i = 0; i < trace->n; i++) {
		buf_add_char(out, i == 0 ? '[' : ',');
		add_json_hop(out, trace, &trace->hops[i]);
	}
	buf_add_char(out, ']');
	json_bool(&j, "complete", !trace->cut);
	json_end(&j);
}
