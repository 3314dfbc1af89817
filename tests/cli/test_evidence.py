#!/usr/bin/python3
"""`evidence`: what can be pasted into a delisting form."""

import json
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import Case, mailwarden  # noqa: E402

MS = "hotmail-com.olc.protection.outlook.com"
WORDS = {
    "sent": "dsn=2.6.0, status=sent (250 2.6.0 Queued mail for delivery)",
    "blocked": f"dsn=5.7.1, status=bounced (host {MS}[203.0.113.10] said: 550 5.7.1 "
               "Unfortunately, messages from [192.0.2.25] weren't sent. Please contact your "
               "Internet service provider since part of their network is on our block list "
               "(S3140). (in reply to MAIL FROM command))",
    "unknown": f"dsn=5.5.0, status=bounced (host {MS}[203.0.113.10] said: 550 5.5.0 "
               "Requested action not taken: mailbox unavailable. (in reply to RCPT TO "
               "command))",
}
DOVECOT = ("dovecot: master: Warning: service(pop3-login): process_limit (100) reached, "
           "client connections are being dropped")


def stamp(at):
    return time.strftime("%b %e %H:%M:%S", time.gmtime(at))


class Evidence(Case):
    def setUp(self):
        super().setUp()
        # whole hours, so that no day's border falls between two lines
        self.now = int(time.time()) // 3600 * 3600
        self.number = 0
        self.lines = []

    def attempt(self, at, user, outcome):
        self.number += 1
        queue_id = f"4bXkWz{self.number:06d}f"
        self.lines += [
            (at, f"{stamp(at)} mx1 postfix/qmgr[7]: {queue_id}: from=<sales@example.com>, "
                 "size=1200, nrcpt=1 (queue active)"),
            (at + 1, f"{stamp(at + 1)} mx1 postfix/smtp[79]: {queue_id}: "
                     f"to=<{user}@hotmail.com>, relay={MS}[203.0.113.10]:25, delay=1.4, "
                     f"delays=0.1/0/0.7/0.6, {WORDS[outcome]}")]

    def incidents(self):
        self.log.write_text("".join(line + "\n" for _, line in sorted(self.lines)))
        self.run_once()
        done = mailwarden("incidents", "--all", "--json", "--state", self.state)
        return {row["rule"]: row["id"] for row in map(json.loads, done.stdout.splitlines())}

    def evidence(self, incident, *more):
        done = mailwarden("evidence", incident, "--state", self.state, *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def blocked(self):
        day = 86400
        for back in (4, 3, 2):
            for n in range(8):
                self.attempt(self.now - back * day + n * 60, f"joe{n}",
                             "unknown" if n == 5 else "sent")
        for n in range(6):
            self.attempt(self.now - day + n * 60, f"ann{n}", "blocked")
        self.attempt(self.now - 3600, "bob", "sent")
        return self.incidents()["provider-blocklisted"]

    def test_block(self):
        incident = self.blocked()
        row = json.loads(self.evidence(incident, "--json"))
        self.assertEqual(row["ip"], "192.0.2.25")
        self.assertEqual(row["provider"], "microsoft-consumer")
        self.assertEqual((row["count"], row["recipients"], row["senders"]), (6, 6, 1))
        self.assertEqual(len(row["replies"]), 1)
        self.assertEqual(row["replies"][0]["count"], 6)
        self.assertIn("(S3140)", row["replies"][0]["reply"])
        days = {day["day"]: day for day in row["days"]}
        self.assertEqual(sum(day["delivered"] for day in days.values()), 3 * 7 + 1)
        self.assertEqual(sum(day["unknown_users"] for day in days.values()), 3)
        self.assertEqual(sum(day["bounced"] for day in days.values()), 3 + 6)
        self.assertEqual(row["last_success"]["relay_name"], MS)
        self.assertLess(row["last_success"]["time"], row["since"])
        self.assertGreater(row["first_success"]["time"], row["last_seen"])
        self.assertTrue(any("ann0@hotmail.com" in line for line in row["lines"]))

    def test_text(self):
        incident = self.blocked()
        text = self.evidence(incident[:8])
        for words in ("192.0.2.25", "UTC", "microsoft-s3140", "(S3140)", "6 times",
                      "Last accepted before", "Log lines", "to=<ann0@hotmail.com>"):
            self.assertIn(words, text)
        for line in text.split("Log lines")[0].splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_mask(self):
        incident = self.blocked()
        for more in ((), ("--json",)):
            text = self.evidence(incident, "--mask", *more)
            for person in ("ann0", "ann5", "sales@"):
                self.assertNotIn(person, text)
            self.assertRegex(text, r"to=<user-[0-9a-f]{4}@hotmail\.com>")
            self.assertIn("192.0.2.25", text)
        self.assertEqual(self.evidence(incident, "--mask", "--json"),
                         self.evidence(incident, "--mask", "--json"))

    def test_other_incident(self):
        self.lines.append((self.now, f"{stamp(self.now)} mx1 {DOVECOT}"))
        incident = next(iter(self.incidents().values()))
        text = self.evidence(incident)
        self.assertIn("process_limit", text)
        for words in ("IP address", "accepted", "Replies", "Attempts", "Authentication"):
            self.assertNotIn(words, text)
        row = json.loads(self.evidence(incident, "--json"))
        for key in ("ip", "replies", "days", "last_success", "provider"):
            self.assertNotIn(key, row)

    def test_none(self):
        self.lines.append((self.now, f"{stamp(self.now)} mx1 {DOVECOT}"))
        self.incidents()
        for word in ("ffffffffffff", "zz", ""):
            done = mailwarden("evidence", word, "--state", self.state)
            self.assertEqual(done.returncode, 1, word)
        self.assertEqual(mailwarden("evidence", "--state", self.state).returncode, 2)
        self.assertEqual(mailwarden("evidence", "ab", "--state", "/nowhere/x").returncode, 4)


if __name__ == "__main__":
    unittest.main()
