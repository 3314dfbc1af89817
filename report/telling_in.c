/* Mail that comes in, and all the rest. */
#include "core/plain.h"
#include "report/telling_impl.h"

enum { REASONS_NAMED = 5, NAME_BYTES = 60, DETAIL_BYTES = 300, GAPS_TOLD = 10 };

static void
add_count_before(const struct telling *telling, struct buf *out,
    const struct digest_count *c)
{
	telling_add_sign(out, c->sign);
	digest_add_number(out, c->now);
	if (!telling->digest->has_before)
		return;
	buf_add(out, STR(" ("));
	digest_add_number(out, c->before);
	buf_add(out, STR(" before)"));
}

static void
add_reject_reasons(const struct digest *d, struct buf *out)
{
	int64_t named = 0;

	/* That it is not known why needs no words. */
	if (d->now.nrejected < 2 &&
	    (d->now.nrejected == 0 || d->now.rejected[0].name.n == 0))
		return;

	for (size_t i = 0; i < d->now.nrejected && i < REASONS_NAMED; i++) {
		const struct figure_name *r = &d->now.rejected[i];

		buf_add(out, i == 0 ? STR(": ") : STR(", "));
		plain_add_cut(out, r->name.n > 0 ? r->name : STR("other reasons"),
		    NAME_BYTES);
		buf_add_char(out, ' ');
		digest_add_number(out, r->count);
		named += r->count;
	}
	if (named > 0 && named < d->now.rejects) {
		buf_add(out, STR(", the rest "));
		digest_add_number(out, d->now.rejects - named);
	}
}

static void
tell_logins(struct telling *telling)
{
	const struct digest *d = telling->digest;
	struct buf text = { 0 };

	if (d->now.logins + d->now.logins_failed == 0)
		return;
	buf_add(&text, STR("Logins: "));
	digest_add_number(&text, d->now.logins);
	buf_add(&text, STR(" accepted, "));
	add_count_before(telling, &text, &d->failed_logins);
	buf_add(&text, STR(" refused."));
	if (d->failed_logins.sign > 0)
		buf_add(&text, STR(" Somebody tries passwords: fail2ban and long passwords "
				   "help."));
	telling_say(telling, &text);
}

void
telling_in(struct telling *telling)
{
	const struct digest *d = telling->digest;
	const int64_t *local = d->now.local;
	int64_t here = local[OUTCOME_DELIVERED] + local[OUTCOME_DEFERRED] +
		       local[OUTCOME_BOUNCED] + local[OUTCOME_EXPIRED];
	struct buf text = { 0 };

	if (d->now.accepted + d->now.rejects + d->now.logins + d->now.logins_failed +
		here ==
	    0)
		return;
	telling_section(telling, "Mail in");
	buf_add(&text, STR("From other hosts: "));
	add_count_before(telling, &text, &d->accepted_in);
	buf_add(&text, STR(" accepted, "));
	add_count_before(telling, &text, &d->rejects);
	buf_add(&text, STR(" refused"));
	if (!d->quiet)
		add_reject_reasons(d, &text);
	buf_add_char(&text, '.');
	telling_say(telling, &text);
	if (here > 0) {
		buf_add(&text, STR("Into mailboxes here: "));
		digest_add_number(&text, local[OUTCOME_DELIVERED]);
		buf_add(&text, STR(" delivered, "));
		digest_add_number(&text, local[OUTCOME_DEFERRED]);
		buf_add(&text, STR(" deferred, "));
		digest_add_number(&text, local[OUTCOME_BOUNCED] + local[OUTCOME_EXPIRED]);
		buf_add(&text, STR(" refused."));
		telling_say(telling, &text);
	}
	tell_logins(telling);
}

void
telling_backscatter(struct telling *telling)
{
	const struct digest *d = telling->digest;
	const struct report_totals *r = &d->now.reports;
	struct buf text = { 0 };

	if (d->now.bounces_made + r->backscatter == 0)
		return;
	telling_section(telling, "Bounces and backscatter");
	buf_add(&text, STR("Bounce messages that this host wrote: "));
	add_count_before(telling, &text, &d->bounces_made);
	buf_add(&text, STR(". Bounces that came for mail never sent from here: "));
	digest_add_number(&text, r->backscatter);
	buf_add_char(&text, '.');
	telling_say(telling, &text);
}

void
telling_dovecot(struct telling *telling)
{
	const struct figures *f = &telling->digest->now;
	struct buf text = { 0 };

	if (f->dovecot_logins + f->dovecot_failed + f->dovecot_limits + f->stored == 0)
		return;
	telling_section(telling, "dovecot");
	buf_add(&text, STR("dovecot: "));
	digest_add_count(&text, f->dovecot_logins, "login", NULL);
	buf_add(&text, STR(", "));
	digest_add_number(&text, f->dovecot_failed);
	buf_add(&text, STR(" refused, "));
	digest_add_count(&text, f->stored, "mail stored", "mails stored");
	buf_add(&text, STR("; a limit was reached "));
	if (f->dovecot_limits == 0)
		buf_add(&text, STR("never."));
	else if (f->dovecot_limits == 1)
		buf_add(&text, STR("once."));
	else {
		digest_add_number(&text, f->dovecot_limits);
		buf_add(&text, STR(" times."));
	}
	telling_say(telling, &text);
}

static void
tell_dmarc(struct telling *telling, const struct report_totals *r)
{
	struct buf text = { 0 };

	if (r->dmarc == 0)
		return;
	buf_add(&text, STR("DMARC reports tell of "));
	digest_add_count(&text, r->dmarc, "message", NULL);
	buf_add(&text, STR(" in our name: of those sent from here "));
	digest_add_number(&text, r->dmarc_own_failed);
	buf_add(&text, STR(" failed, of those from elsewhere "));
	digest_add_number(&text, r->dmarc_others_failed);
	buf_add_char(&text, '.');
	telling_say(telling, &text);
}

void
telling_reports(struct telling *telling)
{
	const struct report_totals *r = &telling->digest->now.reports;
	struct buf text = { 0 };

	if (r->bounces + r->receipts + r->complaints + r->dmarc + r->tls + r->unread == 0)
		return;
	telling_section(telling, "Reports");
	if (r->bounces + r->receipts + r->complaints > 0) {
		digest_add_count(&text, r->complaints, "complaint", NULL);
		buf_add(&text, STR(" of recipients, "));
		digest_add_count(&text, r->bounces, "bounce message", NULL);
		buf_add(&text, STR(" came in."));
		telling_say(telling, &text);
	}
	tell_dmarc(telling, r);
	if (r->tls > 0) {
		buf_add(&text, STR("TLS reports tell of "));
		digest_add_count(&text, r->tls, "session", NULL);
		buf_add(&text, STR(" with our servers, of which "));
		digest_add_number(&text, r->tls_failed);
		buf_add(&text, STR(" failed."));
		telling_say(telling, &text);
	}
	if (r->unread > 0) {
		digest_add_count(&text, r->unread, "message was", "messages were");
		buf_add(&text, STR(" no report, or not understood: see unread/ beside the "
				   "store."));
		telling_say(telling, &text);
	}
}

static void
tell_each_gap(struct telling *telling)
{
	const struct digest *d = telling->digest;

	for (size_t i = 0; i < d->ngaps && i < GAPS_TOLD; i++) {
		const struct digest_gap *gap = &d->gaps[i];
		AUTO(buf_done) struct buf text = { 0 };

		digest_moment(&text, gap->at_us);
		buf_add(&text, STR(", "));
		plain_add_cut(&text, gap->source, NAME_BYTES);
		buf_add(&text, STR(": "));
		plain_add_cut(&text, gap->what, DETAIL_BYTES);
		if (gap->detail.n > 0) {
			buf_add(&text, STR(" ("));
			plain_add_cut(&text, gap->detail, DETAIL_BYTES);
			buf_add_char(&text, ')');
		}
		telling->sheet.type->item(&telling->sheet, buf_str(&text));
		telling->sheet.out->failed |= text.failed;
	}
}

void
telling_monitor(struct telling *telling)
{
	const struct digest *d = telling->digest;
	struct buf text = { 0 };

	telling_section(telling, "mailwarden itself");
	buf_add(&text, STR("mailwarden read "));
	digest_add_count(&text, d->now.ledger.lines, "line", NULL);
	buf_add(&text, STR(" of logs"));
	if (d->unparsed.now.total > 0) {
		buf_add(&text, STR("; of those of mail servers it did not understand "));
		telling_add_share(&text, &d->unparsed);
		telling_add_before(telling, &text, d->unparsed.before);
	}
	buf_add(&text,
	    d->ngaps + (size_t)d->now.gaps == 0 ? STR("; there were no gaps.") : STR("."));
	if (d->now.ledger.truncated > 0) {
		buf_add_char(&text, ' ');
		digest_add_count(&text, d->now.ledger.truncated, "line was", "lines were");
		buf_add(&text, STR(" too long and cut."));
	}
	telling_say(telling, &text);
	tell_each_gap(telling);
}
