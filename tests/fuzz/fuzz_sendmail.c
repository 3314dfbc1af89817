/* Lines of sendmail 8; see fuzz_line.h. */
#include "fuzz_line.h"

static const struct fuzz_mta sendmail = {
	.name = STR_INIT("sendmail"),
	.processes = { STR_INIT("sendmail"), STR_INIT("sm-mta"), STR_INIT("sm-msp-queue") },
	.delivered = { STR_INIT("stat=") },
};

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_lines_init();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_one_line(&sendmail, data, size);
}
