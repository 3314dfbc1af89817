/*
 * ingester - the child process that takes strangers' messages apart
 *
 * Purpose    mailwarden-ingest, watching the Maildirs of the configuration, as a child of `run`
 *            (cli/child.h). What it finds it writes to reports.log, which we follow.
 */
#ifndef CLI_INGESTER_H
#define CLI_INGESTER_H

#include <systemd/sd-event.h>

#include "core/err.h"

struct child;

/* config: as given with --config, NULL: the default. The texts stay the caller's. */
int ingester_start(sd_event *loop, const char *config, const char *state,
    struct child **out, struct err *err);

#endif
