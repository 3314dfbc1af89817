#include "ingest/report_line.h"

#include <errno.h>

void
report_line_add(struct buf *out, int64_t now_us, struct str host, int pid,
    const struct event *ev)
{
	(void)out;
	(void)now_us;
	(void)host;
	(void)pid;
	(void)ev;
}

void
report_line_add_unread(struct buf *out, int64_t now_us, struct str host, int pid,
    struct str report_id, struct str why, struct str file)
{
	(void)out;
	(void)now_us;
	(void)host;
	(void)pid;
	(void)report_id;
	(void)why;
	(void)file;
}
