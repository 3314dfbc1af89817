#include "cli/report_source.h"

bool
report_source_is(struct str source)
{
	struct str name = source;

	if (str_starts(name, STR("file:")))
		name = str_skip(name, 5);
	ptrdiff_t slash = str_rfind_char(name, '/');

	return str_starts(str_skip(name, (size_t)(slash + 1)), STR("reports.log"));
}

bool
report_source_is_forged(const struct event *ev, struct str source)
{
	return str_eq(event_text(ev, EVF_mta), STR("mailwarden")) &&
	       !report_source_is(source);
}
