#include "web/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "web/server_impl.h"

/* --- connections --- */

static void
on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
    enum MHD_ConnectionNotificationCode code)
{
	struct web_server *server = cls;
	struct link *link = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		if ((link = calloc(1, sizeof *link)) == NULL)
			return; /* it has its idle limit all the same */
		*link = (struct link){ .next = server->links,
			.here = &server->links,
			.connection = connection,
			.since_us = server->now_us };
		if (link->next != NULL)
			link->next->here = &link->next;
		server->links = link;
		*socket_context = link;
	} else if (link != NULL) {
		*link->here = link->next;
		if (link->next != NULL)
			link->next->here = link->here;
		free(link);
		*socket_context = NULL;
	}
}

static struct link *
link_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info == NULL ? NULL : info->socket_context;
}

/* libmicrohttpd only knows how long nothing came: a byte now and then would hold a connection
 * for ever. Shut down here, it is closed there. */
static void
cut_off_slow(struct web_server *server)
{
	for (struct link *link = server->links; link != NULL; link = link->next) {
		const union MHD_ConnectionInfo *info;

		if (link->ours ||
		    server->now_us - link->since_us < SERVER_REQUEST_S * (int64_t)US_PER_S)
			continue;
		info = MHD_get_connection_info(link->connection,
		    MHD_CONNECTION_INFO_CONNECTION_FD);
		if (info != NULL)
			(void)shutdown(info->connect_fd, SHUT_RDWR);
	}
}

/* --- answers that come later --- */

static void
stop_waiting(struct exchange *x)
{
	*x->here = x->next;
	if (x->next != NULL)
		x->next->here = x->here;
	x->here = NULL;
	if (x->link != NULL)
		x->link->ours = false;
}

static enum MHD_Result
wait_for(struct web_server *server, struct MHD_Connection *connection, struct exchange *x,
    const void *later)
{
	x->connection = connection;
	x->later = later;
	x->link = link_of(connection);
	if (x->link != NULL)
		x->link->ours = true;
	x->here = &server->waiting;
	x->next = server->waiting;
	if (x->next != NULL)
		x->next->here = &x->next;
	server->waiting = x;
	MHD_suspend_connection(connection);
	return MHD_YES;
}

void
web_server_answer(struct web_server *server, const void *later, struct web_answer *answer)
{
	struct exchange *x = server->waiting;

	while (x != NULL && x->later != later)
		x = x->next;
	if (x == NULL) {
		buf_done(&answer->body);
		return;
	}
	stop_waiting(x);
	x->answer = *answer;
	x->answered = true;
	*answer = (struct web_answer){ 0 };
	MHD_resume_connection(x->connection); /* on_request() is called once more */
}

static void
end_waiting(struct web_server *server)
{
	while (server->waiting != NULL) {
		struct web_answer out = { 0 };

		web_answer_error(&out, MHD_HTTP_SERVICE_UNAVAILABLE, "the server ends");
		web_server_answer(server, server->waiting->later, &out);
	}
}

/* --- one request --- */

/* Comes first: the target as it was sent, before anything is decoded. */
static void *
on_target(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct exchange *x = calloc(1, sizeof *x);

	(void)cls;
	(void)connection;
	if (x == NULL)
		return NULL;
	x->too_long = strlen(uri) > REQUEST_TARGET_BYTES;
	buf_add(&x->target, str_head(str_of(uri), REQUEST_TARGET_BYTES));
	return x;
}

/* Encoded text stays as it is: target_read() and query_value() decode. */
static size_t
keep_encoding(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls;
	(void)connection;
	return strlen(text);
}

static void
on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
    enum MHD_RequestTerminationCode code)
{
	struct web_server *server = cls;
	struct exchange *x = *con_cls;
	struct link *link = link_of(connection);

	(void)code;
	if (link != NULL)
		link->since_us = server->now_us;
	if (x == NULL)
		return;
	if (x->here != NULL)
		stop_waiting(x);
	buf_done(&x->target);
	buf_done(&x->body);
	buf_done(&x->answer.body);
	free(x);
	*con_cls = NULL;
}

static void
take_body(struct exchange *x, struct str part)
{
	if (x->request.target.endpoint != ENDPOINT_ACK)
		return; /* nobody asked for it */
	if (x->body.n + part.n > REQUEST_BODY_BYTES)
		x->too_big = true;
	else
		buf_add(&x->body, part);
}

static enum MHD_Result
answer(struct web_server *server, struct MHD_Connection *connection, struct exchange *x)
{
	const struct web_handler *h = server->handler;
	struct web_answer out = { 0 };
	enum endpoint endpoint = x->request.target.endpoint;

	if (endpoint == ENDPOINT_ASSET) {
		const struct asset *asset =
		    assets_find(server->settings->assets, x->request.target.path);

		if (asset != NULL)
			return answer_asset(connection, asset);
		web_answer_error(&out, MHD_HTTP_NOT_FOUND, "that file is not here");
	} else if (x->too_big) {
		web_answer_error(&out, MHD_HTTP_CONTENT_TOO_LARGE,
		    "the body is longer than 8 KiB");
	} else if (endpoint == ENDPOINT_STREAM && server->nstreams >= SERVER_STREAMS) {
		web_answer_error(&out, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "too many clients follow the stream");
	} else {
		x->request.body = buf_str(&x->body);
		h->answer(h->ctx, &x->request, &out);
		if (out.later != NULL)
			return wait_for(server, connection, x, out.later);
		if (out.status == 0)
			return stream_start(server, connection, link_of(connection),
			    out.stream);
	}
	return answer_send(connection, &out, endpoint == ENDPOINT_ACK);
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_n,
    void **con_cls)
{
	struct web_server *server = cls;
	struct exchange *x = *con_cls;

	(void)url;
	(void)version;
	if (x == NULL || x->target.failed || x->body.failed)
		return MHD_NO;
	if (!x->judged) {
		struct web_answer refusal = { 0 };

		x->judged = true;
		if (!exchange_judge(x, server->settings, connection, method, &refusal))
			return answer_send(connection, &refusal,
			    x->request.target.endpoint == ENDPOINT_ACK);
		return MHD_YES; /* the body, if there is one, then we are called again */
	}
	if (*upload_n > 0) {
		take_body(x, (struct str){ upload, *upload_n });
		*upload_n = 0;
		return MHD_YES;
	}
	if (x->answered)
		return answer_send(connection, &x->answer,
		    x->request.target.endpoint == ENDPOINT_ACK);
	return answer(server, connection, x);
}

/* --- the server --- */

/* What clients did wrong is their concern, not our log's. */
static void
say_nothing(void *cls, const char *fmt, va_list ap)
{
	(void)cls;
	(void)fmt;
	(void)ap;
}

int
web_server_start(const struct web_settings *settings, const struct web_handler *handler,
    struct web_server **out, struct err *err)
{
	struct web_server *server = calloc(1, sizeof *server);

	if (server == NULL)
		return err_set(err, -ENOMEM, "start the web server: out of memory");
	server->settings = settings;
	server->handler = handler;
	server->daemon =
	    MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, say_nothing,
		NULL, MHD_OPTION_LISTEN_SOCKET, settings->fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)SERVER_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		settings->is_loopback ? (unsigned)SERVER_FROM_LOOPBACK
				      : (unsigned)SERVER_FROM_ADDRESS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SERVER_HEAD_BYTES,
		MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)2048,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_IDLE_S,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_target,
		server, MHD_OPTION_UNESCAPE_CALLBACK, keep_encoding, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
	if (server->daemon == NULL) {
		free(server);
		return err_set(err, -EIO, "start the web server: libmicrohttpd refused");
	}
	*out = server;
	return 0;
}

void
web_server_stop(struct web_server *server)
{
	if (server == NULL)
		return;
	/* A connection that sleeps cannot be closed: streams and who waits are woken. */
	server->stopping = true;
	streams_wake(server);
	end_waiting(server);
	(void)MHD_run(server->daemon);
	MHD_stop_daemon(server->daemon);
	free(server);
}

int
web_server_fd(const struct web_server *server)
{
	return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int
web_server_wait_ms(const struct web_server *server)
{
	MHD_UNSIGNED_LONG_LONG ms;
	int most = server->pauses          ? SERVER_STREAM_PAUSE_MS
		   : server->links != NULL ? SERVER_REQUEST_S * 1000 / 6
					   : -1;

	if (MHD_get_timeout(server->daemon, &ms) != MHD_YES)
		return most;
	return most >= 0 && ms > (MHD_UNSIGNED_LONG_LONG)most ? most : (int)ms;
}

void
web_server_run(struct web_server *server, int64_t now_us)
{
	server->now_us = now_us;
	cut_off_slow(server);
	if (server->pauses)
		server->pauses = streams_go_on(server);
	if (now_us - server->beat_us >= SERVER_BEAT_S * (int64_t)US_PER_S) {
		server->beat_us = now_us;
		streams_beat(server);
	}
	(void)MHD_run(server->daemon);
}

void
web_server_wake(struct web_server *server)
{
	streams_wake(server);
}

bool
web_server_has_streams(const struct web_server *server)
{
	return server->streams != NULL;
}
