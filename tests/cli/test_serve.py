#!/usr/bin/python3
"""`serve`: every address answers what the commands print; who may not ask is refused; garbage,
slow and many clients disturb neither it nor the watcher."""

import concurrent.futures
import errno
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import BUILD, Case, Daemon, generate_recent, mailwarden, wait_until  # noqa: E402

TOKEN = "a-token-of-some-length"
BLOCKED = ("{stamp} mx1 postfix/smtp[700]: 4bXkWz00000{n}: to=<joe@hotmail.com>, "
           "relay=hotmail-com.olc.protection.outlook.com[203.0.113.10]:25, delay=1.4, "
           "delays=0.1/0/0.7/0.6, dsn=5.7.1, status=bounced (host hotmail-com.olc.protection."
           "outlook.com[203.0.113.10] said: 550 5.7.1 Unfortunately, messages from "
           "[192.0.2.25] weren't sent. Please contact your Internet service provider since "
           "part of their network is on our block list (S3140). <script>alert(1)</script> "
           "(in reply to MAIL FROM command))\n")
GUARD = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
         "X-Frame-Options": "DENY"}


def blocked(n):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime())
    return BLOCKED.format(stamp=stamp, n=n)


class Server(Daemon):
    program = (str(BUILD / "mailwarden"), "serve")


class Serve(Case):
    def serve(self, config="", *more):
        path = self.folder / "mailwarden.yaml"
        path.write_text(config)
        server = Server("--state", self.state, "--config", path, *more, "--listen",
                        "127.0.0.1:0")
        self.addCleanup(server.kill)
        server.wait_for("listening port=")
        self.port = int(server.said().split("listening port=")[1].split()[0])
        return server

    def serve_writable(self):
        token = self.folder / "token"
        token.write_text(TOKEN + "\n")
        token.chmod(0o600)
        return self.serve(f"web: {{token_file: {token}, hosts: [mail.example.org]}}\n")

    def ask(self, path, method="GET", body=None, host="localhost", **headers):
        """(status, headers, body)"""
        link = http.client.HTTPConnection("127.0.0.1", self.port,
                                          timeout=support.PATIENCE_S)
        try:
            link.putrequest(method, path, skip_host=True)
            for value in [host] if isinstance(host, str) else host:
                link.putheader("Host", value)
            for name, value in headers.items():
                link.putheader(name.replace("_", "-"), value)
            data = None if body is None else body.encode()
            if data is not None:
                link.putheader("Content-Length", str(len(data)))
            link.endheaders(data)
            answer = link.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            link.close()

    def get(self, path, status=200, **headers):
        found, _, body = self.ask(path, **headers)
        self.assertEqual(found, status, body)
        return json.loads(body)

    def said(self, *words):
        done = mailwarden(*words, "--state", self.state)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.decode().splitlines()]

    def ack(self, incident, status, token=TOKEN, body='{"who":"ann","note":"on it"}',
            kind="application/json", **more):
        headers = {"Content_Type": kind, **more}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        found, _, text = self.ask(f"/api/v1/incidents/{incident}/ack", "POST", body,
                                  **headers)
        self.assertEqual(found, status, text)
        return json.loads(text)


class Answers(Serve):
    def setUp(self):
        super().setUp()
        generate_recent(self.log, 3000, 5)
        with open(self.log, "a") as log:
            log.write(blocked(1))
        self.run_once()

    def test_same_as_the_commands(self):
        self.serve()
        open_now = self.said("incidents", "--json")
        self.assertGreater(len(open_now), 0)
        self.assertEqual(self.get("/api/v1/incidents")["incidents"], open_now)
        self.assertEqual(self.get("/api/v1/incidents?state=recent")["incidents"],
                         self.said("incidents", "--all", "--json"))
        one = open_now[0]["id"]
        self.assertEqual([self.get(f"/api/v1/incidents/{one}")],
                         self.said("show", "--json", one))
        self.assertEqual([self.get("/api/v1/status")], self.said("status", "--json"))
        self.assertEqual(self.get("/api/v1/trace?q=4bXkWz000001")["messages"],
                         self.said("trace", "--json", "4bXkWz000001"))

    def test_figures_agree_with_status(self):
        self.serve()
        end = int(time.time()) + 2 * 86400
        figures = self.get(f"/api/v1/figures?from={end - 9 * 86400}&until={end}")
        lines = self.get(f"/api/v1/lines?what=volume&from={end - 9 * 86400}&until={end}")
        status = self.get("/api/v1/status")["outcomes"]
        sums = {line["name"]: sum(line["values"]) for line in lines["lines"]}
        for name in ("deferred", "bounced", "expired"):
            here = figures["out"]["outcomes"][name] + figures["local"][name]
            self.assertEqual(here, status[name], name)
        self.assertEqual(figures["rejects"], status["rejected"])
        self.assertEqual({len(line["values"]) for line in lines["lines"]},
                         {len(lines["time"])})
        for name in ("deferred", "bounced", "expired", "rejected"):
            self.assertEqual(sums[name], status[name], name)
        for what in ("providers", "failed", "delay", "tls", "logins"):
            self.assertTrue(self.get(f"/api/v1/lines?what={what}")["lines"], what)

    def test_answers_are_as_new_as_the_store(self):
        """They are kept until it changes, and no longer."""
        self.serve()
        end = int(time.time()) + 2 * 86400
        paths = [f"/api/v1/figures?from={end - 9 * 86400}&until={end}",
                 f"/api/v1/lines?what=out&from={end - 9 * 86400}&until={end}"]
        for n in range(2, 5):
            before = [self.get(path) for path in paths]
            self.assertEqual([self.get(path) for path in paths], before)
            with open(self.log, "a") as log:
                log.write(blocked(n))
            self.run_once()
            figures, lines = (self.get(path) for path in paths)
            self.assertEqual(figures["out"]["outcomes"]["bounced"],
                             before[0]["out"]["outcomes"]["bounced"] + 1)
            sums = [{line["name"]: sum(line["values"]) for line in answer["lines"]}
                    for answer in (before[1], lines)]
            self.assertEqual(sums[1]["bounced"], sums[0]["bounced"] + 1)
        # Another span, step or line is another answer.
        self.assertNotEqual(self.get(paths[1] + "&step=86400"), lines)
        self.assertNotEqual(self.get(paths[1].replace("what=out", "what=failed")), lines)
        self.assertNotEqual(self.get(f"/api/v1/figures?from={end - 9 * 86400}"), figures)

    def test_wrong_questions(self):
        self.serve()
        for path in ("lines", "lines?what=x", "lines?what=volume&from=2&until=1",
                     "lines?what=volume&from=x", "figures?from=%zz", "figures?from=1&from=2",
                     "figures?until=99999999999999999999", "incidents?state=closed", "trace",
                     "trace?q=", "trace?q=%00", "trace?q=" + "a" * 600):
            self.assertIn("error", self.get(f"/api/v1/{path}", 400), path)
        for path in ("/api/v1/incidents/ffffffffffff", "/api/v1/incidents/..%2f", "/x",
                     "/page.nope", "/../mailwarden.yaml", "/api/v1/", "/etc/passwd"):
            self.assertIn("error", self.get(path, 404), path)
        self.assertEqual(self.ask("/api/v1/trace?q=" + "a" * 3000)[0], 414)

    def test_health(self):
        self.serve()
        self.assertEqual(self.get("/api/v1/health")["verdict"], "blind")
        self.assertEqual(self.ask("/healthz")[0], 503)
        self.daemon().wait_for("watching")
        self.assertEqual(self.get("/api/v1/health")["verdict"], "critical")
        self.assertEqual(self.ask("/healthz")[::2], (200, "ok\n"))

    def test_headers(self):
        self.serve()
        for path in ("/", "/api/v1/health", "/metrics", "/nope"):
            headers = self.ask(path)[1]
            for name, value in GUARD.items():
                self.assertEqual(headers[name], value, path)
            policy = headers["Content-Security-Policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertNotIn("unsafe", policy)
            self.assertIsNone(headers["Access-Control-Allow-Origin"])
        self.assertEqual(self.ask("/api/v1/health")[1]["Cache-Control"], "no-store")
        self.assertEqual(self.ask("/", "HEAD")[2], "")

    def test_store_comes_and_is_made_anew(self):
        self.serve()
        moved = self.state.with_suffix(".old")
        self.state.rename(moved)
        self.assertIn("error", self.get("/api/v1/status", 503))
        self.log.write_text(blocked(2))
        for ending in ("-wal", "-shm"):
            pathlib.Path(f"{self.state}{ending}").unlink(missing_ok=True)
        self.run_once()
        self.assertEqual(self.get("/api/v1/status")["outcomes"]["bounced"], 1)


class Refusals(Serve):
    def setUp(self):
        super().setUp()
        self.log.write_text(blocked(1))
        self.run_once()

    def test_host(self):
        self.serve_writable()
        for host in ("localhost", "LOCALHOST:8025", "127.0.0.1", "127.1.2.3:1", "[::1]:8025",
                     "mail.example.org", "Mail.Example.org:443"):
            self.assertEqual(self.ask("/healthz", host=host)[0], 503, host)
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example",
                     "x@localhost", "[::2]", "mail.example.org.", "127.0.0.1:x", "::1"):
            self.assertEqual(self.ask("/healthz", host=host)[0], 421, host)
        self.assertIn(self.ask("/healthz", host=["localhost", "evil.example"])[0], (400, 421))
        self.assertIn(self.ask("/healthz", host=[])[0], (400, 421))

    def test_other_sites(self):
        self.serve_writable()
        for path in ("/api/v1/status", "/metrics", "/api/v1/stream"):
            self.assertEqual(self.ask(path, Origin="http://evil.example")[0], 403)
            self.assertEqual(self.ask(path, Origin="null")[0], 403)
            self.assertEqual(self.ask(path, Sec_Fetch_Site="cross-site")[0], 403)
        self.assertEqual(self.ask("/api/v1/status", Origin="http://localhost")[0], 200)
        self.assertEqual(self.ask("/", Sec_Fetch_Site="cross-site")[0], 200)

    def test_methods(self):
        self.serve_writable()
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
            self.assertEqual(self.ask("/api/v1/status", method)[0], 405, method)
        status, headers, _ = self.ask("/api/v1/incidents/abc/ack")
        self.assertEqual((status, headers["Allow"]), (405, "POST"))

    def test_acknowledge(self):
        self.serve_writable()
        incident = self.said("incidents", "--json")[0]["id"]
        self.ack(incident, 401, token=None)
        for wrong in ("", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é" * 9, TOKEN * 2):
            self.ack(incident, 401, token=wrong)
        self.ack(incident, 403, Origin="http://evil.example")
        self.ack(incident, 415, kind="text/plain")
        self.ack(incident, 415, kind="application/x-www-form-urlencoded")
        self.ack(incident, 413, body=json.dumps({"note": "x" * 9000}))
        for wrong in ("", "[]", "{", '{"who":1}', '{"note":"a\\u0000b"}', '{"note":"\\u001b["}',
                      json.dumps({"who": "x" * 101}), json.dumps({"note": "x" * 1001}),
                      "[" * 4000, '{"who":"a"} x'):
            self.ack(incident, 400, body=wrong)
        self.ack("ffffffffffff", 404)
        self.assertNotIn("acknowledged", self.said("show", "--json", incident)[0])
        note = "--undo $(reboot); <b>asked</b> them"
        answer = self.ack(incident, 200, body=json.dumps({"who": "--help", "note": note}))
        self.assertEqual(answer["acknowledged"]["who"], "--help")
        self.assertEqual(answer["acknowledged"]["note"], note)
        self.assertEqual([answer], self.said("show", "--json", incident))

    def test_nothing_may_be_written_without_a_token_file(self):
        self.serve()
        incident = self.said("incidents", "--json")[0]["id"]
        self.ack(incident, 403)
        self.ack(incident, 403, token="")
        self.assertFalse(self.get("/api/v1/health")["writes"])

    def fails(self, config, words, *more, code=1):
        path = self.folder / "bad.yaml"
        path.write_text(config)
        done = mailwarden("serve", "--state", self.state, "--config", path, *more)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(words, done.stderr.decode())

    def test_start(self):
        token = self.folder / "token"
        token.write_text(TOKEN)
        token.chmod(0o644)
        self.fails(f"web: {{token_file: {token}}}\n", "chmod 600", code=3)
        for where in ("0.0.0.0:0", "[::]:0", "192.0.2.1:80"):
            self.fails("", "others could read", "--listen", where)
        self.fails("", "expected ADDRESS:PORT", "--listen", "8025")
        self.fails("", "a full path", "--listen", "unix:web.sock")
        self.serve()
        self.fails("", "Address already in use", "--listen", f"127.0.0.1:{self.port}")
        self.fails("web: {listen: 127.0.0.1}\n", "must be ADDRESS:PORT", code=3)

    def test_unix_socket(self):
        place = self.folder / "web.sock"
        server = Server("--state", self.state, "--config", "/dev/null", "--listen",
                        f"unix:{place}")
        self.addCleanup(server.kill)
        server.wait_for("listening unix=")
        self.assertEqual(place.stat().st_mode & 0o777, 0o660)
        link = socket.socket(socket.AF_UNIX)
        self.addCleanup(link.close)
        link.connect(str(place))
        link.sendall(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        self.assertIn(b"200 OK", link.recv(4096))
        self.assertEqual(server.stop(), 0)
        self.assertFalse(place.exists())


class Stream(Serve):
    def open_stream(self, path="/api/v1/stream", **headers):
        link = http.client.HTTPConnection("127.0.0.1", self.port,
                                          timeout=support.PATIENCE_S)
        self.addCleanup(link.close)
        link.request("GET", path, headers=headers)
        answer = link.getresponse()
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], "text/event-stream")
        return answer

    @staticmethod
    def frames(answer):
        frame = {}
        for line in iter(answer.readline, b""):
            text = line.decode().rstrip("\n")
            if text == "" and frame:
                yield frame
                frame = {}
            elif text and not text.startswith(":"):
                key, value = text.split(": ", 1)
                frame[key] = value

    def until(self, frames, event):
        for frame in frames:
            if frame.get("event") == event:
                return frame
        self.fail(f"the stream ended without {event}")

    def test_told_as_it_happens_and_resumed(self):
        self.log.write_text("")
        daemon = self.daemon()
        daemon.wait_for("watching")
        self.serve()
        frames = self.frames(self.open_stream())
        self.until(frames, "status")
        with open(self.log, "a") as log:
            log.write(blocked(1))
        event = self.until(frames, "event")
        self.assertEqual(json.loads(event["data"])["id"], event["id"])
        incident = json.loads(self.until(frames, "incident")["data"])
        self.assertEqual(json.loads(self.until(frames, "status")["data"])["verdict"],
                         "critical")
        printed = self.said("events", "--json", "--since", event["id"])
        self.assertIn(incident, printed)
        for again in (self.open_stream(**{"Last-Event-ID": event["id"]}),
                      self.open_stream(f"/api/v1/stream?since={event['id']}")):
            self.assertEqual(json.loads(self.until(self.frames(again), "incident")["data"]),
                             incident)
        # An id of no store is not an error: it goes on from now.
        self.until(self.frames(self.open_stream(**{"Last-Event-ID": "nonsense"})), "status")

    def test_more_than_is_sent_at_once(self):
        """It pauses now and then, and leaves nothing out."""
        self.log.write_text(blocked(1))
        self.daemon().wait_for("watching")
        self.serve()
        frames = self.frames(self.open_stream())
        self.until(frames, "status")
        generate_recent(self.log.with_suffix(".more"), 6000, 12)
        with open(self.log, "a") as log:
            log.write(self.log.with_suffix(".more").read_text(errors="surrogateescape"))
        wait_until(lambda: support.lines_read(self.state) > 6000, "the watcher took all")
        first = self.until(frames, "event")["id"]
        wanted = [row["id"] for row in self.said("events", "--json", "--since", first)]
        self.assertGreater(len(wanted), 500)
        told = []
        for frame in frames:
            if "id" in frame:
                told.append(frame["id"])
            if len(told) == len(wanted):
                break
        self.assertEqual(told, wanted)

    def test_bounded(self):
        self.log.write_text(blocked(1))
        self.run_once()
        server = self.serve()
        streams = [self.open_stream() for _ in range(32)]
        self.assertEqual(self.ask("/api/v1/stream")[0], 503)
        self.assertEqual(self.ask("/metrics")[0], 200)
        self.assertEqual(server.stop(), 0)
        del streams


class Slow(Serve):
    """What takes long holds nobody else up."""

    def setUp(self):
        super().setUp()
        self.log.write_text(blocked(1))
        self.run_once()
        self.pool = concurrent.futures.ThreadPoolExecutor(8)
        self.addCleanup(self.pool.shutdown)

    def others_are_answered(self, waiting):
        """Each while the slow ones are under way: none of these may have to wait for them."""
        for path in ("/healthz", "/api/v1/health", "/api/v1/status", "/metrics"):
            self.assertIn(self.ask(path)[0], (200, 503), path)
        self.assertFalse([w for w in waiting if w.done()])

    def lock_store(self):
        lock = sqlite3.connect(self.state, timeout=support.PATIENCE_S, isolation_level=None)
        self.addCleanup(lock.close)
        lock.execute("BEGIN IMMEDIATE")
        return lock

    def ack_later(self, incident, note):
        return self.pool.submit(self.ask, f"/api/v1/incidents/{incident}/ack", "POST",
                                json.dumps({"note": note}), Content_Type="application/json",
                                Authorization=f"Bearer {TOKEN}")

    def test_ack_while_somebody_writes(self):
        server = self.serve_writable()
        incident = self.said("incidents", "--json")[0]["id"]
        lock = self.lock_store()
        waiting = [self.ack_later(incident, "one"), self.ack_later(incident, "two"),
                   self.ack_later(incident, "three")]
        server.until(lambda: len(server.children()) == 3, "three acknowledge")
        # One more is not waited for.
        status, headers, _ = self.ack_later(incident, "four").result(support.PATIENCE_S)
        self.assertEqual(status, 503)
        self.assertGreater(int(headers["Retry-After"]), 0)
        self.others_are_answered(waiting)
        lock.execute("ROLLBACK")
        answers = [w.result(support.PATIENCE_S) for w in waiting]
        self.assertEqual([a[0] for a in answers], [200] * 3, answers)
        self.assertIn(json.loads(answers[0][2])["acknowledged"]["note"],
                      ("one", "two", "three"))
        self.assertEqual(server.stop(), 0)

    @staticmethod
    def stopped(child):
        """False: it was not the program yet, or not any more."""
        place = pathlib.Path(f"/proc/{child}")

        def state():
            return (place / "stat").read_text().rsplit(")", 1)[1].split()[0]

        try:
            if b"--trace" not in (place / "cmdline").read_bytes():
                return False
            os.kill(child, signal.SIGSTOP)
            wait_until(lambda: state() in "TZ", "it stops")
            return state() == "T"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def trace_that_stands(self, server):
        """Its answer, to come, and the process that is to make it, which was stopped."""
        while True:
            answer = self.pool.submit(self.ask, "/api/v1/trace?q=joe@hotmail.com")
            while not answer.done():
                for child in server.children():
                    if self.stopped(child):
                        return answer, child
            self.assertEqual(answer.result()[0], 200)  # too fast for us: once more

    def test_trace(self):
        server = self.serve()
        answer, child = self.trace_that_stands(server)
        self.others_are_answered([answer])
        os.kill(child, signal.SIGCONT)
        status, _, body = answer.result(support.PATIENCE_S)
        self.assertEqual(status, 200, body)
        self.assertEqual(json.loads(body)["messages"],
                         self.said("trace", "--json", "joe@hotmail.com"))

    def test_trace_that_never_ends(self):
        server = self.serve()
        answer, _ = self.trace_that_stands(server)
        status, headers, body = answer.result(support.PATIENCE_S)
        self.assertEqual(status, 503, body)
        self.assertIn("too long", json.loads(body)["error"])
        self.assertIsNotNone(headers["Retry-After"])
        self.assertEqual(server.children(), [])

    def test_end_while_they_are_under_way(self):
        server = self.serve()
        answer, child = self.trace_that_stands(server)
        self.assertEqual(server.stop(), 0)
        self.assertFalse(pathlib.Path(f"/proc/{child}").exists())
        try:
            self.assertEqual(answer.result(support.PATIENCE_S)[0], 503)
        except (ConnectionError, http.client.HTTPException):
            pass  # it was gone before its answer could be sent


class Metrics(Serve):
    def scrape(self, **headers):
        status, answered, text = self.ask("/metrics", **headers)
        self.assertEqual(status, 200)
        samples = dict(line.rsplit(" ", 1) for line in text.splitlines()
                       if not line.startswith("#"))
        return answered["Content-Type"], text, {k: float(v) for k, v in samples.items()}

    def outcomes(self, samples, outcome):
        return sum(v for k, v in samples.items() if f'outcome="{outcome}"' in k and
                   k.startswith(("mailwarden_delivery_attempts_total",
                                 "mailwarden_local_deliveries_total")))

    def test_counts_what_came_since_the_start(self):
        self.log.write_text(blocked(1))
        self.run_once()
        self.serve()
        before = self.scrape()[2]
        self.assertEqual(self.outcomes(before, "bounced"), 0)
        generate_recent(self.log.with_suffix(".more"), 2000, 9)
        with open(self.log, "a") as log:
            log.write(self.log.with_suffix(".more").read_text(errors="surrogateescape"))
        self.run_once()
        after = self.scrape()[2]
        status = self.status()["outcomes"]
        self.assertEqual(self.outcomes(after, "bounced"), status["bounced"] - 1)
        self.assertEqual(self.outcomes(after, "deferred"), status["deferred"])
        self.assertEqual(sum(v for k, v in after.items()
                             if k.startswith("mailwarden_rejects_total")), status["rejected"])
        self.assertEqual([k for k in before if "_total" in k and after[k] < before[k]], [])
        self.assertEqual(after['mailwarden_open_incidents{severity="critical"}'],
                         self.status()["critical_incidents"])

    def test_no_addresses_in_labels(self):
        generate_recent(self.log, 3000, 3)
        self.run_once()
        self.serve()
        text = self.scrape()[1]
        self.assertNotIn("@", text.replace("`", ""))
        self.assertLess(len(text.splitlines()), 1500)

    def test_formats(self):
        self.log.write_text(blocked(1))
        self.run_once()
        self.serve()
        kind, text, _ = self.scrape(Accept="application/openmetrics-text;version=1.0.0,*/*")
        self.assertIn("openmetrics-text; version=1.0.0", kind)
        self.assertTrue(text.endswith("# EOF\n"))
        kind, text, _ = self.scrape(Accept="text/plain;version=0.0.4")
        self.assertIn("text/plain; version=0.0.4", kind)
        self.assertNotIn("# EOF", text)
        try:
            done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                                  capture_output=True, timeout=60)
        except FileNotFoundError:
            self.skipTest("promtool is not installed")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)


class Hostile(Serve):
    def setUp(self):
        super().setUp()
        self.log.write_text(blocked(1))

    def raw(self, data):
        link = socket.create_connection(("127.0.0.1", self.port), support.PATIENCE_S)
        try:
            link.sendall(data)
            link.shutdown(socket.SHUT_WR)
            while link.recv(65536):
                pass
        except ConnectionError:
            pass
        except OSError as fault:
            if fault.errno != errno.ENOTCONN:  # reset before we had said all
                raise
        finally:
            link.close()

    def test_garbage(self):
        self.run_once()
        server = self.serve_writable()
        number = support.seed()
        dice = random.Random(number)
        good = (b"POST /api/v1/incidents/abc/ack HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                b"Bearer " + TOKEN.encode() + b"\r\nContent-Type: application/json\r\n"
                b"Content-Length: 2\r\n\r\n{}")
        cases = [b"", b"\0" * 100, b"\r\n" * 500, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                 b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5000 + b"\r\n",
                 b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 b"GET /%00%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01" * 20,
                 good.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked"),
                 good.replace(b"Content-Length: 2", b"Content-Length: -1"),
                 good.replace(b"Content-Length: 2", b"Content-Length: 99999999999999999999")]
        for _ in range(200):
            broken = bytearray(good)
            for _ in range(dice.randrange(1, 8)):
                broken[dice.randrange(len(broken))] = dice.randrange(256)
            cases.append(bytes(broken[:dice.randrange(1, len(broken) + 1)]))
        # Side by side: some wait for what never comes, until the server cuts them off.
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            list(pool.map(self.raw, cases))
        self.assertIsNone(server.process.poll(), f"seed {number}\n{server.said()}")
        self.assertEqual(self.ask("/metrics")[0], 200)

    def test_slow_and_half_open(self):
        """They hold nothing but their connection: others are answered meanwhile."""
        self.run_once()
        server = self.serve()
        links = []
        for data in [b"GET / HT", b"", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n",
                     b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"] * 40:
            link = socket.create_connection(("127.0.0.1", self.port), support.PATIENCE_S)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            link.sendall(data)
            links.append(link)
        self.assertEqual(self.ask("/api/v1/status")[0], 200)
        # Idle ones are cut off in the end, by the server.
        links[1].settimeout(support.PATIENCE_S)
        self.assertEqual(links[1].recv(100), b"")
        for link in links:
            link.close()
        self.assertEqual(server.stop(), 0)

    def test_many_at_once_while_the_watcher_works(self):
        daemon = self.daemon()
        daemon.wait_for("watching")
        wait_until(lambda: self.state.exists(), "a store")
        self.serve()
        paths = ["/", "/metrics", "/api/v1/status", "/api/v1/incidents", "/api/v1/figures",
                 "/api/v1/lines?what=volume", "/api/v1/trace?q=joe@hotmail.com", "/healthz"]
        truth = generate_recent(self.log.with_suffix(".more"), 3000, 11)
        with open(self.log, "a") as log:
            log.write(self.log.with_suffix(".more").read_text(errors="surrogateescape"))
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            answers = list(pool.map(lambda n: self.ask(paths[n % len(paths)])[0], range(400)))
        for n, path in enumerate(paths):
            # Of searches a few are made at a time.
            self.assertLessEqual(set(answers[n::len(paths)]),
                                 {200, 503} if "trace" in path else {200}, path)
        wanted = support.truth_outcomes(truth)
        wait_until(lambda: self.status()["outcomes"]["deferred"] == wanted["deferred"],
                   "the watcher took all")
        self.assertEqual(daemon.stop(), 0)


if __name__ == "__main__":
    if not os.access(BUILD / "mailwarden-web", os.X_OK):
        print("skipped: mailwarden-web is not built")
        sys.exit(77)
    unittest.main(verbosity=1, warnings="ignore")
