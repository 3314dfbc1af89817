/*
 * samples - incidents to tell of, for tests of channels
 *
 * Ordinary ones, and one whose every text tries to be something else: another header,
 * markup, a mention, a terminal's command.
 */
#ifndef TESTS_LAB_SAMPLES_H
#define TESTS_LAB_SAMPLES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "notify/message.h"

enum {
	SAMPLES_MANY = 120,
	SAMPLES_LONG_BYTES = 1024 * 1024,
	SAMPLES_ID_BYTES = 24,
};

/* 2026-11-21 08:00 UTC */
#define SAMPLES_NOW_US INT64_C(1795248000000000)

#define SAMPLES_HOSTILE                                                                  \
	"\r\nBcc: evil@example.org\r\n\r\n<script>alert(1)</script> <b>&amp;</b> "       \
	"<!channel> <@U123> @everyone @here <https://evil.example|click> "               \
	"[click](https://evil.example) **bold** `code` ```block``` \"quoted\" \\back\\ " \
	"%s%n%1000000d {{ .Labels }} $(reboot) `reboot` \x1b[31mred\x1b]0;title\x07 "    \
	"\xe2\x80\xae"                                                                   \
	"gnp.exe"                                                                        \
	"\xe2\x80\xac \xef\xbb\xbf\xc2\x9b"                                              \
	"31m \xff\xfe bad "                                                              \
	"\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xa7 end\n.\nQUIT"

struct samples {
	struct told *items; /* freed by samples_done() */
	size_t n;
	struct buf text; /* what long texts of the items lie in */
	char (*ids)[SAMPLES_ID_BYTES];
};

static inline struct told
sample_told(enum notice notice)
{
	struct told told = {
		.notice = notice,
		.was_opened = notice == NOTICE_OPENED,
		.incident = {
			.id = STR_INIT("3f9c0a1b2d4e"),
			.rule = STR_INIT("ip-blocklisted"),
			.severity = SEVERITY_CRITICAL,
			.state = INCIDENT_OPEN,
			.group = STR_INIT("{\"host\":\"mx1\",\"provider\":\"microsoft\"}"),
			.host = STR_INIT("mx1"),
			.provider = STR_INIT("microsoft"),
			.code_id = STR_INIT("microsoft-s3140"),
			.category = STR_INIT("ip-blocklisted"),
			.opened_us = SAMPLES_NOW_US - INT64_C(1800) * US_PER_S,
			.last_seen_us = SAMPLES_NOW_US - INT64_C(60) * US_PER_S,
			.noticed_us = SAMPLES_NOW_US - INT64_C(1790) * US_PER_S,
			.count = 14,
			.summary = STR_INIT("Microsoft refuses mail from 192.0.2.25: the "
			    "address is on its block list (S3140)"),
			.advice = STR_INIT("Ask for delisting at the sender portal.\n\n"
			    "- stop newsletters first\n- then ask\n"),
			.url = STR_INIT("https://sender.example.org/delist?a=1&b=2"),
			.affected = STR_INIT("mx.example.net\n"),
			.samples = STR_INIT("Nov 21 07:30:00 mx1 postfix/smtp[712]: 4XyZ: "
			    "to=<ann@example.org>, dsn=5.7.1, status=bounced (550 5.7.1 "
			    "S3140)\n"),
			.senders = 2,
			.recipients = 9,
		},
	};

	if (notice == NOTICE_RESOLVED) {
		told.incident.state = INCIDENT_RESOLVED;
		told.incident.resolved_us = SAMPLES_NOW_US - INT64_C(30) * US_PER_S;
	}
	if (notice == NOTICE_ESCALATED)
		told.incident.relapses = 1;
	return told;
}

/* Every text is hostile; advice and evidence are a megabyte long. */
static inline struct told
sample_hostile(struct buf *text)
{
	struct told told = sample_told(NOTICE_OPENED);
	struct incident *in = &told.incident;
	const struct str hostile = STR(SAMPLES_HOSTILE "\0after NUL");

	while (text->n < SAMPLES_LONG_BYTES)
		buf_add(text, hostile);
	in->rule = in->host = in->provider = in->code_id = in->category = hostile;
	in->summary = in->url = in->affected = hostile;
	in->group = STR("{}");
	in->advice = in->samples = buf_str(text);
	return told;
}

static inline bool
samples_many(struct samples *s)
{
	s->n = SAMPLES_MANY;
	s->items = calloc(s->n, sizeof *s->items);
	s->ids = calloc(s->n, sizeof *s->ids);
	if (s->items == NULL || s->ids == NULL)
		return false;
	for (size_t i = 0; i < s->n; i++) {
		struct told *told = &s->items[i];

		*told = sample_told(i % 4 == 3 ? NOTICE_RESOLVED : NOTICE_OPENED);
		(void)snprintf(s->ids[i], sizeof s->ids[i], "%012zx", i + 1);
		told->incident.id = str_of(s->ids[i]);
		if (i % 2 == 1)
			told->incident.severity = SEVERITY_WARNING;
	}
	return true;
}

/* "opened", "escalated", "resolved", "reminder", "many", "hostile"; "test" has none. */
static inline bool
samples_make(const char *name, struct samples *out)
{
	static const struct {
		const char *name;
		enum notice notice;
	} kinds[] = {
		{ "opened", NOTICE_OPENED },
		{ "escalated", NOTICE_ESCALATED },
		{ "resolved", NOTICE_RESOLVED },
		{ "reminder", NOTICE_REMINDER },
		{ "hostile", NOTICE_OPENED },
	};

	if (strcmp(name, "test") == 0)
		return true;
	if (strcmp(name, "many") == 0)
		return samples_many(out);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(name, kinds[i].name) != 0)
			continue;
		out->items = calloc(1, sizeof *out->items);
		if (out->items == NULL)
			return false;
		out->n = 1;
		*out->items = strcmp(name, "hostile") == 0 ? sample_hostile(&out->text)
							   : sample_told(kinds[i].notice);
		return !out->text.failed;
	}
	return false;
}

static inline void
samples_done(struct samples *s)
{
	free(s->items);
	free(s->ids);
	buf_done(&s->text);
}

#endif
