#include "notify/relay.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/plain.h"
#include "notify/dialogue.h"
#include "notify/secret.h"

/* Renamed in libcurl 8.2.0; the old name had an L too many. */
#if LIBCURL_VERSION_NUM < 0x080200
#define CURLOPT_MAIL_RCPT_ALLOWFAILS CURLOPT_MAIL_RCPT_ALLLOWFAILS
#endif

#define NO_AUTH "the relay offered neither AUTH PLAIN nor AUTH LOGIN"

/* One exchange with the relay; everything in it is released by session_done(). */
struct session {
	const struct relay_settings *relay;
	CURL *curl;
	CURLU *url;
	struct curl_slist *recipients;
	struct dialogue dialogue;
	struct str unsent;  /* of the message */
	struct buf place;   /* host:port, for error texts */
	struct buf scratch; /* NUL-terminated copies for libcurl, which copies again */
	bool is_smtps;
	bool needs_tls; /* no TLS, no mail */
	char why[CURL_ERROR_SIZE];
};

static void
session_done(struct session *s)
{
	curl_slist_free_all(s->recipients);
	curl_easy_cleanup(s->curl);
	curl_url_cleanup(s->url);
	dialogue_done(&s->dialogue);
	buf_done(&s->place);
	buf_done(&s->scratch);
}

static void
auto_curl_free(char **p)
{
	curl_free(*p);
}

/* Reads host and port, and puts the HELO name where libcurl looks for it: the path. */
static int
read_url(struct session *s, struct err *err)
{
	const char *url = s->relay->urls.n > 0 ? s->relay->urls.items[0] : NULL;
	AUTO(auto_curl_free) char *scheme = NULL;
	AUTO(auto_curl_free) char *host = NULL;
	AUTO(auto_curl_free) char *port = NULL;
	AUTO(auto_curl_free) char *user = NULL;

	s->url = curl_url();
	if (s->url == NULL)
		return err_set(err, -ENOMEM, "deliver to relay: out of memory");
	if (url == NULL || curl_url_set(s->url, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(s->url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(s->url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(s->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
	    (strcmp(scheme, "smtp") != 0 && strcmp(scheme, "smtps") != 0))
		return err_set(err, -EINVAL,
		    "read relay address: expected smtp://host:587 or smtps://host:465");
	if (curl_url_get(s->url, CURLUPART_USER, &user, 0) == CURLUE_OK)
		return err_set(err, -EINVAL,
		    "read relay address: it holds a user name (user and password have "
		    "their "
		    "own settings)");
	s->is_smtps = strcmp(scheme, "smtps") == 0;
	s->needs_tls = s->relay->tls == RELAY_TLS_REQUIRED ||
		       (s->relay->tls == RELAY_TLS_TRY && s->relay->user != NULL);
	plain_add(&s->place, str_of(host));
	buf_addf(&s->place, ":%s", port);

	buf_addf(&s->scratch, "/%s", s->relay->helo != NULL ? s->relay->helo : "");
	if (curl_url_set(s->url, CURLUPART_PATH, buf_cstr(&s->scratch), CURLU_URLENCODE) !=
	    CURLUE_OK)
		return err_set(err, -EINVAL,
		    "read relay settings: helo is not a host name");
	return 0;
}

/* What goes into a MAIL or RCPT command must not be able to end it. */
static bool
is_address(struct str address)
{
	for (size_t i = 0; i < address.n; i++) {
		unsigned char c = (unsigned char)address.p[i];

		if (c <= ' ' || c == 0x7f || c == '<' || c == '>')
			return false;
	}
	return address.n > 0;
}

static int
bad_address(struct session *s, const char *whose, struct str address, struct err *err)
{
	AUTO(buf_done) struct buf shown = { 0 };

	plain_add_cut(&shown, address, DIALOGUE_REPLY_BYTES);
	return err_set(err, -EINVAL, "deliver to %s: the %s address '%s' is none",
	    buf_cstr(&s->place), whose, buf_cstr(&shown));
}

static int
set_envelope(struct session *s, struct str sender, struct err *err)
{
	if (!is_address(sender))
		return bad_address(s, "sender's", sender, err);
	buf_clear(&s->scratch);
	buf_add(&s->scratch, sender);
	if (curl_easy_setopt(s->curl, CURLOPT_MAIL_FROM, buf_cstr(&s->scratch)) != CURLE_OK)
		return err_set(err, -ENOMEM, "deliver to %s: out of memory",
		    buf_cstr(&s->place));
	for (size_t i = 0; i < s->dialogue.nrecipients; i++) {
		if (!is_address(s->dialogue.recipients[i]))
			return bad_address(s, "recipient's", s->dialogue.recipients[i],
			    err);
		buf_clear(&s->scratch);
		buf_add(&s->scratch, s->dialogue.recipients[i]);
		struct curl_slist *more =
		    curl_slist_append(s->recipients, buf_cstr(&s->scratch));

		if (more == NULL)
			return err_set(err, -ENOMEM, "deliver to %s: out of memory",
			    buf_cstr(&s->place));
		s->recipients = more;
	}
	if (s->recipients == NULL)
		return err_set(err, -EINVAL, "deliver to %s: no recipient is configured",
		    buf_cstr(&s->place));
	curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, s->recipients);
	curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT_ALLOWFAILS, 1L);
	return 0;
}

static int
read_password(const struct relay_settings *relay, struct secret *secret, struct err *err)
{
	if (relay->password.file != NULL)
		return secret_read_file(relay->password.file, secret, err);
	return err_set(err, -EINVAL, "log in at the relay as %s: no password_file is set",
	    relay->user);
}

static int
set_login(struct session *s, struct err *err)
{
	struct secret secret;

	if (s->relay->user == NULL)
		return 0;
	int r = read_password(s->relay, &secret, err);

	if (r < 0)
		return r;
	CURLcode user = curl_easy_setopt(s->curl, CURLOPT_USERNAME, s->relay->user);
	CURLcode password = curl_easy_setopt(s->curl, CURLOPT_PASSWORD, secret.text);

	secret_done(&secret);
	/* Without this libcurl takes to Kerberos or NTLM where offered, and fails. */
	CURLcode ways =
	    curl_easy_setopt(s->curl, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN");

	if (user != CURLE_OK || password != CURLE_OK || ways != CURLE_OK)
		return err_set(err, -ENOMEM, "deliver to %s: out of memory",
		    buf_cstr(&s->place));
	return 0;
}

/* A server's own words are what verbose mode is on for; nothing is printed. */
static int
on_debug(CURL *curl, curl_infotype type, char *data, size_t n, void *ctx)
{
	struct session *s = ctx;
	struct str text = { data, n };

	(void)curl;
	while (text.n > 0) {
		if (type == CURLINFO_HEADER_OUT)
			dialogue_sent(&s->dialogue, str_cut(&text, '\n'));
		else if (type == CURLINFO_HEADER_IN)
			dialogue_received(&s->dialogue, str_cut(&text, '\n'));
		else
			break;
	}
	return 0;
}

static size_t
on_read(char *to, size_t size, size_t count, void *ctx)
{
	struct session *s = ctx;
	struct str part = str_head(s->unsent, size * count);

	if (part.n > 0)
		memcpy(to, part.p, part.n);
	s->unsent = str_skip(s->unsent, part.n);
	return part.n;
}

/* The reply lines reach us by on_debug(); without this libcurl prints them. */
static size_t
on_write(char *data, size_t size, size_t count, void *ctx)
{
	(void)data;
	(void)ctx;
	return size * count;
}

static void
set_tls(struct session *s)
{
	long use = CURLUSESSL_ALL;

	if (!s->needs_tls)
		use = s->relay->tls == RELAY_TLS_OFF ? CURLUSESSL_NONE : CURLUSESSL_TRY;
	curl_easy_setopt(s->curl, CURLOPT_USE_SSL, use);
	curl_easy_setopt(s->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(s->curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(s->curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (s->relay->ca_file != NULL) {
		/* Instead of the system's authorities, not beside them. */
		curl_easy_setopt(s->curl, CURLOPT_CAINFO, s->relay->ca_file);
		curl_easy_setopt(s->curl, CURLOPT_CAPATH, NULL);
	}
}

static void
set_exchange(struct session *s)
{
	long total = s->relay->timeout_us > 0 ? (long)(s->relay->timeout_us / 1000000)
					      : RELAY_TIMEOUT_S;

	curl_easy_setopt(s->curl, CURLOPT_CURLU, s->url);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(s->curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
#else
	curl_easy_setopt(s->curl, CURLOPT_PROTOCOLS,
	    (long)(CURLPROTO_SMTP | CURLPROTO_SMTPS));
#endif
	curl_easy_setopt(s->curl, CURLOPT_PROXY,
	    ""); /* none, whatever the environment says */
	curl_easy_setopt(s->curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT,
	    total < RELAY_CONNECT_S ? total : (long)RELAY_CONNECT_S);
	curl_easy_setopt(s->curl, CURLOPT_TIMEOUT, total);
	curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, s->why);
	curl_easy_setopt(s->curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(s->curl, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(s->curl, CURLOPT_READDATA, s);
	curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(s->curl, CURLOPT_DEBUGFUNCTION, on_debug);
	curl_easy_setopt(s->curl, CURLOPT_DEBUGDATA, s);
	curl_easy_setopt(s->curl, CURLOPT_VERBOSE, 1L);
}

/* Certificate trouble in libcurl's and OpenSSL's or GnuTLS' words, and in ours. */
static const struct {
	const char *theirs, *ours;
} tls_reasons[] = {
	{ "has expired", "its certificate has expired (renew it there; is this machine's "
			 "clock right?)" },
	{ "not yet valid",
	    "its certificate is not valid yet (is this machine's clock right?)" },
	{ "certificate subject name",
	    "its certificate is for another host name (use the name that the certificate "
	    "bears in the relay's address)" },
	{ "does not match target host",
	    "its certificate is for another host name (use the name that the certificate "
	    "bears in the relay's address)" },
	{ "self-signed certificate",
	    "its certificate was issued by an unknown authority (name that authority's "
	    "certificate as ca_file)" },
	{ "self signed certificate",
	    "its certificate was issued by an unknown authority (name that authority's "
	    "certificate as ca_file)" },
	{ "issuer certificate",
	    "its certificate was issued by an unknown authority (name that authority's "
	    "certificate as ca_file; package ca-certificates brings the public ones)" },
	{ "wrong version number",
	    "that port does not begin with TLS (smtps:// is for port 465; smtp:// uses "
	    "STARTTLS)" },
};

static void
explain_tls(const struct session *s, struct buf *out)
{
	struct str why = str_of(s->why);

	for (size_t i = 0; i < sizeof tls_reasons / sizeof tls_reasons[0]; i++)
		if (str_find_nocase(why, str_of(tls_reasons[i].theirs)) >= 0) {
			buf_add(out, str_of(tls_reasons[i].ours));
			return;
		}
	buf_add(out, STR("TLS failed: "));
	plain_add_cut(out, why, DIALOGUE_REPLY_BYTES);
}

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
	}
}

/* The connection ended between two replies, or libcurl gave up on it. */
static void
explain_loss(const struct session *s, CURLcode code, struct buf *out)
{
	if (s->dialogue.phase == DIALOGUE_DATA && s->dialogue.code == 354)
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

/* Why there is no reply to quote. */
static void
explain_failure(const struct session *s, CURLcode code, struct buf *out)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		buf_add(out, STR("the name was not found in DNS (is it spelt right, does "
				 "this machine resolve names?)"));
		break;
	case CURLE_COULDNT_CONNECT: explain_connect(s, out); break;
	case CURLE_LOGIN_DENIED:
		buf_addf(out, "no login as %s, since " NO_AUTH, s->relay->user);
		buf_add(out, STR(" (another port? some relays offer it after TLS only)"));
		break;
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
	case CURLE_SSL_ISSUER_ERROR: explain_tls(s, out); break;
	case CURLE_OUT_OF_MEMORY: buf_add(out, STR("out of memory")); break;
	default: explain_loss(s, code, out);
	}
}

/*
 * Login trouble, whichever command tells of it (RFC 4954, 6): 530 authentication
 * required, 534 too weak, 535 invalid, 538 encryption required. Another message
 * would fail in the same way, and the cure is in the settings.
 */
static bool
is_login_trouble(const struct session *s, CURLcode code)
{
	int reply = s->dialogue.code;

	return s->dialogue.phase == DIALOGUE_AUTH || code == CURLE_LOGIN_DENIED ||
	       reply == 530 || reply == 534 || reply == 535 || reply == 538;
}

/* The relay said no: its words, and to what. */
static enum send_result
judge_reply(const struct session *s, CURLcode code, struct buf *out)
{
	const struct dialogue *d = &s->dialogue;
	bool to_message = d->phase >= DIALOGUE_MAIL && d->phase <= DIALOGUE_DATA;

	if (is_login_trouble(s, code)) {
		if (s->relay->user != NULL)
			buf_addf(out, "login as %s failed: ", s->relay->user);
		else
			buf_add(out, STR("login required: "));
		buf_add(out, buf_str(&d->reply));
		buf_add(out, s->relay->user != NULL ? STR(" (are user and password right?)")
						    : STR(" (set user and password_file)"));
		return SEND_RETRY;
	}
	if (d->phase == DIALOGUE_RCPT) {
		buf_add(out, STR("no recipient was taken: "));
		buf_add(out, buf_str(&d->refused));
	} else {
		buf_addf(out, "the relay answered %s with: ",
		    d->phase == DIALOGUE_GREETING ? "the connection"
						  : dialogue_phase_name(d->phase));
		buf_add(out, buf_str(&d->reply));
	}
	if (to_message && s->relay->user != NULL && !d->auth_tried)
		buf_add(out, STR(" (we did not log in: " NO_AUTH ")"));
	if (!to_message || d->code < 500 ||
	    (d->phase == DIALOGUE_RCPT && d->rcpt_transient > 0))
		return SEND_RETRY;
	return SEND_REFUSED;
}

static enum send_result
judge(struct session *s, CURLcode code, struct err *err)
{
	AUTO(buf_done) struct buf why = { 0 };
	const struct dialogue *d = &s->dialogue;
	enum send_result result = SEND_RETRY;

	if (code == CURLE_OK) {
		if (d->rcpt_transient + d->rcpt_refused > 0)
			(void)err_set(err, 0, "deliver to %s: taken, but not for %.*s",
			    buf_cstr(&s->place), STR_ARG(d->refused));
		return SEND_ACCEPTED;
	}
	/* A refused STARTTLS (454) has a reply, and is still about TLS. */
	if (d->code >= 400 && code != CURLE_OPERATION_TIMEDOUT)
		result = judge_reply(s, code, &why);
	else
		explain_failure(s, code, &why);
	(void)err_set(err, 0, "deliver to %s: %s", buf_cstr(&s->place), buf_cstr(&why));
	return result;
}

static enum send_result
session_run(struct session *s, struct str sender, struct err *err)
{
	if (read_url(s, err) < 0)
		return SEND_RETRY;
	s->curl = curl_easy_init();
	if (s->curl == NULL) {
		(void)err_set(err, -ENOMEM, "deliver to %s: cannot set up libcurl",
		    buf_cstr(&s->place));
		return SEND_RETRY;
	}
	if (set_envelope(s, sender, err) < 0 || set_login(s, err) < 0)
		return SEND_RETRY;
	set_exchange(s);
	set_tls(s);
	if (s->place.failed || s->scratch.failed) {
		(void)err_set(err, -ENOMEM, "deliver to relay: out of memory");
		return SEND_RETRY;
	}
	return judge(s, curl_easy_perform(s->curl), err);
}

enum send_result
relay_send(const struct relay_settings *relay, struct str sender,
    const struct str *recipients, size_t nrecipients, struct str message, struct err *err)
{
	AUTO(session_done) struct session session = {
		.relay = relay,
		.unsent = message,
		.dialogue = { .recipients = recipients, .nrecipients = nrecipients },
	};

	if (err != NULL)
		err->text[0] = '\0';
	return session_run(&session, sender, err);
}
