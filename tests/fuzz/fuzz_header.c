/* Any line to the header parser: views lie inside the line, the time is one. */
#include <stdint.h>

#include "core/clock.h"
#include "fuzz_check.h"
#include "parsers/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 2026-11-21 12:00 UTC */
#define REFERENCE_US INT64_C(1795262400000000)

enum { DAY_S = 86400, MAX_REPEATED = 1000000 };

/* 1970 to 9999 (RFC 3339, 1: four digits), and what a zone may add or take off. */
#define FIRST_US (-2 * DAY_S * (int64_t)US_PER_S)
#define LAST_US ((INT64_C(253402300800) + 2 * DAY_S) * US_PER_S)

static void
check_header(const struct header *h, struct str line)
{
	CHECK(fuzz_is_inside(h->host, line));
	CHECK(fuzz_is_inside(h->ident, line));
	CHECK(fuzz_is_inside(h->pid, line));
	CHECK(fuzz_is_inside(h->text, line));
	CHECK(fuzz_is_inside(h->tagged, line));
	CHECK(h->ident.n > 0);
	CHECK(h->time_us >= FIRST_US && h->time_us < LAST_US);
	CHECK(h->offset_min > -24 * 60 && h->offset_min < 24 * 60);
	CHECK(h->repeated >= 0 && h->repeated <= MAX_REPEATED);
}

static void
check_same(const struct header *a, const struct header *b)
{
	CHECK(a->time_us == b->time_us && a->offset_min == b->offset_min);
	CHECK(str_eq(a->host, b->host) && str_eq(a->ident, b->ident));
	CHECK(str_eq(a->pid, b->pid) && str_eq(a->text, b->text));
	CHECK(a->repeated == b->repeated);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str line = fuzz_copy(data, size);
	struct header_clock clock;
	struct header first = { 0 }, again = { 0 };

	header_clock_init(&clock, REFERENCE_US);
	bool known = header_parse(&clock, line, &first);

	/* Once more, now with the hour and the last time remembered. */
	CHECK(header_parse(&clock, line, &again) == known);
	if (known) {
		check_header(&first, line);
		check_same(&first, &again);
	}
	/* A journal's text has no header, but may be folded. */
	again = (struct header){ .text = line };
	header_unfold_repeat(&again);
	CHECK(fuzz_is_inside(again.text, line));
	CHECK(again.repeated >= 0 && again.repeated <= MAX_REPEATED);
	free((char *)line.p);
	return 0;
}
