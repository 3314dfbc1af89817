/*
 * server - HTTP for a few clients, with limits on everything
 *
 * Purpose    libmicrohttpd around one function that answers: what may come in is checked here
 *            (request.h), what goes out gets its headers here. Event streams wait without a
 *            thread until web_server_wake(), answers that take long until
 *            web_server_answer().
 * Ownership  Settings and handler stay the caller's until web_server_stop().
 * Limits     SERVER_* below: connections, streams, bytes of a request's head and body, and
 *            time: who is idle, sends or reads too slowly is cut off.
 * Threads    None: the caller waits for web_server_fd() and calls web_server_run().
 * Errors     Negative errno with a reason.
 */
#ifndef WEB_SERVER_H
#define WEB_SERVER_H

#include "core/err.h"
#include "web/assets.h"
#include "web/request.h"

enum {
	SERVER_CONNECTIONS = 256,
	SERVER_FROM_LOOPBACK = 240, /* of one address; loopback is one for all */
	SERVER_FROM_ADDRESS = 32,
	SERVER_STREAMS = 32,
	SERVER_HEAD_BYTES = 16 * 1024, /* memory of a connection: its head must fit */
	SERVER_IDLE_S = 15,            /* without a byte */
	SERVER_REQUEST_S = 30,         /* from one answer to the end of the next */
	SERVER_BEAT_S = 15,            /* a stream says that it lives */
	/* After so much at once a stream pauses: a watcher that catches up tells more than anybody
	 * reads, and it needs the processor more. */
	SERVER_STREAM_BYTES = 32 * 1024,
	SERVER_STREAM_PAUSE_MS = 100,
};

struct web_request {
	struct target target;
	bool has_token;       /* the right one */
	struct str accept;    /* Accept */
	struct str last_seen; /* Last-Event-ID */
	struct str body;      /* of an acknowledgement, else empty */
};

struct web_answer {
	unsigned status;  /* 0: it is a stream, or comes later */
	const char *type; /* Content-Type, static text */
	struct buf body;
	void *stream;      /* of a stream: what web_handler.stream_more() gets */
	const void *later; /* comes later: names it to web_server_answer() */
};

struct web_handler {
	void *ctx;
	/* Fills in the answer; called when the request is complete and allowed. */
	void (*answer)(void *ctx, const struct web_request *request,
	    struct web_answer *out);
	/* Adds what there is to send; nothing: it waits. beat: say at least that it lives.
	 * False ends the stream. */
	bool (*stream_more)(void *ctx, void *stream, bool beat, struct buf *out);
	void (*stream_free)(void *ctx, void *stream);
};

struct web_settings {
	int fd;           /* that listens; closed by web_server_stop() */
	bool is_loopback; /* nobody else reaches it */
	struct host_list hosts;
	struct str token; /* empty: nothing may be written */
	const struct assets *assets;
};

struct web_server;

int web_server_start(const struct web_settings *settings, const struct web_handler *handler,
    struct web_server **out, struct err *err);
void web_server_stop(struct web_server *server); /* NULL is fine */

int web_server_fd(const struct web_server *server); /* readable: call web_server_run() */
/* At the latest after so many milliseconds, too; -1: only then. */
int web_server_wait_ms(const struct web_server *server);
/* now_us: of a clock that only goes forward. */
void web_server_run(struct web_server *server, int64_t now_us);
/* What was to come later, exactly once; its body is taken over. web_server_run() sends it. Nobody
 * waits after web_server_stop(). */
void web_server_answer(struct web_server *server, const void *later,
    struct web_answer *answer);
/* There may be something new for streams. */
void web_server_wake(struct web_server *server);
bool web_server_has_streams(const struct web_server *server);

/* {"error": "..."} */
void web_answer_error(struct web_answer *out, unsigned status, const char *what);

#endif
