/* mailwarden-ingest: bounce messages and reports become lines of the reports log. */
#include <stdio.h>

#include "ingest/message.h"

int
main(void)
{
	report_message_init();
	fputs("mailwarden-ingest: not written yet\n", stderr);
	return 75; /* EX_TEMPFAIL: the mail server keeps the message */
}
