#include "parsers/refine.h"

static struct str
without_brackets(struct str a)
{
	if (a.n >= 2 && a.p[0] == '<' && a.p[a.n - 1] == '>')
		return (struct str){ a.p + 1, a.n - 2 };
	return a;
}

static void
strip_brackets(struct event *ev)
{
	static const enum event_field addresses[] = { EVF_sender, EVF_recipient,
		EVF_original_recipient, EVF_message_id };

	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
		if (event_has(ev, addresses[i]))
			ev->v[addresses[i]].text =
			    without_brackets(ev->v[addresses[i]].text);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "5.7.1" at the beginning: class 2, 4 or 5, subject and detail of up to three digits
 * (RFC 3463, 2); bytes used, 0 if it is none. */
static size_t
status_length(struct str s)
{
	size_t i = 2;

	if (s.n < 5 || s.p[1] != '.' || (s.p[0] != '2' && s.p[0] != '4' && s.p[0] != '5'))
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t from = i;

		while (i < s.n && i < from + 3 && is_digit(s.p[i]))
			i++;
		if (i == from)
			return 0;
		if (part == 0 && (i >= s.n || s.p[i++] != '.'))
			return 0;
	}
	return i == s.n || !is_digit(s.p[i]) ? i : 0;
}

/* "550 5.7.1 words", "550-5.7.1 words" (RFC 5321, 4.2.1). */
static void
read_reply(struct event *ev)
{
	struct str reply = ev->v[EVF_reply].text;

	if (reply.n < 3 || reply.p[0] < '2' || reply.p[0] > '5' || !is_digit(reply.p[1]) ||
	    !is_digit(reply.p[2]) ||
	    (reply.n > 3 && reply.p[3] != ' ' && reply.p[3] != '-'))
		return;
	if (!event_has(ev, EVF_smtp_code))
		event_set_num(ev, EVF_smtp_code,
		    (reply.p[0] - '0') * 100 + (reply.p[1] - '0') * 10 +
			(reply.p[2] - '0'));
	if (event_has(ev, EVF_status))
		return;
	struct str rest = str_skip(reply, 4);
	size_t n = status_length(rest);

	if (n > 0)
		event_set_text(ev, EVF_status, str_head(rest, n));
}

/* RFC 1122, 3.2.1.3 and RFC 4291, 2.5.3; IPv6 also uncompressed, as sendmail writes it. */
static bool
is_loopback(struct str ip)
{
	return str_starts(ip, STR("127.")) || str_eq(ip, STR("::1")) ||
	       str_eq(ip, STR("0:0:0:0:0:0:0:1"));
}

static struct str
provider_of_address(const struct catalogue *catalogue, struct str address)
{
	ptrdiff_t at = str_rfind_char(address, '@');

	return catalogue_provider_of_domain(catalogue, str_skip(address, (size_t)(at + 1)));
}

static void
find_provider(const struct catalogue *catalogue, struct event *ev)
{
	struct str relay = event_text(ev, EVF_relay_name);
	struct str provider = { NULL, 0 };

	if (relay.n > 0)
		provider = catalogue_provider_of_host(catalogue, relay);
	if (provider.n == 0 && !event_has(ev, EVF_relay_ip)) {
		/* No host was reached: the recipient's domain is all there is. */
		struct str recipient = event_text(ev, EVF_recipient);
		ptrdiff_t at = str_rfind_char(recipient, '@');

		if (at >= 0)
			provider = catalogue_provider_of_domain(catalogue,
			    str_skip(recipient, (size_t)at + 1));
	}
	if (provider.n > 0)
		event_set_text(ev, EVF_provider, provider);
}

/* `outcome`: what it came to, where the line itself tells no outcome. */
static void
find_category(const struct catalogue *catalogue, struct event *ev,
    enum event_outcome outcome)
{
	struct catalogue_answer answer;
	struct catalogue_question question = {
		.reply = event_text(ev, EVF_reply),
		.text = event_text(ev, EVF_text),
		.status = event_text(ev, EVF_status),
		.smtp_code = event_num(ev, EVF_smtp_code),
		.relay_name = event_text(ev, EVF_relay_name),
		.provider = event_text(ev, EVF_provider),
		.outcome = outcome,
	};

	if (!catalogue_explain(catalogue, &question, &answer))
		return;
	if (answer.category.n > 0)
		event_set_text(ev, EVF_category, answer.category);
	if (answer.code_id.n > 0)
		event_set_text(ev, EVF_code_id, answer.code_id);
	if (answer.suspected)
		event_set_num(ev, EVF_suspected, 1);
}

/* Who wrote a report that is no bounce: a complaint names its host, all name somebody. */
static void
find_reporter(const struct catalogue *catalogue, struct event *ev)
{
	struct str provider = { NULL, 0 };

	if (event_num(ev, EVF_kind) == KIND_COMPLAINT && event_has(ev, EVF_relay_name))
		provider =
		    catalogue_provider_of_host(catalogue, event_text(ev, EVF_relay_name));
	if (provider.n == 0)
		provider = provider_of_address(catalogue, event_text(ev, EVF_reporter));
	if (provider.n > 0)
		event_set_text(ev, EVF_provider, provider);
}

/* What a report tells (mailwarden-ingest): a bounce message as the attempt that it is about,
 * if that failed or waits. */
static void
refine_report(const struct catalogue *catalogue, struct event *ev)
{
	struct str action = event_text(ev, EVF_dsn_action);
	bool failed = str_eq(action, STR("failed"));

	if (event_num(ev, EVF_kind) != KIND_DSN) {
		find_reporter(catalogue, ev);
		return;
	}
	find_provider(catalogue, ev);
	if (failed || str_eq(action, STR("delayed")))
		find_category(catalogue, ev, failed ? OUTCOME_BOUNCED : OUTCOME_DEFERRED);
}

void
refine_event(const struct catalogue *catalogue, struct event *ev)
{
	strip_brackets(ev);
	if (event_has(ev, EVF_reply))
		read_reply(ev);
	if (event_has(ev, EVF_report_id)) {
		if (catalogue != NULL)
			refine_report(catalogue, ev);
		return;
	}
	if (event_num(ev, EVF_direction) != DIRECTION_OUTBOUND)
		return;
	if (event_num(ev, EVF_kind) == KIND_CONNECTION && catalogue != NULL)
		find_provider(catalogue, ev);
	if (event_num(ev, EVF_kind) != KIND_ATTEMPT)
		return;
	if (is_loopback(event_text(ev, EVF_relay_ip))) {
		event_set_num(ev, EVF_direction, DIRECTION_INTERNAL);
		return;
	}
	if (catalogue == NULL)
		return;
	find_provider(catalogue, ev);
	if (event_has(ev, EVF_outcome) && event_num(ev, EVF_outcome) != OUTCOME_DELIVERED)
		find_category(catalogue, ev,
		    (enum event_outcome)event_num(ev, EVF_outcome));
}
