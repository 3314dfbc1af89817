/*
 * Any file as a rule file: it is taken, or refused with faults that have a place. What is
 * taken runs its own examples and sees some lines.
 */
#include "core/event.h"
#include "fuzz_file.h"
#include "parsers/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const struct str texts[] = {
	STR_INIT(""),
	STR_INIT(
	    "4bXkWz3qLRz9tQf: to=<ann@example.org>, relay=none, delay=1, status=sent (ok)"),
	STR_INIT("4bXkWz3qLRz9tQf: \xff\xc3\x28\0\xed\xa0\x80 to=<a>,<b>"),
};

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_folder_make("parsers", "rules.yaml");
	return 0;
}

static void
on_event(void *ctx, struct event *ev)
{
	struct buf *json = ctx;

	buf_clear(json);
	event_json(ev, json);
	CHECK(fuzz_is_json(buf_str(json)));
}

static void
parse_some(const struct ruleset *rules)
{
	AUTO(buf_done) struct buf json = { 0 };
	struct parser *parser = parser_new(rules, NULL, 0);

	CHECK(parser != NULL);
	parser_set_no_header(parser, STR(""));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct line line = { .text = texts[i], .offset = -1 };

		(void)parser_line(parser, &line, STR("mail.log"), on_event, &json);
	}
	parser_free(parser);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *const dirs[] = { fuzz_folder.base };
	struct diags diags = { 0 };
	struct ruleset *rules = NULL;

	fuzz_folder_write((struct str){ (const char *)data, size });
	int r = ruleset_load(dirs, 1, &rules, &diags);

	CHECK((r == 0) == (diags.errors == 0) && r <= 0);
	CHECK((r == 0) == (rules != NULL));
	if (r == 0) {
		(void)ruleset_check(rules, &diags);
		parse_some(rules);
	}
	fuzz_check_diags(&diags);
	ruleset_free(rules);
	diags_done(&diags);
	return 0;
}
