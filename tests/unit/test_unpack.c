/* ingest/unpack: what is taken out of gzip and zip, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

#include "ingest/report.h"
#include "ingest/unpack.h"

static const char xml[] = "<?xml version=\"1.0\"?><feedback></feedback>\n";

enum { ROOM = 1024 * 1024 };

struct packed_file {
	const char *name;
	mode_t type;
	const char *bytes;
	size_t n, times; /* the bytes, so many times over */
};

static void
add_file(struct archive *a, const struct packed_file *file)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, file->name);
	archive_entry_set_filetype(entry, file->type);
	archive_entry_set_perm(entry, 0600);
	if (file->type == AE_IFREG)
		archive_entry_set_size(entry, (int64_t)(file->n * file->times));
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	for (size_t i = 0; file->type == AE_IFREG && i < file->times; i++)
		assert_true(archive_write_data(a, file->bytes, file->n) ==
			    (la_ssize_t)file->n);
	archive_entry_free(entry);
}

/* format: "zip", "zip-stored", or "gzip", which holds the first file alone. */
static struct str
pack(const char *format, const struct packed_file *files, size_t n, char *room)
{
	struct archive *a = archive_write_new();
	size_t used = 0;

	if (strcmp(format, "gzip") == 0) {
		assert_int_equal(archive_write_add_filter_gzip(a), ARCHIVE_OK);
		assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
	} else {
		assert_int_equal(archive_write_set_format_zip(a), ARCHIVE_OK);
		if (strcmp(format, "zip-stored") == 0)
			assert_int_equal(archive_write_zip_set_compression_store(a), 0);
	}
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(a, room, ROOM, &used), ARCHIVE_OK);
	for (size_t i = 0; i < n; i++)
		add_file(a, &files[i]);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	return (struct str){ room, used };
}

static void
assert_unpacked(struct str packed, struct str want)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct err err = { "" };
	int r = unpack(packed, &out, &err);

	if (r != 0)
		print_error("%s\n", err.text);
	assert_int_equal(r, 0);
	assert_true(str_eq(buf_str(&out), want));
}

static void
assert_refused(struct str packed, int code, const char *why)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct err err = { "" };

	buf_add(&out, STR("what was there before"));
	assert_int_equal(unpack(packed, &out, &err), code);
	assert_int_equal(out.n, 0);
	if (strstr(err.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void
test_taken_out(void **state)
{
	static const struct packed_file files[] = {
		{ "reports/", AE_IFDIR, "", 0, 0 },
		{ "google.com!example.org!1.xml", AE_IFREG, xml, sizeof xml - 1, 1 },
		{ "second.xml", AE_IFREG, "no", 2, 1 },
	};
	static char room[ROOM];
	const struct str want = { xml, sizeof xml - 1 };

	(void)state;
	assert_unpacked(want, want);
	assert_unpacked(STR(""), STR(""));
	assert_unpacked(STR("P"), STR("P"));
	assert_unpacked(pack("zip", files, 3, room), want);
	assert_unpacked(pack("zip-stored", files, 3, room), want);
	assert_unpacked(pack("gzip", files + 1, 1, room), want);
}

/* As `cat a.gz b.gz` and mail gateways make them (RFC 1952, 2.2). */
static void
test_two_members(void **state)
{
	static const struct packed_file file = { "a", AE_IFREG, xml, sizeof xml - 1, 1 };
	static char room[ROOM], twice[ROOM];
	struct str one = pack("gzip", &file, 1, room);

	(void)state;
	memcpy(twice, one.p, one.n);
	memcpy(twice + one.n, one.p, one.n);
	AUTO(buf_done) struct buf want = { 0 };

	buf_add(&want, str_of(xml));
	buf_add(&want, str_of(xml));
	assert_unpacked((struct str){ twice, 2 * one.n }, buf_str(&want));
}

static void
test_bombs(void **state)
{
	static char zeros[1024 * 1024];
	static const struct packed_file bomb = { "a.xml", AE_IFREG, zeros, sizeof zeros,
		REPORT_UNPACKED_BYTES / sizeof zeros + 1 };
	static const struct packed_file just = { "a.xml", AE_IFREG, zeros, sizeof zeros,
		REPORT_UNPACKED_BYTES / sizeof zeros };
	static char room[ROOM];
	AUTO(buf_done) struct buf out = { 0 };

	(void)state;
	assert_refused(pack("zip", &bomb, 1, room), -E2BIG, "more than 64 MiB come out");
	assert_refused(pack("gzip", &bomb, 1, room), -E2BIG, "more than 64 MiB come out");
	assert_int_equal(unpack(pack("gzip", &just, 1, room), &out, NULL), 0);
	assert_int_equal(out.n, REPORT_UNPACKED_BYTES);
}

static void
test_archives_in_archives(void **state)
{
	static const struct packed_file file = { "a.xml", AE_IFREG, xml, sizeof xml - 1,
		1 };
	static const char *const formats[] = { "zip", "gzip" };
	static char inner[ROOM], room[ROOM];

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct str in = pack(formats[i % 2], &file, 1, inner);
		struct packed_file outer = { "a", AE_IFREG, in.p, in.n, 1 };

		assert_refused(pack(formats[i / 2], &outer, 1, room), -EBADMSG,
		    " is in it");
	}
}

static void
test_nothing_in_it(void **state)
{
	static const struct packed_file folder = { "reports/", AE_IFDIR, "", 0, 0 };
	static const struct packed_file empty = { "a.xml", AE_IFREG, "", 0, 0 };
	static struct packed_file folders[UNPACK_ENTRIES + 1];
	static char room[ROOM];

	(void)state;
	for (size_t i = 0; i < UNPACK_ENTRIES; i++)
		folders[i] = folder;
	folders[UNPACK_ENTRIES] =
	    (struct packed_file){ "a.xml", AE_IFREG, xml, sizeof xml - 1, 1 };
	assert_refused(pack("zip", NULL, 0, room), -EBADMSG, "no file is in it");
	assert_refused(pack("zip", &folder, 1, room), -EBADMSG, "no file is in it");
	assert_refused(pack("zip", &empty, 1, room), -EBADMSG, "an empty file is in it");
	assert_refused(pack("zip", folders, UNPACK_ENTRIES + 1, room), -EBADMSG,
	    "no file among the first 100 entries");
}

static void
test_password(void **state)
{
	static const struct packed_file file = { "a.xml", AE_IFREG, xml, sizeof xml - 1,
		1 };
	static char room[ROOM];
	struct str zip = pack("zip", &file, 1, room);
	ptrdiff_t central = str_find(zip, STR("PK\x01\x02"));

	(void)state;
	assert_true(central > 0);
	room[6] |= 1; /* APPNOTE 4.4.4: bit 0 of the flags, here and in the list */
	room[central + 8] |= 1;
	assert_refused(zip, -EBADMSG, "a password is wanted");
}

static void
test_other_packings(void **state)
{
	static char tar[1024];

	(void)state;
	memcpy(tar + 257, "ustar", 5);
	assert_refused((struct str){ tar, sizeof tar }, -EBADMSG, "tar");
	assert_refused(STR("7z\xbc\xaf\x27\x1c\x00\x04"), -EBADMSG, "7-Zip");
	assert_refused(STR("BZh91AY&SY"), -EBADMSG, "bzip2");
	assert_refused(STR("\xfd\x37zXZ\0\0"), -EBADMSG, "xz");
}

/* Cut or changed anywhere: an answer, and never a byte that was not ours. */
static void
test_damaged(void **state)
{
	static const struct packed_file file = { "a.xml", AE_IFREG, xml, sizeof xml - 1,
		1 };
	static const char *const formats[] = { "zip", "zip-stored", "gzip" };
	static char room[ROOM];
	size_t refused = 0;

	(void)state;
	for (size_t f = 0; f < 3; f++) {
		struct str whole = pack(formats[f], &file, 1, room);

		for (size_t i = 0; i < whole.n; i++) {
			AUTO(buf_done) struct buf out = { 0 };
			AUTO(auto_free) char *copy = malloc(whole.n);

			assert_non_null(copy);
			memcpy(copy, whole.p, whole.n);
			refused += unpack((struct str){ copy, i }, &out, NULL) < 0;
			copy[i] ^= 0x55;
			refused += unpack((struct str){ copy, whole.n }, &out, NULL) < 0;
		}
	}
	assert_true(refused > 100);
	assert_refused(STR("\x1f\x8b"), -EBADMSG, "unpack gzip");
	assert_refused(STR("\x1f\x8b\x08\0\0\0\0\0\0\xff garbage"), -EBADMSG,
	    "unpack gzip");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken_out),
		cmocka_unit_test(test_two_members),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_archives_in_archives),
		cmocka_unit_test(test_nothing_in_it),
		cmocka_unit_test(test_password),
		cmocka_unit_test(test_other_packings),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
