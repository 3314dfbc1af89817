/*
 * settings - whom to tell, and how
 *
 * Purpose    What the configuration says about channels and routes, read by cli/config and
 *            used by the channels and the outbox. Plain data: no code, no library behind it.
 * Ownership  All text belongs to the configuration and lives as long as it does.
 */
#ifndef NOTIFY_SETTINGS_H
#define NOTIFY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum channel_kind {
	CHANNEL_NONE,
	CHANNEL_RELAY,     /* mail through an SMTP relay */
	CHANNEL_SENDMAIL,  /* mail through the local submission command */
	CHANNEL_WEBHOOK,   /* an HTTP POST */
	CHANNEL_DESKTOP,   /* a notification in the session of who runs mailwarden */
	CHANNEL_JOURNAL,   /* a structured entry in the system's journal */
	CHANNEL_COMMAND,   /* any program */
	CHANNEL_HEARTBEAT, /* no notices: "the monitor is alive", now and then */
};

struct texts {
	char **items;
	size_t n;
};

/* Where a secret stands; at most one of the two. Never the secret itself. */
struct secret_source {
	char *file;           /* a path, or "credential:NAME" (systemd's LoadCredential=) */
	struct texts command; /* a program and its arguments: its first line of output */
};

enum relay_tls {
	RELAY_TLS_REQUIRED, /* STARTTLS or smtps, or nothing is sent */
	RELAY_TLS_TRY,      /* as REQUIRED if there is a user: no password in the clear */
	RELAY_TLS_OFF,      /* for a relay on this machine */
};

/* OAuth 2.0 with a refresh token (RFC 6749, 6); set if token_url is. */
struct oauth_settings {
	char *token_url; /* https://... */
	char *client_id;
	struct secret_source client_secret; /* may be unset: a public client */
	struct secret_source refresh_token;
	char *scope;   /* NULL: what the refresh token was given */
	char *ca_file; /* NULL: the system's */
};

/* Mail, by relay or sendmail. */
struct mail_settings {
	char *from;   /* address, or "Name <address>" */
	char *sender; /* envelope sender, NULL: from's address */
	struct texts to;
};

struct relay_settings {
	struct texts urls; /* smtp://host:587, smtps://host:465, tried in this order */
	char *user;        /* NULL: no AUTH */
	struct secret_source password;
	struct oauth_settings oauth; /* in place of the password */
	char *ca_file;               /* NULL: the system's */
	char *helo;                  /* NULL: the machine's name */
	enum relay_tls tls;
	int64_t timeout_us; /* for the whole exchange with one relay; also of sendmail */
};

enum webhook_shape {
	SHAPE_MAILWARDEN, /* our own JSON */
	SHAPE_NTFY,
	SHAPE_GOTIFY,
	SHAPE_SLACK, /* also Mattermost */
	SHAPE_MATRIX,
	SHAPE_DISCORD,
	SHAPE_TELEGRAM,
	SHAPE_PAGERDUTY,
	SHAPE_ALERTMANAGER,
};

struct webhook_settings {
	char *url; /* https://..., http://... */
	struct secret_source
	    url_from; /* in place of url: many hooks' address is the secret */
	enum webhook_shape shape;
	struct secret_source
	    token; /* the service's: bearer, app or bot token, routing key */
	struct secret_source signing; /* HMAC-SHA256 over time stamp and body */
	char *room;                   /* Matrix room id, Telegram chat id, Slack channel */
	struct texts headers;         /* "Name: value", not for secrets */
	char *ca_file;
	int64_t timeout_us;
};

struct desktop_settings {
	struct texts
	    show; /* program and arguments for "Show"; the incident's id is added */
};

struct command_settings {
	struct texts argv;
	int64_t timeout_us;
};

struct heartbeat_settings {
	char *url;
	struct secret_source url_from;
	char *ca_file;
	int64_t every_us, timeout_us;
};

/* At most `messages` in each span of per_us; more wait and are folded into one. 0: no cap. */
struct rate_cap {
	int64_t messages, per_us;
};

struct channel_settings {
	char *name;
	enum channel_kind kind;
	unsigned line; /* of the configuration */
	bool own_path; /* it needs this host's own mail server; found out or told */
	struct rate_cap at_most;
	struct mail_settings mail;   /* relay, sendmail */
	struct relay_settings relay; /* relay */
	char *program;               /* sendmail: its path */
	struct webhook_settings webhook;
	struct desktop_settings desktop;
	struct command_settings command;
	struct heartbeat_settings heartbeat;
};

/* Minutes of the local day; from > to: over midnight. from == to: none. */
struct quiet_hours {
	int from_min, to_min;
};

enum { REPEAT_BY_SEVERITY = -1 };

/* Which notices go to which channels. All routes that match count; a channel hears once. */
struct route {
	char *match;              /* as in rules/silence.h; NULL: everything */
	struct texts to;          /* channels, each of which is told */
	struct texts fallback;    /* channels, in this order, for one of `to` that fails */
	struct quiet_hours quiet; /* notices wait for their end */
	int64_t repeat_us; /* reminder while it is open and nobody acknowledged; 0: none;
			    * REPEAT_BY_SEVERITY: 1d for critical incidents, else none */
	bool resolved;     /* tells resolutions, too */
	bool digest;       /* its channels are sent digests, see route_find_digest() */
	unsigned line;
};

/* The whole of it. Without routes every channel (but heartbeats) is told everything. */
struct notify_settings {
	struct channel_settings *channels;
	size_t nchannels;
	struct route *routes;
	size_t nroutes;
	int64_t
	    fallback_after_us; /* a channel that has failed for so long is passed over */
	char *dashboard;       /* address that links in messages begin with; NULL: none */
};

/* NULL: no such. */
const struct channel_settings *settings_channel(const struct notify_settings *settings,
    const char *name);
const char *channel_kind_name(enum channel_kind kind); /* "relay", ... */

#endif
