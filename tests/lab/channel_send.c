/*
 * channel_send - one message through any channel of a mailwarden.yaml, for tests
 *
 * The message tells of a sample (tests/lab/samples.h) or of incidents from a file, one
 * object a line as `mailwarden incidents --json` writes it. Prints one JSON object for each
 * send: result, reason, retry_after (seconds), uncertain, queue_id, warning, seconds that it
 * took. Exits 0 if the channel was asked, 1 if it could not be opened, 2 on wrong usage.
 */
#include <curl/curl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/config.h"
#include "core/json.h"
#include "core/yaml.h"
#include "notify/channel.h"
#include "samples.h"

enum { MAX_TIMES = 1000 };

struct wish {
	const char *config, *channel, *sample, *incidents, *notice, *id, *state, *store;
	const char *dashboard;
	int64_t now_us;
	long times;
};

static int
usage(void)
{
	fputs(
	    "usage: channel_send --config FILE --channel NAME\n"
	    "           [--sample opened|escalated|resolved|reminder|many|test|hostile]\n"
	    "           [--incidents FILE [--notice opened|escalated|resolved]]\n"
	    "           [--id MESSAGE-ID] [--now SECONDS, 0: the clock] [--dashboard URL]\n"
	    "           [--times N] [--state DIR] [--store FILE]\n",
	    stderr);
	return 2;
}

static int64_t
now_us(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

static bool
read_wish(int argc, char **argv, struct wish *wish)
{
	static const struct option options[] = {
		{ "config", 1, NULL, 'c' },
		{ "channel", 1, NULL, 'n' },
		{ "sample", 1, NULL, 's' },
		{ "incidents", 1, NULL, 'i' },
		{ "notice", 1, NULL, 'k' },
		{ "id", 1, NULL, 'd' },
		{ "now", 1, NULL, 't' },
		{ "dashboard", 1, NULL, 'b' },
		{ "times", 1, NULL, 'r' },
		{ "state", 1, NULL, 'f' },
		{ "store", 1, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c': wish->config = optarg; break;
		case 'n': wish->channel = optarg; break;
		case 's': wish->sample = optarg; break;
		case 'i': wish->incidents = optarg; break;
		case 'k': wish->notice = optarg; break;
		case 'd': wish->id = optarg; break;
		case 'b': wish->dashboard = optarg; break;
		case 'f': wish->state = optarg; break;
		case 'o': wish->store = optarg; break;
		case 'r': wish->times = atol(optarg); break;
		case 't':
			wish->now_us = atoll(optarg) * US_PER_S;
			if (wish->now_us == 0)
				wish->now_us = now_us(CLOCK_REALTIME);
			break;
		default: return false;
		}
	}
	return optind == argc && wish->config != NULL && wish->channel != NULL &&
	       wish->times > 0 && wish->times <= MAX_TIMES;
}

/* --- incidents from a file --- */

static int64_t
read_time(const struct ynode *map, const char *key, struct diags *diags)
{
	struct str text = ynode_text(map, key, STR(""), diags);
	int64_t at_us = 0;
	int offset_min;

	return clock_parse_rfc3339(text, &at_us, &offset_min) > 0 ? at_us : 0;
}

static void
read_lines(const struct ynode *map, const char *key, struct buf *out)
{
	const struct ynode *list = ynode_get(map, key);

	for (size_t i = 0; list != NULL && list->type == YNODE_LIST && i < list->n; i++) {
		buf_add(out, list->values[i].text);
		buf_add_char(out, '\n');
	}
}

static void
read_incident(const struct ynode *map, struct told *told, struct buf *lines,
    struct diags *diags)
{
	struct incident *in = &told->incident;
	const struct {
		const char *key;
		struct str *field;
	} texts[] = {
		{ "id", &in->id },
		{ "rule", &in->rule },
		{ "provider", &in->provider },
		{ "code_id", &in->code_id },
		{ "category", &in->category },
		{ "summary", &in->summary },
		{ "advice", &in->advice },
		{ "url", &in->url },
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i].field = ynode_text(map, texts[i].key, STR(""), diags);
	in->severity = severity_find(ynode_text(map, "severity", STR(""), diags));
	in->group = STR("{}");
	in->host = ynode_text(ynode_get(map, "group"), "host", STR("mx1"), diags);
	in->opened_us = read_time(map, "opened", diags);
	in->last_seen_us = read_time(map, "last_seen", diags);
	in->resolved_us = read_time(map, "resolved", diags);
	in->state = in->resolved_us != 0 ? INCIDENT_RESOLVED : INCIDENT_OPEN;
	in->count = ynode_int(map, "count", 1, 0, INT64_MAX, diags);
	told->was_opened = told->notice == NOTICE_OPENED;
	size_t start = lines->n;

	read_lines(map, "samples", lines);
	in->samples = str_skip(buf_str(lines), start);
}

static enum notice
find_notice(const char *word)
{
	for (int i = NOTICE_OPENED; i <= NOTICE_REMINDER; i++)
		if (word != NULL && strcmp(word, notice_name((enum notice)i)) == 0)
			return (enum notice)i;
	return NOTICE_OPENED;
}

/* One message from one line; what is read lives as long as the document. */
static struct message *
message_of_line(const struct wish *wish, struct str line,
    const struct message_context *context)
{
	AUTO(diags_done) struct diags diags = { 0 };
	AUTO(auto_yaml) struct yaml *yaml = NULL;
	AUTO(buf_done) struct buf lines = { 0 };
	struct told told = { .notice = find_notice(wish->notice) };

	if (ydoc_parse(wish->incidents, line, &yaml, &diags) == 0)
		read_incident(ydoc_root(yaml), &told, &lines, &diags);
	if (diags.errors > 0) {
		diags_print(&diags, stderr);
		return NULL;
	}
	return message_new(str_of(wish->id), &told, 1, context);
}

/* --- sending --- */

static void
print_result(enum send_result result, const struct receipt *receipt, const struct err *err,
    int64_t took_us)
{
	static const char *const words[] = {
		[SEND_ACCEPTED] = "accepted",
		[SEND_RETRY] = "retry",
		[SEND_REFUSED] = "refused",
		[SEND_LOGIN] = "login",
	};
	AUTO(buf_done) struct buf out = { 0 };
	struct json j = json_begin(&out);

	json_text(&j, "result", str_of(words[result]));
	json_text(&j, "reason", str_of(err->text));
	json_int(&j, "retry_after", receipt->retry_after_us / US_PER_S);
	json_bool(&j, "uncertain", receipt->uncertain);
	json_text(&j, "queue_id", str_of(receipt->queue_id));
	json_text(&j, "warning", str_of(receipt->warning));
	json_key(&j, "seconds");
	buf_addf(&out, "%.3f", (double)took_us / US_PER_S);
	json_end(&j);
	puts(buf_cstr(&out));
	(void)fflush(stdout);
}

static void
send_often(const struct wish *wish, struct channel *channel, const struct message *message)
{
	for (long i = 0; i < wish->times; i++) {
		struct receipt receipt = { 0 };
		struct err err = { "" };
		int64_t begin_us = now_us(CLOCK_MONOTONIC);
		enum send_result result = channel_send(channel, message, &receipt, &err);

		print_result(result, &receipt, &err, now_us(CLOCK_MONOTONIC) - begin_us);
	}
}

static int
send_file(const struct wish *wish, struct channel *channel,
    const struct message_context *context)
{
	FILE *file = fopen(wish->incidents, "re");
	AUTO(auto_free) char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int status = 0;

	if (file == NULL) {
		perror(wish->incidents);
		return 1;
	}
	while (status == 0 && (n = getline(&line, &size, file)) > 0) {
		struct message *message =
		    message_of_line(wish, (struct str){ line, (size_t)n }, context);

		if (message == NULL)
			status = 1;
		else
			send_often(wish, channel, message);
		message_free(message);
	}
	(void)fclose(file); /* only read from */
	return status;
}

static int
send_sample(const struct wish *wish, struct channel *channel,
    const struct message_context *context)
{
	AUTO(samples_done) struct samples samples = { 0 };

	if (!samples_make(wish->sample, &samples))
		return usage();
	struct message *message =
	    message_new(str_of(wish->id), samples.items, samples.n, context);

	if (message == NULL)
		return 1;
	send_often(wish, channel, message);
	message_free(message);
	return 0;
}

static int
run(const struct wish *wish, const struct config *config)
{
	const struct channel_settings *settings =
	    settings_channel(&config->notify, wish->channel);
	const struct message_context context = {
		.host = str_of(config->host),
		.now_us = wish->now_us,
		.version = STR("0.1.0"),
		.dashboard = str_of(wish->dashboard != NULL ? wish->dashboard
							    : config->notify.dashboard),
	};
	const struct channel_context around = {
		.state_dir = wish->state,
		.store = wish->store,
		.host = config->host,
	};
	struct channel *channel = NULL;
	struct err err = { "" };

	if (settings == NULL) {
		fprintf(stderr, "channel_send: %s has no channel %s\n", wish->config,
		    wish->channel);
		return 2;
	}
	if (channel_open(settings, &around, &channel, &err) < 0) {
		fprintf(stderr, "channel_send: %s\n", err.text);
		return 1;
	}
	int status = wish->incidents != NULL ? send_file(wish, channel, &context)
					     : send_sample(wish, channel, &context);

	channel_close(channel);
	return status;
}

int
main(int argc, char **argv)
{
	struct wish wish = {
		.sample = "opened",
		.id = "20261121080000.3f9c0a1b2d4e",
		.state = ".",
		.now_us = SAMPLES_NOW_US,
		.times = 1,
	};
	struct diags diags = { 0 };
	struct config config = { 0 };

	if (!read_wish(argc, argv, &wish))
		return usage();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	int status = 2;

	if (config_load(wish.config, &config, &diags) == 0)
		status = run(&wish, &config);
	diags_print(&diags, stderr);
	config_done(&config);
	diags_done(&diags);
	curl_global_cleanup();
	return status;
}
