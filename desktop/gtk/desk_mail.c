/* New mail: the mailboxes here, the notification, the click. */
#include <unistd.h>

#include "core/clock.h"
#include "desktop/gtk/desk_impl.h"

/* --- what is told --- */

static void
on_action(void *ctx, const char *key, const char *id)
{
	struct desk *desk = ctx;

	(void)key;
	if (strcmp(id, "seen") == 0)
		desk_mail_seen(desk);
	else
		desk_mail_open(desk);
}

static void
notify_mail(struct desk *desk, const struct inbox_mail *mail, size_t more)
{
	const struct notice_action open[] = { { "default", "Open mail", on_action, desk },
		{ "open", "Open mail", on_action, desk },
		{ "seen", "Mark as seen", on_action, desk }, { 0 } };
	g_autofree char *title = words_mail_title(mail);
	g_autofree char *body = words_mail_body(mail, more);

	desk_notify(desk, &(struct desk_notice){
			      .key = "mail",
			      .title = title,
			      .body = body,
			      .icon = "mail-unread",
			      .urgency = NOTICE_NORMAL,
			      .actions = desk->settings->open != NULL ? open : open + 2,
			  });
}

/* Newest of all that wait; what was read meanwhile does not. */
void
desk_mail_tell(struct desk *desk)
{
	const struct inbox_mail *mail;
	uint64_t newest = 0;
	size_t n = 0;
	bool sound = false;

	if (desk_is_hushed(desk, false)) {
		desk_tell_later(desk);
		return;
	}
	while ((mail = inbox_next_untold(desk->inbox)) != NULL) {
		sound |= mail->wants_sound;
		if (!mail->wants_notice)
			continue;
		newest = MAX(newest, mail->number);
		n++;
	}
	if (n > 0)
		notify_mail(desk, inbox_find(desk->inbox, newest), n - 1);
	if (sound) /* a rule may ask for one where other mail has none */
		sound_play(desk->sound,
		    desk->settings->mail_sound != NULL ? desk->settings->mail_sound
						       : "message-new-email",
		    "New mail");
	desk_changed(desk); /* that it was told is saved */
}

static gboolean
on_settled(gpointer data)
{
	struct desk *desk = data;

	desk->settle_timer = 0;
	desk_mail_tell(desk);
	return G_SOURCE_REMOVE;
}

void
desk_mail_came(struct desk *desk)
{
	if (desk->settle_timer == 0)
		desk->settle_timer =
		    g_timeout_add((guint)(desk->settings->settle_us / 1000), on_settled,
			desk);
	desk_changed(desk);
}

/* --- what is seen --- */

static void
close_notice(struct desk *desk)
{
	g_free(notices_close(desk->notices, "mail"));
}

void
desk_mail_seen(struct desk *desk)
{
	(void)inbox_all_seen(desk->inbox);
	close_notice(desk);
	desk_changed(desk);
}

static void
say_not_opened(struct desk *desk, const char *program, const char *reason)
{
	g_autofree char *body = g_strdup_printf("%s: %s", program, reason);
	g_autofree char *plain = words_plain(body, 300);

	desk_notify(desk, &(struct desk_notice){
			      .key = "open",
			      .title = "The mail program did not start",
			      .body = plain,
			      .icon = "dialog-warning",
			      .urgency = NOTICE_NORMAL,
			  });
}

void
desk_mail_open(struct desk *desk)
{
	char **words = desk->settings->open;
	g_autoptr(GError) why = NULL;

	/* It lives on without us; its output goes where ours goes. */
	if (words != NULL && !g_spawn_async(NULL, words, NULL,
				 G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL |
				     G_SPAWN_STDERR_TO_DEV_NULL,
				 NULL, NULL, NULL, &why))
		say_not_opened(desk, words[0], why->message);
	desk_mail_seen(desk);
}

/* --- mailboxes of this machine --- */

static void
on_added(void *ctx, const char *path, const char *key, const struct letter *letter)
{
	struct desk *desk = ctx;

	if (inbox_add_letter(desk->inbox, path, key, letter, g_get_real_time()) != 0)
		desk_mail_came(desk);
	else
		desk_changed(desk); /* a mail known by the log may have got its subject */
}

static void
on_seen(void *ctx, const char *path, const char *key)
{
	struct desk *desk = ctx;

	if (!inbox_key_seen(desk->inbox, path, key))
		return;
	if (inbox_new_count(desk->inbox) == 0)
		close_notice(desk);
	desk_changed(desk);
}

static void
on_fault(void *ctx, const char *path, const char *reason)
{
	struct desk *desk = ctx;
	g_autofree char *text = g_strdup_printf("%s: %s", path, reason);

	desk_say(desk, text);
	g_ptr_array_insert(desk->faults, (gint)desk->faults->len - 1,
	    words_plain(text, WORDS_ROW));
	desk_changed(desk);
}

/* One that was named may be misspelt; the default's come and go. */
static void
expect(struct desk *desk, const char *path)
{
	if (desk->settings->given && access(path, F_OK) != 0)
		on_fault(desk, path, "not there when it was looked for; it is waited for");
}

void
desk_mail_begin(struct desk *desk)
{
	desk->mailbox_calls = (struct mailbox_calls){
		.ctx = desk, .added = on_added, .seen = on_seen, .fault = on_fault
	};
	desk->mailboxes = g_ptr_array_new_with_free_func((GDestroyNotify)mailbox_free);
	desk->faults = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(desk->faults, NULL);
	for (char **path = desk->settings->mailboxes; *path != NULL; path++) {
		struct mailbox *mailbox = mailbox_new(*path, &desk->mailbox_calls);
		g_auto(GStrv) unseen = inbox_unseen_keys(desk->inbox, *path);

		mailbox_check(mailbox, unseen);
		g_ptr_array_add(desk->mailboxes, mailbox);
		expect(desk, *path);
	}
	/* Also for what was not told any more before the program ended. */
	desk_mail_came(desk);
}

void
desk_mail_end(struct desk *desk)
{
	g_clear_pointer(&desk->mailboxes, g_ptr_array_unref);
	g_clear_pointer(&desk->faults, g_ptr_array_unref);
	g_clear_handle_id(&desk->settle_timer, g_source_remove);
}
