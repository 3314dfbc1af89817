#include "desktop/gtk/dialog_page.h"

#include <string.h>

enum { LINES_HEIGHT = 64, ENTRY_CHARS = 34 };

GtkWidget *
field_grid(void)
{
	GtkWidget *grid = gtk_grid_new();

	gtk_grid_set_row_spacing(GTK_GRID(grid), 6);
	gtk_grid_set_column_spacing(GTK_GRID(grid), 12);
	gtk_container_set_border_width(GTK_CONTAINER(grid), 12);
	return grid;
}

static int
next_row(GtkWidget *grid)
{
	int row = GPOINTER_TO_INT(g_object_get_data(G_OBJECT(grid), "rows"));

	g_object_set_data(G_OBJECT(grid), "rows", GINT_TO_POINTER(row + 1));
	return row;
}

void
field_add(GtkWidget *grid, const char *label, GtkWidget *field, GtkWidget *box)
{
	GtkWidget *title = gtk_label_new_with_mnemonic(label);
	int row = next_row(grid);
	bool is_tall = GTK_IS_TEXT_VIEW(field);

	gtk_label_set_mnemonic_widget(GTK_LABEL(title), field);
	gtk_label_set_xalign(GTK_LABEL(title), 0);
	gtk_widget_set_valign(title, is_tall ? GTK_ALIGN_START : GTK_ALIGN_CENTER);
	gtk_widget_set_margin_top(title, is_tall ? 4 : gtk_widget_get_margin_top(box));
	gtk_widget_set_hexpand(box, TRUE);
	gtk_grid_attach(GTK_GRID(grid), title, 0, row, 1, 1);
	gtk_grid_attach(GTK_GRID(grid), box, 1, row, 1, 1);
}

void
field_add_wide(GtkWidget *grid, GtkWidget *field)
{
	gtk_grid_attach(GTK_GRID(grid), field, 0, next_row(grid), 2, 1);
}

void
field_add_hint(GtkWidget *grid, const char *text)
{
	GtkWidget *hint = gtk_label_new(text);
	PangoAttrList *small = pango_attr_list_new();

	pango_attr_list_insert(small, pango_attr_scale_new(PANGO_SCALE_SMALL));
	gtk_label_set_attributes(GTK_LABEL(hint), small);
	pango_attr_list_unref(small);
	gtk_label_set_xalign(GTK_LABEL(hint), 0);
	gtk_label_set_line_wrap(GTK_LABEL(hint), TRUE);
	gtk_label_set_max_width_chars(GTK_LABEL(hint), ENTRY_CHARS);
	gtk_style_context_add_class(gtk_widget_get_style_context(hint),
	    GTK_STYLE_CLASS_DIM_LABEL);
	gtk_widget_set_margin_bottom(hint, 6);
	gtk_grid_attach(GTK_GRID(grid), hint, 1, next_row(grid), 1, 1);
}

GtkWidget *
field_entry(const char *text, const char *placeholder)
{
	GtkWidget *entry = gtk_entry_new();

	gtk_entry_set_text(GTK_ENTRY(entry), text != NULL ? text : "");
	gtk_entry_set_placeholder_text(GTK_ENTRY(entry), placeholder);
	gtk_entry_set_width_chars(GTK_ENTRY(entry), ENTRY_CHARS);
	gtk_entry_set_activates_default(GTK_ENTRY(entry), TRUE);
	return entry;
}

GtkWidget *
field_check(const char *label, bool on)
{
	GtkWidget *check = gtk_check_button_new_with_mnemonic(label);

	gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(check), on);
	return check;
}

GtkWidget *
field_lines(char *const *lines, const char *name, GtkWidget **box_out)
{
	GtkWidget *view = gtk_text_view_new();
	GtkWidget *box = gtk_scrolled_window_new(NULL, NULL);
	g_autofree char *text = g_strjoinv("\n", (char **)lines);

	gtk_text_buffer_set_text(gtk_text_view_get_buffer(GTK_TEXT_VIEW(view)), text, -1);
	gtk_text_view_set_accepts_tab(GTK_TEXT_VIEW(view), FALSE); /* it goes on */
	gtk_text_view_set_left_margin(GTK_TEXT_VIEW(view), 6);
	gtk_text_view_set_right_margin(GTK_TEXT_VIEW(view), 6);
	gtk_text_view_set_top_margin(GTK_TEXT_VIEW(view), 4);
	gtk_text_view_set_bottom_margin(GTK_TEXT_VIEW(view), 4);
	atk_object_set_name(gtk_widget_get_accessible(view), name);
	gtk_scrolled_window_set_shadow_type(GTK_SCROLLED_WINDOW(box), GTK_SHADOW_IN);
	gtk_scrolled_window_set_min_content_height(GTK_SCROLLED_WINDOW(box), LINES_HEIGHT);
	gtk_widget_set_vexpand(box, TRUE);
	gtk_container_add(GTK_CONTAINER(box), view);
	*box_out = box;
	return view;
}

static char *
text_of(GtkWidget *view)
{
	GtkTextBuffer *buffer = gtk_text_view_get_buffer(GTK_TEXT_VIEW(view));
	GtkTextIter from, to;

	gtk_text_buffer_get_bounds(buffer, &from, &to);
	return gtk_text_buffer_get_text(buffer, &from, &to, FALSE);
}

void
field_add_line(GtkWidget *view, const char *line)
{
	g_autofree char *text = text_of(view);
	bool at_start = *text == '\0' || g_str_has_suffix(text, "\n");
	g_autofree char *all = g_strconcat(text, at_start ? "" : "\n", line, NULL);

	gtk_text_buffer_set_text(gtk_text_view_get_buffer(GTK_TEXT_VIEW(view)), all, -1);
}

char **
field_take_lines(GtkWidget *view)
{
	g_autofree char *text = text_of(view);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	GPtrArray *out = g_ptr_array_new();

	for (char **line = lines; *line != NULL; line++)
		if (*g_strstrip(*line) != '\0')
			g_ptr_array_add(out, g_strdup(*line));
	g_ptr_array_add(out, NULL);
	return (char **)g_ptr_array_free(out, FALSE);
}

char *
field_take_text(GtkWidget *entry)
{
	return g_strstrip(g_strdup(gtk_entry_get_text(GTK_ENTRY(entry))));
}

char *
field_words_line(char *const *words)
{
	static const char plain[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "@%+=:,./_-";
	GString *line = g_string_new("");

	for (; words != NULL && *words != NULL; words++) {
		bool is_plain = **words != '\0' && (*words)[strspn(*words, plain)] == '\0';
		g_autofree char *word = is_plain ? g_strdup(*words) : g_shell_quote(*words);

		g_string_append_printf(line, "%s%s", line->len > 0 ? " " : "", word);
	}
	return g_string_free(line, FALSE);
}
