#include "desktop/gtk/windows.h"

#include <string.h>

#include "desktop/gtk/windows_parts.h"

enum { BORDER = 12, SPACE = 6 };

/* --- windows --- */

GtkWindow *
part_find(GtkApplication *app, const char *name)
{
	for (GList *at = gtk_application_get_windows(app); at != NULL; at = at->next)
		if (g_strcmp0(gtk_widget_get_name(at->data), name) == 0)
			return at->data;
	return NULL;
}

static gboolean
on_key(GtkWidget *widget, GdkEventKey *event, void *data)
{
	(void)data;
	if (event->keyval != GDK_KEY_Escape)
		return GDK_EVENT_PROPAGATE;
	gtk_window_close(GTK_WINDOW(widget));
	return GDK_EVENT_STOP;
}

GtkWindow *
part_window(GtkApplication *app, const char *name, const char *title, int width, int height)
{
	GtkWidget *window = gtk_application_window_new(app);

	gtk_widget_set_name(window, name);
	gtk_window_set_title(GTK_WINDOW(window), title);
	gtk_window_set_icon_name(GTK_WINDOW(window), "mailwarden-desktop");
	gtk_window_set_default_size(GTK_WINDOW(window), width, height);
	(void)g_signal_connect(window, "key-press-event", G_CALLBACK(on_key), NULL);
	return GTK_WINDOW(window);
}

GtkBox *
part_box(GtkWindow *window)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, BORDER);

	gtk_container_set_border_width(GTK_CONTAINER(box), BORDER);
	gtk_container_add(GTK_CONTAINER(window), box);
	return GTK_BOX(box);
}

static void
free_subject(void *data)
{
	struct window_subject *subject = data;

	g_free(subject->source);
	g_free(subject->id);
	g_free(subject);
}

struct window_subject *
part_subject(GtkWindow *window, const char *source, const char *id, uint64_t number,
    const struct window_calls *calls)
{
	struct window_subject *subject = g_new0(struct window_subject, 1);

	*subject = (struct window_subject){ g_strdup(source), g_strdup(id), number, calls };
	g_object_set_data_full(G_OBJECT(window), "subject", subject, free_subject);
	return subject;
}

/* --- what is in them --- */

GtkWidget *
part_label(const char *text)
{
	GtkWidget *label = gtk_label_new(text);

	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_label_set_line_wrap(GTK_LABEL(label), TRUE);
	/* A log line may be one long word. */
	gtk_label_set_line_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
	return label;
}

GtkWidget *
part_heading(const char *text)
{
	GtkWidget *label = part_label(text);
	PangoAttrList *bold = pango_attr_list_new();

	pango_attr_list_insert(bold, pango_attr_weight_new(PANGO_WEIGHT_BOLD));
	gtk_label_set_attributes(GTK_LABEL(label), bold);
	pango_attr_list_unref(bold);
	return label;
}

const char *
part_icon(const struct trouble *trouble)
{
	if (!trouble->open)
		return "mailwarden-idle";
	return trouble->severity == DESK_CRITICAL ? "mailwarden-critical"
						  : "mailwarden-warning";
}

GtkWidget *
part_scrolled(GtkWidget *child)
{
	GtkWidget *scrolled = gtk_scrolled_window_new(NULL, NULL);

	gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scrolled), GTK_POLICY_NEVER,
	    GTK_POLICY_AUTOMATIC);
	gtk_container_add(GTK_CONTAINER(scrolled), child);
	return scrolled;
}

GtkWidget *
part_buttons(void)
{
	GtkWidget *buttons = gtk_button_box_new(GTK_ORIENTATION_HORIZONTAL);

	gtk_button_box_set_layout(GTK_BUTTON_BOX(buttons), GTK_BUTTONBOX_END);
	gtk_box_set_spacing(GTK_BOX(buttons), SPACE);
	return buttons;
}

GtkWidget *
part_button(GtkWidget *buttons, const char *label, GCallback clicked, void *data)
{
	GtkWidget *button = gtk_button_new_with_mnemonic(label);

	(void)g_signal_connect(button, "clicked", clicked, data);
	gtk_container_add(GTK_CONTAINER(buttons), button);
	return button;
}

void
part_copy(GtkWidget *near, const char *text)
{
	gtk_clipboard_set_text(gtk_widget_get_clipboard(near, GDK_SELECTION_CLIPBOARD),
	    text, -1);
}

/* --- all of them --- */

void
windows_update(GtkApplication *app, const struct desk_view *view)
{
	for (GList *at = gtk_application_get_windows(app); at != NULL; at = at->next) {
		const struct window_subject *subject =
		    g_object_get_data(G_OBJECT(at->data), "subject");

		if (g_strcmp0(gtk_widget_get_name(at->data), "overview") == 0)
			overview_update(at->data, view);
		else if (subject == NULL)
			continue; /* another module's */
		else if (subject->id != NULL)
			trouble_update(at->data,
			    troubles_find(view->troubles, subject->source, subject->id));
		else
			mail_update(at->data, inbox_find(view->inbox, subject->number));
	}
}
