/* Any line of the stream: what is read out of it is whole, and the same a second time. */
#include <stdint.h>
#include <string.h>

#include "desktop/record.h"
#include "fuzz_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
length(const char *text)
{
	return text == NULL ? 0 : strlen(text);
}

/* All that a record may hold is read to its end. */
static size_t
weigh(const struct record *r)
{
	const char *const texts[] = { r->id, r->host, r->recipient, r->original_recipient,
		r->sender, r->message_id, r->queue_id, r->service, r->change, r->incident,
		r->rule, r->summary, r->advice, r->provider, r->acknowledged_by };
	size_t n = 0;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		n += length(texts[i]);
	for (size_t i = 0; record_sample(r, i) != NULL; i++)
		n += 1 + length(record_sample(r, i));
	return n;
}

static void
check_kind(const struct record *r)
{
	bool incident = r->kind == RECORD_OPEN || r->kind == RECORD_CHANGE;

	CHECK(r->object != NULL || (r->kind == RECORD_OTHER && r->id == NULL));
	CHECK(!incident || (r->incident != NULL && r->change != NULL));
	CHECK(r->kind == RECORD_DELIVERED || (r->recipient == NULL && r->sender == NULL));
	CHECK(r->severity >= DESK_NONE && r->severity <= DESK_CRITICAL);
	CHECK(r->kind != RECORD_OPEN || strcmp(r->change, "open") == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str line = fuzz_copy(data, size);
	struct record first, again;

	record_read(&first, line);
	record_read(&again, line);
	free((char *)line.p); /* a record owns what it was read from */
	check_kind(&first);
	CHECK(first.kind == again.kind && first.at_us == again.at_us);
	CHECK(weigh(&first) == weigh(&again));
	record_done(&first);
	record_done(&again);
	return 0;
}
