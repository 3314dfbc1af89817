#!/usr/bin/python3
"""A real Prometheus scrapes `serve`: it knows every family, counters go on where a log does, the
shipped rules load and tell, and each question of the shipped Grafana dashboard is one that it
understands.

Needs Debian's prometheus; skipped (exit code 77) without it.
"""

import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import unittest
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
from support import SOURCE, Daemon, wait_until  # noqa: E402
from test_serve import Serve, blocked  # noqa: E402

PACKAGING = SOURCE / "packaging"
CONFIG = """global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: mailwarden
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class Server(Daemon):
    program = (shutil.which("prometheus") or "prometheus",)


class Prometheus(Serve):
    def setUp(self):
        super().setUp()
        self.log.write_text(blocked(1))
        self.daemon().wait_for("watching")
        self.serve()
        rules = self.folder / "rules.yml"
        # The shipped rules, without the minutes that they wait.
        rules.write_text(re.sub(r"for: \w+", "for: 0s",
                                (PACKAGING / "prometheus/mailwarden.rules.yml").read_text()))
        config = self.folder / "prometheus.yml"
        config.write_text(CONFIG.format(rules=rules, port=self.port))
        with socket.create_server(("127.0.0.1", 0)) as free:  # it cannot choose one itself
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        server = Server(f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'db'}",
                        f"--web.listen-address={self.address}")
        self.addCleanup(server.kill)
        server.wait_for("Server is ready to receive web requests")

    def api(self, path, **query):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return json.load(answer)["data"]

    def value(self, expr):
        found = self.api("query", query=expr)["result"]
        return float(found[0]["value"][1]) if found else None

    def test_all(self):
        wait_until(lambda: self.value("mailwarden_build_info") == 1, "a scrape")
        wait_until(lambda: self.value('mailwarden_open_incidents{severity="critical"}') == 1,
                   "the incident")
        before = self.value('sum(mailwarden_delivery_attempts_total{outcome="bounced"})')
        with open(self.log, "a") as log:
            log.write(blocked(2))
        wait_until(lambda: self.value('sum(mailwarden_delivery_attempts_total{outcome='
                                      '"bounced"})') == before + 1, "the counter")
        wait_until(lambda: any(a["labels"]["alertname"] == "MailIncident" and
                               a["state"] == "firing" for a in self.api("alerts")["alerts"]),
                   "the alert")
        target, = self.api("targets")["activeTargets"]
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))
        types = {name: found[0]["type"] for name, found in self.api("metadata").items()}
        self.assertEqual(types["mailwarden_delivery_attempts"], "counter")
        self.assertEqual(types["mailwarden_delivery_delay_seconds"], "histogram")
        for group in self.api("rules")["groups"]:
            for rule in group["rules"]:
                self.assertEqual(rule["health"], "ok", rule)
        self.grafana()

    def grafana(self):
        """Each question is understood, and names families that are there."""
        known = re.findall(r"(?m)^# TYPE (\S+)", self.ask("/metrics")[2])
        asked = 0
        for panel in json.loads((PACKAGING / "grafana/mailwarden.json").read_text())["panels"]:
            for target in panel["targets"]:
                expr = target["expr"].replace("$__rate_interval", "1m") \
                    .replace("$instance", ".*")
                self.api("query", query=expr)
                for name in re.findall(r"mailwarden_\w+", expr):
                    self.assertIn(re.sub("_(total|bucket|count|sum|info)$", "", name), known)
                asked += 1
        self.assertGreater(asked, 10)


class Rules(unittest.TestCase):
    def test_shipped_rules(self):
        for words in (("check", "rules", "mailwarden.rules.yml"),
                      ("test", "rules", "mailwarden.rules.test.yml")):
            done = subprocess.run(["promtool", *words], cwd=PACKAGING / "prometheus",
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    for tool in ("prometheus", "promtool"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            sys.exit(77)
    unittest.main(verbosity=1, warnings="ignore")
