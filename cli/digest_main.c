/*
 * mailwarden-digest: how mail fared in a week. Started by `mailwarden digest`, also from
 * mailwarden-digest.service. The one program of ours that draws.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/app.h"
#include "cli/config.h"
#include "cli/digest_letter.h"
#include "core/clock.h"
#include "notify/route.h"
#include "paths.h"
#include "report/digest_json.h"
#include "report/telling.h"
#include "store/wake.h"

struct options {
	const char *week, *since, *html, *config, *state;
	bool text, send, again, json;
};

__attribute__((format(printf, 1, 2))) static int
wrong(const char *fmt, ...)
{
	va_list ap;

	fputs("mailwarden digest: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\n`mailwarden digest --help` tells more\n", stderr);
	return EXIT_USAGE;
}

static int
parse_options(struct options *o, int argc, char **argv)
{
	static const struct option options[] = { { "week", required_argument, NULL, 'w' },
		{ "since", required_argument, NULL, 'S' },
		{ "text", no_argument, NULL, 't' },
		{ "html", required_argument, NULL, 'H' },
		{ "send", no_argument, NULL, 's' }, { "again", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		{ "state", required_argument, NULL, 'd' },
		{ "config", required_argument, NULL, 'c' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'w': o->week = optarg; break;
		case 'S': o->since = optarg; break;
		case 't': o->text = true; break;
		case 'H': o->html = optarg; break;
		case 's': o->send = true; break;
		case 'a': o->again = true; break;
		case 'j': o->json = true; break;
		case 'd': o->state = optarg; break;
		case 'c': o->config = optarg; break;
		default: return wrong("wrong options");
		}
	}
	if (optind < argc)
		return wrong("takes no '%s'", argv[optind]);
	if (o->week != NULL && o->since != NULL)
		return wrong("either --week or --since");
	if (o->again && !o->send)
		return wrong("--again goes with --send");
	if (o->json && o->text)
		return wrong("either --json or --text");
	if (o->html != NULL && strcmp(o->html, "-") == 0 && (o->json || o->text))
		return wrong("standard output takes one of --html, --text and --json");
	if (o->html == NULL && !o->send && !o->json)
		o->text = true;
	return EXIT_FINE;
}

static int
find_span(const struct options *o, int64_t now_us, struct digest_span *out)
{
	int64_t us;

	*out = digest_last_week(now_us);
	if (o->week != NULL && !digest_parse_week(str_of(o->week), now_us, out))
		return wrong("--week %s: a week is written 2026-W10, and has begun",
		    o->week);
	if (o->since == NULL)
		return EXIT_FINE;
	if (clock_parse_span(str_of(o->since), &us))
		us = now_us - us;
	else if (!clock_parse_words(str_of(o->since), now_us, CLOCK_PAST, &us))
		return wrong(
		    "--since %s: a time is written 2026-03-02 08:00, a span 3d or 12h",
		    o->since);
	if (us >= now_us || us <= 0)
		return wrong("--since %s: that is not in the past", o->since);
	*out = digest_since(us, now_us);
	return EXIT_FINE;
}

static int
open_store(const char *path, enum store_mode mode, struct store **out)
{
	struct err err;
	int r = store_open(path, mode, out, &err);

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

/* Without it ids stand for names: no reason to tell nothing. */
static struct catalogue *
load_catalogue(const struct config *config)
{
	struct rule_dirs dirs = app_rule_dirs(config->rules);
	struct catalogue *catalogue = NULL;
	struct diags diags = { 0 };

	if (app_load_catalogue(&dirs, &catalogue, &diags) < 0)
		diags_print(&diags, stderr);
	diags_done(&diags);
	return catalogue;
}

/* --- what is wanted of it --- */

static int
write_html(const struct digest *d, const char *path)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct err err;

	if (digest_letter_html(d, &out, &err) < 0)
		return app_fail(EXIT_FAILED, "%s", err.text);
	FILE *to = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	bool wrote = to != NULL && fwrite(out.p, 1, out.n, to) == out.n;
	int code = errno;

	if (to != NULL && (to == stdout ? fflush(to) : fclose(to)) != 0 && wrote) {
		wrote = false;
		code = errno;
	}
	return wrote ? EXIT_FINE
		     : app_fail(EXIT_FAILED, "write %s: %s", path, strerror(code));
}

/* Who would be told? Else it would wait for ever, and nobody would know. */
static int
check_channels(const struct config *config, int64_t now_us)
{
	struct route_list list;

	if (route_find_digest(&config->notify, str_of(config->host), now_us, &list) < 0)
		return app_fail(EXIT_FAILED, "out of memory");
	size_t n = list.n;

	route_list_done(&list);
	if (n > 0)
		return EXIT_FINE;
	return app_fail(EXIT_CONFIG,
	    "nobody to send the digest to: %s has no channel that is mail and is told "
	    "warnings, and no route with `digest: yes`",
	    config->path);
}

static int
post(struct store *store, const struct digest *d, bool again)
{
	AUTO(buf_done) struct buf id = { 0 };
	struct err err = { "" };

	digest_letter_id(d, again, &id);
	if (id.failed)
		return app_fail(EXIT_FAILED, "out of memory");
	int added = digest_letter_post(store, d, buf_str(&id), &err);

	if (added < 0)
		return app_fail(EXIT_STORE, "%s", err.text);
	fprintf(stderr,
	    added == 1
		? "the digest waits to be sent as %.*s\n"
		: "the digest %.*s was sent before, or waits: --again sends another\n",
	    STR_ARG(buf_str(&id)));
	return EXIT_FINE;
}

static int
send_digest(const struct digest *d, const struct options *o, const struct config *config,
    const char *path)
{
	struct store *store = NULL;
	struct err err;
	int r = check_channels(config, d->now_us);

	if (r != EXIT_FINE || (r = open_store(path, STORE_JOIN, &store)) != EXIT_FINE)
		return r;
	r = post(store, d, o->again);
	store_close(store);
	if (r == EXIT_FINE && store_wake_send(path, &err) < 0)
		fprintf(stderr, "mailwarden: wake the notifier: %s\n", err.text);
	return r;
}

static int
print(const struct digest *d, bool as_json)
{
	static const struct telling_plots nowhere = { 0 };
	AUTO(buf_done) struct buf out = { 0 };

	if (as_json) {
		digest_json(d, &out);
		buf_add_char(&out, '\n');
	} else {
		telling_write(d, &sheet_text, &nowhere, &out);
	}
	if (out.failed)
		return app_fail(EXIT_FAILED, "write digest: out of memory");
	errno = 0;
	if ((fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout) != 0) &&
	    errno != EPIPE)
		return app_fail(EXIT_FAILED, "write output: %s", strerror(errno));
	return EXIT_FINE;
}

static int
tell(const struct digest *d, const struct options *o, const struct config *config,
    const char *path)
{
	int r = EXIT_FINE;

	if (o->text || o->json)
		r = print(d, o->json);
	if (r == EXIT_FINE && o->html != NULL)
		r = write_html(d, o->html);
	if (r == EXIT_FINE && o->send)
		r = send_digest(d, o, config, path);
	return r;
}

static int
run(const struct options *o, const struct config *config)
{
	const char *path = o->state != NULL ? o->state : config->state;
	int64_t now_us = app_now_us();
	struct digest_order order = { .now_us = now_us,
		.host = str_of(config->host),
		.version = STR(MAILWARDEN_VERSION) };
	struct store *store = NULL;
	struct digest digest;
	struct err err;
	int r = find_span(o, now_us, &order.span);

	if (r != EXIT_FINE || (r = open_store(path, STORE_READ, &store)) != EXIT_FINE)
		return r;
	AUTO(auto_catalogue) struct catalogue *catalogue = load_catalogue(config);

	order.catalogue = catalogue;
	r = digest_make(store, &order, &digest, &err) < 0
		? app_fail(EXIT_STORE, "%s", err.text)
		: EXIT_FINE;
	store_close(store);
	if (r != EXIT_FINE)
		return r;
	r = tell(&digest, o, config, path);
	digest_done(&digest);
	plot_end();
	return r;
}

int
main(int argc, char **argv)
{
	struct options options = { 0 };
	int r = parse_options(&options, argc, argv);

	if (r != EXIT_FINE)
		return r;
	struct config *config = config_read_told(options.config);

	if (config == NULL)
		return EXIT_CONFIG;
	if (config->timezone != NULL)
		(void)setenv("TZ", config->timezone, 1);
	tzset();
	r = run(&options, config);
	config_done(config);
	free(config);
	return r;
}
