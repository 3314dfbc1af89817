/*
 * ingest_files - `mailwarden ingest FILE...`
 *
 * Purpose    Takes what is in files, mailboxes and Maildirs, tells what each message was, and
 *            the sum. A message stays where it is, whatever it was.
 */
#ifndef CLI_INGEST_FILES_H
#define CLI_INGEST_FILES_H

#include "cli/ingest_setup.h"

/* An exit code: EXIT_FAILED if a box could not be read, or the log not written. */
int ingest_files(struct ingest_setup *setup, char *const *paths, size_t n);

#endif
