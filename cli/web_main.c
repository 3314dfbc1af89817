/*
 * mailwarden-web: dashboard, JSON and metrics.
 *
 * Started by `mailwarden serve`, or as a service of its own. Reads the store; sees no log.
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "cli/app.h"
#include "cli/config.h"
#include "cli/show.h"
#include "cli/web_loop.h"
#include "core/place.h"
#include "notify/secret.h"
#include "paths.h"
#include "rules/alert.h"
#include "web/listen.h"

enum { NICENESS = 15 };

static const char usage[] =
    "usage: mailwarden-web [--listen WHERE] [--state FILE] [--config FILE]\n"
    "\n"
    "Started by `mailwarden serve`, or a service of its own: see mailwarden(1).\n";

struct arguments {
	const char *config, *state, *listen;
	bool trace; /* see cli/web_trace.c */
};

/* -1: go on; else an exit code. */
static int
parse_arguments(struct arguments *a, int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "listen", required_argument, NULL, 'l' },
		{ "trace", no_argument, NULL, 't' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c': a->config = optarg; break;
		case 's': a->state = optarg; break;
		case 'l': a->listen = optarg; break;
		case 't': a->trace = true; break;
		case 'V': printf("mailwarden-web %s\n", MAILWARDEN_VERSION); return 0;
		case 'h': fputs(usage, stdout); return 0;
		default: return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "mailwarden-web: takes no '%s'\n%s", argv[optind], usage);
	return EXIT_USAGE;
}

static int
serve(const struct arguments *a, const struct config *config, const struct secret *token)
{
	const struct show_options show = { .config = a->config };
	struct alert_rules *rules = show_alert_rules(&show);
	const char *where = a->listen != NULL            ? a->listen
			    : config->web.listen != NULL ? config->web.listen
							 : "127.0.0.1:8025";
	const struct web_options options = { .config = a->config,
		.state = a->state != NULL ? a->state : config->state,
		.host = config->host,
		.rules = rules,
		.writes = token->n > 0 };
	struct web_place place = { .hosts = { (const char *const *)config->web.hosts.items,
				       config->web.hosts.n },
		.token = secret_str(token),
		.page = place_is_below(PATH_BUILD_DIR) ? PATH_BUILD_DIR "/web/page"
						       : PATH_DATA_PAGE };
	struct err err;
	int r = listen_open(where, config->web.is_public, &place.listener, &err);

	(void)malloc_trim(0); /* what reading the rules took */
	r = r < 0 ? app_fail(EXIT_FAILED, "%s", err.text) : web_loop(&options, &place);
	alert_rules_free(rules);
	return r;
}

/* Behind the watcher, whose work must not wait for who looks at it. Where that is forbidden,
 * the service's unit has said it already. */
static void
step_back(void)
{
	const struct sched_param none = { 0 };

	if (getpriority(PRIO_PROCESS, 0) < NICENESS)
		(void)setpriority(PRIO_PROCESS, 0, NICENESS);
	(void)sched_setscheduler(0, SCHED_BATCH, &none);
}

int
main(int argc, char **argv)
{
	struct arguments a = { 0 };
	struct secret token = { 0 };
	struct err err;
	int r = parse_arguments(&a, argc, argv);

	if (r >= 0)
		return r;
	(void)prctl(PR_SET_DUMPABLE, 0); /* it holds the token */
	(void)signal(SIGPIPE, SIG_IGN);
	step_back();
	if (a.trace && a.state != NULL) {
		const struct web_options options = { .state = a.state };

		return web_trace_child(&options);
	}
	struct config *config = config_read_told(a.config);

	if (config == NULL)
		return EXIT_CONFIG;
	if (secret_is_set(&config->web.token) &&
	    secret_read(&config->web.token, "token", &token, &err) < 0)
		r = app_fail(EXIT_CONFIG, "%s", err.text);
	else
		r = serve(&a, config, &token);
	secret_done(&token);
	config_done(config);
	free(config);
	return r;
}
