#!/usr/bin/python3
"""`mailwarden ingest`: a message from a pipe, files, mailboxes and Maildirs; what becomes of it,
what is told, and that `run` follows the log it is written to."""

import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent),
                str(pathlib.Path(__file__).resolve().parent)]
import support  # noqa: E402
from report_mail import bounce, letter, sum_of  # noqa: E402

HELPER = str(support.BUILD / "mailwarden-ingest")


class Ingest(support.Case):
    def setUp(self):
        super().setUp()
        self.state.parent.mkdir()
        self.reports = self.state.parent / "reports.log"
        self.unread = self.state.parent / "unread"
        self.config = self.folder / "mailwarden.yaml"
        self.config.write_text("host: mx1\nreports:\n  own_names: [mail.example.org]\n")
        self.log.touch()

    def ingest(self, *words, input=b"", code=0):
        done = support.mailwarden("ingest", "--state", self.state, "--config", self.config,
                                  *words, input=input)
        self.assertEqual(done.returncode, code, done.stderr.decode(errors="replace"))
        return done

    def lines(self):
        return self.reports.read_text().splitlines() if self.reports.exists() else []

    def objects(self, done):
        return [json.loads(line) for line in done.stdout.splitlines()]

    # --- the pipe ---

    def test_a_bounce_from_the_pipe(self):
        done = self.ingest(input=bounce())
        self.assertEqual((done.stdout, done.stderr), (b"", b""))
        line, = self.lines()
        self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\S+\+00:00 mx1 mailwarden-ingest\[\d+\]: bounce: ")
        for word in ("recipient=<ann@example.net>", "status=5.1.1", "dsn_action=failed",
                     "queue_id=4bXkWz00001", "smtp_code=550"):
            self.assertIn(word, line)
        self.assertTrue(line.endswith("reply=550 5.1.1 No such user"), line)
        self.assertFalse(self.unread.exists())

    def test_the_line_that_mail_servers_put_before(self):
        self.ingest(input=b"From MAILER-DAEMON  Fri Nov 21 10:15:30 2026\n" + bounce())
        self.ingest(input=bounce())
        ids = {line.split("report_id=")[1].split(",")[0] for line in self.lines()}
        self.assertEqual((len(self.lines()), len(ids)), (2, 1))

    def test_what_is_no_report_is_kept(self):
        self.ingest(input=letter())
        kept, = (self.unread / "new").iterdir()
        self.assertEqual(kept.read_bytes(), letter())
        line, = self.lines()
        self.assertIn("unread: text=", line)
        self.assertIn(f'file="{kept}"', line)
        self.assertIn(sum_of(letter()), line)
        self.ingest(input=letter())  # again: one file
        self.assertEqual(len(list((self.unread / "new").iterdir())), 1)

    def test_empty_input(self):
        self.ingest(input=b"")
        self.assertIn("unread:", self.lines()[0])

    def test_too_long(self):
        """Not read, but kept as a whole."""
        message = bounce(text="x" * 78 + "\n" + ("y" * 78 + "\n") * (40 * 1024 * 1024 // 79))
        self.ingest(input=message)
        kept, = (self.unread / "new").iterdir()
        self.assertEqual(kept.read_bytes(), message)
        self.assertIn("longer than 32 MiB", self.lines()[0])

    def test_rights(self):
        """Of the owner alone; in a folder that a group shares, of the group."""
        self.ingest(input=bounce())
        self.assertEqual(self.reports.stat().st_mode & 0o777, 0o640)
        shared = self.folder / "shared"
        shared.mkdir()
        shared.chmod(0o2770)
        self.state = shared / "mailwarden.db"
        self.ingest(input=bounce())
        self.ingest(input=letter())
        self.assertEqual((shared / "reports.log").stat().st_mode & 0o777, 0o660)
        kept, = (shared / "unread/new").iterdir()
        self.assertEqual(kept.stat().st_mode & 0o777, 0o660)
        self.assertEqual((shared / "unread/new").stat().st_mode & 0o7777, 0o2770)

    def test_wrong_options(self):
        self.ingest("--nonsense", code=64)

    def test_a_broken_configuration_keeps_the_mail_at_the_server(self):
        self.config.write_text("reports: [\n")
        done = self.ingest(input=bounce(), code=75)
        self.assertIn(b"mailwarden.yaml:", done.stderr)
        self.assertEqual(self.lines(), [])

    def test_broken_rules_keep_the_mail_at_the_server(self):
        rules = self.folder / "rules/bounces"
        rules.mkdir(parents=True)
        (rules / "own.yaml").write_text("rules: 7\n")
        self.ingest("--rules", rules.parent, input=bounce(), code=75)

    def test_parse(self):
        done = subprocess.run([HELPER, "--parse", "--config", self.config],
                              input=bounce(more=["joe@example.net"]), capture_output=True)
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 2))
        done = subprocess.run([HELPER, "--parse", "--config", self.config], input=letter(),
                              capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"neither a bounce message", done.stderr)

    # --- files ---

    def write(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def test_files(self):
        files = [self.write("a.eml", bounce(number=1)), self.write("b.eml", letter()),
                 self.write("c.eml", bounce(number=3, days=30))]
        done = self.ingest(*files)
        told = done.stdout.decode().splitlines()
        self.assertEqual(told[0], f"{files[0]}: bounce failed ann@example.net: "
                                  "550 5.1.1 No such user")
        self.assertIn(": not a report: ", told[1])
        self.assertIn("older than 7 days", told[2])
        self.assertIn(b"3 messages: 1 report taken, 1 event, 1 older than 7 days", done.stderr)
        self.assertEqual(len(self.lines()), 1)
        self.assertFalse(self.unread.exists())
        self.ingest("--old", *files)
        self.assertEqual(len(self.lines()), 3)

    def test_json(self):
        path = self.write("a.eml", bounce(more=["joe@example.net"]))
        message, total = self.objects(self.ingest("--json", path))
        self.assertEqual((message["verdict"], message["kind"], message["events"]),
                         ("taken", "bounce", 2))
        self.assertEqual(message["recipients"], ["ann@example.net", "joe@example.net"])
        self.assertEqual(message["reply"], "550 5.1.1 No such user")
        self.assertEqual((total["type"], total["messages"], total["events"]),
                         ("summary", 1, 2))
        message, _ = self.objects(self.ingest("--json", self.write("b.eml", letter())))
        self.assertEqual(message["verdict"], "other")
        self.assertIn("neither", message["why"])

    def test_dry_run(self):
        path = self.write("a.eml", bounce(more=["joe@example.net"]))
        events = self.objects(self.ingest("--dry-run", "--json", path))
        self.assertEqual([e["recipient"] for e in events],
                         ["ann@example.net", "joe@example.net"])
        self.assertEqual({e["kind"] for e in events}, {"dsn"})
        self.assertEqual(len(self.objects(self.ingest("--dry-run", "--json",
                                                      input=bounce()))), 1)
        self.ingest("--dry-run", input=letter())
        self.assertFalse(self.reports.exists())
        self.assertFalse(self.unread.exists())

    def test_mbox(self):
        quoted = bounce(number=2, text=">From here on\n>>From there")
        box = self.write("box", b"From MAILER-DAEMON Fri Nov 21 10:15:30 2026\n" +
                         bounce(number=1) + b"\nFrom x@example.org Fri Nov 21 10:15:31 2026\n" +
                         quoted + b"\nFrom x@example.org Fri Nov 21 10:15:32 2026\n" +
                         letter() + b"\nFrom here it is text, not a message.\n")
        told = self.objects(self.ingest("--json", box))
        self.assertEqual([t.get("name") for t in told[:-1]], [f"{box}:{n}" for n in (1, 2, 3)])
        self.assertEqual([t["verdict"] for t in told[:-1]], ["taken", "taken", "other"])

    def test_maildir(self):
        self.write("box/new/1.a", bounce(number=1))
        self.write("box/cur/2.a:2,S", bounce(number=2))
        self.write("box/tmp/3.a", bounce(number=3))
        done = self.ingest("--json", self.folder / "box")
        self.assertEqual(self.objects(done)[-1]["taken"], 2)
        self.assertTrue((self.folder / "box/new/1.a").exists())  # all stays
        self.assertTrue((self.folder / "box/cur/2.a:2,S").exists())

    def test_what_cannot_be_read(self):
        done = self.ingest(self.folder / "nothing", self.write("a.eml", bounce()), code=1)
        self.assertIn(b"nothing: No such file", done.stderr)
        self.assertEqual(len(self.lines()), 1)  # the other one was
        done = self.ingest(self.folder, code=1)
        self.assertIn(b"no Maildir", done.stderr)

    def test_too_long_in_a_box(self):
        box = self.write("box", b"From x@example.org Fri Nov 21 10:15:30 2026\n\n" +
                         b"x" * (33 * 1024 * 1024) +
                         b"\n\nFrom x@example.org Fri Nov 21 10:15:31 2026\n" + bounce())
        told = self.objects(self.ingest("--json", box))
        self.assertEqual([t["verdict"] for t in told[:-1]], ["unreadable", "taken"])

    # --- run ---

    def events(self):
        done = support.mailwarden("events", "--json", "--since", "1d", "--state", self.state)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def reported(self):
        return [e for e in self.events() if e.get("recipient") == "ann@example.net"]

    def test_run_once(self):
        self.ingest(input=bounce())
        self.run_once("--config", self.config)
        self.assertEqual(len(self.reported()), 1)
        self.ingest(input=bounce())  # again: counts once
        self.run_once("--config", self.config)
        self.assertEqual(len(self.reported()), 1)

    def test_run_follows_a_log_that_comes_later(self):
        daemon = self.daemon("--config", self.config)
        daemon.wait_for("watching source=file:" + str(self.reports))
        self.assertNotIn("does not exist", daemon.said())
        self.ingest(input=bounce())
        daemon.until(self.reported, "the report is an event")
        with open(self.reports, "ab") as log:  # as a crash may leave it
            log.write(b"2026-11-21T10:15:30.000000+00:00 mx1 mailwarden-ingest[1]: bounce: rec")
        self.ingest(input=bounce("joe@example.net", 2))
        daemon.until(lambda: [e for e in self.events()
                              if e.get("recipient") == "joe@example.net"], "the next one too")
        self.assertEqual(daemon.stop(), 0)
        self.assertNotIn("truncated", daemon.said())
        self.assertEqual([len(self.lines()), self.status().get("gaps", 0) or 0], [2, 0])

    def test_no_log_is_no_trouble(self):
        self.assertNotIn("reports.log: ", self.run_once("--config", self.config))

    def test_rotation(self):
        """`run` reads all, also what was rotated away while it was not there."""
        self.ingest(input=bounce("first@example.net", 1))
        self.run_once("--config", self.config)
        for number in range(2, 5):
            with open(self.reports, "ab") as log:
                line = b"2026-11-21T10:15:30.000000+00:00 mx1 other[1]: " + b"x" * 1000 + b"\n"
                log.write(line * (16 * 1024 * 1024 // len(line) + 1))
            self.ingest(input=bounce(f"user{number}@example.net", number))
        names = sorted(path.name for path in self.state.parent.glob("reports.log*"))
        self.assertEqual(names, ["reports.log"] + [f"reports.log.{n}" for n in (1, 2, 3)])
        self.run_once("--config", self.config)
        self.assertEqual({e["recipient"] for e in self.events() if "recipient" in e},
                         {"first@example.net", *(f"user{n}@example.net" for n in (2, 3, 4))})


if __name__ == "__main__":
    os.umask(0o022)
    unittest.main(verbosity=1, warnings="ignore")
