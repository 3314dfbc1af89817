#include "cli/explain_print.h"

#include "cli/show.h"
#include "core/json.h"

enum { INDENT = 4 };

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

static void
line(const char *name, struct str value, const char *more)
{
	if (value.n == 0)
		return;
	printf("%-10s ", name);
	app_print_safe(value, stdout);
	printf("%s\n", more);
}

static void
print_reply(const struct explain_answer *x)
{
	enum { SHOWN = 600 };
	struct str shown = str_head(x->reply, SHOWN);

	/* no half character at the cut */
	while (shown.n > 0 && shown.n < x->reply.n &&
	       ((unsigned char)x->reply.p[shown.n] & 0xc0) == 0x80)
		shown.n--;
	show_folded(shown, INDENT, stdout);
	if (shown.n < x->reply.n)
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
explain_print_text(const struct catalogue *cat, const struct explain_answer *x, bool again)
{
	AUTO(buf_done) struct buf words = { 0 };

	if (again)
		putchar('\n');
	print_reply(x);
	if (x->words.detail != NULL)
		add_words(&words, x);
	if (x->a.category.n == 0 && words.n == 0) {
		print_nothing(x);
		return;
	}
	line("Recipient", x->recipient, "");
	line("Category", x->a.category, "");
	line("Provider", catalogue_provider_name(cat, x->a.provider), "");
	line("Relay", x->relay_name, "");
	line("Code", x->a.code_id, "");
	line("Status", x->status, "");
	line("IP", x->ip, " (the address that the reply names)");
	line("Sure", str_of(certainty(x)), "");
	line("Retry", str_of(retry(x->a.temporary)), "");
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
	line("See", x->a.url, "");
}
