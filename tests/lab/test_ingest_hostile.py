#!/usr/bin/python3
"""What strangers may send to `mailwarden ingest`: each message costs bounded time and memory,
its mail is told in the log of reports or kept in unread/, and its text becomes no line.

The figures are printed. The ceilings hold for a program without sanitizers; they are far
above what is needed, so that only a defect breaks them.
"""

import base64
import functools
import gzip
import io
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import unittest
import zipfile
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402

CEILING_S = 25            # computing time of the reader and all around it
CEILING_BYTES = 640 << 20
MIB = 1 << 20
MESSAGE_BYTES = 32 * MIB  # more is not read: ingest/report.h
EVENTS = 5000             # of one message
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00 \S+ mailwarden-ingest\[\d+\]: "
                  r"(bounce|complaint|dmarc|tls-report|unread): [^\x00-\x1f\x7f]+")


@functools.cache
def is_sanitized():
    linked = subprocess.run(["ldd", support.BUILD / "mailwarden-ingest"], check=True,
                            capture_output=True, text=True).stdout
    return "libasan" in linked


# --- messages ---

HEAD = b"From: x@partner.example\r\nTo: bounces@example.net\r\nSubject: report\r\n"
HEAD += b"Message-ID: <1@partner.example>\r\nMIME-Version: 1.0\r\n"


def mail(content_type, body, encoding="7bit"):
    return (HEAD + f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n"
            .encode() + b"\r\n" + body)


def multipart(kind, *parts, boundary="=b="):
    marks = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return mail(f'multipart/{kind}; boundary="{boundary}"',
                marks + b"--" + boundary.encode() + b"--\r\n")


def part(content_type, body, encoding="7bit"):
    return (f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
            .encode() + body)


RECIPIENT = (b"Final-Recipient: rfc822; ann@hotmail.com\r\nAction: failed\r\n"
             b"Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n")
ORIGINAL = (b"Received: from c by mail.example.net (Postfix) with ESMTP id 4bXkWz3qLRz9tQf;"
            b" Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <o1@example.net>\r\n"
            b"From: <bounces@example.net>\r\nTo: <ann@hotmail.com>\r\n\r\n")


def dsn(*recipients, reporting=b"Reporting-MTA: dns; mail.example.net\r\n", text=b"failed",
        charset="us-ascii", encoding="7bit", original=ORIGINAL):
    return multipart(
        "report; report-type=delivery-status",
        part(f"text/plain; charset={charset}", text, encoding),
        part("message/delivery-status",
             b"\r\n".join([reporting, *(recipients or [RECIPIENT])])),
        part("text/rfc822-headers", original))


ZIP = "r.example!example.net!1!2.zip"


def attached(packed, name="r.example!example.net!1!2.xml.gz", kind="application/gzip"):
    return mail(f'{kind}; name="{name}"', base64.encodebytes(packed), "base64")


def dmarc(rows, prolog="", org="google.com"):
    return (f"<?xml version='1.0'?>{prolog}<feedback><report_metadata><org_name>{org}"
            "</org_name><report_id>1</report_id><date_range><begin>1795219200</begin><end>"
            "1795305600</end></date_range></report_metadata><policy_published><domain>"
            "example.net</domain><p>none</p></policy_published>").encode() + rows + \
        b"</feedback>"


ROW = (b"<record><row><source_ip>192.0.2.25</source_ip><count>2</count><policy_evaluated>"
       b"<disposition>none</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated>"
       b"</row><identifiers><header_from>example.net</header_from></identifiers></record>")


def deflated_zeros(size):
    """Raw deflate of `size` zeros, in no time: one block again and again."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (size // MIB) + packer.flush()


def gzip_bomb(size):
    return (b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + deflated_zeros(size) +
            struct.pack("<II", 0, size & 0xffffffff))


def zip_bomb(size):
    """One file of so many zeros; that its sum is wrong is seen at its end."""
    data, name = deflated_zeros(size), b"report.xml"
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(data),
                        size & 0xffffffff, len(name), 0) + name + data
    central = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(data),
                          size & 0xffffffff, len(name), 0, 0, 0, 0, 0, 0) + name
    return local + central + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(central),
                                         len(local), 0)


def zipped(content, names=("report.xml",)):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return out.getvalue()


def nested_zips(depth, width):
    packed = zip_bomb(64 * MIB)
    for level in range(depth):
        packed = zipped(packed, [f"{level}.{n}.zip" for n in range(width)])
    return packed


def laughs():
    entities = ['<!ENTITY e0 "ha">']
    entities += [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12)]
    return dmarc(ROW, f"<!DOCTYPE feedback [{''.join(entities)}]>", "&e11;")


def external(target):
    return dmarc(ROW, f'<!DOCTYPE feedback [<!ENTITY x SYSTEM "{target}">]>', "&x;")


def nested_parts(depth):
    opened = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' %
                      (n, n) for n in range(depth))
    closed = b"".join(b"\r\n--b%d--\r\n" % n for n in reversed(range(depth)))
    return HEAD + opened + part("text/plain", b"deep") + closed


def nested_messages(depth):
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Subject: x\r\n\r\ndeep"


def tls_report(**more):
    report = {"organization-name": "google.com", "report-id": "r1", "date-range": {
        "start-datetime": "2026-11-20T00:00:00Z", "end-datetime": "2026-11-20T23:59:59Z"},
        "policies": [{"policy": {"policy-type": "sts", "policy-domain": "example.net"},
                      "summary": {"total-successful-session-count": 3,
                                  "total-failure-session-count": 1},
                      "failure-details": [{"result-type": "certificate-expired",
                                           "receiving-mx-hostname": "mail.example.net",
                                           "failed-session-count": 1}]}], **more}
    return tls_mail(json.dumps(report).encode())


def tls_mail(text):
    return multipart("report; report-type=tlsrpt", part("text/plain", b"report"),
                     part("application/tlsrpt+gzip", base64.encodebytes(gzip.compress(text)),
                          "base64"))


def complaint(**fields):
    fields = {"Feedback-Type": "abuse", "User-Agent": "x/1", "Version": "1",
              "Original-Mail-From": "<bounces@example.net>", "Source-IP": "192.0.2.25",
              **fields}
    text = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return multipart("report; report-type=feedback-report", part("text/plain", b"abuse"),
                     part("message/feedback-report", text.encode()),
                     part("message/rfc822", ORIGINAL + b"text"))


# --- what becomes of them ---

# A process of its own: what its parent had in memory before exec counts as the child's.
MEASURE = """
import json, os, sys, time
start = time.monotonic()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(child, 0)
json.dump([os.waitstatus_to_exitcode(status), time.monotonic() - start,
           used.ru_utime + used.ru_stime, used.ru_maxrss * 1024], sys.stderr)
"""


class Taken:
    def __init__(self, folder, message):
        """Through the pipe, as a mail server gives it."""
        self.folder = folder
        source = folder / "message.eml"
        source.write_bytes(message)
        with open(source, "rb") as stdin:
            done = subprocess.run(
                [sys.executable, "-c", MEASURE, support.PROGRAM, "ingest", "--state",
                 folder / "mailwarden.db"], stdin=stdin, capture_output=True,
                env=support.ENVIRONMENT, text=True, errors="replace", timeout=120)
        self.said, _, measured = done.stderr.rpartition("[")
        self.code, self.wall_s, self.cpu_s, self.bytes = json.loads("[" + measured)
        log = folder / "reports.log"
        self.text = log.read_bytes().decode() if log.exists() else ""
        self.lines = self.text.split("\n")[:-1]
        self.kinds = {match[1] for match in map(LINE.fullmatch, self.lines) if match}

    def kept(self):
        new = self.folder / "unread" / "new"
        return [path.read_bytes() for path in new.iterdir()] if new.is_dir() else []


class Hostile(support.Case):
    figures = []

    @classmethod
    def tearDownClass(cls):
        print("\n  wall s   cpu s     MiB  message MiB  what became of it")
        for row in cls.figures:
            print("{:8.2f}{:8.2f}{:8.0f}{:13.2f}  {}: {}".format(*row))

    def take(self, message, what=None):
        folder = self.folder / str(len(list(self.folder.iterdir())))
        folder.mkdir()
        taken = Taken(folder, message)
        fate = f"{len(taken.lines)} {'/'.join(sorted(taken.kinds))}"
        if taken.kinds == {"unread"}:
            fate = taken.lines[0].partition("unread: ")[2].partition(", report_id")[0]
        Hostile.figures.append((taken.wall_s, taken.cpu_s, taken.bytes / MIB,
                                len(message) / MIB, what or self._testMethodName[5:], fate))
        self.assertEqual(taken.code, 0, taken.said)
        if not is_sanitized():
            self.assertLess(taken.cpu_s, CEILING_S)
            self.assertLess(taken.bytes, CEILING_BYTES)
        for line in taken.lines:
            self.assertRegex(line, LINE)
        self.assertTrue(taken.lines, "neither told nor kept")
        # What is not told, or not all of it, is kept as it came.
        kept = [message] if "unread" in taken.kinds else []
        self.assertTrue(taken.kept() == kept, "what is in unread/")
        # What the log's reader makes of it: an event of each line.
        (folder / "copy.log").write_bytes(taken.text.encode())
        parsed = support.mailwarden("parse", "--json", folder / "copy.log")
        taken.events = [json.loads(line) for line in parsed.stdout.splitlines()]
        shutil.rmtree(folder)
        return taken

    def unread(self, message, *words, what=None):
        taken = self.take(message, what)
        self.assertEqual((taken.kinds, len(taken.lines)), ({"unread"}, 1), taken.lines[:3])
        for word in words:
            self.assertIn(word, taken.lines[0])
        return taken

    def told(self, message, kind, count, what=None):
        taken = self.take(message, what)
        self.assertEqual((taken.kinds, len(taken.lines)), ({kind}, count), taken.lines[:3])
        self.assertEqual(len(taken.events), count)
        return taken

    def told_in_part(self, message, kind, what=None):
        """As much as one message may tell; that there is more is told, too."""
        taken = self.take(message, what)
        self.assertEqual((taken.kinds, len(taken.lines)), ({kind, "unread"}, EVENTS + 1))

    # --- sizes ---

    def test_sound_ones(self):
        """What the others are variations of."""
        self.told(dsn(), "bounce", 1, "a bounce")
        self.told(attached(gzip.compress(dmarc(ROW))), "dmarc", 1, "a DMARC report")
        self.told(attached(zipped(dmarc(ROW)), ZIP, "application/zip"), "dmarc", 1,
                  "the same in a zip")
        self.told(complaint(), "complaint", 1, "a complaint")
        self.assertIn("tls-report", self.take(tls_report(), "a TLS report").kinds)

    def test_zip_bomb(self):
        self.unread(attached(zip_bomb(10 << 30), ZIP, "application/zip"), "64 MiB")

    def test_zip_in_zip(self):
        self.unread(attached(nested_zips(5, 10), ZIP, "application/zip"))

    def test_zip_of_many(self):
        many = zipped(b"", [f"{n}.txt" for n in range(60000)])
        self.unread(attached(many, ZIP, "application/zip"))

    def test_gzip_bomb(self):
        self.unread(attached(gzip_bomb(10 << 30)), "64 MiB")

    def test_gzip_bomb_of_json(self):
        self.unread(multipart(
            "report; report-type=tlsrpt", part("text/plain", b"x"),
            part("application/tlsrpt+gzip", base64.encodebytes(gzip_bomb(10 << 30)),
                 "base64")))

    def test_gzip_of_spaces(self):
        """Just below the limit, and nothing in it."""
        self.unread(attached(gzip.compress(dmarc(b" " * (60 * MIB)))))

    def test_billion_laughs(self):
        self.unread(attached(gzip.compress(laughs())), "document type")

    def test_external_entity(self):
        secret = self.folder / "secret"
        secret.mkdir()
        (secret / "it").write_text("swordfish")
        for target in f"file://{secret}/it", "http://192.0.2.1/x":
            taken = self.unread(attached(gzip.compress(external(target))))
            self.assertNotIn("swordfish", taken.text)

    def test_deep_xml(self):
        self.unread(attached(gzip.compress(b"<a>" * 10**6)))

    def test_long_xml_attribute(self):
        self.take(attached(gzip.compress(dmarc(b"<x y='" + b"z" * (50 * MIB) + b"'/>"))))

    def test_nested_parts(self):
        self.unread(nested_parts(10000))

    def test_nested_messages(self):
        self.unread(nested_messages(10000))

    def test_nested_messages_by_the_million(self):
        self.unread(nested_messages(10**6))

    def test_sibling_parts(self):
        self.unread(multipart("mixed", *[part("text/plain", b"x")] * 10000))

    def test_sibling_parts_by_the_million(self):
        self.unread(multipart("mixed", *[b"\r\nx"] * 10**6))

    def test_bounce_behind_sibling_parts(self):
        self.take(multipart("report; report-type=delivery-status",
                            *[part("text/plain", b"x")] * 10000,
                            part("message/delivery-status",
                                 b"Reporting-MTA: dns; x\r\n\r\n" + RECIPIENT)))

    def test_line_of_100_mb(self):
        self.unread(mail("text/plain", b"x" * (100 * MIB)))

    def test_line_of_30_mb(self):
        self.unread(mail("text/plain", b"x" * (30 * MIB)))

    def test_diagnostic_of_30_mb(self):
        self.told(dsn(RECIPIENT.replace(b"no such", b"no such" * (4 * MIB))), "bounce", 1)

    def test_blanks_of_30_mb(self):
        self.unread(mail("text/plain", b" " * (30 * MIB)))

    def test_short_lines_of_30_mb(self):
        self.unread(mail("text/plain", b"a\n" * (15 * MIB)))

    def test_header_of_100_mb(self):
        self.unread(b"Subject: " + b"x" * (100 * MIB) + b"\r\n\r\nx")

    def test_header_of_30_mb(self):
        self.unread(b"Subject: " + b"x" * (30 * MIB) + b"\r\n\r\nx")

    def test_folded_header_of_30_mb(self):
        self.unread(b"Subject: " + b"x\r\n " * (7 * MIB) + b"\r\n\r\nx")

    def test_headers_by_the_million(self):
        self.unread(b"X: y\r\n" * (4 * MIB) + b"\r\nx")

    def test_encoded_words_of_30_mb(self):
        self.unread(b"Subject: " + b"=?utf-7?Q?a?= " * (2 * MIB) + b"\r\n\r\nx")

    def test_parameters_by_the_million(self):
        words = b";".join(b"boundary*%d*=%%41" % n for n in range(10**6))
        self.unread(b"Content-Type: multipart/mixed;" + words + b"\r\n\r\nx")

    def test_addresses_by_the_million(self):
        self.unread(b"To: " + b"a@b.example, " * (2 * MIB) + b"\r\n\r\nx")

    def test_comments_in_comments(self):
        self.unread(b"To: " + b"(" * (8 * MIB) + b"\r\nDate: " + b"(" * MIB + b"\r\n\r\nx")

    def test_recipients_by_the_100000(self):
        """More fields than any report has are not looked at; with fewer, so many are told."""
        recipients = [RECIPIENT.replace(b"ann", b"u%d" % n) for n in range(100000)]
        self.unread(dsn(*recipients), "too many header fields")
        self.told_in_part(dsn(*recipients[:40000]), "bounce", "recipients: 40,000")
        self.told(dsn(*recipients[:EVENTS]), "bounce", EVENTS, "recipients: 5,000")

    def test_dmarc_of_a_million_rows(self):
        row = b"<record><row><source_ip>::1</source_ip></row></record>"
        self.told_in_part(attached(gzip.compress(dmarc(row * 10**6))), "dmarc")

    def test_dmarc_of_200000_rows(self):
        self.told_in_part(attached(gzip.compress(dmarc(ROW * 200000))), "dmarc")

    def test_deep_json(self):
        self.unread(tls_mail(b"[" * (20 * MIB)), what="deep JSON, arrays")
        self.unread(tls_mail(b'{"a":' * (8 * MIB)), what="deep JSON, objects")

    def test_wide_json(self):
        self.unread(tls_mail(b"[" + b"1," * (20 * MIB) + b"1]"), what="wide JSON, array")
        wide = b",".join(b'"%d":0' % n for n in range(10**6))
        self.unread(tls_mail(b"{" + wide + b"}"), what="wide JSON, object")

    def test_prose_for_slow_patterns(self):
        """Text for people, made for rules that look for addresses and codes in it."""
        for text in (b"550-" * 10**6, b"<a@" * 10**6, b"a." * 10**6 + b"@",
                     b" " * 10**6 + b":", b"<ann@hotmail.com>:\r\n" * 10**5,
                     b"The following address(es) failed:\r\n" * 10**5):
            message = mail("text/plain", text).replace(
                b"From: x@partner.example", b"From: MAILER-DAEMON@partner.example")
            self.take(message.replace(b"Subject: report", b"Subject: failure notice"),
                      f"prose: {text[:12]!r}")

    # --- forms ---

    def test_broken_base64(self):
        good = base64.encodebytes(gzip.compress(dmarc(ROW)))
        for what, body in (("cut", good[:len(good) // 2]), ("other signs", b"!*" * 500),
                           ("padding first", b"====" + good)):
            self.take(mail("application/gzip", body, "base64"), "base64: " + what)

    def test_charsets(self):
        for charset in ("utf-8", "utf-7", "utf-16", "iso-2022-kr", "gb18030", "no-such-one",
                        "x" * 5000, "../../etc/passwd", '"";="', "ansi_x3.110-1983"):
            self.told(dsn(text=b"\xff\xfe+AGE-\x1b$)C\x0e\xa4\xe2\x80" * 100,
                          charset=charset, encoding="8bit"), "bounce", 1,
                      f"charset {charset[:20]}")

    def test_nul_bytes(self):
        taken = self.told(dsn(RECIPIENT.replace(b"no such", b"no\0such")), "bounce", 1)
        self.assertEqual(taken.events[0]["status"], "5.1.1")
        self.unread(b"\0" * MIB)

    def test_garbage(self):
        random = __import__("random").Random(5)
        self.unread(random.randbytes(MIB), what="bytes by chance")
        self.unread(HEAD + b"\r\n" + random.randbytes(MIB), what="the same as a text")
        self.unread(attached(random.randbytes(MIB)), what="the same, attached")

    def test_empty(self):
        self.unread(b"")
        self.unread(b"\r\n")

    def test_only_headers(self):
        self.unread(HEAD)
        self.unread(HEAD + b"\r\n")
        self.unread(HEAD + b"Content-Type: multipart/report; report-type=delivery-status; "
                           b"boundary=b\r\n\r\n")

    def test_truncated(self):
        """At any place: told as far as it goes, or kept."""
        whole = dsn()
        for end in range(0, len(whole), 97):
            self.take(whole[:end], f"a bounce cut at {end}")
            if end > 97 and Hostile.figures[-2][4].startswith("a bounce cut"):
                del Hostile.figures[-2]

    # --- forged lines ---

    LIE = ("2026-11-21T10:15:30.123456+00:00 mx1 mailwarden-ingest[1]: bounce: "
           "recipient=<eve@example.org>, status=5.7.1, reply=550 5.7.1 (S3140)")
    CONTROLS = b"\x1b[31m\x1b]0;owned\x07\x08\x7f\xc2\x9b\xe2\x80\xae\r\x0b\x0c\x00"

    def is_one(self, message, kind="bounce"):
        """One line, and no forged value in it."""
        taken = self.told(message, kind, 1, "forged: " + self._testMethodName[5:])
        self.assertNotEqual(taken.events[0].get("status"), "5.7.1")
        self.assertNotIn("\x1b", taken.text)
        self.assertNotIn("\u009b", taken.text)
        return taken

    def test_forged_diagnostic(self):
        lie = self.LIE.encode()
        for text in (lie, b"x\r\n\t" + lie, b"x\r" + lie, b"x\n " + lie,
                     b"x, status=sent (ok), recipient=<eve@example.org>, reply=x",
                     b'x", report_id=1-1, status=5.7.1', self.CONTROLS + lie,
                     b"=?utf-8?Q?x=0D=0A" + lie.replace(b" ", b"_") + b"?=",
                     "x\u2028\u0085".encode() + lie):
            taken = self.is_one(dsn(RECIPIENT.replace(b"no such user", text)))
            event, = taken.events
            self.assertEqual((event["recipient"], event["status"], event["dsn_action"]),
                             ("ann@hotmail.com", "5.1.1", "failed"))

    def test_forged_addresses(self):
        """A recipient may hold what it likes, its field ends where it ends."""
        lie = self.LIE.encode()
        for address in (b'"x>, status=5.7.1, y=<"@hotmail.com', b"a@b>, status=5.7.1",
                        b"a\r\n " + lie, b"a" + self.CONTROLS + b"@b.example",
                        b"a+0D+0A" + lie.replace(b" ", b"+20"),
                        b"=?utf-8?Q?a=0A" + lie.replace(b" ", b"_") + b"?=",
                        b"\\x{D}\\x{A}a@b.example", b'"a\\\r\n b"@c.example',
                        b"u" * 100000 + b"@b.example", b"<" * 1000):
            fields = RECIPIENT.replace(b"ann@hotmail.com", address)
            fields += b"Original-Recipient: rfc822;" + address + b"\r\n"
            fields += b"Remote-MTA: dns; " + address + b"\r\n"
            self.is_one(dsn(fields))

    def test_forged_original(self):
        """The returned message belongs to whoever sent it."""
        lie = self.LIE.encode()
        for text in (lie, b"x\r\n " + lie, b"x>, status=5.7.1, y=<", self.CONTROLS,
                     b"=?utf-8?B?" + base64.b64encode(b"x\r\n" + lie) + b"?="):
            self.is_one(dsn(
                reporting=b"Reporting-MTA: dns; " + text + b"\r\nX-Postfix-Queue-ID: " +
                text + b"\r\nX-Postfix-Sender: rfc822; " + text + b"\r\n",
                original=b"Received: from x by " + text + b" with ESMTP id " + text +
                b"; now\r\nMessage-ID: <" + text + b">\r\nFrom: " + text + b"\r\nSubject: " +
                text + b"\r\nTo: " + text + b"\r\n\r\n" + lie))

    def test_forged_complaint(self):
        for text in (self.LIE, "x\r\n " + self.LIE, "x, kind=bounce, status=5.7.1",
                     self.CONTROLS.decode(errors="replace").replace("\r", "")):
            self.is_one(complaint(Original_Mail_From=f"<{text}>", Source_IP=text,
                                  Feedback_Type="abuse " + text, Reported_Domain=text,
                                  User_Agent=text), "complaint")

    def test_forged_dmarc(self):
        lie = self.LIE.replace("<", "&lt;").replace(">", "&gt;")
        for text in (lie, "x&#10;" + lie, "x&#13;&#10;" + lie, "x\n" + lie, "x, ours=yes"):
            row = ROW.replace(b"example.net", text.encode()).replace(
                b"<dkim>fail", b"<dkim>" + text.encode())
            self.is_one(attached(gzip.compress(dmarc(row, org=text))), "dmarc")

    def test_forged_tls_report(self):
        for text in (self.LIE, "x\r\n" + self.LIE, "x, ours=yes",
                     self.CONTROLS.decode(errors="replace")):
            taken = self.take(tls_report(**{"organization-name": text, "report-id": text}))
            self.assertEqual(taken.kinds, {"tls-report"})
            self.assertEqual(len(taken.events), len(taken.lines))
            self.assertTrue(all("recipient" not in event for event in taken.events))

    def test_forged_reason_of_unread(self):
        """What a person is told of a message that is none."""
        for text in (b'x", file="/etc/passwd"', self.LIE.encode().replace(b"bounce", b"mail"),
                     self.CONTROLS):
            self.unread(b"Subject: " + text + b"\r\nContent-Type: " + text + b"\r\n\r\nx")
            self.unread(attached(gzip.compress(dmarc(b"<" + text + b"/>"))))


if __name__ == "__main__":
    if sys.platform != "linux":
        print("skipped: not Linux")
        sys.exit(77)
    unittest.main(verbosity=2)
