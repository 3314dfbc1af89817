#!/usr/bin/python3
"""Strangers who never use a name twice cost no memory (design, invariant 4) and hide no
trouble: bench/cardinality.py, in small."""

import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import cardinality  # noqa: E402
import support  # noqa: E402
from support import Case  # noqa: E402

# Tables have a fixed size, but their pages come as they are used: after the first they do.
FEW, MANY = 100000, 300000
MORE_KIB = 12 * 1024
EXPECTED = {rule: 1 for _, rule, _ in cardinality.TROUBLES}


class Cardinality(Case):
    def setUp(self):
        super().setUp()
        # What AddressSanitizer keeps of freed memory is none of ours.
        os.environ["ASAN_OPTIONS"] = ":".join(filter(None, [
            os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1",
            "thread_local_quarantine_size_kb=64"]))

    def test_replay(self):
        peaks = []
        for lines in (FEW, MANY):
            incidents, summary, kib = cardinality.measure(support.PROGRAM, lines)
            peaks.append(kib)
            self.assertGreater(summary["lines"], lines)
            self.assertEqual(summary["unparsed"], 0)
            self.assertEqual(cardinality.rules_of(incidents), EXPECTED)
        self.assertLess(peaks[1] - peaks[0], MORE_KIB, peaks)

    def test_store(self):
        peaks = []
        for lines in (FEW, MANY):
            state = self.folder / str(lines)
            with open(self.log, "wb") as out:
                cardinality.write_log(out, lines)
            _, kib = cardinality.run([support.PROGRAM, "run", "--once", "--file", self.log,
                                      "--state", state])
            peaks.append(kib)
            rows = support.ask(state, "SELECT rule FROM incident WHERE state > 0")
            self.assertEqual({rule: 1 for rule, in rows}, EXPECTED)
            self.assertEqual(len(rows), len(EXPECTED), rows)
        self.assertLess(peaks[1] - peaks[0], MORE_KIB, peaks)


if __name__ == "__main__":
    unittest.main()
