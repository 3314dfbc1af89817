#!/usr/bin/python3
"""Alerts about a real Postfix: what goes wrong with its mail arrives, once, at the mailbox and
the webhook; what is nobody's trouble is not told."""

import os

from live import S3140, lab, main
from reports import Reports
from scenarios import Outbound


class Postfix(Outbound):
    server = "postfix"
    LOGIN = "relay-login-failed generic-auth-first"
    TLS_WORDS = ("Trusted TLS connection established to ",)

    def retry(self):
        self.lab.command("postqueue", "-f")

    def submit(self, number):
        with self.lab.client(587, lab.STRANGER) as client:
            client.login("alice", "correct-horse")
            client.sendmail("alice@example.net", [f"user{number}@partner.example"],
                            "Subject: hello\n\nhello\n")

    def test_filter_down(self):
        """dkimproxy's like: submitted mail goes through it, or nowhere."""
        self.lab.filter.close()
        self.watch()
        for number in range(4):
            self.submit(number)
        self.expect("opened proxy-down")
        self.lab.filter.open()
        self.retry()
        self.settle()
        self.expect_resolved("opened proxy-down")
        self.assertEqual(len(self.lab.remote["partner.example"].mails), 4)


class PostfixReports(Reports):
    """Through a transport; an alias; and out of a Maildir."""
    server = "postfix"

    retry = Postfix.retry

    def test_alias(self):
        self.watch()
        self.lab.send("reports@example.net", "ann@partner.example", lab.STRANGER)
        self.read_reports(1)
        self.assertIn("unread: ", self.lines()[0])
        self.assertEqual(len(list((self.reports / "unread" / "new").iterdir())), 1)
        self.end()

    def test_maildir(self):
        """What Postfix puts into a watched Maildir is taken once, and left there."""
        box = self.reports / "Maildir"
        for path in box, box / "new", box / "cur", box / "tmp":
            path.mkdir()
            os.chown(path, self.user, self.user)
        with self.config.open("a") as config:
            config.write(f"reports:\n  maildir: {box}\n")
        self.lab.remote["hotmail.com"].refuse("mail", S3140)
        self.watch()
        self.send("ann@hotmail.com", sender="kept@example.net")
        self.read_reports(1)
        incident = self.incident()
        self.assertEqual((incident["code_id"], incident["count"], self.bounced()),
                         ("microsoft-s3140", 1, 1))
        self.assertEqual(len(list((box / "new").iterdir())), 1)
        self.end()


del Outbound, Reports
if __name__ == "__main__":
    main()
