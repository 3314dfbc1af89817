#include "desktop/gtk/tray_menu.h"

enum act {
	ACT_NOTHING, /* only to be read */
	ACT_SEPARATOR,
	ACT_OPEN_MAIL,
	ACT_MARK_SEEN,
	ACT_MAIL,
	ACT_TROUBLE,
	ACT_OVERVIEW,
	ACT_RETRY,
	ACT_PAUSE, /* with a tick if it is on */
	ACT_SETTINGS,
	ACT_QUIT,
};

struct entry {
	enum act act;
	char *label;
	char *source, *id; /* ACT_TROUBLE */
	uint64_t number;   /* ACT_MAIL */
	bool on;           /* ACT_PAUSE */
};

static void
free_entry(void *data)
{
	struct entry *entry = data;

	g_free(entry->label);
	g_free(entry->source);
	g_free(entry->id);
	g_free(entry);
}

/* --- entries --- */

static struct entry *
add_owned(GPtrArray *entries, enum act act, char *label)
{
	struct entry *entry = g_new0(struct entry, 1);

	entry->act = act;
	entry->label = label;
	g_ptr_array_add(entries, entry);
	return entry;
}

static struct entry *
add(GPtrArray *entries, enum act act, const char *label)
{
	return add_owned(entries, act, g_strdup(label));
}

static void
add_mails(GPtrArray *entries, const struct desk_view *view)
{
	size_t n = inbox_new_count(view->inbox);
	const struct inbox_mail *mail;

	if (n == 0) {
		(void)add(entries, ACT_NOTHING, "No new mail");
	} else {
		bool opens = view->settings->open != NULL;

		(void)add_owned(entries, opens ? ACT_OPEN_MAIL : ACT_NOTHING,
		    g_strdup_printf("%zu new message%s%s", n, n == 1 ? "" : "s",
			opens ? ": open mail" : ""));
		(void)add(entries, ACT_MARK_SEEN, "Mark all as seen");
	}
	for (size_t i = 0;
	     i < TRAY_MENU_MAILS && (mail = inbox_recent(view->inbox, i)) != NULL; i++)
		add_owned(entries, ACT_MAIL, words_mail_line(mail, view->now_us))->number =
		    mail->number;
}

static bool
is_lost(const struct desk_view *view, size_t i)
{
	return !source_is_heard(view->sources[i]);
}

static size_t
count_lost(const struct desk_view *view)
{
	size_t n = 0;

	for (size_t i = 0; i < view->nsources; i++)
		n += is_lost(view, i);
	return n;
}

static void
add_troubles(GPtrArray *entries, const struct desk_view *view)
{
	size_t open = troubles_open(view->troubles);

	if (open == 0)
		(void)add(entries, ACT_NOTHING,
		    count_lost(view) == 0 ? "All is well" : "No incident known");
	for (size_t i = 0; i < open && i < TRAY_MENU_TROUBLES; i++) {
		const struct trouble *trouble = troubles_get(view->troubles, i);
		struct entry *entry = add_owned(entries, ACT_TROUBLE,
		    words_trouble_line(trouble, view->nsources > 1, WORDS_LINE));

		entry->source = g_strdup(trouble->source);
		entry->id = g_strdup(trouble->id);
	}
	if (open > TRAY_MENU_TROUBLES)
		(void)add_owned(entries, ACT_OVERVIEW,
		    g_strdup_printf("%zu more...", open - TRAY_MENU_TROUBLES));
}

static void
add_hosts(GPtrArray *entries, const struct desk_view *view)
{
	size_t lost = count_lost(view), shown = 0;

	if (lost == 0)
		return;
	(void)add(entries, ACT_SEPARATOR, NULL);
	for (size_t i = 0; i < view->nsources && shown < TRAY_MENU_HOSTS; i++) {
		if (!is_lost(view, i))
			continue;
		(void)add_owned(entries, ACT_NOTHING, words_source_state(view->sources[i]));
		shown++;
	}
	if (lost > shown)
		(void)add_owned(entries, ACT_OVERVIEW,
		    g_strdup_printf("%zu more...", lost - shown));
	(void)add(entries, ACT_RETRY, "Retry now");
}

static void
add_pause(GPtrArray *entries, const struct desk_view *view)
{
	bool on = view->paused_until_us > view->now_us;
	g_autofree char *until = words_time(view->paused_until_us, view->now_us);

	if (on)
		add_owned(entries, ACT_PAUSE,
		    g_strdup_printf("Notifications paused until %s", until))
		    ->on = true;
	else
		(void)add(entries, ACT_PAUSE, "Pause notifications for an hour");
}

GPtrArray *
tray_menu_entries(const struct desk_view *view)
{
	GPtrArray *entries = g_ptr_array_new_with_free_func(free_entry);

	add_mails(entries, view);
	(void)add(entries, ACT_SEPARATOR, NULL);
	add_troubles(entries, view);
	add_hosts(entries, view);
	(void)add(entries, ACT_SEPARATOR, NULL);
	(void)add(entries, ACT_OVERVIEW, "Overview...");
	add_pause(entries, view);
	(void)add(entries, ACT_SETTINGS, "Settings...");
	(void)add(entries, ACT_QUIT, "Quit");
	return entries;
}

static bool
is_same(const struct entry *a, const struct entry *b)
{
	return a->act == b->act && a->number == b->number && a->on == b->on &&
	       g_strcmp0(a->label, b->label) == 0 && g_strcmp0(a->source, b->source) == 0 &&
	       g_strcmp0(a->id, b->id) == 0;
}

bool
tray_menu_same(const GPtrArray *a, const GPtrArray *b)
{
	if (a == NULL || b == NULL || a->len != b->len)
		return false;
	for (guint i = 0; i < a->len; i++)
		if (!is_same(a->pdata[i], b->pdata[i]))
			return false;
	return true;
}

/* --- the menu --- */

static void
on_activate(GtkMenuItem *item, void *data)
{
	const struct tray_calls *calls = data;
	const struct entry *entry = g_object_get_data(G_OBJECT(item), "entry");
	/* The call may replace the menu, and with it the entry. */
	g_autofree char *source = g_strdup(entry->source);
	g_autofree char *id = g_strdup(entry->id);

	switch (entry->act) {
	case ACT_NOTHING:
	case ACT_SEPARATOR: break;
	case ACT_OPEN_MAIL: calls->open_mail(calls->ctx); break;
	case ACT_MARK_SEEN: calls->mark_seen(calls->ctx); break;
	case ACT_MAIL: calls->show_mail(calls->ctx, entry->number); break;
	case ACT_TROUBLE: calls->show_trouble(calls->ctx, source, id); break;
	case ACT_OVERVIEW: calls->show_overview(calls->ctx); break;
	case ACT_RETRY: calls->retry(calls->ctx); break;
	case ACT_PAUSE: calls->pause(calls->ctx, !entry->on); break;
	case ACT_SETTINGS: calls->show_settings(calls->ctx); break;
	case ACT_QUIT: calls->quit(calls->ctx); break;
	}
}

static GtkWidget *
make_item(struct entry *entry, const struct tray_calls *calls)
{
	GtkWidget *item;

	if (entry->act == ACT_SEPARATOR)
		return gtk_separator_menu_item_new();
	/* Without mnemonics: an underscore in a stranger's text is one. */
	if (entry->act == ACT_PAUSE) {
		item = gtk_check_menu_item_new_with_label(entry->label);
		gtk_check_menu_item_set_active(GTK_CHECK_MENU_ITEM(item), entry->on);
	} else {
		item = gtk_menu_item_new_with_label(entry->label);
	}
	gtk_widget_set_sensitive(item, entry->act != ACT_NOTHING);
	g_object_set_data(G_OBJECT(item), "entry", entry);
	(void)g_signal_connect(item, "activate", G_CALLBACK(on_activate), (void *)calls);
	return item;
}

GtkMenu *
tray_menu_new(GPtrArray *entries, const struct tray_calls *calls)
{
	GtkWidget *menu = gtk_menu_new();

	for (guint i = 0; i < entries->len; i++)
		gtk_menu_shell_append(GTK_MENU_SHELL(menu),
		    make_item(entries->pdata[i], calls));
	g_object_set_data_full(G_OBJECT(menu), "entries", g_ptr_array_ref(entries),
	    (GDestroyNotify)g_ptr_array_unref);
	gtk_widget_show_all(menu);
	return GTK_MENU(menu);
}

static bool
has_same_items(const GPtrArray *a, const GPtrArray *b)
{
	if (a == NULL || a->len != b->len)
		return false;
	for (guint i = 0; i < a->len; i++) {
		const struct entry *x = a->pdata[i], *y = b->pdata[i];

		if (x->act != y->act || x->on != y->on)
			return false;
	}
	return true;
}

bool
tray_menu_reword(GtkMenu *menu, const GPtrArray *old, GPtrArray *entries)
{
	guint i = 0;

	if (menu == NULL || !has_same_items(old, entries))
		return false;
	g_autoptr(GList) items = gtk_container_get_children(GTK_CONTAINER(menu));

	for (GList *at = items; at != NULL && i < entries->len; at = at->next, i++) {
		struct entry *entry = entries->pdata[i];

		if (entry->act == ACT_SEPARATOR)
			continue;
		gtk_menu_item_set_label(at->data, entry->label);
		g_object_set_data(at->data, "entry", entry);
	}
	g_object_set_data_full(G_OBJECT(menu), "entries", g_ptr_array_ref(entries),
	    (GDestroyNotify)g_ptr_array_unref);
	return true;
}
