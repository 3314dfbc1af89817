#include "cli/show.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/config.h"
#include "core/clock.h"
#include "core/members.h"
#include "core/plain.h"
#include "rules/alert.h"
#include "store/wake.h"

enum { COLUMNS = 80 };

int
show_options(const struct command *command, int argc, char **argv, struct show_options *out)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "all", no_argument, NULL, 'a' },
		{ "state", required_argument, NULL, 's' },
		{ "config", required_argument, NULL, 'c' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': out->json = true; break;
		case 'a': out->all = true; break;
		case 's': out->state = optarg; break;
		case 'c': out->config = optarg; break;
		default: return app_usage(command, "%s", "");
		}
	}
	out->words = (const char *const *)argv + optind;
	out->nwords = (size_t)(argc - optind);
	return EXIT_FINE;
}

int
show_path(const struct show_options *options, char **path_out)
{
	struct config config;
	struct diags diags = { 0 };
	int r = config_load(options->config, &config, &diags);

	diags_print(&diags, stderr);
	diags_done(&diags);
	if (r < 0)
		return EXIT_CONFIG;
	*path_out = str_dup(str_of(options->state != NULL ? options->state : config.state));
	config_done(&config);
	return *path_out == NULL ? app_fail(EXIT_STORE, "out of memory") : EXIT_FINE;
}

static int
open_as(const struct show_options *options, enum store_mode mode, struct store **out)
{
	AUTO(auto_free) char *path = NULL;
	struct err err;
	int r = show_path(options, &path);

	if (r != EXIT_FINE)
		return r;
	r = store_open(path, mode, out, &err);
	if (r == -ENOENT)
		return app_fail(EXIT_STORE,
		    "no store at %s yet: has `mailwarden run` been started?", path);
	if (mode == STORE_JOIN && (r == -EACCES || r == -EPERM || r == -EROFS))
		return app_fail(EXIT_STORE,
		    "%s: only root and the user that `mailwarden run` runs as may change "
		    "it: try again with sudo",
		    err.text);
	return r < 0 ? app_fail(EXIT_STORE, "%s", err.text) : EXIT_FINE;
}

int
show_open(const struct show_options *options, struct store **out)
{
	return open_as(options, STORE_READ, out);
}

int
show_join(const struct show_options *options, struct store **out)
{
	return open_as(options, STORE_JOIN, out);
}

void
show_knock(const struct show_options *options)
{
	AUTO(auto_free) char *path = NULL;
	struct err err;

	if (show_path(options, &path) == EXIT_FINE && store_wake_send(path, &err) < 0)
		fprintf(stderr, "mailwarden: wake the notifier: %s\n", err.text);
}

struct alert_rules *
show_alert_rules(const struct show_options *options)
{
	struct config config;
	struct diags diags = { 0 };
	struct alert_rules *rules = NULL;

	if (config_load(options->config, &config, &diags) == 0) {
		struct rule_dirs dirs = app_rule_dirs(config.rules);

		(void)alert_rules_load(dirs.dirs, dirs.n, &rules, &diags);
		config_done(&config);
	}
	diags_done(&diags);
	return rules;
}

void
show_who(struct buf *out)
{
	const char *sudo = getenv("SUDO_USER");
	uid_t uid = getuid();
	const struct passwd *user = getpwuid(uid);

	/* Anybody can set the variable; root alone gets it from sudo. */
	if (uid == 0 && sudo != NULL && sudo[0] != '\0')
		buf_add(out, str_of(sudo));
	else if (user != NULL && user->pw_name[0] != '\0')
		buf_add(out, str_of(user->pw_name));
	else
		buf_addf(out, "user %lu", (unsigned long)uid);
}

void
show_marks(const struct incident *incident, struct buf *out)
{
	if (incident->ack_at_us != 0) {
		buf_add(out, STR("acknowledged by "));
		buf_add(out, incident->ack_who);
		if (incident->ack_note.n > 0) {
			buf_add(out, STR(": "));
			buf_add(out, incident->ack_note);
		}
	}
	if (incident->silenced_us != 0) {
		buf_add(out,
		    out->n > 0 ? STR("; silenced until ") : STR("silenced until "));
		clock_minute(out, incident->silenced_us);
	}
}

void
show_group(struct str group, struct buf *out)
{
	AUTO(buf_done) struct buf key = { 0 };
	AUTO(buf_done) struct buf value = { 0 };
	struct str rest = members_of(group);

	while (members_next(&rest, &key, &value)) {
		if (value.n == 0)
			continue;
		if (out->n > 0)
			buf_add(out, STR(", "));
		buf_add(out, buf_str(&key));
		buf_add_char(out, ' ');
		buf_add(out, buf_str(&value));
	}
}

/* Bytes of safe text that fill so many columns, at least one character. Characters count
 * as one column each. */
static size_t
fitting(struct str safe, size_t columns)
{
	size_t used = 0;

	for (size_t n = 0; used < safe.n && n < columns; n++) {
		struct plain_char c = plain_char_at(str_skip(safe, used));

		used += c.n == 0 ? 1 : c.n;
	}
	return used;
}

static size_t
columns_of(struct str safe)
{
	size_t n = 0;

	for (size_t i = 0; i < safe.n; i++)
		n += ((unsigned char)safe.p[i] & 0xc0) != 0x80;
	return n;
}

void
show_folded(struct str text, size_t indent, FILE *to)
{
	AUTO(buf_done) struct buf safe = { 0 };
	size_t column = 0;

	plain_add(&safe, text);
	struct str rest = buf_str(&safe);

	while (rest.n > 0) {
		struct str word = str_cut(&rest, ' ');

		while (word.n > 0) {
			if (column > 0 && column + 1 + columns_of(word) > COLUMNS) {
				fputc('\n', to);
				column = 0;
			}
			if (column == 0)
				fprintf(to, "%*s", (int)indent, "");
			else
				fputc(' ', to);
			column = column == 0 ? indent : column + 1;
			size_t n = fitting(word, COLUMNS - column);

			(void)fwrite(word.p, 1, n, to);
			column += columns_of(str_head(word, n));
			word = str_skip(word, n);
		}
	}
	if (column > 0)
		fputc('\n', to);
}

void
show_paragraphs(struct str text, size_t indent, FILE *to)
{
	bool any = false, gap = false;

	while (text.n > 0) {
		struct str line = str_trim(str_cut(&text, '\n'));

		if (line.n == 0) {
			gap = true;
			continue;
		}
		if (any && gap)
			fputc('\n', to);
		show_folded(line, indent, to);
		any = true;
		gap = false;
	}
}

const char *
show_colour(const struct incident *incident)
{
	if (incident->state == INCIDENT_RESOLVED)
		return "\x1b[32m";
	return incident->severity == SEVERITY_CRITICAL ? "\x1b[31m" : "\x1b[33m";
}
