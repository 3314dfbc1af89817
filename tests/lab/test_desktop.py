#!/usr/bin/python3
"""notify/desktop and its helper against a real notification daemon (dunst) on a session bus
of its own, in a display of its own (Xvfb): what is shown, how urgent, what replaces what,
what the actions do, and what is said where there is no desktop.

Needs dunst, Xvfb, dbus-daemon and busctl, and mailwarden-notify-desktop (built if
libnotify is there); without them the test is skipped (exit code 77).
With MAILWARDEN_PICTURES=DIR it leaves pictures of the screen there (needs `import`).
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from session import Session, lacking  # noqa: E402
from support import BUILD, Case, mailwarden, wait_until  # noqa: E402

HELPER = BUILD / "mailwarden-notify-desktop"
SENDER = BUILD / "tests" / "channel_send"
DEADLINE_S = 30

BLOCKED = ("{time} mx1 postfix/smtp[79]: 4bXkWz{n:06d}f: to=<joe{n}@hotmail.com>, "
           "relay=hotmail-com.olc.protection.outlook.com[203.0.113.10]:25, delay=1.4, "
           "delays=0.1/0/0.7/0.6, dsn=5.7.1, status=bounced (host hotmail-com.olc."
           "protection.outlook.com[203.0.113.10] said: 550 5.7.1 Unfortunately, messages "
           "from [192.0.2.25] weren't sent. Please contact your Internet service provider "
           "since part of their network is on our block list (S3140). (in reply to MAIL "
           "FROM command))\n")


class Helper:
    """The helper by itself, as notify/desktop.c speaks to it."""

    def __init__(self, desktop, *options):
        self.process = subprocess.Popen([HELPER, *map(str, options)], text=True,
                                        env=desktop.environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def show(self, incident, **more):
        return self.ask(**{"key": incident, "incident": incident, "title": "title",
                           "body": "body", "urgency": "critical", "acknowledge": True,
                           **more})

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=DEADLINE_S)
        self.process.stdout.close()
        return code


class DesktopCase(Case):
    MARKUP = "full"

    def setUp(self):
        super().setUp()
        self.desktop = Session(self.folder, "dunst", self.MARKUP)
        self.addCleanup(self.desktop.stop)

    def send(self, sample, *options, show="", environment=None):
        config = pathlib.Path(self.folder) / "mailwarden.yaml"
        config.write_text(f"state: {self.state}\nalerts:\n  desktop:\n{show}")
        done = subprocess.run(
            [SENDER, "--config", config, "--channel", "desktop", "--sample", sample,
             "--store", self.state, *options], capture_output=True, timeout=120, text=True,
            env=self.desktop.environment if environment is None else environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def shown(self, sample, *options, count=1, **more):
        """Sends a sample; what came over the bus for it."""
        before = len(self.desktop.notified())
        for result in self.send(sample, *options, **more):
            self.assertEqual(result["result"], "accepted", result)
        wait_until(lambda: len(self.desktop.notified()) >= before + count, sample)
        self.desktop.picture(f"{sample}-{self.MARKUP}")
        return self.desktop.notified()[before:]


class Shown(DesktopCase):
    def test_urgency_and_time(self):
        for sample, urgency, expire in (("opened", 2, 0), ("resolved", 0, -1),
                                        ("reminder", 2, 0), ("test", 1, -1)):
            with self.subTest(sample):
                call, = self.shown(sample)
                self.assertEqual(call["app"], "mailwarden")
                self.assertEqual(call["hints"]["urgency"]["data"], urgency)
                self.assertEqual(call["expire"], expire)

    def test_replaces_the_former_of_the_same_incident(self):
        first, second = self.shown("opened", "--times", "2", count=2)
        self.assertEqual(first["replaces"], 0)
        self.assertNotEqual(second["replaces"], 0)
        self.assertEqual(self.desktop.on_screen(), 1)
        # Also after the helper was started anew, where the server can do that.
        self.shown("resolved")
        self.assertEqual(self.desktop.on_screen(), 1)

    def test_many_are_few(self):
        calls = self.shown("many", count=5)
        self.assertEqual(len(calls), 5)
        self.assertEqual(calls[-1]["title"], "116 more incidents of mail")
        self.assertIn("mailwarden incidents", calls[-1]["body"])
        self.assertEqual(calls[-1]["actions"], [])
        self.assertLessEqual(self.desktop.on_screen(), 5)

    def test_hostile(self):
        call, = self.shown("hostile")
        text = call["title"] + call["body"]
        for bad in ("\r", "\x1b", "\x07", "\0", "\u202e", "\ufeff", "\x9b"):
            self.assertNotIn(bad, text)
        self.assertNotIn("<", call["body"])
        self.assertIn("&lt;b&gt;&amp;amp;&lt;/b&gt;", call["body"])
        self.assertLess(len(call["title"]), 200)
        self.assertLess(len(call["body"]), 3000)

    def test_show_only_if_configured(self):
        call, = self.shown("opened")
        self.assertEqual(call["actions"], ["acknowledge", "Acknowledge"])
        call, = self.shown("opened", show="    show: [/bin/true]\n")
        self.assertEqual(call["actions"], ["default", "Show", "show", "Show",
                                           "acknowledge", "Acknowledge"])
        call, = self.shown("resolved")
        self.assertEqual(call["actions"], [])


class Plain(DesktopCase):
    MARKUP = "no"

    def test_no_escapes_where_nothing_is_markup(self):
        """And no tags: without `markup` in its configuration dunst says the same as here,
        and takes them."""
        call, = self.shown("hostile")
        self.assertIn("\u2039b\u203a&amp;\u2039/b\u203a", call["body"])


class Actions(DesktopCase):
    def incident(self):
        """An incident in a store of its own."""
        now = int(time.time())
        with open(self.log, "a", encoding="ascii") as out:
            for n in range(3):
                at = time.strftime("%b %e %H:%M:%S", time.gmtime(now - 600 + n))
                out.write(BLOCKED.format(time=at, n=n))
        self.run_once()
        done = mailwarden("incidents", "--json", "--state", self.state)
        return json.loads(done.stdout.splitlines()[0])["id"]

    def acknowledged(self, incident):
        done = mailwarden("show", incident, "--json", "--state", self.state)
        return "acknowledged" in json.loads(done.stdout)

    def test_acknowledge_reaches_the_store(self):
        incident = self.incident()
        helper = Helper(self.desktop, "--mailwarden", BUILD / "mailwarden", "--store",
                        self.state)
        self.assertEqual(helper.show(incident), "ok")
        self.assertFalse(self.acknowledged(incident))
        self.desktop.act("Acknowledge")
        wait_until(lambda: self.acknowledged(incident), "acknowledged")
        self.assertEqual(helper.end(), 0)

    def test_a_failed_acknowledge_is_told(self):
        self.incident()
        helper = Helper(self.desktop, "--mailwarden", BUILD / "mailwarden", "--store",
                        self.state)
        self.assertEqual(helper.show("0123456789ab"), "ok")
        self.desktop.act("Acknowledge")
        wait_until(lambda: len(self.desktop.notified()) == 2, "what went wrong")
        failed = self.desktop.notified()[1]
        self.assertEqual(failed["title"], "mailwarden: not acknowledged")
        self.assertIn("0123456789ab", failed["body"])
        self.assertEqual(helper.end(), 0)

    def test_show_runs_the_program_with_the_id(self):
        out = pathlib.Path(self.folder) / "shown"
        program = pathlib.Path(self.folder) / "show me"
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >"{out}.new"\n'
                           f'mv "{out}.new" "{out}"\n')
        program.chmod(0o755)
        helper = Helper(self.desktop, "--show", program, "a b", "$HOME")
        self.assertEqual(helper.show("0123456789ab"), "ok")
        self.desktop.act("Show")
        wait_until(out.exists, "the program of Show")
        self.assertEqual(out.read_text(), "a b\n$HOME\n0123456789ab\n")
        self.assertEqual(helper.end(), 0)

    def test_close(self):
        helper = Helper(self.desktop)
        self.assertEqual(helper.show("0123456789ab"), "ok")
        wait_until(lambda: self.desktop.on_screen() == 1, "shown")
        for _ in range(2):
            self.assertEqual(helper.ask(key="0123456789ab", close=True), "ok")
        wait_until(lambda: self.desktop.on_screen() == 0, "taken away")
        self.assertEqual(helper.end(), 0)

    def test_another_daemon_starts_from_nothing(self):
        """Numbers of the former one may be those of another program's at the new one."""
        helper = Helper(self.desktop)
        self.assertEqual(helper.show("0123456789ab"), "ok")
        self.desktop.daemon.terminate()
        self.desktop.daemon.wait(timeout=DEADLINE_S)
        self.desktop.start_daemon("dunst")
        self.assertEqual(helper.show("0123456789ab"), "ok")
        wait_until(lambda: len(self.desktop.notified()) == 2, "both")
        self.assertEqual(self.desktop.notified()[1]["replaces"], 0)
        self.assertEqual(helper.show("0123456789ab"), "ok")
        wait_until(lambda: len(self.desktop.notified()) == 3, "all")
        self.assertNotEqual(self.desktop.notified()[2]["replaces"], 0)
        self.assertEqual(helper.end(), 0)

    def test_bad_requests(self):
        helper = Helper(self.desktop)
        for request in ({}, {"key": 5}, {"key": "a", "title": "t"},
                        {"key": "a", "title": "t", "body": "b", "urgency": "low",
                         "incident": "b"}):
            self.assertEqual(helper.ask(**request),
                             "error a request that is not understood")
        helper.process.stdin.write("nonsense\n")
        helper.process.stdin.flush()
        self.assertTrue(helper.process.stdout.readline().startswith("error "))
        self.assertEqual(helper.show("0123456789ab"), "ok")
        self.assertEqual(helper.end(), 0)


class Missing(DesktopCase):
    """No desktop: the reason says what helps, and comes soon."""

    def refused(self, **changes):
        environment = {**self.desktop.environment, **changes}
        environment = {name: value for name, value in environment.items() if value}
        result, = self.send("opened", environment=environment)
        self.assertEqual(result["result"], "retry")
        self.assertLess(result["seconds"], 25)
        return result["reason"]

    def test_no_bus(self):
        empty = tempfile.mkdtemp(dir=self.folder)
        reason = self.refused(DBUS_SESSION_BUS_ADDRESS=None, XDG_RUNTIME_DIR=empty)
        self.assertIn("no session bus", reason)
        self.assertIn("DBUS_SESSION_BUS_ADDRESS", reason)

    def test_bus_is_gone(self):
        reason = self.refused(DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent/bus")
        self.assertIn("no session bus", reason)
        self.assertIn("in your session", reason)

    def test_no_daemon(self):
        folder = self.folder / "bare"
        folder.mkdir()
        bare = Session(folder, daemon=None)
        self.addCleanup(bare.stop)
        reason = self.refused(
            DBUS_SESSION_BUS_ADDRESS=bare.environment["DBUS_SESSION_BUS_ADDRESS"])
        self.assertIn("no notification daemon", reason)

    def test_daemon_hangs(self):
        """Not for longer than the channel's limit; a new helper is there afterwards."""
        dunst = self.desktop.daemon.pid
        os.kill(dunst, signal.SIGSTOP)
        self.addCleanup(os.kill, dunst, signal.SIGCONT)
        result, = self.send("opened")
        self.assertEqual(result["result"], "retry")
        self.assertTrue(result["uncertain"])
        self.assertIn("does not answer", result["reason"])
        self.assertLess(result["seconds"], 20)


def missing():
    if not HELPER.exists():
        return "mailwarden-notify-desktop is not built (libnotify is missing)"
    return lacking("dunst", "dunstctl")


if __name__ == "__main__":
    if missing():
        print(f"skipped: {missing()}")
        sys.exit(77)
    unittest.main()
