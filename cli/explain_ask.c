#include "cli/explain_ask.h"

void
explain_ask(const struct catalogue *cat, const struct catalogue_question *q,
    struct explain_answer *a)
{
	(void)catalogue_explain(cat, q, &a->a);
	a->words = status_words(a->status);
}

/* The host that a reply names about itself is some machine of the provider's, which several
 * of its services may share: the provider's own code knows better which it is. */
void
explain_ask_with_host(const struct catalogue *cat, struct catalogue_question *q,
    struct explain_answer *a)
{
	q->relay_name = a->relay_name;
	if (a->relay_name.n == 0) {
		a->relay_name = reply_host(q->reply);
		explain_ask(cat, q, a);
		if (a->a.confidence == CONFIDENCE_HIGH && a->a.provider.n > 0)
			return;
		q->relay_name = a->relay_name;
	}
	explain_ask(cat, q, a);
}

void
explain_ask_bare(const struct catalogue *cat, struct explain_answer *a)
{
	struct catalogue_question q = {
		.status = a->status, .smtp_code = a->smtp_code, .relay_name = a->relay_name
	};

	explain_ask(cat, &q, a);
	if (a->a.category.n == 0 && a->status.n > 0)
		(void)catalogue_explain_code(cat, a->status, &a->a);
}
