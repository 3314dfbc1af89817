/*
 * settings_check - what a value of the settings may be
 *
 * Purpose    One answer for the file and for the dialog.
 * Ownership  Answers are constant text: NULL, or what is wrong and what helps, to be put
 *            behind the value.
 */
#ifndef DESKTOP_SETTINGS_CHECK_H
#define DESKTOP_SETTINGS_CHECK_H

#include <stdbool.h>

/* Of every text: UTF-8, not empty, no control characters, DESK_MAX_TEXT. */
const char *check_text(const char *text);
const char *check_pattern(const char *pattern); /* an address, "*" in it */
const char *check_mailbox(const char *path);    /* full, or from ~/ */
const char *check_dashboard(const char *address);
const char *check_ssh(char *const *words); /* the destination is the last */
const char *check_there(const char *path); /* of another host: no ~ */
/* "22:00" as minutes of the day. */
bool check_time(const char *text, int *minute_out);

/* "mx1" of "joe@mx1" and "ssh://joe@mx1:2222"; to be freed by g_free(). */
char *check_ssh_name(char *const *words);

#endif
