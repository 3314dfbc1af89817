/* The changes that are news, and the one sentence that leads. */
#include <stdlib.h>

#include "core/plain.h"
#include "report/digest_impl.h"

enum { CHANGES_NAMED = 2, SUMMARY_BYTES = 160 };

static void
add_change(struct digest *d, bool bad, double weight, struct buf *text)
{
	if (d->changes == NULL)
		d->changes = calloc(DIGEST_CHANGES, sizeof *d->changes);
	if (d->changes == NULL || text->failed) {
		d->failed = true;
		return;
	}
	if (d->nchanges < DIGEST_CHANGES)
		d->changes[d->nchanges++] = (struct digest_change){
			.bad = bad,
			.weight = weight,
			.text = digest_keep(d, buf_str(text)),
		};
}

static const char *
verb_of(int sign)
{
	return sign > 0 ? "rose" : "fell";
}

static void
add_from_to(struct buf *text, const struct digest_share *share)
{
	buf_addf(text, " %s from ", verb_of(share->sign));
	digest_add_percent(text, share->before);
	buf_add(text, STR(" to "));
	digest_add_percent(text, share->now);
}

/* A provider's name, or a host's of which nobody knows the provider. */
static void
add_whose(struct buf *text, struct str whose)
{
	if (whose.n == 0)
		return;
	buf_add(text, STR("at "));
	plain_add(text, whose);
	buf_add_char(text, ' ');
}

/* bad_sign: which direction nobody wants. */
static void
tell_share(struct digest *d, const char *what, struct str whose,
    const struct digest_share *share, int bad_sign)
{
	AUTO(buf_done) struct buf text = { 0 };
	double by = share_value(share->now) - share_value(share->before);

	if (share->sign == 0)
		return;
	add_whose(&text, whose);
	buf_addf(&text, "%s", what);
	add_from_to(&text, share);
	add_change(d, share->sign == bad_sign,
	    (by < 0 ? -by : by) * (double)(share->now.total + share->before.total), &text);
}

static void
tell_delay(struct digest *d, struct str whose, const struct digest_provider *p)
{
	const struct digest_delay *delay = &p->delay;
	AUTO(buf_done) struct buf text = { 0 };
	bool median = delay->median_sign != 0;
	int sign = median ? delay->median_sign : delay->late_sign;

	if (sign == 0)
		return;
	add_whose(&text, whose);
	buf_addf(&text, "%s %s from ",
	    median ? "the usual time to deliver" : "the time of the slowest 5 %",
	    verb_of(sign));
	digest_add_delay(&text, median ? delay->before_median_us : delay->before_late_us);
	buf_add(&text, STR(" to "));
	digest_add_delay(&text, median ? delay->median_us : delay->late_us);
	add_change(d, sign > 0, (double)p->now->delay.n / 20, &text);
}

static void
tell_count(struct digest *d, const char *what, const struct digest_count *count, bool bad)
{
	AUTO(buf_done) struct buf text = { 0 };

	if (count->sign == 0)
		return;
	buf_addf(&text, "%s %s from ", what, verb_of(count->sign));
	digest_add_number(&text, count->before);
	buf_add(&text, STR(" to "));
	digest_add_number(&text, count->now);
	add_change(d, bad, bad ? (double)count->now : 1, &text);
}

static int
by_weight(const void *a, const void *b)
{
	const struct digest_change *x = a, *y = b;

	if (x->bad != y->bad)
		return x->bad ? -1 : 1;
	return (x->weight < y->weight) - (x->weight > y->weight);
}

/* What happened at one provider may be all that happened: then it is named, not the sum. */
static void
tell_providers(struct digest *d)
{
	size_t accepted = d->nchanges;

	for (size_t i = 0; i < d->nproviders; i++)
		tell_share(d, "the share accepted", d->providers[i].name,
		    &d->providers[i].accepted, -1);
	if (d->nchanges == accepted)
		tell_share(d, "the share accepted", STR(""), &d->all.accepted, -1);
	size_t delays = d->nchanges;

	for (size_t i = 0; i < d->nproviders; i++)
		tell_delay(d, d->providers[i].name, &d->providers[i]);
	if (d->nchanges == delays)
		tell_delay(d, STR(""), &d->all);
}

void
digest_tell_changes(struct digest *d)
{
	tell_providers(d);
	tell_share(d, "the share of mail sent out encrypted", STR(""), &d->all.encrypted,
	    -1);
	tell_share(d, "the share of mail sent to verified servers", STR(""),
	    &d->all.verified, -1);
	tell_share(d, "the share of mail received encrypted", STR(""), &d->accepted_in_tls,
	    -1);
	tell_share(d, "the share of log lines that are not understood", STR(""),
	    &d->unparsed, 1);
	tell_count(d, "mail delivered to other hosts", &d->volume_out, false);
	tell_count(d, "mail received", &d->accepted_in, false);
	tell_count(d, "refused logins", &d->failed_logins, d->failed_logins.sign > 0);
	tell_count(d, "refused clients and mail", &d->rejects, false);
	tell_count(d, "bounce messages written here", &d->bounces_made,
	    d->bounces_made.sign > 0);
	if (d->nchanges > 1)
		qsort(d->changes, d->nchanges, sizeof *d->changes, by_weight);
}

/* --- the sentence --- */

static bool
has_gaps(const struct digest *d)
{
	return d->ngaps > 0 || d->now.gaps > 0;
}

/* Without the full stop that ends it. */
static void
add_summary(struct buf *out, const struct incident *in)
{
	struct str summary = in->summary.n > 0 ? in->summary : in->rule;

	while (summary.n > 0 && summary.p[summary.n - 1] == '.')
		summary.n--;
	plain_add_cut(out, summary, SUMMARY_BYTES);
}

static void
add_open(const struct digest *d, struct buf *out)
{
	size_t n = d->nopen + d->open_left;

	if (n == 1)
		buf_add(out, STR("1 incident is open ("));
	else
		buf_addf(out,
		    "%zu incidents are open, %zu of them critical (the first: ", n,
		    d->ncritical);
	add_summary(out, &d->open[0]);
	buf_add(out, STR(")"));
}

static void
add_volume(const struct digest *d, struct buf *out)
{
	struct share all = d->all.accepted.now;

	if (all.total == 0) {
		buf_add(out, STR("no mail went out"));
		return;
	}
	digest_add_percent(out, all);
	buf_add(out, STR(" of "));
	digest_add_count(out, all.total, "delivery attempt", NULL);
	buf_add(out, STR(" to other hosts had success"));
}

static void
add_changes(const struct digest *d, struct buf *out)
{
	if (!d->has_before) {
		buf_add(out, STR("there is nothing before it to compare with"));
		return;
	}
	if (d->nchanges == 0) {
		buf_add(out, d->nopen > 0 ? STR("nothing else changed beyond chance since ")
					  : STR("nothing changed beyond chance since "));
		digest_before_words(&d->span, out);
		return;
	}
	buf_add(out, STR("since "));
	digest_before_words(&d->span, out);
	buf_add_char(out, ' ');
	for (size_t i = 0; i < d->nchanges && i < CHANGES_NAMED; i++) {
		buf_add(out, i == 0 ? STR("") : STR(", and "));
		buf_add(out, d->changes[i].text);
	}
	if (d->nchanges > CHANGES_NAMED)
		buf_addf(out, " (and %zu more %s)", d->nchanges - CHANGES_NAMED,
		    d->nchanges - CHANGES_NAMED == 1 ? "change" : "changes");
}

static enum digest_health
health_of(const struct digest *d)
{
	if (d->ncritical > 0)
		return DIGEST_CRITICAL;
	if (d->now.ledger.lines == 0)
		return DIGEST_BLIND;
	return d->nwarnings > 0 || (d->nchanges > 0 && d->changes[0].bad) ? DIGEST_WARNING
									  : DIGEST_HEALTHY;
}

static struct str
headline_of(const struct digest *d)
{
	switch (d->health) {
	case DIGEST_CRITICAL: return STR("Mail is in trouble");
	case DIGEST_BLIND: return STR("mailwarden saw nothing");
	case DIGEST_WARNING:
		return d->nopen > 0 ? STR("Mail works, with trouble")
				    : STR("Mail works, but something got worse");
	default: return STR("Mail is healthy");
	}
}

static int
by_severity(const void *a, const void *b)
{
	const struct incident *x = a, *y = b;

	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	return (x->opened_us > y->opened_us) - (x->opened_us < y->opened_us);
}

static int
by_end(const void *a, const void *b)
{
	const struct incident *x = a, *y = b;

	return (x->resolved_us < y->resolved_us) - (x->resolved_us > y->resolved_us);
}

void
digest_tell_verdict(struct digest *d)
{
	struct buf *out = &d->scratch;

	if (d->nopen > 1)
		qsort(d->open, d->nopen, sizeof *d->open, by_severity);
	if (d->nresolved > 1)
		qsort(d->resolved, d->nresolved, sizeof *d->resolved, by_end);
	d->health = health_of(d);
	d->headline = headline_of(d);
	d->quiet = d->nopen == 0 && d->nresolved == 0 && d->nchanges == 0 && !has_gaps(d) &&
		   d->health == DIGEST_HEALTHY;
	buf_clear(out);
	buf_add(out, d->headline);
	buf_add(out, STR(": "));
	if (d->health == DIGEST_BLIND)
		buf_add(out, STR("no line of any log was read in this time, so nothing can "
				 "be said about mail"));
	else if (d->nopen > 0)
		add_open(d, out);
	else
		add_volume(d, out);
	if (d->health != DIGEST_BLIND) {
		buf_add(out, STR("; "));
		add_changes(d, out);
	}
	if (d->health == DIGEST_BLIND && d->nopen > 0) {
		buf_add(out, STR("; "));
		add_open(d, out);
	}
	buf_add_char(out, '.');
	if (out->failed)
		d->failed = true;
	d->verdict = digest_keep(d, buf_str(out));
}
