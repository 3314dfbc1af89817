/*
 * config_schema - every setting of mailwarden.yaml, in tables
 *
 * Purpose    One row says all of a setting: its key, where it belongs, how it is written,
 *            its limits, its default, where it is kept, and what it is for. Reading
 *            (config_read), printing (config_print) and the JSON Schema
 *            (config_json_schema) follow the rows; a new setting is a new row.
 * Ownership  Constant tables.
 */
#ifndef CLI_CONFIG_SCHEMA_H
#define CLI_CONFIG_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "notify/settings.h"

/* How a value is written, and what it becomes. */
enum setting_type {
	SETTING_TEXT,           /* char * */
	SETTING_HOST,           /* a host's name: char * */
	SETTING_PATH,           /* from / on: char * */
	SETTING_INPUT_FILE,     /* a path of what is read: char * */
	SETTING_PROGRAM_FILE,   /* a path of what is started: char * */
	SETTING_ADDRESS,        /* ann@example.org: char * */
	SETTING_NAMED_ADDRESS,  /* or Ann <ann@example.org>: char * */
	SETTING_ADDRESSES,      /* one or a list: struct texts */
	SETTING_RELAY_URLS,     /* one or a list: struct texts */
	SETTING_WEB_URL,        /* https:// or http://: char * */
	SETTING_SAFE_URL,       /* https:// alone: char * */
	SETTING_HEADERS,        /* a list of "Name: value": struct texts */
	SETTING_PROGRAM,        /* a program and its arguments: struct texts */
	SETTING_CHANNELS,       /* names, one or a list: struct texts */
	SETTING_SPAN,           /* 30s, 5m, or a bare number of seconds: int64_t, us */
	SETTING_SWITCH,         /* yes or no: bool */
	SETTING_WORD,           /* one of `words`: int or an enum */
	SETTING_SECRET_FILE,    /* a path or credential:NAME: char * */
	SETTING_SECRET_COMMAND, /* as PROGRAM; its first line of output is the secret */
	SETTING_CAP,            /* 10/10m or unlimited: struct rate_cap */
	SETTING_QUIET,          /* 22:00-07:00: struct quiet_hours */
	SETTING_MATCH,          /* rules/silence.h: char * */
	SETTING_PATHS,          /* one or a list of full paths: struct texts */
	SETTING_HOSTS,          /* one or a list of hosts' names: struct texts */
	SETTING_IPS,            /* one or a list of IP addresses: struct texts */
	SETTING_AFTER,          /* leave, cur, or a Maildir's full path: char * */
	SETTING_REPORTS,        /* a section of its own: struct report_settings */
	SETTING_LISTEN,         /* ADDRESS:PORT or unix:/PATH: char * */
	SETTING_WEB,            /* a section of its own: struct web_settings_read */
	SETTING_OAUTH,          /* a section of its own: struct oauth_settings */
	SETTING_PROVIDER,       /* fills other settings, is kept nowhere */
	SETTING_CHANNEL_TYPE,   /* what the other keys of a channel mean */
	SETTING_SOURCES,        /* sections that hold members of their own */
	SETTING_ALERTS,
	SETTING_ROUTES,
	SETTING_INLINE_SECRET, /* refused: `about` is the key to write instead */
	SETTING_GONE,          /* refused: `about` says what to write instead */
};

struct setting_word {
	const char *word; /* NULL ends a list */
	int value;
};

#define FOR_CHANNEL(kind) (1U << (kind))
enum { FOR_ALL = ~0U >> 1 };

struct setting {
	const char *key;
	enum setting_type type;
	unsigned kinds;         /* of channels that have it: FOR_CHANNEL(); else FOR_ALL */
	size_t offset;          /* in the section's struct */
	const char *fallback;   /* its default, as one would write it; NULL: none */
	const char *otherwise;  /* where there is no fallback: what holds then, in words */
	const char *about;      /* one or two sentences, for people */
	const char *needed;     /* not NULL: it must be there; what it is, in words */
	const char *instead_of; /* stands in for this key: only one of the two */
	const struct setting_word *words;
	int64_t min_s, max_s; /* of a span */
};

struct section {
	const char *what, *one; /* "the settings of a route", "a route" */
	const struct setting *settings;
	size_t n;
};

extern const struct section config_top_section;     /* struct config */
extern const struct section config_source_section;  /* struct config_source */
extern const struct section config_channel_section; /* struct channel_settings */
extern const struct section config_oauth_section;   /* struct oauth_settings */
extern const struct section config_route_section;   /* struct route */
extern const struct section config_reports_section; /* struct report_settings */
extern const struct section config_web_section;     /* struct web_settings_read */

/* "relay", ..., without CHANNEL_NONE. */
extern const struct setting_word config_channel_types[];

/* What a webhook of a shape needs besides its own settings. */
struct webhook_needs {
	enum webhook_shape shape;
	const char *url;    /* where there is one for all; NULL: it must be told */
	const char *token;  /* needed if not NULL: what it is */
	const char *room;   /* needed if not NULL: what it is */
	bool url_is_secret; /* who knows the address may post */
};
const struct webhook_needs *config_webhook_needs(enum webhook_shape shape);

/* What `provider` fills in. */
struct oauth_provider {
	const char *name, *token_url, *scope;
};
extern const struct oauth_provider config_oauth_providers[]; /* ended by name NULL */

/* The section that a setting of this type is, NULL for a value. */
const struct section *section_nested(enum setting_type type);

/* The row of a key for a kind of channel (FOR_ALL elsewhere), NULL if there is none. */
const struct setting *section_find(const struct section *section, const char *key,
    unsigned kinds);

#endif
