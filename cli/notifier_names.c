#include "cli/notifier_names.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/place.h"
#include "parsers/catalogue.h"
#include "paths.h"

struct notifier_names {
	const char *rules;
	bool asked;
	struct catalogue *catalogue; /* NULL: not read, or not readable */
};

struct notifier_names *
notifier_names_new(const char *rules)
{
	struct notifier_names *names = calloc(1, sizeof *names);

	if (names != NULL)
		names->rules = rules;
	return names;
}

void
notifier_names_free(struct notifier_names *names)
{
	if (names == NULL)
		return;
	catalogue_free(names->catalogue);
	free(names);
}

static void
load(struct notifier_names *names)
{
	const char *const shipped =
	    place_is_below(PATH_BUILD_DIR) ? PATH_SOURCE_RULES : PATH_DATA_RULES;
	const char *const own = names->rules != NULL ? names->rules : PATH_ETC "/rules.d";
	AUTO(auto_free) char *first = NULL;
	AUTO(auto_free) char *second = NULL;
	struct diags diags = { 0 };

	names->asked = true;
	if (asprintf(&first, "%s/catalogue", shipped) < 0)
		first = NULL;
	if (asprintf(&second, "%s/catalogue", own) < 0)
		second = NULL;
	const char *const dirs[] = { first, second };

	if (first == NULL || second == NULL ||
	    catalogue_load(dirs, 2, &names->catalogue, &diags) < 0)
		fputs("the catalogue cannot be read: which channel shares a provider's "
		      "trouble is not known; `mailwarden check` tells why\n",
		    stderr);
	diags_done(&diags);
}

static const struct catalogue *
ask(void *ctx)
{
	struct notifier_names *names = ctx;

	if (!names->asked)
		load(names);
	return names->catalogue;
}

static struct str
host_is(void *ctx, struct str host)
{
	const struct catalogue *catalogue = ask(ctx);

	return catalogue == NULL ? STR("") : catalogue_provider_of_host(catalogue, host);
}

static struct str
domain_is(void *ctx, struct str domain)
{
	const struct catalogue *catalogue = ask(ctx);

	return catalogue == NULL ? STR("")
				 : catalogue_provider_of_domain(catalogue, domain);
}

struct route_names
notifier_names_get(struct notifier_names *names)
{
	if (names == NULL)
		return (struct route_names){ 0 };
	return (struct route_names){ host_is, domain_is, names };
}
