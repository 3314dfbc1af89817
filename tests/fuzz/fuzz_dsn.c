/* Any text as status fields, returned header and text for people. */
#include "fuzz_check.h"
#include "ingest/dsn.h"
#include "ingest/report_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
take(void *ctx, const struct event *ev)
{
	AUTO(buf_done) struct buf line = { 0 };
	int *n = ctx;

	for (int f = 0; f < EVF_COUNT; f++)
		if (event_has(ev, (enum event_field)f) &&
		    event_field_is_text((enum event_field)f))
			fuzz_touch(event_text(ev, (enum event_field)f));
	CHECK(event_text(ev, EVF_recipient).n > 0);
	CHECK(event_text(ev, EVF_dsn_action).n > 0);
	report_line_add(&line, 0, STR("mx1"), 1, ev);
	CHECK(!line.failed);
	CHECK(str_find_char(buf_str(&line), '\n') == (ptrdiff_t)line.n - 1);
	CHECK(line.n <= 64 * 1024);
	++*n;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = fuzz_copy(data, size);
	const struct dsn_parts parts = { text, text, text, text, str_head(text, 60) };
	const struct report_host host = { .name = STR_INIT("mx1") };
	struct event ev = { 0 };
	int n = 0;
	const struct report_sink sink = { take, &n };
	struct err err;

	CHECK(dsn_read(&parts, &host, &sink, &err) == n);
	dsn_set_message(&parts, &host, &ev);
	for (int f = 0; f < EVF_COUNT; f++)
		if (event_has(&ev, (enum event_field)f)) {
			struct str set = event_text(&ev, (enum event_field)f);

			CHECK(set.n == 0 || fuzz_is_inside(set, text));
			fuzz_touch(set);
		}
	free((char *)(uintptr_t)text.p);
	return 0;
}
