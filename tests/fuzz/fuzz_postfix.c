/* Lines of Postfix; see fuzz_line.h. */
#include "fuzz_line.h"

static const struct fuzz_mta postfix = {
	.name = STR_INIT("postfix"),
	.processes = { STR_INIT("postfix/smtp"), STR_INIT("postfix/smtpd"),
	    STR_INIT("postfix/qmgr"), STR_INIT("postfix/cleanup"),
	    STR_INIT("postfix/bounce"), STR_INIT("postfix/local"),
	    STR_INIT("postfix/postscreen"), STR_INIT("postfix/pipe"),
	    STR_INIT("postfix/lmtp"), STR_INIT("postfix/error"), STR_INIT("postfix/master"),
	    STR_INIT("postfix/virtual"), STR_INIT("postfix/pickup"),
	    STR_INIT("postfix/anvil"), STR_INIT("postfix/submission/smtpd"),
	    STR_INIT("postfix/discard"), STR_INIT("postfix/tlsproxy"),
	    STR_INIT("postfix/verify") },
	.silent = { STR_INIT("/smtpd"), STR_INIT("/cleanup"), STR_INIT("/qmqpd"),
	    STR_INIT("/pickup"), STR_INIT("/qmgr"), STR_INIT("/bounce"), STR_INIT("/error"),
	    STR_INIT("/retry"), STR_INIT("/postscreen"), STR_INIT("/anvil"),
	    STR_INIT("/master"), STR_INIT("/verify"), STR_INIT("/tlsproxy"),
	    STR_INIT("/sendmail"), STR_INIT("/postdrop") },
	.delivered = { STR_INIT("status=sent") },
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
	return fuzz_one_line(&postfix, data, size);
}
