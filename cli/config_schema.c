#include "cli/config_schema.h"

#include <string.h>

#include "cli/config.h"

enum {
	RELAY = FOR_CHANNEL(CHANNEL_RELAY),
	SENDMAIL = FOR_CHANNEL(CHANNEL_SENDMAIL),
	WEBHOOK = FOR_CHANNEL(CHANNEL_WEBHOOK),
	DESKTOP = FOR_CHANNEL(CHANNEL_DESKTOP),
	COMMAND = FOR_CHANNEL(CHANNEL_COMMAND),
	HEARTBEAT = FOR_CHANNEL(CHANNEL_HEARTBEAT),
	MAIL = RELAY | SENDMAIL,
	NOTICES = FOR_ALL & ~HEARTBEAT,
};
enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* --- the file as a whole --- */

static const struct setting top[] = {
	{ "host", SETTING_HOST, FOR_ALL, offsetof(struct config, host),
	    .otherwise = "the host name", .about = "Name of this machine in alerts." },
	{ "state", SETTING_PATH, FOR_ALL, offsetof(struct config, state),
	    .otherwise = "/var/lib/mailwarden/mailwarden.db for root, else below "
			 "$XDG_STATE_HOME or ~/.local/state",
	    .about = "The store: one SQLite file, with a lock beside it." },
	{ "timezone", SETTING_TEXT, FOR_ALL, offsetof(struct config, timezone),
	    .otherwise = "the machine's",
	    .about = "Zone of time stamps that have none, such as Europe/Zurich." },
	{ "rules", SETTING_PATH, FOR_ALL, offsetof(struct config, rules),
	    .otherwise = "/etc/mailwarden/rules.d",
	    .about = "Folder of your own rules; they add to the shipped ones." },
	{ "sources", SETTING_SOURCES, FOR_ALL, 0,
	    .otherwise = "the mail log that is written, else the journal",
	    .about = "What to watch. A file and the journal hold the same lines: name only "
		     "one of them." },
	{ "reports", SETTING_REPORTS, FOR_ALL, offsetof(struct config, reports),
	    .otherwise = "what `mailwarden ingest` is given",
	    .about = "Bounce messages, complaints, DMARC and TLS reports." },
	{ "alerts", SETTING_ALERTS, FOR_ALL, 0, .otherwise = "nobody is told",
	    .about =
		"Whom to tell, and how: channels by name. A channel's name is its type "
		"unless `type` says otherwise." },
	{ "routes", SETTING_ROUTES, FOR_ALL, 0,
	    .otherwise = "every channel is told everything",
	    .about = "What is told to which channels. All routes that match count; a "
		     "channel hears of a notice once." },
	{ "fallback_after", SETTING_SPAN, FOR_ALL,
	    offsetof(struct config, notify.fallback_after_us), .fallback = "2m",
	    .about = "A channel that has failed for so long is passed over, for its "
		     "route's fallback.",
	    .min_s = 0, .max_s = DAY },
	{ "dashboard", SETTING_WEB_URL, FOR_ALL, offsetof(struct config, notify.dashboard),
	    .otherwise = "no links",
	    .about = "Address that links in messages begin with." },
	{ "web", SETTING_WEB, FOR_ALL, offsetof(struct config, web),
	    .otherwise = "loopback alone, and nothing may be written",
	    .about = "Dashboard, JSON and metrics: `mailwarden serve`." },
};
const struct section config_top_section = { "settings", "the file", top, COUNT(top) };

static const struct setting source[] = {
	{ "file", SETTING_INPUT_FILE, FOR_ALL, offsetof(struct config_source, path),
	    .about = "A log file." },
	{ "journal", SETTING_INPUT_FILE, FOR_ALL, offsetof(struct config_source, path),
	    .about = "A folder of journals." },
};
const struct section config_source_section = { "a source", "a source", source,
	COUNT(source) };

/* --- reports --- */

#define KEPT(member) offsetof(struct report_settings, member)

static const struct setting reports[] = {
	{ "maildir", SETTING_PATHS, FOR_ALL, KEPT(maildirs), .otherwise = "none",
	    .about = "Maildirs that are watched, one or a list: each message in them is "
		     "taken once." },
	{ "after", SETTING_AFTER, FOR_ALL, KEPT(after), .fallback = "leave",
	    .about = "What becomes of a report that was taken: leave it where it is; cur: "
		     "as a mail program marks what was read; or the full path of a Maildir "
		     "that it goes to." },
	{ "own_addresses", SETTING_IPS, FOR_ALL, KEPT(own_addresses),
	    .otherwise = "the public ones of its network interfaces",
	    .about = "IP addresses that others see this host's mail come from; behind NAT "
		     "they must be told." },
	{ "own_names", SETTING_HOSTS, FOR_ALL, KEPT(own_names),
	    .otherwise = "the host name, also with its domain",
	    .about = "Names that this host's mail server has in its own Received lines." },
};
const struct section config_reports_section = { "the settings of reports", "`reports`",
	reports, COUNT(reports) };

#undef KEPT

/* --- web --- */

#define KEPT(member) offsetof(struct web_settings_read, member)

static const struct setting web[] = {
	{ "listen", SETTING_LISTEN, FOR_ALL, KEPT(listen), .fallback = "127.0.0.1:8025",
	    .about = "Where it listens: ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH." },
	{ "token_file", SETTING_SECRET_FILE, FOR_ALL, KEPT(token.file),
	    .otherwise = "nothing may be written",
	    .about =
		"File whose only line is the token that acknowledging from the page asks "
		"for, mode 0600; or credential:NAME." },
	{ "hosts", SETTING_HOSTS, FOR_ALL, KEPT(hosts), .otherwise = "loopback's alone",
	    .about =
		"Names under which browsers reach it, one or a list: that of a web server "
		"in front of it, say." },
	{ "public", SETTING_SWITCH, FOR_ALL, KEPT(is_public), .fallback = "no",
	    .about =
		"May it listen at an address that others reach? Who reaches it reads every "
		"address in the logs: there is no login." },
};
const struct section config_web_section = { "the settings of web", "`web`", web,
	COUNT(web) };

#undef KEPT

/* --- channels --- */

const struct setting_word config_channel_types[] = { { "relay", CHANNEL_RELAY },
	{ "sendmail", CHANNEL_SENDMAIL }, { "webhook", CHANNEL_WEBHOOK },
	{ "desktop", CHANNEL_DESKTOP }, { "journal", CHANNEL_JOURNAL },
	{ "command", CHANNEL_COMMAND }, { "heartbeat", CHANNEL_HEARTBEAT }, { NULL, 0 } };

static const struct setting_word tls_words[] = { { "required", RELAY_TLS_REQUIRED },
	{ "try", RELAY_TLS_TRY }, { "off", RELAY_TLS_OFF }, { NULL, 0 } };

static const struct setting_word shape_words[] = { { "mailwarden", SHAPE_MAILWARDEN },
	{ "ntfy", SHAPE_NTFY }, { "gotify", SHAPE_GOTIFY }, { "slack", SHAPE_SLACK },
	{ "mattermost", SHAPE_SLACK }, { "matrix", SHAPE_MATRIX },
	{ "discord", SHAPE_DISCORD }, { "telegram", SHAPE_TELEGRAM },
	{ "pagerduty", SHAPE_PAGERDUTY }, { "alertmanager", SHAPE_ALERTMANAGER },
	{ NULL, 0 } };

const struct webhook_needs *
config_webhook_needs(enum webhook_shape shape)
{
	static const struct webhook_needs needs[] = {
		{ SHAPE_MAILWARDEN, NULL, NULL, NULL, false },
		{ SHAPE_NTFY, NULL, NULL, NULL, false },
		{ SHAPE_GOTIFY, NULL, "the application's token", NULL, false },
		{ SHAPE_SLACK, NULL, NULL, NULL, true },
		{ SHAPE_MATRIX, NULL, "the access token", "the room's id, !abc:example.org",
		    false },
		{ SHAPE_DISCORD, NULL, NULL, NULL, true },
		{ SHAPE_TELEGRAM, "https://api.telegram.org", "the bot's token",
		    "the chat's id", false },
		{ SHAPE_PAGERDUTY, "https://events.pagerduty.com", "the routing key", NULL,
		    false },
		{ SHAPE_ALERTMANAGER, NULL, NULL, NULL, false },
	};
	const struct webhook_needs *found = needs;

	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
		if (needs[i].shape == shape)
			found = &needs[i];
	return found;
}

#define KEPT(member) offsetof(struct channel_settings, member)

static const struct setting channel[] = {
	{ "type", SETTING_CHANNEL_TYPE, FOR_ALL, KEPT(kind), .words = config_channel_types,
	    .otherwise = "the channel's name", .about = "What kind of channel it is." },

	{ "url", SETTING_RELAY_URLS, RELAY, KEPT(relay.urls),
	    .needed = "smtp://HOST:587 or smtps://HOST:465",
	    .about = "smtp://HOST:587 (STARTTLS) or smtps://HOST:465; several are tried in "
		     "this order, with the same login." },
	{ "user", SETTING_TEXT, RELAY, KEPT(relay.user), .otherwise = "no login",
	    .about = "The login; needs a password or `oauth`." },
	{ "password_file", SETTING_SECRET_FILE, RELAY, KEPT(relay.password.file),
	    .about = "File whose only line is the password, mode 0600; or credential:NAME "
		     "for systemd's LoadCredential=." },
	{ "password_command", SETTING_SECRET_COMMAND, RELAY, KEPT(relay.password.command),
	    .instead_of = "password_file",
	    .about = "In place of the file: a program and its arguments, whose first line "
		     "of output is the password. No shell." },
	{ "oauth", SETTING_OAUTH, RELAY, KEPT(relay.oauth), .instead_of = "password_file",
	    .about = "In place of a password: OAuth 2.0 with a refresh token." },
	{ "from", SETTING_NAMED_ADDRESS, MAIL, KEPT(mail.from),
	    .otherwise = "mailwarden@ and the host's name",
	    .about = "Sender of the messages; most relays want the login's address." },
	{ "sender", SETTING_ADDRESS, MAIL, KEPT(mail.sender),
	    .otherwise = "the address of `from`",
	    .about = "Envelope sender: where bounces go." },
	{ "to", SETTING_ADDRESSES, MAIL, KEPT(mail.to),
	    .needed = "whom shall the alerts reach?",
	    .about = "One address or a list. Have one outside the host that is watched." },
	{ "tls", SETTING_WORD, RELAY, KEPT(relay.tls), .words = tls_words,
	    .fallback = "required",
	    .about = "required: encrypted with a checked certificate, or nothing is sent. "
		     "try: encrypted if offered; with a login always. off: for a relay on "
		     "this machine." },
	{ "ca_file", SETTING_INPUT_FILE, RELAY, KEPT(relay.ca_file),
	    .otherwise = "the system's", .about = "Certificates to trust." },
	{ "helo", SETTING_HOST, RELAY, KEPT(relay.helo), .otherwise = "the machine's name",
	    .about = "Name in HELO." },
	{ "program", SETTING_PROGRAM_FILE, SENDMAIL, KEPT(program),
	    .fallback = "/usr/sbin/sendmail", .about = "The submission command." },
	/* Mail through a program has the relay's time limit. */
	{ "timeout", SETTING_SPAN, MAIL, KEPT(relay.timeout_us), .fallback = "60s",
	    .about = "For one message, from beginning to end.", .min_s = 1,
	    .max_s = 10 * MINUTE },

	{ "shape", SETTING_WORD, WEBHOOK, KEPT(webhook.shape), .words = shape_words,
	    .fallback = "mailwarden",
	    .about = "Whose API it is; mailwarden: our own JSON." },
	{ "url", SETTING_WEB_URL, WEBHOOK, KEPT(webhook.url),
	    .about = "Where to post. ntfy: https://SERVER/TOPIC; Telegram and PagerDuty "
		     "need none; Slack, Mattermost, Discord: better `url_file`." },
	{ "url_file", SETTING_SECRET_FILE, WEBHOOK, KEPT(webhook.url_from.file),
	    .instead_of = "url",
	    .about = "In place of `url`: a file that holds the address, mode 0600, or "
		     "credential:NAME." },
	{ "token_file", SETTING_SECRET_FILE, WEBHOOK, KEPT(webhook.token.file),
	    .about = "File with the service's token: access token, app or bot token, "
		     "routing key; or credential:NAME." },
	{ "token_command", SETTING_SECRET_COMMAND, WEBHOOK, KEPT(webhook.token.command),
	    .instead_of = "token_file",
	    .about = "In place of the file: a program and its arguments, whose first line "
		     "of output is the token. No shell." },
	{ "signing_file", SETTING_SECRET_FILE, WEBHOOK, KEPT(webhook.signing.file),
	    .about = "File with a secret that each post is signed with (HMAC-SHA256)." },
	{ "room", SETTING_TEXT, WEBHOOK, KEPT(webhook.room),
	    .about = "Matrix room id, Telegram chat id, Slack or Mattermost channel." },
	{ "headers", SETTING_HEADERS, WEBHOOK, KEPT(webhook.headers),
	    .about = "More header fields, each \"Name: value\". Not for secrets." },
	{ "ca_file", SETTING_INPUT_FILE, WEBHOOK, KEPT(webhook.ca_file),
	    .otherwise = "the system's", .about = "Certificates to trust." },
	{ "timeout", SETTING_SPAN, WEBHOOK, KEPT(webhook.timeout_us), .fallback = "15s",
	    .about = "For one post, from beginning to end.", .min_s = 1,
	    .max_s = 10 * MINUTE },

	{ "show", SETTING_PROGRAM, DESKTOP, KEPT(desktop.show),
	    .otherwise = "no button Show",
	    .about = "Program and arguments for the button Show; the incident's id is "
		     "added." },

	{ "run", SETTING_PROGRAM, COMMAND, KEPT(command.argv),
	    .needed = "the program and its arguments",
	    .about =
		"Program and arguments; it reads the message as JSON from its standard "
		"input. No shell." },
	{ "timeout", SETTING_SPAN, COMMAND, KEPT(command.timeout_us), .fallback = "10s",
	    .about = "A program that takes longer is ended, and has failed.", .min_s = 1,
	    .max_s = 10 * MINUTE },

	{ "url", SETTING_WEB_URL, HEARTBEAT, KEPT(heartbeat.url),
	    .needed = "the address to call, or `url_file` with it",
	    .about = "Address that is called while mailwarden is alive." },
	{ "url_file", SETTING_SECRET_FILE, HEARTBEAT, KEPT(heartbeat.url_from.file),
	    .instead_of = "url",
	    .about = "In place of `url`: a file that holds the address, mode 0600, or "
		     "credential:NAME." },
	{ "every", SETTING_SPAN, HEARTBEAT, KEPT(heartbeat.every_us), .fallback = "5m",
	    .about = "How often.", .min_s = 10, .max_s = 7 * DAY },
	{ "ca_file", SETTING_INPUT_FILE, HEARTBEAT, KEPT(heartbeat.ca_file),
	    .otherwise = "the system's", .about = "Certificates to trust." },
	{ "timeout", SETTING_SPAN, HEARTBEAT, KEPT(heartbeat.timeout_us), .fallback = "15s",
	    .about = "For one call.", .min_s = 1, .max_s = 10 * MINUTE },

	{ "at_most", SETTING_CAP, NOTICES, KEPT(at_most), .fallback = "10/10m",
	    .about = "So many messages in so long, or unlimited. What is over waits and is "
		     "folded into one message." },
	{ "own_path", SETTING_SWITCH, NOTICES, KEPT(own_path),
	    .otherwise = "found out: sendmail, and relays on this machine",
	    .about = "It needs this host's own mail server: not trusted alone with news "
		     "about that." },

	{ "password", SETTING_INLINE_SECRET, FOR_ALL, 0, .about = "password_file" },
	{ "token", SETTING_INLINE_SECRET, FOR_ALL, 0, .about = "token_file" },
	{ "signing", SETTING_INLINE_SECRET, FOR_ALL, 0, .about = "signing_file" },
	{ "credential", SETTING_GONE, FOR_ALL, 0,
	    .about = "write password_file: credential:NAME" },
};
const struct section config_channel_section = { "the settings of a channel", "a channel",
	channel, COUNT(channel) };

#undef KEPT
#define KEPT(member) offsetof(struct oauth_settings, member)

const struct oauth_provider config_oauth_providers[] = {
	{ "google", "https://oauth2.googleapis.com/token", "https://mail.google.com/" },
	{ "microsoft", "https://login.microsoftonline.com/common/oauth2/v2.0/token",
	    "https://outlook.office.com/SMTP.Send offline_access" },
	{ NULL, NULL, NULL },
};

static const struct setting_word provider_words[] = { { "google", 0 }, { "microsoft", 1 },
	{ NULL, 0 } };

static const struct setting oauth[] = {
	{ "provider", SETTING_PROVIDER, FOR_ALL, 0, .words = provider_words,
	    .about = "Fills in token_url and scope." },
	{ "token_url", SETTING_SAFE_URL, FOR_ALL, KEPT(token_url),
	    .otherwise = "the provider's",
	    .about = "Where access tokens are fetched (RFC 6749, 6)." },
	{ "client_id", SETTING_TEXT, FOR_ALL, KEPT(client_id),
	    .needed = "the client that you registered",
	    .about = "The client that you registered there." },
	{ "client_secret_file", SETTING_SECRET_FILE, FOR_ALL, KEPT(client_secret.file),
	    .about = "File with the client's secret, mode 0600, or credential:NAME; none "
		     "for a public client." },
	{ "refresh_token_file", SETTING_SECRET_FILE, FOR_ALL, KEPT(refresh_token.file),
	    .needed = "the file with the refresh token",
	    .about = "File with the refresh token, mode 0600, or credential:NAME. A token "
		     "that the provider puts in its place is kept beside the store." },
	{ "scope", SETTING_TEXT, FOR_ALL, KEPT(scope),
	    .otherwise = "the provider's, or what the refresh token was given",
	    .about = "What the access token is for." },
	{ "ca_file", SETTING_INPUT_FILE, FOR_ALL, KEPT(ca_file),
	    .otherwise = "the system's", .about = "Certificates to trust." },
	{ "client_secret", SETTING_INLINE_SECRET, FOR_ALL, 0,
	    .about = "client_secret_file" },
	{ "refresh_token", SETTING_INLINE_SECRET, FOR_ALL, 0,
	    .about = "refresh_token_file" },
};
const struct section config_oauth_section = { "the settings of oauth", "`oauth`", oauth,
	COUNT(oauth) };

/* --- routes --- */

#undef KEPT
#define KEPT(member) offsetof(struct route, member)

static const struct setting route[] = {
	{ "match", SETTING_MATCH, FOR_ALL, KEPT(match), .otherwise = "everything",
	    .about = "Which notices, in the words of `mailwarden silence`: field=value, "
		     "separated by commas, all of which must hold." },
	{ "to", SETTING_CHANNELS, FOR_ALL, KEPT(to), .needed = "which channels?",
	    .about = "Channels, each of which is told: a name or a list." },
	{ "fallback", SETTING_CHANNELS, FOR_ALL, KEPT(fallback), .otherwise = "none",
	    .about = "Channels that stand in, in this order, for one that fails." },
	{ "quiet", SETTING_QUIET, FOR_ALL, KEPT(quiet), .otherwise = "none",
	    .about = "Notices wait for the end of these hours, local time." },
	{ "repeat", SETTING_SPAN, FOR_ALL, KEPT(repeat_us),
	    .otherwise = "1d for critical incidents, none for others",
	    .about = "Reminder while an incident is open and nobody acknowledged; 0s: "
		     "none.",
	    .min_s = 0, .max_s = 365 * DAY },
	{ "resolved", SETTING_SWITCH, FOR_ALL, KEPT(resolved), .fallback = "yes",
	    .about = "Resolutions are told to whom the opening was told." },
	{ "digest", SETTING_SWITCH, FOR_ALL, KEPT(digest), .fallback = "no",
	    .about = "Its channels are sent the digest. Where no route says yes, those "
		     "channels are that are mail and are told warnings." },
};
const struct section config_route_section = { "the settings of a route", "a route", route,
	COUNT(route) };

const struct section *
section_nested(enum setting_type type)
{
	return type == SETTING_OAUTH     ? &config_oauth_section
	       : type == SETTING_REPORTS ? &config_reports_section
	       : type == SETTING_WEB     ? &config_web_section
					 : NULL;
}

const struct setting *
section_find(const struct section *section, const char *key, unsigned kinds)
{
	for (size_t i = 0; i < section->n; i++)
		if ((section->settings[i].kinds & kinds) != 0 &&
		    strcmp(section->settings[i].key, key) == 0)
			return &section->settings[i];
	return NULL;
}
