/*
 * rules/context with store/: a restart at any place changes nothing of what later lines are
 * given. A random history, messages of three servers under way at the same time, is taken
 * in one piece and in random pieces, with everything read back from the file after each.
 */
#include <string.h>
#include <time.h>

#include "parsers/parser.h"
#include "rules/context.h"
#include "store_box.h"

enum { UNDER_WAY = 40, SCRIPT_LINES = 12, ROUNDS = 10 };

static uint64_t random_state;

static uint32_t
rnd(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 33) % n;
}

/* --- a history --- */

/* %1$u: the message's number, %2$u: another number, of who sent it. */
static const char *const scripts[][SCRIPT_LINES] = {
	{ /* a login, a filter that tells the first id, a refusal, its bounce */
	    "postfix/smtpd[1]: A%1$07X: client=c%2$u.example.com[198.51.100.7], "
	    "sasl_method=PLAIN, sasl_username=user%2$u",
	    "postfix/cleanup[2]: A%1$07X: message-id=<%1$u@example.com>",
	    "postfix/qmgr[3]: A%1$07X: from=<user%2$u@example.com>, size=%1$u, nrcpt=1 (queue "
	    "active)",
	    "postfix/smtpd[4]: B%1$07X: client=localhost[127.0.0.1], orig_queue_id=A%1$07X, "
	    "orig_client=c.example.com[198.51.100.7]",
	    "postfix/cleanup[2]: B%1$07X: message-id=<%1$u@example.com>",
	    "postfix/qmgr[3]: B%1$07X: from=<user%2$u@example.com>, size=%1$u, nrcpt=1 (queue "
	    "active)",
	    "postfix/smtp[5]: A%1$07X: to=<bob@example.org>, "
	    "relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, "
	    "status=sent (250 2.0.0 Ok: queued as B%1$07X)",
	    "postfix/qmgr[3]: A%1$07X: removed",
	    "postfix/smtp[5]: B%1$07X: to=<bob@example.org>, "
	    "relay=mx1.example.org[203.0.113.25]:25, delay=1, delays=0/0/0/1, dsn=5.7.1, "
	    "status=bounced (host mx1.example.org[203.0.113.25] said: 550 5.7.1 no (in reply "
	    "to MAIL FROM command))",
	    "postfix/bounce[6]: B%1$07X: sender non-delivery notification: C%1$07X",
	    "postfix/qmgr[3]: C%1$07X: from=<>, size=9, nrcpt=1 (queue active)",
	    "postfix/local[7]: C%1$07X: to=<user%2$u@example.com>, relay=local, delay=0.05, "
	    "delays=0.03/0/0/0.02, dsn=2.0.0, status=sent (delivered to mailbox)" },
	{ /* a stranger's, back by its message id, through another instance */
	    "postfix-in/smtpd[1]: A%1$07X: client=m%2$u.example.net[192.0.2.10]",
	    "postfix-in/cleanup[2]: A%1$07X: message-id=<%1$u@example.net>",
	    "postfix-in/qmgr[3]: A%1$07X: from=<s%2$u@example.net>, size=%1$u, nrcpt=1 (queue "
	    "active)",
	    "postfix-out/smtpd[4]: B%1$07X: client=localhost[127.0.0.1]",
	    "postfix-out/cleanup[2]: B%1$07X: message-id=<%1$u@example.net>",
	    "postfix-out/qmgr[3]: B%1$07X: from=<s%2$u@example.net>, size=9, nrcpt=1 (queue "
	    "active)",
	    "postfix-in/smtp[5]: A%1$07X: to=<bob@example.org>, "
	    "relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, "
	    "status=sent (250 2.0.0 Ok: queued as B%1$07X)",
	    "postfix-out/smtp[5]: B%1$07X: to=<bob@example.org>, relay=none, delay=3, "
	    "delays=3/0/0/0, dsn=4.4.1, status=deferred (timeout)",
	    "postfix-out/qmgr[3]: B%1$07X: from=<s%2$u@example.net>, size=9, nrcpt=1 (queue "
	    "active)",
	    "postfix-out/smtp[5]: B%1$07X: to=<bob@example.org>, relay=none, delay=3, "
	    "delays=3/0/0/0, dsn=4.4.1, status=deferred (timeout)" },
	{ /* the command; the link to its bounce comes first, as of 3.11 */
	    "postfix/pickup[1]: A%1$07X: uid=1000 from=<user%2$u>",
	    "postfix/cleanup[2]: A%1$07X: message-id=<%1$u@mx1.example.com>",
	    "postfix/bounce[6]: A%1$07X: sender delay notification: C%1$07X",
	    "postfix/cleanup[2]: C%1$07X: message-id=<%1$u.b@mx1.example.com>",
	    "postfix/qmgr[3]: C%1$07X: from=<>, size=9, nrcpt=1 (queue active)",
	    "postfix/error[5]: C%1$07X: to=<user%2$u@example.com>, relay=none, delay=3, "
	    "delays=3/0/0/0, dsn=4.4.1, status=deferred (timeout)" },
	{ /* sendmail: a login, a receipt */
	    "sm-mta[%1$u]: AUTH=server, relay=c.example.com [198.51.100.7], authid=user%2$u, "
	    "mech=PLAIN, bits=0",
	    "sm-mta[%1$u]: S%1$013u: from=<user%2$u@example.com>, size=%1$u, class=0, "
	    "nrcpts=1, msgid=<%1$u@s.example.com>, proto=ESMTPA, daemon=MSA, "
	    "relay=c.example.com [198.51.100.7]",
	    "sm-mta[1]: S%1$013u: to=<bob@example.org>, delay=00:00:01, xdelay=00:00:01, "
	    "mailer=esmtp, pri=30311, relay=mx1.example.org. [203.0.113.25], dsn=2.0.0, "
	    "stat=Sent (ok)",
	    "sm-mta[1]: S%1$013u: T%1$013u: DSN: Return receipt",
	    "sm-mta[1]: T%1$013u: to=<user%2$u@example.com>, delay=00:00:01, "
	    "xdelay=00:00:01, mailer=local, pri=30311, dsn=2.0.0, stat=Sent" },
	{ /* sendmail: the command and the daemon, an owned list */
	    "sendmail[%1$u]: S%1$013u: from=user%2$u, size=%1$u, class=0, nrcpts=1, "
	    "msgid=<%1$u@l.example.com>, relay=user%2$u@localhost",
	    "sm-mta[2]: T%1$013u: from=<user%2$u@example.com>, size=20, class=0, nrcpts=1, "
	    "msgid=<%1$u@l.example.com>, proto=ESMTP, daemon=MTA, relay=localhost "
	    "[127.0.0.1]",
	    "sendmail[%1$u]: S%1$013u: to=list, ctladdr=user%2$u (1000/1000), "
	    "delay=00:00:00, xdelay=00:00:00, mailer=relay, pri=30311, relay=[127.0.0.1] "
	    "[127.0.0.1], dsn=2.0.0, stat=Sent (T%1$013u Message accepted for delivery)",
	    "sm-mta[2]: T%1$013u: U%1$013u: clone: owner=owner-list@example.com",
	    "sm-mta[2]: U%1$013u: to=<bob@example.org>, delay=00:00:01, xdelay=00:00:01, "
	    "mailer=esmtp, pri=30311, relay=mx1.example.org. [203.0.113.25], dsn=2.0.0, "
	    "stat=Sent (ok)" },
	{ /* OpenSMTPD: a login, a proxy's session that began long ago, a bounce */
	    "smtpd[9]: 3%1$015x smtp connected address=192.0.2.10 host=m%2$u.example.net",
	    "smtpd[9]: 3%1$015x smtp authentication user=user%2$u result=ok",
	    "smtpd[9]: 3%1$015x smtp message msgid=a%1$07x size=%1$u nrcpt=1 proto=ESMTP",
	    "smtpd[9]: 3%1$015x smtp envelope evpid=a%1$07x00000001 "
	    "from=<user%2$u@example.com> to=<bob@example.org>",
	    "smtpd[9]: 2d5e2d270e7b929d smtp message msgid=b%1$07x size=654 nrcpt=1 "
	    "proto=ESMTP",
	    "smtpd[9]: 4%1$015x mta delivery evpid=a%1$07x00000001 "
	    "from=<user%2$u@example.com> to=<bob@example.org> rcpt=<-> source=\"127.0.0.1\" "
	    "relay=\"127.0.0.1 (localhost)\" delay=0s result=\"Ok\" stat=\"250 2.0.0 b%1$07x "
	    "Message accepted for delivery\"",
	    "smtpd[9]: 5%1$015x mta delivery evpid=b%1$07x00000001 "
	    "from=<user%2$u@example.com> to=<bob@example.org> rcpt=<-> source=\"192.0.2.25\" "
	    "relay=\"203.0.113.30 (mx1.example.org)\" delay=1s result=\"PermFail\" stat=\"550 "
	    "5.1.1 no\"",
	    "smtpd[9]: 6%1$015x smtp connected address=local host=mx1.example.com",
	    "smtpd[9]: 6%1$015x smtp message msgid=c%1$07x size=1877 nrcpt=1 proto=ESMTP",
	    "smtpd[9]: 6%1$015x smtp envelope evpid=c%1$07x00000001 from=<> "
	    "to=<user%2$u@example.com>",
	    "smtpd[9]: 7%1$015x mda delivery evpid=c%1$07x00000001 from=<> "
	    "to=<user%2$u@example.com> user=user delay=0s result=Ok stat=Delivered" },
};
enum { SCRIPTS = sizeof scripts / sizeof *scripts };

struct history {
	struct buf lines;
	int64_t at_s;
};

static void
add_line(struct history *h, const char *format, uint32_t number, uint32_t who)
{
	int64_t day_s = h->at_s % 86400;

	buf_addf(&h->lines, "Nov %02d %02d:%02d:%02d mx1 ", (int)(h->at_s / 86400) + 1,
	    (int)(day_s / 3600), (int)(day_s / 60 % 60), (int)(day_s % 60));
	buf_addf(&h->lines, format, number, who);
	buf_add_char(&h->lines, '\n');
	h->at_s += rnd(4) == 0;
}

static void
make_history(struct history *h, uint32_t messages)
{
	struct {
		uint32_t number, who;
		size_t script, line;
	} now[UNDER_WAY];
	uint32_t begun = 0, left = messages;

	add_line(h, "smtpd[9]: 2d5e2d270e7b929d smtp connected address=127.0.0.1 host=l%u",
	    1, 1);
	for (size_t i = 0; i < UNDER_WAY; i++)
		now[i].line = SCRIPT_LINES;
	while (left > 0) {
		size_t i = rnd(UNDER_WAY);

		if (now[i].line == SCRIPT_LINES) {
			if (begun == messages)
				continue;
			now[i].number = ++begun;
			now[i].who = rnd(50);
			now[i].script = rnd(SCRIPTS);
			now[i].line = 0;
		}
		add_line(h, scripts[now[i].script][now[i].line], now[i].number, now[i].who);
		if (++now[i].line == SCRIPT_LINES ||
		    scripts[now[i].script][now[i].line] == NULL) {
			now[i].line = SCRIPT_LINES;
			left--;
		}
	}
}

/* --- taking it --- */

struct taking {
	struct box *box;
	struct ruleset *rules;
	struct parser *parser;
	struct context *context;
	struct buf events; /* as the context left them */
	size_t n, unparsed;
};

static int
restore_slot(void *ctx, const struct context_slot *slot)
{
	context_restore(ctx, slot);
	return 0;
}

static int
restore_message(void *ctx, const struct event *row)
{
	context_restore_message(ctx, row);
	return 0;
}

static int
save_slot(void *ctx, const struct context_slot *slot)
{
	struct box *b = ctx;

	return store_save_slot(b->store, slot, &b->err);
}

static void
restart(struct taking *t)
{
	struct box *b = t->box;

	context_free(t->context);
	t->context = context_new();
	reopen(b);
	check(b, store_each_slot(b->store, restore_slot, t->context, &b->err));
	check(b, store_each_message(b->store, MESSAGES_KEPT + 4096, restore_message,
		     t->context, &b->err));
}

static void
on_event(void *ctx, struct event *ev)
{
	struct taking *t = ctx;

	context_apply(t->context, ev);
	event_json(ev, &t->events);
	buf_add_char(&t->events, '\n');
	t->n++;
	check(t->box, store_add_event(t->box->store, ev, &t->box->err));
}

/* In pieces of up to `most` lines; a new context and store after each, if told. */
static void
take(struct taking *t, const struct history *h, uint32_t most, bool restarts)
{
	struct str rest = buf_str(&h->lines);
	struct box *b = t->box;

	t->context = context_new();
	t->parser = parser_new(t->rules, NULL, INT64_C(1798000000000000));
	assert_true(t->context != NULL && t->parser != NULL);
	while (rest.n > 0) {
		check(b, store_begin(b->store, &b->err));
		for (uint32_t n = rnd(most) + 1; n > 0 && rest.n > 0; n--) {
			const struct line line = { .text = str_cut(&rest, '\n') };
			enum parse_result r =
			    parser_line(t->parser, &line, STR("log"), on_event, t);

			t->unparsed += r != PARSE_EVENT;
		}
		check(b, context_flush(t->context, save_slot, b));
		check(b, store_commit(b->store, &b->err));
		if (restarts)
			restart(t);
	}
	context_free(t->context);
	parser_free(t->parser);
}

static void
compare(struct str a, struct str b, uint64_t seed)
{
	for (size_t n = 1; a.n > 0 || b.n > 0; n++) {
		struct str x = str_cut(&a, '\n'), y = str_cut(&b, '\n');

		if (!str_eq(x, y))
			fail_msg("seed %llu, event %zu:\n%.*s\nwith restarts:\n%.*s",
			    (unsigned long long)seed, n, STR_ARG(x), STR_ARG(y));
	}
}

static struct ruleset *
load_rules(void)
{
	const char *dirs[] = { SOURCE_DIR "/rules.d" };
	struct diags diags = { 0 };
	struct ruleset *rules = NULL;

	assert_int_equal(ruleset_load(dirs, 1, &rules, &diags), 0);
	diags_done(&diags);
	return rules;
}

static void
check_restarts(struct box *b, uint32_t messages, uint32_t most)
{
	struct history h = { .at_s = 3 * 86400 };
	struct taking one = { .box = b, .rules = load_rules() };
	struct taking many = { .rules = one.rules };
	void *second = NULL;
	uint64_t seed = random_state;

	assert_int_equal(set_up(&second), 0);
	many.box = second;
	make_history(&h, messages);
	assert_false(h.lines.failed);
	take(&one, &h, most, false);
	take(&many, &h, most, true);
	assert_int_equal(one.unparsed, 0);
	assert_true(one.n > messages);
	compare(buf_str(&one.events), buf_str(&many.events), seed);
	(void)tear_down(&second);
	buf_done(&one.events);
	buf_done(&many.events);
	buf_done(&h.lines);
	ruleset_free(one.rules);
}

static void
seed_random(void)
{
	const char *given = getenv("MAILWARDEN_SEED");

	random_state = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	random_state = random_state * 2654435761u | 1;
}

static void
test_restarts(void **state)
{
	struct box *b = *state;

	seed_random();
	for (int i = 0; i < ROUNDS; i++) {
		check_restarts(b, i < 4 ? 20 : 150, 1u << i);
		(void)tear_down(state);
		assert_int_equal(set_up(state), 0);
		b = *state;
	}
}

/* More messages than the table holds: the same ones are forgotten. */
static void
test_full(void **state)
{
	seed_random();
	check_restarts(*state, 16000, 60000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_restarts),
		STORE_TEST(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
