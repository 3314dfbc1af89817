/*
 * The lines of finished inputs: every edge against a table, every cut and every
 * packing against the lines of the whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "watcher/reader.h"
#include "watcher/split.h"

struct dir {
	char path[64];
	char file[96];
};

static int
make_dir(void **state)
{
	struct dir *d = calloc(1, sizeof *d);

	(void)strcpy(d->path, "/tmp/mailwarden-reader-XXXXXX");
	assert_non_null(mkdtemp(d->path));
	(void)snprintf(d->file, sizeof d->file, "%s/log", d->path);
	*state = d;
	return 0;
}

static int
remove_dir(void **state)
{
	struct dir *d = *state;

	(void)unlink(d->file);
	(void)rmdir(d->path);
	free(d);
	return 0;
}

static void
write_file(const char *path, struct str bytes)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes.p == NULL ? "" : bytes.p, 1, bytes.n, f), bytes.n);
	assert_int_equal(fclose(f), 0);
}

/* "offset:text|" for each line, "+" behind a cut one: easy to compare and to read. */
static void
note_lines(struct buf *out, const struct line_batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		buf_addf(out, "%lld:", (long long)batch->lines[i].offset);
		buf_add(out, batch->lines[i].text);
		buf_add(out, batch->lines[i].truncated ? STR("+|") : STR("|"));
	}
}

static void
read_all(const char *path, uint64_t from, struct buf *out)
{
	struct line_batch batch = { 0 };
	struct reader *reader = NULL;
	struct err err = { "" };
	int r = reader_open(path, from, &reader, &err);

	if (r < 0)
		fail_msg("%s", err.text);
	while ((r = reader_next(reader, &batch, &err)) > 0)
		note_lines(out, &batch);
	if (r < 0)
		fail_msg("%s", err.text);
	assert_int_equal(reader_next(reader, &batch, &err), 0);
	reader_close(reader);
	line_batch_done(&batch);
}

static void
assert_str(struct str have, struct str want)
{
	if (!str_eq(have, want))
		fail_msg("have '%.*s' want '%.*s'", STR_ARG(have), STR_ARG(want));
}

static const struct {
	const char *name;
	struct str bytes, want;
	uint64_t from;
} cases[] = {
	{ "empty file", STR_INIT(""), STR_INIT(""), 0 },
	{ "one line", STR_INIT("one\n"), STR_INIT("0:one|"), 0 },
	{ "no newline at the end", STR_INIT("one\ntwo"), STR_INIT("0:one|4:two|"), 0 },
	{ "only a newline", STR_INIT("\n"), STR_INIT("0:|"), 0 },
	{ "empty lines", STR_INIT("\n\na\n\n"), STR_INIT("0:|1:|2:a|4:|"), 0 },
	{ "CRLF", STR_INIT("one\r\ntwo\r\n"), STR_INIT("0:one|5:two|"), 0 },
	{ "only one CR goes", STR_INIT("a\r\r\n\r\n"), STR_INIT("0:a\r|4:|"), 0 },
	{ "CR inside and at the end", STR_INIT("a\rb\nc\r"), STR_INIT("0:a\rb|4:c\r|"), 0 },
	{ "NUL bytes", STR_INIT("a\0b\n\0\n"), STR_INIT("0:a\0b|4:\0|"), 0 },
	{ "bytes that are no text", STR_INIT("\xff\x80\n"), STR_INIT("0:\xff\x80|"), 0 },
	{ "looks a bit like gzip", STR_INIT("\x1f\n"), STR_INIT("0:\x1f|"), 0 },
	{ "from an offset", STR_INIT("one\ntwo\n"), STR_INIT("4:two|"), 4 },
	{ "from within a line", STR_INIT("one\ntwo\n"), STR_INIT("5:wo|"), 5 },
	{ "from the end", STR_INIT("one\ntwo\n"), STR_INIT(""), 8 },
	{ "from behind the end", STR_INIT("one\n"), STR_INIT(""), 100 },
};

static void
test_edges(void **state)
{
	struct dir *d = *state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf have = { 0 };

		print_message("  %s\n", cases[i].name);
		write_file(d->file, cases[i].bytes);
		read_all(d->file, cases[i].from, &have);
		assert_str(buf_str(&have), cases[i].want);
		buf_done(&have);
	}
}

static void
feed(struct splitter *s, struct line_batch *batch, struct str bytes, struct buf *out)
{
	char *room;

	assert_int_equal(splitter_begin(s, batch, READER_BATCH_BYTES, &room), 0);
	if (bytes.n > 0)
		memcpy(room, bytes.p, bytes.n);
	assert_int_equal(splitter_feed(s, batch, bytes.n), 0);
	note_lines(out, batch);
}

/* The lines do not depend on where a read happens to end. */
static void
test_cut_everywhere(void **state)
{
	struct line_batch batch = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (size_t at = 0; at <= cases[i].bytes.n && cases[i].from == 0; at++) {
			struct splitter s;
			struct buf have = { 0 };

			assert_int_equal(splitter_init(&s, 0), 0);
			feed(&s, &batch, str_head(cases[i].bytes, at), &have);
			feed(&s, &batch, str_skip(cases[i].bytes, at), &have);
			assert_int_equal(splitter_finish(&s, &batch), 0);
			note_lines(&have, &batch);
			assert_str(buf_str(&have), cases[i].want);
			splitter_done(&s);
			buf_done(&have);
		}
	line_batch_done(&batch);
}

/* Every prefix of a file is a file whose last line may be incomplete. */
static void
test_every_prefix(void **state)
{
	struct dir *d = *state;
	struct str whole = STR("ab\nc\r\n\nde\0f\ngh");

	for (size_t n = 0; n <= whole.n; n++) {
		struct buf have = { 0 }, want = { 0 };
		struct str rest = str_head(whole, n);
		size_t at = 0;

		while (rest.n > 0) {
			ptrdiff_t nl = str_find_char(rest, '\n');
			struct str line = str_head(rest, nl < 0 ? rest.n : (size_t)nl);
			size_t used = line.n + (nl >= 0);

			buf_addf(&want, "%zu:", at);
			if (nl >= 0 && str_ends(line, STR("\r")))
				line.n--;
			buf_add(&want, line);
			buf_add_char(&want, '|');
			at += used;
			rest = str_skip(rest, used);
		}
		write_file(d->file, str_head(whole, n));
		read_all(d->file, 0, &have);
		assert_str(buf_str(&have), buf_str(&want));
		buf_done(&have);
		buf_done(&want);
	}
}

static void
test_long_lines(void **state)
{
	static const struct {
		size_t n;
		const char *end;
		size_t want_n;
		bool truncated;
	} lengths[] = {
		{ LINE_MAX_BYTES - 1, "\n", LINE_MAX_BYTES - 1, false },
		{ LINE_MAX_BYTES, "\n", LINE_MAX_BYTES, false },
		{ LINE_MAX_BYTES, "\r\n", LINE_MAX_BYTES, false },
		{ LINE_MAX_BYTES + 1, "\n", LINE_MAX_BYTES, true },
		{ LINE_MAX_BYTES + 1, "\r\n", LINE_MAX_BYTES, true },
		{ LINE_MAX_BYTES * 9, "\n", LINE_MAX_BYTES, true },
		{ 10 * 1024 * 1024, "\n", LINE_MAX_BYTES, true },
		{ 10 * 1024 * 1024, "", LINE_MAX_BYTES, true },
	};
	struct dir *d = *state;
	struct line_batch batch = { 0 };
	struct err err;

	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct buf bytes = { 0 };
		struct reader *reader;
		struct line got[3];
		size_t n = 0;

		buf_add(&bytes, STR("before\n"));
		assert_true(buf_reserve(&bytes, lengths[i].n));
		memset(bytes.p + bytes.n, 'x', lengths[i].n);
		bytes.n += lengths[i].n;
		buf_add(&bytes, str_of(lengths[i].end));
		if (lengths[i].end[0] != '\0')
			buf_add(&bytes, STR("after\n"));
		write_file(d->file, buf_str(&bytes));
		assert_int_equal(reader_open(d->file, 0, &reader, &err), 0);
		while (reader_next(reader, &batch, &err) > 0)
			for (size_t j = 0; j < batch.n && n < 3; j++)
				got[n++] = batch.lines[j];
		assert_int_equal(n, lengths[i].end[0] != '\0' ? 3 : 2);
		assert_int_equal(got[1].text.n, lengths[i].want_n);
		assert_int_equal(got[1].truncated, lengths[i].truncated);
		if (n == 3)
			assert_int_equal(got[2].offset, bytes.n - strlen("after\n"));
		reader_close(reader);
		buf_done(&bytes);
	}
	/* Memory did not grow with the line. */
	assert_true(batch.bytes_cap <= READER_BATCH_BYTES + 2 * LINE_MAX_BYTES);
	line_batch_done(&batch);
}

static void
pack(const char *path, int filter, struct str bytes)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();

	archive_write_add_filter(a, filter);
	archive_write_set_format_raw(a);
	assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
	archive_entry_set_filetype(e, AE_IFREG);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, bytes.p, bytes.n), bytes.n);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_entry_free(e);
	archive_write_free(a);
}

static void
make_log(struct buf *out, unsigned lines)
{
	for (unsigned i = 0; i < lines; i++)
		buf_addf(out,
		    "Nov 21 02:41:%02u mx postfix/smtp[%u]: %x: to=<u%u@example.org>\n",
		    i % 60, i, i * 2654435761u, i);
}

static const int filters[] = { ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD,
	ARCHIVE_FILTER_BZIP2 };

static void
test_packed(void **state)
{
	struct dir *d = *state;
	struct buf log = { 0 };

	make_log(&log, 30000);
	buf_add(&log, STR("no newline"));
	for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
		for (uint64_t from = 0; from < 2000000; from += 777777) {
			struct buf plain = { 0 }, packed = { 0 };

			write_file(d->file, buf_str(&log));
			read_all(d->file, from, &plain);
			pack(d->file, filters[i], buf_str(&log));
			read_all(d->file, from, &packed);
			assert_true(plain.n > 100000);
			assert_true(str_eq(buf_str(&plain), buf_str(&packed)));
			buf_done(&plain);
			buf_done(&packed);
		}
	buf_done(&log);
}

static void
test_packed_small(void **state)
{
	static const struct str contents[] = { STR_INIT(""), STR_INIT("a"),
		STR_INIT("a\n") };
	static const struct str wants[] = { STR_INIT(""), STR_INIT("0:a|"),
		STR_INIT("0:a|") };
	struct dir *d = *state;

	for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
		for (size_t j = 0; j < 3; j++) {
			struct buf have = { 0 };

			pack(d->file, filters[i], contents[j]);
			read_all(d->file, 0, &have);
			assert_str(buf_str(&have), wants[j]);
			buf_done(&have);
		}
}

static void
slurp(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "re");
	size_t n;

	assert_non_null(f);
	do {
		assert_true(buf_reserve(out, 65536));
		n = fread(out->p + out->n, 1, 65536, f);
		out->n += n;
	} while (n > 0);
	(void)fclose(f);
}

/* "cat a.gz b.gz" is a valid gzip file, and so for the others. */
static void
test_packed_members(void **state)
{
	struct dir *d = *state;

	for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
		struct buf file = { 0 }, have = { 0 };

		pack(d->file, filters[i], STR("one\ntw"));
		slurp(d->file, &file);
		pack(d->file, filters[i], STR("o\nthree\n"));
		slurp(d->file, &file);
		write_file(d->file, buf_str(&file));
		read_all(d->file, 0, &have);
		assert_str(buf_str(&have), STR("0:one|4:two|8:three|"));
		buf_done(&file);
		buf_done(&have);
	}
}

/* A damaged file gives the lines that it still has, then a reason. */
static void
test_packed_damage(void **state)
{
	struct dir *d = *state;
	struct buf log = { 0 };

	make_log(&log, 30000);
	for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
		struct line_batch batch = { 0 };
		struct reader *reader;
		struct err err = { "" };
		struct stat st;
		int r;

		pack(d->file, filters[i], buf_str(&log));
		assert_int_equal(stat(d->file, &st), 0);
		assert_int_equal(truncate(d->file, st.st_size / 2), 0);
		assert_int_equal(reader_open(d->file, 0, &reader, &err), 0);
		while ((r = reader_next(reader, &batch, &err)) > 0)
			;
		assert_true(r < 0);
		assert_non_null(strstr(err.text, d->file));
		reader_close(reader);
		/* Closing in the middle must not wait for the rest. */
		assert_int_equal(reader_open(d->file, 0, &reader, &err), 0);
		reader_close(reader);
		line_batch_done(&batch);
	}
	buf_done(&log);
}

static void
test_open_failures(void **state)
{
	struct dir *d = *state;
	struct reader *reader = NULL;
	struct err err;

	assert_int_equal(reader_open(d->file, 0, &reader, &err), -ENOENT);
	assert_non_null(strstr(err.text, d->file));
	assert_int_equal(reader_open(d->path, 0, &reader, &err), -EISDIR);
	assert_null(reader);
	reader_close(NULL);
}

struct writer {
	int fd;
	struct str bytes;
};

static void *
write_in_pieces(void *ctx)
{
	struct writer *w = ctx;

	for (struct str rest = w->bytes; rest.n > 0;) {
		size_t want = rest.n < 50 ? 1 : rest.n / 3;
		ssize_t n = write(w->fd, rest.p, want);

		if (n <= 0)
			break;
		rest = str_skip(rest, (size_t)n);
	}
	close(w->fd);
	return NULL;
}

static void
read_stdin(struct str bytes, uint64_t from, struct buf *out)
{
	int saved = dup(STDIN_FILENO), ends[2];
	pthread_t thread;

	assert_int_equal(pipe(ends), 0);
	struct writer w = { .fd = ends[1], .bytes = bytes };

	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
	assert_int_equal(pthread_create(&thread, NULL, write_in_pieces, &w), 0);
	read_all("-", from, out);
	pthread_join(thread, NULL);
	if (saved >= 0) {
		(void)dup2(saved, STDIN_FILENO);
		close(saved);
	}
}

static void
test_stdin(void **state)
{
	struct dir *d = *state;
	struct buf log = { 0 }, plain = { 0 }, packed = { 0 }, file = { 0 };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf have = { 0 };

		read_stdin(cases[i].bytes, cases[i].from, &have);
		assert_str(buf_str(&have), cases[i].want);
		buf_done(&have);
	}
	make_log(&log, 20000);
	read_stdin(buf_str(&log), 0, &plain);
	pack(d->file, ARCHIVE_FILTER_GZIP, buf_str(&log));
	slurp(d->file, &file);
	read_stdin(buf_str(&file), 0, &packed);
	assert_true(plain.n > log.n);
	assert_true(str_eq(buf_str(&plain), buf_str(&packed)));
	buf_done(&log);
	buf_done(&plain);
	buf_done(&packed);
	buf_done(&file);
}

/* Nobody writes to the pipe any more, and nobody closes it. */
static void
test_close_stuck_pipe(void **state)
{
	struct dir *d = *state;
	int saved = dup(STDIN_FILENO), ends[2];
	struct buf file = { 0 };
	struct reader *reader;
	struct err err;

	pack(d->file, ARCHIVE_FILTER_GZIP, STR("one\ntwo\n"));
	slurp(d->file, &file);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	assert_int_equal(write(ends[1], file.p, 12), 12);
	assert_int_equal(reader_open("-", 0, &reader, &err), 0);
	reader_close(reader);
	close(ends[0]);
	close(ends[1]);
	(void)dup2(saved, STDIN_FILENO);
	close(saved);
	buf_done(&file);
}

static void
test_progress(void **state)
{
	struct dir *d = *state;
	struct line_batch batch = { 0 };
	struct buf log = { 0 };
	struct reader *reader;
	struct err err;
	struct stat st;

	make_log(&log, 30000);
	for (int packed = 0; packed < 2; packed++) {
		if (packed)
			pack(d->file, ARCHIVE_FILTER_GZIP, buf_str(&log));
		else
			write_file(d->file, buf_str(&log));
		assert_int_equal(stat(d->file, &st), 0);
		assert_int_equal(reader_open(d->file, 0, &reader, &err), 0);
		assert_int_equal(reader_size_bytes(reader), st.st_size);
		assert_int_equal(reader_mtime_s(reader), st.st_mtim.tv_sec);
		while (reader_next(reader, &batch, &err) > 0)
			assert_true(reader_done_bytes(reader) <= (uint64_t)st.st_size);
		assert_int_equal(reader_done_bytes(reader), st.st_size);
		reader_close(reader);
	}
	line_batch_done(&batch);
	buf_done(&log);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		TEST(test_edges),
		TEST(test_cut_everywhere),
		TEST(test_every_prefix),
		TEST(test_long_lines),
		TEST(test_packed),
		TEST(test_packed_small),
		TEST(test_packed_members),
		TEST(test_packed_damage),
		TEST(test_open_failures),
		TEST(test_stdin),
		TEST(test_close_stuck_pipe),
		TEST(test_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
