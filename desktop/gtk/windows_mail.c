#include "desktop/gtk/windows_parts.h"

static void
on_open(GtkButton *button, void *data)
{
	const struct window_subject *subject = data;

	(void)button;
	subject->calls->open_mail(subject->calls->ctx);
}

static void
on_copy(GtkButton *button, void *data)
{
	part_copy(GTK_WIDGET(button), gtk_label_get_text(data));
}

void
mail_update(GtkWindow *window, const struct inbox_mail *mail)
{
	GtkLabel *details = g_object_get_data(G_OBJECT(window), "details");

	if (mail == NULL)
		return; /* forgotten meanwhile: what was known stays to be read */
	g_autofree char *text = words_mail_details(mail);

	/* A text that is set loses what is selected in it. */
	if (g_strcmp0(text, gtk_label_get_text(details)) != 0)
		gtk_label_set_text(details, text);
}

void
windows_mail(GtkApplication *app, const struct inbox_mail *mail,
    const struct window_calls *calls)
{
	g_autofree char *name =
	    g_strdup_printf("mail %llu", (unsigned long long)mail->number);
	GtkWindow *window = part_find(app, name);

	if (window == NULL) {
		g_autofree char *title = words_plain(mail->subject, 100);
		GtkWidget *details = part_label(NULL), *buttons = part_buttons();
		struct window_subject *subject;
		GtkBox *box;

		window = part_window(app, name, *title != '\0' ? title : "Mail", 480, 240);
		subject = part_subject(window, NULL, NULL, mail->number, calls);
		box = part_box(window);
		gtk_label_set_selectable(GTK_LABEL(details), TRUE);
		gtk_label_set_yalign(GTK_LABEL(details), 0);
		g_object_set_data(G_OBJECT(window), "details", details);
		gtk_box_pack_start(box, part_scrolled(details), TRUE, TRUE, 0);
		gtk_box_pack_end(box, buttons, FALSE, FALSE, 0);
		(void)part_button(buttons, "_Copy", G_CALLBACK(on_copy), details);
		gtk_widget_grab_focus(part_button(buttons, "_Open mail",
		    G_CALLBACK(on_open), subject));
		gtk_widget_show_all(GTK_WIDGET(box));
	}
	mail_update(window, mail);
	gtk_window_present(window);
}
