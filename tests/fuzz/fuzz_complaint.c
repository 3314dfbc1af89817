/* Any text as an abuse report: its fields, the header of the message it is about, and its own
 * header, with a line "--" between them. */
#include "fuzz_report.h"
#include "ingest/complaint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str
take_part(struct str *rest)
{
	const struct str parting = STR("\n--\n");
	ptrdiff_t at = str_find(*rest, parting);
	struct str part = *rest;

	if (at < 0) {
		*rest = STR("");
		return part;
	}
	*rest = str_skip(*rest, (size_t)at + parting.n);
	return str_head(part, (size_t)at + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_copy(data, size), rest = input;
	struct fuzz_report report = { .kind = KIND_COMPLAINT };
	struct report_sink sink = { fuzz_report_take, &report };
	struct str fields = take_part(&rest), returned = take_part(&rest);
	struct dsn_parts parts = { .returned = returned, .header = rest };
	struct str from = rest;
	struct err err = { "" };
	int n = complaint_read(fields, str_cut(&from, '\n'), &parts, &fuzz_report_host,
	    &sink, &err);

	CHECK(n == 0 || n == 1);
	CHECK((size_t)n == report.events);
	free((char *)(uintptr_t)input.p);
	return 0;
}
