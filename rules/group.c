#include "rules/group.h"

#include "core/json.h"

/* Second-level names under which countries register domains: example.co.uk. */
static bool
is_registry(struct str label)
{
	static const char *const names[] = { "co", "com", "net", "org", "ac", "gov", "edu",
		"ne", "or", "go", NULL };

	for (size_t i = 0; names[i] != NULL; i++)
		if (str_eq_nocase(label, str_of(names[i])))
			return true;
	return false;
}

/* mx3.mail.example.org -> example.org: hosts of one domain are one peer. */
static struct str
domain_of(struct str name)
{
	size_t dots = 0, wanted = 2;

	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	ptrdiff_t last = str_rfind_char(name, '.');

	if (last < 0)
		return name;
	struct str top = str_skip(name, (size_t)last + 1);
	struct str rest = str_head(name, (size_t)last);
	ptrdiff_t before = str_rfind_char(rest, '.');

	if (top.n == 2 && is_registry(str_skip(rest, (size_t)(before + 1))))
		wanted = 3;
	for (size_t i = name.n; i-- > 0;)
		if (name.p[i] == '.' && ++dots == wanted)
			return str_skip(name, i + 1);
	return name;
}

static struct str
peer_of(const struct event *ev)
{
	struct str provider = event_text(ev, EVF_provider);
	struct str name = event_text(ev, EVF_relay_name);

	if (provider.n > 0)
		return provider;
	return name.n > 0 ? domain_of(name) : event_text(ev, EVF_relay_ip);
}

struct str
group_field_name(unsigned field)
{
	return field == GROUP_PEER ? STR("peer")
				   : str_of(event_field_name((enum event_field)field));
}

void
group_raw(const struct alert_rule *rule, const struct event *ev, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < rule->ngroup; i++) {
		unsigned f = rule->group_by[i];
		struct str value;
		int64_t number;

		if (f == GROUP_PEER) {
			value = peer_of(ev);
		} else if (event_field_is_text((enum event_field)f)) {
			value = event_text(ev, (enum event_field)f);
		} else {
			number = event_num(ev, (enum event_field)f);
			value = (struct str){ (const char *)&number, sizeof number };
		}
		value = str_head(value, GROUP_MAX_VALUE);
		const char length[2] = { (char)(value.n >> 8), (char)value.n };

		buf_add(out, (struct str){ length, sizeof length });
		buf_add(out, value);
	}
}

void
group_of_event(const struct alert_rule *rule, const struct event *ev, struct buf *out)
{
	AUTO(buf_done) struct buf value = { 0 };

	buf_clear(out);
	struct json j = json_begin(out);

	for (size_t i = 0; i < rule->ngroup; i++) {
		unsigned f = rule->group_by[i];
		struct str text;

		if (f == GROUP_PEER) {
			text = peer_of(ev);
		} else if (event_field_is_text((enum event_field)f)) {
			text = event_text(ev, (enum event_field)f);
		} else {
			buf_clear(&value);
			event_value_text(ev, (enum event_field)f, &value);
			text = buf_str(&value);
		}
		json_key(&j, group_field_name(f).p);
		json_quote(out, str_head(text, GROUP_MAX_VALUE));
	}
	json_end(&j);
}

/* Quotes inside of values are escaped, so what looks like a member is one. */
static struct str
cut_member(struct str *rest, struct str *name)
{
	struct str value = { NULL, 0 };
	ptrdiff_t open = str_find_char(*rest, '"');

	if (open < 0)
		return value;
	*rest = str_skip(*rest, (size_t)open + 1);
	*name = str_cut(rest, '"');
	*rest = str_skip(*rest, 2); /* :" */
	for (size_t i = 0; i < rest->n; i++) {
		if (rest->p[i] == '\\') {
			i++;
		} else if (rest->p[i] == '"') {
			value = str_head(*rest, i);
			*rest = str_skip(*rest, i + 1);
			return value;
		}
	}
	return value;
}

struct str
group_value(struct str group, struct str name)
{
	struct str found;

	for (;;) {
		struct str value = cut_member(&group, &found);

		if (value.p == NULL || str_eq(found, name))
			return value;
	}
}

bool
group_overlap(struct str a, struct str b)
{
	struct str name;
	bool common = false;

	for (;;) {
		struct str value = cut_member(&a, &name);

		if (value.p == NULL)
			return common;
		struct str other = group_value(b, name);

		if (other.p == NULL)
			continue;
		if (!str_eq(value, other))
			return false;
		common = true;
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What json_quote() escaped: \" \\ \n and the like, \u00XX for other control bytes. */
static void
add_unquoted(struct buf *out, struct str value)
{
	static const char letters[] = "nrtbf", bytes[] = "\n\r\t\b\f";

	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c != '\\' || i + 1 == value.n) {
			buf_add_char(out, c);
			continue;
		}
		c = value.p[++i];
		if (c == 'u' && i + 4 < value.n && hex_digit(value.p[i + 3]) >= 0 &&
		    hex_digit(value.p[i + 4]) >= 0) {
			int byte =
			    hex_digit(value.p[i + 3]) * 16 + hex_digit(value.p[i + 4]);

			if (byte >= 0x80)
				buf_add_char(out, '\xc2'); /* U+0080 to U+009F, in UTF-8 */
			buf_add_char(out, (char)byte);
			i += 4;
			continue;
		}
		ptrdiff_t k = str_find_char(str_of(letters), c);

		buf_add_char(out, k < 0 ? c : bytes[k]);
	}
}

void
group_to_event(const struct alert_rule *rule, struct str group, struct event *ev,
    struct buf *values)
{
	size_t ends[MAX_GROUP];

	buf_clear(values);
	for (size_t i = 0; i < rule->ngroup; i++) {
		add_unquoted(values,
		    group_value(group, group_field_name(rule->group_by[i])));
		ends[i] = values->n;
	}
	for (size_t i = 0; i < rule->ngroup && !values->failed; i++) {
		size_t from = i == 0 ? 0 : ends[i - 1];
		struct str text = str_head(str_skip(buf_str(values), from), ends[i] - from);
		unsigned f = rule->group_by[i];

		if (text.n == 0)
			continue;
		if (f == GROUP_PEER)
			event_set_text(ev, EVF_relay_name, text);
		else if (event_field_is_text((enum event_field)f))
			event_set_text(ev, (enum event_field)f, text);
		else
			(void)event_set(ev, (enum event_field)f, text);
	}
}
