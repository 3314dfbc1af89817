/*
 * Any refusal to the shipped catalogue. The input's lines are: outcome and SMTP code (two
 * characters and a number: "3 550"), reply, text, status, relay, provider.
 */
#include "fuzz_check.h"
#include "parsers/catalogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct catalogue *catalogue;

static void
free_catalogue(void)
{
	catalogue_free(catalogue);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const dirs[] = { SOURCE_DIR "/rules.d/catalogue" };
	struct diags diags = { 0 };

	(void)argc;
	(void)argv;
	CHECK(catalogue_load(dirs, 1, &catalogue, &diags) == 0);
	diags_done(&diags);
	(void)atexit(free_catalogue);
	return 0;
}

static void
check_provider(struct str id)
{
	fuzz_touch(id);
	fuzz_touch(catalogue_provider_name(catalogue, id));
	fuzz_touch(catalogue_provider_short(catalogue, id));
}

/* One that was looked up, not told: the catalogue must know it. */
static void
check_found(struct str id)
{
	CHECK((id.p == NULL) == (id.n == 0));
	CHECK(id.n == 0 || catalogue_provider_name(catalogue, id).p != id.p);
	check_provider(id);
}

static void
check_answer(const struct catalogue_answer *a, const struct catalogue_question *q)
{
	static const struct str severities[] = { STR_INIT("info"), STR_INIT("warning"),
		STR_INIT("critical") };
	bool known = false;

	CHECK(a->confidence >= CONFIDENCE_NONE && a->confidence <= CONFIDENCE_HIGH);
	CHECK(a->temporary >= TEMPORARY_UNKNOWN && a->temporary <= TEMPORARY_EITHER);
	CHECK(catalogue_confidence_name(a->confidence) != NULL);
	CHECK(catalogue_temporary_name(a->temporary) != NULL);
	check_provider(a->provider);
	CHECK(q->provider.n == 0 || str_eq(a->provider, q->provider));
	fuzz_touch(a->category);
	fuzz_touch(a->code_id);
	fuzz_touch(a->meaning);
	fuzz_touch(a->remedy);
	fuzz_touch(a->url);
	fuzz_touch(a->severity);
	for (size_t i = 0; i < sizeof severities / sizeof *severities; i++)
		known |= str_eq(a->severity, severities[i]);
	CHECK((a->category.n > 0) == known);
	CHECK((a->category.n > 0) == (a->confidence != CONFIDENCE_NONE));
	CHECK(a->code_id.n == 0 || catalogue_code(catalogue, a->code_id) != NULL);
}

static void
check_same(const struct catalogue_answer *a, const struct catalogue_answer *b)
{
	CHECK(str_eq(a->category, b->category) && str_eq(a->code_id, b->code_id));
	CHECK(str_eq(a->provider, b->provider) && str_eq(a->meaning, b->meaning));
	CHECK(a->confidence == b->confidence && a->suspected == b->suspected);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = fuzz_copy(data, size), left = all;
	struct str head = str_cut(&left, '\n');
	struct catalogue_question q = { .smtp_code = 0 };
	struct catalogue_answer answer, again;

	if (head.n > 0)
		q.outcome = (enum event_outcome)((uint8_t)head.p[0] % OUTCOME_COUNT);
	(void)str_to_int(str_skip(head, 2), &q.smtp_code);
	q.reply = str_cut(&left, '\n');
	q.text = str_cut(&left, '\n');
	q.status = str_cut(&left, '\n');
	q.relay_name = str_cut(&left, '\n');
	q.provider = left;

	bool known = catalogue_explain(catalogue, &q, &answer);

	CHECK(known == (answer.category.n > 0));
	check_answer(&answer, &q);
	CHECK(catalogue_explain(catalogue, &q, &again) == known);
	check_same(&answer, &again);
	check_found(catalogue_provider_of_host(catalogue, q.relay_name));
	check_found(catalogue_provider_of_domain(catalogue, q.relay_name));
	(void)catalogue_code(catalogue, q.provider);
	free((char *)all.p);
	return 0;
}
