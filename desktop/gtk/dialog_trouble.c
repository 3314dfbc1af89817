/* The page of incidents, quiet hours and the icon's look (dialog_page.h). */
#include "desktop/gtk/dialog_page.h"

#include "desktop/settings_check.h"

struct trouble_page {
	GtkWidget *from, *acknowledged; /* incidents */
	GtkWidget *quiet, *begin, *end, *critical;
	GtkWidget *icons;
};

static GtkWidget *
choice(const char *const *names, size_t n, int active)
{
	GtkWidget *combo = gtk_combo_box_text_new();

	for (size_t i = 0; i < n; i++)
		gtk_combo_box_text_append_text(GTK_COMBO_BOX_TEXT(combo), names[i]);
	gtk_combo_box_set_active(GTK_COMBO_BOX(combo), active);
	return combo;
}

static GtkWidget *
time_entry(int minute)
{
	g_autofree char *text = g_strdup_printf("%02d:%02d", minute / 60, minute % 60);
	GtkWidget *entry = field_entry(text, "22:00");

	gtk_entry_set_width_chars(GTK_ENTRY(entry), 6);
	gtk_entry_set_max_length(GTK_ENTRY(entry), 5);
	return entry;
}

static void
add_labelled(GtkWidget *box, const char *text, GtkWidget *entry)
{
	GtkWidget *label = gtk_label_new_with_mnemonic(text);

	gtk_label_set_mnemonic_widget(GTK_LABEL(label), entry);
	gtk_container_add(GTK_CONTAINER(box), label);
	gtk_container_add(GTK_CONTAINER(box), entry);
}

static void
add_quiet(struct trouble_page *page, GtkWidget *grid, const struct desk_settings *settings)
{
	GtkWidget *hours = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);

	page->quiet =
	    field_check("_Quiet hours: no notifications, no sounds", settings->quiet);
	gtk_widget_set_margin_top(page->quiet, 12);
	field_add_wide(grid, page->quiet);
	page->begin = time_entry(settings->quiet_from_min);
	page->end = time_entry(settings->quiet_until_min);
	add_labelled(hours, "_From", page->begin);
	add_labelled(hours, "_until", page->end);
	gtk_widget_set_margin_start(hours, 24);
	field_add_wide(grid, hours);
	page->critical = field_check("T_ell of critical incidents all the same",
	    settings->critical_when_quiet);
	gtk_widget_set_margin_start(page->critical, 24);
	field_add_wide(grid, page->critical);
	g_object_bind_property(page->quiet, "active", hours, "sensitive",
	    G_BINDING_SYNC_CREATE);
	g_object_bind_property(page->quiet, "active", page->critical, "sensitive",
	    G_BINDING_SYNC_CREATE);
}

GtkWidget *
page_trouble_new(const struct desk_settings *settings)
{
	static const char *const severities[] = {
		[DESK_NONE] = "None",
		[DESK_INFO] = "All",
		[DESK_WARNING] = "Warnings and critical ones",
		[DESK_CRITICAL] = "Only critical ones",
	};
	static const char *const looks[] = { "In colour",
		"Of one colour, as the panel's own" };
	struct trouble_page *page = g_new0(struct trouble_page, 1);
	GtkWidget *grid = field_grid();

	page->from =
	    choice(severities, G_N_ELEMENTS(severities), (int)settings->trouble_from);
	field_add(grid, "_Incidents to notify of:", page->from, page->from);
	page->acknowledged = field_check("The icon shows ac_knowledged incidents, too",
	    settings->acknowledged_counts);
	field_add_wide(grid, page->acknowledged);
	add_quiet(page, grid, settings);
	page->icons = choice(looks, G_N_ELEMENTS(looks), settings->symbolic ? 1 : 0);
	gtk_widget_set_margin_top(page->icons, 12);
	field_add(grid, "Ico_n:", page->icons, page->icons);
	g_object_set_data_full(G_OBJECT(grid), "page", page, g_free);
	return grid;
}

static bool
take_time(GtkWidget *entry, int *minute_out)
{
	g_autofree char *text = field_take_text(entry);

	return check_time(text, minute_out);
}

static bool
is_on(GtkWidget *check)
{
	return gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(check));
}

char *
page_trouble_take(GtkWidget *widget, struct desk_settings *settings, GtkWidget **at_out)
{
	struct trouble_page *page = g_object_get_data(G_OBJECT(widget), "page");
	int from = 0, until = 0;
	bool has_from = take_time(page->begin, &from),
	     has_until = take_time(page->end, &until);

	settings->trouble_from =
	    (enum desk_severity)gtk_combo_box_get_active(GTK_COMBO_BOX(page->from));
	settings->acknowledged_counts = is_on(page->acknowledged);
	settings->symbolic = gtk_combo_box_get_active(GTK_COMBO_BOX(page->icons)) == 1;
	settings->quiet = is_on(page->quiet);
	settings->critical_when_quiet = is_on(page->critical);
	if (!settings->quiet)
		return NULL;
	*at_out = has_from ? page->end : page->begin;
	if (!has_from || !has_until)
		return g_strdup("Write the time as 22:00.");
	if (from == until)
		return g_strdup("Quiet hours end when they begin.");
	settings->quiet_from_min = from;
	settings->quiet_until_min = until;
	return NULL;
}
