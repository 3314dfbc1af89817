#include "core/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
err_set(struct err *err, int code, const char *fmt, ...)
{
	if (err != NULL) {
		va_list ap;

		va_start(ap, fmt);
		(void)vsnprintf(err->text, sizeof err->text, fmt, ap);
		va_end(ap);
	}
	return code;
}

int
err_errno(struct err *err, const char *tried, const char *subject)
{
	int code = errno;

	return err_set(err, -code, "%s %s: %s", tried, subject, strerror(code));
}
