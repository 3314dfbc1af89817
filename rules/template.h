/*
 * template - summary and advice with {words} in them
 *
 * Purpose    {provider} {host} {relay} {code} {meaning} {remedy} {reply} {recipient} and
 *            any event field by its name, written for people. Of counting detectors also
 *            {hits} (of `distinct`: {values}) {total} {share} {usual} {span}.
 */
#ifndef RULES_TEMPLATE_H
#define RULES_TEMPLATE_H

#include "core/event.h"
#include "core/yaml.h"

struct catalogue;
struct figures;

/* Are all words known? A fault at the word if not. */
bool template_check(const struct ynode *text, struct diags *diags);

/* What the event does not have is left out, `other servers` for a provider; figures may be
 * NULL. */
void template_fill(struct str text, const struct event *ev, const struct figures *figures,
    const struct catalogue *catalogue, struct buf *out);

#endif
