/*
 * web_loop - the event loop of mailwarden-web: server, store, signals
 *
 * Purpose    One thread: requests are answered one after the other, each within its limit;
 *            streams are woken when the store changes (store/watch.h), never by the clock.
 * Ownership  Options stay the caller's; the listener is closed.
 */
#ifndef CLI_WEB_LOOP_H
#define CLI_WEB_LOOP_H

#include "cli/web_api.h"
#include "web/listen.h"

struct web_place {
	struct listener listener;
	struct host_list hosts;
	struct str token; /* empty: none */
	const char *page; /* folder of its files */
};

/* An exit code. */
int web_loop(const struct web_options *options, struct web_place *place);

#endif
