/* Any bytes as a zip, a gzip, or what is neither. */
#include <errno.h>

#include "fuzz_check.h"
#include "ingest/report.h"
#include "ingest/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_copy(data, size);
	AUTO(buf_done) struct buf out = { 0 };
	struct err err = { "" };
	int r = unpack(input, &out, &err);

	CHECK(r == 0 || r == -EBADMSG || r == -E2BIG);
	CHECK(r == 0 || (out.n == 0 && err.text[0] != '\0'));
	CHECK(out.n <= REPORT_UNPACKED_BYTES);
	fuzz_touch(buf_str(&out));
	free((char *)(uintptr_t)input.p);
	return 0;
}
