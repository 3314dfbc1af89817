/* What each plot says, and whether it says anything. */
#include "core/clock.h"
#include "core/plain.h"
#include "report/days.h"
#include "report/plot_impl.h"

enum { PROVIDERS_NAMED = 3, NAME_BYTES = 24 };

#define WORTH_US \
	(10 * (int64_t)US_PER_S) /* of mail that is never slow there is nothing to see */
#define WORTH_SHARE 0.02         /* accepted of all by all: nothing to see */

const char *
plot_name(enum plot_kind kind)
{
	static const char *const names[] = { "volume", "providers", "delays" };

	return names[kind];
}

size_t
plot_rows(const struct digest *d)
{
	size_t n = 0;

	while (n < d->nproviders && n < PLOT_ROWS && d->providers[n].accepted.now.total > 0)
		n++;
	return n;
}

int
plot_height(const struct digest *d, enum plot_kind kind)
{
	return kind == PLOT_PROVIDERS ? 72 + 30 * (int)plot_rows(d) : 250;
}

/* Failed of that day: what did not get through, nor waits. */
int64_t
plot_failed(const struct days *days, const struct figure_lines *lines, size_t day)
{
	static const struct str names[] = { STR_INIT("bounced"), STR_INIT("expired") };
	int64_t sum = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const int64_t *line = days_line(days, lines, names[i]);

		sum += line == NULL ? 0 : line[day];
	}
	return sum;
}

int64_t
plot_value(const struct days *days, const struct figure_lines *lines, const char *name,
    size_t day)
{
	const int64_t *line = days_line(days, lines, str_of(name));

	return line == NULL ? 0 : line[day];
}

static void
add_range(struct buf *out, int64_t low, int64_t high)
{
	digest_add_number(out, low);
	if (high == low)
		return;
	buf_add(out, STR(" to "));
	digest_add_number(out, high);
}

static void
say_volume(const struct digest *d, struct buf *out)
{
	struct days days;
	int64_t low = INT64_MAX, high = 0, failed = 0, sum = 0;
	size_t worst = 0;

	if (!days_of(&d->volume, &days)) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < days.n; i++) {
		int64_t delivered = plot_value(&days, &d->volume, "delivered", i);
		int64_t bad = plot_failed(&days, &d->volume, i);

		low = delivered < low ? delivered : low;
		high = delivered > high ? delivered : high;
		sum += delivered + bad;
		if (bad > failed) {
			failed = bad;
			worst = i;
		}
	}
	if (days.n >= 2 && sum > 0) {
		bool is_days = d->volume.step_us <= INT64_C(3600000000);

		buf_addf(out,
		    "Mail to other hosts per %s: ", is_days ? "day" : "step of time");
		add_range(out, low, high);
		buf_add(out, STR(" delivered"));
		if (failed > 0) {
			buf_add(out, STR("; the most refused on "));
			digest_day(out, days.at_us[worst]);
			buf_add(out, STR(": "));
			digest_add_number(out, failed);
			buf_add_char(out, '.');
		} else {
			buf_add(out, STR(", none refused."));
		}
	}
	days_done(&days);
}

/* Those of whom the most is not accepted. */
static void
say_providers(const struct digest *d, struct buf *out)
{
	size_t n = plot_rows(d), named = 0;
	bool told[PLOT_ROWS] = { false };

	if (n < 2)
		return;
	while (named < PROVIDERS_NAMED) {
		size_t worst = n;

		for (size_t i = 0; i < n; i++)
			if (!told[i] &&
			    1 - share_value(d->providers[i].accepted.now) >= WORTH_SHARE &&
			    (worst == n ||
				share_value(d->providers[i].accepted.now) <
				    share_value(d->providers[worst].accepted.now)))
				worst = i;
		if (worst == n)
			break;
		told[worst] = true;
		buf_add(out,
		    named++ == 0 ? STR("Not accepted, of all attempts: ") : STR(", "));
		plain_add_cut(out, d->providers[worst].name, NAME_BYTES);
		buf_add_char(out, ' ');
		digest_add_percent(out,
		    (struct share){ d->providers[worst].accepted.now.total -
					d->providers[worst].accepted.now.hits,
			d->providers[worst].accepted.now.total });
	}
	if (named > 0)
		buf_add_char(out, '.');
}

static void
say_delays(const struct digest *d, struct buf *out)
{
	const struct figure_lines *l = &d->delays;
	size_t known = 0, worst = 0;

	if (l->nlines < 2)
		return;
	const int64_t *late = &l->values[l->nsteps];

	for (size_t i = 0; i < l->nsteps; i++) {
		known += late[i] >= 0;
		if (late[i] > late[worst])
			worst = i;
	}
	if (known < 3 || late[worst] < WORTH_US)
		return;
	buf_add(out, STR("Mail was slowest from "));
	digest_moment(out, l->from_us + (int64_t)worst * l->step_us);
	buf_add(out, STR(" on: 5 % took longer than "));
	digest_add_delay(out, late[worst]);
	buf_add_char(out, '.');
}

void
plot_words(const struct digest *d, enum plot_kind kind, struct buf *out)
{
	switch (kind) {
	case PLOT_VOLUME: say_volume(d, out); break;
	case PLOT_PROVIDERS: say_providers(d, out); break;
	default: say_delays(d, out); break;
	}
}
