/*
 * err - one reason for the outside world's failures
 *
 * Purpose    Carries up what was tried, on what, why it failed and, where we
 *            know it, what helps. Faults in files people write go to diag.
 * Ownership  The caller's struct; NULL is accepted and ignored everywhere.
 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

struct err {
	char text[512]; /* cut if longer */
};

/* Both return the negative errno they were given (or errno), for `return`. */
__attribute__((format(printf, 3, 4))) int err_set(struct err *err, int code,
    const char *fmt, ...);
/* "tried subject: strerror", from errno. */
int err_errno(struct err *err, const char *tried, const char *subject);

#endif
