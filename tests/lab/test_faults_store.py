#!/usr/bin/python3
"""The store in trouble while there is something to tell: full, read-only, locked, or of
another time, since the clock was set. Nothing is lost, nothing is told again and again,
and `status` says what is wrong.

The notifier alone with a full or locked store: tests/cli/test_notifier.py; the watcher
alone: tests/cli/test_run.py. A clock that steps while programs run: tests/unit/test_post.c and
test_engine_time.c, with a pretended clock.

Needs python3-aiosmtpd and openssl; without them the test is skipped (exit code 77).
"""

import json
import logging
import pathlib
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fault_case import (DAY_S, HOUR_S, Fault, Server, can_mount,  # noqa: E402
                        mailwarden, main_in_mount_namespace, support)


class Store(Fault):
    def setUp(self):
        super().setUp()
        self.write_config("alerts:", *self.relay())

    def both(self):
        return self.watch(), self.notifier()

    def check_store(self, *parts):
        """Before anything else `status` tells what ails the store."""
        text = self.status_text()
        done = mailwarden("status", "--json", "--config", self.config)
        trouble = json.loads(done.stdout)["store_trouble"]
        self.assertTrue(text.startswith(trouble), text)
        for part in parts:
            self.assertIn(part, trouble)

    def check_store_works(self):
        done = mailwarden("status", "--json", "--config", self.config)
        self.assertNotIn("store_trouble", json.loads(done.stdout))


class SmallDisk(Store):
    def setUp(self):
        super().setUp()
        self.disk = self.state.parent
        self.disk.mkdir()
        why = can_mount(self.disk)
        if why:
            self.skipTest(f"no right to mount a small file system: {why}")

    def mount(self, size):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.disk],
                       check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk])

    def fill(self):
        filler = self.disk / "filler"
        with open(filler, "wb", buffering=0) as out, self.assertRaises(OSError):
            while True:
                out.write(bytes(4096))
        return filler

    def use_up_log(self):
        """The write-ahead log may have room of its own that was taken before."""
        try:
            for _ in range(2000):
                support.change(self.state, "INSERT INTO meta (key, value) VALUES "
                               "(hex(randomblob(900)), hex(randomblob(900)))")
        except sqlite3.OperationalError:
            return
        self.fail("the disk is not full")

    def test_full(self):
        """The lines that came meanwhile are read and told when there is room, once."""
        self.mount("4m")
        with Server(self.handler, port=self.port):
            watcher, notifier = self.both()
            self.trouble(1)
            notifier.until(self.all_sent, "the first is told")
            filler = self.fill()
            self.use_up_log()
            self.trouble(2, 3)
            watcher.wait_for("no space left")
            self.check_store(str(self.state), "is full", "make room", "Nothing")
            self.assertEqual(len(self.handler.mails), 1)
            self.assertIsNone(watcher.process.poll())
            self.assertIsNone(notifier.process.poll())
            filler.unlink()
            notifier.until(lambda: self.all_sent(4), "all are told")
            self.end(watcher)
            self.end(notifier)
        ids = self.message_ids()
        self.assertEqual(len(ids), len(set(ids)))
        self.assertLessEqual(len(ids), 4)
        self.check_works()

    def test_read_only(self):
        self.mount("64m")
        with Server(self.handler, port=self.port):
            watcher = self.watch()
            self.trouble(1)
            watcher.until(self.rows, "the notice waits")
            self.end(watcher)
            subprocess.run(["mount", "-o", "remount,bind,ro", self.disk], check=True)
            self.trouble(2)
            done = mailwarden("run", "--no-notifier", "--config", self.config)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn(b"read-only", done.stderr.lower())
            notifier = self.notifier()
            notifier.wait_for("tried again")
            self.check_store(str(self.state), "mounted read-only", "remount,rw")
            self.assertEqual(self.handler.mails, [])
            subprocess.run(["mount", "-o", "remount,bind,rw", self.disk], check=True)
            self.end(notifier)
            watcher, notifier = self.both()
            notifier.until(lambda: self.all_sent(2), "both are told")
            self.end(watcher)
            self.end(notifier)
        self.assertEqual(len(set(self.message_ids())), len(self.handler.mails))
        self.check_store_works()
        self.check_works()


class Locked(Store):
    def test_locked(self):
        """By a program that forgot it; told when it is over."""
        with Server(self.handler, port=self.port):
            watcher, notifier = self.both()
            self.trouble(1)
            notifier.until(self.all_sent, "the first is told")
            lock = sqlite3.connect(self.state, timeout=30)
            lock.execute("BEGIN IMMEDIATE")
            self.trouble(2)
            watcher.wait_for("locked by another process")
            self.check_store("locked by another process")
            lock.rollback()
            lock.close()
            notifier.until(lambda: self.all_sent(2), "the second is told")
            self.end(watcher)
            self.end(notifier)
        self.assertEqual(len(self.handler.mails), 2)
        self.check_store_works()
        self.check_works()

    def test_locked_while_a_mail_goes_out(self):
        """Sent, and the store cannot be told: it is told later, the mail is not sent
        again."""
        locks = []

        def lock_it():
            lock = sqlite3.connect(self.state, timeout=30, check_same_thread=False)
            lock.execute("BEGIN IMMEDIATE")
            locks.append(lock)

        reply = self.handler.handle_DATA

        async def handle_data(*words):
            if not locks:
                lock_it()
            return await reply(*words)

        self.handler.handle_DATA = handle_data
        with Server(self.handler, port=self.port):
            watcher, notifier = self.both()
            self.trouble(1)
            notifier.wait_for("locked by another process")
            self.assertFalse(self.all_sent())
            locks[0].rollback()
            locks[0].close()
            self.knock()
            notifier.until(self.all_sent, "the store knows")
            self.end(watcher)
            self.end(notifier)
        self.assertEqual(len(self.handler.mails), 1)
        self.check_works()


class Clock(Store):
    """Set while the notifier did not run: what it finds is of another time."""

    def failed_then(self, seconds):
        """A failed try and a reminder; then the clock is `seconds` further."""
        watcher, notifier = self.both()
        self.trouble(1)
        notifier.until(lambda: self.tries() == 1, "a try failed")
        self.end(notifier)
        self.end(watcher)
        self.pass_time(seconds)
        said = "(the clock was set back since)" if seconds < 0 else "(400 days ago)"
        self.assertIn(said, self.status_text())
        notifier = self.notifier()
        notifier.until(lambda: self.next_due() < 6 * HOUR_S, "the wait is bounded")
        if seconds > 0:
            notifier.until(lambda: self.tries() == 2, "it tries at once")
        notifier.kill()
        self.make_due()
        with Server(self.handler, port=self.port):
            notifier = self.notifier()
            notifier.until(self.all_sent, "it is told")
            self.end(notifier)
        self.assertEqual(len(self.handler.mails), 1)
        self.check_works()

    def test_set_back(self):
        self.failed_then(-30 * DAY_S)

    def test_set_forth(self):
        self.failed_then(400 * DAY_S)

    def test_set_back_after_it_was_told(self):
        """The reminder of a critical incident comes within a day, not in a month, and the
        rate cap does not wait for a time that is far off."""
        with Server(self.handler, port=self.port):
            watcher, notifier = self.both()
            self.trouble(1)
            notifier.until(self.all_sent, "it is told")
            self.end(notifier)
            self.pass_time(-30 * DAY_S)
            notifier = self.notifier()
            self.trouble(2)
            notifier.until(lambda: self.all_sent(2), "the next is told")
            self.end(notifier)
            self.end(watcher)
        for row in support.outbox(self.state):
            if row["notice"] == support.NOTICE_REMINDER and row["sent"] is None:
                (now,), = self.ask("SELECT unixepoch()")
                self.assertLess(row["due"] / 1e6 - now, 1.1 * DAY_S)
        self.check_works()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main_in_mount_namespace(__file__)
