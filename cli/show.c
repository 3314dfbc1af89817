#include "cli/show.h"

#include <errno.h>
#include <getopt.h>

#include "cli/config.h"

int
show_options(const struct command *command, int argc, char **argv, struct show_options *out)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "all", no_argument, NULL, 'a' },
		{ "state", required_argument, NULL, 's' },
		{ "config", required_argument, NULL, 'c' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': out->json = true; break;
		case 'a': out->all = true; break;
		case 's': out->state = optarg; break;
		case 'c': out->config = optarg; break;
		default: return app_usage(command, "%s", "");
		}
	}
	out->words = (const char *const *)argv + optind;
	out->nwords = (size_t)(argc - optind);
	return EXIT_FINE;
}

int
show_open(const struct show_options *options, struct store **out)
{
	struct config config;
	struct diags diags = { 0 };
	struct err err;
	int r = config_load(options->config, &config, &diags);

	diags_print(&diags, stderr);
	diags_done(&diags);
	if (r < 0)
		return EXIT_CONFIG;
	const char *path = options->state != NULL ? options->state : config.state;

	r = store_open(path, STORE_READ, out, &err);
	if (r == -ENOENT)
		r = app_fail(EXIT_STORE,
		    "no store at %s yet: has `mailwarden run` been started?", path);
	else if (r < 0)
		r = app_fail(EXIT_STORE, "%s", err.text);
	config_done(&config);
	return r;
}
