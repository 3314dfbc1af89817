#!/usr/bin/python3
"""Every kind of secret is a text of its own here, and is then looked for wherever it must
not be: processes as others see them, all that programs say, the store, the state folder.
Channels work and fail meanwhile, servers repeat what they were sent.

Memory after a send: test_relay_login.py. Needs python3-aiosmtpd, openssl and root, or a
kernel that lets one look at one's own processes; else the test is skipped (exit code 77).
"""

import base64
import json
import logging
import os
import pathlib
import resource
import signal
import subprocess
import sys
import threading
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fault_case import (USER, Answer, Fault, HttpServer, Server,  # noqa: E402
                        mailwarden, support)
from smtp_server import AuthResult, Handler, TokenHandler  # noqa: E402
from token_server import TokenServer  # noqa: E402

MARK = "mArKer"
SECRETS = {name: f"{MARK}-{name}-0123456789abcdefghijklmnopqrstuvwxyz" for name in (
    "password", "command", "refresh", "rotated", "access", "client", "token",
    "tokenprogram", "signing", "hook", "beat", "header")}


def forms(text):
    """As it is, and as protocols write it."""
    for raw in (text, f"\0{USER}\0{text}", f"{USER}:{text}"):
        yield base64.b64encode(raw.encode())[:-4]
    yield text.encode()
    yield urllib.parse.quote(text, safe="").encode()
    yield text.encode().hex().encode()


class Everywhere(Fault):
    def found(self, data):
        return [name for name, text in SECRETS.items()
                if any(form in data for form in forms(text))]

    def assert_clean(self, data, where):
        if isinstance(data, str):
            data = data.encode()
        self.assertEqual(self.found(data), [], f"{where}: {data[-2000:]!r}")

    def file(self, name, mode=0o600):
        return self.secret(f"file-{name}", SECRETS[name], mode)

    def program(self, name):
        path = self.folder / f"program-{name}"
        path.write_text(f"#!/bin/sh\ncat {self.file(name)}\n")
        path.chmod(0o700)
        return path

    # --- looking ---

    def look_at_processes(self):
        """Of this user's, and what they start; arguments and environment."""
        seen = 0
        for proc in pathlib.Path("/proc").glob("[0-9]*"):
            if int(proc.name) == os.getpid():
                continue
            for name in ("cmdline", "environ"):
                try:
                    data = (proc / name).read_bytes()
                except OSError:
                    continue
                seen += b"mailwarden-notify" in data
                self.assert_clean(data, proc / name)
        return seen

    def look_at_files(self, daemon):
        self.assert_clean(daemon.said(), "what the programs say")
        kept = 0
        for path in self.folder.rglob("*"):
            if not path.is_file() or path == self.config or \
                    path.name.startswith(("file-", "program-")):
                continue
            found = self.found(path.read_bytes())
            if path.name.endswith(".token") or "oauth" in str(path):
                self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)
                self.assertLessEqual(set(found), {"access", "rotated"}, path)
                kept += bool(found)
            else:
                self.assertEqual(found, [], path)
        return kept

    def look_at_words(self):
        """What every command says that knows the configuration or the store."""
        incident = support.ask(self.state, "SELECT id FROM incident")[0][0]
        for words in (["config"], ["config", "--json"], ["check"], ["status"],
                      ["status", "--json"], ["notify", "--list"],
                      ["notify", "--list", "--json"], ["notify", "--test", "all"]):
            done = mailwarden(*words, "--config", self.config)
            said = done.stdout + done.stderr
            if words[0] == "config":  # it says of `headers` that they are not for secrets
                said = said.replace(SECRETS["header"].encode(), b"")
            self.assert_clean(said, words)
        for words in (["show", incident], ["show", "--json", incident], ["events"],
                      ["incidents", "--all", "--json"], ["evidence", incident]):
            done = mailwarden(*words, "--state", self.state)
            self.assert_clean(done.stdout + done.stderr, words)

    # --- channels ---

    def channels(self, hooks, relay, oauth_relay, tokens, password="password"):
        ca = self.pki.path("ca.pem")
        address = hooks.address(f"/hook/{SECRETS['hook']}")
        beat = hooks.address(f"/beat/{SECRETS['beat']}")
        hook_file = self.secret("file-hook", address)
        beat_file = self.secret("file-beat", beat)
        common = ["type: relay", "to: ops@example.org", "from: warden@example.org",
                  "timeout: 20", f"ca_file: {ca}", f"user: {USER}"]
        web = ["type: webhook", f"ca_file: {ca}", "timeout: 20"]
        return {
            "relay": [*common, f"url: smtp://localhost:{relay.port}",
                      f"password_file: {self.file(password)}"],
            "asked": [*common, f"url: smtp://localhost:{relay.port}",
                      f"password_command: [{self.program('command')}]"],
            "google": [*common, f"url: smtp://localhost:{oauth_relay.port}", "oauth:",
                       f"  token_url: {tokens.url}", "  client_id: 123.apps",
                       f"  client_secret_file: {self.file('client')}",
                       f"  refresh_token_file: {self.file('refresh')}",
                       f"  ca_file: {ca}"],
            "phone": [*web, f"url_file: {hook_file}", f"token_file: {self.file('token')}",
                      f"signing_file: {self.file('signing')}"],
            "own": [*web, f"url: {hooks.address('/own')}",
                    f"headers: ['X-Key: Bearer {SECRETS['header']}']"],
            "asking": [*web, f"url: {hooks.address('/asking')}",
                       f"token_command: [{self.program('tokenprogram')}]"],
            "telegram": [*web, "shape: telegram", f"url: {hooks.address('')}", "room: 1",
                         f"token_file: {self.file('token')}"],
            "heartbeat": ["type: heartbeat", f"url_file: {beat_file}", "every: 1m",
                          f"ca_file: {ca}"],
        }

    def write_channels(self, channels):
        written = ["alerts:"]
        for name, lines in channels.items():
            written += [f"  {name}:", *(f"    {line}" for line in lines)]
        self.write_config(*written)

    def servers(self, answer, good):
        """A relay that takes any password or none, one that takes the token, ..."""
        handler = Handler()
        handler.given = []

        def authenticate(server, session, envelope, mechanism, data):
            handler.given.append(data.password.decode())
            # One that repeats what it was sent.
            return AuthResult(success=good, handled=False, message=None if good else
                              f"535 5.7.8 {data.password.decode()} is wrong")

        handler.authenticate = authenticate
        self.oauth = TokenHandler([SECRETS["access"]] if good else ["another"])
        tls = self.pki.context("good")
        token = {"access_token": SECRETS["access"], "token_type": "Bearer",
                 "expires_in": 3600, "refresh_token": SECRETS["rotated"]}
        return (handler, Server(handler, tls=tls),
                Server(self.oauth, tls=tls, mechanisms=[]),
                TokenServer(tls, (200, token)), HttpServer(answer, context=tls))

    def go(self, answer, good, result):
        handler, relay, oauth_relay, tokens, hooks = self.servers(answer, good)
        with relay, oauth_relay, tokens, hooks:
            channels = self.channels(hooks, relay, oauth_relay, tokens)
            self.write_channels(channels)
            stop, seen, faults = threading.Event(), [], []

            def watch():
                while not stop.is_set():
                    try:
                        seen.append(self.look_at_processes())
                    except AssertionError as fault:
                        faults.append(fault)
                        return

            looker = threading.Thread(target=watch, daemon=True)
            looker.start()
            daemon = self.run_all()
            self.trouble()
            try:
                daemon.until(lambda: result(channels), "all channels were asked")
                self.look_at_words()
            finally:
                stop.set()
                looker.join(60)
            if faults:
                raise faults[0]
            self.assertGreater(sum(seen), 0, "the notifier was looked at")
            self.end(daemon)
            # They were there indeed, and used.
            self.assertLessEqual({SECRETS["password"], SECRETS["command"]},
                                 set(handler.given))
            self.assertIn(f"Bearer {SECRETS['tokenprogram']}",
                          [r.headers["Authorization"] for r in hooks.requests])
            self.assertIn(f"/hook/{SECRETS['hook']}", [r.path for r in hooks.requests])
            self.assertIn(f"/beat/{SECRETS['beat']}", [r.path for r in hooks.requests])
            return self.look_at_files(daemon), hooks

    def states(self):
        return dict(self.ask("SELECT name, tries FROM channel"))

    def test_program_that_hangs(self):
        """What it had said before it was ended stays with it."""
        path = self.folder / "program-hangs"
        path.write_text(f"#!/bin/sh\necho {SECRETS['tokenprogram']} >&2\nexec sleep 300\n")
        path.chmod(0o700)
        config = self.folder / "hangs.yaml"
        config.write_text("alerts:\n  webhook:\n    url: http://127.0.0.1:9/\n"
                          f"    token_command: [{path}]\n")
        done = subprocess.run([support.BUILD / "mailwarden-notify", "--test", "webhook",
                               "--config", config, "--state", self.state],
                              capture_output=True, timeout=100)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 1, said)
        self.assertIn(b"did not end within", said)
        self.assert_clean(said, "what the test says")

    def test_all_work(self):
        def told(channels):
            rows = dict(self.ask("SELECT name, last_sent FROM channel"))
            return len(rows) == len(channels) and all(rows.values())

        kept, _ = self.go(Answer(200, body='{"ok": true}'), True, told)
        self.assertGreater(kept, 0, "the token cache is where it was looked for")
        self.assertIn("heartbeat: works; last beat ", self.status_text())

    def test_all_fail(self):
        """Servers repeat secrets in what they say."""
        def answer(request):
            said = json.dumps([request.path, *map(str, request.headers.values()),
                               request.body.decode(errors="replace")])
            # As some write JSON.
            return Answer(500, body=said.replace("/", "\\/") if len(request.path) % 2
                          else said)

        def failed(channels):
            states = self.states()
            return len(states) == len(channels) and all(states.values())

        self.go(answer, False, failed)
        text = self.status_text()
        for name in ("relay", "asked", "google", "phone", "own", "asking", "telegram",
                     "heartbeat"):
            self.assertRegex(text, rf"{name}( \(\w+\))?: (waits for you, )?failing since")
        self.assertIn("[hidden]", text)


class Core(Fault):
    def dumps(self, process):
        """Did its end leave a core?"""
        os.kill(process.pid, signal.SIGABRT)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = -signal.SIGABRT
        self.assertEqual(os.WTERMSIG(status), signal.SIGABRT)
        return os.WCOREDUMP(status)

    def test_no_core(self):
        most = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))
        other = subprocess.Popen(["sleep", "60"], cwd=self.folder)
        if not self.dumps(other):
            self.skipTest("no core of anything is written here")
        self.write_config("alerts:", *self.relay())
        self.watch()
        notifier = self.notifier()
        notifier.until(pathlib.Path(f"{self.state}.wake").exists, "it listens")
        self.assertFalse(self.dumps(notifier.process))


class Rights(Fault):
    """Files that others can read: refused everywhere, with the command that helps."""

    def setUp(self):
        super().setUp()
        self.files = {}

    def file(self, key):
        path = self.secret(f"file-{key}", SECRETS["password"], 0o644)
        self.files[key] = path
        return path

    def check_refused(self, name, lines):
        path, = self.files.values()
        self.write_config("alerts:", f"  {name}:", *(f"    {line}" for line in lines))
        done = mailwarden("check", "--config", self.config)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"chmod 600 {path}", (done.stdout + done.stderr).decode())
        done = mailwarden("notify", "--test", name, "--config", self.config)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"chmod 600 {path}", done.stderr.decode())
        self.trouble()
        daemon = self.run_all()
        daemon.until(lambda: self.tries() == 1, "a try failed")
        self.end(daemon)
        self.check_failing(name=name, person=True)
        # Folded at a terminal's width, so without its blanks.
        said = mailwarden("status", "--config", self.config).stdout.decode()
        self.assertIn(f"chmod600{path}", "".join(said.split()))
        self.assertIn(f"chmod 600 {path}", self.channel(name)["error"])
        path.chmod(0o600)

    def relay_lines(self, *more):
        return ["type: relay", f"url: smtps://localhost:{self.port}",
                "to: ops@example.org", f"user: {USER}", *more]

    def test_password(self):
        self.check_refused("relay", self.relay_lines(f"password_file: {self.file('p')}"))

    def oauth(self, key):
        good = self.secret("good", SECRETS["client"])
        other = {"client_secret_file": good, "refresh_token_file": good,
                 key: self.file(key)}
        self.check_refused("relay", self.relay_lines(
            "oauth:", "  token_url: https://localhost:1/token", "  client_id: 123.apps",
            *(f"  {name}: {path}" for name, path in other.items())))

    def test_refresh_token(self):
        self.oauth("refresh_token_file")

    def test_client_secret(self):
        self.oauth("client_secret_file")

    def hook(self, key, *more):
        self.check_refused("phone", ["type: webhook", *more, f"{key}: {self.file(key)}"])

    def test_token(self):
        self.hook("token_file", "url: https://localhost:1/")

    def test_signing_secret(self):
        self.hook("signing_file", "url: https://localhost:1/")

    def test_address(self):
        self.hook("url_file")


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    unittest.main(verbosity=1, warnings="ignore")
