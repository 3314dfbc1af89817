#include "ingest/pasted.h"

#include "ingest/fields.h"

/* How servers announce it, in lower or upper case. */
static const struct str markers[] = {
	STR_INIT("below this line is a copy of the message"), /* qmail-send.c */
	STR_INIT("this is a copy of the message"),            /* Exim */
	STR_INIT("this is a copy of your message"),
	STR_INIT("the body of the message is"),
	STR_INIT("copy of the original message"),
	STR_INIT("original message follows"),
	STR_INIT("original message headers"),
	STR_INIT("original message header"),
	STR_INIT("- original message -"),
	STR_INIT("- original mail -"),
	STR_INIT("header of the original message"),
	STR_INIT("headers of the original message"),
	STR_INIT("headers from the original message"),
	STR_INIT("message header follows"),
	STR_INIT("message headers follow"),
	STR_INIT("unsent message follows"),
	STR_INIT("unsent message below"),
	STR_INIT("returned message follows"),
	STR_INIT("returned message below"),
	STR_INIT("message text follows"),
	STR_INIT("- returned message -"),
	STR_INIT("your message follows"),
	STR_INIT("- message header"),
	STR_INIT("- returned header"),
};

/* What a header begins with when it stands in a text without any announcement. */
static bool
begins_header(struct str line)
{
	static const struct str names[] = { STR_INIT("Received"), STR_INIT("Return-Path"),
		STR_INIT("Message-ID"), STR_INIT("Date"), STR_INIT("From"), STR_INIT("To"),
		STR_INIT("Subject"), STR_INIT("MIME-Version"), STR_INIT("Content-Type"),
		STR_INIT("DKIM-Signature"), STR_INIT("Delivered-To"),
		STR_INIT("X-Mailer") };
	struct str name = field_name_of(line);

	for (size_t i = 0; name.n > 0 && i < sizeof names / sizeof *names; i++)
		if (str_eq_nocase(name, names[i]))
			return true;
	return false;
}

static bool
is_marker(struct str line)
{
	for (size_t i = 0; i < sizeof markers / sizeof *markers; i++)
		if (str_find_nocase(line, markers[i]) >= 0)
			return true;
	return false;
}

/* Does a header begin within the next lines, behind blank ones and rules? */
static bool
header_follows(struct str text, struct str *from)
{
	for (int lines = 0; text.n > 0 && lines < 8; lines++) {
		struct str here = text, line = str_trim(str_cut(&text, '\n'));

		if (line.n > 0 && line.p[0] == '>')
			line = str_trim(str_skip(line, 1));
		if (begins_header(line)) {
			*from = here;
			return true;
		}
	}
	return false;
}

/* At least two fields of a header follow each other: words of a server that happen to
 * begin with "To:" stand alone. */
static bool
is_header(struct str text)
{
	struct str first = str_cut(&text, '\n');
	bool telling =
	    str_starts(first, STR("Received:")) || str_starts(first, STR("Return-Path:"));

	if (!telling || !begins_header(first))
		return false;
	while (text.n > 0) {
		struct str line = str_cut(&text, '\n');

		if (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
			continue;
		return begins_header(line) || field_name_of(line).n > 0;
	}
	return false;
}

struct pasted
pasted_split(struct str text)
{
	struct str rest = text, from;

	while (rest.n > 0) {
		struct str here = rest, line = str_cut(&rest, '\n');
		struct str words = str_head(text, (size_t)(here.p - text.p));
		bool closed = str_find(str_head(line, 2), STR("--")) == 0;

		if (is_marker(line)) {
			if (header_follows(rest, &from))
				return (struct pasted){ words, from };
			if (closed) /* "--- Below this line ..." and nothing that we know */
				return (struct pasted){ words, rest };
		}
		if (is_header(here))
			return (struct pasted){ words, here };
	}
	return (struct pasted){ text, { NULL, 0 } };
}

struct str
pasted_status(struct str text)
{
	static const struct str names[] = { STR_INIT("Reporting-MTA"),
		STR_INIT("Final-Recipient"), STR_INIT("Original-Recipient") };

	while (text.n > 0) {
		struct str here = text, name = field_name_of(str_cut(&text, '\n'));

		for (size_t i = 0; name.n > 0 && i < sizeof names / sizeof *names; i++)
			if (str_eq_nocase(name, names[i]))
				return here;
	}
	return (struct str){ NULL, 0 };
}
