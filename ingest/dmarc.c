#include "ingest/dmarc.h"

#include <errno.h>
#include <expat.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ingest/source_ip.h"
#include "ingest/words.h"

enum {
	COUNT_MAX = 1000000000, /* messages of one row: sums must stay sums */
	WORD_BYTES = 64,        /* of a result or a disposition */
	NOTE_BYTES = 120,       /* of one name or comment within `text` */
	NOTES_BYTES = 600,
	NAME_BYTES = 1024,     /* of an element's name in a complaint about it */
	UNKNOWN_MAX = 1000000, /* elements; expat keeps each name that it has seen */
};

/*
 * The elements that matter, by their place: RFC 7489, appendix C, and the schema of its
 * successor (urn:ietf:params:xml:ns:dmarc-2.0), which adds elements and takes none of these
 * away. Prefixes are left off, so both read alike with and without namespace.
 */
enum element {
	EL_NONE, /* above the root */
	EL_UNKNOWN,
	EL_FEEDBACK,
	EL_METADATA,
	EL_RANGE,
	EL_POLICY,
	EL_RECORD,
	EL_ROW,
	EL_EVALUATED,
	EL_REASON,
	EL_IDENTIFIERS,
	EL_AUTH,
	EL_DKIM,
	EL_SPF,
	EL_VALUE,
};

enum slot {
	SLOT_NONE,
	/* of the report */
	SLOT_ORG_NAME,
	SLOT_EMAIL,
	SLOT_BEGIN,
	SLOT_DOMAIN,
	SLOT_ADKIM,
	SLOT_ASPF,
	/* of a record */
	SLOT_RECORD,
	SLOT_SOURCE_IP = SLOT_RECORD,
	SLOT_COUNT,
	SLOT_DISPOSITION,
	SLOT_DKIM,
	SLOT_SPF,
	SLOT_HEADER_FROM,
	/* of one reason, or one result of DKIM or SPF */
	SLOT_ENTRY,
	SLOT_REASON_TYPE = SLOT_ENTRY,
	SLOT_REASON_COMMENT,
	SLOT_ENTRY_DOMAIN,
	SLOT_ENTRY_SELECTOR,
	SLOT_ENTRY_SCOPE,
	SLOT_ENTRY_RESULT,
	SLOTS
};

static const struct place {
	enum element parent;
	const char *name;
	enum element element;
	enum slot slot;
} places[] = {
	{ EL_NONE, "feedback", EL_FEEDBACK, SLOT_NONE },
	{ EL_FEEDBACK, "report_metadata", EL_METADATA, SLOT_NONE },
	{ EL_METADATA, "org_name", EL_VALUE, SLOT_ORG_NAME },
	{ EL_METADATA, "email", EL_VALUE, SLOT_EMAIL },
	{ EL_METADATA, "date_range", EL_RANGE, SLOT_NONE },
	{ EL_RANGE, "begin", EL_VALUE, SLOT_BEGIN },
	{ EL_FEEDBACK, "policy_published", EL_POLICY, SLOT_NONE },
	{ EL_POLICY, "domain", EL_VALUE, SLOT_DOMAIN },
	{ EL_POLICY, "adkim", EL_VALUE, SLOT_ADKIM },
	{ EL_POLICY, "aspf", EL_VALUE, SLOT_ASPF },
	{ EL_FEEDBACK, "record", EL_RECORD, SLOT_NONE },
	{ EL_RECORD, "row", EL_ROW, SLOT_NONE },
	{ EL_ROW, "source_ip", EL_VALUE, SLOT_SOURCE_IP },
	{ EL_ROW, "count", EL_VALUE, SLOT_COUNT },
	{ EL_ROW, "policy_evaluated", EL_EVALUATED, SLOT_NONE },
	{ EL_EVALUATED, "disposition", EL_VALUE, SLOT_DISPOSITION },
	{ EL_EVALUATED, "dkim", EL_VALUE, SLOT_DKIM },
	{ EL_EVALUATED, "spf", EL_VALUE, SLOT_SPF },
	{ EL_EVALUATED, "reason", EL_REASON, SLOT_NONE },
	{ EL_REASON, "type", EL_VALUE, SLOT_REASON_TYPE },
	{ EL_REASON, "comment", EL_VALUE, SLOT_REASON_COMMENT },
	{ EL_RECORD, "identifiers", EL_IDENTIFIERS, SLOT_NONE },
	{ EL_RECORD, "identities", EL_IDENTIFIERS, SLOT_NONE }, /* drafts before the RFC */
	{ EL_IDENTIFIERS, "header_from", EL_VALUE, SLOT_HEADER_FROM },
	{ EL_RECORD, "auth_results", EL_AUTH, SLOT_NONE },
	{ EL_AUTH, "dkim", EL_DKIM, SLOT_NONE },
	{ EL_DKIM, "domain", EL_VALUE, SLOT_ENTRY_DOMAIN },
	{ EL_DKIM, "selector", EL_VALUE, SLOT_ENTRY_SELECTOR },
	{ EL_DKIM, "result", EL_VALUE, SLOT_ENTRY_RESULT },
	{ EL_AUTH, "spf", EL_SPF, SLOT_NONE },
	{ EL_SPF, "domain", EL_VALUE, SLOT_ENTRY_DOMAIN },
	{ EL_SPF, "scope", EL_VALUE, SLOT_ENTRY_SCOPE },
	{ EL_SPF, "result", EL_VALUE, SLOT_ENTRY_RESULT },
};

struct level {
	enum element element;
	enum slot slot; /* where its text goes */
};

struct reader {
	const struct report_host *host;
	const struct report_sink *sink; /* NULL: only look, tell nobody */
	struct err *err;
	XML_Parser parser;
	struct level level[REPORT_DEPTH];
	int depth, code;
	bool complete; /* the root was closed */
	size_t rows, left_out, unknown;
	struct buf value[SLOTS];
	bool has_auth;
	struct buf dkim_passed, spf_passed; /* domains, a newline behind each */
	struct buf notes;                   /* of the record, for people */
};

static struct str
value_of(const struct reader *r, enum slot slot)
{
	return str_trim(buf_str(&r->value[slot]));
}

static void
clear_from(struct reader *r, enum slot first, enum slot end)
{
	for (enum slot s = first; s < end; s++)
		buf_clear(&r->value[s]);
}

/* Ends the walk; the first reason counts. */
static void
stop(struct reader *r, int code)
{
	if (r->code == 0)
		r->code = code;
	(void)XML_StopParser(r->parser, XML_FALSE);
}

static int
malformed(struct reader *r, const char *why)
{
	return err_set(r->err, -EBADMSG, "read DMARC report: line %lu, column %lu: %s",
	    (unsigned long)XML_GetCurrentLineNumber(r->parser),
	    (unsigned long)XML_GetCurrentColumnNumber(r->parser) + 1, why);
}

/* --- what a row comes to --- */

static bool
is_below(struct str name, struct str parent)
{
	return name.n > parent.n + 1 && str_find_char(parent, '.') > 0 &&
	       str_ends_nocase(name, parent) && name.p[name.n - parent.n - 1] == '.';
}

/*
 * RFC 7489, 3.1: strict alignment wants the same domain, relaxed the same organizational
 * domain. That one is found with the list of public suffixes, which is not at hand here:
 * taken as aligned are the same domain and a domain below the other, so
 * bounce.example.org and example.org, but not bounce.example.org and news.example.org.
 * Only reporters that leave policy_evaluated out are judged so.
 */
static bool
is_aligned(struct str domain, struct str from, struct str mode)
{
	domain = words_domain(domain);
	if (domain.n == 0 || from.n == 0)
		return false;
	if (str_eq_nocase(domain, from))
		return true;
	return !str_eq_nocase(str_head(mode, 1), STR("s")) &&
	       (is_below(domain, from) || is_below(from, domain));
}

static bool
is_any_aligned(struct str passed, struct str from, struct str mode)
{
	while (passed.n > 0)
		if (is_aligned(str_cut(&passed, '\n'), from, mode))
			return true;
	return false;
}

/* told: the result of policy_evaluated. All that is no pass did not pass. */
static void
set_result(struct reader *r, struct event *ev, enum event_field field, struct str told)
{
	struct str from = words_domain(value_of(r, SLOT_HEADER_FROM));
	bool is_dkim = field == EVF_dkim, pass;

	if (from.n == 0)
		from = words_domain(value_of(r, SLOT_DOMAIN));
	if (told.n > 0)
		pass = str_eq_nocase(told, STR("pass"));
	else if (r->has_auth && from.n > 0)
		pass = is_any_aligned(buf_str(is_dkim ? &r->dkim_passed : &r->spf_passed),
		    from, value_of(r, is_dkim ? SLOT_ADKIM : SLOT_ASPF));
	else
		return;
	event_set_text(ev, field, pass ? STR("pass") : STR("fail"));
}

/* A clause of `text`; what is over its limit is left out. */
static struct buf *
note(struct reader *r)
{
	if (r->notes.n > NOTES_BYTES)
		return NULL;
	if (r->notes.n > 0)
		buf_add(&r->notes, STR("; "));
	return &r->notes;
}

static void
note_words(struct reader *r, const char *words)
{
	struct buf *notes = note(r);

	if (notes != NULL)
		buf_add(notes, str_of(words));
}

/* A row without a count that can be read tells of one message at least. */
static int64_t
count_of(struct reader *r)
{
	struct str told = value_of(r, SLOT_COUNT);
	int64_t count = 1;
	size_t digits = 0;

	while (digits < told.n && told.p[digits] >= '0' && told.p[digits] <= '9')
		digits++;
	if (digits == 0 || digits < told.n) {
		note_words(r, "no count that can be read: taken as 1");
		return 1;
	}
	if (!str_to_int(told, &count) || count > COUNT_MAX) {
		note_words(r, "count past 1000000000: taken as that");
		count = COUNT_MAX;
	}
	return count;
}

static void
set_reporter(struct reader *r, struct event *ev, char *store, size_t size)
{
	struct str name = words_name(value_of(r, SLOT_ORG_NAME), store, size);

	if (name.n == 0)
		name = words_name(words_domain(value_of(r, SLOT_EMAIL)), store, size);
	if (name.n > 0)
		event_set_text(ev, EVF_reporter, name);
}

/* "of 2026-11-20": the day on which the report's time begins, UTC. */
static void
note_day(struct reader *r)
{
	struct str begin = value_of(r, SLOT_BEGIN);
	int64_t s;
	struct tm tm;
	char day[32];

	if (!str_to_int(str_cut(&begin, '.'), &s) || s <= 0)
		return;
	if (s > INT64_C(100000000000)) /* some count milliseconds */
		s /= 1000;
	if (s > INT64_C(100000000000) || gmtime_r(&(time_t){ s }, &tm) == NULL ||
	    strftime(day, sizeof day, "of %Y-%m-%d", &tm) == 0)
		return;
	note_words(r, day);
}

static int
tell_row(struct reader *r)
{
	struct event ev = { .offset = -1 };
	struct ip_text ip;
	char reporter[256], from[256], domain[256], disposition[WORD_BYTES];
	struct str s;

	set_reporter(r, &ev, reporter, sizeof reporter);
	if ((s = words_domain(value_of(r, SLOT_DOMAIN))).n > 0)
		event_set_text(&ev, EVF_domain, words_lower(s, domain, sizeof domain));
	if ((s = words_domain(value_of(r, SLOT_HEADER_FROM))).n > 0)
		event_set_text(&ev, EVF_sender, words_lower(s, from, sizeof from));
	if ((s = value_of(r, SLOT_DISPOSITION)).n > 0)
		event_set_text(&ev, EVF_disposition,
		    words_lower(s, disposition, sizeof disposition));
	event_set_num(&ev, EVF_kind, KIND_DMARC);
	source_ip_set(&ev, value_of(r, SLOT_SOURCE_IP), r->host, &ip);
	set_result(r, &ev, EVF_dkim, value_of(r, SLOT_DKIM));
	set_result(r, &ev, EVF_spf, value_of(r, SLOT_SPF));
	event_set_num(&ev, EVF_repeated, count_of(r));
	note_day(r);
	if (r->notes.failed)
		return err_set(r->err, -ENOMEM, "read DMARC report: no memory");
	if (r->notes.n > 0)
		event_set_text(&ev, EVF_text, buf_str(&r->notes));
	return r->sink->event(r->sink->ctx, &ev);
}

/* --- the walk over the elements --- */

/* "SPF bounces.example.net: pass", "DKIM example.org (s1): fail". */
static void
end_result(struct reader *r, bool is_dkim)
{
	struct str domain = value_of(r, SLOT_ENTRY_DOMAIN);
	struct str selector = value_of(r, SLOT_ENTRY_SELECTOR);
	struct str result = value_of(r, SLOT_ENTRY_RESULT);
	struct buf *passed = is_dkim ? &r->dkim_passed : &r->spf_passed;
	char word[WORD_BYTES];
	struct buf *notes;

	/* SPF of the HELO name says nothing for alignment: RFC 7489, 3.1.2. */
	if (str_eq_nocase(result, STR("pass")) && passed->n < REPORT_FIELD_BYTES &&
	    !str_eq_nocase(value_of(r, SLOT_ENTRY_SCOPE), STR("helo"))) {
		buf_add(passed, domain);
		buf_add_char(passed, '\n');
	}
	if (domain.n == 0 || result.n == 0 || (notes = note(r)) == NULL)
		return;
	buf_add(notes, is_dkim ? STR("DKIM ") : STR("SPF "));
	buf_add(notes, str_head(domain, NOTE_BYTES));
	if (selector.n > 0) {
		buf_add(notes, STR(" ("));
		buf_add(notes, str_head(selector, WORD_BYTES));
		buf_add_char(notes, ')');
	}
	buf_add(notes, STR(": "));
	buf_add(notes, words_lower(result, word, sizeof word));
}

/* Why the receiver did not do as the policy says: forwarded, mailing_list, local_policy. */
static void
end_reason(struct reader *r)
{
	struct str type = value_of(r, SLOT_REASON_TYPE);
	struct str comment = value_of(r, SLOT_REASON_COMMENT);
	struct buf *notes;

	if (type.n + comment.n == 0 || (notes = note(r)) == NULL)
		return;
	buf_add(notes, str_head(type, WORD_BYTES));
	if (type.n > 0 && comment.n > 0)
		buf_add(notes, STR(": "));
	buf_add(notes, str_head(comment, NOTE_BYTES));
}

static void
end_record(struct reader *r)
{
	int code;

	if (r->rows == REPORT_EVENTS) {
		r->left_out++;
		return;
	}
	r->rows++;
	if (r->sink != NULL && (code = tell_row(r)) < 0)
		stop(r, code);
}

static void
begin_record(struct reader *r)
{
	clear_from(r, SLOT_RECORD, SLOTS);
	buf_clear(&r->dkim_passed);
	buf_clear(&r->spf_passed);
	buf_clear(&r->notes);
	r->has_auth = false;
}

static const struct place *
find_place(enum element parent, struct str name)
{
	ptrdiff_t colon = str_rfind_char(name, ':');

	if (colon >= 0)
		name = str_skip(name, (size_t)colon + 1);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (places[i].parent == parent &&
		    str_eq_nocase(name, str_of(places[i].name)))
			return &places[i];
	return NULL;
}

static void XMLCALL
start_element(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
	struct reader *r = ctx;
	enum element parent = r->depth > 0 ? r->level[r->depth - 1].element : EL_NONE;
	const struct place *place = find_place(parent, str_of(name));
	struct level level = { EL_UNKNOWN, SLOT_NONE };

	(void)attributes;
	if (r->code < 0)
		return;
	if (r->depth == REPORT_DEPTH) {
		stop(r, malformed(r, "more than 32 elements in each other"));
		return;
	}
	if (place == NULL && parent == EL_NONE) {
		char why[NAME_BYTES];

		(void)snprintf(why, sizeof why, "the root is <%.100s>, not <feedback>",
		    name);
		stop(r, malformed(r, why));
		return;
	}
	if (place != NULL) {
		level = (struct level){ place->element, place->slot };
		/* Of several the first counts. */
		if (value_of(r, place->slot).n > 0)
			level.slot = SLOT_NONE;
	}
	if (place == NULL && ++r->unknown > UNKNOWN_MAX) {
		stop(r,
		    err_set(r->err, -E2BIG,
			"read DMARC report: more than %d elements that it must not have",
			UNKNOWN_MAX));
		return;
	}
	r->level[r->depth++] = level;
	if (level.element == EL_RECORD)
		begin_record(r);
	else if (level.element == EL_REASON || level.element == EL_DKIM ||
		 level.element == EL_SPF)
		clear_from(r, SLOT_ENTRY, SLOTS);
	else if (level.element == EL_AUTH)
		r->has_auth = true;
}

static void XMLCALL
end_element(void *ctx, const XML_Char *name)
{
	struct reader *r = ctx;

	(void)name;
	if (r->code < 0 || r->depth == 0)
		return;
	enum element element = r->level[--r->depth].element;

	if (element == EL_RECORD)
		end_record(r);
	else if (element == EL_REASON)
		end_reason(r);
	else if (element == EL_DKIM || element == EL_SPF)
		end_result(r, element == EL_DKIM);
	if (r->depth == 0) {
		r->complete = true; /* whatever mails left behind it */
		(void)XML_StopParser(r->parser, XML_FALSE);
	}
}

static void XMLCALL
take_text(void *ctx, const XML_Char *text, int n)
{
	struct reader *r = ctx;
	enum slot slot = r->depth > 0 ? r->level[r->depth - 1].slot : SLOT_NONE;

	if (slot == SLOT_NONE || r->code < 0)
		return;
	struct buf *value = &r->value[slot];

	buf_add(value,
	    str_head((struct str){ text, (size_t)n }, REPORT_FIELD_BYTES - value->n));
}

/* Entities are declared in a document type, and nowhere else. */
static void XMLCALL
refuse_doctype(void *ctx, const XML_Char *name, const XML_Char *system_id,
    const XML_Char *public_id, int has_internal)
{
	struct reader *r = ctx;

	(void)name;
	(void)system_id;
	(void)public_id;
	(void)has_internal;
	stop(r, malformed(r, "a document type declaration, which no report needs"));
}

/*
 * What expat does not know itself. All that the events take is ASCII; what else a charset
 * holds (windows-1252 in a company's name, say) is shown as its code's character of
 * ISO 8859-1. The second bytes of GBK, Big5 and Shift_JIS are never '<' or '&'.
 */
static int XMLCALL
other_encoding(void *ctx, const XML_Char *name, XML_Encoding *info)
{
	(void)ctx;
	(void)name;
	for (int i = 0; i < 256; i++)
		info->map[i] = i;
	info->data = NULL;
	info->convert = NULL;
	info->release = NULL;
	return XML_STATUS_OK;
}

static int
walk(struct reader *r, struct str xml, const char *encoding)
{
	r->depth = r->code = 0;
	r->complete = false;
	r->rows = r->left_out = r->unknown = 0;
	r->parser = XML_ParserCreate(encoding);
	if (r->parser == NULL)
		return err_set(r->err, -ENOMEM, "read DMARC report: no memory");
	XML_SetUserData(r->parser, r);
	XML_SetElementHandler(r->parser, start_element, end_element);
	XML_SetCharacterDataHandler(r->parser, take_text);
	XML_SetStartDoctypeDeclHandler(r->parser, refuse_doctype);
	XML_SetUnknownEncodingHandler(r->parser, other_encoding, NULL);
	enum XML_Status status = XML_Parse(r->parser, xml.p, (int)xml.n, XML_TRUE);
	enum XML_Error error = XML_GetErrorCode(r->parser);

	if (r->code == 0 && status == XML_STATUS_ERROR && !r->complete)
		r->code = error == XML_ERROR_NO_MEMORY
			      ? err_set(r->err, -E2BIG,
				    "read DMARC report: takes more memory than it may")
			      : malformed(r, XML_ErrorString(error));
	XML_ParserFree(r->parser);
	r->parser = NULL;
	return r->code;
}

/* Blanks before the declaration are an error to XML, and an everyday slip. */
static struct str
without_lead(struct str xml)
{
	if (str_starts(xml, STR("\xef\xbb\xbf")))
		xml = str_skip(xml, 3);
	while (xml.n > 0 && memchr(" \t\r\n", xml.p[0], 4) != NULL)
		xml = str_skip(xml, 1);
	return xml;
}

/*
 * Twice: first to look whether it can be read, and for what stands behind the rows; then for
 * the rows. Encodings that are declared and not kept to are common: UTF-16 on bytes that are
 * UTF-8 (a habit of .NET), UTF-8 on bytes of windows-1252.
 */
static int
read_all(struct reader *r, struct str xml, const struct report_sink *sink)
{
	static const char *const encodings[] = { NULL, "UTF-8", "windows-1252" };
	struct err first = { "" }, why = { "" };
	struct err *err = r->err;
	int code = -EBADMSG;

	for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++) {
		clear_from(r, SLOT_NONE, SLOTS);
		r->sink = NULL;
		r->err = i == 0 ? &first : &why;
		code = walk(r, xml, encodings[i]);
		if (code == -EBADMSG)
			continue;
		r->err = err;
		if (code < 0)
			return err_set(err, code, "%s", i == 0 ? first.text : why.text);
		r->sink = sink; /* the report's own values are kept for the rows */
		return walk(r, xml, encodings[i]);
	}
	return err_set(err, code, "%s", first.text);
}

int
dmarc_read(struct str xml, const struct report_host *host, const struct report_sink *sink,
    size_t *left_out, struct err *err)
{
	struct reader r = { .host = host, .err = err };

	*left_out = 0;
	if (xml.n > REPORT_UNPACKED_BYTES)
		return err_set(err, -E2BIG, "read DMARC report: more than %d MiB",
		    REPORT_UNPACKED_BYTES / (1024 * 1024));
	int code = read_all(&r, without_lead(xml), sink);

	for (enum slot s = SLOT_NONE; s < SLOTS; s++)
		buf_done(&r.value[s]);
	buf_done(&r.dkim_passed);
	buf_done(&r.spf_passed);
	buf_done(&r.notes);
	if (code < 0)
		return code;
	if (r.rows == 0)
		return err_set(err, -EBADMSG, "read DMARC report: it has no <record>");
	*left_out = r.left_out;
	return (int)r.rows;
}
