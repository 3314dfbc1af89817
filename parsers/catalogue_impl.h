/*
 * catalogue_impl - what the files of the catalogue module share
 *
 * catalogue_load.c fills it, catalogue_names.c finds hosts, domains and ids,
 * catalogue_match.c finds tokens in replies and catalogue_phrases.c phrases, catalogue.c
 * weighs and answers. All
 * text is a copy in the catalogue's own chunks.
 */
#ifndef PARSERS_CATALOGUE_IMPL_H
#define PARSERS_CATALOGUE_IMPL_H

#include "core/yaml.h"
#include "parsers/catalogue.h"

enum {
	MIN_TOKEN = 3, /* bytes that are no blanks */
	MAX_TOKEN = 120,
	SQUEEZE_FROM = 12, /* tokens this long also match with blanks left out */
	TOKEN_BUCKETS = 2048,
};

/* A hash table from a name, without regard to case, to an index. */
struct names {
	struct name *slots;
	size_t mask, n;
};

struct name {
	struct str key;
	uint32_t hash;
	uint32_t value;
};

int names_put(struct names *names, struct str key, uint32_t value);
bool names_find(const struct names *names, struct str key, uint32_t *value_out);
/* The longest run of labels at the end of `host` that is a name. */
bool names_find_suffix(const struct names *names, struct str host, uint32_t *value_out);
/* For a host with "..." in its middle, as sendmail cuts it. */
bool names_find_cut(const struct names *names, struct str head, struct str tail,
    uint32_t *value_out);
void names_done(struct names *names);

/* "5.7.1" as one number that sorts; 0: none. */
typedef uint32_t status_number;

struct status_range {
	status_number from, to;
};

/* Memory that lives as long as the catalogue; NULL without any. */
void *catalogue_take(struct catalogue *cat, size_t bytes);

/* Bytes used by the status at the beginning of s, 0 if it is none. */
size_t status_read(struct str s, status_number *out);

struct strs {
	struct str *p;
	size_t n;
};

/* Where a row stands among those that match (facts: "Matching advice", 3). */
enum code_rank {
	RANK_NORMAL,
	RANK_FIRST, /* goes before all else: it tells a fault of the receiver */
	RANK_LATE,  /* a phrase of many servers */
	RANK_LAST,  /* one weak word, or a status that says next to nothing */
};

struct code {
	struct catalogue_code row;
	uint32_t smtp_code;
	struct status_range *status;
	size_t nstatus;
	struct strs tokens; /* any of them */
	struct strs relays;
	enum code_rank rank;
};

struct suspicion {
	struct catalogue_code row; /* row.id is the code_id to tell */
	struct str id;
	struct strs providers, text, begins, contains;
	struct status_range *status;
	size_t nstatus;
	uint32_t smtp_code;
	bool hidden; /* only if the log does not show the reply */
	bool suspected;
};

struct provider {
	struct str id, name, brief;
	bool has_hosts; /* else a list or a program: never whose relay it is */
	struct strs mx, domains;
};

/* A token ready for search: lower case, and the same without blanks. */
struct token {
	struct str text, squeezed;
	uint32_t code;
	uint16_t bucket;
	bool is_code; /* no ordinary words */
};

struct tokens {
	struct token *items; /* by bucket */
	size_t n;
	uint32_t start[TOKEN_BUCKETS + 1]; /* bucket b: items start[b] to start[b + 1] */
};

/* "<mailbox>" in a phrase stands for any of the set's words. */
struct word_set {
	struct str name;
	struct strs words;
};

/* Phrases that mean what a row of codes.yaml tells. */
struct saying {
	uint32_t code;
	uint16_t weight; /* bytes that each counts more: acronyms tell much */
	struct strs phrases;
};

/* Phrases ready for search, see catalogue_phrases.c. */
struct phrases {
	struct phrase *items;
	struct term *terms;
	uint32_t *slots;  /* number of a term plus one, by its hash; 0: free */
	uint32_t *begins; /* phrases, by the term that they begin with */
	uint8_t *sieve;   /* bits of the hashes of all terms */
	uint32_t n, nterms, room, mask;
};
void phrases_done(struct phrases *phrases);

struct code_list {
	uint32_t *items; /* indices of codes */
	size_t n;
};

enum { STATUS_BUCKETS = 16 };

/* Class and subject of a status as one small number. */
static inline size_t
status_bucket(status_number status)
{
	return (status >> 20 & 1) << 3 | (status >> 10 & 7);
}

struct catalogue {
	struct chunk *chunks;
	struct provider *providers;
	struct code *codes;
	struct suspicion *suspicions;
	size_t nproviders, ncodes, nsuspicions;
	struct names provider_ids, code_ids, suspicion_ids;
	struct names hosts, domains; /* to an index of providers */
	struct strs hidden;          /* words that stand in place of the reply */
	struct word_set *sets;
	struct saying *sayings;
	size_t nsets, nsayings;
	struct names set_names;
	struct tokens tokens;
	struct phrases phrases;
	/* Codes without a token: by status, class and subject of it in bare_status, and
	 * those that have an SMTP code alone. */
	struct code_list bare_status[STATUS_BUCKETS], bare_smtp;
};

/* A reply made ready for search; lives on the asker's stack. */
struct scratch {
	char text[CATALOGUE_MAX_REPLY];     /* lower case, single blanks */
	char squeezed[CATALOGUE_MAX_REPLY]; /* the same without blanks */
	uint16_t at[CATALOGUE_MAX_REPLY];   /* squeezed[i] is text[at[i]] */
	size_t n, squeezed_n;
};

/* The innermost of nested replies ("host Y said: 550 ..."), or the reply. */
struct str reply_innermost(struct str reply);
/* Code and status at the beginning; what is not there stays as it was. What is
 * left are the words. */
struct str reply_head(struct str reply, uint32_t *smtp_code, status_number *status);
void scratch_fill(struct scratch *s, struct str reply);

/* From cat->codes. */
int tokens_build(struct catalogue *cat);
/* Calls fn for each token that stands in s. */
typedef void (*token_fn)(void *ctx, const struct token *token);
void tokens_search(const struct tokens *tokens, const struct scratch *s, token_fn fn,
    void *ctx);

/* What the row says; provider and confidence stay as they were. */
void answer_fill(const struct catalogue_code *row, struct catalogue_answer *a);

static inline bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline char
to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

#endif
