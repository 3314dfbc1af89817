#include "ingest/letter.h"

#include <errno.h>
#include <gmime/gmime.h>

#include "ingest/fields.h"
#include "ingest/mime_text.h"
#include "ingest/pasted.h"
#include "ingest/prescan.h"
#include "ingest/report.h"

#ifdef __has_feature
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_disable() (void)0
#define __lsan_enable() (void)0
#endif

enum { HTML_BYTES = 2 * REPORT_TEXT_BYTES };

struct walk {
	struct letter *letter;
	struct buf html; /* counts where there is no plain text */
	struct buf name; /* of the part at hand */
	int depth;
};

void
letter_init(void)
{
	static const char *const kinds[] = { "rfc822", "rfc2822", "news", "partial" };

	/* Messages in the message stay as they are: GMime would take them apart, with all
	 * their addresses, to any depth. It forgets to free what a type was before. */
	__lsan_disable();
	g_mime_init();
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		g_mime_object_register_type("message", kinds[i], g_mime_part_get_type());
	__lsan_enable();
	mime_text_init();
}

static void
auto_unref(void *p)
{
	if (*(void **)p != NULL)
		g_object_unref(*(void **)p);
}

/* --- one part --- */

static void
add_decoded(struct buf *out, GMimePart *part)
{
	GMimeDataWrapper *content = g_mime_part_get_content(part);
	AUTO(auto_unref) GMimeStream *to = g_mime_stream_mem_new();

	if (content == NULL)
		return;
	(void)g_mime_data_wrapper_write_to_stream(content, to);
	GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(to));

	buf_add(out, (struct str){ (const char *)bytes->data, bytes->len });
}

static struct str
file_name(struct walk *w, GMimePart *part)
{
	const char *name = g_mime_part_get_filename(part);

	buf_clear(&w->name);
	buf_add(&w->name, str_of(name));
	return buf_str(&w->name);
}

static bool
is_attached_file(GMimePart *part)
{
	GMimeContentDisposition *d =
	    g_mime_object_get_content_disposition(GMIME_OBJECT(part));

	return d != NULL && g_mime_content_disposition_is_attachment(d);
}

/* "details.txt": gateways that do not know the type of the status part rename it. */
static void
take_attached_status(struct letter *l, GMimePart *part)
{
	AUTO(buf_done) struct buf bytes = { 0 };

	if (l->status.n > 0)
		return;
	add_decoded(&bytes, part);
	struct str text = str_trim(buf_str(&bytes)), status = pasted_status(text);

	if (status.p == text.p)
		buf_add(&l->status, str_head(status, REPORT_TEXT_BYTES));
}

static void
take_text(struct walk *w, GMimePart *part, struct str subtype)
{
	struct letter *l = w->letter;
	AUTO(buf_done) struct buf bytes = { 0 };
	const char *charset =
	    g_mime_object_get_content_type_parameter(GMIME_OBJECT(part), "charset");
	bool html = str_eq_nocase(subtype, STR("html"));
	struct buf *out = html ? &w->html : &l->text;
	size_t max = html ? (size_t)HTML_BYTES : (size_t)REPORT_TEXT_BYTES;

	/* what stands behind the returned message is a list's footer or a virus checker's */
	if ((l->has_returned && l->text.n > 0) || out->n >= max)
		return;
	add_decoded(&bytes, part);
	if (out->n > 0 && out->p[out->n - 1] != '\n')
		buf_add_char(out, '\n');
	mime_text_add(out, buf_str(&bytes), str_of(charset), max - out->n);
}

static void
take_returned(struct walk *w, GMimePart *part, bool whole)
{
	struct letter *l = w->letter;
	struct buf bytes = { 0 };
	struct str body, message;

	add_decoded(&bytes, part);
	message = str_trim(buf_str(&bytes)); /* a blank line before it is a common fault */
	if (l->returned.n == 0)
		buf_add(&l->returned, header_of(message, &body));
	l->has_returned = true;
	if (whole && l->ninner < LETTER_INNER)
		l->inner[l->ninner++] = bytes;
	else
		buf_done(&bytes);
}

static void
take_fields(struct buf *out, GMimePart *part)
{
	if (out->n > 0)
		buf_add(out, STR("\n\n"));
	add_decoded(out, part);
}

/* --- attachments that may be reports --- */

static bool
is_packed_type(struct str type)
{
	static const struct str types[] = { STR_INIT("application/zip"),
		STR_INIT("application/gzip"), STR_INIT("application/x-gzip"),
		STR_INIT("application/x-zip-compressed"), STR_INIT("application/x-zip"),
		STR_INIT("application/x-compressed"), STR_INIT("application/octet-stream"),
		STR_INIT("application/xml"), STR_INIT("text/xml") };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (str_eq_nocase(type, types[i]))
			return true;
	return false;
}

static enum attachment_kind
attachment_kind(struct str type, struct str name)
{
	static const struct str ends[] = { STR_INIT(".xml"), STR_INIT(".xml.gz"),
		STR_INIT(".zip"), STR_INIT(".gz"), STR_INIT(".gzip") };
	bool xml = str_ends_nocase(type, STR("/xml")) ||
		   str_ends_nocase(type, STR("gzip")) || str_ends_nocase(type, STR("zip"));
	bool fits = false;

	if (str_find_nocase(type, STR("application/tlsrpt")) == 0 ||
	    (is_packed_type(type) && (str_ends_nocase(name, STR(".json")) ||
					 str_ends_nocase(name, STR(".json.gz")))))
		return ATTACHMENT_TLS;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		fits = fits || str_ends_nocase(name, ends[i]);
	if (!is_packed_type(type) || (!fits && !xml))
		return ATTACHMENT_NONE;
	/* receiver "!" policy-domain "!" begin "!" end (RFC 7489, 7.2.1.1) */
	return fits && str_find_char(name, '!') > 0 ? ATTACHMENT_DMARC : ATTACHMENT_PACKED;
}

static bool
take_attachment(struct walk *w, GMimePart *part, struct str type)
{
	struct letter *l = w->letter;
	enum attachment_kind kind = attachment_kind(type, file_name(w, part));

	if (kind == ATTACHMENT_NONE)
		return false;
	if (l->nattachments == LETTER_ATTACHMENTS) {
		l->left_out++;
		return true;
	}
	struct attachment *a = &l->attachments[l->nattachments++];

	a->kind = kind;
	add_decoded(&a->bytes, part);
	return true;
}

/* --- the tree --- */

static void
take_part(struct walk *w, GMimePart *part)
{
	GMimeContentType *ct = g_mime_object_get_content_type(GMIME_OBJECT(part));
	AUTO(auto_free) char *name = g_mime_content_type_get_mime_type(ct);
	struct str type = str_of(name), media = type, sub = type;

	media = str_cut(&sub, '/');
	if (str_eq_nocase(type, STR("message/delivery-status")) ||
	    str_eq_nocase(type, STR("message/global-delivery-status")))
		take_fields(&w->letter->status, part);
	else if (str_eq_nocase(type, STR("message/feedback-report")))
		take_fields(&w->letter->feedback, part);
	else if (str_eq_nocase(type, STR("text/rfc822-headers")) ||
		 str_eq_nocase(type, STR("text/rfc822-header")) ||
		 str_eq_nocase(type, STR("message/rfc822-headers")) ||
		 str_eq_nocase(type, STR("message/global-headers")) ||
		 str_eq_nocase(type, STR("text/rfc822")))
		take_returned(w, part, false);
	else if (str_eq_nocase(type, STR("message/rfc822")) ||
		 str_eq_nocase(type, STR("message/rfc2822")) ||
		 str_eq_nocase(type, STR("message/global")) ||
		 str_ends_nocase(file_name(w, part), STR(".eml")))
		take_returned(w, part, true); /* webmail attaches it as a file of bytes */
	else if (!take_attachment(w, part, type) && str_eq_nocase(media, STR("text")) &&
		 !is_attached_file(part))
		take_text(w, part, sub);
	else if (str_eq_nocase(media, STR("text")))
		take_attached_status(w->letter, part);
}

static void
take_object(struct walk *w, GMimeObject *object)
{
	struct letter *l = w->letter;

	if (l->parts == REPORT_PARTS || w->depth > REPORT_DEPTH) {
		l->left_out++;
		return;
	}
	l->parts++;
	if (GMIME_IS_PART(object)) {
		take_part(w, GMIME_PART(object));
	} else if (GMIME_IS_MULTIPART(object)) {
		GMimeMultipart *m = GMIME_MULTIPART(object);
		int n = g_mime_multipart_get_count(m);

		w->depth++;
		for (int i = 0; i < n && l->parts < REPORT_PARTS; i++)
			take_object(w, g_mime_multipart_get_part(m, i));
		w->depth--;
	}
}

/* --- the whole --- */

static GMimeObject *
parse(struct str message)
{
	AUTO(auto_unref)
	GMimeStream *from = g_mime_stream_mem_new_with_buffer(message.p, message.n);
	AUTO(auto_unref) GMimeParser *parser = g_mime_parser_new_with_stream(from);

	g_mime_parser_set_persist_stream(parser, TRUE); /* parts are no copies */
	return g_mime_parser_construct_part(parser, NULL);
}

/*
 * A multipart without any part: its boundary is not the one in the header. The first line
 * "--X" with a field of a part behind it tells the one in use.
 */
static bool
guess_boundary(struct str body, struct buf *out)
{
	while (body.n > 0) {
		struct str line = str_trim(str_cut(&body, '\n')), ahead = body;
		struct str name = field_name_of(str_cut(&ahead, '\n'));

		if (!str_starts(line, STR("--")) || line.n < 3 ||
		    !str_eq_nocase(str_head(name, 8), STR("Content-")) ||
		    str_find_char(line, '"') >= 0)
			continue;
		buf_add(out, STR("Content-Type: multipart/mixed; boundary=\""));
		buf_add(out, str_skip(line, 2));
		buf_add(out, STR("\"\n\n"));
		return true;
	}
	return false;
}

static GMimeObject *
parse_repaired(struct str message)
{
	GMimeObject *object = parse(message);
	AUTO(buf_done) struct buf repaired = { 0 };
	struct str body;

	if (object == NULL || !GMIME_IS_MULTIPART(object) ||
	    g_mime_multipart_get_count(GMIME_MULTIPART(object)) > 0)
		return object;
	(void)header_of(message, &body);
	/* without any boundary it is text, whatever the header says */
	if (!guess_boundary(body, &repaired))
		buf_add(&repaired, STR("Content-Type: text/plain\n\n"));
	buf_add(&repaired, body);
	g_object_unref(object);
	return parse(buf_str(&repaired));
}

static void
decode_header(struct buf *out, struct str header, struct str name)
{
	AUTO(buf_done) struct buf value = { 0 };

	(void)fields_find(header, name, &value);
	AUTO(auto_free)
	char *decoded = g_mime_utils_header_decode_text(NULL, buf_cstr(&value));

	buf_add(out, str_of(decoded));
}

static void
take_type(struct letter *l, GMimeObject *object)
{
	GMimeContentType *ct = g_mime_object_get_content_type(object);
	AUTO(auto_free) char *type = g_mime_content_type_get_mime_type(ct);

	buf_add(&l->type, str_of(type));
	buf_add(&l->report_type,
	    str_of(g_mime_content_type_get_parameter(ct, "report-type")));
	buf_add(&l->boundary, str_of(g_mime_content_type_get_parameter(ct, "boundary")));
}

/* The fields and the returned message that a server pasted into the text. */
static void
split_text(struct letter *l)
{
	struct pasted p = pasted_split(buf_str(&l->text));
	struct str body;

	if (p.returned.n > 0 && l->returned.n == 0)
		buf_add(&l->returned, header_of(p.returned, &body));
	l->text.n = p.text.n;
	if (l->status.n == 0)
		buf_add(&l->status, pasted_status(p.text));
}

int
letter_read(struct letter *letter, struct str message, struct err *err)
{
	struct walk w = { .letter = letter };
	struct str body;
	int r = prescan(message, err);

	if (r < 0)
		return r;
	letter->header = header_of(message, &body);
	decode_header(&letter->from, letter->header, STR("From"));
	decode_header(&letter->subject, letter->header, STR("Subject"));
	AUTO(auto_unref) GMimeObject *object = parse_repaired(message);

	if (object == NULL)
		return err_set(err, -EBADMSG, "read message: no header and no text");
	take_type(letter, object);
	take_object(&w, object);
	if (letter->text.n == 0)
		mime_text_add_html(&letter->text, buf_str(&w.html));
	split_text(letter);
	bool failed = letter->text.failed || letter->status.failed || w.html.failed;

	buf_done(&w.html);
	buf_done(&w.name);
	return failed ? err_set(err, -ENOMEM, "read message: out of memory") : 0;
}

void
letter_done(struct letter *letter)
{
	struct buf *bufs[] = { &letter->from, &letter->subject, &letter->type,
		&letter->report_type, &letter->boundary, &letter->status, &letter->feedback,
		&letter->text, &letter->returned };

	for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
		buf_done(bufs[i]);
	for (size_t i = 0; i < letter->nattachments; i++)
		buf_done(&letter->attachments[i].bytes);
	for (size_t i = 0; i < letter->ninner; i++)
		buf_done(&letter->inner[i]);
	*letter = (struct letter){ 0 };
}
