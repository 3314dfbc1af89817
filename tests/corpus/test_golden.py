#!/usr/bin/python3
"""golden/SERVER/CASE.log and the events that it gives, CASE.events: one JSON object a line.

`ninja golden` (test_golden.py --write) rewrites the events; read the difference like code.
"""

import json
import os
import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import Case  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
# The year of a stamp without one comes from the file's last change: 2026-11-25.
LAST_CHANGE = 1795564800


def cases():
    return sorted(GOLDEN.glob("*/*.log"))


def events(case, folder):
    """As the program prints them, from a copy with a known time and a short name."""
    copy = folder / case.name
    shutil.copyfile(case, copy)
    os.utime(copy, (LAST_CHANGE, LAST_CHANGE))
    done = support.mailwarden("parse", "--json", case.name, cwd=folder)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(done.stderr.decode(errors="replace"))
    return done.stdout.decode()


class Golden(Case):
    maxDiff = None

    def test_cases(self):
        self.assertGreater(len(cases()), 20)
        for case in cases():
            with self.subTest(case=str(case.relative_to(GOLDEN))):
                want = case.with_suffix(".events").read_text()
                self.assertEqual(events(case, self.folder).splitlines(), want.splitlines())
                for line in want.splitlines():
                    json.loads(line)

    def test_no_events_without_a_log(self):
        for path in GOLDEN.glob("*/*.events"):
            self.assertTrue(path.with_suffix(".log").exists(), path)


def write():
    with support.tempfile.TemporaryDirectory() as folder:
        for case in cases():
            text = events(case, pathlib.Path(folder))
            path = case.with_suffix(".events")
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
                print(path.relative_to(GOLDEN))


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        unittest.main(verbosity=1)
