/* The inside of desk.h, for desk*.c alone. */
#ifndef DESKTOP_GTK_DESK_IMPL_H
#define DESKTOP_GTK_DESK_IMPL_H

#include "desktop/gtk/desk.h"
#include "desktop/gtk/sound.h"
#include "desktop/gtk/tray.h"
#include "desktop/gtk/windows.h"
#include "desktop/inbox.h"
#include "desktop/kept.h"
#include "desktop/mailbox.h"
#include "desktop/notices.h"
#include "desktop/source.h"
#include "desktop/troubles.h"
#include "desktop/words.h"

struct desk {
	GtkApplication *app;
	const struct desk_options *options;
	struct desk_settings *settings;
	struct inbox *inbox;
	struct troubles *troubles;
	struct kept *kept;
	struct notices *notices;
	struct sound *sound;
	struct tray *tray;
	struct tray_calls tray_calls;
	struct window_calls window_calls;

	struct source_calls source_calls;
	struct source **sources; /* nsources of them, in the order of the settings */
	size_t nsources;
	GHashTable *unheard; /* names of hosts that were never listened to before */
	GPtrArray *news;     /* of struct news: incidents to be told at the next pause */

	struct mailbox_calls mailbox_calls;
	GPtrArray *mailboxes; /* of struct mailbox */
	GPtrArray *faults;    /* of them, as text; NULL is the last */
	guint settle_timer;   /* 0: no mail waits to be told */

	int64_t paused_until_us; /* 0: notifications are not paused */
	guint quiet_timer;       /* ends a pause or the quiet hours */

	guint changed_idle;          /* 0: all that is known is shown and saved */
	GHashTable *said;            /* reasons that were said on standard error */
	GFileMonitor *file;          /* desktop.yaml */
	char *file_content;          /* as it was read or written last; NULL: none */
	GDBusConnection *system_bus; /* NULL: not there, or not yet */
	guint sleep_signal;
	GCancellable *ending; /* cancelled when the desk is freed */
};

/* --- desk.c --- */
void desk_changed(struct desk *desk); /* show and save, when the loop is idle */
void desk_say(struct desk *desk, const char *reason); /* on standard error, once */
void desk_notify(struct desk *desk, const struct desk_notice *notice);
struct desk_view desk_view_now(const struct desk *desk);

/* --- desk_quiet.c --- */
bool desk_is_hushed(const struct desk *desk, bool critical);
void desk_tell_later(struct desk *desk); /* what is hushed: when that is over */
void desk_pause(struct desk *desk, bool on);
void desk_quiet_changed(struct desk *desk); /* the hours, or the time, may be others */

/* --- desk_hosts.c --- */
void desk_hosts_begin(struct desk *desk);
void desk_hosts_end(struct desk *desk);
void desk_hosts_retry(struct desk *desk);
void desk_watch_sleep(struct desk *desk);
struct source *desk_source(const struct desk *desk, const char *name); /* NULL: none */

/* --- desk_mail.c --- */
void desk_mail_begin(struct desk *desk);
void desk_mail_end(struct desk *desk);
void desk_mail_came(struct desk *desk);
void desk_mail_tell(struct desk *desk); /* what was not told yet */
void desk_mail_open(struct desk *desk); /* runs the mail program; all is seen */
void desk_mail_seen(struct desk *desk);

/* --- desk_trouble.c --- */
void desk_trouble_news(struct desk *desk, const struct trouble *trouble,
    enum trouble_news news);
void desk_trouble_tell(struct desk *desk);      /* the news since the last time */
void desk_trouble_tell_held(struct desk *desk); /* what opened in the quiet */
void desk_trouble_show(struct desk *desk, const char *source, const char *id);
void desk_trouble_dashboard(struct desk *desk, const char *source, const char *id);
void desk_trouble_acknowledge(struct desk *desk, const char *source, const char *id);
void desk_trouble_silence(struct desk *desk, const char *source, const char *id);
void desk_news_free(void *news);

#endif
