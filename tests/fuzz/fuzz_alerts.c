/*
 * Any file as a file of alert rules: it is taken, or refused with faults that have a place.
 * What is taken runs its own examples, with the shipped parser rules and catalogue.
 */
#include "fuzz_file.h"
#include "parsers/catalogue.h"
#include "parsers/ruleset.h"
#include "rules/alert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct ruleset *parsers;
static struct catalogue *catalogue;

static void
free_shipped(void)
{
	catalogue_free(catalogue);
	ruleset_free(parsers);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const dirs[] = { SOURCE_DIR "/rules.d" };
	static const char *const catalogues[] = { SOURCE_DIR "/rules.d/catalogue" };
	struct diags diags = { 0 };

	(void)argc;
	(void)argv;
	CHECK(ruleset_load(dirs, 1, &parsers, &diags) == 0);
	CHECK(catalogue_load(catalogues, 1, &catalogue, &diags) == 0);
	diags_done(&diags);
	(void)atexit(free_shipped);
	fuzz_folder_make("alerts", "alerts.yaml");
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *const dirs[] = { fuzz_folder.base };
	struct diags diags = { 0 };
	struct alert_rules *rules = NULL;

	fuzz_folder_write((struct str){ (const char *)data, size });
	int r = alert_rules_load(dirs, 1, &rules, &diags);

	CHECK((r == 0) == (diags.errors == 0) && r <= 0);
	CHECK((r == 0) == (rules != NULL));
	if (r == 0) {
		(void)alert_rules_kinds(rules);
		(void)alert_rules_check(rules, parsers, catalogue, &diags);
	}
	fuzz_check_diags(&diags);
	alert_rules_free(rules);
	diags_done(&diags);
	return 0;
}
