"""What the tests of webhooks share: certificates, secrets, and one send through a channel.

Needs openssl and python3-aiosmtpd (whose helper makes the certificates); without them the
test that imports this is skipped (exit code 77).
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
from smtp_server import Pki  # noqa: E402
from http_server import Answer, HttpServer  # noqa: E402

HELPER = pathlib.Path(os.environ["MAILWARDEN_BUILD"]) / "tests" / "channel_send"
TOKEN, SIGNING = "t0k3n-AbCdEf_123456", "s1gning-k3y \\ \"x\" \u00e9"
ID = "20261121080000.3f9c0a1b2d4e"
INCIDENT = "3f9c0a1b2d4e"
NOW_S = 1795248000
DASHBOARD = "https://mx1.example.org:8025"
LINK = f"{DASHBOARD}/incident/{INCIDENT}"
HIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.home = pathlib.Path(cls.folder.name)
        cls.pki = Pki(cls.folder.name)
        for name, text in (("token", TOKEN), ("signing", SIGNING)):
            (cls.home / name).write_text(text + "\n")
            (cls.home / name).chmod(0o600)

    def config(self, kind, settings):
        lines = ["host: mx1", f"state: {self.home}/mailwarden.db", "alerts:", "  hook:",
                 f"    type: {kind}"]
        lines += [f"    {key}: {json.dumps(value)}" for key, value in settings.items()]
        path = self.home / "mailwarden.yaml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def run_send(self, kind, settings, *more, env=None):
        config = self.config(kind, {"timeout": "20s", "ca_file": self.pki.path("ca.pem"),
                                    **settings})
        done = subprocess.run(
            [str(HELPER), "--config", str(config), "--channel", "hook", *more],
            capture_output=True, timeout=120, env={**os.environ, **(env or {})})
        self.assertEqual(done.stderr.decode(errors="replace"), "")
        self.assertEqual(done.returncode, 0)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        for row in rows:
            for secret in (TOKEN, SIGNING, "/hooks/", "key=abc"):
                self.assertNotIn(secret, row["reason"])
            self.assertIsNone(HIDDEN.search(row["reason"]), row["reason"])
        return rows

    def send(self, settings, *more, env=None):
        (row,) = self.run_send("webhook", settings, *more, env=env)
        return row

    def check(self, row, result, *parts):
        self.assertEqual(row["result"], result, row)
        for part in parts:
            self.assertIn(part, row["reason"])
        if result == "accepted":
            self.assertEqual(row["reason"], "")

    def tls_server(self, *answers, cert="good", **more):
        return HttpServer(*answers, context=self.pki.context(cert), **more)

    def ask(self, shape, sample, path="/", status=200, dashboard=DASHBOARD, **settings):
        """The requests that a sample of a shape makes."""
        with self.tls_server(Answer(status)) as server:
            words = ["--sample", sample]
            if dashboard:
                words += ["--dashboard", dashboard]
            row = self.send({"shape": shape, "url": server.address(path), **settings},
                            *words)
            self.check(row, "accepted")
            for request in server.requests:
                self.assertEqual(request.headers["Content-Type"], "application/json")
                self.assertEqual(request.headers["User-Agent"], "mailwarden/0.1.0")
                self.assertTrue(request.headers["Idempotency-Key"].startswith(ID))
            return server.requests

    def ask_one(self, shape, sample, path="/", **settings):
        (request,) = self.ask(shape, sample, path, **settings)
        self.assertEqual(request.headers["Idempotency-Key"], ID)
        return request

    def check_text(self, text):
        """What a person reads: nothing hidden in it."""
        self.assertIsNone(HIDDEN.search(text), repr(HIDDEN.search(text)))
