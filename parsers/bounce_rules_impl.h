/*
 * bounce_rules_impl - what rules for bounce messages are made of; for the files
 * bounce_rules*.c, and nobody else
 *
 * Ownership  All of it belongs to the rules and is freed with them.
 */
#ifndef PARSERS_BOUNCE_RULES_IMPL_H
#define PARSERS_BOUNCE_RULES_IMPL_H

#include "parsers/bounce_rules.h"
#include "parsers/rule.h"

enum {
	BOUNCE_TEXT_BYTES = 64 * 1024, /* of a text that rules look at */
	BOUNCE_VALUE_BYTES = 4096,     /* of a reply, cut off behind */
	BOUNCE_MAX_RECIPIENTS = 1000,  /* of one message */
	BOUNCE_MAX_MATCHES = 5000,     /* of one pattern in one text */
	BOUNCE_MAX_REPLIES = 1000,     /* of one text, the first ones */
};

/* The event fields that rules here may set, in an order of their own. */
enum bounce_value {
	BOUNCE_RECIPIENT,
	BOUNCE_ACTION,
	BOUNCE_STATUS,
	BOUNCE_SMTP_CODE,
	BOUNCE_REPLY,
	BOUNCE_RELAY_NAME,
	BOUNCE_RELAY_IP,
	BOUNCE_QUEUE_ID,
	BOUNCE_SENDER,
	BOUNCE_MESSAGE_ID,
	BOUNCE_VALUES,
};

/* Which text of a letter something looks into. */
enum bounce_where {
	WHERE_TEXT,
	WHERE_HEADER,
	WHERE_SUBJECT,
	WHERE_FROM,
	WHERE_COUNT,
};

struct bounce_rule {
	struct str name;
	struct bounce_file *file;
	bool ignore;      /* the message is no bounce */
	bool others_only; /* no address of the message's own From, To ... counts */
	enum bounce_where where;
	struct str *literals; /* one of them must occur; none: any text */
	size_t nliterals;
	struct pattern fits[WHERE_COUNT]; /* re NULL: any; [WHERE_TEXT] is not used */
	struct pattern pattern;           /* re NULL: an ignore rule without one */
	struct part_use uses[MAX_PARTS];
	size_t nuses;
	const struct ynode *node, *examples;
	size_t gave_up; /* how often a pattern of it hit its limit */
};

struct bounce_file {
	struct rule_file base; /* its yaml, path, defines and part lists; no rules */
	struct bounce_rule *rules;
	size_t nrules;
	struct pattern *ends; /* lines at which the returned message begins */
	size_t nends;
};

/* What a pattern gave: views. p is NULL where nothing was. */
struct bounce_values {
	struct str v[BOUNCE_VALUES];
};

/* A recipient found: copies of their own. */
struct bounce_found {
	char *v[BOUNCE_VALUES];
	size_t at; /* in the text, SIZE_MAX: elsewhere */
};

/* Lines of the text that hold a reply code or an enhanced status. */
struct bounce_replies {
	struct bounce_reply_line {
		size_t at, n, begin; /* begin: of the reply in the line */
	} lines[BOUNCE_MAX_REPLIES];
	size_t n;
};

struct bounce_rules {
	struct bounce_file *files; /* ordered by name, whatever the folder */
	size_t nfiles, nrules;
	pcre2_match_data *groups, *part_groups;
	pcre2_match_context *limits;
	/* of the letter at hand */
	struct buf text;
	struct str texts[WHERE_COUNT];
	struct bounce_found *found;
	size_t nfound;
	struct bounce_replies replies;
	const struct bounce_rule *last; /* the rule that counted, NULL: none */
	const struct bounce_rule *only; /* for checks: no other is tried; NULL: all are */
};

/* The value for an event field; BOUNCE_VALUES: rules here have no use for it. */
enum bounce_value bounce_value_of(enum event_field f);
const char *bounce_value_name(enum bounce_value v);
/* A word of `in` and `of`; WHERE_COUNT: none. */
enum bounce_where bounce_where_named(struct str name);

/* --- bounce_rules_load.c --- */
int bounce_file_load(struct bounce_file *file, struct diags *diags);
void bounce_file_done(struct bounce_file *file);
bool bounce_pattern_has(const struct pattern *pattern, enum event_field f);

/* --- bounce_rules_text.c --- */

/*
 * A text as patterns like it: LF ends lines; tabs and the blanks of Unicode are blanks,
 * characters without width are gone; no blank at the end of a line; no "> " before it.
 */
bool bounce_text_clean(struct str text, struct buf *out);
/* One line: the parts of a wrapped reply joined by one blank, "<<< " taken off. */
bool bounce_reply_clean(struct str reply, struct buf *out);
/* A bare address: without <>, quotes, "mailto:", "rfc822;", a source route, a full stop. n 0:
 * it is none. A name without domain is one if `local` says so. */
struct str bounce_address_clean(struct str address, bool local);
/* The codes that stand anywhere in a reply, where reply_codes() knows none. */
struct str bounce_status_in(struct str reply);
int bounce_code_in(struct str reply);
/* What the text says of the recipient at `at`, if its rule did not catch it: the line with
 * codes that names it, else the first behind it, else its paragraph, else all. */
struct str bounce_reply_near(struct str text, const struct bounce_replies *replies,
    size_t at, struct str recipient);
/* The lines of a text that hold a reply; false: none does. */
bool bounce_replies_find(struct str text, struct bounce_replies *out);

#endif
