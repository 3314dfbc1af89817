/*
 * header - what stands before the message of a log line
 *
 * Purpose    Takes the envelope off: RFC 3164 stamps (also localised months, with
 *            and without host and pid), RFC 3339, RFC 5424, Postfix' maillog_file,
 *            dovecot's own files, Solaris "[ID n facility]", docker prefixes,
 *            "message repeated N times". Never looks for headers inside the text.
 * Ownership  Views into the line.
 * Time       A stamp without year gets the year that puts it closest to, and not
 *            more than a day after, the clock's reference (a file's last change, or
 *            now). Without any stamp the last one read counts, or the reference.
 * Threads    One header_clock each; it only remembers what was computed.
 */
#ifndef PARSERS_HEADER_H
#define PARSERS_HEADER_H

#include "core/str.h"

struct header {
	int64_t time_us;
	int offset_min;
	struct str host, ident, pid, text;
	int64_t repeated;  /* 0: an ordinary line */
	struct str tagged; /* text with its tag before it: dovecot's own files need it */
};

struct header_clock {
	int64_t reference_us;
	int64_t last_us; /* of the line before, INT64_MIN: none yet */
	int last_offset_min;
	char hour_text[16]; /* "Nov 21 02", whose first second is hour_s */
	size_t hour_n;
	int64_t hour_s;
	int hour_offset_min;
};

void header_clock_init(struct header_clock *clock, int64_t reference_us);

/* False if the line has no header that we know. */
bool header_parse(struct header_clock *clock, struct str line, struct header *out);

/* Takes "message repeated N times: [ text]" apart (rsyslog's repeat reduction); for
 * journal entries, whose header is no text. */
void header_unfold_repeat(struct header *h);

#endif
