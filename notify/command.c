/*
 * command - any program as a channel
 *
 * Purpose    Hands the message as one line of JSON (message_json()) to a program on its
 *            standard input and believes its exit status: 0 it was told, 77 (EX_NOPERM of
 *            sysexits.h) only a person can mend it, anything else try again.
 */
#include <errno.h>
#include <sysexits.h>

#include "notify/channel.h"
#include "notify/program.h"

enum { DEFAULT_LIMIT_US = 10000000 };

/* Trying again changes nothing about what the configuration names. */
static bool
is_for_a_person(int result, int status)
{
	return result == -ENOENT || result == -EACCES || result == -ENOEXEC ||
	       result == -EINVAL || (result == 0 && status == EX_NOPERM);
}

static enum send_result
send_message(struct channel *channel, const struct message *message,
    struct receipt *receipt, struct err *err)
{
	const struct command_settings *settings = &channel->settings->command;
	AUTO(buf_done) struct buf input = { 0 };
	int status = 0;

	message_json(message, &input);
	buf_add_char(&input, '\n');
	if (input.failed) {
		(void)err_set(err, -ENOMEM, "run %s: out of memory",
		    channel->settings->name);
		return SEND_RETRY;
	}
	int r = program_run(&settings->argv, buf_str(&input),
	    settings->timeout_us > 0 ? settings->timeout_us : DEFAULT_LIMIT_US, NULL, 0,
	    &status, err);

	if (r == 0 && status == 0)
		return SEND_ACCEPTED;
	/* Ended half-way: it may have told somebody already. */
	receipt->uncertain = r == -ETIMEDOUT || (r == 0 && status > 128);
	return is_for_a_person(r, status) ? SEND_LOGIN : SEND_RETRY;
}

const struct channel_type channel_command = { .kind = CHANNEL_COMMAND,
	.send = send_message };
