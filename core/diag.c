#include "core/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/plain.h"

struct diag {
	enum diag_level level;
	bool hidden; /* the line is not shown */
	char *file;
	unsigned line, col;
	char text[400];
};

/* NULL if it is counted only. */
static struct diag *
add(struct diags *diags, enum diag_level level, struct pos at, const char *fmt, va_list ap)
{
	*(level == DIAG_ERROR ? &diags->errors : &diags->warnings) += 1;
	if (diags->n == MAX_DIAGS)
		return NULL;
	struct diag *items = realloc(diags->items, (diags->n + 1) * sizeof *items);

	if (items == NULL)
		return NULL; /* still counted */
	diags->items = items;
	struct diag *d = &items[diags->n++];

	*d = (struct diag){ .level = level, .line = at.line, .col = at.col };
	d->file = strdup(at.file == NULL ? "?" : at.file);
	(void)vsnprintf(d->text, sizeof d->text, fmt, ap);
	return d;
}

void
diag_add(struct diags *diags, struct pos at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)add(diags, DIAG_ERROR, at, fmt, ap);
	va_end(ap);
}

void
diag_warn(struct diags *diags, struct pos at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)add(diags, DIAG_WARNING, at, fmt, ap);
	va_end(ap);
}

void
diag_add_hidden(struct diags *diags, struct pos at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	struct diag *d = add(diags, DIAG_ERROR, at, fmt, ap);

	if (d != NULL)
		d->hidden = true;
	va_end(ap);
}

int
diag_errno(struct diags *diags, const char *file, const char *tried)
{
	int code = errno;

	diag_add(diags, (struct pos){ file, 0, 0 }, "%s: %s", tried, strerror(code));
	return -code;
}

/* As it stands in the file, a blank for each byte that is not to be seen. */
static void
print_seen(struct str text, FILE *to)
{
	while (text.n > 0) {
		struct plain_char c = plain_char_at(text);
		bool seen = c.n > 0 && !plain_is_hidden(c.code);
		size_t n = c.n > 0 ? c.n : 1;

		if (seen)
			(void)fwrite(text.p, 1, n, to);
		else
			fprintf(to, "%*s", (int)n, "");
		text = str_skip(text, n);
	}
}

/* The line of the file, for the reader's eye; gone files are no reason to fail. */
static void
print_line(const struct diag *d, FILE *to)
{
	FILE *f = fopen(d->file, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len = -1;

	if (f == NULL)
		return;
	for (unsigned i = 0; i < d->line; i++)
		if ((len = getline(&line, &cap, f)) < 0)
			break;
	if (len >= 0) {
		size_t n = strcspn(line, "\r\n");
		size_t from = d->col > 60 ? d->col - 60 : 0;

		if (from > n)
			from = 0;
		fputs("    ", to);
		print_seen((struct str){ line + from, n - from < 100 ? n - from : 100 },
		    to);
		fprintf(to, "\n%*s^\n", (int)(4 + (d->col > 0 ? d->col - 1 - from : 0)),
		    "");
	}
	free(line);
	(void)fclose(f);
}

void
diags_print(const struct diags *diags, FILE *to)
{
	for (size_t i = 0; i < diags->n; i++) {
		const struct diag *d = &diags->items[i];
		const char *word = d->level == DIAG_WARNING ? "warning: " : "";
		AUTO(buf_done) struct buf text = { 0 };

		plain_add(&text, str_of(d->text));
		if (d->line == 0) {
			fprintf(to, "%s: %s%s\n", d->file, word, buf_cstr(&text));
			continue;
		}
		fprintf(to, "%s:%u:%u: %s%s\n", d->file, d->line, d->col, word,
		    buf_cstr(&text));
		if (!d->hidden)
			print_line(d, to);
	}
	if (diags->errors + diags->warnings > diags->n)
		fprintf(to, "... and %zu more\n",
		    diags->errors + diags->warnings - diags->n);
}

void
diags_json(const struct diags *diags, FILE *to)
{
	AUTO(buf_done) struct buf out = { 0 };

	for (size_t i = 0; i < diags->n; i++) {
		const struct diag *d = &diags->items[i];
		struct json j = json_begin(&out);

		json_text(&j, "type", STR("fault"));
		json_text(&j, "level",
		    d->level == DIAG_WARNING ? STR("warning") : STR("error"));
		json_text(&j, "file", str_of(d->file));
		json_int(&j, "line", d->line);
		json_int(&j, "column", d->col);
		json_text(&j, "text", str_of(d->text));
		json_end(&j);
		buf_add_char(&out, '\n');
	}
	if (out.n > 0)
		(void)fwrite(out.p, 1, out.n, to);
}

void
diags_done(struct diags *diags)
{
	for (size_t i = 0; i < diags->n; i++)
		free(diags->items[i].file);
	free(diags->items);
	*diags = (struct diags){ 0 };
}
