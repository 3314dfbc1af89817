/* mailwarden notify --test: does a channel reach its people? */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/config.h"

/* libcurl is not ours to link: the helper sends, and says what happened. */
static int
become_helper(const char *config)
{
	AUTO(auto_free) char *path = app_helper_path("mailwarden-notify");
	const char *argv[6] = { path, "--test" };
	size_t n = 2;

	if (config != NULL) {
		argv[n++] = "--config";
		argv[n++] = config;
	}
	if (path != NULL)
		(void)execv(path, (char *const *)argv);
	return app_fail(EXIT_FAILED, "start %s: %s",
	    path == NULL ? "mailwarden-notify" : path, strerror(errno));
}

static int
run(int argc, char **argv)
{
	static const struct option options[] = { { "test", required_argument, NULL, 't' },
		{ "config", required_argument, NULL, 'c' }, { 0 } };
	const char *channel = NULL, *config = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 't': channel = optarg; break;
		case 'c': config = optarg; break;
		default: return app_usage(&cmd_notify, "%s", "");
		}
	}
	if (channel == NULL)
		return app_usage(&cmd_notify, "which channel? --test relay");
	if (strcmp(channel, "relay") != 0)
		return app_usage(&cmd_notify, "no channel '%s'; there is: relay", channel);
	return become_helper(config);
}

const struct command cmd_notify = {
	.name = "notify",
	.args = "--test CHANNEL [--config FILE]",
	.summary = "sends a test through a channel and says what happened",
	.help =
	    "Sends a test message through one channel, waits for the answer and prints it.\n\n"
	    "  --test relay   mail through the SMTP relay of the configuration\n"
	    "  --config FILE  in place of /etc/mailwarden/mailwarden.yaml",
	.run = run,
};
