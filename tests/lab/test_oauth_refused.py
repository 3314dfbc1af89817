#!/usr/bin/python3
"""A provider that takes no refresh token any more: the alert waits, and what a person must do is
an incident of its own, which the other channel tells."""

import json
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from smtp_server import Pki  # noqa: E402
from support import Case, mailwarden  # noqa: E402
from token_server import TokenServer  # noqa: E402

BLOCKED = ("{stamp} mx1 postfix/smtp[9]: 4bXkWz3qLRz9tQf: to=<joe@hotmail.com>, relay=hotmail-com."
           "olc.protection.outlook.com[203.0.113.20]:25, delay=1, delays=0/0/0/1, dsn=5.7.1, "
           "status=bounced (host hotmail-com.olc.protection.outlook.com[203.0.113.20] said: 550 "
           "5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. part of their network "
           "is on our block list (S3140). (in reply to MAIL FROM command))\n")


class Refused(Case):
    def setUp(self):
        super().setUp()
        self.pki = Pki(self.folder)
        self.tokens = TokenServer(self.pki.context("good"), (400, {
            "error": "invalid_grant",
            "error_description": "Token has been expired or revoked."}))
        self.enterContext(self.tokens)
        self.refresh = self.folder / "refresh-token"
        self.refresh.touch(mode=0o600)
        self.refresh.write_text("1//secret-refresh-token\n")
        self.told = self.folder / "told"
        tell = self.folder / "tell"
        tell.write_text(f"#!/bin/sh\ncat >>{self.told}\n")
        tell.chmod(0o755)
        self.config = self.folder / "mailwarden.yaml"
        self.config.write_text(f"""alerts:
  relay:
    url: smtp://localhost:1
    user: warden@example.org
    oauth:
      token_url: {self.tokens.url}
      client_id: 123.apps
      refresh_token_file: {self.refresh}
      ca_file: {self.pki.path("ca.pem")}
    to: admin@example.org
  command:
    run: [{tell}]
""")

    def test_incident_says_what_to_do(self):
        stamp = time.strftime("%b %e %H:%M:%S")
        self.log.write_text(BLOCKED.format(stamp=stamp))
        self.run_once("--config", self.config, exit_code=1)
        self.run_once("--config", self.config)  # it looks at its channels, and tells
        done = mailwarden("incidents", "--json", "--state", self.state)
        incidents = {row["rule"]: row for row in map(json.loads, done.stdout.splitlines())}
        self.assertIn("provider-blocklisted", incidents)
        summary = incidents["mailwarden-channel"]["summary"]
        self.assertIn("channel relay waits for you", summary)
        self.assertIn("invalid_grant", summary)
        self.assertIn(f"put the new refresh token into {self.refresh}", summary)
        self.assertIn("mailwarden-channel", self.told.read_text())
        status = mailwarden("status", "--state", self.state).stdout.decode()
        self.assertIn("invalid_grant", status)
        self.assertNotIn("secret-refresh-token", status + summary + self.told.read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
