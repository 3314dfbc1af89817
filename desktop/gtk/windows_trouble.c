#include "desktop/gtk/windows_parts.h"

#include <string.h>

/* The changing parts of the window, by name; widgets belong to it. */
static void *
part(GtkWindow *window, const char *name)
{
	return g_object_get_data(G_OBJECT(window), name);
}

static void
on_acknowledge(GtkButton *button, void *data)
{
	const struct window_subject *s = data;

	(void)button;
	s->calls->acknowledge(s->calls->ctx, s->source, s->id);
}

static void
on_silence(GtkButton *button, void *data)
{
	const struct window_subject *s = data;

	(void)button;
	s->calls->silence(s->calls->ctx, s->source, s->id);
}

static void
on_dashboard(GtkButton *button, void *data)
{
	const struct window_subject *s = data;

	(void)button;
	s->calls->dashboard(s->calls->ctx, s->source, s->id);
}

static void
on_copy(GtkButton *button, void *data)
{
	const char *text = g_object_get_data(G_OBJECT(data), "text");

	part_copy(GTK_WIDGET(button), text == NULL ? "" : text);
}

/* --- what it shows --- */

static void
show_lines(GtkWindow *window, const struct trouble *trouble)
{
	GtkTextBuffer *buffer = gtk_text_view_get_buffer(part(window, "lines"));
	bool any = trouble->samples != NULL && trouble->samples[0] != NULL;
	GString *text = g_string_new(NULL);

	for (size_t i = 0; any && trouble->samples[i] != NULL; i++) {
		g_autofree char *line = words_plain(trouble->samples[i], 2000);

		g_string_append_printf(text, "%s%s", i > 0 ? "\n" : "", line);
	}
	gtk_text_buffer_set_text(buffer, text->str, (int)text->len);
	(void)g_string_free(text, TRUE);
	gtk_widget_set_visible(part(window, "lines part"), any);
}

void
trouble_update(GtkWindow *window, const struct trouble *trouble)
{
	if (trouble == NULL)
		return; /* not told any more: what was known stays to be read */
	g_autofree char *text = words_trouble_details(trouble);

	if (g_strcmp0(text, part(window, "text")) == 0)
		return; /* nothing new, and what is selected stays so */
	g_autofree char *title = words_trouble_title(trouble, TROUBLE_SAME);
	g_autofree char *summary = words_plain(trouble->summary, 1000);
	g_autofree char *facts = words_trouble_facts(trouble);
	g_autofree char *advice = words_plain_lines(trouble->advice, 4000);

	gtk_window_set_title(window, title);
	gtk_image_set_from_icon_name(part(window, "icon"), part_icon(trouble),
	    GTK_ICON_SIZE_DIALOG);
	gtk_label_set_text(part(window, "summary"), summary);
	gtk_label_set_text(part(window, "facts"), facts);
	gtk_label_set_text(part(window, "advice"), advice);
	gtk_widget_set_visible(part(window, "advice part"), *advice != '\0');
	show_lines(window, trouble);
	gtk_widget_set_sensitive(part(window, "acknowledge"),
	    trouble->open && !trouble->acknowledged);
	gtk_widget_set_sensitive(part(window, "silence"),
	    trouble->open && trouble->silenced_until_us < g_get_real_time());
	g_object_set_data_full(G_OBJECT(window), "text", g_steal_pointer(&text), g_free);
}

/* --- making it --- */

static GtkWidget *
add_text(GtkWindow *window, GtkWidget *box, const char *name, GtkWidget *label)
{
	gtk_label_set_selectable(GTK_LABEL(label), TRUE);
	/* By Tab one wants to come to the buttons. */
	gtk_widget_set_can_focus(label, TRUE);
	gtk_box_pack_start(GTK_BOX(box), label, FALSE, FALSE, 0);
	g_object_set_data(G_OBJECT(window), name, label);
	return label;
}

static GtkWidget *
make_head(GtkWindow *window)
{
	GtkWidget *head = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	GtkWidget *texts = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
	GtkWidget *icon = gtk_image_new();

	gtk_widget_set_valign(icon, GTK_ALIGN_START);
	g_object_set_data(G_OBJECT(window), "icon", icon);
	gtk_box_pack_start(GTK_BOX(head), icon, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(head), texts, TRUE, TRUE, 0);
	(void)add_text(window, texts, "summary", part_heading(NULL));
	(void)add_text(window, texts, "facts", part_label(NULL));
	return head;
}

static GtkWidget *
make_advice(GtkWindow *window)
{
	GtkWidget *advice = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);

	gtk_box_pack_start(GTK_BOX(advice), part_heading("What to do"), FALSE, FALSE, 0);
	(void)add_text(window, advice, "advice", part_label(NULL));
	g_object_set_data(G_OBJECT(window), "advice part", advice);
	return advice;
}

/* Log lines are as long as they are: they scroll to the side, one line each. */
static GtkWidget *
make_lines(GtkWindow *window)
{
	GtkWidget *lines = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
	GtkWidget *view = gtk_text_view_new();
	GtkWidget *scrolled = gtk_scrolled_window_new(NULL, NULL);

	gtk_text_view_set_editable(GTK_TEXT_VIEW(view), FALSE);
	gtk_text_view_set_cursor_visible(GTK_TEXT_VIEW(view), FALSE);
	gtk_text_view_set_monospace(GTK_TEXT_VIEW(view), TRUE);
	gtk_text_view_set_accepts_tab(GTK_TEXT_VIEW(view), FALSE);
	gtk_text_view_set_left_margin(GTK_TEXT_VIEW(view), 6);
	gtk_text_view_set_right_margin(GTK_TEXT_VIEW(view), 6);
	gtk_text_view_set_top_margin(GTK_TEXT_VIEW(view), 6);
	gtk_text_view_set_bottom_margin(GTK_TEXT_VIEW(view), 6);
	gtk_scrolled_window_set_shadow_type(GTK_SCROLLED_WINDOW(scrolled), GTK_SHADOW_IN);
	gtk_scrolled_window_set_min_content_height(GTK_SCROLLED_WINDOW(scrolled), 120);
	gtk_container_add(GTK_CONTAINER(scrolled), view);
	gtk_box_pack_start(GTK_BOX(lines), part_heading("Log lines"), FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(lines), scrolled, TRUE, TRUE, 0);
	g_object_set_data(G_OBJECT(window), "lines", view);
	g_object_set_data(G_OBJECT(window), "lines part", lines);
	return lines;
}

static GtkWidget *
make_buttons(GtkWindow *window, struct window_subject *subject, bool has_dashboard)
{
	GtkWidget *buttons = part_buttons();
	GtkWidget *copy = part_button(buttons, "_Copy", G_CALLBACK(on_copy), window);

	gtk_button_box_set_child_secondary(GTK_BUTTON_BOX(buttons), copy, TRUE);
	if (has_dashboard)
		(void)part_button(buttons, "_Dashboard", G_CALLBACK(on_dashboard), subject);
	g_object_set_data(G_OBJECT(window), "silence",
	    part_button(buttons, "_Silence for an hour", G_CALLBACK(on_silence), subject));
	g_object_set_data(G_OBJECT(window), "acknowledge",
	    part_button(buttons, "_Acknowledge", G_CALLBACK(on_acknowledge), subject));
	return buttons;
}

static GtkWindow *
make_window(GtkApplication *app, const char *name, const struct trouble *trouble,
    bool has_dashboard, const struct window_calls *calls)
{
	GtkWindow *window = part_window(app, name, "", 640, 640);
	struct window_subject *subject =
	    part_subject(window, trouble->source, trouble->id, 0, calls);
	GtkWidget *content = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
	GtkBox *box = part_box(window);

	gtk_box_pack_start(GTK_BOX(content), make_head(window), FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(content), make_advice(window), FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(content), make_lines(window), TRUE, TRUE, 0);
	gtk_box_pack_start(box, part_scrolled(content), TRUE, TRUE, 0);
	gtk_box_pack_end(box, make_buttons(window, subject, has_dashboard), FALSE, FALSE,
	    0);
	gtk_widget_show_all(GTK_WIDGET(box));
	return window;
}

void
windows_trouble(GtkApplication *app, const struct trouble *trouble, bool has_dashboard,
    const struct window_calls *calls)
{
	g_autofree char *name =
	    g_strdup_printf("trouble %s %s", trouble->source, trouble->id);
	GtkWindow *window = part_find(app, name);

	if (window == NULL)
		window = make_window(app, name, trouble, has_dashboard, calls);
	trouble_update(window, trouble);
	/* A label that may be selected would take the focus and be selected whole. */
	gtk_widget_grab_focus(part(window,
	    trouble->open && !trouble->acknowledged ? "acknowledge" : "lines"));
	gtk_window_present(window);
}
