/*
 * report_box - what the readers of reports hand over, as text to compare
 *
 * Purpose    A sink that writes each event as a line of the reports log, without stamp,
 *            host and program: "dmarc: sender=<example.org>, ...".
 */
#ifndef REPORT_BOX_H
#define REPORT_BOX_H

#include <errno.h>

#include "ingest/report.h"
#include "ingest/report_line.h"

struct report_box {
	struct buf lines;
	size_t events;
	int answer; /* the sink's, from the first event on */
};

static inline int
report_box_take(void *ctx, const struct event *ev)
{
	struct report_box *box = ctx;
	AUTO(buf_done) struct buf line = { 0 };

	report_line_add(&line, 0, STR("mx1"), 1, ev);
	ptrdiff_t at = str_find(buf_str(&line), STR("]: "));

	assert_true(at > 0);
	if (box->events++ < 100)
		buf_add(&box->lines, str_skip(buf_str(&line), (size_t)at + 3));
	return box->answer;
}

/* This host, as others see it. */
static const struct str report_box_addresses[] = { STR_INIT("198.51.100.7"),
	STR_INIT("2001:DB8:0::7"), STR_INIT("203.0.113.0/28"), STR_INIT("not an address") };

static const struct report_host report_box_host = { .name = STR_INIT("mx1"),
	.addresses = report_box_addresses,
	.naddresses = sizeof report_box_addresses / sizeof report_box_addresses[0] };

#endif
