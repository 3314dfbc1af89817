/*
 * explain_print - an answer of `explain`, as JSON (design, section 5) or for people
 */
#ifndef CLI_EXPLAIN_PRINT_H
#define CLI_EXPLAIN_PRINT_H

#include "core/event.h"
#include "parsers/catalogue.h"
#include "parsers/reply_facts.h"

struct explain_answer {
	struct catalogue_answer a;
	struct str reply; /* what was explained */
	struct str status, ip, relay_name, recipient;
	int64_t smtp_code; /* 0: none */
	struct status_words words;
	bool is_log_line;
	enum event_outcome outcome;
	/* of a bounce message: */
	struct str action; /* of this recipient (RFC 3464, 2.3.3); empty: it is no bounce */
	struct str reporter, queue_id, message_id, sender;
};

void explain_print_json(const struct catalogue *cat, const struct explain_answer *answer);
/* again: it is not the first. */
void explain_print_text(const struct catalogue *cat, const struct explain_answer *answer,
    bool again);

/* The parts of it. */
void explain_print_reply(struct str reply);
void explain_print_facts(const struct catalogue *cat, const struct explain_answer *answer);
/* "Name       value more"; nothing if the value is empty; below each other if too long. */
void explain_print_line(const char *name, struct str value, const char *more);

#endif
