#include "rules/tls_sessions.h"

#include <stdlib.h>

#include "core/clock.h"

struct session {
	uint64_t key; /* 0: free */
	int64_t at_us;
	uint64_t message; /* the only one it is for; 0: none yet, or any */
	uint8_t version;  /* of version_names; 0: nothing but a certificate is known */
	bool verified;
};

struct tls_sessions {
	struct session sessions[TLS_SESSIONS];
};

/* The last stands for all others. */
static const struct str version_names[] = { STR_INIT("TLSv1.3"), STR_INIT("TLSv1.2"),
	STR_INIT("TLSv1.1"), STR_INIT("TLSv1"), STR_INIT("SSLv3"), STR_INIT("TLS") };

enum { VERSIONS = sizeof version_names / sizeof *version_names };

enum server { SERVER_OTHER, SERVER_POSTFIX, SERVER_SENDMAIL, SERVER_OPENSMTPD };

struct tls_sessions *
tls_sessions_new(void)
{
	return calloc(1, sizeof(struct tls_sessions));
}

void
tls_sessions_free(struct tls_sessions *ts)
{
	free(ts);
}

bool
tls_is_verified(struct str verify)
{
	/* As rules.d/alerts/tls.yaml. sendmail: OK, and TRUSTED by DANE (8.18); OpenSMTPD: valid
	 * (7.3), verified of clients, success before. */
	static const struct str good[] = { STR_INIT("ok"), STR_INIT("trusted"),
		STR_INIT("verified"), STR_INIT("valid"), STR_INIT("success") };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (str_eq(verify, good[i]))
			return true;
	return false;
}

static enum server
server_of(const struct event *ev)
{
	struct str mta = event_text(ev, EVF_mta);

	if (str_eq(mta, STR("postfix")))
		return SERVER_POSTFIX;
	if (str_eq(mta, STR("sendmail")))
		return SERVER_SENDMAIL;
	return str_eq(mta, STR("opensmtpd")) ? SERVER_OPENSMTPD : SERVER_OTHER;
}

/* --- keys --- */

/* Both ends of a session: whoever tells of it here, and the peer. */
struct key {
	uint64_t host, teller, peer;
	uint64_t client; /* 1: we are the client */
};

static uint64_t
hash_of(const struct key *key)
{
	return str_hash((struct str){ (const char *)key, sizeof *key }) | 1;
}

/* sendmail names the server that it connects to without its address. */
static uint64_t
peer_of(const struct event *ev, enum server server, bool client)
{
	struct str name = event_text(ev, EVF_relay_name);
	struct str ip = event_text(ev, EVF_relay_ip);

	return str_hash(name.n > 0 && ((client && server == SERVER_SENDMAIL) || ip.n == 0)
			    ? name
			    : ip);
}

/* 0: the line does not tell whose session it is. */
static uint64_t
session_key(const struct event *ev, enum server server, bool client)
{
	struct key key = {
		.host = str_hash(event_text(ev, EVF_host)),
		.client = client,
	};

	if (server == SERVER_OPENSMTPD) {
		if (!event_has(ev, EVF_session_id))
			return 0;
		key.teller = str_hash(event_text(ev, EVF_session_id));
		return hash_of(&key);
	}
	if (!event_has(ev, EVF_pid))
		return 0;
	key.teller = (uint64_t)event_num(ev, EVF_pid);
	key.peer = peer_of(ev, server, client);
	return hash_of(&key);
}

/* Postfix's tlsproxy works for any process. */
static uint64_t
proxy_key(const struct event *ev, bool client)
{
	const struct key key = {
		.host = str_hash(event_text(ev, EVF_host)),
		.teller = UINT64_MAX,
		.peer = peer_of(ev, SERVER_POSTFIX, client),
		.client = client,
	};

	return hash_of(&key);
}

/* --- the table --- */

static struct session *
find(struct tls_sessions *ts, uint64_t key, int64_t now_us)
{
	struct session *set =
	    &ts->sessions[(key >> 8) % (TLS_SESSIONS / TLS_WAYS) * TLS_WAYS];

	for (size_t i = 0; i < TLS_WAYS; i++)
		if (set[i].key == key)
			return now_us - set[i].at_us > TLS_FRESH_S * (int64_t)US_PER_S
				   ? NULL
				   : &set[i];
	return NULL;
}

/* Its own, or the oldest one's place, empty. */
static struct session *
make(struct tls_sessions *ts, uint64_t key)
{
	struct session *set =
	    &ts->sessions[(key >> 8) % (TLS_SESSIONS / TLS_WAYS) * TLS_WAYS];
	struct session *place = &set[0];

	for (size_t i = 0; i < TLS_WAYS; i++) {
		if (set[i].key == key) {
			place = &set[i];
			break;
		}
		if (place->key != 0 && (set[i].key == 0 || set[i].at_us < place->at_us))
			place = &set[i];
	}
	*place = (struct session){ .key = key };
	return place;
}

/* --- lines about sessions --- */

static uint8_t
version_of(struct str name)
{
	uint8_t i = 0;

	while (i < VERSIONS - 1 && !str_eq(name, version_names[i]))
		i++;
	return i + 1;
}

static void
learn(struct tls_sessions *ts, const struct event *ev)
{
	enum server server = server_of(ev);
	struct str verify = event_text(ev, EVF_tls_verify);
	bool client = str_eq(event_text(ev, EVF_tls_role), STR("client"));
	bool proxy = str_ends(event_text(ev, EVF_process), STR("/tlsproxy"));
	uint64_t key = server == SERVER_OTHER ? 0 : session_key(ev, server, client);

	if (server == SERVER_POSTFIX && proxy)
		key = proxy_key(ev, client);
	if (key == 0)
		return;
	struct session *s = find(ts, key, ev->time_us);
	bool checked = event_has(ev, EVF_tls_verify);

	if (!event_has(ev, EVF_tls_version) && !(server == SERVER_OPENSMTPD && checked)) {
		if (s != NULL)
			s->key = 0; /* no session came of it */
		return;
	}
	/* OpenSMTPD has a line for each of the two. */
	if (s == NULL || server != SERVER_OPENSMTPD)
		s = make(ts, key);
	s->at_us = ev->time_us;
	if (event_has(ev, EVF_tls_version))
		s->version = version_of(event_text(ev, EVF_tls_version));
	if (checked)
		s->verified = tls_is_verified(verify);
}

/* --- messages --- */

static struct session *
session_of(struct tls_sessions *ts, const struct event *ev, bool client)
{
	enum server server = server_of(ev);
	uint64_t key = server == SERVER_OTHER ? 0 : session_key(ev, server, client);
	uint64_t message = str_hash(event_text(ev, EVF_queue_id)) | 1;
	struct session *s = key == 0 ? NULL : find(ts, key, ev->time_us);

	if (server != SERVER_POSTFIX)
		return s;
	if (s != NULL && client) {
		if (s->message != 0 && s->message != message)
			s = NULL; /* another connection, without TLS */
		else
			s->message = message;
	}
	return s != NULL ? s : find(ts, proxy_key(ev, client), ev->time_us);
}

static void
complete(struct tls_sessions *ts, struct event *ev, bool client)
{
	struct session *s;

	if (event_has(ev, EVF_tls_version) ||
	    (!event_has(ev, EVF_relay_ip) && !event_has(ev, EVF_relay_name)))
		return;
	s = session_of(ts, ev, client);
	if (s == NULL)
		return;
	s->at_us = ev->time_us;
	event_set_text(ev, EVF_tls_version,
	    version_names[s->version == 0 ? VERSIONS - 1 : s->version - 1]);
	if (s->verified)
		event_set_text(ev, EVF_tls_verify, STR("verified"));
}

/* A client came, or went: what the process knew of an earlier session of it is over. */
static void
forget(struct tls_sessions *ts, const struct event *ev)
{
	enum server server = server_of(ev);
	uint64_t key = server == SERVER_POSTFIX ? session_key(ev, server, false) : 0;
	struct session *s = key == 0 ? NULL : find(ts, key, ev->time_us);

	if (s != NULL)
		s->key = 0;
}

void
tls_sessions_apply(struct tls_sessions *ts, struct event *ev)
{
	enum event_direction direction = (enum event_direction)event_num(ev, EVF_direction);

	switch ((enum event_kind)event_num(ev, EVF_kind)) {
	case KIND_TLS: learn(ts, ev); break;
	case KIND_CONNECTION:
		if (direction == DIRECTION_INBOUND)
			forget(ts, ev);
		break;
	case KIND_ACCEPTED: complete(ts, ev, false); break;
	case KIND_ATTEMPT:
		if (direction == DIRECTION_OUTBOUND && !event_has(ev, EVF_report_id))
			complete(ts, ev, true);
		break;
	default: break;
	}
}
