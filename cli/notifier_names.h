/*
 * notifier_names - whose hosts and domains are whose
 *
 * Purpose    News of a provider's trouble is not sent only through that provider (design,
 *            invariant 7): here is what the catalogue knows of names. Read when it is first
 *            asked, which only troubles of a provider make happen.
 * Ownership  The caller frees it with notifier_names_free(); texts handed out live as long.
 * Errors     A catalogue that cannot be read is told once; then nobody is known.
 */
#ifndef CLI_NOTIFIER_NAMES_H
#define CLI_NOTIFIER_NAMES_H

#include "notify/route.h"

struct notifier_names;

/* rules: the folder of the configuration, which must outlive it; NULL: the default. NULL
 * without memory. */
struct notifier_names *notifier_names_new(const char *rules);
void notifier_names_free(struct notifier_names *names); /* NULL is fine */
/* names NULL: nobody is known. */
struct route_names notifier_names_get(struct notifier_names *names);

#endif
