#include <string.h>

#include "core/plain.h"
#include "notify/base64.h"
#include "notify/session.h"
#include "notify/tls_words.h"

static void
explain_connect(const struct session *s, struct buf *out)
{
	long code = 0;

	(void)curl_easy_getinfo(s->curl, CURLINFO_OS_ERRNO, &code);
	if (code != 0)
		buf_addf(out, "cannot connect: %s", strerror((int)code));
	else
		plain_add_cut(out, str_of(s->why), DIALOGUE_REPLY_BYTES);
	buf_add(out, STR(" (is the port right, does a firewall block it?)"));
}

static void
explain_timeout(const struct session *s, struct buf *out)
{
	const struct dialogue *d = &s->dialogue;
	curl_off_t connected_us = 0;

	(void)curl_easy_getinfo(s->curl, CURLINFO_CONNECT_TIME_T, &connected_us);
	if (connected_us == 0) {
		buf_add(out, STR("no answer to the attempt to connect (is the port open "
				 "there, and for us?)"));
	} else if (d->phase == DIALOGUE_GREETING) {
		buf_add(out, STR("connected, but no greeting came in time"));
		if (!s->is_smtps)
			buf_add(out, STR(" (a port that begins with TLS, as 465, wants "
					 "smtps://)"));
	} else {
		buf_addf(out, "no answer to %s in time", dialogue_phase_name(d->phase));
		if (s->uncertain)
			buf_add(out, STR("; it may have taken the message"));
	}
}

/* The connection ended between two replies, or libcurl gave up on it. */
static void
explain_loss(const struct session *s, CURLcode code, struct buf *out)
{
	if (s->uncertain)
		buf_add(out, STR("the connection was lost before the relay confirmed the "
				 "message; it may have taken it"));
	else
		buf_addf(out, "the connection was lost at %s",
		    dialogue_phase_name(s->dialogue.phase));
	/* libcurl's text for these names an errno that has nothing to do with it. */
	if (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
	    code == CURLE_GOT_NOTHING)
		return;
	buf_add(out, STR(" ("));
	plain_add_cut(out, str_of(s->why[0] != '\0' ? s->why : curl_easy_strerror(code)),
	    DIALOGUE_REPLY_BYTES);
	buf_add(out, STR(")"));
}

/* What the relay offers to log in by, and what we could have done with it. */
static void
explain_no_way(const struct session *s, struct buf *out)
{
	struct str offered = str_trim(buf_str(&s->dialogue.mechanisms));

	buf_addf(out, "no login as %s: the relay offers ", s->relay->user);
	if (offered.n > 0)
		buf_addf(out, "AUTH %.*s only", STR_ARG(offered));
	else
		buf_add(out, STR("no AUTH"));
	if (s->way == LOGIN_TOKEN) {
		buf_add(out, STR(", and a token wants XOAUTH2 or OAUTHBEARER (another "
				 "relay, or a password?)"));
		return;
	}
	if (s->way == LOGIN_CHALLENGE && !s->needs_tls && !s->is_smtps)
		buf_add(out, STR(", which would show the password to everyone on the way, "
				 "or which mailwarden does not have (set tls: required)"));
	else
		buf_add(out, STR(" (another port? some relays offer it after TLS only)"));
}

/* Why there is no reply to quote. */
static enum send_result
explain_failure(const struct session *s, CURLcode code, struct buf *out)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		buf_add(out, STR("the name was not found in DNS (is it spelt right, does "
				 "this machine resolve names?)"));
		break;
	case CURLE_COULDNT_CONNECT: explain_connect(s, out); break;
	case CURLE_LOGIN_DENIED: explain_no_way(s, out); return SEND_LOGIN;
	case CURLE_OPERATION_TIMEDOUT: explain_timeout(s, out); break;
	case CURLE_USE_SSL_FAILED:
		buf_add(out, STR("no STARTTLS offered, nothing was sent (another port, or "
				 "smtps://? for a relay on this machine turn TLS off)"));
		break;
	case CURLE_SSL_CACERT_BADFILE:
		buf_addf(out, "cannot read the authorities' certificates in %s",
		    s->relay->ca_file != NULL ? s->relay->ca_file : "the system's store");
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
		tls_words_add(out, s->why,
		    "that port does not begin with TLS (smtps:// is for port 465; smtp:// "
		    "uses STARTTLS)");
		break;
	case CURLE_OUT_OF_MEMORY: buf_add(out, STR("out of memory")); break;
	default: explain_loss(s, code, out);
	}
	return SEND_RETRY;
}

/* A token is refused by 334 and a base64 text, JSON mostly (RFC 7628, 3.2.2). */
static void
add_challenge(const struct session *s, struct buf *out)
{
	AUTO(secret_wipe) struct buf text = { 0 };

	if (s->way != LOGIN_TOKEN || !base64_decode(&text, buf_str(&s->dialogue.challenge)))
		return;
	for (size_t i = 0; i < DIALOGUE_HIDDEN; i++)
		secret_hide(&text, s->dialogue.hidden[i]);
	buf_add(out, STR("; it says: "));
	plain_add_cut(out, buf_str(&text), DIALOGUE_REPLY_BYTES / 2);
}

/*
 * Login trouble, whichever command tells of it (RFC 4954, 6): 530 authentication required,
 * 534 too weak, 535 invalid, 538 encryption required. Another message would fail in the
 * same way, and the cure is in the settings.
 */
static bool
is_login_trouble(const struct session *s, CURLcode code)
{
	const struct dialogue *d = &s->dialogue;
	bool to_message = d->phase >= DIALOGUE_MAIL && d->phase <= DIALOGUE_RCPT;

	if (d->phase == DIALOGUE_AUTH || code == CURLE_LOGIN_DENIED || d->code == 530 ||
	    d->code == 534 || d->code == 535 || d->code == 538)
		return true;
	/* We were to log in, found no way, and are told no. */
	return to_message && d->code >= 500 && s->relay->user != NULL && !d->auth_tried;
}

static enum send_result
judge_login(struct session *s, struct buf *out)
{
	const struct dialogue *d = &s->dialogue;
	struct str reply = d->code >= 400 ? buf_str(&d->reply) : STR("refused");

	if (s->relay->user == NULL) {
		buf_addf(out, "login required: %.*s (set user and password_file)",
		    STR_ARG(reply));
		return SEND_LOGIN;
	}
	if (!d->auth_tried) {
		explain_no_way(s, out);
		buf_addf(out, "; it said: %.*s", STR_ARG(reply));
		return SEND_LOGIN;
	}
	buf_addf(out, "login as %s failed: %.*s", s->relay->user, STR_ARG(reply));
	/* 454: the relay itself is in trouble; 421: it goes away (RFC 4954, 6). */
	if (d->code >= 400 && d->code < 500 && d->code != 432)
		return SEND_RETRY;
	s->login_failed = true;
	add_challenge(s, out);
	buf_add(out, s->way == LOGIN_TOKEN
			 ? STR(" (is user the account that gave the token, and may it send "
			       "mail by SMTP?)")
			 : STR(" (are user and password right?)"));
	return SEND_LOGIN;
}

/* The relay said no: its words, and to what. */
static enum send_result
judge_reply(const struct session *s, struct buf *out)
{
	const struct dialogue *d = &s->dialogue;
	bool to_message = d->phase >= DIALOGUE_MAIL && d->phase <= DIALOGUE_DATA;

	if (d->phase == DIALOGUE_RCPT) {
		buf_add(out, STR("no recipient was taken: "));
		buf_add(out, buf_str(&d->refused));
	} else {
		buf_addf(out, "the relay answered %s with: ",
		    d->phase == DIALOGUE_GREETING ? "the connection"
						  : dialogue_phase_name(d->phase));
		buf_add(out, buf_str(&d->reply));
	}
	if (!to_message || d->code < 500 ||
	    (d->phase == DIALOGUE_RCPT && d->rcpt_transient > 0))
		return SEND_RETRY;
	return SEND_REFUSED;
}

enum send_result
session_judge(struct session *s, CURLcode code, struct buf *out)
{
	const struct dialogue *d = &s->dialogue;

	if (code == CURLE_OK)
		return SEND_ACCEPTED;
	if (s->lacks_utf8) {
		buf_add(out, STR("an address is not ASCII before its @, and the relay does "
				 "not offer SMTPUTF8; nothing was sent"));
		return SEND_REFUSED;
	}
	/* All of it was handed over, and no answer came (RFC 5321, 4.5.3.2.6). */
	s->uncertain = d->phase == DIALOGUE_DATA && d->code == 354 && s->unsent.n == 0;
	/* A refused STARTTLS (454) has a reply, and is still about TLS. */
	bool replied = d->code >= 400 && code != CURLE_OPERATION_TIMEDOUT;

	if ((replied && is_login_trouble(s, code)) ||
	    (code == CURLE_LOGIN_DENIED && d->auth_tried))
		return judge_login(s, out);
	return replied ? judge_reply(s, out) : explain_failure(s, code, out);
}
