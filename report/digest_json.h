/*
 * digest_json - a digest as one JSON object
 *
 * Purpose    {"type":"digest", "week":, "from":, "until":, "host":, "health":, "verdict":,
 *            "quiet":, "changes":[{"bad":,"text":}], "open":[], "resolved":[] (objects of
 *            `mailwarden incidents --json`), "gaps":[], "figures":{}, "before":{} (the numbers
 *            as in store/figures_json.h)}.
 */
#ifndef REPORT_DIGEST_JSON_H
#define REPORT_DIGEST_JSON_H

#include "report/digest.h"

void digest_json(const struct digest *digest, struct buf *out);
const char *digest_health_name(enum digest_health health); /* "ok", "warning", ... */

#endif
