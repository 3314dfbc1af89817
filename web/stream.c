/* Event streams: a connection that sleeps until there is something to tell. */
#include <stdlib.h>
#include <string.h>

#include "web/server_impl.h"

enum { BLOCK_BYTES = 8 * 1024 };

static void
fill(struct stream *s)
{
	const struct web_handler *h = s->server->handler;

	buf_clear(&s->out);
	s->sent = 0;
	s->ends = s->server->stopping ||
		  !h->stream_more(h->ctx, s->of_handler, s->beat, &s->out) || s->out.failed;
	s->beat = false;
	if (s->out.n >= SERVER_STREAM_BYTES && !s->server->stopping) {
		s->pause_us = s->server->now_us + SERVER_STREAM_PAUSE_MS * INT64_C(1000);
		s->server->pauses = true;
	}
}

/* Called when the client can take more: a slow one is asked for at its own pace, and what
 * it did not read yet stands in the store. */
static ssize_t
read_stream(void *cls, uint64_t pos, char *to, size_t max)
{
	struct stream *s = cls;

	(void)pos;
	if (s->sent == s->out.n && s->pause_us == 0)
		fill(s);
	struct str left = str_head(str_skip(buf_str(&s->out), s->sent), max);

	if (left.n == 0 && s->ends)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (left.n == 0) {
		s->waits = true;
		MHD_suspend_connection(s->connection);
		return 0;
	}
	memcpy(to, left.p, left.n);
	s->sent += left.n;
	return (ssize_t)left.n;
}

static void
free_stream(void *cls)
{
	struct stream *s = cls;
	const struct web_handler *h = s->server->handler;

	*s->here = s->next;
	if (s->next != NULL)
		s->next->here = s->here;
	s->server->nstreams--;
	if (s->link != NULL)
		s->link->ours = false;
	h->stream_free(h->ctx, s->of_handler);
	buf_done(&s->out);
	free(s);
}

enum MHD_Result
stream_start(struct web_server *server, struct MHD_Connection *connection,
    struct link *link, void *of_handler)
{
	struct stream *s = calloc(1, sizeof *s);
	struct MHD_Response *response =
	    s == NULL ? NULL
		      : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES,
			    read_stream, s, free_stream);

	if (response == NULL) {
		server->handler->stream_free(server->handler->ctx, of_handler);
		free(s);
		return MHD_NO;
	}
	*s = (struct stream){ .server = server,
		.connection = connection,
		.link = link,
		.of_handler = of_handler,
		.next = server->streams,
		.here = &server->streams,
		.beat = true };
	if (s->next != NULL)
		s->next->here = &s->next;
	server->streams = s;
	server->nstreams++;
	if (link != NULL)
		link->ours = true;
	answer_guard(response, "text/event-stream");
	/* Proxies that gather answers would keep it from the page. */
	(void)MHD_add_response_header(response, "X-Accel-Buffering", "no");
	enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);

	MHD_destroy_response(response);
	return result;
}

void
streams_wake(struct web_server *server)
{
	for (struct stream *s = server->streams; s != NULL; s = s->next) {
		if (server->stopping)
			s->pause_us = 0;
		if (s->waits && s->pause_us == 0) {
			s->waits = false;
			MHD_resume_connection(s->connection);
		}
	}
}

bool
streams_go_on(struct web_server *server)
{
	bool more = false;

	for (struct stream *s = server->streams; s != NULL; s = s->next) {
		if (s->pause_us == 0)
			continue;
		if (s->pause_us > server->now_us) {
			more = true;
			continue;
		}
		s->pause_us = 0;
		if (s->waits) {
			s->waits = false;
			MHD_resume_connection(s->connection);
		}
	}
	return more;
}

void
streams_beat(struct web_server *server)
{
	for (struct stream *s = server->streams; s != NULL; s = s->next)
		s->beat = true;
	streams_wake(server);
}
