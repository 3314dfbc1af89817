/* store_add_event(): where an event goes, and what of it. */
#include <assert.h>
#include <errno.h>

#include "rules/bounce_join.h"
#include "rules/message_context.h"
#include "store/private.h"
#include "store/reports.h"

/* More repeats than this are a forged line, and would spoil sums. */
static const int64_t max_weight = 1000000;

struct numbers {
	uint32_t host, mta, provider, category, code_id;
};

static int
look_up(struct store *store, const struct event *ev, struct numbers *n, struct err *err)
{
	const struct {
		enum event_field field;
		enum word_role role;
		uint32_t *out;
	} wanted[] = {
		{ EVF_host, WORD_HOST, &n->host },
		{ EVF_mta, WORD_MTA, &n->mta },
		{ EVF_provider, WORD_PROVIDER, &n->provider },
		{ EVF_category, WORD_CATEGORY, &n->category },
		{ EVF_code_id, WORD_CODE_ID, &n->code_id },
	};

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		int r = words_number(&store->words, &store->db, wanted[i].role,
		    event_text(ev, wanted[i].field), wanted[i].out, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static void
bind_text(struct query *q, const struct event *ev, enum event_field field)
{
	query_text(q, str_head(event_text(ev, field), STORE_TEXT_BYTES));
}

static void
bind_number(struct query *q, const struct event *ev, enum event_field field)
{
	query_int_or_null(q, event_has(ev, field), event_num(ev, field));
}

static int
add_attempt(struct store *store, const struct event *ev, const struct numbers *n,
    struct err *err)
{
	struct query q = query_kept(&store->db, Q_ATTEMPT_ADD);
	struct str queue_id = str_head(event_text(ev, EVF_queue_id), STORE_TEXT_BYTES);
	bool trouble = event_num(ev, EVF_outcome) != OUTCOME_DELIVERED;

	query_int(&q, ev->time_us);
	query_int_or_null(&q, queue_id.n > 0, message_queue_key(queue_id, ev->time_us));
	query_int(&q, n->host);
	query_int(&q, n->mta);
	query_int(&q, event_num(ev, EVF_direction));
	query_int(&q, event_num(ev, EVF_outcome));
	query_int(&q, n->provider);
	query_text(&q, queue_id);
	bind_text(&q, ev, EVF_recipient);
	bind_text(&q, ev, EVF_relay_name);
	bind_text(&q, ev, EVF_relay_ip);
	bind_number(&q, ev, EVF_smtp_code);
	bind_text(&q, ev, EVF_status);
	query_int_or_null(&q, trouble && n->category != 0, n->category);
	query_int_or_null(&q, trouble && n->code_id != 0, n->code_id);
	bind_number(&q, ev, EVF_suspected);
	bind_number(&q, ev, EVF_delay);
	query_text(&q, trouble ? str_head(event_text(ev, EVF_reply), STORE_TEXT_BYTES)
			       : (struct str){ NULL, 0 });
	bind_text(&q, ev, EVF_related_queue_id);
	return query_run(&q, "write to store", err);
}

/* The event without what a stranger may have made too long. */
static struct event
cut_texts(const struct event *ev)
{
	struct event cut = *ev;

	for (int f = 0; f < EVF_COUNT; f++)
		if (event_has(&cut, (enum event_field)f) &&
		    event_field_is_text((enum event_field)f))
			cut.v[f].text = str_head(cut.v[f].text, STORE_TEXT_BYTES);
	cut.source = str_head(cut.source, STORE_TEXT_BYTES);
	return cut;
}

static int
add_notable(struct store *store, const struct event *ev, const struct numbers *n,
    struct err *err)
{
	struct query q = query_kept(&store->db, Q_EVENT_ADD);
	struct event cut = cut_texts(ev);

	buf_clear(&store->body);
	event_json(&cut, &store->body);
	if (store->body.failed) {
		query_end(&q);
		return err_set(err, -ENOMEM, "write to store %s: out of memory",
		    store->db.path);
	}
	query_int(&q, ev->time_us);
	query_int(&q, event_num(ev, EVF_kind));
	query_int(&q, n->host);
	query_int(&q, n->provider);
	query_int(&q, event_num(ev, EVF_outcome));
	query_int(&q, n->category);
	query_int(&q, n->code_id);
	query_text(&q, buf_str(&store->body));
	return query_run(&q, "write to store", err);
}

/* Messages of other queue ids that the line tells of: bounces, what a filter gave back. */
static int
add_links(struct store *store, const struct event *ev, const struct numbers *n,
    struct err *err)
{
	struct message_link link;
	int r = 0;

	for (size_t i = 0; r == 0 && message_link_of(ev, i, &link); i++) {
		if (str_eq(link.queue_id, link.related))
			continue;
		struct message m = message_of_link(ev, &link, n->host, n->mta);

		r = messages_take(&store->messages, &store->db, &m, err);
	}
	return r;
}

/* What its kind of event tells of messages. */
static int
add_message(struct store *store, const struct event *ev, const struct numbers *n,
    struct err *err)
{
	struct messages *messages = &store->messages;
	struct message_link link;
	uint32_t instance;

	if (event_num(ev, EVF_kind) == KIND_REMOVED)
		return messages_removed(messages, &store->db, n->host,
		    event_text(ev, EVF_queue_id), err);
	if (event_num(ev, EVF_kind) != KIND_ACCEPTED || message_link_of(ev, 0, &link))
		return add_links(store, ev, n, err);

	int r = words_number(&store->words, &store->db, WORD_INSTANCE,
	    message_instance(event_text(ev, EVF_process)), &instance, err);

	if (r < 0)
		return r;
	struct message m = message_of_event(ev, n->host, n->mta, instance);

	return messages_take(messages, &store->db, &m, err);
}

/* A bounce that tells more of a logged attempt: its row is that of a dsn. */
static int
add_more(struct store *store, const struct event *ev, const struct numbers *n, bool counted,
    struct err *err)
{
	const struct report_words words = { n->host, n->category, n->code_id };
	struct event bounce = *ev;
	int r = reports_correct(store, ev, &words, counted, err);

	if (r < 0)
		return r;
	event_set_num(&bounce, EVF_kind, KIND_DSN);
	event_unset(&bounce, EVF_direction);
	event_unset(&bounce, EVF_outcome);
	event_unset(&bounce, EVF_repeated);
	return add_notable(store, &bounce, n, err);
}

static int
add_row(struct store *store, const struct event *ev, const struct numbers *n,
    struct err *err)
{
	switch ((enum event_kind)event_num(ev, EVF_kind)) {
	case KIND_ATTEMPT: {
		int r = add_attempt(store, ev, n, err);

		return r < 0 ? r : add_message(store, ev, n, err);
	}
	case KIND_ACCEPTED:
	case KIND_REMOVED: return add_message(store, ev, n, err);
	case KIND_DSN: {
		int r = add_notable(store, ev, n, err);

		return r < 0 ? r : add_message(store, ev, n, err);
	}
	case KIND_AUTH:
		if (event_num(ev, EVF_outcome) <= OUTCOME_DELIVERED)
			return 0;
		return add_notable(store, ev, n, err);
	case KIND_REJECT:
	case KIND_STORED:
	case KIND_LIMIT:
	case KIND_FILTER:
	case KIND_WARNING:
	case KIND_COMPLAINT: return add_notable(store, ev, n, err);
	case KIND_DMARC:
	case KIND_TLS_REPORT:
		return reports_wants_row(store, ev) ? add_notable(store, ev, n, err) : 0;
	default: return 0;
	}
}

static int
count_event(struct store *store, const struct event *ev, const struct numbers *n,
    struct err *err)
{
	int64_t weight = event_weight(ev);
	struct rollup_key key = {
		.hour = store_hour(ev->time_us),
		.host = n->host,
		.mta = n->mta,
		.provider = n->provider,
		.category = n->category,
		.kind = (uint32_t)event_num(ev, EVF_kind),
		.direction = (uint32_t)event_num(ev, EVF_direction),
		.outcome = (uint32_t)event_num(ev, EVF_outcome),
	};

	if (weight < 1)
		weight = 1;
	if (weight > max_weight)
		weight = max_weight;
	int r = rollups_add(&store->rollups, &store->db, &key, weight, err);
	const struct tally_words words = { n->mta, n->provider, n->category, n->code_id };

	return r < 0 ? r
		     : tallies_count(&store->tallies, &store->db, ev, &words, key.hour,
			   weight, err);
}

static int
add_event(struct store *store, const struct event *ev, bool counted, struct err *err)
{
	struct numbers n;
	int r = store_may_write(store, err);

	if (r < 0)
		return r;
	assert(store->begun); /* counts wait for store_commit() */
	r = look_up(store, ev, &n, err);
	if (r == 0 && reports_is_one(ev))
		r = reports_note(store, ev, err);
	if (r == 0)
		r = bounce_is_more(ev) ? add_more(store, ev, &n, counted, err)
				       : add_row(store, ev, &n, err);
	if (r == 0 && counted && !bounce_is_more(ev))
		r = count_event(store, ev, &n, err);
	return store_wrote(store, r);
}

int
store_add_event(struct store *store, const struct event *ev, struct err *err)
{
	return add_event(store, ev, true, err);
}

int
store_add_uncounted(struct store *store, const struct event *ev, struct err *err)
{
	return add_event(store, ev, false, err);
}
