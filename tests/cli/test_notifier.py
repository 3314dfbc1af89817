#!/usr/bin/python3
"""mailwarden-notify as a process of its own: woken at once and asleep else, one channel
does not wait for another, nothing is lost whatever ends it, and systemd hears of it."""

import asyncio
import email
import http.server
import logging
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from smtp_server import Handler, Server  # noqa: E402
from support import Case, Daemon, Notifier, wait_until  # noqa: E402

# Far less than any interval in which something might be looked at again.
AT_ONCE_S = 20
IDLE_S = 5


def blocked(number):
    stamp = time.strftime("%b %e %H:%M:%S", time.gmtime())
    return (f"{stamp} mx{number} postfix/smtp[79]: 4bXkWz{number:06d}f: to=<joe@hotmail.com>, "
            "relay=hotmail-com.olc.protection.outlook.com[203.0.113.10]:25, delay=1.4, "
            "delays=0.1/0/0.7/0.6, dsn=5.7.1, status=bounced (host hotmail-com.olc.protection."
            "outlook.com[203.0.113.10] said: 550 5.7.1 Unfortunately, messages from "
            "[192.0.2.25] weren't sent. Please contact your Internet service provider since "
            "part of their network is on our block list (S3140). (in reply to MAIL FROM "
            "command))\n")


class Held(Handler):
    """Takes a mail, and does not say so before it is let go."""

    def __init__(self, before_reply=None):
        super().__init__()
        self.taken = threading.Event()
        self.let_go = threading.Event()
        self.before_reply = before_reply

    async def handle_DATA(self, server, session, envelope):
        reply = await super().handle_DATA(server, session, envelope)
        self.taken.set()
        if self.before_reply:
            self.before_reply()
        while not self.let_go.is_set():
            await asyncio.sleep(0.01)
        return reply


class Notifying(Case):
    def setUp(self):
        super().setUp()
        self.config = self.folder / "mailwarden.yaml"
        self.log.touch()

    def write_config(self, *lines):
        self.config.write_text("\n".join(["host: mx1.example.org", *lines]) + "\n")

    def relay(self, name, port, *more):
        return [f"  {name}:", "    type: relay", f"    url: smtp://127.0.0.1:{port}",
                "    tls: off", f"    to: {name}@example.org",
                "    from: warden@example.org", "    timeout: 40",
                *(f"    {line}" for line in more)]

    def write_relays(self, *ports_by_name):
        self.write_config("alerts:", *(line for name, port in ports_by_name
                                       for line in self.relay(name, port)))

    def watch(self, *more):
        watcher = self.daemon("--no-notifier", "--config", self.config, *more)
        watcher.wait_for("left to the service")
        wait_until(self.state.exists, "the store is there")
        return watcher

    def notifier(self, *more, **options):
        notifier = Notifier("--config", self.config, "--state", self.state, *more, **options)
        self.addCleanup(notifier.kill)
        return notifier

    def ready(self):
        """Watcher and notifier, the second asleep at its FIFO."""
        watcher = self.watch()
        notifier = self.notifier()
        self.wait_asleep(notifier)
        return watcher, notifier

    def wait_asleep(self, notifier):
        fifo = pathlib.Path(f"{self.state}.wake")
        notifier.until(fifo.exists, "it listens")

    def trouble(self, first=1, count=1):
        with open(self.log, "a") as out:
            out.write("".join(blocked(first + i) for i in range(count)))

    def rows(self):
        """Of notices; a critical incident's reminder waits for tomorrow."""
        try:
            return [row for row in support.outbox(self.state)
                    if row["notice"] != support.NOTICE_REMINDER]
        except sqlite3.OperationalError:
            return []

    def all_sent(self, count=1):
        rows = self.rows()
        return len(rows) == count and all(row["sent"] is not None for row in rows)

    @staticmethod
    def message_ids(handler):
        return [email.message_from_bytes(content)["Message-ID"]
                for _, _, content in handler.mails]


class Waking(Notifying):
    def test_at_once(self):
        handler = Handler()
        with Server(handler) as server:
            self.write_relays(("relay", server.port))
            watcher, notifier = self.ready()
            for number in (1, 2, 3):
                self.trouble(number)
                notifier.until(lambda: len(handler.mails) == number, "the mail arrives",
                               AT_ONCE_S)
            notifier.until(lambda: self.all_sent(3), "the store knows", AT_ONCE_S)
            self.assertEqual(notifier.stop(), 0, notifier.said())
            self.assertEqual(watcher.stop(), 0, watcher.said())

    def test_silence_that_ends(self):
        handler = Handler()
        with Server(handler) as server:
            self.write_relays(("relay", server.port))
            watcher, notifier = self.ready()
            done = support.mailwarden("silence", "host=mx*", "8h", "--state", self.state)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.trouble()
            watcher.until(lambda: len(self.rows()) == 1, "the notice waits")
            self.assertEqual(handler.mails, [])
            done = support.mailwarden("silence", "--end", "1", "--state", self.state)
            self.assertEqual(done.returncode, 0, done.stderr)
            notifier.until(lambda: handler.mails, "the mail arrives", AT_ONCE_S)

    def test_before_the_store(self):
        """Not a crash loop: it waits, says so once, and begins when the store is there."""
        handler = Handler()
        with Server(handler) as server:
            self.write_relays(("relay", server.port))
            notifier = self.notifier()
            notifier.wait_for("not there yet")
            watcher = self.watch()
            self.wait_asleep(notifier)
            notifier.wait_for("works", AT_ONCE_S)
            self.trouble()
            notifier.until(lambda: handler.mails, "the mail arrives", AT_ONCE_S)
            self.assertEqual(notifier.said().count("not there yet"), 1, notifier.said())
            self.assertEqual(notifier.stop(), 0, notifier.said())
            self.assertEqual(watcher.stop(), 0)

    def test_store_that_was_replaced(self):
        handler = Handler()
        with Server(handler) as server:
            self.write_relays(("relay", server.port))
            watcher, notifier = self.ready()
            self.trouble()
            notifier.until(lambda: self.all_sent(), "the mail arrives")
            self.assertEqual(watcher.stop(), 0)
            for path in self.state.parent.glob("mailwarden.db*"):
                if path.suffix in (".db", ".db-wal", ".db-shm"):
                    path.unlink()
            self.watch("--from-end")
            notifier.wait_for("was replaced", AT_ONCE_S)
            self.trouble(2)
            notifier.until(lambda: len(handler.mails) == 2, "the second arrives", AT_ONCE_S)

    def test_fifo_that_was_removed(self):
        """Nobody could knock any more: it makes another one at once."""
        handler = Handler()
        with Server(handler) as server:
            self.write_relays(("relay", server.port))
            _, notifier = self.ready()
            fifo = pathlib.Path(f"{self.state}.wake")
            for number in (1, 2):
                fifo.unlink()
                self.wait_asleep(notifier)
                self.trouble(number)
                notifier.until(lambda: len(handler.mails) == number, "the mail arrives",
                               AT_ONCE_S)
            self.assertEqual(notifier.stop(), 0, notifier.said())

    def test_idle(self):
        """Nothing due: no thread of it runs."""
        with Server(Handler()) as server:
            self.write_relays(("relay", server.port))
            _, notifier = self.ready()
            self.trouble()
            notifier.until(lambda: self.all_sent(), "the mail arrives")
            self.assert_idle(notifier)

    def test_idle_while_a_server_is_away(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.write_relays(("relay", port))
        _, notifier = self.ready()
        self.trouble()
        notifier.until(lambda: any(row["tries"] > 0 for row in self.deliveries()),
                       "a try failed")
        self.assert_idle(notifier)

    def deliveries(self):
        try:
            return [{"tries": row[0]} for row in
                    support.ask(self.state, "SELECT tries FROM delivery")]
        except sqlite3.OperationalError:
            return []

    def switches(self, notifier):
        tasks = pathlib.Path(f"/proc/{notifier.process.pid}/task")
        return [line for task in sorted(tasks.iterdir())
                for line in (task / "status").read_text().splitlines()
                if line.startswith("voluntary_ctxt_switches")]

    def assert_idle(self, notifier):
        """For IDLE_S; what follows a delivery is waited for."""
        def unchanged():
            before = self.switches(notifier)
            time.sleep(IDLE_S)
            return self.switches(notifier) == before
        wait_until(unchanged, f"no wake-up for {IDLE_S} s", 4 * IDLE_S)


class Sending(Notifying):
    def test_slow_channel(self):
        slow, quick = Held(), Handler()
        with Server(slow) as slow_server, Server(quick) as quick_server:
            self.write_relays(("slow", slow_server.port), ("quick", quick_server.port))
            _, notifier = self.ready()
            self.trouble(1)
            notifier.until(slow.taken.is_set, "the slow server has it")
            notifier.until(lambda: len(quick.mails) == 1, "the quick one, too", AT_ONCE_S)
            self.trouble(2)
            notifier.until(lambda: len(quick.mails) == 2, "and the next", AT_ONCE_S)
            self.assertEqual(len(slow.mails), 1)
            slow.let_go.set()
            notifier.until(lambda: self.all_sent(2), "all are sent")
            self.assertEqual(notifier.stop(), 0)

    def test_kill_between_send_and_commit(self):
        """The server has it, we do not know: the same again, recognisable."""
        notifiers = []
        handler = Held(lambda: notifiers and notifiers[0].process.kill())
        handler.let_go.set()
        with Server(handler) as server:
            self.write_relays(("relay", server.port))
            self.watch()
            notifiers.append(self.notifier())
            self.wait_asleep(notifiers[0])
            self.trouble()
            wait_until(lambda: notifiers[0].process.poll() is not None, "it is killed")
            self.assertFalse(self.all_sent())
            handler.before_reply = None
            notifier = self.notifier()
            notifier.until(lambda: self.all_sent(), "the store knows")
            ids = self.message_ids(handler)
            self.assertEqual(len(ids), 2)
            self.assertEqual(ids[0], ids[1])
            self.assertEqual(handler.mails[0][1], handler.mails[1][1])

    def test_term_during_a_send(self):
        handler = Held()
        with Server(handler) as server:
            self.write_relays(("relay", server.port))
            _, notifier = self.ready()
            self.trouble()
            notifier.until(handler.taken.is_set, "the server has it")
            notifier.process.terminate()
            self.assertIsNone(notifier.process.poll())
            handler.let_go.set()
            self.assertEqual(notifier.process.wait(support.PATIENCE_S), 0, notifier.said())
            self.assertTrue(self.all_sent())
            again = self.notifier("--once")
            self.assertEqual(again.process.wait(support.PATIENCE_S), 0, again.said())
            self.assertEqual(len(handler.mails), 1)

    def test_term_while_a_server_hangs(self):
        """At most 20 seconds; then the same message goes out at the next start."""
        handler = Held()
        with Server(handler) as server:
            self.write_relays(("relay", server.port))
            _, notifier = self.ready()
            self.trouble()
            notifier.until(handler.taken.is_set, "the server has it")
            began = time.monotonic()
            self.assertEqual(notifier.stop(60), 0, notifier.said())
            self.assertTrue(15 < time.monotonic() - began < 35)
            self.assertIn("did not answer", notifier.said())
            self.assertFalse(self.all_sent())
            handler.let_go.set()
            again = self.notifier()
            again.until(lambda: self.all_sent(), "the store knows")
            ids = self.message_ids(handler)
            self.assertEqual(ids, [ids[0]] * 2)

    def test_reload_during_a_send(self):
        """What is being sent ends with its own settings; what comes has the new ones."""
        old, new = Held(), Handler()
        with Server(old) as old_server, Server(new) as new_server:
            self.write_relays(("relay", old_server.port))
            _, notifier = self.ready()
            self.trouble(1)
            notifier.until(old.taken.is_set, "the old server has it")
            self.write_relays(("relay", new_server.port), ("second", new_server.port))
            notifier.hang_up()
            notifier.wait_for("configuration reloaded channels=2")
            self.trouble(2)
            notifier.until(lambda: any("second@example.org" in recipients
                                       for _, recipients, _ in new.mails),
                           "the new channel does not wait for the old one")
            self.assertFalse(any("relay@example.org" in recipients
                                 for _, recipients, _ in new.mails))
            old.let_go.set()
            notifier.until(lambda: self.all_sent(2), "both are sent")
            self.assertEqual(len(old.mails), 1)
            self.assertEqual(sum("relay@example.org" in recipients
                                 for _, recipients, _ in new.mails), 1)
            self.assertEqual(notifier.stop(), 0, notifier.said())

    def test_broken_configuration(self):
        handler = Handler()
        with Server(handler) as server:
            self.write_relays(("relay", server.port))
            _, notifier = self.ready()
            self.write_config("alerts:", "  relay:", "    hello: x")
            notifier.hang_up()
            notifier.wait_for("nothing changed")
            self.assertIn(f"{self.config}:4:5: unknown key 'hello'", notifier.said())
            self.trouble()
            notifier.until(lambda: handler.mails, "the mail arrives")
            self.assertEqual(notifier.stop(), 0)

    def test_two_notifiers(self):
        """The second waits, and takes over."""
        handler = Handler()
        with Server(handler) as server:
            self.write_relays(("relay", server.port))
            _, first = self.ready()
            second = self.notifier()
            second.wait_for("another notifier works on")
            self.trouble(1)
            first.until(lambda: len(handler.mails) == 1, "the mail arrives")
            self.assertEqual(first.stop(), 0)
            second.wait_for("works\n")
            self.trouble(2)
            second.until(lambda: self.all_sent(2), "the second arrives")
            self.assertEqual(len(handler.mails), 2)


class Faults(Notifying):
    def knock(self):
        with open(f"{self.state}.wake", "wb", buffering=0) as fifo:
            fifo.write(b"!")

    def test_locked_store(self):
        handler = Handler()
        with Server(handler) as server:
            self.write_relays(("relay", server.port))
            _, notifier = self.ready()
            self.trouble(1)
            notifier.until(lambda: self.all_sent(), "the first arrives")
            # Due once more, so that there is something to write.
            support.change(self.state, "UPDATE outbox SET sent = NULL WHERE notice = 1")
            support.change(self.state, "DELETE FROM delivery")
            lock = sqlite3.connect(self.state, timeout=30)
            lock.execute("BEGIN IMMEDIATE")
            self.knock()
            notifier.wait_for("locked by another process")
            lock.rollback()
            lock.close()
            self.knock()
            notifier.until(lambda: len(handler.mails) == 2, "it is sent", AT_ONCE_S)
            notifier.wait_for("works\n")

    def test_full_disk(self):
        """A mail that the store could not be told of is not sent again and again."""
        handler = Handler()
        self.state.parent.mkdir()
        if os.geteuid() != 0 or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", self.state.parent],
                capture_output=True).returncode != 0:
            self.skipTest("no right to mount a small file system")
        self.addCleanup(subprocess.run, ["umount", "-l", self.state.parent])
        with Server(handler) as server:
            self.write_relays(("relay", server.port))
            watcher, notifier = self.ready()
            self.trouble(1)
            notifier.until(lambda: self.all_sent(), "the first arrives")
            self.assertEqual(watcher.stop(), 0)
            support.change(self.state, "UPDATE outbox SET sent = NULL WHERE notice = 1")
            support.change(self.state, "DELETE FROM delivery")
            filler = self.state.parent / "filler"
            with open(filler, "wb", buffering=0) as out, self.assertRaises(OSError):
                while True:
                    out.write(bytes(4096))
            self.use_up_log()
            self.knock()
            notifier.wait_for("no space left")
            self.assertLessEqual(len(handler.mails), 2)
            filler.unlink()
            self.knock()
            notifier.until(lambda: self.all_sent(), "it is sent", AT_ONCE_S)
            self.assertEqual(len(set(self.message_ids(handler)[1:])), 1)

    def use_up_log(self):
        """The write-ahead log may have room of its own that was taken before."""
        try:
            for _ in range(2000):
                support.change(self.state, "INSERT INTO meta (key, value) VALUES "
                               "(hex(randomblob(900)), hex(randomblob(900)))")
        except sqlite3.OperationalError:
            return
        self.fail("the disk is not full")


class Pings(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.pings.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *_):
        pass


class Heartbeats(Notifying):
    def test_only_while_the_watcher_lives(self):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pings) as server:
            server.pings = []
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.addCleanup(server.shutdown)
            self.write_config("alerts:", "  heartbeat:",
                              f"    url: http://127.0.0.1:{server.server_port}/beat",
                              "    every: 1m")
            notifier = self.notifier()
            notifier.wait_for("heartbeat held back")
            self.assertEqual(server.pings, [])
            watcher = self.watch()
            notifier.until(lambda: server.pings, "it beats when the watcher runs", AT_ONCE_S)
            self.assertEqual(watcher.stop(), 0)
            count = len(server.pings)
            again = self.notifier()
            again.wait_for("heartbeat held back")
            self.assertEqual(len(server.pings), count)
            server.shutdown()


class ByHand(Notifying):
    def test_child_ends_with_its_input(self):
        self.write_relays(("relay", 9))
        self.watch()
        notifier = self.notifier("--child", stdin=subprocess.PIPE)
        self.wait_asleep(notifier)
        self.assertIsNone(notifier.process.poll())
        notifier.process.stdin.close()
        self.assertEqual(notifier.process.wait(support.PATIENCE_S), 0, notifier.said())

    def test_run_starts_it_for_any_channel(self):
        told = self.folder / "told"
        program = self.folder / "tell"
        program.write_text(f"#!/bin/sh\ncat >> {told}\n")
        program.chmod(0o755)
        self.write_config("alerts:", f"  command: {{run: [{program}]}}")
        daemon = self.daemon("--config", self.config)
        daemon.until(daemon.children, "the notifier runs")
        self.trouble()
        daemon.until(lambda: told.exists() and told.stat().st_size > 0, "it is told")
        daemon.hang_up()
        daemon.wait_for("configuration reloaded")
        daemon.wait_for("rules reloaded")
        self.assertEqual(daemon.stop(), 0, daemon.said())

    def test_reload_that_brings_the_first_channel(self):
        self.write_config()
        daemon = self.daemon("--config", self.config)
        daemon.wait_for("no channel configured")
        self.write_relays(("relay", 9))
        daemon.hang_up()
        daemon.until(daemon.children, "the notifier runs")
        self.assertEqual(daemon.stop(), 0, daemon.said())

    def test_memory_is_private(self):
        self.write_relays(("relay", 9))
        _, notifier = self.ready()
        limits = pathlib.Path(f"/proc/{notifier.process.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")

    def test_shared_folder(self):
        """A notifier that somebody started under a strict umask is woken all the same."""
        self.write_relays(("relay", 9))
        self.watch()
        self.state.parent.chmod(0o2770)
        before = os.umask(0o077)
        try:
            notifier = self.notifier()
        finally:
            os.umask(before)
        fifo = pathlib.Path(f"{self.state}.wake")
        notifier.until(lambda: fifo.exists() and fifo.stat().st_mode & 0o777 == 0o660,
                       "the group may knock")

    def notify(self, *words):
        return support.mailwarden("notify", *words, "--config", self.config)

    def test_list_and_tests(self):
        with Server(Handler()) as server:
            self.write_config("alerts:", *self.relay("relay", server.port),
                              *self.relay("dead", 9))
            done = self.notify("--list")
            self.assertEqual(done.returncode, 0)
            self.assertIn(b"mail to relay@example.org", done.stdout)
            self.write_config("alerts:", "  hook:", "    type: webhook",
                              "    url: https://chat.example.org?key=geheim")
            self.assertIn(b"https://chat.example.org\n", self.notify("--list").stdout)
            self.write_config("alerts:", *self.relay("relay", server.port),
                              *self.relay("dead", 9))
            done = self.notify("--test", "relay")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(b"accepted by relay", done.stdout)
            done = self.notify("--test", "all")
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"not accepted", done.stderr)
            done = self.notify("--test", "phone")
            self.assertEqual(done.returncode, 2)
            self.assertIn(b"there is: relay dead", done.stderr)
            self.write_config()
            self.assertEqual(self.notify("--test", "relay").returncode, 3)


class Systemd(Notifying):
    def setUp(self):
        super().setUp()
        # An address of a socket has 107 bytes; the test's folder may be deep.
        self.place = tempfile.TemporaryDirectory(dir="/tmp")
        self.addCleanup(self.place.cleanup)
        self.path = f"{self.place.name}/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.bind(self.path)
        self.socket.settimeout(support.PATIENCE_S)
        self.heard = []

    def environment(self):
        return {"NOTIFY_SOCKET": self.path}

    def hear(self, word):
        """The next message with that word; all are kept."""
        while True:
            text = self.socket.recv(8192).decode()
            self.heard.append(text)
            if word in text:
                return text

    def test_notifier(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.write_relays(("relay", port), ("second", port))
        watcher = self.watch()
        notifier = self.notifier(environment={**self.environment(),
                                              "WATCHDOG_USEC": "2000000"})
        self.hear("STATUS=2 channels, no notice waits")
        self.hear("READY=1")
        self.trouble()
        self.hear("failing since")
        self.assertIn("1 notice waits", self.heard[-1])
        self.assertIn("Connection refused", self.heard[-1])
        self.hear("WATCHDOG=1")
        notifier.hang_up()
        self.assertRegex(self.hear("RELOADING=1"), r"MONOTONIC_USEC=[0-9]+")
        self.hear("READY=1")
        notifier.process.terminate()
        self.hear("STOPPING=1")
        self.assertEqual(notifier.process.wait(support.PATIENCE_S), 0, notifier.said())
        self.assertEqual(watcher.stop(), 0)

    def test_watcher(self):
        self.write_relays(("relay", 9))
        watcher = Daemon("--file", self.log, "--state", self.state, "--no-notifier",
                         "--config", self.config, environment=self.environment())
        self.addCleanup(watcher.kill)
        self.hear("READY=1")
        self.hear("STATUS=watching 1 source, 0 open incidents")
        self.trouble()
        self.hear("1 open incident")
        watcher.hang_up()
        self.assertRegex(self.hear("RELOADING=1"), r"MONOTONIC_USEC=[0-9]+")
        self.hear("READY=1")
        watcher.process.terminate()
        self.hear("STOPPING=1")
        self.assertEqual(watcher.process.wait(support.PATIENCE_S), 0, watcher.said())


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    unittest.main(verbosity=1, warnings="ignore")
