#!/usr/bin/python3
"""The sendmail channel against a program that keeps what it was given, and the relay
channel against a real server: from a mailwarden.yaml to the mail.

Needs python3-aiosmtpd and openssl; without them the test is skipped (exit code 77).
"""

import email
import email.policy
import json
import logging
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from smtp_server import PASSWORD, USER, Handler, Pki, Server  # noqa: E402

HELPER = pathlib.Path(os.environ["MAILWARDEN_BUILD"]) / "tests" / "channel_send"

# Keeps arguments, environment and message, then does as the test wishes.
PROGRAM = """#!/bin/sh
printf '%s\\n' "$@" >'{folder}/arguments'
cat >'{folder}/message'
env >'{folder}/environment'
{then}
"""


class Base(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.holder.name)
        self.program = self.folder / "sendmail"

    def tearDown(self):
        self.holder.cleanup()

    def send(self, channel, config, *more, sample="opened", prefix=()):
        path = self.folder / "mailwarden.yaml"
        path.write_text(config)
        done = subprocess.run([*prefix, str(HELPER), "--config", str(path), "--channel",
                               channel, "--sample", sample, "--state", str(self.folder),
                               "--id", "n.1", *more], capture_output=True, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.last = json.loads(done.stdout)
        return self.last["result"], self.last["reason"]

    def write_program(self, then):
        self.program.write_text(PROGRAM.format(folder=self.folder, then=then))
        self.program.chmod(0o755)

    def kept(self, name):
        return (self.folder / name).read_bytes()


class Sendmail(Base):
    def config(self, more="", to="[ops@example.org, second@example.net]"):
        return (f"alerts:\n  local:\n    type: sendmail\n    program: {self.program}\n"
                f"    from: 'Warden <warden@example.org>'\n    to: {to}\n{more}")

    def post(self, then, *more, config=None, **options):
        self.write_program(then)
        return self.send("local", config or self.config(), *more, **options)

    def test_arguments_and_message(self):
        self.assertEqual(self.post("exit 0"), ("accepted", ""))
        self.assertEqual(self.kept("arguments").decode().splitlines(),
                         ["-i", "-f", "warden@example.org", "--", "ops@example.org",
                          "second@example.net"])
        message = self.kept("message")
        self.assertNotIn(b"\r", message)
        self.assertTrue(message.endswith(b"\n"))
        mail = email.message_from_bytes(message, policy=email.policy.default)
        self.assertEqual(mail["Message-ID"], "<n.1@example.org>")
        self.assertEqual(mail["From"].addresses[0].addr_spec, "warden@example.org")
        names = {line.split("=")[0] for line in
                 self.kept("environment").decode().splitlines()}
        self.assertLessEqual(names, {"PATH", "LANG", "HOME", "PWD", "SHLVL", "_"})

    def test_own_envelope_sender(self):
        config = self.config("    sender: bounces@example.net\n")
        self.assertEqual(self.post("exit 0", config=config), ("accepted", ""))
        self.assertIn("-f\nbounces@example.net\n--", self.kept("arguments").decode())

    def test_hostile_incident(self):
        self.assertEqual(self.post("exit 0", sample="hostile"), ("accepted", ""))
        message = self.kept("message")
        for bad in (b"\r", b"\0", b"\x1b", "\u202e".encode()):
            self.assertNotIn(bad, message)
        mail = email.message_from_bytes(message, policy=email.policy.default)
        self.assertEqual(len(mail.get_all("To")), 1)
        self.assertIsNone(mail["Bcc"])

    def test_exit_statuses(self):
        for status, result, part in (
                (75, "retry", "not now"), (69, "retry", "cannot take mail now"),
                (73, "retry", "queue"), (65, "refused", "does not take this message"),
                (67, "refused", "no such recipient"), (64, "login", "options"),
                (77, "login", "may not send"), (78, "login", "configuration"),
                (1, "retry", ""), (127, "retry", "")):
            result_got, reason = self.post(
                f"echo 'first' >&2; echo 'sendmail: \x1b[31mfatal: no' >&2; exit {status}")
            self.assertEqual(result_got, result, reason)
            self.assertIn(part, reason)
            self.assertIn(f"hand mail to {self.program}", reason)
            self.assertIn("sendmail: \\x1b[31mfatal: no", reason)
            self.assertFalse(self.last["uncertain"])

    def test_killed(self):
        self.assertEqual(self.post("kill -9 $$")[0], "retry")

    def test_time_limit(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        start = time.monotonic()
        result, reason = self.post(f"read x <'{fifo}'",
                                   config=self.config("    timeout: 1s\n"))
        self.assertEqual(result, "retry", reason)
        self.assertTrue(self.last["uncertain"])
        self.assertLess(time.monotonic() - start, 20)

    def test_no_such_program(self):
        config = self.config().replace(str(self.program), "/nonexistent/sendmail")
        result, reason = self.send("local", config)
        self.assertEqual(result, "login", reason)
        self.assertIn("/nonexistent/sendmail", reason)

    def test_no_new_privileges_is_told(self):
        if shutil.which("setpriv") is None:
            self.skipTest("setpriv is not installed")
        result, reason = self.post("exit 75", prefix=("setpriv", "--no-new-privs"))
        self.assertEqual(result, "retry")
        self.assertIn("NoNewPrivileges=yes", reason)
        self.assertIn("smtp://localhost:25", reason)
        self.assertNotIn("NoNewPrivileges", self.post("exit 75")[1])

    def test_big_message_to_a_program_that_does_not_read(self):
        self.program.write_text("#!/bin/sh\nexec 0<&-\nexit 75\n")
        self.program.chmod(0o755)
        self.assertEqual(self.send("local", self.config(), sample="many")[0], "retry")


class RelayChannel(Base):
    def setUp(self):
        super().setUp()
        self.pki = Pki(self.folder)
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o600)

    def config(self, server, more=""):
        return (f"alerts:\n  relay:\n    url: smtp://localhost:{server.port}\n"
                f"    user: {USER}\n    password_file: {self.folder}/password\n"
                f"    ca_file: {self.pki.path('ca.pem')}\n    from: warden@example.org\n"
                f"{more}")

    def post(self, handler, more, **options):
        with Server(handler, tls=self.pki.context("good"),
                    smtputf8=options.pop("smtputf8", False)) as server:
            return self.send("relay", self.config(server, more), **options)

    def test_from_configuration_to_mail(self):
        handler = Handler(data_reply=None)
        got = self.post(handler, "    sender: bounces@example.net\n"
                        "    to: [ops@example.org]\n")
        self.assertEqual(got, ("accepted", ""))
        self.assertEqual(self.last["queue_id"], "4XyZ")
        sender, to, text = handler.mails[0]
        self.assertEqual((sender, to), ("bounces@example.net", ["ops@example.org"]))
        mail = email.message_from_bytes(text, policy=email.policy.default)
        self.assertEqual(mail["Message-ID"], "<n.1@example.org>")
        self.assertEqual(mail["Auto-Submitted"], "auto-generated")

    def test_domain_in_ascii_in_the_header_too(self):
        handler = Handler()
        got = self.post(handler, "    to: [ops@bücher.example]\n")
        self.assertEqual(got, ("accepted", ""))
        sender, to, text = handler.mails[0]
        self.assertEqual(to, ["ops@xn--bcher-kva.example"])
        self.assertIn(b"ops@xn--bcher-kva.example", text)
        self.assertTrue(text.isascii())

    def test_address_in_utf8(self):
        handler = Handler()
        got = self.post(handler, "    to: [jürgen@bücher.example]\n", smtputf8=True)
        self.assertEqual(got, ("accepted", ""))
        self.assertEqual(handler.mails[0][1], ["jürgen@xn--bcher-kva.example"])
        got = self.post(handler, "    to: [jürgen@bücher.example]\n")
        self.assertEqual(got[0], "refused")
        self.assertIn("SMTPUTF8", got[1])

    def test_hostile_incident(self):
        handler = Handler()
        got = self.post(handler, "    to: [ops@example.org]\n", sample="hostile")
        self.assertEqual(got, ("accepted", ""))
        self.assertEqual(handler.mails[0][1], ["ops@example.org"])
        text = handler.mails[0][2]
        for bad in (b"\0", b"\x1b", "\u202e".encode()):
            self.assertNotIn(bad, text)
        self.assertEqual(text.count(b"\n"), text.count(b"\r\n"))

    def test_some_recipients_refused(self):
        handler = Handler({"gone@example.org": ["550 5.1.1 gone"]})
        got = self.post(handler, "    to: [gone@example.org, ops@example.org]\n")
        self.assertEqual(got, ("accepted", ""))
        self.assertIn("<gone@example.org>: 550 5.1.1 gone", self.last["warning"])


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # aiosmtpd tells of each broken handshake
    unittest.main(verbosity=1, warnings="ignore")
