#include "core/write.h"

#include <errno.h>
#include <unistd.h>

int
write_whole(int fd, struct str bytes)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes = str_skip(bytes, (size_t)n);
	}
	return 0;
}
