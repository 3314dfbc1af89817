/* mailwarden check: is everything that a person wrote right? */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/config.h"
#include "cli/config_review.h"
#include "parsers/bounce_rules.h"
#include "rules/alert.h"

struct check {
	bool json, quick;
	const char *rules, *path;
	bool loaded;
	struct config config; /* if loaded */
	struct diags diags;
	size_t parser_examples, alert_examples, bounce_examples;
	size_t bounce_rules;
};

static void
check_bounces(struct check *c, const struct rule_dirs *dirs)
{
	struct bounce_rules *rules = bounce_rules_load(dirs->dirs, dirs->n, &c->diags);

	if (rules == NULL)
		return; /* why is in diags */
	c->bounce_rules = bounce_rules_count(rules);
	if (!c->quick)
		c->bounce_examples = bounce_rules_check(rules, &c->diags);
	bounce_rules_free(rules);
}

static void
check_rules(struct check *c)
{
	const char *own = c->rules != NULL || !c->loaded ? c->rules : c->config.rules;
	struct rule_dirs dirs = app_rule_dirs(own);
	struct rulebook book = { 0 };
	int p = ruleset_load(dirs.dirs, dirs.n, &book.parsers, &c->diags);
	int k = app_load_catalogue(&dirs, &book.catalogue, &c->diags);
	int a = alert_rules_load(dirs.dirs, dirs.n, &book.alerts, &c->diags);

	if (p == 0 && !c->quick)
		c->parser_examples = ruleset_check(book.parsers, &c->diags);
	if (p == 0 && k == 0 && a == 0 && !c->quick)
		c->alert_examples =
		    alert_rules_check(book.alerts, book.parsers, book.catalogue, &c->diags);
	if ((p < 0 || k < 0 || a < 0) && c->diags.errors == 0)
		diag_add(&c->diags, (struct pos){ dirs.dirs[0], 0, 0 },
		    "cannot be loaded: %s",
		    strerror(p < 0   ? -p
			     : k < 0 ? -k
				     : -a));
	check_bounces(c, &dirs);
	if (a == 0 && c->loaded)
		config_review_rules(&c->config, book.alerts, &c->diags);
	if (!c->json && c->diags.errors == 0)
		printf("%zu parser rules, %zu examples; %zu alert rules, %zu examples; "
		       "%zu bounce rules, %zu examples; %zu reply codes: all as expected\n",
		    ruleset_size(book.parsers), c->parser_examples,
		    alert_rules_count(book.alerts), c->alert_examples, c->bounce_rules,
		    c->bounce_examples, catalogue_code_count(book.catalogue));
	app_free_rules(&book);
}

static void
check_config(struct check *c)
{
	c->loaded = config_load(c->path, &c->config, &c->diags) == 0;
	if (!c->loaded)
		return;
	config_review(&c->config, &c->diags);
	if (!c->json && c->diags.errors == 0)
		printf("configuration %s: %s\n", c->config.path,
		    c->config.found ? "as expected" : "not there, defaults hold");
}

static int
run(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "quick", no_argument, NULL, 'q' },
		{ "rules", required_argument, NULL, 'r' },
		{ "config", required_argument, NULL, 'c' }, { 0 } };
	struct check check = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': check.json = true; break;
		case 'q': check.quick = true; break;
		case 'r': check.rules = optarg; break;
		case 'c': check.path = optarg; break;
		default: return app_usage(&cmd_check, "%s", "");
		}
	}
	if (optind < argc)
		return app_usage(&cmd_check, "takes no '%s'", argv[optind]);
	if (check.rules != NULL && access(check.rules, R_OK | X_OK) != 0)
		return app_fail(EXIT_CONFIG, "rules folder %s: %s", check.rules,
		    strerror(errno));
	check_config(&check);
	check_rules(&check);
	bool good = check.diags.errors == 0;

	if (check.json) {
		diags_json(&check.diags, stdout);
		printf(
		    "{\"type\":\"summary\",\"errors\":%zu,\"warnings\":%zu,\"examples\":%zu}\n",
		    check.diags.errors, check.diags.warnings,
		    check.parser_examples + check.alert_examples + check.bounce_examples);
	} else {
		diags_print(&check.diags, stderr);
		if (!good)
			fprintf(stderr, "%zu faults\n", check.diags.errors);
	}
	diags_done(&check.diags);
	if (check.loaded)
		config_done(&check.config);
	return good ? EXIT_FINE : EXIT_CONFIG;
}

const struct command cmd_check = {
	.name = "check",
	.args = "[--quick] [--rules DIR] [--config FILE] [--json]",
	.summary = "validates configuration and rules, runs the rules' examples",
	.help =
	    "Loads configuration and all rules, runs every example that the rules carry, and tells\n"
	    "each fault with file, line and column. Exit code 3 if there is one. It looks at the\n"
	    "secret files and programs that the configuration names, and warns where an alert\n"
	    "would reach nobody.\n\n"
	    "  --quick        loads only: leaves the rules' examples out\n"
	    "  --rules DIR    rules that add to the shipped ones, in place of the configuration's\n"
	    "  --config FILE  in place of /etc/mailwarden/mailwarden.yaml\n"
	    "  --json         one JSON object for each fault, then a summary",
	.run = run,
};
