/* alerts: channels by name, what each needs, and what follows from the rest. */
#include <string.h>
#include <unistd.h>

#include "cli/config_read.h"
#include "core/clock.h"

/* Where a fault of a channel is told: at the channel's name. */
struct channel_reader {
	struct config_reader *reader;
	struct pos at;
	struct ynode map;
	struct channel_settings *channel;
};

#define FAULT(c, key, ...) diag_add((c)->reader->diags, fault_pos(c, key), __VA_ARGS__)

/* At the key that is wrong, or the channel's name where a key is missing. */
static struct pos
fault_pos(const struct channel_reader *c, const char *key)
{
	return key != NULL && ynode_get(&c->map, key) != NULL ? config_key_pos(&c->map, key)
							      : c->at;
}

static bool
is_written(const struct channel_reader *c, const char *key)
{
	return ynode_get(&c->map, key) != NULL;
}

/* --- what each type needs --- */

static void
finish_mail(struct channel_reader *c)
{
	if (!is_written(c, "from"))
		c->channel->mail.from =
		    config_format(c->reader, "mailwarden@%s", c->reader->config->host);
}

static void
check_oauth(struct channel_reader *c)
{
	const struct ynode *node = ynode_get(&c->map, "oauth");

	if (node == NULL || (node->type != YNODE_MAP && !config_is_empty(node)))
		return;
	if (!is_written(c, "user"))
		FAULT(c, "oauth", "`oauth` needs `user`: whose mailbox sends?");
	if (is_written(c, "password_command"))
		FAULT(c, "oauth", "`password_command` and `oauth`: write one of them");
	if (ynode_get(node, "provider") == NULL && ynode_get(node, "token_url") == NULL)
		FAULT(c, "oauth",
		    "`oauth` needs `provider` (google or microsoft) or `token_url`");
}

/* This host's own mail server? Its name may also be that of the configuration. */
static bool
is_own_host(const struct config *config, struct str host)
{
	char name[256] = "";

	if (gethostname(name, sizeof name - 1) != 0)
		name[0] = '\0';
	return config_is_loopback(host) || str_eq_nocase(host, str_of(config->host)) ||
	       (name[0] != '\0' && str_eq_nocase(host, str_of(name)));
}

/* If one of the relays is elsewhere, mail has another way. */
static bool
is_own_relay(const struct config *config, const struct texts *urls)
{
	for (size_t i = 0; i < urls->n; i++)
		if (!is_own_host(config, config_url_host(str_of(urls->items[i]))))
			return false;
	return urls->n > 0;
}

static void
finish_relay(struct channel_reader *c)
{
	struct channel_settings *channel = c->channel;
	bool password = is_written(c, "password_file") || is_written(c, "password_command");

	finish_mail(c);
	check_oauth(c);
	if (password && !is_written(c, "user"))
		FAULT(c,
		    is_written(c, "password_file") ? "password_file" : "password_command",
		    "a password needs a `user`");
	if (is_written(c, "user") && !password && !is_written(c, "oauth"))
		FAULT(c, "user",
		    "a `user` needs a `password_file`, a `password_command` or `oauth`");
	if (!is_written(c, "own_path"))
		channel->own_path = is_own_relay(c->reader->config, &channel->relay.urls);
}

static void
finish_sendmail(struct channel_reader *c)
{
	finish_mail(c);
	if (!is_written(c, "own_path"))
		c->channel->own_path = true;
}

static void
finish_webhook(struct channel_reader *c)
{
	struct webhook_settings *hook = &c->channel->webhook;
	const struct webhook_needs *needs = config_webhook_needs(hook->shape);

	if (!is_written(c, "url") && !is_written(c, "url_file")) {
		if (needs->url == NULL)
			FAULT(c, NULL,
			    "%s needs `url`: where to post, or `url_file` with that",
			    c->channel->name);
		else
			hook->url = config_copy(c->reader, str_of(needs->url));
	}
	if (needs->token != NULL && !is_written(c, "token_file") &&
	    !is_written(c, "token_command"))
		FAULT(c, NULL, "%s needs `token_file`: %s", c->channel->name, needs->token);
	if (needs->room != NULL && !is_written(c, "room"))
		FAULT(c, NULL, "%s needs `room`: %s", c->channel->name, needs->room);
}

static void
finish(struct channel_reader *c)
{
	static void (*const by_kind[])(struct channel_reader * c) = {
		[CHANNEL_RELAY] = finish_relay,
		[CHANNEL_SENDMAIL] = finish_sendmail,
		[CHANNEL_WEBHOOK] = finish_webhook,
		[CHANNEL_HEARTBEAT] = NULL, /* the last: the table says all of others */
	};

	if (by_kind[c->channel->kind] != NULL)
		by_kind[c->channel->kind](c);
}

void
config_fill_provider(struct config_reader *reader, const struct ynode *map,
    struct oauth_settings *oauth)
{
	const struct ynode *provider = ynode_get(map, "provider");

	for (size_t i = 0; provider != NULL && config_oauth_providers[i].name != NULL;
	     i++) {
		const struct oauth_provider *p = &config_oauth_providers[i];

		if (!str_eq(provider->text, str_of(p->name)))
			continue;
		if (ynode_get(map, "token_url") == NULL)
			oauth->token_url = config_copy(reader, str_of(p->token_url));
		if (ynode_get(map, "scope") == NULL)
			oauth->scope = config_copy(reader, str_of(p->scope));
	}
}

/* --- names and types --- */

/* Letters, digits, - and _: names stand in log lines, in the store and on command lines. */
static bool
is_channel_name(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool inner = (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';

		if (!letter && !(inner && (i > 0 || (c >= '0' && c <= '9'))))
			return false;
	}
	return name.n > 0 && name.n <= CONFIG_MAX_NAME;
}

static enum channel_kind
find_kind(struct str word)
{
	for (size_t i = 0; config_channel_types[i].word != NULL; i++)
		if (str_eq(word, str_of(config_channel_types[i].word)))
			return (enum channel_kind)config_channel_types[i].value;
	return CHANNEL_NONE;
}

static const char *
nearest_kind(struct str word)
{
	const char *words[CHANNEL_HEARTBEAT + 1] = { NULL };

	for (size_t i = 0; config_channel_types[i].word != NULL; i++)
		words[i] = config_channel_types[i].word;
	return nearest_word(word, words);
}

static const char all_kinds[] =
    "relay, sendmail, webhook, desktop, journal, command or heartbeat";

/* By `type`, else by the name; CHANNEL_NONE after a fault. */
static enum channel_kind
kind_of(struct config_reader *reader, const struct ynode *name, const struct ynode *map)
{
	const struct ynode *type = ynode_get(map, "type");
	struct str word = type != NULL ? type->text : name->text;
	enum channel_kind kind = find_kind(word);

	if (kind != CHANNEL_NONE || map->type != YNODE_MAP)
		return kind;
	const char *near = nearest_kind(word);

	if (type != NULL && near != NULL)
		diag_add(reader->diags, type->at,
		    "no channel type '%.*s', did you mean '%s'?", STR_ARG(word), near);
	else if (type != NULL)
		diag_add(reader->diags, type->at, "`type` is %s, not '%.*s'", all_kinds,
		    STR_ARG(word));
	else if (near != NULL)
		diag_add(reader->diags, name->at,
		    "channel '%.*s' has no `type`, or did you mean '%s'?", STR_ARG(word),
		    near);
	else
		diag_add(reader->diags, name->at, "channel '%.*s' needs a `type`: %s",
		    STR_ARG(word), all_kinds);
	return CHANNEL_NONE;
}

static void
read_channel(struct config_reader *reader, const struct ynode *name,
    const struct ynode *node, struct channel_settings *channel)
{
	struct channel_reader c = { reader, name->at, config_as_map(node), channel };

	if (!is_channel_name(name->text)) {
		diag_add_hidden(reader->diags, name->at,
		    "a channel's name is made of letters, digits, - and _, at most %d",
		    CONFIG_MAX_NAME);
		return;
	}
	channel->name = config_copy(reader, name->text);
	channel->line = name->at.line;
	if (channel->name == NULL ||
	    !ynode_is(&c.map, YNODE_MAP, "the settings of a channel", reader->diags))
		return;
	channel->kind = kind_of(reader, name, &c.map);
	if (channel->kind == CHANNEL_NONE)
		return;
	const struct config_part part = { &config_channel_section, &c.map,
		FOR_CHANNEL(channel->kind), name->at, channel->name, channel };

	config_read_section(reader, &part);
	finish(&c);
}

void
config_read_alerts(struct config_reader *reader, const struct ynode *alerts)
{
	struct notify_settings *notify = &reader->config->notify;

	if (alerts == NULL || config_is_empty(alerts) ||
	    !ynode_is(alerts, YNODE_MAP, "channels by name", reader->diags))
		return;
	if (alerts->n > CONFIG_MAX_ITEMS) {
		diag_add(reader->diags, alerts->at, "more than %d channels",
		    CONFIG_MAX_ITEMS);
		return;
	}
	notify->channels = config_take(reader, alerts->n + 1, sizeof *notify->channels);
	if (notify->channels == NULL)
		return;
	for (size_t i = 0; i < alerts->n; i++)
		read_channel(reader, &alerts->keys[i], &alerts->values[i],
		    &notify->channels[notify->nchannels++]);
}
