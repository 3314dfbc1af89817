/*
 * dialog_page - the pages of the settings dialog, and what they are made of
 *
 * Purpose    A page shows its part of the settings (…_new) and gives it back (…_take).
 * Ownership  A page is a widget and keeps what it needs with it; settings handed in are
 *            copied.
 * Errors     …_take gives NULL, or what is wrong, to be freed by g_free(), with the widget
 *            at fault in *at_out; the settings may be half changed then.
 */
#ifndef DESKTOP_GTK_DIALOG_PAGE_H
#define DESKTOP_GTK_DIALOG_PAGE_H

#include <gtk/gtk.h>

#include "desktop/settings.h"

GtkWidget *page_mail_new(const struct desk_settings *settings);
char *page_mail_take(GtkWidget *page, struct desk_settings *settings, GtkWidget **at_out);

GtkWidget *page_trouble_new(const struct desk_settings *settings);
char *page_trouble_take(GtkWidget *page, struct desk_settings *settings,
    GtkWidget **at_out);

GtkWidget *page_hosts_new(const struct desk_settings *settings);
char *page_hosts_take(GtkWidget *page, struct desk_settings *settings, GtkWidget **at_out);

/* --- fields --- */

/* The body of a page: labels left, fields right. */
GtkWidget *field_grid(void);
/* Next row: the label's mnemonic goes to `field`; it may be in `box`, which is shown. */
void field_add(GtkWidget *grid, const char *label, GtkWidget *field, GtkWidget *box);
void field_add_wide(GtkWidget *grid, GtkWidget *field); /* without a label */
void field_add_hint(GtkWidget *grid, const char *text); /* small, below the last */
GtkWidget *field_entry(const char *text, const char *placeholder);
GtkWidget *field_check(const char *label, bool on);

/* As a line that g_shell_parse_argv() parts into the same words; NULL gives "". */
char *field_words_line(char *const *words);

/* Several lines of text: the view is the field, *box_out is shown. */
GtkWidget *field_lines(char *const *lines, const char *name, GtkWidget **box_out);
void field_add_line(GtkWidget *view, const char *line);
char **field_take_lines(GtkWidget *view); /* trimmed, without the empty ones */
char *field_take_text(GtkWidget *entry);  /* trimmed */

#endif
