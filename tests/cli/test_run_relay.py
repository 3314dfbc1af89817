#!/usr/bin/python3
"""`run` mails incidents through a real SMTP server: at least once whatever happens to
the server, the login or the program itself, and recognisable when twice (invariant 2)."""

import email
import email.policy
import logging
import os
import pathlib
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from smtp_server import PASSWORD, USER, Handler, Pki, Server  # noqa: E402
from support import Case, wait_until  # noqa: E402

RECIPIENT = "ops@example.org"


def blocked(number):
    stamp = time.strftime("%b %e %H:%M:%S", time.gmtime())
    return (f"{stamp} mx{number} postfix/smtp[79]: 4bXkWz{number:06d}f: to=<joe@hotmail.com>, "
            "relay=hotmail-com.olc.protection.outlook.com[203.0.113.10]:25, delay=1.4, "
            "delays=0.1/0/0.7/0.6, dsn=5.7.1, status=bounced (host hotmail-com.olc.protection."
            "outlook.com[203.0.113.10] said: 550 5.7.1 Unfortunately, messages from "
            "[192.0.2.25] weren't sent. Please contact your Internet service provider since "
            "part of their network is on our block list (S3140). (in reply to MAIL FROM "
            "command))\n")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Relay(Case):
    @classmethod
    def setUpClass(cls):
        cls.pki_folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.pki_folder.cleanup)
        cls.pki = Pki(cls.pki_folder.name)

    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.password = self.folder / "password"
        self.set_password(PASSWORD)
        self.config = self.folder / "mailwarden.yaml"
        self.log.touch()
        self.handler = Handler()

    def set_password(self, text):
        self.password.write_text(text + "\n")
        self.password.chmod(0o600)

    def write_config(self, *more, login=True):
        lines = ["host: mx1.example.org", "alerts:", "  relay:",
                 f"    url: smtp://localhost:{self.port}", f"    to: {RECIPIENT}",
                 "    from: Mailwarden <warden@example.org>", "    timeout: 5",
                 f"    ca_file: {self.pki.path('ca.pem')}"]
        if login:
            lines += [f"    user: {USER}", f"    password_file: {self.password}"]
        self.config.write_text("\n".join(lines + [f"    {line}" for line in more]) + "\n")

    def start(self):
        return self.daemon("--config", self.config)

    def server(self, certificate="good", handler=None):
        return Server(handler or self.handler, tls=self.pki.context(certificate),
                      port=self.port)

    def trouble(self, count=1):
        """Lines that open incidents."""
        with open(self.log, "a") as out:
            out.write("".join(blocked(i + 1) for i in range(count)))

    def waiting(self):
        return [row for row in self.rows() if row["sent"] is None]

    def rows(self):
        """Of notices; a critical incident's reminder waits for tomorrow."""
        try:
            return [row for row in support.outbox(self.state)
                    if row["notice"] != support.NOTICE_REMINDER]
        except sqlite3.OperationalError:
            return []

    def deliveries(self):
        """(tries, due) of what was not sent."""
        try:
            return support.ask(self.state, "SELECT tries, due FROM delivery WHERE sent IS "
                               "NULL AND due IS NOT NULL")
        except sqlite3.OperationalError:
            return []

    def make_due(self):
        """The back-off is over."""
        support.change(self.state, "UPDATE delivery SET due = 0 WHERE sent IS NULL")

    def message_ids(self):
        return [email.message_from_bytes(content)["Message-ID"]
                for _, _, content in self.handler.mails]

    def wait_for_failure(self):
        wait_until(lambda: any(tries > 0 for tries, _ in self.deliveries()), "a try failed")

    def check_why(self, *parts):
        """`status` tells why the notice waits."""
        done = support.mailwarden("status", "--state", self.state)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0)
        text = " ".join(text.split())  # without its line breaks
        self.assertRegex(text,
                         r"relay: (waits for you, )?(failing|refuses a message) since .* "
                         r"[1-9][0-9]* (try|tries)")
        for part in parts:
            self.assertIn(part, text)
        self.assertNotIn(PASSWORD, text)
        self.assertEqual(self.status()["notices_waiting"], len(self.waiting()))

    def check_arrival(self):
        """After the fault was mended: restart, and the mail comes, once for each."""
        self.make_due()
        daemon = self.start()
        daemon.wait_for("going on")
        daemon.until(lambda: not self.waiting(), "all notices are sent")
        self.assertEqual(daemon.stop(), 0, daemon.said())
        rows = self.rows()
        self.assertEqual(sorted(self.message_ids()),
                         sorted(f"<{row['id']}@example.org>" for row in rows))
        self.assertEqual(self.status()["notices_sent"], len(rows))
        self.assertEqual(self.status()["notices_waiting"], 0)

    def fail_then_mend(self, broken, *parts):
        """`broken` is a server or None; then a good one at the same port."""
        self.trouble()
        if broken is not None:
            broken.__enter__()
        daemon = self.start()
        self.wait_for_failure()
        self.assertEqual(daemon.stop(), 0, daemon.said())
        if broken is not None:
            broken.__exit__()
        self.check_why(*parts)
        self.assertEqual(self.handler.mails, [])
        return daemon.said()

    def test_arrives(self):
        self.write_config()
        with self.server():
            daemon = self.start()
            daemon.wait_for("watching")
            self.trouble()
            daemon.until(lambda: self.handler.mails, "the mail arrives")
            daemon.until(lambda: not self.waiting(), "the store knows")
            self.assertEqual(daemon.stop(), 0)
        (sender, recipients, content), = self.handler.mails
        self.assertEqual((sender, recipients), ("warden@example.org", [RECIPIENT]))
        mail = email.message_from_bytes(content, policy=email.policy.default)
        self.assertIn("mx1", mail["Subject"])
        self.assertIn("S3140", mail.get_body(("plain",)).get_content())
        self.assertEqual(mail["Auto-Submitted"], "auto-generated")
        self.assertNotIn(PASSWORD, daemon.said())

    def test_once_tells_too(self):
        self.write_config()
        self.trouble()
        with self.server():
            self.run_once("--config", self.config)
            self.run_once("--config", self.config)
        self.assertEqual(len(self.handler.mails), 1)

    def test_once_without_a_server(self):
        self.write_config()
        self.trouble()
        self.run_once("--config", self.config, exit_code=1)
        self.check_why("Connection refused")
        self.assertEqual(self.status()["open_incidents"], 1)

    def test_wrong_password(self):
        self.write_config()
        self.set_password("wrong")
        said = self.fail_then_mend(self.server(), f"login as {USER} failed", "535")
        self.assertIn("535", said)
        self.assertNotIn("wrong", said)
        self.set_password(PASSWORD)
        with self.server():
            self.check_arrival()

    def test_password_that_others_read(self):
        self.write_config()
        self.password.chmod(0o644)
        self.fail_then_mend(None, f"chmod 600 {self.password}")
        self.password.chmod(0o600)
        with self.server():
            self.check_arrival()

    def test_refused_connection(self):
        self.write_config()
        self.fail_then_mend(None, f"localhost:{self.port}", "Connection refused")
        with self.server():
            self.check_arrival()

    def test_not_now(self):
        self.write_config()
        busy = Handler({RECIPIENT: ["450 4.2.0 come back later"] * 3})
        self.fail_then_mend(self.server(handler=busy), "450 4.2.0 come back later")
        with self.server():
            self.check_arrival()

    def test_not_now_then_fine_without_a_restart(self):
        self.write_config()
        self.handler.replies[RECIPIENT] = ["450 4.2.0 come back later"]
        self.trouble()
        with self.server():
            daemon = self.start()
            self.wait_for_failure()
            (_, due), = self.deliveries()
            # 15 s and up to half as much again.
            self.assertTrue(5 < due / 1e6 - time.time() <= 23, due)
            self.trouble(2)  # it waits with the first: one message tells both
            daemon.until(lambda: len(self.rows()) == 2, "both are to be told")
            daemon.until(lambda: not self.waiting(), "the store knows")
            self.assertEqual(daemon.stop(), 0)
        self.assertEqual(len(self.handler.mails), 1)

    def test_expired_certificate(self):
        self.write_config()
        self.fail_then_mend(self.server("expired"), "certificate", "expired")
        self.assertEqual(self.handler.logins, [])
        with self.server():
            self.check_arrival()

    def test_server_without_an_answer(self):
        """Stopping does not wait for ever for a server that says nothing."""
        self.write_config()
        self.trouble()
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            daemon = self.start()
            connection, _ = listener.accept()
            with connection:
                self.assertEqual(daemon.stop(30), 0, daemon.said())
        self.check_why("localhost")
        with self.server():
            self.check_arrival()

    def test_notifier_that_ends(self):
        """It is started again, and what was to tell is told."""
        self.write_config()
        with self.server():
            daemon = self.start()
            child, = daemon.until(daemon.children, "the notifier runs")
            os.kill(child, signal.SIGKILL)
            daemon.wait_for("starts again")
            self.trouble()
            daemon.until(lambda: self.handler.mails, "the mail arrives")
            self.assertEqual(daemon.stop(), 0)

    def test_broken_configuration_of_the_relay(self):
        self.write_config("tls: off", "hello: x")
        said = self.run_once("--config", self.config, exit_code=3)
        self.assertIn(f"{self.config}:12:5: unknown key 'hello', did you mean 'helo'?", said)

    def test_kill_while_mails_go_out(self):
        """Ends `run`, or its notifier, at any moment: every incident's mail arrives."""
        number = support.seed()
        generator = random.Random(number)
        self.write_config("tls: off", "at_most: unlimited", login=False)
        kills, incidents = 30, 60
        with self.subTest(MAILWARDEN_SEED=number), Server(self.handler, port=self.port):
            self.run_once("--config", self.config)
            began = time.monotonic()
            self.run_once("--config", self.config)
            usual_s = time.monotonic() - began
            for i in range(kills):
                with open(self.log, "a") as out:
                    for n in range(incidents * i // kills, incidents * (i + 1) // kills):
                        out.write(blocked(n + 1))
                self.kill_once(generator, usual_s)
            if self.rows():
                self.make_due()
            daemon = self.start()
            daemon.wait_for("going on")
            daemon.until(lambda: len(self.rows()) == incidents and not self.waiting(),
                       "all notices are sent")
            self.assertEqual(daemon.stop(), 0, daemon.said())
            ids = self.message_ids()
            # Of each notice the message that told it; of some an earlier try, too.
            told = support.ask(self.state, "SELECT DISTINCT message FROM delivery")
            self.assertLessEqual({f"<{row[0]}@example.org>" for row in told}, set(ids))
            self.assertEqual(len({row["incident"] for row in self.rows()}), incidents)
            # A repeat needs a kill between the relay's answer and the store's commit.
            self.assertLessEqual(len(ids), incidents + kills)

    def kill_once(self, generator, usual_s):
        daemon = self.start()
        try:
            daemon.process.wait(generator.uniform(0, 3 * usual_s))
            self.fail(f"ended by itself: {daemon.said()}")
        except subprocess.TimeoutExpired:
            children = daemon.children()
            daemon.kill()
            for child in children if generator.random() < 0.7 else ():
                try:
                    os.kill(child, signal.SIGKILL)
                except ProcessLookupError:
                    pass


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # aiosmtpd tells of each broken handshake
    unittest.main(verbosity=1, warnings="ignore")
