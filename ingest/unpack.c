#include "ingest/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

#include "ingest/report.h"

enum {
	TAR_MAGIC_AT = 257, /* POSIX.1-1988, ustar */
	MEGABYTE = 1024 * 1024,
};

enum packing {
	PACKING_NONE,
	PACKING_ZIP,
	PACKING_GZIP,
	PACKING_OTHER,
};

struct magic {
	struct str bytes;
	enum packing packing;
	const char *name;
};

/* First bytes: PKWARE's APPNOTE 4.3, RFC 1952, and the manuals of the others. */
static const struct magic magics[] = {
	{ STR_INIT("PK\x03\x04"), PACKING_ZIP, "zip" },
	{ STR_INIT("PK\x05\x06"), PACKING_ZIP, "zip" }, /* without any file */
	{ STR_INIT("PK\x07\x08"), PACKING_ZIP, "zip" }, /* of several volumes */
	{ STR_INIT("\x1f\x8b"), PACKING_GZIP, "gzip" },
	{ STR_INIT("7z\xbc\xaf\x27\x1c"), PACKING_OTHER, "7-Zip" },
	{ STR_INIT("Rar!\x1a\x07"), PACKING_OTHER, "rar" },
	{ STR_INIT("BZh"), PACKING_OTHER, "bzip2" },
	{ STR_INIT("\xfd"
		   "7zXZ\0"),
	    PACKING_OTHER, "xz" },
	{ STR_INIT("\x28\xb5\x2f\xfd"), PACKING_OTHER, "zstd" },
	{ STR_INIT("\x1f\x9d"), PACKING_OTHER, "compress" },
};

static const struct magic tar = { STR_INIT("ustar"), PACKING_OTHER, "tar" };

static const struct magic *
sniff(struct str bytes)
{
	for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
		if (str_starts(bytes, magics[i].bytes))
			return &magics[i];
	return str_starts(str_skip(bytes, TAR_MAGIC_AT), tar.bytes) ? &tar : NULL;
}

static void
auto_archive(struct archive **a)
{
	if (*a != NULL)
		(void)archive_read_free(*a);
}

static int
damaged(struct archive *a, const struct magic *magic, struct err *err)
{
	const char *why = archive_error_string(a);

	return err_set(err, -EBADMSG, "unpack %s: %s", magic->name,
	    why != NULL ? why : "damaged");
}

static int
open_packed(struct archive *a, const struct magic *magic, struct str packed,
    struct err *err)
{
	int r;

	if (magic->packing == PACKING_ZIP) {
		r = archive_read_support_format_zip(a);
	} else {
		r = archive_read_support_filter_gzip(a);
		if (r >= ARCHIVE_WARN)
			r = archive_read_support_format_raw(a);
	}
	if (r < ARCHIVE_WARN ||
	    archive_read_open_memory(a, packed.p, packed.n) != ARCHIVE_OK)
		return damaged(a, magic, err);
	return 0;
}

/* To the first file; folders and links are passed by. */
static int
find_file(struct archive *a, const struct magic *magic, struct err *err)
{
	struct archive_entry *entry;

	for (int i = 0; i < UNPACK_ENTRIES; i++) {
		int r = archive_read_next_header(a, &entry);

		if (r == ARCHIVE_EOF)
			return err_set(err, -EBADMSG, "unpack %s: no file is in it",
			    magic->name);
		if (r < ARCHIVE_WARN)
			return damaged(a, magic, err);
		if (magic->packing != PACKING_ZIP) {
			/* The gzip itself and the bytes below it; libarchive takes off more. */
			if (archive_filter_count(a) > 2)
				return err_set(err, -EBADMSG,
				    "unpack gzip: another gzip is in it");
			return 0;
		}
		if (archive_entry_filetype(entry) != AE_IFREG)
			continue;
		if (archive_entry_is_encrypted(entry))
			return err_set(err, -EBADMSG, "unpack zip: a password is wanted");
		return 0;
	}
	return err_set(err, -EBADMSG, "unpack zip: no file among the first %d entries",
	    UNPACK_ENTRIES);
}

static int
read_file(struct archive *a, const struct magic *magic, struct buf *out, struct err *err)
{
	const void *block;
	size_t n;
	int64_t at;

	for (;;) {
		int r = archive_read_data_block(a, &block, &n, &at);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN)
			return damaged(a, magic, err);
		if (at != (int64_t)out->n)
			return err_set(err, -EBADMSG, "unpack %s: a hole in the file",
			    magic->name);
		if (n > REPORT_UNPACKED_BYTES - out->n)
			return err_set(err, -E2BIG,
			    "unpack %s: more than %d MiB come out of it", magic->name,
			    REPORT_UNPACKED_BYTES / MEGABYTE);
		buf_add(out, (struct str){ block, n });
		if (out->failed)
			return err_set(err, -ENOMEM, "unpack %s: no memory", magic->name);
	}
}

static int
take_out(const struct magic *magic, struct str packed, struct buf *out, struct err *err)
{
	AUTO(auto_archive) struct archive *a = archive_read_new();

	if (a == NULL)
		return err_set(err, -ENOMEM, "unpack %s: no memory", magic->name);
	int r = open_packed(a, magic, packed, err);

	if (r == 0)
		r = find_file(a, magic, err);
	if (r == 0)
		r = read_file(a, magic, out, err);
	if (r < 0)
		return r;
	const struct magic *inner = sniff(buf_str(out));

	if (inner != NULL)
		return err_set(err, -EBADMSG, "unpack %s: another archive (%s) is in it",
		    magic->name, inner->name);
	if (out->n == 0)
		return err_set(err, -EBADMSG, "unpack %s: an empty file is in it",
		    magic->name);
	return 0;
}

int
unpack(struct str packed, struct buf *out, struct err *err)
{
	const struct magic *magic = sniff(packed);
	int r = 0;

	buf_clear(out);
	if (magic == NULL) {
		if (packed.n > REPORT_UNPACKED_BYTES)
			return err_set(err, -E2BIG, "report: more than %d MiB",
			    REPORT_UNPACKED_BYTES / MEGABYTE);
		buf_add(out, packed);
		return out->failed ? err_set(err, -ENOMEM, "unpack: no memory") : 0;
	}
	if (magic->packing == PACKING_OTHER)
		return err_set(err, -EBADMSG,
		    "unpack %s: reports come as gzip, zip or bare", magic->name);
	r = take_out(magic, packed, out, err);
	if (r < 0)
		buf_clear(out);
	return r;
}
