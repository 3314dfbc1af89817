#include "desktop/gtk/dialog.h"

#include "core/plain.h"
#include "desktop/gtk/dialog_page.h"

static const struct {
	const char *title;
	GtkWidget *(*make)(const struct desk_settings *settings);
	char *(*take)(GtkWidget *page, struct desk_settings *settings, GtkWidget **at_out);
} pages[] = {
	{ "_Mail", page_mail_new, page_mail_take },
	{ "_Trouble", page_trouble_new, page_trouble_take },
	{ "_Hosts", page_hosts_new, page_hosts_take },
};

struct dialog {
	struct desk_settings *settings; /* as they were */
	struct dialog_calls calls;
	GtkWidget *window, *book, *bar, *fault;
	GtkWidget *pages[G_N_ELEMENTS(pages)];
};

static void
free_dialog(gpointer data)
{
	struct dialog *dialog = data;

	desk_settings_free(dialog->settings);
	g_free(dialog);
}

static void
show_fault(struct dialog *dialog, const char *text)
{
	AUTO(buf_done) struct buf plain = { 0 };

	buf_add(&plain, STR("Not saved. "));
	plain_add(&plain, str_of(text));
	gtk_label_set_text(GTK_LABEL(dialog->fault), buf_cstr(&plain));
	gtk_widget_show(dialog->bar);
	gtk_info_bar_set_revealed(GTK_INFO_BAR(dialog->bar), TRUE);
}

/* NULL: a fault is shown, and the cursor stands there. */
static struct desk_settings *
take_all(struct dialog *dialog)
{
	struct desk_settings *settings = desk_settings_copy(dialog->settings);

	for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
		GtkWidget *at = NULL;
		g_autofree char *wrong = pages[i].take(dialog->pages[i], settings, &at);

		if (wrong == NULL)
			continue;
		desk_settings_free(settings);
		gtk_notebook_set_current_page(GTK_NOTEBOOK(dialog->book), (int)i);
		if (at != NULL)
			gtk_widget_grab_focus(at);
		show_fault(dialog, wrong);
		return NULL;
	}
	return settings;
}

static void
on_response(GtkDialog *window, int response, gpointer data)
{
	struct dialog *dialog = data;

	if (response != GTK_RESPONSE_OK) {
		gtk_widget_destroy(GTK_WIDGET(window));
		return;
	}
	struct desk_settings *settings = take_all(dialog);

	if (settings == NULL)
		return;
	g_autofree char *wrong = dialog->calls.saved(dialog->calls.ctx, settings);

	if (wrong != NULL)
		show_fault(dialog, wrong);
	else
		gtk_widget_destroy(GTK_WIDGET(window));
}

static void
add_bar(struct dialog *dialog, GtkWidget *box)
{
	dialog->bar = gtk_info_bar_new();
	dialog->fault = gtk_label_new("");
	gtk_info_bar_set_message_type(GTK_INFO_BAR(dialog->bar), GTK_MESSAGE_ERROR);
	gtk_label_set_line_wrap(GTK_LABEL(dialog->fault), TRUE);
	gtk_label_set_line_wrap_mode(GTK_LABEL(dialog->fault), PANGO_WRAP_WORD_CHAR);
	gtk_label_set_max_width_chars(GTK_LABEL(dialog->fault), 60);
	gtk_label_set_xalign(GTK_LABEL(dialog->fault), 0);
	gtk_label_set_selectable(GTK_LABEL(dialog->fault), TRUE);
	gtk_widget_set_can_focus(dialog->fault, FALSE);
	gtk_container_add(
	    GTK_CONTAINER(gtk_info_bar_get_content_area(GTK_INFO_BAR(dialog->bar))),
	    dialog->fault);
	gtk_container_add(GTK_CONTAINER(box), dialog->bar);
	gtk_widget_show(dialog->fault);
	gtk_widget_set_no_show_all(dialog->bar, TRUE);
}

static void
add_place(GtkWidget *box, const char *path)
{
	g_autofree char *brief = desk_path_short(path);
	g_autofree char *shown = g_filename_display_name(brief);
	g_autofree char *text = g_strdup_printf("Kept in %s, with rules and more.", shown);
	GtkWidget *label = gtk_label_new(text);

	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_MIDDLE);
	gtk_widget_set_tooltip_text(label, "Explained in mailwarden-desktop(1)");
	gtk_style_context_add_class(gtk_widget_get_style_context(label),
	    GTK_STYLE_CLASS_DIM_LABEL);
	gtk_container_add(GTK_CONTAINER(box), label);
}

static void
fill(struct dialog *dialog, const char *path)
{
	GtkWidget *box = gtk_dialog_get_content_area(GTK_DIALOG(dialog->window));

	gtk_box_set_spacing(GTK_BOX(box), 6);
	add_bar(dialog, box);
	dialog->book = gtk_notebook_new();
	gtk_widget_set_vexpand(dialog->book, TRUE);
	for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
		dialog->pages[i] = pages[i].make(dialog->settings);
		(void)gtk_notebook_append_page(GTK_NOTEBOOK(dialog->book), dialog->pages[i],
		    gtk_label_new_with_mnemonic(pages[i].title));
	}
	gtk_container_add(GTK_CONTAINER(box), dialog->book);
	add_place(box, path);
}

/* The windows of others have no such data. */
static GtkWindow *
find_open(GtkApplication *app)
{
	for (GList *at = gtk_application_get_windows(app); at != NULL; at = at->next)
		if (g_object_get_data(at->data, "settings-dialog") != NULL)
			return at->data;
	return NULL;
}

void
dialog_open(GtkApplication *app, const struct desk_settings *settings, const char *path,
    const struct dialog_calls *calls)
{
	GtkWindow *open = find_open(app);

	if (open != NULL) {
		gtk_window_present(open);
		return;
	}
	struct dialog *dialog = g_new0(struct dialog, 1);

	dialog->settings = desk_settings_copy(settings);
	dialog->calls = *calls;
	dialog->window = gtk_dialog_new_with_buttons("mailwarden settings", NULL, 0,
	    "_Cancel", GTK_RESPONSE_CANCEL, "_Save", GTK_RESPONSE_OK, NULL);
	gtk_window_set_application(GTK_WINDOW(dialog->window), app);
	gtk_window_set_icon_name(GTK_WINDOW(dialog->window), "mailwarden-desktop");
	gtk_window_set_position(GTK_WINDOW(dialog->window), GTK_WIN_POS_CENTER);
	gtk_container_set_border_width(GTK_CONTAINER(dialog->window), 6);
	gtk_dialog_set_default_response(GTK_DIALOG(dialog->window), GTK_RESPONSE_OK);
	fill(dialog, path);
	g_object_set_data_full(G_OBJECT(dialog->window), "settings-dialog", dialog,
	    free_dialog);
	g_signal_connect(dialog->window, "response", G_CALLBACK(on_response), dialog);
	gtk_widget_show_all(dialog->window);
	gtk_window_present(GTK_WINDOW(dialog->window));
}
