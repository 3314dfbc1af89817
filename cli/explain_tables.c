#include "cli/explain_tables.h"

#include <stdlib.h>

#include "cli/explain_print.h"
#include "cli/show.h"

static const struct event *
event_at(const struct explain_report *report, size_t i)
{
	return &report->events->items[i].ev;
}

static const char *
plural(int64_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

/* --- complaints --- */

/* RFC 5965, 7.3; RFC 6591, 2.2; RFC 6430, 3.1 */
static const struct feedback {
	struct str type;
	const char *says, *remedy;
} feedbacks[] = {
	{ STR_INIT("abuse"), "A recipient called this mail spam.",
	    "Take the recipient off the list that the mail went to, and find out how the "
	    "address came onto it. Mail that nobody here wanted to send: look at the account "
	    "that sent it. `mailwarden trace` tells which." },
	{ STR_INIT("fraud"), "This mail was reported as fraud.",
	    "Look at once at the account and the pages that the mail names: both may be in "
	    "other hands. `mailwarden trace` tells who sent it." },
	{ STR_INIT("virus"), "This mail was reported to carry a virus.",
	    "Find the account or machine that sent it, and stop it. `mailwarden trace` "
	    "tells which." },
	{ STR_INIT("not-spam"), "A recipient said that this mail is no spam.",
	    "Nothing: it speaks for you." },
	{ STR_INIT("auth-failure"), "This mail failed authentication.",
	    "If source and mail are yours, mend SPF, DKIM or their alignment; if not, "
	    "somebody writes in your name." },
};

static const struct feedback *
feedback_of(struct str type)
{
	static const struct feedback other = { STR_INIT(""), "A complaint about this mail.",
		"Find out who sent it: `mailwarden trace` tells." };

	for (size_t i = 0; i < sizeof feedbacks / sizeof *feedbacks; i++)
		if (str_eq_nocase(type, feedbacks[i].type))
			return &feedbacks[i];
	return &other;
}

void
explain_complaint(const struct explain_report *report)
{
	const struct event *ev = event_at(report, 0);
	const struct feedback *feedback = feedback_of(event_text(ev, EVF_feedback_type));
	struct str recipient = event_text(ev, EVF_recipient);

	explain_title(report, "A complaint");
	show_folded(str_of(feedback->says), 4, stdout);
	explain_print_line("Type", event_text(ev, EVF_feedback_type), "");
	explain_print_line("Mail from", event_text(ev, EVF_sender), "");
	explain_print_line("To", recipient.n > 0 ? recipient : STR("withheld"), "");
	explain_print_line("Sent by", event_text(ev, EVF_source_ip),
	    event_num(ev, EVF_ours) != 0 ? " (this host)" : "");
	explain_print_line("Message", event_text(ev, EVF_message_id), "");
	explain_print_line("Queue id", event_text(ev, EVF_queue_id), "");
	if (event_weight(ev) > 1)
		printf("%-11s%lld times\n", "Seen", (long long)event_weight(ev));
	puts("What to do");
	show_folded(str_of(feedback->remedy), 4, stdout);
}

/* --- DMARC --- */

/* Rows that say the same of one source. */
struct source {
	struct str ip, dkim, spf, disposition;
	bool ours;
	int64_t messages;
};

static bool
is_pass(struct str result)
{
	return str_eq(result, STR("pass"));
}

/* RFC 7489, 3.1: one of the two aligned is enough. */
static bool
passes(const struct source *s)
{
	return is_pass(s->dkim) || is_pass(s->spf);
}

/* Of our own sources both should pass: the other one breaks when mail is forwarded. */
static bool
is_noteworthy(const struct source *s)
{
	return !passes(s) || (s->ours && !(is_pass(s->dkim) && is_pass(s->spf)));
}

static size_t
gather_sources(const struct explain_report *report, struct source *sources)
{
	size_t n = 0;

	for (size_t i = 0; i < report->events->n; i++) {
		const struct event *ev = event_at(report, i);
		struct source s = { .ip = event_text(ev, EVF_source_ip),
			.dkim = event_text(ev, EVF_dkim),
			.spf = event_text(ev, EVF_spf),
			.disposition = event_text(ev, EVF_disposition),
			.ours = event_num(ev, EVF_ours) != 0,
			.messages = event_weight(ev) };
		size_t k = 0;

		while (k < n &&
		       !(str_eq(sources[k].ip, s.ip) && str_eq(sources[k].dkim, s.dkim) &&
			   str_eq(sources[k].spf, s.spf) &&
			   str_eq(sources[k].disposition, s.disposition)))
			k++;
		if (k == n)
			sources[n++] = s;
		else
			sources[k].messages += s.messages;
	}
	return n;
}

/* Our own first, then by the number of messages. */
static int
compare_sources(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	if (x->ours != y->ours)
		return x->ours ? -1 : 1;
	return (x->messages < y->messages) - (x->messages > y->messages);
}

static void
print_sources(const struct source *sources, size_t n)
{
	size_t shown = 0, noteworthy = 0;

	for (size_t i = 0; i < n; i++)
		noteworthy += is_noteworthy(&sources[i]);
	if (noteworthy == 0)
		return;
	printf("\n  %8s  %-39s  %-5s %-5s %s\n", "messages", "source", "DKIM", "SPF",
	    "what was done");
	for (size_t i = 0; i < n && shown < EXPLAIN_ROWS; i++) {
		AUTO(buf_done) struct buf row = { 0 };
		const struct source *s = &sources[i];

		if (!is_noteworthy(s))
			continue;
		shown++;
		buf_addf(&row, "%.*s%s", STR_ARG(s->ip), s->ours ? " (ours)" : "");
		printf("  %8lld  %-39.60s  %-5.*s %-5.*s %.*s\n", (long long)s->messages,
		    buf_cstr(&row), STR_ARG(s->dkim), STR_ARG(s->spf),
		    STR_ARG(s->disposition));
	}
	if (noteworthy > shown)
		printf("  and %zu more\n", noteworthy - shown);
	putchar('\n');
}

struct dmarc_totals {
	int64_t messages;
	int64_t fail;         /* neither passes */
	int64_t ours, others; /* something is to be done about */
};

static void
dmarc_advice(const struct dmarc_totals *t)
{
	if (t->ours == 0 && t->others == 0) {
		puts("Nothing is to be done.");
		return;
	}
	puts("What to do");
	if (t->ours > 0)
		show_folded(
		    STR("Ours: mail of this host fails SPF or DKIM for its domain. Put "
			"its address into the SPF record, sign with a key of the domain, "
			"and look at the domain of the envelope sender: it must be that "
			"of the From field."),
		    4, stdout);
	if (t->others > 0)
		show_folded(
		    STR("Others: somebody writes in your name, or a service that sends "
			"for you and is not in your SPF record, or a forwarder. What is "
			"none of yours a policy of quarantine or reject keeps out."),
		    4, stdout);
}

void
explain_dmarc(const struct explain_report *report)
{
	AUTO(auto_free) struct source *sources = calloc(report->events->n, sizeof *sources);
	AUTO(buf_done) struct buf sum = { 0 };
	struct dmarc_totals t = { 0 };

	if (sources == NULL) {
		(void)app_fail(EXIT_FAILED, "out of memory");
		return;
	}
	size_t n = gather_sources(report, sources);

	qsort(sources, n, sizeof *sources, compare_sources);
	for (size_t i = 0; i < n; i++) {
		const struct source *source = &sources[i];
		const int64_t messages = source->messages;

		t.messages += messages;
		t.fail += passes(source) ? 0 : messages;
		if (is_noteworthy(source) && source->ours)
			t.ours += messages;
		else if (is_noteworthy(source))
			t.others += messages;
	}
	explain_title(report, "A DMARC report");
	buf_addf(&sum, "%lld %s in %zu %s: ", (long long)t.messages,
	    plural(t.messages, "message", "messages"), report->events->n,
	    plural((int64_t)report->events->n, "row", "rows"));
	if (t.fail == 0)
		buf_add(&sum, STR("all pass."));
	else
		buf_addf(&sum, "%lld pass, %lld fail.", (long long)(t.messages - t.fail),
		    (long long)t.fail);
	show_folded(buf_str(&sum), 4, stdout);
	print_sources(sources, n);
	dmarc_advice(&t);
}

/* --- TLS --- */

/* RFC 8460, 4.3 */
static const struct failure {
	struct str type;
	const char *remedy;
} failures[] = {
	{ STR_INIT("starttls-not-supported"),
	    "The MX did not offer STARTTLS: look at its certificate and key, and at what "
	    "stands before it." },
	{ STR_INIT("certificate-host-mismatch"),
	    "The certificate does not name the MX: get one that does." },
	{ STR_INIT("certificate-expired"),
	    "The certificate is over: renew it, and reload the mail server." },
	{ STR_INIT("certificate-not-trusted"),
	    "The chain is not trusted: serve the intermediate certificate too." },
	{ STR_INIT("validation-failure"),
	    "TLS failed for a reason not named: see the log." },
	{ STR_INIT("tlsa-invalid"),
	    "The TLSA record does not fit the certificate: publish the new one." },
	{ STR_INIT("dnssec-invalid"), "DNSSEC of the domain does not verify: look at it." },
	{ STR_INIT("dane-required"),
	    "The sender wants DANE, and no usable TLSA record is there." },
	{ STR_INIT("sts-policy-fetch-error"),
	    "The MTA-STS policy could not be fetched: is https://mta-sts.DOMAIN up?" },
	{ STR_INIT("sts-policy-invalid"),
	    "The MTA-STS policy is wrong: correct the file." },
	{ STR_INIT("sts-webpki-invalid"),
	    "The MX's certificate does not satisfy the MTA-STS policy." },
};

static void
tls_row(const struct event *ev)
{
	AUTO(buf_done) struct buf row = { 0 };
	struct str type = event_text(ev, EVF_failure_type);
	struct str text = event_text(ev, EVF_text), mx = event_text(ev, EVF_relay_name);

	buf_addf(&row, "%lld %s: %.*s", (long long)event_weight(ev),
	    plural(event_weight(ev), "session", "sessions"), STR_ARG(type));
	if (mx.n > 0)
		buf_addf(&row, " at %.*s", STR_ARG(mx));
	if (event_text(ev, EVF_source_ip).n > 0)
		buf_addf(&row, ", from %.*s", STR_ARG(event_text(ev, EVF_source_ip)));
	if (text.n > 0)
		buf_addf(&row, " (%.*s)", STR_ARG(text));
	show_folded(buf_str(&row), 4, stdout);
}

static void
tls_advice(const struct explain_report *report)
{
	bool any = false;

	for (size_t k = 0; k < sizeof failures / sizeof *failures; k++)
		for (size_t i = 0; i < report->events->n; i++) {
			struct str type = event_text(event_at(report, i), EVF_failure_type);

			if (!str_eq_nocase(type, failures[k].type))
				continue;
			if (!any)
				puts("What to do");
			any = true;
			show_folded(str_of(failures[k].remedy), 4, stdout);
			break;
		}
	if (!any)
		puts("Nothing is to be done.");
}

void
explain_tls(const struct explain_report *report)
{
	AUTO(buf_done) struct buf sum = { 0 };
	int64_t worked = 0, failed = 0;
	size_t shown = 0, rows = 0;

	for (size_t i = 0; i < report->events->n; i++) {
		const struct event *ev = event_at(report, i);

		if (event_text(ev, EVF_failure_type).n > 0)
			failed += event_weight(ev), rows++;
		else
			worked += event_weight(ev);
	}
	explain_title(report, "A TLS report");
	buf_addf(&sum, "%lld %s worked, %lld failed.", (long long)worked,
	    plural(worked, "session", "sessions"), (long long)failed);
	show_folded(buf_str(&sum), 4, stdout);
	for (size_t i = 0; i < report->events->n && shown < EXPLAIN_ROWS; i++)
		if (event_text(event_at(report, i), EVF_failure_type).n > 0) {
			tls_row(event_at(report, i));
			shown++;
		}
	if (rows > shown)
		printf("    and %zu more\n", rows - shown);
	tls_advice(report);
}
