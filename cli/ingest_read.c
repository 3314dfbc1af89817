#include "cli/ingest_read.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingest/report.h"

enum { PIECE = 256 * 1024 };

int
ingest_read_fd(int fd, const char *name, struct buf *out, struct err *err)
{
	while (out->n <= REPORT_MESSAGE_BYTES) {
		if (!buf_reserve(out, PIECE))
			return err_set(err, -ENOMEM, "read %s: out of memory", name);
		ssize_t n = read(fd, out->p + out->n, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "read", name);
		if (n == 0)
			return 1;
		out->n += (size_t)n;
	}
	return 0;
}

int
ingest_read_file(const char *path, struct buf *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_errno(err, "open", path);
	int r = 1;

	if (fstat(fd, &st) < 0)
		r = err_errno(err, "open", path);
	else if (!S_ISREG(st.st_mode))
		r = err_set(err, -EINVAL, "open %s: not a regular file", path);
	if (r > 0)
		r = ingest_read_fd(fd, path, out, err);
	(void)close(fd);
	return r;
}

struct str
ingest_message(struct str bytes)
{
	if (str_starts(bytes, STR("From ")))
		(void)str_cut(&bytes, '\n');
	return bytes;
}
