#!/usr/bin/python3
"""Faults of a web service, from the log line to the request: nothing is lost, requests
are few, and `status` says what is wrong. Each answer by itself: test_webhook.py.

Needs python3-aiosmtpd and openssl; without them the test is skipped (exit code 77).
"""

import pathlib
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fault_case import Answer, Fault, HttpServer, RawServer, read_request  # noqa: E402


class Webhook(Fault):
    def server(self, *answers):
        return HttpServer(*answers, context=self.pki.context("good"))

    @staticmethod
    def keys(server):
        return [request.headers["Idempotency-Key"] for request in server.requests]

    def fail_once(self, server, *parts, person=False, **more):
        """One try, and what `status` says of it."""
        self.write_config("alerts:", *self.hook(server, **more))
        self.trouble()
        daemon = self.run_all()
        daemon.until(lambda: self.tries() == 1, "a try failed")
        self.end(daemon)
        self.check_failing(*parts, name="phone", person=person)

    def mend(self, server):
        self.make_due()
        self.write_config("alerts:", *self.hook(server))
        daemon = self.run_all()
        daemon.until(self.all_sent, "it is told")
        self.end(daemon)
        self.check_works("phone")


class Answers(Webhook):
    def test_500_then_fine(self):
        broken = Answer(500, body="<b>out of \x1b[31mcheese")
        with self.server(broken, Answer()) as server:
            self.fail_once(server, "500", "out of")
            self.assertNotIn("\x1b", self.status_text())
            self.assertTrue(5 < self.next_due() < 23)
            self.mend(server)
            keys = self.keys(server)
            self.assertEqual(keys, [keys[0]] * 2)

    def test_429(self):
        """It comes when the service wants it, and not before."""
        busy = Answer(429, [("Retry-After", "300")], "slow down")
        with self.server(busy, Answer()) as server:
            self.fail_once(server, "429")
            self.assertTrue(280 < self.next_due() <= 301, self.next_due())
            # What happens meanwhile waits as well; a restart forgets nothing of it.
            self.trouble(2)
            daemon = self.run_all()
            daemon.until(lambda: len(self.rows()) == 2, "another notice")
            daemon.until(lambda: self.ask("SELECT count(*) FROM delivery") == [(2,)],
                         "it is planned")
            self.end(daemon)
            self.assertEqual(len(server.requests), 1)
            self.pass_time(301)
            daemon = self.run_all()
            daemon.until(lambda: self.all_sent(2), "both are told")
            self.end(daemon)
            self.assertEqual(len(server.requests), 2)
            self.assertEqual(len(server.requests[1].json["incidents"]), 2)

    def test_429_for_a_year(self):
        with self.server(Answer(429, [("Retry-After", "31536000")]), Answer()) as server:
            self.fail_once(server, "429")
            self.assertLess(self.next_due(), 6 * 3600 + 1)
            self.mend(server)

    def test_401(self):
        """A person must look; it is tried again all the same, seldom."""
        with self.server(Answer(401, body="no such token"), Answer()) as server:
            self.fail_once(server, "401", "no such token", person=True)
            self.assertTrue(100 < self.next_due() < 3601)
            self.mend(server)


class Bodies(Webhook):
    def test_slow(self):
        """No answer in time: it may have been taken, so it comes under the same key."""
        never = threading.Event()
        self.addCleanup(never.set)
        with self.server(Answer(200, wait=never), Answer()) as server:
            self.fail_once(server, "no answer in time", timeout="1s")
            never.set()
            self.mend(server)
            keys = self.keys(server)
            self.assertEqual(keys, [keys[0]] * 2)

    def test_huge(self):
        with self.server(Answer(503, body="x" * (1 << 20)), Answer()) as server:
            self.fail_once(server, "503", "xxx")
            self.assertLess(len(self.channel("phone")["error"]), 1000)
            self.mend(server)

    def test_endless(self):
        def pour(connection):
            read_request(connection)
            connection.sendall(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.sendall(b"10000\r\n" + b"z" * 65536 + b"\r\n")

        with RawServer(pour, self.pki.context("good")) as server:
            self.fail_once(server, "500", "zzz")
        with self.server() as server:
            self.mend(server)
            self.assertEqual(len(server.requests), 1)


class Ends(Webhook):
    def held(self):
        """Takes the first request, and answers when it is let go."""
        self.taken, let_go = threading.Event(), threading.Event()
        self.addCleanup(let_go.set)

        def answer(request):
            self.taken.set()
            let_go.wait(60)
            return Answer(self.first_status)

        self.first_status = 200
        return let_go, self.server(answer, Answer())

    def test_kill_between_send_and_commit(self):
        let_go, server = self.held()
        with server:
            self.write_config("alerts:", *self.hook(server))
            watcher = self.watch()
            notifier = self.notifier()
            self.trouble()
            notifier.until(self.taken.is_set, "the service has it")
            notifier.kill()
            let_go.set()
            self.assertFalse(self.all_sent())
            notifier = self.notifier()
            notifier.until(self.all_sent, "it is told again")
            self.end(notifier)
            self.end(watcher)
            keys = self.keys(server)
            self.assertEqual(keys, [keys[0]] * 2)

    def reload_without_it(self, first_status):
        """While a request is under way its channel is taken out of the configuration."""
        let_go, server = self.held()
        self.first_status = first_status
        with server, self.server() as other:
            self.write_config("alerts:", *self.hook(server))
            self.watch()
            notifier = self.notifier()
            self.trouble()
            notifier.until(self.taken.is_set, "the service has it")
            self.write_config("alerts:", *self.hook(other, name="other"))
            notifier.hang_up()
            notifier.wait_for("configuration reloaded channels=1")
            let_go.set()
            notifier.until(self.all_sent, "it is told")
            self.end(notifier)
            self.assertEqual(len(server.requests), 1)
            return len(other.requests)

    def test_reload_takes_it_out(self):
        self.assertLessEqual(self.reload_without_it(200), 1)

    def test_reload_takes_it_out_and_it_fails(self):
        self.assertEqual(self.reload_without_it(500), 1)


if __name__ == "__main__":
    unittest.main(verbosity=1, warnings="ignore")
