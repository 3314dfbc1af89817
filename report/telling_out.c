/* Mail that goes out: by provider, how fast, why not, in which sessions. */
#include <stdlib.h>

#include "core/plain.h"
#include "report/telling_impl.h"

enum { PROVIDERS_TOLD = 12, DELAYS_TOLD = 6, NAME_BYTES = 24, REASON_BYTES = 40 };

/* --- cells of a table --- */

struct cells {
	struct str (*rows)[SHEET_CELLS];
	struct buf *texts; /* of all cells, row by row */
	size_t nrows, ncells;
};

static bool
cells_init(struct cells *cells, size_t nrows, size_t ncells)
{
	*cells = (struct cells){ .nrows = nrows, .ncells = ncells };
	cells->rows = calloc(nrows + 1, sizeof *cells->rows);
	cells->texts = calloc(nrows * ncells + 1, sizeof *cells->texts);
	return cells->rows != NULL && cells->texts != NULL;
}

static struct buf *
cell(struct cells *cells, size_t row, size_t column)
{
	return &cells->texts[row * cells->ncells + column];
}

static void
cells_done(struct cells *cells)
{
	for (size_t i = 0; cells->texts != NULL && i < cells->nrows * cells->ncells; i++)
		buf_done(&cells->texts[i]);
	free(cells->texts);
	free(cells->rows);
}

static void
tell_table(struct telling *telling, struct cells *cells, struct sheet_table table)
{
	for (size_t r = 0; r < cells->nrows; r++)
		for (size_t c = 0; c < cells->ncells; c++) {
			const struct buf *text = cell(cells, r, c);

			cells->rows[r][c] = buf_str(text);
			telling->sheet.out->failed |= text->failed;
		}
	table.cells = cells->rows;
	table.nrows = cells->nrows;
	table.ncells = cells->ncells;
	if (table.nrows > 0)
		telling->sheet.type->table(&telling->sheet, &table);
}

/* --- by provider --- */

static void
tell_sum(struct telling *telling)
{
	const struct digest *d = telling->digest;
	const int64_t *o = d->now.out.outcomes;
	struct buf text = { 0 };

	if (d->all.accepted.now.total == 0) {
		buf_add(&text, STR("No mail went out to other hosts"));
		if (d->has_before && d->all.accepted.before.hits > 0) {
			buf_add(&text, STR("; before it were "));
			digest_add_number(&text, d->all.accepted.before.hits);
		}
		buf_add_char(&text, '.');
		telling_say(telling, &text);
		return;
	}
	buf_add(&text, STR("To other hosts: "));
	telling_add_sign(&text, d->volume_out.sign);
	digest_add_number(&text, o[OUTCOME_DELIVERED]);
	buf_add(&text, STR(" accepted, "));
	digest_add_number(&text, o[OUTCOME_DEFERRED]);
	buf_add(&text, STR(" deferred, "));
	digest_add_number(&text, o[OUTCOME_BOUNCED]);
	buf_add(&text, STR(" refused, "));
	digest_add_number(&text, o[OUTCOME_EXPIRED]);
	buf_add(&text, STR(" given up; of all attempts "));
	telling_add_share(&text, &d->all.accepted);
	buf_add(&text, STR(" were accepted"));
	telling_add_before(telling, &text, d->all.accepted.before);
	buf_add_char(&text, '.');
	telling_say(telling, &text);
}

static void
fill_provider(struct cells *cells, size_t row, const struct digest *d,
    const struct digest_provider *p)
{
	const int64_t *o = p->now->outcomes;

	plain_add_cut(cell(cells, row, 0), p->name, NAME_BYTES);
	digest_add_number(cell(cells, row, 1), o[OUTCOME_DELIVERED]);
	telling_add_sign(cell(cells, row, 2), p->deferred.sign);
	digest_add_number(cell(cells, row, 2), o[OUTCOME_DEFERRED]);
	telling_add_sign(cell(cells, row, 3), p->refused.sign);
	digest_add_number(cell(cells, row, 3), p->refused.now.hits);
	telling_add_share(cell(cells, row, 4), &p->accepted);
	if (d->has_before)
		digest_add_percent(cell(cells, row, 5), p->accepted.before);
}

void
telling_out(struct telling *telling)
{
	const struct digest *d = telling->digest;
	size_t most =
	    d->nproviders < PROVIDERS_TOLD ? d->nproviders : (size_t)PROVIDERS_TOLD;
	struct cells cells;

	telling_section(telling, "Mail out");
	tell_sum(telling);
	telling_plot(telling, PLOT_VOLUME);
	if (d->quiet || d->all.accepted.now.total == 0)
		return;
	if (!cells_init(&cells, most, d->has_before ? 6 : 5)) {
		telling->sheet.out->failed = true;
		cells_done(&cells);
		return;
	}
	for (size_t i = 0; i < most; i++)
		fill_provider(&cells, i, d, &d->providers[i]);
	tell_table(telling, &cells,
	    (struct sheet_table){
		.caption = "Deliveries by provider",
		.heads = { "provider", "accepted", "deferred", "refused", "share",
		    "before" },
	    });
	cells_done(&cells);
	telling_plot(telling, PLOT_PROVIDERS);
}

/* --- time to deliver --- */

static void
fill_delay(struct cells *cells, size_t row, const struct digest *d,
    const struct digest_provider *p)
{
	plain_add_cut(cell(cells, row, 0), p->name, NAME_BYTES);
	telling_add_sign(cell(cells, row, 1), p->delay.median_sign);
	digest_add_delay(cell(cells, row, 1), p->delay.median_us);
	telling_add_sign(cell(cells, row, 2), p->delay.late_sign);
	digest_add_delay(cell(cells, row, 2), p->delay.late_us);
	if (!d->has_before)
		return;
	digest_add_delay(cell(cells, row, 3), p->delay.before_median_us);
	digest_add_delay(cell(cells, row, 4), p->delay.before_late_us);
}

static void
tell_delay_table(struct telling *telling)
{
	const struct digest *d = telling->digest;
	struct cells cells;
	size_t n = 0;

	if (!cells_init(&cells, DELAYS_TOLD, d->has_before ? 5 : 3)) {
		telling->sheet.out->failed = true;
		cells_done(&cells);
		return;
	}
	for (size_t i = 0; i < d->nproviders && n < DELAYS_TOLD; i++)
		if (d->providers[i].now->delay.n > 0)
			fill_delay(&cells, n++, d, &d->providers[i]);
	cells.nrows = n;
	tell_table(telling, &cells,
	    (struct sheet_table){
		.caption = "Time to deliver by provider",
		.heads = { "provider", "half within", "95 % within", "half before",
		    "95 % before" },
	    });
	cells.nrows = DELAYS_TOLD;
	cells_done(&cells);
}

void
telling_delays(struct telling *telling)
{
	const struct digest *d = telling->digest;
	const struct digest_delay *delay = &d->all.delay;
	struct buf text = { 0 };

	if (delay->median_us < 0)
		return;
	telling_section(telling, "Time to deliver");
	buf_add(&text, STR("Half of the mail was delivered within "));
	telling_add_sign(&text, delay->median_sign);
	digest_add_delay(&text, delay->median_us);
	buf_add(&text, STR(", 95 % within "));
	telling_add_sign(&text, delay->late_sign);
	digest_add_delay(&text, delay->late_us);
	if (d->has_before && delay->before_median_us >= 0) {
		buf_add(&text, STR(" (before: "));
		digest_add_delay(&text, delay->before_median_us);
		buf_add(&text, STR(" and "));
		digest_add_delay(&text, delay->before_late_us);
		buf_add_char(&text, ')');
	}
	buf_add_char(&text, '.');
	telling_say(telling, &text);
	if (d->quiet)
		return;
	tell_delay_table(telling);
	telling_plot(telling, PLOT_DELAYS);
}

/* --- reasons --- */

static const char *
outcome_word(enum event_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_DEFERRED: return "deferred";
	case OUTCOME_EXPIRED: return "given up";
	default: return "refused";
	}
}

/* "Microsoft, microsoft-s3140" */
static void
add_reason_name(struct buf *out, const struct digest_reason *r)
{
	struct str code =
	    r->reason->code_id.n > 0 ? r->reason->code_id : r->reason->category;

	plain_add_cut(out, r->provider, NAME_BYTES);
	buf_add(out, STR(", "));
	plain_add_cut(out, code.n > 0 ? code : STR("no known reason"), REASON_BYTES);
}

static void
tell_reason(struct telling *telling, const struct digest_reason *r)
{
	AUTO(buf_done) struct buf word = { 0 }, text = { 0 };
	bool bad = r->is_new || r->sign > 0;

	telling_add_sign(&word, r->sign);
	digest_add_number(&word, r->reason->count);
	buf_addf(&word, " %s", outcome_word(r->reason->outcome));
	add_reason_name(&text, r);
	if (r->is_new)
		buf_add(&text, STR(" (new)"));
	else if (telling->digest->has_before) {
		buf_add(&text, STR(" ("));
		digest_add_number(&text, r->before);
		buf_add(&text, STR(" before)"));
	}
	if (r->meaning.n > 0) {
		buf_add(&text, STR(". "));
		plain_add_cut(&text, r->meaning, 400);
	}
	telling->sheet.type->entry(&telling->sheet, bad ? SHEET_WARNING : SHEET_PLAIN,
	    buf_str(&word), buf_str(&text));
	telling->sheet.out->failed |= word.failed || text.failed;
}

void
telling_reasons(struct telling *telling)
{
	const struct digest *d = telling->digest;
	struct buf text = { 0 };

	if (d->nreasons == 0)
		return;
	if (d->quiet) {
		buf_add(&text, STR("The most frequent reason of what failed: "));
		add_reason_name(&text, &d->reasons[0]);
		buf_add(&text, STR(" ("));
		digest_add_number(&text, d->reasons[0].reason->count);
		buf_add(&text, STR(")."));
		telling_say(telling, &text);
		return;
	}
	telling_section(telling, "Why mail was refused or waits");
	for (size_t i = 0; i < d->nreasons; i++)
		tell_reason(telling, &d->reasons[i]);
}

/* --- TLS --- */

static void
tell_tls_change(struct telling *telling, const struct digest_provider *p,
    const struct digest_share *share, const char *what)
{
	AUTO(buf_done) struct buf text = { 0 };

	if (share->sign == 0)
		return;
	plain_add_cut(&text, p->name, NAME_BYTES);
	buf_addf(&text, ": %s ", what);
	telling_add_share(&text, share);
	telling_add_before(telling, &text, share->before);
	telling->sheet.type->item(&telling->sheet, buf_str(&text));
	telling->sheet.out->failed |= text.failed;
}

void
telling_tls(struct telling *telling)
{
	const struct digest *d = telling->digest;
	struct buf text = { 0 };

	if (d->all.encrypted.now.total > 0) {
		buf_add(&text, STR("Of mail sent "));
		telling_add_share(&text, &d->all.encrypted);
		buf_add(&text, STR(" was encrypted"));
		telling_add_before(telling, &text, d->all.encrypted.before);
		buf_add(&text, STR(", "));
		telling_add_share(&text, &d->all.verified);
		buf_add(&text, STR(" to servers whose name was verified"));
		telling_add_before(telling, &text, d->all.verified.before);
		buf_add(&text, STR(". "));
	}
	if (d->accepted_in_tls.now.total > 0) {
		buf_add(&text, STR("Of mail received "));
		telling_add_share(&text, &d->accepted_in_tls);
		buf_add(&text, STR(" was encrypted"));
		telling_add_before(telling, &text, d->accepted_in_tls.before);
		buf_add_char(&text, '.');
	}
	if (text.n == 0)
		return;
	telling_section(telling, "TLS");
	telling_say(telling, &text);
	for (size_t i = 0; i < d->nproviders && !d->quiet; i++) {
		const struct digest_provider *p = &d->providers[i];

		tell_tls_change(telling, p, &p->encrypted, "encrypted");
		tell_tls_change(telling, p, &p->verified, "verified");
	}
}
