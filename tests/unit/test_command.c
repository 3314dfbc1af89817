/*
 * The command channel, with the shell as the program: what it is given, what its exit
 * status comes to.
 */
#include "notify/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <json-c/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct message_context context = {
	.host = STR_INIT("mx1"),
	.now_us = INT64_C(1795236077482913),
	.version = STR_INIT("0.1.0"),
};

static struct message *
a_message(struct str summary)
{
	const struct told told = {
		.notice = NOTICE_OPENED,
		.was_opened = true,
		.incident = {
			.id = STR("0f3a9c1b2d4e"),
			.rule = STR("provider-block"),
			.severity = SEVERITY_CRITICAL,
			.state = INCIDENT_OPEN,
			.host = STR("mx1"),
			.group = STR("{}"),
			.opened_us = INT64_C(1795228877482913),
			.last_seen_us = INT64_C(1795228877482913),
			.count = 3,
			.summary = summary,
		},
	};
	struct message *message =
	    message_new(STR("20261121080000.3f9c0a1b2d4e"), &told, 1, &context);

	assert_non_null(message);
	return message;
}

struct told_off {
	enum send_result result;
	struct receipt receipt;
	struct err err;
};

static struct told_off
send_argv(char **argv, size_t n, int64_t timeout_us, const struct message *message)
{
	const struct channel_settings settings = {
		.name = "command",
		.kind = CHANNEL_COMMAND,
		.command = { .argv = { argv, n }, .timeout_us = timeout_us },
	};
	const struct channel_context around = { ".", NULL, "mx1" };
	struct told_off off = { .result = SEND_ACCEPTED };
	struct channel *channel;

	assert_int_equal(channel_open(&settings, &around, &channel, &off.err), 0);
	off.result = channel_send(channel, message, &off.receipt, &off.err);
	channel_close(channel);
	return off;
}

static struct told_off
send_shell(const char *script, const struct message *message)
{
	char *argv[] = { "/bin/sh", "-c", (char *)script, "sh", "a b", "$(id)" };

	return send_argv(argv, 6, 10000000, message);
}

static void
test_input_is_one_line_of_json(void **state)
{
	char path[] = "/tmp/mailwarden-command-XXXXXX";
	int fd = mkstemp(path);
	AUTO(buf_done) struct buf script = { 0 };
	struct message *message = a_message(STR("a \"quoted\"\nline \x1b[31m \xff"));
	static char line[65536], more[2], words[64];

	(void)state;
	assert_true(fd >= 0);
	buf_addf(&script, "printf '%%s|' \"$@\" >%s; echo >>%s; cat >>%s", path, path,
	    path);
	struct told_off off = send_shell(buf_cstr(&script), message);

	assert_int_equal(off.result, SEND_ACCEPTED);
	assert_string_equal(off.err.text, "");
	assert_false(off.receipt.uncertain);
	FILE *f = fdopen(fd, "r");

	assert_non_null(f);
	assert_non_null(fgets(words, sizeof words, f));
	assert_string_equal(words, "a b|$(id)|\n"); /* the arguments, by no shell */
	assert_non_null(fgets(line, sizeof line, f));
	assert_null(fgets(more, sizeof more, f));
	assert_int_equal(fclose(f), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(line[strlen(line) - 1], '\n');
	struct json_object *object = json_tokener_parse(line), *incidents;

	assert_non_null(object);
	assert_string_equal(json_object_get_string(json_object_object_get(object, "type")),
	    "message");
	incidents = json_object_object_get(object, "incidents");
	assert_int_equal(json_object_array_length(incidents), 1);
	assert_string_equal(json_object_get_string(json_object_object_get(
				json_object_array_get_idx(incidents, 0), "id")),
	    "0f3a9c1b2d4e");
	json_object_put(object);
	message_free(message);
}

static void
test_what_its_end_means(void **state)
{
	static const struct {
		const char *script;
		enum send_result result;
		bool uncertain;
		const char *reason;
	} cases[] = {
		{ "cat >/dev/null", SEND_ACCEPTED, false, "" },
		{ "exit 0", SEND_ACCEPTED, false, "" }, /* it need not read */
		{ "exit 75", SEND_RETRY, false, "run /bin/sh: exit status 75" },
		{ "exit 1", SEND_RETRY, false, "exit status 1" },
		{ "echo 'no \033[2J token' >&2; exit 77", SEND_LOGIN, false,
		    "exit status 77: no \\x1b[2J token" },
		{ "kill -SEGV $$", SEND_RETRY, true, "SIGSEGV" },
	};
	struct message *message = a_message(STR("summary"));

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct told_off off = send_shell(cases[i].script, message);

		assert_int_equal(off.result, cases[i].result);
		assert_int_equal(off.receipt.uncertain, cases[i].uncertain);
		if (strstr(off.err.text, cases[i].reason) == NULL)
			fail_msg("'%s' is not in '%s'", cases[i].reason, off.err.text);
	}
	message_free(message);
}

static void
test_too_slow(void **state)
{
	char *argv[] = { "/bin/sh", "-c", "sleep 600" };
	struct message *message = a_message(STR("summary"));
	struct told_off off = send_argv(argv, 3, 100000, message);

	(void)state;
	assert_int_equal(off.result, SEND_RETRY);
	assert_true(off.receipt.uncertain);
	assert_non_null(strstr(off.err.text, "did not end within 0.1 s"));
	message_free(message);
}

static void
test_not_there(void **state)
{
	char *argv[] = { "/nonexistent/tell" };
	struct message *message = a_message(STR("summary"));
	struct told_off off = send_argv(argv, 1, 100000, message);

	(void)state;
	assert_int_equal(off.result, SEND_LOGIN);
	assert_false(off.receipt.uncertain);
	assert_non_null(strstr(off.err.text, "run /nonexistent/tell: No such file"));
	message_free(message);
}

/* A test has no incident, and goes the same way. */
static void
test_test(void **state)
{
	struct message *message = message_new(STR("a.b"), NULL, 0, &context);

	(void)state;
	assert_non_null(message);
	assert_int_equal(send_shell("grep -q '\"incidents\":\\[\\]'", message).result,
	    SEND_ACCEPTED);
	message_free(message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_input_is_one_line_of_json),
		cmocka_unit_test(test_what_its_end_means),
		cmocka_unit_test(test_too_slow),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
