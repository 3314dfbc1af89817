#include "core/mask.h"

#include <string.h>

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What an address may be made of: RFC 5321 atext, dots, UTF-8 (RFC 6531), and the @. */
static bool
is_address_char(char c)
{
	return is_alnum(c) || (unsigned char)c >= 0x80 ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.@", c) != NULL);
}

static void
add_user(struct buf *out, struct str local)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a: the same in every run and version */

	for (size_t i = 0; i < local.n; i++) {
		char c = local.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + 32);
		hash = (hash ^ (uint8_t)c) * 0x100000001b3u;
	}
	buf_addf(out, "user-%04x", (unsigned)((hash ^ hash >> 32 ^ hash >> 16) & 0xffff));
}

/* The last "@" or "%40" of a run; its bytes in *n. -1: none. */
static ptrdiff_t
find_sign(struct str run, size_t *n)
{
	ptrdiff_t at = str_rfind_char(run, '@');

	*n = 1;
	for (size_t i = 0; i + 3 <= run.n; i++)
		if ((ptrdiff_t)i > at && str_starts(str_skip(run, i), STR("%40"))) {
			at = (ptrdiff_t)i;
			*n = 3;
		}
	return at;
}

/* Bytes of a name before "=" whose value is a person, 0 if it is none: other "=" may be
 * part of an address (bounce+joe=example.org@example.net). */
static size_t
person_key(struct str run)
{
	static const struct str keys[] = { STR_INIT("sasl_username="), STR_INIT("ctladdr="),
		STR_INIT("orig_to="), STR_INIT("user="), STR_INIT("from="), STR_INIT("to="),
		STR_INIT("authid="), STR_INIT("username="), STR_INIT("email=") };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (run.n >= keys[i].n && str_eq_nocase(str_head(run, keys[i].n), keys[i]))
			return keys[i].n;
	return 0;
}

/* Where the local part begins in a run: behind a key, in a link behind the last part. */
static size_t
local_begin(struct str run, size_t end, bool in_link)
{
	size_t begin = person_key(run);

	for (size_t i = 0; in_link && i < end; i++)
		if (strchr("/?&=#", run.p[i]) != NULL)
			begin = i + 1;
	return begin;
}

/* A run of characters that addresses are made of. after: the character behind it;
 * person: it is somebody even without an @. */
static void
add_run(struct buf *out, struct str run, char after, bool in_link, bool person)
{
	size_t sign, begin;
	ptrdiff_t at = find_sign(run, &sign);

	if (at < 0) {
		begin = person_key(run);
		if ((begin > 0 || person) && begin < run.n && !in_link) {
			buf_add(out, str_head(run, begin));
			add_user(out, str_skip(run, begin));
		} else {
			buf_add(out, run);
		}
		return;
	}
	begin = local_begin(run, (size_t)at, in_link);
	struct str local = str_head(str_skip(run, begin), (size_t)at - begin);
	struct str rest = str_skip(run, (size_t)at);

	if (begin > (size_t)at || local.n == 0 || (rest.n == sign && after != '[')) {
		buf_add(out, run);
		return;
	}
	buf_add(out, str_head(run, begin));
	add_user(out, local);
	buf_add(out, rest);
}

/* Bytes of a quoted local part with its quotes ("joe doe"@example.org), 0: none. */
static size_t
quoted_local(struct str s)
{
	size_t n = 1;

	while (n < s.n && s.p[n] != '"')
		n += s.p[n] == '\\' ? 2 : 1;
	return n + 1 < s.n && s.p[n + 1] == '@' ? n + 1 : 0;
}

void
mask_add(struct buf *out, struct str text)
{
	bool in_link = false, person = false;

	while (text.n > 0) {
		size_t n = 0;

		if (text.p[0] == '"' && (n = quoted_local(text)) > 0) {
			add_user(out, str_head(text, n));
			text = str_skip(text, n);
			buf_add_char(out, '@');
			text = str_skip(text, 1);
			continue;
		}
		while (n < text.n && is_address_char(text.p[n]))
			n++;
		if (n == 0) {
			if (text.p[0] == ' ' || text.p[0] == '<')
				in_link = false;
			else if (str_starts(text, STR("://")))
				in_link = true;
			person = person && text.p[0] == '<';
			buf_add_char(out, text.p[0]);
			text = str_skip(text, 1);
			continue;
		}
		struct str run = str_head(text, n);

		add_run(out, run, n < text.n ? text.p[n] : ' ', in_link, person);
		person = person_key(run) == n; /* "to=", and "<joe>" follows */
		text = str_skip(text, n);
	}
}
