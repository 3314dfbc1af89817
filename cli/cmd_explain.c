/* mailwarden explain: what a reply, a code, a log line, a bounce or another report means. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/explain.h"

enum { MAX_INPUT = 32 << 20 };

struct options {
	const char *rules, *relay;
	bool json, batch;
};

static int
parse_options(int argc, char **argv, struct options *out)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "batch", no_argument, NULL, 'b' },
		{ "relay", required_argument, NULL, 'R' },
		{ "rules", required_argument, NULL, 'r' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': out->json = true; break;
		case 'b': out->batch = true; break;
		case 'R': out->relay = optarg; break;
		case 'r': out->rules = optarg; break;
		default: return app_usage(&cmd_explain, "%s", "");
		}
	}
	return EXIT_FINE;
}

static int
read_all(struct buf *out)
{
	for (;;) {
		if (!buf_reserve(out, 65536))
			return app_fail(EXIT_FAILED, "read standard input: out of memory");
		ssize_t n = read(STDIN_FILENO, out->p + out->n, 65536);

		if (n == 0)
			return EXIT_FINE;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return app_fail(EXIT_STORE, "read standard input: %s",
			    strerror(errno));
		out->n += (size_t)n;
		if (out->n > MAX_INPUT)
			return app_fail(EXIT_FAILED,
			    "read standard input: more than %d MiB; one message at a time, "
			    "or --batch",
			    MAX_INPUT >> 20);
	}
}

/* Lines of any number: one answer each, and none is skipped. */
static int
batch_input(struct explain *ex)
{
	AUTO(auto_free) char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		struct str text = { line, (size_t)n };

		if (text.p[text.n - 1] == '\n')
			text.n--;
		explain_line(ex, text);
	}
	return ferror(stdin)
		   ? app_fail(EXIT_STORE, "read standard input: %s", strerror(errno))
		   : EXIT_FINE;
}

static int
batch(struct explain *ex, char *const *words, int n)
{
	if (n == 0)
		return batch_input(ex);
	for (int i = 0; i < n; i++)
		explain_line(ex, str_of(words[i]));
	return EXIT_FINE;
}

static int
explain_words(struct explain *ex, char *const *words, int n)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct err err;

	for (int i = 0; i < n; i++) {
		if (i > 0)
			buf_add_char(&text, ' ');
		buf_add(&text, str_of(words[i]));
	}
	int r = n == 0 ? read_all(&text) : EXIT_FINE;

	if (r == EXIT_FINE && text.failed)
		r = app_fail(EXIT_FAILED, "out of memory");
	if (r == EXIT_FINE && explain_text(ex, buf_str(&text), &err) < 0)
		r = app_fail(EXIT_FAILED, "%s", err.text);
	return r;
}

static int
run(int argc, char **argv)
{
	struct options options = { 0 };
	struct rulebook book;
	int r = parse_options(argc, argv, &options);

	if (r != EXIT_FINE)
		return r;
	if ((r = app_load_rules(options.rules, RULEBOOK_PARSERS, &book)) != EXIT_FINE)
		return r;
	struct explain *ex = explain_new(&book, app_now_us());

	if (ex == NULL) {
		app_free_rules(&book);
		return app_fail(EXIT_FAILED, "out of memory");
	}
	explain_set(ex, str_of(options.relay), options.rules,
	    options.batch  ? EXPLAIN_BATCH
	    : options.json ? EXPLAIN_JSON
			   : EXPLAIN_TEXT);
	if (argc - optind == 1 && str_eq(str_of(argv[optind]), STR("-")))
		optind++; /* standard input, as without arguments */
	r = options.batch ? batch(ex, argv + optind, argc - optind)
			  : explain_words(ex, argv + optind, argc - optind);
	if (r == EXIT_FINE && explain_found(ex) == 0)
		r = EXIT_FAILED;
	explain_free(ex);
	app_free_rules(&book);
	return r;
}

const struct command cmd_explain = {
	.name = "explain",
	.args = "[--json] [--batch] [--relay NAME] [--rules DIR] [TEXT...]",
	.summary = "what a reply, a code, a log line, a bounce or a report means",
	.help =
	    "TEXT, or what standard input holds, is one of\n\n"
	    "  a reply        550 5.7.1 ... part of their network is on our block list (S3140)\n"
	    "  a code         S3140, 5.7.606, 550 5.1.1, an id of the catalogue\n"
	    "  a log line     of any server that `parse` reads; the relay in it counts\n"
	    "  a message      with its header: a bounce, a complaint, a DMARC or a TLS report\n\n"
	    "  --json         one JSON object for each answer, recipient or row\n"
	    "  --batch        each line of the input by itself, one JSON object for each\n"
	    "  --relay NAME   the host that said it, where the text does not tell\n"
	    "  --rules DIR    rules that add to the shipped ones, in place of\n"
	    "                 /etc/mailwarden/rules.d",
	.run = run,
};
