#include "cli/app.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/place.h"
#include "core/plain.h"
#include "paths.h"
#include "rules/alert.h"

void
app_help(const struct command *command, FILE *to)
{
	fprintf(to, "usage: mailwarden %s %s\n\n%s\n", command->name, command->args,
	    command->help);
}

int
app_usage(const struct command *command, const char *fmt, ...)
{
	va_list ap;

	if (fmt[0] != '\0') {
		fprintf(stderr, "mailwarden %s: ", command->name);
		va_start(ap, fmt);
		(void)vfprintf(stderr, fmt, ap);
		va_end(ap);
		fputc('\n', stderr);
	}
	fprintf(stderr, "usage: mailwarden %s %s\n`mailwarden %s --help` tells more\n",
	    command->name, command->args, command->name);
	return EXIT_USAGE;
}

int
app_fail(enum exit_code code, const char *fmt, ...)
{
	va_list ap;

	fputs("mailwarden: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

struct rule_dirs
app_rule_dirs(const char *override)
{
	struct rule_dirs out = { .n = 2 };

	out.dirs[0] = place_is_below(PATH_BUILD_DIR) ? PATH_SOURCE_RULES : PATH_DATA_RULES;
	out.dirs[1] = override != NULL ? override : PATH_ETC "/rules.d";
	return out;
}

int
app_load_catalogue(const struct rule_dirs *dirs, struct catalogue **out,
    struct diags *diags)
{
	char *paths[3] = { NULL };
	int r = 0;

	for (size_t i = 0; i < dirs->n; i++)
		if (asprintf(&paths[i], "%s/catalogue", dirs->dirs[i]) < 0) {
			paths[i] = NULL;
			r = -ENOMEM;
		}
	if (r == 0)
		r = catalogue_load((const char *const *)paths, dirs->n, out, diags);
	for (size_t i = 0; i < dirs->n; i++)
		free(paths[i]);
	return r;
}

static int
load(const struct rule_dirs *dirs, enum rulebook_parts parts, struct rulebook *book,
    struct diags *diags)
{
	int r = ruleset_load(dirs->dirs, dirs->n, &book->parsers, diags);
	int c = app_load_catalogue(dirs, &book->catalogue, diags);
	int a = 0;

	if (parts == RULEBOOK_ALL)
		a = alert_rules_load(dirs->dirs, dirs->n, &book->alerts, diags);
	return r < 0 ? r : c < 0 ? c : a;
}

int
app_load_rules(const char *override, enum rulebook_parts parts, struct rulebook *out)
{
	struct rule_dirs dirs = app_rule_dirs(override);
	struct rulebook book = { 0 };
	struct diags diags = { 0 };

	if (override != NULL && access(override, R_OK | X_OK) != 0)
		return app_fail(EXIT_CONFIG, "rules folder %s: %s", override,
		    strerror(errno));
	int r = load(&dirs, parts, &book, &diags);

	diags_print(&diags, stderr);
	if (r < 0) {
		app_free_rules(&book);
		if (diags.errors == 0)
			(void)app_fail(EXIT_CONFIG, "load rules: %s", strerror(-r));
		diags_done(&diags);
		return EXIT_CONFIG;
	}
	diags_done(&diags);
	*out = book;
	return EXIT_FINE;
}

void
app_free_rules(struct rulebook *book)
{
	alert_rules_free(book->alerts);
	ruleset_free(book->parsers);
	catalogue_free(book->catalogue);
	*book = (struct rulebook){ 0 };
}

int64_t
app_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * (int64_t)US_PER_S + ts.tv_nsec / 1000;
}

char *
app_helper_path(const char *name)
{
	char *path = NULL;
	const char *folder = place_is_below(PATH_BUILD_DIR) ? PATH_BUILD_DIR : PATH_LIBEXEC;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

void
app_print_safe(struct str text, FILE *to)
{
	AUTO(buf_done) struct buf out = { 0 };

	plain_add(&out, text);
	if (out.n > 0)
		(void)fwrite(out.p, 1, out.n, to);
}

bool
app_wants_colour(FILE *to)
{
	const char *no = getenv("NO_COLOR");

	return isatty(fileno(to)) && (no == NULL || no[0] == '\0');
}

struct progress
progress_begin(const char *what)
{
	int64_t now = app_now_us();

	return (struct progress){ now, now, what, isatty(STDERR_FILENO) == 1, "lines" };
}

enum { PROGRESS_EVERY_US = 200000, PROGRESS_BAR = 24 };

void
progress_show(struct progress *p, uint64_t done, uint64_t size, uint64_t lines)
{
	int64_t now;

	if (!p->on || (now = app_now_us()) - p->shown_us < PROGRESS_EVERY_US)
		return;
	double seconds = (double)(now - p->began_us) / US_PER_S;
	double rate = (double)lines / (seconds > 0 ? seconds : 1);

	p->shown_us = now;
	if (size == 0 || done == 0) {
		fprintf(stderr, "\r%s %.1f MB, %.0f %s/s \x1b[K", p->what,
		    (double)done / 1e6, rate, p->unit);
		return;
	}
	double share = (double)done / (double)size;
	int full = (int)(share * PROGRESS_BAR);

	fprintf(stderr, "\r%s [%.*s%*s] %3.0f %% %.1f MB, %.0f %s/s, %.0f s left \x1b[K",
	    p->what, full, "########################", PROGRESS_BAR - full, "", share * 100,
	    (double)done / 1e6, rate, p->unit, seconds / share - seconds);
}

void
progress_end(struct progress *p)
{
	if (p->on && p->shown_us != p->began_us)
		fputs("\r\x1b[K", stderr);
}
