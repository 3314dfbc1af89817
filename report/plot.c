#include "report/plot.h"

#include <cairo.h>
#include <errno.h>
#include <fontconfig/fontconfig.h>
#include <math.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/plain.h"
#include "report/days.h"
#include "report/plot_impl.h"

enum { TITLE_Y = 24, LEFT = 62, RIGHT = 14, TOP = 64, BOTTOM = 32, LABEL_PX = 14 };

struct colour {
	double r, g, b;
};

/* Okabe and Ito 2008, and the paper that they lie on. */
static const struct colour blue = { 0, 0.447, 0.698 }, orange = { 0.902, 0.624, 0 },
			   vermilion = { 0.835, 0.369, 0 }, paper = { 0.965, 0.969, 0.973 },
			   ink = { 0.13, 0.15, 0.17 }, faint = { 0.36, 0.39, 0.42 },
			   grid = { 0.83, 0.85, 0.87 };

/* --- drawing --- */

static void
use(cairo_t *c, struct colour colour)
{
	cairo_set_source_rgb(c, colour.r, colour.g, colour.b);
}

static void
box(cairo_t *c, struct colour colour, double x, double y, double w, double h)
{
	use(c, colour);
	cairo_rectangle(c, x, y, w, h);
	cairo_fill(c);
}

/* On whole pixels of the picture, so that it is crisp. */
static double
snap(double value)
{
	return floor(value * PLOT_SCALE + 0.5) / PLOT_SCALE;
}

enum side {
	SIDE_LEFT,
	SIDE_MIDDLE,
	SIDE_RIGHT,
};

static double
text_width(cairo_t *c, const char *text)
{
	cairo_text_extents_t e;

	cairo_text_extents(c, text, &e);
	return e.x_advance;
}

/* x is the text's left end, its middle, or its right end. */
static void
label(cairo_t *c, struct colour colour, double x, double y, enum side side,
    const char *text)
{
	double w = text_width(c, text);

	use(c, colour);
	cairo_move_to(c, x - (side == SIDE_RIGHT ? w : side == SIDE_MIDDLE ? w / 2 : 0), y);
	cairo_show_text(c, text);
}

struct key {
	struct colour colour;
	const char *text;
};

static void
legend(cairo_t *c, const struct key *keys, size_t n)
{
	double x = LEFT;

	for (size_t i = 0; i < n; i++) {
		box(c, keys[i].colour, snap(x), TITLE_Y + 12, 12, 12);
		label(c, faint, x + 17, TITLE_Y + 23, SIDE_LEFT, keys[i].text);
		x += 17 + text_width(c, keys[i].text) + 18;
	}
}

static void
title(cairo_t *c, const char *text)
{
	cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
	    CAIRO_FONT_WEIGHT_BOLD);
	cairo_set_font_size(c, LABEL_PX + 2);
	label(c, ink, LEFT, TITLE_Y, SIDE_LEFT, text);
	cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
	    CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(c, LABEL_PX);
}

/* 1, 2 or 5 times a power of ten, so that four steps or fewer reach the top. */
static double
round_step(double top)
{
	double step = 1;
	static const double factors[] = { 2, 2.5, 2 };

	for (int i = 0; step * 4 < top; i++)
		step *= factors[i % 3];
	return step;
}

struct frame {
	double x, y, w, h; /* of the plot's area */
	double top;        /* value at its upper edge */
};

static double
y_of(const struct frame *f, double value)
{
	return snap(f->y + f->h - f->h * value / f->top);
}

static void
grid_line(cairo_t *c, const struct frame *f, double y, const char *text)
{
	box(c, grid, f->x, y, f->w, 1.0 / PLOT_SCALE);
	label(c, faint, f->x - 6, y + 5, SIDE_RIGHT, text);
}

static struct frame
frame_of(int height)
{
	return (struct frame){ LEFT, TOP, PLOT_WIDTH - LEFT - RIGHT, height - TOP - BOTTOM,
		1 };
}

/* "Mon 2" */
static void
day_label(cairo_t *c, const struct frame *f, double x, int64_t at_us)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct str rest, weekday, day;

	digest_day(&text, at_us);
	rest = buf_str(&text);
	weekday = str_cut(&rest, ' ');
	day = str_cut(&rest, ' ');

	AUTO(buf_done) struct buf shown = { 0 };

	buf_add(&shown, weekday);
	buf_add_char(&shown, ' ');
	buf_add(&shown, day);
	label(c, faint, x, f->y + f->h + 20, SIDE_MIDDLE, buf_cstr(&shown));
}

/* --- volume --- */

static void
draw_bars(cairo_t *c, const struct digest *d, const struct days *days, struct frame *f)
{
	double slot = f->w / (double)days->n, w = slot * 0.68;
	size_t each = days->n / 9 + 1; /* labels do not run into each other */

	for (size_t i = 0; i < days->n; i++) {
		double x = snap(f->x + slot * ((double)i + 0.16)), y = f->y + f->h;
		const struct {
			struct colour colour;
			int64_t value;
		} parts[] = {
			{ blue, plot_value(days, &d->volume, "delivered", i) },
			{ orange, plot_value(days, &d->volume, "deferred", i) },
			{ vermilion, plot_failed(days, &d->volume, i) },
		};

		for (size_t k = 0; k < 3; k++) {
			double h = f->h * (double)parts[k].value / f->top;

			/* What is there is seen. */
			if (parts[k].value > 0 && h < 1.5)
				h = 1.5;
			y -= snap(h);
			box(c, parts[k].colour, x, y, snap(w), snap(h));
		}
		if (i % each == 0)
			day_label(c, f, x + w / 2, days->at_us[i]);
	}
}

static int
draw_volume(cairo_t *c, const struct digest *d)
{
	static const struct key keys[] = { { { 0, 0.447, 0.698 }, "delivered" },
		{ { 0.902, 0.624, 0 }, "deferred" }, { { 0.835, 0.369, 0 }, "refused" } };
	struct frame f = frame_of(plot_height(d, PLOT_VOLUME));
	struct days days;
	int64_t most = 1;

	if (!days_of(&d->volume, &days))
		return -ENOMEM;
	for (size_t i = 0; i < days.n; i++) {
		int64_t sum = plot_value(&days, &d->volume, "delivered", i) +
			      plot_value(&days, &d->volume, "deferred", i) +
			      plot_failed(&days, &d->volume, i);

		most = sum > most ? sum : most;
	}
	double step = round_step((double)most);

	f.top = ceil((double)most / step) * step;
	title(c, "Attempts to deliver to other hosts, by day");
	legend(c, keys, 3);
	for (double v = 0; v <= f.top; v += step) {
		AUTO(buf_done) struct buf text = { 0 };

		digest_add_number(&text, (int64_t)v);
		grid_line(c, &f, y_of(&f, v), buf_cstr(&text));
	}
	draw_bars(c, d, &days, &f);
	days_done(&days);
	return 0;
}

/* --- providers --- */

static int
draw_providers(cairo_t *c, const struct digest *d)
{
	enum { NAMES = 150, VALUES = 78, ROW = 30, BAR = 18 };
	static const struct key keys[] = { { { 0, 0.447, 0.698 }, "accepted" },
		{ { 0.902, 0.624, 0 }, "deferred" }, { { 0.835, 0.369, 0 }, "refused" } };
	double w = PLOT_WIDTH - NAMES - VALUES;

	title(c, "What became of each attempt, by provider");
	legend(c, keys, 3);
	for (size_t i = 0; i < plot_rows(d); i++) {
		const struct digest_provider *p = &d->providers[i];
		double total = (double)p->accepted.now.total, x = NAMES;
		double y = TOP + ROW * (double)i;
		const double parts[] = { (double)p->accepted.now.hits,
			(double)p->deferred.now.hits, (double)p->refused.now.hits };
		AUTO(buf_done) struct buf name = { 0 }, value = { 0 };

		/* cairo draws nothing at all of what is not UTF-8 */
		plain_add_cut(&name, p->name, 20);
		digest_add_percent(&value, p->accepted.now);
		label(c, ink, NAMES - 10, y + 14, SIDE_RIGHT, buf_cstr(&name));
		label(c, ink, PLOT_WIDTH - RIGHT, y + 14, SIDE_RIGHT, buf_cstr(&value));
		for (size_t k = 0; k < 3; k++) {
			double part = snap(w * parts[k] / total);

			box(c, keys[k].colour, x, y, part, BAR);
			x += part;
		}
	}
	return 0;
}

/* --- delays --- */

/* Seconds on a logarithmic scale, from 0.1. */
static double
log_y(const struct frame *f, double us)
{
	double v = log10(us < 1e5 ? 1e5 : us) - 5;

	return f->y + f->h - f->h * v / f->top;
}

static void
draw_line(cairo_t *c, const struct frame *f, const struct figure_lines *l, size_t line,
    struct colour colour)
{
	const int64_t *values = &l->values[line * l->nsteps];
	bool down = false;

	use(c, colour);
	cairo_set_line_width(c, 2);
	cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
	for (size_t i = 0; i < l->nsteps; i++) {
		double x = f->x + f->w * ((double)i + 0.5) / (double)l->nsteps;

		if (values[i] < 0) {
			down = false;
			continue;
		}
		if (down)
			cairo_line_to(c, x, log_y(f, (double)values[i]));
		else
			cairo_move_to(c, x, log_y(f, (double)values[i]));
		down = true;
	}
	cairo_stroke(c);
	for (size_t i = 0; i < l->nsteps; i++) {
		double x = f->x + f->w * ((double)i + 0.5) / (double)l->nsteps;

		if (values[i] < 0 || l->nsteps > 60)
			continue;
		if (line == 0)
			cairo_arc(c, x, log_y(f, (double)values[i]), 3, 0, 6.2832);
		else
			cairo_rectangle(c, x - 3, log_y(f, (double)values[i]) - 3, 6, 6);
		cairo_fill(c);
	}
}

static int
draw_delays(cairo_t *c, const struct digest *d)
{
	static const struct key keys[] = { { { 0, 0.447, 0.698 },
					       "half of the mail within" },
		{ { 0.835, 0.369, 0 }, "95 % within" } };
	static const struct {
		double us;
		const char *text;
	} ticks[] = { { 1e5, "0.1 s" }, { 1e6, "1 s" }, { 1e7, "10 s" }, { 6e7, "1 min" },
		{ 6e8, "10 min" }, { 3.6e9, "1 h" }, { 3.6e10, "10 h" },
		{ 4.32e11, "5 d" } };
	const struct figure_lines *l = &d->delays;
	struct frame f = frame_of(plot_height(d, PLOT_DELAYS));
	double most = 1e6;
	int64_t span_us = (int64_t)l->nsteps * l->step_us;
	int64_t every_us = INT64_C(86400) * US_PER_S * (span_us / US_PER_S / 86400 / 9 + 1);

	for (size_t i = 0; i < l->nsteps * 2; i++)
		most = fmax(most, (double)l->values[i]);
	f.top = log10(most * 1.3) - 5;
	title(c, "Time to deliver");
	legend(c, keys, 2);
	for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++)
		if (ticks[i].us <= most * 1.3)
			grid_line(c, &f, snap(log_y(&f, ticks[i].us)), ticks[i].text);
	for (int64_t t = l->from_us + every_us / 2; t < l->from_us + span_us; t += every_us)
		day_label(c, &f, f.x + f.w * (double)(t - l->from_us) / (double)span_us, t);
	draw_line(c, &f, l, 0, blue);
	draw_line(c, &f, l, 1, vermilion);
	return 0;
}

/* --- PNG --- */

static cairo_status_t
take_bytes(void *ctx, const unsigned char *bytes, unsigned int n)
{
	struct buf *out = ctx;

	buf_add(out, (struct str){ (const char *)bytes, n });
	return out->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

int
plot_draw(const struct digest *d, enum plot_kind kind, struct buf *out, struct err *err)
{
	int height = plot_height(d, kind), r;
	cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24,
	    PLOT_WIDTH * PLOT_SCALE, height * PLOT_SCALE);
	cairo_t *c = cairo_create(surface);

	cairo_scale(c, PLOT_SCALE, PLOT_SCALE);
	box(c, paper, 0, 0, PLOT_WIDTH, height);
	r = kind == PLOT_VOLUME      ? draw_volume(c, d)
	    : kind == PLOT_PROVIDERS ? draw_providers(c, d)
				     : draw_delays(c, d);
	cairo_status_t status = cairo_status(c);

	if (r == 0 && status == CAIRO_STATUS_SUCCESS)
		status = cairo_surface_write_to_png_stream(surface, take_bytes, out);
	cairo_destroy(c);
	cairo_surface_destroy(surface);
	if (r < 0)
		return err_set(err, r, "draw plot %s: out of memory", plot_name(kind));
	if (status != CAIRO_STATUS_SUCCESS)
		return err_set(err, status == CAIRO_STATUS_NO_MEMORY ? -ENOMEM : -EIO,
		    "draw plot %s: %s", plot_name(kind), cairo_status_to_string(status));
	return 0;
}

void
plot_end(void)
{
	cairo_debug_reset_static_data();
	FcFini();
}
