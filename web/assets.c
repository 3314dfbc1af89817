#include "web/assets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
	struct str ending;
	const char *type;
} types[] = {
	{ STR_INIT(".html"), "text/html; charset=utf-8" },
	{ STR_INIT(".js"), "text/javascript; charset=utf-8" },
	{ STR_INIT(".css"), "text/css; charset=utf-8" },
	{ STR_INIT(".svg"), "image/svg+xml" },
};

static const struct asset no_page = {
	"/",
	"text/html; charset=utf-8",
	STR_INIT(
	    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	    "<title>mailwarden</title></head>\n<body><h1>mailwarden</h1>\n"
	    "<p>The page is not here: mailwarden was built without npm, which brings what it "
	    "draws with. Install npm and build again.</p>\n"
	    "<p>What it would show is here all the same:</p>\n"
	    "<ul><li><a href=\"/api/v1/health\">/api/v1/health</a></li>"
	    "<li><a href=\"/api/v1/status\">/api/v1/status</a></li>"
	    "<li><a href=\"/api/v1/incidents\">/api/v1/incidents</a></li>"
	    "<li><a href=\"/api/v1/figures\">/api/v1/figures</a></li>"
	    "<li><a href=\"/metrics\">/metrics</a></li></ul>\n</body></html>\n"),
};

/* All of it, or nothing. */
static struct str
read_file(const char *path)
{
	struct str none = { NULL, 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = fd < 0 ? NULL : malloc(ASSET_BYTES + 1);
	size_t n = 0;
	ssize_t r = -1;

	while (text != NULL && n <= ASSET_BYTES) {
		r = read(fd, text + n, ASSET_BYTES + 1 - n);
		if (r > 0)
			n += (size_t)r;
		else if (r == 0 || errno != EINTR)
			break;
	}
	if (fd >= 0)
		(void)close(fd);
	if (text == NULL || r != 0 || n > ASSET_BYTES) {
		free(text);
		return none;
	}
	char *smaller = realloc(text, n + 1);

	return (struct str){ smaller != NULL ? smaller : text, n };
}

static const char *
type_of(struct str name)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (str_ends(name, types[i].ending))
			return types[i].type;
	return NULL;
}

static void
add(struct assets *out, const char *folder, const char *name)
{
	struct asset *a = &out->items[out->n];
	char path[PATH_MAX];
	bool is_page = str_eq(str_of(name), STR("index.html"));

	a->type = type_of(str_of(name));
	if (a->type == NULL || name[0] == '.' ||
	    (size_t)snprintf(a->path, sizeof a->path, "/%s", is_page ? "" : name) >=
		sizeof a->path ||
	    (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
		return;
	a->text = read_file(path);
	if (a->text.p != NULL)
		out->n++;
}

void
assets_load(struct assets *out, const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	*out = (struct assets){ 0 };
	if (dir == NULL)
		return;
	while (out->n < ASSETS && (entry = readdir(dir)) != NULL)
		add(out, folder, entry->d_name);
	(void)closedir(dir);
}

void
assets_done(struct assets *assets)
{
	for (size_t i = 0; i < assets->n; i++)
		free((char *)assets->items[i].text.p);
	*assets = (struct assets){ 0 };
}

const struct asset *
assets_find(const struct assets *assets, struct str path)
{
	for (size_t i = 0; i < assets->n; i++)
		if (str_eq(path, str_of(assets->items[i].path)))
			return &assets->items[i];
	return str_eq(path, STR("/")) ? &no_page : NULL;
}
