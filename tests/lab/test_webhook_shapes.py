#!/usr/bin/python3
"""What each web service is sent, field by field, by a real HTTPS server on loopback; and
what the real Alertmanager makes of it, where it is installed."""

import html
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from webhook_case import (DASHBOARD, ID, INCIDENT, LINK, NOW_S, TOKEN,  # noqa: E402
                          Case)
from http_server import Answer  # noqa: E402


class Shapes(Case):
    def token(self):
        return str(self.home / "token")

    # --- our own ---

    def test_mailwarden(self):
        for sample, notices in (("opened", ["opened"]), ("escalated", ["escalated"]),
                                ("resolved", ["resolved"]), ("reminder", ["reminder"])):
            request = self.ask_one("mailwarden", sample, "/in?a=b",
                                   token_file=self.token(), headers=["X-Team: mail"])
            body = request.json
            self.assertEqual((request.method, request.path), ("POST", "/in?a=b"))
            self.assertEqual(request.headers["Authorization"], f"Bearer {TOKEN}")
            self.assertEqual(request.headers["X-Team"], "mail")
            self.assertEqual((body["type"], body["id"], body["host"]),
                             ("message", ID, "mx1"))
            self.assertEqual([row["notice"] for row in body["incidents"]], notices)
            self.assertEqual(body["incidents"][0]["id"], INCIDENT)
            self.assertIn("block list (S3140)", body["subject"])

    def test_mailwarden_test_and_many(self):
        body = self.ask_one("mailwarden", "test").json
        self.assertEqual(body["incidents"], [])
        self.assertIn("[test]", body["subject"])
        body = self.ask_one("mailwarden", "many").json
        self.assertGreaterEqual(len(body["incidents"]), 100)

    def test_own_headers_give_way(self):
        request = self.ask("mailwarden", "opened",
                           headers=["Content-Type: application/json", "idempotency-key: " + ID
                                    + "x"])[0]
        self.assertEqual(request.headers.get_all("Content-Type"), ["application/json"])
        self.assertEqual(request.headers.get_all("Idempotency-Key"), [ID + "x"])

    # --- ntfy ---

    def test_ntfy(self):
        want = {"opened": (5, "rotating_light"), "escalated": (5, "rotating_light"),
                "resolved": (3, "white_check_mark"), "reminder": (5, "rotating_light"),
                "many": (5, "rotating_light"), "test": (3, "test_tube"),
                "hostile": (5, "rotating_light")}
        for sample, (priority, tag) in want.items():
            request = self.ask_one("ntfy", sample, "/base/my-topic?auth=QQ",
                                   token_file=self.token())
            body = request.json
            self.assertEqual((request.method, request.path), ("POST", "/base/?auth=QQ"))
            self.assertEqual(request.headers["Authorization"], f"Bearer {TOKEN}")
            self.assertEqual(set(body), {"topic", "title", "message", "priority", "tags",
                                         "click"})
            self.assertEqual(body["topic"], "my-topic")
            self.assertEqual(body["priority"], priority, sample)
            self.assertEqual(body["tags"], [tag, "mailwarden"])
            self.assertLessEqual(len(body["message"].encode()), 4096)
            self.assertLessEqual(len(body["title"].encode()), 250)
            self.assertLessEqual(len(request.body), 8192)
            self.check_text(body["title"] + body["message"])
            single = sample not in ("many", "test")
            self.assertEqual(body["click"], LINK if single else DASHBOARD)
            self.assertNotIn("\n", body["title"])

    def test_ntfy_without_topic(self):
        row = self.send({"shape": "ntfy", "url": "https://localhost:1/"})
        self.check(row, "login", "https://ntfy.example.org/TOPIC")

    def test_no_link_without_dashboard(self):
        self.assertNotIn("click", self.ask_one("ntfy", "opened", "/t", dashboard="").json)

    # --- Gotify ---

    def test_gotify(self):
        want = {"opened": 8, "escalated": 8, "resolved": 4, "many": 8, "test": 5,
                "hostile": 8}
        for sample, priority in want.items():
            request = self.ask_one("gotify", sample, "/sub/", token_file=self.token())
            body = request.json
            self.assertEqual((request.method, request.path), ("POST", "/sub/message"))
            self.assertEqual(request.headers["X-Gotify-Key"], TOKEN)
            self.assertIsNone(request.headers["Authorization"])
            self.assertEqual(set(body), {"title", "message", "priority", "extras"})
            self.assertEqual(body["priority"], priority)
            self.assertEqual(body["extras"]["client::display"]["contentType"], "text/plain")
            self.assertTrue(body["extras"]["client::notification"]["click"]["url"]
                            .startswith(DASHBOARD))
            self.assertLessEqual(len(body["message"].encode()), 16384)
            self.check_text(body["title"] + body["message"])

    # --- Slack and Mattermost ---

    def check_slack(self, body):
        (attachment,) = body["attachments"]
        for text in (body["text"], attachment["fallback"]):
            self.assertNotIn("\n", text)
            self.assertNotRegex(text, "[<>*`~|]")
            self.assertNotRegex(text, r"&(?!amp;|lt;|gt;)")
            self.assertNotIn("](", text)
            self.assertNotRegex(text, r"(?<!\w)@\w")
        text = attachment["text"]
        self.assertTrue(text.startswith("```\n") and text.endswith("\n```"))
        inner = text[4:-4]
        self.assertNotIn("``", inner)
        self.assertNotRegex(inner, "[<>]")
        self.assertNotRegex(inner, r"&(?!amp;|lt;|gt;)")
        self.assertLessEqual(len(inner.encode()), 3000)
        self.check_text(body["text"] + text)
        return attachment

    def test_slack(self):
        want = {"opened": "#d92d20", "escalated": "#d92d20", "resolved": "#12b76a",
                "many": "#d92d20", "test": "#667085", "hostile": "#d92d20"}
        for shape in ("slack", "mattermost"):
            for sample, colour in want.items():
                request = self.ask_one(shape, sample, "/hooks/abc", room="#mail")
                body = request.json
                self.assertEqual((request.method, request.path), ("POST", "/hooks/abc"))
                self.assertEqual(body["channel"], "#mail")
                self.assertIs(body["unfurl_links"], False)
                self.assertIs(body["unfurl_media"], False)
                attachment = self.check_slack(body)
                self.assertEqual(attachment["color"], colour)
                self.assertEqual(attachment["ts"], NOW_S)
                self.assertTrue(attachment["title_link"].startswith(DASHBOARD))
                self.assertEqual(attachment["mrkdwn_in"], ["text"])
        body = self.ask_one("slack", "opened", "/hooks/abc").json
        self.assertNotIn("channel", body)
        self.assertTrue(body["text"].startswith("[critical] mx1: "))

    # --- Discord ---

    def test_discord(self):
        want = {"opened": 0xd92d20, "escalated": 0xd92d20, "resolved": 0x12b76a,
                "many": 0xd92d20, "test": 0x667085, "hostile": 0xd92d20}
        for sample, colour in want.items():
            request = self.ask_one("discord", sample, "/api/webhooks/1/abc?thread_id=2",
                                   status=204)
            body = request.json
            self.assertEqual(request.path, "/api/webhooks/1/abc?thread_id=2")
            self.assertEqual(body["allowed_mentions"], {"parse": []})
            (embed,) = body["embeds"]
            self.assertEqual(embed["color"], colour)
            self.assertTrue(embed["timestamp"].startswith("2026-11-21T08:00:00"))
            self.assertTrue(embed["url"].startswith(DASHBOARD))
            description = embed["description"]
            self.assertTrue(description.startswith("```\n"))
            self.assertNotIn("``", description[4:-4])
            units = len(description.encode("utf-16-le")) // 2
            self.assertLessEqual(units, 4096)
            if sample == "hostile":
                self.assertGreater(units, 4000)
            self.assertLessEqual(len(body["content"]), 2000)
            self.assertNotRegex(body["content"], "[*`~|]|<[@!#:]|\\]\\(")
            self.assertNotRegex(body["content"], r"(?<!\w)@\w")
            self.check_text(body["content"] + description)

    # --- Telegram ---

    def test_telegram(self):
        token = self.home / "bot"
        token.write_text("123456:AbC-dEf_1\n")
        token.chmod(0o600)
        for sample in ("opened", "escalated", "resolved", "many", "test", "hostile"):
            request = self.ask_one("telegram", sample, "", token_file=str(token),
                                   room="-1001234")
            body = request.json
            self.assertEqual((request.method, request.path),
                             ("POST", "/bot123456:AbC-dEf_1/sendMessage"))
            self.assertEqual((body["chat_id"], body["parse_mode"]), ("-1001234", "HTML"))
            self.assertEqual(body["link_preview_options"], {"is_disabled": True})
            text = body["text"]
            self.assertEqual(re.findall("<[^>]*>", text), ["<b>", "</b>"])
            self.assertNotRegex(text, r"&(?!amp;|lt;|gt;|quot;)")
            self.assertNotRegex(text, r"(?<!\w)@\w")
            shown = html.unescape(re.sub("<[^>]*>", "", text))
            self.assertLessEqual(len(shown.encode("utf-16-le")) // 2, 4096)
            self.check_text(shown)

    def test_telegram_answers(self):
        token = self.home / "bot"
        token.write_text("123456:AbC-dEf_1\n")
        token.chmod(0o600)
        late = Answer(429, body=json.dumps({
            "ok": False, "error_code": 429, "description": "Too Many Requests: retry after 7",
            "parameters": {"retry_after": 7}}))
        unknown = Answer(404, body='{"ok":false,"error_code":404,"description":"Not Found"}')
        bad = Answer(400, body='{"ok":false,"error_code":400,"description":'
                               '"Bad Request: chat not found"}')
        with self.tls_server(late, unknown, bad) as server:
            settings = {"shape": "telegram", "url": server.address(""),
                        "token_file": str(token), "room": "1"}
            row = self.send(settings)
            self.check(row, "retry", "429", "Too Many Requests")
            self.assertEqual(row["retry_after"], 7)
            self.assertNotIn("AbC", row["reason"])
            self.check(self.send(settings), "login", "404")
            self.check(self.send(settings), "refused", "chat not found")
        token.write_text("12/../3\n")
        self.check(self.send({**settings, "url": "https://localhost:1"}), "login",
                   "@BotFather")

    # --- Matrix ---

    def test_matrix(self):
        for sample in ("opened", "escalated", "resolved", "many", "test", "hostile"):
            request = self.ask_one("matrix", sample, "", token_file=self.token(),
                                   room="!AbC:example.org")
            body = request.json
            self.assertEqual(request.method, "PUT")
            self.assertEqual(request.path, "/_matrix/client/v3/rooms/%21AbC%3Aexample.org"
                             f"/send/m.room.message/{ID}")
            self.assertEqual(request.headers["Authorization"], f"Bearer {TOKEN}")
            self.assertEqual(body["msgtype"], "m.text")
            self.assertEqual(body["m.mentions"], {})
            self.assertLess(len(request.body), 60000)
            self.check_text(body["body"])
            if "formatted_body" in body:
                self.assertEqual(body["format"], "org.matrix.custom.html")
                tags = set(re.findall("<[^>]*>", body["formatted_body"]))
                self.assertLessEqual(tags, {"<strong>", "</strong>", "<br>"})
            else:
                self.assertNotEqual(sample, "opened")

    def test_matrix_wants_a_room_id(self):
        row = self.send({"shape": "matrix", "url": "https://localhost:1", "room": "#a:b",
                         "token_file": self.token()})
        self.check(row, "login", "begins with '!'")

    # --- PagerDuty ---

    def pagerduty(self, sample):
        requests = self.ask("pagerduty", sample, "", status=202, token_file=self.token(),
                            timeout="60s")
        for request in requests:
            self.assertEqual((request.method, request.path), ("POST", "/v2/enqueue"))
            self.assertLess(len(request.body), 512 * 1024)
            self.assertEqual(request.json["routing_key"], TOKEN)
            payload = request.json.get("payload")
            if payload:
                self.assertLessEqual(len(payload["summary"]), 1024)
                self.check_text(payload["summary"] + payload["source"])
        keys = [request.headers["Idempotency-Key"] for request in requests]
        self.assertEqual(len(keys), len(set(keys)))
        return [request.json for request in requests]

    def test_pagerduty(self):
        for sample in ("opened", "escalated", "reminder"):
            (body,) = self.pagerduty(sample)
            self.assertEqual((body["event_action"], body["dedup_key"]),
                             ("trigger", INCIDENT))
            self.assertEqual(body["client"], "mailwarden")
            self.assertEqual(body["client_url"], LINK)
            payload = body["payload"]
            self.assertEqual((payload["severity"], payload["source"], payload["class"]),
                             ("critical", "mx1", "ip-blocklisted"))
            self.assertTrue(payload["timestamp"].startswith("2026-11-21T07:59:00"))
            details = payload["custom_details"]
            self.assertEqual(details["provider"], "microsoft")
            self.assertEqual(details["code_id"], "microsoft-s3140")
            self.assertEqual(details["count"], 14)
            self.assertIn("delisting", details["what_to_do"])
            self.assertIn("4XyZ", details["from_the_log"])
        (body,) = self.pagerduty("resolved")
        self.assertEqual(body, {"routing_key": TOKEN, "event_action": "resolve",
                                "dedup_key": INCIDENT})

    def test_pagerduty_many_test_hostile(self):
        bodies = self.pagerduty("many")
        self.assertEqual(len(bodies), 120)
        self.assertEqual(len({body["dedup_key"] for body in bodies}), 120)
        actions = [body["event_action"] for body in bodies]
        self.assertEqual((actions.count("trigger"), actions.count("resolve")), (90, 30))
        bodies = self.pagerduty("test")
        self.assertEqual([body["event_action"] for body in bodies], ["trigger", "resolve"])
        self.assertEqual({body["dedup_key"] for body in bodies}, {ID})
        self.assertEqual(bodies[0]["payload"]["severity"], "info")
        (body,) = self.pagerduty("hostile")
        self.assertEqual(body["payload"]["severity"], "critical")

    def test_pagerduty_goes_on_where_it_was(self):
        """A part refused, then a fault: what was accepted is not sent again."""
        answers = [Answer(202)] * 10 + [Answer(400, body="invalid event")] + \
            [Answer(202)] * 10 + [Answer(500)] + [Answer(202)]
        with self.tls_server(*answers) as server:
            rows = self.run_send(
                "webhook", {"shape": "pagerduty", "url": server.address(""),
                            "token_file": self.token(), "timeout": "60s"},
                "--sample", "many", "--times", "2")
            self.check(rows[0], "retry", "500", "20 of 120 parts")
            self.check(rows[1], "accepted")
            self.assertEqual(len(server.requests), 22 + 100)
            accepted = [request.json["dedup_key"] for i, request in
                        enumerate(server.requests) if i not in (10, 21)]
            self.assertEqual(len(set(accepted)), 120)

    # --- Alertmanager ---

    def alerts(self, sample):
        request = self.ask_one("alertmanager", sample, "/am/")
        self.assertEqual((request.method, request.path), ("POST", "/am/api/v2/alerts"))
        return request.json

    def test_alertmanager(self):
        (alert,) = self.alerts("opened")
        self.assertEqual(alert["labels"], {
            "alertname": "ip-blocklisted", "severity": "critical", "host": "mx1",
            "provider": "microsoft", "incident": INCIDENT})
        self.assertIn("block list", alert["annotations"]["summary"])
        self.assertIn("delisting", alert["annotations"]["description"])
        self.assertEqual(alert["annotations"]["code_id"], "microsoft-s3140")
        self.assertEqual(alert["generatorURL"], LINK)
        self.assertTrue(alert["startsAt"].startswith("2026-11-21T07:30:00"))
        self.assertTrue(alert["endsAt"].startswith("2026-11-28T08:00:00"))
        for sample, at in (("resolved", "2026-11-21T07:59:30"),
                           ("escalated", "2026-11-21T08:00:00")):
            alerts = {alert["labels"]["severity"]: alert for alert in self.alerts(sample)}
            self.assertEqual(set(alerts), {"info", "warning", "critical"})
            self.assertTrue(alerts["warning"]["endsAt"].startswith(at))
            self.assertTrue(alerts["info"]["endsAt"].startswith(at))
            end = alerts["critical"]["endsAt"]
            self.assertTrue(end.startswith(at if sample == "resolved" else "2026-11-28"))

    def test_alertmanager_many_test_hostile(self):
        alerts = self.alerts("many")
        self.assertEqual(len({alert["labels"]["incident"] for alert in alerts}), 120)
        (alert,) = self.alerts("test")
        self.assertEqual(alert["labels"]["alertname"], "mailwarden-test")
        (alert,) = self.alerts("hostile")
        for value in [*alert["labels"].values(), *alert["annotations"].values()]:
            self.check_text(value)
            self.assertLess(len(value), 20000)

    # --- all ---

    def test_hostile_text_is_told(self):
        """Made harmless, not left out: each shape still says what the log said."""
        room = {"telegram": "1", "matrix": "!a:b"}
        for shape in ("mailwarden", "ntfy", "gotify", "slack", "discord", "telegram",
                      "matrix", "pagerduty", "alertmanager"):
            settings = {"room": room[shape]} if shape in room else {}
            request = self.ask(shape, "hostile", "/x", token_file=self.token(),
                               status=200, **settings)[0]
            body = request.json
            if shape == "mailwarden":  # its incidents are data: the log's own bytes
                del body["incidents"]
            text = json.dumps(body, ensure_ascii=False)
            for word in ("evil.example", "reboot", "\U0001f4e7"):
                self.assertTrue(word in text, f"{shape}: {word} is not told")
            for word in ("\\u0000", "\\u001b", "\u202e", "\ufeff", "\\r"):
                self.assertFalse(re.search(r"(?<!\\)" + re.escape(word), text),
                                 f"{shape}: {word!r} is told as it was")


class Alertmanager(Case):
    """Against the real one, where it is installed."""

    PROGRAM = "/usr/bin/prometheus-alertmanager"

    def setUp(self):
        if not os.access(self.PROGRAM, os.X_OK):
            self.skipTest("prometheus-alertmanager is not installed")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        config = pathlib.Path(folder.name) / "config.yml"
        config.write_text("route:\n  receiver: none\nreceivers:\n- name: none\n")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.program = subprocess.Popen(
            [self.PROGRAM, f"--config.file={config}", f"--storage.path={folder.name}/data",
             f"--web.listen-address={self.address[7:]}", "--cluster.listen-address="],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.program.wait)
        self.addCleanup(self.program.kill)
        self.wait_until(lambda: self.get("/-/ready") is not None)

    def get(self, path):
        try:
            with urllib.request.urlopen(self.address + path, timeout=10) as answer:
                return answer.read()
        except OSError:
            return None

    def wait_until(self, condition):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end, "it did not happen in time")
            self.assertIsNone(self.program.poll())
            time.sleep(0.02)

    def alerts(self):
        """Those that are not over: severities by incident."""
        rows = {}
        for alert in json.loads(self.get("/api/v2/alerts")):
            labels = alert["labels"]
            rows.setdefault(labels["incident"], []).append(labels["severity"])
        return rows

    def tell(self, sample, now="0"):
        settings = {"shape": "alertmanager", "url": self.address}
        self.check(self.send(settings, "--sample", sample, "--now", now, "--dashboard",
                             DASHBOARD), "accepted")

    def test_life_of_an_incident(self):
        self.tell("opened")
        self.wait_until(lambda: self.alerts() == {INCIDENT: ["critical"]})
        self.tell("opened")
        self.tell("escalated")
        self.assertEqual(self.alerts(), {INCIDENT: ["critical"]})
        self.tell("resolved")
        self.wait_until(lambda: self.alerts() == {})

    def test_all_samples_are_taken(self):
        for sample in ("reminder", "many", "test", "hostile"):
            self.tell(sample)
        self.wait_until(lambda: len(self.alerts()) == 90 + 2)


if __name__ == "__main__":
    unittest.main()
