#!/usr/bin/python3
"""Faults on the way to a relay, from the log line to the mail: nothing is lost, tries and
messages are few, and `status` says what is wrong.

A refused login, 4xx, an expired certificate: tests/cli/test_run_relay.py. A kill between
send and commit, a reload during a send: tests/cli/test_notifier.py. Each fault by itself:
test_relay.py, test_relay_login.py.

Needs python3-aiosmtpd and openssl; without them the test is skipped (exit code 77).
"""

import logging
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fault_case import (DAY_S, HOUR_S, Fault, Handler, Script,  # noqa: E402
                        Server, can_mount, main_in_mount_namespace)


class Down(Fault):
    def fail_once_more(self, tries):
        """The wait is over, one more try; how long it waits then."""
        if tries > 1:
            self.make_due()
        notifier = self.notifier()
        notifier.until(lambda: self.tries() == tries, f"try {tries}")
        self.end(notifier)
        self.assertEqual(self.tries(), tries, "one try, not several")
        return self.next_due()

    def test_for_an_hour(self):
        """Some tries, and at its end one message of all that happened."""
        self.write_config("alerts:", *self.relay())
        watcher = self.watch()
        self.trouble()
        watcher.until(self.rows, "the notice waits")
        passed, tries, waits = 0, 0, []
        while passed < HOUR_S:
            tries += 1
            waits.append(self.fail_once_more(tries))
            passed += waits[-1]
            if tries == 3:
                self.trouble(2, 4)
                watcher.until(lambda: len(self.rows()) == 5, "four more notices")
        # 15 s, doubled each time, up to half as much again.
        self.assertTrue(7 <= tries <= 10, waits)
        for before, after in zip(waits[3:], waits[4:]):
            self.assertGreater(after, before)
        self.check_failing("Connection refused", f"localhost:{self.port}")
        self.assertRegex(self.status_text(),
                         rf"\([0-9]+ (minutes|hours) ago\), {tries} tries, "
                         r"the next in [0-9]+ minutes; 5 notices wait")
        self.make_due()
        with Server(self.handler, port=self.port):
            notifier = self.notifier()
            notifier.until(lambda: self.all_sent(5), "all are told")
            self.end(notifier)
        self.assertEqual(len(self.handler.mails), 1)
        self.check_works()
        self.end(watcher)

    def test_for_a_year(self):
        """At most once an hour, and it is told in the end."""
        self.write_config("alerts:", *self.relay())
        watcher = self.watch()
        self.trouble()
        watcher.until(self.rows, "the notice waits")
        for tries in range(1, 11):
            self.assertLess(self.fail_once_more(tries), 1.01 * HOUR_S)
        self.pass_time(365 * DAY_S)
        self.check_failing("Connection refused")
        self.assertIn("(365 days ago), 10 tries; 1 notice waits", self.status_text())
        with Server(self.handler, port=self.port):
            notifier = self.notifier()
            notifier.until(lambda: self.all_sent(1), "it is told")
            self.end(notifier)
        self.assertEqual(len(self.handler.mails), 1)


class Names(Fault):
    HOST = "relay.faults.test"

    def test_no_name_server(self):
        """Names cannot be looked up at all; then they can."""
        why = can_mount(self.folder)
        if why:
            self.skipTest(f"no right to mount: {why}")
        hosts, resolv = self.folder / "hosts", self.folder / "resolv.conf"
        hosts.write_text("127.0.0.1 localhost\n")
        resolv.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        for ours, place in ((hosts, "/etc/hosts"), (resolv, "/etc/resolv.conf")):
            # The place may be a link to a file that a mount cannot cover twice.
            self.mount(ours, pathlib.Path(place).resolve())
        self.write_config("alerts:", *self.relay(host=self.HOST))
        self.trouble()
        with Server(self.handler, port=self.port):
            daemon = self.run_all()
            daemon.until(lambda: self.tries() == 1, "a try failed")
            self.end(daemon)
            self.check_failing(f"{self.HOST}:{self.port}", "name")
            self.assertEqual(self.handler.mails, [])
            hosts.write_text(f"127.0.0.1 localhost {self.HOST}\n")
            self.make_due()
            daemon = self.run_all()
            daemon.until(self.all_sent, "it is told")
            self.end(daemon)
        self.assertEqual(len(self.handler.mails), 1)
        self.check_works()

    def mount(self, ours, place):
        subprocess.run(["mount", "--bind", ours, place], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", place])


class Tls(Fault):
    def refused(self, broken, *parts):
        """A server that is not to be trusted, then a good one in its place."""
        self.write_config("alerts:", *self.relay(tls=True))
        self.trouble()
        with broken:
            daemon = self.run_all()
            daemon.until(lambda: self.tries() == 1, "a try failed")
            self.end(daemon)
        self.assertEqual((self.handler.logins, self.handler.mails), ([], []))
        self.check_failing(*parts)
        self.make_due()
        with Server(self.handler, tls=self.pki.context("good"), port=self.port):
            daemon = self.run_all()
            daemon.until(self.all_sent, "it is told")
            self.end(daemon)
        self.assertEqual(len(self.handler.mails), 1)
        self.assertEqual([good for _, good in self.handler.logins], [True])
        self.check_works()

    def test_downgrade(self):
        """Somebody on the way takes STARTTLS out: neither login nor mail."""
        def play(script, connection):
            connection.sendall(b"220 relay\r\n")
            script.expect(connection, b"250-relay\r\n250 AUTH PLAIN LOGIN\r\n")
            while script.read():
                connection.sendall(b"250 fine\r\n")

        broken = Script(play)
        self.port = broken.port
        self.refused(broken, "STARTTLS")
        said = b"".join(broken.seen).upper()
        for word in (b"AUTH", b"MAIL", b"DATA"):
            self.assertNotIn(word, said)

    def test_downgrade_by_a_refusal(self):
        def play(script, connection):
            connection.sendall(b"220 relay\r\n")
            script.expect(connection, b"250-relay\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n")
            script.expect(connection, b"454 4.7.0 TLS not available\r\n")
            while script.read():
                connection.sendall(b"250 fine\r\n")

        broken = Script(play)
        self.port = broken.port
        self.refused(broken, "454 4.7.0 TLS not available")
        self.assertNotIn(b"AUTH", b"".join(broken.seen).upper())

    def test_certificate_for_another_name(self):
        self.refused(Server(self.handler, tls=self.pki.context("other"), port=self.port),
                     "certificate", "localhost")

    def test_certificate_of_a_stranger(self):
        tls = self.pki.context("unknown")
        self.refused(Server(self.handler, tls=tls, port=self.port), "certificate")


class Dropped(Fault):
    def test_after_data(self):
        """Nobody knows whether it was taken: the same message comes again, and what
        happened meanwhile in one of its own."""
        def play(script, connection):
            connection.sendall(b"220 relay\r\n")
            for reply in (b"250 relay\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
                script.expect(connection, reply)
            while script.read() not in (b".\r\n", b""):
                pass

        broken = Script(play)
        self.port = broken.port
        self.write_config("alerts:", *self.relay())
        self.trouble()
        with broken:
            daemon = self.run_all()
            daemon.until(lambda: self.tries() == 1, "a try failed")
        self.trouble(2)
        daemon.until(lambda: len(self.rows()) == 2, "another notice")
        self.end(daemon)
        self.check_failing("may have taken it")
        self.make_due()
        with Server(self.handler, port=self.port):
            daemon = self.run_all()
            daemon.until(lambda: self.all_sent(2), "both are told")
            self.end(daemon)
        sent = re.findall(rb"(?m)^Message-ID: (\S+)", b"".join(broken.seen))
        self.assertEqual(len(sent), 1)
        ids = self.message_ids()
        self.assertEqual(len(ids), 2)
        self.assertEqual(ids.count(sent[0].decode()), 1)
        self.assertEqual(len(set(ids)), 2)
        self.check_works()


class Many(Fault):
    def test_flood_while_a_relay_says_not_now(self):
        """Many incidents and 4xx to each try: one message in the end, few before."""
        replies = ["450 4.2.0 come back later"] * 3
        self.handler = Handler({"relay@example.org": replies})
        self.write_config("alerts:", *self.relay())
        self.trouble(1, 40)
        with Server(self.handler, port=self.port):
            for tries in range(1, 4):
                daemon = self.run_all()
                daemon.until(lambda: self.tries() == tries, f"try {tries}")
                daemon.until(lambda: len(self.rows()) == 40, "all notices are there")
                self.end(daemon)
                self.check_failing("450 4.2.0 come back later")
                self.make_due()
            daemon = self.run_all()
            daemon.until(lambda: self.all_sent(40), "all are told")
            self.end(daemon)
        self.assertEqual(replies, [])
        self.assertEqual(len(self.handler.mails), 1)
        self.check_works()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main_in_mount_namespace(__file__)
