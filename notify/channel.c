#include "notify/channel.h"

#include <errno.h>
#include <stdlib.h>

static const struct channel_type *const types[] = {
	&channel_relay,
	&channel_sendmail,
	&channel_webhook,
	&channel_desktop,
	&channel_journal,
	&channel_command,
	&channel_heartbeat,
};

static const struct channel_type *
find_type(enum channel_kind kind)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i]->kind == kind)
			return types[i];
	return NULL;
}

int
channel_open(const struct channel_settings *settings, const struct channel_context *context,
    struct channel **out, struct err *err)
{
	struct channel *channel = calloc(1, sizeof *channel);

	if (channel == NULL)
		return err_set(err, -ENOMEM, "open channel %s: out of memory",
		    settings->name);
	channel->type = find_type(settings->kind);
	channel->settings = settings;
	channel->context = *context;
	if (channel->type == NULL) {
		free(channel);
		return err_set(err, -EINVAL, "open channel %s: of no known kind",
		    settings->name);
	}
	int r = channel->type->open == NULL ? 0 : channel->type->open(channel, err);

	if (r < 0) {
		free(channel);
		return r;
	}
	*out = channel;
	return 0;
}

enum send_result
channel_send(struct channel *channel, const struct message *message,
    struct receipt *receipt, struct err *err)
{
	err->text[0] = '\0';
	return channel->type->send(channel, message, receipt, err);
}

void
channel_close(struct channel *channel)
{
	if (channel == NULL)
		return;
	if (channel->type->close != NULL)
		channel->type->close(channel);
	free(channel);
}
