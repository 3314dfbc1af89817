/* What is another than before, beyond chance, and large enough to matter. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "parsers/catalogue.h"
#include "report/days.h"
#include "report/digest_impl.h"

#define UNREST_MAX 50.0

/* What matters to a person. */
#define LEAST_ACCEPTED 0.01 /* one of a hundred */
#define LEAST_TLS 0.02
#define LEAST_UNPARSED 0.01
#define LEAST_LOGINS 0.05
#define LEAST_VOLUME 1.5 /* times */
#define LEAST_DELAY 1.5
#define DELAY_NOTICED_US (2 * (int64_t)US_PER_S) /* nobody minds faster mail */

enum { NEW_REASON_COUNT = 5 };

/* --- unrest of the earlier days --- */

static double
share_unrest(const struct days *hits_days, const int64_t *hits, const int64_t *totals)
{
	struct share days[DIGEST_DAYS + 2];
	size_t n = 0;

	if (hits == NULL || totals == NULL)
		return 1;
	for (size_t i = 0; i < hits_days->n && n < sizeof days / sizeof *days; i++)
		days[n++] = (struct share){ hits[i], totals[i] };
	return share_dispersion(days, n, UNREST_MAX);
}

/* Of the share that failed; of one provider by name, of all summed. */
static double
unrest_of_failures(const struct digest_unrest *u, struct str provider)
{
	struct days all = { 0 }, failed = { 0 };
	double unrest = 1;

	if (days_of(&u->providers, &all) && days_of(&u->failed, &failed) &&
	    all.n == failed.n)
		unrest = share_unrest(&failed, days_line(&failed, &u->failed, provider),
		    days_line(&all, &u->providers, provider));
	days_done(&all);
	days_done(&failed);
	return unrest;
}

static double
unrest_of_count(const struct figure_lines *lines, struct str name)
{
	struct days days = { 0 };
	double unrest = 1;

	if (days_of(lines, &days)) {
		const int64_t *line = days_line(&days, lines, name);

		if (line != NULL)
			unrest = count_dispersion(line, days.n, UNREST_MAX * 20);
	}
	days_done(&days);
	return unrest;
}

/* --- shares and delays --- */

static struct digest_share
judge_share(const struct digest *d, struct share now, struct share before, double unrest,
    double least)
{
	struct digest_share share = { .now = now, .before = before };

	if (d->has_before)
		share.sign = share_sign(now, before, unrest, least);
	return share;
}

static int64_t
attempts_of(const struct figure_provider *p)
{
	int64_t sum = 0;

	for (int i = OUTCOME_DELIVERED; i < OUTCOME_COUNT; i++)
		sum += p->outcomes[i];
	return sum;
}

static struct share
accepted_of(const struct figure_provider *p)
{
	return (struct share){ p->outcomes[OUTCOME_DELIVERED], attempts_of(p) };
}

static struct share
deferred_of(const struct figure_provider *p)
{
	return (struct share){ p->outcomes[OUTCOME_DEFERRED], attempts_of(p) };
}

static struct share
refused_of(const struct figure_provider *p)
{
	return (struct share){ p->outcomes[OUTCOME_BOUNCED] + p->outcomes[OUTCOME_EXPIRED] +
				   p->outcomes[OUTCOME_REJECTED],
		attempts_of(p) };
}

static int64_t
sessions_of(const struct figure_tls *tls)
{
	return tls->plain + tls->encrypted + tls->verified;
}

static struct share
encrypted_of(const struct figure_tls *tls)
{
	return (struct share){ tls->encrypted + tls->verified, sessions_of(tls) };
}

static struct share
verified_of(const struct figure_tls *tls)
{
	return (struct share){ tls->verified, sessions_of(tls) };
}

/* How many took longer than the bucket that this time lies in. */
static struct share
slower_than(const struct figure_delay *delay, int64_t us)
{
	struct share share = { 0, delay->n };

	for (int i = 0; i < FIGURE_BUCKETS; i++)
		if (i > 0 && figure_delay_bound(i - 1) >= us)
			share.hits += delay->buckets[i];
	return share;
}

static int
delay_sign(const struct figure_delay *now, const struct figure_delay *before,
    int64_t now_us, int64_t before_us, double unrest)
{
	int sign = share_sign(slower_than(now, before_us), slower_than(before, before_us),
	    unrest, 0);

	if (now_us < 0 || before_us < 0 ||
	    (now_us < DELAY_NOTICED_US && before_us < DELAY_NOTICED_US))
		return 0;
	if (sign > 0 && (double)now_us >= LEAST_DELAY * (double)before_us)
		return 1;
	return sign < 0 && (double)before_us >= LEAST_DELAY * (double)now_us ? -1 : 0;
}

static struct digest_delay
judge_delay(const struct digest *d, const struct figure_delay *now,
    const struct figure_delay *before, double unrest)
{
	struct digest_delay delay = {
		.median_us = figure_delay_quantile(now, 0.5),
		.late_us = figure_delay_quantile(now, 0.95),
		.before_median_us = figure_delay_quantile(before, 0.5),
		.before_late_us = figure_delay_quantile(before, 0.95),
	};

	if (!d->has_before)
		return delay;
	delay.median_sign =
	    delay_sign(now, before, delay.median_us, delay.before_median_us, unrest);
	delay.late_sign =
	    delay_sign(now, before, delay.late_us, delay.before_late_us, unrest);
	return delay;
}

/* --- providers --- */

static const struct figure_provider *
find_before(const struct digest *d, struct str id)
{
	static const struct figure_provider none = { 0 };

	for (size_t i = 0; i < d->before.nproviders; i++)
		if (str_eq(d->before.providers[i].provider, id))
			return &d->before.providers[i];
	return &none;
}

static struct str
name_of(struct digest *d, const struct catalogue *catalogue, struct str id)
{
	if (str_eq(id, STR("other")) || id.n == 0)
		return STR("others");
	return digest_keep(d,
	    catalogue == NULL ? id : catalogue_provider_short(catalogue, id));
}

static struct digest_provider
judge_provider(const struct digest *d, const struct figure_provider *now,
    const struct figure_provider *before, double unrest)
{
	return (struct digest_provider){
		.id = now->provider,
		.now = now,
		.accepted = judge_share(d, accepted_of(now), accepted_of(before), unrest,
		    LEAST_ACCEPTED),
		.deferred = judge_share(d, deferred_of(now), deferred_of(before), unrest,
		    LEAST_ACCEPTED),
		.refused = judge_share(d, refused_of(now), refused_of(before), unrest,
		    LEAST_ACCEPTED),
		.encrypted = judge_share(d, encrypted_of(&now->tls),
		    encrypted_of(&before->tls), 1, LEAST_TLS),
		.verified = judge_share(d, verified_of(&now->tls),
		    verified_of(&before->tls), 1, LEAST_TLS),
		.delay = judge_delay(d, &now->delay, &before->delay, unrest),
	};
}

static void
judge_providers(struct digest *d, const struct digest_unrest *unrest,
    const struct catalogue *catalogue)
{
	double widest = 1;

	d->providers = calloc(d->now.nproviders + 1, sizeof *d->providers);
	if (d->providers == NULL) {
		d->failed = true;
		return;
	}
	for (size_t i = 0; i < d->now.nproviders; i++) {
		const struct figure_provider *now = &d->now.providers[i];
		double own = unrest_of_failures(unrest, now->provider);
		struct digest_provider *p = &d->providers[d->nproviders];

		if (attempts_of(now) == 0)
			continue;
		*p = judge_provider(d, now, find_before(d, now->provider), own);
		p->name = name_of(d, catalogue, now->provider);
		widest = own > widest ? own : widest;
		d->nproviders++;
	}
	d->all = judge_provider(d, &d->now.out, &d->before.out, widest);
	d->all.name = STR("all");
}

/* --- reasons --- */

static int64_t
count_before(const struct digest *d, const struct figure_reason *now)
{
	for (size_t i = 0; i < d->before.nreasons; i++) {
		const struct figure_reason *r = &d->before.reasons[i];

		if (r->outcome == now->outcome && str_eq(r->provider, now->provider) &&
		    str_eq(r->code_id, now->code_id) && str_eq(r->category, now->category))
			return r->count;
	}
	return 0;
}

static void
judge_reasons(struct digest *d, const struct catalogue *catalogue)
{
	size_t most =
	    d->now.nreasons < DIGEST_REASONS ? d->now.nreasons : (size_t)DIGEST_REASONS;

	/* Of a full list the rarest are not known: what is not in it may have been. */
	int64_t least = d->before.nreasons < FIGURE_REASONS
			    ? 0
			    : d->before.reasons[FIGURE_REASONS - 1].count;

	d->reasons = calloc(most + 1, sizeof *d->reasons);
	if (d->reasons == NULL) {
		d->failed = true;
		return;
	}
	for (size_t i = 0; i < most; i++) {
		const struct figure_reason *reason = &d->now.reasons[i];
		const struct catalogue_code *code =
		    catalogue == NULL || reason->code_id.n == 0
			? NULL
			: catalogue_code(catalogue, reason->code_id);
		int64_t before = count_before(d, reason);

		d->reasons[d->nreasons++] = (struct digest_reason){
			.reason = reason,
			.provider = name_of(d, catalogue, reason->provider),
			.meaning = code == NULL ? STR("") : digest_keep(d, code->meaning),
			.before = before,
			.sign = d->has_before ? count_sign(reason->count, before,
						    UNREST_MAX, LEAST_VOLUME)
					      : 0,
			.is_new = d->has_before && before == 0 &&
				  reason->count >= NEW_REASON_COUNT + 2 * least,
		};
	}
}

/* --- the rest --- */

static struct digest_count
judge_count(const struct digest *d, int64_t now, int64_t before, double unrest)
{
	struct digest_count count = { .now = now, .before = before };

	if (d->has_before)
		count.sign = count_sign(now, before, unrest, LEAST_VOLUME);
	return count;
}

static struct share
unparsed_of(const struct ledger_counts *ledger)
{
	return (struct share){ ledger->unparsed, ledger->events + ledger->unparsed };
}

static struct share
failed_logins_of(const struct figures *f)
{
	return (struct share){ f->logins_failed, f->logins + f->logins_failed };
}

void
digest_judge(struct digest *d, const struct digest_unrest *unrest,
    const struct catalogue *catalogue)
{
	const struct figures *now = &d->now, *before = &d->before;
	double volume = unrest_of_count(&unrest->volume, STR("delivered"));
	double out = unrest_of_count(&unrest->out, STR("delivered"));
	double rejects = unrest_of_count(&unrest->volume, STR("rejected"));
	double logins = unrest_of_count(&unrest->logins, STR("failed"));

	d->has_before = before->ledger.lines > 0;
	judge_providers(d, unrest, catalogue);
	judge_reasons(d, catalogue);
	if (d->failed)
		return;
	d->accepted_in_tls = judge_share(d, encrypted_of(&now->tls_in),
	    encrypted_of(&before->tls_in), 1, LEAST_TLS);
	d->unparsed = judge_share(d, unparsed_of(&now->ledger),
	    unparsed_of(&before->ledger), 1, LEAST_UNPARSED);
	d->logins_failed = judge_share(d, failed_logins_of(now), failed_logins_of(before),
	    logins, LEAST_LOGINS);
	d->volume_out = judge_count(d, now->out.outcomes[OUTCOME_DELIVERED],
	    before->out.outcomes[OUTCOME_DELIVERED], out);
	d->accepted_in = judge_count(d, now->accepted, before->accepted, volume);
	d->rejects = judge_count(d, now->rejects, before->rejects, rejects);
	d->failed_logins =
	    judge_count(d, now->logins_failed, before->logins_failed, logins);
	d->bounces_made =
	    judge_count(d, now->bounces_made, before->bounces_made, UNREST_MAX);
	digest_tell_changes(d);
	digest_tell_verdict(d);
}
