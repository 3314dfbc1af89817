/*
 * relay_send - one message through notify/relay, for tests
 *
 * Settings come from options, the message from standard input (with CRLF). Prints one JSON
 * object: result, reason, warning, queue_id, uncertain, retry_after. With --pause it waits
 * for a byte from that file descriptor before it ends, so that a test can look at the
 * process. Exits 0 if the relay was asked, 2 on wrong usage.
 */
#include <curl/curl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/json.h"
#include "notify/curl_start.h"
#include "notify/oauth.h"
#include "notify/relay.h"

enum { MAX_RECIPIENTS = 16, MAX_URLS = 4, MAX_WORDS = 8 };

struct wish {
	struct relay_settings relay;
	char *urls[MAX_URLS], *words[MAX_WORDS];
	struct str sender, recipients[MAX_RECIPIENTS];
	size_t nrecipients;
	const char *state;
	int pause_fd; /* 0: none */
};

static int
usage(void)
{
	fputs(
	    "usage: relay_send --url URL... --from A --to A... [--user U]\n"
	    "           [--password-file F|--password-command WORD...] [--ca-file F]\n"
	    "           [--helo H] [--tls required|try|off] [--timeout SECONDS]\n"
	    "           [--token-url URL --client-id ID --client-secret F\n"
	    "            --refresh-file F --scope S --token-ca F --state DIR] [--pause FD]\n"
	    "           <MESSAGE\n",
	    stderr);
	return 2;
}

static bool
read_tls(const char *word, enum relay_tls *out)
{
	static const char *const words[] = { "required", "try", "off" };

	for (int i = 0; i < 3; i++)
		if (strcmp(word, words[i]) == 0) {
			*out = (enum relay_tls)i;
			return true;
		}
	return false;
}

static bool
add_word(struct texts *texts, size_t max, char *word)
{
	if (texts->n == max)
		return false;
	texts->items[texts->n++] = word;
	return true;
}

static bool
take_option(struct wish *w, int c)
{
	struct relay_settings *relay = &w->relay;

	switch (c) {
	case 'u': return add_word(&relay->urls, MAX_URLS, optarg);
	case 'l': relay->user = optarg; break;
	case 'p': relay->password.file = optarg; break;
	case 'x': return add_word(&relay->password.command, MAX_WORDS, optarg);
	case 'a': relay->ca_file = optarg; break;
	case 'h': relay->helo = optarg; break;
	case 't': relay->timeout_us = (int64_t)(atof(optarg) * 1e6); break;
	case 'f': w->sender = str_of(optarg); break;
	case 's': return read_tls(optarg, &relay->tls);
	case 'U': relay->oauth.token_url = optarg; break;
	case 'I': relay->oauth.client_id = optarg; break;
	case 'C': relay->oauth.client_secret.file = optarg; break;
	case 'R': relay->oauth.refresh_token.file = optarg; break;
	case 'S': relay->oauth.scope = optarg; break;
	case 'A': relay->oauth.ca_file = optarg; break;
	case 'D': w->state = optarg; break;
	case 'P': w->pause_fd = atoi(optarg); break;
	case 'r':
		if (w->nrecipients == MAX_RECIPIENTS)
			return false;
		w->recipients[w->nrecipients++] = str_of(optarg);
		break;
	default: return false;
	}
	return true;
}

static void
print(enum send_result result, const struct receipt *receipt, const struct err *err)
{
	static const char *const results[] = { "accepted", "retry", "refused", "login" };
	AUTO(buf_done) struct buf out = { 0 };
	struct json json = json_begin(&out);

	json_text(&json, "result", str_of(results[result]));
	json_text(&json, "reason", str_of(err->text));
	json_text(&json, "warning", str_of(receipt->warning));
	json_text(&json, "queue_id", str_of(receipt->queue_id));
	json_bool(&json, "uncertain", receipt->uncertain);
	json_int(&json, "retry_after_us", receipt->retry_after_us);
	json_end(&json);
	printf("%s\n", buf_cstr(&out));
	(void)fflush(stdout);
}

static int
deliver(struct wish *w, struct str text)
{
	struct relay_mail mail = { w->sender, w->recipients, w->nrecipients, text };
	struct receipt receipt = { 0 };
	struct err err = { "" };
	struct oauth *oauth = NULL;
	enum send_result result = SEND_RETRY;

	if (w->relay.oauth.token_url == NULL ||
	    oauth_open(&w->relay.oauth, w->state, "relay", &oauth, &err) == 0)
		result = relay_deliver(&w->relay, oauth, &mail, &receipt, &err);
	print(result, &receipt, &err);
	oauth_close(oauth);
	if (w->pause_fd > 0) {
		char line;

		(void)!read(w->pause_fd, &line, 1);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "url", 1, NULL, 'u' },
		{ "user", 1, NULL, 'l' },
		{ "password-file", 1, NULL, 'p' },
		{ "password-command", 1, NULL, 'x' },
		{ "ca-file", 1, NULL, 'a' },
		{ "helo", 1, NULL, 'h' },
		{ "tls", 1, NULL, 's' },
		{ "timeout", 1, NULL, 't' },
		{ "from", 1, NULL, 'f' },
		{ "to", 1, NULL, 'r' },
		{ "token-url", 1, NULL, 'U' },
		{ "client-id", 1, NULL, 'I' },
		{ "client-secret", 1, NULL, 'C' },
		{ "refresh-file", 1, NULL, 'R' },
		{ "scope", 1, NULL, 'S' },
		{ "token-ca", 1, NULL, 'A' },
		{ "state", 1, NULL, 'D' },
		{ "pause", 1, NULL, 'P' },
		{ NULL, 0, NULL, 0 },
	};
	struct wish wish = { .relay = { .tls = RELAY_TLS_REQUIRED } };
	AUTO(buf_done) struct buf message = { 0 };
	size_t got;
	char part[4096];
	int c;

	wish.relay.urls.items = wish.urls;
	wish.relay.password.command.items = wish.words;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!take_option(&wish, c))
			return usage();
	while ((got = fread(part, 1, sizeof part, stdin)) > 0)
		buf_add(&message, (struct str){ part, got });
	if (optind != argc || message.failed)
		return usage();
	(void)signal(SIGPIPE, SIG_IGN);
	if (!curl_start())
		return 1;
	int r = deliver(&wish, buf_str(&message));

	curl_global_cleanup();
	return r;
}
