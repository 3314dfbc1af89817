#include "cli/channel_words.h"

#include <string.h>

#include "core/clock.h"
#include "core/plain.h"

static void
add_list(struct buf *out, const struct texts *texts)
{
	for (size_t i = 0; i < texts->n; i++) {
		if (i > 0)
			buf_add(out, STR(", "));
		plain_add(out, str_of(texts->items[i]));
	}
}

/* Without path and query, and without a login that somebody wrote into it. */
static void
add_host(struct buf *out, const char *url)
{
	struct str rest = str_of(url);
	ptrdiff_t scheme = str_find(rest, STR("://"));
	struct str before = scheme < 0 ? STR("") : str_head(rest, (size_t)scheme + 3);

	if (url == NULL) {
		buf_add(out, STR("an address that is kept secret"));
		return;
	}
	rest = str_skip(rest, before.n);
	struct str host = str_head(rest, strcspn(rest.p, "/?#"));
	ptrdiff_t login = str_rfind_char(host, '@');

	plain_add(out, before);
	plain_add(out, str_skip(host, (size_t)(login + 1)));
}

static const char *
shape_name(enum webhook_shape shape)
{
	static const char *const names[] = {
		[SHAPE_MAILWARDEN] = "JSON",
		[SHAPE_NTFY] = "ntfy",
		[SHAPE_GOTIFY] = "Gotify",
		[SHAPE_SLACK] = "Slack or Mattermost",
		[SHAPE_MATRIX] = "Matrix",
		[SHAPE_DISCORD] = "Discord",
		[SHAPE_TELEGRAM] = "Telegram",
		[SHAPE_PAGERDUTY] = "PagerDuty",
		[SHAPE_ALERTMANAGER] = "Alertmanager",
	};

	return names[shape];
}

void
channel_words_goal(const struct channel_settings *s, struct buf *out)
{
	switch (s->kind) {
	case CHANNEL_RELAY:
		buf_add(out, STR("mail to "));
		add_list(out, &s->mail.to);
		buf_add(out, STR(" by "));
		add_list(out, &s->relay.urls);
		break;
	case CHANNEL_SENDMAIL:
		buf_add(out, STR("mail to "));
		add_list(out, &s->mail.to);
		buf_add(out, STR(" by "));
		plain_add(out, str_of(s->program));
		break;
	case CHANNEL_WEBHOOK:
		buf_addf(out, "%s at ", shape_name(s->webhook.shape));
		add_host(out, s->webhook.url);
		break;
	case CHANNEL_DESKTOP: buf_add(out, STR("a notification on the desktop")); break;
	case CHANNEL_JOURNAL: buf_add(out, STR("an entry in the journal")); break;
	case CHANNEL_COMMAND:
		buf_add(out, STR("the program "));
		if (s->command.argv.n > 0)
			plain_add(out, str_of(s->command.argv.items[0]));
		break;
	case CHANNEL_HEARTBEAT:
		buf_add(out, STR("a heartbeat each "));
		clock_span_words(out, s->heartbeat.every_us);
		buf_add(out, STR(" to "));
		add_host(out, s->heartbeat.url);
		break;
	default: break;
	}
}
