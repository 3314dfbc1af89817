#include "parsers/catalogue.h"

#include "parsers/catalogue_phrases.h"

enum {
	TELLING_PHRASE = 24, /* bytes; shorter words are anybody's */
	AGREEMENT = 24, /* bytes that a phrase counts more if the status says the same */
};

/* What is known about one refusal while it is explained. */
struct inquiry {
	const struct catalogue *cat;
	const struct catalogue_question *q;
	struct str words; /* of the remote side, nested and whole */
	struct str inner; /* innermost, without code and status; n 0: hidden */
	struct str local; /* of the server that logs */
	struct str host;
	struct str provider;
	uint32_t smtp_code;
	status_number status;
	struct str said_by_status; /* category, once asked; empty: nothing of worth */
	bool asked_status;
	bool permanent, transient;
	const struct code *best;
	uint64_t best_weight;
};

/* Classes of rows, from weak to strong (facts, "Matching advice" 3). Suspicions stand
 * between CLASS_PHRASE and CLASS_STATUS_AT_RELAY. */
enum match_class {
	CLASS_NONE,
	CLASS_SMTP_CODE,
	CLASS_VAGUE_STATUS,
	CLASS_WEAK_WORD,
	CLASS_STATUS,
	CLASS_PHRASE,
	CLASS_STATUS_AT_RELAY,
	CLASS_WORDS_OF_ANOTHER,
	CLASS_WORDS,
	CLASS_WORDS_AT_RELAY,
	CLASS_CODE,
	CLASS_CODE_AT_RELAY,
	CLASS_FIRST,
};

static struct str
trim_host(struct str name)
{
	name = str_trim(name);
	while (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	return name.n > CATALOGUE_MAX_HOST ? str_skip(name, name.n - CATALOGUE_MAX_HOST)
					   : name;
}

struct str
catalogue_provider_of_host(const struct catalogue *cat, struct str name)
{
	struct str host = trim_host(name);
	ptrdiff_t cut = str_find(host, STR("..."));
	uint32_t i;

	if (cut > 0) {
		while (str_starts(str_skip(host, (size_t)cut + 3), STR(".")))
			cut++; /* the head ends with a dot */
		struct str tail = str_skip(host, (size_t)cut + 3);

		if (names_find_cut(&cat->hosts, str_head(host, (size_t)cut), tail, &i))
			return cat->providers[i].id;
	} else if (names_find_suffix(&cat->hosts, host, &i)) {
		return cat->providers[i].id;
	}
	return (struct str){ NULL, 0 };
}

struct str
catalogue_provider_of_domain(const struct catalogue *cat, struct str domain)
{
	uint32_t i;

	if (names_find(&cat->domains, trim_host(domain), &i))
		return cat->providers[i].id;
	return (struct str){ NULL, 0 };
}

struct str
catalogue_provider_name(const struct catalogue *cat, struct str id)
{
	uint32_t i;

	return names_find(&cat->provider_ids, id, &i) ? cat->providers[i].name : id;
}

struct str
catalogue_provider_short(const struct catalogue *cat, struct str id)
{
	uint32_t i;

	return names_find(&cat->provider_ids, id, &i) ? cat->providers[i].brief : id;
}

const struct catalogue_code *
catalogue_code(const struct catalogue *cat, struct str id)
{
	uint32_t i;

	if (names_find(&cat->code_ids, id, &i))
		return &cat->codes[i].row;
	if (names_find(&cat->suspicion_ids, id, &i))
		return &cat->suspicions[i].row;
	return NULL;
}

size_t
catalogue_code_count(const struct catalogue *cat)
{
	return cat->ncodes;
}

static bool
is_in_ranges(const struct status_range *ranges, size_t n, status_number status)
{
	for (size_t i = 0; i < n; i++)
		if (status >= ranges[i].from && status <= ranges[i].to)
			return true;
	return false;
}

/* Is host one of these, or below one of these (".google.com")? */
static bool
is_host_among(struct str host, const struct strs *relays)
{
	for (size_t i = 0; i < relays->n; i++) {
		struct str suffix = relays->p[i];

		if (suffix.n > 0 && suffix.p[0] == '.')
			suffix = str_skip(suffix, 1);
		if (str_ends_nocase(host, suffix) &&
		    (host.n == suffix.n || host.p[host.n - suffix.n - 1] == '.'))
			return true;
	}
	return false;
}

static bool
is_at_relay(const struct inquiry *in, const struct code *code)
{
	return (in->provider.n > 0 && str_eq(in->provider, code->row.provider)) ||
	       (in->host.n > 0 && is_host_among(in->host, &code->relays));
}

static bool
fits_reply(const struct inquiry *in, enum catalogue_temporary temporary)
{
	switch (temporary) {
	case TEMPORARY_YES: return !in->permanent;
	case TEMPORARY_NO: return !in->transient;
	default: return true;
	}
}

static void
consider(struct inquiry *in, const struct code *code, enum match_class class, size_t length)
{
	uint64_t weight = (uint64_t) class << 32;

	weight |= (uint64_t)fits_reply(in, code->row.temporary) << 31;
	weight |= (uint64_t)length << 2;
	weight |= (uint64_t)is_in_ranges(code->status, code->nstatus, in->status) << 1;
	weight |= code->relays.n == 0; /* rather nobody's row than another's */
	if (weight > in->best_weight) {
		in->best_weight = weight;
		in->best = code;
	}
}

static enum match_class
best_class(const struct inquiry *in)
{
	return (enum match_class)(in->best_weight >> 32);
}

/* What a status that means one thing only says by itself. */
static struct str
category_of_status(const struct inquiry *in)
{
	const struct code_list *list = &in->cat->bare_status[status_bucket(in->status)];

	for (size_t i = 0; in->status != 0 && i < list->n; i++) {
		const struct code *code = &in->cat->codes[list->items[i]];

		if (code->rank == RANK_NORMAL && code->relays.n == 0 &&
		    is_in_ranges(code->status, code->nstatus, in->status))
			return code->row.category;
	}
	return (struct str){ NULL, 0 };
}

/* Bytes that words of many servers count more for what the status says. */
static size_t
agreement(struct inquiry *in, const struct code *code)
{
	if (!in->asked_status)
		in->said_by_status = category_of_status(in);
	in->asked_status = true;
	return str_eq(code->row.category, in->said_by_status) ? AGREEMENT : 0;
}

static void
found_token(void *ctx, const struct token *token)
{
	struct inquiry *in = ctx;
	const struct code *code = &in->cat->codes[token->code];
	bool here = is_at_relay(in, code);
	bool elsewhere = !here && in->provider.n > 0 && code->relays.n > 0;
	enum match_class class = CLASS_WORDS;

	if (here || elsewhere)
		class = here ? CLASS_WORDS_AT_RELAY : CLASS_WORDS_OF_ANOTHER;

	if (code->rank == RANK_FIRST)
		class = CLASS_FIRST;
	else if (code->rank == RANK_LATE)
		class = CLASS_PHRASE;
	else if (code->rank == RANK_LAST)
		class = CLASS_WEAK_WORD;
	else if (token->is_code)
		class = here ? CLASS_CODE_AT_RELAY : CLASS_CODE;
	consider(in, code, class,
	    token->text.n + (class == CLASS_PHRASE ? agreement(in, code) : 0));
}

/* Phrases are anybody's words, whatever row they stand in. */
static void
found_phrase(void *ctx, uint32_t code, size_t length)
{
	struct inquiry *in = ctx;
	const struct code *row = &in->cat->codes[code];

	consider(in, row, row->rank == RANK_LAST ? CLASS_WEAK_WORD : CLASS_PHRASE,
	    length + agreement(in, row));
}

/* Rows without a token are told by their status, or by the SMTP code alone. */
static void
consider_status(struct inquiry *in)
{
	const struct code_list *list = &in->cat->bare_status[status_bucket(in->status)];

	for (size_t i = 0; i < list->n; i++) {
		const struct code *code = &in->cat->codes[list->items[i]];

		if (!is_in_ranges(code->status, code->nstatus, in->status))
			continue;
		if (code->relays.n == 0)
			/* one status says more than a range of them */
			consider(in, code,
			    code->rank == RANK_LAST ? CLASS_VAGUE_STATUS : CLASS_STATUS,
			    code->status[0].from == code->status[0].to);
		else if (is_at_relay(in, code))
			consider(in, code, CLASS_STATUS_AT_RELAY, 0);
	}
}

static void
consider_smtp_code(struct inquiry *in)
{
	const struct code_list *list = &in->cat->bare_smtp;

	for (size_t i = 0; i < list->n; i++) {
		const struct code *code = &in->cat->codes[list->items[i]];
		bool anywhere = code->relays.n == 0;

		if (code->smtp_code == in->smtp_code && (anywhere || is_at_relay(in, code)))
			consider(in, code, CLASS_SMTP_CODE, anywhere ? 0 : 1);
	}
}

static bool
is_among_nocase(struct str s, const struct strs *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq_nocase(s, list->p[i]))
			return true;
	return false;
}

static bool
is_phrase_of(const struct inquiry *in, const struct suspicion *row)
{
	for (size_t i = 0; i < row->begins.n; i++)
		if (str_eq_nocase(str_head(in->inner, row->begins.p[i].n),
			row->begins.p[i]))
			return true;
	for (size_t i = 0; i < row->contains.n; i++)
		if (str_find_nocase(in->inner, row->contains.p[i]) >= 0)
			return true;
	return row->begins.n == 0 && row->contains.n == 0;
}

static bool
is_suspicion(const struct inquiry *in, const struct suspicion *row)
{
	if (row->nstatus > 0 && !is_in_ranges(row->status, row->nstatus, in->status))
		return false;
	if (row->providers.n > 0 && !is_among_nocase(in->provider, &row->providers))
		return false;
	if (row->smtp_code != 0 && row->smtp_code != in->smtp_code)
		return false;
	if (row->hidden && in->inner.n > 0)
		return false;
	if (row->text.n > 0 && !is_among_nocase(in->local, &row->text))
		return false;
	return is_phrase_of(in, row);
}

static const struct suspicion *
find_suspicion(const struct inquiry *in)
{
	for (size_t i = 0; i < in->cat->nsuspicions; i++)
		if (is_suspicion(in, &in->cat->suspicions[i]))
			return &in->cat->suspicions[i];
	return NULL;
}

/* Do known words and the status say the same? Most refusals of unknown users end here. */
static bool
is_settled(struct inquiry *in)
{
	return best_class(in) == CLASS_PHRASE && agreement(in, in->best) > 0;
}

/* Finds the rows whose token stands in the words, of the whole reply only if its
 * innermost part says nothing; phrases only there, since what stands around it are the
 * words of other servers. */
static void
search_words(struct inquiry *in)
{
	struct scratch scratch;
	struct str inner = reply_innermost(in->words);

	scratch_fill(&scratch, inner);
	tokens_search(&in->cat->tokens, &scratch, found_token, in);
	if (best_class(in) <= CLASS_PHRASE && !is_settled(in))
		phrases_search(&in->cat->phrases, &scratch, found_phrase, in);
	if (best_class(in) <= CLASS_WEAK_WORD && inner.p != in->words.p) {
		scratch_fill(&scratch, in->words);
		tokens_search(&in->cat->tokens, &scratch, found_token, in);
	}
}

static void
begin(struct inquiry *in)
{
	const struct catalogue_question *q = in->q;
	struct str reply = str_trim(str_head(q->reply, CATALOGUE_MAX_REPLY));

	in->local = str_trim(str_head(q->text, CATALOGUE_MAX_REPLY));
	if (is_among_nocase(reply, &in->cat->hidden)) {
		in->local = reply; /* sendmail's stat= taken for a reply */
		reply.n = 0;
	} else if (reply.n == 0 && !is_among_nocase(in->local, &in->cat->hidden)) {
		reply = in->local;
	}
	in->words = reply;
	in->host = trim_host(q->relay_name);
	in->provider = q->provider;
	if (in->provider.n == 0 && in->host.n > 0)
		in->provider = catalogue_provider_of_host(in->cat, in->host);
	in->smtp_code =
	    q->smtp_code > 0 && q->smtp_code < 1000 ? (uint32_t)q->smtp_code : 0;
	(void)status_read(q->status, &in->status);
	in->inner = reply_head(reply_innermost(reply), &in->smtp_code, &in->status);

	uint32_t class = in->smtp_code != 0 ? in->smtp_code / 100 : in->status >> 20;

	if (class == 0 && q->outcome == OUTCOME_DEFERRED)
		class = 4;
	else if (class == 0 && q->outcome != OUTCOME_UNKNOWN)
		class = 5;
	in->permanent = class == 5;
	in->transient = class == 4;
}

void
answer_fill(const struct catalogue_code *row, struct catalogue_answer *a)
{
	a->category = row->category;
	a->code_id = row->id;
	a->meaning = row->meaning;
	a->remedy = row->remedy;
	a->url = row->url;
	a->severity = row->severity;
	a->temporary = row->temporary;
}

/* Whose reply it is when no relay is known: a code or long phrase of one provider's. */
static struct str
provider_of_code(const struct inquiry *in)
{
	size_t length = in->best_weight >> 2 & 0xffff;
	uint32_t i;

	if ((best_class(in) >= CLASS_CODE || length >= TELLING_PHRASE) &&
	    names_find(&in->cat->provider_ids, in->best->row.provider, &i) &&
	    in->cat->providers[i].has_hosts)
		return in->cat->providers[i].id;
	return in->provider;
}

static enum catalogue_confidence confidence_of(enum match_class class)
{
	if (class >= CLASS_WORDS_AT_RELAY)
		return CONFIDENCE_HIGH;
	return class >= CLASS_PHRASE ? CONFIDENCE_MEDIUM : CONFIDENCE_LOW;
}

bool
catalogue_explain(const struct catalogue *cat, const struct catalogue_question *q,
    struct catalogue_answer *answer)
{
	struct inquiry in = { .cat = cat, .q = q };
	const struct suspicion *suspicion = NULL;

	begin(&in);
	*answer = (struct catalogue_answer){ .provider = in.provider };
	if (in.words.n > 0)
		search_words(&in);
	if (in.status != 0 && best_class(&in) < CLASS_WORDS_OF_ANOTHER)
		consider_status(&in);
	if (in.smtp_code != 0 && best_class(&in) <= CLASS_SMTP_CODE)
		consider_smtp_code(&in);
	if (best_class(&in) < CLASS_STATUS_AT_RELAY)
		suspicion = find_suspicion(&in);

	if (suspicion != NULL) {
		answer_fill(&suspicion->row, answer);
		answer->suspected = suspicion->suspected;
		answer->confidence =
		    suspicion->suspected ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH;
	} else if (in.best != NULL) {
		answer_fill(&in.best->row, answer);
		if (in.provider.n == 0)
			answer->provider = provider_of_code(&in);
		answer->confidence = confidence_of(best_class(&in));
	}
	return answer->category.n > 0;
}

const char *
catalogue_confidence_name(enum catalogue_confidence c)
{
	static const char *const names[] = { "none", "low", "medium", "high" };

	return names[c];
}

const char *
catalogue_temporary_name(enum catalogue_temporary t)
{
	static const char *const names[] = { "", "no", "yes", "either" };

	return names[t];
}
