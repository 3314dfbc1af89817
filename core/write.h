/*
 * write - all of a text into a file
 *
 * Errors     Negative errno; how much was written by then is not told.
 */
#ifndef CORE_WRITE_H
#define CORE_WRITE_H

#include "core/str.h"

/* Again after a signal and after a part; for descriptors that block. */
int write_whole(int fd, struct str bytes);

#endif
