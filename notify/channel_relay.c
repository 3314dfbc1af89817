/* channel_relay - mail through relays: a message in, notify/relay out. */
#include "notify/channel.h"
#include "notify/letter.h"
#include "notify/oauth.h"
#include "notify/relay.h"

static int
relay_channel_open(struct channel *channel, struct err *err)
{
	const struct oauth_settings *oauth = &channel->settings->relay.oauth;
	struct oauth *kept = NULL;

	if (oauth->token_url == NULL)
		return 0;
	int r = oauth_open(oauth, channel->context.state_dir, channel->settings->name,
	    &kept, err);

	channel->kept = kept;
	return r;
}

static void
relay_channel_close(struct channel *channel)
{
	oauth_close(channel->kept);
}

static enum send_result
relay_channel_send(struct channel *channel, const struct message *message,
    struct receipt *receipt, struct err *err)
{
	AUTO(letter_done) struct letter letter = { 0 };

	if (letter_write(channel, message, &letter, err) < 0)
		return SEND_RETRY;
	struct relay_mail mail = {
		.sender = letter.sender,
		.recipients = letter.recipients,
		.nrecipients = letter.nrecipients,
		.text = buf_str(&letter.text),
	};

	return relay_deliver(&channel->settings->relay, channel->kept, &mail, receipt, err);
}

const struct channel_type channel_relay = {
	.kind = CHANNEL_RELAY,
	.open = relay_channel_open,
	.send = relay_channel_send,
	.close = relay_channel_close,
};
