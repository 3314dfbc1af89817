/* The hosts' streams: their lines into incidents and mail. */
#include "desktop/gtk/desk_impl.h"

struct source *
desk_source(const struct desk *desk, const char *name)
{
	for (size_t i = 0; i < desk->nsources; i++)
		if (strcmp(source_host(desk->sources[i])->name, name) == 0)
			return desk->sources[i];
	return NULL;
}

static void
take_incident(struct desk *desk, const char *host, const struct record *record)
{
	const struct trouble *trouble = NULL;
	enum trouble_news news = troubles_take(desk->troubles, host, record,
	    g_hash_table_contains(desk->unheard, host), &trouble);

	if (trouble != NULL && news != TROUBLE_SAME)
		desk_trouble_news(desk, trouble, news);
	if (record->kind == RECORD_READY)
		(void)g_hash_table_remove(desk->unheard, host);
	desk_changed(desk);
}

static void
on_line(void *ctx, struct source *source, struct str line)
{
	struct desk *desk = ctx;
	const char *host = source_host(source)->name;
	struct record record;

	record_read(&record, line);
	switch (record.kind) {
	case RECORD_DELIVERED:
		if (inbox_add_delivery(desk->inbox, host, &record) != 0)
			desk_mail_came(desk);
		break;
	case RECORD_OPEN:
	case RECORD_CHANGE:
	case RECORD_READY: take_incident(desk, host, &record); break;
	case RECORD_WATCHER: /* the source's own */
	case RECORD_OTHER: break;
	}
	record_done(&record);
}

static void
on_pause(void *ctx, struct source *source)
{
	struct desk *desk = ctx;

	/* First the telling, then the place: rather told twice than not at all. */
	desk_trouble_tell(desk);
	kept_set_place(desk->kept, source_host(source)->name, source_place(source),
	    source_place_us(source));
	desk_changed(desk);
}

static void
on_source_changed(void *ctx, struct source *source)
{
	struct desk *desk = ctx;

	if (source_state(source) == SOURCE_STARTING)
		troubles_begin(desk->troubles, source_host(source)->name);
	desk_changed(desk);
}

static void
begin_one(struct desk *desk, size_t i)
{
	const struct desk_host *host = &desk->settings->hosts[i];
	int64_t at_us = 0;
	const char *place = kept_place(desk->kept, host->name, &at_us);

	if (*place == '\0')
		(void)g_hash_table_add(desk->unheard, g_strdup(host->name));
	troubles_begin(desk->troubles, host->name);
	desk->sources[i] =
	    source_new(host, desk->settings->addresses, place, at_us, &desk->source_calls);
}

void
desk_hosts_begin(struct desk *desk)
{
	desk->source_calls = (struct source_calls){ .ctx = desk,
		.line = on_line,
		.pause = on_pause,
		.changed = on_source_changed };
	desk->sources = g_new0(struct source *, desk->settings->nhosts + 1);
	for (size_t i = 0; i < desk->settings->nhosts; i++) {
		begin_one(desk, i);
		desk->nsources++; /* one that is not made yet is not looked at */
	}
}

void
desk_hosts_end(struct desk *desk)
{
	for (size_t i = 0; i < desk->nsources; i++) {
		troubles_forget(desk->troubles, source_host(desk->sources[i])->name);
		source_free(desk->sources[i]);
	}
	g_clear_pointer(&desk->sources, g_free);
	desk->nsources = 0;
	g_hash_table_remove_all(desk->unheard);
}

void
desk_hosts_retry(struct desk *desk)
{
	for (size_t i = 0; i < desk->nsources; i++)
		source_retry_now(desk->sources[i]);
}

/* --- the machine slept, the network changed --- */

static void
on_network(GNetworkMonitor *monitor, gboolean available, gpointer data)
{
	(void)monitor;
	if (available)
		desk_hosts_retry(data);
}

/* logind's PrepareForSleep(start): false when the machine is awake again
 * (org.freedesktop.login1(5)). */
static void
on_sleep(GDBusConnection *bus, const char *sender, const char *path, const char *interface,
    const char *signal, GVariant *arguments, gpointer data)
{
	struct desk *desk = data;
	gboolean begins = TRUE;

	(void)bus, (void)sender, (void)path, (void)interface, (void)signal;
	if (g_variant_is_of_type(arguments, G_VARIANT_TYPE("(b)")))
		g_variant_get(arguments, "(b)", &begins);
	for (size_t i = 0; i < desk->nsources && !begins; i++)
		source_restart(desk->sources[i]);
	if (!begins)
		desk_quiet_changed(desk); /* timers stood still meanwhile */
}

static void
on_system_bus(GObject *source, GAsyncResult *result, gpointer data)
{
	GDBusConnection *bus = g_bus_get_finish(result, NULL);

	(void)source;
	/* Without one the streams find out by themselves, only later. When it was
	 * cancelled there is no desk any more, either. */
	if (bus == NULL)
		return;
	struct desk *desk = data;

	desk->system_bus = bus;
	desk->sleep_signal = g_dbus_connection_signal_subscribe(bus,
	    "org.freedesktop.login1", "org.freedesktop.login1.Manager", "PrepareForSleep",
	    "/org/freedesktop/login1", NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_sleep, desk,
	    NULL);
}

void
desk_watch_sleep(struct desk *desk)
{
	g_bus_get(G_BUS_TYPE_SYSTEM, desk->ending, on_system_bus, desk);
	(void)g_signal_connect(g_network_monitor_get_default(), "network-changed",
	    G_CALLBACK(on_network), desk);
}
