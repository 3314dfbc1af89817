/* Any bytes as an aggregate report of DMARC. */
#include "fuzz_report.h"
#include "ingest/dmarc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_copy(data, size);
	struct fuzz_report report = { .kind = KIND_DMARC };
	struct report_sink sink = { fuzz_report_take, &report };
	struct err err = { "" };
	size_t left_out;
	int n = dmarc_read(input, &fuzz_report_host, &sink, &left_out, &err);

	CHECK(n < 0 ? err.text[0] != '\0' && report.events == 0
		    : n > 0 && (size_t)n == report.events && n <= REPORT_EVENTS);
	CHECK(n >= 0 || left_out == 0);
	free((char *)(uintptr_t)input.p);
	return 0;
}
