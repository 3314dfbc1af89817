/* When, how often, who: what stands in a line or two of its own. */
#include "core/clock.h"
#include "core/plain.h"
#include "notify/message_impl.h"

enum { NAME_BYTES = 100, NOTE_BYTES = 500 };

/* --- times and numbers --- */

/* A time by the reader's clock. */
struct local {
	int64_t day; /* since 1970 */
	int year, month, mday;
	int hour, minute;
};

static struct local
local_of(const struct message *message, int64_t at_us)
{
	int64_t s = at_us / US_PER_S + (int64_t)message->offset_min * 60;
	int64_t second = (s % 86400 + 86400) % 86400;
	struct local at = {
		.day = (s - second) / 86400,
		.hour = (int)(second / 3600),
		.minute = (int)(second / 60 % 60),
	};

	clock_civil(at.day, &at.year, &at.month, &at.mday);
	return at;
}

void
story_moment(struct buf *out, const struct message *message, int64_t at_us)
{
	static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue",
		"Wed" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct local at = local_of(message, at_us);
	int offset = message->offset_min;
	unsigned zone = (unsigned)(offset < 0 ? -offset : offset);

	buf_addf(out, "%s %d %s ", days[(at.day % 7 + 7) % 7], at.mday,
	    months[at.month - 1]);
	if (at.year != local_of(message, message->at_us).year)
		buf_addf(out, "%04d ", at.year);
	buf_addf(out, "%02d:%02d ", at.hour, at.minute);
	if (offset == 0)
		buf_add(out, STR("UTC"));
	else
		buf_addf(out, "%c%02u%02u", offset < 0 ? '-' : '+', zone / 60, zone % 60);
}

/* The time alone if it is on the same day as another that is told in full. */
static void
add_moment_after(struct buf *out, const struct message *message, int64_t first_us,
    int64_t at_us)
{
	struct local at = local_of(message, at_us);

	if (at.day == local_of(message, first_us).day)
		buf_addf(out, "%02d:%02d", at.hour, at.minute);
	else
		story_moment(out, message, at_us);
}

/* ", 2 hours ago"; nothing of what is to come. */
static void
add_ago(struct buf *out, const struct message *message, int64_t at_us)
{
	if (message->at_us < at_us)
		return;
	buf_add(out, STR(", "));
	clock_span_words(out, message->at_us - at_us);
	buf_add(out, STR(" ago"));
}

static void
add_count(struct buf *out, int64_t n, const char *what)
{
	if (n <= 0)
		return;
	/* Counted by a sketch: exact while they are few. */
	buf_addf(out, "%s%s%lld %s%s", out->n > 0 ? ", " : "", n > 100 ? "about " : "",
	    (long long)n, what, n == 1 ? "" : "s");
}

size_t
story_lines(struct str text)
{
	size_t n = 0;

	while (text.n > 0)
		n += str_cut(&text, '\n').n > 0;
	return n;
}

/* --- facts --- */

void
story_fact(struct story *story, const char *label, const struct buf *value)
{
	if (value->n > 0)
		story->page.type->fact(&story->page, label, buf_str(value));
}

static void
tell_times(struct story *story, const struct told *told)
{
	const struct message *message = story->message;
	const struct incident *in = &told->incident;
	AUTO(buf_done) struct buf since = { 0 };
	AUTO(buf_done) struct buf until = { 0 };
	AUTO(buf_done) struct buf seen = { 0 };

	if (in->opened_us != 0) {
		story_moment(&since, message, in->opened_us);
		if (!told_is_over(told))
			add_ago(&since, message, in->opened_us);
	}
	if (in->resolved_us != 0) {
		story_moment(&until, message, in->resolved_us);
	}
	if (in->count > 0)
		buf_addf(&seen, in->count == 1 ? "once" : "%lld times",
		    (long long)in->count);
	if (in->count > 1 && in->last_seen_us > in->opened_us) {
		buf_add(&seen, STR(", last "));
		add_moment_after(&seen, message, in->opened_us, in->last_seen_us);
		if (!told_is_over(told))
			add_ago(&seen, message, in->last_seen_us);
	}
	story_fact(story, "Since", &since);
	story_fact(story, told_is_over(told) ? "Until" : "Resolved", &until);
	story_fact(story, "Seen", &seen);
}

/* The newest, which stand last. */
static void
tell_relays(struct story *story, struct str relays)
{
	AUTO(buf_done) struct buf text = { 0 };
	size_t total = story_lines(relays);
	size_t skip = total > MESSAGE_AFFECTED ? total - MESSAGE_AFFECTED : 0;

	for (size_t i = 0; relays.n > 0;) {
		struct str line = str_cut(&relays, '\n');

		if (line.n == 0 || i++ < skip)
			continue;
		buf_add(&text, text.n > 0 ? STR(", ") : STR(""));
		plain_add_cut(&text, line, NAME_BYTES);
	}
	if (skip > 0)
		buf_addf(&text, ", and %zu more", skip);
	story_fact(story, total == 1 ? "Relay" : "Relays", &text);
}

static void
tell_marks(struct story *story, const struct incident *in)
{
	const struct message *message = story->message;
	AUTO(buf_done) struct buf back = { 0 };
	AUTO(buf_done) struct buf ack = { 0 };
	AUTO(buf_done) struct buf silenced = { 0 };

	if (in->relapses > 0)
		buf_addf(&back, "%lld time%s after it was over", (long long)in->relapses,
		    in->relapses == 1 ? "" : "s");
	if (in->ack_at_us != 0) {
		buf_add(&ack, in->ack_who.n > 0 ? STR("by ") : STR("yes"));
		plain_add_cut(&ack, in->ack_who, NAME_BYTES);
		add_ago(&ack, message, in->ack_at_us);
		buf_add(&ack, in->ack_note.n > 0 ? STR(": ") : STR(""));
		plain_add_cut(&ack, in->ack_note, NOTE_BYTES);
	}
	if (in->silenced_us > message->at_us) {
		buf_add(&silenced, STR("until "));
		story_moment(&silenced, message, in->silenced_us);
	}
	story_fact(story, "Came back", &back);
	story_fact(story, "Acknowledged", &ack);
	story_fact(story, "Silenced", &silenced);
}

void
story_facts(struct story *story, const struct told *told)
{
	const struct incident *in = &told->incident;
	AUTO(buf_done) struct buf host = { 0 };
	AUTO(buf_done) struct buf who = { 0 };

	plain_add_cut(&host, in->host, NAME_BYTES);
	story_fact(story, "Host", &host);
	tell_times(story, told);
	add_count(&who, in->senders, "sender");
	add_count(&who, in->recipients, "recipient");
	story_fact(story, "Affected", &who);
	tell_relays(story, in->affected);
	tell_marks(story, in);
}
