/*
 * notifier_self - the notifier's own folder and user
 *
 * Purpose    Where channels keep what they learn (OAuth 2.0 tokens), and, for a test by root
 *            on a machine that has the service: its user and its credentials, so that the
 *            test shows what the service can do and leaves no file of root's behind.
 */
#ifndef CLI_NOTIFIER_SELF_H
#define CLI_NOTIFIER_SELF_H

/* $STATE_DIRECTORY of the unit; the service's, for a test by root; else `notify` beside the
 * store. Owned by the caller; NULL without memory. */
char *notifier_state_dir(const char *state);

/* 0, also where there is nothing to become. A failure is told. */
int notifier_become_service(void);

#endif
