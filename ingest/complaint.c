#include "ingest/complaint.h"

#include <errno.h>

int
complaint_read(struct str fields, struct str from, const struct dsn_parts *parts,
    const struct report_host *host, const struct report_sink *sink, struct err *err)
{
	(void)fields;
	(void)from;
	(void)parts;
	(void)host;
	(void)sink;
	return err_set(err, -ENOSYS, "not written yet");
}
