#!/usr/bin/python3
"""`replay` against generated logs of which everything is known: outcomes, providers and
the incidents that were put in.

MAILWARDEN_TRUTH_LINES: lines of each log, 200,000 if not given.
"""

import collections
import json
import math
import os
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import Case  # noqa: E402

LINES = int(os.environ.get("MAILWARDEN_TRUTH_LINES", 200000))
# Fewer are within what is normal: a share of all mail is refused on any day.
SURE_LINES = 20
# So many domains are kept in mind (rules/context.h, with room for uneven filling).
REMEMBERED_DOMAINS = 12000

# Server, seed, more options of the generator.
LOGS = (
    ("postfix", 7),
    ("postfix", 11, "--time-format", "rfc3339"),
    ("postfix", 3, "--days", "4", "--incidents", "30", "--queue-ids", "short"),
    ("sendmail", 7),
    ("sendmail", 12, "--days", "4", "--incidents", "30"),
    ("sendmail", 3, "--sendmail-reply", "no"),
    ("opensmtpd", 7),
    ("opensmtpd", 11, "--hosts", "8"),
    ("dovecot", 7),
    ("dovecot", 12, "--days", "4", "--incidents", "30"),
    ("mixed", 7),
    ("mixed", 11, "--time-format", "rfc3339"),
    ("mixed", 12, "--days", "4", "--incidents", "30"),
    ("mixed", 5, "--days", "7", "--incidents", "0"),
)


# What may be said about each kind, by name of the rule.
ANSWERS = {
    # some of its replies are about authentication
    "blocklist": r"(provider|peer|spf|dkim|dmarc|authentication)-|no-ptr",
    "process_limit": r"dovecot-",
    "compromised_account": r"hijacked-|login-",
    "provider_outage": r"provider-defers|deferrals-|queue-grows",
    "dns_failure": r"dns-|deferrals-|queue-grows",
    "tls_failure": r"tls-|provider-defers|deferrals-|queue-grows",
    "silence": r"silence-",
}
# What must be found if it shows in so many lines.
MUST = {"blocklist": SURE_LINES, "process_limit": 1, "dns_failure": SURE_LINES}


def is_about(found, injected):
    """Same trouble, host and provider, and the two overlap in time."""
    host, provider = injected["host"], injected["provider"]
    return (re.match(ANSWERS.get(injected["kind"], "$"), found["rule"]) is not None and
            host in ("*", found["group"].get("host")) and
            (injected["kind"] != "blocklist" or found.get("provider", "other") == provider) and
            found["opened"][:19] <= injected["last"][:19] and
            found["last_seen"][:19] >= injected["first"][:19])


def hidden(path):
    """Attempts that name no relay (a time-out, DNS is down) at domains of which no relay
    had told the provider yet, or so many domains ago that it may be forgotten: how many
    by provider, as other lines tell it, and outcome."""
    done = support.mailwarden("parse", "--json", path)
    told, unsure = {}, []
    for line in done.stdout.splitlines():
        event = json.loads(line)
        if event["kind"] != "attempt" or event.get("direction") != "outbound":
            continue
        domain = event.get("recipient", "").rpartition("@")[2]
        if "relay_ip" in event:
            told.setdefault(domain, event.get("provider", "other"))
        elif "provider" not in event and "outcome" in event:
            if domain not in told or len(told) > REMEMBERED_DOMAINS:
                unsure.append((domain, event["outcome"]))
    return collections.Counter((told.get(domain, "other"), outcome)
                               for domain, outcome in unsure)


class Truth(Case):
    maxDiff = None

    def check_providers(self, got, want):
        """Equal; but for attempts that may be hidden and then count as other."""
        if got == want:
            return
        unsure = hidden(self.log)
        for outcome in support.OUTCOMES[:4]:
            self.assertEqual(sum(row[outcome] for row in got.values()),
                             sum(row[outcome] for row in want.values()))
            for provider in set(want) | set(got):
                if provider == "other":
                    continue
                have, most = got[provider][outcome], want[provider][outcome]
                self.assertLessEqual(have, most, (provider, outcome))
                self.assertGreaterEqual(have, most - unsure[provider, outcome],
                                        (provider, outcome))

    def check(self, mta, number, *more):
        truth = support.generate(self.log, LINES, mta, number, *more)
        incidents, summary = support.replay(self.log)
        self.assertEqual(summary["lines"], LINES)
        self.assertEqual(summary["unparsed"], 0)
        self.assertEqual(summary["incidents"], len(incidents))
        self.assertEqual(summary["outcomes"], support.truth_outcomes(truth))
        self.check_providers(support.providers(summary["providers"]),
                             support.truth_providers(truth))
        injected = [one for one in truth["incidents"] if one["affected_lines"] > 0 and
                    one["kind"] in ANSWERS]
        for one in injected:
            if one["affected_lines"] >= MUST.get(one["kind"], math.inf):
                self.assertTrue([found for found in incidents if is_about(found, one)],
                                f"missed: {one}")
        for found in incidents:
            self.assertTrue([one for one in injected if is_about(found, one)],
                            f"false: {found}")
        return len(injected)

    def test_logs(self):
        injected = 0
        for log in LOGS:
            with self.subTest(log=" ".join(map(str, log))):
                injected += self.check(*log)
        self.assertGreater(injected, 30)

    def test_threads_and_runs_agree(self):
        support.generate(self.log, 60000, "mixed", 12, "--incidents", "40")
        answers = []
        for threads in ("1", "2", "4", "4"):
            incidents, summary = support.replay(self.log, "--threads", threads)
            summary.pop("seconds")
            answers.append((incidents, summary))
        for answer in answers[1:]:
            self.assertEqual(answer, answers[0])


if __name__ == "__main__":
    unittest.main(verbosity=1)
