/*
 * Entries of real journal files, made by systemd-journal-remote from export text
 * (https://systemd.io/JOURNAL_EXPORT_FORMATS/), as lines. Skipped without it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"
#include "watcher/journal.h"
#include "watcher/source.h"

#define REMOTE "/lib/systemd/systemd-journal-remote"

enum { DEADLINE_S = 60 };

static const int64_t first_us = INT64_C(1795228877000000);

struct entry {
	const char *ident, *comm, *syslog_pid, *pid, *host;
	int64_t source_us; /* 0: the entry does not say */
	struct str message;
};

struct rig {
	char dir[64], file[96];
	unsigned entries; /* written so far: each is a second later than the last */
	sd_event *loop;
	struct source *src;
	struct buf text; /* what came, as note() prints it */
	size_t lines, offers, refuse, gaps[GAP_SUPPRESSED + 1];
	char cursor[SOURCE_CURSOR_MAX];
};

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static int
rig_up(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);

	(void)strcpy(rig->dir, "/tmp/mailwarden-journal-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	(void)snprintf(rig->file, sizeof rig->file, "%s/mail.journal", rig->dir);
	assert_true(sd_event_new(&rig->loop) >= 0);
	*state = rig;
	return 0;
}

static int
rig_down(void **state)
{
	struct rig *rig = *state;

	source_close(rig->src);
	sd_event_unref(rig->loop);
	(void)nftw(rig->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	buf_done(&rig->text);
	free(rig);
	return 0;
}

static void
add_field(struct buf *out, const char *name, const char *value)
{
	if (value != NULL)
		buf_addf(out, "%s=%s\n", name, value);
}

/* A value that may hold a newline: its length, then its bytes. */
static void
add_binary(struct buf *out, const char *name, struct str value)
{
	buf_addf(out, "%s\n", name);
	for (int i = 0; i < 8; i++)
		buf_add_char(out, (char)((uint64_t)value.n >> (8 * i)));
	buf_add(out, value);
	buf_add_char(out, '\n');
}

static void
export_entry(struct rig *rig, const struct entry *e, struct buf *out)
{
	int64_t at_us = first_us + INT64_C(1000000) * rig->entries++;

	buf_addf(out, "__REALTIME_TIMESTAMP=%" PRId64 "\n", at_us);
	buf_addf(out, "__MONOTONIC_TIMESTAMP=%" PRId64 "\n", at_us - first_us + 1);
	buf_addf(out, "_BOOT_ID=0123456789abcdef0123456789abcdef\nPRIORITY=6\n");
	add_field(out, "SYSLOG_IDENTIFIER", e->ident);
	add_field(out, "_COMM", e->comm);
	add_field(out, "SYSLOG_PID", e->syslog_pid);
	add_field(out, "_PID", e->pid);
	add_field(out, "_HOSTNAME", e->host);
	if (e->source_us > 0)
		buf_addf(out, "_SOURCE_REALTIME_TIMESTAMP=%" PRId64 "\n", e->source_us);
	if (e->message.n > 0)
		add_binary(out, "MESSAGE", e->message);
	else if (e->message.p != NULL)
		add_field(out, "MESSAGE", ""); /* the binary form cannot be empty */
	buf_add_char(out, '\n');
}

/* Appends what was exported to a journal file. */
static void
append(const char *file, const struct buf *export)
{
	char command[256];

	(void)snprintf(command, sizeof command, REMOTE " -o %s - >/dev/null 2>&1", file);
	FILE *pipe = popen(command, "we");

	assert_non_null(pipe);
	assert_int_equal(fwrite(export->p, 1, export->n, pipe), export->n);
	assert_int_equal(pclose(pipe), 0);
}

static void
put_messages(struct rig *rig, const char *file, unsigned n, const char *ident)
{
	struct buf export = { 0 };

	for (unsigned i = 0; i < n; i++) {
		char text[32];
		struct entry e = { .ident = ident, .pid = "7", .host = "mx" };

		(void)snprintf(text, sizeof text, "m%u", rig->entries);
		e.message = str_of(text);
		export_entry(rig, &e, &export);
	}
	append(file, &export);
	buf_done(&export);
}

static void
note(struct buf *out, const struct line *line)
{
	assert_true(line->has_fields);
	assert_int_equal(line->offset, -1);
	buf_addf(out, "%" PRId64 " %.*s %.*s[%.*s]: ", line->time_us - first_us,
	    STR_ARG(line->host), STR_ARG(line->ident), STR_ARG(line->pid));
	buf_add(out, str_head(line->text, 40));
	buf_add(out, line->truncated ? STR("+|") : STR("|"));
}

static void
assert_text(struct buf *have, struct str want)
{
	if (!str_eq(buf_str(have), want))
		fail_msg("have '%.*s' want '%.*s'", STR_ARG(buf_str(have)), STR_ARG(want));
	buf_clear(have);
}

static void
read_all(const char *path, const char *const *identifiers, struct buf *out)
{
	struct line_batch batch = { 0 };
	struct journal_reader *reader;
	struct err err = { "" };
	int r = journal_reader_open(path, identifiers, &reader, &err);

	if (r < 0)
		fail_msg("%s", err.text);
	while ((r = journal_reader_next(reader, &batch, &err)) > 0) {
		assert_true(batch.n > 0);
		for (size_t i = 0; i < batch.n; i++)
			note(out, &batch.lines[i]);
	}
	if (r < 0)
		fail_msg("%s", err.text);
	journal_reader_close(reader);
	line_batch_done(&batch);
}

static const struct {
	const char *name;
	struct entry entry;
	struct str want;
} cases[] = {
	{ "syslog",
	    { "postfix/smtp", "smtp", "41", "42", "mx", INT64_C(1795228876500000),
		STR_INIT("one") },
	    STR_INIT("-500000 mx postfix/smtp[41]: one|") },
	{ "dovecot: _PID is that of its log process",
	    { "dovecot", "log", NULL, "42", "mx", 0, STR_INIT("two") },
	    STR_INIT("1000000 mx dovecot[42]: two|") },
	{ "no identifier", { NULL, "smtpd", NULL, "42", "mx", 0, STR_INIT("three") },
	    STR_INIT("2000000 mx smtpd[42]: three|") },
	{ "nothing but a message", { NULL, NULL, NULL, NULL, NULL, 0, STR_INIT("four") },
	    STR_INIT("3000000  []: four|") },
	{ "newline inside", { "sm-mta", NULL, NULL, "1", "mx", 0, STR_INIT("a\nb\r\n") },
	    STR_INIT("4000000 mx sm-mta[1]: a\nb\r\n|") },
	{ "NUL byte", { "sm-mta", NULL, NULL, "1", "mx", 0, STR_INIT("a\0b") },
	    STR_INIT("5000000 mx sm-mta[1]: a\0b|") },
	{ "empty message", { "sm-mta", NULL, NULL, "1", "mx", 0, STR_INIT("") },
	    STR_INIT("6000000 mx sm-mta[1]: |") },
	{ "no message", { "sm-mta", NULL, NULL, "1", "mx", 0, { NULL, 0 } }, STR_INIT("") },
};

static void
test_fields(void **state)
{
	struct rig *rig = *state;
	struct buf export = { 0 }, have = { 0 }, want = { 0 };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		export_entry(rig, &cases[i].entry, &export);
		buf_add(&want, cases[i].want);
	}
	append(rig->file, &export);
	read_all(rig->dir, NULL, &have);
	assert_text(&have, buf_str(&want));
	read_all(rig->file, NULL, &have); /* a single file as well */
	assert_text(&have, buf_str(&want));
	buf_done(&export);
	buf_done(&have);
	buf_done(&want);
}

static void
test_long_message(void **state)
{
	static const struct {
		size_t n;
		bool truncated;
	} lengths[] = { { 1000, false }, { LINE_MAX_BYTES, false },
		{ LINE_MAX_BYTES + 1, true }, { 300000, true } };
	struct rig *rig = *state;
	struct buf export = { 0 }, message = { 0 };
	struct line_batch batch = { 0 };
	struct journal_reader *reader;
	struct err err;

	assert_true(buf_reserve(&message, 300000));
	memset(message.p, 'x', 300000);
	for (size_t i = 0; i < 4; i++) {
		struct entry e = { .ident = "sm-mta",
			.message = { message.p, lengths[i].n } };

		export_entry(rig, &e, &export);
	}
	append(rig->file, &export);
	assert_int_equal(journal_reader_open(rig->dir, NULL, &reader, &err), 0);
	assert_int_equal(journal_reader_next(reader, &batch, &err), 1);
	assert_int_equal(batch.n, 4);
	for (size_t i = 0; i < 4; i++) {
		size_t n = lengths[i].n < LINE_MAX_BYTES ? lengths[i].n : LINE_MAX_BYTES;

		assert_int_equal(batch.lines[i].text.n, n);
		assert_int_equal(batch.lines[i].truncated, lengths[i].truncated);
	}
	assert_int_equal(journal_reader_next(reader, &batch, &err), 0);
	journal_reader_close(reader);
	line_batch_done(&batch);
	buf_done(&export);
	buf_done(&message);
}

static void
test_identifiers(void **state)
{
	static const char *const sm[] = { "sm-mta", NULL };
	static const char *const postfix[] = { "postfix/*", "nobody", NULL };
	static const char *const none[] = { NULL };
	struct rig *rig = *state;
	struct buf have = { 0 };

	put_messages(rig, rig->file, 1, "sm-mta");
	put_messages(rig, rig->file, 1, "postfix/smtp");
	put_messages(rig, rig->file, 1, "postfix");
	put_messages(rig, rig->file, 1, "postfix/qmgr");
	read_all(rig->dir, sm, &have);
	assert_text(&have, STR("0 mx sm-mta[7]: m0|"));
	read_all(rig->dir, postfix, &have);
	assert_text(&have, STR("1000000 mx postfix/smtp[7]: m1|"
			       "3000000 mx postfix/qmgr[7]: m3|"));
	read_all(rig->dir, none, &have);
	assert_text(&have, STR(""));
	buf_done(&have);
}

static void
test_many(void **state)
{
	struct rig *rig = *state;
	struct buf have = { 0 };
	size_t lines = 0;

	put_messages(rig, rig->file, 2 * SOURCE_BATCH_LINES + 7, "sm-mta");
	read_all(rig->dir, NULL, &have);
	for (struct str rest = buf_str(&have); rest.n > 0; lines++)
		(void)str_cut(&rest, '|');
	assert_int_equal(lines, rig->entries);
	buf_done(&have);
}

static void
test_open_failures(void **state)
{
	struct rig *rig = *state;
	struct journal_reader *reader = NULL;
	struct err err;

	assert_int_equal(journal_reader_open(rig->file, NULL, &reader, &err), -ENOENT);
	assert_non_null(strstr(err.text, rig->file));
	assert_null(reader);
	journal_reader_close(NULL);
}

/* ---- the source ---- */

static int
on_lines(void *ctx, struct source *src, const struct line *lines, size_t n,
    const char *cursor)
{
	struct rig *rig = ctx;

	(void)src;
	rig->offers++;
	if (rig->refuse > 0) {
		rig->refuse--;
		return -EAGAIN;
	}
	for (size_t i = 0; i < n; i++) {
		buf_add(&rig->text, lines[i].text);
		buf_add_char(&rig->text, '|');
	}
	rig->lines += n;
	(void)strcpy(rig->cursor, cursor);
	return 0;
}

static void
on_gap(void *ctx, struct source *src, enum source_gap gap, const char *detail)
{
	struct rig *rig = ctx;

	(void)src;
	assert_true(detail[0] != '\0');
	rig->gaps[gap]++;
}

static void
start(struct rig *rig, const char *const *identifiers, enum source_start from)
{
	const struct source_events events = { on_lines, on_gap, rig };
	struct err err = { "" };

	source_close(rig->src);
	if (source_open_journal(rig->loop, rig->dir, identifiers, rig->cursor, from,
		&events, &rig->src, &err) < 0)
		fail_msg("%s", err.text);
}

static void
catch_up(struct rig *rig)
{
	struct err err = { "" };

	if (source_catch_up(rig->src, &err) < 0)
		fail_msg("%s", err.text);
}

static void
wait_for(struct rig *rig, size_t lines)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	for (time_t deadline = now.tv_sec + DEADLINE_S; rig->lines < lines;) {
		assert_true(sd_event_run(rig->loop, 1000000) >= 0);
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > deadline)
			fail_msg("%zu of %zu lines came", rig->lines, lines);
	}
}

static void
test_resume(void **state)
{
	struct rig *rig = *state;
	char other[128];

	(void)snprintf(other, sizeof other, "%s/rotated.journal", rig->dir);
	put_messages(rig, rig->file, 3, "sm-mta");
	start(rig, NULL, SOURCE_FROM_START);
	catch_up(rig);
	assert_text(&rig->text, STR("m0|m1|m2|"));
	start(rig, NULL, SOURCE_FROM_START); /* the same again: nothing new */
	catch_up(rig);
	assert_text(&rig->text, STR(""));
	put_messages(rig, rig->file, 2, "sm-mta");
	start(rig, NULL, SOURCE_FROM_END);
	catch_up(rig);
	assert_text(&rig->text, STR("m3|m4|"));
	/* The file with our entry is rotated, the next entries are in a new one. */
	assert_int_equal(rename(rig->file, other), 0);
	put_messages(rig, rig->file, 2, "sm-mta");
	start(rig, NULL, SOURCE_FROM_END);
	catch_up(rig);
	assert_text(&rig->text, STR("m5|m6|"));
	for (size_t i = 0; i <= GAP_SUPPRESSED; i++)
		assert_int_equal(rig->gaps[i], 0);
}

static void
test_vacuumed(void **state)
{
	struct rig *rig = *state;
	char old[128];

	(void)snprintf(old, sizeof old, "%s/old.journal", rig->dir);
	put_messages(rig, old, 3, "sm-mta");
	start(rig, NULL, SOURCE_FROM_START);
	catch_up(rig);
	put_messages(rig, old, 1, "sm-mta"); /* nobody will see it */
	put_messages(rig, rig->file, 2, "sm-mta");
	assert_int_equal(unlink(old), 0);
	start(rig, NULL, SOURCE_FROM_START);
	catch_up(rig);
	assert_text(&rig->text, STR("m0|m1|m2|m4|m5|"));
	assert_int_equal(rig->gaps[GAP_VACUUMED], 1);
}

static void
test_bad_cursor(void **state)
{
	struct rig *rig = *state;

	put_messages(rig, rig->file, 1, "sm-mta");
	(void)strcpy(rig->cursor, "something else");
	start(rig, NULL, SOURCE_FROM_START);
	catch_up(rig);
	assert_text(&rig->text, STR("m0|"));
	assert_int_equal(rig->gaps[GAP_VACUUMED], 1);
}

static void
test_live(void **state)
{
	static const char *const sm[] = { "sm-mta", NULL };
	struct rig *rig = *state;
	char other[128];

	(void)snprintf(other, sizeof other, "%s/other.journal", rig->dir);
	put_messages(rig, rig->file, 2, "sm-mta");
	start(rig, sm, SOURCE_FROM_END);
	while (rig->offers == 0) /* the cursor of where it begins */
		assert_true(sd_event_run(rig->loop, 0) >= 0);
	assert_true(rig->cursor[0] != '\0');
	put_messages(rig, rig->file, 1, "sm-mta");
	wait_for(rig, 1);
	put_messages(rig, rig->file, 1, "cron");
	put_messages(rig, rig->file, 1, "sm-mta");
	wait_for(rig, 2);
	assert_int_equal(rename(rig->file, other), 0);
	put_messages(rig, rig->file, 1, "sm-mta");
	wait_for(rig, 3);
	assert_int_equal(unlink(other), 0);
	put_messages(rig, rig->file, 1, "sm-mta");
	wait_for(rig, 4);
	assert_text(&rig->text, STR("m2|m4|m5|m6|"));
	/* Idle is asleep. */
	while (sd_event_run(rig->loop, 0) > 0)
		;
	assert_int_equal(sd_event_run(rig->loop, 20000), 0);
}

static void
test_refused(void **state)
{
	struct rig *rig = *state;
	struct err err;

	put_messages(rig, rig->file, 3, "sm-mta");
	start(rig, NULL, SOURCE_FROM_START);
	rig->refuse = 1;
	assert_int_equal(source_catch_up(rig->src, &err), -EAGAIN);
	assert_string_equal(rig->cursor, "");
	put_messages(rig, rig->file, 1, "sm-mta");
	catch_up(rig);
	assert_text(&rig->text, STR("m0|m1|m2|m3|"));
}

static void
test_suppressed(void **state)
{
	static const char *const sm[] = { "sm-mta", NULL };
	struct rig *rig = *state;
	struct buf export = { 0 };
	const struct entry says = { .ident = "systemd-journald",
		.message = STR_INIT("Suppressed 4711 messages from sendmail.service") };
	const struct entry forged = { .ident = "sm-mta",
		.message = STR_INIT("Suppressed 1 messages from me") };

	export_entry(rig, &says, &export);
	export_entry(rig, &forged, &export);
	append(rig->file, &export);
	start(rig, sm, SOURCE_FROM_START);
	catch_up(rig);
	assert_int_equal(rig->gaps[GAP_SUPPRESSED], 1);
	assert_text(&rig->text, STR("Suppressed 1 messages from me|"));
	buf_done(&export);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_up, rig_down)
	const struct CMUnitTest tests[] = {
		TEST(test_fields),
		TEST(test_long_message),
		TEST(test_identifiers),
		TEST(test_many),
		TEST(test_open_failures),
		TEST(test_resume),
		TEST(test_vacuumed),
		TEST(test_bad_cursor),
		TEST(test_live),
		TEST(test_refused),
		TEST(test_suppressed),
	};

	if (access(REMOTE, X_OK) < 0) {
		print_message("skipped: needs " REMOTE " (systemd-journal-remote)\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
