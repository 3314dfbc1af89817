#include "cli/config_value.h"

#include <string.h>

#include "core/clock.h"
#include "core/plain.h"

void
config_add_span(struct buf *out, int64_t us)
{
	static const struct {
		int64_t seconds;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	int64_t seconds = us / US_PER_S;
	size_t u = 0;

	while (seconds == 0 ? units[u].unit != 's' : seconds % units[u].seconds != 0)
		u++;
	buf_add_int(out, seconds / units[u].seconds);
	buf_add_char(out, units[u].unit);
}

static void
made_word(struct setting_value *value)
{
	value->form = VALUE_WORD;
	value->text = buf_str(&value->made);
}

static void
word_of(const struct setting *setting, int number, struct setting_value *out)
{
	for (size_t i = 0; setting->words[i].word != NULL; i++)
		if (setting->words[i].value == number) {
			out->form = VALUE_WORD;
			out->text = str_of(setting->words[i].word);
			return;
		}
}

static void
cap_of(const struct rate_cap *cap, struct setting_value *out)
{
	if (cap->messages == 0) {
		buf_add(&out->made, STR("unlimited"));
	} else {
		buf_addf(&out->made, "%lld/", (long long)cap->messages);
		config_add_span(&out->made, cap->per_us);
	}
	made_word(out);
}

static void
quiet_of(const struct quiet_hours *quiet, struct setting_value *out)
{
	if (quiet->from_min == quiet->to_min)
		return;
	buf_addf(&out->made, "%02d:%02d-%02d:%02d", quiet->from_min / 60,
	    quiet->from_min % 60, quiet->to_min / 60, quiet->to_min % 60);
	made_word(out);
}

static void
text_of(const char *text, struct setting_value *out)
{
	if (text == NULL)
		return;
	out->form = VALUE_TEXT;
	out->text = str_of(text);
}

void
setting_value_of(const struct setting *setting, const void *field,
    struct setting_value *out)
{
	*out = (struct setting_value){ .form = VALUE_NONE };
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
	case SETTING_AFTER:
	case SETTING_LISTEN:
	case SETTING_MATCH: text_of(*(char *const *)field, out); break;
	case SETTING_ADDRESSES:
	case SETTING_RELAY_URLS:
	case SETTING_HEADERS:
	case SETTING_PROGRAM:
	case SETTING_SECRET_COMMAND:
	case SETTING_CHANNELS:
	case SETTING_PATHS:
	case SETTING_HOSTS:
	case SETTING_IPS:
		out->list = field;
		out->form = out->list->n > 0 ? VALUE_LIST : VALUE_NONE;
		break;
	case SETTING_SPAN:
		if (*(const int64_t *)field < 0) /* REPEAT_BY_SEVERITY */
			break;
		config_add_span(&out->made, *(const int64_t *)field);
		made_word(out);
		break;
	case SETTING_SWITCH: out->form = *(const bool *)field ? VALUE_YES : VALUE_NO; break;
	case SETTING_WORD:
	case SETTING_CHANNEL_TYPE: word_of(setting, *(const int *)field, out); break;
	case SETTING_CAP: cap_of(field, out); break;
	case SETTING_QUIET: quiet_of(field, out); break;
	case SETTING_OAUTH:
	case SETTING_REPORTS:
	case SETTING_WEB:
	case SETTING_PROVIDER:
	case SETTING_SOURCES:
	case SETTING_ALERTS:
	case SETTING_ROUTES:
	case SETTING_INLINE_SECRET:
	case SETTING_GONE: break;
	}
}

void
setting_value_done(struct setting_value *value)
{
	buf_done(&value->made);
}

/* --- text for a file and a terminal --- */

/* Would a reader of YAML, of whatever version, take it for this very text? */
static bool
is_plain_scalar(struct str text)
{
	static const char *const taken[] = { "yes", "no", "on", "off", "true", "false",
		"null", "y", "n" };
	bool letter = false;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		letter |= safe || c == '/' || c == '@';
		if (!safe && !(c >= '0' && c <= '9') &&
		    strchr(i == 0 ? "/." : "/._@+=*-", c) == NULL &&
		    !(c == ':' && i + 1 < text.n && text.p[i + 1] != ' '))
			return false;
		if (c == '\0')
			return false;
	}
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		if (str_eq_nocase(text, str_of(taken[i])))
			return false;
	/* Begins like a number: 1e3, 0x1f, 12:30. */
	return letter && !(text.p[0] >= '0' && text.p[0] <= '9') && text.p[0] != '.';
}

/* Beyond \uFFFF JSON has pairs, YAML a longer form. */
static void
add_code(struct buf *out, uint32_t code, enum quote_style style)
{
	if (code <= 0xffff)
		buf_addf(out, "\\u%04x", (unsigned)code);
	else if (style == QUOTE_YAML)
		buf_addf(out, "\\U%08x", (unsigned)code);
	else
		buf_addf(out, "\\u%04x\\u%04x",
		    0xd800U + (unsigned)((code - 0x10000) >> 10),
		    0xdc00U + (unsigned)((code - 0x10000) & 0x3ff));
}

void
config_quote(struct buf *out, struct str text, enum quote_style style)
{
	if (style == QUOTE_YAML && is_plain_scalar(text)) {
		buf_add(out, text);
		return;
	}
	buf_add_char(out, '"');
	while (text.n > 0) {
		struct plain_char c = plain_char_at(text);

		if (c.n == 0)
			add_code(out, 0xfffd, style);
		else if (plain_is_hidden(c.code))
			add_code(out, c.code, style);
		else if (c.code == '"' || c.code == '\\')
			buf_addf(out, "\\%c", (int)c.code);
		else
			buf_add(out, str_head(text, c.n));
		text = str_skip(text, c.n == 0 ? 1 : c.n);
	}
	buf_add_char(out, '"');
}
