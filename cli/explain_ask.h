/*
 * explain_ask - questions to the catalogue, for `explain`
 *
 * Ownership  Answers point into the texts they are about and into the catalogue.
 */
#ifndef CLI_EXPLAIN_ASK_H
#define CLI_EXPLAIN_ASK_H

#include "cli/explain_print.h"

/* Fills in what follows from reply, status and relay. */
void explain_ask(const struct catalogue *cat, const struct catalogue_question *q,
    struct explain_answer *a);
/* The same where the reply may tell which host said it: a->relay_name, if it is empty. */
void explain_ask_with_host(const struct catalogue *cat, struct catalogue_question *q,
    struct explain_answer *a);
/* By code and status alone: a->smtp_code, a->status, a->relay_name. */
void explain_ask_bare(const struct catalogue *cat, struct explain_answer *a);

#endif
