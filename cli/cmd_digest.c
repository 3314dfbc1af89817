/* mailwarden digest: how mail fared in a week. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"

/* What draws is not ours to link: the helper does it all, its options are these. */
static int
run(int argc, char **argv)
{
	AUTO(auto_free) char *path = app_helper_path("mailwarden-digest");

	(void)argc;
	if (path != NULL) {
		argv[0] = path;
		(void)execv(path, argv);
	}
	return app_fail(EXIT_FAILED, "start %s: %s",
	    path == NULL ? "mailwarden-digest" : path, strerror(errno));
}

const struct command cmd_digest = {
	.name = "digest",
	.args = "[--week WEEK | --since TIME] [--text] [--html FILE] [--send] [--json]",
	.summary = "how mail fared in a week: trouble, changes, numbers",
	.help =
	    "Tells in one sentence whether mail is healthy and what changed since the week before,\n"
	    "then open incidents and what to do, what was resolved, and the numbers. Without\n"
	    "options it prints the last whole week, Monday to Monday in local time.\n\n"
	    "  --week WEEK     another week, as 2026-W10 (ISO 8601)\n"
	    "  --since TIME    from then until now: 2026-03-02, \"2026-03-02 08:00\", or 3d, 12h\n"
	    "  --text          prints it as text, also with the options below\n"
	    "  --html FILE     writes it as one HTML file with its pictures; - is standard output\n"
	    "  --send          hands it to the notifier, once for a week\n"
	    "  --again         with --send: also if it was sent before\n"
	    "  --json          prints it as one JSON object\n"
	    "  --state FILE    the store, in place of the configuration's\n"
	    "  --config FILE   in place of /etc/mailwarden/mailwarden.yaml\n\n"
	    "It is sent as mail to whom the channels relay and sendmail tell warnings, or to the\n"
	    "channels of routes with `digest: yes`. mailwarden-digest.timer does so on Mondays.",
	.run = run,
};
