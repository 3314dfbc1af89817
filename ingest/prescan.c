#include "ingest/prescan.h"

#include <errno.h>

#include "ingest/fields.h"
#include "ingest/report.h"

enum {
	MAX_FIELDS = 200 * 1000, /* lines that look like fields, some 500 bytes each */
	MAX_COMPARES = 50 * 1000 * 1000, /* lines with "--" times boundaries */
	MAX_BOUNDARIES = 1024,           /* that are remembered */
	NAME_BYTES = 80,                 /* longer is no field */
};

struct scan {
	size_t fields, dashes, boundaries, parts;
	struct str values[MAX_BOUNDARIES];
};

/* The value of boundary=..., as far as it needs no decoding. */
static void
take_boundary(struct scan *scan, struct str line)
{
	ptrdiff_t at = str_find_nocase(line, STR("boundary"));

	if (at < 0)
		return;
	struct str value = str_trim(str_skip(line, (size_t)at + STR("boundary").n));
	size_t n = 0;

	if (value.n == 0 || (value.p[0] != '=' && value.p[0] != '*'))
		return;
	scan->boundaries++;
	value = str_trim(str_skip(value, 1));
	if (value.n > 0 && value.p[0] == '"')
		value = str_skip(value, 1);
	while (n < value.n && value.p[n] != '"' && value.p[n] != ';' && value.p[n] > ' ')
		n++;
	if (n > 0 && scan->boundaries <= MAX_BOUNDARIES)
		scan->values[scan->boundaries - 1] = str_head(value, n);
}

static bool
begins_part(const struct scan *scan, struct str line)
{
	size_t n = scan->boundaries < MAX_BOUNDARIES ? scan->boundaries : MAX_BOUNDARIES;

	for (size_t i = 0; i < n; i++)
		if (scan->values[i].n > 0 && str_starts(str_skip(line, 2), scan->values[i]))
			return true;
	return false;
}

static int
too_much(struct err *err, const char *what)
{
	return err_set(err, -E2BIG, "take message apart: %s", what);
}

static int
take_line(struct scan *scan, struct str line, struct err *err)
{
	if (str_starts(line, STR("--"))) {
		scan->dashes++;
		/* checked at each line, so that the comparing ends as well */
		if (scan->dashes * scan->boundaries > MAX_COMPARES)
			return too_much(err, "too many parts in parts");
		scan->parts += begins_part(scan, line);
	} else if (field_name_of(str_head(line, NAME_BYTES)).n > 0) {
		scan->fields++;
	}
	take_boundary(scan, str_head(line, REPORT_FIELD_BYTES));
	if (scan->parts > 2 * REPORT_PARTS) /* with the closing ones */
		return too_much(err, "too many parts");
	if (scan->fields > MAX_FIELDS)
		return too_much(err, "too many header fields");
	return 0;
}

int
prescan(struct str message, struct err *err)
{
	struct scan scan = { 0 };
	int r = 0;

	if (message.n > REPORT_MESSAGE_BYTES)
		return err_set(err, -E2BIG,
		    "read message: %zu MiB, more than %d MiB is not read", message.n >> 20,
		    REPORT_MESSAGE_BYTES >> 20);
	while (r == 0 && message.n > 0)
		r = take_line(&scan, str_cut(&message, '\n'), err);
	return r;
}
