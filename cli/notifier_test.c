#include "cli/notifier_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/app.h"
#include "cli/channel_words.h"
#include "cli/notifier_crew.h"
#include "core/clock.h"
#include "core/plain.h"
#include "notify/now.h"

/* A server's words come from strangers. */
static void
print_words(FILE *to, const char *before, const char *words)
{
	AUTO(buf_done) struct buf text = { 0 };

	plain_add(&text, str_of(words));
	fprintf(to, "%s%.*s\n", before, STR_ARG(buf_str(&text)));
}

static void
print_answer(const struct channel_settings *settings, enum send_result result,
    const struct receipt *receipt, const struct err *err)
{
	if (result != SEND_ACCEPTED) {
		print_words(stderr, "not accepted: ", err->text);
		if (receipt->retry_after_us > 0)
			fprintf(stderr, "it wants to be left alone for %lld s\n",
			    (long long)(receipt->retry_after_us / US_PER_S));
		return;
	}
	printf("accepted by %s\n", settings->name);
	if (receipt->queue_id[0] != '\0')
		print_words(stdout, "queued there as ", receipt->queue_id);
	if (receipt->warning[0] != '\0')
		print_words(stdout, "but: ", receipt->warning);
}

static bool
test_one(const struct channel_settings *settings, const struct channel_context *context,
    const struct message *message)
{
	AUTO(buf_done) struct buf goal = { 0 };
	enum send_result result = SEND_RETRY;
	struct channel *channel = NULL;
	struct receipt receipt = { 0 };
	struct err err = { "" };

	channel_words_goal(settings, &goal);
	printf("sending a test through %s: %.*s\n", settings->name,
	    STR_ARG(buf_str(&goal)));
	(void)fflush(stdout);
	if (channel_open(settings, context, &channel, &err) == 0)
		result = channel_send(channel, message, &receipt, &err);
	channel_close(channel);
	print_answer(settings, result, &receipt, &err);
	(void)fflush(stdout);
	return result == SEND_ACCEPTED;
}

static int
test_all(const struct notifier_options *options, const struct config *config,
    const struct channel_settings *only)
{
	const struct notify_settings *notify = &config->notify;
	const struct channel_context context = { options->state_dir, options->state,
		config->host };
	struct message *message = crew_test_message(config, now_wall_us());
	int r = EXIT_FINE;

	if (message == NULL) {
		fputs("mailwarden-notify: out of memory\n", stderr);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < notify->nchannels; i++)
		if ((only == NULL || only == &notify->channels[i]) &&
		    !test_one(&notify->channels[i], &context, message))
			r = EXIT_FAILED;
	message_free(message);
	return r;
}

static int
no_such(const struct notify_settings *notify, const char *channel)
{
	print_words(stderr, "mailwarden-notify: no channel ", channel);
	fputs("there is:", stderr);
	for (size_t i = 0; i < notify->nchannels; i++)
		fprintf(stderr, " %s", notify->channels[i].name);
	fputs(", or all\n", stderr);
	return EXIT_USAGE;
}

int
notifier_test(const struct notifier_options *options, struct config *config,
    const char *channel)
{
	const struct channel_settings *only = settings_channel(&config->notify, channel);
	int r;

	if (config->notify.nchannels == 0) {
		fprintf(stderr,
		    "mailwarden-notify: no channel configured: set alerts: in %s\n",
		    config->path);
		r = EXIT_CONFIG;
	} else if (only == NULL && strcmp(channel, "all") != 0) {
		r = no_such(&config->notify, channel);
	} else {
		r = test_all(options, config, only);
	}
	config_done(config);
	free(config);
	return r;
}
