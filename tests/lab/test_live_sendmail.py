#!/usr/bin/python3
"""Alerts about a real sendmail, whose log cuts the middle out of long replies: Microsoft's code
is not in there, only its other words are."""

import contextlib
import smtplib

from live import lab, main
from reports import Reports
from scenarios import Outbound


class Sendmail(Outbound):
    server = "sendmail"
    BLOCK = "provider-suspected microsoft-suspected-block"
    BLOCK_WORDS = "the log"
    LOGIN = "relay-wants-login generic-auth-first"
    TLS_WORDS = ("STARTTLS=client, relay=",)

    def retry(self):
        self.lab.command("/usr/libexec/sendmail/sendmail", "-q")

    def test_filter_down(self):
        self.lab.filter.close()
        self.watch()
        for _ in range(4):
            with contextlib.suppress(smtplib.SMTPResponseException):
                self.lab.send("billing@example.net", "ann@partner.example", lab.STRANGER)
        self.expect("opened filter-down")
        self.end()


class SendmailReports(Reports):
    """Through smrsh, as the owner of an :include: file."""
    server = "sendmail"
    BLOCK = ("opened provider-suspected microsoft-suspected-block",
             "escalated provider-blocklisted microsoft-s3140")

    retry = Sendmail.retry


del Outbound, Reports
if __name__ == "__main__":
    main()
