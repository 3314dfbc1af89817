#include "notify/channel.h"

static enum send_result
send(struct channel *channel, const struct message *message, struct receipt *receipt,
    struct err *err)
{
	(void)message;
	(void)receipt;
	(void)err_set(err, -1, "%s: not there yet", channel->settings->name);
	return SEND_RETRY;
}

const struct channel_type channel_command = { .kind = CHANNEL_COMMAND, .send = send };
