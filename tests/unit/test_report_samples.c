/*
 * Whole mails of reporters (tests/corpus/reports/NAME.eml) and the lines they become
 * (NAME.lines: without stamp and report_id; or "refused: " and what the reason says).
 * With LINES_WRITE set the lines are written anew: review the difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <glob.h>
#include <stdio.h>

#include "ingest/message.h"
#include "report_box.h"

#define FOLDER SOURCE_DIR "/tests/corpus/reports/"

static int
take(void *ctx, const struct event *ev)
{
	struct event copy = *ev;

	assert_true(event_text(ev, EVF_report_id).n > 17);
	event_unset(&copy, EVF_report_id);
	return report_box_take(ctx, &copy);
}

static void
read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "re");
	char block[4096];
	size_t n;

	if (f == NULL)
		fail_msg("%s: not there", path);
	while ((n = fread(block, 1, sizeof block, f)) > 0)
		buf_add(out, (struct str){ block, n });
	assert_int_equal(fclose(f), 0);
}

static void
check(const char *path)
{
	AUTO(buf_done) struct buf message = { 0 }, want = { 0 };
	struct report_box box = { 0 };
	struct report_sink sink = { take, &box };
	struct report_summary summary;
	struct err err = { "" };
	char lines[512];

	read_file(path, &message);
	(void)snprintf(lines, sizeof lines, "%.*s.lines", (int)strlen(path) - 4, path);
	int r = report_message_read(buf_str(&message), &report_box_host, NULL, &sink,
	    &summary, &err);

	if (r < 0) {
		assert_int_equal(box.events, 0);
		buf_addf(&box.lines, "refused: %s\n", err.text);
	} else {
		assert_int_equal(summary.events, box.events);
		assert_int_not_equal(summary.kind, REPORT_NONE);
	}
	if (getenv("LINES_WRITE") != NULL) {
		FILE *f = fopen(lines, "we");

		assert_non_null(f);
		assert_int_equal(fwrite(box.lines.p, 1, box.lines.n, f), box.lines.n);
		assert_int_equal(fclose(f), 0);
	}
	read_file(lines, &want);
	if (!str_eq(buf_str(&box.lines), buf_str(&want)))
		fail_msg("%s: got\n%s", path, buf_cstr(&box.lines));
	buf_done(&box.lines);
}

static void
test_samples(void **state)
{
	glob_t found;

	(void)state;
	report_message_init();
	assert_int_equal(glob(FOLDER "*.eml", 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 20);
	for (size_t i = 0; i < found.gl_pathc; i++)
		check(found.gl_pathv[i]);
	globfree(&found);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
