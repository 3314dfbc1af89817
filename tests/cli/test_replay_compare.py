#!/usr/bin/python3
"""`replay --compare`: what changes between two rule sets, for people and for programs."""

import json
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import Case, mailwarden  # noqa: E402

RULE = """\
  - name: {name}
    trouble: {trouble}
    detector: match
    when: {{ kind: auth, mta: postfix{more} }}
    group_by: [host]
    in_a_row: {row}
    severity: {severity}
    summary: "logins fail on {{host}}"
    resolves: {{ after: {after} }}
    examples: []
"""


def rule(name="mine", trouble=None, row=1, severity="warning", after="10m", more=""):
    return RULE.format(name=name, trouble=trouble or name, row=row, severity=severity,
                       after=after, more=more)


def delivery(clock):
    return (f"Nov 20 {clock} mx1 postfix/smtp[79]: 4bXkWz000001f: to=<joe@example.org>, "
            "relay=mail.example.org[203.0.113.10]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, "
            "status=sent (250 2.0.0 Ok)\n")


def failure(clock, host="mx1", client="192.0.2.66"):
    return (f"Nov 20 {clock} {host} postfix/smtpd[2417]: warning: unknown[{client}]: SASL "
            "LOGIN authentication failed: authentication failure\n")


class Compare(Case):
    def setUp(self):
        super().setUp()
        # Three bursts, far enough apart to be incidents of their own.
        self.log.write_text("".join(
            failure(f"{hour:02}:{minute:02}:00") for hour in (3, 9, 15)
            for minute in range(hour)) + delivery("20:00:00"))
        self.rules("a", rule())

    def rules(self, name, *rules, parsers=None):
        folder = self.folder / name
        (folder / "alerts").mkdir(parents=True, exist_ok=True)
        (folder / "alerts" / "mine.yaml").write_text("rules:\n" + "".join(rules))
        if parsers:
            (folder / "parsers").mkdir(exist_ok=True)
            (folder / "parsers" / "mine.yaml").write_text(parsers)
        return folder

    def compare(self, *more, before="a", after="b"):
        done = mailwarden("replay", "--json", "--rules", self.folder / before, "--compare",
                          self.folder / after, *(more or [self.log]))
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual({row["type"] for row in rows[:-1]} - {"difference"}, set())
        return rows[:-1], rows[-1]

    def changes(self, *more):
        rows, summary = self.compare(*more)
        self.assertEqual({word: summary[word] for word in ("added", "removed", "changed")},
                         {word: sum(row["change"] == word for row in rows)
                          for word in ("added", "removed", "changed")})
        for row in rows:
            self.assertEqual("before" in row, row["change"] != "added")
            self.assertEqual("after" in row, row["change"] != "removed")
        return rows, summary

    def test_same(self):
        self.rules("b", rule())
        rows, summary = self.changes()
        self.assertEqual(rows, [])
        self.assertEqual(summary["same"], summary["before"]["incidents"])
        self.assertEqual(summary["before"]["incidents"], summary["after"]["incidents"])
        self.assertEqual(summary["before"]["lines"], 28)
        self.assertEqual(summary["before"]["outcomes"], summary["after"]["outcomes"])

    def test_added_and_removed(self):
        self.rules("b", rule("other"))
        rows, _ = self.changes()
        self.assertEqual([(row["change"], (row.get("before") or row["after"])["rule"])
                          for row in rows], [("removed", "mine"), ("added", "other")] * 3)

    def test_severity(self):
        self.rules("b", rule(severity="critical"))
        rows, _ = self.changes()
        self.assertEqual([(row["change"], row["before"]["severity"],
                           row["after"]["severity"]) for row in rows],
                         [("changed", "warning", "critical")] * 3)

    def test_resolution_and_a_rule_that_wants_more(self):
        self.rules("b", rule(row=5, after="2h"))
        rows, _ = self.changes()
        self.assertEqual([row["change"] for row in rows], ["removed", "changed", "changed"])
        self.assertLess(rows[1]["before"]["resolved"], rows[1]["after"]["resolved"])

    def test_joined(self):
        """One long incident in place of three: it is the first one, changed."""
        self.rules("b", rule(after="12h"))
        rows, _ = self.changes()
        self.assertEqual([row["change"] for row in rows], ["changed", "removed", "removed"])
        self.assertEqual((rows[0]["before"]["count"], rows[0]["after"]["count"]), (3, 27))

    def test_overlap_of_another_opening(self):
        """A rule of the same trouble that sees later signs only."""
        self.log.write_text(failure("03:00:00") + failure("03:01:00", client="192.0.2.77"))
        self.rules("b", rule("narrow", "mine", more=", relay_ip: 192.0.2.77"))
        rows, _ = self.changes()
        self.assertEqual([(row["change"], row["before"]["rule"], row["after"]["rule"])
                          for row in rows], [("changed", "mine", "narrow")])

    def test_parser_rules_count_too(self):
        line = "Nov 20 03:00:00 mx1 mydaemon: login failed\n"
        self.log.write_text(line)
        mine = rule().replace("mta: postfix", "mta: mine")
        self.rules("a", mine)
        self.rules("b", mine, parsers="""\
mta: mine
claims: [mydaemon]
rules:
  - name: mine-failed
    kind: auth
    pattern: |
      ^login\\ failed$
    examples:
      - line: "login failed"
        expect: { kind: auth }
""")
        rows, summary = self.changes()
        self.assertEqual([row["change"] for row in rows], ["added"])
        self.assertEqual((summary["before"]["events"], summary["after"]["events"]), (0, 1))

    def test_standard_input_cannot_be_read_twice(self):
        self.rules("b", rule())
        for words in ([], ["-"], [self.log, "-"]):
            done = mailwarden("replay", "--compare", self.folder / "b", *words,
                              input=self.log.read_bytes())
            self.assertEqual(done.returncode, 2)
            self.assertIn(b"twice", done.stderr)
            self.assertEqual(done.stdout, b"")
        done = subprocess.run(
            [support.PROGRAM, "replay", "--compare", self.folder / "b", "/dev/stdin"],
            input=b"", capture_output=True, env=support.ENVIRONMENT, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"/dev/stdin", done.stderr)

    def test_faults_come_first(self):
        broken = self.rules("b", rule().replace("detector:", "detectr:"))
        done = mailwarden("replay", "--compare", broken, self.log)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"did you mean 'detector'", done.stderr)
        done = mailwarden("replay", "--compare", self.folder / "absent", self.log)
        self.assertEqual(done.returncode, 3)
        self.assertEqual(done.stdout, b"")

    def test_for_people(self):
        self.rules("b", rule(severity="critical", after="12h"))
        done = mailwarden("replay", "--rules", self.folder / "a", "--compare",
                          self.folder / "b", self.log)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = done.stdout.decode()
        for line in said.splitlines():
            self.assertLessEqual(len(line), 80)
        folded = " ".join(said.split())
        self.assertIn("changed: warning -> critical, since 2", folded)
        self.assertIn("3 times -> 27 times, resolved after 12 minutes -> not resolved, "
                      "last seen 2", folded)
        self.assertIn("rule mine logins fail on mx1", folded)
        self.assertIn("incidents: 0 added, 2 removed, 1 changed, 0 the same", said)

    def test_hostile_text(self):
        self.rules("b", rule("other"))
        self.log.write_bytes(failure("03:00:00").replace("mx1", "m\x1b[31mx").encode())
        done = mailwarden("replay", "--rules", self.folder / "a", "--compare",
                          self.folder / "b", self.log)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(b"\x1b", done.stdout)

    def test_generated(self):
        """With itself nothing differs, whatever the log."""
        number = support.seed()
        support.generate(self.log, 20000, "mixed", number)
        self.rules("b", rule())
        with self.subTest(MAILWARDEN_SEED=number):
            rows, summary = self.changes()
            self.assertEqual(rows, [])
            self.assertEqual(summary["before"]["lines"], 20000)
            self.assertEqual(summary["after"]["lines"], 20000)


class Replay(Case):
    def test_for_people(self):
        self.log.write_text("".join(failure(f"03:{minute:02}:00") for minute in range(3)))
        folder = self.folder / "rules" / "alerts"
        folder.mkdir(parents=True)
        (folder / "mine.yaml").write_text("rules:\n" + rule())
        incidents, _ = support.replay(self.log, "--rules", folder.parent)
        done = mailwarden("replay", "--rules", folder.parent, self.log)
        row, = [row for row in incidents if row["rule"] == "mine"]
        said = done.stdout.decode()
        self.assertIn(f"warning   {row['id']}\n    {row['opened'][:10]} 03:00Z, not resolved, "
                      f"3 times, last seen {row['opened'][:10]} 03:02Z\n", said)
        self.assertIn("    rule mine\n", said)


if __name__ == "__main__":
    unittest.main()
