#include "notify/dialogue.h"

#include "core/plain.h"
#include "notify/base64.h"
#include "notify/secret.h"

enum { LONG_RUN = 20 }; /* of base64: longer than a word, shorter than a token */

void
dialogue_done(struct dialogue *dialogue)
{
	buf_done(&dialogue->reply);
	buf_done(&dialogue->refused);
	buf_done(&dialogue->mechanisms);
	buf_done(&dialogue->challenge);
}

const char *
dialogue_phase_name(enum dialogue_phase phase)
{
	static const char *const names[] = { "connecting", "EHLO", "STARTTLS", "AUTH",
		"MAIL FROM", "RCPT TO", "DATA" };

	return names[phase];
}

bool
dialogue_offers_auth(const struct dialogue *dialogue, const char *mechanism)
{
	AUTO(buf_done) struct buf word = { 0 };

	buf_addf(&word, " %s ", mechanism);
	return str_find_nocase(buf_str(&dialogue->mechanisms), buf_str(&word)) >= 0;
}

static void
begin_command(struct dialogue *d, enum dialogue_phase phase)
{
	d->phase = phase;
	d->asked += phase == DIALOGUE_RCPT;
	d->auth_tried = d->auth_tried || phase == DIALOGUE_AUTH;
	d->code = 0;
	d->reply_ended = false;
	buf_clear(&d->reply);
	if (phase == DIALOGUE_EHLO) { /* what was offered before TLS does not count */
		d->offers_smtputf8 = false;
		buf_clear(&d->mechanisms);
	}
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
		begin_command(d, verbs[i].phase);
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

/* One line of the answer to EHLO: a keyword and its parameters (RFC 5321, 4.1.1.1). */
static void
note_offer(struct dialogue *d, struct str words)
{
	struct str rest = words;
	struct str keyword = str_cut(&rest, ' ');

	if (str_eq_nocase(keyword, STR("SMTPUTF8")))
		d->offers_smtputf8 = true;
	/* "AUTH=LOGIN" is what servers of old said. */
	if (!str_eq_nocase(keyword, STR("AUTH")) ||
	    d->mechanisms.n + rest.n > DIALOGUE_OFFER_BYTES)
		return;
	if (d->mechanisms.n == 0)
		buf_add_char(&d->mechanisms, ' ');
	plain_add(&d->mechanisms, str_trim(rest));
	buf_add_char(&d->mechanisms, ' ');
}

/* Runs of base64 that a token or an encoded password may be. */
static void
hide_runs(struct buf *text)
{
	AUTO(buf_done) struct buf shown = { 0 };
	size_t start = 0;

	for (size_t i = 0; i <= text->n; i++) {
		if (i < text->n && base64_is_letter(text->p[i]))
			continue;
		struct str run = { text->p + start, i - start };

		buf_add(&shown, run.n >= LONG_RUN ? STR("[hidden]") : run);
		if (i < text->n)
			buf_add_char(&shown, text->p[i]);
		start = i + 1;
	}
	buf_clear(text);
	buf_add(text, buf_str(&shown));
}

/* The server's words, without what it should not have repeated. */
static void
add_words(struct dialogue *d, struct str words)
{
	AUTO(secret_wipe) struct buf safe = { 0 };

	buf_add(&safe, words);
	for (size_t i = 0; i < DIALOGUE_HIDDEN; i++)
		secret_hide(&safe, d->hidden[i]);
	if (d->phase == DIALOGUE_AUTH)
		hide_runs(&safe);
	if (d->reply.n == 0)
		buf_addf(&d->reply, "%d", d->code);
	if (safe.n > 0)
		buf_add_char(&d->reply, ' ');
	plain_add_cut(&d->reply, buf_str(&safe), DIALOGUE_REPLY_BYTES - d->reply.n);
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
	struct str words = str_trim(str_skip(line, 4));

	d->code = (int)code;
	if (d->reply.n + 4 < DIALOGUE_REPLY_BYTES)
		add_words(d, words);
	d->secured = d->secured || (d->phase == DIALOGUE_STARTTLS && code == 220);
	if (d->phase == DIALOGUE_EHLO && code == 250)
		note_offer(d, words);
	if (d->phase == DIALOGUE_AUTH && code == 334 && words.n > 0) {
		buf_clear(&d->challenge);
		buf_add(&d->challenge, str_head(words, DIALOGUE_CHALLENGE_BYTES));
	}
	if (line.n > 3 && line.p[3] == '-')
		return; /* more lines to come */
	d->reply_ended = true;
	if (d->phase == DIALOGUE_RCPT)
		note_recipient(d);
}

/* An id as servers write them: letters, digits, and what joins them. */
static bool
is_id(struct str word)
{
	bool digit = false;

	for (size_t i = 0; i < word.n; i++) {
		char c = word.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		digit = digit || (c >= '0' && c <= '9');
		if (!letter && !(c >= '0' && c <= '9') &&
		    (c == '\0' || str_find_char(STR("-_."), c) < 0))
			return false;
	}
	return digit || word.n >= 6;
}

/* The first word behind a mark. */
static struct str
word_behind(struct str words, struct str mark)
{
	ptrdiff_t at = str_find_nocase(words, mark);

	if (at < 0)
		return (struct str){ NULL, 0 };
	struct str rest = str_skip(words, (size_t)at + mark.n);

	return str_trim(str_cut(&rest, ' '));
}

/* "2.0.0", of RFC 3463. */
static bool
is_status(struct str word)
{
	return word.n >= 5 && word.n <= 9 && word.p[1] == '.' && word.p[0] >= '2' &&
	       word.p[0] <= '5';
}

/*
 * Postfix: "2.0.0 Ok: queued as 4bXk"; Exim: "OK id=1abc-0001-2x"; sendmail and OpenSMTPD:
 * "2.0.0 5A1x Message accepted for delivery"; Exchange: "... [InternalId=123, Hostname=...";
 * qmail: "ok 1700000000 qp 1234"; Gmail: "2.0.0 OK  1700000000 a1-b2si - gsmtp".
 */
struct str
dialogue_queue_id(struct str words)
{
	static const struct str marks[] = { STR_INIT("queued as "), STR_INIT("id="),
		STR_INIT("InternalId="), STR_INIT(" qp ") };
	struct str none = { NULL, 0 }, word = none, before = none;

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		word = word_behind(words, marks[i]);
		while (word.n > 0 && str_find_char(STR(".,;)]>"), word.p[word.n - 1]) >= 0)
			word.n--;
		if (word.n > 0 && is_id(word))
			return word;
	}
	if (str_find_nocase(words, STR("accepted")) > 0) {
		word = str_cut(&words, ' ');
		if (is_status(word))
			word = str_cut(&words, ' ');
		return is_id(word) && !str_eq_nocase(word, STR("message")) ? word : none;
	}
	if (str_ends(words, STR(" - gsmtp"))) {
		words = str_head(words, words.n - STR(" - gsmtp").n);
		while (words.n > 0)
			if ((word = str_cut(&words, ' ')).n > 0)
				before = word;
		return is_id(before) ? before : none;
	}
	return none;
}
