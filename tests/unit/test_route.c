/* Which channels tell of what, and when. */
#include "notify/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/clock.h"

static const int64_t now_us = INT64_C(1795228877) * US_PER_S; /* 2026-11-21 02:41:17 UTC */

static void
set_zone(const char *zone)
{
	assert_int_equal(setenv("TZ", zone, 1), 0);
	tzset();
}

/* "a,b" as texts; few enough to be forgotten. */
static struct texts
list_of(const char *text)
{
	static char *kept[256], copies[256][64];
	static size_t n;
	struct texts texts = { &kept[n], 0 };
	struct str rest = str_of(text);

	while (rest.n > 0) {
		struct str one = str_cut(&rest, ',');

		(void)snprintf(copies[n], sizeof copies[n], "%.*s", STR_ARG(one));
		kept[n] = copies[n];
		n++;
		texts.n++;
	}
	return texts;
}

static struct str
host_is(void *ctx, struct str host)
{
	(void)ctx;
	return str_ends_nocase(host, STR(".google.com")) ? STR("google") : STR("");
}

static struct str
domain_is(void *ctx, struct str domain)
{
	(void)ctx;
	return str_eq_nocase(domain, STR("gmail.com")) ? STR("google") : STR("");
}

static const struct route_names names = { host_is, domain_is, NULL };

/* relay: elsewhere; own: this host's; gmail: a provider's relay; the rest speak for
 * themselves. */
static struct channel_settings channels[] = {
	{ .name = (char *)"relay", .kind = CHANNEL_RELAY },
	{ .name = (char *)"own", .kind = CHANNEL_SENDMAIL, .own_path = true },
	{ .name = (char *)"gmail", .kind = CHANNEL_RELAY },
	{ .name = (char *)"journal", .kind = CHANNEL_JOURNAL },
	{ .name = (char *)"beat", .kind = CHANNEL_HEARTBEAT },
	{ .name = (char *)"phone", .kind = CHANNEL_WEBHOOK },
};

enum { NCHANNELS = sizeof channels / sizeof *channels };

static void
set_channels(void)
{
	channels[0].relay.urls = list_of("smtp://smtp.example.net:587");
	channels[0].mail.to = list_of("Ann <ann@gmail.com>");
	channels[1].mail.to = list_of("bob@example.org,Ann <ann@GMAIL.com>");
	channels[2].relay.urls =
	    list_of("smtp://mail.example.net,smtps://smtp.gmail.com:465");
}

/* "relay own|phone" : rank 0 by order of settings, then the fallbacks. */
static void
describe(const struct route_list *list, char *out, size_t size)
{
	int rank = 0;

	*out = '\0';
	for (size_t i = 0; i < list->n; i++) {
		const struct route_entry *entry = &list->entries[i];
		size_t n = strlen(out);

		assert_true(entry->rank == 0 || entry->rank > rank);
		rank = entry->rank;
		(void)snprintf(out + n, size - n, "%s%s",
		    n == 0     ? ""
		    : rank > 0 ? "|"
			       : " ",
		    entry->channel->name);
	}
}

struct route_case {
	const char *name;
	struct {
		const char *match, *to, *fallback;
	} routes[3];
	const char *provider;
	enum severity severity;
	const char *want;
};

static const struct route_case cases[] = {
	{ "no routes: all but heartbeats", { { 0 } }, "", SEVERITY_INFO,
	    "relay own gmail journal phone" },
	{ "one route", { { NULL, "relay", NULL } }, "", SEVERITY_INFO, "relay" },
	{ "fallbacks in order", { { NULL, "relay", "phone,gmail" } }, "", SEVERITY_INFO,
	    "relay|phone|gmail" },
	{ "matches", { { "severity=critical", "phone", NULL }, { NULL, "relay", NULL } },
	    "", SEVERITY_CRITICAL, "relay phone" },
	{ "does not match",
	    { { "severity=critical", "phone", NULL }, { NULL, "relay", NULL } }, "",
	    SEVERITY_WARNING, "relay" },
	{ "nothing matches", { { "severity=critical", "phone", NULL } }, "", SEVERITY_INFO,
	    "" },
	{ "by provider", { { "provider=goo*", "phone", NULL } }, "google", SEVERITY_INFO,
	    "phone" },
	{ "told once",
	    { { NULL, "relay,phone", "phone,gmail" }, { NULL, "phone", "relay" } }, "",
	    SEVERITY_INFO, "relay phone|gmail" },
	{ "heartbeats tell nothing", { { NULL, "relay,beat", NULL } }, "", SEVERITY_INFO,
	    "relay" },
	/* invariant 7 */
	{ "own path, this host: fallback at once", { { NULL, "own", "phone,relay" } }, "",
	    SEVERITY_INFO, "own phone|relay" },
	{ "own path: the first fallback that does not share", { { NULL, "own", "relay" } },
	    "", SEVERITY_INFO, "relay own" },
	{ "own path, no fallback: another channel", { { NULL, "own", NULL } }, "",
	    SEVERITY_INFO, "relay own" },
	{ "own path: a person hears of it already", { { NULL, "own,phone", "relay" } }, "",
	    SEVERITY_INFO, "own phone|relay" },
	{ "own path: the journal is nobody", { { NULL, "own,journal", NULL } }, "",
	    SEVERITY_INFO, "relay own journal" },
	{ "own path, recipient's provider", { { NULL, "own", "phone" } }, "google",
	    SEVERITY_INFO, "own phone" },
	{ "own path, another provider", { { NULL, "own", "phone" } }, "yahoo",
	    SEVERITY_INFO, "own|phone" },
	{ "the provider's relay", { { NULL, "gmail", "phone" } }, "google", SEVERITY_INFO,
	    "gmail phone" },
	{ "the provider's relay, this host", { { NULL, "gmail", "phone" } }, "",
	    SEVERITY_INFO, "gmail|phone" },
	{ "another relay, recipient's provider", { { NULL, "relay", "phone" } }, "google",
	    SEVERITY_INFO, "relay|phone" },
};

static void
test_routes(void **state)
{
	(void)state;
	set_channels();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct route_case *c = &cases[i];
		struct route routes[3] = { { 0 } };
		struct notify_settings settings = { channels, NCHANNELS, routes, 0, 0,
			NULL };
		struct incident in = { .id = STR("1"),
			.severity = c->severity,
			.provider = str_of(c->provider) };
		struct route_list list;
		char got[200];

		for (; settings.nroutes < 3 && c->routes[settings.nroutes].to != NULL;
		     settings.nroutes++) {
			struct route *route = &routes[settings.nroutes];

			route->match = (char *)c->routes[settings.nroutes].match;
			route->to = list_of(c->routes[settings.nroutes].to);
			route->fallback = list_of(c->routes[settings.nroutes].fallback);
		}
		assert_int_equal(route_find(&settings, &in, now_us, &names, &list), 0);
		describe(&list, got, sizeof got);
		if (strcmp(got, c->want) != 0)
			fail_msg("%s: '%s', not '%s'", c->name, got, c->want);
		route_list_done(&list);
	}
}

/* An incident that is gone, and names that nobody knows. */
static void
test_unknown(void **state)
{
	struct route route = { .match = (char *)"severity=critical" };
	struct notify_settings settings = { channels, NCHANNELS, &route, 1, 0, NULL };
	struct incident in = { .provider = STR("google") };
	struct route_list list;

	(void)state;
	set_channels();
	route.to = list_of("phone");
	assert_int_equal(route_find(&settings, NULL, now_us, NULL, &list), 0);
	assert_int_equal(list.n, 1);
	route_list_done(&list);
	assert_false(route_shares_trouble(&channels[1], &in, NULL));
	assert_true(route_shares_trouble(&channels[1], NULL, NULL));
}

static void
test_repeat(void **state)
{
	struct route route = { .repeat_us = REPEAT_BY_SEVERITY };
	struct incident in = { .severity = SEVERITY_CRITICAL };

	(void)state;
	assert_int_equal(route_repeat_us(&route, &in), INT64_C(86400) * US_PER_S);
	in.severity = SEVERITY_WARNING;
	assert_int_equal(route_repeat_us(&route, &in), 0);
	route.repeat_us = 5;
	assert_int_equal(route_repeat_us(&route, &in), 5);
	route.repeat_us = 0;
	in.severity = SEVERITY_CRITICAL;
	assert_int_equal(route_repeat_us(&route, &in), 0);
}

/* --- quiet hours --- */

static int64_t
at(const char *text)
{
	int64_t at_us;
	int offset_min;

	assert_true(clock_parse_rfc3339(str_of(text), &at_us, &offset_min) > 0);
	return at_us;
}

static const struct {
	const char *zone;
	int from_min, to_min;
	const char *now, *until; /* until NULL: not quiet */
} quiet_cases[] = {
	{ "UTC", 22 * 60, 7 * 60, "2026-11-21T21:59:59Z", NULL },
	{ "UTC", 22 * 60, 7 * 60, "2026-11-21T22:00:00Z", "2026-11-22T07:00:00Z" },
	{ "UTC", 22 * 60, 7 * 60, "2026-11-22T06:59:59Z", "2026-11-22T07:00:00Z" },
	{ "UTC", 22 * 60, 7 * 60, "2026-11-22T07:00:00Z", NULL },
	{ "UTC", 22 * 60, 7 * 60, "2026-12-31T23:00:00Z", "2027-01-01T07:00:00Z" },
	{ "UTC", 12 * 60, 13 * 60 + 30, "2026-11-22T12:10:00Z", "2026-11-22T13:30:00Z" },
	{ "UTC", 12 * 60, 13 * 60 + 30, "2026-11-22T13:30:00Z", NULL },
	{ "UTC", 9 * 60, 9 * 60, "2026-11-22T09:00:00Z", NULL },
	{ "UTC", 0, 24 * 60 - 1, "2026-11-22T23:58:59Z", "2026-11-22T23:59:00Z" },
	{ "Europe/Berlin", 22 * 60, 7 * 60, "2026-11-21T21:30:00Z",
	    "2026-11-22T06:00:00Z" },
	/* The night is an hour shorter, and an hour longer. */
	{ "Europe/Berlin", 22 * 60, 7 * 60, "2027-03-27T22:00:00Z",
	    "2027-03-28T05:00:00Z" },
	{ "Europe/Berlin", 22 * 60, 7 * 60, "2026-10-24T21:00:00Z",
	    "2026-10-25T06:00:00Z" },
	/* They end at a time that never comes: 02:30 is 03:30 then. */
	{ "Europe/Berlin", 22 * 60, 150, "2027-03-28T00:30:00Z", "2027-03-28T01:30:00Z" },
	/* They end at a time that comes twice; and we are in the second hour. */
	{ "Europe/Berlin", 22 * 60, 150, "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z" },
	{ "Europe/Berlin", 22 * 60, 150, "2026-10-25T01:15:00Z", "2026-10-25T01:30:00Z" },
};

static void
test_quiet_hours(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof quiet_cases / sizeof *quiet_cases; i++) {
		struct quiet_hours quiet = { quiet_cases[i].from_min,
			quiet_cases[i].to_min };
		int64_t now = at(quiet_cases[i].now);
		int64_t want =
		    quiet_cases[i].until == NULL ? now : at(quiet_cases[i].until);

		set_zone(quiet_cases[i].zone);
		int64_t got = route_quiet_until(quiet, now);

		if (got != want)
			fail_msg("%s %s: %lld s later than wanted", quiet_cases[i].zone,
			    quiet_cases[i].now, (long long)((got - want) / US_PER_S));
	}
	set_zone("UTC");
}

/* Whatever the zone does: they end, within about a day, and then it is not quiet. */
static void
test_quiet_hours_end(void **state)
{
	static const char *const zones[] = { "UTC", "Europe/Berlin", "America/St_Johns",
		"Australia/Lord_Howe", "Asia/Kathmandu" };

	(void)state;
	for (size_t z = 0; z < sizeof zones / sizeof *zones; z++) {
		set_zone(zones[z]);
		for (int64_t now = at("2026-01-01T00:00:00Z");
		     now < at("2027-01-01T00:00:00Z"); now += INT64_C(1789) * US_PER_S) {
			struct quiet_hours quiet = { 21 * 60 + 17, 2 * 60 + 10 };
			int64_t end = route_quiet_until(quiet, now);

			assert_true(end >= now);
			assert_true(end < now + INT64_C(90000) * US_PER_S);
			assert_int_equal(route_quiet_until(quiet, end), end);
		}
	}
	set_zone("UTC");
}

static void
assert_digest(const struct notify_settings *settings, int64_t at_us, const char *want)
{
	struct route_list list = { 0 };
	char got[200];

	assert_int_equal(route_find_digest(settings, STR("mx1"), at_us, &list), 0);
	describe(&list, got, sizeof got);
	route_list_done(&list);
	assert_string_equal(got, want);
}

/* Who is sent digests: who asked for them, else who reads mail about warnings. */
static void
test_digest(void **state)
{
	struct route routes[2] = { 0 };
	struct notify_settings settings = { .channels = channels, .nchannels = NCHANNELS };

	(void)state;
	set_channels();
	assert_digest(&settings, now_us, "relay own gmail");
	settings.routes = routes;
	settings.nroutes = 1;
	routes[0].to = list_of("phone,own,journal");
	assert_digest(&settings, now_us, "own");
	routes[0].to = list_of("phone");
	routes[0].fallback = list_of("relay");
	assert_digest(&settings, now_us, "");
	settings.nroutes = 2;
	routes[1].to = list_of("journal,phone,journal");
	routes[1].digest = true;
	assert_digest(&settings, now_us, "journal phone");
	routes[1].digest = false;
	routes[0].digest = true;
	assert_digest(&settings, now_us, "phone");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_repeat),
		cmocka_unit_test(test_quiet_hours),
		cmocka_unit_test(test_quiet_hours_end),
		cmocka_unit_test(test_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
