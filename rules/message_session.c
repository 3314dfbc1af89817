#include "rules/message_session.h"

#include <string.h>

#include "core/clock.h"

/* What stands in a session's note: one of these, then address, name, login. */
enum {
	SESSION_LOCAL = 'l',    /* by the command, or the server itself */
	SESSION_LOOPBACK = 'b', /* by TCP from this host */
	SESSION_REMOTE = 'r',
	SESSION_SENDMAIL = 's',
};
enum {
	BETWEEN = '\x1f',
	SESSION_IP_BYTES = 45,
	SESSION_NAME_BYTES = 48,
	SESSION_FRESH_S = 600
};

bool
is_loopback_client(struct str ip)
{
	return str_starts(ip, STR("127.")) || str_eq(ip, STR("::1")) ||
	       str_eq(ip, STR("0:0:0:0:0:0:0:1"));
}

/* --- sessions --- */

static uint64_t
session_key(const struct event *ev, uint32_t host)
{
	return (str_hash(event_text(ev, EVF_session_id)) ^ host) | 1;
}

static uint64_t
process_key(const struct event *ev, uint32_t host)
{
	uint64_t h =
	    ((uint64_t)event_num(ev, EVF_pid) << 32 ^ host) * UINT64_C(0x9e3779b97f4a7c15);

	return (h ^ h >> 29) | 1;
}

struct session {
	char kind; /* 0: none is known */
	struct str ip, name, login;
	int64_t at_us;
};

static struct session
find_session(const struct message_sessions *ms, uint64_t key)
{
	struct session s = { 0 };
	struct str text = notes_find(ms->sessions, key, &s.at_us);

	if (text.n == 0)
		return s;
	s.kind = text.p[0];
	text = str_skip(text, 1);
	s.ip = str_cut(&text, BETWEEN);
	s.name = str_cut(&text, BETWEEN);
	s.login = text;
	return s;
}

static size_t
put(char *to, size_t at, struct str text)
{
	if (text.n > 0)
		memcpy(to + at, text.p, text.n);
	return at + text.n;
}

static void
keep_session(struct message_sessions *ms, uint64_t key, const struct session *s)
{
	char text[NOTE_BYTES];
	size_t n = 1;

	text[0] = s->kind;
	n = put(text, n, str_head(s->ip, SESSION_IP_BYTES));
	text[n++] = BETWEEN;
	n = put(text, n, str_head(s->name, SESSION_NAME_BYTES));
	text[n++] = BETWEEN;
	n = put(text, n, str_head(s->login, MESSAGE_LOGIN_BYTES));
	notes_set(ms->sessions, key, s->at_us, (struct str){ text, n });
}

void
message_session_on_connection(struct message_sessions *ms, const struct event *ev,
    uint32_t host)
{
	struct session s = {
		.kind = SESSION_REMOTE,
		.ip = event_text(ev, EVF_relay_ip),
		.name = event_text(ev, EVF_relay_name),
		.at_us = ev->time_us,
	};

	if (s.ip.p == NULL) /* "address=local" */
		s.kind = SESSION_LOCAL;
	else if (is_loopback_client(s.ip))
		s.kind = SESSION_LOOPBACK;
	keep_session(ms, session_key(ev, host), &s);
}

void
message_session_on_auth(struct message_sessions *ms, const struct event *ev, uint32_t host)
{
	if (str_eq(event_text(ev, EVF_mta), STR("sendmail"))) {
		const struct session s = {
			.kind = SESSION_SENDMAIL,
			.ip = event_text(ev, EVF_relay_ip),
			.login = event_text(ev, EVF_sasl_user),
			.at_us = ev->time_us,
		};

		keep_session(ms, process_key(ev, host), &s);
		return;
	}
	struct session s = find_session(ms, session_key(ev, host));

	s.login = event_text(ev, EVF_sasl_user);
	if (s.kind == 0)
		s = (struct session){ SESSION_REMOTE, event_text(ev, EVF_relay_ip),
			event_text(ev, EVF_relay_name), s.login, ev->time_us };
	keep_session(ms, session_key(ev, host), &s);
}

/* sendmail: the login of the process that takes the message, from the same client. */
void
message_session_login(const struct message_sessions *ms, struct event *ev, uint32_t host)
{
	struct str ip = event_text(ev, EVF_relay_ip);

	if (event_has(ev, EVF_sasl_user) || !event_has(ev, EVF_pid) || ip.n == 0)
		return;
	const struct session s = find_session(ms, process_key(ev, host));

	if (s.kind == SESSION_SENDMAIL && str_eq(s.ip, ip) && ev->time_us >= s.at_us &&
	    ev->time_us - s.at_us <= MESSAGE_LOGIN_S * (int64_t)US_PER_S)
		event_set_text(ev, EVF_sasl_user, s.login);
}

/* OpenSMTPD: client and login, which its message lines do not name. */
enum event_origin
message_session_origin(struct message_sessions *ms, struct event *ev, uint32_t host)
{
	uint64_t key = session_key(ev, host);
	struct session s = find_session(ms, key);

	if (s.kind == 0)
		return ORIGIN_UNKNOWN;
	if (ev->time_us - s.at_us > SESSION_FRESH_S * (int64_t)US_PER_S) {
		s.at_us = ev->time_us; /* a filter keeps its session for days */
		keep_session(ms, key, &s);
		s = find_session(ms, key);
	}
	if (s.ip.n > 0 && !event_has(ev, EVF_relay_ip))
		event_set_text(ev, EVF_relay_ip, s.ip);
	if (s.name.n > 0 && !event_has(ev, EVF_relay_name))
		event_set_text(ev, EVF_relay_name, s.name);
	if (s.login.n > 0 && !event_has(ev, EVF_sasl_user))
		event_set_text(ev, EVF_sasl_user, s.login);
	if (s.login.n > 0)
		return ORIGIN_SUBMITTED;
	if (s.kind == SESSION_LOCAL && event_has(ev, EVF_sender) &&
	    event_text(ev, EVF_sender).n == 0)
		return ORIGIN_BOUNCE;
	return s.kind == SESSION_REMOTE ? ORIGIN_REMOTE : ORIGIN_LOCAL;
}

/* --- OpenSMTPD's bounces --- */

enum failure { FAILED_FOR_GOOD, FAILED_FOR_NOW };

static uint64_t
failure_key(struct str sender, uint32_t host, enum failure failure)
{
	uint64_t h = (str_hash(sender) ^ host) * UINT64_C(0x9e3779b97f4a7c15);

	return (h & ~UINT64_C(3)) | (failure == FAILED_FOR_NOW ? 2 : 0) | 1;
}

/* The ids that wait for their notice, oldest first, each once; blanks between them. */
static struct str
find_waiting(const struct message_sessions *ms, uint64_t key, int64_t now_us,
    int64_t within_s)
{
	int64_t at_us = 0;
	struct str ids = notes_find(ms->failures, key, &at_us);

	return now_us - at_us > within_s * US_PER_S ? STR("") : ids;
}

/* ids without one, and as much of their end as leaves room for another. */
static size_t
copy_others(char *to, struct str ids, struct str without)
{
	size_t n = 0;

	while (ids.n > NOTE_BYTES - MESSAGE_QUEUE_ID_BYTES - 1)
		(void)str_cut(&ids, ' ');
	while (ids.n > 0) {
		struct str one = str_cut(&ids, ' ');

		if (str_eq(one, without))
			continue;
		n = put(to, n, one);
		to[n++] = ' ';
	}
	return n;
}

static void
forget_failure(struct message_sessions *ms, uint64_t key, struct str id)
{
	char text[NOTE_BYTES + 1];
	int64_t at_us = 0;
	struct str ids = notes_find(ms->failures, key, &at_us);

	if (str_find(ids, id) < 0)
		return;
	size_t n = copy_others(text, ids, id);

	notes_set(ms->failures, key, at_us, (struct str){ text, n > 0 ? n - 1 : 0 });
}

void
message_session_failed(struct message_sessions *ms, const struct event *ev, uint32_t host)
{
	struct str sender = event_text(ev, EVF_sender);
	struct str id = str_head(event_text(ev, EVF_queue_id), MESSAGE_QUEUE_ID_BYTES);
	int64_t outcome = event_num(ev, EVF_outcome);
	uint64_t key = failure_key(sender, host, FAILED_FOR_NOW);
	int64_t within_s = MESSAGE_WARNED_S;
	char text[NOTE_BYTES + 1];

	if (sender.n == 0)
		return;
	/* Bounced for one recipient, it may still be deferred for another. */
	if (outcome == OUTCOME_DELIVERED || outcome == OUTCOME_EXPIRED)
		forget_failure(ms, key, id);
	if (outcome == OUTCOME_BOUNCED || outcome == OUTCOME_EXPIRED) {
		key = failure_key(sender, host, FAILED_FOR_GOOD);
		within_s = MESSAGE_BOUNCE_S;
	} else if (outcome != OUTCOME_DEFERRED) {
		return;
	}
	struct str ids = find_waiting(ms, key, ev->time_us, within_s);

	if (str_find(ids, id) >= 0)
		return;
	size_t n = put(text, copy_others(text, ids, STR("")), id);

	notes_set(ms->failures, key, ev->time_us, (struct str){ text, n });
}

struct str
message_session_bounced(struct message_sessions *ms, struct str sender, uint32_t host,
    int64_t now_us, char id[MESSAGE_QUEUE_ID_BYTES])
{
	uint64_t key = failure_key(sender, host, FAILED_FOR_GOOD);
	struct str ids = find_waiting(ms, key, now_us, MESSAGE_BOUNCE_S);

	if (ids.n == 0) {
		key = failure_key(sender, host, FAILED_FOR_NOW);
		ids = find_waiting(ms, key, now_us, MESSAGE_WARNED_S);
	}
	if (ids.n == 0)
		return (struct str){ NULL, 0 };
	size_t n = put(id, 0, str_head(str_cut(&ids, ' '), MESSAGE_QUEUE_ID_BYTES));

	forget_failure(ms, key, (struct str){ id, n });
	return (struct str){ id, n };
}
