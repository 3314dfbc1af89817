#!/usr/bin/python3
"""How notify/relay logs in: mechanisms, secrets and where they must not show up, OAuth with
a real token endpoint over HTTPS, several relays in a row, addresses beyond ASCII.

Needs python3-aiosmtpd and openssl; without them the test is skipped (exit code 77).
"""

import base64
import json
import logging
import os
import pathlib
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from smtp_server import (PASSWORD, USER, AuthResult, ChallengeHandler,  # noqa: E402
                         Handler, Pki, Script, Server, TokenHandler)
from token_server import TokenServer, huge, slow  # noqa: E402

HELPER = pathlib.Path(os.environ["MAILWARDEN_BUILD"]) / "tests" / "relay_send"
MESSAGE = b"Subject: test\r\nMessage-ID: <a1@example.org>\r\n\r\nhello\r\n"

CLIENT_SECRET = "GOCSPX-client&secret+%"
REFRESH = "1//refresh-token/with+odd=characters"
TOKEN = "ya29." + "a0AfH6SMBx" * 30
TOKEN2 = "ya29." + "b1XXXXXXXy" * 30


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.holder.name)
        cls.pki = Pki(cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def secret(self, name, text, mode=0o600):
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.write_text(text + "\n")
        path.chmod(mode)
        return path

    def words(self, urls, more, login="password", to=("ops@example.org",),
              sender="warden@example.org", timeout=30):
        words = [str(HELPER), "--from", sender, "--timeout", str(timeout), "--ca-file",
                 self.pki.path("ca.pem")]
        for url in urls:
            words += ["--url", url]
        for address in to:
            words += ["--to", address]
        if login == "password":
            words += ["--user", USER, "--password-file",
                      str(self.secret("password", PASSWORD))]
        return [*words, *more]

    def run_helper(self, words, env=None, prefix=()):
        done = subprocess.run([*prefix, *words], input=MESSAGE, capture_output=True,
                              timeout=120, env={**os.environ, **(env or {})})
        self.assertEqual(done.stderr, b"")
        self.assertEqual(done.returncode, 0)
        for text in (PASSWORD, CLIENT_SECRET, REFRESH, TOKEN, TOKEN2, "rotated"):
            for form in (text, base64.b64encode(text.encode()).decode().rstrip("=")):
                self.assertNotIn(form, done.stdout.decode())
        self.last = json.loads(done.stdout)
        return self.last["result"], self.last["reason"] or self.last["warning"]

    def send(self, urls, *more, env=None, prefix=(), **options):
        return self.run_helper(self.words(urls, more, **options), env, prefix)

    def check(self, got, result, *parts):
        self.assertEqual(got[0], result, got[1])
        for part in parts:
            self.assertIn(part, got[1])
        if result == "accepted" and not parts:
            self.assertEqual(got[1], "")


def smtp(server):
    return f"smtp://localhost:{server.port}"


class Mechanisms(Base):
    def test_plain_before_cram_md5(self):
        handler = ChallengeHandler()
        with Server(handler, tls=self.pki.context("good")) as server:
            self.check(self.send([smtp(server)]), "accepted")
        self.assertEqual(len(handler.logins), 1)
        self.assertIn(handler.logins[0][0], ("PLAIN", "LOGIN"))

    def test_cram_md5_if_nothing_else_is_offered(self):
        handler = ChallengeHandler()
        with Server(handler, tls=self.pki.context("good"), mechanisms=[]) as server:
            self.check(self.send([smtp(server)]), "accepted")
        self.assertEqual(handler.logins, [("CRAM-MD5", True)])

    def test_cram_md5_refused(self):
        handler = ChallengeHandler()
        wrong = self.secret("wrong", "wrong")
        with Server(handler, tls=self.pki.context("good"), mechanisms=[]) as server:
            self.check(self.send([smtp(server)], "--user", USER, "--password-file",
                                 str(wrong), login=None),
                       "login", f"login as {USER} failed: 535 ", "user and password")
        self.assertEqual(handler.logins, [("CRAM-MD5", False)])

    def test_without_tls_never_the_password(self):
        handler = ChallengeHandler()
        with Server(handler) as server:
            self.check(self.send([smtp(server)], "--tls", "off"), "accepted")
        self.assertEqual(handler.logins, [("CRAM-MD5", True)])
        handler = Handler()
        with Server(handler) as server:
            self.check(self.send([smtp(server)], "--tls", "off"), "login",
                       f"no login as {USER}", "would show the password", "tls: required")
        self.assertEqual((handler.logins, handler.mails), ([], []))

    def test_nothing_in_common(self):
        def play(script, connection):
            connection.sendall(b"220 relay\r\n")
            script.expect(connection, b"250-relay\r\n250 AUTH GSSAPI DIGEST-MD5\r\n")
            script.read()

        with Script(play) as server:
            self.check(self.send([smtp(server)], "--tls", "off"), "login",
                       "AUTH GSSAPI DIGEST-MD5 only")
        self.assertNotIn(b"AUTH", {line[:4] for line in server.seen})

    def test_server_in_trouble_is_no_wrong_password(self):
        def play(script, connection):
            connection.sendall(b"220 relay\r\n")
            script.expect(connection, b"250-relay\r\n250 AUTH CRAM-MD5\r\n")
            script.expect(connection, b"454 4.7.0 Temporary authentication failure\r\n")
            script.read()

        with Script(play) as server:
            self.check(self.send([smtp(server)], "--tls", "off"), "retry",
                       "454 4.7.0 Temporary authentication failure")

    def test_server_that_repeats_what_it_was_sent(self):
        handler = Handler()
        word = "open-sesame"

        def authenticate(server, session, envelope, mechanism, data):
            both = f"\0{USER}\0{word}".encode()
            return AuthResult(success=False, handled=False, message=(
                f"535 5.7.8 no: {word} {base64.b64encode(word.encode()).decode()} "
                f"<{base64.b64encode(both).decode()}> for {USER}"))

        handler.authenticate = authenticate
        path = self.secret("other", word)
        with Server(handler, tls=self.pki.context("good")) as server:
            self.check(self.send([smtp(server)], "--user", USER, "--password-file",
                                 str(path), login=None),
                       "login", "535 5.7.8 no: [hidden] [hidden] <[hidden]> for " + USER)

class Secrets(Base):
    def program(self, text):
        path = self.folder / "program"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o700)
        return str(path)

    def with_program(self, server, *words):
        options = ["--user", USER]
        for word in words:
            options += ["--password-command", word]
        return self.send([smtp(server)], *options, login=None)

    def test_password_command(self):
        handler = Handler()
        program = self.program('[ "$1" = "a b" ] && printf "%s\\nsecond line\\n" '
                               "'" + PASSWORD + "'\n")
        with Server(handler, tls=self.pki.context("good")) as server:
            self.check(self.with_program(server, program, "a b"), "accepted")
        self.assertEqual(len(handler.mails), 1)

    def test_password_command_fails(self):
        handler = Handler()
        said = f"echo '{PASSWORD}' >&2; exit 3\n"
        with Server(handler, tls=self.pki.context("good")) as server:
            for text, part in ((said, "status 3"), ("exit 0\n", "it is empty"),
                               ("kill -9 $$\n", "status 137")):
                program = self.program(text)
                self.check(self.with_program(server, program), "login",
                           f"the program {program}", part)
            self.check(self.with_program(server, "/nonexistent/x"), "login",
                       "/nonexistent/x", "No such file")
        self.assertEqual((handler.logins, handler.mails), ([], []))

    LONG = "correct-horse-battery-staple-" * 8

    def look_at(self, words, *hidden):
        """Runs the helper until it has sent, and looks at it as others could."""
        read_end, write_end = os.pipe()
        process = subprocess.Popen(
            [*words, "--pause", str(read_end)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, pass_fds=(read_end,))
        try:
            process.stdin.write(MESSAGE)
            process.stdin.close()
            answer = json.loads(process.stdout.readline())
            self.assertEqual(answer["result"], "accepted", answer)
            proc = pathlib.Path("/proc") / str(process.pid)
            memory = b"" if self.is_sanitized() else self.memory(proc)
            if memory:
                self.assertTrue(b"ops@example.org" in memory)
            for text in hidden:
                for form in (text.encode(), text[-40:].encode(),
                             base64.b64encode(text.encode())[-40:]):
                    for name in ("cmdline", "environ"):
                        self.assertFalse(form in (proc / name).read_bytes(), name)
                    self.assertFalse(form in memory, "in memory: " + text[:8])
        finally:
            os.write(write_end, b"x")
            process.wait(30)
            process.stdout.close()
            os.close(read_end)
            os.close(write_end)

    def test_password_is_nowhere_to_be_seen(self):
        """Not in arguments, not in the environment, and in no memory once it is sent."""
        handler = Handler()
        handler.authenticate = lambda *_: AuthResult(success=True)
        path = self.secret("long", self.LONG)
        with Server(handler, tls=self.pki.context("good")) as server:
            self.look_at(self.words([smtp(server)], ["--user", USER, "--password-file",
                                                     str(path)], login=None), self.LONG)
        self.assertEqual(len(handler.mails), 1)

    def test_tokens_are_nowhere_to_be_seen(self):
        handler = TokenHandler([TOKEN])
        answer = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 1,
                  "refresh_token": "1//rotated-" + "0123456789" * 9}
        state = self.folder / "state"
        state.mkdir()
        with (TokenServer(self.pki.context("good"), (200, answer)) as tokens,
              Server(handler, tls=self.pki.context("good"), mechanisms=[]) as relay):
            self.look_at(self.words([smtp(relay)], [
                "--user", USER, "--token-url", tokens.url, "--client-id", "123.apps",
                "--client-secret", str(self.secret("client", CLIENT_SECRET * 4)),
                "--refresh-file", str(self.secret("refresh", REFRESH * 4)), "--token-ca",
                self.pki.path("ca.pem"), "--state", str(state)], login=None),
                REFRESH * 4, CLIENT_SECRET * 4)
        self.assertEqual(len(handler.mails), 1)

    @staticmethod
    def is_sanitized():
        return b"__asan_init" in HELPER.read_bytes()

    @staticmethod
    def memory(proc):
        kept = b""
        with open(proc / "mem", "rb", 0) as memory:
            for line in (proc / "maps").read_text().splitlines():
                place, rights, *_ = line.split()
                if not rights.startswith("rw"):
                    continue
                start, end = (int(x, 16) for x in place.split("-"))
                memory.seek(start)
                try:
                    kept += memory.read(end - start)
                except OSError:
                    pass
        return kept


class SeveralRelays(Base):
    def closed_port(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return listener.getsockname()[1]

    def test_next_one_if_unreachable(self):
        handler, dead = Handler(), self.closed_port()
        with Server(handler, tls=self.pki.context("good")) as server:
            self.check(self.send([f"smtp://localhost:{dead}", smtp(server)]), "accepted",
                       f"passed over: localhost:{dead}: cannot connect")
        self.assertEqual(len(handler.mails), 1)

    def test_next_one_for_each_kind_of_trouble(self):
        def refuses(script, connection):
            connection.sendall(b"554 5.3.2 not today\r\n")
            script.read()

        def stripped(script, connection):
            connection.sendall(b"220 relay\r\n")
            script.expect(connection, b"250 relay\r\n")
            script.read()

        for play, part in ((refuses, "554 5.3.2 not today"), (stripped, "no STARTTLS")):
            handler = Handler()
            with (Script(play) as first,
                  Server(handler, tls=self.pki.context("good")) as second):
                self.check(self.send([smtp(first), smtp(second)]), "accepted", part)
            self.assertEqual(len(handler.mails), 1)
        for name in ("expired", "other", "unknown"):
            handler, bad = Handler(), Handler()
            with (Server(bad, tls=self.pki.context(name)) as first,
                  Server(handler, tls=self.pki.context("good")) as second):
                self.check(self.send([smtp(first), smtp(second)]), "accepted",
                           "certificate")
            self.assertEqual((bad.logins, bad.mails, len(handler.mails)), ([], [], 1))

    def test_next_one_if_the_login_is_refused(self):
        picky, handler = Handler(), Handler()
        picky.authenticate = lambda *_: AuthResult(success=False, handled=False)
        with (Server(picky, tls=self.pki.context("good")) as first,
              Server(handler, tls=self.pki.context("good")) as second):
            self.check(self.send([smtp(first), smtp(second)]), "accepted",
                       f"login as {USER} failed: 535")
        self.assertEqual(len(handler.mails), 1)

    def test_next_one_after_4xx_to_the_message(self):
        busy, handler = Handler(data_reply="451 4.3.0 try later"), Handler()
        with Server(busy) as first, Server(handler) as second:
            self.check(self.send([smtp(first), smtp(second)], "--tls", "off", login=None),
                       "accepted", "451 4.3.0 try later")
        self.assertEqual(len(handler.mails), 1)

    def test_5xx_to_the_message_is_final(self):
        strict, handler = Handler(data_reply="554 5.7.1 looks like spam"), Handler()
        with Server(strict) as first, Server(handler) as second:
            self.check(self.send([smtp(first), smtp(second)], "--tls", "off", login=None),
                       "refused", "554 5.7.1 looks like spam")
        self.assertEqual(handler.mails, [])

    def test_all_fail(self):
        one, two = self.closed_port(), self.closed_port()
        got = self.send([f"smtp://localhost:{one}", f"smtp://localhost:{two}"])
        self.check(got, "retry", f"deliver to localhost:{one}: cannot connect",
                   f"; localhost:{two}: cannot connect")
        self.assertLess(len(got[1]), 512)

    def test_login_trouble_outweighs_the_rest(self):
        wrong = self.secret("wrong", "wrong")
        with Server(Handler(), tls=self.pki.context("good")) as server:
            self.check(self.send([smtp(server), f"smtp://localhost:{self.closed_port()}"],
                                 "--user", USER, "--password-file", str(wrong), login=None),
                       "login", "535", "cannot connect")

    def test_dropped_after_data_then_the_same_again(self):
        seen = []

        def drops(script, connection):
            connection.sendall(b"220 relay\r\n")
            for reply in (b"250 relay\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
                script.expect(connection, reply)
            line = None
            while line not in (b".\r\n", b""):
                line = script.read()
                seen.append(line)

        handler = Handler()
        with Script(drops) as first:
            self.check(self.send([smtp(first)], "--tls", "off", login=None), "retry",
                       "may have taken it")
        self.assertTrue(self.last["uncertain"])
        with Server(handler) as second:
            self.check(self.send([smtp(second)], "--tls", "off", login=None), "accepted")
        self.assertFalse(self.last["uncertain"])
        ids = [line for line in seen if line.startswith(b"Message-ID")]
        self.assertEqual(len(ids), 1)
        self.assertIn(ids[0], handler.mails[0][2])

    def test_cut_off_amid_the_message_is_certain(self):
        def drops(script, connection):
            connection.sendall(b"220 relay\r\n")
            for reply in (b"250 relay\r\n", b"250 ok\r\n", b"250 ok\r\n"):
                script.expect(connection, reply)
            script.read()  # DATA, and no answer

        with Script(drops) as server:
            self.check(self.send([smtp(server)], "--tls", "off", login=None), "retry")
        self.assertFalse(self.last["uncertain"])

    def test_time_limit_is_for_each_relay(self):
        with (Script(lambda script, connection: script.read()) as one,
              Script(lambda script, connection: script.read()) as two):
            start = time.monotonic()
            self.check(self.send([smtp(one), smtp(two)], timeout=0.5), "retry",
                       f"localhost:{one.port}: connected, but no greeting",
                       f"localhost:{two.port}: connected, but no greeting")
            self.assertLess(time.monotonic() - start, 5)


class QueueId(Base):
    def test_as_servers_write_it(self):
        for reply, want in (
                ("250 2.0.0 Ok: queued as 4bXkQ12cZpz3rM", "4bXkQ12cZpz3rM"),
                ("250 2.0.0 5ALBc2Xq012345 Message accepted for delivery",
                 "5ALBc2Xq012345"),
                ("250 2.0.0 a1b2c3d4 Message accepted for delivery", "a1b2c3d4"),
                ("250 OK id=1tEkVQ-00000000Abc-1xYz", "1tEkVQ-00000000Abc-1xYz"),
                ("250 2.6.0 <a@b> [InternalId=12345, Hostname=x.example.org] Queued mail "
                 "for delivery", "12345"),
                ("250 2.0.0 OK  1732180000 5b1f17b1804b1-432d-si12 - gsmtp",
                 "5b1f17b1804b1-432d-si12"),
                ("250 ok 1732180000 qp 4711", "4711"),
                ("250 2.0.0 Ok", ""),
                ("250 Message accepted for delivery", ""),
                ("250 queued as \x1b[31m\"evil\"", ""),
                ("250 queued as " + "a1" * 60, ("a1" * 60)[:63])):
            with Server(Handler(data_reply=reply)) as server:
                self.check(self.send([smtp(server)], "--tls", "off", login=None),
                           "accepted")
            self.assertEqual(self.last["queue_id"], want, reply)


class BeyondAscii(Base):
    def test_smtputf8(self):
        handler = Handler()
        with Server(handler, smtputf8=True) as server:
            self.check(self.send([smtp(server)], "--tls", "off", login=None,
                                 to=("jürgen@example.org",)), "accepted")
        self.assertEqual(handler.mails[0][1], ["jürgen@example.org"])

    def test_smtputf8_is_asked_for(self):
        def play(script, connection):
            connection.sendall(b"220 relay\r\n")
            script.expect(connection, b"250-relay\r\n250 SMTPUTF8\r\n")
            script.expect(connection, b"250 ok\r\n")
            script.expect(connection, b"550 no\r\n")
            script.read()

        with Script(play) as server:
            self.check(self.send([smtp(server)], "--tls", "off", login=None,
                                 to=("jürgen@example.org",)), "refused")
        self.assertIn(b"SMTPUTF8", server.seen[1])

    def test_smtputf8_not_offered(self):
        for sender, to in (("warden@example.org", "jürgen@example.org"),
                           ("wächter@example.org", "ops@example.org")):
            def play(script, connection):
                connection.sendall(b"220 relay\r\n")
                script.expect(connection, b"250-relay\r\n250 8BITMIME\r\n")
                while script.read():
                    connection.sendall(b"250 fine\r\n")

            with Script(play) as server:
                self.check(self.send([smtp(server)], "--tls", "off", login=None,
                                     sender=sender, to=(to,)), "refused", "SMTPUTF8",
                           "nothing was sent")
            verbs = {line.split()[0] for line in server.seen if line.strip()}
            self.assertLessEqual(verbs, {b"EHLO", b"QUIT"})

    def test_smtputf8_offered_by_the_next(self):
        old, new = Handler(), Handler()
        with (Server(old, tls=self.pki.context("good")) as first,
              Server(new, tls=self.pki.context("good"), smtputf8=True) as second):
            self.check(self.send([smtp(first), smtp(second)], to=("jürgen@example.org",)),
                       "accepted", "SMTPUTF8")
        self.assertEqual((old.mails, len(new.mails)), ([], 1))

    def test_domain_in_ascii(self):
        handler = Handler()
        with Server(handler) as server:
            self.check(self.send([smtp(server)], "--tls", "off", login=None,
                                 to=("ops@bücher.example",), env={"LC_ALL": "C"}),
                       "accepted")
        self.assertEqual(handler.mails[0][1], ["ops@xn--bcher-kva.example"])


class OAuth(Base):
    def setUp(self):
        self.state = self.folder / "state"
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir(mode=0o700)
        self.cache = self.state / "oauth-relay.json"
        self.refresh = self.secret("refresh", REFRESH)
        self.client = self.secret("client", CLIENT_SECRET)
        self.handler = TokenHandler([TOKEN])

    def tokens(self, *answers):
        return TokenServer(self.pki.context("good"), *answers)

    def relay(self, handler=None):
        return Server(handler or self.handler, tls=self.pki.context("good"), mechanisms=[])

    def post(self, relay, url, *more, env=None, refresh=None, prefix=(), timeout=30):
        return self.send([smtp(relay)], "--user", USER, "--token-url", url, "--client-id",
                         "123.apps", "--client-secret", str(self.client), "--refresh-file",
                         str(refresh or self.refresh), "--scope",
                         "https://mail.example.org/", "--token-ca",
                         self.pki.path("ca.pem"), "--state", str(self.state), *more,
                         login=None, env=env, prefix=prefix, timeout=timeout)

    GOOD = (200, {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3599})

    def test_xoauth2_and_cache(self):
        with self.tokens(self.GOOD) as tokens, self.relay() as relay:
            for _ in range(3):
                self.check(self.post(relay, tokens.url), "accepted")
            self.assertEqual(tokens.requests, [{
                "path": "/token", "type": "application/x-www-form-urlencoded",
                "grant_type": "refresh_token", "refresh_token": REFRESH,
                "client_id": "123.apps", "client_secret": CLIENT_SECRET,
                "scope": "https://mail.example.org/"}])
        self.assertEqual(self.handler.logins, [("XOAUTH2", TOKEN, True)] * 3)
        self.assertEqual(stat.S_IMODE(self.cache.stat().st_mode), 0o600)
        self.assertNotIn(REFRESH, self.cache.read_text())
        self.assertEqual(sorted(x.name for x in self.state.iterdir()),
                         ["oauth-relay.json", "oauth-relay.lock"])

    def test_oauthbearer(self):
        handler = TokenHandler([TOKEN], ("XOAUTH2", "OAUTHBEARER"))
        with self.tokens(self.GOOD) as tokens, self.relay(handler) as relay:
            self.check(self.post(relay, tokens.url), "accepted")
        self.assertEqual(handler.logins, [("OAUTHBEARER", TOKEN, True)])

    def test_microsoft_writes_numbers_as_text(self):
        answer = {"access_token": TOKEN, "token_type": "bearer", "expires_in": "3599"}
        with self.tokens((200, answer)) as tokens, self.relay() as relay:
            self.check(self.post(relay, tokens.url), "accepted")
            self.check(self.post(relay, tokens.url), "accepted")
            self.assertEqual(len(tokens.requests), 1)

    def test_expired_token_is_replaced(self):
        short = (200, {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 60})
        with self.tokens(short) as tokens, self.relay() as relay:
            self.check(self.post(relay, tokens.url), "accepted")
            self.check(self.post(relay, tokens.url), "accepted")
            self.assertEqual(len(tokens.requests), 2)  # the last minute does not count

    def test_clock_set_back(self):
        with self.tokens(self.GOOD) as tokens, self.relay() as relay:
            self.check(self.post(relay, tokens.url), "accepted")
            kept = json.loads(self.cache.read_text())
            kept["got_at"] += 100000
            kept["expires_at"] += 100000
            self.cache.write_text(json.dumps(kept) + "\n")
            self.check(self.post(relay, tokens.url), "accepted")
            self.assertEqual(len(tokens.requests), 2)

    def test_cached_token_refused_once(self):
        second = (200, {"access_token": TOKEN2, "token_type": "Bearer", "expires_in": 3599})
        with self.tokens(self.GOOD, second) as tokens, self.relay() as relay:
            self.check(self.post(relay, tokens.url), "accepted")
            self.handler.good = {TOKEN2}
            self.check(self.post(relay, tokens.url), "accepted")
            self.assertEqual(len(tokens.requests), 2)
        self.assertEqual([x[1:] for x in self.handler.logins],
                         [(TOKEN, True), (TOKEN, False), (TOKEN2, True)])

    def test_new_token_refused(self):
        for mechanism in ("XOAUTH2", "OAUTHBEARER"):
            self.setUp()
            handler = TokenHandler([], (mechanism,))
            with self.tokens(self.GOOD) as tokens, self.relay(handler) as relay:
                self.check(self.post(relay, tokens.url), "login",
                           f"login as {USER} failed",
                           '"scope": "https://mail.example.org/"')
                self.assertEqual(len(tokens.requests), 1)
                self.assertEqual(len(handler.logins), 1)

    def test_new_token_refused_after_a_cached_one(self):
        second = (200, {"access_token": TOKEN2, "token_type": "Bearer", "expires_in": 3599})
        with self.tokens(self.GOOD, second) as tokens, self.relay() as relay:
            self.check(self.post(relay, tokens.url), "accepted")
            self.handler.good = set()
            self.check(self.post(relay, tokens.url), "login", f"login as {USER} failed")
            self.assertEqual(len(tokens.requests), 2)
            self.assertEqual(len(self.handler.logins), 3)

    def test_no_token_mechanism(self):
        handler = Handler()
        with (self.tokens(self.GOOD) as tokens,
              Server(handler, tls=self.pki.context("good")) as relay):
            self.check(self.post(relay, tokens.url), "login", "XOAUTH2 or OAUTHBEARER")
        self.assertEqual((handler.logins, handler.mails), ([], []))

    def test_no_token_without_tls(self):
        with self.tokens(self.GOOD) as tokens, Server(self.handler) as relay:
            self.check(self.post(relay, tokens.url, "--tls", "off"), "login",
                       "no login without TLS")
        self.assertEqual((self.handler.logins, self.handler.mails), ([], []))

    # --- rotation ---

    ROTATED = (200, {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 1,
                     "refresh_token": "rotated-1"})

    def test_rotated_into_its_own_file(self):
        with self.tokens(self.ROTATED) as tokens, self.relay() as relay:
            self.check(self.post(relay, tokens.url), "accepted")
            self.assertEqual(self.refresh.read_text(), "rotated-1\n")
            self.assertEqual(stat.S_IMODE(self.refresh.stat().st_mode), 0o600)
            self.check(self.post(relay, tokens.url), "accepted")
            self.assertEqual([r["refresh_token"] for r in tokens.requests],
                             [REFRESH, "rotated-1"])
        self.assertNotIn("rotated-1", self.cache.read_text())
        self.assertFalse((self.folder / "refresh.new").exists())

    def test_rotated_through_a_link(self):
        link = self.folder / "link"
        link.unlink(missing_ok=True)
        link.symlink_to(self.refresh)
        with self.tokens(self.ROTATED) as tokens, self.relay() as relay:
            self.check(self.post(relay, tokens.url, refresh=link), "accepted")
        self.assertTrue(link.is_symlink())
        self.assertEqual(self.refresh.read_text(), "rotated-1\n")

    def test_rotated_credential_is_kept_in_the_state_folder(self):
        folder = self.folder / "credentials"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "token").write_text(REFRESH)
        env = {"CREDENTIALS_DIRECTORY": str(folder)}
        with self.tokens(self.ROTATED) as tokens, self.relay() as relay:
            for _ in range(2):
                self.check(self.post(relay, tokens.url, refresh="credential:token",
                                     env=env), "accepted")
            # A person logs in again: the new original wins over what was kept.
            (folder / "token").write_text("1//by-hand")
            self.check(self.post(relay, tokens.url, refresh="credential:token", env=env),
                       "accepted")
            self.assertEqual([r["refresh_token"] for r in tokens.requests],
                             [REFRESH, "rotated-1", "1//by-hand"])
        self.assertEqual((folder / "token").read_text(), "1//by-hand")
        self.assertNotIn("by-hand", self.cache.read_text())

    def test_no_folder_to_keep_tokens_in(self):
        """The mail goes out, with a warning."""
        self.state.rmdir()
        with self.tokens(self.ROTATED) as tokens, self.relay() as relay:
            self.check(self.post(relay, tokens.url), "accepted", "save ", "oauth-relay.json",
                       "No such file")
        self.assertEqual(self.refresh.read_text(), "rotated-1\n")

    def test_settings_that_change(self):
        with self.tokens(self.GOOD) as tokens, self.relay() as relay:
            self.check(self.post(relay, tokens.url), "accepted")
            self.check(self.post(relay, tokens.url, "--client-id", "456.apps"), "accepted")
            self.assertEqual([r["client_id"] for r in tokens.requests],
                             ["123.apps", "456.apps"])
            self.secret("refresh", "1//another")
            self.check(self.post(relay, tokens.url, "--client-id", "456.apps"), "accepted")
            self.assertEqual(tokens.requests[-1]["refresh_token"], "1//another")

    def test_cache_that_others_read(self):
        with self.tokens(self.GOOD) as tokens, self.relay() as relay:
            self.check(self.post(relay, tokens.url), "accepted")
            self.cache.chmod(0o644)
            self.check(self.post(relay, tokens.url), "login", f"chmod 600 {self.cache}")

    def test_cache_that_is_broken(self):
        for text in ("", "{", "[]", '{"salt": 3}', "\0\0\0", "x" * 100000):
            with self.tokens(self.GOOD) as tokens, self.relay() as relay:
                self.cache.write_text(text)
                self.cache.chmod(0o600)
                self.check(self.post(relay, tokens.url), "accepted", "oauth-relay.json")
                self.check(self.post(relay, tokens.url), "accepted")
                self.assertEqual(len(tokens.requests), 1)

    # --- refusals ---

    def refused(self, status, body, result, *parts):
        with self.tokens((status, body)) as tokens, self.relay() as relay:
            self.check(self.post(relay, tokens.url), result,
                       f"get a token from {tokens.place}", *parts)
        self.assertEqual((self.handler.logins, self.handler.mails), ([], []))

    def test_invalid_grant(self):
        self.refused(400, {"error": "invalid_grant", "error_description":
                           "Token has been expired or revoked."}, "login",
                     "invalid_grant: Token has been expired or revoked.",
                     f"log in again at the provider and put the new refresh token into "
                     f"{self.refresh}")

    def test_invalid_client(self):
        self.refused(401, {"error": "invalid_client"}, "login", "client_secret_file")

    def test_consent_revoked(self):
        self.refused(400, {"error": "interaction_required", "error_description":
                           "AADSTS50076: you must use multi-factor"}, "login",
                     "AADSTS50076", "log in again")

    def test_hostile_description(self):
        text = f"\x1b[31m\u202eevil\r\n{REFRESH} {CLIENT_SECRET} " + "x" * 5000
        self.refused(400, {"error": "invalid_grant", "error_description": text}, "login",
                     "\\x1b[31m", "[hidden] [hidden]", "log in again")

    def test_server_error(self):
        self.refused(500, b"<html>oops", "retry", "it answered 500")
        self.refused(500, {"error": "invalid_grant"}, "retry", "invalid_grant")
        self.refused(503, b"", "retry", "it answered 503")
        self.assertEqual(self.last["retry_after_us"], 120 * 1000000)
        self.refused(429, {"error": "slow_down"}, "retry", "slow_down")

    def test_wrong_answers(self):
        for body in (b"", b"hello", b"[]", b"{}", b'{"access_token": 7}', b"null",
                     b'{"access_token": ""}', b'{"access_token": "a\\nb"}', b'{"a":' * 100,
                     b'{"access_token": "x", "token_type": "mac"}', b'{"access_token":"x"}x',
                     b'{"access_token": "\xff"}'):
            self.refused(200, body, "retry", "no JSON with an access token")

    def test_wrong_url(self):
        self.refused(404, b"not here", "login", "it answered 404", "token_url")
        self.refused(302, b"", "login", "https://elsewhere.example.org", "token_url")

    def test_slow_and_huge(self):
        for play in (slow, huge):
            with self.tokens((200, play)) as tokens, self.relay() as relay:
                start = time.monotonic()
                self.check(self.post(relay, tokens.url, timeout=1), "retry", tokens.place)
                self.assertLess(time.monotonic() - start, 10)

    def test_certificate_of_the_token_server(self):
        for name in ("expired", "other", "unknown"):
            with (TokenServer(self.pki.context(name), self.GOOD) as tokens,
                  self.relay() as relay):
                self.check(self.post(relay, tokens.url), "retry", "certificate")
                self.assertEqual(tokens.requests, [])

    def test_only_https(self):
        with self.relay() as relay:
            self.check(self.post(relay, "http://localhost:1/token"), "retry", "https://")

    def test_secret_files_that_others_read(self):
        with self.tokens(self.GOOD) as tokens, self.relay() as relay:
            self.refresh.chmod(0o640)
            self.check(self.post(relay, tokens.url), "login", f"chmod 600 {self.refresh}",
                       "refresh token")
            self.refresh.chmod(0o600)
            self.client.chmod(0o640)
            self.check(self.post(relay, tokens.url), "login", f"chmod 600 {self.client}",
                       "client secret")
            self.assertEqual(tokens.requests, [])

    def test_two_processes_take_turns(self):
        import concurrent.futures
        with self.tokens(self.GOOD) as tokens, self.relay() as relay:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                words = self.words([smtp(relay)], [
                    "--user", USER, "--token-url", tokens.url, "--client-id", "123.apps",
                    "--refresh-file", str(self.refresh), "--token-ca",
                    self.pki.path("ca.pem"), "--state", str(self.state)], login=None)
                runs = [pool.submit(subprocess.run, words, input=MESSAGE, timeout=120,
                                    capture_output=True) for _ in range(4)]
                results = [json.loads(run.result().stdout)["result"] for run in runs]
            self.assertEqual(results, ["accepted"] * 4)
            self.assertEqual(len(tokens.requests), 1)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # aiosmtpd tells of each broken handshake
    unittest.main(verbosity=1, warnings="ignore")
