#include "notify/oauth.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/plain.h"
#include "notify/http.h"
#include "notify/json_in.h"
#include "notify/now.h"
#include "notify/oauth_state.h"

enum { LOCK_PAUSE_MS = 20 };

struct oauth {
	const struct oauth_settings *settings;
	char *path, *lock_path;
	struct oauth_state state;
	bool unsaved; /* the state here is newer than the file's */
};

/* One call of oauth_token(). */
struct request {
	struct oauth *oauth;
	const struct oauth_wish *wish;
	struct oauth_answer *answer;
	struct secret original; /* the refresh token that a person wrote */
	int lock_fd;
	int64_t deadline_us; /* on the monotonic clock */
};

static void
request_done(struct request *r)
{
	secret_done(&r->original);
	if (r->lock_fd >= 0)
		(void)close(r->lock_fd); /* lets go of the lock */
}

static void
warn(struct request *r, const char *text)
{
	if (r->answer->warning[0] == '\0')
		(void)snprintf(r->answer->warning, sizeof r->answer->warning, "%s", text);
}

/* --- the settings --- */

int
oauth_open(const struct oauth_settings *settings, const char *state_dir,
    const char *channel, struct oauth **out, struct err *err)
{
	if (strchr(channel, '/') != NULL || channel[0] == '\0')
		return err_set(err, -EINVAL,
		    "log in by OAuth: a channel's name without / is needed for its tokens");
	if (!str_starts(str_of(settings->token_url), STR("https://")))
		return err_set(err, -EINVAL,
		    "log in by OAuth: token_url must begin with https://");
	if (settings->client_id == NULL || !secret_is_set(&settings->refresh_token))
		return err_set(err, -EINVAL,
		    "log in by OAuth: client_id and refresh_token_file are needed");
	struct oauth *oauth = calloc(1, sizeof *oauth);

	if (oauth == NULL)
		return err_set(err, -ENOMEM, "log in by OAuth: out of memory");
	oauth->settings = settings;
	if (asprintf(&oauth->path, "%s/oauth-%s.json", state_dir, channel) < 0)
		oauth->path = NULL;
	if (asprintf(&oauth->lock_path, "%s/oauth-%s.lock", state_dir, channel) < 0)
		oauth->lock_path = NULL;
	if (oauth->path == NULL || oauth->lock_path == NULL) {
		oauth_close(oauth);
		return err_set(err, -ENOMEM, "log in by OAuth: out of memory");
	}
	*out = oauth;
	return 0;
}

void
oauth_close(struct oauth *oauth)
{
	if (oauth == NULL)
		return;
	oauth_state_done(&oauth->state);
	free(oauth->path);
	free(oauth->lock_path);
	free(oauth);
}

static void
hash_settings(const struct oauth *oauth, char *out)
{
	const struct oauth_settings *s = oauth->settings;
	AUTO(buf_done) struct buf all = { 0 };

	buf_addf(&all, "%s\n%s\n%s", s->token_url, s->client_id,
	    s->scope != NULL ? s->scope : "");
	oauth_state_hash(&oauth->state, buf_str(&all), out);
}

/* --- what is kept --- */

/*
 * Some servers take a refresh token once, and a second use ends the whole login: two
 * processes (the notifier and a test by hand) must not refresh at once. Without a folder
 * to write to there is no lock, and nothing that could be shared.
 */
static enum send_result
take_lock(struct request *r, struct err *err)
{
	r->lock_fd =
	    open(r->oauth->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (r->lock_fd < 0)
		return SEND_ACCEPTED;
	while (flock(r->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return SEND_ACCEPTED;
		if (now_monotonic_us() >= r->deadline_us) {
			(void)err_set(err, -EBUSY,
			    "get a token: another process has been at it all the time "
			    "(%s)",
			    r->oauth->lock_path);
			return SEND_RETRY;
		}
		(void)poll(NULL, 0, LOCK_PAUSE_MS);
	}
	return SEND_ACCEPTED;
}

static void
save_state(struct request *r)
{
	struct oauth *o = r->oauth;
	struct err why = { "" };

	o->unsaved = oauth_state_save(o->path, &o->state, &why) < 0;
	if (o->unsaved)
		warn(r, why.text);
}

static enum send_result
load_state(struct request *r, struct err *err)
{
	struct oauth *o = r->oauth;
	struct err why = { "" };

	if (!o->unsaved) {
		oauth_state_done(&o->state);
		int e = oauth_state_load(o->path, &o->state, &why);

		if (e == -EPERM) {
			(void)err_set(err, e, "%s", why.text);
			return SEND_LOGIN;
		}
		if (e < 0 && e != -ENOENT)
			warn(r, why.text);
	}
	if (oauth_state_salt(&o->state) < 0) {
		(void)err_set(err, -EIO, "get a token: no random numbers");
		return SEND_RETRY;
	}
	return SEND_ACCEPTED;
}

/* What was kept is of no use any more: all but the salt goes. */
static void
forget(struct oauth *o)
{
	secret_done(&o->state.access);
	secret_done(&o->state.refresh);
	o->state.original[0] = '\0';
}

static bool
is_access_good(const struct request *r)
{
	const struct oauth_state *s = &r->oauth->state;
	int64_t now_s = r->wish->now_us / US_PER_S;

	/* Before it was got: the clock was set back, and the expiry tells nothing. */
	return s->access.n > 0 && now_s >= s->got_s && now_s < s->until_s;
}

/* Reads what a person wrote, and forgets what was kept if that is something else now. A
 * program is run only when a token is needed: it may ask a person, or take long. */
static enum send_result
compare_settings(struct request *r, struct err *err)
{
	struct oauth *o = r->oauth;
	const struct secret_source *source = &o->settings->refresh_token;
	char hash[OAUTH_HASH_BYTES];

	hash_settings(o, hash);
	if (strcmp(hash, o->state.settings) != 0)
		forget(o);
	(void)snprintf(o->state.settings, sizeof o->state.settings, "%s", hash);
	if (source->command.n > 0 && is_access_good(r))
		return SEND_ACCEPTED;
	if (secret_read(source, "refresh token", &r->original, err) < 0)
		return SEND_LOGIN;
	oauth_state_hash(&o->state, secret_str(&r->original), hash);
	if (strcmp(hash, o->state.original) != 0)
		forget(o);
	(void)snprintf(o->state.original, sizeof o->state.original, "%s", hash);
	return SEND_ACCEPTED;
}

/* A refresh token that the server gave in place of the one before (RFC 6749, 6). */
static void
keep_refresh(struct request *r, struct secret *fresh)
{
	struct oauth *o = r->oauth;
	const struct secret_source *source = &o->settings->refresh_token;
	struct err why = { "" };
	bool is_file =
	    source->command.n == 0 && !str_starts(str_of(source->file), STR("credential:"));

	if (is_file && access(source->file, W_OK) == 0 &&
	    oauth_replace_file(source->file, secret_str(fresh), &why) == 0) {
		secret_done(&o->state.refresh);
		oauth_state_hash(&o->state, secret_str(fresh), o->state.original);
		return;
	}
	secret_done(&o->state.refresh);
	o->state.refresh = *fresh;
	*fresh = (struct secret){ 0 };
}

/* --- the token server --- */

/* application/x-www-form-urlencoded; RFC 3986's unreserved characters stay. */
static void
add_field(struct buf *out, const char *name, struct str value)
{
	if (out->n > 0)
		buf_add_char(out, '&');
	buf_addf(out, "%s=", name);
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z') || (c != 0 && strchr("-._~", c) != NULL))
			buf_add_char(out, (char)c);
		else
			buf_addf(out, "%%%02X", c);
	}
}

/* The secrets of one request to the token server, wiped together. */
struct exchange {
	struct secret client_secret;
	const struct secret *refresh;
	struct buf body;
	struct http_reply reply;
	struct json_object *json;
};

static void
exchange_done(struct exchange *e)
{
	secret_done(&e->client_secret);
	secret_wipe(&e->body);
	http_reply_done(&e->reply);
	json_in_done(&e->json);
}

static enum send_result
write_request(const struct request *r, struct exchange *e, struct err *err)
{
	const struct oauth_settings *s = r->oauth->settings;

	if (secret_is_set(&s->client_secret) &&
	    secret_read(&s->client_secret, "client secret", &e->client_secret, err) < 0)
		return SEND_LOGIN;
	/* All at once: a buffer that grows leaves copies behind. A byte may take three. */
	(void)buf_reserve(&e->body, 6 * (size_t)SECRET_MAX_BYTES + 8192);
	add_field(&e->body, "grant_type", STR("refresh_token"));
	add_field(&e->body, "refresh_token", secret_str(e->refresh));
	add_field(&e->body, "client_id", str_of(s->client_id));
	if (e->client_secret.n > 0)
		add_field(&e->body, "client_secret", secret_str(&e->client_secret));
	if (s->scope != NULL && s->scope[0] != '\0')
		add_field(&e->body, "scope", str_of(s->scope));
	if (e->body.failed) {
		(void)err_set(err, -ENOMEM, "get a token: out of memory");
		return SEND_RETRY;
	}
	return SEND_ACCEPTED;
}

static enum send_result
post(struct request *r, struct exchange *e, struct err *err)
{
	const struct oauth_settings *s = r->oauth->settings;
	static const char *const headers[] = {
		"Content-Type: application/x-www-form-urlencoded",
		"Accept: application/json"
	};
	int64_t left_us = r->deadline_us - now_monotonic_us();
	struct http_request request = {
		.tried = "get a token from",
		.url = s->token_url,
		.headers = headers,
		.nheaders = sizeof headers / sizeof headers[0],
		.body = buf_str(&e->body),
		.ca_file = s->ca_file,
		.timeout_us = left_us > 0 ? left_us : 1,
	};
	int got = http_post(&request, &e->reply, err);

	r->answer->retry_after_us = e->reply.retry_after_us;
	if (got == -EINVAL)
		return SEND_LOGIN; /* the address or ca_file is none */
	return got < 0 ? SEND_RETRY : SEND_ACCEPTED;
}

enum advice {
	ADVICE_NONE,
	ADVICE_REFRESH, /* log in again */
	ADVICE_CLIENT,
	ADVICE_SCOPE,
	ADVICE_URL,
};

/* RFC 6749, 5.2; OpenID Connect Core, 3.1.2.6, which Microsoft answers with, too. */
static const struct {
	const char *error;
	enum send_result result;
	enum advice advice;
} errors[] = {
	{ "invalid_grant", SEND_LOGIN, ADVICE_REFRESH },
	{ "access_denied", SEND_LOGIN, ADVICE_REFRESH },
	{ "consent_required", SEND_LOGIN, ADVICE_REFRESH },
	{ "interaction_required", SEND_LOGIN, ADVICE_REFRESH },
	{ "login_required", SEND_LOGIN, ADVICE_REFRESH },
	{ "invalid_client", SEND_LOGIN, ADVICE_CLIENT },
	{ "unauthorized_client", SEND_LOGIN, ADVICE_CLIENT },
	{ "invalid_scope", SEND_LOGIN, ADVICE_SCOPE },
	{ "unsupported_grant_type", SEND_LOGIN, ADVICE_URL },
	{ "invalid_request", SEND_LOGIN, ADVICE_CLIENT },
	{ "temporarily_unavailable", SEND_RETRY, ADVICE_NONE },
	{ "server_error", SEND_RETRY, ADVICE_NONE },
	{ "slow_down", SEND_RETRY, ADVICE_NONE },
};

static void
add_advice(const struct request *r, enum advice advice, struct buf *out)
{
	const struct secret_source *source = &r->oauth->settings->refresh_token;

	switch (advice) {
	case ADVICE_NONE: return;
	case ADVICE_REFRESH:
		buf_add(out, STR(" (log in again at the provider and put the new refresh "
				 "token into "));
		if (source->command.n > 0)
			buf_add(out, STR("what is read by "));
		secret_place(source, out);
		buf_add(out, STR(")"));
		return;
	case ADVICE_CLIENT:
		buf_add(out, STR(" (are client_id and client_secret_file those that the "
				 "provider shows?)"));
		return;
	case ADVICE_SCOPE:
		buf_add(out, STR(" (is scope one that the refresh token was given for?)"));
		return;
	case ADVICE_URL:
		buf_add(out, STR(" (is token_url the provider's token endpoint?)"));
	}
}

/* The provider's text, without our secrets should it repeat them. */
static void
add_theirs(const struct exchange *e, struct buf *out, const char *key)
{
	AUTO(secret_wipe) struct buf text = { 0 };

	buf_add(&text, json_in_text(e->json, key));
	secret_hide(&text, secret_str(e->refresh));
	secret_hide(&text, secret_str(&e->client_secret));
	if (text.n == 0)
		return;
	buf_add(out, STR(": "));
	plain_add_cut(out, buf_str(&text), OAUTH_QUOTE_BYTES);
}

/* An answer that names an error. */
static enum send_result
judge_error(const struct request *r, const struct exchange *e, struct err *err)
{
	AUTO(buf_done) struct buf why = { 0 };
	struct str error = json_in_text(e->json, "error");
	enum send_result result = e->reply.status >= 500 ? SEND_RETRY : SEND_LOGIN;
	enum advice advice = ADVICE_NONE;

	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
		if (e->reply.status < 500 && str_eq(error, str_of(errors[i].error))) {
			result = errors[i].result;
			advice = errors[i].advice;
		}
	if (e->reply.status == 429)
		result = SEND_RETRY;
	buf_addf(&why, "get a token from %s", e->reply.place);
	add_theirs(e, &why, "error");
	add_theirs(e, &why, "error_description");
	add_advice(r, advice, &why);
	(void)err_set(err, 0, "%s", buf_cstr(&why));
	return result;
}

/* An answer that is not what RFC 6749, 5 asks for. */
static enum send_result
judge_nonsense(const struct exchange *e, struct err *err)
{
	const struct http_reply *reply = &e->reply;

	if (reply->status / 100 == 3) {
		(void)err_set(err, 0,
		    "get a token from %s: it sends us on to %s, and we do not go with a "
		    "secret (is token_url the provider's token endpoint?)",
		    reply->place, reply->moved_to);
		return SEND_LOGIN;
	}
	if (reply->status / 100 == 4 && reply->status != 408 && reply->status != 429) {
		(void)err_set(err, 0,
		    "get a token from %s: it answered %d (is token_url the provider's "
		    "token endpoint?)",
		    reply->place, reply->status);
		return SEND_LOGIN;
	}
	if (reply->status / 100 != 2)
		(void)err_set(err, 0, "get a token from %s: it answered %d, later again",
		    reply->place, reply->status);
	else if (reply->is_cut)
		(void)err_set(err, 0,
		    "get a token from %s: its answer broke off, or is longer than %d bytes",
		    reply->place, HTTP_REPLY_BYTES);
	else
		(void)err_set(err, 0,
		    "get a token from %s: its answer is no JSON with an access token for "
		    "us (RFC 6749, 5.1)",
		    reply->place);
	return SEND_RETRY;
}

/* How long it is good; old servers write the number as text, which is read as well. */
static int64_t
life_s(const struct exchange *e)
{
	int64_t life = json_in_int(e->json, "expires_in", OAUTH_UNKNOWN_S);

	return life > OAUTH_LONGEST_S ? OAUTH_LONGEST_S : life < 0 ? 0 : life;
}

/* A type that we do not know must not be used (RFC 6749, 7.1). */
static bool
is_bearer(const struct exchange *e)
{
	return !json_in_has(e->json, "token_type") ||
	       str_eq_nocase(json_in_text(e->json, "token_type"), STR("bearer"));
}

static enum send_result
take_answer(struct request *r, struct exchange *e, struct secret *token, struct err *err)
{
	struct oauth_state *state = &r->oauth->state;
	AUTO(secret_done) struct secret fresh = { 0 };

	e->json = e->reply.is_cut ? NULL : json_in_read(buf_str(&e->reply.body));
	if (e->json != NULL && json_in_has(e->json, "error"))
		return judge_error(r, e, err);
	if (e->json == NULL || e->reply.status / 100 != 2 || !is_bearer(e) ||
	    !json_in_secret(e->json, "access_token", &state->access))
		return judge_nonsense(e, err);
	state->got_s = r->wish->now_us / US_PER_S;
	state->until_s = state->got_s + life_s(e) - OAUTH_MARGIN_S;
	if (json_in_secret(e->json, "refresh_token", &fresh) &&
	    !str_eq(secret_str(&fresh), secret_str(e->refresh)))
		keep_refresh(r, &fresh);
	save_state(r); /* also where it fails the token is good */
	if (secret_set(token, secret_str(&state->access)) < 0) {
		(void)err_set(err, -ENOMEM, "get a token: out of memory");
		return SEND_RETRY;
	}
	return SEND_ACCEPTED;
}

static enum send_result
refresh(struct request *r, struct secret *token, struct err *err)
{
	struct oauth_state *state = &r->oauth->state;
	AUTO(exchange_done) struct exchange e = {
		.refresh = state->refresh.n > 0 ? &state->refresh : &r->original,
	};
	enum send_result result = write_request(r, &e, err);

	if (result == SEND_ACCEPTED)
		result = post(r, &e, err);
	return result == SEND_ACCEPTED ? take_answer(r, &e, token, err) : result;
}

/* The wish, once it is our turn. */
static enum send_result
answer(struct request *r, struct secret *token, struct err *err)
{
	struct oauth_state *state = &r->oauth->state;
	const struct secret *refused = r->wish->refused;
	enum send_result result = load_state(r, err);

	if (result != SEND_ACCEPTED)
		return result;
	if (refused != NULL && str_eq(secret_str(refused), secret_str(&state->access))) {
		secret_done(&state->access);
		save_state(r);
	}
	result = compare_settings(r, err);
	if (result != SEND_ACCEPTED)
		return result;
	if (!is_access_good(r))
		return refresh(r, token, err);
	if (r->oauth->unsaved)
		save_state(r);
	r->answer->was_cached = true;
	if (secret_set(token, secret_str(&state->access)) < 0) {
		(void)err_set(err, -ENOMEM, "get a token: out of memory");
		return SEND_RETRY;
	}
	return SEND_ACCEPTED;
}

enum send_result
oauth_token(struct oauth *oauth, const struct oauth_wish *wish, struct secret *token,
    struct oauth_answer *answer_out, struct err *err)
{
	AUTO(request_done) struct request request = {
		.oauth = oauth,
		.wish = wish,
		.answer = answer_out,
		.lock_fd = -1,
		.deadline_us = now_monotonic_us() + wish->timeout_us,
	};
	enum send_result result = take_lock(&request, err);

	return result == SEND_ACCEPTED ? answer(&request, token, err) : result;
}
