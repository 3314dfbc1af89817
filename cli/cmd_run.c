/* mailwarden run: the daemon. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/daemon.h"
#include "core/clock.h"

enum { MAX_NAMED = 32 };

#define STALE_US (3 * 86400 * (int64_t)US_PER_S)

struct run_options {
	struct config_source
	    named[MAX_NAMED]; /* --file, --journal; owned after make_absolute() */
	size_t nnamed;
	const char *config, *rules, *state;
	bool once, from_end, no_notifier, no_ingest;
};

/* A log that nobody writes any more is a leftover: the journal is what lives. */
static bool
is_alive(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       app_now_us() - st.st_mtime * (int64_t)US_PER_S < STALE_US;
}

/* What this machine has. A file and the journal hold the same lines: only one of them. */
static size_t
find_sources(struct config_source *out)
{
	static char mail_log[] = "/var/log/mail.log", maillog[] = "/var/log/maillog";
	char *const files[] = { mail_log, maillog };
	size_t n = 0;

	for (size_t i = 0; i < 2; i++)
		if (is_alive(files[i])) {
			fprintf(stderr, "found %s\n", files[i]);
			out[n++] = (struct config_source){ SOURCE_FILE, files[i] };
		}
	if (n > 0)
		return n;
	if (access("/run/log/journal", F_OK) == 0 ||
	    access("/var/log/journal", F_OK) == 0) {
		fputs("found the journal\n", stderr);
		out[n++] = (struct config_source){ SOURCE_JOURNAL, NULL };
	}
	return n;
}

static int
run_with(const struct run_options *o, const struct config *config)
{
	struct config_source found[4];
	struct daemon_settings settings = {
		.config = config,
		.config_path = o->config,
		.rules = o->rules != NULL ? o->rules : config->rules,
		.state = o->state != NULL ? o->state : config->state,
		.start = o->from_end ? SOURCE_FROM_END : SOURCE_FROM_START,
		.once = o->once,
		.no_notifier = o->no_notifier,
		.no_ingest = o->no_ingest,
		.sources = o->named,
		.nsources = o->nnamed,
	};

	if (settings.nsources == 0) {
		settings.sources = config->sources;
		settings.nsources = config->nsources;
	}
	if (settings.nsources == 0) {
		settings.sources = found;
		settings.nsources = find_sources(found);
	}
	if (settings.nsources == 0)
		return app_fail(EXIT_STORE,
		    "no mail log found: neither /var/log/mail.log nor /var/log/maillog nor a journal; "
		    "name one with --file PATH or under `sources` in %s",
		    config->path);
	if (config->timezone != NULL) {
		(void)setenv("TZ", config->timezone, 1);
		tzset();
	}
	return daemon_run(&settings);
}

static int
parse_options(struct run_options *o, int argc, char **argv)
{
	static const struct option options[] = { { "once", no_argument, NULL, 'o' },
		{ "file", required_argument, NULL, 'f' },
		{ "journal", optional_argument, NULL, 'J' },
		{ "state", required_argument, NULL, 's' },
		{ "config", required_argument, NULL, 'c' },
		{ "rules", required_argument, NULL, 'r' },
		{ "from-end", no_argument, NULL, 'e' },
		{ "no-notifier", no_argument, NULL, 'n' },
		{ "no-ingest", no_argument, NULL, 'i' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'o': o->once = true; break;
		case 'n': o->no_notifier = true; break;
		case 'i': o->no_ingest = true; break;
		case 'e': o->from_end = true; break;
		case 's': o->state = optarg; break;
		case 'c': o->config = optarg; break;
		case 'r': o->rules = optarg; break;
		case 'f':
		case 'J':
			if (o->nnamed == MAX_NAMED)
				return app_usage(&cmd_run, "more than %d sources",
				    MAX_NAMED);
			o->named[o->nnamed++] =
			    (struct config_source){ c == 'f' ? SOURCE_FILE : SOURCE_JOURNAL,
				    optarg };
			break;
		default: return app_usage(&cmd_run, "%s", "");
		}
	}
	if (optind < argc)
		return app_usage(&cmd_run, "takes no '%s'; did you mean --file %s?",
		    argv[optind], argv[optind]);
	return EXIT_FINE;
}

/* The sources' names are kept in the store: a relative path would not outlive a restart.
 * From here on the paths are our own. */
static int
make_absolute(struct run_options *o)
{
	AUTO(auto_free) char *cwd = getcwd(NULL, 0);
	int r = cwd == NULL ? app_fail(EXIT_FAILED, "current folder: %s", strerror(errno))
			    : EXIT_FINE;

	for (size_t i = 0; i < o->nnamed; i++) {
		const char *path = o->named[i].path;

		o->named[i].path = NULL;
		if (path == NULL || r != EXIT_FINE)
			continue;
		bool whole = path[0] == '/';

		if (asprintf(&o->named[i].path, "%s%s%s", whole ? "" : cwd,
			whole ? "" : "/", path) < 0) {
			o->named[i].path = NULL;
			r = app_fail(EXIT_FAILED, "out of memory");
		}
	}
	return r;
}

static int
run(int argc, char **argv)
{
	struct run_options o = { 0 };
	struct config config;
	struct diags diags = { 0 };
	int r = parse_options(&o, argc, argv);

	if (r != EXIT_FINE)
		return r;
	r = config_load(o.config, &config, &diags);
	diags_print(&diags, stderr);
	diags_done(&diags);
	if (r < 0)
		return EXIT_CONFIG;
	r = make_absolute(&o);
	if (r == EXIT_FINE)
		r = run_with(&o, &config);
	for (size_t i = 0; i < o.nnamed; i++)
		free(o.named[i].path);
	config_done(&config);
	return r;
}

const struct command cmd_run = {
	.name = "run",
	.args = "[--once] [OPTIONS]",
	.summary = "the daemon: watches, stores, tells",
	.help =
	    "Follows the mail logs of this machine, keeps events and incidents in the store, and starts\n"
	    "mailwarden-notify, which tells what matters through the channels of the configuration.\n"
	    "What `mailwarden ingest` writes to reports.log beside the store is followed too; the\n"
	    "Maildirs of `reports` are watched by mailwarden-ingest.\n\n"
	    "  --once           catch up, tell, stop\n"
	    "  --file PATH      follow this log; may be given more than once\n"
	    "  --journal[=DIR]  follow the journal, of this machine or in DIR\n"
	    "                   (without --file and --journal: `sources` of the configuration, or\n"
	    "                   /var/log/mail.log, /var/log/maillog, else the journal)\n"
	    "  --from-end       of a log never seen before, only what comes from now on\n"
	    "  --no-notifier    tell nobody: mailwarden-notify runs as a service of its own\n"
	    "  --no-ingest      watch no Maildirs: mailwarden-ingest runs as a service of its own\n"
	    "  --state FILE     the store, in place of the configuration's\n"
	    "  --config FILE    in place of /etc/mailwarden/mailwarden.yaml\n"
	    "  --rules DIR      rules that add to the shipped ones, in place of\n"
	    "                   /etc/mailwarden/rules.d\n\n"
	    "SIGHUP reloads the rules, and the notifier's configuration; a broken file changes\n"
	    "nothing and says so.",
	.run = run,
};
