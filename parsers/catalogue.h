/*
 * catalogue - who a relay belongs to, and what its refusal means
 *
 * Purpose    Providers by MX name, the codes and phrases of their refusals, and
 *            what can be inferred where the log hides the reply. Data, from the
 *            folder rules.d/catalogue: providers.yaml, codes.yaml, suspected.yaml.
 * Ownership  The caller frees a loaded catalogue with catalogue_free(). All text
 *            handed out points into it and dies with it. Questions are looked
 *            at, never kept.
 * Limits     The first CATALOGUE_MAX_REPLY bytes of a reply count, of a host name
 *            CATALOGUE_MAX_HOST.
 * Errors     Negative errno and *diags; on failure *out keeps its old value.
 * Threads    Immutable once loaded: any number may ask at once.
 */
#ifndef PARSERS_CATALOGUE_H
#define PARSERS_CATALOGUE_H

#include "core/diag.h"
#include "core/event.h"
#include "core/str.h"

enum {
	CATALOGUE_MAX_REPLY = 2048,
	CATALOGUE_MAX_HOST = 256,
};

struct catalogue;

/* May a queue that keeps trying have success? */
enum catalogue_temporary {
	TEMPORARY_UNKNOWN,
	TEMPORARY_NO,
	TEMPORARY_YES,
	TEMPORARY_EITHER,
};

enum catalogue_confidence {
	CONFIDENCE_NONE,   /* nothing was found */
	CONFIDENCE_LOW,    /* from the status alone, or one weak word */
	CONFIDENCE_MEDIUM, /* a suspicion, or a phrase that many servers use */
	CONFIDENCE_HIGH,   /* the provider's own code or words */
};

/* What one row of the catalogue says. */
struct catalogue_code {
	struct str id, provider, category, severity, meaning, remedy, url;
	enum catalogue_temporary temporary;
};

struct catalogue_question {
	struct str reply;      /* the remote side's words, as logged */
	struct str text;       /* the local server's words: stat=, connect to ... */
	struct str status;     /* "5.7.1"; one inside the reply goes before it */
	int64_t smtp_code;     /* 0: unknown; one inside the reply goes before it */
	struct str relay_name; /* as logged: trailing dot, cut by sendmail: all right */
	struct str provider;   /* id; empty: found out from relay_name */
	enum event_outcome outcome;
};

struct catalogue_answer {
	struct str category; /* "ip-blocklisted" */
	struct str code_id;  /* of codes.yaml or suspected.yaml */
	struct str meaning, remedy, url;
	struct str provider; /* id, empty if neither relay nor code tells */
	struct str severity; /* "info", "warning", "critical" */
	bool suspected;      /* the words that would prove it are hidden */
	enum catalogue_temporary temporary;
	enum catalogue_confidence confidence;
};

/*
 * Reads the three files of each folder. A later folder adds entries, or replaces
 * those of the same id as a whole. A missing file is fine as long as one folder
 * has it. Unknown keys and ids given twice in a file are faults.
 */
int catalogue_load(const char *const *dirs, size_t ndirs, struct catalogue **out,
    struct diags *diags);
void catalogue_free(struct catalogue *cat); /* NULL is fine */
void auto_catalogue(struct catalogue **cat);

/* Provider id by MX name or by recipient domain; p is NULL if nobody's. Use the
 * domain only if the log names no host: many domains sit on another's MX. */
struct str catalogue_provider_of_host(const struct catalogue *cat, struct str name);
struct str catalogue_provider_of_domain(const struct catalogue *cat, struct str domain);

/* What people call it: "Google (Gmail, Google Workspace)", and "Google". The id
 * itself if it is unknown. */
struct str catalogue_provider_name(const struct catalogue *cat, struct str id);
struct str catalogue_provider_short(const struct catalogue *cat, struct str id);

/* True if the refusal is known; *answer is always set, empty if not. */
bool catalogue_explain(const struct catalogue *cat, const struct catalogue_question *q,
    struct catalogue_answer *answer);

/*
 * A code by itself, as people quote it: an id of the catalogue, a provider's own code
 * ("S3140", "TSS04", "AUP#CDRBL") or a status that one provider gave a meaning of its
 * own ("5.7.606"). As catalogue_explain(); for any other text false.
 */
bool catalogue_explain_code(const struct catalogue *cat, struct str code,
    struct catalogue_answer *answer);

/* A row of codes.yaml, or of suspected.yaml, by its id; NULL if there is none. */
const struct catalogue_code *catalogue_code(const struct catalogue *cat, struct str id);
size_t catalogue_code_count(const struct catalogue *cat);

/* "none", "low", "medium", "high"; "", "no", "yes", "either". */
const char *catalogue_confidence_name(enum catalogue_confidence c);
const char *catalogue_temporary_name(enum catalogue_temporary t);

#endif
