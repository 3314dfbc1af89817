/* The page of hosts (dialog_page.h): a list, and the fields of the chosen one. */
#include "desktop/gtk/dialog_page.h"

#include <string.h>

#include "desktop/settings_check.h"
#include "desktop/settings_impl.h"

/* A host while it is edited: what is typed may be no host yet. */
struct draft {
	struct desk_host kept; /* what has no field stays as it was */
	char *name, *ssh, *dashboard;
};

struct hosts_page {
	GPtrArray *drafts; /* in the order of the rows */
	GtkWidget *list, *add, *remove, *fields;
	GtkWidget *name, *ssh, *dashboard;
	bool filling; /* the fields change, but nobody types */
};

static void
free_draft(gpointer data)
{
	struct draft *draft = data;

	settings_done_host(&draft->kept);
	g_free(draft->name);
	g_free(draft->ssh);
	g_free(draft->dashboard);
	g_free(draft);
}

static void
free_page(gpointer data)
{
	struct hosts_page *page = data;

	g_ptr_array_unref(page->drafts);
	g_free(page);
}

/* NULL, or what is wrong; an empty line is this machine: no words. */
static char *
part_ssh(const char *line, char ***words_out)
{
	g_autoptr(GError) why = NULL;
	char **words = NULL;

	*words_out = NULL;
	if (*line == '\0')
		return NULL;
	if (!g_shell_parse_argv(line, NULL, &words, &why))
		return g_strdup(why->message);
	const char *wrong = g_strv_length(words) > DESK_MAX_WORDS
				? "these are too many words"
				: check_ssh(words);

	if (wrong == NULL) {
		*words_out = words;
		return NULL;
	}
	g_strfreev(words);
	return g_strdup(wrong);
}

/* What it is called if no name is given. */
static char *
usual_name(const char *ssh)
{
	char **words = NULL;
	g_autofree char *wrong = part_ssh(ssh, &words);

	if (wrong != NULL)
		return g_strdup("");
	char *name = words != NULL ? check_ssh_name(words) : g_strdup(g_get_host_name());

	g_strfreev(words);
	return name;
}

static struct draft *
draft_of(const struct desk_host *host)
{
	struct draft *draft = g_new0(struct draft, 1);

	draft->kept = settings_copy_host(host);
	draft->ssh = field_words_line(host->ssh);
	g_autofree char *usual = usual_name(draft->ssh);

	bool is_usual = host->name == NULL || strcmp(usual, host->name) == 0;

	draft->name = g_strdup(is_usual ? "" : host->name);
	draft->dashboard = g_strdup(host->dashboard != NULL ? host->dashboard : "");
	return draft;
}

/* --- the list --- */

static char *
shown_name(const struct draft *draft)
{
	char *usual = usual_name(draft->ssh);

	if (*draft->name == '\0' && *usual != '\0')
		return usual;
	g_free(usual);
	return g_strdup(*draft->name != '\0' ? draft->name : "\xe2\x80\xa6");
}

static void
add_row(struct hosts_page *page, const struct draft *draft)
{
	g_autofree char *name = shown_name(draft);
	GtkWidget *label = gtk_label_new(name);

	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_END);
	gtk_widget_set_margin_start(label, 6);
	gtk_widget_set_margin_end(label, 6);
	gtk_widget_set_margin_top(label, 4);
	gtk_widget_set_margin_bottom(label, 4);
	gtk_widget_show(label);
	gtk_list_box_insert(GTK_LIST_BOX(page->list), label, -1);
}

/* NULL: none is chosen. */
static struct draft *
chosen(struct hosts_page *page)
{
	GtkListBoxRow *row = gtk_list_box_get_selected_row(GTK_LIST_BOX(page->list));

	return row != NULL ? page->drafts->pdata[gtk_list_box_row_get_index(row)] : NULL;
}

static void
choose(struct hosts_page *page, int i)
{
	gtk_list_box_select_row(GTK_LIST_BOX(page->list),
	    gtk_list_box_get_row_at_index(GTK_LIST_BOX(page->list), i));
}

static void
show_name(struct hosts_page *page)
{
	GtkListBoxRow *row = gtk_list_box_get_selected_row(GTK_LIST_BOX(page->list));
	struct draft *draft = chosen(page);

	if (draft == NULL) {
		gtk_entry_set_placeholder_text(GTK_ENTRY(page->name), "");
		return;
	}
	g_autofree char *name = shown_name(draft), *usual = usual_name(draft->ssh);

	gtk_label_set_text(GTK_LABEL(gtk_bin_get_child(GTK_BIN(row))), name);
	gtk_entry_set_placeholder_text(GTK_ENTRY(page->name), usual);
}

static void
on_selected(GtkListBox *list, GtkListBoxRow *row, gpointer data)
{
	struct hosts_page *page = data;
	const struct draft *draft = chosen(page);

	(void)list;
	(void)row;
	page->filling = true;
	gtk_entry_set_text(GTK_ENTRY(page->name), draft != NULL ? draft->name : "");
	gtk_entry_set_text(GTK_ENTRY(page->ssh), draft != NULL ? draft->ssh : "");
	gtk_entry_set_text(GTK_ENTRY(page->dashboard),
	    draft != NULL ? draft->dashboard : "");
	page->filling = false;
	gtk_widget_set_sensitive(page->fields, draft != NULL);
	gtk_widget_set_sensitive(page->remove, draft != NULL);
	show_name(page);
}

static void
on_edited(GtkEditable *entry, gpointer data)
{
	struct hosts_page *page = data;
	struct draft *draft = page->filling ? NULL : chosen(page);

	if (draft == NULL)
		return;
	char **text = GTK_WIDGET(entry) == page->name  ? &draft->name
		      : GTK_WIDGET(entry) == page->ssh ? &draft->ssh
						       : &draft->dashboard;

	g_free(*text);
	*text = field_take_text(GTK_WIDGET(entry));
	show_name(page);
}

static void
on_add(GtkButton *button, gpointer data)
{
	struct hosts_page *page = data;
	struct desk_host fresh = { .program = "mailwarden" };
	struct draft *draft = draft_of(&fresh);

	(void)button;
	g_ptr_array_add(page->drafts, draft);
	add_row(page, draft);
	choose(page, (int)page->drafts->len - 1);
	gtk_widget_set_sensitive(page->add, page->drafts->len < DESK_MAX_HOSTS);
	gtk_widget_grab_focus(page->ssh);
}

static void
on_remove(GtkButton *button, gpointer data)
{
	struct hosts_page *page = data;
	GtkListBoxRow *row = gtk_list_box_get_selected_row(GTK_LIST_BOX(page->list));

	(void)button;
	if (row == NULL)
		return;
	int i = gtk_list_box_row_get_index(row);

	gtk_list_box_unselect_all(GTK_LIST_BOX(page->list));
	gtk_widget_destroy(GTK_WIDGET(row));
	g_ptr_array_remove_index(page->drafts, (unsigned)i);
	gtk_widget_set_sensitive(page->add, TRUE);
	if (page->drafts->len > 0)
		choose(page, MIN(i, (int)page->drafts->len - 1));
}

/* --- showing --- */

static GtkWidget *
list_column(struct hosts_page *page)
{
	GtkWidget *column = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
	GtkWidget *buttons = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
	GtkWidget *window = gtk_scrolled_window_new(NULL, NULL);

	page->list = gtk_list_box_new();
	atk_object_set_name(gtk_widget_get_accessible(page->list), "Hosts");
	gtk_scrolled_window_set_shadow_type(GTK_SCROLLED_WINDOW(window), GTK_SHADOW_IN);
	gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(window), GTK_POLICY_NEVER,
	    GTK_POLICY_AUTOMATIC);
	gtk_container_add(GTK_CONTAINER(window), page->list);
	page->add = gtk_button_new_with_mnemonic("_Add");
	page->remove = gtk_button_new_with_mnemonic("_Remove");
	gtk_box_set_homogeneous(GTK_BOX(buttons), TRUE);
	gtk_container_add(GTK_CONTAINER(buttons), page->add);
	gtk_container_add(GTK_CONTAINER(buttons), page->remove);
	gtk_box_pack_start(GTK_BOX(column), window, TRUE, TRUE, 0);
	gtk_box_pack_start(GTK_BOX(column), buttons, FALSE, FALSE, 0);
	g_signal_connect(page->list, "row-selected", G_CALLBACK(on_selected), page);
	g_signal_connect(page->add, "clicked", G_CALLBACK(on_add), page);
	g_signal_connect(page->remove, "clicked", G_CALLBACK(on_remove), page);
	return column;
}

static GtkWidget *
host_field(struct hosts_page *page, const char *label, const char *placeholder,
    const char *hint)
{
	GtkWidget *entry = field_entry("", placeholder);

	gtk_entry_set_width_chars(GTK_ENTRY(entry), 26);
	field_add(page->fields, label, entry, entry);
	field_add_hint(page->fields, hint);
	g_signal_connect(entry, "changed", G_CALLBACK(on_edited), page);
	return entry;
}

GtkWidget *
page_hosts_new(const struct desk_settings *settings)
{
	struct hosts_page *page = g_new0(struct hosts_page, 1);
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 18);

	page->drafts = g_ptr_array_new_with_free_func(free_draft);
	gtk_container_set_border_width(GTK_CONTAINER(box), 12);
	gtk_box_pack_start(GTK_BOX(box), list_column(page), FALSE, FALSE, 0);
	page->fields = field_grid();
	gtk_container_set_border_width(GTK_CONTAINER(page->fields), 0);
	gtk_box_pack_start(GTK_BOX(box), page->fields, TRUE, TRUE, 0);
	page->ssh = host_field(page, "_By ssh to:", "this machine",
	    "Such as joe@mx1, with a key that needs no password. Empty: this machine.");
	page->name = host_field(page, "_Name:", "", "Shown in menu and notifications.");
	page->dashboard = host_field(page, "_Dashboard:", "none",
	    "Address of mailwarden serve, such as\nhttp://127.0.0.1:8025/");
	for (size_t i = 0; i < settings->nhosts; i++) {
		struct draft *draft = draft_of(&settings->hosts[i]);

		g_ptr_array_add(page->drafts, draft);
		add_row(page, draft);
	}
	gtk_widget_set_sensitive(page->add, settings->nhosts < DESK_MAX_HOSTS);
	on_selected(NULL, NULL, page);
	if (settings->nhosts > 0)
		choose(page, 0);
	g_object_set_data_full(G_OBJECT(box), "page", page, free_page);
	return box;
}

/* --- taking --- */

static char *
take_name(const struct draft *draft, const struct desk_settings *settings, char **name_out)
{
	g_autofree char *name =
	    *draft->name != '\0' ? g_strdup(draft->name) : usual_name(draft->ssh);
	const char *wrong = check_text(name);

	if (wrong != NULL)
		return g_strdup_printf("The name: %s.", wrong);
	for (size_t i = 0; i < settings->nhosts; i++)
		if (strcmp(settings->hosts[i].name, name) == 0)
			return g_strdup_printf("Two hosts are called \xe2\x80\x9c%s"
					       "\xe2\x80\x9d: give each its own name.",
			    name);
	*name_out = g_steal_pointer(&name);
	return NULL;
}

/* Adds it to the settings, which have room for it. */
static char *
take_host(const struct hosts_page *page, const struct draft *draft,
    struct desk_settings *settings, GtkWidget **at_out)
{
	g_auto(GStrv) ssh = NULL;
	g_autofree char *name = NULL;
	char *wrong = part_ssh(draft->ssh, &ssh);

	*at_out = page->ssh;
	if (wrong != NULL) {
		g_autofree char *what = wrong;

		return g_strdup_printf("The destination of ssh: %s.", what);
	}
	*at_out = page->name;
	wrong = take_name(draft, settings, &name);
	if (wrong != NULL)
		return wrong;
	*at_out = page->dashboard;
	if (*draft->dashboard != '\0' && check_dashboard(draft->dashboard) != NULL)
		return g_strdup_printf("The dashboard: %s.",
		    check_dashboard(draft->dashboard));
	struct desk_host *host = &settings->hosts[settings->nhosts++];

	*host = settings_copy_host(&draft->kept);
	g_free(host->name);
	host->name = g_steal_pointer(&name);
	g_strfreev(host->ssh);
	host->ssh = g_steal_pointer(&ssh);
	g_free(host->dashboard);
	host->dashboard = *draft->dashboard != '\0' ? g_strdup(draft->dashboard) : NULL;
	return NULL;
}

char *
page_hosts_take(GtkWidget *widget, struct desk_settings *settings, GtkWidget **at_out)
{
	struct hosts_page *page = g_object_get_data(G_OBJECT(widget), "page");

	settings_drop_hosts(settings);
	settings->hosts = g_new0(struct desk_host, page->drafts->len);
	for (unsigned i = 0; i < page->drafts->len; i++) {
		char *wrong = take_host(page, page->drafts->pdata[i], settings, at_out);

		if (wrong == NULL)
			continue;
		choose(page, (int)i);
		return wrong;
	}
	return NULL;
}
