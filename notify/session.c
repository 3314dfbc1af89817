#include "notify/session.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/plain.h"
#include "notify/base64.h"
#include "notify/curl_start.h"
#include "notify/now.h"

/* Renamed in libcurl 8.2.0; the old name had an L too many. */
#if LIBCURL_VERSION_NUM < 0x080200
#define CURLOPT_MAIL_RCPT_ALLOWFAILS CURLOPT_MAIL_RCPT_ALLLOWFAILS
#endif

enum { PARTING_S = 2 }; /* for the answer to QUIT; nothing depends on it */

void
session_done(struct session *s)
{
	curl_slist_free_all(s->recipients);
	curl_easy_cleanup(s->curl);
	curl_url_cleanup(s->place_url);
	dialogue_done(&s->dialogue);
	buf_done(&s->place);
	buf_done(&s->scratch);
	for (size_t i = 0; i < DIALOGUE_HIDDEN; i++)
		secret_done(&s->forms[i]);
}

static void
auto_curl_free(char **p)
{
	curl_free(*p);
}

const char *const *
session_challenges(void)
{
	static const char *const all[] = { "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5",
		NULL };
	bool scram = false;

#ifdef CURL_VERSION_GSASL
	scram = (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_GSASL) != 0;
#endif
	return scram ? all : all + 2;
}

static int
bad_url(struct err *err)
{
	return err_set(err, -EINVAL,
	    "read relay address: expected smtp://host:587 or smtps://host:465");
}

/* Reads host and port, and puts the HELO name where libcurl looks for it: the path. */
static int
read_url(struct session *s, struct err *err)
{
	AUTO(auto_curl_free) char *scheme = NULL;
	AUTO(auto_curl_free) char *host = NULL;
	AUTO(auto_curl_free) char *port = NULL;
	AUTO(auto_curl_free) char *user = NULL;

	s->place_url = curl_url();
	if (s->place_url == NULL)
		return err_set(err, -ENOMEM, "read relay address: out of memory");
	CURLU *url = s->place_url;

	if (curl_url_set(url, CURLUPART_URL, s->url, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
	    (strcmp(scheme, "smtp") != 0 && strcmp(scheme, "smtps") != 0))
		return bad_url(err);
	if (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK)
		return err_set(err, -EINVAL,
		    "read relay address: it holds a user name (user and password have "
		    "their own settings)");
	s->is_smtps = strcmp(scheme, "smtps") == 0;
	s->needs_tls = s->relay->tls == RELAY_TLS_REQUIRED ||
		       (s->relay->tls == RELAY_TLS_TRY && s->relay->user != NULL);
	plain_add(&s->place, str_of(host));
	buf_addf(&s->place, ":%s", port);

	buf_addf(&s->scratch, "/%s", s->relay->helo != NULL ? s->relay->helo : "");
	if (curl_url_set(url, CURLUPART_PATH, buf_cstr(&s->scratch), CURLU_URLENCODE) !=
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

/* Is there more than ASCII before the last @? Then only RFC 6531 can carry it. */
static bool
has_utf8_local_part(struct str address)
{
	ptrdiff_t at = str_rfind_char(address, '@');
	struct str local = at < 0 ? address : str_head(address, (size_t)at);

	for (size_t i = 0; i < local.n; i++)
		if ((unsigned char)local.p[i] >= 0x80)
			return true;
	return false;
}

static int
bad_address(struct session *s, const char *whose, struct str address, struct err *err)
{
	AUTO(buf_done) struct buf shown = { 0 };

	plain_add_cut(&shown, address, DIALOGUE_REPLY_BYTES);
	return err_set(err, -EINVAL, "%s: the %s address '%s' is none", buf_cstr(&s->place),
	    whose, buf_cstr(&shown));
}

static int
no_memory(struct session *s, struct err *err)
{
	return err_set(err, -ENOMEM, "%s: out of memory", buf_cstr(&s->place));
}

static int
set_envelope(struct session *s, struct err *err)
{
	const struct relay_mail *mail = s->mail;

	if (!is_address(mail->sender))
		return bad_address(s, "sender's", mail->sender, err);
	s->needs_utf8 = has_utf8_local_part(mail->sender);
	buf_clear(&s->scratch);
	buf_add(&s->scratch, mail->sender);
	if (curl_easy_setopt(s->curl, CURLOPT_MAIL_FROM, buf_cstr(&s->scratch)) != CURLE_OK)
		return no_memory(s, err);
	for (size_t i = 0; i < mail->nrecipients; i++) {
		if (!is_address(mail->recipients[i]))
			return bad_address(s, "recipient's", mail->recipients[i], err);
		s->needs_utf8 = s->needs_utf8 || has_utf8_local_part(mail->recipients[i]);
		buf_clear(&s->scratch);
		buf_add(&s->scratch, mail->recipients[i]);
		struct curl_slist *more =
		    curl_slist_append(s->recipients, buf_cstr(&s->scratch));

		if (more == NULL)
			return no_memory(s, err);
		s->recipients = more;
	}
	if (s->recipients == NULL)
		return err_set(err, -EINVAL, "%s: no recipient is configured",
		    buf_cstr(&s->place));
	curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, s->recipients);
	curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT_ALLOWFAILS, 1L);
	return 0;
}

/* The forms in which a server might repeat the secret to us (RFC 4616, 2). */
static int
note_forms(struct session *s)
{
	AUTO(secret_wipe) struct buf text = { 0 }, code = { 0 };
	int r = secret_set(&s->forms[0], secret_str(s->secret));

	if (r == 0 && s->way == LOGIN_PASSWORD) {
		(void)buf_reserve(&code, 4 * (size_t)SECRET_MAX_BYTES);
		(void)buf_reserve(&text, 2 * (size_t)SECRET_MAX_BYTES);
		base64_encode(&code, secret_str(s->secret));
		r = secret_set(&s->forms[1], str_head(buf_str(&code), SECRET_MAX_BYTES));
		buf_clear(&code);
		buf_add_char(&text, '\0');
		buf_add(&text, str_of(s->relay->user));
		buf_add_char(&text, '\0');
		buf_add(&text, secret_str(s->secret));
		base64_encode(&code, buf_str(&text));
	}
	if (r == 0 && s->way == LOGIN_PASSWORD)
		r = secret_set(&s->forms[2], str_head(buf_str(&code), SECRET_MAX_BYTES));
	for (size_t i = 0; i < DIALOGUE_HIDDEN; i++)
		s->dialogue.hidden[i] = secret_str(&s->forms[i]);
	return r;
}

/*
 * Left to itself libcurl takes to Kerberos or NTLM where they are offered, and fails. Of
 * several mechanisms that are named it takes OAUTHBEARER before XOAUTH2, and SCRAM before
 * CRAM-MD5. There is no initial response: a token may be longer than a command line may
 * be (RFC 4954, 4).
 */
static int
set_mechanisms(struct session *s, struct err *err)
{
	const char *const *challenge = session_challenges();

	buf_clear(&s->scratch);
	switch (s->way) {
	case LOGIN_NONE: return 0;
	case LOGIN_PASSWORD: buf_add(&s->scratch, STR("AUTH=PLAIN;AUTH=LOGIN")); break;
	case LOGIN_TOKEN: buf_add(&s->scratch, STR("AUTH=OAUTHBEARER;AUTH=XOAUTH2")); break;
	case LOGIN_CHALLENGE:
		for (size_t i = 0; challenge[i] != NULL; i++)
			buf_addf(&s->scratch, "%sAUTH=%s", i > 0 ? ";" : "", challenge[i]);
		break;
	}
	if (curl_easy_setopt(s->curl, CURLOPT_LOGIN_OPTIONS, buf_cstr(&s->scratch)) !=
	    CURLE_OK)
		return no_memory(s, err);
	return 0;
}

static int
set_login(struct session *s, struct err *err)
{
	if (s->way == LOGIN_NONE)
		return 0;
	/* The last guard before a secret could be read on the way. */
	if (s->way != LOGIN_CHALLENGE && !s->needs_tls && !s->is_smtps)
		return err_set(err, -EPERM,
		    "%s: no login without TLS: everyone on the way could read the %s "
		    "(set tls: required)",
		    buf_cstr(&s->place), s->way == LOGIN_TOKEN ? "token" : "password");
	CURLoption which =
	    s->way == LOGIN_TOKEN ? CURLOPT_XOAUTH2_BEARER : CURLOPT_PASSWORD;

	if (curl_easy_setopt(s->curl, CURLOPT_USERNAME, s->relay->user) != CURLE_OK ||
	    curl_easy_setopt(s->curl, which, s->secret->text) != CURLE_OK ||
	    note_forms(s) < 0)
		return no_memory(s, err);
	return set_mechanisms(s, err);
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

/* libcurl waits two minutes for the answer to QUIT, whatever its own limit says. */
static bool
has_waited_at_parting(struct session *s)
{
	int64_t now_us = now_monotonic_us();

	if (!s->dialogue.parting)
		return false;
	if (s->parting_until_us == 0) {
		s->parting_until_us = now_us + PARTING_S * (int64_t)US_PER_S;
		if (s->parting_until_us > s->deadline_us)
			s->parting_until_us = s->deadline_us;
	}
	return now_us >= s->parting_until_us;
}

/*
 * libcurl asks between connecting (EHLO, STARTTLS, AUTH) and MAIL FROM. Without SMTPUTF8 it
 * would send the address as it is, and who knows what comes of that (RFC 6531, 3.2: must
 * not be sent).
 */
static int
on_progress(void *ctx, curl_off_t down, curl_off_t downed, curl_off_t up, curl_off_t upped)
{
	struct session *s = ctx;
	const struct dialogue *d = &s->dialogue;
	bool greeted = d->phase == DIALOGUE_EHLO && d->code == 250 && d->reply_ended &&
		       (d->secured || s->is_smtps || !s->needs_tls);

	(void)down, (void)downed, (void)up, (void)upped;
	if (s->needs_utf8 && !d->offers_smtputf8 && (greeted || d->phase == DIALOGUE_AUTH))
		s->lacks_utf8 = true;
	return s->lacks_utf8 || has_waited_at_parting(s);
}

static void
set_tls(struct session *s)
{
	long use = CURLUSESSL_ALL;

	if (!s->needs_tls)
		use = s->relay->tls == RELAY_TLS_OFF ? CURLUSESSL_NONE : CURLUSESSL_TRY;
	curl_easy_setopt(s->curl, CURLOPT_USE_SSL, use);
}

static void
set_limits(struct session *s)
{
	s->deadline_us = now_monotonic_us() + s->timeout_us;
	/* The connection ends within the call, where on_progress() can cut it short. */
	curl_easy_setopt(s->curl, CURLOPT_FORBID_REUSE, 1L);
}

static void
set_exchange(struct session *s)
{
	curl_easy_setopt(s->curl, CURLOPT_CURLU, s->place_url);
	curl_guard(s->curl, CURL_OF_MAIL, s->relay->ca_file, s->timeout_us, s->why);
	curl_easy_setopt(s->curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(s->curl, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(s->curl, CURLOPT_READDATA, s);
	curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(s->curl, CURLOPT_DEBUGFUNCTION, on_debug);
	curl_easy_setopt(s->curl, CURLOPT_DEBUGDATA, s);
	curl_easy_setopt(s->curl, CURLOPT_VERBOSE, 1L);
	curl_easy_setopt(s->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(s->curl, CURLOPT_XFERINFODATA, s);
	curl_easy_setopt(s->curl, CURLOPT_NOPROGRESS, 0L);
}

/* libidn2 reads names in the thread's locale, and the program has none. */
static CURLcode
perform(CURL *curl)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	locale_t before = utf8 == (locale_t)0 ? (locale_t)0 : uselocale(utf8);
	CURLcode code = curl_easy_perform(curl);

	if (utf8 != (locale_t)0) {
		(void)uselocale(before);
		freelocale(utf8);
	}
	return code;
}

enum send_result
session_run(struct session *s, struct err *err)
{
	AUTO(buf_done) struct buf why = { 0 };

	s->unsent = s->mail->text;
	s->dialogue.recipients = s->mail->recipients;
	s->dialogue.nrecipients = s->mail->nrecipients;
	if (read_url(s, err) < 0)
		return SEND_RETRY;
	s->curl = curl_easy_init();
	if (s->curl == NULL) {
		(void)err_set(err, -ENOMEM, "%s: cannot set up libcurl",
		    buf_cstr(&s->place));
		return SEND_RETRY;
	}
	if (set_envelope(s, err) < 0)
		return SEND_RETRY;
	int r = set_login(s, err);

	if (r < 0)
		return r == -EPERM ? SEND_LOGIN : SEND_RETRY;
	set_exchange(s);
	set_limits(s);
	set_tls(s);
	if (s->place.failed || s->scratch.failed) {
		(void)err_set(err, -ENOMEM, "deliver to relay: out of memory");
		return SEND_RETRY;
	}
	enum send_result result = session_judge(s, perform(s->curl), &why);

	if (why.n > 0)
		(void)err_set(err, 0, "%s: %s", buf_cstr(&s->place), buf_cstr(&why));
	return result;
}
