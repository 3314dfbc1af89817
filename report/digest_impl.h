/*
 * digest_impl - how a digest is judged; seen by report/digest_*.c alone
 */
#ifndef REPORT_DIGEST_IMPL_H
#define REPORT_DIGEST_IMPL_H

#include "report/digest.h"

/* Fills in `changes` from what was judged; then health, quiet, verdict and headline. */
void digest_tell_changes(struct digest *digest);
void digest_tell_verdict(struct digest *digest);

#endif
