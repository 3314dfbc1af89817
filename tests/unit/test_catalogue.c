/* The catalogue as a whole: whose relay it is, loading, faults, hostile text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "catalogue_cases.h"
#include "parsers/catalogue_impl.h"

static void
test_hosts(void **state)
{
	static const struct {
		const char *host, *want;
	} cases[] = {
		{ GOOGLE, "google" },
		{ "ASPMX.L.Google.COM.", "google" },
		{ "alt1.gmail-smtp-in.l.google.com", "google" },
		{ MS_CONSUMER, "microsoft-consumer" },
		{ "eur.olc.protection.outlook.com.", "microsoft-consumer" },
		{ "mx3.hotmail.com", "microsoft-consumer" },
		{ "mit-edu.mail.protection.outlook.com.", "microsoft-365" },
		{ "contoso-com.x-v1.mx.microsoft", "microsoft-365" },
		{ YAHOO, "yahoo" },
		{ "mx-aol.mail.gm0.yahoodns.net", "yahoo" },
		{ "mx01.mail.icloud.com", "apple" },
		{ GMX, "united-internet" },
		{ "mx-ha02.web.de", "united-internet" },
		{ "mx00.t-online.de", "t-online" },
		{ "mx1.mxge.comcast.net", "comcast" },
		{ "mx1a1.comcast.net", "comcast" },
		{ "smtp-in.orange.fr", "orange-fr" },
		{ "smtp-in.libero.it", "libero" },
		{ "smtp-in-v2.libero.it", "libero" },
		{ "mxs.mail.ru", "mail-ru" },
		{ "mx1.qq.com", "tencent" },
		{ "mail.protonmail.ch", "proton" },
		{ "mailsec.protonmail.ch", "proton" },
		{ "mx1.mail.ovh.net", "ovh" },
		{ "mx1.ovh.net", "ovh" },
		/* sendmail cuts long names to 18 bytes, three dots, 18 bytes */
		{ "hotmail-co-uk.olc....ction.outlook.com.", "microsoft-consumer" },
		{ "outlook-com-au.olc...ction.outlook.com.", "microsoft-consumer" },
		{ "some-long-company-...ction.outlook.com.", "microsoft-365" },
		{ "long-company-com.m...ction.outlook.com.", "microsoft-365" },
		{ "alt4.gmail-smtp-in....l.google.com.", "google" },
		{ "mx-customer-number...odns.example.org.", NULL },
		/* nobody's */
		{ "mail.example.org", NULL },
		{ "notgoogle.com", NULL },
		{ "google.com.example.org", NULL },
		{ "...", NULL },
		{ ".", NULL },
		{ "", NULL },
		{ "com", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str got = catalogue_provider_of_host(cat, str_of(cases[i].host));

		assert_str(cases[i].host, got, cases[i].want == NULL ? "" : cases[i].want);
		assert_true(cases[i].want != NULL || got.p == NULL);
	}
}

static void
test_domains(void **state)
{
	static const struct {
		const char *domain, *want;
	} cases[] = {
		{ "gmail.com", "google" },
		{ "GMail.com", "google" },
		{ "googlemail.com", "google" },
		{ "outlook.com", "microsoft-consumer" },
		{ "hotmail.fr", "microsoft-consumer" },
		{ "live.com", "microsoft-consumer" },
		{ "msn.com", "microsoft-consumer" },
		{ "outlook.de", "microsoft-consumer" },
		{ "aol.com", "yahoo" },
		{ "yahoo.co.uk", "yahoo" },
		{ "ymail.com", "yahoo" },
		{ "icloud.com", "apple" },
		{ "mac.com", "apple" },
		{ "gmx.de", "united-internet" },
		{ "web.de", "united-internet" },
		{ "mail.com", "united-internet" },
		{ "magenta.de", "t-online" },
		{ "xfinity.com", "comcast" },
		{ "wanadoo.fr", "orange-fr" },
		{ "virgilio.it", "libero" },
		{ "inwind.it", "libero" },
		{ "bk.ru", "mail-ru" },
		{ "foxmail.com", "tencent" },
		{ "proton.me", "proton" },
		{ "laposte.net", "laposte" },
		{ "example.org", NULL },
		{ "notgmail.com", NULL },
		{ "mail.gmail.com.example.org", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_str(cases[i].domain,
		    catalogue_provider_of_domain(cat, str_of(cases[i].domain)),
		    cases[i].want == NULL ? "" : cases[i].want);
}

/* The text ends where an unreadable page begins. */
static struct str
at_page_end(struct str text, size_t page)
{
	size_t whole = (text.n + page - 1) / page * page;
	char *area = mmap(NULL, whole + page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(area != MAP_FAILED);
	assert_int_equal(mprotect(area + whole, page, PROT_NONE), 0);
	memcpy(area + whole - text.n, text.p, text.n);
	return (struct str){ area + whole - text.n, text.n };
}

static void
explain_edge(struct str text, size_t page)
{
	struct str edge = at_page_end(text, page);
	struct catalogue_question q = { .reply = edge, .relay_name = edge, .status = edge };
	struct catalogue_answer a;

	(void)catalogue_explain(cat, &q, &a);
	(void)catalogue_provider_of_domain(cat, edge);
	q = (struct catalogue_question){
		.text = edge, .provider = edge, .smtp_code = 1 << 30
	};
	(void)catalogue_explain(cat, &q, &a);

	size_t whole = (text.n + page - 1) / page * page;

	(void)munmap((char *)(uintptr_t)(edge.p + edge.n - whole), whole + page);
}

static void
test_hostile(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), big = 1024 * 1024;
	char *million = malloc(big);
	static const char whole[] =
	    "550-5.7.1 host x said: 550-'5.7.1 #5.7.1 smtp;554 -> 421 "
	    "4.7.0 [TSS04] (a:550 =3D5.4.1 \xff\xc3 \0 S3150...=3";

	(void)state;
	assert_non_null(million);
	for (size_t n = 1; n < sizeof whole; n++)
		explain_edge((struct str){ whole, n }, page);
	for (size_t i = 0; i < big; i++)
		million[i] = "550-5.7.1 said: 4 "[i % 18];
	explain_edge((struct str){ million, big }, page);
	for (unsigned c = 0; c < 256; c++) {
		memset(million, (int)c, 5000);
		explain_edge((struct str){ million, 5000 }, page);
	}
	memset(million, ' ', 4000);
	memcpy(million, "550 5.7.1 (S3150) \0\0\xf0\x28", 22);
	struct catalogue_question q = { .reply = { million, 4000 } };
	struct catalogue_answer a;

	assert_true(catalogue_explain(cat, &q, &a));
	assert_str("with NUL bytes", a.code_id, "microsoft-s3150");
	memset(million, 'x', CATALOGUE_MAX_REPLY);
	memcpy(million + CATALOGUE_MAX_REPLY, " S3150", 6);
	assert_false(catalogue_explain(cat, &q, &a)); /* behind the limit */
	free(million);
}

/* Every row that we ship is told by its own token or status, at its own relay. */
static void
test_every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < cat->ncodes; i++) {
		const struct code *code = &cat->codes[i];

		for (size_t k = 0; k < code->tokens.n || k == 0; k++) {
			struct str token = k < code->tokens.n ? code->tokens.p[k] : STR("");
			struct str relay = code->relays.n > 0 ? code->relays.p[0] : STR("");
			char reply[300];
			struct catalogue_question q = { .provider = code->row.provider };
			struct catalogue_answer a;
			status_number s = code->nstatus > 0 ? code->status[0].from : 0;
			bool transient =
			    code->row.temporary == TEMPORARY_YES || s >> 20 == 4;

			snprintf(reply, sizeof reply, "%u %u.%u.%u %.*s",
			    code->smtp_code ? code->smtp_code
			    : transient     ? 450
					    : 550,
			    s >> 20, s >> 10 & 1023, s & 1023, STR_ARG(token));
			q.reply = str_of(reply);
			q.relay_name = relay;
			if (!catalogue_explain(cat, &q, &a) ||
			    !str_eq(a.category, code->row.category))
				fail_msg("%.*s (%.*s): %s gives %.*s (%.*s)",
				    STR_ARG(code->row.id), STR_ARG(code->row.category),
				    reply, STR_ARG(a.code_id), STR_ARG(a.category));
		}
	}
}

static void
test_every_provider(void **state)
{
	(void)state;
	for (size_t i = 0; i < cat->nproviders; i++) {
		const struct provider *p = &cat->providers[i];

		for (size_t k = 0; k < p->mx.n; k++) {
			char host[300];

			snprintf(host, sizeof host, "mx1%s%.*s",
			    p->mx.p[k].p[0] == '.' ? "" : ".", STR_ARG(p->mx.p[k]));
			if (!str_eq(catalogue_provider_of_host(cat, str_of(host)), p->id))
				fail_msg("%s is not of %.*s", host, STR_ARG(p->id));
		}
		for (size_t k = 0; k < p->domains.n; k++)
			if (!str_eq(catalogue_provider_of_domain(cat, p->domains.p[k]),
				p->id))
				fail_msg("%.*s is claimed twice", STR_ARG(p->domains.p[k]));
		assert_true(p->name.n > 0 && p->brief.n > 0);
	}
}

static void
test_lookups(void **state)
{
	const struct catalogue_code *code = catalogue_code(cat, STR("microsoft-s3140"));

	(void)state;
	assert_non_null(code);
	assert_str("category", code->category, "ip-blocklisted");
	assert_str("provider", code->provider, "microsoft-consumer");
	assert_true(code->meaning.n > 0 && code->remedy.n > 0 && code->url.n > 0);
	code = catalogue_code(cat, STR("microsoft-suspected-block"));
	assert_non_null(code);
	assert_str("suspected", code->category, "ip-blocklisted");
	assert_null(catalogue_code(cat, STR("nothing")));
	assert_null(catalogue_code(cat, STR("")));
	assert_true(catalogue_code_count(cat) >= 545);
	assert_str("name", catalogue_provider_name(cat, STR("google")),
	    "Google (Gmail, Google Workspace)");
	assert_str("short", catalogue_provider_short(cat, STR("google")), "Google");
	assert_str("unknown", catalogue_provider_name(cat, STR("nobody")), "nobody");
	assert_string_equal(catalogue_confidence_name(CONFIDENCE_HIGH), "high");
	assert_string_equal(catalogue_temporary_name(TEMPORARY_EITHER), "either");
}

static char *
make_dir(void)
{
	char *dir = strdup("/tmp/test_catalogue.XXXXXX");

	assert_non_null(dir);
	assert_non_null(mkdtemp(dir));
	return dir;
}

static void
write_file(const char *dir, const char *name, const char *text)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
remove_dir(char *dir)
{
	static const char *const names[] = { "providers.yaml", "codes.yaml",
		"suspected.yaml" };

	for (size_t i = 0; i < 3; i++) {
		char path[300];

		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
	free(dir);
}

static void
test_overrides(void **state)
{
	char *own = make_dir();
	const char *dirs[] = { SHIPPED, own };
	struct diags diags = { 0 };
	struct catalogue *both = NULL;
	struct catalogue_answer a;
	struct catalogue_question q = { .reply = STR("550 no (S3150)") };

	(void)state;
	write_file(own, "providers.yaml",
	    "- id: google\n  name: G\n  mx: [.google.com]\n"
	    "- id: ours\n  name: Our provider\n  mx: [.example.net, .googlemail.com]\n");
	write_file(own, "codes.yaml",
	    "- id: microsoft-s3150\n  token: S3150\n  category: policy\n  meaning: ours\n"
	    "- id: ours-1\n  provider: ours\n  token: WE-1\n  category: reputation\n");
	assert_int_equal(catalogue_load(dirs, 2, &both, &diags), 0);
	assert_int_equal(diags.errors, 0);
	assert_str("added", catalogue_provider_of_host(both, STR("mx.example.net")),
	    "ours");
	assert_str("taken", catalogue_provider_of_host(both, STR("x.googlemail.com")),
	    "ours");
	assert_str("kept", catalogue_provider_of_host(both, STR("x.google.com")), "google");
	assert_str("replaced as a whole",
	    catalogue_provider_of_domain(both, STR("gmail.com")), "");
	assert_str("name", catalogue_provider_short(both, STR("google")), "G");
	assert_true(catalogue_explain(both, &q, &a));
	assert_str("replaced", a.category, "policy");
	assert_str("meaning", a.meaning, "ours");
	q.reply = STR("550 WE-1");
	assert_true(catalogue_explain(both, &q, &a));
	assert_str("provider", a.provider, "ours");
	assert_int_equal(catalogue_code_count(both), catalogue_code_count(cat) + 1);
	catalogue_free(both);
	diags_done(&diags);
	remove_dir(own);
}

/* What is told about a folder with this file in it; the shipped one is loaded first. */
static void
assert_fault(const char *file, const char *text, const char *want)
{
	char *own = make_dir();
	const char *dirs[] = { SHIPPED, own };
	struct diags diags = { 0 };
	struct catalogue *out = NULL;
	char *told = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&told, &n);

	write_file(own, file, text);
	assert_non_null(to);
	assert_int_equal(catalogue_load(dirs, 2, &out, &diags), -EINVAL);
	assert_null(out);
	diags_print(&diags, to);
	assert_int_equal(fclose(to), 0);
	if (strstr(told, want) == NULL)
		fail_msg("%s: told %s", want, told);
	free(told);
	diags_done(&diags);
	remove_dir(own);
}

static void
test_faults(void **state)
{
	static const struct {
		const char *file, *text, *want;
	} cases[] = {
		{ "codes.yaml", "- id: a\n  tokn: X12\n  category: policy\n",
		    "codes.yaml:2:3: unknown key 'tokn', did you mean 'token'?" },
		{ "codes.yaml", "- id: a\n  token: X12\n  category: polcy\n",
		    "codes.yaml:3:13: unknown category 'polcy', did you mean 'policy'?" },
		{ "codes.yaml", "- id: a\n  token: X12\n",
		    "codes.yaml:1:3: 'a' needs a category" },
		{ "codes.yaml", "- id: a\n  category: policy\n",
		    "needs a token, a status or" },
		{ "codes.yaml", "- token: X12\n  category: policy\n",
		    "a code needs an id" },
		{ "codes.yaml", "- id: a\n  token: X1\n  category: policy\n",
		    "'X1': expected" },
		{ "codes.yaml", "- id: a\n  status: [5.7]\n  category: policy\n",
		    "codes.yaml:2:12: '5.7' is no status code" },
		{ "codes.yaml", "- id: a\n  status: [5.7.9-5.7.1]\n  category: policy\n",
		    "is no status code" },
		{ "codes.yaml",
		    "- id: a\n  provider: x\n  token: X12\n  category: policy\n",
		    "unknown provider 'x'" },
		{ "codes.yaml",
		    "- id: a\n  token: X12\n  category: policy\n"
		    "- id: a\n  token: X13\n  category: policy\n",
		    "codes.yaml:4:3: 'a' stands twice, first in line 1" },
		{ "codes.yaml", "a: b\n", "expected a list of rows" },
		{ "codes.yaml", "- id: [\n", "codes.yaml:" },
		{ "codes.yaml", "- x\n", "expected a code" },
		{ "providers.yaml", "- id: a\n  mx: [.x.example, .x.example]\n",
		    "stands twice" },
		{ "providers.yaml",
		    "- id: a\n  mx: [.x.example]\n- id: b\n  mx: [x.example]\n",
		    "providers.yaml:3:3: 'x.example' stands twice, first in line 1" },
		{ "providers.yaml", "- id: a\n  mx: .x.example\n",
		    "providers.yaml:2:7: expected a list of words" },
		{ "suspected.yaml",
		    "rows:\n- id: a\n  providers: [x]\n  category: policy\n",
		    "unknown provider 'x'" },
		{ "suspected.yaml", "row: []\n",
		    "unknown key 'row', did you mean 'rows'?" },
		{ "suspected.yaml",
		    "rows:\n- id: a\n  suspected: maybe\n  category: policy\n",
		    "suspected.yaml:3:14" },
	};
	struct catalogue *out = NULL;
	struct diags diags = { 0 };
	static const char *const nowhere[] = { "/nonexistent/a", "/nonexistent/b" };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_fault(cases[i].file, cases[i].text, cases[i].want);
	assert_int_equal(catalogue_load(nowhere, 2, &out, &diags), -ENOENT);
	assert_int_equal(diags.errors, 1);
	diags_done(&diags);
	catalogue_free(NULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_every_provider),
		cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, load_shipped, unload);
}
