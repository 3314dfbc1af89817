/*
 * example_lines - the lines of an alert rule's example
 *
 * Purpose    `lines:` is a text, or a list of texts and of repetitions:
 *              - repeat: { line: "{time} mx1 sm-mta[{n}]: ...", from: "Nov 01 00:00:00",
 *                          every: 10m, for: 10d }
 *            for detectors that want a history. {time} is the stamp, {n} a running number.
 *            A list is merged in the order of its stamps.
 * Limits     EXAMPLE_MAX_LINES.
 */
#ifndef RULES_EXAMPLE_LINES_H
#define RULES_EXAMPLE_LINES_H

#include "core/buf.h"
#include "core/yaml.h"

enum { EXAMPLE_MAX_LINES = 200000 };

/* Puts the lines into *out, each with its newline. False and a fault if they are wrong. */
bool example_lines(const struct ynode *lines, struct buf *out, struct diags *diags);

#endif
