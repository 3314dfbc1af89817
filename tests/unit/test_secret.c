#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "notify/base64.h"
#include "notify/secret.h"

struct box {
	char folder[64], path[128];
};

static int
setup(void **state)
{
	struct box *box = calloc(1, sizeof *box);

	(void)snprintf(box->folder, sizeof box->folder, "/tmp/secret.XXXXXX");
	assert_non_null(mkdtemp(box->folder));
	(void)snprintf(box->path, sizeof box->path, "%s/secret", box->folder);
	*state = box;
	return 0;
}

static int
teardown(void **state)
{
	struct box *box = *state;

	(void)unlink(box->path);
	(void)rmdir(box->folder);
	free(box);
	return 0;
}

static void
write_file(const struct box *box, struct str text, mode_t mode)
{
	(void)unlink(box->path);
	int fd = open(box->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.n > 0 ? text.p : "", text.n), (ssize_t)text.n);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static void
test_files(void **state)
{
	struct box *box = *state;
	static const struct {
		const char *name;
		struct str text;
		mode_t mode;
		int want;
		const char *secret, *part;
	} cases[] = {
		{ "a line", STR_INIT("hunter22\n"), 0600, 0, "hunter22", "" },
		{ "without its end", STR_INIT("hunter22"), 0400, 0, "hunter22", "" },
		{ "of another system", STR_INIT("hunter22\r\n"), 0600, 0, "hunter22", "" },
		{ "blanks belong to it", STR_INIT(" a b \n"), 0600, 0, " a b ", "" },
		{ "empty", STR_INIT(""), 0600, -EINVAL, NULL, "it is empty" },
		{ "an empty line", STR_INIT("\n"), 0600, -EINVAL, NULL, "it is empty" },
		{ "two lines", STR_INIT("hunter22\nb\n"), 0600, -EINVAL, NULL, "one line" },
		{ "a NUL", STR_INIT("hunter22\0b"), 0600, -EINVAL, NULL, "one line" },
		{ "group reads", STR_INIT("hunter22\n"), 0640, -EPERM, NULL, "chmod 600 " },
		{ "others read", STR_INIT("hunter22\n"), 0604, -EPERM, NULL, "chmod 600 " },
		{ "others write", STR_INIT("hunter22\n"), 0602, -EPERM, NULL,
		    "chmod 600 " },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(secret_done) struct secret secret = { 0 };
		struct secret_source source = { .file = box->path };
		struct err err = { "" };

		print_message("%s\n", cases[i].name);
		write_file(box, cases[i].text, cases[i].mode);
		assert_int_equal(secret_read(&source, "token", &secret, &err),
		    cases[i].want);
		if (cases[i].want == 0) {
			assert_string_equal(secret.text, cases[i].secret);
			assert_int_equal(secret.n, strlen(cases[i].secret));
		} else {
			assert_null(secret.text);
			assert_non_null(strstr(err.text, cases[i].part));
			assert_non_null(strstr(err.text, box->path));
			assert_non_null(strstr(err.text, "read token from"));
			assert_null(strstr(err.text, "hunter22"));
		}
	}
}

static void
test_longest(void **state)
{
	struct box *box = *state;
	static char text[SECRET_MAX_BYTES + 2];
	struct secret_source source = { .file = box->path };
	struct secret secret = { 0 };
	struct err err;

	memset(text, 'x', sizeof text);
	write_file(box, (struct str){ text, SECRET_MAX_BYTES }, 0600);
	assert_int_equal(secret_read(&source, "token", &secret, &err), 0);
	assert_int_equal(secret.n, SECRET_MAX_BYTES);
	assert_int_equal(strlen(secret.text), SECRET_MAX_BYTES);
	write_file(box, (struct str){ text, SECRET_MAX_BYTES + 1 }, 0600);
	assert_int_equal(secret_read(&source, "token", &secret, &err), -EINVAL);
	/* What was there before a failure stays. */
	assert_int_equal(secret.n, SECRET_MAX_BYTES);
	assert_int_equal(secret_set(&secret, (struct str){ text, SECRET_MAX_BYTES + 1 }),
	    -EINVAL);
	secret_done(&secret);
	assert_null(secret.text);
	secret_done(&secret);
}

static void
test_sources(void **state)
{
	struct secret secret = { 0 };
	struct err err = { "" };
	struct secret_source none = { 0 };
	struct secret_source credential = { .file = (char[]){ "credential:relay" } };
	AUTO(buf_done) struct buf place = { 0 };

	(void)state;
	assert_false(secret_is_set(&none));
	assert_int_equal(secret_read(&none, "password", &secret, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no password is set"));
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	assert_true(secret_is_set(&credential));
	assert_int_equal(secret_read(&credential, "password", &secret, &err), -ENOENT);
	assert_non_null(strstr(err.text, "LoadCredential=relay:FILE"));
	secret_place(&credential, &place);
	assert_string_equal(buf_cstr(&place), "credential relay");
	assert_null(secret.text);
}

/* Each way to the secret by one more "[hidden]"; a short one is left alone. */
static void
test_hide(void **state)
{
	static const struct {
		struct str text, hidden, want;
	} cases[] = {
		{ STR_INIT("no"), STR_INIT("hunter22"), STR_INIT("no") },
		{ STR_INIT("hunter22"), STR_INIT("hunter22"), STR_INIT("[hidden]") },
		{ STR_INIT("a hunter22hunter22 b"), STR_INIT("hunter22"),
		    STR_INIT("a [hidden][hidden] b") },
		{ STR_INIT("abc"), STR_INIT("abc"), STR_INIT("abc") },
		{ STR_INIT("abc"), { NULL, 0 }, STR_INIT("abc") },
		{ STR_INIT(""), STR_INIT("hunter22"), STR_INIT("") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf_done) struct buf text = { 0 };

		buf_add(&text, cases[i].text);
		secret_hide(&text, cases[i].hidden);
		assert_true(str_eq(buf_str(&text), cases[i].want));
	}
}

/* RFC 4648, 10. */
static void
test_base64(void **state)
{
	static const struct {
		struct str plain, code;
	} cases[] = {
		{ STR_INIT("f"), STR_INIT("Zg==") },
		{ STR_INIT("fo"), STR_INIT("Zm8=") },
		{ STR_INIT("foo"), STR_INIT("Zm9v") },
		{ STR_INIT("foobar"), STR_INIT("Zm9vYmFy") },
		{ STR_INIT("\0\xff\xfe"), STR_INIT("AP/+") },
	};
	AUTO(buf_done) struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_clear(&out);
		base64_encode(&out, cases[i].plain);
		assert_true(str_eq(buf_str(&out), cases[i].code));
		buf_clear(&out);
		assert_true(base64_decode(&out, cases[i].code));
		assert_true(str_eq(buf_str(&out), cases[i].plain));
	}
	buf_clear(&out);
	assert_false(base64_decode(&out, STR("")));
	assert_false(base64_decode(&out, STR("Z")));
	assert_false(base64_decode(&out, STR("\0Zm9v")));
	assert_int_equal(out.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_longest, setup, teardown),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_hide),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
