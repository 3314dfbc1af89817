#include "ingest/complaint.h"

#include <errno.h>
#include <string.h>

#include "ingest/address.h"
#include "ingest/fields.h"
#include "ingest/source_ip.h"
#include "ingest/words.h"

enum {
	WORD_BYTES = 64,
	NAME_BYTES = 256,
	COUNT_MAX = 1000000000, /* Incidents: sums must stay sums */
};

/* A field that is looked for; value.p is NULL if it is not there. */
struct wanted {
	const char *name;
	struct str value;
	struct buf kept; /* what value looks at */
};

/* RFC 5965, 3.1 and 3.2; RFC 6591, 3.1 and 3.2. */
enum {
	ARF_TYPE,
	ARF_USER_AGENT,
	ARF_VERSION,
	ARF_SENDER,
	ARF_RECIPIENT,
	ARF_REPORTING_MTA,
	ARF_SOURCE_IP,
	ARF_INCIDENTS,
	ARF_DOMAIN,
	ARF_AUTH_FAILURE,
	ARF_DELIVERY,
	ARF_ALIGNMENT,
	ARF_FIELDS
};

/* Of the returned header: who the message was for, the best witness first. */
enum {
	RETURNED_JMRP, /* Microsoft writes it over the message */
	RETURNED_TO = 8,
	RETURNED_LIST_ID,
	RETURNED_LIST_POST,
	RETURNED_FIELDS
};

/* --- header fields --- */

/* The first field of each name counts. */
static void
collect(struct str header, struct wanted *wanted, size_t n)
{
	struct fields fields = { .rest = header };

	while (fields_next(&fields))
		for (size_t i = 0; i < n; i++)
			if (wanted[i].value.p == NULL &&
			    str_eq_nocase(fields.name, str_of(wanted[i].name))) {
				buf_add(&wanted[i].kept, fields.value);
				wanted[i].value = str_trim(buf_str(&wanted[i].kept));
				if (wanted[i].value.p == NULL)
					wanted[i].value = STR("");
			}
	fields_done(&fields);
}

static void
forget(struct wanted *wanted, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_done(&wanted[i].kept);
}

/* "rfc822; ann@example.org", "Ann <ann@example.org>", "<>" */
static struct str
mailbox(struct str value)
{
	return address_in_header(typed_of(value).value);
}

static bool
is_address(struct str s)
{
	ptrdiff_t at = str_rfind_char(s, '@');

	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || strchr("<>,;\"", s.p[i]) != NULL)
			return false;
	return at > 0 && (size_t)at + 1 < s.n;
}

static bool
is_only(struct str s, char c)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != c)
			return false;
	return true;
}

/* RFC 6590 and what is seen: redacted@example.org, [redacted]@..., xxxxx@... */
static bool
is_redacted(struct str address)
{
	struct str rest = address;
	struct str local = str_cut(&rest, '@');

	return str_find_nocase(local, STR("redacted")) >= 0 || is_only(local, 'x') ||
	       is_only(local, 'X') || is_only(local, '*');
}

static bool
is_real_domain(struct str address)
{
	struct str domain = words_domain(address);

	return str_find_char(domain, '.') > 0 && !str_ends_nocase(domain, STR(".invalid"));
}

/* --- what the event says --- */

/* A whole address is better than one whose domain alone is left, wherever it stands. */
static struct str
better_recipient(struct str best, struct str candidate)
{
	candidate = mailbox(candidate);
	if (!is_address(candidate) || !is_real_domain(candidate))
		return best;
	if (best.n == 0 || (is_redacted(best) && !is_redacted(candidate)))
		return candidate;
	return best;
}

/* `To` is what the author wrote: it counts if it is one address and not that of a list. */
static void
set_recipient(struct event *ev, const struct wanted *arf, const struct wanted *returned)
{
	bool is_list = returned[RETURNED_LIST_ID].value.p != NULL ||
		       returned[RETURNED_LIST_POST].value.p != NULL;
	struct str best = better_recipient(STR(""), arf[ARF_RECIPIENT].value);

	for (size_t i = 0; i < RETURNED_TO; i++)
		best = better_recipient(best, returned[i].value);
	if (!is_list && str_find_char(returned[RETURNED_TO].value, ',') < 0)
		best = better_recipient(best, returned[RETURNED_TO].value);
	if (best.n > 0)
		event_set_text(ev, EVF_recipient, best);
}

struct store {
	char type[WORD_BYTES], reporter[NAME_BYTES], domain[NAME_BYTES];
	char disposition[WORD_BYTES], text[NAME_BYTES * 2];
	struct ip_text ip;
};

/* A name without a dot is the reporter's own affair and finds no provider. */
static void
set_reporter(struct event *ev, const struct wanted *arf, struct str from,
    struct store *store)
{
	struct str host = words_domain(host_of(arf[ARF_REPORTING_MTA].value).name);

	if (str_find_char(host, '.') < 0)
		host = words_domain(mailbox(from));
	host = words_name(host, store->reporter, sizeof store->reporter);
	if (host.n > 0) {
		host = words_lower(host, store->reporter, sizeof store->reporter);
		event_set_text(ev, EVF_relay_name, host);
	} else {
		host = words_name(arf[ARF_USER_AGENT].value, store->reporter,
		    sizeof store->reporter);
	}
	if (host.n > 0)
		event_set_text(ev, EVF_reporter, host);
}

/* RFC 6591, 3.1 and 3.3: what failed, and for DMARC (RFC 7489, 7.3) what was aligned. */
static void
set_auth_failure(struct event *ev, const struct wanted *arf, struct store *store)
{
	struct str failure = arf[ARF_AUTH_FAILURE].value;
	struct str aligned = arf[ARF_ALIGNMENT].value;
	struct str delivery = arf[ARF_DELIVERY].value;
	AUTO(buf_done) struct buf text = { 0 };
	bool is_dmarc = str_eq_nocase(failure, STR("dmarc"));

	if (is_dmarc && aligned.n > 0) {
		event_set_text(ev, EVF_dkim,
		    str_find_nocase(aligned, STR("dkim")) >= 0 ? STR("pass") : STR("fail"));
		event_set_text(ev, EVF_spf,
		    str_find_nocase(aligned, STR("spf")) >= 0 ? STR("pass") : STR("fail"));
	} else if (str_eq_nocase(failure, STR("spf"))) {
		event_set_text(ev, EVF_spf, STR("fail"));
	} else if (failure.n > 0 && !is_dmarc) { /* adsp, bodyhash, revoked, signature */
		event_set_text(ev, EVF_dkim, STR("fail"));
	}
	if (delivery.n > 0) {
		delivery =
		    words_name(delivery, store->disposition, sizeof store->disposition);
		event_set_text(ev, EVF_disposition,
		    words_lower(delivery, store->disposition, sizeof store->disposition));
	}
	buf_add(&text, STR("authentication failure"));
	if (failure.n > 0)
		buf_addf(&text, ": %.*s", STR_ARG(str_head(failure, WORD_BYTES)));
	if (aligned.n > 0)
		buf_addf(&text, "; aligned: %.*s", STR_ARG(str_head(aligned, WORD_BYTES)));
	struct str s = str_head(buf_str(&text), sizeof store->text);

	memcpy(store->text, s.p, s.n);
	event_set_text(ev, EVF_text, (struct str){ store->text, s.n });
}

/* "complaint about message from 192.0.2.1", the subject of Microsoft's older reports */
static struct str
jmrp_address(struct str subject)
{
	const struct str words = STR("complaint about message from ");

	return str_eq_nocase(str_head(subject, words.n), words) ? str_skip(subject, words.n)
								: (struct str){ NULL, 0 };
}

static void
fill(struct event *ev, const struct wanted *arf, struct str from, struct store *store)
{
	struct str type = words_name(arf[ARF_TYPE].value, store->type, sizeof store->type);
	struct str sender = arf[ARF_SENDER].value;
	struct str domain = words_domain(arf[ARF_DOMAIN].value);
	int64_t incidents;

	type = words_lower(type, store->type, sizeof store->type);
	event_set_text(ev, EVF_feedback_type, type.n > 0 ? type : STR("other"));
	if (str_eq(type, STR("auth-failure")))
		set_auth_failure(ev, arf, store);
	set_reporter(ev, arf, from, store);
	sender = mailbox(sender);
	if (is_address(sender) || (sender.n == 0 && sender.p != NULL))
		event_set_text(ev, EVF_sender, sender);
	domain = words_name(domain, store->domain, sizeof store->domain);
	if (domain.n > 0)
		event_set_text(ev, EVF_domain,
		    words_lower(domain, store->domain, sizeof store->domain));
	if (str_to_int(arf[ARF_INCIDENTS].value, &incidents) && incidents > 0)
		event_set_num(ev, EVF_repeated,
		    incidents < COUNT_MAX ? incidents : COUNT_MAX);
}

/* Without the fields of a report it may be one of Microsoft's older kind. */
static bool
is_complaint(struct wanted *arf, const struct wanted *returned, struct str subject)
{
	struct str ip = jmrp_address(subject);

	if (arf[ARF_TYPE].value.n > 0 || arf[ARF_USER_AGENT].value.n > 0 ||
	    arf[ARF_VERSION].value.n > 0)
		return true;
	if (ip.n == 0 && returned[RETURNED_JMRP].value.n == 0)
		return false;
	arf[ARF_TYPE].value = STR("abuse");
	arf[ARF_SOURCE_IP].value = ip;
	return true;
}

static int
tell(const struct wanted *arf, const struct wanted *returned, struct str from,
    const struct dsn_parts *parts, const struct report_host *host,
    const struct report_sink *sink)
{
	struct event ev = { .offset = -1 };
	struct store store;

	event_set_num(&ev, EVF_kind, KIND_COMPLAINT);
	dsn_set_message(parts, host, &ev);
	fill(&ev, arf, from, &store);
	set_recipient(&ev, arf, returned);
	source_ip_set(&ev, arf[ARF_SOURCE_IP].value, host, &store.ip);
	int code = sink->event(sink->ctx, &ev);

	return code < 0 ? code : 1;
}

int
complaint_read(struct str fields, struct str from, const struct dsn_parts *parts,
    const struct report_host *host, const struct report_sink *sink, struct err *err)
{
	struct wanted arf[ARF_FIELDS] = {
		[ARF_TYPE] = { .name = "Feedback-Type" },
		[ARF_USER_AGENT] = { .name = "User-Agent" },
		[ARF_VERSION] = { .name = "Version" },
		[ARF_SENDER] = { .name = "Original-Mail-From" },
		[ARF_RECIPIENT] = { .name = "Original-Rcpt-To" },
		[ARF_REPORTING_MTA] = { .name = "Reporting-MTA" },
		[ARF_SOURCE_IP] = { .name = "Source-IP" },
		[ARF_INCIDENTS] = { .name = "Incidents" },
		[ARF_DOMAIN] = { .name = "Reported-Domain" },
		[ARF_AUTH_FAILURE] = { .name = "Auth-Failure" },
		[ARF_DELIVERY] = { .name = "Delivery-Result" },
		[ARF_ALIGNMENT] = { .name = "Identity-Alignment" },
	};
	struct wanted returned[RETURNED_FIELDS] = {
		[RETURNED_JMRP] = { .name = "X-HmXmrOriginalRecipient" },
		{ .name = "X-Original-To" },
		{ .name = "X-Envelope-To" },
		{ .name = "Envelope-To" },
		{ .name = "X-Rcpt-To" },
		{ .name = "Delivered-To" },
		{ .name = "X-Delivered-To" },
		{ .name = "X-Apparently-To" },
		[RETURNED_TO] = { .name = "To" },
		[RETURNED_LIST_ID] = { .name = "List-Id" },
		[RETURNED_LIST_POST] = { .name = "List-Post" },
	};
	struct wanted subject = { .name = "Subject" };
	int code = 0;

	(void)err;
	collect(fields, arf, ARF_FIELDS);
	collect(parts->returned, returned, RETURNED_FIELDS);
	collect(parts->header, &subject, 1);
	if (is_complaint(arf, returned, subject.value))
		code = tell(arf, returned, from, parts, host, sink);
	forget(arf, ARF_FIELDS);
	forget(returned, RETURNED_FIELDS);
	forget(&subject, 1);
	return code;
}
