#include "notify/relay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/plain.h"
#include "notify/now.h"
#include "notify/oauth.h"
#include "notify/session.h"

/* One message on its way through the relays. */
struct delivery {
	const struct relay_settings *relay;
	const struct relay_mail *mail;
	struct oauth *oauth;
	struct receipt *receipt;
	struct secret secret; /* password or access token */
	bool has_secret;
	bool may_be_stale;   /* the token was cached: the relay may know better */
	int64_t deadline_us; /* of the relay that is tried, on the monotonic clock */
	struct buf faults;   /* of relays so far, "; " between them */
	struct buf warning;
};

static void
delivery_done(struct delivery *d)
{
	secret_done(&d->secret);
	buf_done(&d->faults);
	buf_done(&d->warning);
}

static int64_t
left_us(const struct delivery *d)
{
	int64_t left = d->deadline_us - now_monotonic_us();

	return left > 0 ? left : 0;
}

static void
warn(struct delivery *d, struct str text)
{
	if (text.n == 0)
		return;
	if (d->warning.n > 0)
		buf_add(&d->warning, STR("; "));
	plain_add_cut(&d->warning, text, sizeof d->receipt->warning);
}

/* A token for d->secret; refused: one that a relay did not take. The wall clock is read
 * here, since a channel is not told the time and a token has an hour of expiry. */
static enum send_result
read_token(struct delivery *d, const struct secret *refused, struct err *err)
{
	struct oauth_answer answer = { 0 };
	struct oauth_wish wish = {
		.refused = refused,
		.now_us = now_wall_us(),
		.timeout_us = left_us(d),
	};
	struct secret token = { 0 };
	enum send_result result = oauth_token(d->oauth, &wish, &token, &answer, err);

	if (answer.retry_after_us > d->receipt->retry_after_us)
		d->receipt->retry_after_us = answer.retry_after_us;
	warn(d, str_of(answer.warning));
	if (result != SEND_ACCEPTED)
		return result;
	secret_done(&d->secret);
	d->secret = token;
	d->may_be_stale = answer.was_cached;
	d->has_secret = true;
	return SEND_ACCEPTED;
}

static bool
uses_oauth(const struct delivery *d)
{
	return d->relay->oauth.token_url != NULL;
}

/* The login is the same for all relays: without its secret none is asked. */
static enum send_result
read_login(struct delivery *d, struct err *err)
{
	const char *user = d->relay->user;
	struct err why = { "" };

	if (d->has_secret || (user == NULL && !uses_oauth(d)))
		return SEND_ACCEPTED;
	if (user == NULL || (uses_oauth(d) && d->oauth == NULL)) {
		(void)err_set(err, -EINVAL, "log in at the relay by OAuth: set user, too");
		return SEND_LOGIN;
	}
	if (uses_oauth(d)) {
		enum send_result result = read_token(d, NULL, &why);

		if (result != SEND_ACCEPTED)
			(void)err_set(err, 0, "log in at the relay as %s: %s", user,
			    why.text);
		return result;
	}
	int r = -EINVAL;

	if (secret_is_set(&d->relay->password))
		r = secret_read(&d->relay->password, "password", &d->secret, &why);
	else
		(void)err_set(&why, r, "no password_file is set");
	if (r < 0) {
		(void)err_set(err, r, "log in at the relay as %s: %s", user, why.text);
		return SEND_LOGIN;
	}
	d->has_secret = true;
	return SEND_ACCEPTED;
}

static enum send_result
run(const struct delivery *d, const char *url, enum login_way way, struct session *session,
    struct err *err)
{
	session_done(session);
	*session = (struct session){
		.relay = d->relay,
		.url = url,
		.mail = d->mail,
		.way = way,
		.secret = &d->secret,
		.timeout_us = left_us(d),
	};
	return session_run(session, err);
}

/*
 * Which login comes first. Over TLS it is PLAIN and LOGIN: the server has proved its name,
 * and nobody else hears the password. Stronger mechanisms are offered by many a server that
 * cannot do them, since it keeps the passwords hashed (CRAM-MD5 wants them in the clear,
 * SCRAM in a form of its own), and a failed login counts towards being locked out. So SCRAM
 * and CRAM-MD5 are for servers that offer nothing else, and for connections without TLS,
 * where the password never goes over the line.
 */
static enum login_way
first_way(const struct delivery *d, const char *url)
{
	bool is_smtps = str_starts(str_of(url), STR("smtps:"));

	if (d->relay->user == NULL)
		return LOGIN_NONE;
	if (uses_oauth(d))
		return LOGIN_TOKEN;
	return d->relay->tls != RELAY_TLS_OFF || is_smtps ? LOGIN_PASSWORD
							  : LOGIN_CHALLENGE;
}

/* It offers neither PLAIN nor LOGIN, but what needs no password on the line. */
static bool
wants_challenge(const struct session *s)
{
	const char *const *mechanism = session_challenges();

	if (s->way != LOGIN_PASSWORD || s->dialogue.auth_tried)
		return false;
	for (; *mechanism != NULL; mechanism++)
		if (dialogue_offers_auth(&s->dialogue, *mechanism))
			return true;
	return false;
}

/* One relay, with a second session if another login may do. */
static enum send_result
try_relay(struct delivery *d, const char *url, struct session *session, struct err *err)
{
	enum send_result result = run(d, url, first_way(d, url), session, err);

	if (result != SEND_LOGIN)
		return result;
	if (wants_challenge(session))
		return run(d, url, LOGIN_CHALLENGE, session, err);
	if (session->way == LOGIN_TOKEN && session->login_failed && d->may_be_stale) {
		struct err why = { "" };
		struct secret refused = { 0 };

		if (secret_set(&refused, secret_str(&d->secret)) < 0)
			return result;
		enum send_result got = read_token(d, &refused, &why);

		secret_done(&refused);
		if (got == SEND_ACCEPTED)
			return run(d, url, LOGIN_TOKEN, session, err);
		(void)err_set(err, 0, "%s refused a token, and there is no new one: %s",
		    buf_cstr(&session->place), why.text);
		d->has_secret = false;
		return got;
	}
	return result;
}

static void
note_accepted(struct delivery *d, struct session *session)
{
	const struct dialogue *dialogue = &session->dialogue;
	AUTO(buf_done) struct buf text = { 0 };
	struct str id = dialogue_queue_id(str_skip(buf_str(&dialogue->reply), 4));

	(void)snprintf(d->receipt->queue_id, sizeof d->receipt->queue_id, "%.*s",
	    STR_ARG(id));
	d->receipt->uncertain = false;
	if (dialogue->rcpt_transient + dialogue->rcpt_refused > 0)
		buf_addf(&text, "%s took it, but not for %.*s", buf_cstr(&session->place),
		    STR_ARG(buf_str(&dialogue->refused)));
	warn(d, buf_str(&text));
	if (d->faults.n > 0) {
		buf_clear(&text);
		buf_addf(&text, "passed over: %s", buf_cstr(&d->faults));
		warn(d, buf_str(&text));
	}
	(void)snprintf(d->receipt->warning, sizeof d->receipt->warning, "%s",
	    buf_cstr(&d->warning));
}

static void
note_fault(struct delivery *d, const struct err *why)
{
	size_t share = sizeof why->text;

	if (d->relay->urls.n > 1) /* each has its part of the error's room */
		share = (sizeof why->text - 20) / d->relay->urls.n;
	if (d->faults.n > 0)
		buf_add(&d->faults, STR("; "));
	plain_add_cut(&d->faults, str_of(why->text), share > 60 ? share : 60);
}

/* What is said of all of them: what a person must mend comes first. */
static enum send_result
graver(enum send_result a, enum send_result b)
{
	if (a == SEND_LOGIN || b == SEND_LOGIN)
		return SEND_LOGIN;
	return a == SEND_RETRY || b == SEND_RETRY ? SEND_RETRY : SEND_REFUSED;
}

static enum send_result
deliver(struct delivery *d, struct session *session, struct err *err)
{
	const struct texts *urls = &d->relay->urls;
	enum send_result all = SEND_REFUSED;
	int64_t each_us = d->relay->timeout_us > 0 ? d->relay->timeout_us
						   : (int64_t)RELAY_TIMEOUT_S * US_PER_S;

	if (urls->n == 0) {
		(void)err_set(err, -EINVAL, "deliver to relay: no url is set");
		return SEND_RETRY;
	}
	for (size_t i = 0; i < urls->n; i++) {
		struct err why = { "" };

		d->deadline_us = now_monotonic_us() + each_us;
		enum send_result result = read_login(d, err);

		if (result != SEND_ACCEPTED)
			return result;
		result = try_relay(d, urls->items[i], session, &why);
		if (result == SEND_ACCEPTED) {
			note_accepted(d, session);
			return result;
		}
		d->receipt->uncertain = d->receipt->uncertain || session->uncertain;
		note_fault(d, &why);
		all = graver(all, result);
		if (result == SEND_REFUSED && !session->lacks_utf8) {
			all = SEND_REFUSED; /* the message itself: no other will do */
			break;
		}
	}
	(void)err_set(err, 0, "deliver to %s", buf_cstr(&d->faults));
	return all;
}

enum send_result
relay_deliver(const struct relay_settings *relay, struct oauth *oauth,
    const struct relay_mail *mail, struct receipt *receipt, struct err *err)
{
	AUTO(session_done) struct session session = { 0 };
	AUTO(delivery_done) struct delivery delivery = {
		.relay = relay,
		.mail = mail,
		.oauth = oauth,
		.receipt = receipt,
	};

	return deliver(&delivery, &session, err);
}
