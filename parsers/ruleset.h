/*
 * ruleset - the compiled parser rules of all rule files
 *
 * Purpose    Says which rule a text of a process matches first, and sets the event
 *            fields that the rule names. Dispatch: process name (hashed), then the
 *            first byte behind a queue id, then `begins` and `literal`, then PCRE2.
 *            A line's cost does not depend on how many rules other services have.
 * Ownership  The caller frees a set with ruleset_free(). Event fields point into the
 *            text or the set; texts passed in are looked at, never kept.
 * Limits     MATCH_LIMIT steps per pattern (JIT ignores the depth limit); patterns
 *            that exceed it are counted in the matcher, by rule, and a matcher that was
 *            told so switches a rule off that exceeds it again and again.
 * Errors     ruleset_load(): -ENOMEM, -EINVAL with every fault in *diags at its line
 *            and column; *set_out keeps its old value.
 * Threads    A set is never changed after loading and may be shared; a matcher is
 *            one thread's.
 */
#ifndef PARSERS_RULESET_H
#define PARSERS_RULESET_H

#include "core/diag.h"
#include "core/event.h"

struct ruleset;
struct matcher;
struct service; /* what one process name leads to */

enum { MATCH_MAX_HITS = 20 }; /* what a daemon gives to matcher_set_max_hits() */

enum match_result {
	MATCH_NONE,
	MATCH_FOUND,
	MATCH_IGNORE,  /* known, and says nothing */
	MATCH_GAVE_UP, /* a rule hit its limit: count it, tell someone */
};

/* Reads all .yaml files in DIR/parsers of each folder; files of later folders replace those of the
 * same name. */
int ruleset_load(const char *const *dirs, size_t ndirs, struct ruleset **set_out,
    struct diags *diags);
void ruleset_free(struct ruleset *set); /* NULL is fine */

size_t ruleset_size(const struct ruleset *set); /* rules */

/* The rules for a process name as logged; NULL: nobody's, or mailwarden's own. */
const struct service *ruleset_find(const struct ruleset *set, struct str process);
/* The rules of a server whose own file names its `services` instead of a process. */
const struct service *ruleset_find_bare(const struct ruleset *set, struct str name);
/* All services, for lines without any header: 0 .. n-1, NULL at n. */
const struct service *ruleset_service(const struct ruleset *set, size_t i);
struct str service_mta(const struct service *service);

struct matcher *matcher_new(const struct ruleset *set);
void matcher_free(struct matcher *matcher);

/*
 * Matches text against a service's rules in order. On MATCH_FOUND the event's fields
 * are set (the caller has cleared `has`), and *split_out is the field that holds a list
 * to be split, or EVF_COUNT.
 */
enum match_result ruleset_match(struct matcher *matcher, const struct service *service,
    struct str text, struct event *ev, enum event_field *split_out);

/*
 * A rule that hits its limit so often is switched off for this matcher: its lines go to
 * the rules behind it, or stay unparsed. Default: never, so that `parse` and `check` tell
 * the same on any number of threads.
 */
void matcher_set_max_hits(struct matcher *matcher, uint64_t max_hits);
/* Rules that were switched off since the last call. */
void matcher_take_off(struct matcher *matcher, void (*fn)(void *ctx, struct str rule),
    void *ctx);
/* As another matcher of the same set found out; matcher_take_off() does not tell it. */
void matcher_switch_off(struct matcher *matcher, struct str rule);

/* How often each rule gave up: fn for every rule with a count. */
void matcher_each_limit(const struct matcher *matcher,
    void (*fn)(void *ctx, struct str rule, uint64_t times), void *ctx);

/*
 * Runs the examples that the rules carry, tells rules that an earlier one shadows and
 * patterns that backtrack badly. Faults and warnings go to *diags. Returns how many
 * examples were run.
 */
size_t ruleset_check(const struct ruleset *set, struct diags *diags);

#endif
