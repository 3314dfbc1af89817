#!/usr/bin/python3
"""`mailwarden ingest` when something is wrong: full and read-only disks, kill -9, a locked log,
several at once, half a line. Exit code 0 means that the report is on the disk; with any other
the mail server has the message still, and what comes twice counts once."""

import fcntl
import json
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

HELPER = str(support.BUILD / "mailwarden-ingest")


class Faults(support.Case):
    def setUp(self):
        super().setUp()
        self.place = self.folder / "state"
        self.place.mkdir()
        self.state = self.place / "mailwarden.db"
        self.reports = self.place / "reports.log"
        self.config = self.folder / "mailwarden.yaml"
        self.config.write_text("host: mx1\n")

    def words(self, *more):
        return [HELPER, "--state", str(self.state), "--config", str(self.config),
                *map(str, more)]

    def ingest(self, message, *more, code=0, **options):
        done = subprocess.run(self.words(*more), input=message, capture_output=True,
                              timeout=120, env=support.ENVIRONMENT, **options)
        self.assertEqual(done.returncode, code, done.stderr.decode(errors="replace"))
        return done.stderr.decode(errors="replace")

    def begin(self, message):
        """Started, with the message in its pipe, which is not closed yet."""
        process = subprocess.Popen(self.words(), stdin=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, env=support.ENVIRONMENT)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.stdin.write(message)
        process.stdin.flush()
        return process

    def lines(self):
        return self.reports.read_text().splitlines() if self.reports.exists() else []

    def ids(self):
        return [line.split("report_id=")[1].split(",")[0] for line in self.lines()]

    def mount(self, size):
        if os.geteuid() != 0 or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.place],
                capture_output=True).returncode != 0:
            self.skipTest("no tmpfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.place])

    def fill(self):
        with open(self.place / "filler", "wb", buffering=0) as filler:
            for size in (65536, 4096, 512, 1):
                try:
                    while filler.write(b"x" * size) == size:
                        pass
                except OSError:
                    pass

    # --- the disk ---

    def test_no_space(self):
        self.mount("1m")
        self.ingest(bounce(number=1))
        before = self.reports.read_bytes()
        self.fill()
        # There is room to the end of the page: many recipients need more.
        message = bounce(number=2, more=[f"user{n}@example.net" for n in range(100)])
        said = self.ingest(message, code=75)
        self.assertIn("No space left", said)
        self.assertEqual(self.reports.read_bytes(), before)
        said = self.ingest(letter() + b"x" * 100000, code=75)
        self.assertIn("No space left", said)
        self.assertEqual(list((self.place / "unread/new").iterdir())
                         if (self.place / "unread/new").exists() else [], [])
        (self.place / "filler").unlink()
        self.ingest(message)
        self.ingest(letter())
        self.assertEqual(len(self.lines()), 1 + 101 + 1)

    def test_read_only(self):
        self.mount("1m")
        self.ingest(bounce(number=1))
        subprocess.run(["mount", "-o", "remount,ro", self.place], check=True)
        self.assertIn("Read-only file system", self.ingest(bounce(number=2), code=75))
        self.assertIn("Read-only file system", self.ingest(letter(), code=75))
        subprocess.run(["mount", "-o", "remount,rw", self.place], check=True)
        self.ingest(bounce(number=2))
        self.assertEqual(len(self.lines()), 2)

    def test_no_right(self):
        if os.geteuid() != 0:
            self.skipTest("only root becomes another user")
        self.folder.chmod(0o755)
        self.place.chmod(0o755)
        self.assertIn("Permission denied",
                      self.ingest(bounce(), code=75, user=65534, group=65534, extra_groups=[]))
        self.assertEqual(self.lines(), [])

    def test_no_folder(self):
        self.place.rmdir()
        self.assertIn("has `mailwarden run` run yet?", self.ingest(bounce(), code=75))

    def test_a_link_is_not_followed(self):
        self.reports.symlink_to(self.folder / "elsewhere")
        self.ingest(bounce(), code=75)
        self.assertFalse((self.folder / "elsewhere").exists())

    # --- the log ---

    def test_half_a_line(self):
        """It was acknowledged to nobody; the next one stands on a line of its own."""
        self.ingest(bounce(number=1))
        whole = self.reports.read_bytes()
        for half in (b"2026-11-21T10:15:30", b"\0" * 5000, b"x" * 200000):
            self.reports.write_bytes(whole + half)
            self.ingest(bounce(number=2))
            self.assertTrue(self.reports.read_bytes().startswith(whole))
            self.assertEqual(len(self.lines()), 2)
        self.reports.write_bytes(b"half alone")
        self.ingest(bounce(number=3))
        self.assertEqual(len(self.lines()), 1)

    def test_locked(self):
        """It waits, and takes it when the lock is gone."""
        self.ingest(bounce(number=1))
        with open(self.reports, "ab") as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            process = self.begin(bounce(number=2))
            process.stdin.close()
            support.wait_until(lambda: self.has_open(process, self.reports), "it waits")
            self.assertIsNone(process.poll())
            self.assertEqual(len(self.lines()), 1)
        self.assertEqual(process.wait(60), 0)
        self.assertEqual(len(self.lines()), 2)

    def test_locked_for_long(self):
        self.ingest(bounce(number=1))
        with open(self.reports, "ab") as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            began = time.monotonic()
            self.assertIn("held by another program", self.ingest(bounce(number=2), code=75))
            self.assertGreater(time.monotonic() - began, 9)
        self.assertEqual(len(self.lines()), 1)

    def test_rotated_while_it_waits(self):
        """The lock that it gets is of a file that is not the log any more."""
        self.ingest(bounce(number=1))
        with open(self.reports, "ab") as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            process = self.begin(bounce(number=2))
            process.stdin.close()
            support.wait_until(lambda: self.has_open(process, self.reports), "it waits")
            self.reports.rename(self.place / "reports.log.1")
        self.assertEqual(process.wait(60), 0)
        self.assertEqual(len(self.lines()), 1)

    @staticmethod
    def has_open(process, path):
        folder = pathlib.Path(f"/proc/{process.pid}/fd")
        try:
            return any(os.readlink(fd) == str(path) for fd in folder.iterdir())
        except OSError:
            return False

    def test_many_at_once(self):
        processes = [self.begin(bounce(f"user{n}@example.net", n)) for n in range(12)]
        for process in processes:
            process.stdin.close()
        self.assertEqual([process.wait(120) for process in processes], [0] * 12)
        self.assertEqual({line.split("recipient=<")[1].split(">")[0] for line in self.lines()},
                         {f"user{n}@example.net" for n in range(12)})
        self.assertEqual(len(self.lines()), 12)

    # --- ends ---

    def test_killed_at_any_time(self):
        """Killed later and later: what is in the log is whole lines, and after the mail server's
        next try the report is there, with one id."""
        message = bounce(more=[f"user{n}@example.net" for n in range(50)])
        began = time.monotonic()
        self.ingest(message)
        span = time.monotonic() - began
        wanted = self.ids()
        for step in range(20):
            self.reports.unlink()
            process = self.begin(message)
            process.stdin.close()
            # A moment of its life, which no condition tells.
            time.sleep(span * step / 18)
            process.kill()
            process.wait()
            self.ingest(message)
            text = self.reports.read_text()
            self.assertTrue(text.endswith("\n"))
            self.assertIn(len(self.lines()), (51, 102), text[:2000])
            self.assertEqual(sorted(set(self.ids())), sorted(wanted))

    def test_killed_before_the_end_of_the_message(self):
        for how in (signal.SIGKILL, signal.SIGTERM):
            process = self.begin(bounce()[:100])
            process.send_signal(how)
            self.assertEqual(process.wait(60), -how)
        self.assertEqual(self.lines(), [])

    def test_counts_once(self):
        """Killed after the append, taken again: one event."""
        log = self.folder / "mail.log"
        log.touch()
        for _ in range(2):
            self.ingest(bounce())
        self.log = log
        self.run_once("--config", self.config)
        done = support.mailwarden("events", "--json", "--since", "1d", "--state", self.state)
        self.assertEqual(len([line for line in done.stdout.splitlines()
                              if json.loads(line).get("kind") == "dsn"]), 1)

    # --- what is kept ---

    def test_unread_is_full(self):
        for n in range(3):
            self.ingest(letter(n))
        folder = self.place / "unread/new"
        for n in range(1000):
            (folder / f"{n}.unread").touch()
        self.assertIn("is full (1000 messages", self.ingest(letter(9), code=75))
        self.ingest(bounce())  # reports are taken all the same
        for path in folder.iterdir():
            path.unlink()
        self.ingest(letter(9))
        with open(folder / "large", "wb") as large:
            large.truncate(256 * 1024 * 1024)
        self.assertIn("is full", self.ingest(letter(10), code=75))
        self.assertEqual(list((self.place / "unread/tmp").iterdir()), [])

    def test_stale_halves_go(self):
        self.ingest(letter(1))
        stale, fresh = (self.place / "unread/tmp" / name for name in ("stale", "fresh"))
        stale.touch()
        fresh.touch()
        os.utime(stale, (time.time() - 90000,) * 2)
        self.ingest(letter(2))
        self.assertEqual((stale.exists(), fresh.exists()), (False, True))

    # --- the reader ---

    def test_the_reader_dies(self):
        """Killed from outside, as for want of memory: the message is kept, and it is said."""
        process = self.begin(b"")
        deep = b"Content-Type: text/plain\n\n" + b"x" * (30 * 1024 * 1024)
        killed = False

        def end_reader():
            nonlocal killed
            path = f"/proc/{process.pid}/task/{process.pid}/children"
            try:
                for child in pathlib.Path(path).read_text().split():
                    os.kill(int(child), signal.SIGKILL)
                    killed = True
            except OSError:
                pass
            return killed or process.poll() is not None

        process.stdin.write(deep)
        process.stdin.close()
        support.wait_until(end_reader, "the reader is there")
        self.assertEqual(process.wait(120), 0)
        if not killed:
            self.skipTest("the reader was faster")
        kept, = (self.place / "unread/new").iterdir()
        self.assertEqual(kept.read_bytes(), deep)


    def test_the_reader_has_nothing(self):
        """No new rights, a system call filter, no files but its pipe, limits."""
        if b"libasan" in subprocess.run(["ldd", HELPER], capture_output=True).stdout:
            self.skipTest("a sanitized reader has no filter")
        process = self.begin(b"Content-Type: text/plain\n\n" + b"x" * (30 * 1024 * 1024))
        process.stdin.close()
        seen = {}

        def look():
            path = f"/proc/{process.pid}/task/{process.pid}/children"
            try:
                for child in pathlib.Path(path).read_text().split():
                    place = pathlib.Path("/proc") / child
                    status = dict(line.split(":\t", 1) for line in
                                  (place / "status").read_text().splitlines() if ":\t" in line)
                    if status["Seccomp"].strip() != "2":
                        continue
                    limits = (place / "limits").read_text()
                    files = sorted(os.listdir(place / "fd"))
                    seen.update(status=status, limits=limits, files=files)
            except (OSError, KeyError):
                pass
            return seen or process.poll() is not None

        support.wait_until(look, "the reader is there")
        self.assertEqual(process.wait(120), 0)
        if not seen:
            self.skipTest("the reader was faster")
        self.assertEqual(seen["status"]["NoNewPrivs"].strip(), "1")
        self.assertEqual(seen["files"], ["0", "1", "2", "3"])
        for name, value in (("Max address space", str(512 * 1024 * 1024)),
                            ("Max cpu time", "20"), ("Max file size", "0"),
                            ("Max open files", "0"), ("Max core file size", "0"),
                            ("Max processes", "0")):
            line, = [li for li in seen["limits"].splitlines() if li.startswith(name)]
            self.assertEqual(line[len(name):].split()[0], value, line)
        if os.geteuid() == 0:
            self.assertNotIn("0", seen["status"]["Uid"].split())


if __name__ == "__main__":
    os.umask(0o022)
    unittest.main(verbosity=1, warnings="ignore")
