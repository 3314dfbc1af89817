#include "ingest/dsn.h"

#include <errno.h>

int
dsn_read(const struct dsn_parts *parts, const struct report_host *host,
    const struct report_sink *sink, struct err *err)
{
	(void)parts;
	(void)host;
	(void)sink;
	return err_set(err, -ENOSYS, "not written yet");
}

void
dsn_set_message(const struct dsn_parts *parts, const struct report_host *host,
    struct event *ev)
{
	(void)parts;
	(void)host;
	(void)ev;
}
