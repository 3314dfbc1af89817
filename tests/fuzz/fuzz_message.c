/* Any bytes as a message: what comes out are whole lines, and never more than the limit. */
#include "fuzz_check.h"
#include "ingest/message.h"
#include "ingest/report_line.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	report_message_init();
	return 0;
}

static int
take(void *ctx, const struct event *ev)
{
	AUTO(buf_done) struct buf line = { 0 };
	size_t *n = ctx;

	for (int f = 0; f < EVF_COUNT; f++)
		if (event_has(ev, (enum event_field)f) &&
		    event_field_is_text((enum event_field)f))
			fuzz_touch(event_text(ev, (enum event_field)f));
	CHECK(event_text(ev, EVF_report_id).n > 17);
	report_line_add(&line, 0, STR("mx1"), 1, ev);
	CHECK(!line.failed);
	CHECK(str_find_char(buf_str(&line), '\n') == (ptrdiff_t)line.n - 1);
	++*n;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = fuzz_copy(data, size);
	const struct report_host host = { .name = STR_INIT("mx1") };
	struct report_summary summary;
	struct err err = { "" };
	size_t n = 0;
	const struct report_sink sink = { take, &n };
	int r = report_message_read(text, &host, NULL, &sink, &summary, &err);

	CHECK(r <= 0);
	CHECK(r < 0 || n > 0);
	CHECK(r == 0 || err.text[0] != '\0');
	CHECK(summary.events == n && n <= REPORT_EVENTS);
	free((char *)(uintptr_t)text.p);
	return 0;
}
