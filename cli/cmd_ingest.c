/* mailwarden ingest: bounce messages and reports become events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/app.h"

/*
 * What takes strangers' messages apart is not ours to link: the helper does it all, its
 * options are these. Whoever hands us mail keeps it where the helper is away, as during an
 * upgrade.
 */
static int
run(int argc, char **argv)
{
	AUTO(auto_free) char *path = app_helper_path("mailwarden-ingest");

	(void)argc;
	if (path != NULL) {
		argv[0] = path;
		(void)execv(path, argv);
	}
	(void)app_fail(EXIT_FAILED, "start %s: %s",
	    path == NULL ? "mailwarden-ingest" : path, strerror(errno));
	return EX_TEMPFAIL;
}

const struct command cmd_ingest = {
	.name = "ingest",
	.args = "[OPTIONS] [FILE | MAILDIR | MBOX ...]",
	.summary = "takes bounce messages, complaints, DMARC and TLS reports",
	.help =
	    "Reads one message from standard input, as a mail server hands it to a program, or the\n"
	    "messages in files, Maildirs and mailboxes. What they report is written to reports.log\n"
	    "beside the store, which `mailwarden run` follows.\n\n"
	    "  --dry-run       shows the events, writes nothing\n"
	    "  --json          one JSON object for each message; with --dry-run for each event\n"
	    "  --old           also reports that are older than 7 days, in files and mailboxes\n"
	    "  --state FILE    the store, in place of the configuration's\n"
	    "  --config FILE   in place of /etc/mailwarden/mailwarden.yaml\n"
	    "  --rules DIR     rules that add to the shipped ones, in place of\n"
	    "                  /etc/mailwarden/rules.d\n\n"
	    "Of standard input: exit code 0, the message is on the disk; 75, the mail server is to\n"
	    "keep it and try again; 64, wrong options. What is none of these reports, or cannot be\n"
	    "read, is kept in the Maildir unread/ beside the store.",
	.run = run,
};
