#include "web/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/str.h"

enum { BACKLOG = 128, HOST_BYTES = 256 };

/* --- unix --- */

/* A socket that nobody answers at is left over from a server that was killed. */
static int
take_away_old(const struct sockaddr_un *address, struct err *err)
{
	struct stat st;
	int r = 0;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(err, "listen at", address->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, -EEXIST, "listen at %s: it is there, and no socket",
		    address->sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_errno(err, "make", "a socket");
	if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0)
		r = err_set(err, -EADDRINUSE, "listen at %s: another server is there",
		    address->sun_path);
	else if (unlink(address->sun_path) < 0)
		r = err_errno(err, "take away the old socket", address->sun_path);
	(void)close(fd);
	return r;
}

static int
open_unix(const char *path, struct listener *out, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (path[0] != '/' || strlen(path) >= sizeof address.sun_path)
		return err_set(err, -EINVAL,
		    "listen at unix:%s: a full path of less than %zu bytes is needed", path,
		    sizeof address.sun_path);
	(void)strcpy(address.sun_path, path);
	int r = take_away_old(&address, err);

	if (r < 0)
		return r;
	*out = (struct listener){ .fd = socket(AF_UNIX,
				      SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
		.is_loopback = true };
	/* The group of the folder decides who may ask: a proxy's, say. */
	if (out->fd < 0 ||
	    bind(out->fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
	    chmod(path, 0660) < 0 || listen(out->fd, BACKLOG) < 0) {
		r = err_errno(err, "listen at", path);
		listen_close(out);
		return r;
	}
	out->path = str_dup(str_of(path));
	return 0;
}

/* --- TCP --- */

static bool
is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)address;

		return ntohl(in->sin_addr.s_addr) >> 24 == 127;
	}
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static int
port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t n = sizeof address;

	if (getsockname(fd, (struct sockaddr *)&address, &n) < 0)
		return 0;
	/* Both families keep it at the same place. */
	return ntohs(((const struct sockaddr_in *)&address)->sin_port);
}

static int
open_address(const char *where, const struct addrinfo *found, struct listener *out,
    struct err *err)
{
	const int on = 1;

	*out = (struct listener){
		.fd =
		    socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
		.is_loopback = is_loopback(found->ai_addr),
	};
	if (out->fd < 0 ||
	    setsockopt(out->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(out->fd, found->ai_addr, found->ai_addrlen) < 0 ||
	    listen(out->fd, BACKLOG) < 0) {
		int r = err_errno(err, "listen at", where);

		listen_close(out);
		return r;
	}
	out->port = port_of(out->fd);
	return 0;
}

/* host and port of "host:port" or "[address]:port". */
static bool
split(const char *where, char host[HOST_BYTES], const char **port)
{
	const char *colon = strrchr(where, ':');
	struct str name;

	if (colon == NULL || colon[1] == '\0')
		return false;
	*port = colon + 1;
	name = (struct str){ where, (size_t)(colon - where) };
	if (name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
		name = str_head(str_skip(name, 1), name.n - 2);
	else if (str_find_char(name, ':') >= 0)
		return false; /* an IPv6 address without brackets: which is the port? */
	if (name.n == 0 || name.n >= HOST_BYTES)
		return false;
	memcpy(host, name.p, name.n);
	host[name.n] = '\0';
	return true;
}

static int
open_tcp(const char *where, bool may_be_public, struct listener *out, struct err *err)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM };
	char host[HOST_BYTES];
	const char *port;
	struct addrinfo *found;

	if (!split(where, host, &port))
		return err_set(err, -EINVAL,
		    "listen at %s: expected ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH",
		    where);
	int code = getaddrinfo(host, port, &hints, &found);

	if (code != 0)
		return err_set(err, -EINVAL, "listen at %s: %s", where, gai_strerror(code));
	int r = is_loopback(found->ai_addr) || may_be_public
		    ? open_address(where, found, out, err)
		    : err_set(err, -EPERM,
			  "listen at %s: others could read every address in the logs. "
			  "Listen at 127.0.0.1 or a unix socket, behind a web server that "
			  "asks who it is; or set `public: yes` below `web:`",
			  where);
	freeaddrinfo(found);
	return r;
}

int
listen_open(const char *where, bool may_be_public, struct listener *out, struct err *err)
{
	static const char prefix[] = "unix:";

	if (strncmp(where, prefix, sizeof prefix - 1) == 0)
		return open_unix(where + sizeof prefix - 1, out, err);
	return open_tcp(where, may_be_public, out, err);
}

void
listen_close(struct listener *listener)
{
	if (listener->path != NULL)
		(void)unlink(listener->path);
	free(listener->path);
	if (listener->fd >= 0)
		(void)close(listener->fd);
	*listener = (struct listener){ .fd = -1 };
}
