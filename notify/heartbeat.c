/*
 * heartbeat - "the monitor is alive", to a service that misses it when it stops
 *
 * A GET of the address, as https://healthchecks.io/docs/http_api/ and its like take it. It
 * tells nothing else: what is sent here is no notice.
 */
#include "notify/channel.h"
#include "notify/http_answer.h"
#include "notify/secret.h"

static enum send_result
ping(const struct heartbeat_settings *beat, const char *url, const char *agent,
    struct receipt *receipt, struct err *err)
{
	AUTO(http_reply_done) struct http_reply reply = { 0 };
	const struct http_request request = {
		.tried = "tell that we are alive to",
		.method = "GET",
		.url = url,
		.ca_file = beat->ca_file,
		.user_agent = agent,
		.timeout_us = beat->timeout_us,
	};
	int r = http_post(&request, &reply, err);

	return r < 0 ? http_failure(r, &reply, receipt)
		     : http_answer(&reply, str_of(url), NULL, 0, receipt, err);
}

static enum send_result
send_heartbeat(struct channel *channel, const struct message *message,
    struct receipt *receipt, struct err *err)
{
	const struct heartbeat_settings *beat = &channel->settings->heartbeat;
	AUTO(secret_done) struct secret url = { 0 };
	AUTO(buf_done) struct buf agent = { 0 };

	if (secret_is_set(&beat->url_from) &&
	    secret_read(&beat->url_from, "web address", &url, err) < 0)
		return SEND_LOGIN;
	buf_addf(&agent, "mailwarden/%s",
	    message != NULL && message->version != NULL ? message->version : "");
	return ping(beat, url.text != NULL ? url.text : beat->url, buf_cstr(&agent),
	    receipt, err);
}

const struct channel_type channel_heartbeat = {
	.kind = CHANNEL_HEARTBEAT,
	.send = send_heartbeat,
};
