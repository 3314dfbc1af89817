/* Any text as a reply that names addresses, and as one to be masked. */
#include "core/mask.h"
#include "fuzz_check.h"
#include "parsers/reply_facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	AUTO(buf_done) struct buf masked = { 0 };
	struct str status;
	int64_t code;

	fuzz_touch(reply_ip(text, STR("192.0.2.1")));
	fuzz_touch(reply_host(text));
	reply_codes(text, &code, &status);
	fuzz_touch(status);
	CHECK(code == 0 || (code >= 400 && code <= 599));
	CHECK(status.n == 0 || status_words(status).class != NULL);
	mask_add(&masked, text);
	CHECK(!masked.failed);
	return 0;
}
