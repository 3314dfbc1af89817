/* ingest/dmarc: rows of aggregate reports, as reporters write them and as nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/dmarc.h"
#include "report_box.h"

#define DECLARED "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n"
#define META                                                                      \
	"<report_metadata><org_name>Example Inc.</org_name>"                      \
	"<email>dmarc@reporter.example.net</email><report_id>42</report_id>"      \
	"<date_range><begin>1795132800</begin><end>1795219199</end></date_range>" \
	"</report_metadata>"
#define POLICY(more)                                          \
	"<policy_published><domain>Example.ORG</domain>" more \
	"<p>none</p></policy_published>"
#define ROW(ip, count, evaluated) \
	"<row><source_ip>" ip "</source_ip><count>" count "</count>" evaluated "</row>"
#define EVALUATED(disposition, dkim, spf)                                         \
	"<policy_evaluated><disposition>" disposition "</disposition><dkim>" dkim \
	"</dkim><spf>" spf "</spf></policy_evaluated>"
#define FROM(domain) "<identifiers><header_from>" domain "</header_from></identifiers>"
#define DKIM(domain, result) \
	"<dkim><domain>" domain "</domain><result>" result "</result></dkim>"
#define SPF(domain, result) \
	"<spf><domain>" domain "</domain><result>" result "</result></spf>"
#define AUTH(results) "<auth_results>" results "</auth_results>"
#define RECORD(x) "<record>" x "</record>"
#define FEEDBACK(x) "<feedback>" META POLICY("") x "</feedback>"
#define GOOD                                                               \
	RECORD(ROW("198.51.100.7", "2", EVALUATED("none", "pass", "pass")) \
		FROM("example.org") AUTH(SPF("example.org", "pass")))
#define GOOD_LINE                                                                      \
	"dmarc: sender=<example.org>, text=\"SPF example.org: pass; of 2026-11-20\", " \
	"repeated=2, reporter=Example-Inc., source_ip=198.51.100.7, ours=yes, "        \
	"domain=example.org, spf=pass, dkim=pass, disposition=none\n"
/* A row without policy_evaluated, and what its end must be. */
#define WORKED_OUT(mode, from, auth)                                      \
	"<feedback><policy_published><domain>example.org</domain>" mode   \
	"</policy_published>" RECORD(ROW("192.0.2.1", "1", "") FROM(from) \
		AUTH(auth)) "</feedback>"

static const struct sample {
	const char *name;
	struct str xml;
	const char *want; /* all lines, or NULL: `ending` */
	const char *ending;
} samples[] = {
	{ "plain", STR_INIT(DECLARED FEEDBACK(GOOD)), GOOD_LINE, NULL },
	{ "no declaration", STR_INIT(FEEDBACK(GOOD)), GOOD_LINE, NULL },
	{ "mark of byte order, blanks before the declaration",
	    STR_INIT("\xef\xbb\xbf\r\n " DECLARED FEEDBACK(GOOD)), GOOD_LINE, NULL },
	{ "rubbish behind the root", STR_INIT(FEEDBACK(GOOD) "\0\x1a<<<&"), GOOD_LINE,
	    NULL },
	{ "namespace of the RFC's successor",
	    STR_INIT(DECLARED
		"<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\"><version>1.0</version>" META
		    POLICY(
			"<np>reject</np><testing>n</testing>") "<extension><x:a "
							       "xmlns:x=\"urn:x\"><record/><count>9</count></x:a></extension>" GOOD
							       "</feedback>"),
	    GOOD_LINE, NULL },
	{ "prefixes",
	    STR_INIT("<d:feedback xmlns:d=\"urn:ietf:params:xml:ns:dmarc-2.0\"><d:record>"
		     "<d:row><d:source_ip>192.0.2.1</d:source_ip><d:count>1</d:count>"
		     "</d:row></d:record></d:feedback>"),
	    "dmarc: repeated=1, source_ip=192.0.2.1, ours=no\n", NULL },
	{ "metadata behind the rows",
	    STR_INIT("<feedback>" GOOD POLICY("") META "</feedback>"), GOOD_LINE, NULL },
	{ "UTF-16 declared, UTF-8 kept to",
	    STR_INIT("<?xml version=\"1.0\" encoding=\"utf-16\"?>" FEEDBACK(GOOD)),
	    GOOD_LINE, NULL },
	{ "windows-1252, declared",
	    STR_INIT("<?xml version='1.0' encoding='windows-1252'?>"
		     "<feedback><!-- caf\xe9 \x80 -->" META POLICY("") GOOD "</feedback>"),
	    GOOD_LINE, NULL },
	{ "windows-1252 that says it is UTF-8",
	    STR_INIT(DECLARED "<feedback><!-- caf\xe9 \x80 -->" META POLICY("") GOOD
		"</feedback>"),
	    GOOD_LINE, NULL },
	{ "a charset nobody knows",
	    STR_INIT("<?xml version='1.0' encoding='x-mac-klingon'?>" FEEDBACK(GOOD)),
	    GOOD_LINE, NULL },
	{ "upper case, blanks, a domain with a dot",
	    STR_INIT(FEEDBACK(RECORD(ROW(" 198.51.100.7\n", " 2 ",
		EVALUATED("NONE", " PASS ", "Pass\n")) FROM("Example.Org.")
		    AUTH(SPF("example.org", "PASS"))))),
	    GOOD_LINE, NULL },
	{ "no name: the mail address's domain",
	    STR_INIT("<feedback><report_metadata><org_name></org_name>"
		     "<email>dmarc@reporter.example.net</email></report_metadata>" RECORD(
			 ROW("192.0.2.1", "1", "")) "</feedback>"),
	    "dmarc: repeated=1, reporter=reporter.example.net, source_ip=192.0.2.1, "
	    "ours=no\n",
	    NULL },
	{ "reasons, several results",
	    STR_INIT("<feedback>" RECORD(ROW("192.0.2.1", "3",
		"<policy_evaluated><disposition>none</disposition><dkim>fail</dkim>"
		"<spf>fail</spf><reason><type>mailing_list</type><comment></comment>"
		"</reason><reason><type>local_policy</type><comment>arc=pass as.1="
		"\"example\"</comment></reason></policy_evaluated>") FROM("example.org")
		    AUTH("<dkim><domain>example.org</domain><selector>s1</selector>"
			 "<result>fail</result><human_result>body hash did not "
			 "verify</human_result></dkim>" DKIM("lists.example.net", "pass")
			     SPF("lists.example.net", "pass"))) "</feedback>"),
	    "dmarc: sender=<example.org>, text=\"mailing_list; local_policy: arc=pass "
	    "as.1=?example?; DKIM example.org (s1): fail; DKIM lists.example.net: pass; "
	    "SPF lists.example.net: pass\", repeated=3, source_ip=192.0.2.1, ours=no, "
	    "spf=fail, dkim=fail, disposition=none\n",
	    NULL },
	/* addresses */
	{ "in brackets", STR_INIT(FEEDBACK(RECORD(ROW("[2001:db8::7]", "1", "")))), NULL,
	    "source_ip=2001:db8::7, ours=yes, domain=example.org\n" },
	{ "mapped", STR_INIT(FEEDBACK(RECORD(ROW("::ffff:198.51.100.7", "1", "")))), NULL,
	    "source_ip=198.51.100.7, ours=yes, domain=example.org\n" },
	{ "long and upper case",
	    STR_INIT(FEEDBACK(RECORD(ROW("2001:0DB8:0:0:0:0:0:0007", "1", "")))), NULL,
	    "source_ip=2001:db8::7, ours=yes, domain=example.org\n" },
	{ "in the network", STR_INIT(FEEDBACK(RECORD(ROW("203.0.113.15", "1", "")))), NULL,
	    "source_ip=203.0.113.15, ours=yes, domain=example.org\n" },
	{ "past the network", STR_INIT(FEEDBACK(RECORD(ROW("203.0.113.16", "1", "")))),
	    NULL, "source_ip=203.0.113.16, ours=no, domain=example.org\n" },
	{ "none at all", STR_INIT(FEEDBACK(RECORD(ROW("unknown", "1", "")))), NULL,
	    "source_ip=unknown, ours=no, domain=example.org\n" },
	/* counts */
	{ "0", STR_INIT("<feedback>" RECORD(ROW("192.0.2.1", "0", "")) "</feedback>"),
	    "dmarc: repeated=0, source_ip=192.0.2.1, ours=no\n", NULL },
	{ "huge",
	    STR_INIT("<feedback>" RECORD(ROW("192.0.2.1", "99999999999999999999",
		"")) "</feedback>"),
	    "dmarc: text=\"count past 1000000000: taken as that\", repeated=1000000000, "
	    "source_ip=192.0.2.1, ours=no\n",
	    NULL },
	{ "negative",
	    STR_INIT("<feedback>" RECORD(ROW("192.0.2.1", "-5", "")) "</feedback>"),
	    "dmarc: text=\"no count that can be read: taken as 1\", repeated=1, "
	    "source_ip=192.0.2.1, ours=no\n",
	    NULL },
	{ "twice: the first",
	    STR_INIT("<feedback>" RECORD(ROW("192.0.2.1", "4",
		"<count>7</count>")) "</feedback>"),
	    "dmarc: repeated=4, source_ip=192.0.2.1, ours=no\n", NULL },
	/* without policy_evaluated: RFC 7489, 3.1 */
	{ "the same domain",
	    STR_INIT(WORKED_OUT("", "example.org",
		DKIM("EXAMPLE.org", "pass") SPF("example.org", "fail"))),
	    NULL, "spf=fail, dkim=pass\n" },
	{ "parent and child, relaxed",
	    STR_INIT(WORKED_OUT("<adkim>r</adkim>", "news.example.org",
		DKIM("example.org", "pass") SPF("bounce.news.example.org", "pass"))),
	    NULL, "spf=pass, dkim=pass\n" },
	{ "parent and child, strict",
	    STR_INIT(WORKED_OUT("<adkim>s</adkim><aspf>s</aspf>", "example.org",
		DKIM("mail.example.org", "pass") SPF("mail.example.org", "pass"))),
	    NULL, "spf=fail, dkim=fail\n" },
	{ "only the end of a name, and a top level",
	    STR_INIT(WORKED_OUT("", "example.org",
		DKIM("badexample.org", "pass") SPF("org", "pass"))),
	    NULL, "spf=fail, dkim=fail\n" },
	{ "the second signature",
	    STR_INIT(WORKED_OUT("", "example.org",
		DKIM("esp.example.net", "pass") DKIM("example.org", "pass")
		    SPF("esp.example.net", "pass"))),
	    NULL, "spf=fail, dkim=pass\n" },
	{ "SPF of the HELO name does not align",
	    STR_INIT(WORKED_OUT("", "example.org",
		"<spf><domain>example.org</domain><scope>helo</scope><result>pass</result>"
		"</spf>")),
	    NULL, "spf=fail, dkim=fail\n" },
	{ "other words are no pass",
	    STR_INIT(FEEDBACK(RECORD(ROW("192.0.2.1", "1",
		EVALUATED("reject", "temperror", "softfail"))))),
	    NULL, "spf=fail, dkim=fail, disposition=reject\n" },
};

static void
test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
		struct report_box box = { 0 };
		struct report_sink sink = { report_box_take, &box };
		struct err err = { "" };
		size_t left_out;
		int n =
		    dmarc_read(samples[i].xml, &report_box_host, &sink, &left_out, &err);

		if (n < 0 || (size_t)n != box.events)
			fail_msg("%s: %d: %s", samples[i].name, n, err.text);
		struct str got = buf_str(&box.lines);

		if (samples[i].want != NULL ? !str_eq(got, str_of(samples[i].want))
					    : !str_ends(got, str_of(samples[i].ending)))
			fail_msg("%s: got %.*s", samples[i].name, STR_ARG(got));
		assert_int_equal(left_out, 0);
		buf_done(&box.lines);
	}
}

static void
assert_refused(struct str xml, int code, const char *why)
{
	struct report_box box = { 0 };
	struct report_sink sink = { report_box_take, &box };
	struct err err = { "" };
	size_t left_out;

	assert_int_equal(dmarc_read(xml, &report_box_host, &sink, &left_out, &err), code);
	assert_int_equal(box.events, 0);
	if (strstr(err.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	buf_done(&box.lines);
}

#define LAUGH(n, m) "<!ENTITY l" #n " \"&l" #m ";&l" #m ";&l" #m ";&l" #m ";&l" #m ";\">\n"

static void
test_refused(void **state)
{
	(void)state;
	assert_refused(STR(""), -EBADMSG, "line 1, column 1: no element found");
	assert_refused(STR("not XML"), -EBADMSG, "line 1, column 1");
	assert_refused(STR("<html><body>"), -EBADMSG, "the root is <html>");
	/* All or nothing: the rows before the fault are not told. */
	assert_refused(STR("<feedback>\n" GOOD "\n<record></feedback>"), -EBADMSG,
	    "line 3, column 11: mismatched tag");
	assert_refused(STR("<feedback>\n" GOOD), -EBADMSG, "no element found");
	assert_refused(STR(DECLARED "<!DOCTYPE feedback>" FEEDBACK(GOOD)), -EBADMSG,
	    "line 2, column 19: a document type declaration");
	assert_refused(STR("<!DOCTYPE f [\n<!ENTITY l0 \"ha\">\n" LAUGH(1, 0) LAUGH(2, 1)
			       LAUGH(3, 2) "]><feedback>&l3;</feedback>"),
	    -EBADMSG, "a document type declaration");
	assert_refused(STR("<!DOCTYPE f SYSTEM \"file:///etc/passwd\"><feedback/>"),
	    -EBADMSG, "a document type declaration");
	assert_refused(STR("<feedback>" META "</feedback>"), -EBADMSG,
	    "it has no <record>");
	assert_refused(STR("<feedback>&x;</feedback>"), -EBADMSG, "undefined entity");
}

static void
add_times(struct buf *b, const char *text, size_t times)
{
	for (size_t i = 0; i < times; i++)
		buf_add(b, str_of(text));
}

static void
test_limits(void **state)
{
	AUTO(buf_done) struct buf xml = { 0 };
	struct report_box box = { 0 };
	struct report_sink sink = { report_box_take, &box };
	struct err err = { "" };
	size_t left_out;

	(void)state;
	add_times(&xml, "<feedback>", 1);
	add_times(&xml, "<a>", 1000000);
	assert_refused(buf_str(&xml), -EBADMSG, "more than 32 elements in each other");

	buf_clear(&xml);
	add_times(&xml, "<feedback>", 1);
	add_times(&xml, "<a/>", 1000001);
	assert_refused(buf_str(&xml), -E2BIG, "more than 1000000 elements");

	buf_clear(&xml);
	add_times(&xml, "<feedback>", 1);
	add_times(&xml, GOOD, REPORT_EVENTS + 3);
	add_times(&xml, "</feedback>", 1);
	assert_int_equal(dmarc_read(buf_str(&xml), &report_box_host, &sink, &left_out,
			     &err),
	    REPORT_EVENTS);
	assert_int_equal(box.events, REPORT_EVENTS);
	assert_int_equal(left_out, 3);

	buf_clear(&xml);
	add_times(&xml, "<feedback><record><row><source_ip>", 1);
	add_times(&xml, "9", 3 * REPORT_FIELD_BYTES);
	add_times(&xml, "</source_ip></row></record></feedback>", 1);
	assert_int_equal(dmarc_read(buf_str(&xml), &report_box_host, &sink, &left_out,
			     &err),
	    1);
	buf_done(&box.lines);
}

/* The sink's refusal ends it and comes back; without addresses nothing is known. */
static void
test_sink_and_host(void **state)
{
	struct report_box box = { .answer = -ENOSPC };
	struct report_sink sink = { report_box_take, &box };
	struct report_host nobody = { .name = STR("mx1") };
	size_t left_out;

	(void)state;
	assert_int_equal(dmarc_read(STR(FEEDBACK(GOOD GOOD)), &nobody, &sink, &left_out,
			     NULL),
	    -ENOSPC);
	assert_int_equal(box.events, 1);
	assert_null(strstr(buf_cstr(&box.lines), "ours="));
	buf_done(&box.lines);
}

/* Cut anywhere: an error, never rows. */
static void
test_cut(void **state)
{
	static const struct str whole = STR_INIT(DECLARED FEEDBACK(GOOD));

	(void)state;
	for (size_t n = 0; n < whole.n; n++) {
		char *copy = malloc(n + 1);

		assert_non_null(copy);
		memcpy(copy, whole.p, n);
		copy = realloc(copy, n > 0 ? n : 1);
		assert_refused((struct str){ copy, n }, -EBADMSG, "read DMARC report");
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_sink_and_host),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
