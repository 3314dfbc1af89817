#include "ingest/queue_id.h"

#include <string.h>

#include "ingest/fields.h"

/* Where an id was found; the order is the order of trust. */
enum rank {
	RANK_NONE,
	RANK_OWN_POSTFIX_FIELD,
	RANK_OWN_BOUNDARY,
	RANK_OWN_RECEIVED,
	RANK_POSTFIX_FIELD,
	RANK_BOUNDARY,
	RANK_REPORTING_RECEIVED,
	RANK_RECEIVED,
};

/* --- names --- */

static struct str
without_dot(struct str name)
{
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	return name;
}

static bool
is_same_host(struct str a, struct str b)
{
	struct str rest_a = without_dot(a), rest_b = without_dot(b);

	if (rest_a.n == 0 || rest_b.n == 0)
		return false;
	if (str_eq_nocase(rest_a, rest_b))
		return true;
	struct str label_a = str_cut(&rest_a, '.'), label_b = str_cut(&rest_b, '.');

	return (rest_a.n == 0 || rest_b.n == 0) && str_eq_nocase(label_a, label_b) &&
	       !str_eq_nocase(label_a, STR("localhost"));
}

bool
is_this_host(struct str name, const struct report_host *host)
{
	if (is_same_host(name, host->name))
		return true;
	for (size_t i = 0; i < host->nnames; i++)
		if (is_same_host(name, host->names[i]))
			return true;
	return false;
}

/* --- Received --- */

/* Skips blanks and comments, also nested ones (RFC 5322, 3.2.2). */
static struct str
skip_comments(struct str s)
{
	size_t i = 0;
	int depth = 0;

	for (; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\\' && depth > 0)
			i++;
		else if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (depth == 0 && c != ' ' && c != '\t')
			break;
	}
	return str_skip(s, i);
}

static struct str
take_word(struct str *s)
{
	size_t n = 0;

	*s = skip_comments(*s);
	if (s->n > 0 && s->p[0] == ';')
		n = 1;
	else
		while (n < s->n && strchr(" \t;(", s->p[n]) == NULL)
			n++;
	struct str word = str_head(*s, n);

	*s = str_skip(*s, n > 0 ? n : 1); /* a NUL is passed over */
	return word;
}

struct received
received_of(struct str value)
{
	struct received r = { 0 };

	while (value.n > 0) {
		struct str word = take_word(&value);

		if (str_eq(word, STR(";")) || str_eq_nocase(word, STR("for")))
			break;
		if (r.by.n == 0 && str_eq_nocase(word, STR("by")))
			r.by = take_word(&value);
		else if (r.id.n == 0 && str_eq_nocase(word, STR("id")))
			r.id = take_word(&value);
	}
	return r;
}

/* --- candidates --- */

static bool
is_id(struct str id)
{
	if (id.n < 4 || id.n > QUEUE_ID_BYTES)
		return false;
	for (size_t i = 0; i < id.n; i++) {
		char c = id.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			(c >= 'a' && c <= 'z') || (c != '\0' && strchr(".-_=+/@", c))))
			return false;
	}
	return true;
}

static struct queue_id
make_id(struct str id, enum rank rank)
{
	struct queue_id q = { .rank = (int)rank, .n = id.n };

	memcpy(q.text, id.p, id.n);
	return q;
}

static bool
holds(const struct queue_id *q, struct str id)
{
	return q->rank != RANK_NONE && str_eq((struct str){ q->text, q->n }, id);
}

static bool
is_surer(enum rank rank, const struct queue_id *than)
{
	return than->rank == RANK_NONE || (int)rank < than->rank;
}

/* Of two that are as sure the first stays. */
static void
add_id(struct queue_ids *ids, struct str id, enum rank rank)
{
	if (!is_id(id))
		return;
	if (is_surer(rank, &ids->best)) {
		if (!holds(&ids->best, id))
			ids->next = ids->best;
		ids->best = make_id(id, rank);
	} else if (!holds(&ids->best, id) && is_surer(rank, &ids->next)) {
		ids->next = make_id(id, rank);
	}
}

/*
 * Postfix (bounce_notify_util.c) makes the boundary of the returned message's queue id:
 * "8EE43A9C6EE.1795231802/mail.example.net"; sendmail's (savemail.c) looks the same but
 * holds the id of the bounce itself. Short ids of Postfix are hexadecimal digits, long
 * ones have a 'z' before the inode (file_id.h); ids of sendmail end in a process number.
 */
static struct str
boundary_id(struct str boundary)
{
	struct str stamp = boundary, id = str_cut(&stamp, '.');
	struct str seconds = str_cut(&stamp, '/');
	int64_t at;

	if (stamp.n == 0 || !str_to_int(seconds, &at) || id.n < 6 || id.n > 20)
		return (struct str){ NULL, 0 };
	for (size_t i = 0; i < id.n; i++) {
		bool hex = (id.p[i] >= '0' && id.p[i] <= '9') ||
			   (id.p[i] >= 'A' && id.p[i] <= 'F');

		if (!hex && str_find_char(id, 'z') < 6)
			return (struct str){ NULL, 0 };
	}
	return id;
}

/* The report's own id: never the returned message's. */
static bool
is_own_id(struct str header, struct str id)
{
	AUTO(fields_done) struct fields f = { .rest = header };

	while (id.n > 0 && fields_next(&f)) {
		if (str_eq_nocase(f.name, STR("Received")) &&
		    str_eq(received_of(f.value).id, id))
			return true;
		if (str_eq_nocase(f.name, STR("Message-ID")) && str_find(f.value, id) >= 0)
			return true;
	}
	return false;
}

void
queue_ids_find(struct queue_ids *ids, const struct dsn_parts *parts,
    const struct report_host *host, struct str reporting, struct str postfix_id)
{
	AUTO(fields_done) struct fields f = { .rest = parts->returned };
	bool own = is_this_host(reporting, host);
	struct str mark = boundary_id(parts->boundary);

	memset(ids, 0, sizeof *ids);
	add_id(ids, postfix_id, own ? RANK_OWN_POSTFIX_FIELD : RANK_POSTFIX_FIELD);
	if (!is_own_id(parts->header, mark))
		add_id(ids, mark, own ? RANK_OWN_BOUNDARY : RANK_BOUNDARY);
	while (fields_next(&f)) {
		if (!str_eq_nocase(f.name, STR("Received")))
			continue;
		struct received r = received_of(f.value);

		if (is_this_host(r.by, host))
			add_id(ids, r.id, RANK_OWN_RECEIVED);
		else if (is_same_host(r.by, reporting))
			add_id(ids, r.id, RANK_REPORTING_RECEIVED);
		else
			add_id(ids, r.id, RANK_RECEIVED);
	}
}
