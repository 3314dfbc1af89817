"""What the tests of faults share: an incident in the log, channels on loopback, time that
has passed, and a close look at what `mailwarden status` says meanwhile."""

import email
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
import support  # noqa: E402
from smtp_server import PASSWORD, USER, Handler, Pki, Script, Server  # noqa: E402,F401
from http_server import Answer, HttpServer, RawServer, read_request  # noqa: E402,F401
from support import Case, Notifier, mailwarden, wait_until  # noqa: E402

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
COLUMNS = 80
REPLY = ("550 5.7.1 Unfortunately, messages from [192.0.2.25] weren't sent. Please contact "
         "your Internet service provider since part of their network is on our block "
         "list (S3140).")


def blocked(number, reply=REPLY):
    """A line that opens an incident of its own."""
    stamp = time.strftime("%b %e %H:%M:%S", time.gmtime())
    return (f"{stamp} mx{number} postfix/smtp[79]: 4bXkWz{number:06d}f: to=<joe@hotmail.com>, "
            "relay=hotmail-com.olc.protection.outlook.com[203.0.113.10]:25, delay=1.4, "
            "delays=0.1/0/0.7/0.6, dsn=5.7.1, status=bounced (host hotmail-com.olc.protection."
            f"outlook.com[203.0.113.10] said: {reply} (in reply to MAIL FROM command))\n")


class Fault(Case):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.pki = Pki(holder.name)

    def setUp(self):
        super().setUp()
        self.config = self.folder / "mailwarden.yaml"
        self.log.touch()
        self.handler = Handler()
        self.port = self.free_port()

    @staticmethod
    def free_port():
        with Script(lambda *_: None) as script:
            return script.port

    def secret(self, name, text, mode=0o600):
        path = self.folder / name
        path.write_text(text + "\n")
        path.chmod(mode)
        return path

    # --- configuration ---

    def write_config(self, *lines):
        self.config.write_text("\n".join(["host: mx1.example.org", "timezone: UTC",
                                          f"state: {self.state}", *lines]) + "\n")

    def relay(self, port=None, *more, name="relay", host="localhost", tls=False):
        """With a login if it has TLS."""
        lines = [f"url: smtp://{host}:{port or self.port}", f"to: {name}@example.org",
                 "type: relay", "from: warden@example.org", "timeout: 20"]
        if tls:
            lines += [f"ca_file: {self.pki.path('ca.pem')}", f"user: {USER}",
                      f"password_file: {self.secret('password', PASSWORD)}"]
        else:
            lines += ["tls: off"]
        return [f"  {name}:", *(f"    {line}" for line in [*lines, *more])]

    def hook(self, server, *more, name="phone", path="/hook", timeout="20s"):
        return [f"  {name}:", "    type: webhook", f"    url: {server.address(path)}",
                f"    timeout: {timeout}", f"    ca_file: {self.pki.path('ca.pem')}",
                *(f"    {line}" for line in more)]

    # --- programs ---

    def run_all(self):
        """`run` with its notifier."""
        return self.daemon("--config", self.config)

    def watch(self):
        watcher = self.daemon("--no-notifier", "--config", self.config)
        watcher.wait_for("left to the service")
        wait_until(self.state.exists, "the store is there")
        return watcher

    def notifier(self, **options):
        notifier = Notifier("--config", self.config, **options)
        self.addCleanup(notifier.kill)
        return notifier

    def end(self, daemon):
        self.assertEqual(daemon.stop(), 0, daemon.said())

    def knock(self):
        with open(f"{self.state}.wake", "wb", buffering=0) as fifo:
            fifo.write(b"!")

    def trouble(self, first=1, count=1):
        with open(self.log, "a") as out:
            out.write("".join(blocked(first + i) for i in range(count)))

    # --- the store ---

    def ask(self, sql, *values):
        try:
            return support.ask(self.state, sql, *values)
        except sqlite3.OperationalError:
            return []

    def rows(self):
        """Of notices; a critical incident's reminder waits for tomorrow."""
        try:
            return [row for row in support.outbox(self.state)
                    if row["notice"] != support.NOTICE_REMINDER]
        except sqlite3.OperationalError:
            return []

    def waiting(self):
        return [row for row in self.rows() if row["sent"] is None]

    def all_sent(self, count=1):
        rows = self.rows()
        return len(rows) == count and all(row["sent"] is not None for row in rows)

    def tries(self):
        return max((row[0] for row in self.ask("SELECT tries FROM channel")), default=0)

    def next_due(self):
        """Seconds from now."""
        (due,), = self.ask("SELECT min(due) FROM delivery WHERE sent IS NULL")
        return due / 1e6 - time.time()

    def pass_time(self, seconds):
        """While no notifier runs: for it and for `status` everything is so much longer
        ago. Backwards, the clock was set back."""
        us = round(seconds * 1e6)
        for table, columns in (("delivery", ("due", "sent")),
                               ("outbox", ("created", "due", "sent")),
                               ("channel", ("failing_since", "last_sent"))):
            for column in columns:
                support.change(self.state, f"UPDATE {table} SET {column} = {column} - ? "
                               f"WHERE {column} > 0", us)

    def make_due(self):
        """All that waits."""
        (due,), = self.ask("SELECT max(due) FROM delivery WHERE sent IS NULL")
        self.pass_time(max(due / 1e6 - time.time(), 0) + 1)

    # --- what is said ---

    def status_text(self):
        """Without its line breaks; no line is wider than a terminal."""
        done = mailwarden("status", "--config", self.config)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = done.stdout.decode()
        if "MAILWARDEN_SHOW" in os.environ:
            print(f"\n--- {self.id()}\n{text}", flush=True)
        for line in text.splitlines():
            self.assertLessEqual(len(line), COLUMNS, line)
        return " ".join(text.split())

    def channel(self, name="relay"):
        done = mailwarden("status", "--json", "--config", self.config)
        self.assertEqual(done.returncode, 0, done.stderr)
        return {row["channel"]: row for row in json.loads(done.stdout)["channels"]}[name]

    def check_failing(self, *parts, name="relay", person=False):
        """Both forms of `status` tell that it fails, and why."""
        text, row = self.status_text(), self.channel(name)
        self.assertIn(f"{name}{'' if row['kind'] == name else ' (' + row['kind'] + ')'}: "
                      f"{'waits for you, ' if person else ''}failing since ", text)
        self.assertIs(row["works"], False)
        self.assertIs(row["needs_a_person"], person)
        self.assertEqual(row["waiting"], len(self.waiting()))
        for part in parts:
            self.assertIn(part, text)
            self.assertIn(part, row["error"])

    def check_works(self, name="relay"):
        row = self.channel(name)
        self.assertTrue(row["works"], row)
        self.assertEqual((row["tries"], row["waiting"]), (0, 0), row)
        self.assertNotIn("failing", self.status_text())

    def message_ids(self):
        return [email.message_from_bytes(content)["Message-ID"]
                for _, _, content in self.handler.mails]


def can_mount(folder):
    """Why not, or "": a small file system of one's own."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder],
                          capture_output=True)
    if done.returncode == 0:
        subprocess.run(["umount", folder], check=True)
    return done.stderr.decode(errors="replace").strip()


INSIDE = "MAILWARDEN_FAULTS_INSIDE"


def main_in_mount_namespace(path):
    """unittest.main() in a mount namespace that ends with it; without one the tests that
    mount skip themselves."""
    import unittest

    if INSIDE not in os.environ:
        words = ["unshare", "--mount"] + ["--map-root-user"] * (os.geteuid() != 0)
        probe = subprocess.run([*words, "true"], capture_output=True)
        if probe.returncode == 0:
            os.execvpe(words[0], [*words, sys.executable, "-B", path, *sys.argv[1:]],
                       {**os.environ, INSIDE: "1"})
        print("no mount namespace here:", probe.stderr.decode(errors="replace").strip())
    unittest.main(verbosity=1, warnings="ignore")
