#!/usr/bin/python3
"""mailwarden.yaml: each fault is told at its line and column, all of them at once; what is
printed can be read back; the schema, the commented file and the manual know every setting;
no secret and no terminal escape gets out."""

import json
import os
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import SOURCE, Case, mailwarden  # noqa: E402

try:
    import jsonschema
    import yaml
except ImportError as missing:
    jsonschema = yaml = None
    MISSING = f"python3 has no {missing.name}"

PACKAGING = SOURCE / "packaging"
RELAY = "alerts:\n  relay:\n    url: smtp://relay.example.net\n    to: ann@example.org\n"
HOOK = "alerts:\n  phone:\n    type: webhook\n    url: https://ntfy.example.org/topic\n"
MAILBOX = RELAY + "    user: ann\n"
ROUTE = RELAY + "routes:\n  - to: relay\n"
OAUTH = MAILBOX + "    oauth:\n      client_id: c\n      refresh_token_file: /r\n"

# What is written, and what is said behind the file's name, in this order.
FAULTS = [
    # keys
    ("hots: mx1\n", ["1:1: unknown key 'hots', did you mean 'host'?"]),
    ("hsot: a\nrulse: /r\nquux: 1\n",
     ["1:1: unknown key 'hsot', did you mean 'host'?",
      "2:1: unknown key 'rulse', did you mean 'rules'?",
      "3:1: unknown key 'quux' in settings"]),
    (RELAY + "    shape: ntfy\n",
     ["5:5: `shape` is a setting of webhook channels, not of this one"]),
    (HOOK + "    every: 5m\n    user: x\n",
     ["5:5: `every` is a setting of heartbeat channels, not of this one",
      "6:5: `user` is a setting of relay channels, not of this one"]),
    (RELAY + "    at_mots: 1/1m\n", ["5:5: unknown key 'at_mots', did you mean 'at_most'?"]),
    (RELAY + "    credential: x\n",
     ["5:5: `credential` is gone: write password_file: credential:NAME"]),
    ("host: a\nhost: b\n", ["2:1: 'host' stands twice, first in line 1"]),
    # forms
    ("just text\n", ["1:1: expected settings, found a single value"]),
    ("- a\n", ["1:1: expected settings, found a list"]),
    ("alerts: [relay]\n", ["1:9: expected channels by name, found a list"]),
    ("alerts:\n  relay: smtp://x\n",
     ["2:10: expected the settings of a channel, found a single value"]),
    ("routes: {to: relay}\n", ["1:9: expected a list of routes, found a map"]),
    ("host: [a]\n", ["1:7: expected a single value, found a list"]),
    ("host:\n", ["1:6: `host` is empty: give it a value, or leave the key out"]),
    ("host: \"a\\e[2J\"\n", ["1:7: `host` has a control character in it"]),
    ("host: \"a\\0b\"\n", ["1:7: `host` has a control character in it"]),
    ("host: " + "h" * 5000 + "\n", ["1:7: `host` is longer than 4096 bytes"]),
    ("host: mx 1\n", ["1:7: `host` must be a host's name"]),
    ("state: mail.db\n", ["1:8: `state` must be a full path, from / on"]),
    ("sources: [syslog]\n", ["1:11: a source is `journal`, a file's full path"]),
    ("sources: [{fiel: /x}]\n", ["1:12: unknown key 'fiel', did you mean 'file'?"]),
    ("fallback_after: soon\n", ["1:17: `fallback_after` must be a span such as 30s"]),
    ("dashboard: mx1:8025\n", ["1:12: `dashboard` must be https://HOST/... or http://"]),
    # types
    ("alerts:\n  phone:\n    url: https://x/y\n",
     ["2:3: channel 'phone' needs a `type`: relay, sendmail, webhook"]),
    ("alerts:\n  relya:\n", ["2:3: channel 'relya' has no `type`, or did you mean 'relay'?"]),
    ("alerts:\n  phone: {type: webhok}\n",
     ["2:17: no channel type 'webhok', did you mean 'webhook'?"]),
    ("alerts:\n  phone: {type: pigeon}\n", ["2:17: `type` is relay, sendmail"]),
    ("alerts:\n  \"my phone\": {type: journal}\n",
     ["2:3: a channel's name is made of letters"]),
    # relays
    ("alerts:\n  relay: {}\n",
     ["2:3: relay needs `url`: smtp://HOST:587", "2:3: relay needs `to`: whom shall"]),
    ("alerts:\n  relay:\n", ["2:3: relay needs `url`", "2:3: relay needs `to`"]),
    (RELAY.replace("smtp:", "http:"), ["3:10: `url` must be smtp://HOST:PORT or smtps://"]),
    (RELAY.replace(".net", ".net:0"), ["3:10: `url` must be smtp://HOST:PORT"]),
    (RELAY.replace(".net", ".net:70000"), ["3:10: `url` must be smtp://HOST:PORT"]),
    (RELAY.replace("smtp://", "smtp://ann:geheim@"),
     ["3:10: `url` holds a login: write `user` and `password_file`"]),
    (RELAY.replace("smtp://relay.example.net", "[smtp://a, x]"),
     ["3:21: `url` must be smtp://HOST:PORT"]),
    (RELAY.replace("smtp://relay.example.net", "[]"), ["3:10: `url` has nothing in its list"]),
    (RELAY.replace("ann@", "ann"), ["4:9: a mail address has an @ in it"]),
    (RELAY.replace("ann@example.org", "[ann@example.org, bob, eve@]"),
     ["4:27: a mail address has an @", "4:32: a mail address has an @"]),
    (RELAY + "    from: Ann <ann>\n", ["5:11: a mail address has an @"]),
    (RELAY + "    sender: Ann <ann@example.org>\n", ["5:13: a mail address has an @"]),
    (RELAY + "---\nhost: mx2\n", ["5:1: a second document: only one is read"]),
    (RELAY + "    tls: maybe\n", ["5:10: `tls` is required, try or off, not 'maybe'"]),
    (RELAY + "    tls: requierd\n", ["5:10: `tls` is required, try or off, not 'requierd', "
                                     "did you mean 'required'?"]),
    (RELAY + "    timeout: 1h\n", ["5:14: `timeout` must be from 1s to 10m, not '1h'"]),
    (RELAY + "    timeout: 0\n", ["5:14: `timeout` must be from 1s to 10m, not '0'"]),
    (RELAY + "    timeout: 5 min\n", ["5:14: `timeout` must be a span such as"]),
    (RELAY + "    own_path: perhaps\n", ["5:15: `own_path` is yes or no, not 'perhaps'"]),
    (RELAY + "    at_most: 5\n", ["5:14: `at_most` must be messages/span such as 10/10m"]),
    (RELAY + "    at_most: 0/1m\n", ["5:14: `at_most` must be messages/span"]),
    (RELAY + "    at_most: 5/0m\n", ["5:14: `at_most` must be messages/span"]),
    (RELAY + "    helo: my host\n", ["5:11: `helo` must be a host's name"]),
    # logins
    (MAILBOX, ["5:5: a `user` needs a `password_file`, a `password_command` or `oauth`"]),
    (RELAY + "    password_file: /x\n", ["5:5: a password needs a `user`"]),
    (MAILBOX + "    password_file: /x\n    password_command: [/bin/true]\n",
     ["7:5: `password_file` and `password_command`: write one of them"]),
    (MAILBOX + "    password_file: /x\n    oauth: {provider: google, client_id: c, "
     "refresh_token_file: /r}\n", ["7:5: `password_file` and `oauth`: write one of them"]),
    (MAILBOX + "    password_file: geheim\n",
     ["6:20: `password_file` must be a full path, from / on, or credential:NAME"]),
    (MAILBOX + "    password_file: credential:a/geheim\n",
     ["6:20: `password_file` must be credential: and a plain name"]),
    (MAILBOX + "    password_command: [geheim]\n",
     ["6:24: `password_command` begins with a program's full path"]),
    (MAILBOX + "    password: geheim\n",
     ["6:5: secrets do not stand in this file: put it into a file of its own, chmod 600, "
      "and name that by `password_file`", "5:5: a `user` needs"]),
    (MAILBOX + "    pasword: geheim\n",
     ["6:5: unknown key 'pasword', did you mean 'password_file'?", "5:5: a `user` needs"]),
    (RELAY + "    token: geheim\n", ["5:5: secrets do not stand in this file"]),
    (OAUTH, ["6:5: `oauth` needs `provider` (google or microsoft) or `token_url`"]),
    (OAUTH + "      provider: gogle\n",
     ["9:17: `provider` is google or microsoft, not 'gogle', did you mean 'google'?"]),
    (OAUTH + "      token_url: http://login.example.org/token\n",
     ["9:18: `token_url` must be https://HOST/..."]),
    (OAUTH + "      token_url: http://127.0.0.1/token\n",
     ["9:18: `token_url` must be https://HOST/..."]),
    (OAUTH + "      token_url: https://login.example.org/token\n"
     "      client_secret: geheim\n      refresh_token: geheim\n",
     ["10:7: secrets do not stand in this file: put it into a file of its own, chmod 600, "
      "and name that by `client_secret_file`", "11:7: secrets do not stand"]),
    (MAILBOX + "    oauth: {provider: google}\n",
     ["6:12: `oauth` needs `client_id`", "6:12: `oauth` needs `refresh_token_file`"]),
    (RELAY + "    oauth: {provider: google, client_id: c, refresh_token_file: /r}\n",
     ["5:5: `oauth` needs `user`: whose mailbox sends?"]),
    # webhooks and the rest
    ("alerts:\n  phone: {type: webhook}\n", ["2:3: phone needs `url`: where to post"]),
    (HOOK + "    url_file: /x\n", ["5:5: `url` and `url_file`: write one of them"]),
    (HOOK + "    shape: matrix\n",
     ["2:3: phone needs `token_file`: the access token", "2:3: phone needs `room`: "]),
    ("alerts:\n  phone: {type: webhook, shape: telegram, token_file: /x}\n",
     ["2:3: phone needs `room`: the chat's id"]),
    (HOOK + "    shape: nfty\n", ["5:12: `shape` is mailwarden, ntfy, gotify"]),
    (HOOK.replace("https://", "https://ann:geheim@"), ["4:10: `url` holds a login"]),
    (HOOK + "    token_file: /x\n    token_command: [/bin/true]\n",
     ["6:5: `token_file` and `token_command`: write one of them"]),
    (HOOK + "    token: geheim\n", ["5:5: secrets do not stand in this file: put it into a "
                                    "file of its own, chmod 600, and name that by `token_file`"]),
    (HOOK + "    headers: [\"Authorization: Bearer geheim\"]\n",
     ["5:15: `headers` are not for secrets: use `token_file`"]),
    (HOOK + "    headers: [geheim]\n", ["5:15: `headers` are header fields, each"]),
    (HOOK + "    headers: [\"X: 1\\r\\nY: 2\"]\n", ["5:15: `headers` has a control character"]),
    ("alerts:\n  command: {run: tell}\n", ["2:18: `run` begins with a program's full path"]),
    ("alerts:\n  command:\n", ["2:3: command needs `run`: the program and its arguments"]),
    ("alerts:\n  heartbeat:\n    every: 1s\n",
     ["3:12: `every` must be from 10s to 7d, not '1s'",
      "2:3: heartbeat needs `url`: the address to call"]),
    ("alerts:\n  heartbeat: {url: \"https://x/y\", at_most: 1/1m}\n",
     ["2:35: `at_most` is a setting of relay, sendmail, webhook, desktop, journal and command"]),
    ("alerts:\n  local: {type: sendmail, program: sendmail}\n",
     ["2:36: `program` must be a full path", "2:3: local needs `to`"]),
    # routes
    (ROUTE.replace("to: relay", "to: rleay"),
     ["6:9: no channel 'rleay' in `alerts`, did you mean 'relay'?"]),
    (ROUTE + "    fallback: [phone, relay]\n",
     ["7:16: no channel 'phone' in `alerts`", "7:15: 'relay' stands in `to` already"]),
    ("routes:\n  - match: severity=critical\n", ["2:5: a route needs `to`: which channels?"]),
    ("routes: [{to: relay}]\n", ["1:15: no channel 'relay' in `alerts`"]),
    (ROUTE + "    match: severty=critical\n",
     ["7:12: `match`: no field 'severty', did you mean 'severity'?"]),
    (ROUTE + "    match: severity=grave\n", ["7:12: `match`: no severity 'grave'"]),
    (ROUTE + "    match: critical\n", ["7:12: `match`: expected field=value"]),
    (ROUTE + "    quiet: 22-7\n", ["7:12: `quiet` must be hours such as 22:00-07:00"]),
    (ROUTE + "    quiet: 22:00-25:00\n", ["7:12: `quiet` must be hours"]),
    (ROUTE + "    quiet: 22:00-07:60\n", ["7:12: `quiet` must be hours"]),
    (ROUTE + "    quiet: 07:00-7:00\n", ["7:12: `quiet` ends when it begins"]),
    (ROUTE + "    repeat: daily\n", ["7:13: `repeat` must be a span such as 30s"]),
    (ROUTE + "    resolved: 1\n", ["7:15: `resolved` is yes or no, not '1'"]),
    ("alerts:\n  heartbeat: {url: \"https://x/y\"}\nroutes:\n  - to: heartbeat\n",
     ["4:9: 'heartbeat' is a heartbeat: it takes no notices"]),
]

# Fine, but not what one would want: what `check` says.
WARNINGS = [
    ("alerts:\n  phone:\n    type: webhook\n    url: http://push.example.org/t\n"
     "    token_file: {secret}\n", "4:10: warning: the token goes over the network in the clear"),
    ("alerts:\n  chat: {{type: webhook, shape: slack, url: 'https://hooks.example.org/x'}}\n",
     "2:39: warning: who knows this address may post"),
    (RELAY.replace("relay.example.net", "localhost"),
     "1:1: warning: every channel goes through this host's own mail server"),
    ("host: mx1.example.org\n" + RELAY.replace("relay.example.net", "MX1.example.org:25"),
     "2:1: warning: every channel goes through this host's own mail server"),
    (RELAY.replace("relay.example.net", "127.0.0.2") + "  journal:\nroutes:\n  - to: relay\n"
     "  - to: journal\n", "7:5: warning: every channel of this route goes through"),
    (RELAY + "routes:\n  - to: relay\n    match: severity=critical\n",
     "5:1: warning: no route takes incidents of severity 'warning': nobody hears"),
    (RELAY + "routes:\n  - to: relay\n    match: provider=google\n",
     "5:1: warning: no route takes every incident of severity 'critical'"),
    (RELAY + "  journal:\nroutes:\n  - to: relay\n", "5:3: warning: no route leads to 'journal'"),
    (RELAY + "    user: ann\n    password_file: {secret}\n    tls: off\n",
     "7:10: warning: the password goes to relay.example.net in the clear"),
    (RELAY + "    ca_file: /nowhere/ca.pem\n", "5:14: warning: `ca_file` /nowhere/ca.pem: No such"),
    ("timezone: Europe/Zürich\n", "1:11: warning: this machine knows no zone"),
    ("sources: [/nowhere/mail.log]\n", "1:11: warning: `file` /nowhere/mail.log: No such"),
]

NO_WARNING = [
    "",
    RELAY,
    RELAY + "    user: ann\n    password_file: credential:relay\n",
    RELAY.replace("smtp://relay.example.net", "[smtp://localhost, smtp://relay.example.net]"),
    RELAY.replace("relay.example.net", "localhost") + "    own_path: no\n",
    RELAY.replace("relay.example.net", "localhost") + "  journal:\n",
    ROUTE + "    quiet: 22:00-07:00\n",
    RELAY + "routes:\n  - to: relay\n    match: severity=*\n",
    HOOK.replace("https://ntfy.example.org", "http://[::1]:80") + "    token_file: {secret}\n",
    "alerts:\n  desktop:\n  journal:\n",
]


def uncommented():
    """The commented file with every setting in force. Prose has one blank behind the #,
    or stands behind a # of its own."""
    text = (PACKAGING / "mailwarden.yaml").read_text()
    return re.sub(r"^#(?=  |[a-z_]+:)", "", text, flags=re.M)


def read_yaml(text):
    """As YAML 1.2 does, by which editors go: `off` and `yes` are texts."""
    class Loader(yaml.SafeLoader):
        pass
    Loader.yaml_implicit_resolvers = {}
    for tag, words, first in (
            ("bool", r"true|false", "tf"), ("null", r"~|null|", ["~", "n", ""]),
            ("int", r"[-+]?[0-9]+", list("-+0123456789"))):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{words})$"),
                                     list(first))
    return yaml.load(text, Loader)


class Config(Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "mailwarden.yaml"
        self.secret = self.folder / "secret"
        self.secret.write_text("geheim\n")
        self.secret.chmod(0o600)

    def write(self, text):
        self.path.write_text(text)

    def config(self, *more, exit_code=0):
        done = mailwarden("config", "--config", self.path, *more)
        self.assertEqual(done.returncode, exit_code, done.stderr.decode())
        return (done.stdout if exit_code == 0 else done.stderr).decode()

    def check(self, *more):
        done = mailwarden("check", "--quick", "--config", self.path, *more)
        return done.returncode, done.stderr.decode()

    def places(self, said):
        """What is said, without the lines shown and the file's name."""
        start = f"{self.path}:"
        return [line[len(start):] for line in said.splitlines() if line.startswith(start)]

    def values(self, *more):
        rows = [json.loads(line) for line in self.config("--json", *more).splitlines()]
        return {row["key"]: row for row in rows}


class Faults(Config):
    def test_each_fault_at_its_place(self):
        for text, expected in FAULTS:
            with self.subTest(text=text[:300]):
                self.write(text)
                said = self.config(exit_code=3)
                self.assertNotIn("geheim", said)
                found = self.places(said)
                self.assertEqual(len(found), len(expected), said)
                for line, start in zip(found, expected):
                    self.assertTrue(line.startswith(start), f"{line!r}\n{start!r}")

    def test_check_tells_the_same_with_the_line(self):
        self.write(RELAY + "    tls: maybe\n")
        code, said = self.check()
        self.assertEqual(code, 3)
        self.assertIn(f"{self.path}:5:10: `tls` is required, try or off, not 'maybe'\n"
                      "        tls: maybe\n             ^\n", said)

    def test_all_programs_refuse(self):
        self.write("hots: mx1\n")
        self.log.touch()
        for words in (["run", "--once", "--file", self.log, "--state", self.state],
                      ["status"], ["check"], ["notify", "--test", "relay"]):
            done = mailwarden(*words, "--config", self.path)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn(b"1:1: unknown key 'hots'", done.stderr)

    def test_files_of_no_use(self):
        self.path.write_bytes(bytes(range(256)) * 64)
        self.assertIn(f"{self.path}: not YAML", self.config(exit_code=3))
        self.path.unlink()
        self.assertIn(f"{self.path}: open: No such file", self.config(exit_code=3))
        self.path.mkdir()
        self.assertIn(f"{self.path}: read: Is a directory", self.config(exit_code=3))

    def test_broken_yaml(self):
        self.write("alerts:\n  relay: {url: [smtp://x\nhost: a\n")
        self.assertRegex(self.config(exit_code=3), re.escape(str(self.path)) + r":3:\d+: not YAML")

    def test_too_much(self):
        self.write("alerts:\n" + "".join(f"  c{i}: {{type: journal}}\n" for i in range(101)))
        self.assertIn(":2:3: more than 100 channels", self.config(exit_code=3))
        self.write("alerts:\n  journal:\nroutes:\n" + "  - to: journal\n" * 101)
        self.assertIn(":4:3: more than 100 routes", self.config(exit_code=3))

    def test_hostile_keys_on_a_terminal(self):
        for text in ('"\\e]0;x\\a\\u202e": 1\n', 'alerts: {"\\e[2J": {type: journal}}\n',
                     'alerts: {a: {type: "\\e[2J\\x9b"}}\n', 'routes: [{to: "a\\u202eb"}]\n',
                     'host: "\u202e\\n"\n'):
            self.write(text)
            said = self.config(exit_code=3)
            self.assertNotRegex(said, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


class Reviews(Config):
    def test_warnings(self):
        for text, expected in WARNINGS:
            with self.subTest(text=text):
                self.write(text.replace("{secret}", str(self.secret))
                           .replace("{{", "{").replace("}}", "}"))
                code, said = self.check()
                self.assertEqual(code, 0, said)
                self.assertIn(f"{self.path}:{expected}", said)

    def test_no_warning(self):
        for text in NO_WARNING:
            with self.subTest(text=text):
                self.write(text.replace("{secret}", str(self.secret)))
                code, said = self.check()
                self.assertEqual((code, said), (0, ""))

    def test_secret_files(self):
        def check():
            self.write(RELAY + f"    user: ann\n    password_file: {self.secret}\n")
            return self.check()

        self.assertEqual(check(), (0, ""))
        self.secret.chmod(0o640)
        code, said = check()
        self.assertEqual(code, 3)
        self.assertIn(f":6:20: `password_file` {self.secret}: others can read it (mode 0640): "
                      f"chmod 600 {self.secret}", said)
        self.secret.chmod(0o600)
        self.secret.write_text("")
        self.assertIn("the file is empty", check()[1])
        self.secret.unlink()
        code, said = check()
        self.assertEqual(code, 3)
        self.assertIn("No such file or directory", said)
        self.secret.mkdir()
        self.assertIn("not a regular file", check()[1])

    @unittest.skipIf(os.geteuid() == 0, "root can read everything")
    def test_secret_that_cannot_be_read(self):
        self.secret.chmod(0o000)
        self.write(RELAY + f"    user: ann\n    password_file: {self.secret}\n")
        code, said = self.check()
        self.assertEqual(code, 0)
        self.assertIn("6:20: warning: `password_file`", said)

    def test_oauth_secret_files(self):
        self.write(OAUTH + "      provider: google\n")
        code, said = self.check()
        self.assertEqual(code, 3)
        self.assertIn(":8:27: `refresh_token_file` /r: No such file", said)

    def test_programs(self):
        program = self.folder / "tell"
        self.write(f"alerts:\n  command: {{run: [{program}, -x]}}\n")
        self.assertIn(f":2:18: `run` {program}: No such file", self.check()[1])
        program.write_text("#!/bin/sh\n")
        self.assertIn(f":2:18: `run` {program}: not a program", self.check()[1])
        program.chmod(0o755)
        self.assertEqual(self.check(), (0, ""))

    def test_rules_of_routes(self):
        self.write(ROUTE + "    match: rule=dovecot-limti\n  - to: relay\n")
        code, said = self.check()
        self.assertEqual(code, 3)
        self.assertIn(":7:12: `match`: no rule or trouble 'dovecot-limti', did you mean", said)
        self.write(ROUTE + "    match: rule=dovecot-limit\n  - to: relay\n")
        self.assertEqual(self.check(), (0, ""))

    def test_json(self):
        self.write(RELAY.replace("relay.example.net", "localhost"))
        done = mailwarden("check", "--json", "--quick", "--config", self.path)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(row["level"], row["line"], row["column"]) for row in rows[:-1]],
                         [("warning", 1, 1)])
        self.assertEqual((rows[-1]["errors"], rows[-1]["warnings"]), (0, 1))


class Printed(Config):
    def round_trip(self):
        """What is printed gives the same when it is read, and the same again when printed."""
        before, printed = self.values(), self.config()
        self.path.write_text(printed)
        after, again = self.values(), self.config()
        self.assertEqual({key: row["value"] for key, row in before.items()},
                         {key: row["value"] for key, row in after.items()})

        if yaml is not None:
            self.assertEqual(read_yaml(printed), read_yaml(again))
        return before

    def test_empty_and_absent(self):
        for text in ("", "# nothing\n", "---\n", "alerts:\nroutes:\nsources:\n", "alerts: {}\n"):
            self.write(text)
            values = self.round_trip()
            self.assertEqual(values["fallback_after"]["value"], "2m")
            self.assertEqual(values["host"]["value"], os.uname().nodename)
            self.assertEqual(values["alerts"]["value"], None)

    def test_defaults(self):
        self.write("host: mx1.example.org\n" + ROUTE + "    repeat: 0\n")
        values = self.values()
        expected = {
            "alerts.relay.type": "relay", "alerts.relay.url": ["smtp://relay.example.net"],
            "alerts.relay.user": None, "alerts.relay.from": "mailwarden@mx1.example.org",
            "alerts.relay.sender": None, "alerts.relay.to": ["ann@example.org"],
            "alerts.relay.tls": "required", "alerts.relay.timeout": "1m",
            "alerts.relay.at_most": "10/10m", "alerts.relay.own_path": False,
            "routes[0].to": ["relay"], "routes[0].match": None, "routes[0].quiet": None,
            "routes[0].repeat": "0s", "routes[0].resolved": True, "fallback_after": "2m"}
        for key, value in expected.items():
            self.assertEqual(values[key]["value"], value, key)
        self.assertEqual(values["alerts.relay.tls"]["origin"], "default")
        self.assertEqual(values["alerts.relay.to"]["origin"], f"{self.path}:5")

    def test_every_setting_round_trip(self):
        self.write(uncommented())
        values = self.round_trip()
        self.assertEqual(values["alerts.phone.shape"]["value"], "ntfy")
        self.assertEqual(values["alerts.local.own_path"]["value"], True)
        self.assertEqual(values["routes[1].quiet"]["value"], "22:00-07:00")
        self.assertEqual(values["alerts.gmail.oauth.scope"]["value"], "https://mail.google.com/")

    def test_odd_texts_round_trip(self):
        self.write('timezone: "yes"\nhost: "123"\nalerts:\n  "1":\n    type: webhook\n'
                   '    url: "https://x/?a=b&c=#d"\n    room: "!a: b # c"\n'
                   '    headers: ["X-A: \\"q\\" \\\\", "X-B: \u00fc\u202e", "X-C: {[, ]}"]\n'
                   '  cmd: {type: command, run: [/bin/true, "- x", "on", "1:30", "1e3"]}\n')
        values = self.round_trip()
        self.assertEqual(values["alerts.1.headers"]["value"][1], "X-B: \u00fc\u202e")
        self.assertEqual(values["alerts.cmd.run"]["value"],
                         ["/bin/true", "- x", "on", "1:30", "1e3"])

    def test_providers(self):
        for name, url, scope in (
                ("google", "https://oauth2.googleapis.com/token", "https://mail.google.com/"),
                ("microsoft", "https://login.microsoftonline.com/common/oauth2/v2.0/token",
                 "https://outlook.office.com/SMTP.Send offline_access")):
            self.write(OAUTH + f"      provider: {name}\n")
            values = self.round_trip()
            self.assertEqual(values["alerts.relay.oauth.token_url"]["value"], url)
            self.assertEqual(values["alerts.relay.oauth.scope"]["value"], scope)
            self.write(OAUTH + f"      provider: {name}\n      scope: mine\n")
            self.assertEqual(self.values()["alerts.relay.oauth.scope"]["value"], "mine")

    def test_spans(self):
        for text, printed in (("90", "90s"), ("60", "1m"), ("120s", "2m"), ("10m", "10m"),
                              ("59s", "59s")):
            self.write(RELAY + f"    timeout: {text}\n")
            self.assertEqual(self.round_trip()["alerts.relay.timeout"]["value"], printed)
        self.write(RELAY + "    at_most: unlimited\n")
        self.assertEqual(self.round_trip()["alerts.relay.at_most"]["value"], "unlimited")

    def test_own_path_is_found_out(self):
        for url, own in (("smtp://localhost", True), ("smtps://127.1.2.3:465", True),
                         ("smtp://[::1]:25", True), ("smtp://mx1.example.org:25", True),
                         (f"smtp://{os.uname().nodename}", True),
                         ("smtp://localhost.example.org", False),
                         ("smtp://127.example.org", False),
                         ("smtp://relay.example.org", False)):
            self.write("host: mx1.example.org\n" + RELAY.replace("smtp://relay.example.net",
                                                                f'"{url}"'))
            self.assertEqual(self.values()["alerts.relay.own_path"]["value"], own, url)

    def test_state_of_the_command_line(self):
        self.write("state: /var/lib/x.db\n")
        row = self.values("--state", "/tmp/y.db")["state"]
        self.assertEqual((row["value"], row["origin"]), ("/tmp/y.db", "--state"))
        self.assertIn("state: /tmp/y.db  # --state\n", self.config("--state", "/tmp/y.db"))

    def test_secrets(self):
        self.write(MAILBOX + f"    password_file: {self.secret}\n  chat: {{type: webhook, "
                   "shape: slack, url: 'https://hooks.example.org/geheim'}\n")
        row = self.values()["alerts.relay.password_file"]
        self.assertEqual((row["value"], row["secret"]), (str(self.secret), "set"))
        self.assertEqual(self.values()["alerts.chat.url"]["value"], None)
        self.assertEqual(self.values()["alerts.chat.url"]["secret"], "set")
        said = self.config()
        self.assertIn(f"password_file: {self.secret}", said)
        self.assertRegex(said, r"(?m)^    # set, .*:6$")
        self.assertRegex(said, r"(?m)^    #token_file:  # unset$")
        self.secret.chmod(0o604)
        self.assertIn(f"# unusable: others can read it (mode 0604): chmod 600 {self.secret}",
                      self.config())
        for words in ((), ("--json",)):
            self.assertNotIn("geheim", self.config(*words))

    def test_width(self):
        self.write(uncommented())
        wide = [line for line in self.config().splitlines() if len(line) > 80]
        # The value alone, or a remark alone, is that long.
        for line in wide:
            self.assertTrue(line.lstrip().startswith("# ") or "  # " not in line, line)

    def test_hostile_values_on_a_terminal(self):
        self.write('host: "m\\x9bx"\nalerts:\n  a:\n    type: command\n'
                   '    run: ["/bin/\\u202ex", "\\U000e0041", "\\u200b"]\n')
        for words in ((), ("--json",)):
            said = self.config(*words)
            self.assertNotRegex(said, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e\U000e0041]")
        self.round_trip()


class Shipped(Config):
    """The schema, the commented file and the manual: none knows less than the program."""

    def schema(self):
        done = mailwarden("config", "--schema")
        self.assertEqual(done.returncode, 0)
        return done.stdout.decode()

    def test_schema_is_the_program_s(self):
        self.assertEqual((PACKAGING / "mailwarden.schema.json").read_text(), self.schema(),
                         "build/release/mailwarden config --schema "
                         "> packaging/mailwarden.schema.json")

    def test_commented_file_does_nothing(self):
        text = (PACKAGING / "mailwarden.yaml").read_text()
        self.assertEqual([line for line in text.splitlines()
                          if line and not line.startswith("#")], [])
        self.assertTrue(text.startswith("# yaml-language-server: $schema=/usr/share/mailwarden/"
                                        "mailwarden.schema.json\n"))
        self.write(text)
        self.assertEqual(self.check(), (0, ""))

    def keys(self):
        """(section, key) of all settings."""
        schema = json.loads(self.schema())
        parts = {"the file": schema, **schema["$defs"]}
        return [(name, key) for name, part in parts.items()
                for key in part.get("properties", {})
                if name not in ("alerts", "typed")]

    def test_every_setting_is_explained(self):
        commented = (PACKAGING / "mailwarden.yaml").read_text()
        manual = (PACKAGING / "man" / "mailwarden.yaml.5").read_text()
        keys = self.keys()
        self.assertEqual([key for key in keys
                          if not re.search(rf"(?m)^#[ #-]*\b{key[1]}:", commented)], [])
        self.assertEqual([key for key in keys
                          if not re.search(rf"(?m)^\.It Ic {key[1]}\b", manual)], [])

    @unittest.skipIf(yaml is None, "no jsonschema or no yaml module")
    def test_schema_takes_what_is_right(self):
        schema = json.loads(self.schema())
        jsonschema.Draft202012Validator.check_schema(schema)
        judge = jsonschema.Draft202012Validator(schema)
        self.write(uncommented())
        printed = self.config()
        texts = [uncommented(), printed, RELAY, HOOK, ROUTE + "    repeat: 0\n",
                 "alerts:\n  desktop:\n  journal:\n", "alerts:\nroutes:\nsources:\n",
                 RELAY + "    tls: off\n    own_path: yes\n    timeout: 60\n",
                 "alerts:\n  phone: {type: webhook, shape: telegram, token_file: /x, room: -10}\n",
                 "alerts:\n  heartbeat: {url_file: 'credential:beat'}\n"]
        for text in texts:
            with self.subTest(text=text[:200]):
                self.assertEqual([error.message for error in
                                  judge.iter_errors(read_yaml(text))], [])
                self.write(text)
                self.config()

    @unittest.skipIf(yaml is None, "no jsonschema or no yaml module")
    def test_schema_refuses_what_it_can(self):
        """Most of the faults; the others only the program sees."""
        judge = jsonschema.Draft202012Validator(json.loads(self.schema()))
        unseen = []
        for text, expected in FAULTS:
            try:
                found = list(judge.iter_errors(read_yaml(text)))
            except yaml.YAMLError:
                continue
            if not found:
                unseen.append(expected[0])
        allowed = ("stands twice", "control character", "longer than", "http://",
                   "must be https", "HOST:PORT", "`user` needs", "needs a `user`",
                   "`oauth` needs", "needs `room`", "needs `token_file`", "needs `url`: where",
                   "no channel", "stands in `to`", "it takes no", "`match`", "`quiet`",
                   "not for secrets", "full path, as", "from 1s to 10m", "from 10s",
                   "begins with a program", "credential: and")
        self.assertEqual([text for text in unseen
                          if not any(word in text for word in allowed)], [])


if __name__ == "__main__":
    if yaml is None:
        print(f"parts are skipped: {MISSING}", file=sys.stderr)
    unittest.main()
