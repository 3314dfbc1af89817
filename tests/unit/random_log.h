/*
 * random_log - weeks in the life of three mail hosts, for tests of the engine
 *
 * Purpose    mx1 runs Postfix and dovecot, mx2 sendmail, mx3 OpenSMTPD. Mail comes and goes
 *            by the hour of the week; in between troubles of every kind that detectors look
 *            for: a host that falls silent, a provider that refuses or defers, a login that
 *            sends far too much, a full dovecot, certificates that no longer verify.
 * Ownership  Lines point into the log, which the caller frees with log_done().
 */
#ifndef TESTS_RANDOM_LOG_H
#define TESTS_RANDOM_LOG_H

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/line.h"

#define LOG_HOUR_US (3600 * (int64_t)US_PER_S)
#define LOG_DAY_US (24 * LOG_HOUR_US)

enum { LOG_HOSTS = 3, LOG_TROUBLES = 24 };

enum log_trouble_kind {
	TROUBLE_SILENT,   /* the host does nothing at all */
	TROUBLE_REFUSED,  /* a provider refuses all, by a code */
	TROUBLE_DEFERRED, /* most is put off */
	TROUBLE_HIJACK,   /* a login sends and sends */
	TROUBLE_DOVECOT,  /* clients are dropped, on and off */
	TROUBLE_TLS,      /* nothing verifies */
	TROUBLE_KINDS
};

struct log_trouble {
	enum log_trouble_kind kind;
	unsigned host, provider;
	int64_t from_us, to_us;
};

struct random_log {
	uint64_t state;
	struct buf text;
	struct log_entry {
		int64_t at_us;
		size_t order, from, n;
	} * entries; /* owned */
	size_t n, cap;
	struct line *lines; /* owned: the same, in order */
	int64_t begin_us, end_us;
	struct log_trouble troubles[LOG_TROUBLES];
	size_t ntroubles;
	unsigned serial;
};

static inline uint32_t
log_rnd(struct random_log *log, uint32_t n)
{
	log->state ^= log->state << 13;
	log->state ^= log->state >> 7;
	log->state ^= log->state << 17;
	return (uint32_t)(log->state >> 33) % n;
}

/* How many come where so many are expected. */
static inline unsigned
log_poisson(struct random_log *log, double mean)
{
	double left = exp(-mean), p = 1;
	unsigned n = 0;

	while ((p *= (log_rnd(log, 1000000) + 1) / 1e6) > left)
		n++;
	return n;
}

/* A line at that time; host and process come before it. */
__attribute__((format(printf, 4, 5))) static inline void
log_add(struct random_log *log, int64_t at_us, unsigned host, const char *fmt, ...)
{
	char stamp[32], text[1024];
	struct tm tm;
	time_t s = (time_t)(at_us / US_PER_S);
	va_list args;

	(void)gmtime_r(&s, &tm);
	(void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S+00:00", &tm);
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (log->n == log->cap) {
		log->cap = log->cap * 2 + 1024;
		log->entries = realloc(log->entries, log->cap * sizeof *log->entries);
	}
	size_t from = log->text.n;

	buf_addf(&log->text, "%s mx%u %s", stamp, host + 1, text);
	log->entries[log->n] =
	    (struct log_entry){ at_us, log->n, from, log->text.n - from };
	log->n++;
}

static const struct log_provider {
	const char *mx, *ip, *domain, *refusal;
} log_providers[] = {
	{ "hotmail-com.olc.protection.outlook.com", "203.0.113.1", "hotmail.com",
	    "550 5.7.1 part of their network is on our block list (S3140)" },
	{ "gmail-smtp-in.l.google.com", "203.0.113.2", "gmail.com",
	    "550 5.7.26 This mail is unauthenticated; SPF did not pass" },
	{ "mx.example.net", "203.0.113.3", "example.net",
	    "554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org" },
	{ "mx.example.org", "203.0.113.4", "example.org", "550 5.1.1 User unknown" },
};

enum { LOG_PROVIDERS = sizeof log_providers / sizeof *log_providers };

struct log_mail {
	int64_t at_us;
	unsigned host, user;
	unsigned provider; /* of a mail that goes out */
	bool in, deferred, bounced, verified;
};

static inline void
log_postfix(struct random_log *log, const struct log_mail *m, unsigned n)
{
	const struct log_provider *p = &log_providers[m->provider];
	int64_t at = m->at_us;
	unsigned pid = log_rnd(log, 900) + 100;
	const char *status = m->deferred ? "deferred" : m->bounced ? "bounced" : "sent";

	log_add(log, at, 0, "postfix/smtpd[%u]: 4bXk%07u: client=%s", pid, n,
	    m->in ? "mx.example.net[203.0.113.3]" : "unknown[198.51.100.7]");
	if (!m->in) {
		log->text.n = log->entries[--log->n].from;
		log_add(log, at, 0,
		    "postfix/smtpd[%u]: 4bXk%07u: client=unknown[198.51.100.%u], "
		    "sasl_method=PLAIN, sasl_username=user%u@example.com",
		    pid, n, log_rnd(log, 30), m->user);
	}
	log_add(log, at, 0, "postfix/cleanup[9]: 4bXk%07u: message-id=<m%u@example.com>", n,
	    n);
	log_add(log, at, 0,
	    "postfix/qmgr[3]: 4bXk%07u: from=<user%u@example.%s>, size=%u, nrcpt=1 (queue "
	    "active)",
	    n, m->user, m->in ? "net" : "com", 500 + log_rnd(log, 9000));
	if (m->in) {
		log_add(log, at + US_PER_S, 0,
		    "postfix/lmtp[7]: 4bXk%07u: to=<user%u@example.com>, "
		    "relay=mail.example.com[private/dovecot-lmtp], delay=1, delays=0/0/0/1, "
		    "dsn=2.0.0, status=sent (250 2.0.0 Saved)",
		    n, m->user);
		log_add(log, at + 60 * (int64_t)US_PER_S, 0,
		    "dovecot: imap-login: Login: user=<user%u>, method=PLAIN, "
		    "rip=198.51.100.7, lip=192.0.2.1, mpid=77, TLS, session=<s%u>",
		    m->user, n);
	} else {
		log_add(log, at + US_PER_S, 0,
		    "postfix/smtp[8]: %s TLS connection established to %s[%s]:25: TLSv1.3 "
		    "with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)",
		    m->verified ? "Trusted" : "Untrusted", p->mx, p->ip);
		log_add(log, at + 2 * (int64_t)US_PER_S, 0,
		    "postfix/smtp[8]: 4bXk%07u: to=<to%u@%s>, relay=%s[%s]:25, delay=2, "
		    "delays=0/0/1/1, dsn=%s, status=%s (%s%s%s)",
		    n, log_rnd(log, 5000), p->domain, p->mx, p->ip,
		    m->deferred  ? "4.7.1"
		    : m->bounced ? "5.7.1"
				 : "2.0.0",
		    status,
		    m->deferred || m->bounced ? "host gave: said: " : "250 2.0.0 OK ",
		    m->bounced    ? p->refusal
		    : m->deferred ? "451 4.7.1 try again later"
				  : "queued",
		    m->deferred || m->bounced ? " (in reply to RCPT TO command)" : "");
	}
	if (!m->deferred)
		log_add(log, at + 3 * (int64_t)US_PER_S, 0,
		    "postfix/qmgr[3]: 4bXk%07u: removed", n);
}

static inline void
log_sendmail(struct random_log *log, const struct log_mail *m, unsigned n)
{
	const struct log_provider *p = &log_providers[m->provider];
	int64_t at = m->at_us;

	if (!m->in)
		log_add(log, at, 1,
		    "sm-mta[%u]: AUTH=server, relay=unknown [198.51.100.7], "
		    "authid=user%u@example.com, mech=PLAIN, bits=0",
		    n, m->user);
	log_add(log, at, 1,
	    "sm-mta[%u]: 6ALK%06u%04u: from=<user%u@example.%s>, size=%u, class=0, nrcpts=1, "
	    "msgid=<s%u@example.com>, proto=%s, daemon=MTA-v4, relay=%s",
	    n, n, n % 10000, m->user, m->in ? "net" : "com", 500 + log_rnd(log, 9000), n,
	    m->in ? "ESMTPS" : "ESMTPSA",
	    m->in ? "mx.example.net [203.0.113.3]" : "unknown [198.51.100.7]");
	if (m->in) {
		log_add(log, at + US_PER_S, 1,
		    "sm-mta[%u]: 6ALK%06u%04u: to=<user%u@example.com>, delay=00:00:01, "
		    "xdelay=00:00:00, mailer=local, pri=30456, dsn=2.0.0, stat=Sent",
		    n, n, n % 10000, m->user);
		return;
	}
	log_add(log, at + US_PER_S, 1,
	    "sm-mta[%u]: STARTTLS=client, relay=%s., version=TLSv1.3, verify=%s, "
	    "cipher=TLS_AES_256_GCM_SHA384, bits=256/256",
	    n, p->mx, m->verified ? "OK" : "FAIL");
	log_add(log, at + 2 * (int64_t)US_PER_S, 1,
	    "sm-mta[%u]: 6ALK%06u%04u: to=<to%u@%s>, ctladdr=<user%u@example.com> (1000/1000), "
	    "delay=00:00:02, xdelay=00:00:02, mailer=esmtp, pri=121914, relay=%s. [%s], "
	    "dsn=%s, %s%s%sstat=%s",
	    n, n, n % 10000, log_rnd(log, 5000), p->domain, m->user, p->mx, p->ip,
	    m->deferred  ? "4.7.1"
	    : m->bounced ? "5.7.1"
			 : "2.0.0",
	    m->bounced ? "reply=" : "", m->bounced ? p->refusal : "",
	    m->bounced ? ", " : "",
	    m->deferred  ? "Deferred: 451 4.7.1 try again later"
	    : m->bounced ? "Service unavailable"
			 : "Sent (OK queued)");
}

static inline void
log_opensmtpd(struct random_log *log, const struct log_mail *m, unsigned n)
{
	const struct log_provider *p = &log_providers[m->provider];
	int64_t at = m->at_us;

	log_add(log, at, 2, "smtpd[5]: 7b0a3b3c%08x smtp connected address=%s", n,
	    m->in ? "203.0.113.3 host=mx.example.net" : "198.51.100.7 host=<unknown>");
	if (!m->in)
		log_add(log, at, 2,
		    "smtpd[5]: 7b0a3b3c%08x smtp authentication user=user%u@example.com "
		    "result=ok",
		    n, m->user);
	log_add(log, at, 2,
	    "smtpd[5]: 7b0a3b3c%08x smtp message msgid=%08x size=%u nrcpt=1 proto=ESMTP", n,
	    n, 500 + log_rnd(log, 9000));
	log_add(log, at, 2,
	    "smtpd[5]: 7b0a3b3c%08x smtp envelope evpid=%08xe3a244a5 "
	    "from=<user%u@example.%s> to=<to%u@%s>",
	    n, n, m->user, m->in ? "net" : "com", n, m->in ? "example.com" : p->domain);
	if (m->in) {
		log_add(log, at + US_PER_S, 2,
		    "smtpd[5]: 7b0a3b3d%08x mda delivery evpid=%08xe3a244a5 "
		    "from=<user%u@example.net> to=<to%u@example.com> user=alice delay=0s "
		    "result=Ok stat=Delivered",
		    n, n, m->user, n);
		return;
	}
	log_add(log, at + US_PER_S, 2,
	    "smtpd[5]: 7b0a3b3e%08x mta server-cert-check result=\"%s\"", n,
	    m->verified ? "success" : "failure");
	log_add(log, at + US_PER_S, 2,
	    "smtpd[5]: 7b0a3b3e%08x mta delivery evpid=%08xe3a244a5 "
	    "from=<user%u@example.com> to=<to%u@%s> rcpt=<-> source=\"192.0.2.3\" "
	    "relay=\"%s (%s)\" delay=1s result=\"%s\" stat=\"%s\"",
	    n, n, m->user, n, p->domain, p->ip, p->mx,
	    m->deferred  ? "TempFail"
	    : m->bounced ? "PermFail"
			 : "Ok",
	    m->deferred  ? "451 4.7.1 try again later"
	    : m->bounced ? p->refusal
			 : "250 2.0.0 Ok: queued");
}

/* Is that going on there and then? */
static inline const struct log_trouble *
log_trouble_at(const struct random_log *log, enum log_trouble_kind kind, unsigned host,
    int64_t at_us)
{
	for (size_t i = 0; i < log->ntroubles; i++) {
		const struct log_trouble *t = &log->troubles[i];

		if (t->kind == kind && t->host == host && t->from_us <= at_us &&
		    at_us < t->to_us)
			return t;
	}
	return NULL;
}

static inline void
log_mail(struct random_log *log, unsigned host, int64_t at_us, bool in, unsigned user)
{
	struct log_mail m = { .at_us = at_us, .host = host, .user = user, .in = in };
	const struct log_trouble *refused =
	    log_trouble_at(log, TROUBLE_REFUSED, host, at_us);

	if (log_trouble_at(log, TROUBLE_SILENT, host, at_us) != NULL)
		return;
	m.provider = log_rnd(log, LOG_PROVIDERS);
	m.bounced =
	    refused != NULL ? refused->provider == m.provider : log_rnd(log, 25) == 0;
	m.deferred = !m.bounced &&
		     log_rnd(log, 100) <
			 (log_trouble_at(log, TROUBLE_DEFERRED, host, at_us) ? 80u : 4u);
	m.verified = log_trouble_at(log, TROUBLE_TLS, host, at_us) == NULL;
	log->serial++;
	if (host == 0)
		log_postfix(log, &m, log->serial);
	else if (host == 1)
		log_sendmail(log, &m, log->serial);
	else
		log_opensmtpd(log, &m, log->serial);
}

static inline double
log_rate(int64_t at_us)
{
	int64_t hour = at_us / LOG_HOUR_US % 24, day = at_us / LOG_DAY_US % 7;
	bool weekend = day == 2 || day == 3; /* 1970 began with a Thursday */

	return (hour >= 8 && hour < 19 ? 1.6 : 0.3) * (weekend ? 0.5 : 1);
}

static inline void
log_add_trouble(struct random_log *log, enum log_trouble_kind kind, int64_t first_day,
    int64_t hours)
{
	struct log_trouble t = { .kind = kind };
	int64_t days = (log->end_us - log->begin_us) / LOG_DAY_US - first_day - hours / 24;

	t.host = kind == TROUBLE_DOVECOT ? 0 : log_rnd(log, LOG_HOSTS);
	t.provider = log_rnd(log, LOG_PROVIDERS);
	t.from_us = log->begin_us + first_day * LOG_DAY_US +
		    log_rnd(log, (uint32_t)days * 24 * 60) * 60 * (int64_t)US_PER_S;
	t.to_us = t.from_us + hours * LOG_HOUR_US;
	log->troubles[log->ntroubles++] = t;
}

static inline void
log_bursts(struct random_log *log, const struct log_trouble *t)
{
	int64_t at = t->from_us;

	if (t->kind == TROUBLE_HIJACK)
		while ((at += (20 + log_rnd(log, 60)) * (int64_t)US_PER_S) < t->to_us)
			log_mail(log, t->host, at, false, t->provider);
	if (t->kind == TROUBLE_DOVECOT)
		while ((at += (60 + log_rnd(log, 4000)) * (int64_t)US_PER_S) < t->to_us)
			log_add(log, at, 0,
			    "dovecot: master: Warning: service(imap-login): process_limit (9) "
			    "reached, client connections are being dropped");
}

static inline int
log_by_time(const void *a, const void *b)
{
	const struct log_entry *x = a, *y = b;

	if (x->at_us != y->at_us)
		return x->at_us < y->at_us ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* days days from begin_us on. Lines of different hosts stand a little out of order. */
static inline void
log_make(struct random_log *log, uint64_t seed, int64_t begin_us, int64_t days)
{
	*log = (struct random_log){ .state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1,
		.begin_us = begin_us,
		.end_us = begin_us + days * LOG_DAY_US };
	log_add_trouble(log, TROUBLE_SILENT, 16, 80);
	log_add_trouble(log, TROUBLE_SILENT, 16, 80);
	log_add_trouble(log, TROUBLE_REFUSED, 2, 40);
	log_add_trouble(log, TROUBLE_REFUSED, 2, 40);
	log_add_trouble(log, TROUBLE_REFUSED, 2, 3);
	log_add_trouble(log, TROUBLE_DEFERRED, 12, 40);
	log_add_trouble(log, TROUBLE_DEFERRED, 12, 40);
	log_add_trouble(log, TROUBLE_HIJACK, 10, 2);
	log_add_trouble(log, TROUBLE_HIJACK, 10, 2);
	log_add_trouble(log, TROUBLE_DOVECOT, 1, 24);
	log_add_trouble(log, TROUBLE_TLS, 14, 60);
	for (int64_t at = log->begin_us; at < log->end_us; at += LOG_HOUR_US)
		for (unsigned host = 0; host < LOG_HOSTS; host++)
			for (unsigned n = log_poisson(log, log_rate(at)); n > 0; n--)
				log_mail(log, host,
				    at + log_rnd(log, 3600) * (int64_t)US_PER_S,
				    log_rnd(log, 2) == 0, log_rnd(log, 6));
	for (size_t i = 0; i < log->ntroubles; i++)
		log_bursts(log, &log->troubles[i]);
	for (size_t i = 0; i < log->n; i++) /* read from a host that lags */
		if (log_rnd(log, 50) == 0)
			log->entries[i].at_us += log_rnd(log, 90) * (int64_t)US_PER_S;
	qsort(log->entries, log->n, sizeof *log->entries, log_by_time);
	log->lines = calloc(log->n, sizeof *log->lines);
	for (size_t i = 0; i < log->n; i++)
		log->lines[i] = (struct line){
			.text = { log->text.p + log->entries[i].from, log->entries[i].n },
			.offset = (int64_t)log->entries[i].from,
		};
}

static inline void
log_done(struct random_log *log)
{
	buf_done(&log->text);
	free(log->entries);
	free(log->lines);
}

#endif
