#include "store/own_mail.h"

#include <assert.h>
#include <errno.h>

#include "core/plain.h"
#include "store/private.h"

enum { INCIDENT_ID_DIGITS = 12, REASON_BYTES = 300 };

/*
 * Whom the log's words are about: all channels tell a notice under the same id, but only mail
 * that was handed over can be met in a mail log. What is being handed over counts, too: its
 * line may be read before the result is noted.
 */
#define IS_MAIL_OF_MESSAGE                                                      \
	"message = ?1 AND (sent IS NOT NULL OR trying = 1) AND channel NOT IN " \
	"(SELECT name FROM channel WHERE kind NOT IN ('relay', 'sendmail')) "

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* "0f3a9c1b2d4e.opened.5f3a@mx1.example.org": see tell() in cli/keeper.c. */
static bool
has_our_form(struct str message_id)
{
	if (message_id.n < INCIDENT_ID_DIGITS + 2 ||
	    message_id.p[INCIDENT_ID_DIGITS] != '.')
		return false;
	for (size_t i = 0; i < INCIDENT_ID_DIGITS; i++)
		if (!is_hex(message_id.p[i]))
			return false;
	return true;
}

bool
own_mail_may_be(const struct event *ev)
{
	if (event_has(ev, EVF_message_id))
		return has_our_form(event_text(ev, EVF_message_id));
	return event_num(ev, EVF_kind) == KIND_ATTEMPT && event_has(ev, EVF_queue_id) &&
	       str_eq(event_text(ev, EVF_mta), STR("opensmtpd"));
}

static struct str
left_side(struct str message_id)
{
	ptrdiff_t at = str_rfind_char(message_id, '@');

	return at < 0 ? message_id : str_head(message_id, (size_t)at);
}

int
own_mail_find(struct store *store, const struct event *ev, int64_t now_us,
    struct buf *id_out, struct err *err)
{
	bool by_id = event_has(ev, EVF_message_id);
	struct query q =
	    query_kept(&store->db, by_id ? Q_OWN_MAIL_FIND : Q_OWN_MAIL_FIND_QUEUE);

	query_text(&q, by_id ? left_side(event_text(ev, EVF_message_id))
			     : event_text(ev, EVF_queue_id));
	query_int(&q, now_us - OWN_MAIL_DAYS * 24 * store_hour_us);
	query_int(&q, ev->time_us - OWN_MAIL_LATE_S * (int64_t)US_PER_S);
	int r = query_next(&q, "read store", err);

	if (r > 0)
		buf_add(id_out, query_col_text(&q, 0));
	query_end(&q);
	return r;
}

/* Runs a statement about the message, ?1; how many rows it changed. */
static int
change(struct store *store, const char *sql, struct str id, const int64_t *numbers,
    size_t n, struct err *err)
{
	struct query q = query_once(&store->db, sql);

	query_text(&q, id);
	for (size_t i = 0; i < n; i++)
		query_int(&q, numbers[i]);
	int r = store_run(store, &q, err);

	return r < 0 ? r : sqlite3_changes(store->db.sql);
}

static int
note_fate(struct store *store, struct str id, enum event_outcome outcome, int64_t at_us,
    struct err *err)
{
	static_assert(OUTCOME_DELIVERED == 1 && OUTCOME_DEFERRED == 2,
	    "as in the statement");
	/* Only a delivery takes back what was worse. */
	return change(store,
	    "UPDATE delivery SET fate = ?2, fate_at = ?3 WHERE " IS_MAIL_OF_MESSAGE
	    "AND (fate IN (0, 2) OR ?2 = 1) AND fate <> ?2",
	    id, (int64_t[]){ outcome, at_us }, 2, err);
}

/* Fallbacks that nobody wants any more: due later, never tried. */
static int
call_off(struct store *store, struct str id, int64_t now_us, struct err *err)
{
	int r = change(store,
	    "UPDATE delivery SET due = NULL WHERE rank > 0 AND sent IS NULL AND tries = 0 AND "
	    "trying = 0 AND due > ?2 AND notice IN "
	    "(SELECT notice FROM delivery WHERE message = ?1)",
	    id, &now_us, 1, err);

	return r < 0 ? r : 0;
}

static int
call_fallbacks(struct store *store, struct str id, int64_t due_us, struct err *err)
{
	int n = change(store,
	    "UPDATE delivery SET due = ?2 WHERE rank > 0 AND sent IS NULL AND "
	    "(due IS NULL OR (due > ?2 AND tries = 0)) AND notice IN "
	    "(SELECT notice FROM delivery WHERE message = ?1)",
	    id, &due_us, 1, err);

	if (n <= 0)
		return n;
	int r = change(store,
	    "UPDATE outbox SET sent = NULL WHERE sent IS NOT NULL AND seq IN (SELECT notice "
	    "FROM delivery WHERE message = ?1)",
	    id, NULL, 0, err);

	return r < 0 ? r : 1;
}

static int
channel_fails(struct store *store, const struct event *ev, struct str id, int64_t now_us,
    struct err *err)
{
	AUTO(buf_done) struct buf reason = { 0 };
	struct query q = query_once(&store->db,
	    "UPDATE channel SET failing_since = CASE failing_since WHEN 0 THEN ?2 ELSE "
	    "failing_since END, tries = tries + 1, last_error = ?3 WHERE name IN "
	    "(SELECT channel FROM delivery WHERE " IS_MAIL_OF_MESSAGE ")");

	buf_add(&reason, STR("the mail log says that a message was accepted and then "));
	buf_add(&reason, str_of(event_enum_name(EVT_OUTCOME, event_num(ev, EVF_outcome))));
	if (event_has(ev, EVF_reply)) {
		buf_add(&reason, STR(": "));
		plain_add_cut(&reason, event_text(ev, EVF_reply), REASON_BYTES);
	}
	query_text(&q, id);
	query_int(&q, now_us);
	query_text(&q, store_not_null(buf_str(&reason)));
	if (!reason.failed)
		return store_run(store, &q, err);
	query_end(&q);
	return err_set(err, -ENOMEM, "write to store %s: out of memory", store->db.path);
}

int
own_mail_fate(struct store *store, struct str id, const struct event *ev, int64_t now_us,
    struct err *err)
{
	enum event_outcome outcome = (enum event_outcome)event_num(ev, EVF_outcome);
	int64_t due_us = now_us;

	if (event_num(ev, EVF_kind) != KIND_ATTEMPT || outcome == OUTCOME_UNKNOWN ||
	    event_num(ev, EVF_direction) == DIRECTION_INTERNAL)
		return 0;
	int r = note_fate(store, id, outcome, ev->time_us, err);

	if (r <= 0) /* nothing new: it was delivered to another recipient before, say */
		return r;
	if (outcome == OUTCOME_DELIVERED)
		return call_off(store, id, now_us, err);
	if (outcome == OUTCOME_DEFERRED)
		due_us += OWN_MAIL_DEFER_S * (int64_t)US_PER_S;
	else if ((r = channel_fails(store, ev, id, now_us, err)) < 0)
		return r;
	return call_fallbacks(store, id, due_us, err);
}
