#!/usr/bin/python3
"""notify/relay against real SMTP servers on loopback: STARTTLS, smtps, AUTH,
certificates good and bad, refusals, and servers that go away.

Needs python3-aiosmtpd and openssl; without them the test is skipped (exit code 77).
"""

import base64
import json
import logging
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from smtp_server import PASSWORD, USER, Handler, Pki, Script, Server  # noqa: E402

HELPER = pathlib.Path(os.environ["MAILWARDEN_BUILD"]) / "tests" / "relay_send"
MESSAGE = (b"Subject: test\r\nMessage-ID: <a1@example.org>\r\n\r\n"
           b"hello\r\n.\r\n..two dots\r\n.x\r\nlast line\r\n")


class Relay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.pki = Pki(cls.folder.name)
        cls.password = pathlib.Path(cls.folder.name) / "password"
        cls.password.write_text(PASSWORD + "\n")
        cls.password.chmod(0o600)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def send(self, port, *more, scheme="smtp", host="localhost", login=True,
             to=("ops@example.org",), ca="ca.pem", timeout=30, message=MESSAGE, env=None,
             urls=None, sender="warden@example.org"):
        """Sends; returns the result's word, and the reason or warning."""
        words = [str(HELPER), "--from", sender, "--timeout", str(timeout)]
        for url in urls or [f"{scheme}://{host}:{port}"]:
            words += ["--url", url]
        for address in to:
            words += ["--to", address]
        if ca:
            words += ["--ca-file", self.pki.path(ca)]
        if login:
            words += ["--user", USER, "--password-file", str(self.password)]
        done = subprocess.run([*words, *more], input=message, capture_output=True,
                              timeout=120, env={**os.environ, **(env or {})})
        self.assertEqual(done.stderr, b"")
        self.assertEqual(done.returncode, 0)
        self.last = json.loads(done.stdout)
        for secret in (PASSWORD, base64.b64encode(PASSWORD.encode()).decode(),
                       base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()):
            self.assertNotIn(secret, done.stdout.decode())
        if self.last["result"] == "accepted":
            self.assertEqual(self.last["reason"], "")
        else:
            self.assertEqual((self.last["warning"], self.last["queue_id"]), ("", ""))
        return self.last["result"], self.last["reason"] or self.last["warning"]

    def check(self, got, result, *parts):
        self.assertEqual(got[0], result, got[1])
        for part in parts:
            self.assertIn(part, got[1])
        if result == "accepted" and not parts:
            self.assertEqual(got[1], "")

    # --- what should work ---

    def test_starttls_and_plain(self):
        handler = Handler()
        with Server(handler, tls=self.pki.context("good"), mechanisms=["PLAIN"]) as server:
            self.check(self.send(server.port, "--helo", "mx1.example.org"), "accepted")
        self.assertEqual(handler.logins, [("PLAIN", True)])
        self.assertEqual(handler.helos, ["mx1.example.org"])
        self.assertEqual(handler.mails,
                         [("warden@example.org", ["ops@example.org"], MESSAGE)])

    def test_starttls_and_login(self):
        handler = Handler()
        with Server(handler, tls=self.pki.context("good"), mechanisms=["LOGIN"]) as server:
            self.check(self.send(server.port), "accepted")
        self.assertEqual(handler.logins, [("LOGIN", True)])
        self.assertEqual(len(handler.mails), 1)

    def test_smtps(self):
        handler = Handler()
        with Server(handler, smtps=self.pki.context("good")) as server:
            self.check(self.send(server.port, scheme="smtps"), "accepted")
        self.assertEqual([good for _, good in handler.logins], [True])
        self.assertEqual(len(handler.mails), 1)

    def test_tls_off_on_this_machine(self):
        handler = Handler()
        with Server(handler) as server:
            self.check(self.send(server.port, "--tls", "off", login=False), "accepted")
            self.check(self.send(server.port, "--tls", "try", login=False), "accepted")
        self.assertEqual(len(handler.mails), 2)

    def test_credential(self):
        handler = Handler()
        folder = pathlib.Path(self.folder.name) / "credentials"
        folder.mkdir()
        (folder / "relay").write_text(PASSWORD)
        with Server(handler, tls=self.pki.context("good")) as server:
            user = ("--user", USER, "--password-file")
            self.check(self.send(server.port, *user, "credential:relay", login=False,
                                 env={"CREDENTIALS_DIRECTORY": str(folder)}), "accepted")
            self.check(self.send(server.port, *user, "credential:../password", login=False,
                                 env={"CREDENTIALS_DIRECTORY": str(folder)}),
                       "login", "expected a plain name")
            self.check(self.send(server.port, *user, "credential:relay", login=False),
                       "login", "LoadCredential=relay:FILE")
        self.assertEqual(len(handler.mails), 1)

    def test_environment_is_not_asked(self):
        home = pathlib.Path(self.folder.name) / "home"
        home.mkdir()
        (home / ".netrc").write_text("machine localhost login a password b\n")
        handler = Handler()
        with Server(handler) as server:
            self.check(self.send(server.port, "--tls", "off", login=False, env={
                "HOME": str(home), "ALL_PROXY": "socks5://127.0.0.1:1",
                "all_proxy": "socks5://127.0.0.1:1"}), "accepted")
        self.assertEqual(handler.logins, [])

    # --- login ---

    def test_wrong_password(self):
        handler = Handler()
        wrong = pathlib.Path(self.folder.name) / "wrong"
        wrong.write_text("wrong\n")
        wrong.chmod(0o400)
        with Server(handler, tls=self.pki.context("good")) as server:
            got = self.send(server.port, "--user", USER, "--password-file", str(wrong),
                            login=False)
        self.check(got, "login", f"localhost:{server.port}: login as {USER} failed: 535 ")
        self.assertEqual(handler.mails, [])

    def test_password_file_that_others_read(self):
        path = pathlib.Path(self.folder.name) / "open"
        path.write_text(PASSWORD)
        for mode in (0o644, 0o640, 0o604, 0o620):
            path.chmod(mode)
            with Script(lambda script, connection: script.read()) as server:
                got = self.send(server.port, "--user", USER, "--password-file", str(path),
                                login=False)
            self.check(got, "login", f"chmod 600 {path}", f"mode {mode:04o}")
            self.assertEqual(server.seen, [])

    def test_password_file_of_no_use(self):
        path = pathlib.Path(self.folder.name) / "strange"
        for content, part in ((b"", "empty"), (b"\n", "empty"), (b"a\nb\n", "one line"),
                              (b"a\0b\n", "one line"), (b"x" * 20000, "longer than"),
                              (None, "No such file")):
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content)
                path.chmod(0o600)
            self.check(self.send(9, "--user", USER, "--password-file", str(path),
                                 login=False), "login", part, str(path))
        self.check(self.send(9, "--user", USER, "--password-file", self.folder.name,
                             login=False), "login", "not a regular file")
        self.check(self.send(9, "--user", USER, login=False), "login", "no password_file")

    def test_login_wanted_but_not_configured(self):
        def play(script, connection):
            connection.sendall(b"220 relay\r\n")
            script.expect(connection, b"250 relay\r\n")
            script.expect(connection, b"530 5.7.0 Authentication required\r\n")
            script.read()

        with Script(play) as server:
            self.check(self.send(server.port, "--tls", "off", login=False), "login",
                       "login required: 530 5.7.0 Authentication required", "set user")

    # --- TLS ---

    def check_certificate(self, name, *parts, ca="ca.pem", **options):
        for scheme in ("smtp", "smtps"):
            handler = Handler()
            context = self.pki.context(name)
            server = (Server(handler, tls=context) if scheme == "smtp"
                      else Server(handler, smtps=context))
            with server:
                got = self.send(server.port, scheme=scheme, ca=ca, **options)
            self.check(got, "retry", f"localhost:{server.port}: its certificate", *parts)
            self.assertEqual((handler.logins, handler.mails), ([], []))

    def test_expired_certificate(self):
        self.check_certificate("expired", "has expired")

    def test_certificate_for_another_name(self):
        self.check_certificate("other", "is for another host name")

    def test_unknown_authority(self):
        self.check_certificate("unknown", "unknown authority", "ca_file")

    def test_system_authorities_do_not_know_ours(self):
        self.check_certificate("good", "unknown authority", ca=None)

    def test_own_signature(self):
        self.check_certificate("stranger", "", ca="ca.pem")

    def test_ca_file_missing(self):
        with Server(Handler(), tls=self.pki.context("good")) as server:
            self.check(self.send(server.port, ca="nowhere.pem"), "retry",
                       "authorities' certificates", "nowhere.pem")

    def test_no_starttls_offered(self):
        for tls in ("required", "try"):  # with a user, try means required
            def play(script, connection):
                connection.sendall(b"220 relay\r\n")
                script.expect(connection, b"250-relay\r\n250 AUTH PLAIN LOGIN\r\n")
                while script.read():
                    connection.sendall(b"250 fine\r\n")

            with Script(play) as server:
                got = self.send(server.port, "--tls", tls)
            self.check(got, "retry", f"localhost:{server.port}: no STARTTLS offered")
            verbs = {line.split()[0] for line in server.seen if line.strip()}
            self.assertLessEqual(verbs, {b"EHLO", b"QUIT"})

    def test_starttls_refused(self):
        def play(script, connection):
            connection.sendall(b"220 relay\r\n")
            script.expect(connection, b"250-relay\r\n250 STARTTLS\r\n")
            script.expect(connection, b"454 4.7.0 TLS not available\r\n")
            while script.read():
                connection.sendall(b"250 fine\r\n")

        with Script(play) as server:
            self.check(self.send(server.port), "retry", "STARTTLS",
                       "454 4.7.0 TLS not available")
        verbs = {line.split()[0] for line in server.seen if line.strip()}
        self.assertLessEqual(verbs, {b"EHLO", b"STARTTLS", b"QUIT"})

    def test_smtps_to_a_port_without_tls(self):
        with Server(Handler(), tls=self.pki.context("good")) as server:
            self.check(self.send(server.port, scheme="smtps"), "retry",
                       "does not begin with TLS")

    # --- connections ---

    def test_refused_connection(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.check(self.send(port), "retry", f"localhost:{port}: ", "cannot connect: Connection refused", "firewall")

    def test_name_that_does_not_exist(self):
        self.check(self.send(25, host="relay.invalid"), "retry",
                   "relay.invalid:25: the name was not found")

    def test_never_answers(self):
        with Script(lambda script, connection: script.read()) as server:
            self.check(self.send(server.port, timeout=1), "retry",
                       "no greeting came in time", "smtps://")

    def test_no_answer_to_mail(self):
        def play(script, connection):
            connection.sendall(b"220 relay\r\n")
            script.expect(connection, b"250 relay\r\n")
            while script.read():
                pass

        with Script(play) as server:
            self.check(self.send(server.port, "--tls", "off", login=False, timeout=1),
                       "retry", "no answer to MAIL FROM in time")

    def hang_after(self, *replies):
        """Takes everything after the last reply, and says nothing more, not to QUIT either."""
        def play(script, connection):
            connection.sendall(b"220 relay\r\n")
            for reply in replies[:4]:
                script.expect(connection, reply)
            while script.read() not in (b".\r\n", b""):
                pass
            for reply in replies[4:]:
                connection.sendall(reply)
            while script.read():
                pass

        return Script(play)

    DIALOGUE = (b"250 relay\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n")

    def test_no_answer_to_message(self):
        began = time.monotonic()
        with self.hang_after(*self.DIALOGUE) as server:
            self.check(self.send(server.port, "--tls", "off", login=False, timeout=1),
                       "retry", "no answer to DATA in time", "it may have taken the message")
        self.assertTrue(self.last["uncertain"])
        self.assertLess(time.monotonic() - began, 20)

    def test_no_answer_to_quit(self):
        began = time.monotonic()
        with self.hang_after(*self.DIALOGUE, b"250 2.0.0 Ok: queued as 4bXk\r\n") as server:
            self.check(self.send(server.port, "--tls", "off", login=False, timeout=90),
                       "accepted")
        self.assertIn(b"QUIT\r\n", server.seen)
        self.assertLess(time.monotonic() - began, 20)

    def drop_after(self, *replies):
        def play(script, connection):
            connection.sendall(b"220 relay\r\n")
            for reply in replies:
                script.expect(connection, reply)
            if replies[-1].startswith(b"354"):
                while script.read() not in (b".\r\n", b""):
                    pass

        return Script(play)

    def test_dropped_after_data(self):
        with self.drop_after(b"250 relay\r\n", b"250 ok\r\n", b"250 ok\r\n",
                             b"354 go on\r\n") as server:
            got = self.send(server.port, "--tls", "off", login=False)
        self.check(got, "retry", "lost before the relay confirmed", "may have taken it")
        self.assertTrue(self.last["uncertain"])
        self.assertEqual(server.seen[-1], b".\r\n")

    def test_dropped_early(self):
        with self.drop_after(b"250 relay\r\n") as server:
            got = self.send(server.port, "--tls", "off", login=False)
        self.check(got, "retry", "the connection was lost at")
        self.assertFalse(self.last["uncertain"])

    def test_greeting_says_no(self):
        def play(script, connection):
            connection.sendall(b"554-relay\r\n554 no service \x1b[31m for you\r\n")
            script.read()

        with Script(play) as server:
            self.check(self.send(server.port), "retry",
                       "554 relay no service \\x1b[31m for you")

    # --- refusals ---

    def test_4xx_then_fine(self):
        handler = Handler({"ops@example.org": ["450 4.2.0 greylisted, come back"]})
        with Server(handler) as server:
            options = ("--tls", "off")
            self.check(self.send(server.port, *options, login=False), "retry",
                       "<ops@example.org>: 450 4.2.0 greylisted, come back")
            self.check(self.send(server.port, *options, login=False), "accepted")
        self.assertEqual(len(handler.mails), 1)

    def test_5xx_at_rcpt(self):
        handler = Handler({"ops@example.org": ["550 5.1.1 no such user"]})
        with Server(handler) as server:
            self.check(self.send(server.port, "--tls", "off", login=False), "refused",
                       f"localhost:{server.port}: ",
                       "<ops@example.org>: 550 5.1.1 no such user")

    def test_some_recipients_refused(self):
        replies = {"a@example.org": ["550 5.1.1 gone"], "c@example.org": ["452 4.2.2 full"]}
        handler = Handler(replies)
        with Server(handler) as server:
            got = self.send(server.port, "--tls", "off", login=False,
                            to=("a@example.org", "b@example.org", "c@example.org"))
        self.check(got, "accepted", "<a@example.org>: 550 5.1.1 gone; "
                   "<c@example.org>: 452 4.2.2 full")
        self.assertEqual(handler.mails[0][1], ["b@example.org"])

    def test_all_recipients_refused_one_for_now(self):
        handler = Handler({"a@example.org": ["452 4.2.2 full"],
                           "b@example.org": ["550 5.1.1 gone"]})
        with Server(handler) as server:
            self.check(self.send(server.port, "--tls", "off", login=False,
                                 to=("a@example.org", "b@example.org")), "retry",
                       "452 4.2.2 full", "550 5.1.1 gone")

    def test_message_refused(self):
        for reply, result in (("554 5.7.1 looks like spam", "refused"),
                              ("451 4.3.0 try later", "retry")):
            with Server(Handler(data_reply=reply)) as server:
                self.check(self.send(server.port, "--tls", "off", login=False), result,
                           f"answered DATA with: {reply}")

    def test_no_auth_offered(self):
        handler = Handler()
        with Server(handler, tls=self.pki.context("good"), mechanisms=[]) as server:
            self.check(self.send(server.port), "login", f"no login as {USER}",
                       "offers no AUTH")
        self.assertEqual((handler.logins, handler.mails), ([], []))

    def test_no_auth_offered_and_refused(self):
        def play(script, connection):
            connection.sendall(b"220 relay\r\n")
            script.expect(connection, b"250 relay\r\n")
            script.expect(connection, b"250 2.1.0 ok\r\n")
            script.expect(connection, b"554 5.7.1 relay access denied\r\n")
            script.expect(connection, b"221 bye\r\n")

        with Script(play) as server:
            self.check(self.send(server.port, "--tls", "off"), "login",
                       "554 5.7.1 relay access denied", f"no login as {USER}")
        self.assertNotIn(b"AUTH", {line[:4] for line in server.seen})

    # --- settings ---

    def test_addresses_that_are_none(self):
        for address in ("", "a b@example.org", "a@example.org>\r\nDATA", "<a@example.org>",
                        "a@example.org\nRCPT TO:<b@example.org>"):
            with Script(lambda script, connection: script.read()) as server:
                got = self.send(server.port, "--tls", "off", login=False, to=(address,))
            self.check(got, "retry", "recipient's address")
            self.assertEqual(server.seen, [])
        self.check(self.send(25, login=False, to=()), "retry", "no recipient")

    def test_urls_that_are_none(self):
        for url in ("", "http://localhost/", "localhost:587", "smtp://", "file:///etc/passwd"):
            self.check(self.send(1, urls=[url]), "retry", "expected smtp://host:587")
        self.check(self.send(1, urls=["smtp://a:b@localhost:587"]), "retry",
                   "holds a user name")

    def test_big_message(self):
        handler = Handler()
        message = b"Subject: big\r\n\r\n" + b".line with a dot in front\r\n" * 20000
        with Server(handler) as server:
            self.check(self.send(server.port, "--tls", "off", login=False,
                                 message=message), "accepted")
        self.assertEqual(handler.mails[0][2], message)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # aiosmtpd tells of each broken handshake
    unittest.main(verbosity=1, warnings="ignore")
