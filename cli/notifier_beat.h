/*
 * notifier_beat - heartbeats: "the monitor is alive"
 *
 * Purpose    Sends through each heartbeat channel in its rhythm, but only while the watcher
 *            (`mailwarden run`) lives: the service that misses the heartbeat then tells its
 *            people what this machine no longer can.
 * Ownership  The caller frees it with beats_free(), before the crew. Loop, crew and state
 *            are the caller's.
 */
#ifndef CLI_NOTIFIER_BEAT_H
#define CLI_NOTIFIER_BEAT_H

#include <systemd/sd-event.h>

#include "cli/notifier_crew.h"

struct beats;

/* The first goes out at once. */
int beats_new(sd_event *loop, struct crew *crew, const char *state, struct beats **out,
    struct err *err);
void beats_free(struct beats *beats); /* NULL is fine */

/* Somebody knocked: what was held back since the watcher did not run may go out now. */
void beats_knock(struct beats *beats); /* NULL is fine */
bool beats_held_back(const struct beats *beats);

#endif
