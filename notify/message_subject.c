/* The first line that anybody sees: severity, host, what. */
#include "core/plain.h"
#include "notify/message_impl.h"

enum { HOST_BYTES = 64, HOSTS_NAMED = 3 };

const char *
told_word(const struct told *told)
{
	static const struct {
		const char *told, *reminded;
	} words[] = {
		[SEVERITY_UNKNOWN] = { "[alert]", "[still open]" },
		[SEVERITY_INFO] = { "[info]", "[still open]" },
		[SEVERITY_WARNING] = { "[warning]", "[still warning]" },
		[SEVERITY_CRITICAL] = { "[critical]", "[still critical]" },
	};
	size_t severity = (size_t)told->incident.severity;

	if (told_is_over(told))
		return "[resolved]";
	if (severity >= sizeof words / sizeof *words)
		severity = SEVERITY_UNKNOWN;
	return told->notice == NOTICE_REMINDER ? words[severity].reminded
					       : words[severity].told;
}

/* May a name end here, or is it the beginning of a longer one? */
static bool
is_end_of_name(struct str rest)
{
	if (rest.n == 0)
		return true;
	if (rest.p[0] == '.')
		return rest.n == 1 || rest.p[1] == ' ';
	return str_find_char(STR(" :;,)"), rest.p[0]) >= 0;
}

/* How many bytes of preposition stand at the end of the text? " from", ... */
static size_t
preposition_at_end(struct str text)
{
	static const struct str prepositions[] = { STR_INIT(" from "), STR_INIT(" on "),
		STR_INIT(" of "), STR_INIT(" at "), STR_INIT(" to "),
		STR_INIT(" through ") };

	for (size_t i = 0; i < sizeof prepositions / sizeof *prepositions; i++)
		if (str_ends(text, prepositions[i]))
			return prepositions[i].n;
	return 0;
}

/* Where " from mx1", " on mx1" and the like begins; false: nowhere. */
static bool
find_host(struct str text, struct str host, size_t *start_out, size_t *end_out)
{
	size_t from = 0;

	for (;;) {
		ptrdiff_t found = str_find(str_skip(text, from), host);

		if (found < 0)
			return false;
		size_t at = from + (size_t)found;
		size_t before = preposition_at_end(str_head(text, at));

		if (before > 0 && is_end_of_name(str_skip(text, at + host.n))) {
			*start_out = at - before;
			*end_out = at + host.n;
			return true;
		}
		from = at + 1;
	}
}

void
told_what(const struct told *told, struct buf *out)
{
	const struct incident *in = &told->incident;
	struct str text = in->summary.n > 0 ? in->summary : in->rule;
	struct str host = in->host;
	size_t start, end;

	text = text_head(text, MESSAGE_SUMMARY_BYTES);
	if (host.n == 0) {
		plain_add(out, text);
		return;
	}
	/* "mx1 cannot log in": the name stands before it anyway */
	if (str_starts(text, host) && text.n > host.n && text.p[host.n] == ' ') {
		plain_add(out, str_skip(text, host.n + 1));
		return;
	}
	if (str_starts(text, STR("On ")) && str_starts(str_skip(text, 3), host) &&
	    str_starts(str_skip(text, 3 + host.n), STR(" "))) {
		plain_add(out, str_skip(text, 3 + host.n + 1));
		return;
	}
	if (!find_host(text, host, &start, &end)) {
		plain_add(out, text);
		return;
	}
	plain_add(out, str_head(text, start));
	plain_add(out, str_skip(text, end));
}

static void
add_host(struct buf *out, struct str host)
{
	plain_add_cut(out, host, HOST_BYTES);
	buf_add(out, STR(": "));
}

void
message_line(const struct told *told, struct buf *out)
{
	AUTO(buf_done) struct buf text = { 0 };

	buf_addf(&text, "%s ", told_word(told));
	if (told->incident.host.n > 0)
		add_host(&text, told->incident.host);
	told_what(told, &text);
	plain_add_cut(out, buf_str(&text), MESSAGE_SUBJECT_BYTES);
}

/* The hosts that are in trouble, each once; many are counted. */
static void
add_hosts(const struct message *message, struct buf *out)
{
	struct str hosts[HOSTS_NAMED + 1];
	size_t n = 0;

	for (size_t i = 0; i < message->nitems && n <= HOSTS_NAMED; i++) {
		struct str host = message->items[i].incident.host;
		bool known = host.n == 0;

		for (size_t k = 0; k < n; k++)
			known = known || str_eq(hosts[k], host);
		if (!known)
			hosts[n++] = host;
	}
	if (n > HOSTS_NAMED) {
		buf_add(out, STR("many hosts: "));
		return;
	}
	for (size_t i = 0; i < n; i++) {
		buf_add(out, i > 0 ? STR(", ") : STR(""));
		plain_add_cut(out, hosts[i], HOST_BYTES / 2);
	}
	if (n == 0)
		plain_add_cut(out, str_of(message->host), HOST_BYTES);
	buf_add(out, STR(": "));
}

size_t
count_over(const struct message *message)
{
	size_t over = 0;

	for (size_t i = 0; i < message->nitems; i++)
		over += told_is_over(&message->items[i]);
	return over;
}

static void
add_counts(const struct message *message, struct buf *out)
{
	size_t over = count_over(message);
	size_t n = over == message->nitems ? over : message->nitems - over;

	buf_addf(out, "%zu trouble%s", n, n == 1 ? "" : "s");
	if (over > 0 && over < message->nitems)
		buf_addf(out, ", %zu over", over);
	buf_add(out, STR(": "));
}

void
story_subject(const struct message *message, struct buf *out)
{
	AUTO(buf_done) struct buf text = { 0 };

	if (message->nitems == 0) {
		buf_add(&text, STR("[test] "));
		add_host(&text, str_of(message->host));
		buf_add(&text, STR("mailwarden can reach you"));
	} else if (message->nitems == 1) {
		struct str host = message->items->incident.host;

		buf_addf(&text, "%s ", told_word(message->items));
		add_host(&text, host.n > 0 ? host : str_of(message->host));
		told_what(message->items, &text);
	} else {
		buf_addf(&text, "%s ", told_word(message->items));
		add_hosts(message, &text);
		add_counts(message, &text);
		for (size_t i = 0; i < message->nitems && text.n <= MESSAGE_SUBJECT_BYTES;
		     i++) {
			buf_add(&text, i > 0 ? STR("; ") : STR(""));
			told_what(&message->items[i], &text);
		}
	}
	plain_add_cut(out, buf_str(&text), MESSAGE_SUBJECT_BYTES);
	if (text.failed)
		out->failed = true;
}
