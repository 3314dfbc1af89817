#!/usr/bin/python3
"""Alerts about a real OpenSMTPD."""

import time

from live import Live, main
from reports import Reports
from scenarios import Outbound


class Pace(Live):
    server = "opensmtpd"
    retry_at = 0

    def retry(self):
        """A route that failed would rest for a while."""
        self.lab.command("sh", "-c", "smtpctl show routes | sed 's/\\..*//' | "
                         "xargs -rn 1 smtpctl resume route; smtpctl schedule all")

    def queue_is_empty(self):
        """Its own first retry comes after minutes."""
        if super().queue_is_empty():
            return True
        if time.monotonic() > self.retry_at:
            self.retry_at = time.monotonic() + 2
            self.retry()
        return False


class Opensmtpd(Pace, Outbound):
    LOGIN = "relay-login-impossible"
    UNREACHABLE = "port-25-blocked generic-opensmtpd-network"
    BOUNCES = "backscatter-bounces-opensmtpd"
    RECEIPTS = 6, "backscatter-bounces-opensmtpd"  # its log tells no receipt from a bounce
    TLS_WORDS = ("mta connecting", "mta connected", "mta tls", "mta server-cert-check")

    # It connects to a peer once in ten seconds at most; enough of them to judge take minutes.
    test_certificate_no_longer_trusted = None


class OpensmtpdReports(Pace, Reports):
    """Through an mda."""


del Live, Outbound, Reports
if __name__ == "__main__":
    main()
