/* mailwarden config: what is in force, and where it came from */
#include <getopt.h>
#include <string.h>

#include "cli/app.h"
#include "cli/config.h"
#include "cli/config_print.h"

static int
put(struct buf *text)
{
	if (text->failed)
		return app_fail(EXIT_FAILED, "out of memory");
	if (text->n > 0)
		(void)fwrite(text->p, 1, text->n, stdout); /* main() looks for faults */
	return EXIT_FINE;
}

static int
print(const char *path, const char *state, enum config_format format)
{
	struct config config;
	struct diags diags = { 0 };
	AUTO(buf_done) struct buf text = { 0 };
	int r = config_load(path, &config, &diags);

	diags_print(&diags, stderr);
	if (r < 0 && diags.errors == 0)
		(void)app_fail(EXIT_CONFIG, "read configuration: %s", strerror(-r));
	diags_done(&diags);
	if (r < 0)
		return EXIT_CONFIG;
	config_print(&config, state, format, &text);
	config_done(&config);
	return put(&text);
}

static int
run(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "schema", no_argument, NULL, 'm' },
		{ "config", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' }, { 0 } };
	const char *path = NULL, *state = NULL;
	bool json = false, schema = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': json = true; break;
		case 'm': schema = true; break;
		case 'c': path = optarg; break;
		case 's': state = optarg; break;
		default: return app_usage(&cmd_config, "%s", "");
		}
	}
	if (optind < argc)
		return app_usage(&cmd_config, "takes no '%s'", argv[optind]);
	if (json && schema)
		return app_usage(&cmd_config, "--json or --schema, not both");
	if (!schema)
		return print(path, state, json ? CONFIG_JSON : CONFIG_YAML);
	AUTO(buf_done) struct buf text = { 0 };

	config_print_schema(&text);
	return put(&text);
}

const struct command cmd_config = {
	.name = "config",
	.args = "[--json | --schema] [--config FILE] [--state FILE]",
	.summary = "prints the configuration in force, and where each value came from",
	.help =
	    "Prints every setting as YAML that can be read back: its value, and behind it the line\n"
	    "of the file that it came from, or that it is a default. Of secrets it tells the name\n"
	    "of the file, and whether that will do; never the secret.\n\n"
	    "  --json         one JSON object for each setting: key, value, origin\n"
	    "  --schema       the JSON Schema of the file, for editors\n"
	    "  --config FILE  in place of /etc/mailwarden/mailwarden.yaml\n"
	    "  --state FILE   the store, as for `mailwarden run`",
	.run = run,
};
