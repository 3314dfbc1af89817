/* mailwarden notify: which channels there are, and do they reach their people? */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/channel_words.h"
#include "cli/config.h"
#include "core/json.h"

struct notify_words {
	const char *channel; /* of --test */
	const char *config;
	bool list, json;
};

/* libcurl is not ours to link: the helper sends, and says what happened. */
static int
become_helper(const struct notify_words *words)
{
	AUTO(auto_free) char *path = app_helper_path("mailwarden-notify");
	const char *argv[6] = { path, "--test", words->channel };
	size_t n = 3;

	if (words->config != NULL) {
		argv[n++] = "--config";
		argv[n++] = words->config;
	}
	if (path != NULL)
		(void)execv(path, (char *const *)argv);
	return app_fail(EXIT_FAILED, "start %s: %s",
	    path == NULL ? "mailwarden-notify" : path, strerror(errno));
}

static void
print_channel(const struct channel_settings *settings, bool json)
{
	AUTO(buf_done) struct buf goal = { 0 }, out = { 0 };

	channel_words_goal(settings, &goal);
	if (!json) {
		printf("%-12s %-10s %.*s\n", settings->name,
		    channel_kind_name(settings->kind), STR_ARG(buf_str(&goal)));
		return;
	}
	struct json j = json_begin(&out);

	json_text(&j, "type", STR("channel"));
	json_text(&j, "name", str_of(settings->name));
	json_text(&j, "kind", str_of(channel_kind_name(settings->kind)));
	json_text(&j, "goal", buf_str(&goal));
	json_end(&j);
	printf("%.*s\n", STR_ARG(buf_str(&out)));
}

static int
list(const struct notify_words *words)
{
	struct diags diags = { 0 };
	struct config config;
	int r = config_load(words->config, &config, &diags);

	diags_print(&diags, stderr);
	diags_done(&diags);
	if (r < 0)
		return EXIT_CONFIG;
	for (size_t i = 0; i < config.notify.nchannels; i++)
		print_channel(&config.notify.channels[i], words->json);
	if (config.notify.nchannels == 0 && !words->json)
		printf("no channel configured: set alerts: in %s\n", config.path);
	config_done(&config);
	return EXIT_FINE;
}

static int
run(int argc, char **argv)
{
	static const struct option options[] = { { "test", required_argument, NULL, 't' },
		{ "list", no_argument, NULL, 'l' }, { "json", no_argument, NULL, 'j' },
		{ "config", required_argument, NULL, 'c' }, { 0 } };
	struct notify_words words = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 't': words.channel = optarg; break;
		case 'l': words.list = true; break;
		case 'j': words.json = true; break;
		case 'c': words.config = optarg; break;
		default: return app_usage(&cmd_notify, "%s", "");
		}
	}
	if (optind < argc)
		return app_usage(&cmd_notify, "takes no '%s'", argv[optind]);
	if (words.list == (words.channel != NULL))
		return app_usage(&cmd_notify,
		    "either --test CHANNEL or --list, which names them");
	return words.list ? list(&words) : become_helper(&words);
}

const struct command cmd_notify = {
	.name = "notify",
	.args = "--test CHANNEL | --list [--json]",
	.summary = "sends a test through a channel and says what happened",
	.help =
	    "Sends a test message through one channel, waits for the answer and prints it.\n\n"
	    "  --test CHANNEL  a channel of the configuration, or `all` of them\n"
	    "  --list          the channels there are\n"
	    "  --json          the list as JSON objects\n"
	    "  --config FILE   in place of /etc/mailwarden/mailwarden.yaml\n\n"
	    "Where mailwarden-notify is a service, root's test runs as its user and with the\n"
	    "credentials that it has while it runs.",
	.run = run,
};
