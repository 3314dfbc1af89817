/* What a message tells, in order. */
#include "core/clock.h"
#include "core/plain.h"
#include "notify/message_impl.h"

enum {
	EVIDENCE_IN_BRIEF = 2, /* lines, of what is over or one of several */
	SHORT_ADVICE_BYTES = 1500,
	URL_BYTES = 500,
	NAME_BYTES = 100,
	REPLY_BYTES = 500,
};

/* How much of an incident is told; less if the page would grow too large. */
enum detail {
	DETAIL_ALL,
	DETAIL_BRIEF, /* no evidence, advice cut */
	DETAIL_HEADLINE,
};

/* --- meaning and advice --- */

static bool
is_blank(struct str text)
{
	return str_trim(text).n == 0;
}

/* An empty line at the beginning stays: there is no meaning before it. */
static struct str
trim_end(struct str text)
{
	while (text.n > 0 && is_blank(str_skip(text, text.n - 1)))
		text.n--;
	return text;
}

/* What the other side said stands last in advice, in a paragraph of its own. */
static struct str
cut_last_words(struct str *advice, const char **label_out)
{
	static const struct {
		struct str begin;
		const char *label;
	} kinds[] = {
		{ STR_INIT("They said:"), "They said" },
		{ STR_INIT("Last reply:"), "Last reply" },
		{ STR_INIT("Last reason:"), "Last reason" },
	};
	struct str text = *advice = trim_end(*advice);
	size_t at = text.n;

	while (at > 0 && text.p[at - 1] != '\n')
		at--;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!str_starts(str_skip(text, at), kinds[i].begin))
			continue;
		*advice = trim_end(str_head(text, at));
		*label_out = kinds[i].label;
		return str_trim(str_skip(text, at + kinds[i].begin.n));
	}
	return STR("");
}

/* What stands before the first empty line; empty if there is no such line. */
static struct str
cut_meaning(struct str *advice)
{
	ptrdiff_t at = str_find(*advice, STR("\n\n"));

	if (at < 0)
		return STR("");
	struct str meaning = str_trim(str_head(*advice, (size_t)at));

	*advice = str_skip(*advice, (size_t)at + 2);
	return meaning;
}

static void
heading(struct story *story, struct str text)
{
	story->page.type->heading(&story->page, text);
}

/* A link of the rules or the configuration; never one that a log line holds. */
static void
tell_link(struct story *story, const char *label, struct str url)
{
	AUTO(buf_done) struct buf safe = { 0 };

	plain_add_cut(&safe, url, URL_BYTES);
	if (safe.n > 0)
		story->page.type->link(&story->page, label, buf_str(&safe));
}

static void
tell_advice(struct story *story, const struct told *told, enum detail detail)
{
	const char *label = "";
	AUTO(buf_done) struct buf words = { 0 };
	struct str advice = told->incident.advice;
	struct str last_words = cut_last_words(&advice, &label);
	struct str meaning = cut_meaning(&advice);
	bool over = told_is_over(told);

	plain_add_cut(&words, last_words, REPLY_BYTES);
	story_fact(story, label, &words);
	if (!is_blank(meaning)) {
		heading(story, STR("What it means"));
		story_advice(&story->page, meaning);
	}
	if (over)
		return;
	if (detail == DETAIL_BRIEF)
		advice = text_head(advice, SHORT_ADVICE_BYTES);
	if (!is_blank(advice) || told->incident.url.n > 0)
		heading(story, STR("What to do"));
	story_advice(&story->page, advice);
	tell_link(story, "Read on", told->incident.url);
}

/* --- evidence --- */

/* The first and the last lines, and a count of what lies between. */
static void
tell_evidence(struct story *story, struct str lines, size_t most)
{
	AUTO(buf_done) struct buf text = { 0 };
	size_t total = story_lines(lines), i = 0;

	if (total == 0)
		return;
	while (lines.n > 0) {
		struct str line = str_cut(&lines, '\n');

		if (line.n == 0)
			continue;
		if (total <= most || i < most / 2 || i + most / 2 >= total) {
			plain_add_cut(&text, line, MESSAGE_EVIDENCE_BYTES);
			buf_add_char(&text, '\n');
		} else if (i == most / 2) {
			buf_addf(&text, "(%zu more)\n", total - most / 2 * 2);
		}
		i++;
	}
	heading(story, STR("From the log"));
	story->page.type->verbatim(&story->page, buf_str(&text));
}

/* --- what to type --- */

/* Ours are hexadecimal digits; what is not that plain never stands in a command. */
static bool
is_plain_id(struct str id)
{
	for (size_t i = 0; i < id.n; i++)
		if (!((id.p[i] >= '0' && id.p[i] <= '9') ||
			(id.p[i] >= 'a' && id.p[i] <= 'z')))
			return false;
	return id.n > 0 && id.n <= NAME_BYTES;
}

static void
tell_commands(struct story *story, const struct told *told)
{
	const struct message *message = story->message;
	const struct incident *in = &told->incident;
	AUTO(buf_done) struct buf title = { 0 };
	AUTO(buf_done) struct buf lines = { 0 };
	AUTO(buf_done) struct buf url = { 0 };
	bool over = told_is_over(told);

	if (!is_plain_id(in->id))
		return;
	buf_add(&title, STR("Commands on "));
	plain_add_cut(&title, str_of(message->host), NAME_BYTES);
	if (!over && in->ack_at_us == 0)
		buf_addf(&lines, "mailwarden ack %.*s\n", STR_ARG(in->id));
	if (!over && (in->ack_at_us != 0 || !story->page.several))
		buf_addf(&lines, "mailwarden silence %.*s 2h\n", STR_ARG(in->id));
	buf_addf(&lines, "mailwarden show %.*s\n", STR_ARG(in->id));
	heading(story, buf_str(&title));
	story->page.type->verbatim(&story->page, buf_str(&lines));
	if (message->dashboard[0] == '\0')
		return;
	struct str base = str_of(message->dashboard);

	while (str_ends(base, STR("/")))
		base = str_head(base, base.n - 1);
	buf_add(&url, base);
	buf_addf(&url, "/incident/%.*s", STR_ARG(in->id));
	tell_link(story, "Dashboard", buf_str(&url));
}

/* --- incidents --- */

enum tone
told_tone(const struct told *told)
{
	static const enum tone tones[] = { TONE_PLAIN, TONE_INFO, TONE_WARNING,
		TONE_CRITICAL };
	size_t severity = (size_t)told->incident.severity;

	if (told_is_over(told))
		return TONE_GOOD;
	return severity < sizeof tones / sizeof *tones ? tones[severity] : TONE_PLAIN;
}

/* "Critical", "Resolved after 3 hours": what kind of news it is. */
static void
add_kind(const struct story *story, const struct told *told, struct buf *out)
{
	static const char *const names[] = { "Alert", "Note", "Warning", "Critical" };
	const struct incident *in = &told->incident;
	size_t severity = (size_t)in->severity;

	if (told_is_over(told)) {
		buf_add(out, STR("Resolved"));
		if (in->resolved_us > in->opened_us && in->opened_us != 0) {
			buf_add(out, STR(" after "));
			clock_span_words(out, in->resolved_us - in->opened_us);
		}
		return;
	}
	buf_addf(out, "%s", names[severity < 4 ? severity : 0]);
	if (told->notice == NOTICE_ESCALATED && !told->was_opened)
		buf_add(out, STR(", changed"));
	if (told->notice == NOTICE_REMINDER) {
		buf_add(out, STR(", still open"));
		if (in->opened_us != 0 && story->message->at_us > in->opened_us) {
			buf_add(out, STR(" after "));
			clock_span_words(out, story->message->at_us - in->opened_us);
		}
	}
}

static void
tell_headline(struct story *story, const struct told *told)
{
	const struct incident *in = &told->incident;
	AUTO(buf_done) struct buf kind = { 0 };
	AUTO(buf_done) struct buf text = { 0 };

	add_kind(story, told, &kind);
	plain_add_cut(&text, in->summary.n > 0 ? in->summary : in->rule,
	    MESSAGE_SUMMARY_BYTES);
	story->page.type->headline(&story->page, told_tone(told), buf_str(&kind),
	    buf_str(&text));
}

static void
tell_incident(struct story *story, const struct told *told, enum detail detail)
{
	const struct incident *in = &told->incident;

	tell_headline(story, told);
	if (detail == DETAIL_HEADLINE)
		return;
	story_facts(story, told);
	tell_advice(story, told, detail);
	tell_commands(story, told);
	if (detail == DETAIL_ALL)
		tell_evidence(story, in->samples,
		    story->page.several || told_is_over(told) ? EVIDENCE_IN_BRIEF
							      : MESSAGE_EVIDENCE_LINES);
}

/* Each part takes at most its share of the page; what is too long is told in brief. */
static void
tell_whole(struct story *story, const struct told *told, size_t max_bytes)
{
	struct buf *out = story->page.out;
	const size_t start = out->n;
	const enum block last = story->page.last;

	for (enum detail detail = DETAIL_ALL; detail <= DETAIL_HEADLINE; detail++) {
		out->n = start;
		story->page.last = last;
		tell_incident(story, told, detail);
		if (out->n - start <= max_bytes)
			return;
	}
	out->n = start;
	story->page.last = last;
}

static void
tell_list(struct story *story, size_t max_bytes)
{
	const struct message *message = story->message;
	struct page *page = &story->page;
	AUTO(buf_done) struct buf text = { 0 };
	size_t i = 0, start = page->out->n;

	for (; i < message->nitems && i < MESSAGE_TOLD_LINES; i++) {
		const struct told *told = &message->items[i];

		if (page->out->n - start > max_bytes)
			break;
		buf_clear(&text);
		message_line(told, &text);
		struct str word = str_of(told_word(told));

		page->type->line(page, told_tone(told), word,
		    str_trim(str_skip(buf_str(&text), word.n)));
	}
	if (i == message->nitems)
		return;
	buf_clear(&text);
	buf_addf(&text, "And %zu more: `mailwarden incidents` lists them.",
	    message->nitems - i);
	page->type->paragraph(page, buf_str(&text));
}

/* "7 troubles, 1 more is over. The first 5 are told in full below." */
static void
tell_sum(struct story *story, size_t whole)
{
	const struct message *message = story->message;
	AUTO(buf_done) struct buf text = { 0 };
	size_t over = count_over(message), n = message->nitems - over;

	if (n > 0)
		buf_addf(&text, "%zu trouble%s", n, n == 1 ? "" : "s");
	if (over > 0)
		buf_addf(&text, "%s%zu %s over", n > 0 ? "; " : "", over,
		    over == 1 ? "is" : "are");
	buf_addf(&text, ". %s %zu in full below.",
	    whole < message->nitems ? "The first" : "All", whole);
	story->page.type->paragraph(&story->page, buf_str(&text));
}

static void
tell_several(struct story *story)
{
	const struct message *message = story->message;
	size_t max = story->page.type->max_bytes / 10;
	size_t whole =
	    message->nitems < MESSAGE_TOLD_WHOLE ? message->nitems : MESSAGE_TOLD_WHOLE;

	tell_sum(story, whole);
	tell_list(story, max * 3);
	for (size_t i = 0; i < whole; i++)
		tell_whole(story, &message->items[i], max * 6 / MESSAGE_TOLD_WHOLE);
}

static void
tell_test(struct story *story)
{
	struct page *page = &story->page;
	AUTO(buf_done) struct buf text = { 0 };

	buf_add(&text, STR("Nothing is wrong: you read this because the channel works. "
			   "Alerts from "));
	plain_add_cut(&text, str_of(story->message->host), NAME_BYTES);
	buf_add(&text, STR(" will reach you in the same way."));
	page->type->headline(page, TONE_GOOD, STR("Test"), STR("mailwarden can reach you"));
	page->type->paragraph(page, buf_str(&text));
}

static void
tell_origin(struct story *story)
{
	const struct message *message = story->message;
	AUTO(buf_done) struct buf text = { 0 };

	buf_add(&text, STR("Told by mailwarden "));
	plain_add_cut(&text, str_of(message->version), NAME_BYTES);
	buf_add(&text, STR(" on "));
	plain_add_cut(&text, str_of(message->host), NAME_BYTES);
	buf_add(&text, STR(", "));
	story_moment(&text, message, message->at_us);
	if (message->nitems == 1) {
		buf_add(&text, STR(". Rule "));
		plain_add_cut(&text, message->items->incident.rule, NAME_BYTES);
		buf_add(&text, STR(", incident "));
		plain_add_cut(&text, message->items->incident.id, NAME_BYTES);
	}
	buf_add_char(&text, '.');
	story->page.type->note(&story->page, buf_str(&text));
}

void
story_write(const struct message *message, const struct page_type *type, struct buf *out)
{
	struct story story = {
		.message = message,
		.page = { .type = type, .out = out, .several = message->nitems > 1 },
	};

	type->begin(&story.page, str_of(message->subject));
	if (message->nitems == 0)
		tell_test(&story);
	else if (message->nitems == 1)
		tell_whole(&story, message->items, type->max_bytes * 9 / 10);
	else
		tell_several(&story);
	tell_origin(&story);
	type->end(&story.page);
}
