/*
 * place - where this program's own file lies
 *
 * Purpose    A program that was not installed takes rules and its companions from the build
 *            folder, an installed one never does.
 */
#ifndef CORE_PLACE_H
#define CORE_PLACE_H

#include <stdbool.h>

/* folder: a full path without / at its end. */
bool place_is_below(const char *folder);

#endif
