#!/usr/bin/python3
"""notify/journal against a real systemd-journald, alone in namespaces of its own: the
entries, the catalog's texts, what is said without journald, and that mailwarden never takes
its own entries for a mail server's.

Where the machine forbids namespaces, or without systemd-journald, it is skipped (77).
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import Case, mailwarden, wait_until  # noqa: E402

BUILD = pathlib.Path(os.environ["MAILWARDEN_BUILD"])
SOURCE = pathlib.Path(os.environ["MAILWARDEN_SOURCE"])
SENDER = BUILD / "tests" / "channel_send"
JOURNALD = next((path for path in map(pathlib.Path, (
    "/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald"))
    if path.exists()), None)
SOCKET = pathlib.Path("/run/systemd/journal/socket")
JOURNAL = "/run/log/journal"
# A world in which /run and the catalog are ours; all of it ends with its first process.
NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
INSIDE = "MAILWARDEN_IN_NAMESPACE"
ID = {"opened": "80b9528ba6a04d9881461407a4bf10e1",
      "escalated": "da656a6771984c0eae8bae3c1648551b",
      "resolved": "2870a0b899a94c318066d13824a68689",
      "reminder": "ae26e15031d84edb9966d245e0c32df9",
      "test": "f2334e513ce24661a2d973b6ed539b28"}
PRIORITY = {"opened": 2, "escalated": 2, "resolved": 5, "reminder": 2, "test": 5}
GREEDY = """
mta: postfix
versions: "any"
claims: [mailwarden, mailwarden-notify, "mail*"]
rules:
  - name: takes-everything
    pattern: '^(?<text>.*+)$'
    kind: warning
    examples:
      - line: 'anything'
        expect: { text: anything }
"""


def run(*argv, **options):
    return subprocess.run([str(word) for word in argv], capture_output=True, timeout=120,
                          **options)


def mount_world():
    """Only of this process and its children."""
    for path in ("/run", "/var/log", "/var/lib/systemd/catalog", "/usr/lib/systemd/catalog"):
        if os.path.isdir(path):
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True)
    if not os.path.exists("/etc/machine-id"):
        raise SystemExit("skipped: no /etc/machine-id")
    os.makedirs("/run/systemd/journal")
    os.makedirs("/run/systemd/journald.conf.d")
    pathlib.Path("/run/systemd/journald.conf.d/test.conf").write_text(
        "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nRateLimitBurst=0\n")
    shutil.copy(SOURCE / "packaging" / "catalog" / "mailwarden.catalog",
                "/usr/lib/systemd/catalog")


class JournalCase(Case):
    def setUp(self):
        super().setUp()
        self.config = self.folder / "mailwarden.yaml"
        self.config.write_text(f"state: {self.state}\nalerts:\n  journal:\n")

    def start_journald(self):
        journald = subprocess.Popen([JOURNALD], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
        wait_until(SOCKET.exists, "journald's socket")
        wait_until(lambda: run("journalctl", "--sync").returncode == 0, "journald")
        self.addCleanup(self.stop_journald, journald)
        return journald

    @staticmethod
    def stop_journald(journald):
        journald.kill()
        journald.wait(timeout=30)
        shutil.rmtree("/run/log", ignore_errors=True)
        shutil.rmtree("/run/systemd/journal", ignore_errors=True)
        os.makedirs("/run/systemd/journal")

    def send(self, sample, *options):
        done = run(SENDER, "--config", self.config, "--channel", "journal", "--sample",
                   sample, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def entries(self, *matches):
        self.assertEqual(run("journalctl", "--sync").returncode, 0)
        done = run("journalctl", "-D", JOURNAL, "--all", "-o", "json", *matches)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def written(self, sample, *options):
        result = self.send(sample, *options)
        self.assertEqual(result["result"], "accepted", result)
        return self.entries("SYSLOG_IDENTIFIER=mailwarden")


class Entries(JournalCase):
    def test_each_kind(self):
        self.start_journald()
        for number, sample in enumerate(ID):
            with self.subTest(sample):
                entries = self.written(sample)
                self.assertEqual(len(entries), number + 1)
                entry = entries[-1]
                self.assertEqual(entry["MESSAGE_ID"], ID[sample])
                self.assertEqual(entry["PRIORITY"], str(PRIORITY[sample]))
                self.assertEqual(entry["MAILWARDEN_NOTICE"], sample)
                self.assertEqual(entry["DOCUMENTATION"], "man:mailwarden(1)")
                self.assertEqual(entry["MAILWARDEN_MESSAGE"],
                                 "20261121080000.3f9c0a1b2d4e")
                self.assertEqual(entry["SYSLOG_FACILITY"], "3")
                self.assertNotIn("CODE_FILE", entry)

    def test_fields(self):
        self.start_journald()
        entry, = self.written("opened")
        want = {"INCIDENT": "3f9c0a1b2d4e", "RULE": "ip-blocklisted",
                "SEVERITY": "critical", "HOST": "mx1", "PROVIDER": "microsoft",
                "CODE_ID": "microsoft-s3140", "CATEGORY": "ip-blocklisted", "COUNT": "14",
                "SUMMARY": "Microsoft refuses mail from 192.0.2.25: the address is on its "
                           "block list (S3140)",
                "ADVICE": "Ask for delisting at the sender portal.\n\n"
                          "- stop newsletters first\n- then ask",
                "URL": "https://sender.example.org/delist?a=1&b=2"}
        self.assertEqual({name: entry["MAILWARDEN_" + name].rstrip() for name in want}, want)
        self.assertEqual(entry["MESSAGE"], f"[critical] mx1: {want['SUMMARY']}")
        found = self.entries("MAILWARDEN_INCIDENT=3f9c0a1b2d4e")
        self.assertEqual(len(found), 1)

    def test_one_for_each_incident(self):
        self.start_journald()
        entries = self.written("many")
        self.assertEqual(len({entry["MAILWARDEN_INCIDENT"] for entry in entries}), 120)
        self.assertEqual({entry["MESSAGE_ID"] for entry in entries},
                         {ID["opened"], ID["resolved"]})
        self.assertEqual({entry["PRIORITY"] for entry in entries}, {"2", "4", "6"})

    def test_hostile(self):
        self.start_journald()
        entry, = self.written("hostile")
        for name, value in entry.items():
            if not name.startswith("MAILWARDEN_") and name != "MESSAGE":
                continue
            self.assertIsInstance(value, str, f"{name} is binary")
            for bad in ("\r", "\x1b", "\x07", "\0", "\u202e", "\x9b"):
                self.assertNotIn(bad, value, name)
            if name != "MAILWARDEN_ADVICE":
                self.assertNotIn("\n", value, name)
            self.assertLess(len(value), 9000, name)
        self.assertEqual(entry["PRIORITY"], "2")

    def test_catalog(self):
        self.start_journald()
        for sample in ID:
            self.written(sample)
        update = run("journalctl", "--update-catalog")
        self.assertEqual(update.returncode, 0, update.stderr)
        texts = run("journalctl", "-D", JOURNAL, "-x", "--no-pager", "-t",
                    "mailwarden").stdout.decode()
        for words in ("Mail trouble: Microsoft refuses mail", "got worse", "is over",
                      "goes on", "A test of mailwarden's journal channel",
                      "mailwarden ack 3f9c0a1b2d4e", "- stop newsletters first",
                      "Documentation: man:mailwarden(1)"):
            self.assertIn(words, texts)
        self.assertNotIn("@", texts.replace("@example", ""))
        if os.environ.get("MAILWARDEN_PICTURES"):
            print(texts)


class Missing(JournalCase):
    def test_no_socket(self):
        result = self.send("opened")
        self.assertEqual(result["result"], "retry")
        self.assertIn(str(SOCKET), result["reason"])
        self.assertIn("does systemd-journald run here?", result["reason"])

    def test_nobody_behind_the_socket(self):
        journald = self.start_journald()
        journald.kill()
        journald.wait(timeout=30)
        result = self.send("opened")
        self.assertEqual(result["result"], "retry")
        self.assertIn("Connection refused", result["reason"])

    def test_journald_does_not_read(self):
        journald = self.start_journald()
        os.kill(journald.pid, signal.SIGSTOP)
        for _ in range(50):  # until its queue is full
            result = self.send("many")
            if result["result"] != "accepted":
                break
        os.kill(journald.pid, signal.SIGCONT)
        self.assertEqual(result["result"], "retry")
        self.assertIn("does not read", result["reason"])
        self.assertLess(result["seconds"], 10)


class NoLoop(JournalCase):
    def test_own_entries_are_nobodys(self):
        """By rules that would take everything, a stranger's line is, ours is not."""
        rules = self.folder / "rules" / "parsers"
        rules.mkdir(parents=True)
        (rules / "greedy.yaml").write_text(GREEDY)
        self.start_journald()
        for sample in ID:
            self.written(sample)
        run("systemd-cat", "-t", "mailwarden-notify", "echo", "of the program itself")
        run("systemd-cat", "-t", "mailer", "echo", "of somebody else")
        wait_until(lambda: self.entries("SYSLOG_IDENTIFIER=mailer"), "an entry")
        done = mailwarden("parse", "--json", "--journal", "--rules", rules.parent, JOURNAL)
        self.assertEqual(done.returncode, 0, done.stderr)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([event["text"] for event in events], ["of somebody else"])


def enter_namespaces():
    """Runs this file again, inside; its exit code."""
    if JOURNALD is None or shutil.which("journalctl") is None:
        print("skipped: systemd-journald is not installed")
        return 77
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    probe = run(*NAMESPACES, *user, "mount", "-t", "tmpfs", "tmpfs", "/run")
    if probe.returncode != 0:
        print("skipped: this machine forbids namespaces:",
              probe.stderr.decode(errors="replace").strip())
        return 77
    return subprocess.run([*NAMESPACES, *user, sys.executable, "-B", __file__,
                           *sys.argv[1:]], env={**os.environ, INSIDE: "1"}).returncode


if __name__ == "__main__":
    if INSIDE not in os.environ:
        sys.exit(enter_namespaces())
    mount_world()
    unittest.main()
