#include "cli/ingester.h"

#include "cli/child.h"

int
ingester_start(sd_event *loop, const char *config, const char *state, struct child **out,
    struct err *err)
{
	const struct child_order order = { .program = "mailwarden-ingest",
		.what = "the watcher of Maildirs",
		.args = { "--watch", "--child", "--state", state,
		    config != NULL ? "--config" : NULL, config } };

	return child_start(loop, &order, out, err);
}
