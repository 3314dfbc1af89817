/* Many notices as one message: each incident once, with the newest of its notices. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "notify/post_impl.h"
#include "store/digest.h"

/* --- a digest --- */

static void
digest_free(struct message_digest *d)
{
	/* Texts are on the heap, each by itself: see take_part(). */
	free((char *)d->subject.p);
	free((char *)d->brief.p);
	free((char *)d->text.p);
	free((char *)d->html.p);
	for (size_t i = 0; i < d->nimages; i++) {
		free((char *)d->images[i].id.p);
		free((char *)d->images[i].png.p);
	}
	free(d->images);
	free(d);
}

static int
copy_part(struct str from, struct str *to)
{
	free((char *)to->p); /* of a name that comes twice */
	*to = (struct str){ str_dup(from), from.n };
	return to->p == NULL ? -ENOMEM : 0;
}

static int
take_part(void *ctx, const struct digest_part *part)
{
	struct message_digest *d = ctx;
	const struct {
		struct str name;
		struct str *to;
	} texts[] = {
		{ STR_INIT("subject"), &d->subject },
		{ STR_INIT("brief"), &d->brief },
		{ STR_INIT("text"), &d->text },
		{ STR_INIT("html"), &d->html },
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (str_eq(part->name, texts[i].name))
			return copy_part(part->body, texts[i].to);
	if (d->nimages == DIGEST_PARTS)
		return 0;
	struct message_image *image = &d->images[d->nimages++];
	int r = copy_part(part->name, &image->id);

	return r < 0 ? r : copy_part(part->body, &image->png);
}

static int
load_digest(struct fold *fold, struct store *store, struct err *err)
{
	struct message_digest *d = fold->digest = calloc(1, sizeof *d);

	if (d != NULL)
		d->images = calloc(DIGEST_PARTS, sizeof *d->images);
	if (d == NULL || d->images == NULL)
		return err_set(err, -ENOMEM, "read outbox: out of memory");
	int r = store_each_part(store, str_of(fold->rows[0].notice_id), take_part, d, err);

	return r == -ENOMEM ? err_set(err, r, "read outbox: out of memory") : r;
}

/* --- rows --- */

void
fold_done(struct fold *fold)
{
	for (size_t i = 0; i < fold->n; i++) {
		free(fold->rows[i].notice_id);
		free(fold->rows[i].incident);
	}
	for (size_t i = 0; i < fold->nitems; i++)
		free(fold->blocks[i]);
	if (fold->digest != NULL)
		digest_free(fold->digest);
	free(fold->rows);
	free(fold->items);
	free(fold->blocks);
	free(fold->message);
	*fold = (struct fold){ 0 };
}

int
fold_add(struct fold *fold, const struct delivery_row *row)
{
	if (fold->n == fold->cap) {
		size_t cap = fold->cap == 0 ? 16 : 2 * fold->cap;
		struct fold_row *rows = realloc(fold->rows, cap * sizeof *rows);

		if (rows == NULL)
			return -ENOMEM;
		fold->rows = rows;
		fold->cap = cap;
	}
	struct fold_row *new = &fold->rows[fold->n++];

	*new = (struct fold_row){
		.id = row->id,
		.notice = row->notice,
		.tries = row->tries,
		.notice_id = str_dup(row->notice_id),
		.incident = str_dup(row->incident),
		.what = row->what,
	};
	return new->notice_id == NULL || new->incident == NULL ? -ENOMEM : 0;
}

/* --- incidents --- */

struct loading {
	struct fold *fold;
	struct told *told;
};

static int
take_incident(void *ctx, const struct incident *incident)
{
	struct loading *l = ctx;
	char *block = incident_copy(incident, &l->told->incident);

	if (block == NULL)
		return -ENOMEM;
	l->fold->blocks[l->fold->nitems++] = block;
	return 0;
}

/* Somebody deleted the incident; that it was there is still worth telling. */
static int
take_unknown(struct loading *l, struct str id)
{
	const struct incident gone = {
		.id = id,
		.summary = STR("an incident that is no longer in the store"),
	};

	return take_incident(l, &gone);
}

static int
load_one(struct fold *fold, struct told *told, const char *id, struct store *store,
    struct err *err)
{
	struct loading l = { fold, told };
	int r = store_find_incident(store, str_of(id), take_incident, &l, err);

	if (r == -ENOENT)
		r = take_unknown(&l, str_of(id));
	return r == -ENOMEM ? err_set(err, r, "read outbox: out of memory") : r;
}

static bool
is_stale(const struct fold_row *row, const struct incident *in)
{
	return row->what == NOTICE_REMINDER &&
	       (in->state != INCIDENT_OPEN || in->ack_at_us != 0);
}

/* The rows of one incident, from the first on, come to one told; the newest tells. */
static bool
fold_rows(struct fold *fold, size_t first, struct told *told)
{
	int64_t newest = INT64_MIN;

	for (size_t i = first; i < fold->n; i++) {
		struct fold_row *row = &fold->rows[i];

		if (strcmp(row->incident, fold->rows[first].incident) != 0)
			continue;
		row->stale = fold->kind == TRY_NONE && is_stale(row, &told->incident);
		if (row->stale)
			continue;
		told->was_opened |= row->what == NOTICE_OPENED;
		if (row->notice > newest) {
			newest = row->notice;
			told->notice = row->what;
		}
	}
	return newest != INT64_MIN;
}

static bool
is_first_of_incident(const struct fold *fold, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(fold->rows[i].incident, fold->rows[at].incident) == 0)
			return false;
	return true;
}

int
fold_load(struct fold *fold, struct store *store, struct err *err)
{
	fold->items = calloc(fold->n + 1, sizeof *fold->items);
	fold->blocks = calloc(fold->n + 1, sizeof *fold->blocks);
	if (fold->items == NULL || fold->blocks == NULL)
		return err_set(err, -ENOMEM, "read outbox: out of memory");
	if (fold->rows[0].what == NOTICE_DIGEST)
		return load_digest(fold, store, err);
	for (size_t i = 0; i < fold->n; i++) {
		struct told *told = &fold->items[fold->nitems];

		/* A test has no incident: alone it is a message without items. */
		if (fold->rows[i].incident[0] == '\0' || !is_first_of_incident(fold, i))
			continue;
		int r = load_one(fold, told, fold->rows[i].incident, store, err);

		if (r < 0)
			return r;
		if (!fold_rows(fold, i, told)) {
			free(fold->blocks[--fold->nitems]);
			*told = (struct told){ 0 };
		}
	}
	return 0;
}

void
fold_id(const struct fold *fold, struct buf *out)
{
	AUTO(buf_done) struct buf all = { 0 };
	const struct fold_row *first = NULL;
	size_t n = 0;

	if (fold->kind == TRY_UNCERTAIN) {
		buf_add(out, str_of(fold->message));
		return;
	}
	for (size_t i = 0; i < fold->n; i++) {
		if (fold->rows[i].stale)
			continue;
		if (n++ == 0)
			first = &fold->rows[i];
		buf_add(&all, str_of(fold->rows[i].notice_id));
		buf_add_char(&all, '\n');
	}
	if (first != NULL)
		buf_add(out, str_of(first->notice_id));
	if (n > 1)
		buf_addf(out, ".%016llx", (unsigned long long)str_hash(buf_str(&all)));
	out->failed |= all.failed;
}
