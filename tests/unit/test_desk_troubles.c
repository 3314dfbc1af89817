/* desktop/troubles: what is open, in which order, and which change is news. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <glib.h>

#include "desktop/troubles.h"

struct box {
	struct troubles *troubles;
	const struct trouble *trouble; /* of the last line */
};

static struct box
begin(void)
{
	return (struct box){ .troubles = troubles_new() };
}

static enum trouble_news
take(struct box *box, const char *source, const char *line, bool first)
{
	struct record record;
	enum trouble_news news;

	record_read(&record, str_of(line));
	news = troubles_take(box->troubles, source, &record, first, &box->trouble);
	record_done(&record);
	return news;
}

/* A line of an incident as `mailwarden events --json` writes it. */
static enum trouble_news
tell(struct box *box, const char *source, const char *change, const char *members)
{
	g_autofree char *line =
	    g_strdup_printf("{\"type\":\"incident\",\"change\":\"%s\","
			    "\"at\":\"2026-11-21T10:00:00Z\",\"incident\":{%s}}",
		change, members);

	return take(box, source, line, false);
}

#define READY \
	"{\"type\":\"ready\",\"id\":\"1\",\"incidents\":0,\"at\":\"2026-11-21T10:00:00Z\"}"
#define A "\"id\":\"00000000000a\",\"rule\":\"queue\",\"summary\":\"it grows\","
#define B "\"id\":\"00000000000b\",\"rule\":\"tls\",\"summary\":\"refused\","
#define WARNING "\"severity\":\"warning\",\"state\":\"open\""
#define CRITICAL "\"severity\":\"critical\",\"state\":\"open\""
#define OVER \
	"\"severity\":\"warning\",\"state\":\"resolved\",\"resolved\":\"2026-11-21T10:00:00Z\""

static void
test_news(void **state)
{
	static const struct {
		const char *name, *change, *members;
		enum trouble_news want;
		size_t open;
	} steps[] = {
		{ "opened", "opened", A WARNING, TROUBLE_OPENED, 1 },
		{ "known better", "escalated", A WARNING ",\"count\":7", TROUBLE_WORSE, 1 },
		{ "graver", "escalated", A CRITICAL, TROUBLE_WORSE, 1 },
		{ "somebody works on it", "acknowledged",
		    A CRITICAL ",\"acknowledged\":{\"who\":\"joe\"}", TROUBLE_NOTED, 1 },
		{ "the same again", "acknowledged",
		    A CRITICAL ",\"acknowledged\":{\"who\":\"joe\"}", TROUBLE_SAME, 1 },
		{ "nobody does", "unacknowledged", A CRITICAL, TROUBLE_NOTED, 1 },
		{ "only more of it", "reminder", A CRITICAL ",\"count\":9", TROUBLE_SAME,
		    1 },
		{ "resolved", "resolved", A OVER, TROUBLE_RESOLVED, 0 },
		{ "back", "opened", A WARNING, TROUBLE_OPENED, 1 },
		{ "its body is gone", "escalated", "\"id\":\"00000000000a\"", TROUBLE_SAME,
		    1 },
		{ "its body is gone, and it is over", "resolved", "\"id\":\"00000000000a\"",
		    TROUBLE_RESOLVED, 0 },
		{ "forgotten and never known", "opened", "\"id\":\"00000000000f\"",
		    TROUBLE_SAME, 0 },
		{ "over when it was heard of", "opened", B OVER, TROUBLE_NOTED, 0 },
		{ "no id", "opened", WARNING, TROUBLE_SAME, 0 },
	};
	struct box box = begin();

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		enum trouble_news news =
		    tell(&box, "mx1", steps[i].change, steps[i].members);

		if (news != steps[i].want || troubles_open(box.troubles) != steps[i].open)
			fail_msg("%s: news %d, %zu open", steps[i].name, news,
			    troubles_open(box.troubles));
	}
	troubles_free(box.troubles);
}

static void
test_what_is_kept(void **state)
{
	static const char line[] =
	    "{\"type\":\"incident\",\"change\":\"open\",\"at\":\"2026-11-21T10:00:00Z\","
	    "\"incident\":{" A CRITICAL ",\"group\":{\"host\":\"mail.example.org\"},"
	    "\"provider\":\"outlook\",\"opened\":\"1970-01-01T00:00:01Z\","
	    "\"last_seen\":\"1970-01-01T00:00:02Z\","
	    "\"silenced_until\":\"1970-01-01T00:00:03Z\",\"count\":57,"
	    "\"acknowledged\":{\"at\":\"2026-11-21T10:00:00Z\",\"who\":\"joe\"},"
	    "\"advice\":\"wait\",\"samples\":[\"one\",\"two\"]}}";
	struct box box = begin();

	(void)state;
	assert_int_equal(take(&box, "mx1", line, true), TROUBLE_OPENED);
	const struct trouble *t = box.trouble;

	assert_ptr_equal(t, troubles_get(box.troubles, 0));
	assert_ptr_equal(t, troubles_find(box.troubles, "mx1", "00000000000a"));
	assert_null(troubles_find(box.troubles, "mx2", "00000000000a"));
	assert_string_equal(t->source, "mx1");
	assert_string_equal(t->host, "mail.example.org");
	assert_string_equal(t->provider, "outlook");
	assert_string_equal(t->summary, "it grows");
	assert_string_equal(t->advice, "wait");
	assert_string_equal(t->acknowledged_by, "joe");
	assert_string_equal(t->samples[1], "two");
	assert_null(t->samples[2]);
	assert_true(t->open && t->acknowledged);
	assert_int_equal(t->severity, DESK_CRITICAL);
	assert_int_equal(t->opened_us, 1000000);
	assert_int_equal(t->last_seen_us, 2000000);
	assert_int_equal(t->silenced_until_us, 3000000);
	assert_int_equal(t->count, 57);
	troubles_free(box.troubles);
}

static const char open_a[] =
    "{\"type\":\"incident\",\"change\":\"open\",\"incident\":{" A WARNING "}}";
static const char open_b[] =
    "{\"type\":\"incident\",\"change\":\"open\",\"incident\":{" B WARNING "}}";

/* What is open is news once; after that only its changes are. */
static void
test_begin(void **state)
{
	struct box box = begin();

	(void)state;
	troubles_begin(box.troubles, "mx1");
	assert_int_equal(take(&box, "mx1", open_a, true), TROUBLE_OPENED);
	assert_int_equal(take(&box, "mx1", READY, true), TROUBLE_SAME);
	assert_int_equal(tell(&box, "mx2", "opened", A WARNING), TROUBLE_OPENED);

	/* The connection was lost; meanwhile one was resolved and one opened. */
	troubles_begin(box.troubles, "mx1");
	assert_int_equal(take(&box, "mx1", open_b, false), TROUBLE_NOTED);
	assert_int_equal(troubles_open(box.troubles), 3); /* not sure yet */
	assert_int_equal(take(&box, "mx1", READY, false), TROUBLE_NOTED);
	assert_null(box.trouble);
	assert_null(troubles_find(box.troubles, "mx1", "00000000000a"));
	assert_non_null(troubles_find(box.troubles, "mx1", "00000000000b"));
	assert_non_null(troubles_find(box.troubles, "mx2", "00000000000a"));
	/* How it came to this follows. */
	assert_int_equal(tell(&box, "mx1", "resolved", A OVER), TROUBLE_RESOLVED);
	assert_int_equal(tell(&box, "mx1", "opened", B WARNING), TROUBLE_OPENED);
	assert_int_equal(troubles_open(box.troubles), 2);

	troubles_forget(box.troubles, "mx2");
	assert_int_equal(troubles_open(box.troubles), 1);
	troubles_free(box.troubles);
}

/* The store there is replaced while it is followed: the list is told without a new begin. */
static void
test_other_store(void **state)
{
	struct box box = begin();

	(void)state;
	troubles_begin(box.troubles, "mx1");
	(void)take(&box, "mx1", open_a, false);
	(void)take(&box, "mx1", READY, false);
	(void)take(&box, "mx2", open_a, false); /* its list has not ended yet */
	(void)take(&box, "mx1", open_b, false);
	assert_int_equal(take(&box, "mx1", READY, false), TROUBLE_NOTED);
	assert_null(troubles_find(box.troubles, "mx1", "00000000000a"));
	assert_non_null(troubles_find(box.troubles, "mx1", "00000000000b"));
	assert_int_equal(take(&box, "mx2", READY, false), TROUBLE_SAME);
	assert_non_null(troubles_find(box.troubles, "mx2", "00000000000a"));
	troubles_free(box.troubles);
}

static void
test_order(void **state)
{
	static const char *const want[] = { "c", "d", "b", "a", "f", "e" };
	struct box box = begin();

	(void)state;
	(void)tell(&box, "mx1", "opened",
	    "\"id\":\"a\",\"rule\":\"r\",\"opened\":\"2026-11-20T10:00:00Z\"," WARNING);
	(void)tell(&box, "mx1", "resolved",
	    "\"id\":\"e\",\"rule\":\"r\",\"severity\":\"critical\",\"state\":\"resolved\","
	    "\"resolved\":\"2026-11-20T10:00:00Z\"");
	(void)tell(&box, "mx2", "opened",
	    "\"id\":\"b\",\"rule\":\"r\",\"opened\":\"2026-11-20T11:00:00Z\"," WARNING);
	(void)tell(&box, "mx2", "opened",
	    "\"id\":\"d\",\"rule\":\"r\",\"opened\":\"2026-11-19T10:00:00Z\"," CRITICAL);
	(void)tell(&box, "mx1", "opened",
	    "\"id\":\"c\",\"rule\":\"r\",\"opened\":\"2026-11-19T10:00:00Z\"," CRITICAL);
	(void)tell(&box, "mx1", "resolved",
	    "\"id\":\"f\",\"rule\":\"r\",\"severity\":\"info\",\"state\":\"resolved\","
	    "\"resolved\":\"2026-11-20T11:00:00Z\"");
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		assert_string_equal(troubles_get(box.troubles, i)->id, want[i]);
	assert_null(troubles_get(box.troubles, sizeof want / sizeof *want));
	assert_int_equal(troubles_open(box.troubles), 4);
	troubles_free(box.troubles);
}

static void
test_worst(void **state)
{
	struct box box = begin();

	(void)state;
	assert_int_equal(troubles_worst(box.troubles, true), DESK_NONE);
	(void)tell(&box, "mx1", "opened", B OVER);
	assert_int_equal(troubles_worst(box.troubles, true), DESK_NONE);
	(void)tell(&box, "mx1", "opened", A CRITICAL ",\"acknowledged\":{\"who\":\"joe\"}");
	(void)tell(&box, "mx1", "opened", B WARNING);
	assert_int_equal(troubles_worst(box.troubles, true), DESK_CRITICAL);
	assert_int_equal(troubles_worst(box.troubles, false), DESK_WARNING);
	troubles_free(box.troubles);
}

static void
test_limits(void **state)
{
	struct box box = begin();
	size_t n = 0;

	(void)state;
	(void)tell(&box, "mx2", "opened", A WARNING);
	for (int i = 0; i < TROUBLES_KEPT + 20; i++) {
		g_autofree char *members =
		    g_strdup_printf("\"id\":\"%d\",\"rule\":\"r\"," WARNING, i);

		assert_int_equal(tell(&box, "mx1", "opened", members), TROUBLE_OPENED);
	}
	assert_int_equal(troubles_open(box.troubles), TROUBLES_KEPT + 1);
	/* A worse one finds its place. */
	(void)tell(&box, "mx1", "opened", B CRITICAL);
	assert_string_equal(troubles_get(box.troubles, 0)->id, "00000000000b");
	for (int i = 0; i < 15; i++) {
		g_autofree char *members =
		    g_strdup_printf("\"id\":\"old%d\",\"rule\":\"r\"," OVER, i);

		(void)tell(&box, "mx1", "resolved", members);
	}
	while (troubles_get(box.troubles, n) != NULL)
		n++;
	assert_int_equal(n, TROUBLES_KEPT + 1 + 10);
	troubles_free(box.troubles);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_news),
		cmocka_unit_test(test_what_is_kept),
		cmocka_unit_test(test_begin),
		cmocka_unit_test(test_other_store),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_worst),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
