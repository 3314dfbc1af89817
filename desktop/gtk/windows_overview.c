#include "desktop/gtk/windows_parts.h"

enum { OVERVIEW_MAILS = 20, OVERVIEW_TROUBLES = 100 };

/* What a row of incidents or mails is about. */
static void
set_subject(GtkWidget *row, const char *source, const char *id, uint64_t number)
{
	uint64_t *copy = g_new(uint64_t, 1);

	*copy = number;
	g_object_set_data_full(G_OBJECT(row), "source", g_strdup(source), g_free);
	g_object_set_data_full(G_OBJECT(row), "id", g_strdup(id), g_free);
	g_object_set_data_full(G_OBJECT(row), "number", copy, g_free);
}

static void
on_row(GtkListBox *list, GtkListBoxRow *row, void *data)
{
	const struct window_calls *calls = data;
	/* The call may make the rows anew. */
	g_autofree char *source = g_strdup(g_object_get_data(G_OBJECT(row), "source"));
	g_autofree char *id = g_strdup(g_object_get_data(G_OBJECT(row), "id"));
	const uint64_t *number = g_object_get_data(G_OBJECT(row), "number");

	(void)list;
	if (id != NULL)
		calls->show_trouble(calls->ctx, source, id);
	else if (number != NULL)
		calls->show_mail(calls->ctx, *number);
}

/* --- rows --- */

static GtkWidget *
add_row(GtkWidget *list, const char *icon, const char *text)
{
	GtkWidget *row = gtk_list_box_row_new();
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 8);

	gtk_container_set_border_width(GTK_CONTAINER(box), 6);
	if (icon != NULL)
		gtk_box_pack_start(GTK_BOX(box),
		    gtk_image_new_from_icon_name(icon, GTK_ICON_SIZE_LARGE_TOOLBAR), FALSE,
		    FALSE, 0);
	gtk_box_pack_start(GTK_BOX(box), part_label(text), TRUE, TRUE, 0);
	g_object_set_data_full(G_OBJECT(row), "text", g_strdup(text), g_free);
	gtk_container_add(GTK_CONTAINER(row), box);
	gtk_container_add(GTK_CONTAINER(list), row);
	return row;
}

/* Nothing happens at a click on it. */
static void
add_plain_row(GtkWidget *list, const char *icon, const char *text)
{
	GtkWidget *row = add_row(list, icon, text);

	gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), FALSE);
}

static void
fill_hosts(GtkWidget *list, const struct desk_view *view)
{
	for (size_t i = 0; i < view->nsources; i++) {
		g_autofree char *text = words_source_line(view->sources[i]);

		add_plain_row(list,
		    source_is_heard(view->sources[i]) ? "mailwarden-idle"
						      : "mailwarden-disconnected",
		    text);
	}
	if (view->nsources == 0)
		add_plain_row(list, NULL, "No host is listened to");
	for (char *const *fault = view->faults; fault != NULL && *fault != NULL; fault++)
		add_plain_row(list, "mailwarden-disconnected", *fault);
}

static void
fill_troubles(GtkWidget *list, const struct desk_view *view)
{
	const struct trouble *trouble;
	size_t i;

	for (i = 0;
	     i < OVERVIEW_TROUBLES && (trouble = troubles_get(view->troubles, i)) != NULL;
	     i++) {
		g_autofree char *line =
		    words_trouble_line(trouble, view->nsources > 1, WORDS_ROW);
		g_autofree char *at =
		    words_time(trouble->open ? trouble->opened_us : trouble->resolved_us,
			view->now_us);
		g_autofree char *text = g_strdup_printf("%s  %s", at, line);

		set_subject(add_row(list, part_icon(trouble), text), trouble->source,
		    trouble->id, 0);
	}
	if (troubles_get(view->troubles, i) != NULL)
		add_plain_row(list, NULL, "More of them are in the dashboard");
	if (i == 0)
		add_plain_row(list, NULL, "No incident known");
}

static void
fill_mails(GtkWidget *list, const struct desk_view *view)
{
	const struct inbox_mail *mail;
	size_t i;

	for (i = 0; i < OVERVIEW_MAILS && (mail = inbox_recent(view->inbox, i)) != NULL;
	     i++) {
		g_autofree char *text = words_mail_line(mail, view->now_us);

		set_subject(add_row(list, mail->seen ? "mailwarden-idle" : "mailwarden-new",
				text),
		    NULL, NULL, mail->number);
	}
	if (i == 0)
		add_plain_row(list, NULL, "No mail yet");
}

/* --- keeping up --- */

/* All that a list says and means, to see whether it has to be made anew. */
static char *
content_of(GtkWidget *list)
{
	GString *all = g_string_new(NULL);
	g_autoptr(GList) rows = gtk_container_get_children(GTK_CONTAINER(list));

	for (GList *at = rows; at != NULL; at = at->next) {
		const char *source = g_object_get_data(at->data, "source");
		const char *id = g_object_get_data(at->data, "id");
		const uint64_t *number = g_object_get_data(at->data, "number");
		const char *text = g_object_get_data(at->data, "text");

		g_string_append_printf(all, "%s %s %llu %s\n", source != NULL ? source : "",
		    id != NULL ? id : "", number != NULL ? (unsigned long long)*number : 0,
		    text);
	}
	return g_string_free(all, FALSE);
}

/* Moves the rows of one list into the other; who was at a row stays there. */
static void
take_rows(GtkWidget *list, GtkWidget *from)
{
	g_autoptr(GList) old = gtk_container_get_children(GTK_CONTAINER(list));
	g_autoptr(GList) rows = gtk_container_get_children(GTK_CONTAINER(from));
	GtkWidget *row = gtk_container_get_focus_child(GTK_CONTAINER(list));
	int place = row == NULL ? -1 : gtk_list_box_row_get_index(GTK_LIST_BOX_ROW(row));

	for (GList *at = old; at != NULL; at = at->next)
		gtk_widget_destroy(at->data);
	for (GList *at = rows; at != NULL; at = at->next) {
		g_object_ref(at->data);
		gtk_container_remove(GTK_CONTAINER(from), at->data);
		gtk_container_add(GTK_CONTAINER(list), at->data);
		g_object_unref(at->data);
	}
	gtk_widget_show_all(list);
	if (place < 0)
		return;
	row = (GtkWidget *)gtk_list_box_get_row_at_index(GTK_LIST_BOX(list), place);
	if (row != NULL)
		gtk_widget_grab_focus(row);
}

static void
refill(GtkWindow *window, const char *name,
    void (*fill)(GtkWidget *list, const struct desk_view *view),
    const struct desk_view *view)
{
	GtkWidget *list = g_object_get_data(G_OBJECT(window), name);
	GtkWidget *fresh = g_object_ref_sink(gtk_list_box_new());

	fill(fresh, view);
	g_autofree char *before = content_of(list);
	g_autofree char *now = content_of(fresh);

	if (g_strcmp0(before, now) != 0)
		take_rows(list, fresh);
	gtk_widget_destroy(fresh);
	g_object_unref(fresh);
}

void
overview_update(GtkWindow *window, const struct desk_view *view)
{
	g_autofree char *title = words_title(view);
	g_autofree char *icon = words_icon(view);
	bool lost = false;

	for (size_t i = 0; i < view->nsources; i++)
		lost = lost || !source_is_heard(view->sources[i]);
	gtk_label_set_text(g_object_get_data(G_OBJECT(window), "title"), title);
	gtk_image_set_from_icon_name(g_object_get_data(G_OBJECT(window), "icon"), icon,
	    GTK_ICON_SIZE_DIALOG);
	gtk_widget_set_sensitive(g_object_get_data(G_OBJECT(window), "open"),
	    view->settings->open != NULL);
	gtk_widget_set_sensitive(g_object_get_data(G_OBJECT(window), "seen"),
	    inbox_new_count(view->inbox) > 0);
	gtk_widget_set_visible(g_object_get_data(G_OBJECT(window), "retry"), lost);
	refill(window, "incidents", fill_troubles, view);
	refill(window, "mails", fill_mails, view);
	refill(window, "hosts", fill_hosts, view);
}

/* --- making it --- */

static void
on_open(GtkButton *button, void *data)
{
	const struct window_calls *calls = data;

	(void)button;
	calls->open_mail(calls->ctx);
}

static void
on_seen(GtkButton *button, void *data)
{
	const struct window_calls *calls = data;

	(void)button;
	calls->mark_seen(calls->ctx);
}

static void
on_retry(GtkButton *button, void *data)
{
	const struct window_calls *calls = data;

	(void)button;
	calls->retry(calls->ctx);
}

static void
on_settings(GtkButton *button, void *data)
{
	const struct window_calls *calls = data;

	(void)button;
	calls->show_settings(calls->ctx);
}

static GtkWidget *
make_head(GtkWindow *window)
{
	GtkWidget *head = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	GtkWidget *icon = gtk_image_new(), *title = part_heading(NULL);

	g_object_set_data(G_OBJECT(window), "icon", icon);
	g_object_set_data(G_OBJECT(window), "title", title);
	gtk_box_pack_start(GTK_BOX(head), icon, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(head), title, TRUE, TRUE, 0);
	return head;
}

static void
add_list(GtkWindow *window, GtkWidget *content, const char *name, const char *heading)
{
	const struct window_calls *calls = g_object_get_data(G_OBJECT(window), "calls");
	GtkWidget *part = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
	GtkWidget *frame = gtk_frame_new(NULL), *list = gtk_list_box_new();

	gtk_list_box_set_selection_mode(GTK_LIST_BOX(list), GTK_SELECTION_NONE);
	(void)g_signal_connect(list, "row-activated", G_CALLBACK(on_row), (void *)calls);
	g_object_set_data(G_OBJECT(window), name, list);
	gtk_container_add(GTK_CONTAINER(frame), list);
	gtk_box_pack_start(GTK_BOX(part), part_heading(heading), FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(part), frame, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(content), part, FALSE, FALSE, 0);
}

static GtkWidget *
make_buttons(GtkWindow *window, void *calls)
{
	GtkWidget *buttons = part_buttons();
	GtkWidget *settings =
	    part_button(buttons, "_Settings...", G_CALLBACK(on_settings), calls);

	gtk_button_box_set_child_secondary(GTK_BUTTON_BOX(buttons), settings, TRUE);
	g_object_set_data(G_OBJECT(window), "retry",
	    part_button(buttons, "_Retry now", G_CALLBACK(on_retry), calls));
	g_object_set_data(G_OBJECT(window), "seen",
	    part_button(buttons, "_Mark all as seen", G_CALLBACK(on_seen), calls));
	g_object_set_data(G_OBJECT(window), "open",
	    part_button(buttons, "_Open mail", G_CALLBACK(on_open), calls));
	return buttons;
}

static GtkWindow *
make_window(GtkApplication *app, const struct window_calls *calls)
{
	GtkWindow *window = part_window(app, "overview", "mailwarden", 620, 560);
	GtkWidget *content = gtk_box_new(GTK_ORIENTATION_VERTICAL, 18);
	GtkBox *box = part_box(window);

	g_object_set_data(G_OBJECT(window), "calls", (void *)calls);
	gtk_box_pack_start(box, make_head(window), FALSE, FALSE, 0);
	add_list(window, content, "incidents", "Incidents");
	add_list(window, content, "hosts", "Hosts");
	add_list(window, content, "mails", "Recent mail");
	gtk_box_pack_start(box, part_scrolled(content), TRUE, TRUE, 0);
	gtk_box_pack_end(box, make_buttons(window, (void *)calls), FALSE, FALSE, 0);
	gtk_widget_show_all(GTK_WIDGET(box));
	return window;
}

void
windows_overview(GtkApplication *app, const struct desk_view *view,
    const struct window_calls *calls)
{
	GtkWindow *window = part_find(app, "overview");

	if (window == NULL)
		window = make_window(app, calls);
	overview_update(window, view);
	gtk_window_present(window);
}
