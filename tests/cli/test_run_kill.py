#!/usr/bin/python3
"""`run` killed at any moment while lines arrive: nothing is lost, nothing counts twice
(design, invariants 1 and 2), and following gives what replay gives (invariant 3)."""

import pathlib
import random
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import Case, wait_until  # noqa: E402

LINES = 30000
KILLS = 100


class Writer:
    """Appends a file's bytes to a log, in chunks that end anywhere, up to where it may."""

    def __init__(self, source, log, generator):
        self.data = source.read_bytes()
        self.log, self.generator = log, generator
        self.written = self.allowed = 0
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        pause = threading.Event()
        with open(self.log, "ab", buffering=0) as out:
            while self.written < len(self.data):
                with self.changed:
                    self.changed.wait_for(lambda: self.written < self.allowed)
                n = min(self.generator.randrange(1, 12000), self.allowed - self.written)
                out.write(self.data[self.written:self.written + n])
                self.written += n
                pause.wait(self.generator.uniform(0, 0.004))

    def allow(self, share):
        with self.changed:
            self.allowed = int(len(self.data) * min(share, 1))
            self.changed.notify()


class Kill(Case):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.number = support.seed()
        self.generator = random.Random(self.number)
        self.whole = self.folder / "whole.log"
        self.log.touch()

    def check_store(self, truth):
        """All that the store says against the generator's truth and replay's answer."""
        incidents, summary = support.replay(self.whole)
        self.assertEqual(support.lines_read(self.state), summary["lines"])
        want = support.truth_outcomes(truth)
        self.assertEqual(summary["outcomes"], want)
        self.assertEqual(support.store_outcomes(self.state), want)
        # Where a log is full of time-outs the relay's provider is partly a guess, so
        # here replay is the truth about providers; corpus/test_truth.py judges replay.
        want = support.providers(summary["providers"])
        self.assertEqual(support.stored_attempts(self.state), want)
        status = self.status()
        self.assertEqual(status["outcomes"], summary["outcomes"])
        self.assertEqual(support.providers(status["providers"]), want)
        self.assertEqual(support.stored_incidents(self.state),
                         sorted(map(support.incident_key, incidents)))
        self.assertEqual(len({row["id"] for row in incidents}), len(incidents))
        return incidents

    def check_notices(self, incidents):
        """Each incident was announced, and one relapse is not announced twice."""
        opened = {}
        for row in support.outbox(self.state):
            incident, notice, at = row["id"].split(".")
            self.assertEqual(incident, row["incident"])
            if row["notice"] == support.NOTICE_OPENED:
                self.assertEqual(notice, "opened")
                opened.setdefault(incident, []).append(int(at, 16))
        self.assertEqual(set(opened), {row["id"] for row in incidents})
        for incident, times in opened.items():
            self.assertEqual(len(times), 1, incident)

    def kill_often(self, kills, start):
        """Starts and kills it so often while the writer goes on; how often it got on."""
        began = time.monotonic()
        self.run_once()
        usual_s = time.monotonic() - began
        writer = Writer(self.whole, self.log, self.generator)
        read, got_on = 0, 0
        for i in range(kills):
            writer.allow((i + 1) / kills)
            daemon = start()
            try:
                daemon.process.wait(self.generator.uniform(0, 3 * usual_s))
                self.fail(f"ended by itself: {daemon.said()}")
            except subprocess.TimeoutExpired:
                daemon.kill()
            before, read = read, support.lines_read(self.state)
            self.assertGreaterEqual(read, before)
            got_on += read > before
        writer.thread.join(support.PATIENCE_S)
        self.assertEqual(self.log.read_bytes(), self.whole.read_bytes())
        return got_on

    def test_kill_at_any_moment(self):
        with self.subTest(MAILWARDEN_SEED=self.number):
            truth = support.generate_recent(self.whole, LINES, self.number % 1000,
                                            "--incidents", "60")
            got_on = self.kill_often(KILLS, self.daemon)
            self.assertGreater(got_on, KILLS // 10, "killed before they did anything")
            daemon = self.daemon()
            daemon.wait_for("going on")
            daemon.until(lambda: support.lines_read(self.state) >= LINES, "all lines are read")
            self.assertEqual(daemon.stop(), 0, daemon.said())
            incidents = self.check_store(truth)
            self.assertGreater(len(incidents), 3, "a log without incidents proves little")
            self.check_notices(incidents)

    def test_any_chunks_give_the_same_incidents(self):
        for i in range(3):
            number = self.number % 1000 + i
            with self.subTest(MAILWARDEN_SEED=number):
                self.log.write_bytes(b"")
                self.state = self.folder / f"state{i}" / "mailwarden.db"
                truth = support.generate_recent(self.whole, 12000, number, "--incidents", "80")
                daemon = self.daemon()
                writer = Writer(self.whole, self.log, random.Random(number))
                writer.allow(1)
                daemon.until(lambda: support.lines_read(self.state) >= 12000,
                           "all lines are read")
                self.assertEqual(daemon.stop(), 0, daemon.said())
                self.check_notices(self.check_store(truth))


if __name__ == "__main__":
    unittest.main(verbosity=1)
