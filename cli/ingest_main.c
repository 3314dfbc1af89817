/*
 * mailwarden-ingest: bounce messages and reports become lines of the reports log.
 *
 * The one program that takes strangers' messages apart; it has no access to the store. Started
 * by `mailwarden ingest`, by `mailwarden run` (--watch --child), or as a service (--watch).
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/ingest_files.h"
#include "cli/ingest_read.h"
#include "cli/ingest_take.h"
#include "cli/ingest_watch.h"
#include "core/clock.h"
#include "paths.h"

static const char usage[] =
    "usage: mailwarden-ingest [OPTIONS] [FILE | MAILDIR | MBOX ...]\n"
    "       mailwarden-ingest --watch [--child] [OPTIONS]\n"
    "       mailwarden-ingest --parse [FILE]\n"
    "\n"
    "Started by `mailwarden ingest` and `mailwarden run`, or a service of its own: see\n"
    "mailwarden(1).\n"
    "\n"
    "  --watch         follow the Maildirs of the configuration\n"
    "  --child         end when standard input ends\n"
    "  --parse         print the lines that one message becomes, write nothing\n"
    "  --dry-run --json --old --state FILE --config FILE --rules DIR\n"
    "                  as in `mailwarden ingest --help`\n";

enum mode {
	MODE_TAKE,
	MODE_PARSE,
	MODE_WATCH,
};

/* Does it go on? Else with *code. */
static bool
parse_arguments(struct ingest_options *o, enum mode *mode, int argc, char **argv, int *code)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "rules", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' }, { "dry-run", no_argument, NULL, 'd' },
		{ "old", no_argument, NULL, 'o' }, { "parse", no_argument, NULL, 'p' },
		{ "watch", no_argument, NULL, 'w' }, { "child", no_argument, NULL, 'C' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' },
		{ 0 } };
	int c;

	*code = EXIT_FINE;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c': o->config = optarg; break;
		case 's': o->state = optarg; break;
		case 'r': o->rules = optarg; break;
		case 'j': o->json = true; break;
		case 'd': o->dry_run = true; break;
		case 'o': o->old = true; break;
		case 'p': *mode = MODE_PARSE; break;
		case 'w': *mode = MODE_WATCH; break;
		case 'C': o->child = true; break;
		case 'V':
			printf("mailwarden-ingest %s\n", MAILWARDEN_VERSION);
			return false;
		case 'h': fputs(usage, stdout); return false;
		default: *code = EX_USAGE; return false;
		}
	}
	return true;
}

/* The lines of one message, with the time that it is now. */
static int
print_lines(struct ingest_setup *setup, struct str message)
{
	AUTO(buf_done) struct buf stamp = { 0 };
	struct jail_result result;
	struct err err;

	if (jail_read(setup->jail, message, &result, &err) < 0)
		return app_fail(EXIT_FAILED, "%s", err.text);
	struct str rest = buf_str(&result.lines);

	clock_rfc3339(&stamp, app_now_us(), 0);
	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n');

		printf("%.*s%.*s\n", STR_ARG(buf_str(&stamp)), STR_ARG(line));
	}
	int code = result.code == 0 ? EXIT_FINE : EXIT_FAILED;

	if (result.code != 0)
		(void)app_fail(EXIT_FAILED, "%s", result.why.text);
	jail_result_done(&result);
	return code;
}

static int
parse(struct ingest_setup *setup, const char *path)
{
	AUTO(buf_done) struct buf bytes = { 0 };
	struct err err;
	int r = path == NULL ? ingest_read_fd(STDIN_FILENO, "standard input", &bytes, &err)
			     : ingest_read_file(path, &bytes, &err);

	if (r < 0)
		return app_fail(EXIT_FAILED, "%s", err.text);
	if (r == 0)
		return app_fail(EXIT_FAILED, "the message is longer than %d MiB",
		    REPORT_MESSAGE_BYTES / 1024 / 1024);
	return print_lines(setup, ingest_message(buf_str(&bytes)));
}

/* A broken configuration changes nothing and says so. */
static int
watch(struct ingest_setup **setup, const struct ingest_options *options)
{
	int code;

	while ((code = ingest_watch(*setup)) == INGEST_RELOAD) {
		struct ingest_setup *fresh = ingest_setup_new(options);

		if (fresh == NULL) {
			fputs("mailwarden-ingest: nothing changed\n", stderr);
			continue;
		}
		ingest_setup_free(*setup);
		*setup = fresh;
	}
	return code;
}

int
main(int argc, char **argv)
{
	struct ingest_options options = { 0 };
	enum mode mode = MODE_TAKE;
	int code;

	if (!parse_arguments(&options, &mode, argc, argv, &code))
		return code;
	(void)signal(SIGPIPE, SIG_IGN);
	struct ingest_setup *setup = ingest_setup_new(&options);

	if (setup == NULL)
		return mode == MODE_TAKE && optind == argc ? EX_TEMPFAIL : EXIT_CONFIG;
	if (mode == MODE_PARSE)
		code = parse(setup, argv[optind]);
	else if (mode == MODE_WATCH)
		code = watch(&setup, &options);
	else if (optind < argc)
		code = ingest_files(setup, argv + optind, (size_t)(argc - optind));
	else
		code = ingest_pipe(setup);
	ingest_setup_free(setup);
	return code;
}
