/*
 * template - summary and advice with {words} in them
 *
 * Purpose    {provider} {host} {relay} {code} {meaning} {remedy} {reply} {recipient} and
 *            any event field by its name, written for people.
 */
#ifndef RULES_TEMPLATE_H
#define RULES_TEMPLATE_H

#include "core/event.h"
#include "core/yaml.h"

struct catalogue;

/* Are all words known? A fault at the word if not. */
bool template_check(const struct ynode *text, struct diags *diags);

/* What the event does not have is left out, `other servers` for a provider. */
void template_fill(struct str text, const struct event *ev,
    const struct catalogue *catalogue, struct buf *out);

#endif
