/* What is wrong and what to do, and what is over. */
#include "core/clock.h"
#include "core/plain.h"
#include "report/telling_impl.h"

enum {
	TOLD_WHOLE = 5,
	TOLD_LINES = 25,
	SUMMARY_BYTES = 600,
	SHORT_BYTES = 200, /* of a summary that stands alone */
	ADVICE_BYTES = 900,
	NAME_BYTES = 100,
};

static enum sheet_tone
tone_of(const struct incident *in)
{
	switch (in->severity) {
	case SEVERITY_CRITICAL: return SHEET_CRITICAL;
	case SEVERITY_WARNING: return SHEET_WARNING;
	case SEVERITY_INFO: return SHEET_INFO;
	default: return SHEET_PLAIN;
	}
}

static void
tell_summary(struct telling *telling, const struct incident *in, enum sheet_tone tone,
    struct str word, size_t max_bytes)
{
	AUTO(buf_done) struct buf text = { 0 };

	plain_add_cut(&text, in->summary.n > 0 ? in->summary : in->rule, max_bytes);
	telling->sheet.type->entry(&telling->sheet, tone, word, buf_str(&text));
	telling->sheet.out->failed |= text.failed;
}

static void
tell_facts(struct telling *telling, const struct incident *in)
{
	AUTO(buf_done) struct buf text = { 0 };

	buf_add(&text, STR("Since "));
	digest_moment(&text, in->opened_us);
	buf_add(&text, STR(", "));
	if (in->count == 1)
		buf_add(&text, STR("once"));
	else
		digest_add_count(&text, in->count, "time", NULL);
	if (in->ack_at_us != 0) {
		buf_add(&text, STR(", acknowledged by "));
		plain_add_cut(&text, in->ack_who.n > 0 ? in->ack_who : STR("somebody"),
		    NAME_BYTES);
	}
	buf_add_char(&text, '.');
	telling->sheet.type->detail(&telling->sheet, buf_str(&text));
	telling->sheet.out->failed |= text.failed;
}

/* --- advice --- */

static bool
is_item(struct str line)
{
	size_t n = 0;

	if (str_starts(line, STR("- ")) || str_starts(line, STR("* ")))
		return true;
	while (n < line.n && n < 2 && line.p[n] >= '0' && line.p[n] <= '9')
		n++;
	return n > 0 && (str_starts(str_skip(line, n), STR(". ")) ||
			    str_starts(str_skip(line, n), STR(") ")));
}

struct flow {
	struct telling *telling;
	struct buf text; /* a paragraph or an item that is being gathered */
	bool item;
};

static void
flow_end(struct flow *flow)
{
	struct sheet *sheet = &flow->telling->sheet;

	sheet->out->failed |= flow->text.failed;
	if (flow->text.n > 0 && flow->item)
		sheet->type->item(sheet, buf_str(&flow->text));
	else if (flow->text.n > 0)
		sheet->type->detail(sheet, buf_str(&flow->text));
	buf_clear(&flow->text);
	flow->item = false;
}

static void
flow_line(struct flow *flow, struct str line)
{
	struct sheet *sheet = &flow->telling->sheet;
	bool verbatim = line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
	struct str words = str_trim(line);

	if (words.n == 0 || verbatim || is_item(line))
		flow_end(flow);
	if (words.n == 0)
		return;
	if (verbatim) {
		plain_add(&flow->text, words);
		sheet->type->command(sheet, buf_str(&flow->text));
		buf_clear(&flow->text);
		return;
	}
	if (is_item(line)) {
		flow->item = true;
		if (line.p[0] == '-' || line.p[0] == '*')
			words = str_trim(str_skip(words, 1));
	}
	if (flow->text.n > 0)
		buf_add_char(&flow->text, ' ');
	plain_add(&flow->text, words);
}

/* What stands behind the first empty line says what to do; without one, all of it. */
static void
tell_advice(struct telling *telling, const struct incident *in)
{
	struct flow flow = { .telling = telling };
	ptrdiff_t at = str_find(in->advice, STR("\n\n"));
	struct str advice = at < 0 ? in->advice : str_skip(in->advice, (size_t)at + 2);
	size_t left = ADVICE_BYTES;

	while (advice.n > 0 && left > 0) {
		struct str line = str_cut(&advice, '\n');
		struct str most = str_head(line, left);

		/* No character is cut in two. */
		while (most.n < line.n && most.n > 0 &&
		       ((unsigned char)line.p[most.n] & 0xc0) == 0x80)
			most.n--;
		flow_line(&flow, most);
		left -= most.n < line.n ? left : most.n;
	}
	if (advice.n > 0 && flow.text.n > 0)
		buf_add(&flow.text, STR(" ..."));
	flow_end(&flow);
	buf_done(&flow.text);
}

/* Ours are hexadecimal digits; what is not that plain never stands in a command. */
static void
tell_command(struct telling *telling, struct str id)
{
	AUTO(buf_done) struct buf text = { 0 };

	for (size_t i = 0; i < id.n; i++)
		if (!((id.p[i] >= '0' && id.p[i] <= '9') ||
			(id.p[i] >= 'a' && id.p[i] <= 'z')))
			return;
	if (id.n == 0 || id.n > NAME_BYTES)
		return;
	buf_addf(&text, "mailwarden show %.*s", STR_ARG(id));
	telling->sheet.type->command(&telling->sheet, buf_str(&text));
}

static void
tell_rest(struct telling *telling, size_t n)
{
	struct buf text = { 0 };

	if (n == 0)
		return;
	buf_addf(&text, "And %zu more: `mailwarden incidents --all` lists them.", n);
	telling_say(telling, &text);
}

void
telling_incidents(struct telling *telling)
{
	const struct digest *d = telling->digest;

	if (d->nopen == 0)
		return;
	telling_section(telling, "Open incidents, and what to do");
	for (size_t i = 0; i < d->nopen && i < TOLD_LINES; i++) {
		const struct incident *in = &d->open[i];

		tell_summary(telling, in, tone_of(in),
		    in->severity == SEVERITY_UNKNOWN ? STR("alert")
						     : str_of(severity_name(in->severity)),
		    i < TOLD_WHOLE ? SUMMARY_BYTES : SHORT_BYTES);
		if (i < TOLD_WHOLE) {
			tell_facts(telling, in);
			tell_advice(telling, in);
		}
		tell_command(telling, in->id);
	}
	tell_rest(telling,
	    d->open_left + (d->nopen > TOLD_LINES ? d->nopen - TOLD_LINES : 0));
}

void
telling_resolved(struct telling *telling)
{
	const struct digest *d = telling->digest;
	size_t most = TOLD_LINES;
	struct buf text = { 0 };

	if (d->nresolved == 0) {
		if (d->nopen > 0)
			return;
		buf_add(&text, STR("No incident is open, and none was resolved."));
		if (!d->quiet)
			telling_section(telling, "Incidents");
		telling_say(telling, &text);
		return;
	}
	telling_section(telling, d->nopen == 0 ? "Nothing is open; resolved" : "Resolved");
	for (size_t i = 0; i < d->nresolved && i < most; i++) {
		const struct incident *in = &d->resolved[i];
		AUTO(buf_done) struct buf word = { 0 };

		digest_day(&word, in->resolved_us);
		buf_add(&word, STR(", after "));
		clock_span_words(&word, in->resolved_us - in->opened_us);
		tell_summary(telling, in, SHEET_GOOD, buf_str(&word), SHORT_BYTES);
	}
	tell_rest(telling,
	    d->resolved_left + (d->nresolved > most ? d->nresolved - most : 0));
}
