#include "ingest/unpack.h"

#include <errno.h>

int
unpack(struct str packed, struct buf *out, struct err *err)
{
	(void)packed;
	(void)out;
	return err_set(err, -ENOSYS, "not written yet");
}
