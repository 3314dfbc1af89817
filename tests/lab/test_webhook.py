#!/usr/bin/python3
"""The webhook and heartbeat channels against real HTTPS servers on loopback: answers good
and bad, servers that go away, certificates, signatures."""

import hashlib
import hmac
import json
import pathlib
import re
import subprocess
import sys
import threading
import time
import unittest
from email.utils import formatdate

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from webhook_case import HELPER, SIGNING, TOKEN, Case  # noqa: E402
from http_server import Answer, HttpServer, RawServer, read_request  # noqa: E402


class Answers(Case):
    def hook(self, server, path="/hooks/abc?key=abc", **more):
        return {"url": server.address(path), **more}

    def test_accepted(self):
        for status in (200, 201, 202, 204):
            with self.tls_server(Answer(status)) as server:
                self.check(self.send(self.hook(server)), "accepted")

    def test_statuses(self):
        want = {400: "refused", 401: "login", 403: "login", 404: "refused", 407: "login",
                408: "retry", 410: "refused", 413: "refused", 425: "retry", 429: "retry",
                500: "retry", 502: "retry", 503: "retry", 504: "retry", 599: "retry"}
        body = "<b>bad \x1b[31m \x00 thing \u202e</b>\r\nsecond"
        with self.tls_server(*[Answer(status, body=body) for status in want]) as server:
            for status, result in want.items():
                row = self.send(self.hook(server))
                self.check(row, result, f"https://localhost:{server.port}", str(status),
                           "bad \\x1b[31m", "second")
                self.assertFalse(row["uncertain"])

    def test_what_it_says_is_cut_and_holds_no_secret(self):
        echo = Answer(400, body=f"no {TOKEN} at /hooks/abc?key=abc " + "x" * 5000)
        with self.tls_server(echo) as server:
            row = self.send(self.hook(server, token_file=str(self.home / "token")))
            self.check(row, "refused", "[hidden]", "...")
            self.assertLess(len(row["reason"]), 450)

    def test_retry_after(self):
        at = 1795248000
        later = formatdate(at + 120, usegmt=True)
        cases = [(429, "30", 30), (503, "45", 45), (429, later, 120),
                 (429, formatdate(at - 5, usegmt=True), 0), (429, "soon", 0),
                 (429, "-5", 0), (429, "99999999", 3600), (429, "", 0), (400, "30", 0),
                 (500, "30", 0)]
        answers = [Answer(status, [("Retry-After", value)]) for status, value, _ in cases]
        with self.tls_server(*answers, date=formatdate(at, usegmt=True)) as server:
            for status, value, want in cases:
                row = self.send(self.hook(server))
                self.assertEqual(row["retry_after"], want, (status, value))
        with self.tls_server(Answer(429, body='{"message":"slow","retry_after":2.5}'),
                             Answer(429, body='{"errcode":"M_LIMIT_EXCEEDED",'
                                              '"retry_after_ms":4000}'),
                             Answer(429, body='{"retry_after":-1}'),
                             Answer(429, body='{"retry_after":"x"')) as server:
            for want in (2, 4, 0, 0):
                self.assertEqual(self.send(self.hook(server))["retry_after"], want)

    def test_the_same_key_comes_again(self):
        with self.tls_server(Answer(500), Answer(200)) as server:
            rows = self.run_send("webhook", self.hook(server), "--times", "2")
            self.assertEqual([row["result"] for row in rows], ["retry", "accepted"])
            first, second = server.requests
            self.assertEqual(first.headers["Idempotency-Key"],
                             second.headers["Idempotency-Key"])
            self.assertEqual(first.body, second.body)

    def test_redirects_are_told(self):
        for status in (301, 302, 307, 308):
            with self.tls_server() as other:
                answer = Answer(status, [("Location", other.address("/hooks/new?k=v"))])
                with self.tls_server(answer) as server:
                    row = self.send(self.hook(server))
                    self.check(row, "refused", "wrong address",
                               f"https://localhost:{other.port};")
                    self.assertNotIn("k=v", row["reason"])
                self.assertEqual(other.requests, [])

    def test_signature(self):
        before = int(time.time())
        with self.tls_server() as server:
            self.check(self.send(self.hook(server, signing_file=str(self.home / "signing"))),
                       "accepted")
            (request,) = server.requests
            header = request.headers["X-Mailwarden-Signature"]
            match = re.fullmatch("t=([0-9]+),v1=([0-9a-f]{64})", header)
            self.assertLessEqual(abs(int(match[1]) - before), 60)
            want = hmac.new(SIGNING.encode(), match[1].encode() + b"." + request.body,
                            hashlib.sha256).hexdigest()
            self.assertTrue(hmac.compare_digest(match[2], want))

    def test_address_from_a_file(self):
        with self.tls_server() as server:
            secret = self.home / "address"
            secret.write_text(server.address("/hooks/secret?key=abc") + "\n")
            secret.chmod(0o600)
            self.check(self.send({"url_file": str(secret)}), "accepted")
            self.assertEqual(server.requests[0].path, "/hooks/secret?key=abc")
            secret.chmod(0o644)
            self.check(self.send({"url_file": str(secret)}), "login", "chmod 600")
            secret.chmod(0o600)
            secret.write_text("ftp://localhost/hooks/abc\n")
            self.check(self.send({"url_file": str(secret)}), "login", "https://host/path")

    def test_token_that_is_two_headers(self):
        token = self.home / "two"
        token.write_bytes(b"abc\rX-Evil: 1")
        token.chmod(0o600)
        with self.tls_server() as server:
            row = self.send(self.hook(server, token_file=str(token)))
            self.check(row, "login")
            self.assertEqual(server.requests, [])

    def test_plain_http(self):
        with HttpServer() as server:
            self.check(self.send(self.hook(server)), "accepted")

    def test_environment_is_ignored(self):
        (self.home / ".netrc").write_text("machine localhost login a password b\n")
        env = {"http_proxy": "http://localhost:1", "https_proxy": "http://localhost:1",
               "ALL_PROXY": "http://localhost:1", "HOME": str(self.home),
               "SSL_CERT_FILE": "/dev/null"}
        with self.tls_server() as server:
            self.check(self.send(self.hook(server), env=env), "accepted")
            self.assertIsNone(server.requests[0].headers["Authorization"])


class Faults(Case):
    def hook(self, server, **more):
        return {"url": server.address("/hooks/abc?key=abc"), **more}

    def test_certificates(self):
        want = {"other": "for another host name", "unknown": "unknown authority",
                "expired": "has expired"}
        for cert, words in want.items():
            with self.tls_server(cert=cert) as server:
                row = self.send(self.hook(server))
                self.check(row, "retry", words, f"https://localhost:{server.port}: ")
                self.assertFalse(row["uncertain"])
                self.assertEqual(server.requests, [])

    def test_without_ca_file_the_systems_count(self):
        with self.tls_server() as server:
            config = self.config("webhook", self.hook(server))
            done = subprocess.run([str(HELPER), "--config", str(config), "--channel",
                                   "hook"], capture_output=True, timeout=60)
            row = json.loads(done.stdout)
            self.check(row, "retry", "unknown authority", "ca_file")

    def test_ca_file_that_is_none(self):
        path = self.home / "none.pem"
        path.write_text("nothing\n")
        with self.tls_server() as server:
            self.check(self.send(self.hook(server, ca_file=str(path))), "login",
                       str(path))

    def test_no_tls_there(self):
        with HttpServer() as server:
            self.check(self.send({"url": f"https://localhost:{server.port}/"}), "retry",
                       "does not speak TLS")

    def test_names_and_ports(self):
        row = self.send({"url": "https://no-such-host.invalid/hooks/abc"})
        self.check(row, "retry", "https://no-such-host.invalid:443: ")
        # The latter where no name server can be reached at all.
        self.assertRegex(row["reason"], "not found in DNS|no name server answered")
        with HttpServer() as server:
            port = server.port
        self.check(self.send({"url": f"https://localhost:{port}/hooks/abc"}), "retry",
                   "Connection refused")

    def test_slow(self):
        never = threading.Event()
        self.addCleanup(never.set)
        with self.tls_server(Answer(200, wait=never)) as server:
            row = self.send(self.hook(server, timeout="2s"))
            self.check(row, "retry", "no answer in time")
            self.assertTrue(row["uncertain"])
            self.assertLess(row["seconds"], 5)
            never.set()

    def test_handshake_that_stalls(self):
        done = threading.Event()
        self.addCleanup(done.set)
        with RawServer(lambda connection: done.wait(30)) as server:
            row = self.send({"url": f"https://localhost:{server.port}/", "timeout": "2s"})
            self.check(row, "retry", "no answer")
            self.assertFalse(row["uncertain"])
            self.assertLess(row["seconds"], 5)
            done.set()

    def test_answer_in_drops(self):
        """The status is there, and is what counts; the limit holds."""
        stop = threading.Event()
        self.addCleanup(stop.set)

        def drip(connection):
            read_request(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not stop.wait(0.05):
                connection.sendall(b"x")

        with RawServer(drip, self.pki.context("good")) as server:
            row = self.send(self.hook(server, timeout="2s"))
            self.check(row, "accepted")
            self.assertLess(row["seconds"], 5)
            stop.set()

    def test_huge_answers(self):
        huge = "x" * (1 << 20)
        headers = [(f"X-Filler-{i}", "y" * 4000) for i in range(90)]
        answers = [Answer(200, body=huge), Answer(400, body=huge),
                   Answer(200, headers, "ok"), Answer(500, body=huge)]
        with self.tls_server(*answers) as server:
            self.check(self.send(self.hook(server)), "accepted")
            self.check(self.send(self.hook(server)), "refused", "xxx...")
            self.check(self.send(self.hook(server)), "accepted")
            self.check(self.send(self.hook(server)), "retry", "500")

    def test_endless_answer(self):
        def pour(connection):
            read_request(connection)
            connection.sendall(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.sendall(b"10000\r\n" + b"z" * 65536 + b"\r\n")

        with RawServer(pour, self.pki.context("good")) as server:
            row = self.send(self.hook(server))
            self.check(row, "retry", "500", "zzz")
            self.assertLess(row["seconds"], 10)

    def test_lost_after_the_request(self):
        for context in (None, self.pki.context("good")):
            with RawServer(read_request, context) as server:
                row = self.send(self.hook(server))
                self.check(row, "retry", "may have taken it")
                self.assertTrue(row["uncertain"])

    def test_lost_before_the_request(self):
        with RawServer(lambda connection: None) as server:
            row = self.send({"url": f"https://localhost:{server.port}/"})
            self.check(row, "retry")
            self.assertFalse(row["uncertain"])

    def test_no_web_server_there(self):
        def greet(connection):
            connection.sendall(b"220 mail.example.org ESMTP\r\n")
            read_request(connection)

        with RawServer(greet) as server:
            self.check(self.send({"url": f"http://localhost:{server.port}/"}), "retry",
                       "no web server")


class Heartbeat(Case):
    def beat(self, settings, *more):
        (row,) = self.run_send("heartbeat", {"every": "5m", **settings}, "--sample", "test",
                               *more)
        return row

    def test_beats(self):
        with self.tls_server(Answer(200, body="OK")) as server:
            self.check(self.beat({"url": server.address("/hooks/uuid")}), "accepted")
            (request,) = server.requests
            self.assertEqual((request.method, request.path), ("GET", "/hooks/uuid"))
            self.assertEqual(request.headers["User-Agent"], "mailwarden/0.1.0")
            self.assertEqual(request.body, b"")
            secret = self.home / "beat"
            secret.write_text(server.address("/hooks/other") + "\n")
            secret.chmod(0o600)
            self.check(self.beat({"url_file": str(secret)}), "accepted")
            self.assertEqual(server.requests[1].path, "/hooks/other")

    def test_faults(self):
        with self.tls_server(Answer(404, body="not found"), Answer(500)) as server:
            settings = {"url": server.address("/hooks/uuid")}
            self.check(self.beat(settings), "refused", "404", "is the address right")
            self.check(self.beat(settings), "retry", "500")
        with HttpServer() as server:
            port = server.port
        self.check(self.beat({"url": f"http://localhost:{port}/hooks/uuid"}), "retry",
                   "tell that we are alive to", "Connection refused")


if __name__ == "__main__":
    unittest.main()
