/* mailwarden: watches the logs of a mail host and tells its admin when mail stops. */
#include <errno.h>
#include <string.h>

#include "cli/app.h"
#include "core/yaml.h"
#include "paths.h"

static const struct command *const commands[] = { &cmd_run, &cmd_status, &cmd_incidents,
	&cmd_digest, &cmd_show, &cmd_ack, &cmd_silence, &cmd_events, &cmd_trace,
	&cmd_evidence, &cmd_explain, &cmd_ingest, &cmd_serve, &cmd_parse, &cmd_replay,
	&cmd_check, &cmd_config, &cmd_notify, NULL };

static void
usage(FILE *to)
{
	fprintf(to,
	    "mailwarden %s - tells the admin of a mail host when mail stops flowing\n\n"
	    "usage: mailwarden COMMAND [OPTIONS]\n\n",
	    MAILWARDEN_VERSION);
	for (size_t i = 0; commands[i] != NULL; i++)
		fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n`mailwarden COMMAND --help` tells more; so does mailwarden(1).\n", to);
}

/* Output that did not arrive is a failure, unless its reader has gone. */
static int
finish(int code)
{
	errno = 0;
	bool lost = fflush(stdout) != 0 || ferror(stdout) != 0;

	if (!lost || errno == EPIPE || code != EXIT_FINE)
		return code;
	return app_fail(EXIT_FAILED, "write output: %s",
	    errno == 0 ? "not all of it was taken" : strerror(errno));
}

static int
unknown(const char *word)
{
	const char *names[sizeof commands / sizeof *commands];

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		names[i] = commands[i] == NULL ? NULL : commands[i]->name;
	const char *near = nearest_word(str_of(word), names);

	if (near != NULL)
		fprintf(stderr, "mailwarden: no command '%s', did you mean '%s'?\n", word,
		    near);
	else
		fprintf(stderr,
		    "mailwarden: no command '%s'; `mailwarden --help` lists them\n", word);
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	const char *word = argv[1];

	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
	    strcmp(word, "help") == 0) {
		usage(stdout);
		return EXIT_FINE;
	}
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		printf("mailwarden %s\n", MAILWARDEN_VERSION);
		return EXIT_FINE;
	}
	for (size_t i = 0; commands[i] != NULL; i++) {
		if (strcmp(word, commands[i]->name) != 0)
			continue;
		for (int a = 2; a < argc && strcmp(argv[a], "--") != 0; a++) {
			if (strcmp(argv[a], "--help") == 0 || strcmp(argv[a], "-h") == 0) {
				app_help(commands[i], stdout);
				return EXIT_FINE;
			}
			if (strcmp(argv[a], "--version") == 0) {
				printf("mailwarden %s\n", MAILWARDEN_VERSION);
				return EXIT_FINE;
			}
		}
		return finish(commands[i]->run(argc - 1, argv + 1));
	}
	return unknown(word);
}
