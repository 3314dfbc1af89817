/* Lines of OpenSMTPD; see fuzz_line.h. */
#include "fuzz_line.h"

static const struct fuzz_mta opensmtpd = {
	.name = STR_INIT("opensmtpd"),
	.processes = { STR_INIT("smtpd") },
	.delivered = { STR_INIT("delivery "), STR_INIT("relay: Ok"),
	    STR_INIT("delivery: Ok") },
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
	return fuzz_one_line(&opensmtpd, data, size);
}
