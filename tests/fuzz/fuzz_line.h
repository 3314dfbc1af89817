/*
 * fuzz_line - one line of one MTA through the shipped rules
 *
 * Purpose    What fuzz_postfix.c and its siblings share: they only name their processes.
 *            The first byte of the input chooses: '0' the rest is a line with its header,
 *            '1' the text of the first process, '2' of the second, and so on.
 * Checks     Views lie in the line or in memory that is readable; values are in range;
 *            the JSON is JSON; nothing is delivered by a process that delivers nothing, or
 *            without the words that say so; the same line gives the same events again.
 * Limits     Rules that give up are counted and told at the end, no reason to fail.
 */
#ifndef FUZZ_LINE_H
#define FUZZ_LINE_H

#include "core/clock.h"
#include "core/event.h"
#include "fuzz_check.h"
#include "parsers/parser.h"

enum {
	FUZZ_MAX_WORDS = 24,
	FUZZ_COUNTERS = 4096,
};

struct fuzz_mta {
	struct str name;
	struct str processes[FUZZ_MAX_WORDS];
	/* Ends of the names of processes that never deliver. */
	struct str silent[FUZZ_MAX_WORDS];
	/* One of these stands in every line that says delivered. */
	struct str delivered[FUZZ_MAX_WORDS];
};

struct fuzz_lines {
	struct ruleset *rules;
	struct catalogue *catalogue;
	struct parser *with_header, *bare;
};

struct fuzz_seen {
	const struct fuzz_mta *mta;
	struct str line;
	struct buf json; /* of all events */
	size_t nevents;
};

/* 2026-11-21 12:00 UTC */
#define FUZZ_REFERENCE_US INT64_C(1795262400000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Patterns are machine code that libFuzzer cannot see: which rule took a line, and which
 * fields it found, counts as coverage too. */
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t
    fuzz_counters[FUZZ_COUNTERS];

static struct fuzz_lines fuzz_lines;

static inline void
fuzz_count(struct str word, uint64_t more)
{
	fuzz_counters[(str_hash(word) ^ more * 0x9e3779b97f4a7c15u) % FUZZ_COUNTERS] = 1;
}

static inline void
fuzz_tell_limit(void *ctx, struct str rule, uint64_t times)
{
	fprintf(stderr, "%s: rule %.*s gave up %llu times\n", (const char *)ctx,
	    STR_ARG(rule), (unsigned long long)times);
}

static inline void
fuzz_lines_done(void)
{
	static char with_header[] = "with header", bare[] = "text";
	struct fuzz_lines *f = &fuzz_lines;

	matcher_each_limit(parser_matcher(f->with_header), fuzz_tell_limit, with_header);
	matcher_each_limit(parser_matcher(f->bare), fuzz_tell_limit, bare);
	parser_free(f->with_header);
	parser_free(f->bare);
	catalogue_free(f->catalogue);
	ruleset_free(f->rules);
}

static inline void
fuzz_lines_init(void)
{
	static const char *const dirs[] = { SOURCE_DIR "/rules.d" };
	static const char *const catalogues[] = { SOURCE_DIR "/rules.d/catalogue" };
	struct fuzz_lines *f = &fuzz_lines;
	struct diags diags = { 0 };

	if (ruleset_load(dirs, 1, &f->rules, &diags) < 0 ||
	    catalogue_load(catalogues, 1, &f->catalogue, &diags) < 0) {
		diags_print(&diags, stderr);
		abort();
	}
	f->with_header = parser_new(f->rules, f->catalogue, FUZZ_REFERENCE_US);
	f->bare = parser_new(f->rules, f->catalogue, FUZZ_REFERENCE_US);
	CHECK(f->with_header != NULL && f->bare != NULL);
	(void)atexit(fuzz_lines_done);
}

static inline bool
fuzz_ends_among(struct str s, const struct str *words)
{
	for (size_t i = 0; i < FUZZ_MAX_WORDS && words[i].n > 0; i++)
		if (str_ends(s, words[i]))
			return true;
	return false;
}

static inline bool
fuzz_has_one_of(struct str s, const struct str *words)
{
	for (size_t i = 0; i < FUZZ_MAX_WORDS && words[i].n > 0; i++)
		if (str_find(s, words[i]) >= 0)
			return true;
	return false;
}

/* What nobody but the line can have said; other text may be a rule's or the catalogue's. */
static inline bool
fuzz_is_logged(enum event_field f)
{
	return f == EVF_host || f == EVF_queue_id || f == EVF_related_queue_id ||
	       f == EVF_session_id || f == EVF_message_id || f == EVF_sender ||
	       f == EVF_recipient || f == EVF_original_recipient || f == EVF_relay_name ||
	       f == EVF_relay_ip || f == EVF_reply || f == EVF_status || f == EVF_helo ||
	       f == EVF_sasl_user;
}

static inline void
fuzz_check_value(const struct event *ev, enum event_field f, struct str line)
{
	static const int64_t ends[] = {
		[EVT_BOOL] = 2,
		[EVT_KIND] = KIND_COUNT,
		[EVT_DIRECTION] = DIRECTION_COUNT,
		[EVT_OUTCOME] = OUTCOME_COUNT,
	};
	enum event_type type = event_field_type(f);
	int64_t v = ev->v[f].num;

	if (event_field_is_text(f)) {
		fuzz_touch(ev->v[f].text);
		CHECK(!fuzz_is_logged(f) || fuzz_is_inside(ev->v[f].text, line));
		return;
	}
	switch (type) {
	case EVT_INT: CHECK(v >= 0); break;
	case EVT_SECONDS: break;
	default: CHECK(v >= 0 && v < ends[type]);
	}
}

static inline void
fuzz_check_event(const struct fuzz_seen *seen, const struct event *ev)
{
	struct str process = event_text(ev, EVF_process);

	CHECK(ev->has >> EVF_COUNT == 0);
	for (int f = 0; f < EVF_COUNT; f++)
		if (event_has(ev, (enum event_field)f))
			fuzz_check_value(ev, (enum event_field)f, seen->line);
	CHECK(event_num(ev, EVF_kind) != KIND_UNKNOWN);
	CHECK(event_text(ev, EVF_rule).n > 0 && event_text(ev, EVF_mta).n > 0);
	CHECK(event_num(ev, EVF_smtp_code) < 1000);
	CHECK(event_num(ev, EVF_relay_port) >= 0);
	CHECK(ev->time_us > -2 * INT64_C(86400) * US_PER_S);
	if (event_num(ev, EVF_outcome) != OUTCOME_DELIVERED ||
	    !str_eq(event_text(ev, EVF_mta), seen->mta->name))
		return;
	CHECK(!fuzz_ends_among(process, seen->mta->silent));
	CHECK(fuzz_has_one_of(seen->line, seen->mta->delivered));
}

static inline void
fuzz_on_event(void *ctx, struct event *ev)
{
	struct fuzz_seen *seen = ctx;
	size_t from = seen->json.n;

	seen->nevents++;
	fuzz_check_event(seen, ev);
	event_json(ev, &seen->json);
	CHECK(!seen->json.failed);
	CHECK(fuzz_is_json(str_skip(buf_str(&seen->json), from)));
	fuzz_count(event_text(ev, EVF_rule), 0);
	fuzz_count(event_text(ev, EVF_rule), ev->has);
}

static inline enum parse_result
fuzz_parse(struct parser *parser, const struct line *line, struct fuzz_seen *seen)
{
	enum parse_result r =
	    parser_line(parser, line, STR("mail.log"), fuzz_on_event, seen);

	CHECK(r <= PARSE_GAVE_UP);
	CHECK(r == PARSE_EVENT || seen->nevents == 0);
	CHECK(seen->nevents <= MAX_SPLIT);
	return r;
}

static inline int
fuzz_one_line(const struct fuzz_mta *mta, const uint8_t *data, size_t size)
{
	size_t n = 0;
	struct parser *parser = fuzz_lines.with_header;

	if (size == 0)
		return 0;
	while (n < FUZZ_MAX_WORDS && mta->processes[n].n > 0)
		n++;
	size_t choice = (uint8_t)(data[0] - '0') % (n + 1);
	struct line line = { .text = fuzz_copy(data + 1, size - 1), .offset = 4711 };
	struct fuzz_seen first = { .mta = mta, .line = line.text }, again = first;

	if (choice > 0) {
		parser = fuzz_lines.bare;
		parser_set_no_header(parser, mta->processes[choice - 1]);
	}
	/* A new batch: without the stamp that a line before left to those that have none. */
	parser_set_reference(parser, FUZZ_REFERENCE_US);
	enum parse_result r = fuzz_parse(parser, &line, &first);

	/* Again, in a batch of its own. */
	parser_set_reference(parser, FUZZ_REFERENCE_US);
	CHECK(fuzz_parse(parser, &line, &again) == r);
	CHECK(first.nevents == again.nevents);
	if (!str_eq(buf_str(&first.json), buf_str(&again.json))) {
		fprintf(stderr, "%.*s\n%.*s\n", STR_ARG(first.json), STR_ARG(again.json));
		CHECK(!"the same events again");
	}
	buf_done(&first.json);
	buf_done(&again.json);
	free((char *)line.text.p);
	return 0;
}

#endif
