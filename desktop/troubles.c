#include "desktop/troubles.h"

#include <gio/gio.h>
#include <string.h>

enum { RESOLVED_KEPT = 10 };

struct item {
	struct trouble told; /* its texts are the item's own */
	bool listed;         /* among the open ones that are being told */
};

struct troubles {
	GPtrArray *items; /* always in the order of troubles_get() */
};

static void
free_texts(struct trouble *trouble)
{
	const char *const texts[] = { trouble->source, trouble->id, trouble->host,
		trouble->rule, trouble->provider, trouble->summary, trouble->advice,
		trouble->acknowledged_by };

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free((char *)texts[i]);
	g_strfreev((char **)trouble->samples);
}

static void
free_item(void *data)
{
	struct item *item = data;

	free_texts(&item->told);
	g_free(item);
}

struct troubles *
troubles_new(void)
{
	struct troubles *troubles = g_new0(struct troubles, 1);

	troubles->items = g_ptr_array_new_with_free_func(free_item);
	return troubles;
}

void
troubles_free(struct troubles *troubles)
{
	if (troubles == NULL)
		return;
	g_ptr_array_unref(troubles->items);
	g_free(troubles);
}

static struct item *
item_at(const struct troubles *troubles, size_t i)
{
	return i < troubles->items->len ? troubles->items->pdata[i] : NULL;
}

static bool
is_of(const struct item *item, const char *source)
{
	return strcmp(item->told.source, source) == 0;
}

static struct item *
find_item(const struct troubles *troubles, const char *source, const char *id)
{
	for (size_t i = 0; i < troubles->items->len; i++) {
		struct item *item = item_at(troubles, i);

		if (is_of(item, source) && strcmp(item->told.id, id) == 0)
			return item;
	}
	return NULL;
}

/* --- order and limits --- */

static int
newest_first(int64_t a_us, int64_t b_us)
{
	return (a_us < b_us) - (a_us > b_us);
}

static int
compare(const void *left, const void *right)
{
	const struct trouble *a = &(*(struct item *const *)left)->told;
	const struct trouble *b = &(*(struct item *const *)right)->told;
	int order;

	if (a->open != b->open)
		return a->open ? -1 : 1;
	if (a->open && a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	order = a->open ? newest_first(a->opened_us, b->opened_us)
			: newest_first(a->resolved_us, b->resolved_us);
	/* The same order each time, or the menu would be made anew for nothing. */
	if (order == 0)
		order = strcmp(a->source, b->source);
	return order != 0 ? order : strcmp(a->id, b->id);
}

/* Of a host only the first TROUBLES_KEPT open and RESOLVED_KEPT resolved ones stay. */
static void
put_in_order(struct troubles *troubles, const char *source)
{
	size_t open = 0, resolved = 0;

	g_ptr_array_sort(troubles->items, compare);
	for (guint i = 0; i < troubles->items->len;) {
		const struct item *item = item_at(troubles, i);
		bool keep =
		    !is_of(item, source) || (item->told.open ? ++open <= TROUBLES_KEPT
							     : ++resolved <= RESOLVED_KEPT);

		if (keep)
			i++;
		else
			(void)g_ptr_array_remove_index(troubles->items, i);
	}
}

/* --- what the stream tells --- */

static const char *const *
copy_samples(const struct record *record)
{
	g_autoptr(GStrvBuilder) lines = g_strv_builder_new();
	const char *line;

	for (size_t i = 0; i < TROUBLE_SAMPLES && (line = record_sample(record, i)) != NULL;
	     i++)
		g_strv_builder_add(lines, line);
	return (const char *const *)g_strv_builder_end(lines);
}

static struct trouble
copy_record(const char *source, const struct record *record)
{
	return (struct trouble){
		.source = g_strdup(source),
		.id = g_strdup(record->incident),
		.host = g_strdup(record->host),
		.rule = g_strdup(record->rule),
		.provider = g_strdup(record->provider),
		.summary = g_strdup(record->summary),
		.advice = g_strdup(record->advice),
		.acknowledged_by = g_strdup(record->acknowledged_by),
		.samples = copy_samples(record),
		.severity = record->severity,
		.open = record->open,
		.acknowledged = record->acknowledged,
		.opened_us = record->opened_us,
		.last_seen_us = record->last_seen_us,
		.resolved_us = record->resolved_us,
		.silenced_until_us = record->silenced_until_us,
		.count = record->count,
	};
}

/* Does it look different at a glance, in icon or menu? */
static bool
differs(const struct trouble *a, const struct trouble *b)
{
	return a->open != b->open || a->severity != b->severity ||
	       a->acknowledged != b->acknowledged ||
	       a->silenced_until_us != b->silenced_until_us ||
	       g_strcmp0(a->summary, b->summary) != 0;
}

/* What follows the begin of a stream tells how it came to what is open now: the change's
 * name decides, not what was known. */
static enum trouble_news
judge_change(const struct record *record, bool differed)
{
	const char *change = record->change == NULL ? "" : record->change;

	if (strcmp(change, "resolved") == 0)
		return TROUBLE_RESOLVED;
	/* Over already when we heard of it: its end is told next. */
	if (record->open && strcmp(change, "opened") == 0)
		return TROUBLE_OPENED;
	if (record->open && strcmp(change, "escalated") == 0)
		return TROUBLE_WORSE;
	return differed ? TROUBLE_NOTED : TROUBLE_SAME;
}

/* An incident that the store there has forgotten: its id is all that is left. */
static bool
is_bare(const struct record *record)
{
	return record->summary == NULL && record->rule == NULL;
}

static enum trouble_news
take_bare(struct troubles *troubles, const char *source, const struct record *record)
{
	struct item *item = find_item(troubles, source, record->incident);

	if (item == NULL || g_strcmp0(record->change, "resolved") != 0)
		return TROUBLE_SAME;
	item->told.open = false;
	item->told.resolved_us = record->at_us;
	put_in_order(troubles, source);
	return TROUBLE_RESOLVED;
}

static enum trouble_news
take_incident(struct troubles *troubles, const char *source, const struct record *record,
    bool first)
{
	struct item *item = find_item(troubles, source, record->incident);
	bool known = item != NULL, differed = true;
	struct trouble now = copy_record(source, record);

	if (known) {
		/* Changes don't tell it, only what is told as open. */
		if (record->kind == RECORD_CHANGE && now.silenced_until_us == 0)
			now.silenced_until_us = item->told.silenced_until_us;
		differed = differs(&item->told, &now);
		free_texts(&item->told);
	} else {
		item = g_new0(struct item, 1);
		g_ptr_array_add(troubles->items, item);
	}
	item->told = now;
	item->listed = record->kind == RECORD_OPEN;
	put_in_order(troubles, source);
	if (record->kind == RECORD_CHANGE)
		return judge_change(record, differed);
	if (first && !known)
		return TROUBLE_OPENED;
	return differed ? TROUBLE_NOTED : TROUBLE_SAME;
}

void
troubles_begin(struct troubles *troubles, const char *source)
{
	for (size_t i = 0; i < troubles->items->len; i++) {
		struct item *item = item_at(troubles, i);

		if (is_of(item, source))
			item->listed = false;
	}
}

static enum trouble_news
end_listing(struct troubles *troubles, const char *source)
{
	enum trouble_news news = TROUBLE_SAME;

	for (guint i = 0; i < troubles->items->len;) {
		struct item *item = item_at(troubles, i);

		if (is_of(item, source) && item->told.open && !item->listed) {
			(void)g_ptr_array_remove_index(troubles->items, i);
			news = TROUBLE_NOTED;
		} else {
			i++;
		}
	}
	/* When the store there is made anew it lists again, without another begin. */
	troubles_begin(troubles, source);
	return news;
}

enum trouble_news
troubles_take(struct troubles *troubles, const char *source, const struct record *record,
    bool first, const struct trouble **trouble_out)
{
	bool of_incident = record->kind == RECORD_OPEN || record->kind == RECORD_CHANGE;
	enum trouble_news news;

	*trouble_out = NULL;
	if (record->kind == RECORD_READY)
		return end_listing(troubles, source);
	if (!of_incident || record->incident == NULL)
		return TROUBLE_SAME;
	if (is_bare(record))
		news = take_bare(troubles, source, record);
	else
		news = take_incident(troubles, source, record, first);
	*trouble_out = troubles_find(troubles, source, record->incident);
	return news;
}

void
troubles_silence(struct troubles *troubles, const char *source, const char *id,
    int64_t until_us)
{
	struct item *item = find_item(troubles, source, id);

	if (item != NULL)
		item->told.silenced_until_us = until_us;
}

void
troubles_forget(struct troubles *troubles, const char *source)
{
	for (guint i = 0; i < troubles->items->len;)
		if (is_of(item_at(troubles, i), source))
			(void)g_ptr_array_remove_index(troubles->items, i);
		else
			i++;
}

/* --- asking --- */

const struct trouble *
troubles_get(const struct troubles *troubles, size_t i)
{
	const struct item *item = item_at(troubles, i);

	return item == NULL ? NULL : &item->told;
}

const struct trouble *
troubles_find(const struct troubles *troubles, const char *source, const char *id)
{
	const struct item *item = find_item(troubles, source, id);

	return item == NULL ? NULL : &item->told;
}

size_t
troubles_open(const struct troubles *troubles)
{
	size_t n = 0;

	while (n < troubles->items->len && item_at(troubles, n)->told.open)
		n++;
	return n;
}

enum desk_severity
troubles_worst(const struct troubles *troubles, bool acknowledged_counts)
{
	const struct trouble *trouble;

	/* The worst come first. */
	for (size_t i = 0; (trouble = troubles_get(troubles, i)) != NULL && trouble->open;
	     i++)
		if (acknowledged_counts || !trouble->acknowledged)
			return trouble->severity;
	return DESK_NONE;
}
