#include "core/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"

static int
is_yaml_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && str_ends(str_of(entry->d_name), STR(".yaml"));
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static int
add_path(struct folder_list *list, const char *dir, const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(base_name(list->paths[i]), name) == 0) {
			free(list->paths[i]);
			list->paths[i] = path;
			return 0;
		}
	char **more = realloc(list->paths, (list->n + 1) * sizeof *more);

	if (more == NULL) {
		free(path);
		return -ENOMEM;
	}
	list->paths = more;
	list->paths[list->n++] = path;
	return 0;
}

static int
add_folder(struct folder_list *list, const char *base, const char *sub, struct diags *diags)
{
	AUTO(auto_free) char *dir = NULL;
	struct dirent **names = NULL;
	int r = 0;

	if (asprintf(&dir, "%s/%s", base, sub) < 0)
		return -ENOMEM;
	int n = scandir(dir, &names, is_yaml_name, alphasort);

	if (n < 0)
		return errno == ENOENT ? 0 : diag_errno(diags, dir, "read folder");
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = add_path(list, dir, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return r;
}

int
folder_list_yaml(const char *const *dirs, size_t ndirs, const char *sub,
    struct folder_list *out, struct diags *diags)
{
	struct folder_list list = { 0 };

	for (size_t i = 0; i < ndirs; i++) {
		int r = add_folder(&list, dirs[i], sub, diags);

		if (r < 0) {
			folder_done(&list);
			return r;
		}
	}
	*out = list;
	return 0;
}

void
folder_done(struct folder_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->paths[i]);
	free(list->paths);
	*list = (struct folder_list){ 0 };
}
