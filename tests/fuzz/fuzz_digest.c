/* A digest of hostile texts and numbers: plain text stays within its columns and says nothing
 * to a terminal, HTML stays well-formed and has no element or attribute but ours, JSON is
 * JSON. The first 32 bytes are numbers, each line behind them is a text. */
#include <stddef.h>
#include <stdint.h>

#include "fuzz_check.h"
#include "report/digest_json.h"
#include "report/telling.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { NUMBERS = 32, ROWS = 3, DEPTH = 16 };

/* --- HTML: a strict reader of what we write --- */

struct open_tags {
	struct str names[DEPTH];
	size_t n;
};

static bool
is_one_of(struct str name, const char *const *names)
{
	while (*names != NULL && !str_eq(name, str_of(*names)))
		names++;
	return *names != NULL;
}

static void
check_attributes(struct str left)
{
	static const char *const ours[] = { "style", "lang", "charset", "name", "content",
		"aria-label", "scope", "src", "alt", "width", "height", "class", "role",
		NULL };

	while (left.n > 0) {
		CHECK(fuzz_take(&left, ' '));
		struct str name = str_cut(&left, '=');

		CHECK(is_one_of(name, ours));
		CHECK(fuzz_take(&left, '"'));
		ptrdiff_t end = str_find_char(left, '"');

		CHECK(end >= 0 && str_find_char(str_head(left, (size_t)end), '<') < 0);
		left = str_skip(left, (size_t)end + 1);
	}
}

static void
take_tag(struct open_tags *open, struct str tag)
{
	static const char *const ours[] = { "html", "head", "meta", "title", "style",
		"body", "div", "h1", "h2", "p", "b", "ul", "li", "table", "tr", "th", "td",
		"code", "img", "span", NULL };
	bool closes = fuzz_take(&tag, '/'), alone = str_ends(tag, STR("/"));
	size_t n = 0;

	if (alone)
		tag.n--;
	while (n < tag.n && tag.p[n] != ' ')
		n++;
	struct str name = str_head(tag, n);

	CHECK(is_one_of(name, ours));
	if (closes) {
		CHECK(n == tag.n && open->n > 0 && str_eq(open->names[--open->n], name));
		return;
	}
	check_attributes(str_skip(tag, n));
	if (alone)
		return;
	CHECK(open->n < DEPTH);
	open->names[open->n++] = name;
}

/* "&lt;" and the like: behind a & nothing else. */
static void
check_words(struct str words)
{
	static const char *const ours[] = { "lt", "gt", "amp", "quot", "#39", NULL };
	ptrdiff_t at;

	while ((at = str_find_char(words, '&')) >= 0) {
		words = str_skip(words, (size_t)at + 1);
		CHECK(str_find_char(words, ';') >= 0 &&
		      is_one_of(str_cut(&words, ';'), ours));
	}
}

static void
check_html(struct str page)
{
	struct open_tags open = { 0 };

	CHECK(fuzz_take_word(&page, STR("<!DOCTYPE html>")));
	while (page.n > 0) {
		bool style = open.n > 0 && str_eq(open.names[open.n - 1], STR("style"));
		struct str words = str_cut(&page, '<');

		if (!style)
			check_words(words);
		if (page.n == 0)
			break;
		CHECK(str_find_char(page, '>') >= 0);
		/* A > in an attribute is escaped, so this is the tag's end. */
		take_tag(&open, str_cut(&page, '>'));
	}
	CHECK(open.n == 0);
}

/* --- what must hold of both --- */

static void
check_characters(struct str text)
{
	while (text.n > 0) {
		unsigned char c = (unsigned char)text.p[0];

		if (c >= 0x80) {
			CHECK(c != 0xc2 || (unsigned char)text.p[1] >= 0xa0); /* C1 */
			CHECK(fuzz_take_utf8(&text));
			continue;
		}
		CHECK(c == '\n' || (c >= ' ' && c != 0x7f));
		text = str_skip(text, 1);
	}
}

/* A link stays in one piece. */
static void
check_text(struct str text)
{
	while (text.n > 0) {
		struct str line = str_cut(&text, '\n'), word = str_trim(line);
		bool link =
		    str_find_char(word, ' ') < 0 &&
		    (str_starts(word, STR("https://")) || str_starts(word, STR("http://")));

		CHECK(link || sheet_columns(line) <= SHEET_COLUMNS);
	}
}

/* --- a digest of them --- */

struct input {
	int64_t numbers[NUMBERS];
	size_t at;
	struct str texts;
};

/* Small ones and large ones: tables hold numbers up to a billion. */
static int64_t
next_number(struct input *in)
{
	int64_t c = in->numbers[in->at++ % NUMBERS];

	return c < 200 ? c * c : c == 255 ? 999999999 : c << (c - 200) / 4;
}

static struct str
next_text(struct input *in)
{
	return str_cut(&in->texts, '\n');
}

static void
fill_provider(struct input *in, struct figure_provider *p)
{
	p->provider = next_text(in);
	for (int i = OUTCOME_DELIVERED; i < OUTCOME_COUNT; i++)
		p->outcomes[i] = next_number(in);
	p->delay.n = p->delay.buckets[next_number(in) % FIGURE_BUCKETS] = next_number(in);
	p->tls = (struct figure_tls){ next_number(in), next_number(in), next_number(in) };
}

static void
fill_incident(struct input *in, struct digest *d, enum incident_state state)
{
	struct incident incident = {
		.id = STR("0f3a9c1b2d4e"),
		.rule = STR("rule"),
		.group = STR("{}"),
		.severity = next_number(in) % 2 == 0 ? SEVERITY_WARNING : SEVERITY_CRITICAL,
		.state = state,
		.host = next_text(in),
		.provider = next_text(in),
		.summary = next_text(in),
		.advice = next_text(in),
		.url = next_text(in),
		.samples = next_text(in),
		.ack_who = next_text(in),
		.ack_note = next_text(in),
		.ack_at_us = next_number(in),
		.opened_us = d->span.from_us + 1,
		.resolved_us = d->span.until_us - 1,
		.count = next_number(in),
	};

	CHECK(digest_add_incident(d, &incident) == 0);
}

struct rows {
	struct figure_provider providers[ROWS];
	struct figure_reason reasons[ROWS];
	struct figure_name rejected[ROWS];
	struct digest_gap gaps[1];
};

static void
fill_figures(struct input *in, struct figures *f, struct rows *rows)
{
	for (size_t i = 0; i < ROWS; i++) {
		fill_provider(in, &rows->providers[i]);
		rows->reasons[i] = (struct figure_reason){ rows->providers[i].provider,
			next_text(in), next_text(in), OUTCOME_BOUNCED, next_number(in) };
		rows->rejected[i] = (struct figure_name){ next_text(in), next_number(in) };
		f->rejects += rows->rejected[i].count;
	}
	fill_provider(in, &f->out);
	f->providers = rows->providers;
	f->reasons = rows->reasons;
	f->rejected = rows->rejected;
	f->nproviders = f->nreasons = f->nrejected = ROWS;
	f->ledger.lines = next_number(in);
	f->ledger.events = f->ledger.lines / 2;
	f->ledger.unparsed = next_number(in);
	f->logins = next_number(in);
	f->logins_failed = next_number(in);
	f->accepted = next_number(in);
	f->bounces_made = next_number(in);
}

static void
tell(const struct digest *d)
{
	static const struct telling_plots plots = { { STR_INIT("cid:a@b"),
	    STR_INIT("cid:b@b"), STR_INIT("cid:c@b") } };
	AUTO(buf_done) struct buf text = { 0 }, page = { 0 }, json = { 0 }, more = { 0 };

	telling_write(d, &sheet_text, &plots, &text);
	telling_write(d, &sheet_html, &plots, &page);
	telling_subject(d, &more);
	telling_brief(d, &more);
	digest_json(d, &json);
	CHECK(!text.failed && !page.failed && !json.failed && !more.failed);
	check_characters(buf_str(&text));
	check_characters(buf_str(&page));
	check_characters(buf_str(&more));
	check_text(buf_str(&text));
	check_html(buf_str(&page));
	CHECK(fuzz_is_json(buf_str(&json)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct digest_unrest calm = { 0 };
	static const int64_t now_us = INT64_C(1795228877000000);
	struct str copy = fuzz_copy(data, n);
	struct input in = { .texts = str_skip(copy, NUMBERS) };
	struct digest d = { .now_us = now_us, .span = digest_last_week(now_us) };
	struct rows now = { 0 }, before = { 0 };

	for (size_t i = 0; i < n && i < NUMBERS; i++)
		in.numbers[i] = data[i];
	d.host = next_text(&in);
	d.version = STR("0");
	fill_incident(&in, &d, INCIDENT_OPEN);
	fill_incident(&in, &d, INCIDENT_RESOLVED);
	now.gaps[0] =
	    (struct digest_gap){ next_text(&in), next_text(&in), next_text(&in), now_us };
	d.gaps = now.gaps;
	d.ngaps = (size_t)(next_number(&in) % 2);
	fill_figures(&in, &d.now, &now);
	if (next_number(&in) % 2 == 0)
		fill_figures(&in, &d.before, &before);
	digest_judge(&d, &calm, NULL);
	CHECK(!d.failed);
	tell(&d);
	/* What stands in the rows is not the digest's. */
	d.now = d.before = (struct figures){ 0 };
	d.gaps = NULL;
	digest_done(&d);
	free((void *)copy.p);
	return 0;
}
