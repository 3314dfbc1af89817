#include "notify/dialogue.h"

#include "core/plain.h"

void
dialogue_done(struct dialogue *dialogue)
{
	buf_done(&dialogue->reply);
	buf_done(&dialogue->refused);
}

const char *
dialogue_phase_name(enum dialogue_phase phase)
{
	static const char *const names[] = { "connecting", "EHLO", "STARTTLS", "AUTH",
		"MAIL FROM", "RCPT TO", "DATA" };

	return names[phase];
}

void
dialogue_sent(struct dialogue *d, struct str line)
{
	static const struct {
		struct str verb;
		enum dialogue_phase phase;
	} verbs[] = {
		{ STR_INIT("EHLO "), DIALOGUE_EHLO },
		{ STR_INIT("HELO "), DIALOGUE_EHLO },
		{ STR_INIT("STARTTLS"), DIALOGUE_STARTTLS },
		{ STR_INIT("AUTH "), DIALOGUE_AUTH },
		{ STR_INIT("MAIL FROM:"), DIALOGUE_MAIL },
		{ STR_INIT("RCPT TO:"), DIALOGUE_RCPT },
		{ STR_INIT("DATA"), DIALOGUE_DATA },
	};

	/* What is said at parting must not hide the last answer. */
	if (d->phase != DIALOGUE_AUTH && str_starts(line, STR("QUIT")))
		d->parting = true;
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		if (!str_starts(line, verbs[i].verb))
			continue;
		/* The login's base64 lines may look like a verb without a blank. */
		if (d->phase == DIALOGUE_AUTH && verbs[i].phase != DIALOGUE_MAIL)
			return;
		d->phase = verbs[i].phase;
		d->asked += d->phase == DIALOGUE_RCPT;
		d->auth_tried = d->auth_tried || d->phase == DIALOGUE_AUTH;
		d->code = 0;
		d->reply_ended = false;
		buf_clear(&d->reply);
		return;
	}
}

/* What one RCPT came to; replies come in the order of the commands. */
static void
note_recipient(struct dialogue *d)
{
	if (d->code < 400) {
		d->rcpt_taken++;
		return;
	}
	if (d->code < 500)
		d->rcpt_transient++;
	else
		d->rcpt_refused++;
	if (d->asked == 0 || d->asked > d->nrecipients ||
	    d->refused.n > DIALOGUE_REFUSED_BYTES)
		return;
	if (d->refused.n > 0)
		buf_add(&d->refused, STR("; "));
	buf_add_char(&d->refused, '<');
	plain_add_cut(&d->refused, d->recipients[d->asked - 1], DIALOGUE_REPLY_BYTES);
	buf_add(&d->refused, STR(">: "));
	buf_add(&d->refused, buf_str(&d->reply));
}

void
dialogue_received(struct dialogue *d, struct str line)
{
	int64_t code;

	line = str_trim(line);
	if (d->parting || line.n < 3 || !str_to_int(str_head(line, 3), &code) || code < 200)
		return;
	if (code == 221 && d->code >= 400)
		return; /* to a QUIT amid the login's lines */
	if (d->reply_ended) {
		buf_clear(&d->reply);
		d->reply_ended = false;
	}
	d->code = (int)code;
	if (d->reply.n + 4 < DIALOGUE_REPLY_BYTES) {
		struct str words = str_trim(str_skip(line, 4));

		if (d->reply.n == 0)
			buf_addf(&d->reply, "%d", d->code);
		if (words.n > 0)
			buf_add_char(&d->reply, ' ');
		plain_add_cut(&d->reply, words, DIALOGUE_REPLY_BYTES - d->reply.n);
	}
	if (line.n > 3 && line.p[3] == '-')
		return; /* more lines to come */
	d->reply_ended = true;
	if (d->phase == DIALOGUE_RCPT)
		note_recipient(d);
}
