/*
 * notifier_status - one line about how it goes
 *
 * Purpose    What `systemctl status` shows below the notifier's name: "2 channels, 3 notices
 *            wait, relay failing since 10:02: ...". Sent only when it changed.
 * Ownership  Everything is the caller's.
 */
#ifndef CLI_NOTIFIER_STATUS_H
#define CLI_NOTIFIER_STATUS_H

#include "cli/notifier_crew.h"

struct notifier_status {
	const struct crew *crew;
	struct store *store; /* NULL: not open */
	const char *trouble; /* with the store, or "" */
	bool held_back;      /* heartbeats, since the watcher does not run */
	uint64_t last_hash;  /* of what was sent last */
};

/* Nothing without systemd. */
void notifier_tell_status(struct notifier_status *status);
/* The line itself, always of printable characters. */
void notifier_status_line(const struct notifier_status *status, struct buf *out);

#endif
