/*
 * ingest_tell - what a message was, for people and for programs
 *
 * Purpose    A line for each message, its events for --dry-run, and the sum at the end.
 */
#ifndef CLI_INGEST_TELL_H
#define CLI_INGEST_TELL_H

#include "cli/ingest_take.h"

struct ingest_counts {
	int64_t messages, events, left_out, failed;
	int64_t verdicts[VERDICT_COUNT];
};

/* The message and its verdict; recipients and the first reply for a bounce. */
void ingest_tell(const struct ingest_setup *setup, const char *name,
    const struct ingest_taken *taken);
/* The events as `mailwarden parse --json` shows them; without --json the lines. */
int ingest_tell_dry(struct ingest_setup *setup, const char *name,
    const struct ingest_taken *taken);
void ingest_tell_sum(const struct ingest_setup *setup, const struct ingest_counts *counts);

#endif
