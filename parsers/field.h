/*
 * field - event fields named in rule files
 */
#ifndef PARSERS_FIELD_H
#define PARSERS_FIELD_H

#include "core/diag.h"
#include "core/event.h"

/* The field of that name; EVF_COUNT and a fault with a suggestion if there is none. */
enum event_field field_named(struct str name, struct pos at, struct diags *diags);

#endif
