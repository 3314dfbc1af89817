/*
 * ingest_cell - what the reader of a message may not do
 *
 * Purpose    Limits and the system call filter of the child in ingest_jail, prepared once in
 *            the parent. The filter names what is allowed: memory, time, random numbers,
 *            writing to what is open, ending. All else fails with EPERM.
 * Ownership  The caller frees with cell_free().
 */
#ifndef CLI_INGEST_CELL_H
#define CLI_INGEST_CELL_H

#include <stdbool.h>

struct cell;

/* Also loads what the child could not load any more: converters of character sets, the hash
 * functions. NULL: no memory, or no seccomp on this machine. */
struct cell *cell_new(void);
void cell_free(struct cell *cell); /* NULL is fine */

/* In the child, for good. All descriptors are closed but *fd, whose number may change. */
bool cell_enter(struct cell *cell, int *fd);

#endif
