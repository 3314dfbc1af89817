#include "parsers/parser.h"

#include <assert.h>
#include <stdlib.h>

#include "parsers/header.h"
#include "parsers/refine.h"

struct parser {
	const struct ruleset *rules;
	const struct catalogue *catalogue;
	struct matcher *matcher;
	struct header_clock clock;
	bool no_header;
	struct str process; /* with no_header: whose text it is, n 0: anybody's */
	struct event ev;    /* the line's; too big to clear for each */
};

struct parser *
parser_new(const struct ruleset *rules, const struct catalogue *catalogue,
    int64_t reference_us)
{
	struct parser *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->rules = rules;
	p->catalogue = catalogue;
	p->matcher = matcher_new(rules);
	if (p->matcher == NULL) {
		free(p);
		return NULL;
	}
	header_clock_init(&p->clock, reference_us);
	return p;
}

void
parser_free(struct parser *p)
{
	if (p == NULL)
		return;
	matcher_free(p->matcher);
	free(p);
}

void
parser_set_reference(struct parser *p, int64_t reference_us)
{
	header_clock_init(&p->clock, reference_us);
}

void
parser_set_no_header(struct parser *p, struct str process)
{
	p->no_header = true;
	p->process = process;
}

struct matcher *
parser_matcher(struct parser *p)
{
	return p->matcher;
}

static void
journal_header(const struct line *line, struct header *h)
{
	*h = (struct header){
		.time_us = line->time_us,
		.host = line->host,
		.ident = line->ident,
		.pid = line->pid,
		.text = line->text,
	};
	header_unfold_repeat(h);
}

/* Fills *h and finds whose line it is; NULL: nobody's. */
static const struct service *
open_line(struct parser *p, const struct line *line, struct header *h)
{
	if (line->has_fields) {
		journal_header(line, h);
	} else if (p->no_header) {
		*h = (struct header){ .time_us = p->clock.reference_us,
			.ident = p->process,
			.text = line->text };
	} else if (!header_parse(&p->clock, line->text, h)) {
		return NULL;
	}
	const struct service *service = ruleset_find(p->rules, h->ident);

	if (service == NULL && h->pid.n == 0 && !line->has_fields &&
	    (service = ruleset_find_bare(p->rules, h->ident)) != NULL) {
		h->text = h->tagged;
		h->ident = service_mta(service);
	}
	return service;
}

static void
begin_event(struct event *ev, const struct header *h, const struct line *line,
    struct str source)
{
	int64_t pid;

	ev->has = 0;
	ev->time_us = h->time_us;
	ev->offset_min = (int16_t)h->offset_min;
	ev->source = line->cursor.n > 0 ? line->cursor : source;
	ev->offset = line->offset;
	if (h->host.n > 0)
		event_set_text(ev, EVF_host, h->host);
	if (h->ident.n > 0)
		event_set_text(ev, EVF_process, h->ident);
	if (h->pid.n > 0 && str_to_int(h->pid, &pid))
		event_set_num(ev, EVF_pid, pid);
	if (h->repeated > 0)
		event_set_num(ev, EVF_repeated, h->repeated);
	if (line->truncated)
		event_set_num(ev, EVF_partial, 1);
}

/* Where in an address list we are: a comma ends an address only outside all of these. */
struct list_state {
	bool quoted, angle;
	unsigned comments;
};

/* One character of a list; false at the comma that ends an address. */
static bool
stays_in_address(struct list_state *st, char c)
{
	if (st->quoted)
		st->quoted = c != '"';
	else if (c == '(')
		st->comments++;
	else if (c == ')')
		st->comments -= st->comments > 0;
	else if (st->comments > 0)
		return true;
	else if (c == '"')
		st->quoted = true;
	else if (c == '<' || c == '>')
		st->angle = c == '<';
	else
		return c != ',' || st->angle;
	return true;
}

/*
 * "<a@x>,<b@y>" and "a,b"; no split inside quotes, brackets or comments. sendmail logs each
 * backslash twice (sm_syslog() in conf.c): two are one, which escapes what follows.
 */
static struct str
next_recipient(struct str *list)
{
	struct list_state st = { .quoted = false };
	size_t i = 0;

	for (; i < list->n; i++) {
		if (list->p[i] != '\\') {
			if (!stays_in_address(&st, list->p[i]))
				break;
			continue;
		}
		i++;
		if (i < list->n && list->p[i] == '\\')
			i += i + 1 < list->n && list->p[i + 1] == '\\' ? 2 : 1;
	}
	if (i > list->n)
		i = list->n;
	struct str one = str_head(*list, i);

	*list = str_skip(*list, i + 1);
	return str_trim(one);
}

static void
emit_split(const struct catalogue *catalogue, struct event *ev, parser_event_fn *fn,
    void *ctx)
{
	struct str list = event_text(ev, EVF_recipient);
	uint64_t has = ev->has; /* refining and the sink set fields of their own */

	for (int n = 0; list.n > 0 && n < MAX_SPLIT;) {
		struct str one = next_recipient(&list);

		if (one.n == 0)
			continue;
		ev->has = has;
		event_set_text(ev, EVF_recipient, one);
		refine_event(catalogue, ev);
		if (++n == MAX_SPLIT && list.n > 0)
			event_set_num(ev, EVF_partial, 1);
		fn(ctx, ev);
	}
}

static enum match_result
match_any(struct parser *p, struct event *ev, struct str text, enum event_field *split)
{
	const struct service *service;
	enum match_result best = MATCH_NONE;

	for (size_t i = 0; (service = ruleset_service(p->rules, i)) != NULL; i++) {
		uint64_t has = ev->has;
		enum match_result r = ruleset_match(p->matcher, service, text, ev, split);

		if (r == MATCH_FOUND || r == MATCH_IGNORE) {
			event_set_text(ev, EVF_mta, service_mta(service));
			return r;
		}
		ev->has = has;
		best = r > best ? r : best;
	}
	return best;
}

enum parse_result
parser_line(struct parser *p, const struct line *line, struct str source,
    parser_event_fn *fn, void *ctx)
{
	struct event *ev = &p->ev;
	enum event_field split = EVF_COUNT;
	enum match_result r;
	struct header h;
	const struct service *service = open_line(p, line, &h);
	bool anybody = p->no_header && p->process.n == 0;

	if (service == NULL && !anybody)
		return PARSE_NOT_OURS;
	begin_event(ev, &h, line, source);
	if (service != NULL) {
		event_set_text(ev, EVF_mta, service_mta(service));
		r = ruleset_match(p->matcher, service, h.text, ev, &split);
	} else {
		r = match_any(p, ev, h.text, &split);
	}
	switch (r) {
	case MATCH_FOUND: break;
	case MATCH_IGNORE: return PARSE_IGNORED;
	case MATCH_GAVE_UP: return PARSE_GAVE_UP;
	default: return anybody ? PARSE_NOT_OURS : PARSE_UNPARSED;
	}
	if (split == EVF_recipient && event_has(ev, EVF_recipient)) {
		emit_split(p->catalogue, ev, fn, ctx);
		return PARSE_EVENT;
	}
	refine_event(p->catalogue, ev);
	fn(ctx, ev);
	return PARSE_EVENT;
}
