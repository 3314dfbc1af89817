#!/usr/bin/python3
"""bounces/CASE.eml, as real servers wrote them, and the lines that each gives, CASE.lines:
without the stamp, in the order of the recipients. Each case is also checked against its own
fields, read by Python's email package, which shares no code with what is tested; but for
those in the likeness of servers that write for people alone (text-*) or break the rules
(odd-*). None of none-* is a bounce message.

test_bounces.py --write rewrites the lines; read the difference like code.
"""

import email
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402

BOUNCES = pathlib.Path(__file__).resolve().parent / "bounces"
INGEST = pathlib.Path(support.BUILD) / "mailwarden-ingest"


def cases():
    return sorted(c for c in BOUNCES.glob("*.eml") if not c.name.startswith("none-"))


def with_fields():
    return [c for c in cases() if not c.name.startswith(("text-", "odd-"))]


def lines(message):
    done = subprocess.run([INGEST, "--parse"], input=message, capture_output=True, timeout=60,
                          check=False)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(done.stderr.decode(errors="replace"))
    return [re.sub(r"^\S+ \S+ mailwarden-ingest\[\d+\]: ", "", line)
            for line in done.stdout.decode().splitlines()]


def groups(message):
    """The fields of each recipient."""
    for part in email.message_from_bytes(message).walk():
        if part.get_content_type() == "message/delivery-status":
            return [g for g in part.get_payload() if g["Final-Recipient"]]
    return []


def value(line, key):
    found = re.search(rf"(?:: |, ){key}=(<[^>]*>|[^,]*)", line)
    return found.group(1) if found else ""


def untyped(text):
    return " ".join(text.split(";", 1)[1].split())


class Bounces(unittest.TestCase):
    maxDiff = None

    def test_lines(self):
        self.assertGreater(len(cases()), 30)
        for case in cases():
            with self.subTest(case=case.name):
                want = case.with_suffix(".lines").read_text().splitlines()
                self.assertEqual(lines(case.read_bytes()), want)

    def test_no_bounces(self):
        messages = sorted(BOUNCES.glob("none-*.eml"))
        self.assertGreater(len(messages), 15)
        for path in messages:
            done = subprocess.run([INGEST, "--parse", path], capture_output=True, timeout=60,
                                  check=False)
            with self.subTest(message=path.name):
                self.assertEqual((done.returncode, done.stdout), (1, b""))

    def test_fields(self):
        for case in with_fields():
            message = case.read_bytes()
            got, want = lines(message), groups(message)
            with self.subTest(case=case.name):
                self.assertEqual(len(got), len(want))
                for line, group in zip(got, want):
                    self.check(line, group)

    def check(self, line, group):
        final = untyped(group["Final-Recipient"])
        named = (value(line, "recipient"), value(line, "original_recipient"))
        self.assertIn("<" + re.sub("[<>]", "?", final) + ">", named)
        self.assertEqual(value(line, "dsn_action"), group["Action"].split()[0])
        reply = line.partition(", reply=")[2]
        line = re.sub("<[^>]*>", "<>", line.partition(", reply=")[0])
        status, said = group["Status"].split()[0], value(line, "status")
        # "5.0.0" says nothing: then it is the reply's own
        if said != status:
            self.assertTrue(status.endswith(".0.0") and said in reply, (said, status))
        if group["Diagnostic-Code"]:
            diagnostic = untyped(group["Diagnostic-Code"])
            self.assertTrue(" ".join(reply.split()).startswith(diagnostic), reply)

    def test_line_ends_and_envelope(self):
        """The same lines from CRLF, and with mbox's line before the header."""
        for case in cases():
            message = case.read_bytes()
            want = [line.replace(value(line, "report_id"), "") for line in lines(message)]
            unix = message.replace(b"\r\n", b"\n")
            for other in (unix, unix.replace(b"\n", b"\r\n"),
                          b"From MAILER-DAEMON Sat Nov 21 03:30:02 2026\n" + message):
                got = [line.replace(value(line, "report_id"), "") for line in lines(other)]
                with self.subTest(case=case.name):
                    self.assertEqual(got, want)

    def test_forwarded(self):
        """A bounce that somebody forwarded as an attachment."""
        for case in cases()[:3]:
            message = case.read_bytes()
            outer = (b"From: Ann <ann@example.org>\nSubject: Fwd: what is this?\n"
                     b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=outer-1\n\n"
                     b"--outer-1\nContent-Type: text/plain\n\nSee below.\n\n"
                     b"--outer-1\nContent-Type: message/rfc822\n\n" + message +
                     b"\n--outer-1--\n")
            got = [line.replace(value(line, "report_id"), "") for line in lines(outer)]
            want = [line.replace(value(line, "report_id"), "") for line in lines(message)]
            self.assertEqual(got, want)

    def test_no_lines_without_a_message(self):
        for path in BOUNCES.glob("*.lines"):
            self.assertTrue(path.with_suffix(".eml").exists(), path)


def write():
    for case in cases():
        case.with_suffix(".lines").write_text("".join(
            line + "\n" for line in lines(case.read_bytes())))


if __name__ == "__main__":
    if "--write" in sys.argv:
        write()
    elif not INGEST.exists():
        print("mailwarden-ingest is not built")
        sys.exit(77)
    else:
        unittest.main()
