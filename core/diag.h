/*
 * diag - faults in files that people write
 *
 * Purpose    Collects every fault of a file, each with its place, and prints
 *            them as `file:line:column: what`, the line, and a caret.
 * Ownership  The caller's struct, emptied by diags_done(). Texts and paths
 *            are copied.
 * Limits     MAX_DIAGS are kept; more are counted only.
 */
#ifndef CORE_DIAG_H
#define CORE_DIAG_H

#include <stddef.h>
#include <stdio.h>

struct pos {
	const char *file;
	unsigned line, col; /* from 1, columns in bytes; line 0: the file as a whole */
};

enum { MAX_DIAGS = 20 };

enum diag_level {
	DIAG_ERROR,
	DIAG_WARNING, /* told, does not refuse the file */
};

struct diags {
	struct diag *items; /* owned */
	size_t n;           /* kept */
	size_t errors;      /* seen, kept or not */
	size_t warnings;
};

__attribute__((format(printf, 3, 4))) void diag_add(struct diags *diags, struct pos at,
    const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void diag_warn(struct diags *diags, struct pos at,
    const char *fmt, ...);
/* The same as an error whose line is not shown: a secret may stand there. */
__attribute__((format(printf, 3, 4))) void diag_add_hidden(struct diags *diags,
    struct pos at, const char *fmt, ...);
/* "tried file: strerror" from errno; returns -errno. */
int diag_errno(struct diags *diags, const char *file, const char *tried);

void diags_print(const struct diags *diags, FILE *to);
void diags_json(const struct diags *diags, FILE *to); /* one object a line */
void diags_done(struct diags *diags);

#endif
