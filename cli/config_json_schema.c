/*
 * The JSON Schema of mailwarden.yaml (draft 2020-12), from the tables. Editors show its
 * descriptions; `mailwarden check` knows more than a schema can say.
 */
#include <assert.h>
#include <string.h>

#include "cli/config_print.h"
#include "cli/config_read.h"
#include "core/json.h"

/* What a single value looks like: the text's pattern, ECMA 262. */
static const char *
pattern_of(enum setting_type type)
{
	switch (type) {
	case SETTING_HOSTS:
	case SETTING_HOST: return "^[^\\s@<>,]+$";
	case SETTING_PATH:
	case SETTING_PATHS:
	case SETTING_INPUT_FILE:
	case SETTING_PROGRAM_FILE: return "^/";
	case SETTING_ADDRESS:
	case SETTING_ADDRESSES: return "^[^\\s<>,]+@[^\\s<>,]+$";
	case SETTING_NAMED_ADDRESS:
		return "^([^\\s<>,]+@[^\\s<>,]+|[^<]*<[^\\s<>,]+@[^\\s<>,]+>)$";
	case SETTING_RELAY_URLS: return "^smtps?://[^\\s@/?#]+([/?#]\\S*)?$";
	case SETTING_WEB_URL: return "^https?://[^\\s@/?#]+([/?#]\\S*)?$";
	case SETTING_SAFE_URL: return "^https://[^\\s@/?#]+([/?#]\\S*)?$";
	case SETTING_HEADERS: return "^[^\\s:]+:";
	case SETTING_SPAN: return "^[0-9]{1,7}[smhdw]?$";
	case SETTING_SECRET_FILE: return "^(/|credential:[^./][^/]*$)";
	case SETTING_CAP: return "^([1-9][0-9]*/[1-9][0-9]{0,6}[smhdw]|unlimited)$";
	case SETTING_QUIET: return "^[0-9]{1,2}:[0-9]{2} *- *[0-9]{1,2}:[0-9]{2}$";
	case SETTING_MATCH: return "^[^=]+=";
	case SETTING_IPS: return "^[0-9A-Fa-f:.]+$";
	case SETTING_LISTEN: return "^(unix:/.|[^\\s/]+:[0-9]{1,5}$)";
	case SETTING_AFTER: return "^(leave$|cur$|/)";
	default: return NULL;
	}
}

static void
add_pattern(struct json *j, enum setting_type type)
{
	if (pattern_of(type) != NULL)
		json_text(j, "pattern", str_of(pattern_of(type)));
}

static void
add_words(struct json *j, const struct setting_word *words)
{
	AUTO(buf_done) struct buf list = { 0 };

	for (size_t i = 0; words[i].word != NULL; i++) {
		buf_add_char(&list, i == 0 ? '[' : ',');
		json_quote(&list, str_of(words[i].word));
	}
	buf_add_char(&list, ']');
	json_raw(j, "enum", buf_str(&list));
}

/* One or a list of them. */
static void
add_list(struct json *j, enum setting_type type, const char *item_types)
{
	AUTO(buf_done) struct buf item = { 0 };
	struct json i = json_begin(&item);

	json_raw(&i, "type", str_of(item_types));
	add_pattern(&i, type);
	json_end(&i);
	json_raw(j, "type", STR("[\"string\",\"array\"]"));
	add_pattern(j, type);
	json_raw(j, "items", buf_str(&item));
	json_int(j, "minItems", 1);
	json_int(j, "maxItems", CONFIG_MAX_ITEMS);
}

static void
add_type(struct json *j, const struct setting *setting)
{
	switch (setting->type) {
	case SETTING_TEXT: json_raw(j, "type", STR("[\"string\",\"number\"]")); break;
	case SETTING_SPAN:
		json_raw(j, "type", STR("[\"string\",\"integer\"]"));
		add_pattern(j, setting->type);
		json_int(j, "minimum", setting->min_s);
		json_int(j, "maximum", setting->max_s);
		break;
	case SETTING_ADDRESSES:
	case SETTING_RELAY_URLS:
	case SETTING_HEADERS:
	case SETTING_PATHS:
	case SETTING_HOSTS:
	case SETTING_IPS:
	case SETTING_CHANNELS: add_list(j, setting->type, "\"string\""); break;
	case SETTING_PROGRAM:
	case SETTING_SECRET_COMMAND:
		add_list(j, setting->type, "[\"string\",\"number\",\"boolean\"]");
		break;
	case SETTING_SWITCH: json_raw(j, "enum", STR("[true,false,\"yes\",\"no\"]")); break;
	case SETTING_WORD:
	case SETTING_PROVIDER:
	case SETTING_CHANNEL_TYPE: add_words(j, setting->words); break;
	case SETTING_OAUTH: json_text(j, "$ref", STR("#/$defs/oauth")); break;
	case SETTING_REPORTS: json_text(j, "$ref", STR("#/$defs/reports")); break;
	case SETTING_WEB: json_text(j, "$ref", STR("#/$defs/web")); break;
	case SETTING_SOURCES:
		json_raw(j, "type", STR("[\"array\",\"null\"]"));
		json_raw(j, "items", STR("{\"$ref\":\"#/$defs/source\"}"));
		break;
	case SETTING_ALERTS: json_text(j, "$ref", STR("#/$defs/alerts")); break;
	case SETTING_ROUTES:
		json_raw(j, "type", STR("[\"array\",\"null\"]"));
		json_raw(j, "items", STR("{\"$ref\":\"#/$defs/route\"}"));
		json_int(j, "maxItems", CONFIG_MAX_ITEMS);
		break;
	default: json_text(j, "type", STR("string")); add_pattern(j, setting->type);
	}
}

static bool
is_written(const struct setting *setting, unsigned kinds)
{
	return (setting->kinds & kinds) != 0 && setting->type != SETTING_INLINE_SECRET &&
	       setting->type != SETTING_GONE;
}

static void
add_setting(struct json *properties, const struct setting *setting)
{
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf about = { 0 };
	struct json j = json_begin(&text);

	buf_addf(&about, "%s", setting->about);
	if (setting->otherwise != NULL)
		buf_addf(&about, " Default: %s.", setting->otherwise);
	json_text(&j, "description", buf_str(&about));
	add_type(&j, setting);
	if (setting->fallback != NULL)
		json_text(&j, "default", str_of(setting->fallback));
	json_end(&j);
	json_raw(properties, setting->key, buf_str(&text));
}

/* "required": of a key that another may stand in for: one of the two. */
static void
add_required(struct json *j, const struct section *section, unsigned kinds)
{
	AUTO(buf_done) struct buf needed = { 0 };
	AUTO(buf_done) struct buf rules = { 0 };

	for (size_t i = 0; i < section->n; i++) {
		const struct setting *s = &section->settings[i];
		const struct setting *other =
		    s->instead_of != NULL && is_written(s, kinds)
			? section_find(section, s->instead_of, kinds)
			: NULL;
		bool either = false;

		for (size_t k = 0; s->needed != NULL && k < section->n; k++)
			either |= section->settings[k].instead_of != NULL &&
				  is_written(&section->settings[k], kinds) &&
				  strcmp(section->settings[k].instead_of, s->key) == 0;
		if (s->needed != NULL && is_written(s, kinds) && !either) {
			buf_add_char(&needed, needed.n == 0 ? '[' : ',');
			json_quote(&needed, str_of(s->key));
		}
		if (other == NULL)
			continue;
		buf_addf(&rules, "%s{\"not\":{\"required\":[\"%s\",\"%s\"]}}",
		    rules.n == 0 ? "[" : ",", other->key, s->key);
		if (other->needed != NULL)
			buf_addf(&rules,
			    ",{\"anyOf\":[{\"required\":[\"%s\"]},{\"required\":[\"%s\"]}]}",
			    other->key, s->key);
	}
	if (needed.n > 0) {
		buf_add_char(&needed, ']');
		json_raw(j, "required", buf_str(&needed));
	}
	if (rules.n > 0) {
		buf_add_char(&rules, ']');
		json_raw(j, "allOf", buf_str(&rules));
	}
}

/* May a section be left empty, as "desktop:" alone? */
static bool
may_be_empty(const struct section *section, unsigned kinds)
{
	for (size_t i = 0; i < section->n; i++)
		if (is_written(&section->settings[i], kinds) &&
		    section->settings[i].needed != NULL)
			return false;
	return section != &config_route_section;
}

static void
add_section(struct json *j, const struct section *section, unsigned kinds)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct json properties = json_begin(&text);

	for (size_t i = 0; i < section->n; i++)
		if (is_written(&section->settings[i], kinds))
			add_setting(&properties, &section->settings[i]);
	json_end(&properties);
	json_raw(j, "type",
	    may_be_empty(section, kinds) ? STR("[\"object\",\"null\"]")
					 : STR("\"object\""));
	json_raw(j, "properties", buf_str(&text));
	json_bool(j, "additionalProperties", false);
	add_required(j, section, kinds);
}

static void
add_definition(struct json *defs, const char *name, const struct section *section,
    unsigned kinds)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct json j = json_begin(&text);

	add_section(&j, section, kinds);
	json_end(&j);
	json_raw(defs, name, buf_str(&text));
}

/* A channel that says its type, whatever its name. */
static void
add_typed(struct json *defs)
{
	AUTO(buf_done) struct buf all = { 0 };
	AUTO(buf_done) struct buf words = { 0 };
	AUTO(buf_done) struct buf text = { 0 };
	struct json types = json_begin(&words);

	add_words(&types, config_channel_types);
	json_end(&types);
	for (size_t i = 0; config_channel_types[i].word != NULL; i++)
		buf_addf(&all,
		    "%s{\"if\":{\"properties\":{\"type\":{\"const\":\"%s\"}},"
		    "\"required\":[\"type\"]},\"then\":{\"$ref\":\"#/$defs/%s\"}}",
		    i == 0 ? "[" : ",", config_channel_types[i].word,
		    config_channel_types[i].word);
	buf_add_char(&all, ']');
	buf_addf(&text,
	    "{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":");
	buf_add(&text, buf_str(&words));
	buf_add(&text, STR("},\"allOf\":"));
	buf_add(&text, buf_str(&all));
	buf_add_char(&text, '}');
	json_raw(defs, "typed", buf_str(&text));
}

/* Channels by name: a name that is a type says enough. */
static void
add_alerts(struct json *defs)
{
	AUTO(buf_done) struct buf text = { 0 };

	buf_add(&text, STR("{\"type\":[\"object\",\"null\"],\"properties\":{"));
	for (size_t i = 0; config_channel_types[i].word != NULL; i++)
		buf_addf(&text,
		    "%s\"%s\":{\"if\":{\"type\":\"object\",\"required\":[\"type\"]},"
		    "\"then\":{\"$ref\":\"#/$defs/typed\"},"
		    "\"else\":{\"$ref\":\"#/$defs/%s\"}}",
		    i == 0 ? "" : ",", config_channel_types[i].word,
		    config_channel_types[i].word);
	buf_addf(&text,
	    "},\"propertyNames\":{\"pattern\":\"^[A-Za-z0-9][A-Za-z0-9_.-]{0,%d}$\"},"
	    "\"maxProperties\":%d,\"additionalProperties\":{\"$ref\":\"#/$defs/typed\"}}",
	    CONFIG_MAX_NAME - 1, CONFIG_MAX_ITEMS);
	json_raw(defs, "alerts", buf_str(&text));
}

static void
add_source(struct json *defs)
{
	AUTO(buf_done) struct buf object = { 0 };
	AUTO(buf_done) struct buf text = { 0 };
	struct json j = json_begin(&object);

	add_section(&j, &config_source_section, FOR_ALL);
	json_int(&j, "minProperties", 1);
	json_int(&j, "maxProperties", 1);
	json_end(&j);
	buf_addf(&text,
	    "{\"anyOf\":[{\"const\":\"journal\"},{\"type\":\"string\",\"pattern\":\"^/\"},");
	buf_add(&text, buf_str(&object));
	buf_add(&text, STR("]}"));
	json_raw(defs, "source", buf_str(&text));
}

/* --- lines and indents --- */

static void
new_line(struct buf *out, size_t depth)
{
	buf_add_char(out, '\n');
	for (size_t i = 0; i < 2 * depth; i++)
		buf_add_char(out, ' ');
}

enum { MAX_NESTED = 60 };

/* Compact JSON with a line for each member of an object; lists go on in theirs. */
static void
lay_out(struct str json, struct buf *out)
{
	bool in_object[MAX_NESTED] = { false };
	size_t nested = 0, depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < json.n; i++) {
		char c = json.p[i];

		if (quoted || c == '"') {
			buf_add_char(out, c);
			if (c == '\\')
				buf_add_char(out, json.p[++i]);
			quoted = quoted ? c != '"' : true;
			continue;
		}
		if (c == '}')
			new_line(out, --depth);
		if (c == '}' || c == ']')
			nested--;
		buf_add_char(out, c);
		if (c == '{' || c == '[') {
			assert(nested + 1 < MAX_NESTED);
			in_object[++nested] = c == '{';
		}
		if (c == '{')
			new_line(out, ++depth);
		else if (c == ',' && in_object[nested])
			new_line(out, depth);
		else if (c == ',' || c == ':')
			buf_add_char(out, ' ');
	}
	buf_add_char(out, '\n');
}

void
config_print_schema(struct buf *out)
{
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf definitions = { 0 };
	struct json defs = json_begin(&definitions);

	add_source(&defs);
	add_alerts(&defs);
	add_typed(&defs);
	for (size_t i = 0; config_channel_types[i].word != NULL; i++)
		add_definition(&defs, config_channel_types[i].word, &config_channel_section,
		    FOR_CHANNEL(config_channel_types[i].value));
	add_definition(&defs, "oauth", &config_oauth_section, FOR_ALL);
	add_definition(&defs, "reports", &config_reports_section, FOR_ALL);
	add_definition(&defs, "route", &config_route_section, FOR_ALL);
	add_definition(&defs, "web", &config_web_section, FOR_ALL);
	json_end(&defs);
	struct json j = json_begin(&text);

	json_text(&j, "$schema", STR("https://json-schema.org/draft/2020-12/schema"));
	json_text(&j, "title", STR("mailwarden.yaml"));
	json_text(&j, "description",
	    STR("Configuration of mailwarden, see mailwarden.yaml(5). Every setting may be "
		"left out."));
	add_section(&j, &config_top_section, FOR_ALL);
	json_raw(&j, "$defs", buf_str(&definitions));
	json_end(&j);
	lay_out(buf_str(&text), out);
	out->failed |= text.failed || definitions.failed;
}
