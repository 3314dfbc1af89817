#include "cli/replay_compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/show.h"
#include "core/clock.h"
#include "core/json.h"

enum { KEPT_TEXTS = 8 };

struct entry {
	struct incident in;  /* texts point into `text` */
	struct entry *other; /* the same one of the other side; NULL: none */
	char text[];
};

struct side {
	struct entry **entries;
	size_t n, cap, bytes, left_out;
};

struct compare {
	struct side sides[2];
};

/* What is kept of the texts. */
static void
kept_texts(struct incident *in, struct str *texts[KEPT_TEXTS])
{
	texts[0] = &in->id;
	texts[1] = &in->rule;
	texts[2] = &in->trouble;
	texts[3] = &in->group;
	texts[4] = &in->provider;
	texts[5] = &in->code_id;
	texts[6] = &in->category;
	texts[7] = &in->summary;
}

struct compare *
compare_new(void)
{
	return calloc(1, sizeof(struct compare));
}

void
compare_free(struct compare *compare)
{
	if (compare == NULL)
		return;
	for (int s = 0; s < 2; s++) {
		for (size_t i = 0; i < compare->sides[s].n; i++)
			free(compare->sides[s].entries[i]);
		free(compare->sides[s].entries);
	}
	free(compare);
}

static struct entry *
copy(const struct incident *from, size_t *bytes_out)
{
	struct incident in = {
		.id = from->id,
		.rule = from->rule,
		.trouble = from->trouble,
		.severity = from->severity,
		.state = from->state,
		.group = from->group,
		.provider = from->provider,
		.code_id = from->code_id,
		.category = from->category,
		.opened_us = from->opened_us,
		.last_seen_us = from->last_seen_us,
		.resolved_us = from->resolved_us,
		.count = from->count,
		.summary = from->summary,
		.relapses = from->relapses,
		.senders = from->senders,
		.recipients = from->recipients,
	};
	struct str *texts[KEPT_TEXTS];
	size_t bytes = 0, at = 0;

	kept_texts(&in, texts);
	for (size_t i = 0; i < KEPT_TEXTS; i++)
		bytes += texts[i]->n;
	struct entry *e = malloc(sizeof *e + bytes);

	if (e == NULL)
		return NULL;
	for (size_t i = 0; i < KEPT_TEXTS; i++) {
		if (texts[i]->n > 0)
			memcpy(e->text + at, texts[i]->p, texts[i]->n);
		texts[i]->p = e->text + at;
		at += texts[i]->n;
	}
	e->in = in;
	e->other = NULL;
	*bytes_out = sizeof *e + bytes;
	return e;
}

int
compare_add(struct compare *compare, enum compare_side which,
    const struct incident *incident)
{
	struct side *side = &compare->sides[which];

	size_t bytes;

	if (side->n == COMPARE_MAX || side->bytes > COMPARE_BYTES) {
		side->left_out++;
		return 0;
	}
	if (side->n == side->cap) {
		size_t cap = side->cap == 0 ? 64 : side->cap * 2;
		struct entry **more = realloc(side->entries, cap * sizeof *more);

		if (more == NULL)
			return -ENOMEM;
		side->entries = more;
		side->cap = cap;
	}
	struct entry *e = copy(incident, &bytes);

	if (e == NULL)
		return -ENOMEM;
	side->bytes += bytes;
	side->entries[side->n++] = e;
	return 0;
}

/* --- finding pairs --- */

static int
cmp_text(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

static int
cmp_opened(const struct incident *a, const struct incident *b)
{
	return (a->opened_us > b->opened_us) - (a->opened_us < b->opened_us);
}

/* Rule, group, opening. */
static int
cmp_exact(const struct incident *a, const struct incident *b)
{
	int c = cmp_text(a->rule, b->rule);

	c = c != 0 ? c : cmp_text(a->group, b->group);
	return c != 0 ? c : cmp_opened(a, b);
}

static int
cmp_trouble(const struct incident *a, const struct incident *b)
{
	int c = cmp_text(a->trouble, b->trouble);

	return c != 0 ? c : cmp_text(a->group, b->group);
}

static int
by_exact(const void *a, const void *b)
{
	return cmp_exact(&(*(struct entry *const *)a)->in,
	    &(*(struct entry *const *)b)->in);
}

static int
by_trouble(const void *a, const void *b)
{
	const struct incident *x = &(*(struct entry *const *)a)->in;
	const struct incident *y = &(*(struct entry *const *)b)->in;
	int c = cmp_trouble(x, y);

	return c != 0 ? c : cmp_opened(x, y);
}

static int64_t
end_of(const struct incident *in)
{
	return in->state == INCIDENT_OPEN ? INT64_MAX
	       : in->resolved_us != 0     ? in->resolved_us
					  : in->last_seen_us;
}

/* 0: the same one; else which of them is left without a partner. */
static int
cmp_overlap(const struct incident *a, const struct incident *b)
{
	int c = cmp_trouble(a, b);

	if (c != 0)
		return c;
	if (end_of(a) < b->opened_us)
		return -1;
	return end_of(b) < a->opened_us;
}

/* Both sides are in the order that cmp goes by; what has a partner is passed over. */
static void
pair_up(struct side *before, struct side *after,
    int (*cmp)(const struct incident *, const struct incident *))
{
	size_t i = 0, k = 0;

	while (i < before->n && k < after->n) {
		struct entry *a = before->entries[i], *b = after->entries[k];

		if (a->other != NULL || b->other != NULL) {
			i += a->other != NULL;
			k += b->other != NULL;
			continue;
		}
		int c = cmp(&a->in, &b->in);

		if (c == 0) {
			a->other = b;
			b->other = a;
		}
		i += c <= 0;
		k += c >= 0;
	}
}

static void
sort(struct compare *compare, int (*order)(const void *, const void *))
{
	for (int s = 0; s < 2; s++)
		if (compare->sides[s].n > 0)
			qsort(compare->sides[s].entries, compare->sides[s].n,
			    sizeof *compare->sides[s].entries, order);
}

static bool
is_same(const struct incident *a, const struct incident *b)
{
	return str_eq(a->rule, b->rule) && a->severity == b->severity &&
	       a->state == b->state && a->opened_us == b->opened_us &&
	       a->last_seen_us == b->last_seen_us && a->resolved_us == b->resolved_us &&
	       a->count == b->count && str_eq(a->code_id, b->code_id) &&
	       str_eq(a->category, b->category) && str_eq(a->summary, b->summary);
}

static int
by_opening(const void *a, const void *b)
{
	const struct incident *x = &(*(struct entry *const *)a)->in;
	const struct incident *y = &(*(struct entry *const *)b)->in;
	int c = cmp_opened(x, y);

	return c != 0 ? c : cmp_exact(x, y);
}

void
compare_match(struct compare *compare, struct compare_totals *out)
{
	struct side *before = &compare->sides[COMPARE_BEFORE];
	struct side *after = &compare->sides[COMPARE_AFTER];
	struct compare_totals t = { 0 };

	sort(compare, by_exact);
	pair_up(before, after, cmp_exact);
	sort(compare, by_trouble);
	pair_up(before, after, cmp_overlap);
	sort(compare, by_opening);
	for (size_t i = 0; i < before->n; i++) {
		const struct entry *e = before->entries[i];

		t.removed += e->other == NULL;
		t.same += e->other != NULL && is_same(&e->in, &e->other->in);
		t.changed += e->other != NULL && !is_same(&e->in, &e->other->in);
	}
	for (size_t i = 0; i < after->n; i++)
		t.added += after->entries[i]->other == NULL;
	for (int s = 0; s < 2; s++) {
		t.left_out[s] = compare->sides[s].left_out;
		t.incidents[s] = compare->sides[s].n + t.left_out[s];
	}
	*out = t;
}

/* --- telling --- */

/* Differences in the order of opening: of a changed one, that of its earlier self. */
static void
each_difference(const struct compare *compare,
    void (*fn)(const struct incident *before, const struct incident *after, FILE *to),
    FILE *to)
{
	const struct side *before = &compare->sides[COMPARE_BEFORE];
	const struct side *after = &compare->sides[COMPARE_AFTER];
	size_t i = 0, k = 0;

	while (i < before->n || k < after->n) {
		const struct entry *a = i < before->n ? before->entries[i] : NULL;
		const struct entry *b = k < after->n ? after->entries[k] : NULL;

		if (b != NULL && b->other != NULL) {
			k++; /* told with its partner */
		} else if (a != NULL && (b == NULL || cmp_opened(&a->in, &b->in) <= 0)) {
			if (a->other == NULL)
				fn(&a->in, NULL, to);
			else if (!is_same(&a->in, &a->other->in))
				fn(&a->in, &a->other->in, to);
			i++;
		} else {
			fn(NULL, &b->in, to);
			k++;
		}
	}
}

/* "was" if it is so on both sides, else "was -> is". */
static void
add_change(struct buf *out, struct str was, struct str is)
{
	buf_add(out, was);
	if (str_eq(was, is))
		return;
	buf_add(out, STR(" -> "));
	buf_add(out, is);
}

static void
add_times(struct buf *out, const struct incident *in)
{
	if (in->count == 1)
		buf_add(out, STR("once"));
	else
		buf_addf(out, "%lld times", (long long)in->count);
}

static void
add_end(struct buf *out, const struct incident *in)
{
	if (in->resolved_us == 0) {
		buf_add(out, STR("not resolved"));
		return;
	}
	buf_add(out, STR("resolved after "));
	clock_span_words(out, in->resolved_us - in->opened_us);
}

static void
add_severity(struct buf *out, const struct incident *in)
{
	buf_add(out, str_of(severity_name(in->severity)));
}

static void
add_opened(struct buf *out, const struct incident *in)
{
	buf_add(out, STR("since "));
	clock_minute(out, in->opened_us);
}

static void
add_last_seen(struct buf *out, const struct incident *in)
{
	buf_add(out, STR("last seen "));
	clock_minute(out, in->last_seen_us);
}

static void
add_of_both(struct buf *out, const char *separator, const struct incident *was,
    const struct incident *is, void (*add)(struct buf *, const struct incident *))
{
	AUTO(buf_done) struct buf a = { 0 };
	AUTO(buf_done) struct buf b = { 0 };

	add(&a, was);
	add(&b, is);
	buf_add(out, str_of(separator));
	add_change(out, buf_str(&a), buf_str(&b));
}

static void
print_words(const char *mark, struct str summary, FILE *to)
{
	AUTO(buf_done) struct buf words = { 0 };

	buf_add(&words, str_of(mark));
	buf_add(&words, summary);
	show_folded(buf_str(&words), 4, to);
}

static void
print_one(const struct incident *before, const struct incident *after, FILE *to)
{
	const struct incident *was = before != NULL ? before : after;
	const struct incident *is = after != NULL ? after : before;
	AUTO(buf_done) struct buf line = { 0 };

	buf_add(&line, before == NULL  ? STR("added")
		       : after == NULL ? STR("removed")
				       : STR("changed"));
	add_of_both(&line, ": ", was, is, add_severity);
	add_of_both(&line, ", ", was, is, add_opened);
	add_of_both(&line, ", ", was, is, add_times);
	add_of_both(&line, ", ", was, is, add_end);
	if (was->last_seen_us != is->last_seen_us)
		add_of_both(&line, ", ", was, is, add_last_seen);
	show_folded(buf_str(&line), 0, to);
	buf_clear(&line);
	buf_add(&line, STR("rule "));
	add_change(&line, was->rule, is->rule);
	show_folded(buf_str(&line), 4, to);
	if (str_eq(was->summary, is->summary)) {
		print_words("", is->summary, to);
	} else {
		print_words("before: ", was->summary, to);
		print_words("after:  ", is->summary, to);
	}
	fputc('\n', to);
}

void
compare_print(const struct compare *compare, FILE *to)
{
	each_difference(compare, print_one, to);
}

static void
json_one(const struct incident *before, const struct incident *after, FILE *to)
{
	AUTO(buf_done) struct buf out = { 0 };
	AUTO(buf_done) struct buf one = { 0 };
	struct json j = json_begin(&out);

	json_text(&j, "type", STR("difference"));
	json_text(&j, "change",
	    before == NULL  ? STR("added")
	    : after == NULL ? STR("removed")
			    : STR("changed"));
	if (before != NULL) {
		incident_json(before, &one);
		json_raw(&j, "before", buf_str(&one));
	}
	buf_clear(&one);
	if (after != NULL) {
		incident_json(after, &one);
		json_raw(&j, "after", buf_str(&one));
	}
	json_end(&j);
	buf_add_char(&out, '\n');
	(void)fwrite(out.p, 1, out.n, to);
}

void
compare_print_json(const struct compare *compare, FILE *to)
{
	each_difference(compare, json_one, to);
}
