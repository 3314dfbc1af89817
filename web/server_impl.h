/* What the files of the server share. */
#ifndef WEB_SERVER_IMPL_H
#define WEB_SERVER_IMPL_H

#include <microhttpd.h>

#include "web/server.h"

/* A TCP or unix connection. */
struct link {
	struct link *next, **here;
	struct MHD_Connection *connection;
	int64_t since_us; /* its last answer, or its beginning */
	bool ours;        /* it is we who take our time: a stream, or an answer to come */
};

struct stream {
	struct stream *next, **here;
	struct web_server *server;
	struct MHD_Connection *connection;
	struct link *link;
	void *of_handler;
	struct buf out;
	size_t sent; /* of out */
	bool waits;  /* suspended */
	bool beat;   /* it is time */
	bool ends;
	int64_t pause_us; /* until then it has had enough; 0: it may have more */
};

struct web_server {
	const struct web_settings *settings;
	const struct web_handler *handler;
	struct MHD_Daemon *daemon;
	struct link *links;
	struct stream *streams;
	size_t nstreams;
	struct exchange *waiting; /* for answers that come later */
	bool pauses;              /* a stream does */
	int64_t now_us, beat_us;
	bool stopping;
};

/* One request, from its first line to its end. */
struct exchange {
	struct buf target; /* as it was sent */
	bool too_long;
	bool judged;  /* its head was looked at */
	bool too_big; /* its body */
	struct web_request request;
	struct buf body;

	/* Its answer comes later: suspended until then. */
	struct exchange *next, **here; /* here: NULL if it is not */
	struct MHD_Connection *connection;
	struct link *link;
	const void *later;
	bool answered;
	struct web_answer answer;
};

/* Queues the answer and frees its body. is_ack: what else may be asked of it. */
enum MHD_Result answer_send(struct MHD_Connection *connection, struct web_answer *answer,
    bool is_ack);
/* Headers of a stream. */
void answer_guard(struct MHD_Response *response, const char *type);
enum MHD_Result answer_asset(struct MHD_Connection *connection, const struct asset *asset);
/* The head of a request that is not ours to serve: the answer is filled in. True: go on. */
bool exchange_judge(struct exchange *x, const struct web_settings *settings,
    struct MHD_Connection *connection, const char *method, struct web_answer *refusal);

/* Takes over of_handler. link: the connection's. */
enum MHD_Result stream_start(struct web_server *server, struct MHD_Connection *connection,
    struct link *link, void *of_handler);
void streams_beat(struct web_server *server);
/* Those whose pause is over. True: others' goes on. */
bool streams_go_on(struct web_server *server);
/* All that wait, also when the server is to end. */
void streams_wake(struct web_server *server);

#endif
