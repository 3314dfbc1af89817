#include "web/openmetrics.h"

#include "core/clock.h"

static const char *
type_name(enum om_type type, enum metrics_format format)
{
	switch (type) {
	case OM_COUNTER: return "counter";
	case OM_HISTOGRAM: return "histogram";
	case OM_INFO: return format == METRICS_OPENMETRICS ? "info" : "gauge";
	case OM_GAUGE: break;
	}
	return "gauge";
}

/* What the samples of this type end in. */
static const char *
ending(enum om_type type)
{
	return type == OM_COUNTER ? "_total" : type == OM_INFO ? "_info" : "";
}

static void
add_head(struct om_writer *w, const char *what, const char *text)
{
	buf_addf(w->out, "# %s %s%s %s\n", what, w->name,
	    w->format == METRICS_TEXT ? ending(w->type) : "", text);
}

void
om_family(struct om_writer *w, const char *name, enum om_type type, const char *unit,
    const char *help)
{
	w->name = name;
	w->type = type;
	add_head(w, "TYPE", type_name(type, w->format));
	if (unit != NULL && w->format == METRICS_OPENMETRICS)
		add_head(w, "UNIT", unit);
	add_head(w, "HELP", help);
}

/* Quotes, backslashes and newlines are escaped; what is not UTF-8 or steers is no concern of a
 * label: it is shown as "?". */
static void
add_value(struct buf *out, struct str value)
{
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (c == '"' || c == '\\') {
			buf_add_char(out, '\\');
			buf_add_char(out, (char)c);
		} else {
			buf_add_char(out, c < 0x20 || c >= 0x7f ? '?' : (char)c);
		}
	}
}

static void
begin_sample(struct om_writer *w, const char *suffix, const struct om_labels *labels)
{
	buf_addf(w->out, "%s%s", w->name, suffix != NULL ? suffix : ending(w->type));
	for (size_t i = 0; i < OM_LABELS && labels != NULL && labels->items[i].name != NULL;
	     i++) {
		buf_addf(w->out, "%c%s=\"", i == 0 ? '{' : ',', labels->items[i].name);
		add_value(w->out, labels->items[i].value);
		buf_add_char(w->out, '"');
	}
	if (labels != NULL && labels->items[0].name != NULL)
		buf_add_char(w->out, '}');
	buf_add_char(w->out, ' ');
}

void
om_int(struct om_writer *w, const char *suffix, const struct om_labels *labels,
    int64_t value)
{
	begin_sample(w, suffix, labels);
	buf_add_int(w->out, value);
	buf_add_char(w->out, '\n');
}

void
om_seconds(struct om_writer *w, const char *suffix, const struct om_labels *labels,
    int64_t us)
{
	begin_sample(w, suffix, labels);
	buf_addf(w->out, "%lld.%06lld\n", (long long)(us / US_PER_S),
	    (long long)(us % US_PER_S));
}

void
om_end(struct om_writer *w)
{
	if (w->format == METRICS_OPENMETRICS)
		buf_add(w->out, STR("# EOF\n"));
}
