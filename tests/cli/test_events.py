#!/usr/bin/python3
"""`events`: the stream, whole and in parts, while it grows, and how it ends."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
import test_lifecycle  # noqa: E402
from support import Case, mailwarden, wait_until  # noqa: E402


class Follower:
    """`events --follow --json` in the background; its lines are kept in a file."""

    def __init__(self, state, *more):
        self.out = tempfile.NamedTemporaryFile()
        self.process = subprocess.Popen(
            [support.PROGRAM, "events", "--follow", "--json", "--state", str(state),
             *map(str, more)],
            stdin=subprocess.DEVNULL, stdout=self.out, stderr=subprocess.PIPE,
            env=support.ENVIRONMENT)

    def lines(self):
        data = pathlib.Path(self.out.name).read_bytes()
        return [json.loads(line) for line in data[:data.rfind(b"\n") + 1].splitlines()]

    def told(self):
        """Without what --open tells of the watcher."""
        return [row for row in self.lines() if row["type"] != "watcher"]

    def wait(self, count):
        wait_until(lambda: len(self.lines()) >= count or self.process.poll() is not None,
                   f"{count} lines")
        return self.lines()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(support.PATIENCE_S)
        said = self.process.stderr.read().decode()
        self.process.stderr.close()
        lines = self.lines()
        self.out.close()
        return code, said, lines

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Events(Case):
    def events(self, *more, code=0):
        done = mailwarden("events", "--json", "--state", self.state, *more)
        self.assertEqual(done.returncode, code, done.stderr)
        if code != 0:
            return done.stderr.decode()
        return [json.loads(line) for line in done.stdout.splitlines()]

    def follow(self, *more):
        follower = Follower(self.state, *more)
        self.addCleanup(follower.kill)
        return follower

    def write(self, first, count, outcome="blocked"):
        with open(self.log, "a", encoding="latin-1") as out:
            for i in range(first, first + count):
                out.write(test_lifecycle.attempt(i, time.time() - 60, outcome))

    def rows(self):
        """How many the store has to tell of."""
        return sum(support.ask(self.state, f"SELECT count(*) FROM {table}")[0][0]
                   for table in ("message", "attempt", "event", "change"))


class Parts(Events):
    def setUp(self):
        super().setUp()
        support.generate_recent(self.log, 6000, 5)
        self.write(1, 4)
        self.run_once()

    def test_whole(self):
        got = self.events("--since", "9999d")
        self.assertEqual(len(got), self.rows())
        self.assertEqual(len({row["id"] for row in got}), len(got))
        self.assertEqual({row["type"] for row in got}, {"event", "incident"})
        kinds = {row["kind"] for row in got if row["type"] == "event"}
        self.assertLessEqual({"accepted", "attempt", "reject"}, kinds)
        for row in got:
            if row["type"] == "incident":
                self.assertIn(row["change"], ("opened", "escalated", "resolved"))
                self.assertEqual(row["incident"]["type"], "incident")

    def test_from_any_id(self):
        got = [row["id"] for row in self.events("--since", "9999d")]
        number = support.seed()
        chance = random.Random(number)
        for at in [0, len(got) - 1] + chance.sample(range(len(got)), 10):
            rest = [row["id"] for row in self.events("--since", got[at])]
            self.assertEqual(rest, got[at + 1:], f"MAILWARDEN_SEED={number} at {at}")

    def test_kinds(self):
        got = self.events("--since", "9999d", "--kind", "reject,incident")
        self.assertEqual({row.get("kind", "incident") for row in got},
                         {"reject", "incident"})
        self.assertIn("did you mean 'reject'",
                      self.events("--kind", "rejekt", code=2))

    def test_since(self):
        got = self.events("--since", "9999d")
        times = sorted(row.get("time") or row["at"] for row in got)
        middle = times[len(times) // 2]
        later = self.events("--since", middle[:19] + "Z")
        self.assertEqual(sorted(row.get("time") or row["at"] for row in later),
                         [at for at in times if at[:19] >= middle[:19]])
        self.assertIn("--since takes", self.events("--since", "yesterday", code=2))

    def test_open(self):
        """What is open, then `ready`, then the stream as without it."""
        plain = self.events("--since", "9999d")
        got = self.events("--since", "9999d", "--open")
        at = [row["type"] for row in got].index("ready")
        opens, ready, rest = got[:at], got[at], got[at + 1:]
        self.assertEqual(rest, plain)
        done = mailwarden("incidents", "--json", "--state", self.state)
        want = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([row["incident"] for row in opens], want)
        self.assertGreater(len(want), 0)
        for row in opens:
            self.assertEqual((row["type"], row["change"]), ("incident", "open"))
            self.assertNotIn("id", row)
            self.assertEqual(row["at"], row["incident"]["opened"])
        self.assertEqual(ready["incidents"], len(want))
        self.assertIn("at", ready)
        # Who saw nothing else goes on from there.
        self.assertEqual(self.events("--since", ready["id"]), plain)
        middle = plain[len(plain) // 2]["id"]
        self.assertEqual(self.events("--since", middle, "--open"),
                         opens + [{**ready, "id": middle, "at": mock.ANY}] +
                         plain[len(plain) // 2 + 1:])
        self.assertIn("--json", mailwarden("events", "--open", "--state",
                                           self.state).stderr.decode())

    def test_open_from_now(self):
        """Nothing is as late: the end, and so is the id of `ready`."""
        got = self.events("--since", "2999-01-01", "--open", "--kind", "attempt")
        self.assertEqual([row["type"] for row in got], ["ready"])
        self.assertEqual(got[0]["incidents"], 0)  # not asked for
        self.assertEqual(self.events("--since", got[0]["id"]), [])

    def test_sender_of_attempts(self):
        """An attempt tells who wrote the message, as far as the log told."""
        got = self.events("--since", "9999d", "--kind", "accepted,attempt")
        senders = {(row["host"], row["queue_id"]): row for row in got
                   if row["kind"] == "accepted"}
        known = [row for row in got if row["kind"] == "attempt"
                 and (row["host"], row.get("queue_id")) in senders]
        self.assertGreater(len(known), 100)
        for row in known:
            of = senders[row["host"], row["queue_id"]]
            for name in ("sender", "message_id"):
                self.assertEqual(row.get(name), of.get(name), row)

    def test_to(self):
        got = self.events("--since", "9999d", "--kind", "attempt,stored,incident")
        first = next(row["recipient"] for row in got if "@" in row.get("recipient", ""))
        domain = first.split("@")[1]

        def without_ids(rows):  # they tell, too, how much of other rows was passed by
            return [{**row, "id": ""} for row in rows]

        def wanted(test):
            return [row for row in got if row["type"] == "incident" or
                    test(row.get("recipient", "").lower())]
        for to, test in ((first.upper(), lambda to: to == first.lower()),
                         (f"nobody@example.org, *@{domain}",
                          lambda to: to.endswith(f"@{domain.lower()}")),
                         (first.split("@")[0],
                          lambda to: to.split("@")[0] == first.split("@")[0].lower())):
            want = wanted(test)
            self.assertGreater(len(want), 0)
            told = self.events("--since", "9999d", "--to", to, "--kind",
                               "attempt,stored,incident")
            self.assertEqual(without_ids(told), without_ids(want), to)
            rest = self.events("--since", told[0]["id"], "--to", to, "--kind",
                               "attempt,stored,incident")
            self.assertEqual(rest, told[1:], to)
        # Rows without a recipient are not theirs.
        kinds = {row.get("kind") for row in self.events("--since", "9999d", "--to", first)}
        self.assertLessEqual(kinds, {"attempt", "stored", "reject", "dsn", "warning", None})
        self.assertIn("needs addresses", self.events("--to", " , ", code=2))

    def test_id_of_another_store(self):
        last = self.events("--since", "9999d")[-1]["id"]
        for path in self.state.parent.iterdir():
            path.unlink()
        self.run_once()
        self.assertIn("not of the store", self.events("--since", last, code=1))

    def test_text(self):
        done = mailwarden("events", "--since", "9999d", "--state", self.state)
        self.assertEqual(done.returncode, 0)
        lines = done.stdout.decode().splitlines()
        self.assertEqual(sum(not line.startswith("---") for line in lines), self.rows())
        self.assertLessEqual(max(map(len, lines)), 80)


class Follow(Events):
    def test_while_it_grows(self):
        """Stopped and started again and again: nothing is missed, nothing comes twice."""
        self.write(1, 5)
        self.run_once()
        daemon = self.daemon()
        daemon.wait_for("going on")
        seen, since, number = [], "9999d", 6
        for _ in range(6):
            follower = self.follow("--since", since)
            follower.wait(1)
            self.write(number, 50)
            number += 50
            daemon.until(lambda n=number: support.lines_read(self.state) == n - 1, "read")
            self.write(number, 50)  # and stopped in the midst of it
            number += 50
            code, said, lines = follower.stop()
            self.assertEqual((code, said), (0, ""))
            seen += lines
            if lines:
                since = lines[-1]["id"]
        daemon.until(lambda: support.lines_read(self.state) == number - 1, "all is read")
        seen += self.events("--since", since)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(len({row["id"] for row in seen}), len(seen))
        ids = sorted(row["queue_id"] for row in seen if row.get("kind") == "attempt")
        self.assertEqual(ids, [f"4bXkWz{i:06d}f" for i in range(1, number)])
        self.assertEqual(len(seen), self.rows())

    def test_tells_at_once_and_sleeps(self):
        self.write(1, 1)
        self.run_once()
        follower = self.follow()
        follower.wait(1)
        for i in range(2, 6):
            self.write(i, 1)
            self.run_once()
            follower.wait(self.rows())
        self.assertEqual(follower.stop(signal.SIGINT)[0], 0)

    def test_store_that_comes_later(self):
        follower = self.follow()
        wait_until(lambda: self.folder.exists(), "folder")
        self.write(1, 3)
        self.run_once()
        follower.wait(self.rows())
        code, said, lines = follower.stop()
        self.assertEqual(code, 0)
        self.assertIn("waiting for it", said)
        self.assertEqual(len(lines), self.rows())

    def test_store_made_anew(self):
        self.write(1, 3)
        self.run_once()
        follower = self.follow()
        first = len(follower.wait(self.rows()))
        self.state.parent.rename(self.folder / "aside")
        self.write(4, 1)
        self.run_once()
        follower.wait(first + self.rows())
        code, said, lines = follower.stop()
        self.assertEqual(code, 0, said)
        self.assertIn("made anew", said)
        self.assertEqual(len(lines), first + self.rows())

    def test_after_checkpoints(self):
        """The log file begins anew, or goes: what comes is told all the same."""
        self.write(1, 1)
        self.run_once()
        follower = self.follow()
        follower.wait(1)
        for i in range(2, 5):
            support.change(self.state, "PRAGMA wal_checkpoint(TRUNCATE)")
            self.write(i, 1)
            self.run_once()
            follower.wait(self.rows())
        self.assertEqual(len(follower.stop()[2]), self.rows())

    def test_open_once_and_anew(self):
        """Told again when the store was made anew; what changes meanwhile comes behind."""
        self.write(1, 5)
        self.run_once()
        follower = self.follow("--open", "--since", "0s", "--kind", "incident")
        first = wait_until(lambda: follower.told()[1:] and follower.told(), "ready")
        self.assertEqual([row["type"] for row in first], ["incident", "ready"])
        mailwarden("ack", first[0]["incident"]["id"], "--state", self.state)
        wait_until(lambda: follower.told()[2:], "a change")
        self.assertEqual(follower.told()[2]["change"], "acknowledged")
        self.state.parent.rename(self.folder / "aside")
        self.write(6, 3)
        self.run_once()
        wait_until(lambda: follower.told()[-1].get("change") == "opened", "a new store")
        again = [row.get("change", row["type"]) for row in follower.told()[3:]]
        # It is looked at as soon as it is there, or once it holds all.
        self.assertIn(again, (["ready", "opened"], ["open", "ready", "opened"]))
        self.assertEqual(follower.stop()[0], 0)

    def test_open_tells_of_the_watcher(self):
        """That it began, was killed, and began again, though nothing is written."""
        self.write(1, 1)
        self.run_once()
        follower = self.follow("--open", "--kind", "incident")

        def runs():
            return [row["runs"] for row in follower.lines() if row["type"] == "watcher"]
        wait_until(lambda: runs() == [False], "none works")
        for n in (1, 2):
            daemon = self.daemon()
            wait_until(lambda n=n: runs() == [False, True] * n, "one works")
            daemon.process.kill()
            daemon.process.wait()
            wait_until(lambda n=n: runs() == [False, True] * n + [False], "none any more")
        self.assertEqual(follower.stop()[0], 0)
        self.assertNotIn("watcher", {row["type"] for row in self.events("--open")})

    def test_reader_goes(self):
        self.write(1, 3)
        self.run_once()
        read, write = os.pipe()
        process = subprocess.Popen(
            [support.PROGRAM, "events", "--follow", "--json", "--state", self.state],
            stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE,
            env=support.ENVIRONMENT)
        os.close(write)
        self.assertTrue(os.read(read, 100))
        os.close(read)
        self.assertEqual(process.wait(support.PATIENCE_S), 0)
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()

    def test_reader_that_does_not_read(self):
        """It waits with its output, not with a look at the store: the log of the store can
        begin anew. A signal ends it."""
        support.generate_recent(self.log, 5000, 7)
        self.run_once()
        process = subprocess.Popen(
            [support.PROGRAM, "events", "--follow", "--json", "--since", "9999d", "--state",
             self.state],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=support.ENVIRONMENT)
        self.assertTrue(process.stdout.read(100))

        def checkpoint_is_whole():
            busy = support.ask(self.state, "PRAGMA wal_checkpoint(PASSIVE)")[0]
            return busy[1] == busy[2]
        wait_until(checkpoint_is_whole, "a store of which nobody holds an old view")
        process.terminate()
        self.assertEqual(process.wait(support.PATIENCE_S), 0)
        process.stdout.close()
        process.stderr.close()

    def test_people(self):
        """An acknowledgement is a change like others."""
        self.write(1, 3)
        self.run_once()
        incident = json.loads(mailwarden("incidents", "--json", "--state",
                                         self.state).stdout.splitlines()[0])
        follower = self.follow("--kind", "incident")
        follower.wait(1)
        mailwarden("ack", incident["id"], "--note", "n", "--state", self.state)
        last = follower.wait(2)[-1]
        self.assertEqual(last["change"], "acknowledged")
        self.assertEqual(last["incident"]["acknowledged"]["note"], "n")
        self.assertEqual(follower.stop()[0], 0)

    def test_without_a_store(self):
        self.assertIn("has `mailwarden run` been started?", self.events(code=4))


if __name__ == "__main__":
    unittest.main()
