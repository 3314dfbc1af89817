/*
 * source - the event stream of one host
 *
 * Purpose    Keeps `mailwarden events --follow --json` running, here or by ssh, hands out
 *            its lines, and goes on from the last one after it ended: at once after the
 *            machine slept or the network changed, else after 1 s, 2 s, ... 5 minutes.
 * Ownership  Who makes it frees it, but not from within its callbacks; freeing ends the
 *            child. The host and the callbacks must outlive it; the addresses are copied.
 * Limits     A line of over 4 MiB is skipped, and so is half a line at the end of the
 *            child: it is told again. No timer runs while the child does.
 * Threads    The thread of the main loop.
 */
#ifndef DESKTOP_SOURCE_H
#define DESKTOP_SOURCE_H

#include "core/str.h"
#include "desktop/settings.h"

struct source;

enum source_state {
	SOURCE_STARTING, /* for the first time, or again after the wait (source_lost_us()) */
	SOURCE_CONNECTED, /* it told what is open: what happens is heard */
	SOURCE_LOST,      /* it ended; a new try is waited for */
};

struct source_calls {
	void *ctx;
	/* A line; the source takes its record's id as the place to go on from, once
	 * this has returned. */
	void (*line)(void *ctx, struct source *source, struct str line);
	/* All lines that were there at once have been handed out: time to save. */
	void (*pause)(void *ctx, struct source *source);
	void (*changed)(void *ctx, struct source *source); /* the state, or its reason */
};

/* place: the id of the last line that was seen, "" or NULL for none: it begins now. at_us:
 * the time of that line, to go on from if the store there was made anew. to: addresses
 * whose mail is asked for, NULL-terminated; empty: none, only incidents. */
struct source *source_new(const struct desk_host *host, char *const *to, const char *place,
    int64_t at_us, const struct source_calls *calls);
void source_free(struct source *source); /* NULL is fine */

void source_retry_now(struct source *source); /* unless it is connected */
void source_restart(struct source *source);   /* after sleep: a connection may be dead */

const struct desk_host *source_host(const struct source *source);
enum source_state source_state(const struct source *source);
/* Why it was lost, on one line, fit to be seen; "" if it is connected. Both stay as they
 * are while it is tried again. */
/* Connected, and a watcher works there, as far as it says: what happens is told. */
bool source_is_heard(const struct source *source);
const char *source_reason(const struct source *source);
int64_t source_lost_us(const struct source *source);   /* since when; 0 if it is not */
int64_t source_retry_us(const struct source *source);  /* when it tries again; 0 */
const char *source_place(const struct source *source); /* "" before the first line */
int64_t source_place_us(const struct source *source);  /* time of the line there; 0 */

/* How long is waited after so many tries in a row that came to nothing. */
unsigned source_wait_s(unsigned failures);

/* The words that run `mailwarden WORDS...` on the host: itself, or ssh with what it needs
 * to fail rather than ask. NULL-terminated; free by g_strfreev(). */
char **source_command(const struct desk_host *host, const char *const *words);
/* The same for the stream itself, see source_new(); place "": by the time at_us, or from now
 * on if that is 0. */
char **source_stream_command(const struct desk_host *host, char *const *to,
    const char *place, int64_t at_us);

#endif
