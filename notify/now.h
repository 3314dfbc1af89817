/*
 * now - what time it is, for who waits for others
 *
 * Purpose    The rest of the program is told the time; a channel has time limits of its own,
 *            and who sends reads the clock after each answer.
 */
#ifndef NOTIFY_NOW_H
#define NOTIFY_NOW_H

#include <stdint.h>

int64_t now_wall_us(void);      /* since 1970, UTC; may step either way */
int64_t now_monotonic_us(void); /* for time limits; from no certain day on */

#endif
