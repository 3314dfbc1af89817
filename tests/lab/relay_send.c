/*
 * relay_send - one message through notify/relay, for tests
 *
 * Settings come from options, the message from standard input (with CRLF). Prints the
 * result's word, then the reason. Exits 0 if the relay was asked, 2 on wrong usage.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "notify/relay.h"

enum { MAX_RECIPIENTS = 16 };

static int
usage(void)
{
	fputs(
	    "usage: relay_send --url URL --from A --to A [--to A]... [--user U]\n"
	    "           [--password-file F] [--credential NAME] [--ca-file F] [--helo H]\n"
	    "           [--tls required|try|off] [--timeout SECONDS] <MESSAGE\n",
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

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "url", 1, NULL, 'u' },
		{ "user", 1, NULL, 'l' },
		{ "password-file", 1, NULL, 'p' },
		{ "credential", 1, NULL, 'c' },
		{ "ca-file", 1, NULL, 'a' },
		{ "helo", 1, NULL, 'h' },
		{ "tls", 1, NULL, 's' },
		{ "timeout", 1, NULL, 't' },
		{ "from", 1, NULL, 'f' },
		{ "to", 1, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	static const char *const results[] = { "accepted", "retry", "refused", "login" };
	char *urls[1] = { NULL }, credential[300];
	struct relay_settings relay = { .urls = { urls, 1 }, .tls = RELAY_TLS_REQUIRED };
	struct str sender = { NULL, 0 }, recipients[MAX_RECIPIENTS];
	AUTO(buf_done) struct buf message = { 0 };
	size_t n = 0, got;
	char part[4096];
	struct err err;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'u': urls[0] = optarg; break;
		case 'l': relay.user = optarg; break;
		case 'p': relay.password.file = optarg; break;
		case 'c':
			(void)snprintf(credential, sizeof credential, "credential:%s",
			    optarg);
			relay.password.file = credential;
			break;
		case 'a': relay.ca_file = optarg; break;
		case 'h': relay.helo = optarg; break;
		case 't': relay.timeout_us = atol(optarg) * 1000000; break;
		case 'f': sender = str_of(optarg); break;
		case 'r':
			if (n == MAX_RECIPIENTS)
				return usage();
			recipients[n++] = str_of(optarg);
			break;
		case 's':
			if (!read_tls(optarg, &relay.tls))
				return usage();
			break;
		default: return usage();
		}
	}
	while ((got = fread(part, 1, sizeof part, stdin)) > 0)
		buf_add(&message, (struct str){ part, got });
	if (optind != argc || message.failed)
		return usage();

	enum send_result r =
	    relay_send(&relay, sender, recipients, n, buf_str(&message), &err);

	printf("%s\n%s\n", results[r], err.text);
	return 0;
}
