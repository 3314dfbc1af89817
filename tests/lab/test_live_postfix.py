#!/usr/bin/python3
"""Alerts about a real Postfix: what goes wrong with its mail arrives, once, at the mailbox and
the webhook; what is nobody's trouble is not told."""

from live import lab, main
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


del Outbound
if __name__ == "__main__":
    main()
