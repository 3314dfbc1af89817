/*
 * sendmail - mail through the local submission command, for hosts without a relay
 *
 * Every mail server brings one that takes `-i -f SENDER -- RECIPIENT...` and a message on
 * standard input with bare line feeds: sendmail, Postfix, Exim, OpenSMTPD, dma, msmtp. It is
 * run without a shell. Its exit status is one of sysexits.h: 0 means that the message is in
 * the queue, with no word of its id.
 *
 * Most are setuid or setgid, to write into a queue that users may not: below
 * NoNewPrivileges=yes they start without those rights, and fail or wait. Their error then
 * says so.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sysexits.h>

#include "core/clock.h"
#include "core/plain.h"
#include "notify/channel.h"
#include "notify/letter.h"
#include "notify/program.h"
#include "notify/relay.h"

enum { FIXED_ARGUMENTS = 5 };

static const char default_program[] = "/usr/sbin/sendmail";

/* Statuses of which more can be said than what the program said itself. */
static const struct {
	int status;
	enum send_result result;
	const char *words;
} statuses[] = {
	{ EX_USAGE, SEND_LOGIN,
	    "it does not take these options (is that a sendmail command?)" },
	{ EX_DATAERR, SEND_REFUSED, "it does not take this message" },
	{ EX_NOUSER, SEND_REFUSED, "it knows no such recipient" },
	{ EX_NOHOST, SEND_REFUSED, "it knows no such host" },
	{ EX_UNAVAILABLE, SEND_RETRY, "it cannot take mail now" },
	{ EX_OSERR, SEND_RETRY, "the system is in trouble" },
	{ EX_OSFILE, SEND_LOGIN, "a file of the mail server is missing or wrong" },
	{ EX_CANTCREAT, SEND_RETRY, "it cannot write to its queue" },
	{ EX_IOERR, SEND_RETRY, "it cannot read or write" },
	{ EX_TEMPFAIL, SEND_RETRY, "not now" },
	{ EX_NOPERM, SEND_LOGIN, "this user may not send mail" },
	{ EX_CONFIG, SEND_LOGIN, "the mail server's configuration is wrong" },
};

/* An address that begins with "-" could be an option to a program that does not know "--". */
static int
check_address(struct str address, const char *whose, struct err *err)
{
	AUTO(buf_done) struct buf shown = { 0 };
	bool good = address.n > 0 && address.p[0] != '-';

	for (size_t i = 0; i < address.n; i++) {
		unsigned char c = (unsigned char)address.p[i];

		good = good && c > ' ' && c != 0x7f && c != '<' && c != '>';
	}
	if (good)
		return 0;
	plain_add_cut(&shown, address, MAIL_ADDRESS_BYTES);
	return err_set(err, -EINVAL, "hand mail to sendmail: the %s address '%s' is none",
	    whose, buf_cstr(&shown));
}

static void
auto_texts(struct texts *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		free(texts->items[i]);
	free(texts->items);
}

static int
add(struct texts *texts, struct str text)
{
	texts->items[texts->n] = str_dup(text);
	return texts->items[texts->n] == NULL ? -ENOMEM : (texts->n++, 0);
}

static int
set_arguments(const char *program, const struct letter *letter, struct texts *argv,
    struct err *err)
{
	int r = check_address(letter->sender, "sender's", err);

	for (size_t i = 0; i < letter->nrecipients && r == 0; i++)
		r = check_address(letter->recipients[i], "recipient's", err);
	if (r < 0)
		return r;
	argv->items = calloc(letter->nrecipients + FIXED_ARGUMENTS, sizeof *argv->items);
	if (argv->items == NULL)
		r = -ENOMEM;
	/* -i: a line with a single dot is text, not the end. */
	const struct str fixed[FIXED_ARGUMENTS] = { str_of(program), STR("-i"), STR("-f"),
		letter->sender, STR("--") };

	for (size_t i = 0; i < FIXED_ARGUMENTS && r == 0; i++)
		r = add(argv, fixed[i]);
	for (size_t i = 0; i < letter->nrecipients && r == 0; i++)
		r = add(argv, letter->recipients[i]);
	return r < 0 ? err_set(err, r, "hand mail to %s: out of memory", program) : 0;
}

/* CRLF is for the wire; programs take the system's line ends. */
static void
add_with_line_feeds(struct buf *out, struct str text)
{
	while (text.n > 0) {
		struct str line = str_cut(&text, '\n');

		if (str_ends(line, STR("\r")))
			line = str_head(line, line.n - 1);
		buf_add(out, line);
		buf_add_char(out, '\n');
	}
}

static void
add_hint(struct buf *why)
{
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		buf_add(why,
		    STR(" (this service runs with NoNewPrivileges=yes, where a setgid "
			"program has no rights: use a relay with url: smtp://localhost:25 "
			"and tls: off)"));
}

/* It ended by itself, with another status than 0. */
static enum send_result
judge(int status, const char *program, const struct err *said, struct err *err)
{
	AUTO(buf_done) struct buf why = { 0 };
	enum send_result result = SEND_RETRY;

	buf_addf(&why, "hand mail to %s: ", program);
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
		if (statuses[i].status == status) {
			buf_addf(&why, "%s: ", statuses[i].words);
			result = statuses[i].result;
		}
	plain_add_cut(&why, str_of(said->text), sizeof said->text / 2);
	add_hint(&why);
	(void)err_set(err, 0, "%s", buf_cstr(&why));
	return result;
}

/* It did not start, or did not end. */
static enum send_result
judge_failure(int code, const char *program, const struct err *said,
    struct receipt *receipt, struct err *err)
{
	AUTO(buf_done) struct buf why = { 0 };

	buf_addf(&why, "hand mail to %s: %s", program, said->text);
	if (code == -ETIMEDOUT) {
		receipt->uncertain = true;
		add_hint(&why);
	}
	(void)err_set(err, 0, "%s", buf_cstr(&why));
	return code == -ENOENT || code == -EACCES || code == -EINVAL ? SEND_LOGIN
								     : SEND_RETRY;
}

static enum send_result
sendmail_send(struct channel *channel, const struct message *message,
    struct receipt *receipt, struct err *err)
{
	const struct channel_settings *settings = channel->settings;
	const char *program =
	    settings->program != NULL ? settings->program : default_program;
	int64_t timeout_us = settings->relay.timeout_us > 0
				 ? settings->relay.timeout_us
				 : (int64_t)RELAY_TIMEOUT_S * US_PER_S;
	AUTO(letter_done) struct letter letter = { 0 };
	AUTO(auto_texts) struct texts argv = { 0 };
	AUTO(buf_done) struct buf text = { 0 };
	struct err said = { "" };
	int status = 0;

	if (letter_write(channel, message, &letter, err) < 0 ||
	    set_arguments(program, &letter, &argv, err) < 0)
		return SEND_RETRY;
	add_with_line_feeds(&text, buf_str(&letter.text));
	if (text.failed) {
		(void)err_set(err, -ENOMEM, "hand mail to %s: out of memory", program);
		return SEND_RETRY;
	}
	int r = program_run(&argv, buf_str(&text), timeout_us, NULL, 0, &status, &said);

	if (r < 0)
		return judge_failure(r, program, &said, receipt, err);
	/* Ended by a signal: the mail may be in the queue already. */
	receipt->uncertain = status > 128;
	return status == 0 ? SEND_ACCEPTED : judge(status, program, &said, err);
}

const struct channel_type channel_sendmail = {
	.kind = CHANNEL_SENDMAIL,
	.send = sendmail_send,
};
