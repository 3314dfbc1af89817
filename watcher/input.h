/*
 * input - the plain bytes of a file, packed or not
 *
 * Purpose    Hides whether a file is compressed (told by its first bytes, never
 *            by its name) and whether it can be sought.
 * Ownership  input_open() takes the descriptor, also when it fails.
 * Errors     A negative errno with the reason, which names the file.
 */
#ifndef WATCHER_INPUT_H
#define WATCHER_INPUT_H

#include <sys/types.h>

#include "core/err.h"
#include "core/str.h"

struct input;

int input_open(int fd, const char *name, struct input **in_out, struct err *err);
void input_close(struct input *in); /* NULL is fine */
void auto_input(struct input **in);

/* Bytes read, 0 at the end, or a negative errno. May give fewer than asked for. */
ssize_t input_read(struct input *in, char *to, size_t n, struct err *err);
/* As many as there are up to n: fewer only at the end. */
ssize_t input_read_full(struct input *in, char *to, size_t n, struct err *err);
/* 1: skipped n bytes; 0: the input ends before that; or a negative errno. */
int input_skip(struct input *in, uint64_t n, struct err *err);

bool input_is_packed(const struct input *in);
int input_fd(const struct input *in);              /* stays the input's */
uint64_t input_done_bytes(const struct input *in); /* as they are on disk */

#endif
