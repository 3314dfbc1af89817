#include "notify/settings.h"

#include <string.h>

const struct channel_settings *
settings_channel(const struct notify_settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->nchannels; i++)
		if (strcmp(settings->channels[i].name, name) == 0)
			return &settings->channels[i];
	return NULL;
}

const char *
channel_kind_name(enum channel_kind kind)
{
	static const char *const names[] = {
		[CHANNEL_NONE] = "none",
		[CHANNEL_RELAY] = "relay",
		[CHANNEL_SENDMAIL] = "sendmail",
		[CHANNEL_WEBHOOK] = "webhook",
		[CHANNEL_DESKTOP] = "desktop",
		[CHANNEL_JOURNAL] = "journal",
		[CHANNEL_COMMAND] = "command",
		[CHANNEL_HEARTBEAT] = "heartbeat",
	};

	return names[kind];
}
