/* In which session a message went: the servers' own orders of lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/clock.h"
#include "rules/tls_sessions.h"

#define S(n) ((int64_t)(n)*US_PER_S)

enum what { TLS_LINE, SENT, CAME, CLIENT, FAILED_LINE, CERT };

/* One line; expect: "" plain, "e" encrypted, "v" verified, NULL: not a message. */
struct line {
	enum what what;
	const char *mta, *process;
	int pid;
	const char *session_id, *queue_id, *name, *ip, *role, *verify;
	const char *expect;
	int at_s;
};

static void
set_text(struct event *ev, enum event_field f, const char *text)
{
	if (text != NULL)
		event_set_text(ev, f, str_of(text));
}

static struct event
event_of(const struct line *l)
{
	static const enum event_kind kinds[] = { KIND_TLS, KIND_ATTEMPT, KIND_ACCEPTED,
		KIND_CONNECTION, KIND_TLS, KIND_TLS };
	struct event ev = { .time_us = S(1800000000) + S(l->at_s), .offset = -1 };

	event_set_text(&ev, EVF_host, STR("mx1"));
	event_set_num(&ev, EVF_kind, kinds[l->what]);
	if (l->what == SENT) {
		event_set_num(&ev, EVF_direction, DIRECTION_OUTBOUND);
		event_set_num(&ev, EVF_outcome, OUTCOME_DELIVERED);
	}
	if (l->what == CAME || l->what == CLIENT)
		event_set_num(&ev, EVF_direction, DIRECTION_INBOUND);
	if (l->what == TLS_LINE)
		event_set_text(&ev, EVF_tls_version, STR("TLSv1.3"));
	if (l->what == FAILED_LINE)
		event_set_text(&ev, EVF_text, STR("SSL_connect error"));
	set_text(&ev, EVF_mta, l->mta);
	set_text(&ev, EVF_process, l->process);
	if (l->pid != 0)
		event_set_num(&ev, EVF_pid, l->pid);
	set_text(&ev, EVF_session_id, l->session_id);
	set_text(&ev, EVF_queue_id, l->queue_id);
	set_text(&ev, EVF_relay_name, l->name);
	set_text(&ev, EVF_relay_ip, l->ip);
	set_text(&ev, EVF_tls_role, l->role);
	set_text(&ev, EVF_tls_verify, l->verify);
	return ev;
}

static void
play(struct tls_sessions *ts, const struct line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct event ev = event_of(&lines[i]);

		tls_sessions_apply(ts, &ev);
		if (lines[i].expect == NULL)
			continue;
		const char *got = !event_has(&ev, EVF_tls_version)                   ? ""
				  : tls_is_verified(event_text(&ev, EVF_tls_verify)) ? "v"
										     : "e";

		if (*got != *lines[i].expect)
			fail_msg("line %zu: '%s', not '%s'", i, got, lines[i].expect);
	}
}

#define PLAY(lines)                                               \
	do {                                                      \
		struct tls_sessions *ts = tls_sessions_new();     \
		assert_non_null(ts);                              \
		play(ts, lines, sizeof(lines) / sizeof *(lines)); \
		tls_sessions_free(ts);                            \
	} while (0)

#define A "mx.example.org", "192.0.2.1"
#define B "mx.example.net", "192.0.2.2"
#define SMTP "postfix", "postfix/smtp"

static void
test_postfix(void **state)
{
	static const struct line lines[] = {
		/* One connection, two recipients; the next message has its own. */
		{ TLS_LINE, SMTP, 7, 0, 0, A, "client", "trusted", 0, 0 },
		{ SENT, SMTP, 7, 0, "Q1", A, 0, 0, "v", 1 },
		{ SENT, SMTP, 7, 0, "Q1", A, 0, 0, "v", 1 },
		{ SENT, SMTP, 7, 0, "Q2", A, 0, 0, "", 2 },
		/* Another process, another peer */
		{ TLS_LINE, SMTP, 7, 0, 0, A, "client", "untrusted", 0, 3 },
		{ SENT, SMTP, 8, 0, "Q3", A, 0, 0, "", 3 },
		{ SENT, SMTP, 7, 0, "Q3", B, 0, 0, "", 3 },
		{ SENT, SMTP, 7, 0, "Q3", A, 0, 0, "e", 3 },
		/* "reused" is a line like "established". */
		{ TLS_LINE, SMTP, 7, 0, 0, A, "client", "verified", 0, 4 },
		{ SENT, SMTP, 7, 0, "Q4", A, 0, 0, "v", 4 },
		{ TLS_LINE, SMTP, 7, 0, 0, A, "client", "verified", 0, 5 },
		{ SENT, SMTP, 7, 0, "Q5", A, 0, 0, "v", 5 },
		/* The first server is left for the next. */
		{ TLS_LINE, SMTP, 9, 0, 0, A, "client", "trusted", 0, 6 },
		{ TLS_LINE, SMTP, 9, 0, 0, B, "client", "untrusted", 0, 6 },
		{ SENT, SMTP, 9, 0, "Q6", B, 0, 0, "e", 6 },
		/* The handshake fails; it goes in plain text. */
		{ TLS_LINE, SMTP, 9, 0, 0, A, "client", "trusted", 0, 7 },
		{ FAILED_LINE, SMTP, 9, 0, 0, A, "client", 0, 0, 8 },
		{ SENT, SMTP, 9, 0, "Q7", A, 0, 0, "", 8 },
		/* Long ago: pids are given again. */
		{ TLS_LINE, SMTP, 9, 0, 0, A, "client", "trusted", 0, 10 },
		{ SENT, SMTP, 9, 0, "Q8", A, 0, 0, "", 11 + TLS_FRESH_S },
	};

	(void)state;
	PLAY(lines);
}

/* Another process has the session; whoever delivers to that peer uses it. */
static void
test_postfix_tlsproxy(void **state)
{
	static const struct line lines[] = {
		{ TLS_LINE, "postfix", "postfix/tlsproxy", 5, 0, 0, A, "client", "verified",
		    0, 0 },
		{ SENT, SMTP, 7, 0, "Q1", A, 0, 0, "v", 1 },
		{ SENT, SMTP, 8, 0, "Q2", A, 0, 0, "v", 2 },
		{ SENT, SMTP, 8, 0, "Q2", B, 0, 0, "", 2 },
		/* Its own line knows better. */
		{ TLS_LINE, SMTP, 7, 0, 0, A, "client", "untrusted", 0, 3 },
		{ SENT, SMTP, 7, 0, "Q3", A, 0, 0, "e", 3 },
	};

	(void)state;
	PLAY(lines);
}

#define SMTPD "postfix", "postfix/smtpd"

static void
test_postfix_inbound(void **state)
{
	static const struct line lines[] = {
		{ CLIENT, SMTPD, 7, 0, 0, A, 0, 0, 0, 0 },
		{ TLS_LINE, SMTPD, 7, 0, 0, A, "server", "anonymous", 0, 0 },
		{ CAME, SMTPD, 7, 0, "Q1", A, 0, 0, "e", 1 },
		{ CAME, SMTPD, 7, 0, "Q2", A, 0, 0, "e", 2 },
		/* Its other lines name no client. */
		{ CAME, "postfix", "postfix/qmgr", 3, 0, "Q2", 0, 0, 0, 0, "", 2 },
		/* It went and came back without TLS. */
		{ CLIENT, SMTPD, 7, 0, 0, A, 0, 0, 0, 3 },
		{ CAME, SMTPD, 7, 0, "Q3", A, 0, 0, "", 3 },
		/* As a client we are somebody else. */
		{ TLS_LINE, SMTPD, 7, 0, 0, A, "client", "verified", 0, 4 },
		{ CAME, SMTPD, 7, 0, "Q4", A, 0, 0, "", 4 },
	};

	(void)state;
	PLAY(lines);
}

#define SM "sendmail", "sm-mta"

/* A client's STARTTLS line names no address. */
static void
test_sendmail(void **state)
{
	static const struct line lines[] = {
		{ TLS_LINE, SM, 7, 0, 0, "mx.example.org", 0, "client", "ok", 0, 0 },
		{ SENT, SM, 7, 0, "Q1", A, 0, 0, "v", 1 },
		/* A queue run: another server, then the first connection again. */
		{ TLS_LINE, SM, 7, 0, 0, "mx.example.net", 0, "client", "fail", 0, 2 },
		{ SENT, SM, 7, 0, "Q2", B, 0, 0, "e", 2 },
		{ SENT, SM, 7, 0, "Q3", A, 0, 0, "v", 3 },
		{ SENT, SM, 8, 0, "Q4", A, 0, 0, "", 3 },
		/* In */
		{ TLS_LINE, SM, 9, 0, 0, A, "server", "no", 0, 4 },
		{ CAME, SM, 9, 0, "Q5", A, 0, 0, "e", 4 },
		{ CAME, SM, 9, 0, "Q6", B, 0, 0, "", 4 },
	};

	(void)state;
	PLAY(lines);
}

#define OS "opensmtpd", "smtpd", 122

static void
test_opensmtpd(void **state)
{
	static const struct line lines[] = {
		{ TLS_LINE, OS, "2d5e2ce38a16b2c1", 0, 0, 0, "client", 0, 0, 0 },
		{ CERT, OS, "2d5e2ce38a16b2c1", 0, 0, 0, "client", "success", 0, 0 },
		{ SENT, OS, "2d5e2ce38a16b2c1", "Q1", A, 0, 0, "v", 1 },
		{ SENT, OS, "2d5e2ce38a16b2c1", "Q2", A, 0, 0, "v", 1 },
		/* The other way round, and a certificate that is not good */
		{ CERT, OS, "2d5e2ce6f94cca79", 0, 0, 0, "client", "unverified", 0, 2 },
		{ TLS_LINE, OS, "2d5e2ce6f94cca79", 0, 0, 0, "client", 0, 0, 2 },
		{ SENT, OS, "2d5e2ce6f94cca79", "Q3", A, 0, 0, "e", 2 },
		/* No session: no host was reached. */
		{ SENT, OS, 0, "Q4", "nullmx.example", 0, 0, 0, "", 2 },
		/* Downgraded */
		{ TLS_LINE, OS, "7d21c0ffee004411", 0, 0, 0, "client", 0, 0, 3 },
		{ FAILED_LINE, OS, "7d21c0ffee004411", 0, 0, 0, "client", 0, 0, 3 },
		{ SENT, OS, "7d21c0ffee004411", "Q5", A, 0, 0, "", 3 },
		/* In */
		{ TLS_LINE, OS, "3f9c1d2e4b5a6978", 0, 0, 0, "server", 0, 0, 4 },
		{ CAME, OS, "3f9c1d2e4b5a6978", "Q6", A, 0, 0, "e", 4 },
	};

	(void)state;
	PLAY(lines);
}

/* More sessions than it keeps: the last ones stay, and no other is taken for them. */
static void
test_many(void **state)
{
	struct tls_sessions *ts = tls_sessions_new();
	int known = 0;

	(void)state;
	assert_non_null(ts);
	for (int i = 1; i <= 100000; i++) {
		const struct line tls = { TLS_LINE, SMTP, i, 0, 0, A, "client", "ok", 0,
			i / 100 };
		struct event ev = event_of(&tls);

		tls_sessions_apply(ts, &ev);
	}
	for (int i = 1; i <= 100000; i++) {
		const struct line sent = { SENT, SMTP, i, 0, "Q1", A, 0, 0, 0, 1000 };
		struct event ev = event_of(&sent);

		tls_sessions_apply(ts, &ev);
		if (event_has(&ev, EVF_tls_version)) {
			assert_in_range(i, 50000, 100000);
			known++;
		}
	}
	assert_int_equal(known, TLS_SESSIONS);
	tls_sessions_free(ts);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_postfix),
		cmocka_unit_test(test_postfix_tlsproxy),
		cmocka_unit_test(test_postfix_inbound),
		cmocka_unit_test(test_sendmail),
		cmocka_unit_test(test_opensmtpd),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
