/* One value of mailwarden.yaml each: what may be written, and what becomes of it. */
#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config_read.h"
#include "cli/config_value.h"
#include "core/buf.h"
#include "core/clock.h"
#include "rules/silence.h"

/* RFC 5321, 4.5.3.1: 64 bytes, @, 255 bytes. */
enum { MAX_ADDRESS = 320 };

static bool
has_control(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
			return true;
	return false;
}

/* A single value of sane length, on one line. */
static bool
is_text(struct config_reader *reader, const struct setting *setting,
    const struct ynode *node, const char *expected)
{
	if (!ynode_is(node, YNODE_SCALAR, expected, reader->diags))
		return false;
	if (config_is_empty(node))
		diag_add(reader->diags, node->at,
		    "`%s` is empty: give it a value, or leave the key out", setting->key);
	else if (node->text.n > CONFIG_MAX_TEXT)
		diag_add_hidden(reader->diags, node->at, "`%s` is longer than %d bytes",
		    setting->key, CONFIG_MAX_TEXT);
	else if (has_control(node->text))
		diag_add_hidden(reader->diags, node->at,
		    "`%s` has a control character in it", setting->key);
	else
		return true;
	return false;
}

/* --- single texts: each check says what is wrong, NULL if nothing is --- */

static const char *
check_text(struct str text)
{
	(void)text;
	return NULL;
}

static bool
has_any(struct str text, const char *chars)
{
	for (size_t i = 0; i < text.n; i++)
		if (strchr(chars, text.p[i]) != NULL)
			return true;
	return false;
}

/* It becomes part of addresses and of HELO. */
static const char *
check_host(struct str text)
{
	return has_any(text, " @<>,") ? "must be a host's name" : NULL;
}

static const char *
check_path(struct str text)
{
	return str_starts(text, STR("/")) ? NULL : "must be a full path, from / on";
}

/* Where to listen; what is public is asked when it does. */
static const char *
check_listen(struct str text)
{
	ptrdiff_t colon = str_rfind_char(text, ':');
	int64_t port;

	if (str_starts(text, STR("unix:/")) && text.n > 6)
		return NULL;
	return colon > 0 && str_to_int(str_skip(text, (size_t)colon + 1), &port) &&
		       port <= 65535 && !has_any(text, " /")
		   ? NULL
		   : "must be ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH";
}

static const char *
check_secret_file(struct str text)
{
	struct str name = text;

	if (!str_starts(text, STR("credential:")))
		return str_starts(text, STR("/"))
			   ? NULL
			   : "must be a full path, from / on, or credential:NAME";
	(void)str_cut(&name, ':');
	return name.n == 0 || name.p[0] == '.' || str_find_char(name, '/') >= 0
		   ? "must be credential: and a plain name"
		   : NULL;
}

static const char *
check_address(struct str text)
{
	ptrdiff_t at = str_rfind_char(text, '@');
	bool both = at > 0 && (size_t)at + 1 < text.n;

	return both && text.n <= MAX_ADDRESS && !has_any(text, "<>, ")
		   ? NULL
		   : "a mail address has an @ in it, as ann@example.org";
}

static const char *
check_named_address(struct str text)
{
	ptrdiff_t open = str_find_char(text, '<');

	if (open < 0)
		return check_address(text);
	struct str address = str_skip(text, (size_t)open + 1);

	if (!str_ends(address, STR(">")))
		return "a sender is an address, or Name <address>";
	return check_address(str_head(address, address.n - 1));
}

/* [user@]host[:port] of an address; empty if there is none. */
static struct str
url_authority(struct str url)
{
	ptrdiff_t scheme = str_find(url, STR("://"));
	struct str rest = str_skip(url, scheme < 0 ? url.n : (size_t)scheme + 3);

	for (size_t i = 0; i < rest.n; i++)
		if (strchr("/?#", rest.p[i]) != NULL)
			return str_head(rest, i);
	return rest;
}

bool
config_url_has_user(struct str url)
{
	return str_find_char(url_authority(url), '@') >= 0;
}

/* The host; *port becomes what follows it, from the colon on. */
static struct str
split_authority(struct str url, struct str *port)
{
	struct str rest = url_authority(url);
	ptrdiff_t user = str_rfind_char(rest, '@');
	ptrdiff_t end;

	if (user >= 0)
		rest = str_skip(rest, (size_t)user + 1);
	if (str_starts(rest, STR("["))) {
		rest = str_skip(rest, 1);
		end = str_find_char(rest, ']');
		*port = str_skip(rest, end < 0 ? rest.n : (size_t)end + 1);
	} else {
		end = str_find_char(rest, ':');
		*port = str_skip(rest, end < 0 ? rest.n : (size_t)end);
	}
	return str_head(rest, end < 0 ? rest.n : (size_t)end);
}

struct str
config_url_host(struct str url)
{
	struct str port;

	return split_authority(url, &port);
}

/* A host, and a port if any: no blanks, nothing left over. */
static bool
has_address(struct str url)
{
	struct str port, host = split_authority(url, &port);
	int64_t number;

	if (host.n == 0 || has_any(url, " "))
		return false;
	return port.n == 0 || (port.p[0] == ':' && str_to_int(str_skip(port, 1), &number) &&
				  number > 0 && number <= 65535);
}

bool
config_is_loopback(struct str host)
{
	bool number = str_starts(host, STR("127."));

	for (size_t i = 0; i < host.n; i++) /* 127.example.org is somebody's name */
		number &= host.p[i] == '.' || (host.p[i] >= '0' && host.p[i] <= '9');
	return number || str_eq_nocase(host, STR("localhost")) || str_eq(host, STR("::1"));
}

static const char *
check_relay_url(struct str text)
{
	bool scheme = str_starts(text, STR("smtp://")) || str_starts(text, STR("smtps://"));

	return scheme && has_address(text)
		   ? NULL
		   : "must be smtp://HOST:PORT or smtps://HOST:PORT";
}

static const char *
check_web_url(struct str text)
{
	bool scheme = str_starts(text, STR("https://")) || str_starts(text, STR("http://"));

	return scheme && has_address(text) ? NULL
					   : "must be https://HOST/... or http://HOST/...";
}

static const char *
check_safe_url(struct str text)
{
	return str_starts(text, STR("https://")) && has_address(text)
		   ? NULL
		   : "must be https://HOST/...";
}

static const char *
check_header(struct str text)
{
	struct str name = text;
	ptrdiff_t colon = str_find_char(text, ':');
	bool good = colon > 0;

	name = str_head(text, good ? (size_t)colon : 0);
	if (str_eq_nocase(name, STR("authorization")) ||
	    str_eq_nocase(name, STR("proxy-authorization")) ||
	    str_eq_nocase(name, STR("cookie")))
		return "are not for secrets: use `token_file`";
	/* RFC 9110, 5.6.2: a token. */
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || strchr("\"(),/:;<=>?@[\\]{}", name.p[i]) != NULL)
			good = false;
	return good ? NULL : "are header fields, each \"Name: value\"";
}

static bool
is_url(enum setting_type type)
{
	return type == SETTING_RELAY_URLS || type == SETTING_WEB_URL ||
	       type == SETTING_SAFE_URL;
}

static const char *
check_ip(struct str text)
{
	unsigned char address[16];
	char copy[64];

	if (text.n >= sizeof copy)
		return "must be IP addresses";
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return inet_pton(AF_INET, copy, address) == 1 ||
		       inet_pton(AF_INET6, copy, address) == 1
		   ? NULL
		   : "must be IP addresses";
}

static const char *
check_after(struct str text)
{
	return str_eq(text, STR("leave")) || str_eq(text, STR("cur")) ||
		       str_starts(text, STR("/"))
		   ? NULL
		   : "must be leave, cur, or a Maildir's full path, from / on";
}

typedef const char *check_fn(struct str text);

/* Where a secret's place is asked for, people write the secret: no line is shown. */
static void
tell_fault(struct config_reader *reader, const struct setting *setting, struct pos at,
    const char *fault)
{
	switch (setting->type) {
	case SETTING_SECRET_FILE:
	case SETTING_SECRET_COMMAND:
	case SETTING_HEADERS:
		diag_add_hidden(reader->diags, at, "`%s` %s", setting->key, fault);
		break;
	case SETTING_ADDRESS:
	case SETTING_NAMED_ADDRESS:
	case SETTING_ADDRESSES: diag_add(reader->diags, at, "%s", fault); break;
	default: diag_add(reader->diags, at, "`%s` %s", setting->key, fault);
	}
}

/* A copy of what is written, NULL if it is faulty. */
static char *
read_checked(struct config_reader *reader, const struct setting *setting,
    const struct ynode *node, check_fn *check)
{
	if (!is_text(reader, setting, node, "a single value"))
		return NULL;
	if (is_url(setting->type) && config_url_has_user(node->text)) {
		diag_add_hidden(reader->diags, node->at, "`%s` holds a login: %s",
		    setting->key,
		    setting->type == SETTING_RELAY_URLS
			? "write `user` and `password_file`"
			: "addresses with name and password are not taken");
		return NULL;
	}
	const char *fault = check(node->text);

	if (fault == NULL)
		return config_copy(reader, node->text);
	tell_fault(reader, setting, node->at, fault);
	return NULL;
}

/* --- lists --- */

static void
read_texts(struct config_reader *reader, const struct setting *setting,
    const struct ynode *node, check_fn *check, struct texts *out)
{
	bool list = node->type == YNODE_LIST;
	const struct ynode *values = list ? node->values : node;
	size_t n = list ? node->n : 1;

	if (n == 0 || n > CONFIG_MAX_ITEMS) {
		diag_add(reader->diags, node->at, "`%s` has %s", setting->key,
		    n == 0 ? "nothing in its list: fill it, or leave the key out"
			   : "too many items in its list");
		return;
	}
	char **items = config_take(reader, n, sizeof *items);
	struct texts texts = { items, 0 };

	for (size_t i = 0; items != NULL && i < n; i++) {
		char *item = read_checked(reader, setting, &values[i], check);

		if (item != NULL)
			items[texts.n++] = item;
	}
	*out = texts;
}

static void
read_program(struct config_reader *reader, const struct setting *setting,
    const struct ynode *node, struct texts *out)
{
	size_t faults = reader->diags->errors;

	read_texts(reader, setting, node, check_text, out);
	if (reader->diags->errors > faults || out->n == 0 || out->items[0][0] == '/')
		return;
	tell_fault(reader, setting,
	    node->type == YNODE_LIST ? node->values[0].at : node->at,
	    "begins with a program's full path, from / on; arguments follow as more items "
	    "of the list");
}

/* --- words, numbers, times --- */

static void
read_word(struct config_reader *reader, const struct setting *setting,
    const struct ynode *node, int *out)
{
	const char *names[20];
	AUTO(buf_done) struct buf all = { 0 };
	size_t n = 0;

	if (!is_text(reader, setting, node, "a single word"))
		return;
	for (; setting->words[n].word != NULL; n++) {
		assert(n + 1 < sizeof names / sizeof *names);
		if (str_eq(node->text, str_of(setting->words[n].word))) {
			*out = setting->words[n].value;
			return;
		}
		buf_addf(&all, "%s%s",
		    n == 0                               ? ""
		    : setting->words[n + 1].word == NULL ? " or "
							 : ", ",
		    setting->words[n].word);
		names[n] = setting->words[n].word;
	}
	names[n] = NULL;
	const char *near = nearest_word(node->text, names);

	if (near != NULL)
		diag_add(reader->diags, node->at,
		    "`%s` is %s, not '%.*s', did you mean '%s'?", setting->key,
		    buf_cstr(&all), STR_ARG(node->text), near);
	else
		diag_add(reader->diags, node->at, "`%s` is %s, not '%.*s'", setting->key,
		    buf_cstr(&all), STR_ARG(node->text));
}

static void
read_switch(struct config_reader *reader, const struct setting *setting,
    const struct ynode *node, bool *out)
{
	if (!is_text(reader, setting, node, "yes or no"))
		return;
	bool yes = str_eq(node->text, STR("yes")) || str_eq(node->text, STR("true"));

	if (yes || str_eq(node->text, STR("no")) || str_eq(node->text, STR("false")))
		*out = yes;
	else
		diag_add(reader->diags, node->at, "`%s` is yes or no, not '%.*s'",
		    setting->key, STR_ARG(node->text));
}

/* A span with its unit, or seconds without. */
static bool
parse_span(struct str text, int64_t *us_out)
{
	int64_t seconds;

	if (clock_parse_span(text, us_out))
		return true;
	if (text.n > 7 || !str_to_int(text, &seconds))
		return false;
	*us_out = seconds * US_PER_S;
	return true;
}

static void
read_span(struct config_reader *reader, const struct setting *setting,
    const struct ynode *node, int64_t *out)
{
	AUTO(buf_done) struct buf limits = { 0 };
	int64_t us;

	if (!is_text(reader, setting, node, "a span such as 30s"))
		return;
	if (!parse_span(node->text, &us)) {
		diag_add(reader->diags, node->at,
		    "`%s` must be a span such as 30s, 5m, 6h or 2d, not '%.*s'",
		    setting->key, STR_ARG(node->text));
		return;
	}
	if (us >= setting->min_s * US_PER_S && us <= setting->max_s * US_PER_S) {
		*out = us;
		return;
	}
	config_add_span(&limits, setting->min_s * US_PER_S);
	buf_add(&limits, STR(" to "));
	config_add_span(&limits, setting->max_s * US_PER_S);
	diag_add(reader->diags, node->at, "`%s` must be from %s, not '%.*s'", setting->key,
	    buf_cstr(&limits), STR_ARG(node->text));
}

enum { MAX_CAP_MESSAGES = 100000 };

static void
read_cap(struct config_reader *reader, const struct setting *setting,
    const struct ynode *node, struct rate_cap *out)
{
	struct rate_cap cap = { 0 };

	if (!is_text(reader, setting, node, "a cap such as 10/10m"))
		return;
	struct str span = node->text;
	struct str messages = str_cut(&span, '/');

	if (str_eq(node->text, STR("unlimited")) ||
	    (str_to_int(messages, &cap.messages) && cap.messages > 0 &&
		cap.messages <= MAX_CAP_MESSAGES && clock_parse_span(span, &cap.per_us) &&
		cap.per_us > 0))
		*out = cap;
	else
		diag_add(reader->diags, node->at,
		    "`%s` must be messages/span such as 10/10m, or unlimited, not '%.*s'",
		    setting->key, STR_ARG(node->text));
}

/* "22:00" as minutes of the day. */
static bool
parse_minutes(struct str text, int *out)
{
	struct str minute = text;
	struct str hour = str_cut(&minute, ':');
	int64_t h, m;

	if (hour.n < 1 || hour.n > 2 || minute.n != 2 || !str_to_int(hour, &h) ||
	    !str_to_int(minute, &m) || h > 24 || m > 59 || (h == 24 && m > 0))
		return false;
	*out = (int)(h % 24 * 60 + m);
	return true;
}

static void
read_quiet(struct config_reader *reader, const struct setting *setting,
    const struct ynode *node, struct quiet_hours *out)
{
	struct quiet_hours quiet;

	if (!is_text(reader, setting, node, "hours such as 22:00-07:00"))
		return;
	struct str to = node->text;
	struct str from = str_cut(&to, '-');

	if (!parse_minutes(str_trim(from), &quiet.from_min) ||
	    !parse_minutes(str_trim(to), &quiet.to_min))
		diag_add(reader->diags, node->at,
		    "`%s` must be hours such as 22:00-07:00, not '%.*s'", setting->key,
		    STR_ARG(node->text));
	else if (quiet.from_min == quiet.to_min)
		diag_add(reader->diags, node->at,
		    "`%s` ends when it begins: leave it out, or give it some hours",
		    setting->key);
	else
		*out = quiet;
}

static void
read_match(struct config_reader *reader, const struct setting *setting,
    const struct ynode *node, char **out)
{
	struct err err = { "" };

	if (!is_text(reader, setting, node, "field=value"))
		return;
	if (silence_check(node->text, &err) < 0)
		diag_add(reader->diags, node->at, "`%s`: %s", setting->key, err.text);
	else
		*out = config_copy(reader, node->text);
}

static void
read_oauth(struct config_reader *reader, const struct ynode *node,
    struct oauth_settings *out)
{
	struct ynode map = config_as_map(node);
	const struct config_part part = { &config_oauth_section, &map, FOR_ALL, map.at,
		NULL, out };

	config_read_section(reader, &part);
	if (map.type == YNODE_MAP)
		config_fill_provider(reader, &map, out);
}

static void
read_reports(struct config_reader *reader, const struct ynode *node,
    struct report_settings *out)
{
	struct ynode map = config_as_map(node);
	const struct config_part part = { &config_reports_section, &map, FOR_ALL, map.at,
		NULL, out };

	config_read_section(reader, &part);
}

static void
read_web(struct config_reader *reader, const struct ynode *node,
    struct web_settings_read *out)
{
	struct ynode map = config_as_map(node);
	const struct config_part part = { &config_web_section, &map, FOR_ALL, map.at, NULL,
		out };

	config_read_section(reader, &part);
}

/* --- by type --- */

/* read_word() writes through an int. */
static_assert(sizeof(enum relay_tls) == sizeof(int) &&
		  sizeof(enum webhook_shape) == sizeof(int),
    "an enum is as large as an int");

static check_fn *
check_of(enum setting_type type)
{
	switch (type) {
	case SETTING_HOST:
	case SETTING_HOSTS: return check_host;
	case SETTING_IPS: return check_ip;
	case SETTING_AFTER: return check_after;
	case SETTING_LISTEN: return check_listen;
	case SETTING_PATH:
	case SETTING_PATHS:
	case SETTING_INPUT_FILE:
	case SETTING_PROGRAM_FILE: return check_path;
	case SETTING_ADDRESS:
	case SETTING_ADDRESSES: return check_address;
	case SETTING_NAMED_ADDRESS: return check_named_address;
	case SETTING_RELAY_URLS: return check_relay_url;
	case SETTING_WEB_URL: return check_web_url;
	case SETTING_SAFE_URL: return check_safe_url;
	case SETTING_HEADERS: return check_header;
	case SETTING_SECRET_FILE: return check_secret_file;
	default: return check_text;
	}
}

void
config_read_value(struct config_reader *reader, const struct setting *setting,
    const struct ynode *node, void *field)
{
	int word;

	switch (setting->type) {
	case SETTING_TEXT:
	case SETTING_HOST:
	case SETTING_PATH:
	case SETTING_INPUT_FILE:
	case SETTING_PROGRAM_FILE:
	case SETTING_ADDRESS:
	case SETTING_NAMED_ADDRESS:
	case SETTING_WEB_URL:
	case SETTING_SAFE_URL:
	case SETTING_SECRET_FILE:
	case SETTING_LISTEN:
	case SETTING_AFTER:
		*(char **)field =
		    read_checked(reader, setting, node, check_of(setting->type));
		break;
	case SETTING_ADDRESSES:
	case SETTING_RELAY_URLS:
	case SETTING_HEADERS:
	case SETTING_CHANNELS:
	case SETTING_PATHS:
	case SETTING_HOSTS:
	case SETTING_IPS:
		read_texts(reader, setting, node, check_of(setting->type), field);
		break;
	case SETTING_PROGRAM:
	case SETTING_SECRET_COMMAND: read_program(reader, setting, node, field); break;
	case SETTING_SPAN: read_span(reader, setting, node, field); break;
	case SETTING_SWITCH: read_switch(reader, setting, node, field); break;
	case SETTING_WORD: read_word(reader, setting, node, field); break;
	case SETTING_PROVIDER: read_word(reader, setting, node, &word); break;
	case SETTING_CAP: read_cap(reader, setting, node, field); break;
	case SETTING_QUIET: read_quiet(reader, setting, node, field); break;
	case SETTING_MATCH: read_match(reader, setting, node, field); break;
	case SETTING_OAUTH: read_oauth(reader, node, field); break;
	case SETTING_REPORTS: read_reports(reader, node, field); break;
	case SETTING_WEB: read_web(reader, node, field); break;
	case SETTING_CHANNEL_TYPE:
	case SETTING_SOURCES:
	case SETTING_ALERTS:
	case SETTING_ROUTES: /* read before, or after, by their own files */
	case SETTING_INLINE_SECRET:
	case SETTING_GONE: break;
	}
}
