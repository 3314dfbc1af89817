#include "cli/replay_reports.h"

#include <errno.h>
#include <stdlib.h>

#include "core/clock.h"

struct replay_reports {
	char *const *paths;
	size_t npaths, next_path;
	struct reader *reader;
	struct line_batch lines;
	struct parser *parser;
	struct kept_list *events; /* of the batch */
	size_t next;              /* of them */
	const struct line *line;  /* being parsed */
	struct line_counts counts;
};

void
replay_reports_close(struct replay_reports *r)
{
	if (r == NULL)
		return;
	reader_close(r->reader);
	line_batch_done(&r->lines);
	parser_free(r->parser);
	kept_free(r->events);
	free(r);
}

int
replay_reports_open(char *const *paths, size_t n, const struct rulebook *book,
    struct replay_reports **out, struct err *err)
{
	struct replay_reports *r = calloc(1, sizeof *r);

	if (r == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	r->paths = paths;
	r->npaths = n;
	r->events = kept_new();
	r->parser = parser_new(book->parsers, book->catalogue, 0);
	if (r->events == NULL || r->parser == NULL) {
		replay_reports_close(r);
		return err_set(err, -ENOMEM, "out of memory");
	}
	*out = r;
	return 0;
}

static void
keep_event(void *ctx, struct event *ev)
{
	struct replay_reports *r = ctx;

	r->counts.events++;
	kept_add(r->events, ev, r->line->text);
}

static void
parse_batch(struct replay_reports *r)
{
	for (size_t i = 0; i < r->lines.n; i++) {
		r->line = &r->lines.lines[i];
		r->counts.lines++;
		r->counts.truncated += r->line->truncated;
		switch (parser_line(r->parser, r->line, str_of(r->paths[r->next_path - 1]),
		    keep_event, r)) {
		case PARSE_EVENT: break;
		case PARSE_GAVE_UP: r->counts.gave_up++; /* fall through */
		case PARSE_UNPARSED: r->counts.unparsed++; break;
		default: r->counts.ignored++;
		}
	}
}

/* 1: there are events, 0: no more, or a negative errno. */
static int
read_more(struct replay_reports *r, struct err *err)
{
	while (r->next == r->events->n) {
		int n = 0;

		r->next = 0;
		kept_clear(r->events);
		if (r->reader == NULL && r->next_path == r->npaths)
			return 0;
		if (r->reader == NULL)
			n = reader_open(r->paths[r->next_path++], 0, &r->reader, err);
		if (n == 0)
			n = reader_next(r->reader, &r->lines, err);
		if (n < 0)
			return n;
		if (n > 0) {
			parse_batch(r);
			if (r->events->failed)
				return err_set(err, -ENOMEM, "out of memory");
			continue;
		}
		reader_close(r->reader);
		r->reader = NULL;
	}
	return 1;
}

int
replay_reports_next(struct replay_reports *r, int64_t at_us, struct kept **out,
    struct err *err)
{
	int n = read_more(r, err);

	if (n <= 0)
		return n;
	struct kept *k = &r->events->items[r->next];

	if (at_us != INT64_MAX && k->ev.time_us > at_us - REPORTS_WAIT_US)
		return 0;
	r->next++;
	*out = k;
	return 1;
}

const struct line_counts *
replay_reports_counts(const struct replay_reports *r)
{
	return &r->counts;
}
