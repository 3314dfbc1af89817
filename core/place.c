#include "core/place.h"

#include <limits.h>
#include <unistd.h>

#include "core/str.h"

bool
place_is_below(const char *folder)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path);
	struct str own = { path, n > 0 ? (size_t)n : 0 };
	struct str above = str_of(folder);

	return str_starts(own, above) && str_starts(str_skip(own, above.n), STR("/"));
}
