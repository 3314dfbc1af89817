/*
 * figures_show - prints figures of a store as JSON, for the whole-program tests
 *
 *   figures_show STORE FROM UNTIL          struct figures
 *   figures_show STORE FROM UNTIL LINE STEP   a time line
 *
 * FROM, UNTIL and STEP are seconds.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "store/figures.h"
#include "store/figures_json.h"

static int
show(struct store *store, char **argv, int argc, struct buf *out, struct err *err)
{
	int64_t from_us = strtoll(argv[2], NULL, 10) * US_PER_S;
	int64_t until_us = strtoll(argv[3], NULL, 10) * US_PER_S;
	int r;

	if (argc == 4) {
		struct figures f;

		if ((r = store_get_figures(store, from_us, until_us, &f, err)) < 0)
			return r;
		figures_json(&f, out);
		figures_done(&f);
		return 0;
	}
	enum figure_line line = figure_line_find(str_of(argv[4]));
	struct figure_lines lines;

	r = store_get_lines(store, line, from_us, until_us,
	    strtoll(argv[5], NULL, 10) * US_PER_S, &lines, err);
	if (r < 0)
		return r;
	figure_lines_json(&lines, line, out);
	figure_lines_done(&lines);
	return 0;
}

int
main(int argc, char **argv)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct store *store = NULL;
	struct err err = { 0 };
	int r;

	if (argc != 4 && argc != 6) {
		(void)fprintf(stderr, "usage: figures_show STORE FROM UNTIL [LINE STEP]\n");
		return 2;
	}
	r = store_open(argv[1], STORE_READ, &store, &err);
	if (r == 0)
		r = show(store, argv, argc, &out, &err);
	store_close(store);
	if (r < 0) {
		(void)fprintf(stderr, "figures_show: %s\n", err.text);
		return 1;
	}
	return puts(buf_cstr(&out)) < 0;
}
