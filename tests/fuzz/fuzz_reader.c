/*
 * Any file to the reader: its lines are those of the file, each cut at LINE_MAX_BYTES, with
 * the offsets at which they stand. The first byte says how often the rest is repeated ('0':
 * it stands once), so that lines longer than the limit, and than a batch, come about. What
 * looks packed only has to end in an error or in lines.
 */
#include "fuzz_file.h"
#include "watcher/reader.h"
#include "watcher/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum {
	MAX_FILE_BYTES = 1536 * 1024, /* three batches */
	MAX_UNPACKED_BATCHES = 16,    /* small files may hold gigabytes */
};

/* Kept, as a caller that reads many files keeps it; half a megabyte is slow to make. */
static struct line_batch batch;

static void
free_batch(void)
{
	line_batch_done(&batch);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)atexit(free_batch);
	fuzz_folder_make("", "mail.log");
	return 0;
}

/* The next line of *left as the reader must give it; *used: its bytes in the file. */
static struct str
model_line(struct str left, size_t *used, bool *cut)
{
	ptrdiff_t nl = str_find_char(left, '\n');
	struct str line = str_head(left, nl < 0 ? left.n : (size_t)nl);

	*used = line.n + (nl >= 0);
	if (nl >= 0 && line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	*cut = line.n > LINE_MAX_BYTES;
	return str_head(line, LINE_MAX_BYTES);
}

static void
check_batch(struct str *left, uint64_t *at)
{
	for (size_t i = 0; i < batch.n; i++) {
		const struct line *line = &batch.lines[i];
		size_t used;
		bool cut;

		CHECK(left->n > 0);
		struct str want = model_line(*left, &used, &cut);

		CHECK(str_eq(line->text, want));
		CHECK(line->offset == (int64_t)*at && line->truncated == cut);
		CHECK(!line->has_fields);
		*left = str_skip(*left, used);
		*at += used;
	}
}

static void
read_plain(struct str bytes, uint64_t from)
{
	struct str left = str_skip(bytes, from);
	struct reader *reader = NULL;
	struct err err = { "" };
	int r;

	CHECK(reader_open(fuzz_folder.file, from, &reader, &err) == 0);
	CHECK(reader_size_bytes(reader) == bytes.n);
	while ((r = reader_next(reader, &batch, &err)) > 0) {
		CHECK(batch.n > 0);
		check_batch(&left, &from);
	}
	CHECK(r == 0 && left.n == 0);
	CHECK(reader_next(reader, &batch, &err) == 0);
	reader_close(reader);
}

static void
read_packed(uint64_t from)
{
	struct reader *reader = NULL;
	struct err err = { "" };
	int r = reader_open(fuzz_folder.file, from, &reader, &err);

	CHECK(r == 0 || (r < 0 && reader == NULL && err.text[0] != '\0'));
	for (int i = 0; r >= 0 && i < MAX_UNPACKED_BATCHES; i++) {
		r = reader_next(reader, &batch, &err);
		if (r <= 0)
			break;
		for (size_t k = 0; k < batch.n; k++) {
			fuzz_touch(batch.lines[k].text);
			CHECK(batch.lines[k].text.n <= LINE_MAX_BYTES);
			CHECK(batch.lines[k].offset >= (int64_t)from);
		}
	}
	CHECK(r >= 0 || err.text[0] != '\0');
	reader_close(reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf file = { 0 };

	if (size == 0)
		return 0;
	struct str once = { (const char *)data + 1, size - 1 };

	for (int left = (uint8_t)(data[0] - '0'); left >= 0; left--)
		if (file.n + once.n <= MAX_FILE_BYTES)
			buf_add(&file, once);
	struct str bytes = buf_str(&file);

	fuzz_folder_write(bytes);
	if (unpack_is_packed(bytes)) {
		read_packed(0);
		read_packed(size);
	} else {
		read_plain(bytes, 0);
		read_plain(bytes, bytes.n / 3);
	}
	buf_done(&file);
	return 0;
}
