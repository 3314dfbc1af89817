/*
 * settings - ~/.config/mailwarden/desktop.yaml
 *
 * Purpose    What the person at the desk wants: which hosts, whose mail, when to be quiet.
 *            Read with every fault told at its place; written by the settings dialog.
 * Ownership  Settings are one piece, freed by desk_settings_free(); members may be changed
 *            by the dialog with GLib's functions (all text is from g_malloc).
 * Limits     DESK_MAX_* below; more is a fault.
 * Errors     Faults of the file in *diags; a file with a fault gives no settings at all.
 */
#ifndef DESKTOP_SETTINGS_H
#define DESKTOP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/diag.h"
#include "core/err.h"

enum {
	DESK_MAX_HOSTS = 32,
	DESK_MAX_ADDRESSES = 100,
	DESK_MAX_MAILBOXES = 32,
	DESK_MAX_RULES = 100,
	DESK_MAX_WORDS = 32,        /* of `ssh` and `open` */
	DESK_MAX_TEXT = 1000,       /* bytes of any text */
	DESK_MAX_SETTLE_S = 5 * 60, /* of settle_us */
};

enum desk_severity { /* as text: "info", "warning", "critical"; of the wish: "none" */
	DESK_NONE,
	DESK_INFO,
	DESK_WARNING,
	DESK_CRITICAL,
};

enum desk_choice {
	DESK_UNSET, /* what holds for all mail */
	DESK_NO,
	DESK_YES,
};

/* Where `mailwarden events` runs. */
struct desk_host {
	char *name;           /* shown; of its own among the hosts */
	char **ssh;           /* words behind `ssh`, the destination the last; NULL: here */
	char *program;        /* "mailwarden" */
	char *state, *config; /* its --state and --config; NULL: none */
	char *dashboard;      /* http or https address of `mailwarden serve`; NULL: none */
};

/* The first rule whose patterns match decides. */
struct desk_rule {
	char *to, *from; /* NULL: any */
	enum desk_choice count, notify, sound;
};

struct desk_settings {
	struct desk_host *hosts; /* at least one, unless the file says `hosts: []` */
	size_t nhosts;
	char **addresses;  /* patterns; NULL-terminated, may be empty */
	char **mailboxes;  /* absolute paths of Maildirs and mbox files; NULL-terminated */
	char **open;       /* what a click on new mail runs; NULL: nothing */
	bool mail_notify;  /* a notification for new mail */
	char *mail_sound;  /* name of the sound theme; NULL: none */
	int64_t settle_us; /* so long a mail program may mark it as read first */
	struct desk_rule *rules;
	size_t nrules;
	enum desk_severity trouble_from; /* incidents from here on are notified */
	bool acknowledged_counts;        /* for the icon; else only what nobody works on */
	bool quiet;                      /* the hours below hold */
	int quiet_from_min,
	    quiet_until_min;      /* minutes of the local day; may span midnight */
	bool critical_when_quiet; /* critical incidents are told all the same */
	bool symbolic;            /* icons of one colour, as the panel paints them */
	bool given;               /* read from a file, rather than what holds without one */
};

/* Without a file: this machine's `mailwarden`, the user's login name as address, what mailbox
 * of the user's is here ($MAIL, ~/Maildir, /var/mail/USER). What a file leaves out is the
 * same. */
struct desk_settings *desk_settings_default(void);
/* -ENOENT: there is no such file, and no fault is told; -EINVAL, or another negative errno:
 * faults are in *diags. */
int desk_settings_read(const char *path, struct desk_settings **out, struct diags *diags);
/* Writes all of it with a comment for each part, by a new file in its place (that of the
 * link, if it is one); a file that was written or changed by hand is kept as PATH.bak. */
int desk_settings_write(const char *path, const struct desk_settings *settings,
    struct err *err);
struct desk_settings *desk_settings_copy(const struct desk_settings *settings);
void desk_settings_free(struct desk_settings *settings); /* NULL is fine */

/* $XDG_CONFIG_HOME/mailwarden/desktop.yaml; to be freed by g_free(). */
char *desk_settings_path(void);
/* "~/Maildir" as a full path, and back where it lies in the home folder; other text stays as
 * it is. To be freed by g_free(). */
char *desk_path_full(const char *path);
char *desk_path_short(const char *path);

const char *desk_severity_name(enum desk_severity severity);
enum desk_severity desk_severity_find(const char *name); /* DESK_NONE: no such */
/* Does an address match one of the patterns (NULL-terminated)? */
bool desk_address_matches(const char *address, char *const *patterns);
/* A pattern is an address with "*" for any characters, without regard to the case of ASCII
 * letters; one without "@" is about what stands before the last "@" of the address. False
 * for an address that is not known (NULL). */
bool desk_pattern_matches(const char *pattern, const char *address);
/* Is that minute of the local day within the quiet hours? */
bool desk_is_quiet(const struct desk_settings *settings, int minute_of_day);

#endif
