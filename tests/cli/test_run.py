#!/usr/bin/python3
"""`run` as an admin meets it: positions, signals, rules that are wrong, stores and logs
of no use, full disks, rotation. Kills are in test_run_kill.py, mail in test_run_relay.py."""

import gzip
import os
import pathlib
import random
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import Case, lines_read, mailwarden, wait_until  # noqa: E402

ROOT = os.geteuid() == 0

MY_RULE = """\
rules:
  - name: {name}
    detector: match
    when: {{ kind: {kind} }}
    severity: warning
    summary: "seen on {{host}}"
    advice: "look"
    resolves: {{ after: 1h }}
    examples:
      - lines: |
          Nov 21 02:41:17 mx1 {line}
        incidents:
          - {{ rule: {name}, state: open }}
"""
LOGIN_FAILED = ("postfix/smtpd[2417]: warning: unknown[192.0.2.66]: SASL LOGIN "
                "authentication failed: authentication failure")
REJECTED = ("postfix/smtpd[2417]: NOQUEUE: reject: RCPT from unknown[192.0.2.66]: 554 5.7.1 "
            "<bob@example.com>: Relay access denied; from=<a@example.net> "
            "to=<bob@example.com> proto=ESMTP helo=<x.example>")


def stamp(at=None):
    return time.strftime("%b %e %H:%M:%S", time.gmtime(at))


def delivery(number, outcome="sent", at=None):
    return (f"{stamp(at)} mx1 postfix/smtp[79]: 4bXkWz{number:06d}f: to=<joe@hotmail.com>, "
            "relay=hotmail-com.olc.protection.outlook.com[203.0.113.10]:25, delay=1.4, "
            "delays=0.1/0/0.7/0.6, " + {
                "sent": "dsn=2.6.0, status=sent (250 2.6.0 Queued mail for delivery)",
                "blocked": "dsn=5.7.1, status=bounced (host hotmail-com.olc.protection."
                "outlook.com[203.0.113.10] said: 550 5.7.1 Unfortunately, messages from "
                "[192.0.2.25] weren't sent. Please contact your Internet service provider "
                "since part of their network is on our block list (S3140). (in reply to "
                "MAIL FROM command))"}[outcome] + "\n")


def append(path, text):
    with open(path, "ab") as out:
        out.write(text.encode() if isinstance(text, str) else text)


class Once(Case):
    def test_twice_counts_once(self):
        truth = support.generate(self.log, 5000, "mixed", 11, "--start",
                                 str(int(time.time()) - 6 * 3600), "--days", "0.2")
        for _ in range(2):
            self.run_once()
            self.assertEqual(lines_read(self.state), 5000)
            self.assertEqual(support.store_outcomes(self.state), support.truth_outcomes(truth))
            status = self.status()
            self.assertEqual(status["outcomes"], support.truth_outcomes(truth))
            self.assertEqual(status["sources"][0]["lines"], 5000)
            self.assertEqual(status["sources"][0]["unparsed"], 0)

    def test_position_survives(self):
        for i in range(5):
            append(self.log, delivery(i))
            self.run_once()
            self.assertEqual(self.status()["outcomes"]["delivered"], i + 1)
        self.assertEqual(lines_read(self.state), 5)

    def test_incomplete_line_waits(self):
        whole = delivery(2)
        append(self.log, delivery(1) + whole[:100])
        self.run_once()
        self.assertEqual(lines_read(self.state), 1)
        append(self.log, whole[100:-1])
        self.run_once()
        self.assertEqual(lines_read(self.state), 1)
        append(self.log, "\n")
        self.run_once()
        self.assertEqual(self.status()["outcomes"]["delivered"], 2)
        self.assertEqual(lines_read(self.state), 2)

    def test_from_end(self):
        append(self.log, delivery(1))
        self.run_once("--from-end")
        append(self.log, delivery(2))
        self.run_once("--from-end")
        self.assertEqual(self.status()["outcomes"]["delivered"], 1)

    def test_relative_path(self):
        append(self.log, delivery(1))
        for folder, name in ((self.folder, "mail.log"), (self.folder.parent,
                                                         f"{self.folder.name}/mail.log")):
            done = mailwarden("run", "--once", "--file", name, "--state", self.state,
                              cwd=folder)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.status()["outcomes"]["delivered"], 1)

    def test_two_logs(self):
        other = self.folder / "other.log"
        append(self.log, delivery(1))
        append(other, delivery(2) + delivery(3))
        for _ in range(2):
            self.run_once("--file", other)
            self.assertEqual(self.status()["outcomes"]["delivered"], 3)
        self.assertEqual(sorted(row["lines"] for row in self.status()["sources"]), [1, 2])

    def notices(self):
        return sorted(row["id"] for row in support.outbox(self.state))

    def test_flapping_in_one_batch(self):
        """Refused, taken, refused, taken, refused: what is told does not depend on how
        many lines came at once, and an open incident is not told to be over."""
        now = int(time.time())
        lines = [delivery(i, "sent" if i % 2 else "blocked", now + 60 * i) for i in range(9)]
        for line in lines:
            append(self.log, line)
            self.run_once()
        one_by_one = self.notices()
        self.state = self.folder / "other" / "mailwarden.db"
        self.run_once()
        self.assertEqual(self.notices(), one_by_one)
        self.assertEqual(len(one_by_one), 1, one_by_one)

    def test_restart_keeps_failed_connections(self):
        """OpenSMTPD names the host that could not be reached before the delivery."""
        host = f"{stamp()} mx3 smtpd[745]: "
        lines = [host + "7d21c0ffee004411 mta connecting "
                 "address=smtp+tls://203.0.113.20:25 host=gmail-smtp-in.l.google.com\n",
                 host + "7d21c0ffee004411 mta error reason=Connection timeout\n",
                 host + "0000000000000000 mta delivery evpid=5a1b2c3d9e8f7061 "
                 "from=<x@example.net> to=<ann@example.org> rcpt=<-> source=\"-\" "
                 "relay=\"example.org\" delay=30s result=\"TempFail\" "
                 "stat=\"Network error on destination MXs\"\n"]
        for line in lines:
            append(self.log, line)
            self.run_once()
        _, summary = support.replay(self.log)
        self.assertEqual(list(summary["providers"]), ["google"])
        self.assertEqual(list(self.status()["providers"]), ["google"])

    def test_old_troubles_are_kept_but_not_told(self):
        append(self.log, delivery(1, "blocked", int(time.time()) - 3 * 86400))
        self.run_once()
        self.assertEqual(len(support.stored_incidents(self.state)), 1)
        self.assertEqual(support.outbox(self.state), [])


class Following(Case):
    def test_catching_up_on_old_lines(self):
        """The clock on the wall must not end incidents that go on in the lines."""
        at = int(time.time()) - 12 * 3600
        limit = ("imap1 dovecot: master: Warning: service(pop3-login): process_limit (100) "
                 "reached, client connections are being dropped\n")
        lines = 30000
        self.log.write_text("".join(
            f"{stamp(at + i)} {limit}" if i % 1000 == 0 else delivery(i, at=at + i)
            for i in range(lines)))
        daemon = self.daemon()
        daemon.until(lambda: lines_read(self.state) == lines, "all lines are read")
        self.assertEqual(daemon.stop(), 0)
        incidents, _ = support.replay(self.log)
        self.assertEqual([row["count"] for row in incidents], [30])
        self.assertEqual(support.stored_incidents(self.state),
                         [support.incident_key(incidents[0])])

    def test_old_lines_in_portions(self):
        """A forwarder's backlog comes in pieces: the same incident goes on."""
        at = int(time.time()) - 12 * 3600
        lines = [f"{stamp(at + 600 * i)} imap1 dovecot: master: Warning: service(pop3-login): "
                 "process_limit (100) reached, client connections are being dropped\n"
                 for i in range(10)]
        daemon = self.daemon()
        append(self.log, "".join(lines[:5]))
        daemon.until(lambda: lines_read(self.state) == 5, "the first piece is read")
        # A timer for quiet spans would have its turn within 2 s.
        end = time.monotonic() + 3
        daemon.until(lambda: time.monotonic() > end or support.ask(
            self.state, "SELECT 1 FROM incident WHERE state = 2"), "the pause is over")
        append(self.log, "".join(lines[5:]))
        daemon.until(lambda: lines_read(self.state) == 10, "the second piece is read")
        self.assertEqual(daemon.stop(), 0)
        incident, = support.replay(self.log)[0]
        self.assertEqual(support.stored_incidents(self.state),
                         [support.incident_key(incident)])

    def test_store_removed(self):
        """What is written to a file that is gone is lost: it says so and ends."""
        self.log.write_text(delivery(1))
        daemon = self.daemon()
        daemon.until(lambda: lines_read(self.state) == 1, "the line is read")
        for file in self.state.parent.iterdir():
            file.unlink()
        append(self.log, delivery(2))
        self.assertEqual(daemon.process.wait(support.PATIENCE_S), 4)
        self.assertIn(f"the store {self.state} was removed while it was in use",
                      daemon.said())

    def test_terminate(self):
        append(self.log, delivery(1))
        daemon = self.daemon()
        daemon.until(lambda: lines_read(self.state) == 1, "the line is read")
        self.assertEqual(daemon.stop(10), 0, daemon.said())
        self.assertIn("no channel configured", daemon.said())

    def test_a_log_that_comes_later(self):
        daemon = self.daemon()
        daemon.wait_for("watching")
        append(self.log, delivery(1))
        daemon.until(lambda: lines_read(self.state) == 1, "the line is read")
        self.assertEqual(daemon.stop(), 0)

    def test_second_run_on_one_store(self):
        self.log.touch()
        daemon = self.daemon()
        daemon.wait_for("watching")
        for more in ((), ("--once",)):
            done = mailwarden("run", *more, "--file", self.log, "--state", self.state)
            self.assertEqual(done.returncode, 4)
            self.assertIn("another `mailwarden run`", done.stderr.decode())
            self.assertIn(str(self.state), done.stderr.decode())
        self.assertEqual(self.status()["open_incidents"], 0)
        self.assertEqual(daemon.stop(), 0)
        self.run_once()

    def write_rules(self, text):
        alerts = self.folder / "rules" / "alerts"
        alerts.mkdir(parents=True, exist_ok=True)
        (alerts / "mine.yaml").write_text(text)
        return alerts / "mine.yaml"

    def incident_rules(self):
        return {row[0] for row in support.ask(self.state, "SELECT rule FROM incident")}

    def test_reload(self):
        one = MY_RULE.format(name="my-auth", kind="auth", line=LOGIN_FAILED)
        path = self.write_rules(one)
        self.log.touch()
        daemon = self.daemon("--rules", self.folder / "rules")
        daemon.wait_for("watching")

        self.write_rules(one.replace("detector:", "detectr:"))
        daemon.hang_up()
        daemon.wait_for("nothing changed")
        self.assertIn(f"{path}:3:5: unknown key 'detectr', did you mean 'detector'?",
                      daemon.said())
        append(self.log, f"{stamp()} mx1 {LOGIN_FAILED}\n{stamp()} mx1 {REJECTED}\n")
        daemon.until(lambda: lines_read(self.state) == 2, "the lines are read")
        self.assertEqual(self.incident_rules(), {"my-auth"})

        self.write_rules(MY_RULE.format(name="my-reject", kind="reject", line=REJECTED))
        daemon.hang_up()
        daemon.wait_for("rules reloaded")
        append(self.log, f"{stamp()} mx1 {REJECTED}\n")
        daemon.until(lambda: lines_read(self.state) == 3, "the line is read")
        self.assertEqual(self.incident_rules(), {"my-auth", "my-reject"})
        self.assertEqual(daemon.stop(), 0)

    def test_broken_rules_at_the_start(self):
        path = self.write_rules(MY_RULE.format(name="x", kind="auht", line=LOGIN_FAILED))
        said = self.run_once("--rules", self.folder / "rules", exit_code=3)
        self.assertIn(f"{path}:4:19: 'auht' is no value for kind", said)
        self.assertFalse(self.state.exists())

    def test_broken_configuration(self):
        config = self.folder / "mailwarden.yaml"
        config.write_text("host: mx1\nalerts:\n  relay:\n    url: http://x\n"
                          "    to: nobody\n    tls: maybe\n")
        said = self.run_once("--config", config, exit_code=3)
        for part in (":4:10: `url` must be", ":5:9: a mail address", ":6:10: `tls` is"):
            self.assertIn(str(config) + part, said)


class Stores(Case):
    """Stores and logs of no use: exit code 4 and a message that names the file."""

    def setUp(self):
        super().setUp()
        append(self.log, "".join(map(delivery, range(10))))

    def refused(self, *parts):
        said = self.run_once(exit_code=4)
        for part in (str(self.state), *parts):
            self.assertIn(part, said)
        return said

    def test_folder_as_store(self):
        self.state.mkdir(parents=True)
        self.refused("is a folder")

    def test_below_a_file(self):
        self.state = self.log / "mailwarden.db"
        said = self.run_once(exit_code=4)
        self.assertIn(str(self.log), said)
        self.assertIn("Not a directory", said)

    def test_absent_folder_is_made(self):
        self.state = self.folder / "a" / "b" / "mailwarden.db"
        self.run_once()
        self.assertEqual(self.state.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.state.parent.stat().st_mode & 0o777, 0o700)

    @unittest.skipIf(ROOT, "root may write everywhere")
    def test_folder_without_permission(self):
        self.state.parent.mkdir(mode=0o500)
        self.refused("Permission denied")

    @unittest.skipUnless(ROOT, "needs mount")
    def test_read_only_file_system(self):
        self.run_once()
        self.mount(self.state.parent, "size=1m,ro")
        self.refused("Read-only file system")

    def test_garbage(self):
        self.state.parent.mkdir()
        garbage = random.Random(1).randbytes(50000)
        self.state.write_bytes(garbage)
        self.refused("damaged", "move it aside")
        self.assertEqual(self.state.read_bytes(), garbage)

    def test_garbage_within(self):
        self.run_once()
        data = bytearray(self.state.read_bytes())
        data[4096:] = random.Random(1).randbytes(len(data) - 4096)
        self.state.write_bytes(data)
        append(self.log, delivery(11))
        self.refused("damaged", "move it aside")
        for command in ("status", "incidents"):
            done = mailwarden(command, "--state", self.state)
            self.assertEqual(done.returncode, 4)
            self.assertIn("damaged", done.stderr.decode())
        for path in self.state.parent.iterdir():
            path.rename(self.folder / path.name)
        self.run_once()
        self.assertEqual(self.status()["outcomes"]["delivered"], 11)

    def test_database_of_another_program(self):
        self.state.parent.mkdir()
        support.change(self.state, "CREATE TABLE cookies (name TEXT)")
        self.refused("another program")

    def test_newer_store(self):
        self.run_once()
        support.change(self.state, "PRAGMA user_version = 99")
        self.refused("newer mailwarden", "99")

    def test_absent_log(self):
        self.log.unlink()
        said = self.run_once(exit_code=4)
        self.assertIn(f"open {self.log}: does not exist", said)

    def test_folder_as_log(self):
        self.log.unlink()
        self.log.mkdir()
        said = self.run_once(exit_code=4)
        self.assertIn(f"{self.log}: not a regular file", said)

    def test_status_without_a_store(self):
        for command in ("status", "incidents"):
            done = mailwarden(command, "--state", self.state)
            self.assertEqual(done.returncode, 4)
            self.assertIn("has `mailwarden run` been started?", done.stderr.decode())
        self.assertFalse(self.state.exists())

    # --- full disk ---

    def mount(self, folder, options):
        folder.mkdir(exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],
                              capture_output=True)
        if done.returncode != 0:
            self.skipTest(f"mount: {done.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", folder], check=True)

    def fill(self, leave):
        """Uses up the file system of the store but for so many bytes."""
        filler = self.state.parent / "filler"
        filler.touch()
        space = os.statvfs(filler)
        with open(filler, "wb") as out:
            out.write(b"x" * max(space.f_bavail * space.f_frsize - leave, 0))
        return filler

    @unittest.skipUnless(ROOT, "needs mount")
    def test_full_disk_once(self):
        self.mount(self.state.parent, "size=2m")
        self.run_once()
        append(self.log, "".join(delivery(i) for i in range(10, 3000)))
        for leave in (0, 20000, 70000):
            filler = self.fill(leave)
            self.refused("no space left")
            filler.unlink()
        self.run_once()
        self.assertEqual(self.status()["outcomes"]["delivered"], 3000)
        self.assertEqual(lines_read(self.state), 3000)

    @unittest.skipUnless(ROOT, "needs mount")
    def test_full_disk_from_the_start(self):
        self.mount(self.state.parent, "size=2m")
        filler = self.fill(0)
        self.refused("")
        filler.unlink()
        self.run_once()
        self.assertEqual(self.status()["outcomes"]["delivered"], 10)

    @unittest.skipUnless(ROOT, "needs mount")
    def test_full_disk_while_running(self):
        self.mount(self.state.parent, "size=2m")
        daemon = self.daemon()
        daemon.until(lambda: lines_read(self.state) == 10, "the first lines are read")
        filler = self.fill(0)
        append(self.log, "".join(delivery(i) for i in range(10, 3000)))
        daemon.wait_for("no space left")
        self.assertIn("nothing is lost", daemon.said())
        filler.unlink()
        daemon.until(lambda: lines_read(self.state) == 3000, "it went on by itself")
        daemon.wait_for("store works again")
        self.assertEqual(daemon.said().count("no space left"), 1)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.status()["outcomes"]["delivered"], 3000)


class Rotation(Case):
    def rotate(self, packed):
        """As logrotate does by rename: .1 becomes .2 (and is packed), the log .1."""
        for i in range(8, 0, -1):
            for end in ("", ".gz"):
                old = self.folder / f"mail.log.{i}{end}"
                if old.exists():
                    old.rename(self.folder / f"mail.log.{i + 1}{end}")
        first = self.folder / "mail.log.1"
        self.log.rename(first)
        self.log.touch()
        if packed:
            with open(first, "rb") as source, gzip.open(f"{first}.gz", "wb") as out:
                out.write(source.read())
            times = first.stat()
            os.utime(f"{first}.gz", (times.st_atime, times.st_mtime))
            first.unlink()

    def check_all(self, lines):
        self.assertEqual(lines_read(self.state), lines)
        self.assertEqual(self.status()["outcomes"]["delivered"], lines)
        self.assertEqual(self.status()["sources"][0]["gaps"], 0)

    def test_while_running(self):
        number = support.seed()
        generator = random.Random(number)
        with self.subTest(MAILWARDEN_SEED=number):
            daemon = self.daemon()
            daemon.wait_for("watching")
            lines = 0
            for packed in (True, False, True, True, False, True):
                for _ in range(generator.randrange(1, 30)):
                    n = generator.randrange(1, 40)
                    append(self.log, "".join(delivery(lines + i) for i in range(n)))
                    lines += n
                if generator.random() < 0.5:
                    daemon.until(lambda: lines_read(self.state) == lines, "it has caught up")
                self.rotate(packed)
            append(self.log, delivery(lines))
            lines += 1
            daemon.until(lambda: lines_read(self.state) >= lines, "all lines are read")
            self.assertEqual(daemon.stop(), 0)
            self.check_all(lines)

    def test_unfinished_archives(self):
        """Packers were interrupted, or are at it: NAME.gz beside NAME is not a log."""
        lines = 0
        for _ in range(4):
            append(self.log, "".join(delivery(lines + i) for i in range(20)))
            lines += 20
            self.run_once()
            append(self.log, delivery(lines))
            lines += 1
            self.rotate(packed=False)
        append(self.log, delivery(lines))
        lines += 1
        for i in range(1, 5):
            plain = self.folder / f"mail.log.{i}"
            packed = gzip.compress(plain.read_bytes())
            unfinished = i in (1, 4)
            pathlib.Path(f"{plain}.gz").write_bytes(packed[:-20] if unfinished else packed)
            if not unfinished:
                plain.unlink()
        self.run_once()
        self.run_once()
        self.assertEqual(self.status()["outcomes"]["delivered"], lines)

    def test_while_nobody_looks(self):
        lines = 0
        for packed in (True, False, True, True):
            for rotations in (1, 2):
                append(self.log, "".join(delivery(lines + i) for i in range(20)))
                lines += 20
                self.run_once()
                append(self.log, "".join(delivery(lines + i) for i in range(20)))
                lines += 20
                for _ in range(rotations):
                    self.rotate(packed)
                    append(self.log, delivery(lines))
                    lines += 1
                self.run_once()
                self.check_all(lines)


if __name__ == "__main__":
    unittest.main(verbosity=1)
