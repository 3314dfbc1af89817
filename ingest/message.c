#include "ingest/message.h"

#include <errno.h>

void
report_message_init(void)
{
}

int
report_message_read(struct str message, const struct report_host *host,
    struct bounce_rules *rules, const struct report_sink *sink, struct report_summary *out,
    struct err *err)
{
	(void)message;
	(void)host;
	(void)rules;
	(void)sink;
	(void)out;
	return err_set(err, -ENOSYS, "not written yet");
}
