/*
 * listen - where the server listens
 *
 * Purpose    "127.0.0.1:8025", "[::1]:8025", "localhost:8025" or "unix:/run/x/web.sock" as a
 *            socket. Others than loopback are refused unless they are meant.
 * Ownership  The socket and the path are the caller's; listen_close() also takes the name of
 *            a unix socket away.
 * Errors     Negative errno with a reason: -EINVAL for what is no such address, -EPERM for
 *            one that others could reach.
 */
#ifndef WEB_LISTEN_H
#define WEB_LISTEN_H

#include <stdbool.h>

#include "core/err.h"

struct listener {
	int fd;
	char *path;       /* of a unix socket, NULL: TCP */
	bool is_loopback; /* nobody else reaches it: also a unix socket */
	int port;         /* TCP: also where 0 was asked for */
};

int listen_open(const char *where, bool may_be_public, struct listener *out,
    struct err *err);
void listen_close(struct listener *listener);

#endif
