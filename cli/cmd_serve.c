/* mailwarden serve: dashboard, JSON and metrics. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"

/* libmicrohttpd is not ours to link: the helper serves, its options are these. */
static int
run(int argc, char **argv)
{
	AUTO(auto_free) char *path = app_helper_path("mailwarden-web");

	(void)argc;
	if (path != NULL) {
		argv[0] = path;
		(void)execv(path, argv);
	}
	return app_fail(EXIT_FAILED, "start %s: %s", path == NULL ? "mailwarden-web" : path,
	    strerror(errno));
}

const struct command cmd_serve = {
	.name = "serve",
	.args = "[--listen WHERE] [--state FILE] [--config FILE]",
	.summary = "dashboard, JSON and metrics over HTTP",
	.help =
	    "Serves a page for people at /, JSON below /api/v1/, OpenMetrics at /metrics, and\n"
	    "/healthz, until it is stopped. It only reads the store; acknowledging an incident from\n"
	    "the page needs the token of `web:` in the configuration. There is no login: it listens\n"
	    "at 127.0.0.1:8025 unless told otherwise, and refuses what others could reach.\n\n"
	    "  --listen WHERE  ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH, in place of the\n"
	    "                  configuration's\n"
	    "  --state FILE    the store, in place of the configuration's\n"
	    "  --config FILE   in place of /etc/mailwarden/mailwarden.yaml",
	.run = run,
};
