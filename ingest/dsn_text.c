#include "ingest/dsn_text.h"

#include "ingest/report.h"

static bool
is_indented(struct str line)
{
	return line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t') &&
	       str_trim(line).n > 0;
}

static void
add_words(struct buf *out, struct str words)
{
	words = str_trim(words);
	if (out->n > 0 && words.n > 0)
		buf_add_char(out, ' ');
	if (out->n < REPORT_FIELD_BYTES)
		buf_add(out, str_head(words, REPORT_FIELD_BYTES - out->n));
}

/* The line behind "ADDRESS" or "<ADDRESS>"; p NULL if it begins otherwise. */
static struct str
behind_address(struct str line, struct str address)
{
	struct str none = { NULL, 0 };
	bool angles = line.n > 0 && line.p[0] == '<';

	line = str_skip(line, angles ? 1 : 0);
	if (!str_eq_nocase(str_head(line, address.n), address))
		return none;
	line = str_skip(line, address.n);
	if (angles && (line.n == 0 || line.p[0] != '>'))
		return none;
	line = str_skip(line, angles ? 1 : 0);
	return line.p == NULL ? STR("") : line;
}

/* "    (reason: 550 5.1.1 ...)", sendmail's savemail.c. */
static struct str
reason_in(struct str line)
{
	struct str reason = str_trim(line);

	if (!is_indented(line) || !str_starts(reason, STR("(reason: ")))
		return (struct str){ NULL, 0 };
	reason = str_skip(reason, STR("(reason: ").n);
	return str_ends(reason, STR(")")) ? str_head(reason, reason.n - 1) : reason;
}

struct str
dsn_text_reply(struct str text, struct str recipient, struct buf *out)
{
	buf_clear(out);
	while (recipient.n > 0 && text.n > 0) {
		struct str line = str_trim(str_cut(&text, '\n'));
		struct str behind = behind_address(line, recipient), ahead = text;

		if (behind.p == NULL)
			continue;
		if (behind.n == 0) {
			add_words(out, reason_in(str_cut(&ahead, '\n')));
		} else if (str_starts(behind, STR("... "))) {
			add_words(out, str_skip(behind, 4));
		} else if (behind.p[0] == ':') {
			add_words(out, str_skip(behind, 1));
			for (line = str_cut(&ahead, '\n'); out->n > 0 && is_indented(line);
			     line = str_cut(&ahead, '\n'))
				add_words(out, line);
		}
		if (out->n > 0)
			break;
	}
	return buf_str(out);
}

/* Is it a line of a reply that goes on in the next (RFC 5321, 4.2.1)? */
static bool
goes_on(struct str line)
{
	return line.n > 3 && line.p[3] == '-' && line.p[0] >= '2' && line.p[0] <= '5';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool
dsn_says_nothing(struct str reply)
{
	enum { EX_FIRST = 64, EX_LAST = 78 }; /* sysexits.h: how a program ended */
	int64_t number = 0;

	if (str_to_int(reply, &number) && number >= EX_FIRST && number <= EX_LAST)
		return false;
	for (size_t i = 0; i < reply.n; i++) {
		size_t from = i;

		while (i < reply.n && is_letter(reply.p[i]))
			i++;
		struct str word = str_head(str_skip(reply, from), i - from);

		bool in_code = word.n > 0 && ((from > 0 && is_digit(reply.p[from - 1])) ||
						 (i < reply.n && is_digit(reply.p[i])));

		if (in_code || (word.n > 2 && !str_eq_nocase(word, STR("error"))))
			return false;
	}
	return true;
}

struct str
dsn_text_complete(struct str text, struct str reply, struct buf *out)
{
	buf_clear(out);
	if (!goes_on(reply))
		return reply;
	while (text.n > 0) {
		struct str line = str_cut(&text, '\n');

		if (!str_starts(line, STR("<<< ")) ||
		    !str_eq(str_trim(str_skip(line, 4)), str_trim(reply)))
			continue;
		add_words(out, reply);
		for (bool more = true; more && str_starts(text, STR("<<< "));) {
			line = str_trim(str_skip(str_cut(&text, '\n'), 4));
			if (!str_eq(str_head(line, 3), str_head(reply, 3)))
				break;
			more = goes_on(line);
			add_words(out, line);
		}
		return buf_str(out);
	}
	return reply;
}

struct str
dsn_text_relay(struct str text, struct str reply)
{
	const struct str talking = STR("... while talking to ");
	struct str relay = { NULL, 0 };

	while (reply.n > 0 && text.n > 0) {
		struct str line = str_trim(str_cut(&text, '\n'));

		if (str_starts(line, talking)) {
			relay = str_skip(line, talking.n);
			while (relay.n > 0 &&
			       (relay.p[relay.n - 1] == ':' || relay.p[relay.n - 1] == '.'))
				relay.n--;
		} else if (str_starts(line, STR("<<< ")) &&
			   str_starts(reply, str_skip(line, 4))) {
			return relay;
		}
	}
	return (struct str){ NULL, 0 };
}
