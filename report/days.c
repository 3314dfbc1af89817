#include "report/days.h"

#include <stdlib.h>
#include <time.h>

#include "core/clock.h"

#define HOUR_US (INT64_C(3600) * US_PER_S)

static int64_t
day_of(int64_t at_us, int64_t step_us)
{
	time_t at = (time_t)(at_us / US_PER_S);
	struct tm local;

	if (step_us > HOUR_US || localtime_r(&at, &local) == NULL)
		return at_us / step_us;
	return clock_days(local.tm_year + 1900, local.tm_mon + 1, local.tm_mday);
}

/* Of an hour its middle: where days begin at half past, the hour of UTC that one begins in
 * is its first. */
static int64_t
moment_of(const struct figure_lines *lines, size_t step)
{
	int64_t at_us = lines->from_us + (int64_t)step * lines->step_us;

	return lines->step_us > HOUR_US ? at_us : at_us + lines->step_us / 2;
}

bool
days_of(const struct figure_lines *lines, struct days *out)
{
	int64_t last = INT64_MIN;

	*out = (struct days){ .nlines = lines->nlines };
	if (lines->nsteps == 0 || lines->nlines == 0 || lines->step_us <= 0)
		return true;
	out->at_us = calloc(lines->nsteps, sizeof *out->at_us);
	out->values = calloc(lines->nsteps * lines->nlines, sizeof *out->values);
	size_t *day_of_step = calloc(lines->nsteps, sizeof *day_of_step);

	if (out->at_us == NULL || out->values == NULL || day_of_step == NULL) {
		free(day_of_step);
		days_done(out);
		return false;
	}
	for (size_t i = 0; i < lines->nsteps; i++) {
		int64_t at_us = moment_of(lines, i);
		int64_t day = day_of(at_us, lines->step_us);

		if (day != last)
			out->at_us[out->n++] = at_us;
		last = day;
		day_of_step[i] = out->n - 1;
	}
	for (size_t line = 0; line < lines->nlines; line++)
		for (size_t i = 0; i < lines->nsteps; i++) {
			int64_t value = lines->values[line * lines->nsteps + i];

			out->values[line * out->n + day_of_step[i]] +=
			    value > 0 ? value : 0;
		}
	free(day_of_step);
	return true;
}

void
days_done(struct days *days)
{
	free(days->at_us);
	free(days->values);
	*days = (struct days){ 0 };
}

const int64_t *
days_line(const struct days *days, const struct figure_lines *lines, struct str name)
{
	for (size_t i = 0; i < days->nlines; i++)
		if (str_eq(lines->names[i], name))
			return &days->values[i * days->n];
	return NULL;
}
