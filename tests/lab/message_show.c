/*
 * message_show - a message from incidents as JSON, for tests and pictures
 *
 * Reads one flat JSON object a line from standard input: the members of an incident as
 * `mailwarden replay --json` prints them, times in microseconds, lists as text with
 * newlines, and `notice`, `was_opened`. Writes OUT.txt, OUT.html, OUT.eml and OUT.json.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/members.h"
#include "notify/mail.h"
#include "notify/message.h"
#include "notify/settings.h"

enum { MAX_ITEMS = 600 };

static const struct {
	const char *name;
	size_t at;
} texts[] = {
	{ "id", offsetof(struct incident, id) },
	{ "rule", offsetof(struct incident, rule) },
	{ "host", offsetof(struct incident, host) },
	{ "provider", offsetof(struct incident, provider) },
	{ "code_id", offsetof(struct incident, code_id) },
	{ "category", offsetof(struct incident, category) },
	{ "summary", offsetof(struct incident, summary) },
	{ "advice", offsetof(struct incident, advice) },
	{ "url", offsetof(struct incident, url) },
	{ "affected", offsetof(struct incident, affected) },
	{ "samples", offsetof(struct incident, samples) },
	{ "ack_who", offsetof(struct incident, ack_who) },
	{ "ack_note", offsetof(struct incident, ack_note) },
};
static const struct {
	const char *name;
	size_t at;
} numbers[] = {
	{ "opened_us", offsetof(struct incident, opened_us) },
	{ "last_seen_us", offsetof(struct incident, last_seen_us) },
	{ "resolved_us", offsetof(struct incident, resolved_us) },
	{ "count", offsetof(struct incident, count) },
	{ "relapses", offsetof(struct incident, relapses) },
	{ "senders", offsetof(struct incident, senders) },
	{ "recipients", offsetof(struct incident, recipients) },
	{ "ack_at_us", offsetof(struct incident, ack_at_us) },
	{ "silenced_us", offsetof(struct incident, silenced_us) },
};

static enum notice
notice_find(struct str name)
{
	for (int n = NOTICE_OPENED; n <= NOTICE_REMINDER; n++)
		if (str_eq(name, str_of(notice_name((enum notice)n))))
			return (enum notice)n;
	return NOTICE_NONE;
}

/* Texts are kept until the end of the program. */
static void
read_member(struct told *told, struct str key, struct str value)
{
	struct incident *in = &told->incident;
	int64_t number = 0;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (!str_eq(key, str_of(texts[i].name)) || value.n == 0)
			continue;
		char *copy = malloc(value.n);

		if (copy == NULL)
			abort();
		memcpy(copy, value.p, value.n);
		*(struct str *)(void *)((char *)in + texts[i].at) =
		    (struct str){ copy, value.n };
	}
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (str_eq(key, str_of(numbers[i].name)) && str_to_int(value, &number))
			*(int64_t *)(void *)((char *)in + numbers[i].at) = number;
	if (str_eq(key, STR("severity")))
		in->severity = severity_find(value);
	if (str_eq(key, STR("notice")))
		told->notice = notice_find(value);
	if (str_eq(key, STR("was_opened")))
		told->was_opened = str_eq(value, STR("true"));
}

static size_t
read_items(struct told *items)
{
	AUTO(auto_free) char *line = NULL;
	AUTO(buf_done) struct buf key = { 0 };
	AUTO(buf_done) struct buf value = { 0 };
	size_t cap = 0, n = 0;
	ssize_t length;

	while (n < MAX_ITEMS && (length = getline(&line, &cap, stdin)) > 0) {
		struct str rest =
		    members_of(str_trim((struct str){ line, (size_t)length }));

		items[n] = (struct told){ .notice = NOTICE_OPENED };
		while (members_next(&rest, &key, &value))
			read_member(&items[n], buf_str(&key), buf_str(&value));
		n++;
	}
	return n;
}

static void
write_file(const char *out, const char *ending, struct str text)
{
	char path[4096];

	if (snprintf(path, sizeof path, "%s.%s", out, ending) >= (int)sizeof path)
		exit(2);
	FILE *f = fopen(path, "we");

	if (f == NULL || fwrite(text.p, 1, text.n, f) != text.n || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	static struct told items[MAX_ITEMS];
	AUTO(buf_done) struct buf mail = { 0 };
	AUTO(buf_done) struct buf json = { 0 };
	char *to[] = { argc > 5 ? argv[5] : (char[]){ "admin@example.org" } };
	struct mail_settings settings = {
		.from = (char[]){ "mailwarden <mailwarden@mx1.example.org>" },
		.to = { to, 1 },
	};

	if (argc < 4) {
		fputs("usage: message_show OUT NOW_US HOST [DASHBOARD] [TO]\n", stderr);
		return 2;
	}
	struct message *message =
	    message_new(STR("0f3a9c1b2d4e.opened.5f3a"), items, read_items(items),
		&(struct message_context){
		    .host = str_of(argv[3]),
		    .now_us = strtoll(argv[2], NULL, 10),
		    .version = STR("0.2.0"),
		    .dashboard = str_of(argc > 4 ? argv[4] : ""),
		});

	if (message == NULL)
		return 1;
	mail_render_message(message, &settings, &mail);
	message_json(message, &json);
	write_file(argv[1], "txt", str_of(message->text));
	write_file(argv[1], "html", str_of(message->html));
	write_file(argv[1], "eml", buf_str(&mail));
	write_file(argv[1], "json", buf_str(&json));
	puts(message->subject);
	message_free(message);
	return mail.failed || json.failed;
}
