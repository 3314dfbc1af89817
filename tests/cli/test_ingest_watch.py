#!/usr/bin/python3
"""Watched Maildirs: each message taken once, also over restarts; left, marked or moved; a
Maildir that is not there; `run` with the watcher as its child."""

import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent),
                str(pathlib.Path(__file__).resolve().parent)]
import support  # noqa: E402
from report_mail import bounce, letter  # noqa: E402


class Watcher(support.Daemon):
    program = (str(support.BUILD / "mailwarden-ingest"), "--watch")


class Watch(support.Case):
    def setUp(self):
        super().setUp()
        self.state.parent.mkdir()
        self.reports = self.state.parent / "reports.log"
        self.config = self.folder / "mailwarden.yaml"
        self.box = self.folder / "Maildir"
        self.configure()
        self.number = 0

    def configure(self, after="leave", box=None):
        self.config.write_text(f"host: mx1\nreports:\n  maildir: {box or self.box}\n"
                               f"  after: {after}\n")

    def make(self, box=None):
        for part in ("tmp", "new", "cur"):
            (((box or self.box)) / part).mkdir(parents=True)

    def deliver(self, message, name=None):
        """As an MDA does: written to tmp/, moved to new/."""
        self.number += 1
        name = name or f"{int(time.time())}.M{self.number}.mx1"
        (self.box / "tmp" / name).write_bytes(message)
        (self.box / "tmp" / name).rename(self.box / "new" / name)
        return name

    def watch(self, *more, **options):
        watcher = Watcher("--state", self.state, "--config", self.config, *more, **options)
        self.addCleanup(watcher.kill)
        return watcher

    def lines(self):
        return self.reports.read_text().splitlines() if self.reports.exists() else []

    def taken(self):
        return [line.split("recipient=<")[1].split(">")[0] for line in self.lines()
                if "recipient=<" in line]

    def until(self, watcher, *recipients):
        watcher.until(lambda: len(self.taken()) >= len(recipients), f"takes {recipients}")
        self.assertEqual(sorted(self.taken()), sorted(recipients))

    # --- taking ---

    def test_what_lies_there_and_what_comes(self):
        self.make()
        self.deliver(bounce("one@example.net", 1))
        self.deliver(letter())
        (self.box / "cur/2.x:2,S").write_bytes(bounce("two@example.net", 2))
        watcher = self.watch()
        self.until(watcher, "one@example.net", "two@example.net")
        name = self.deliver(bounce("three@example.net", 3))
        self.until(watcher, "one@example.net", "two@example.net", "three@example.net")
        self.assertTrue((self.box / "new" / name).exists())
        self.assertEqual(watcher.stop(), 0)

    def test_ways_to_deliver(self):
        """Postfix and qmail link into new/; a copy is written in place."""
        self.make()
        watcher = self.watch()
        watcher.wait_for(f"watching maildir={self.box}/cur")
        tmp = self.box / "tmp/1.linked"
        tmp.write_bytes(bounce("linked@example.net", 1))
        os.link(tmp, self.box / "new/1.linked")
        tmp.unlink()
        with open(self.box / "new/2.copied", "wb") as copy:
            message = bounce("copied@example.net", 2)
            copy.write(message[:200])
            copy.flush()
            copy.write(message[200:])
        self.until(watcher, "linked@example.net", "copied@example.net")

    def test_a_reader_moves_it(self):
        """What was taken in new/ and is then moved to cur/ is the same message."""
        self.make()
        watcher = self.watch()
        watcher.wait_for(f"watching maildir={self.box}/cur")
        name = self.deliver(bounce("one@example.net", 1))
        self.until(watcher, "one@example.net")
        (self.box / "new" / name).rename(self.box / "cur" / f"{name}:2,S")
        (self.box / "cur" / f"{name}:2,S").rename(self.box / "cur" / f"{name}:2,RS")
        self.deliver(bounce("two@example.net", 2))
        self.until(watcher, "one@example.net", "two@example.net")

    def test_over_a_restart(self):
        self.make()
        watcher = self.watch()
        watcher.wait_for(f"watching maildir={self.box}/cur")
        name = self.deliver(bounce("one@example.net", 1))
        self.until(watcher, "one@example.net")
        watcher.until((self.state.parent / "reports.seen").exists, "it remembers")
        self.assertEqual(watcher.stop(), 0)
        (self.box / "new" / name).rename(self.box / "cur" / f"{name}:2,S")
        self.deliver(bounce("two@example.net", 2))
        watcher = self.watch()
        self.until(watcher, "one@example.net", "two@example.net")
        self.assertEqual(watcher.stop(), 0)
        (self.state.parent / "reports.seen").write_bytes(b"\0damaged\n")
        watcher = self.watch()
        watcher.until(lambda: len(self.lines()) == 4, "it looks at all again")
        self.assertEqual(len({line.split("report_id=")[1].split(",")[0]
                              for line in self.lines()}), 2)

    def test_old_mail(self):
        self.make()
        self.deliver(bounce("old@example.net", 1, days=30))
        old = self.box / "new" / self.deliver(bounce("lies@example.net", 2))
        os.utime(old, (time.time() - 9 * 86400,) * 2)
        self.deliver(bounce("new@example.net", 3))
        watcher = self.watch()
        self.until(watcher, "new@example.net")

    def test_what_cannot_be_read(self):
        """It is told once, and stays."""
        self.make()
        name = self.deliver(b"x" * (33 * 1024 * 1024))
        watcher = self.watch()
        watcher.until(lambda: len(self.lines()) == 1, "it is noted")
        self.assertIn(f'unread: text="longer than 32 MiB"', self.lines()[0])
        self.assertIn(f'file="{self.box}/new/{name}"', self.lines()[0])
        self.assertEqual(watcher.stop(), 0)
        self.deliver(bounce("one@example.net", 1))
        watcher = self.watch()
        self.until(watcher, "one@example.net")
        self.assertEqual(len(self.lines()), 2)
        self.assertTrue((self.box / "new" / name).exists())

    # --- what becomes of it ---

    def test_to_cur(self):
        self.configure(after="cur")
        self.make()
        report, other = self.deliver(bounce("one@example.net", 1)), self.deliver(letter())
        watcher = self.watch()
        watcher.until((self.box / "cur" / f"{report}:2,S").exists, "it is marked")
        self.until(watcher, "one@example.net")
        self.assertEqual([path.name for path in (self.box / "new").iterdir()], [other])

    def test_to_another_maildir(self):
        other = self.folder / "Other"
        self.configure(after=other)
        self.make()
        self.make(other)
        watcher = self.watch()
        watcher.wait_for(f"watching maildir={self.box}/new")
        name = self.deliver(bounce("one@example.net", 1))
        watcher.until((other / "new" / name).exists, "it is moved")
        self.assertFalse((self.box / "new" / name).exists())
        self.until(watcher, "one@example.net")

    def test_to_a_maildir_on_another_disk(self):
        other = self.folder / "Other"
        other.mkdir()
        if os.geteuid() != 0 or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", other],
                capture_output=True).returncode != 0:
            self.skipTest("no tmpfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "--lazy", other])
        self.configure(after=other)
        self.make()
        self.make(other)
        name = self.deliver(bounce("one@example.net", 1))
        watcher = self.watch()
        watcher.until(lambda: (other / "new" / name).exists() and
                      not (self.box / "new" / name).exists(), "it is moved")
        self.assertEqual((other / "new" / name).read_bytes(), bounce("one@example.net", 1))
        self.assertEqual(list((other / "tmp").iterdir()), [])

    def test_where_nothing_can_be_moved(self):
        """Taken all the same, once."""
        self.configure(after=self.folder / "nowhere")
        self.make()
        self.deliver(bounce("one@example.net", 1))
        watcher = self.watch()
        watcher.wait_for("nowhere/new")
        self.deliver(bounce("two@example.net", 2))
        self.until(watcher, "one@example.net", "two@example.net")

    # --- trouble ---

    def test_a_maildir_that_comes_later(self):
        watcher = self.watch()
        watcher.wait_for("waiting for it")
        self.make()
        watcher.wait_for(f"watching maildir={self.box}/cur")
        self.deliver(bounce("one@example.net", 1))
        self.until(watcher, "one@example.net")
        self.assertEqual(watcher.said().count("waiting for it"), 1, watcher.said())
        self.box.rename(self.folder / "away")
        self.make()
        watcher.until(lambda: watcher.said().count(f"watching maildir={self.box}/new") > 1,
                      "the new one is watched")
        self.deliver(bounce("two@example.net", 2))
        self.until(watcher, "one@example.net", "two@example.net")

    def test_the_log_cannot_be_written(self):
        """Told once; the messages are taken when it can."""
        self.make()
        self.reports.mkdir()
        self.deliver(bounce("one@example.net", 1))
        watcher = self.watch()
        watcher.wait_for("are taken later")
        self.reports.rmdir()
        self.deliver(bounce("two@example.net", 2))
        self.until(watcher, "one@example.net", "two@example.net")
        watcher.wait_for("works again")
        self.assertEqual(watcher.said().count("are taken later"), 1)

    def test_asleep(self):
        """Nothing to do: no time is used."""
        self.make()
        self.deliver(letter())
        watcher = self.watch()
        watcher.until((self.state.parent / "reports.seen").exists, "it has looked")

        def state():
            fields = pathlib.Path(f"/proc/{watcher.process.pid}/stat").read_text()
            return fields.rsplit(")", 1)[1].split()
        watcher.until(lambda: state()[0] == "S", "it sleeps")
        used = state()[11:13]
        time.sleep(1)  # a span of doing nothing is what is measured
        self.assertEqual(state()[11:13], used)

    # --- reload, child, run ---

    def test_reload(self):
        self.make()
        watcher = self.watch()
        watcher.wait_for(f"watching maildir={self.box}/cur")
        second = self.folder / "Second"
        self.make(second)
        self.config.write_text("reports: [\n")
        watcher.hang_up()
        watcher.wait_for("nothing changed")
        self.configure(box=f"[{self.box}, {second}]")
        watcher.hang_up()
        watcher.wait_for(f"watching maildir={second}/cur")
        (second / "new/1.x").write_bytes(bounce("one@example.net", 1))
        self.until(watcher, "one@example.net")

    def test_a_child_ends_with_its_input(self):
        self.make()
        watcher = self.watch("--child", stdin=subprocess.PIPE)
        watcher.wait_for("watching maildir")
        watcher.process.stdin.close()
        self.assertEqual(watcher.process.wait(60), 0)

    def test_nothing_to_watch(self):
        self.config.write_text("host: mx1\n")
        watcher = self.watch()
        self.assertEqual(watcher.process.wait(60), 0)
        self.assertIn("no Maildir to watch", watcher.said())

    def test_run_watches(self):
        self.make()
        self.log.touch()
        daemon = self.daemon("--config", self.config)
        daemon.wait_for(f"watching maildir={self.box}/cur")
        self.deliver(bounce("one@example.net", 1))
        daemon.until(lambda: b"one@example.net" in support.mailwarden(
            "events", "--json", "--since", "1d", "--state", self.state).stdout,
            "it is an event")
        child, = daemon.children()
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(pathlib.Path(f"/proc/{child}").exists())

    def test_run_starts_it_again(self):
        self.make()
        self.log.touch()
        daemon = self.daemon("--config", self.config)
        daemon.wait_for(f"watching maildir={self.box}/cur")
        os.kill(daemon.children()[0], signal.SIGKILL)
        daemon.wait_for("the watcher of Maildirs ended with signal 9")

    def test_run_without_it(self):
        self.make()
        self.log.touch()
        daemon = self.daemon("--config", self.config, "--no-ingest")
        daemon.wait_for("reports.log")
        daemon.wait_for("no channel configured")
        self.assertEqual(daemon.children(), [])


if __name__ == "__main__":
    unittest.main(verbosity=1, warnings="ignore")
