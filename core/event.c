#include "core/event.h"

#include <assert.h>
#include <string.h>

#include "core/clock.h"
#include "core/json.h"

struct field_info {
	const char *name;
	struct str json_key; /* "name": */
	enum event_type type;
};

/* clang-format off */
static const struct field_info fields[EVF_COUNT] = {
#define F(name, type) [EVF_##name] = { #name, STR_INIT("\"" #name "\":"), EVT_##type },
	EVENT_FIELDS(F)
#undef F
};
/* clang-format on */

static_assert(EVF_COUNT <= 64, "`has` is one 64-bit word");

static const char *const kind_names[KIND_COUNT] = { "", "connection", "accepted", "attempt",
	"reject", "stored", "dsn", "removed", "tls", "auth", "limit", "filter", "lifecycle",
	"warning", "complaint", "dmarc", "tls_report" };
static const char *const direction_names[DIRECTION_COUNT] = { "", "inbound", "outbound",
	"local", "internal" };
static const char *const outcome_names[OUTCOME_COUNT] = { "", "delivered", "deferred",
	"bounced", "expired", "rejected" };
static const char *const origin_names[ORIGIN_COUNT] = { "", "remote", "submitted", "local",
	"bounce" };

static const struct enum_info {
	const char *const *names;
	int count;
} enums[] = {
	[EVT_KIND] = { kind_names, KIND_COUNT },
	[EVT_DIRECTION] = { direction_names, DIRECTION_COUNT },
	[EVT_OUTCOME] = { outcome_names, OUTCOME_COUNT },
	[EVT_ORIGIN] = { origin_names, ORIGIN_COUNT },
};

bool
event_field_is_text(enum event_field f)
{
	return fields[f].type == EVT_TEXT || fields[f].type == EVT_DELAYS;
}

enum event_type
event_field_type(enum event_field f)
{
	return fields[f].type;
}

const char *
event_field_name(enum event_field f)
{
	return fields[f].name;
}

enum event_field
event_field_find(struct str name)
{
	for (int f = 0; f < EVF_COUNT; f++)
		if (str_eq(name, str_of(fields[f].name)))
			return (enum event_field)f;
	return EVF_COUNT;
}

const char *
event_enum_name(enum event_type type, int64_t value)
{
	const struct enum_info *info = &enums[type];

	assert(info->names != NULL);
	return value < 0 || value >= info->count ? "" : info->names[value];
}

int
event_enum_find(enum event_type type, struct str name)
{
	const struct enum_info *info = &enums[type];

	assert(info->names != NULL);
	for (int i = 1; i < info->count; i++)
		if (str_eq(name, str_of(info->names[i])))
			return i;
	return 0;
}

/* "[D+]HH:MM:SS", sendmail's pintvl() in conf.c. */
static bool
clock_delay(struct str s, int64_t *us)
{
	int64_t days = 0, h, m, sec;
	ptrdiff_t plus = str_find_char(s, '+');

	if (plus >= 0) {
		if (!str_to_int(str_head(s, (size_t)plus), &days) || days > 100000)
			return false;
		s = str_skip(s, (size_t)plus + 1);
	}
	struct str hours = str_cut(&s, ':');
	struct str minutes = str_cut(&s, ':');

	if (!str_to_int(hours, &h) || !str_to_int(minutes, &m) || !str_to_int(s, &sec))
		return false;
	*us = (((days * 24 + h % 1000) * 60 + m % 100) * 60 + sec % 100) * US_PER_S;
	return true;
}

/* "4d1h3s", OpenSMTPD's duration_to_text() in to.c. */
static bool
unit_delay(struct str s, int64_t *us)
{
	int64_t total = 0;
	bool negative = s.n > 0 && s.p[0] == '-';

	if (negative)
		s = str_skip(s, 1);
	if (s.n == 0)
		return false;
	while (s.n > 0) {
		size_t digits = 0;
		int64_t v, unit;

		while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
			digits++;
		if (digits == s.n || digits > 9 || !str_to_int(str_head(s, digits), &v))
			return false;
		switch (s.p[digits]) {
		case 'd': unit = 86400; break;
		case 'h': unit = 3600; break;
		case 'm': unit = 60; break;
		case 's': unit = 1; break;
		default: return false;
		}
		total += v * unit;
		if (total > INT64_MAX / US_PER_S)
			return false;
		s = str_skip(s, digits + 1);
	}
	*us = (negative ? -total : total) * US_PER_S;
	return true;
}

static bool
parse_delay(struct str s, int64_t *us)
{
	return str_to_us(s, us) || clock_delay(s, us) || unit_delay(s, us);
}

bool
event_set(struct event *ev, enum event_field f, struct str logged)
{
	int64_t num = 0;

	switch (fields[f].type) {
	case EVT_TEXT:
	case EVT_DELAYS: event_set_text(ev, f, logged); return true;
	case EVT_INT:
		if (!str_to_int(logged, &num))
			return false;
		break;
	case EVT_BOOL:
		num = str_eq(logged, STR("yes")) || str_eq(logged, STR("true"));
		if (num == 0 && !str_eq(logged, STR("no")) && !str_eq(logged, STR("false")))
			return false;
		break;
	case EVT_SECONDS:
		if (!parse_delay(logged, &num))
			return false;
		break;
	case EVT_KIND:
	case EVT_DIRECTION:
	case EVT_OUTCOME:
	case EVT_ORIGIN:
		num = event_enum_find(fields[f].type, logged);
		if (num == 0)
			return false;
		break;
	}
	event_set_num(ev, f, num);
	return true;
}

/* Seconds with as many decimals as count. */
static void
add_seconds(struct buf *out, int64_t us)
{
	if (us < 0) {
		buf_add_char(out, '-');
		us = -us;
	}
	buf_add_int(out, us / US_PER_S);
	int64_t fraction = us % US_PER_S;

	if (fraction == 0)
		return;
	char digits[7] = { '.' };
	size_t n = 7;

	for (int i = 6; i > 0; i--, fraction /= 10)
		digits[i] = (char)('0' + fraction % 10);
	while (digits[n - 1] == '0')
		n--;
	buf_add(out, (struct str){ digits, n });
}

static void
add_delays(struct buf *out, struct str parts)
{
	char sep = '[';

	do {
		int64_t us = 0;

		buf_add_char(out, sep);
		(void)str_to_us(str_cut(&parts, '/'), &us); /* no number: 0 */
		add_seconds(out, us);
		sep = ',';
	} while (parts.n > 0);
	buf_add_char(out, ']');
}

void
event_value_text(const struct event *ev, enum event_field f, struct buf *out)
{
	if (!event_has(ev, f))
		return;
	const union event_value *v = &ev->v[f];

	switch (fields[f].type) {
	case EVT_TEXT:
	case EVT_DELAYS: buf_add(out, v->text); break;
	case EVT_INT: buf_add_int(out, v->num); break;
	case EVT_BOOL: buf_add(out, v->num ? STR("yes") : STR("no")); break;
	case EVT_SECONDS: add_seconds(out, v->num); break;
	default: buf_add(out, str_of(event_enum_name(fields[f].type, v->num)));
	}
}

static void
add_value(const union event_value *v, enum event_type type, struct buf *out)
{
	switch (type) {
	case EVT_TEXT: json_quote(out, v->text); break;
	case EVT_DELAYS: add_delays(out, v->text); break;
	case EVT_INT: buf_add_int(out, v->num); break;
	case EVT_BOOL: buf_add(out, v->num ? STR("true") : STR("false")); break;
	case EVT_SECONDS: add_seconds(out, v->num); break;
	default:
		buf_add_char(out, '"');
		buf_add(out, str_of(event_enum_name(type, v->num)));
		buf_add_char(out, '"');
	}
}

void
event_json(const struct event *ev, struct buf *out)
{
	buf_add(out, STR("{\"time\":\""));
	clock_rfc3339(out, ev->time_us, ev->offset_min);
	buf_add_char(out, '"');
	for (uint64_t left = ev->has; left != 0; left &= left - 1) {
		int f = __builtin_ctzll(left);

		buf_add_char(out, ',');
		buf_add(out, fields[f].json_key);
		add_value(&ev->v[f], fields[f].type, out);
	}
	if (ev->source.n > 0) {
		buf_add(out, STR(",\"source\":"));
		json_quote(out, ev->source);
		if (ev->offset >= 0 && !out->failed) {
			out->n--; /* the offset stands inside the quotes */
			buf_add_char(out, ':');
			buf_add_int(out, ev->offset);
			buf_add_char(out, '"');
		}
	}
	buf_add_char(out, '}');
}
