/* Lines of dovecot; see fuzz_line.h. */
#include "fuzz_line.h"

static const struct fuzz_mta dovecot = {
	.name = STR_INIT("dovecot"),
	.processes = { STR_INIT("dovecot"), STR_INIT("dovecot-lda"),
	    STR_INIT("dovecot-auth") },
	.delivered = { STR_INIT("saved mail to"), STR_INIT("stored mail into"),
	    STR_INIT("Sent message to"), STR_INIT("Successfully relayed") },
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
	return fuzz_one_line(&dovecot, data, size);
}
