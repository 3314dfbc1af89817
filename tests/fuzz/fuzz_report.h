/*
 * fuzz_report - what every event of a report must be
 *
 * Purpose    A sink that reads all of an event's texts, so that AddressSanitizer sees one
 *            that is gone, and writes it as a line, which must be one line.
 */
#ifndef FUZZ_REPORT_H
#define FUZZ_REPORT_H

#include "fuzz_check.h"
#include "ingest/report.h"
#include "ingest/report_line.h"

struct fuzz_report {
	enum event_kind kind;
	size_t events;
};

static const struct str fuzz_report_addresses[] = { STR_INIT("198.51.100.7"),
	STR_INIT("203.0.113.0/28"), STR_INIT("2001:db8::/32") };
static const struct str fuzz_report_names[] = { STR_INIT("mx1.example.org") };
static const struct report_host fuzz_report_host = { STR_INIT("mx1"), fuzz_report_names, 1,
	fuzz_report_addresses, 3 };

static inline int
fuzz_report_take(void *ctx, const struct event *ev)
{
	struct fuzz_report *report = ctx;
	AUTO(buf_done) struct buf line = { 0 };

	report->events++;
	CHECK(event_num(ev, EVF_kind) == (int64_t)report->kind);
	CHECK(event_weight(ev) >= 0 && event_weight(ev) <= 1000000000);
	for (int f = 0; f < EVF_COUNT; f++)
		if (event_has(ev, (enum event_field)f) &&
		    event_field_is_text((enum event_field)f)) {
			CHECK(ev->v[f].text.n <= 4 * REPORT_FIELD_BYTES);
			fuzz_touch(ev->v[f].text);
		}
	report_line_add(&line, 0, STR("mx1"), 1, ev);
	CHECK(!line.failed);
	CHECK(str_find_char(buf_str(&line), '\n') == (ptrdiff_t)line.n - 1);
	return 0;
}

#endif
