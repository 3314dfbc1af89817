/*
 * windows_parts - what the windows are put together from
 *
 * Purpose    One window a subject, found again by its name; text that can be selected,
 *            buttons, scrolled boxes. Between windows*.c only.
 * Ownership  Widgets belong to the window they are in.
 */
#ifndef DESKTOP_GTK_WINDOWS_PARTS_H
#define DESKTOP_GTK_WINDOWS_PARTS_H

#include "desktop/gtk/windows.h"

/* What a window of an incident or a mail is about; its own data. */
struct window_subject {
	char *source, *id; /* of an incident; else NULL */
	uint64_t number;   /* of a mail; else 0 */
	const struct window_calls *calls;
};

/* The open window of that name, or NULL. */
GtkWindow *part_find(GtkApplication *app, const char *name);
/* A new one, not shown yet; Escape closes it. */
GtkWindow *part_window(GtkApplication *app, const char *name, const char *title, int width,
    int height);
/* The window's one box, with a border; buttons stand below what scrolls. */
GtkBox *part_box(GtkWindow *window);

/* Labels: never markup; may be selected and copied. */
GtkWidget *part_label(const char *text);
GtkWidget *part_heading(const char *text);
const char *part_icon(const struct trouble *trouble); /* of the theme */
GtkWidget *part_scrolled(GtkWidget *child);
GtkWidget *part_buttons(void);
/* label: with a mnemonic, so never a stranger's text. */
GtkWidget *part_button(GtkWidget *buttons, const char *label, GCallback clicked,
    void *data);

/* What keeps the subject with its window. */
struct window_subject *part_subject(GtkWindow *window, const char *source, const char *id,
    uint64_t number, const struct window_calls *calls);

void part_copy(GtkWidget *near, const char *text); /* to the clipboard */

/* Each shows what is now, if it is open. */
void overview_update(GtkWindow *window, const struct desk_view *view);
void trouble_update(GtkWindow *window, const struct trouble *trouble);
void mail_update(GtkWindow *window, const struct inbox_mail *mail);

#endif
