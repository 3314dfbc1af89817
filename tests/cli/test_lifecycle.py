#!/usr/bin/python3
"""An incident in people's hands: `incidents`, `show`, `ack`, `silence`, `status`, and what
becomes of its notices."""

import json
import os
import pathlib
import re
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import Case, mailwarden, outbox, wait_until  # noqa: E402

ROOT = os.geteuid() == 0
OPENED, ESCALATED, RESOLVED = 1, 2, 3
HOUR_US = 3600 * 10**6


def stamp(at):
    return time.strftime("%b %e %H:%M:%S", time.gmtime(at))


def attempt(number, at, outcome="blocked", domain="hotmail.com", extra=""):
    """One delivery attempt at Microsoft, in Postfix' words."""
    said = {
        "sent": "dsn=2.6.0, status=sent (250 2.6.0 Queued mail for delivery)",
        "blocked": "dsn=5.7.1, status=bounced (host hotmail-com.olc.protection.outlook.com"
        "[203.0.113.10] said: 550 5.7.1 Unfortunately, messages from [192.0.2.25] weren't "
        "sent. Please contact your Internet service provider since part of their network is "
        f"on our block list (S3140). {extra}(in reply to MAIL FROM command))"}[outcome]
    return (f"{stamp(at)} mx1 postfix/smtp[79]: 4bXkWz{number:06d}f: "
            f"to=<joe{number}@{domain}>, relay=hotmail-com.olc.protection.outlook.com"
            f"[203.0.113.10]:25, delay=1.4, delays=0.1/0/0.7/0.6, {said}\n")


class LifeCycle(Case):
    def setUp(self):
        super().setUp()
        self.now = int(time.time())
        self.number = 0

    def feed(self, *outcomes, extra=""):
        """Lines a second apart, some minutes ago."""
        with open(self.log, "a", encoding="latin-1") as out:
            for outcome in outcomes:
                self.number += 1
                out.write(attempt(self.number, self.now - 600 + self.number, outcome,
                                  extra=extra))
        self.run_once()

    def ask(self, *words, code=0):
        done = mailwarden(*words, "--state", self.state)
        self.assertEqual(done.returncode, code, done.stderr)
        return (done.stdout if code == 0 else done.stderr).decode()

    def incidents(self, *more):
        return [json.loads(line) for line in
                self.ask("incidents", "--json", *more).splitlines()]

    def opened(self):
        """The one incident that is open."""
        self.feed("blocked", "blocked", "blocked")
        found = self.incidents()
        self.assertEqual(len(found), 1)
        return found[0]

    def notices(self):
        return [row["notice"] for row in outbox(self.state)]

    def changes(self, incident):
        shown = json.loads(self.ask("show", incident["id"], "--json"))
        return [change["change"] for change in shown["changes"]]


class Ack(LifeCycle):
    def test_takes_the_opening_back(self):
        incident = self.opened()
        self.assertEqual(self.notices(), [OPENED])
        said = self.ask("ack", incident["id"][:6], "--note", "asked them")
        self.assertIn("now acknowledged", said)
        self.assertIn("taken back", said)
        self.assertEqual(self.notices(), [])
        marked = self.incidents()[0]["acknowledged"]
        self.assertEqual(marked["note"], "asked them")
        self.assertTrue(marked["who"])
        for words in (("incidents",), ("show", incident["id"])):
            self.assertIn("acknowledged by", self.ask(*words))
        self.assertIn("1 acknowledged", self.ask("status"))
        self.assertEqual(self.changes(incident), ["opened", "acknowledged"])

    def test_ends_with_the_incident(self):
        incident = self.opened()
        self.ask("ack", incident["id"])
        self.feed("sent")
        done = self.incidents("--all")[0]
        self.assertEqual(done["state"], "resolved")
        self.assertNotIn("acknowledged", done)
        self.assertEqual(self.notices(), [RESOLVED])
        self.feed("blocked")
        again = self.incidents()[0]
        self.assertEqual(again["id"], incident["id"])
        self.assertNotIn("acknowledged", again)
        self.assertEqual(again["relapses"], 1)
        self.assertEqual(self.changes(incident),
                         ["opened", "acknowledged", "resolved", "opened"])

    def test_undo(self):
        incident = self.opened()
        self.assertIn("not acknowledged", self.ask("ack", "--undo", incident["id"], code=1))
        self.ask("ack", incident["id"])
        self.assertIn("no longer", self.ask("ack", "--undo", incident["id"]))
        self.assertNotIn("acknowledged", self.incidents()[0])

    def test_refused(self):
        incident = self.opened()
        self.assertIn("no incident", self.ask("ack", "zzzz", code=1))
        self.assertIn("no incident \\x1b[2Jzz", self.ask("ack", "\x1b[2Jzz", code=1))
        self.assertIn("needs the id", self.ask("ack", code=2))
        self.assertIn("needs the id", self.ask("ack", "a", "b", code=2))
        self.feed("sent")
        self.assertIn("not open", self.ask("ack", incident["id"], code=1))

    def test_without_a_store(self):
        for words in (("ack", "a"), ("silence", "a", "1h"), ("silence", "--list"),
                      ("show", "a")):
            self.assertIn("has `mailwarden run` been started?", self.ask(*words, code=4))
        self.assertFalse(self.state.exists())

    @unittest.skipUnless(ROOT, "needs another user")
    def test_without_the_right_to_write(self):
        incident = self.opened()
        self.folder.chmod(0o755)
        self.state.parent.chmod(0o755)
        for path in self.state.parent.iterdir():
            path.chmod(0o644)
        for words in (("ack", incident["id"]), ("silence", incident["id"], "1h")):
            done = mailwarden(*words, "--state", self.state, user=65534)
            if done.returncode != 4:
                self.skipTest(f"the program itself: {done.stderr}")
            self.assertIn("try again with sudo", done.stderr.decode())
        self.assertNotIn("acknowledged", self.incidents()[0])

    def test_older_store(self):
        """Only `run`, which has the lock, brings it up to date."""
        incident = self.opened()
        support.change(self.state, "PRAGMA user_version = 1")
        for words in (("ack", incident["id"]), ("silence", incident["id"], "1h"),
                      ("show", incident["id"])):
            self.assertIn("older mailwarden", self.ask(*words, code=4))

    def test_beside_a_daemon(self):
        """Both write; neither loses a line or a word."""
        incident = self.opened()
        lines = 4000
        daemon = self.daemon()
        daemon.wait_for("going on")
        codes = []

        def people():
            for _ in range(15):
                for more in ((), ("--undo",)):
                    done = mailwarden("ack", incident["id"], *more, "--state", self.state)
                    codes.append((done.returncode, done.stderr))

        person = threading.Thread(target=people)
        person.start()
        with open(self.log, "a", encoding="latin-1", buffering=1) as out:
            for i in range(lines):
                out.write(attempt(100 + i, self.now - 300 + i // 100, "blocked"))
        person.join()
        self.assertEqual(set(codes), {(0, b"")})
        daemon.until(lambda: support.lines_read(self.state) == lines + 3, "all is read")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.incidents()[0]["count"], lines + 3)
        self.assertEqual(len(self.changes(incident)), 31)


class Silence(LifeCycle):
    def silence(self, *words):
        return json.loads(self.ask("silence", *words, "--json"))

    def test_over_before_it_ends(self):
        self.feed("sent")
        made = self.silence("provider=microsoft*", "8h", "--reason", "moving house")
        self.assertEqual(made["incidents"], [])
        incident = self.opened()
        rows = outbox(self.state)
        self.assertEqual([row["notice"] for row in rows], [OPENED])
        self.assertAlmostEqual(rows[0]["due"], (self.now + 8 * 3600) * 10**6, delta=HOUR_US)
        self.assertIn("silenced_until", self.incidents()[0])
        self.assertIn("silenced until", self.ask("incidents"))
        self.assertIn("moving house", self.ask("show", incident["id"]))
        self.feed("sent")
        self.assertEqual(self.notices(), [])
        self.assertEqual(self.changes(incident), ["opened", "resolved"])

    def test_told_before(self):
        """Who heard of it hears that it is over, after the silence."""
        self.opened()
        support.change(self.state, "UPDATE outbox SET sent = due")
        self.silence("severity=critical", "1h")
        self.feed("sent")
        rows = [row for row in outbox(self.state) if row["sent"] is None]
        self.assertEqual([row["notice"] for row in rows], [RESOLVED])
        self.assertGreater(rows[0]["due"], (self.now + 1800) * 10**6)

    def test_open_one_waits_and_is_freed(self):
        incident = self.opened()
        made = self.silence(incident["id"][:5], "2d")
        self.assertEqual(made["incidents"], [incident["id"]])
        self.assertEqual(made["match"], "id=" + incident["id"])
        self.assertGreater(outbox(self.state)[0]["due"], (self.now + 86400) * 10**6)
        listed = self.silence("--list")
        self.assertEqual(listed["id"], made["id"])
        self.assertIn("is sent now", self.ask("silence", "--end", made["id"]))
        self.assertLessEqual(outbox(self.state)[0]["due"], time.time() * 10**6)
        self.assertIn("no silence", self.ask("silence", "--end", made["id"], code=1))
        self.assertIn("nothing is silenced", self.ask("silence", "--list"))

    def test_others_are_told(self):
        self.feed("sent")
        self.silence("provider=google", "1h")
        self.opened()
        self.assertLessEqual(outbox(self.state)[0]["due"], time.time() * 10**6)

    def test_sent_after_its_end(self):
        """No batch need come: the notice is due by the clock."""
        self.feed("sent")
        self.silence("rule=*", "1s")
        self.opened()
        due = outbox(self.state)[0]["due"]
        wait_until(lambda: time.time() * 10**6 > due, "it is due")

    def test_names(self):
        incident = self.opened()
        self.assertEqual(self.silence(incident["rule"], "1h")["incidents"],
                         [incident["id"]])
        self.assertEqual(self.silence("provider-*", "1h")["incidents"], [incident["id"]])
        said = self.ask("silence", incident["rule"][:-1], "1h", code=1)
        self.assertIn(f"did you mean '{incident['rule']}'", said)
        said = self.ask("silence", "provder=x", "1h", code=2)
        self.assertIn("did you mean 'provider'", said)

    def test_times(self):
        self.feed("sent")
        day = time.strftime("%Y-%m-%d", time.gmtime(self.now + 3 * 86400))
        made = self.silence("rule=*", "until", day, "08:00Z")
        self.assertTrue(made["until"].startswith(day + "T08:00"))
        for words, says in ((("0m",), "more than nothing"), (("400d",), "a year at most"),
                            (("until", "2020-01-01"), "is over"), (("until",), "until when"),
                            (("until", "2999-01-01"), "a year at most"),
                            (("8",), "no span"), (("-8h",), ""), (("8h", "x"), "takes no"),
                            ((), "for how long")):
            self.assertIn(says, self.ask("silence", "rule=*", *words, code=2), words)


class Looks(LifeCycle):
    HOSTILE = ("\x1b[2J\x1b]0;owned\x07 \u202e".encode().decode("latin-1") +
               "x" * 300 + "\x9b31m ")

    def look_at(self, text):
        for line in text.splitlines():
            self.assertLessEqual(len(line), 80, line)
            self.assertEqual(re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", line), [],
                             repr(line))

    def test_safe_and_in_80_columns(self):
        self.feed("blocked", "blocked", "blocked", extra=self.HOSTILE)
        incident = self.incidents()[0]
        self.ask("ack", incident["id"], "--note", "\x1b[31mred " + "y" * 200)
        self.ask("silence", incident["id"], "1h", "--reason", "\x1b[31mred " + "z" * 200)
        self.feed("sent", extra=self.HOSTILE)
        self.feed("blocked", extra=self.HOSTILE)
        for words in (("show", incident["id"]), ("incidents",), ("incidents", "--all"),
                      ("status",), ("silence", "--list"), ("events", "--since", "1d")):
            text = self.ask(*words)
            self.assertIn("x" * 3 if words[0] == "show" else "", text)
            self.look_at(text)

    def test_show(self):
        incident = self.opened()
        text = self.ask("show", incident["id"][:4])
        for part in (incident["id"], "critical", "open since", incident["rule"], "3 times",
                     "3 recipients", "hotmail-com.olc.protection.outlook.com",
                     "What to do", "https://", "S3140", "History", "opened", "Notices",
                     "waits to be sent"):
            self.assertIn(part, text)
        shown = json.loads(self.ask("show", incident["id"], "--json"))
        self.assertEqual(shown["recipients"], 3)
        self.assertEqual(shown["state"], "open")
        self.assertEqual([n["notice"] for n in shown["notices"]], ["opened"])
        self.assertIn("no incident", self.ask("show", "zz", code=1))
        self.assertIn("needs the id", self.ask("show", code=2))

    def test_status_begins_with_the_answer(self):
        self.feed("sent")
        self.assertTrue(self.ask("status").startswith("No trouble is open.\n"))
        incident = self.opened()
        text = self.ask("status")
        self.assertTrue(text.startswith("1 incident is open, critical: "), text)
        self.assertIn(f"mailwarden show {incident['id']}", text)
        self.assertEqual(self.status()["gravest"], incident["id"])


if __name__ == "__main__":
    unittest.main()
