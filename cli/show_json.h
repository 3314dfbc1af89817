/*
 * show_json - the JSON object of `show --json`: an incident, and what belongs to it
 *
 * Ownership  Adds to the caller's buffer.
 * Errors     Those of the store, with the reason in *err.
 */
#ifndef CLI_SHOW_JSON_H
#define CLI_SHOW_JSON_H

#include "store/store.h"

int show_json(struct store *store, const struct incident *in, struct buf *out,
    struct err *err);

#endif
