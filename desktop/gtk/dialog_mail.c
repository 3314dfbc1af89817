/* The page of new mail (dialog_page.h). */
#include "desktop/gtk/dialog_page.h"

#include "desktop/settings_check.h"

struct mail_page {
	GtkWidget *addresses, *mailboxes, *open, *notify, *sound, *settle;
	GtkFileChooserNative *chooser; /* while it is open */
};

static void
free_page(gpointer data)
{
	struct mail_page *page = data;

	if (page->chooser != NULL)
		gtk_native_dialog_destroy(GTK_NATIVE_DIALOG(page->chooser));
	g_clear_object(&page->chooser);
	g_free(page);
}

/* --- adding a mailbox --- */

static void
on_chosen(GtkNativeDialog *chooser, int response, gpointer data)
{
	struct mail_page *page = data;
	g_autofree char *path = gtk_file_chooser_get_filename(GTK_FILE_CHOOSER(chooser));

	if (response == GTK_RESPONSE_ACCEPT && path != NULL &&
	    g_utf8_validate(path, -1, NULL)) {
		g_autofree char *brief = desk_path_short(path);

		field_add_line(page->mailboxes, brief);
	}
	g_clear_object(&page->chooser);
}

static void
choose(struct mail_page *page, const char *title, GtkFileChooserAction action,
    const char *folder)
{
	GtkWidget *window = gtk_widget_get_toplevel(page->mailboxes);

	if (page->chooser != NULL)
		return;
	page->chooser = gtk_file_chooser_native_new(title, GTK_WINDOW(window), action,
	    "_Add", "_Cancel");
	gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(page->chooser), TRUE);
	(void)gtk_file_chooser_set_current_folder(GTK_FILE_CHOOSER(page->chooser), folder);
	gtk_file_chooser_set_show_hidden(GTK_FILE_CHOOSER(page->chooser), TRUE);
	g_signal_connect(page->chooser, "response", G_CALLBACK(on_chosen), page);
	gtk_native_dialog_show(GTK_NATIVE_DIALOG(page->chooser));
}

static void
on_add_maildir(GtkButton *button, gpointer data)
{
	(void)button;
	choose(data, "Add a Maildir", GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER,
	    g_get_home_dir());
}

static void
on_add_mbox(GtkButton *button, gpointer data)
{
	(void)button;
	choose(data, "Add an mbox file", GTK_FILE_CHOOSER_ACTION_OPEN, "/var/mail");
}

static GtkWidget *
add_buttons(struct mail_page *page)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
	GtkWidget *maildir = gtk_button_new_with_mnemonic("Add Mail_dir\xe2\x80\xa6");
	GtkWidget *mbox = gtk_button_new_with_mnemonic("Add mbo_x\xe2\x80\xa6");

	g_signal_connect(maildir, "clicked", G_CALLBACK(on_add_maildir), page);
	g_signal_connect(mbox, "clicked", G_CALLBACK(on_add_mbox), page);
	gtk_container_add(GTK_CONTAINER(box), maildir);
	gtk_container_add(GTK_CONTAINER(box), mbox);
	return box;
}

/* --- showing --- */

static void
add_lists(struct mail_page *page, GtkWidget *grid, const struct desk_settings *settings)
{
	size_t n = g_strv_length(settings->mailboxes);
	g_auto(GStrv) paths = g_new0(char *, n + 1);
	GtkWidget *box;

	for (size_t i = 0; i < n; i++)
		paths[i] = desk_path_short(settings->mailboxes[i]);
	page->addresses = field_lines(settings->addresses, "Addresses, one a line", &box);
	field_add(grid, "_Addresses:", page->addresses, box);
	field_add_hint(grid,
	    "One a line. * stands for any characters, a name without @ for "
	    "that user at any domain.");
	page->mailboxes = field_lines(paths, "Mailboxes, one a line", &box);
	field_add(grid, "Mail_boxes here:", page->mailboxes, box);
	box = add_buttons(page);
	gtk_grid_attach_next_to(GTK_GRID(grid), box, gtk_widget_get_parent(page->mailboxes),
	    GTK_POS_BOTTOM, 1, 1);
	g_object_set_data(G_OBJECT(grid), "rows",
	    GINT_TO_POINTER(GPOINTER_TO_INT(g_object_get_data(G_OBJECT(grid), "rows")) +
			    1));
}

GtkWidget *
page_mail_new(const struct desk_settings *settings)
{
	struct mail_page *page = g_new0(struct mail_page, 1);
	GtkWidget *grid = field_grid();
	g_autofree char *line = field_words_line(settings->open);
	GtkWidget *wait = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);

	add_lists(page, grid, settings);
	page->open = field_entry(line, "nothing");
	field_add(grid, "_Open with:", page->open, page->open);
	field_add_hint(grid, "A click on the icon runs it when there is new mail.");
	page->settle = gtk_spin_button_new_with_range(0, DESK_MAX_SETTLE_S, 1);
	gtk_spin_button_set_value(GTK_SPIN_BUTTON(page->settle),
	    (double)(settings->settle_us / G_USEC_PER_SEC));
	gtk_entry_set_activates_default(GTK_ENTRY(page->settle), TRUE);
	gtk_container_add(GTK_CONTAINER(wait), page->settle);
	gtk_container_add(GTK_CONTAINER(wait), gtk_label_new("seconds before telling"));
	field_add(grid, "_Wait:", page->settle, wait);
	field_add_hint(grid, "What a mail program marks as read by then is not told.");
	page->notify =
	    field_check("Show a _notification for new mail", settings->mail_notify);
	field_add_wide(grid, page->notify);
	page->sound =
	    field_check("_Play a sound for new mail", settings->mail_sound != NULL);
	field_add_wide(grid, page->sound);
	g_object_set_data_full(G_OBJECT(grid), "page", page, free_page);
	return grid;
}

/* --- taking --- */

static char *
take_lines(GtkWidget *view, size_t max, const char *(*check)(const char *text), char ***out)
{
	g_auto(GStrv) lines = field_take_lines(view);

	if (g_strv_length(lines) > max)
		return g_strdup_printf("These are more than %zu.", max);
	for (char **line = lines; *line != NULL; line++) {
		const char *wrong = check(*line);

		if (wrong != NULL)
			return g_strdup_printf("\xe2\x80\x9c%s\xe2\x80\x9d: %s.", *line,
			    wrong);
	}
	g_strfreev(*out);
	*out = g_steal_pointer(&lines);
	return NULL;
}

static char *
take_open(GtkWidget *entry, char ***out)
{
	g_autofree char *line = field_take_text(entry);
	g_autoptr(GError) why = NULL;
	char **words = NULL;

	if (*line != '\0' && !g_shell_parse_argv(line, NULL, &words, &why))
		return g_strdup(why->message);
	for (char **word = words; word != NULL && *word != NULL; word++) {
		const char *wrong = check_text(*word);

		if (wrong == NULL && word - words < DESK_MAX_WORDS)
			continue;
		g_strfreev(words);
		return g_strdup_printf("A word of the command: %s.",
		    wrong != NULL ? wrong : "it is one too many");
	}
	g_strfreev(*out);
	*out = words;
	return NULL;
}

char *
page_mail_take(GtkWidget *widget, struct desk_settings *settings, GtkWidget **at_out)
{
	struct mail_page *page = g_object_get_data(G_OBJECT(widget), "page");
	bool sound = gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(page->sound));
	char *wrong;

	*at_out = page->addresses;
	wrong = take_lines(page->addresses, DESK_MAX_ADDRESSES, check_pattern,
	    &settings->addresses);
	if (wrong != NULL)
		return wrong;
	*at_out = page->mailboxes;
	wrong = take_lines(page->mailboxes, DESK_MAX_MAILBOXES, check_mailbox,
	    &settings->mailboxes);
	if (wrong != NULL)
		return wrong;
	for (char **path = settings->mailboxes; *path != NULL; path++) {
		char *full = desk_path_full(*path);

		g_free(*path);
		*path = full;
	}
	*at_out = page->open;
	wrong = take_open(page->open, &settings->open);
	if (wrong != NULL)
		return wrong;
	gtk_spin_button_update(
	    GTK_SPIN_BUTTON(page->settle)); /* also what is being typed */
	settings->settle_us =
	    G_USEC_PER_SEC *
	    gtk_spin_button_get_value_as_int(GTK_SPIN_BUTTON(page->settle));
	settings->mail_notify =
	    gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(page->notify));
	if (!sound)
		g_clear_pointer(&settings->mail_sound, g_free);
	else if (settings->mail_sound == NULL)
		settings->mail_sound = g_strdup("message-new-email");
	return NULL;
}
