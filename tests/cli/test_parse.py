#!/usr/bin/python3
"""`parse` and `check`: any bytes in, valid JSON out; every way to read the same lines gives
the same events; each mistake in a rule file is told at its place."""

import bz2
import gzip
import json
import lzma
import pathlib
import random
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import Case, mailwarden  # noqa: E402

LINE = ("Nov 21 02:41:17 mx1 postfix/smtp[2417]: 4bXkWz3qLRz9tQf: to=<bob@example.org>, "
        "relay=mx1.example.org[203.0.113.25]:25, delay=1.4, delays=0.08/0.01/0.7/0.61, "
        "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 5C2D4401E3)\n")

# Design, section 4.
TYPES = {
    "pid": int, "relay_port": int, "smtp_code": int, "size": int, "recipients": int,
    "tls_bits": int, "limit_value": int, "repeated": int, "suspected": bool,
    "partial": bool, "ambiguous": bool, "delay": (int, float), "delays": list,
}
TEXTS = set("""time host process mta kind direction queue_id related_queue_id session_id
    message_id sender recipient original_recipient relay_name relay_ip provider outcome
    status reply category code_id sasl_user mailer helo tls_role tls_version tls_cipher
    tls_verify dsn_action limit_name service text rule source""".split())
WORDS = {
    "mta": {"postfix", "sendmail", "opensmtpd", "dovecot"},
    "kind": set("""connection accepted attempt reject stored dsn removed tls auth limit filter
        lifecycle warning""".split()),
    "direction": {"inbound", "outbound", "local", "internal"},
    "outcome": set(support.OUTCOMES),
    "tls_role": {"client", "server"},
    "tls_verify": set("""ok fail no not none temp protocol software trusted untrusted anonymous
        verified unverified success failure""".split()),
    "dsn_action": {"failed", "delayed", "delivered", "relayed", "expanded"},
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d$")


def parse(*words, exit_code=0, **options):
    done = mailwarden("parse", *words, **options)
    if done.returncode != exit_code:
        raise AssertionError(f"exit code {done.returncode}: {done.stderr[:2000]}")
    return done


def events(*words, **options):
    """Each line must be a JSON object in valid UTF-8."""
    out = parse("--json", *words, **options).stdout
    if out and not out.endswith(b"\n"):
        raise AssertionError("the last line has no end")
    return [json.loads(line.decode("utf-8")) for line in out.split(b"\n")[:-1]]


class Shapes(Case):
    def check_event(self, event):
        for name, value in event.items():
            if name in TYPES:
                kinds = TYPES[name]
                self.assertIsInstance(value, kinds, name)
                self.assertEqual(isinstance(value, bool), kinds is bool, name)
            else:
                self.assertIn(name, TEXTS)
                self.assertIsInstance(value, str, name)
            if name in WORDS:
                self.assertIn(value, WORDS[name], name)
        for name in ("time", "process", "mta", "kind", "rule"):
            self.assertIn(name, event)
        self.assertRegex(event["time"], TIME)
        if "status" in event:
            self.assertRegex(event["status"], r"^[245]\.\d{1,3}\.\d{1,3}$")
        if "smtp_code" in event:
            self.assertTrue(200 <= event["smtp_code"] <= 599, event)
        if "delays" in event:
            self.assertEqual(len(event["delays"]), 4)
            for part in event["delays"]:
                self.assertIsInstance(part, (int, float))

    def test_all_servers(self):
        seen = set()
        for mta in ("postfix", "sendmail", "opensmtpd", "dovecot"):
            support.generate(self.log, 4000, mta, 5)
            rows = events(self.log)
            self.assertGreater(len(rows), 2000)
            for event in rows:
                self.check_event(event)
                seen.update(event)
        self.assertGreater(len(seen), 30)

    def test_one_line(self):
        self.log.write_text(LINE)
        event, = events(self.log)
        self.check_event(event)
        self.assertEqual(event["delays"], [0.08, 0.01, 0.7, 0.61])
        self.assertEqual((event["pid"], event["relay_port"]), (2417, 25))
        self.assertEqual(event["source"], f"{self.log}:0")

    def test_stats(self):
        truth = support.generate(self.log, 5000, "mixed", 3)
        row, = map(json.loads, parse("--stats", self.log).stdout.splitlines())
        self.assertEqual(row["type"], "summary")
        self.assertEqual(row["lines"], truth["lines"])
        self.assertEqual(row["unparsed"], 0)
        self.assertEqual(row["ignored"] + row["events"], 5000)
        self.assertIsInstance(row["seconds"], float)


class Garbage(Case):
    def check_bytes(self, data):
        self.log.write_bytes(data)
        rows = events(self.log)
        for word in ("--stats", "--unmatched", "--threads=1"):
            parse(word, self.log)
        return rows

    def test_empty(self):
        self.assertEqual(self.check_bytes(b""), [])
        self.assertEqual(self.check_bytes(b"\n\n\n"), [])

    def test_binary(self):
        number = support.seed()
        with self.subTest(MAILWARDEN_SEED=number):
            self.assertEqual(self.check_bytes(random.Random(number).randbytes(1 << 20)), [])

    def test_random_changes(self):
        """Real lines with bytes set, cut out and doubled anywhere."""
        number = support.seed()
        generator = random.Random(number)
        support.generate(self.log, 3000, "mixed", 9)
        data = bytearray(self.log.read_bytes())
        for _ in range(6000):
            at = generator.randrange(len(data))
            kind = generator.randrange(3)
            if kind == 0:
                data[at] = generator.randrange(256)
            elif kind == 1:
                del data[at:at + generator.randrange(1, 20)]
            else:
                data[at:at] = data[at:at + generator.randrange(1, 20)]
        with self.subTest(MAILWARDEN_SEED=number):
            self.assertGreater(len(self.check_bytes(bytes(data))), 500)

    def test_long_line(self):
        rows = self.check_bytes(LINE.encode() + b"a" * (10 << 20) + b"\n" + LINE.encode())
        self.assertEqual(len(rows), 2)
        head = LINE.encode().rstrip(b")\n")
        rows = self.check_bytes(head + b"x" * (10 << 20) + b")\n" + LINE.encode())
        self.assertEqual(len(rows), 2)
        self.assertIs(rows[0]["partial"], True)
        self.assertEqual(rows[0]["outcome"], "delivered")
        self.assertNotIn("partial", rows[1])
        summary = json.loads(parse("--stats", self.log).stdout)
        self.assertEqual((summary["lines"], summary["truncated"]), (2, 1))

    def test_strange_bytes(self):
        places = (b"bob", b"mx1.example.org", b"queued as", b"mx1 ", b"Nov 21", b"smtp[")
        for strange in (b"\0", b"\0\0\0", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\x1b[31m",
                        b"\x7f", b"\xf4\x90\x80\x80", "\u2028\ufeff\U0010ffff".encode(), b"\r",
                        b"\t", b'\\"'):
            with self.subTest(strange=strange):
                lines = [LINE.encode().replace(place, place + strange, 1) for place in places]
                self.log.write_bytes(b"".join(lines) + LINE.encode() + strange)
                self.assertGreaterEqual(len(events(self.log)), 4)
                shown = parse(self.log).stdout + parse("--unmatched", self.log).stdout
                self.assertFalse(set(shown) & (set(range(32)) - {10} | {127}))

    def test_text_is_kept(self):
        self.log.write_bytes(LINE.replace("bob", "b\u00f6b \U0001f4e7").encode())
        event, = events(self.log)
        self.assertEqual(event["recipient"], "b\u00f6b \U0001f4e7@example.org")

    def test_line_ends(self):
        plain = events("--no-header", "--process", "postfix/smtp",
                       input=LINE.split(": ", 1)[1].encode())
        self.assertEqual(len(plain), 1)
        self.log.write_bytes(LINE.encode())
        want = events(self.log)
        for data in (LINE.rstrip("\n"), LINE.replace("\n", "\r\n"), "\n" + LINE, LINE + "\n"):
            self.log.write_bytes(data.encode())
            got = events(self.log)
            for event in (*got, *want):
                event.pop("source", None)
            self.assertEqual(got, want)


class Ways(Case):
    """Every way to read the same lines."""

    def setUp(self):
        super().setUp()
        support.generate(self.log, 8000, "mixed", 21)
        self.want = self.without_source(events(self.log))

    def without_source(self, rows):
        for event in rows:
            event.pop("source", None)
        return rows

    def check(self, *words, **options):
        self.assertEqual(self.without_source(events(*words, **options)), self.want)

    def test_compressed(self):
        data = self.log.read_bytes()
        packers = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}
        for end, pack in packers.items():
            with self.subTest(end=end):
                path = self.folder / f"mail.log.{end}"
                path.write_bytes(pack(data))
                self.check(path)
                self.check("-", input=pack(data))
        half = len(data) // 2
        (self.folder / "two.gz").write_bytes(gzip.compress(data[:half]) +
                                             gzip.compress(data[half:]))
        self.check(self.folder / "two.gz")

    @unittest.skipUnless(shutil.which("zstd"), "needs zstd")
    def test_zstd(self):
        path = self.folder / "mail.log.zst"
        subprocess.run(["zstd", "-q", self.log, "-o", path], check=True)
        self.check(path)
        self.check("-", input=path.read_bytes())

    def test_cut_compressed_file(self):
        """What can be unpacked is shown, and then the damage is told."""
        path = self.folder / "cut.gz"
        path.write_bytes(gzip.compress(self.log.read_bytes())[:-5000])
        done = mailwarden("parse", "--json", path)
        self.assertEqual(done.returncode, 4)
        self.assertIn(str(path), done.stderr.decode())
        for line in done.stdout.splitlines():
            json.loads(line)

    def test_standard_input(self):
        data = self.log.read_bytes()
        self.check(input=data)
        self.check("-", input=data)

    def test_several_files(self):
        lines = self.log.read_bytes().splitlines(keepends=True)
        paths = [self.folder / f"part{i}" for i in range(4)]
        for i, path in enumerate(paths):
            path.write_bytes(b"".join(lines[2000 * i:2000 * (i + 1)]))
        self.check(*paths)

    def test_threads(self):
        support.generate(self.log, 40000, "mixed", 22)
        for options in (("--json",), ("--unmatched",)):
            one = parse("--threads", "1", *options, self.log).stdout
            for threads in ("2", "4"):
                self.assertEqual(parse("--threads", threads, *options, self.log).stdout, one)

    def test_no_header(self):
        lines = [line.split(b": ", 1) for line in self.log.read_bytes().splitlines()
                 if b" postfix/smtp[" in line]
        text = b"".join(rest + b"\n" for _, rest in lines)
        rows = events("--process", "postfix/smtp", input=text)
        want = [event for event in self.want if event["process"] == "postfix/smtp"]
        self.assertEqual(len(rows), len(want))
        for event in (*rows, *want):
            for name in ("time", "host", "pid", "process", "source"):
                event.pop(name, None)
        self.assertEqual(rows, want)

    def test_unmatched(self):
        strange = "Nov 21 02:41:17 mx1 postfix/smtp[2417]: something quite new\x1b[0m\n"
        self.log.write_text(LINE + strange + "Nov 21 02:41:17 mx1 cron[1]: not ours\n")
        done = parse("--unmatched", self.log)
        self.assertEqual(done.stdout.decode(),
                         strange.replace("\x1b", "\\x1b"))
        self.assertIn("1 of 2 claimed lines matched no rule", done.stderr.decode())

    def test_reader_that_goes(self):
        process = subprocess.Popen([support.PROGRAM, "parse", "--json", self.log],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        self.assertIn(process.wait(60), (0, -13))


class Faults(Case):
    def test_usage(self):
        for words in (["--jsn"], ["--threads", "0"], ["--threads", "x"], ["--process"]):
            done = parse(*words, exit_code=2)
            self.assertIn(b"usage: mailwarden parse", done.stderr)
            self.assertEqual(done.stdout, b"")
        done = mailwarden("prase")
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"did you mean 'parse'?", done.stderr)

    def test_help(self):
        for command in ("run", "parse", "replay", "check", "status", "incidents", "notify"):
            done = mailwarden(command, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertIn(f"usage: mailwarden {command}".encode(), done.stdout)
            self.assertEqual(mailwarden(command, "--no-such").returncode, 2)

    def test_missing_file(self):
        path = self.folder / "nowhere.log"
        for command in ("parse", "replay"):
            done = mailwarden(command, path)
            self.assertEqual(done.returncode, 4)
            self.assertIn(f"{path}: No such file", done.stderr.decode())
        self.assertEqual(mailwarden("parse", self.folder).returncode, 4)

    def test_missing_after_good(self):
        self.log.write_text(LINE)
        done = parse("--json", self.log, self.folder / "nowhere.log", exit_code=4)
        self.assertEqual(len(done.stdout.splitlines()), 1)

    def test_rules_folder_that_is_none(self):
        for path in (self.folder / "nowhere", self.log):
            done = mailwarden("check", "--rules", path)
            self.assertEqual(done.returncode, 3)
            self.assertIn(str(path), done.stderr.decode())


RULES = """\
mta: acme
versions: "1"
claims: [acmed]
define:
  id: '[0-9A-F]{8}'
rules:
  - name: acme-delivery
    begins: ["to="]
    pattern: |
      ^to=(?<recipient>[^,]*+),[ ]
      id=(?<queue_id>{{id}}),[ ]
      (?<outcome>sent|failed)$
    kind: attempt
    set: { direction: outbound }
    map:
      outcome: { sent: delivered, failed: bounced }
    examples:
      - line: "to=ann@example.org, id=0123ABCD, sent"
        expect: { recipient: ann@example.org, outcome: delivered }
"""

# What is replaced by what, where the fault is, a part of what is said.
MISTAKES = (
    ("begins:", "beginz:", "8:5", "unknown key 'beginz', did you mean 'begins'?"),
    ("failed)$", "failed$", "12:30", "missing closing parenthesis"),
    ("{{id}})", "{{id}}(?Z))", "11:30", "unrecognized character after (?"),
    ("failed)$", "failed)\\q$", "12:31", "unrecognized character follows \\"),
    ("[^,]*+", "[^,]{3,2}", "10:32", "numbers out of order"),
    ("{{id}}", "{{idd}}", "11:22", "no define 'idd'"),
    ("(?<queue_id>", "(?<queue_ig>", "11:", "no event field 'queue_ig', did you mean 'queue_id'?"),
    ("'[0-9A-F]{8}'", "'[0-9A-F]{8}(?Z)'", "11:22", "unrecognized character after (?"),
    ("claims: [acmed]", "claims: acmed", "3:9", "expected a list"),
    ("claims: [acmed]", "claims: [dovecot]", "3:10", "is claimed by"),
    ('begins: ["to="]', "begins: { a: b }", "8:13", "expected"),
    ("kind: attempt", "kind: atempt", "13:11", "no kind 'atempt', did you mean 'attempt'?"),
    ("    kind: attempt\n", "", "7:5", "has no `kind`"),
    ("direction: outbound", "direction: outbond", "14:23", "'outbond' is no value for direction"),
    ("{ direction", "[ direction", "14:32", "not YAML"),
    ("acme-delivery", "postfix-smtp-delivery", "7:5", "exists already"),
    (RULES[RULES.index("    examples"):], "", "7:5", "has no `examples`"),
    (", sent\"", ", lost\"", "18:15", "does not match its example"),
    ("outcome: delivered }", "outcom: delivered }", "19:47", "no event field 'outcom'"),
    ("outcome: delivered }", "outcome: bounced }", "19:56",
     "gives outcome 'delivered', expected 'bounced'"),
    ("outcome: {", "outkome: {", "16:7", "no event field 'outkome'"),
)


class Mistakes(Case):
    def write(self, text):
        path = self.folder / "rules" / "parsers" / "acme.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def check(self, *words):
        return mailwarden("check", "--rules", self.folder / "rules", *words)

    def test_without_a_mistake(self):
        self.write(RULES)
        done = self.check()
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        event, = events("--rules", self.folder / "rules",
                        input=b"Nov 21 02:41:17 mx1 acmed[7]: to=a@example.org, id=0123ABCD, "
                        b"failed\n")
        self.assertEqual((event["mta"], event["outcome"]), ("acme", "bounced"))

    def test_each_mistake(self):
        for old, new, place, words in MISTAKES:
            with self.subTest(old=old, new=new):
                self.assertIn(old, RULES)
                path = self.write(RULES.replace(old, new, 1))
                done = self.check()
                self.assertEqual(done.returncode, 3)
                said = done.stderr.decode()
                self.assertIn(f"{path}:{place}", said)
                first = said.splitlines()[0]
                self.assertTrue(first.startswith(f"{path}:{place}"), first)
                self.assertIn(words, first)

    def test_json(self):
        path = self.write(RULES.replace("outbound", "outbond"))
        done = self.check("--json")
        self.assertEqual((done.returncode, done.stderr), (3, b""))
        fault, summary = map(json.loads, done.stdout.splitlines())
        self.assertEqual((fault["type"], fault["level"], fault["file"], fault["line"],
                          fault["column"]), ("fault", "error", str(path), 14, 23))
        self.assertEqual((summary["type"], summary["errors"]), ("summary", 1))

    def test_caret(self):
        self.write(RULES.replace("{{id}})", "{{id}}(?Z))"))
        said = self.check().stderr.decode().splitlines()
        self.assertEqual(said[1], "          id=(?<queue_id>{{id}}(?Z)),[ ]")
        self.assertEqual(said[2].index("^"), said[1].index("Z"))

    def test_every_mistake_in_one_run(self):
        path = self.write(RULES.replace("kind: attempt", "kind: atempt")
                          .replace("begins:", "beginz:").replace("outbound", "outbond"))
        said = self.check().stderr.decode()
        for place in ("8:5", "13:11", "14:23"):
            self.assertIn(f"{path}:{place}: ", said)

    def test_programs_refuse_them_too(self):
        path = self.write(RULES.replace("kind: attempt", "kind: atempt"))
        for command in ("parse", "replay"):
            done = mailwarden(command, "--rules", self.folder / "rules", input=LINE.encode())
            self.assertEqual((done.returncode, done.stdout), (3, b""))
            self.assertIn(f"{path}:13:11: no kind 'atempt'", done.stderr.decode())

    def test_shipped_rules(self):
        done = mailwarden("check")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(b"all as expected", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=1)
