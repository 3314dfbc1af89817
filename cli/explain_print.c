#include "cli/explain_print.h"

#include "cli/show.h"
#include "core/json.h"
#include "core/plain.h"

enum { INDENT = 4, NAME_COLUMNS = 11, COLUMNS = 80 };

static void
add_text(struct json *j, const char *key, struct str text)
{
	if (text.n > 0)
		json_text(j, key, text);
}

/* Where the catalogue has nothing, the status may still have a meaning (RFC 3463). */
static void
add_words(struct buf *out, const struct explain_answer *x)
{
	buf_addf(out, "%s: %s.", x->words.class, x->words.detail);
	if (out->n > 0 && out->p[0] >= 'a' && out->p[0] <= 'z')
		out->p[0] = (char)(out->p[0] - 32);
}

static enum catalogue_confidence
confidence(const struct explain_answer *x)
{
	if (x->a.category.n == 0 && x->words.detail != NULL)
		return CONFIDENCE_LOW;
	return x->a.confidence;
}

void
explain_print_json(const struct catalogue *cat, const struct explain_answer *x)
{
	AUTO(buf_done) struct buf out = { 0 };
	AUTO(buf_done) struct buf words = { 0 };
	struct json j = json_begin(&out);

	(void)cat;
	add_text(&j, "category", x->a.category);
	add_text(&j, "code_id", x->a.code_id);
	add_text(&j, "provider", x->a.provider);
	if (x->smtp_code != 0)
		json_int(&j, "smtp_code", x->smtp_code);
	add_text(&j, "status", x->status);
	if (x->a.meaning.n > 0) {
		json_text(&j, "meaning", x->a.meaning);
	} else if (x->words.detail != NULL) {
		add_words(&words, x);
		json_text(&j, "meaning", buf_str(&words));
	}
	add_text(&j, "remedy", x->a.remedy);
	add_text(&j, "url", x->a.url);
	json_text(&j, "confidence", str_of(catalogue_confidence_name(confidence(x))));
	if (x->a.category.n > 0) {
		json_text(&j, "severity", x->a.severity);
		json_bool(&j, "suspected", x->a.suspected);
	}
	add_text(&j, "temporary", str_of(catalogue_temporary_name(x->a.temporary)));
	add_text(&j, "ip", x->ip);
	add_text(&j, "relay_name", x->relay_name);
	add_text(&j, "recipient", x->recipient);
	if (x->action.n > 0) {
		json_text(&j, "action", x->action);
		add_text(&j, "reporter", x->reporter);
		add_text(&j, "queue_id", x->queue_id);
		add_text(&j, "message_id", x->message_id);
		if (x->sender.p != NULL)
			json_text(&j, "sender", x->sender);
		add_text(&j, "reply", x->reply);
	}
	json_end(&j);
	buf_add_char(&out, '\n');
	(void)fwrite(out.p, 1, out.n, stdout);
}

/* --- for people --- */

static const char *
certainty(const struct explain_answer *x)
{
	if (x->a.suspected)
		return "suspected: the words that would prove it are hidden";
	switch (confidence(x)) {
	case CONFIDENCE_HIGH: return "high: the provider's own code or words";
	case CONFIDENCE_MEDIUM: return "medium: a phrase that many servers use";
	case CONFIDENCE_LOW: return "low: the status alone, or one weak word";
	default: return "none";
	}
}

static const char *
retry(enum catalogue_temporary t)
{
	switch (t) {
	case TEMPORARY_NO: return "no: sending it again will not help";
	case TEMPORARY_YES: return "yes: let the queue try again";
	case TEMPORARY_EITHER: return "perhaps";
	default: return NULL;
	}
}

void
explain_print_line(const char *name, struct str value, const char *more)
{
	AUTO(buf_done) struct buf safe = { 0 };

	if (value.n == 0)
		return;
	plain_add(&safe, value);
	buf_add(&safe, str_of(more));
	/* bytes for columns: at worst a line is broken that would have fitted */
	if (NAME_COLUMNS + safe.n > COLUMNS) {
		puts(name);
		show_folded(buf_str(&safe), INDENT, stdout);
	} else {
		printf("%-*s%.*s\n", NAME_COLUMNS, name, STR_ARG(buf_str(&safe)));
	}
}

void
explain_print_reply(struct str reply)
{
	enum { SHOWN = 600 };
	struct str shown = str_head(reply, SHOWN);

	/* no half character at the cut */
	while (shown.n > 0 && shown.n < reply.n &&
	       ((unsigned char)reply.p[shown.n] & 0xc0) == 0x80)
		shown.n--;
	show_folded(shown, INDENT, stdout);
	if (shown.n < reply.n)
		puts("    ...");
}

static void
print_nothing(const struct explain_answer *x)
{
	if (x->is_log_line && x->outcome == OUTCOME_DELIVERED)
		puts("a delivery: nothing was refused");
	else if (x->is_log_line)
		puts("a log line that tells of no refusal");
	else if (x->reply.n == 0)
		puts("nothing to explain: no reply, code or refusal found");
	else
		puts("unknown: neither the catalogue nor a common phrase has it");
}

void
explain_print_facts(const struct catalogue *cat, const struct explain_answer *x)
{
	AUTO(buf_done) struct buf words = { 0 };

	if (x->words.detail != NULL)
		add_words(&words, x);
	explain_print_line("Category", x->a.category, "");
	explain_print_line("Provider", catalogue_provider_name(cat, x->a.provider), "");
	if (x->action.n == 0)
		explain_print_line("Relay", x->relay_name, "");
	explain_print_line("Code", x->a.code_id, "");
	explain_print_line("Status", x->status, "");
	explain_print_line("IP", x->ip, " (the address that the reply names)");
	if (x->a.category.n > 0 || words.n > 0) {
		explain_print_line("Sure", str_of(certainty(x)), "");
		explain_print_line("Retry", str_of(retry(x->a.temporary)), "");
	}
	if (words.n > 0 && (x->a.category.n == 0 || confidence(x) == CONFIDENCE_LOW)) {
		puts("By its status");
		show_folded(buf_str(&words), INDENT, stdout);
	}
	if (x->a.meaning.n > 0) {
		puts("Meaning");
		show_folded(x->a.meaning, INDENT, stdout);
	}
	if (x->a.remedy.n > 0) {
		puts("What to do");
		show_folded(x->a.remedy, INDENT, stdout);
	}
	/* a link that is cut is none */
	if (x->a.url.n > 0) {
		fputs("See        ", stdout);
		app_print_safe(x->a.url, stdout);
		putchar('\n');
	}
}

void
explain_print_text(const struct catalogue *cat, const struct explain_answer *x, bool again)
{
	if (again)
		putchar('\n');
	explain_print_reply(x->reply);
	if (x->a.category.n == 0 && x->words.detail == NULL) {
		print_nothing(x);
		return;
	}
	explain_print_line("Recipient", x->recipient, "");
	explain_print_facts(cat, x);
}
