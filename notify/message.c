#include "notify/message_impl.h"

#include <stdlib.h>
#include <string.h>

#include "core/plain.h"

/* The texts of an incident that a message keeps, and how much of them. */
static const struct field {
	size_t at, max_bytes;
} fields[] = {
	{ offsetof(struct incident, id), 100 },
	{ offsetof(struct incident, rule), 200 },
	{ offsetof(struct incident, trouble), 200 },
	{ offsetof(struct incident, group), MESSAGE_GROUP_BYTES },
	{ offsetof(struct incident, host), 255 },
	{ offsetof(struct incident, provider), 100 },
	{ offsetof(struct incident, code_id), 100 },
	{ offsetof(struct incident, category), 100 },
	{ offsetof(struct incident, summary), MESSAGE_SUMMARY_BYTES },
	{ offsetof(struct incident, advice), MESSAGE_ADVICE_BYTES },
	{ offsetof(struct incident, url), 1000 },
	{ offsetof(struct incident, affected), 8000 },
	{ offsetof(struct incident, samples), 20000 },
	{ offsetof(struct incident, ack_who), 200 },
	{ offsetof(struct incident, ack_note), 2000 },
};
enum { NFIELDS = sizeof fields / sizeof *fields };

static struct str *
field_of(struct incident *incident, size_t i)
{
	return (struct str *)(void *)((char *)incident + fields[i].at);
}

struct str
text_head(struct str text, size_t max)
{
	if (text.n <= max)
		return text;
	while (max > 0 && ((unsigned char)text.p[max] & 0xc0) == 0x80)
		max--;
	return str_head(text, max);
}

/* What is not to be told, and what is more than anybody reads, is dropped. */
static void
trim_incident(struct incident *in)
{
	in->seen = STR("");
	in->senders_seen = STR("");
	in->recipients_seen = STR("");
	if (in->group.n > MESSAGE_GROUP_BYTES) /* JSON: all of it or none */
		in->group = STR("");
	for (size_t i = 0; i < NFIELDS; i++) {
		struct str *text = field_of(in, i);

		*text = text_head(*text, fields[i].max_bytes);
	}
}

bool
told_is_over(const struct told *told)
{
	return told->notice == NOTICE_RESOLVED || told->incident.resolved_us != 0 ||
	       told->incident.state == INCIDENT_RESOLVED;
}

/* Copies of the items, and one block that holds their text. */
static bool
copy_items(struct message *message, const struct told *items, size_t n)
{
	size_t bytes = 1;

	message->items = calloc(n + 1, sizeof *message->items);
	if (message->items == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		message->items[i] = items[i];
		trim_incident(&message->items[i].incident);
		for (size_t f = 0; f < NFIELDS; f++)
			bytes += field_of(&message->items[i].incident, f)->n;
	}
	message->nitems = n;

	char *p = message->kept = malloc(bytes);

	if (p == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		for (size_t f = 0; f < NFIELDS; f++) {
			struct str *text = field_of(&message->items[i].incident, f);

			if (text->n > 0)
				memcpy(p, text->p, text->n);
			text->p = text->p == NULL ? NULL : p;
			p += text->n;
		}
	return true;
}

/* The graver before the lesser, news before reminders, what is over last; then the older
 * before the younger: it may be the cause. */
static int
compare_told(const void *a, const void *b)
{
	const struct told *x = a, *y = b;
	bool over_x = told_is_over(x), over_y = told_is_over(y);

	if (over_x != over_y)
		return over_x ? 1 : -1;
	if (x->incident.severity != y->incident.severity)
		return x->incident.severity > y->incident.severity ? -1 : 1;
	if ((x->notice == NOTICE_REMINDER) != (y->notice == NOTICE_REMINDER))
		return x->notice == NOTICE_REMINDER ? 1 : -1;
	if (x->incident.opened_us != y->incident.opened_us)
		return x->incident.opened_us < y->incident.opened_us ? -1 : 1;
	struct str id_x = x->incident.id, id_y = y->incident.id;
	size_t n = id_x.n < id_y.n ? id_x.n : id_y.n;
	int by_text = n == 0 ? 0 : memcmp(id_x.p, id_y.p, n);

	return by_text != 0 ? by_text : (id_x.n > id_y.n) - (id_x.n < id_y.n);
}

static enum severity
gravest(const struct message *message)
{
	enum severity most = SEVERITY_UNKNOWN;
	bool over = false;

	for (size_t i = 0; i < message->nitems; i++) {
		if (told_is_over(&message->items[i]))
			over = true;
		else if (message->items[i].incident.severity > most)
			most = message->items[i].incident.severity;
	}
	return most == SEVERITY_UNKNOWN && over ? SEVERITY_INFO : most;
}

static char *
string_of(const struct buf *b)
{
	return b->failed ? NULL : str_dup(buf_str(b));
}

static bool
write_parts(struct message *message)
{
	AUTO(buf_done) struct buf subject = { 0 };
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf html = { 0 };

	story_subject(message, &subject);
	message->subject = string_of(&subject);
	if (message->subject == NULL)
		return false;
	story_write(message, &page_text, &text);
	story_write(message, &page_html, &html);
	message->text = string_of(&text);
	message->html = string_of(&html);
	return message->text != NULL && message->html != NULL;
}

struct message *
message_new(struct str id, const struct told *items, size_t nitems,
    const struct message_context *context)
{
	struct message *message = calloc(1, sizeof *message);

	if (message == NULL)
		return NULL;
	message->id = str_dup(id);
	message->host = str_dup(context->host);
	message->version = str_dup(context->version);
	message->dashboard = str_dup(context->dashboard);
	message->at_us = context->now_us;
	message->offset_min = context->offset_min;
	message->is_test = nitems == 0;
	if (message->id == NULL || message->host == NULL || message->version == NULL ||
	    message->dashboard == NULL || !copy_items(message, items, nitems)) {
		message_free(message);
		return NULL;
	}
	qsort(message->items, nitems, sizeof *message->items, compare_told);
	message->severity = gravest(message);
	if (!write_parts(message)) {
		message_free(message);
		return NULL;
	}
	return message;
}

/* Where the next goes. */
static char *
copy_text(char *p, struct str text, struct str *out)
{
	if (text.n > 0)
		memcpy(p, text.p, text.n);
	*out = (struct str){ p, text.n };
	return p + text.n;
}

/* All texts of a digest in one block behind it; NULL without memory. */
static struct message_digest *
copy_digest(const struct message_digest *from)
{
	size_t bytes = from->text.n + from->html.n;
	size_t head = sizeof *from + from->nimages * sizeof *from->images;

	for (size_t i = 0; i < from->nimages; i++)
		bytes += from->images[i].id.n + from->images[i].png.n;
	struct message_digest *to = calloc(1, head + bytes + 1);

	if (to == NULL)
		return NULL;
	to->images = (struct message_image *)(void *)(to + 1);
	to->nimages = from->nimages;
	char *p = (char *)to + head;

	p = copy_text(p, from->text, &to->text);
	p = copy_text(p, from->html, &to->html);
	for (size_t i = 0; i < from->nimages; i++) {
		p = copy_text(p, from->images[i].id, &to->images[i].id);
		p = copy_text(p, from->images[i].png, &to->images[i].png);
	}
	return to;
}

struct message *
message_new_digest(struct str id, const struct message_digest *digest,
    const struct message_context *context)
{
	struct message *message = message_new(id, NULL, 0, context);
	AUTO(buf_done) struct buf subject = { 0 };

	if (message == NULL)
		return NULL;
	plain_add_cut(&subject, digest->subject, MESSAGE_SUBJECT_BYTES);
	free(message->subject);
	free(message->text);
	message->is_test = false;
	message->severity = SEVERITY_INFO;
	message->subject = string_of(&subject);
	message->text = str_dup(digest->brief);
	message->digest = copy_digest(digest);
	message->html[0] = '\0';
	if (message->subject == NULL || message->text == NULL || message->digest == NULL) {
		message_free(message);
		return NULL;
	}
	return message;
}

void
message_free(struct message *message)
{
	if (message == NULL)
		return;
	free(message->digest);
	free(message->id);
	free(message->host);
	free(message->version);
	free(message->dashboard);
	free(message->items);
	free(message->kept);
	free(message->subject);
	free(message->text);
	free(message->html);
	free(message);
}

void
message_plain(struct buf *out, struct str text, size_t max_bytes)
{
	plain_add_cut(out, text, max_bytes);
}
