#include "parsers/bounce_rules.h"

#include <errno.h>

struct bounce_rules *
bounce_rules_load(const char *const *dirs, size_t n, struct diags *diags)
{
	(void)dirs;
	(void)n;
	(void)diags;
	return NULL;
}

void
bounce_rules_free(struct bounce_rules *rules)
{
	(void)rules;
}

size_t
bounce_rules_count(const struct bounce_rules *rules)
{
	(void)rules;
	return 0;
}

size_t
bounce_rules_check(struct bounce_rules *rules, struct diags *diags)
{
	(void)rules;
	(void)diags;
	return 0;
}

int
bounce_rules_read(struct bounce_rules *rules, const struct bounce_letter *letter,
    bounce_find_fn *fn, void *ctx)
{
	(void)rules;
	(void)letter;
	(void)fn;
	(void)ctx;
	return 0;
}
