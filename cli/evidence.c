#include "cli/evidence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/members.h"
#include "parsers/reply_facts.h"

static const int64_t hour_us = INT64_C(3600) * US_PER_S;
static const int64_t day_us = INT64_C(86400) * US_PER_S;

/* --- the incident --- */

static struct str
keep(struct buf *text, struct str s)
{
	size_t at = text->n;

	buf_add(text, s);
	/* the buffer was reserved: it does not move */
	return (struct str){ text->p + at, text->n - at };
}

static int
take_incident(void *ctx, const struct incident *in)
{
	struct evidence *ev = ctx;
	struct str *texts[] = { &ev->in.id, &ev->in.rule, &ev->in.group, &ev->in.host,
		&ev->in.provider, &ev->in.code_id, &ev->in.category, &ev->in.summary,
		&ev->in.advice, &ev->in.url, &ev->in.affected, &ev->in.samples };
	size_t n = 1;

	ev->in = *in;
	ev->in.seen = ev->in.senders_seen = ev->in.recipients_seen = STR("");
	ev->in.trouble = ev->in.ack_who = ev->in.ack_note = STR("");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		n += texts[i]->n;
	if (!buf_reserve(&ev->text, n))
		return -ENOMEM;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = keep(&ev->text, *texts[i]);
	return 0;
}

/* Whose mail it is about: the provider or the relay that the group names. A peer may be
 * either. */
static void
find_scope(struct evidence *ev, struct buf *host)
{
	AUTO(buf_done) struct buf key = { 0 };
	AUTO(buf_done) struct buf value = { 0 };
	struct str rest = members_of(ev->in.group);

	while (members_next(&rest, &key, &value)) {
		struct str name = buf_str(&key), is = buf_str(&value);

		if (str_eq(name, STR("host")))
			buf_add(host, is);
		else if (str_eq(name, STR("provider")) ||
			 (str_eq(name, STR("peer")) && str_eq(is, ev->in.provider)))
			ev->provider = ev->in.provider;
		else if (ev->peer_text.n == 0 &&
			 (str_eq(name, STR("peer")) || str_eq(name, STR("relay_name")) ||
			     str_eq(name, STR("relay_ip"))))
			buf_add(&ev->peer_text, is);
	}
	if (ev->provider.n == 0)
		ev->peer = buf_str(&ev->peer_text);
	ev->about_mail = ev->provider.n > 0 || ev->peer.n > 0 || ev->in.category.n > 0;
}

/* --- replies --- */

/* Two replies are the same but for addresses, numbers and ids in them: words with a digit
 * or an @ become "#", but not the code and status at the beginning. */
static void
add_key(struct buf *out, struct str reply)
{
	for (int words = 0; reply.n > 0; words++) {
		struct str word = str_cut(&reply, ' ');
		bool differs = false;

		for (size_t i = 0; i < word.n; i++)
			differs = differs || word.p[i] == '@' ||
				  (word.p[i] >= '0' && word.p[i] <= '9');
		/* codes such as "(S3140)" are short */
		if (differs && word.n > 8 && words > 1)
			buf_add_char(out, '#');
		else
			buf_add(out, word);
		buf_add_char(out, ' ');
	}
}

static void
count_ip(struct evidence *ev, struct str ip)
{
	size_t i = 0;

	while (i < ev->nips && !str_eq(ip, str_of(ev->ips[i].text)))
		i++;
	if (ip.n == 0 || i == EVIDENCE_IPS || ip.n >= sizeof ev->ips[i].text)
		return;
	if (i == ev->nips) {
		memcpy(ev->ips[i].text, ip.p, ip.n);
		ev->nips++;
	}
	/* the one named most stands first */
	for (ev->ips[i].count++; i > 0 && ev->ips[i].count > ev->ips[i - 1].count; i--) {
		struct evidence_ip swap = ev->ips[i];

		ev->ips[i] = ev->ips[i - 1];
		ev->ips[i - 1] = swap;
	}
}

static int
add_reply(struct evidence *ev, const struct event *e, struct str text, struct str key)
{
	struct evidence_reply *r = &ev->replies[ev->nreplies];
	struct str status = event_text(e, EVF_status);

	*r = (struct evidence_reply){ .smtp_code = event_num(e, EVF_smtp_code),
		.count = 1,
		.first_us = e->time_us,
		.last_us = e->time_us,
		.text = str_dup(text),
		.key = str_dup(key),
		.relay = str_dup(event_text(e, EVF_relay_name)) };
	ev->nreplies++;
	if (r->text == NULL || r->key == NULL || r->relay == NULL)
		return -ENOMEM;
	if (status.n < sizeof r->status)
		memcpy(r->status, status.p == NULL ? "" : status.p, status.n);
	return 0;
}

/* Does the attempt belong to the trouble, not only to the same provider? */
static bool
is_of_incident(const struct evidence *ev, const struct event *e)
{
	struct str category = event_text(e, EVF_category);

	if (ev->in.category.n == 0)
		return true;
	return str_eq(category, ev->in.category) ||
	       (ev->in.code_id.n > 0 && str_eq(event_text(e, EVF_code_id), ev->in.code_id));
}

static int
take_failure(void *ctx, const struct event *e)
{
	struct evidence *ev = ctx;
	AUTO(buf_done) struct buf key = { 0 };
	struct str reply = event_text(e, EVF_reply);

	if (!is_of_incident(ev, e))
		return 0;
	ev->failures++;
	count_ip(ev, reply_ip(reply, event_text(e, EVF_relay_ip)));
	add_key(&key, reply.n > 0 ? reply : event_text(e, EVF_status));
	if (key.failed)
		return -ENOMEM;
	for (size_t i = 0; i < ev->nreplies; i++)
		if (str_eq(str_of(ev->replies[i].key), buf_str(&key))) {
			ev->replies[i].count++;
			ev->replies[i].last_us = e->time_us;
			return 0;
		}
	if (ev->nreplies == EVIDENCE_REPLIES) {
		ev->other_replies++;
		return 0;
	}
	return add_reply(ev, e, reply, buf_str(&key));
}

/* The line's own words come last: they tell where attempts, kept for a month, have gone. */
static void
ips_of_samples(struct evidence *ev)
{
	struct str rest = ev->in.samples;

	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n');
		ptrdiff_t said = str_find(line, STR(" said: "));

		if (said < 0)
			said = str_find(line, STR(" reply="));
		if (said < 0)
			said = str_find(line, STR(" source=\"")); /* OpenSMTPD: ours */
		if (said >= 0)
			count_ip(ev,
			    reply_ip(str_skip(line, (size_t)said + 7), (struct str){ 0 }));
	}
}

/* --- volume and success --- */

static int
take_day(void *ctx, const struct evidence_day *day)
{
	struct evidence *ev = ctx;

	if (ev->ndays == EVIDENCE_DAYS) {
		memmove(ev->days, ev->days + 1, (EVIDENCE_DAYS - 1) * sizeof *ev->days);
		ev->ndays--;
	}
	ev->days[ev->ndays++] = *day;
	return 0;
}

static int
take_last(void *ctx, const struct event *e)
{
	struct evidence *ev = ctx;

	ev->last_success.at_us = e->time_us;
	ev->last_success.relay = str_dup(event_text(e, EVF_relay_name));
	return ev->last_success.relay == NULL ? -ENOMEM : 0;
}

static int
take_first(void *ctx, const struct event *e)
{
	struct evidence *ev = ctx;

	ev->first_success.at_us = e->time_us;
	ev->first_success.relay = str_dup(event_text(e, EVF_relay_name));
	return ev->first_success.relay == NULL ? -ENOMEM : 0;
}

/* When it was over: not yet, if it is open. */
static int64_t
end_us(const struct incident *in)
{
	return in->resolved_us != 0 ? in->resolved_us : INT64_MAX;
}

static int
gather_mail(struct evidence *ev, struct store *store, struct str host, struct err *err)
{
	struct evidence_scope scope = { host, ev->provider, ev->peer,
		ev->in.opened_us - hour_us, ev->in.last_seen_us };
	int r = store_each_failure(store, &scope, take_failure, ev, err);

	scope.since_us = ev->in.opened_us - 14 * day_us;
	scope.until_us = end_us(&ev->in);
	if (r == 0)
		r = store_each_day(store, &scope, take_day, ev, err);
	scope.since_us = 0;
	scope.until_us = ev->in.opened_us - 1;
	if (r == 0)
		r = store_find_success(store, &scope, EVIDENCE_LAST, take_last, ev, err);
	scope.since_us = ev->in.last_seen_us;
	scope.until_us = INT64_MAX;
	if (r == 0)
		r = store_find_success(store, &scope, EVIDENCE_FIRST, take_first, ev, err);
	return r;
}

int
evidence_gather(struct store *store, struct str id, struct evidence **out, struct err *err)
{
	AUTO(buf_done) struct buf host = { 0 };
	struct evidence *ev = calloc(1, sizeof *ev);

	if (ev == NULL)
		return err_set(err, -ENOMEM, "gather evidence: out of memory");
	int r = store_find_incident(store, id, take_incident, ev, err);

	if (r == 0) {
		find_scope(ev, &host);
		if (ev->about_mail)
			r = gather_mail(ev, store, buf_str(&host), err);
		if (ev->about_mail && ev->nips == 0)
			ips_of_samples(ev);
	}
	if (r < 0) {
		evidence_free(ev);
		return r == -ENOMEM ? err_set(err, r, "gather evidence: out of memory") : r;
	}
	*out = ev;
	return 0;
}

void
evidence_free(struct evidence *ev)
{
	if (ev == NULL)
		return;
	for (size_t i = 0; i < ev->nreplies; i++) {
		free(ev->replies[i].text);
		free(ev->replies[i].key);
		free(ev->replies[i].relay);
	}
	free(ev->last_success.relay);
	free(ev->first_success.relay);
	buf_done(&ev->text);
	buf_done(&ev->peer_text);
	free(ev);
}
