/*
 * mailwarden-notify: takes notices from the store to the world.
 *
 * The one program with network and secrets; it reads no logs. A service of its own under
 * systemd, or a child of `mailwarden run` (--child), which ends when its standard input does.
 * With --once it makes one pass, with --test it sends a test and tells the result.
 */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/app.h"
#include "cli/notifier_loop.h"
#include "cli/notifier_self.h"
#include "cli/notifier_test.h"
#include "notify/curl_start.h"
#include "paths.h"

static const char usage[] =
    "usage: mailwarden-notify [--child | --once | --test CHANNEL] [--config FILE] [--state FILE]\n"
    "\n"
    "Sends what waits in the store through the channels of the configuration: a service of its\n"
    "own, or started by `mailwarden run` and `mailwarden notify`; see mailwarden(1).\n"
    "\n"
    "  --child         end when standard input ends\n"
    "  --once          send what is due, then stop\n"
    "  --test CHANNEL  send a test through that channel, or through all\n";

/* Passwords pass through this memory. */
static void
keep_memory_private(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static struct config *
read_config(const char *path)
{
	struct config *config = config_read_told(path);

	if (config != NULL && config->timezone != NULL) {
		(void)setenv("TZ", config->timezone, 1);
		tzset();
	}
	return config;
}

enum mode {
	MODE_LOOP,
	MODE_ONCE,
	MODE_TEST,
};

struct arguments {
	struct notifier_options options;
	const char *channel; /* of --test */
	enum mode mode;
};

/* -1: go on; else an exit code. */
static int
parse_arguments(struct arguments *a, int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "once", no_argument, NULL, 'o' }, { "child", no_argument, NULL, 'C' },
		{ "test", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' },
		{ 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c': a->options.config = optarg; break;
		case 's': a->options.state = optarg; break;
		case 'o': a->mode = MODE_ONCE; break;
		case 'C': a->options.child = true; break;
		case 't':
			a->mode = MODE_TEST;
			a->channel = optarg;
			break;
		case 'V':
			printf("mailwarden-notify %s\n", MAILWARDEN_VERSION);
			return EXIT_FINE;
		case 'h': fputs(usage, stdout); return EXIT_FINE;
		default: return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "mailwarden-notify: takes no '%s'\n%s", argv[optind], usage);
	return EXIT_USAGE;
}

/* Tokens that a server renews are kept there. It is the channel that tells a failure. */
static void
make_state_dir(const struct notify_settings *notify, const char *state_dir)
{
	for (size_t i = 0; i < notify->nchannels; i++)
		if (notify->channels[i].relay.oauth.token_url != NULL) {
			(void)mkdir(state_dir, 0700);
			return;
		}
}

static int
work(struct arguments *a, struct config *config)
{
	AUTO(auto_free) char *state =
		str_dup(str_of(a->options.state != NULL ? a->options.state
							: config->state));
	AUTO(auto_free) char *state_dir = state == NULL ? NULL : notifier_state_dir(state);

	if (state_dir == NULL) {
		fputs("mailwarden-notify: out of memory\n", stderr);
		return EXIT_FAILED;
	}
	make_state_dir(&config->notify, state_dir);
	a->options.state = state;
	a->options.state_dir = state_dir;
	switch (a->mode) {
	case MODE_TEST: return notifier_test(&a->options, config, a->channel);
	case MODE_ONCE: return notifier_once(&a->options, config);
	default: return notifier_loop(&a->options, config);
	}
}

int
main(int argc, char **argv)
{
	struct arguments a = { .mode = MODE_LOOP };
	int r = parse_arguments(&a, argc, argv);

	if (r >= 0)
		return r;
	keep_memory_private();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)mallopt(M_ARENA_MAX, 2); /* threads here wait, they do not compute */
	/* Another store or configuration than the service's is a matter of root's own. */
	if (a.mode == MODE_TEST && a.options.state == NULL && a.options.config == NULL &&
	    notifier_become_service() < 0)
		return EXIT_FAILED;
	struct config *config = read_config(a.options.config);

	if (config == NULL)
		return EXIT_CONFIG;
	(void)curl_start(); /* before any thread; a channel that needs it tells a failure */
	return work(&a, config);
}
