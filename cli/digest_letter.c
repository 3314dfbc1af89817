#include "cli/digest_letter.h"

#include <errno.h>

#include "notify/base64.h"
#include "report/telling.h"
#include "store/digest.h"

enum { HEADERS_BYTES = 4000, ID_DIGITS = 12 };

struct plots {
	struct buf png[PLOT_COUNT], names[PLOT_COUNT], urls[PLOT_COUNT];
};

static void
plots_done(struct plots *plots)
{
	for (int i = 0; i < PLOT_COUNT; i++) {
		buf_done(&plots->png[i]);
		buf_done(&plots->names[i]);
		buf_done(&plots->urls[i]);
	}
}

/* In a quiet week mail by day is all there is to see. */
static bool
is_wanted(const struct digest *d, enum plot_kind kind)
{
	AUTO(buf_done) struct buf words = { 0 };

	if (d->quiet && kind != PLOT_VOLUME)
		return false;
	plot_words(d, kind, &words);
	return words.n > 0;
}

static int
draw(const struct digest *d, struct plots *plots, struct err *err)
{
	int r = 0;

	for (int i = 0; r == 0 && i < PLOT_COUNT; i++)
		if (is_wanted(d, (enum plot_kind)i))
			r = plot_draw(d, (enum plot_kind)i, &plots->png[i], err);
	return r;
}

static int
tell_html(const struct digest *d, struct plots *plots, struct buf *out, struct err *err)
{
	struct telling_plots urls = { 0 };

	for (int i = 0; i < PLOT_COUNT; i++) {
		urls.urls[i] = buf_str(&plots->urls[i]);
		out->failed |= plots->urls[i].failed || plots->png[i].failed;
	}
	telling_write(d, &sheet_html, &urls, out);
	return out->failed ? err_set(err, -ENOMEM, "write digest: out of memory") : 0;
}

int
digest_letter_html(const struct digest *d, struct buf *out, struct err *err)
{
	AUTO(plots_done) struct plots plots = { 0 };
	int r = draw(d, &plots, err);

	for (int i = 0; i < PLOT_COUNT; i++) {
		if (plots.png[i].n == 0)
			continue;
		buf_add(&plots.urls[i], STR("data:image/png;base64,"));
		base64_encode(&plots.urls[i], buf_str(&plots.png[i]));
	}
	return r < 0 ? r : tell_html(d, &plots, out, err);
}

/* Twelve digits and a dot: so are all our ids, and so our mail is known again in the log
 * (store/own_mail.h). */
void
digest_letter_id(const struct digest *d, bool again, struct buf *out)
{
	AUTO(buf_done) struct buf key = { 0 }, span = { 0 };

	digest_span_id(&d->span, &span);
	buf_add(&key, d->host);
	buf_add_char(&key, '\n');
	buf_add(&key, buf_str(&span));
	buf_addf(out, "%0*llx.digest.", ID_DIGITS,
	    (unsigned long long)(str_hash(buf_str(&key)) & 0xffffffffffff));
	buf_add(out, buf_str(&span));
	if (again)
		buf_addf(out, ".%llx", (unsigned long long)d->now_us);
	out->failed |= key.failed || span.failed;
}

/* Its name is its Content-ID: unique in the world, as the notice's id is. */
static void
name_plots(struct plots *plots, struct str id)
{
	for (int i = 0; i < PLOT_COUNT; i++) {
		if (plots->png[i].n == 0)
			continue;
		buf_addf(&plots->names[i], "%s.%.*s@mailwarden.invalid",
		    plot_name((enum plot_kind)i), STR_ARG(id));
		buf_add(&plots->urls[i], STR("cid:"));
		buf_add(&plots->urls[i], buf_str(&plots->names[i]));
	}
}

/* At most so many as quoted-printable, whose lines are at most 76 long: most scripts but the
 * Latin one take three times as many. */
static size_t
quoted_bytes(const struct buf *text)
{
	enum { LINE = 72 };
	size_t bytes = 0;

	for (size_t i = 0; i < text->n; i++) {
		unsigned char c = (unsigned char)text->p[i];

		bytes += c == '\n' ? 2 : c >= ' ' && c < 0x7f && c != '=' ? 1 : 3;
	}
	return bytes + bytes / LINE * 3;
}

static size_t
sent_bytes(const struct plots *plots, const struct buf *text, const struct buf *html)
{
	size_t bytes = HEADERS_BYTES + quoted_bytes(text) + quoted_bytes(html);

	for (int i = 0; i < PLOT_COUNT; i++)
		bytes += plots->png[i].n * 78 / 57;
	return bytes;
}

/* Fewer plots until it is small enough. */
static int
tell_small_html(const struct digest *d, struct plots *plots, const struct buf *text,
    struct buf *html, struct err *err)
{
	int r = tell_html(d, plots, html, err);

	for (int i = PLOT_COUNT - 1;
	     r == 0 && i >= 0 && sent_bytes(plots, text, html) > DIGEST_LETTER_BYTES; i--) {
		buf_clear(&plots->png[i]);
		buf_clear(&plots->urls[i]);
		buf_clear(html);
		r = tell_html(d, plots, html, err);
	}
	return r;
}

static int
add(struct store *store, const struct digest *d, struct str id,
    const struct digest_part *parts, size_t n, struct err *err)
{
	int r = store_begin(store, err);

	if (r < 0)
		return r;
	int added = store_add_digest(store, id, d->now_us, parts, n, err);

	r = added < 0 ? added : store_commit(store, err);
	if (r < 0)
		store_rollback(store);
	return r < 0 ? r : added;
}

int
digest_letter_post(struct store *store, const struct digest *d, struct str id,
    struct err *err)
{
	static const struct telling_plots nowhere = { 0 };
	AUTO(plots_done) struct plots plots = { 0 };
	AUTO(buf_done) struct buf subject = { 0 }, brief = { 0 }, text = { 0 },
				  html = { 0 };
	struct digest_part parts[DIGEST_PARTS];
	size_t n = 0;
	int r = draw(d, &plots, err);

	name_plots(&plots, id);
	telling_subject(d, &subject);
	telling_brief(d, &brief);
	telling_write(d, &sheet_text, &nowhere, &text);
	if (r == 0)
		r = tell_small_html(d, &plots, &text, &html, err);
	if (r == 0 && (subject.failed || brief.failed || text.failed))
		r = err_set(err, -ENOMEM, "write digest: out of memory");
	if (r < 0)
		return r;
	parts[n++] = (struct digest_part){ STR("subject"), buf_str(&subject) };
	parts[n++] = (struct digest_part){ STR("brief"), buf_str(&brief) };
	parts[n++] = (struct digest_part){ STR("text"), buf_str(&text) };
	parts[n++] = (struct digest_part){ STR("html"), buf_str(&html) };
	for (int i = 0; i < PLOT_COUNT; i++)
		if (plots.png[i].n > 0)
			parts[n++] = (struct digest_part){ buf_str(&plots.names[i]),
				buf_str(&plots.png[i]) };
	return add(store, d, id, parts, n, err);
}
