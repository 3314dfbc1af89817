#!/usr/bin/python3
"""Faulty alert rules: `check` and `run` tell file, line, column and what stands there and
end with 3; a daemon keeps the rules that it has."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import Case, mailwarden  # noqa: E402

GOOD = """rules:
  - name: mine
    when: { kind: limit }
    summary: "{service} is full"
    resolves: { after: 1h }
    examples:
      - about: one
        lines: |
          Nov 21 02:41:17 mx1 dovecot: master: Warning: service(x): process_limit (9) reached, client connections are being dropped
        incidents:
          - { rule: mine, count: 1, summary: x is full }
"""
# What takes the place of what, and what is said; those of the second list `check` alone
# finds: a daemon runs no examples.
FAULTS = [
    ("resolves:", "resolvs:", ":5:5: unknown key 'resolvs', did you mean 'resolves'?"),
    ("kind: limit", "kind: lmit", ":3:19: 'lmit' is no value for kind, did you mean 'limit'?"),
    ("{service}", "{servcie}", ":4:16: no word '{servcie}', did you mean 'service'?"),
    ("after: 1h", "after: 1 week", ":5:24: "),
    ("    summary", "    inhibited_by: [mine]\n    summary",
     ":4:19: inhibited_by goes in a circle"),
    ("    summary", "    detector: ratio\n    share: 150%\n    among: { kind: tls }\n    summary",
     ":5:12: 'share' must be a share between 0% and 100%"),
]
EXAMPLE_FAULTS = [
    ("        incidents:\n          - { rule: mine, count: 1, summary: x is full }\n", "",
     ":7:9: an example needs `lines` and the list of `incidents`"),
    ("about: one", "abuot: one", ":7:9: unknown key 'abuot', did you mean 'about'?"),
    ("rule: mine, count: 1", "rule: mine, cuont: 1",
     ":11:27: unknown key 'cuont', did you mean 'count'?"),
    ("count: 1,", "count: 2,", ":11:34: the incident's count is '1', expected '2'"),
    ("master: Warning", "mastre: Warning", ":11:11: 1 incidents expected, 0 came"),
    (GOOD[GOOD.index("    examples:"):], "", ":2:5: rule 'mine' has no `examples`"),
]


class AlertFaults(Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "rules" / "alerts" / "mine.yaml"
        self.path.parent.mkdir(parents=True)
        self.log.touch()

    def write(self, old="", new=""):
        self.assertIn(old, GOOD)
        self.path.write_text(GOOD.replace(old, new, 1) if old else GOOD)

    def check(self, *more):
        """What `check` says of this file alone: others' faults are theirs."""
        done = mailwarden("check", "--rules", self.folder / "rules", *more)
        said = (done.stdout + done.stderr).decode()
        return done.returncode, said

    def test_good(self):
        self.write()
        self.assertNotIn(str(self.path), self.check()[1])

    def test_check(self):
        for old, new, said in FAULTS + EXAMPLE_FAULTS:
            with self.subTest(new=new):
                self.write(old, new)
                code, answer = self.check()
                self.assertEqual(code, 3)
                self.assertIn(str(self.path) + said, answer)

    def test_check_json(self):
        self.write(*FAULTS[0][:2])
        code, answer = self.check("--json")
        rows = [json.loads(line) for line in answer.splitlines() if line.startswith("{")]
        ours = [row for row in rows if row.get("file") == str(self.path)]
        self.assertEqual(code, 3)
        self.assertEqual((ours[0]["line"], ours[0]["column"]), (5, 5))

    def test_run(self):
        for old, new, said in FAULTS:
            with self.subTest(new=new):
                self.write(old, new)
                answer = self.run_once("--rules", self.folder / "rules", exit_code=3)
                self.assertIn(str(self.path) + said, answer)
                self.assertFalse(self.state.exists())

    def test_reload(self):
        self.write()
        daemon = self.daemon("--rules", self.folder / "rules")
        daemon.wait_for("watching")
        for number, (old, new, said) in enumerate(FAULTS, 1):
            self.write(old, new)
            daemon.hang_up()
            daemon.until(lambda: daemon.said().count("nothing changed") == number,
                         "the new rules are refused")
            self.assertIn(str(self.path) + said, daemon.said())
        self.write()
        daemon.hang_up()
        daemon.wait_for("rules reloaded")
        self.assertEqual(daemon.stop(), 0)


if __name__ == "__main__":
    unittest.main()
