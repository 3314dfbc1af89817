#!/usr/bin/python3
"""Figures over a simulated year: equal to what the generator says, to `status`, and to the
sums of hours; TLS sessions as the log tells them."""

import collections
import json
import os
import re
import subprocess
import sys
import pathlib
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import Case  # noqa: E402

LINES = int(os.environ.get("MAILWARDEN_FIGURE_LINES", 80000))
HOUR, DAY = 3600, 86400
START = 1767225600  # 2026-01-01T00:00:00Z
YEAR = 366 * DAY
TLS_LINE = re.compile(r"\S+ (\S+) postfix/smtp\[(\d+)\]: (\w+) TLS connection established to "
                      r"[^\[]+\[([^\]]+)\]")
SENT_LINE = re.compile(r"\S+ (\S+) postfix/smtp\[(\d+)\]: (\w+): to=.*, "
                       r"relay=[^\[, ]+\[([^\]]+)\]:25, .*status=(\w+)")


def show(state, *words):
    done = subprocess.run([support.BUILD / "tests" / "figures_show", state,
                           *map(str, words)], capture_output=True, timeout=120)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode(errors="replace"))
    return json.loads(done.stdout)


def rows_of(figures):
    """Attempts by provider, as support.truth_providers() has them."""
    rows = {row["provider"]: {name: row["outcomes"][name] for name in support.OUTCOMES[:4]}
            for row in figures["providers"]}
    rows["local"] = {name: figures["local"][name] for name in support.OUTCOMES[:4]}
    return {provider: row for provider, row in rows.items() if any(row.values())}


class Year(Case):
    maxDiff = None

    def read(self, mta, number, *more):
        truth = support.generate(self.log, LINES, mta, number, "--days", "365", "--start",
                                 str(START), "--time-format", "rfc3339", *more)
        self.run_once()
        return truth

    def check_truth(self, truth, figures):
        out, local = figures["out"]["outcomes"], figures["local"]
        want = support.truth_outcomes(truth)
        for name in support.OUTCOMES[:4]:
            self.assertEqual(out[name] + local[name], want[name], name)
        self.assertEqual(figures["rejects"], want["rejected"])
        self.assertEqual(sum(row["count"] for row in figures["rejected"]),
                         figures["rejects"])
        rows, providers = rows_of(figures), support.truth_providers(truth)
        for provider, row in providers.items():
            if provider in ("other", "local"):
                continue
            # A domain's provider may be hidden until a relay names it: then it is "other".
            for name in support.OUTCOMES[:4]:
                self.assertLessEqual(rows.get(provider, row)[name], row[name],
                                     (provider, name))
            self.assertGreater(sum(rows[provider].values()), 0.9 * sum(row.values()),
                               provider)
            self.assertEqual(rows[provider]["delivered"], row["delivered"], provider)
        self.assertEqual(figures["ledger"]["lines"], LINES)

    def check_agrees(self, figures):
        """With the rollups, which `status` sums."""
        want = support.store_outcomes(self.state)
        got = {name: figures["out"]["outcomes"][name] + figures["local"][name]
               for name in support.OUTCOMES}
        got["rejected"] += figures["rejects"]
        self.assertEqual(got, want)

    def check_parts(self, figures):
        """Any cut of the year: both parts are the whole."""
        for cut in (START + 17 * HOUR, START + 100 * DAY, START + 200 * DAY + HOUR):
            first = show(self.state, START, cut)
            second = show(self.state, cut, START + YEAR)
            for name in support.OUTCOMES:
                self.assertEqual(first["out"]["outcomes"][name] +
                                 second["out"]["outcomes"][name],
                                 figures["out"]["outcomes"][name])
            for part in ("plain", "encrypted", "verified"):
                self.assertEqual(first["out"]["tls"][part] + second["out"]["tls"][part],
                                 figures["out"]["tls"][part])
            self.assertEqual(first["logins"] + second["logins"], figures["logins"])
        mark = int(support.ask(self.state,
                               "SELECT value FROM meta WHERE key = 'tally_days'")[0][0])
        hours, days = (support.ask(
            self.state, "SELECT sum(count), count(*) > 0 FROM tally WHERE grain = ? AND at < ?",
            grain, mark) for grain in (0, 1))
        self.assertEqual(hours, days)

    def check_lines(self, figures):
        for step in (HOUR, DAY, 3 * DAY, 0):
            lines = {line["name"]: sum(line["values"]) for line in
                     show(self.state, START, START + YEAR, "volume", step)["lines"]}
            self.assertEqual(lines["delivered"], figures["out"]["outcomes"]["delivered"] +
                             figures["local"]["delivered"])
            self.assertEqual(lines["rejected"], figures["rejects"])

    def check_all(self, mta, number, *more):
        truth = self.read(mta, number, *more)
        figures = show(self.state, START, START + YEAR)
        self.check_truth(truth, figures)
        self.check_agrees(figures)
        self.check_parts(figures)
        self.check_lines(figures)
        return truth, figures

    def test_all_servers(self):
        truth, figures = self.check_all("mixed", 21)
        by_mta = truth["lines_by_mta_and_category"]
        self.assertEqual(figures["dovecot_limits"], by_mta["dovecot"]["process_limit"])
        for mta in by_mta:
            self.assertGreater(by_mta[mta]["auth_failure"], 0)
        self.assertEqual(figures["dovecot_logins"], by_mta["dovecot"]["login"])
        self.assertEqual(figures["dovecot_failed"], by_mta["dovecot"]["auth_failure"])
        # Those that dovecot could not save are told, too.
        self.assertGreaterEqual(figures["stored"],
                                sum(row["lmtp_saved"] for row in by_mta.values()))
        self.assertGreater(figures["accepted"], 0)
        self.assertGreater(figures["out"]["tls"]["encrypted"], 0)

    def test_tls_of_postfix(self):
        """The generator's processes have one connection at a time, each with its line."""
        self.check_all("postfix", 22, "--incidents", "0")
        figures = show(self.state, START, START + YEAR)
        sessions, want = {}, collections.Counter()
        for line in self.log.read_text().splitlines():
            if found := TLS_LINE.match(line):
                host, pid, trust, ip = found.groups()
                sessions[host, pid, ip] = [trust, None]
            elif found := SENT_LINE.match(line):
                host, pid, queue_id, ip, status = found.groups()
                session = sessions.get((host, pid, ip))
                if session and session[1] in (None, queue_id):
                    session[1] = queue_id
                elif session:
                    session = None
                if status == "sent":
                    want["plain" if not session else "verified" if
                         session[0] in ("Trusted", "Verified") else "encrypted"] += 1
        got = figures["out"]["tls"]
        self.assertEqual(sum(got.values()), sum(want.values()))
        # Sessions are forgotten after an hour, here they are not.
        for name in ("encrypted", "verified"):
            self.assertLessEqual(got[name], want[name])
            self.assertGreater(got[name], 0.98 * want[name])


if __name__ == "__main__":
    unittest.main()
