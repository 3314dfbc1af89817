#!/usr/bin/python3
"""One year of mail, and every place that shows numbers: digest, page, metrics and status say
the same, and what they say is what the log's generator wrote."""

import calendar
import collections
import json
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402
from support import BUILD, OUTCOMES, Case, mailwarden  # noqa: E402
from test_serve import BLOCKED, Serve  # noqa: E402

LINES = int(os.environ.get("MAILWARDEN_FIGURE_LINES", 60000))
HOUR, DAY = 3600, 86400
DAYS = 365
METRICS_BACK = 7 * DAY  # of log lines that are read late, the counters know so many
SENT = OUTCOMES[:4]


def line_sums(lines):
    return {line["name"]: sum(value or 0 for value in line["values"])
            for line in lines["lines"]}


def labelled(samples, name, **labels):
    """The sum of a family's samples with these labels."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(value for sample, value in samples.items()
               if sample.split("{")[0] == name and all(word in sample for word in wanted))


class Hours(Case):
    def check_hours(self, lines):
        """Each line counts in its own hour, also that which begins it."""
        first = int(time.time()) // DAY * DAY - 7 * DAY
        stamps = [first + i * 97 for i in range(lines)]
        self.log.write_text("".join(BLOCKED.format(
            stamp=time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(stamp)),
            n=i % 10) for i, stamp in enumerate(stamps)))
        self.run_once()
        wanted = collections.Counter(stamp // HOUR * HOUR for stamp in stamps)
        for column in ("lines", "events"):
            self.assertEqual(dict(support.ask(
                self.state, f"SELECT hour, sum({column}) FROM ledger GROUP BY 1")), wanted)

    def test_few_lines(self):
        self.check_hours(400)

    def test_many_lines(self):
        """So many that they are read by several threads."""
        self.check_hours(5000)


class Numbers(Serve):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.log.touch()
        self.run_once()
        self.now = self.begin_to_count()
        self.truth = support.generate(self.log, LINES, "mixed", 31, "--days", str(DAYS),
                                      "--start", str(self.now - DAYS * DAY - HOUR),
                                      "--time-format", "rfc3339")
        self.run_once()
        self.end = self.now + 2 * DAY  # what the last messages did, came a little later
        self.begin = self.now - (DAYS + 2) * DAY

    def begin_to_count(self):
        """The hour in which the counters of /metrics began."""
        while True:
            hour = int(time.time()) // HOUR
            self.serve()
            self.scrape()
            if int(time.time()) // HOUR == hour:
                return hour * HOUR

    def scrape(self):
        status, _, text = self.ask("/metrics")
        self.assertEqual(status, 200, text)
        return {name: float(value) for name, value in (
            line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}

    def figures(self, begin, end):
        return self.get(f"/api/v1/figures?from={begin}&until={end}")

    def lines(self, what, begin, end, step=0):
        return line_sums(self.get(f"/api/v1/lines?what={what}&from={begin}&until={end}"
                                  f"&step={step}"))

    def digest(self, *words):
        config = self.folder / "mailwarden.yaml"
        done = mailwarden("digest", "--json", "--state", self.state, "--config", config, *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_a_year(self):
        figures = self.figures(self.begin, self.end)
        self.check_truth(figures)
        self.check_lines(figures, self.begin, self.end)
        since = time.strftime("%Y-%m-%d %H:%M", time.gmtime(self.begin))
        self.check_digest(self.digest("--since", since))
        self.check_digest(self.digest())
        self.check_metrics()
        self.check_status()
        self.assertEqual(self.said("status", "--json"), [self.get("/api/v1/status")])

    def check_truth(self, figures):
        want = support.truth_outcomes(self.truth)
        for name in SENT:
            self.assertEqual(figures["out"]["outcomes"][name] + figures["local"][name],
                             want[name], name)
        self.assertEqual(figures["rejects"], want["rejected"])
        self.assertEqual(figures["ledger"]["lines"], LINES)
        by_mta = self.truth["lines_by_mta_and_category"]
        self.assertEqual(figures["dovecot_logins"], by_mta["dovecot"]["login"])
        self.assertEqual(figures["dovecot_failed"], by_mta["dovecot"]["auth_failure"])
        self.assertEqual(figures["dovecot_limits"], by_mta["dovecot"]["process_limit"])

    def check_lines(self, figures, begin, end):
        """Time lines are sums of the same rows."""
        out, local = figures["out"]["outcomes"], figures["local"]
        for step in (0, DAY, 7 * DAY):
            volume = {name: out[name] + local[name] for name in SENT}
            volume["rejected"] = figures["rejects"]
            self.assertEqual(self.lines("volume", begin, end, step), volume)
            self.assertEqual(self.lines("out", begin, end, step),
                             {name: out[name] for name in SENT})
            self.assertEqual(sum(self.lines("providers", begin, end, step).values()),
                             sum(out[name] for name in SENT))
            self.assertEqual(sum(self.lines("failed", begin, end, step).values()),
                             sum(out[name] for name in SENT[1:]))
            self.assertEqual(self.lines("tls", begin, end, step), figures["out"]["tls"])
            self.assertEqual(self.lines("logins", begin, end, step),
                             {"accepted": figures["logins"],
                              "failed": figures["logins_failed"]})

    def check_digest(self, digest):
        """A digest ends now; the page can be asked for the same span."""
        begin, end = (calendar.timegm(time.strptime(digest[key][:19], "%Y-%m-%dT%H:%M:%S"))
                      for key in ("from", "until"))
        figures = self.figures(begin, end)
        self.assertEqual(digest["figures"], figures)
        self.assertGreater(figures["out"]["outcomes"]["delivered"], 0)
        self.check_lines(figures, begin, end)

    def check_metrics(self):
        samples = self.scrape()
        figures = self.figures(self.now - METRICS_BACK, self.now + METRICS_BACK)
        for row in figures["providers"]:
            for name in SENT:
                self.assertEqual(
                    labelled(samples, "mailwarden_delivery_attempts_total",
                             provider=row["provider"], outcome=name),
                    row["outcomes"][name], (row["provider"], name))
            for name, count in row["tls"].items():
                self.assertEqual(labelled(samples, "mailwarden_delivery_sessions_total",
                                          provider=row["provider"], tls=name), count)
            self.assertEqual(labelled(samples, "mailwarden_delivery_delay_seconds_count",
                                      provider=row["provider"]), row["delay"]["n"])
        for name in SENT:
            self.assertEqual(labelled(samples, "mailwarden_local_deliveries_total",
                                      outcome=name), figures["local"][name], name)
        for row in figures["rejected"]:
            self.assertEqual(labelled(samples, "mailwarden_rejects_total",
                                      category=row["name"] or "other"), row["count"])
        wanted = {"mailwarden_delivery_attempts": sum(figures["out"]["outcomes"].values()),
                  "mailwarden_rejects": figures["rejects"],
                  "mailwarden_accepted_messages": figures["accepted"],
                  "mailwarden_logins": figures["logins"] + figures["logins_failed"],
                  "mailwarden_stored_messages": figures["stored"],
                  "mailwarden_filter_handovers": figures["internal"],
                  "mailwarden_bounces_made": figures["bounces_made"],
                  "mailwarden_dovecot_limits": figures["dovecot_limits"],
                  "mailwarden_incidents_opened": figures["incidents_opened"],
                  "mailwarden_incidents_resolved": figures["incidents_resolved"]}
        for name, count in wanted.items():
            self.assertEqual(labelled(samples, name + "_total"), count, name)
        self.assertGreater(wanted["mailwarden_delivery_attempts"], 0)
        self.assertEqual(sum(labelled(samples, "mailwarden_log_lines_total", result=result)
                             for result in ("event", "ignored", "unparsed")),
                         sum(figures["ledger"][key]
                             for key in ("events", "ignored", "unparsed")))

    def check_status(self):
        """Its last 24 hours, and what is ahead of the clock."""
        hour = status = None
        while status is None or int(time.time()) // HOUR != hour:
            hour = int(time.time()) // HOUR
            status = self.status()
        figures = self.figures(hour * HOUR - DAY, self.end)
        sums = {name: figures["out"]["outcomes"][name] + figures["local"][name]
                for name in SENT}
        sums["rejected"] = figures["rejects"]
        self.assertEqual(status["outcomes"], sums)
        self.assertGreater(sums["delivered"], 0)
        self.assertEqual(sum(row["lines"] for row in status["sources"]),
                         figures["ledger"]["lines"])
        self.assertEqual(self.scrape()['mailwarden_open_incidents{severity="critical"}'],
                         status["critical_incidents"])


if __name__ == "__main__":
    if not os.access(BUILD / "mailwarden-web", os.X_OK):
        print("skipped: mailwarden-web is not built")
        sys.exit(77)
    unittest.main(verbosity=1, warnings="ignore")
