/*
 * folder - the YAML files of several folders, later ones overriding by name
 *
 * Purpose    Shipped rules and the admin's: DIR/SUB/NAME.yaml of a later folder takes the
 *            place of the same NAME of an earlier one, new names are added.
 * Ownership  The caller frees the list with folder_done().
 * Errors     A missing folder is fine; one that cannot be read is a fault in *diags.
 */
#ifndef CORE_FOLDER_H
#define CORE_FOLDER_H

#include "core/diag.h"

struct folder_list {
	char **paths; /* full paths, in the order of their folders and names */
	size_t n;
};

int folder_list_yaml(const char *const *dirs, size_t ndirs, const char *sub,
    struct folder_list *out, struct diags *diags);
void folder_done(struct folder_list *list);

#endif
