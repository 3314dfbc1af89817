/*
 * Any text as the words of a bounce message, for the shipped rules, and any file as a rule
 * file: a first byte of 'R' tells which.
 */
#include "fuzz_file.h"
#include "parsers/bounce_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct bounce_rules *shipped;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *const dirs[] = { SOURCE_DIR "/rules.d" };
	struct diags diags = { 0 };

	(void)argc;
	(void)argv;
	fuzz_folder_make("bounces", "rules.yaml");
	shipped = bounce_rules_load(dirs, 1, &diags);
	CHECK(shipped != NULL);
	diags_done(&diags);
	return 0;
}

static int
on_find(void *ctx, const struct bounce_find *find)
{
	int *n = ctx;

	(*n)++;
	CHECK(find->recipient.n > 0 && find->recipient.n <= 320);
	CHECK(str_find_char(find->recipient, '\n') < 0);
	CHECK(str_find_char(find->reply, '\n') < 0);
	CHECK(find->action.n > 0 && find->rule.n > 0);
	CHECK(find->smtp_code == 0 || (find->smtp_code >= 200 && find->smtp_code <= 599));
	fuzz_touch(find->recipient);
	fuzz_touch(find->reply);
	fuzz_touch(find->status);
	fuzz_touch(find->relay_name);
	fuzz_touch(find->relay_ip);
	fuzz_touch(find->queue_id);
	fuzz_touch(find->sender);
	fuzz_touch(find->message_id);
	return 0;
}

static void
read_text(struct bounce_rules *rules, struct str text)
{
	static const struct str froms[] = { STR_INIT("MAILER-DAEMON@example.net"),
		STR_INIT("Ann <ann@example.org>") };
	int n = 0;

	for (size_t i = 0; i < sizeof froms / sizeof *froms; i++) {
		struct bounce_letter letter = { froms[i], STR("Undelivered mail"), text,
			text };

		n = 0;
		CHECK(bounce_rules_read(rules, &letter, on_find, &n) == n);
	}
}

static void
read_rules(struct str file)
{
	const char *const dirs[] = { fuzz_folder.base };
	struct diags diags = { 0 };

	fuzz_folder_write(file);
	struct bounce_rules *rules = bounce_rules_load(dirs, 1, &diags);

	CHECK((rules != NULL) == (diags.errors == 0));
	if (rules != NULL) {
		(void)bounce_rules_check(rules, &diags);
		read_text(rules, STR("<ann@example.org>:\n550 5.1.1 no\n"));
	}
	fuzz_check_diags(&diags);
	bounce_rules_free(rules);
	diags_done(&diags);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };

	if (size > 0 && data[0] == 'R') {
		read_rules(str_skip(text, 1));
		return 0;
	}
	read_text(shipped, text);
	return 0;
}
