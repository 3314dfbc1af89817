/*
 * rules/context: what is known of a message at each of its lines, in the words of the four
 * servers. A case is a log; what is expected is told of its last line's event.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "core/clock.h"
#include "parsers/parser.h"
#include "rules/context.h"

#define LONG_SESSION                                                              \
	"03:00:00 smtpd[122]: 2d5e2d270e7b929d smtp connected address=127.0.0.1 " \
	"host=localhost\n"

struct expect {
	enum event_field field;
	const char *value; /* NULL: not known */
};

static const struct joined {
	const char *about;
	const char *lines; /* "02:41:17 process[pid]: text" */
	struct expect expect[7];
} cases[] = {
	{ "postfix: a login",
	    "02:41:17 postfix/submission/smtpd[1]: 4bXkWz3qLRz9tQf: "
	    "client=laptop.example.com[198.51.100.7], sasl_method=PLAIN, "
	    "sasl_username=alice@example.com\n"
	    "02:41:17 postfix/cleanup[2]: 4bXkWz3qLRz9tQf: message-id=<a1@example.com>\n"
	    "02:41:17 postfix/qmgr[3]: 4bXkWz3qLRz9tQf: from=<alice@example.com>, size=2843, "
	    "nrcpt=1 (queue active)\n"
	    "02:41:18 postfix/smtp[4]: 4bXkWz3qLRz9tQf: to=<bob@example.org>, "
	    "relay=mx1.example.org[203.0.113.25]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, "
	    "status=sent (250 ok)\n",
	    { { EVF_sender, "alice@example.com" }, { EVF_size, "2843" },
		{ EVF_sasl_user, "alice@example.com" },
		{ EVF_message_id, "a1@example.com" }, { EVF_origin, "submitted" },
		{ EVF_related_queue_id, NULL } } },
	{ "postfix: a stranger, the null sender",
	    "02:41:17 postfix/smtpd[1]: 3F1A2C0B7E: client=mail.example.net[192.0.2.10]\n"
	    "02:41:17 postfix/qmgr[3]: 3F1A2C0B7E: from=<>, size=9, nrcpt=1 (queue active)\n"
	    "02:41:18 postfix/local[4]: 3F1A2C0B7E: to=<erin@example.com>, relay=local, "
	    "delay=0.05, delays=0.03/0/0/0.02, dsn=2.0.0, status=sent (delivered to mailbox)\n",
	    { { EVF_sender, "" }, { EVF_origin, "remote" }, { EVF_sasl_user, NULL } } },
	{ "postfix: the sendmail command",
	    "02:41:17 postfix/pickup[1]: 3F1A2C0B7F: uid=1000 from=<alice>\n"
	    "02:41:18 postfix/smtp[4]: 3F1A2C0B7F: to=<bob@example.org>, relay=none, delay=3, "
	    "delays=3/0/0/0, dsn=4.4.1, status=deferred (connect to "
	    "mx1.example.org[203.0.113.25]:25: Connection timed out)\n",
	    { { EVF_sender, "alice" }, { EVF_origin, "local" } } },
	{ "postfix: two instances give the same id",
	    "02:41:17 postfix-in/smtpd[1]: 3F1A2C0B80: client=mail.example.net[192.0.2.10]\n"
	    "02:41:17 postfix-out/pickup[2]: 3F1A2C0B80: uid=1000 from=<alice>\n"
	    "02:41:17 postfix-in/qmgr[3]: 3F1A2C0B80: from=<x@example.net>, size=9, nrcpt=1 "
	    "(queue active)\n"
	    "02:41:18 postfix-out/smtp[4]: 3F1A2C0B80: to=<bob@example.org>, relay=none, "
	    "delay=3, delays=3/0/0/0, dsn=4.4.1, status=deferred (timeout)\n",
	    { { EVF_sender, "alice" }, { EVF_origin, "local" }, { EVF_size, NULL } } },
	{ "postfix: an id that is given again is another message",
	    "02:41:17 postfix/smtpd[1]: 3F1A2C0B81: client=laptop.example.com[198.51.100.7], "
	    "sasl_method=PLAIN, sasl_username=alice\n"
	    "02:41:17 postfix/qmgr[3]: 3F1A2C0B81: from=<alice@example.com>, size=5, nrcpt=1 "
	    "(queue active)\n"
	    "02:41:18 postfix/qmgr[3]: 3F1A2C0B81: removed\n"
	    "02:41:19 postfix/smtpd[1]: 3F1A2C0B81: client=mail.example.net[192.0.2.10]\n"
	    "02:41:19 postfix/smtp[4]: 3F1A2C0B81: to=<bob@example.org>, relay=none, delay=3, "
	    "delays=3/0/0/0, dsn=4.4.1, status=deferred (timeout)\n",
	    { { EVF_sender, NULL }, { EVF_origin, "remote" }, { EVF_sasl_user, NULL } } },
	{ "postfix: a retry is not another message",
	    "02:41:17 postfix/smtpd[1]: 3F1A2C0B82: client=laptop.example.com[198.51.100.7], "
	    "sasl_method=PLAIN, sasl_username=alice\n"
	    "02:41:17 postfix/cleanup[2]: 3F1A2C0B82: message-id=<a2@example.com>\n"
	    "02:41:17 postfix/qmgr[3]: 3F1A2C0B82: from=<alice@example.com>, size=5, nrcpt=1 "
	    "(queue active)\n"
	    "03:41:17 postfix/qmgr[3]: 3F1A2C0B82: from=<alice@example.com>, size=5, nrcpt=1 "
	    "(queue active)\n"
	    "03:41:19 postfix/error[4]: 3F1A2C0B82: to=<bob@example.org>, relay=none, delay=3, "
	    "delays=3/0/0/0, dsn=4.4.1, status=deferred (timeout)\n",
	    { { EVF_sasl_user, "alice" }, { EVF_message_id, "a2@example.com" } } },
	{ "postfix: a bounce, and whom it is about",
	    "02:41:17 postfix/smtpd[1]: 3F1A2C0B83: client=mail.example.net[192.0.2.10]\n"
	    "02:41:17 postfix/qmgr[3]: 3F1A2C0B83: from=<victim@example.net>, size=5, nrcpt=1 "
	    "(queue active)\n"
	    "02:41:18 postfix/cleanup[2]: 3F1A2C0B84: message-id=<b1@mx1.example.com>\n"
	    "02:41:18 postfix/bounce[5]: 3F1A2C0B83: sender non-delivery notification: "
	    "3F1A2C0B84\n",
	    { { EVF_sender, "victim@example.net" }, { EVF_origin, "remote" },
		{ EVF_related_queue_id, "3F1A2C0B84" } } },
	{ "postfix: the bounce's delivery",
	    "02:41:17 postfix/smtpd[1]: 3F1A2C0B83: client=mail.example.net[192.0.2.10]\n"
	    "02:41:18 postfix/cleanup[2]: 3F1A2C0B84: message-id=<b1@mx1.example.com>\n"
	    "02:41:18 postfix/bounce[5]: 3F1A2C0B83: sender non-delivery notification: "
	    "3F1A2C0B84\n"
	    "02:41:18 postfix/qmgr[3]: 3F1A2C0B84: from=<>, size=5, nrcpt=1 (queue active)\n"
	    "02:41:19 postfix/smtp[4]: 3F1A2C0B84: to=<victim@example.net>, relay=none, "
	    "delay=3, delays=3/0/0/0, dsn=4.4.1, status=deferred (timeout)\n",
	    { { EVF_sender, "" }, { EVF_origin, "bounce" },
		{ EVF_related_queue_id, "3F1A2C0B83" },
		{ EVF_message_id, "b1@mx1.example.com" } } },
	{ "postfix 3.11: the link comes before all other lines of the bounce",
	    "02:41:18 postfix/bounce[5]: 3F1A2C0B85: sender delay notification: 3F1A2C0B86\n"
	    "02:41:18 postfix/cleanup[2]: 3F1A2C0B86: message-id=<b2@mx1.example.com>\n"
	    "02:41:18 postfix/qmgr[3]: 3F1A2C0B86: from=<>, size=5, nrcpt=1 (queue active)\n"
	    "02:41:19 postfix/smtp[4]: 3F1A2C0B86: to=<victim@example.net>, relay=none, "
	    "delay=3, delays=3/0/0/0, dsn=4.4.1, status=deferred (timeout)\n",
	    { { EVF_origin, "bounce" }, { EVF_related_queue_id, "3F1A2C0B85" },
		{ EVF_size, "5" } } },
	{ "postfix: through a filter that tells the first id",
	    "02:41:17 postfix/smtpd[1]: 3F1A2C0B90: client=laptop.example.com[198.51.100.7], "
	    "sasl_method=PLAIN, sasl_username=alice\n"
	    "02:41:17 postfix/smtpd[1]: 3F1A2C0B91: client=localhost[127.0.0.1], "
	    "orig_queue_id=3F1A2C0B90, orig_client=laptop.example.com[198.51.100.7]\n"
	    "02:41:19 postfix/smtp[4]: 3F1A2C0B91: to=<bob@example.org>, relay=none, delay=3, "
	    "delays=3/0/0/0, dsn=4.4.1, status=deferred (timeout)\n",
	    { { EVF_origin, "submitted" }, { EVF_sasl_user, "alice" },
		{ EVF_related_queue_id, "3F1A2C0B90" } } },
	{ "postfix: through a filter that tells nothing, by the message id",
	    "02:41:17 postfix/smtpd[1]: 3F1A2C0B92: client=mail.example.net[192.0.2.10]\n"
	    "02:41:17 postfix/cleanup[2]: 3F1A2C0B92: message-id=<c1@example.net>\n"
	    "02:41:18 postfix/smtpd[1]: 3F1A2C0B93: client=localhost[127.0.0.1]\n"
	    "02:41:18 postfix/cleanup[2]: 3F1A2C0B93: message-id=<c1@example.net>\n"
	    "02:41:19 postfix/smtp[4]: 3F1A2C0B93: to=<bob@example.org>, relay=none, delay=3, "
	    "delays=3/0/0/0, dsn=4.4.1, status=deferred (timeout)\n",
	    { { EVF_origin, "remote" }, { EVF_related_queue_id, "3F1A2C0B92" } } },
	{ "postfix: the same message id an hour later is no filter",
	    "02:41:17 postfix/smtpd[1]: 3F1A2C0B92: client=mail.example.net[192.0.2.10]\n"
	    "02:41:17 postfix/cleanup[2]: 3F1A2C0B92: message-id=<c1@example.net>\n"
	    "03:41:18 postfix/smtpd[1]: 3F1A2C0B93: client=localhost[127.0.0.1]\n"
	    "03:41:18 postfix/cleanup[2]: 3F1A2C0B93: message-id=<c1@example.net>\n"
	    "03:41:19 postfix/smtp[4]: 3F1A2C0B93: to=<bob@example.org>, relay=none, delay=3, "
	    "delays=3/0/0/0, dsn=4.4.1, status=deferred (timeout)\n",
	    { { EVF_origin, "local" }, { EVF_related_queue_id, NULL } } },
	{ "postfix: a stranger's message with the id of ours stays a stranger's",
	    "02:41:17 postfix/smtpd[1]: 3F1A2C0B94: client=laptop.example.com[198.51.100.7], "
	    "sasl_method=PLAIN, sasl_username=alice\n"
	    "02:41:17 postfix/cleanup[2]: 3F1A2C0B94: message-id=<c2@example.com>\n"
	    "02:41:18 postfix/smtpd[1]: 3F1A2C0B95: client=mail.example.net[192.0.2.10]\n"
	    "02:41:18 postfix/cleanup[2]: 3F1A2C0B95: message-id=<c2@example.com>\n"
	    "02:41:19 postfix/smtp[4]: 3F1A2C0B95: to=<bob@example.org>, relay=none, delay=3, "
	    "delays=3/0/0/0, dsn=4.4.1, status=deferred (timeout)\n",
	    { { EVF_origin, "remote" }, { EVF_sasl_user, NULL },
		{ EVF_related_queue_id, NULL } } },
	{ "postfix: a hand-over is not final, and knows its own message",
	    "02:41:17 postfix/smtpd[1]: 3F1A2C0B96: client=laptop.example.com[198.51.100.7], "
	    "sasl_method=PLAIN, sasl_username=alice\n"
	    "02:41:18 postfix/smtp[4]: 3F1A2C0B96: to=<bob@example.org>, "
	    "relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, "
	    "status=sent (250 2.0.0 Ok: queued as 3F1A2C0B97)\n",
	    { { EVF_direction, "internal" }, { EVF_related_queue_id, "3F1A2C0B97" },
		{ EVF_origin, "submitted" } } },
	{ "postfix: what a filter gave back, told by its answer alone",
	    "02:41:17 postfix/smtpd[1]: 3F1A2C0B96: client=laptop.example.com[198.51.100.7], "
	    "sasl_method=PLAIN, sasl_username=alice\n"
	    "02:41:18 postfix-out/smtpd[1]: 3F1A2C0B97: client=localhost[127.0.0.1]\n"
	    "02:41:18 postfix/smtp[4]: 3F1A2C0B96: to=<bob@example.org>, "
	    "relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, "
	    "status=sent (250 2.0.0 Ok: queued as 3F1A2C0B97)\n"
	    "02:41:19 postfix-out/smtp[4]: 3F1A2C0B97: to=<bob@example.org>, relay=none, "
	    "delay=3, delays=3/0/0/0, dsn=4.4.1, status=deferred (timeout)\n",
	    { { EVF_origin, "submitted" }, { EVF_sasl_user, "alice" },
		{ EVF_related_queue_id, "3F1A2C0B96" } } },
	{ "sendmail: a login, by process",
	    "02:41:17 sm-mta[224]: AUTH=server, relay=laptop.example.com [198.51.100.7], "
	    "authid=alice, mech=PLAIN, bits=0\n"
	    "02:41:17 sm-mta[224]: 6AL2fHq8012345: from=<alice@example.com>, size=2843, "
	    "class=0, nrcpts=1, msgid=<d1@example.com>, proto=ESMTPA, daemon=MSA, "
	    "relay=laptop.example.com [198.51.100.7]\n"
	    "02:41:18 sm-mta[225]: 6AL2fHq8012345: to=<bob@example.org>, delay=00:00:01, "
	    "xdelay=00:00:01, mailer=esmtp, pri=30311, relay=mx1.example.org. "
	    "[203.0.113.25], dsn=2.0.0, stat=Sent (ok)\n",
	    { { EVF_sender, "alice@example.com" }, { EVF_sasl_user, "alice" },
		{ EVF_origin, "submitted" }, { EVF_size, "2843" },
		{ EVF_message_id, "d1@example.com" } } },
	{ "sendmail: another client, the process number of the one that logged in",
	    "02:41:17 sm-mta[224]: AUTH=server, relay=laptop.example.com [198.51.100.7], "
	    "authid=alice, mech=PLAIN, bits=0\n"
	    "02:51:17 sm-mta[224]: 6AL2fHq8012346: from=<x@example.net>, size=28, class=0, "
	    "nrcpts=1, proto=ESMTP, daemon=MTA, relay=mail.example.net [192.0.2.10]\n",
	    { { EVF_origin, "remote" }, { EVF_sasl_user, NULL } } },
	{ "sendmail: a receipt that a stranger asked for",
	    "02:41:17 sm-mta[30]: 6AL2fHq8012347: from=<victim@example.net>, size=121, "
	    "class=0, nrcpts=1, proto=ESMTP, daemon=MTA, relay=mail.example.net "
	    "[192.0.2.10]\n"
	    "02:41:17 sm-mta[31]: 6AL2fHq8012347: 6AL2fJq8012348: DSN: Return receipt\n",
	    { { EVF_origin, "remote" }, { EVF_sender, "victim@example.net" },
		{ EVF_dsn_action, "delivered" },
		{ EVF_related_queue_id, "6AL2fJq8012348" } } },
	{ "sendmail: its delivery, which no line from= comes before",
	    "02:41:17 sm-mta[31]: 6AL2fHq8012347: 6AL2fJq8012348: DSN: Return receipt\n"
	    "02:41:18 sm-mta[31]: 6AL2fJq8012348: to=<victim@example.net>, delay=00:00:01, "
	    "xdelay=00:00:01, mailer=esmtp, pri=30311, relay=mx1.example.net. "
	    "[203.0.113.26], dsn=2.0.0, stat=Sent (ok)\n",
	    { { EVF_origin, "bounce" }, { EVF_sender, "" },
		{ EVF_related_queue_id, "6AL2fHq8012347" } } },
	{ "sendmail: from the command to the daemon",
	    "02:41:17 sendmail[40]: 6AL2fGp3012340: from=alice, size=311, class=0, nrcpts=1, "
	    "msgid=<e1@mx1.example.com>, relay=alice@localhost\n"
	    "02:41:17 sm-mta[41]: 6AL2fHq8012349: from=<alice@example.com>, size=520, class=0, "
	    "nrcpts=1, msgid=<e1@mx1.example.com>, proto=ESMTP, daemon=MTA, relay=localhost "
	    "[127.0.0.1]\n",
	    { { EVF_origin, "local" }, { EVF_related_queue_id, "6AL2fGp3012340" } } },
	{ "sendmail: a message of which only the user here is told",
	    "02:41:18 sm-mta[31]: 6AL2fJq8012350: to=<bob@example.org>, "
	    "ctladdr=<alice@example.com> (1000/1000), delay=00:00:01, xdelay=00:00:01, "
	    "mailer=esmtp, pri=30311, relay=mx1.example.org. [203.0.113.26], dsn=5.0.0, "
	    "stat=Service unavailable\n",
	    { { EVF_origin, "local" }, { EVF_sender, NULL } } },
	{ "sendmail: an owned list's envelope",
	    "02:41:17 sm-mta[30]: 6AL2fHq8012351: from=<x@example.net>, size=121, class=0, "
	    "nrcpts=1, proto=ESMTP, daemon=MTA, relay=mail.example.net [192.0.2.10]\n"
	    "02:41:17 sm-mta[31]: 6AL2fHq8012351: 6AL2fJq9012352: clone: "
	    "owner=owner-list@example.com\n"
	    "02:41:18 sm-mta[31]: 6AL2fJq9012352: to=<bob@example.org>, delay=00:00:01, "
	    "xdelay=00:00:01, mailer=esmtp, pri=30311, relay=mx1.example.org. "
	    "[203.0.113.26], dsn=2.0.0, stat=Sent (ok)\n",
	    { { EVF_origin, "remote" }, { EVF_sender, "owner-list@example.com" },
		{ EVF_related_queue_id, "6AL2fHq8012351" } } },
	{ "sendmail: the clone's owner is not the first message's sender",
	    "02:41:17 sm-mta[31]: 6AL2fHq8012351: 6AL2fJq9012352: clone: "
	    "owner=owner-list@example.com\n"
	    "02:41:18 sm-mta[31]: 6AL2fHq8012351: to=<bob@example.org>, delay=00:00:01, "
	    "xdelay=00:00:01, mailer=esmtp, pri=30311, relay=mx1.example.org. "
	    "[203.0.113.26], dsn=2.0.0, stat=Sent (ok)\n",
	    { { EVF_sender, NULL } } },
	{ "sendmail: split, the second part",
	    "02:41:17 sm-mta[30]: 6AL2fHq8012353: from=<x@example.net>, size=121, class=0, "
	    "nrcpts=2, proto=ESMTP, daemon=MTA, relay=mail.example.net [192.0.2.10]\n"
	    "02:41:17 sm-mta[30]: 6AL2fHq8012353: split: count=2, ids=6AL2fJq9012354, "
	    "6AL2fJq9012355\n"
	    "02:41:18 sm-mta[31]: 6AL2fJq9012355: to=<bob@example.org>, delay=00:00:01, "
	    "xdelay=00:00:01, mailer=esmtp, pri=30311, relay=mx1.example.org. "
	    "[203.0.113.26], dsn=2.0.0, stat=Sent (ok)\n",
	    { { EVF_origin, "remote" }, { EVF_sender, "x@example.net" },
		{ EVF_related_queue_id, "6AL2fHq8012353" } } },
	{ "opensmtpd: the session's login and client",
	    "02:41:17 smtpd[9]: 3f9c1d2e4b5a6978 smtp connected address=192.0.2.10 "
	    "host=mail.example.net\n"
	    "02:41:17 smtpd[9]: 3f9c1d2e4b5a6978 smtp authentication user=alice result=ok\n"
	    "02:41:17 smtpd[9]: 3f9c1d2e4b5a6978 smtp message msgid=5a1b2c3d size=2843 "
	    "nrcpt=1 proto=ESMTP\n",
	    { { EVF_origin, "submitted" }, { EVF_sasl_user, "alice" },
		{ EVF_relay_ip, "192.0.2.10" }, { EVF_relay_name, "mail.example.net" } } },
	{ "opensmtpd: at its delivery",
	    "02:41:17 smtpd[9]: 3f9c1d2e4b5a6978 smtp connected address=192.0.2.10 "
	    "host=mail.example.net\n"
	    "02:41:17 smtpd[9]: 3f9c1d2e4b5a6978 smtp message msgid=5a1b2c3d size=2843 "
	    "nrcpt=1 proto=ESMTP\n"
	    "02:41:17 smtpd[9]: 3f9c1d2e4b5a6978 smtp failed-command command=\"GET / "
	    "HTTP/1.0\" result=\"500 5.5.1 Invalid command: Command unrecognized\"\n"
	    "02:41:18 smtpd[9]: 7d21c0ffee004411 mta delivery evpid=5a1b2c3d9e8f7061 "
	    "from=<x@example.net> to=<bob@example.org> rcpt=<-> source=\"198.51.100.7\" "
	    "relay=\"203.0.113.25 (mx1.example.org)\" delay=2s result=\"Ok\" stat=\"250 ok\"\n",
	    { { EVF_origin, "remote" }, { EVF_size, "2843" }, { EVF_sasl_user, NULL },
		{ EVF_related_queue_id, NULL } } },
	{ "opensmtpd: to the proxy",
	    "02:41:18 smtpd[9]: 7d21c0ffee004411 mta delivery evpid=5a1b2c3e9e8f7061 "
	    "from=<x@example.net> to=<bob@example.org> rcpt=<-> source=\"127.0.0.1\" "
	    "relay=\"127.0.0.1 (localhost)\" delay=2s result=\"TempFail\" stat=\"451 4.3.0 no\"\n",
	    { { EVF_direction, "internal" }, { EVF_outcome, "deferred" } } },
	{ "opensmtpd: through the proxy and back, in a session of days",
	    LONG_SESSION
	    "13:41:17 smtpd[9]: 3f9c1d2e4b5a6979 smtp connected address=192.0.2.10 "
	    "host=mail.example.net\n"
	    "13:41:17 smtpd[9]: 3f9c1d2e4b5a6979 smtp authentication user=alice result=ok\n"
	    "13:41:17 smtpd[9]: 3f9c1d2e4b5a6979 smtp message msgid=25b7c129 size=431 nrcpt=1 "
	    "proto=ESMTP\n"
	    "13:41:17 smtpd[9]: 2d5e2d270e7b929d smtp message msgid=e48c2efa size=654 nrcpt=1 "
	    "proto=ESMTP\n"
	    "13:41:17 smtpd[9]: 2d5e2d26865553d2 mta delivery evpid=25b7c129e7ad98c4 "
	    "from=<alice@example.com> to=<bob@example.org> rcpt=<-> source=\"127.0.0.1\" "
	    "relay=\"127.0.0.1 (localhost)\" delay=0s result=\"Ok\" stat=\"250 2.0.0 e48c2efa "
	    "Message accepted for delivery\"\n"
	    "13:41:18 smtpd[9]: 2d5e2ce38a16b2c1 mta delivery evpid=e48c2efa44931b5e "
	    "from=<alice@example.com> to=<bob@example.org> rcpt=<-> source=\"192.0.2.25\" "
	    "relay=\"203.0.113.30 (mx1.example.org)\" delay=1s result=\"Ok\" stat=\"250 ok\"\n",
	    { { EVF_origin, "submitted" }, { EVF_sasl_user, "alice" },
		{ EVF_related_queue_id, "25b7c129" }, { EVF_size, "654" } } },
	{ "opensmtpd: a bounce, and what it is about",
	    "02:41:17 smtpd[9]: 7d21c0ffee004411 mta delivery evpid=5a1b2c3f9e8f7061 "
	    "from=<alice@example.com> to=<bob@example.org> rcpt=<-> source=\"198.51.100.7\" "
	    "relay=\"203.0.113.25 (mx1.example.org)\" delay=2s result=\"PermFail\" stat=\"550 "
	    "5.1.1 no\"\n"
	    "02:41:18 smtpd[9]: 3f9c1d2e4b5a6980 smtp connected address=local "
	    "host=mx1.example.com\n"
	    "02:41:18 smtpd[9]: 3f9c1d2e4b5a6980 smtp message msgid=6b7c8d90 size=1877 "
	    "nrcpt=1 proto=ESMTP\n"
	    "02:41:18 smtpd[9]: 3f9c1d2e4b5a6980 smtp envelope evpid=6b7c8d909e8f7061 from=<> "
	    "to=<alice@example.com>\n"
	    "02:41:18 smtpd[9]: 91aa00bb22cc33dd mda delivery evpid=6b7c8d909e8f7061 from=<> "
	    "to=<alice@example.com> user=alice delay=0s result=Ok stat=Delivered\n",
	    { { EVF_origin, "bounce" }, { EVF_related_queue_id, "5a1b2c3f" },
		{ EVF_sender, "" } } },
	{ "dovecot: not asked",
	    "02:41:18 dovecot: imap-login: Login: user=<alice>, method=PLAIN, "
	    "rip=198.51.100.7, lip=203.0.113.5, mpid=2301, TLS, session=<Qw3rTyUiOpAsDfGh>\n",
	    { { EVF_origin, NULL }, { EVF_sasl_user, "alice" } } },
};

struct fixture {
	struct ruleset *rules;
	struct parser *parser;
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct diags diags = { 0 };
	const char *dirs[] = { SOURCE_DIR "/rules.d" };

	if (ruleset_load(dirs, 1, &f->rules, &diags) < 0) {
		diags_print(&diags, stderr);
		return -1;
	}
	diags_done(&diags);
	f->parser = parser_new(f->rules, NULL, INT64_C(1795262400000000));
	*state = f;
	return f->parser == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	parser_free(f->parser);
	ruleset_free(f->rules);
	free(f);
	return 0;
}

struct last {
	struct context *context;
	struct event ev;
	size_t n;
};

static void
on_event(void *ctx, struct event *ev)
{
	struct last *last = ctx;

	context_apply(last->context, ev);
	last->ev = *ev;
	last->n++;
}

static void
check_case(struct fixture *f, const struct joined *c)
{
	struct last last = { .context = context_new() };
	struct str rest = str_of(c->lines);
	struct buf line = { 0 }, value = { 0 };

	assert_non_null(last.context);
	while (rest.n > 0) {
		struct str text = str_cut(&rest, '\n'), time = str_cut(&text, ' ');

		buf_clear(&line);
		buf_addf(&line, "Nov 21 %.*s mx1 %.*s", STR_ARG(time), STR_ARG(text));
		const struct line in = { .text = buf_str(&line) };
		size_t before = last.n;

		(void)parser_line(f->parser, &in, STR("test"), on_event, &last);
		if (last.n == before && str_find(text, STR("removed")) < 0 &&
		    str_find(text, STR("disconnected")) < 0)
			fail_msg("%s: nothing read from '%.*s'", c->about, STR_ARG(text));
	}
	for (size_t i = 0; i < 7 && (c->expect[i].value != NULL || c->expect[i].field != 0);
	     i++) {
		const struct expect *e = &c->expect[i];

		buf_clear(&value);
		event_value_text(&last.ev, e->field, &value);
		bool has = event_has(&last.ev, e->field);

		if (has != (e->value != NULL) ||
		    (has && !str_eq(buf_str(&value), str_of(e->value))))
			fail_msg("%s: %s is '%s', expected '%s'", c->about,
			    event_field_name(e->field),
			    has ? buf_cstr(&value) : "(not told)",
			    e->value == NULL ? "(not told)" : e->value);
	}
	buf_done(&line);
	buf_done(&value);
	context_free(last.context);
}

static void
test_facts(void **state)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check_case(*state, &cases[i]);
}

/* --- limits --- */

static void
accept_one(struct context *context, uint32_t number, struct event *ev)
{
	static char id[16], sender[64], message_id[64];

	(void)snprintf(id, sizeof id, "%08X", number);
	(void)snprintf(sender, sizeof sender, "user%u@s%u.example.net", number, number);
	(void)snprintf(message_id, sizeof message_id, "%u@s%u.example.net", number, number);
	*ev = (struct event){ .time_us = INT64_C(1795262400000000) + number };
	event_set_text(ev, EVF_host, STR("mx1"));
	event_set_text(ev, EVF_mta, STR("postfix"));
	event_set_text(ev, EVF_process, STR("postfix/smtpd"));
	event_set_text(ev, EVF_queue_id, str_of(id));
	event_set_num(ev, EVF_kind, KIND_ACCEPTED);
	event_set_num(ev, EVF_direction, DIRECTION_INBOUND);
	event_set_text(ev, EVF_relay_ip, STR("192.0.2.10"));
	event_set_text(ev, EVF_sender, str_of(sender));
	event_set_text(ev, EVF_message_id, str_of(message_id));
	context_apply(context, ev);
}

static bool
is_known(struct context *context, uint32_t number)
{
	static char id[16];
	struct event ev = { .time_us = INT64_C(1795262500000000) };

	(void)snprintf(id, sizeof id, "%08X", number);
	event_set_text(&ev, EVF_host, STR("mx1"));
	event_set_text(&ev, EVF_mta, STR("postfix"));
	event_set_text(&ev, EVF_process, STR("postfix/qmgr"));
	event_set_text(&ev, EVF_queue_id, str_of(id));
	event_set_num(&ev, EVF_kind, KIND_ATTEMPT);
	context_apply(context, &ev);
	return event_has(&ev, EVF_sender);
}

static void
test_ceiling(void **state)
{
#ifdef __SANITIZE_ADDRESS__
	enum { MANY = 2000000, MOST_KIB = 20 * 1024 }; /* checked byte by byte: slow */
#else
	enum { MANY = 10000000, MOST_KIB = 20 * 1024 };
#endif
	struct context *context = context_new();
	struct rusage before, after;
	struct event ev;
	uint32_t known = 0;

	(void)state;
	(void)getrusage(RUSAGE_SELF, &before);
	for (uint32_t i = 0; i < MANY; i++)
		accept_one(context, i, &ev);
	(void)getrusage(RUSAGE_SELF, &after);
	assert_true(after.ru_maxrss - before.ru_maxrss < MOST_KIB);
	assert_true(context_messages_evicted(context) >= MANY - MESSAGES_KEPT);
	for (uint32_t i = 0; i < MANY; i += i < MANY - MESSAGES_KEPT ? 1000 : 1)
		known += is_known(context, i);
	/* A few are gone before their time: more than eight shared a set. */
	assert_in_range(known, MESSAGES_KEPT * 95 / 100, MESSAGES_KEPT);
	assert_false(is_known(context, 0));
	assert_true(is_known(context, MANY - 1));
	context_free(context);
}

/* Whatever stands in them, the texts fit; the rest is cut off. */
static void
test_long_texts(void **state)
{
	static char text[70000];
	struct context *context = context_new();
	struct event ev = { .time_us = INT64_C(1795262400000000) };

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)i;
	for (size_t n = 0; n < sizeof text; n = n * 2 + 1) {
		for (int f = 0; f < EVF_COUNT; f++)
			if (event_field_is_text((enum event_field)f))
				event_set_text(&ev, (enum event_field)f,
				    (struct str){ text, n });
		for (int kind = 0; kind < KIND_COUNT; kind++)
			for (int mta = 0; mta < 3; mta++) {
				static const char *const names[] = { "postfix", "sendmail",
					"opensmtpd" };
				struct event copy = ev;

				event_set_num(&copy, EVF_kind, kind);
				event_set_text(&copy, EVF_mta, str_of(names[mta]));
				event_set_text(&copy, EVF_queue_id,
				    (struct str){ text, n % 24 + 1 });
				event_set_text(&copy, EVF_related_queue_id,
				    (struct str){ text + 1, n % 24 + 1 });
				event_set_num(&copy, EVF_pid, 7);
				event_set_num(&copy, EVF_direction, (int64_t)n % 5);
				event_set_num(&copy, EVF_outcome, (int64_t)n % 4);
				context_apply(context, &copy);
			}
	}
	context_free(context);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_long_texts),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
