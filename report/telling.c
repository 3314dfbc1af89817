#include "report/telling_impl.h"

#include "core/clock.h"
#include "core/plain.h"

enum { HOST_BYTES = 100, VERDICT_BYTES = 900, GAPS_NAMED = 3 };

/* --- what the sections share --- */

void
telling_section(struct telling *telling, const char *heading)
{
	if (!telling->digest->quiet)
		telling->sheet.type->heading(&telling->sheet, str_of(heading));
}

void
telling_say(struct telling *telling, struct buf *text)
{
	if (text->failed)
		telling->sheet.out->failed = true;
	if (text->n > 0)
		telling->sheet.type->paragraph(&telling->sheet, buf_str(text));
	buf_done(text);
	*text = (struct buf){ 0 };
}

void
telling_plot(struct telling *telling, enum plot_kind kind)
{
	AUTO(buf_done) struct buf words = { 0 };
	struct str url = telling->plots->urls[kind];

	plot_words(telling->digest, kind, &words);
	if (words.n == 0)
		return;
	if (url.n == 0 && telling->sheet.type == &sheet_html)
		telling->sheet.type->paragraph(&telling->sheet, buf_str(&words));
	else
		telling->sheet.type->plot(&telling->sheet, url, PLOT_WIDTH,
		    plot_height(telling->digest, kind), buf_str(&words));
}

void
telling_add_sign(struct buf *out, int sign)
{
	if (sign != 0)
		buf_add(out, sign > 0 ? STR("\xe2\x86\x91 ") : STR("\xe2\x86\x93 "));
}

void
telling_add_share(struct buf *out, const struct digest_share *share)
{
	telling_add_sign(out, share->sign);
	digest_add_percent(out, share->now);
}

void
telling_add_before(const struct telling *telling, struct buf *out, struct share before)
{
	if (!telling->digest->has_before || before.total == 0)
		return;
	buf_add(out, STR(" ("));
	digest_add_percent(out, before);
	buf_add(out, STR(" before)"));
}

/* --- the beginning --- */

static void
add_title(const struct digest *d, struct buf *out)
{
	buf_add(out, STR("Mail on "));
	plain_add_cut(out, d->host, HOST_BYTES);
	buf_add(out, STR(", "));
	digest_span_words(&d->span, out);
	if (d->span.so_far)
		buf_add(out, STR(" (it is not over)"));
}

static enum sheet_tone
tone_of(enum digest_health health)
{
	switch (health) {
	case DIGEST_HEALTHY: return SHEET_GOOD;
	case DIGEST_WARNING: return SHEET_WARNING;
	default: return SHEET_CRITICAL;
	}
}

static void
tell_verdict(struct telling *telling)
{
	AUTO(buf_done) struct buf text = { 0 };

	plain_add_cut(&text, telling->digest->verdict, VERDICT_BYTES);
	telling->sheet.type->verdict(&telling->sheet, tone_of(telling->digest->health),
	    buf_str(&text));
}

/* Numbers of a span with a hole in it are too low: that is said before them. */
static void
tell_gaps(struct telling *telling)
{
	const struct digest *d = telling->digest;
	struct buf text = { 0 };
	size_t n = d->ngaps + d->gaps_left;

	if (n == 0 && d->now.gaps == 0)
		return;
	if (n == 0)
		n = (size_t)d->now.gaps;
	buf_add(&text, STR("The logs have "));
	digest_add_count(&text, (int64_t)n, "gap", NULL);
	buf_add(&text, STR(" in this time, so the numbers below are too low"));
	for (size_t i = 0; i < d->ngaps && i < GAPS_NAMED; i++) {
		buf_add(&text, i == 0 ? STR(": ") : STR(", "));
		plain_add_cut(&text, d->gaps[i].source, HOST_BYTES);
		buf_add(&text, STR(" on "));
		digest_moment(&text, d->gaps[i].at_us);
	}
	buf_add(&text, n > GAPS_NAMED && d->ngaps > 0 ? STR(" and more.") : STR("."));
	telling_say(telling, &text);
}

/* What the sentence has no room for. */
static void
tell_changes(struct telling *telling)
{
	const struct digest *d = telling->digest;
	struct sheet *sheet = &telling->sheet;
	struct buf text = { 0 };

	if (d->nchanges == 0)
		return;
	buf_add(&text, STR("What changed since "));
	digest_before_words(&d->span, &text);
	buf_add_char(&text, ':');
	telling_say(telling, &text);
	for (size_t i = 0; i < d->nchanges; i++)
		sheet->type->item(sheet, d->changes[i].text);
}

/* --- the end --- */

static void
tell_origin(struct telling *telling)
{
	const struct digest *d = telling->digest;
	AUTO(buf_done) struct buf text = { 0 };
	int offset_min = clock_offset_min(d->now_us);
	unsigned zone = (unsigned)(offset_min < 0 ? -offset_min : offset_min);

	buf_add(&text,
	    STR("Arrows stand only where a change is beyond chance (at 99 %) and "
		"large enough to matter. Of attempts each counts, also the "
		"second one for the same message. Told by mailwarden "));
	plain_add_cut(&text, d->version, HOST_BYTES);
	buf_add(&text, STR(" on "));
	plain_add_cut(&text, d->host, HOST_BYTES);
	buf_add(&text, STR(", "));
	digest_moment(&text, d->now_us);
	buf_addf(&text, " %c%02u%02u.", offset_min < 0 ? '-' : '+', zone / 60, zone % 60);
	telling->sheet.type->note(&telling->sheet, buf_str(&text));
	telling->sheet.out->failed |= text.failed;
}

void
telling_write(const struct digest *digest, const struct sheet_type *type,
    const struct telling_plots *plots, struct buf *out)
{
	struct telling telling = {
		.digest = digest,
		.plots = plots,
		.sheet = { .type = type, .out = out },
	};
	AUTO(buf_done) struct buf title = { 0 };

	add_title(digest, &title);
	type->begin(&telling.sheet, buf_str(&title));
	tell_verdict(&telling);
	tell_gaps(&telling);
	tell_changes(&telling);
	telling_incidents(&telling);
	telling_resolved(&telling);
	telling_out(&telling);
	telling_delays(&telling);
	telling_reasons(&telling);
	telling_tls(&telling);
	telling_in(&telling);
	telling_backscatter(&telling);
	telling_dovecot(&telling);
	telling_reports(&telling);
	telling_monitor(&telling);
	tell_origin(&telling);
	type->end(&telling.sheet);
	out->failed |= title.failed;
}

/* --- for other places --- */

void
telling_subject(const struct digest *d, struct buf *out)
{
	buf_add(out, STR("[digest] "));
	plain_add_cut(out, d->host, HOST_BYTES);
	if (d->span.week != 0) {
		buf_addf(out, ", week %d", d->span.week);
	} else {
		buf_add(out, STR(", since "));
		digest_moment(out, d->span.from_us);
	}
	buf_add(out, STR(": "));
	buf_add(out, d->headline);
}

void
telling_brief(const struct digest *d, struct buf *out)
{
	const int64_t *o = d->now.out.outcomes;

	plain_add_cut(out, d->verdict, VERDICT_BYTES);
	buf_add(out, STR("\nTo other hosts: "));
	digest_add_number(out, o[OUTCOME_DELIVERED]);
	buf_add(out, STR(" delivered, "));
	digest_add_number(out, o[OUTCOME_DEFERRED]);
	buf_add(out, STR(" deferred, "));
	digest_add_number(out, o[OUTCOME_BOUNCED] + o[OUTCOME_EXPIRED]);
	buf_add(out, STR(" refused or given up.\nFrom other hosts: "));
	digest_add_number(out, d->now.accepted);
	buf_add(out, STR(" accepted, "));
	digest_add_number(out, d->now.rejects);
	buf_add(out, STR(" refused.\nIncidents: "));
	digest_add_number(out, (int64_t)(d->nopen + d->open_left));
	buf_add(out, STR(" open, "));
	digest_add_number(out, (int64_t)(d->nresolved + d->resolved_left));
	buf_add(out, STR(" resolved.\n"));
}
