/* Everything of a request that we take apart ourselves: the first line is the target, the
 * second a header's value, the rest a body. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "web/body.h"
#include "web/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool
is_within(struct str part, struct str all)
{
	return part.n == 0 || (part.p >= all.p && part.p + part.n <= all.p + all.n);
}

static void
try_query(struct str query)
{
	AUTO(buf_done) struct buf value = { 0 };
	enum query_result r = query_value(query, STR("q"), &value);

	assert(value.n <= REQUEST_VALUE_BYTES);
	for (size_t i = 0; r == QUERY_FOUND && i < value.n; i++)
		assert((unsigned char)value.p[i] >= 0x20 && value.p[i] != 0x7f);
}

static void
try_header(struct str text)
{
	static const char *const names[] = { "mail.example.org" };
	static const struct host_list allowed = { names, 1 };
	bool ours = request_host_is_ours(text, &allowed);

	assert(!ours || text.n < 64);
	(void)request_origin_is_ours(text, STR("localhost:8025"));
	(void)request_site_is_ours(text);
	(void)request_is_json(text);
	(void)request_wants_openmetrics(text);
	assert(!request_has_token(text, STR("")));
	assert(!request_has_token(text, STR("token")) || text.n >= 12);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str rest = { (const char *)data, n };
	struct str target_text = str_cut(&rest, '\n');
	struct str header = str_cut(&rest, '\n');
	struct target target = target_read(target_text);
	struct ack_body body = { 0 };
	struct err err;

	assert(is_within(target.path, target_text) && is_within(target.id, target_text) &&
	       is_within(target.query, target_text));
	assert(target.id.n <= REQUEST_ID_BYTES);
	try_query(target.query);
	try_header(header);
	if (rest.n <= REQUEST_BODY_BYTES && ack_body_read(rest, &body, &err) == 0)
		assert(body.who.n <= BODY_WHO_BYTES && body.note.n <= BODY_NOTE_BYTES);
	ack_body_done(&body);
	return 0;
}
