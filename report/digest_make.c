/* Collects a digest's facts from the store. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "report/digest.h"

#define DAY_US (INT64_C(86400) * US_PER_S)

/* --- memory --- */

/* Takes the memory over; false, and it is freed, if there is none left. */
static bool
keep(struct digest *d, char *memory)
{
	if (memory != NULL && d->nkept == d->kept_cap) {
		size_t cap = d->kept_cap == 0 ? 64 : 2 * d->kept_cap;
		char **kept = realloc(d->kept, cap * sizeof *kept);

		if (kept != NULL) {
			d->kept = kept;
			d->kept_cap = cap;
		} else {
			free(memory);
			memory = NULL;
		}
	}
	if (memory == NULL) {
		d->failed = true;
		return false;
	}
	d->kept[d->nkept++] = memory;
	return true;
}

struct str
digest_keep(struct digest *d, struct str text)
{
	char *copy = str_dup(text);

	return keep(d, copy) ? (struct str){ copy, text.n } : STR("");
}

static void
free_unrest(struct digest_unrest *u)
{
	figure_lines_done(&u->volume);
	figure_lines_done(&u->out);
	figure_lines_done(&u->logins);
	figure_lines_done(&u->providers);
	figure_lines_done(&u->failed);
}

void
digest_done(struct digest *d)
{
	figures_done(&d->now);
	figures_done(&d->before);
	figure_lines_done(&d->volume);
	figure_lines_done(&d->delays);
	free(d->open);
	free(d->resolved);
	free(d->gaps);
	free(d->providers);
	free(d->reasons);
	free(d->changes);
	for (size_t i = 0; i < d->nkept; i++)
		free(d->kept[i]);
	free(d->kept);
	buf_done(&d->scratch);
	*d = (struct digest){ 0 };
}

/* --- incidents --- */

/* Room for one more of at most DIGEST_INCIDENTS; NULL: none. */
static struct incident *
one_more(struct digest *d, struct incident **list, size_t *n, size_t *left)
{
	if (*n == DIGEST_INCIDENTS) {
		(*left)++;
		return NULL;
	}
	if (*list == NULL)
		*list = calloc(DIGEST_INCIDENTS, sizeof **list);
	if (*list == NULL) {
		d->failed = true;
		return NULL;
	}
	return &(*list)[(*n)++];
}

int
digest_add_incident(struct digest *d, const struct incident *in)
{
	const struct digest_span *span = &d->span;
	struct incident *place = NULL;

	if (in->state == INCIDENT_OPEN) {
		d->ncritical += in->severity == SEVERITY_CRITICAL;
		d->nwarnings += in->severity == SEVERITY_WARNING;
		place = one_more(d, &d->open, &d->nopen, &d->open_left);
	} else if (in->state == INCIDENT_RESOLVED && in->opened_us < span->until_us &&
		   in->resolved_us >= span->from_us) {
		place = one_more(d, &d->resolved, &d->nresolved, &d->resolved_left);
	}
	if (place != NULL && !keep(d, incident_copy(in, place)))
		*place = (struct incident){ 0 };
	return d->failed ? -ENOMEM : 0;
}

static int
take_incident(void *ctx, const struct incident *incident)
{
	return digest_add_incident(ctx, incident);
}

/* --- gaps --- */

static int
take_gap(void *ctx, struct str source, int64_t at_us, struct str what, struct str detail)
{
	struct digest *d = ctx;

	if (at_us >= d->span.until_us)
		return 0;
	if (d->ngaps == DIGEST_GAPS) {
		d->gaps_left++;
		return 0;
	}
	if (d->gaps == NULL)
		d->gaps = calloc(DIGEST_GAPS, sizeof *d->gaps);
	if (d->gaps == NULL)
		return -ENOMEM;
	d->gaps[d->ngaps++] = (struct digest_gap){
		.source = digest_keep(d, source),
		.what = digest_keep(d, what),
		.detail = digest_keep(d, detail),
		.at_us = at_us,
	};
	return d->failed ? -ENOMEM : 0;
}

/* --- all of it --- */

static int
get_lines(struct store *store, const struct digest_span *span, enum figure_line line,
    bool before, struct figure_lines *out, struct err *err)
{
	int64_t from_us = before ? span->before_from_us : span->from_us;
	int64_t until_us = before ? span->before_until_us : span->until_us;

	bool is_long = until_us - from_us > DIGEST_DAYS * DAY_US;
	/* Hours become local days; delays cannot be added up. */
	int64_t step_us = is_long              ? 7 * DAY_US
			  : line == LINE_DELAY ? DAY_US / 2
					       : DAY_US / 24;

	return store_get_lines(store, line, from_us, until_us, step_us, out, err);
}

/*
 * Hours are those of UTC. Where days begin at half past one, the hour that a week begins in
 * is of that week, and not of the one before, too: else both had a day more, of an hour.
 */
static struct digest_span
whole_hours(struct digest_span span)
{
	const int64_t hour_us = DAY_US / 24;

	if (span.week != 0 && !span.so_far) {
		span.until_us -= span.until_us % hour_us;
		span.before_until_us -= span.before_until_us % hour_us;
	}
	return span;
}

/*
 * The earlier span, if its logs were read from its beginning on: beside a part of it all would
 * seem to have become more.
 */
static int
get_before(struct store *store, const struct digest_span *span, struct figures *out,
    struct err *err)
{
	int64_t begin_us = (span->before_until_us - span->before_from_us) / 7;
	struct figures past;
	int r = store_get_figures(store, INT64_MIN, span->before_from_us + begin_us, &past,
	    err);

	if (r < 0)
		return r;
	if (past.ledger.lines > 0)
		r = store_get_figures(store, span->before_from_us, span->before_until_us,
		    out, err);
	figures_done(&past);
	return r;
}

static int
collect(struct store *store, struct digest *d, struct digest_unrest *unrest,
    struct err *err)
{
	const struct digest_span hours = whole_hours(d->span), *span = &hours;
	const struct {
		enum figure_line line;
		bool before;
		struct figure_lines *out;
	} lines[] = {
		{ LINE_OUT, false, &d->volume },
		{ LINE_DELAY, false, &d->delays },
		{ LINE_VOLUME, true, &unrest->volume },
		{ LINE_OUT, true, &unrest->out },
		{ LINE_LOGINS, true, &unrest->logins },
		{ LINE_PROVIDERS, true, &unrest->providers },
		{ LINE_FAILED, true, &unrest->failed },
	};
	int r = store_get_figures(store, span->from_us, span->until_us, &d->now, err);

	if (r == 0)
		r = get_before(store, span, &d->before, err);
	for (size_t i = 0; r == 0 && i < sizeof lines / sizeof *lines; i++)
		r = get_lines(store, span, lines[i].line, lines[i].before, lines[i].out,
		    err);
	if (r == 0)
		r = store_each_incident(store, INCIDENTS_ALIVE, span->from_us,
		    take_incident, d, err);
	if (r == 0)
		r = store_each_gap(store, span->from_us, take_gap, d, err);
	return r;
}

int
digest_make(struct store *store, const struct digest_order *order, struct digest *out,
    struct err *err)
{
	struct digest d = { .span = order->span, .now_us = order->now_us };
	struct digest_unrest unrest = { 0 };

	d.host = digest_keep(&d, order->host);
	d.version = digest_keep(&d, order->version);
	int r = collect(store, &d, &unrest, err);

	if (r == 0)
		digest_judge(&d, &unrest, order->catalogue);
	free_unrest(&unrest);
	if (d.failed)
		r = err_set(err, -ENOMEM, "make digest: out of memory");
	if (r < 0) {
		digest_done(&d);
		return r;
	}
	*out = d;
	return 0;
}
