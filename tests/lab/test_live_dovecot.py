#!/usr/bin/python3
"""Alerts about a real dovecot: limits that run out, and what is nobody's trouble."""

import contextlib

from live import Live, lab, main


class Dovecot(Live):
    server = "dovecot"

    def pop3(self, password="correct-horse"):
        with self.line(110) as line:
            line.write(b"USER alice\r\n")
            line.readline()
            line.write(f"PASS {password}\r\n".encode())
            return line.readline().startswith(b"+OK")

    def imap(self, password="correct-horse"):
        with self.line(143) as line:
            line.write(f"a LOGIN alice {password}\r\n".encode())
            while not (answer := line.readline()).startswith(b"a "):
                self.assertTrue(answer)
            return answer.startswith(b"a OK")

    @contextlib.contextmanager
    def line(self, port):
        with self.lab.connect((lab.ADDRESS, port), lab.STRANGER) as connection, \
                connection.makefile("rwb", buffering=0) as line:
            line.readline()
            yield line

    def flood(self, port, count, words):
        """So many connections at once; those over the limit wait or are dropped."""
        with contextlib.ExitStack() as stack:
            for _ in range(count):
                with contextlib.suppress(OSError):
                    connection = self.lab.connect((lab.ADDRESS, port), lab.STRANGER)
                    stack.enter_context(connection)
            self.until(lambda: words in self.log_tail(), f"dovecot says {words}")

    def test_process_limit(self):
        self.watch()
        self.flood(110, 8, "process_limit (3) reached")
        mail, = self.expect("opened dovecot-limit")
        self.assertIn("pop3-login", mail.get_body(("plain",)).get_content())
        self.end()

    def test_client_limit(self):
        self.watch()
        self.flood(143, 9, "client_limit (4) reached")
        mail, = self.expect("opened dovecot-limit")
        self.assertIn("imap-login", mail.get_body(("plain",)).get_content())
        self.end()

    def test_quiet(self):
        """Logins, and guesses of passwords."""
        self.watch()
        for _ in range(3):
            self.assertTrue(self.pop3() and self.imap())
            self.assertFalse(self.pop3("wrong") or self.imap("wrong"))
        self.mark()
        self.assertIn("auth failed", self.log_tail())
        self.expect_quiet()


if __name__ == "__main__":
    main()
