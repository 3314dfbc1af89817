#include "ingest/report_line.h"

#include <assert.h>

#include "core/clock.h"
#include "core/line.h"
#include "ingest/report.h"

/* How a value stands in the line. */
enum style {
	STYLE_NONE, /* not written */
	STYLE_WORD,
	STYLE_ADDRESS, /* <> around it */
	STYLE_QUOTED,
	STYLE_LAST, /* up to the end of the line */
};

static enum style
style_of(enum event_field f)
{
	switch (f) {
	case EVF_host:
	case EVF_process:
	case EVF_pid:
	case EVF_mta:
	case EVF_kind:
	case EVF_rule:
	case EVF_partial: return STYLE_NONE;
	case EVF_sender:
	case EVF_recipient:
	case EVF_original_recipient:
	case EVF_message_id: return STYLE_ADDRESS;
	case EVF_text: return STYLE_QUOTED;
	case EVF_reply: return STYLE_LAST;
	default: return STYLE_WORD;
	}
}

/* The character as it may stand in a value of that style. */
static char
fitting(char c, enum style style)
{
	bool control = (unsigned char)c < ' ' || c == 0x7f;

	switch (style) {
	case STYLE_LAST: return control ? ' ' : c;
	case STYLE_QUOTED: return control ? ' ' : c == '"' ? '?' : c;
	case STYLE_ADDRESS: return control || c == '<' || c == '>' ? '?' : c;
	default: return control || c == ' ' || c == ',' || c == '"' || c == '\'' ? '?' : c;
	}
}

/* The first max bytes at most, no UTF-8 character cut in two. */
static struct str
cut_whole(struct str s, size_t max)
{
	if (s.n <= max)
		return s;
	size_t n = max;

	while (n > 0 && n + 3 > max && (s.p[n] & 0xc0) == 0x80)
		n--;
	return str_head(s, n);
}

/* U+0080 to U+009F in UTF-8: controls, too, which some terminals obey. */
static bool
is_c1(struct str s)
{
	return s.n > 1 && (unsigned char)s.p[0] == 0xc2 && (unsigned char)s.p[1] < 0xa0;
}

static void
add_value(struct buf *out, struct str value, enum style style)
{
	value = cut_whole(value,
	    style == STYLE_WORD ? (size_t)REPORT_WORD_BYTES : (size_t)REPORT_FIELD_BYTES);
	if (style == STYLE_LAST)
		value = str_trim(value); /* the reader trims the line */
	for (size_t i = 0; i < value.n; i++) {
		bool c1 = is_c1(str_skip(value, i));

		buf_add_char(out, fitting(c1 ? 0x7f : value.p[i], style));
		i += c1;
	}
}

static void
add_field(struct buf *out, const char *name, struct str value, enum style style)
{
	if (value.n == 0 && style != STYLE_ADDRESS && style != STYLE_QUOTED)
		return;
	buf_add(out, str_ends(buf_str(out), STR(": ")) ? STR("") : STR(", "));
	buf_add(out, str_of(name));
	buf_add_char(out, '=');
	if (style == STYLE_ADDRESS || style == STYLE_QUOTED)
		buf_add_char(out, style == STYLE_ADDRESS ? '<' : '"');
	add_value(out, value, style);
	if (style == STYLE_ADDRESS || style == STYLE_QUOTED)
		buf_add_char(out, style == STYLE_ADDRESS ? '>' : '"');
}

static void
begin_line(struct buf *out, int64_t now_us, struct str host, int pid, struct str word)
{
	clock_rfc3339(out, now_us, 0);
	buf_add_char(out, ' ');
	add_value(out, host.n > 0 ? host : STR("localhost"), STYLE_WORD);
	buf_add(out, STR(" mailwarden-ingest["));
	buf_add_int(out, pid);
	buf_add(out, STR("]: "));
	buf_add(out, word);
	buf_add(out, STR(": "));
}

static struct str
word_of(enum event_kind kind)
{
	switch (kind) {
	case KIND_COMPLAINT: return STR("complaint");
	case KIND_DMARC: return STR("dmarc");
	case KIND_TLS_REPORT: return STR("tls-report");
	default: return STR("bounce");
	}
}

void
report_line_add(struct buf *out, int64_t now_us, struct str host, int pid,
    const struct event *ev)
{
	AUTO(buf_done) struct buf number = { 0 };

	begin_line(out, now_us, host, pid,
	    word_of((enum event_kind)event_num(ev, EVF_kind)));
	for (uint64_t left = ev->has; left != 0; left &= left - 1) {
		enum event_field f = (enum event_field)__builtin_ctzll(left);
		struct str value;

		if (style_of(f) == STYLE_NONE || f == EVF_reply)
			continue;
		if (event_field_is_text(f)) {
			value = event_text(ev, f);
		} else {
			buf_clear(&number);
			event_value_text(ev, f, &number);
			value = buf_str(&number);
		}
		add_field(out, event_field_name(f), value, style_of(f));
	}
	if (str_trim(event_text(ev, EVF_reply)).n > 0)
		add_field(out, "reply", event_text(ev, EVF_reply), STYLE_LAST);
	buf_add_char(out, '\n');
}

void
report_line_add_unread(struct buf *out, int64_t now_us, struct str host, int pid,
    struct str report_id, struct str why, struct str file)
{
	begin_line(out, now_us, host, pid, STR("unread"));
	add_field(out, "text", why, STYLE_QUOTED);
	add_field(out, "report_id", report_id, STYLE_WORD);
	add_field(out, "file", file, STYLE_QUOTED);
	buf_add_char(out, '\n');
}

/* What the longest line may come to: see REPORT_WORD_BYTES. */
static_assert((EVF_COUNT - 6) * (REPORT_WORD_BYTES + 32) + 6 * (REPORT_FIELD_BYTES + 32) <
		  64 * 1024,
    "a line is never longer than the readers of logs take");
