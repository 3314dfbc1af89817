#!/usr/bin/python3
"""`trace`: a message's whole way, put together from the store; what restarts between its
lines change of it (nothing); what strangers' text does to the terminal (nothing)."""

import json
import pathlib
import sqlite3
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import Case, mailwarden  # noqa: E402

NOW = int(time.time()) - 3600

POSTFIX = """\
submission/smtpd[1]: 4bXkWz3qLRz9tQf: client=laptop.example.com[198.51.100.7], \
sasl_method=PLAIN, sasl_username=alice
cleanup[2]: 4bXkWz3qLRz9tQf: message-id=<a1@example.com>
qmgr[3]: 4bXkWz3qLRz9tQf: from=<alice@example.com>, size=444, nrcpt=1 (queue active)
smtpd[4]: 4bXkXB0mKnz9tQg: client=localhost[127.0.0.1], orig_queue_id=4bXkWz3qLRz9tQf, \
orig_client=laptop.example.com[198.51.100.7]
cleanup[2]: 4bXkXB0mKnz9tQg: message-id=<a1@example.com>
qmgr[3]: 4bXkXB0mKnz9tQg: from=<alice@example.com>, size=667, nrcpt=1 (queue active)
smtp[5]: 4bXkWz3qLRz9tQf: to=<bob@example.org>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, \
delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4bXkXB0mKnz9tQg)
qmgr[3]: 4bXkWz3qLRz9tQf: removed
smtp[5]: 4bXkXB0mKnz9tQg: to=<bob@example.org>, relay=mx1.example.org[203.0.113.25]:25, \
delay=1, delays=0/0/0/1, dsn=4.2.0, status=deferred (host mx1.example.org[203.0.113.25] \
said: 450 4.2.0 Greylisted (in reply to RCPT TO command))
smtp[5]: 4bXkXB0mKnz9tQg: to=<bob@example.org>, relay=mx1.example.org[203.0.113.25]:25, \
delay=1, delays=0/0/0/1, dsn=4.2.0, status=deferred (host mx1.example.org[203.0.113.25] \
said: 450 4.2.0 Greylisted (in reply to RCPT TO command))
smtp[5]: 4bXkXB0mKnz9tQg: to=<bob@example.org>, relay=mx1.example.org[203.0.113.25]:25, \
delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (host mx1.example.org[203.0.113.25] \
said: 550 5.1.1 <bob@example.org> no such \x1b[31muser\x1b[0m (in reply to RCPT TO command))
cleanup[2]: 4bXkZ91hTRz9tQk: message-id=<b1@mx1.example.com>
bounce[6]: 4bXkXB0mKnz9tQg: sender non-delivery notification: 4bXkZ91hTRz9tQk
qmgr[3]: 4bXkZ91hTRz9tQk: from=<>, size=3387, nrcpt=1 (queue active)
local[7]: 4bXkZ91hTRz9tQk: to=<alice@example.com>, relay=local, delay=0.05, \
delays=0.03/0/0/0.02, dsn=2.0.0, status=sent (delivered to mailbox)
"""

SMTPD = """\
3f9c1d2e4b5a6979 smtp connected address=192.0.2.10 host=mail.example.net
3f9c1d2e4b5a6979 smtp authentication user=carol result=ok
3f9c1d2e4b5a6979 smtp message msgid=25b7c129 size=431 nrcpt=1 proto=ESMTP
3f9c1d2e4b5a6979 smtp envelope evpid=25b7c129e7ad98c4 from=<carol@example.com> \
to=<dan@example.org>
2d5e2d270e7b929d smtp connected address=127.0.0.1 host=localhost
2d5e2d270e7b929d smtp message msgid=e48c2efa size=654 nrcpt=1 proto=ESMTP
2d5e2d270e7b929d smtp envelope evpid=e48c2efa44931b5e from=<carol@example.com> \
to=<dan@example.org>
2d5e2d26865553d2 mta delivery evpid=25b7c129e7ad98c4 from=<carol@example.com> \
to=<dan@example.org> rcpt=<-> source="127.0.0.1" relay="127.0.0.1 (localhost)" delay=0s \
result="Ok" stat="250 2.0.0 e48c2efa Message accepted for delivery"
2d5e2ce38a16b2c1 mta delivery evpid=e48c2efa44931b5e from=<carol@example.com> \
to=<dan@example.org> rcpt=<-> source="192.0.2.25" relay="203.0.113.30 (mx1.example.org)" \
delay=1s result="PermFail" stat="550 5.7.1 no"
2d5e2ce38a16b2c2 smtp connected address=local host=mx1.example.com
2d5e2ce38a16b2c2 smtp message msgid=5c323fca size=2274 nrcpt=1 proto=ESMTP
2d5e2ce38a16b2c2 smtp envelope evpid=5c323fca44931b5e from=<> to=<carol@example.com>
2d5e2ce38a16b2c3 mda delivery evpid=5c323fca44931b5e from=<> to=<carol@example.com> \
user=carol delay=0s result=Ok stat=Delivered
"""


def stamp(at):
    return time.strftime("%b %e %H:%M:%S", time.gmtime(at))


def lines():
    out, at = [], NOW
    for line in POSTFIX.splitlines():
        out.append(f"{stamp(at)} mx1 postfix/{line}\n")
        at += 1
    for line in SMTPD.splitlines():
        out.append(f"{stamp(at)} mx2 smtpd[9]: {line}\n")
        at += 1
    return out


class Trace(Case):
    def take(self, pieces=1):
        rest = lines()
        size = -(-len(rest) // pieces)
        while rest:
            with open(self.log, "a") as out:
                out.writelines(rest[:size])
            rest = rest[size:]
            self.run_once()

    def trace(self, *words, exit_code=0):
        done = mailwarden("trace", "--state", self.state, *words)
        self.assertEqual(done.returncode, exit_code, done.stderr)
        return done.stdout.decode(), done.stderr.decode()

    def hops(self, *words):
        out, _ = self.trace("--json", *words)
        (one,) = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(one["type"], "trace")
        self.assertTrue(one["complete"])
        return {hop["message"]["queue_id"]: hop for hop in one["hops"]}

    def test_one_message_by_any_name(self):
        self.take()
        whole, _ = self.trace("4bXkWz3qLRz9tQf")
        self.assertEqual(whole.count("message <"), 1)
        for line in whole.splitlines():
            self.assertLessEqual(len(line), 80)
        for words in ("4bXkXB0mKnz9tQg", "4bXkZ91hTRz9tQk", "a1@example.com",
                      "<a1@example.com>", "bob@example.org", "BOB@example.ORG", "alice@"):
            self.assertEqual(self.trace(words)[0], whole, words)
        self.assertIn("handed on to 127.0.0.1, back as 4bXkXB0mKnz9tQg", " ".join(whole.split()))
        self.assertIn("login alice", whole)
        self.assertIn("550 5.1.1", whole)
        self.assertIn("again at", whole)
        self.assertNotIn("\x1b", whole)

    def test_domain_finds_all(self):
        self.take()
        out, _ = self.trace("@example.org")
        heads = [line for line in out.splitlines() if line.startswith("message")]
        self.assertEqual(heads, ["message <a1@example.com>",
                                 "message, its id is not logged"])
        self.assertIn("4bXkWz3qLRz9tQf", out)
        self.assertIn("25b7c129", out)

    def test_hops(self):
        self.take()
        hops = self.hops("4bXkXB0mKnz9tQg")
        self.assertEqual(list(hops), ["4bXkWz3qLRz9tQf", "4bXkXB0mKnz9tQg",
                                      "4bXkZ91hTRz9tQk"])
        self.assertNotIn("parent", hops["4bXkWz3qLRz9tQf"])
        self.assertEqual(hops["4bXkXB0mKnz9tQg"]["parent"], "4bXkWz3qLRz9tQf")
        self.assertEqual(hops["4bXkZ91hTRz9tQk"]["parent"], "4bXkXB0mKnz9tQg")
        self.assertEqual([hop["message"]["origin"] for hop in hops.values()],
                         ["submitted", "submitted", "bounce"])
        self.assertEqual([len(hop["attempts"]) for hop in hops.values()], [1, 3, 1])

    def test_opensmtpd(self):
        self.take()
        hops = self.hops("e48c2efa")
        self.assertEqual(list(hops), ["25b7c129", "e48c2efa", "5c323fca"])
        self.assertEqual([hop["message"]["origin"] for hop in hops.values()],
                         ["submitted", "submitted", "bounce"])
        self.assertEqual(hops, self.hops("e48c2efa44931b5e"))  # an envelope id
        self.assertEqual(hops["25b7c129"]["message"]["sasl_user"], "carol")
        self.assertEqual(hops["25b7c129"]["message"]["relay_ip"], "192.0.2.10")

    def test_restart_after_each_line(self):
        self.take(pieces=len(lines()))
        in_pieces = self.trace("--json", "@example.org")[0]
        self.state.unlink()
        for beside in self.state.parent.glob("*.db-*"):
            beside.unlink()
        self.run_once()
        self.assertEqual(in_pieces, self.trace("--json", "@example.org")[0])

    def test_nothing_there(self):
        self.take()
        for words in (["4bXkWz3qLRz9tQx"], ["nobody@example.com"], ["@example.invalid"],
                      ["--since", "10m", "bob@example.org"], ["%"], ["@"]):
            out, err = self.trace(*words, exit_code=1)
            self.assertEqual(out, "")
            self.assertIn(words[-1], err)
            self.assertEqual(err.count("\n"), 1)
        self.assertNotIn("\x1b", self.trace("\x1b[31m", exit_code=1)[1])

    def test_usage(self):
        self.take()
        for words in ([], [""], ["a", "b"], ["--since", "soon", "a"], ["--no", "a"]):
            done = mailwarden("trace", "--state", self.state, *words)
            self.assertEqual(done.returncode, 2, words)

    def test_no_store(self):
        done = mailwarden("trace", "--state", self.folder / "none.db", "a")
        self.assertEqual(done.returncode, 4)

    def test_circle(self):
        """A store whose messages come from one another, as forged lines may make it."""
        self.take()
        db = sqlite3.connect(self.state)
        with db:
            key, = db.execute("SELECT related_queue FROM message WHERE "
                              "queue_id = '4bXkXB0mKnz9tQg'").fetchone()
            db.execute("UPDATE message SET related = '4bXkZ91hTRz9tQk', related_queue = ? "
                       "WHERE queue_id = '4bXkWz3qLRz9tQf'", (key,))
        db.close()
        for line in self.trace("--json", "4bXkWz3qLRz9tQf")[0].splitlines():
            self.assertLessEqual(len(json.loads(line)["hops"]), 3)


if __name__ == "__main__":
    unittest.main()
