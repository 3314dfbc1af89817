/*
 * rules/bounce_join: which attempt a bounce is about, and who knows better. A case is what
 * was logged and one bounce; what is expected is told of the bounce's event.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "rules/bounce_join.h"
#include "rules/message_context.h"

#define T0 INT64_C(1800000000000000)

/* "field=value;field=value"; a value of its type, as logged. */
static struct event
event_of(int64_t at_us, const char *words)
{
	struct event ev = { .time_us = at_us, .offset = -1 };
	struct str rest = str_of(words);

	while (rest.n > 0) {
		struct str value = str_cut(&rest, ';');
		struct str name = str_cut(&value, '=');
		enum event_field f = event_field_find(name);

		if (f == EVF_COUNT || !event_set(&ev, f, value))
			fail_msg("no field: %.*s", STR_ARG(name));
	}
	return ev;
}

#define ATTEMPT "kind=attempt;direction=outbound;host=mx1;mta=postfix;queue_id=4bXk;"
#define BOUNCE "kind=dsn;mta=mailwarden;process=mailwarden-ingest;report_id=5f3a-1;"
#define HIDDEN                                                                  \
	ATTEMPT "recipient=ann@hotmail.com;outcome=bounced;provider=microsoft;" \
		"relay_name=mx.hotmail.example;category=ip-blocklisted;suspected=yes"
#define TOLD                                                                   \
	"recipient=Ann@Hotmail.com;dsn_action=failed;category=ip-blocklisted;" \
	"code_id=microsoft-s3140;reply=550 5.7.1 (S3140)"

struct expect {
	enum event_field field;
	const char *value; /* NULL: not known */
};

static const struct join_case {
	const char *about;
	const char *logged[3];
	const char *bounce;
	enum bounce_news news;
	struct expect expect[6];
} cases[] = {
	{ "the log hid the reason", { HIDDEN }, BOUNCE "host=mx1;queue_id=4bXk;" TOLD,
	    BOUNCE_MORE,
	    { { EVF_known, "attempt" }, { EVF_kind, "attempt" }, { EVF_outcome, "bounced" },
		{ EVF_repeated, "0" }, { EVF_relay_name, "mx.hotmail.example" },
		{ EVF_code_id, "microsoft-s3140" } } },
	{ "the host's whole name, in other letters; the queue id is the second guess",
	    { HIDDEN },
	    BOUNCE "host=MX1.example.org;queue_id=zzz;related_queue_id=4bXk;" TOLD,
	    BOUNCE_MORE,
	    { { EVF_host, "mx1" }, { EVF_queue_id, "4bXk" }, { EVF_provider, "microsoft" },
		{ EVF_related_queue_id, NULL } } },
	{ "two whole names that differ are two hosts",
	    { ATTEMPT "host=mx1.example.com;recipient=ann@hotmail.com;outcome=bounced" },
	    BOUNCE "host=mx1.example.org;queue_id=4bXk;" TOLD, BOUNCE_AS_IT_IS,
	    { { EVF_known, "none" }, { EVF_kind, "dsn" },
		{ EVF_host, "mx1.example.org" } } },
	{ "another host", { HIDDEN }, BOUNCE "host=mx2;queue_id=4bXk;" TOLD,
	    BOUNCE_AS_IT_IS, { { EVF_known, "none" } } },
	{ "an alias: the log says where it led, the bounce what was written to",
	    { ATTEMPT "recipient=ann@hotmail.com;original_recipient=ann@example.org;"
		      "outcome=bounced;provider=microsoft" },
	    BOUNCE "host=mx1;queue_id=4bXk;recipient=x@example.net;"
		   "original_recipient=ANN@example.org;dsn_action=failed;category=policy",
	    BOUNCE_MORE, { { EVF_known, "attempt" }, { EVF_provider, "microsoft" } } },
	{ "another recipient of a known message",
	    { HIDDEN,
		"kind=accepted;host=mx1;mta=postfix;queue_id=4bXk;sender=e@example.org" },
	    BOUNCE "host=mx1.example.org;queue_id=4bXk;recipient=bob@hotmail.com;"
		   "dsn_action=failed",
	    BOUNCE_AS_IT_IS,
	    { { EVF_known, "message" }, { EVF_kind, "dsn" }, { EVF_host, "mx1" },
		{ EVF_outcome, NULL } } },
	{ "the next host took it",
	    { ATTEMPT "recipient=ann@hotmail.com;outcome=delivered;provider=smarthost;"
		      "relay_name=relay.example.net" },
	    BOUNCE "host=mx1;queue_id=4bXk;provider=microsoft;"
		   "relay_name=mx.hotmail.example;" TOLD,
	    BOUNCE_AS_IT_IS,
	    { { EVF_known, "delivered" }, { EVF_kind, "attempt" },
		{ EVF_direction, "outbound" }, { EVF_repeated, NULL },
		{ EVF_provider, "microsoft" }, { EVF_relay_name, "mx.hotmail.example" } } },
	{ "the log knew better",
	    { ATTEMPT "recipient=ann@hotmail.com;outcome=bounced;category=ip-blocklisted;"
		      "code_id=microsoft-s3150;reply=550 (S3150)" },
	    BOUNCE "host=mx1;queue_id=4bXk;recipient=ann@hotmail.com;dsn_action=failed;"
		   "category=policy",
	    BOUNCE_NO_NEWS,
	    { { EVF_category, "ip-blocklisted" }, { EVF_code_id, "microsoft-s3150" } } },
	{ "the server's word against the other side's",
	    { ATTEMPT
		"recipient=ann@hotmail.com;outcome=bounced;category=mailbox-unknown" },
	    BOUNCE "host=mx1;queue_id=4bXk;recipient=ann@hotmail.com;dsn_action=failed;"
		   "category=policy;reply=550 5.1.1 policy",
	    BOUNCE_MORE, { { EVF_category, "policy" } } },
	{ "a delay notice", { ATTEMPT "recipient=ann@hotmail.com;outcome=deferred" },
	    BOUNCE "host=mx1;queue_id=4bXk;recipient=ann@hotmail.com;dsn_action=delayed;"
		   "category=greylisted;reply=450 greylisted",
	    BOUNCE_MORE, { { EVF_outcome, "deferred" }, { EVF_repeated, "0" } } },
	{ "a receipt judges nothing",
	    { ATTEMPT "recipient=ann@hotmail.com;outcome=delivered" },
	    BOUNCE "host=mx1;queue_id=4bXk;recipient=ann@hotmail.com;dsn_action=relayed",
	    BOUNCE_NO_NEWS, { { EVF_kind, "dsn" }, { EVF_outcome, NULL } } },
	{ "mail was taken since",
	    { HIDDEN, ATTEMPT "queue_id=other;recipient=bob@hotmail.com;outcome=delivered;"
			      "provider=microsoft" },
	    BOUNCE "host=mx1;queue_id=4bXk;" TOLD, BOUNCE_MORE_LATE,
	    { { EVF_known, "attempt" }, { EVF_code_id, "microsoft-s3140" } } },
	{ "tried again: the last attempt counts",
	    { HIDDEN, ATTEMPT "recipient=ann@hotmail.com;outcome=delivered" },
	    BOUNCE "host=mx1;queue_id=4bXk;" TOLD, BOUNCE_AS_IT_IS,
	    { { EVF_known, "delivered" } } },
	{ "a name of 39 bytes is the bounce's own",
	    { ATTEMPT "recipient=ann@hotmail.com;outcome=bounced;"
		      "relay_name=example-org.mail.protection.example.net" },
	    BOUNCE "host=mx1;queue_id=4bXk;relay_name=mx.example.net;" TOLD, BOUNCE_MORE,
	    { { EVF_relay_name, "mx.example.net" } } },
	{ "a log's own dsn is left alone", { HIDDEN },
	    "kind=dsn;host=mx1;mta=postfix;queue_id=4bXk;recipient=ann@hotmail.com;"
	    "dsn_action=failed",
	    BOUNCE_AS_IT_IS, { { EVF_kind, "dsn" }, { EVF_known, NULL } } },
};

static void
check_event(const char *about, const struct event *ev, const struct expect *expect)
{
	AUTO(buf_done) struct buf value = { 0 };

	for (size_t i = 0; i < 6; i++) {
		if (expect[i].field == 0 && expect[i].value == NULL)
			continue;
		buf_clear(&value);
		event_value_text(ev, expect[i].field, &value);
		if (event_has(ev, expect[i].field) != (expect[i].value != NULL) ||
		    !str_eq(buf_str(&value), str_of(expect[i].value)))
			fail_msg("%s: %s is '%s'", about, event_field_name(expect[i].field),
			    buf_cstr(&value));
	}
}

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bounce_join *j = bounce_join_new();
		struct message_context *mc = message_context_new();

		for (size_t k = 0; k < 3 && cases[i].logged[k] != NULL; k++) {
			struct event ev =
			    event_of(T0 + (int64_t)k * US_PER_S, cases[i].logged[k]);

			message_context_apply(mc, &ev);
			bounce_join_learn(j, &ev);
		}
		struct event ev = event_of(T0 + 60 * (int64_t)US_PER_S, cases[i].bounce);
		enum bounce_news news = bounce_join_apply(j, mc, &ev);

		check_event(cases[i].about, &ev, cases[i].expect);
		if (news != cases[i].news)
			fail_msg("%s: news %d", cases[i].about, (int)news);
		bounce_join_free(j);
		message_context_free(mc);
	}
}

/* The second bounce of the same attempt has nothing to add. */
static void
test_again(void **state)
{
	struct bounce_join *j = bounce_join_new();
	struct event attempt = event_of(T0, HIDDEN);

	(void)state;
	bounce_join_learn(j, &attempt);
	for (int i = 0; i < 2; i++) {
		struct event ev = event_of(T0, BOUNCE "host=mx1;queue_id=4bXk;" TOLD);

		assert_int_equal(bounce_join_apply(j, NULL, &ev),
		    i == 0 ? BOUNCE_MORE : BOUNCE_NO_NEWS);
		assert_true(str_eq(event_text(&ev, EVF_code_id), STR("microsoft-s3140")));
	}
	bounce_join_free(j);
}

/*
 * Mail that was delivered fails once at the next host, whoever says so how often; also when
 * the first of these bounces is a row of the store now.
 */
static void
test_delivered_once(void **state)
{
	(void)state;
	for (int restarted = 0; restarted < 2; restarted++) {
		struct bounce_join *j = bounce_join_new();
		struct event sent = event_of(T0, ATTEMPT "recipient=ann@hotmail.com;"
							 "outcome=delivered");
		struct event row = event_of(T0,
		    "kind=attempt;direction=outbound;mta=mailwarden;host=mx1;queue_id=4bXk;"
		    "recipient=Ann@Hotmail.com;outcome=bounced");
		struct event late =
		    event_of(T0, BOUNCE "host=mx1;queue_id=4bXk;recipient=ann@hotmail.com;"
					"dsn_action=delayed");

		bounce_join_learn(j, &sent);
		if (restarted)
			bounce_join_learn(j, &row);
		for (int i = restarted; i < 3; i++) {
			struct event ev =
			    event_of(T0, BOUNCE "host=mx1;queue_id=4bXk;" TOLD);

			assert_int_equal(bounce_join_apply(j, NULL, &ev),
			    i == 0 ? BOUNCE_AS_IT_IS : BOUNCE_NO_NEWS);
			assert_int_equal(event_num(&ev, EVF_kind),
			    i == 0 ? KIND_ATTEMPT : KIND_DSN);
			assert_true(str_eq(event_text(&ev, EVF_known), STR("delivered")));
		}
		assert_int_equal(bounce_join_apply(j, NULL, &late), BOUNCE_AS_IT_IS);
		assert_int_equal(event_num(&late, EVF_outcome), OUTCOME_DEFERRED);
		bounce_join_free(j);
	}
}

static void
test_repeats(void **state)
{
	struct bounce_join *j = bounce_join_new();
	struct event ev = event_of(T0, BOUNCE "host=mx1");
	struct event logged = event_of(T0, HIDDEN);
	char id[32];

	(void)state;
	assert_false(bounce_join_is_repeat(j, &ev));
	assert_true(bounce_join_is_repeat(j, &ev));
	assert_false(bounce_join_is_repeat(j, &logged));
	assert_false(bounce_join_is_repeat(j, &logged));
	assert_int_equal(bounce_join_repeats(j), 1);
	/* Each of the last thousand is known, whatever came before. */
	for (int i = 0; i < 100000; i++) {
		(void)snprintf(id, sizeof id, "%016x-1", i);
		event_set_text(&ev, EVF_report_id, str_of(id));
		assert_false(bounce_join_is_repeat(j, &ev));
	}
	int known = 0;

	for (int i = 99000; i < 100000; i++) {
		(void)snprintf(id, sizeof id, "%016x-1", i);
		event_set_text(&ev, EVF_report_id, str_of(id));
		known += bounce_join_is_repeat(j, &ev);
	}
	assert_in_range(known, 990, 1000);
	bounce_join_free(j);
}

/* What a store knows: one message with one attempt, asked for once. */
struct store_like {
	int asked;
	bool empty;
};

static void
look_up(void *ctx, struct str queue_id, int64_t at_us, bounce_row_fn *fn, void *fn_ctx)
{
	struct store_like *s = ctx;
	struct event message = event_of(T0, "kind=accepted;host=mx1;queue_id=4bXk");
	struct event attempt = event_of(T0, HIDDEN);

	(void)at_us;
	s->asked++;
	if (s->empty || !str_eq(queue_id, STR("4bXk")))
		return;
	fn(fn_ctx, &message);
	fn(fn_ctx, &attempt);
}

static bool
has_report(void *ctx, struct str report_id)
{
	(void)ctx;
	return str_eq(report_id, STR("old-1"));
}

static void
test_memory(void **state)
{
	struct bounce_join *j = bounce_join_new();
	struct store_like s = { 0 };
	const struct bounce_memory memory = { look_up, has_report, &s };
	struct event ev = event_of(T0, BOUNCE "host=mx1;queue_id=4bXk;" TOLD);
	struct event other = event_of(T0,
	    BOUNCE "host=mx1;queue_id=4bXk;recipient=bob@example.net;dsn_action=failed");

	(void)state;
	bounce_join_set_memory(j, &memory);
	assert_int_equal(bounce_join_apply(j, NULL, &ev), BOUNCE_MORE);
	assert_int_equal(s.asked, 1);
	assert_int_equal(bounce_join_apply(j, NULL, &other), BOUNCE_AS_IT_IS);
	assert_true(str_eq(event_text(&other, EVF_known), STR("message")));

	event_set_text(&ev, EVF_report_id, STR("old-1"));
	assert_true(bounce_join_is_repeat(j, &ev));

	/* A bounce to a thousand recipients of a message that nobody knows asks once. */
	s = (struct store_like){ .empty = true };
	for (int i = 0; i < 1000; i++) {
		struct event none =
		    event_of(T0, BOUNCE "host=mx1;queue_id=none;recipient=bob@example.net;"
					"dsn_action=failed");

		assert_int_equal(bounce_join_apply(j, NULL, &none), BOUNCE_AS_IT_IS);
		assert_true(str_eq(event_text(&none, EVF_known), STR("none")));
	}
	assert_int_equal(s.asked, 1);
	bounce_join_free(j);
}

/* Strangers' names take no room, and push nobody out but the oldest. */
static void
test_bounded(void **state)
{
	struct bounce_join *j = bounce_join_new();
	struct event ev = event_of(T0, HIDDEN);
	char id[32], name[48];

	(void)state;
	for (int i = 0; i < 300000; i++) {
		(void)snprintf(id, sizeof id, "q%d", i);
		(void)snprintf(name, sizeof name, "host%d", i < 3000 ? i : 0);
		ev.time_us = T0 + i;
		event_set_text(&ev, EVF_queue_id, str_of(id));
		event_set_text(&ev, EVF_host, str_of(name));
		event_set_text(&ev, EVF_provider, str_of(name));
		bounce_join_learn(j, &ev);
	}
	assert_true(bounce_join_evicted(j) >= 297000 - 3000 - BOUNCE_ATTEMPTS);
	struct event last = event_of(T0, BOUNCE "host=host0;queue_id=q299999;" TOLD);
	struct event first = event_of(T0, BOUNCE "host=host0;queue_id=q0;" TOLD);

	assert_int_equal(bounce_join_apply(j, NULL, &last), BOUNCE_MORE);
	assert_int_equal(bounce_join_apply(j, NULL, &first), BOUNCE_AS_IT_IS);
	bounce_join_free(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_delivered_once),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
