#include "rules/template.h"

#include "core/clock.h"
#include "parsers/catalogue.h"
#include "rules/detect.h"

enum { MAX_VALUE = 300 }; /* bytes of one filled-in value */

static const char *const own_words[] = { "provider", "relay", "code", "meaning", "remedy",
	"url", "hits", "total", "values", "share", "usual", "span", NULL };

static bool
is_known(struct str word)
{
	for (size_t i = 0; own_words[i] != NULL; i++)
		if (str_eq(word, str_of(own_words[i])))
			return true;
	return event_field_find(word) != EVF_COUNT;
}

static void
fault(struct pos at, struct str word, bool closed, struct diags *diags)
{
	const char *names[EVF_COUNT + sizeof own_words / sizeof *own_words];
	size_t n = 0;

	for (; own_words[n] != NULL; n++)
		names[n] = own_words[n];
	for (int f = 0; f < EVF_COUNT; f++)
		names[n++] = event_field_name((enum event_field)f);
	names[n] = NULL;
	const char *near = nearest_word(word, names);

	if (!closed)
		diag_add(diags, at, "no '}' after '{%.*s'", STR_ARG(word));
	else
		diag_add(diags, at, "no word '{%.*s}'%s%s%s", STR_ARG(word),
		    near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

bool
template_check(const struct ynode *node, struct diags *diags)
{
	struct str left = node->text;
	bool good = true;

	for (;;) {
		ptrdiff_t open = str_find_char(left, '{');

		if (open < 0)
			return good;
		left = str_skip(left, (size_t)open + 1);
		ptrdiff_t close = str_find_char(left, '}');
		struct str word = str_head(left, close < 0 ? 20 : (size_t)close);

		if (close < 0 || !is_known(word)) {
			fault(ynode_pos(node, (size_t)(left.p - node->text.p)), word,
			    close >= 0, diags);
			good = false;
		}
	}
}

static void
add_percent(double share, struct buf *out)
{
	/* 99.6 % of many is not all of them */
	buf_addf(out, "%.*f%%", (share > 0.99 && share < 1) || (share > 0 && share < 0.01),
	    share * 100);
}

/* False if it is none of the detectors' own words. */
static bool
fill_figure(struct str word, const struct figures *f, struct buf *out)
{
	if (str_eq(word, STR("hits")) || str_eq(word, STR("values"))) {
		if (f != NULL)
			buf_add_int(out, f->hits);
	} else if (str_eq(word, STR("total"))) {
		if (f != NULL)
			buf_add_int(out, f->total);
	} else if (str_eq(word, STR("share"))) {
		if (f != NULL)
			add_percent(f->share, out);
	} else if (str_eq(word, STR("usual"))) {
		if (f != NULL && f->is_share)
			add_percent(f->usual, out);
		else if (f != NULL)
			buf_add_int(out, (int64_t)f->usual);
	} else if (str_eq(word, STR("span"))) {
		if (f != NULL)
			clock_span_words(out, f->span_us);
	} else {
		return false;
	}
	return true;
}

static void
fill_word(struct str word, const struct event *ev, const struct figures *figures,
    const struct catalogue *cat, struct buf *out)
{
	const struct catalogue_code *code =
	    cat == NULL ? NULL : catalogue_code(cat, event_text(ev, EVF_code_id));

	if (fill_figure(word, figures, out))
		return;
	if (str_eq(word, STR("provider"))) {
		struct str id = event_text(ev, EVF_provider);

		buf_add(out, id.n == 0     ? STR("other servers")
			     : cat == NULL ? id
					   : catalogue_provider_short(cat, id));
	} else if (str_eq(word, STR("meaning"))) {
		if (code != NULL)
			buf_add(out, code->meaning);
	} else if (str_eq(word, STR("remedy"))) {
		if (code != NULL)
			buf_add(out, code->remedy);
	} else if (str_eq(word, STR("url"))) {
		if (code != NULL)
			buf_add(out, code->url);
	} else if (str_eq(word, STR("code"))) {
		struct str id = event_text(ev, EVF_code_id);

		buf_add(out, id.n > 0 ? id : event_text(ev, EVF_status));
	} else if (str_eq(word, STR("relay"))) {
		struct str name = event_text(ev, EVF_relay_name);

		buf_add(out,
		    str_head(name.n > 0 ? name : event_text(ev, EVF_relay_ip), MAX_VALUE));
	} else {
		size_t before = out->n;

		event_value_text(ev, event_field_find(word), out);
		if (out->n > before + MAX_VALUE)
			out->n = before + MAX_VALUE;
	}
}

void
template_fill(struct str text, const struct event *ev, const struct figures *figures,
    const struct catalogue *catalogue, struct buf *out)
{
	while (text.n > 0) {
		ptrdiff_t open = str_find_char(text, '{');

		if (open < 0)
			break;
		buf_add(out, str_head(text, (size_t)open));
		text = str_skip(text, (size_t)open + 1);
		fill_word(str_cut(&text, '}'), ev, figures, catalogue, out);
	}
	buf_add(out, text);
	while (out->n > 0 && (out->p[out->n - 1] == ' ' || out->p[out->n - 1] == '\n'))
		out->n--;
}
