/* Any text as a bounce message, as a reply that names addresses, and as one to be masked. */
#include "core/mask.h"
#include "fuzz_check.h"
#include "parsers/bounce_text.h"
#include "parsers/reply_facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
take_recipient(void *ctx, const struct bounce_recipient *r)
{
	(void)ctx;
	fuzz_touch(r->recipient);
	fuzz_touch(r->action);
	fuzz_touch(r->status);
	fuzz_touch(r->reply);
	fuzz_touch(r->relay_name);
	CHECK(r->recipient.n > 0 || r->reply.n > 0);
	CHECK(r->reply.n <= BOUNCE_FIELD_BYTES + 1);
}

static void
take_paragraph(void *ctx, struct str paragraph)
{
	(void)ctx;
	fuzz_touch(paragraph);
	CHECK(paragraph.n > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	AUTO(buf_done) struct buf masked = { 0 };
	struct str status;
	int64_t code;

	(void)bounce_is_message(text);
	CHECK(bounce_each_recipient(text, take_recipient, NULL) >= 0);
	CHECK(bounce_each_paragraph(text, take_paragraph, NULL) >= 0);
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
