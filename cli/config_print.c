#include "cli/config_print.h"

#include <string.h>

#include "cli/config_read.h"
#include "cli/config_review.h"
#include "cli/config_value.h"
#include "core/json.h"
#include "core/plain.h"

enum { INDENT = 2 };

struct printer {
	const struct config *config;
	const char *state; /* of --state */
	enum config_format format;
	struct buf *out;
};

/* One section on its way out. */
struct part {
	const struct section *section;
	const struct ynode *map; /* as it was written */
	unsigned kinds;
	const void *base;
	size_t indent;
	const char *path; /* "alerts.relay."; empty: the top */
};

/* --- where it came from --- */

static void
add_place(const struct printer *p, struct pos at, struct buf *out)
{
	plain_add(out, str_of(p->config->path));
	buf_addf(out, ":%u", at.line);
}

static void
add_origin(const struct printer *p, const struct part *part, const char *key,
    struct buf *out)
{
	if (p->state != NULL && part->path[0] == '\0' && strcmp(key, "state") == 0)
		buf_add(out, STR("--state"));
	else if (ynode_get(part->map, key) != NULL)
		add_place(p, config_key_pos(part->map, key), out);
	else
		buf_add(out, STR("default"));
}

/* --- lines of YAML --- */

static void
add_blanks(struct buf *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add_char(out, ' ');
}

/* The remark behind the text, or above it if it is too long for that. */
static void
put_line(const struct printer *p, size_t indent, struct str text, struct str remark)
{
	if (indent + text.n + strlen("  # ") + remark.n <= CONFIG_COLUMNS) {
		add_blanks(p->out, indent);
		buf_add(p->out, text);
		buf_add(p->out, STR("  # "));
		buf_add(p->out, remark);
	} else {
		add_blanks(p->out, indent);
		buf_add(p->out, STR("# "));
		buf_add(p->out, remark);
		buf_add_char(p->out, '\n');
		add_blanks(p->out, indent);
		buf_add(p->out, text);
	}
	buf_add_char(p->out, '\n');
}

static void
add_yaml_list(const struct texts *list, struct buf *out)
{
	buf_add_char(out, '[');
	for (size_t i = 0; i < list->n; i++) {
		if (i > 0)
			buf_add(out, STR(", "));
		config_quote(out, str_of(list->items[i]), QUOTE_YAML);
	}
	buf_add_char(out, ']');
}

static void
add_yaml_value(const struct setting_value *value, struct buf *out)
{
	switch (value->form) {
	case VALUE_NONE: break;
	case VALUE_TEXT: config_quote(out, value->text, QUOTE_YAML); break;
	case VALUE_WORD: buf_add(out, value->text); break;
	case VALUE_YES: buf_add(out, STR("yes")); break;
	case VALUE_NO: buf_add(out, STR("no")); break;
	case VALUE_LIST: add_yaml_list(value->list, out); break;
	}
}

/* A list that fits no line has a line for each item. */
static void
put_long_list(const struct printer *p, size_t indent, const char *key,
    const struct texts *list, struct str remark)
{
	AUTO(buf_done) struct buf text = { 0 };

	buf_addf(&text, "%s:", key);
	put_line(p, indent, buf_str(&text), remark);
	for (size_t i = 0; i < list->n; i++) {
		add_blanks(p->out, indent + INDENT);
		buf_add(p->out, STR("- "));
		config_quote(p->out, str_of(list->items[i]), QUOTE_YAML);
		buf_add_char(p->out, '\n');
	}
}

/* --- one setting --- */

static const char *
secret_word(enum secret_state state)
{
	static const char *const words[] = { [SECRET_UNSET] = "unset",
		[SECRET_SET] = "set",
		[SECRET_UNKNOWN] = "not visible",
		[SECRET_FAULTY] = "unusable" };

	return words[state];
}

/* Some services' addresses are secrets; a relay's or another service's are not. */
static bool
is_secret_address(const struct part *part, const struct setting *setting)
{
	const struct channel_settings *channel = part->base;

	return part->section == &config_channel_section &&
	       setting->type == SETTING_WEB_URL && channel->kind == CHANNEL_WEBHOOK &&
	       channel->webhook.url != NULL &&
	       config_webhook_needs(channel->webhook.shape)->url_is_secret;
}

/* "set", "unset", or what is the matter; nothing for what is no secret. */
static void
add_secret(const struct part *part, const struct setting *setting,
    const struct setting_value *value, struct buf *out, struct buf *why)
{
	if (setting->type == SETTING_SECRET_FILE)
		buf_add(out, str_of(secret_word(secret_look(
				 value->form == VALUE_NONE ? NULL : value->text.p, why))));
	else if (setting->type == SETTING_SECRET_COMMAND)
		buf_add(out, value->form == VALUE_NONE ? STR("unset") : STR("set"));
	else if (is_secret_address(part, setting))
		buf_add(out, STR("set"));
}

static void
put_yaml_setting(const struct printer *p, const struct part *part,
    const struct setting *setting, const struct setting_value *value)
{
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf remark = { 0 };
	AUTO(buf_done) struct buf why = { 0 };
	bool hidden = is_secret_address(part, setting);

	add_secret(part, setting, value, &remark, &why);
	if (why.n > 0) {
		buf_add(&remark, STR(": "));
		plain_add(&remark, buf_str(&why));
	}
	if (remark.n > 0 && (value->form != VALUE_NONE))
		buf_add(&remark, STR(", "));
	if (hidden)
		buf_add(&remark, STR("a secret, not shown, "));
	if (value->form != VALUE_NONE)
		add_origin(p, part, setting->key, &remark);
	else if (remark.n == 0)
		buf_addf(&remark, "%s%s",
		    setting->otherwise != NULL ? "default: " : "unset",
		    setting->otherwise != NULL ? setting->otherwise : "");
	buf_addf(&text, "%s%s:", value->form == VALUE_NONE || hidden ? "#" : "",
	    setting->key);
	if (value->form != VALUE_NONE && !hidden) {
		buf_add_char(&text, ' ');
		add_yaml_value(value, &text);
	}
	if (value->form == VALUE_LIST && part->indent + text.n > CONFIG_COLUMNS)
		put_long_list(p, part->indent, setting->key, value->list, buf_str(&remark));
	else
		put_line(p, part->indent, buf_str(&text), buf_str(&remark));
}

static void
json_value(struct json *j, const struct setting_value *value)
{
	AUTO(buf_done) struct buf text = { 0 };

	switch (value->form) {
	case VALUE_NONE: buf_add(&text, STR("null")); break;
	case VALUE_TEXT:
	case VALUE_WORD: config_quote(&text, value->text, QUOTE_JSON); break;
	case VALUE_YES: buf_add(&text, STR("true")); break;
	case VALUE_NO: buf_add(&text, STR("false")); break;
	case VALUE_LIST:
		buf_add_char(&text, '[');
		for (size_t i = 0; i < value->list->n; i++) {
			if (i > 0)
				buf_add_char(&text, ',');
			config_quote(&text, str_of(value->list->items[i]), QUOTE_JSON);
		}
		buf_add_char(&text, ']');
		break;
	}
	json_raw(j, "value", buf_str(&text));
}

static void
put_json_setting(const struct printer *p, const struct part *part,
    const struct setting *setting, const struct setting_value *value)
{
	static const struct setting_value none = { .form = VALUE_NONE };
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf secret = { 0 };
	AUTO(buf_done) struct buf why = { 0 };
	struct json j = json_begin(p->out);

	add_secret(part, setting, value, &secret, &why);
	buf_addf(&text, "%s%s", part->path, setting->key);
	json_text(&j, "key", buf_str(&text));
	json_value(&j, is_secret_address(part, setting) ? &none : value);
	buf_clear(&text);
	add_origin(p, part, setting->key, &text);
	json_text(&j, "origin", buf_str(&text));
	if (secret.n > 0)
		json_text(&j, "secret", buf_str(&secret));
	if (why.n > 0)
		json_text(&j, "text", buf_str(&why));
	json_end(&j);
	buf_add_char(p->out, '\n');
}

/* --- sections --- */

static void
open_section(const struct printer *p, size_t indent, const char *text, struct str remark)
{
	if (p->format == CONFIG_YAML)
		put_line(p, indent, str_of(text), remark);
}

static void put_part(const struct printer *p, const struct part *part);

/* A section in a section: oauth, reports. */
static void
put_nested(const struct printer *p, const struct part *parent,
    const struct setting *setting, const void *field)
{
	const struct ynode *node = ynode_get(parent->map, setting->key);
	AUTO(buf_done) struct buf path = { 0 };
	AUTO(buf_done) struct buf title = { 0 };
	AUTO(buf_done) struct buf remark = { 0 };

	buf_addf(&path, "%s%s.", parent->path, setting->key);
	buf_addf(&title, "%s%s:", node == NULL ? "#" : "", setting->key);
	if (node == NULL) {
		open_section(p, parent->indent, buf_cstr(&title), STR("unset"));
		return;
	}
	struct ynode map = config_as_map(node);
	struct part part = { section_nested(setting->type), &map, FOR_ALL, field,
		parent->indent + INDENT, buf_cstr(&path) };

	add_origin(p, parent, setting->key, &remark);
	open_section(p, parent->indent, buf_cstr(&title), buf_str(&remark));
	put_part(p, &part);
}

static void
put_channels(const struct printer *p, const struct ynode *alerts)
{
	const struct notify_settings *notify = &p->config->notify;

	for (size_t i = 0; i < notify->nchannels; i++) {
		const struct channel_settings *channel = &notify->channels[i];
		struct ynode map = config_as_map(&alerts->values[i]);
		AUTO(buf_done) struct buf path = { 0 };
		AUTO(buf_done) struct buf text = { 0 };
		AUTO(buf_done) struct buf remark = { 0 };

		buf_addf(&path, "alerts.%s.", channel->name);
		struct part part = { &config_channel_section, &map,
			FOR_CHANNEL(channel->kind), channel, 2 * INDENT, buf_cstr(&path) };

		config_quote(&text, str_of(channel->name), QUOTE_YAML);
		buf_add_char(&text, ':');
		add_place(p, alerts->keys[i].at, &remark);
		open_section(p, INDENT, buf_cstr(&text), buf_str(&remark));
		put_part(p, &part);
	}
}

static void
put_routes(const struct printer *p, const struct ynode *routes)
{
	for (size_t i = 0; i < p->config->notify.nroutes; i++) {
		AUTO(buf_done) struct buf path = { 0 };
		AUTO(buf_done) struct buf remark = { 0 };

		buf_addf(&path, "routes[%zu].", i);
		struct part part = { &config_route_section, &routes->values[i], FOR_ALL,
			&p->config->notify.routes[i], 2 * INDENT, buf_cstr(&path) };

		add_place(p, routes->values[i].at, &remark);
		open_section(p, INDENT, "-", buf_str(&remark));
		put_part(p, &part);
	}
}

static void
put_source(const struct printer *p, size_t i, struct pos at)
{
	const struct config_source *source = &p->config->sources[i];
	const char *kind = source->kind == SOURCE_FILE ? "file" : "journal";
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf remark = { 0 };

	add_place(p, at, &remark);
	if (p->format == CONFIG_YAML) {
		buf_addf(&text, "- %s%s", kind, source->path != NULL ? ": " : "");
		if (source->path != NULL)
			config_quote(&text, str_of(source->path), QUOTE_YAML);
		put_line(p, INDENT, buf_str(&text), buf_str(&remark));
		return;
	}
	struct json j = json_begin(p->out);

	buf_addf(&text, "sources[%zu]%s%s", i, source->path != NULL ? "." : "",
	    source->path != NULL ? kind : "");
	json_text(&j, "key", buf_str(&text));
	buf_clear(&text);
	config_quote(&text, str_of(source->path != NULL ? source->path : kind), QUOTE_JSON);
	json_raw(&j, "value", buf_str(&text));
	json_text(&j, "origin", buf_str(&remark));
	json_end(&j);
	buf_add_char(p->out, '\n');
}

/* sources, alerts, routes: what they hold, or that they hold nothing. */
static void
put_members(const struct printer *p, const struct part *parent,
    const struct setting *setting)
{
	const struct config *config = p->config;
	const struct ynode *node = ynode_get(parent->map, setting->key);
	static const struct setting_value none = { .form = VALUE_NONE };
	size_t n = setting->type == SETTING_SOURCES  ? config->nsources
		   : setting->type == SETTING_ALERTS ? config->notify.nchannels
						     : config->notify.nroutes;
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf remark = { 0 };

	if (n == 0) {
		if (p->format == CONFIG_YAML)
			put_yaml_setting(p, parent, setting, &none);
		else
			put_json_setting(p, parent, setting, &none);
		return;
	}
	buf_addf(&text, "%s:", setting->key);
	add_origin(p, parent, setting->key, &remark);
	open_section(p, parent->indent, buf_cstr(&text), buf_str(&remark));
	if (setting->type == SETTING_ALERTS)
		put_channels(p, node);
	else if (setting->type == SETTING_ROUTES)
		put_routes(p, node);
	else
		for (size_t i = 0; i < n; i++)
			put_source(p, i, node->values[i].at);
}

static void
put_setting(const struct printer *p, const struct part *part, const struct setting *setting)
{
	const void *field = (const char *)part->base + setting->offset;
	struct setting_value value;

	switch (setting->type) {
	case SETTING_INLINE_SECRET:
	case SETTING_GONE:
	case SETTING_PROVIDER: return; /* what it fills in is shown */
	case SETTING_REPORTS:
	case SETTING_WEB:
	case SETTING_OAUTH: put_nested(p, part, setting, field); return;
	case SETTING_SOURCES:
	case SETTING_ALERTS:
	case SETTING_ROUTES: put_members(p, part, setting); return;
	default: break;
	}
	setting_value_of(setting, field, &value);
	if (p->state != NULL && part->section == &config_top_section &&
	    strcmp(setting->key, "state") == 0)
		value.text = str_of(p->state);
	if (p->format == CONFIG_YAML)
		put_yaml_setting(p, part, setting, &value);
	else
		put_json_setting(p, part, setting, &value);
	setting_value_done(&value);
}

static void
put_part(const struct printer *p, const struct part *part)
{
	for (size_t i = 0; i < part->section->n; i++)
		if ((part->section->settings[i].kinds & part->kinds) != 0)
			put_setting(p, part, &part->section->settings[i]);
}

void
config_print(const struct config *config, const char *state, enum config_format format,
    struct buf *out)
{
	struct printer p = { config, state, format, out };
	struct part top = { &config_top_section, config_root(config), FOR_ALL, config, 0,
		"" };

	if (format == CONFIG_YAML) {
		buf_add(out, STR("# In force, from "));
		plain_add(out, str_of(config->path));
		buf_addf(out, "%s\n", config->found ? "" : " (not there: defaults)");
	}
	put_part(&p, &top);
}
