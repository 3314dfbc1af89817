#include "ingest/bounce_finds.h"

#include <errno.h>
#include <stdlib.h>

#include "ingest/fields.h"
#include "parsers/reply_facts.h"

/* The texts of a find, so that keeping and freeing cannot forget one. */
static const size_t texts[] = {
	offsetof(struct bounce_find, rule),
	offsetof(struct bounce_find, action),
	offsetof(struct bounce_find, recipient),
	offsetof(struct bounce_find, status),
	offsetof(struct bounce_find, reply),
	offsetof(struct bounce_find, relay_name),
	offsetof(struct bounce_find, relay_ip),
	offsetof(struct bounce_find, queue_id),
	offsetof(struct bounce_find, sender),
	offsetof(struct bounce_find, message_id),
};

enum { TEXTS = sizeof texts / sizeof *texts };

static struct str *
text_of(struct bounce_find *find, int i)
{
	return (struct str *)(void *)((char *)find + texts[i]);
}

static void
free_texts(struct bounce_find *find)
{
	for (int i = 0; i < TEXTS; i++)
		free((char *)(uintptr_t)text_of(find, i)->p);
}

static int
keep(void *ctx, const struct bounce_find *find)
{
	struct bounce_finds *finds = ctx;

	if (finds->n == REPORT_EVENTS) {
		finds->left_out++;
		return 0;
	}
	if (finds->n == finds->cap) {
		size_t cap = finds->cap == 0 ? 16 : 2 * finds->cap;
		struct bounce_find *more = realloc(finds->finds, cap * sizeof *more);

		if (more == NULL)
			return -ENOMEM;
		finds->finds = more;
		finds->cap = cap;
	}
	struct bounce_find *to = &finds->finds[finds->n];

	*to = *find;
	for (int i = 0; i < TEXTS; i++) {
		struct str *text = text_of(to, i);

		if (text->p != NULL)
			text->p = str_dup(str_head(*text, REPORT_FIELD_BYTES));
		text->n = text->p == NULL                ? 0
			  : text->n < REPORT_FIELD_BYTES ? text->n
							 : REPORT_FIELD_BYTES;
	}
	finds->n++;
	return 0;
}

/* One line for each field. */
static void
unfold(struct str header, struct buf *out)
{
	AUTO(fields_done) struct fields f = { .rest = header };

	while (fields_next(&f)) {
		buf_add(out, f.name);
		buf_add(out, STR(": "));
		buf_add(out, f.value);
		buf_add_char(out, '\n');
	}
}

int
bounce_finds_ask(struct bounce_finds *finds, struct bounce_rules *rules,
    const struct letter *letter, struct err *err)
{
	AUTO(buf_done) struct buf header = { 0 };

	if (finds->asked || rules == NULL)
		return 0;
	finds->asked = true;
	unfold(letter->header, &header);
	struct bounce_letter seen = { .from = buf_str(&letter->from),
		.subject = buf_str(&letter->subject),
		.header = buf_str(&header),
		.text = buf_str(&letter->text) };
	int r = bounce_rules_read(rules, &seen, keep, finds);

	return r < 0 ? err_set(err, r, "read bounce: out of memory") : 0;
}

void
bounce_finds_done(struct bounce_finds *finds)
{
	for (size_t i = 0; i < finds->n; i++)
		free_texts(&finds->finds[i]);
	free(finds->finds);
	*finds = (struct bounce_finds){ 0 };
}

const struct bounce_find *
bounce_finds_of(const struct bounce_finds *finds, struct str recipient)
{
	for (size_t i = 0; i < finds->n; i++)
		if (str_eq_nocase(finds->finds[i].recipient, recipient))
			return &finds->finds[i];
	return finds->n == 1 && finds->finds[0].recipient.n == 0 ? &finds->finds[0] : NULL;
}

static void
set(struct event *ev, enum event_field f, struct str text)
{
	if (text.n > 0)
		event_set_text(ev, f, text);
}

void
bounce_find_event(const struct bounce_find *find, struct event *ev)
{
	struct str replied = { NULL, 0 };
	int64_t code = find->smtp_code, said = 0;

	event_set_num(ev, EVF_kind, KIND_DSN);
	set(ev, EVF_rule, find->rule);
	set(ev, EVF_recipient, find->recipient);
	set(ev, EVF_reply, find->reply);
	set(ev, EVF_relay_name, find->relay_name);
	set(ev, EVF_relay_ip, find->relay_ip);
	set(ev, EVF_queue_id, find->queue_id);
	set(ev, EVF_message_id, find->message_id);
	if (find->sender.p != NULL)
		event_set_text(ev, EVF_sender, find->sender);
	if (find->reply.n > 0)
		reply_codes(find->reply, &said, &replied);
	code = code != 0 ? code : said;
	if (code != 0)
		event_set_num(ev, EVF_smtp_code, code);
	set(ev, EVF_status, find->status.n > 0 ? find->status : replied);
	event_set_text(ev, EVF_dsn_action,
	    find->action.n > 0 ? find->action : STR("failed"));
}
