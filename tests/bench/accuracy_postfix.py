"""Postfix and dovecot: the lines of what happens in accuracy_world.py."""

from accuracy_mail import OWN_DOMAIN, OWN_IP, one_line
from accuracy_world import SECOND

TRUST = {True: "Trusted", False: "Untrusted"}
CIPHER = "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"
STEP = 20_000  # microseconds between the lines of a session


class Postfix:
    greeting_is_final = False  # the next MX may be in a better mood

    def __init__(self, world):
        self.world, self.say, self.rng = world, world.say, world.rng
        self.count = 0

    def queue_id(self):
        self.count += 1
        return f"{self.count * 2654435761 % (1 << 40):010X}"

    def pid(self):
        return 1000 + self.rng.randrange(40) * 97

    # ---------------------------------------------------------------- incoming

    def inbound(self, at, sender, user, peer, tls, stored=True, rcpt=None):
        """Taken from outside, and stored (or not: see refused_later)."""
        say, qid, pid = self.say, self.queue_id(), self.pid()
        client = f"{peer.mx}[{peer.ip}]"
        size = 900 + int(self.rng.expovariate(1 / 24000))
        mid = f"{at:x}.{qid}@{peer.domain}"
        say(at, f"postfix/smtpd[{pid}]: connect from {client}")
        if tls:
            say(at + STEP, f"postfix/smtpd[{pid}]: Anonymous TLS connection established from "
                f"{client}: {CIPHER}")
        say(at + 2 * STEP, f"postfix/smtpd[{pid}]: {qid}: client={client}")
        say(at + 3 * STEP, f"postfix/cleanup[{pid}]: {qid}: message-id=<{mid}>")
        say(at + 4 * STEP, f"postfix/qmgr[901]: {qid}: from=<{sender}>, size={size}, nrcpt=1 "
            "(queue active)")
        how = "ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1 commands=7" if tls else \
            "ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"
        say(at + 5 * STEP, f"postfix/smtpd[{pid}]: disconnect from {client} {how}")
        if stored:
            self.store(at + 6 * STEP, qid, user, mid)
            say(at + 8 * STEP, f"postfix/qmgr[901]: {qid}: removed")
        return qid

    def store(self, at, qid, user, mid):
        session = f"{self.rng.getrandbits(60):x}"
        self.say(at, f"dovecot: lmtp({user})<{self.pid()}><{session}>: msgid=<{mid}>: "
                 "saved mail to INBOX")
        self.say(at + 1000, f"postfix/lmtp[{self.pid()}]: {qid}: to=<{user}@{OWN_DOMAIN}>, "
                 "relay=mx1.example.org[private/dovecot-lmtp], delay=0.2, "
                 f"delays=0.1/0/0.05/0.05, dsn=2.0.0, status=sent (250 2.0.0 "
                 f"<{user}@{OWN_DOMAIN}> {session} Saved)")

    def refused_later(self, at, sender, peer, user):
        """Taken, but nobody to give it to: the sender, who may be forged, gets a bounce."""
        qid = self.inbound(at, sender, user, peer, True, stored=False)
        self.say(at + 6 * STEP, f"postfix/lmtp[{self.pid()}]: {qid}: to=<{user}@{OWN_DOMAIN}>, "
                 "relay=mx1.example.org[private/dovecot-lmtp], delay=0.2, "
                 "delays=0.1/0/0.05/0.05, dsn=5.1.1, status=bounced (host mx1.example.org"
                 f"[private/dovecot-lmtp] said: 550 5.1.1 <{user}@{OWN_DOMAIN}> User doesn't "
                 f"exist: {user}@{OWN_DOMAIN} (in reply to RCPT TO command))")
        self.notice(at + 8 * STEP, qid, sender, "sender non-delivery notification", peer)
        self.say(at + 9 * STEP, f"postfix/qmgr[901]: {qid}: removed")

    def reject(self, at, sender="x@example.com", user=None, client=None):
        rng, pid = self.rng, self.pid()
        client = client or f"unknown[198.51.100.{rng.randrange(250)}]"
        ip = client.split("[")[1][:-1]
        kind = 0 if user else rng.randrange(3)
        user = user or f"{rng.getrandbits(20):x}"
        self.say(at, f"postfix/smtpd[{pid}]: connect from {client}")
        if kind == 0:
            self.say(at + STEP, f"postfix/smtpd[{pid}]: NOQUEUE: reject: RCPT from {client}: 550 "
                     f"5.1.1 <{user}@{OWN_DOMAIN}>: Recipient address rejected: User unknown in "
                     f"virtual mailbox table; from=<{sender}> to=<{user}@{OWN_DOMAIN}> "
                     "proto=ESMTP helo=<pc1>")
        elif kind == 1:
            self.say(at + STEP, f"postfix/smtpd[{pid}]: NOQUEUE: reject: RCPT from {client}: 554 "
                     f"5.7.1 Service unavailable; Client host [{ip}] blocked using "
                     f"zen.spamhaus.org; from=<{sender}> to=<anna@{OWN_DOMAIN}> proto=ESMTP "
                     "helo=<pc1>")
        else:
            self.say(at + STEP, f"postfix/smtpd[{pid}]: lost connection after AUTH from {client}")
        self.say(at + 2 * STEP, f"postfix/smtpd[{pid}]: disconnect from {client} ehlo=1 mail=1 "
                 "rcpt=0/1 commands=2/3")

    def guess(self, at, user, ip):
        pid = self.pid()
        self.say(at, f"postfix/submission/smtpd[{pid}]: connect from unknown[{ip}]")
        self.say(at + STEP, f"postfix/submission/smtpd[{pid}]: warning: unknown[{ip}]: SASL LOGIN "
                 f"authentication failed: UGFzc3dvcmQ6, sasl_username={user}")
        self.say(at + 2 * STEP, f"postfix/submission/smtpd[{pid}]: disconnect from unknown[{ip}] "
                 "ehlo=1 auth=0/1 commands=1/2")

    def cron(self, at):
        qid = self.queue_id()
        mid = f"{at:x}.{qid}@mx1.example.org"
        self.say(at, f"postfix/pickup[900]: {qid}: uid=0 from=<root>")
        self.say(at + STEP, f"postfix/cleanup[{self.pid()}]: {qid}: message-id=<{mid}>")
        self.say(at + 2 * STEP, f"postfix/qmgr[901]: {qid}: from=<root@{OWN_DOMAIN}>, size=611, "
                 "nrcpt=1 (queue active)")
        self.store(at + 3 * STEP, qid, "anna", mid)
        self.say(at + 5 * STEP, f"postfix/qmgr[901]: {qid}: removed")

    # ---------------------------------------------------------------- outgoing

    def submit(self, at, m, login):
        say, pid = self.say, self.pid()
        m.qid = qid = self.queue_id()
        client = f"unknown[{self.world.place(login)}]"
        say(at, f"postfix/submission/smtpd[{pid}]: connect from {client}")
        say(at + STEP, f"postfix/submission/smtpd[{pid}]: Anonymous TLS connection established "
            f"from {client}: {CIPHER}")
        say(at + 2 * STEP, f"postfix/submission/smtpd[{pid}]: {qid}: client={client}, "
            f"sasl_method=PLAIN, sasl_username={login}")
        say(at + 3 * STEP, f"postfix/cleanup[{pid}]: {qid}: message-id=<{at:x}.{qid}@{OWN_DOMAIN}>")
        say(at + 4 * STEP, f"postfix/qmgr[901]: {qid}: from=<{m.sender}>, size={m.size}, "
            f"nrcpt={len(m.rcpts)} (queue active)")
        say(at + 5 * STEP, f"postfix/submission/smtpd[{pid}]: disconnect from {client} ehlo=2 "
            "starttls=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=8")

    def attempt(self, at, end, m, rcpt, peer, answer, tries, verify):
        say, pid, where = self.say, self.pid(), f"{peer.mx}[{peer.ip}]"
        stage = answer.stage if answer else ""
        if tries:
            say(at, f"postfix/qmgr[901]: {m.qid}: from=<{m.sender}>, size={m.size}, "
                f"nrcpt={m.open} (queue active)")
        if verify is not None:
            say(at + STEP, f"postfix/smtp[{pid}]: {TRUST[verify]} TLS connection established to "
                f"{where}:25: {CIPHER}")
        if stage in ("timeout", "refused"):
            why = "Connection timed out" if stage == "timeout" else "Connection refused"
            say(end - 1000, f"postfix/smtp[{pid}]: connect to {where}:25: {why}")
        relay = f"{where}:25" if verify is not None or stage in ("greeting", "lost") else "none"
        if not answer or stage[0].isupper() or stage == "end of DATA":
            relay = f"{where}:25"
        if stage in ("sasl", "mechanism"):
            relay = "relay.example.com[203.0.113.250]:587"
        if stage == "mechanism":
            say(end - 2000, f"postfix/smtp[{pid}]: warning: SASL authentication failure: "
                "No worthy mechs found")
        total = (end - m.born) / SECOND
        total = f"{total:.1f}" if total < 10 else int(total)
        say(end, f"postfix/smtp[{pid}]: {m.qid}: to=<{rcpt}>, relay={relay}, delay={total}, "
            f"delays=0.1/0.01/0.3/{total}, {self.status(answer, rcpt, where)}")

    def status(self, answer, rcpt, where):
        if answer is None:
            return f"dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {self.rng.getrandbits(40):X})"
        stage = answer.stage
        dsn, state = answer.dsn or "5.0.0", "bounced"
        if stage in ("timeout", "refused"):
            why = "Connection timed out" if stage == "timeout" else "Connection refused"
            return f"dsn={dsn}, status=deferred (connect to {where}:25: {why})"
        if stage == "nohost":
            domain = rcpt.split("@")[1]
            return (f"dsn={dsn}, status=bounced (Host or domain name not found. Name service "
                    f"error for name={domain} type=AAAA: Host not found)")
        if stage == "nodns":
            domain = rcpt.split("@")[1]
            return (f"dsn={dsn}, status=deferred (Host or domain name not found. Name service "
                    f"error for name={domain} type=MX: Host not found, try again)")
        if stage == "lost":
            return (f"dsn={dsn}, status=deferred (lost connection with {where} while sending "
                    "end of data -- message may be sent more than once)")
        if stage == "loop":
            return (f"dsn=5.4.6, status=bounced (mail for {rcpt.split('@')[1]} loops back to "
                    "myself)")
        text = one_line(answer).replace("{rcpt}", rcpt).replace("{ip}", OWN_IP)
        if stage == "mechanism":
            return ("dsn=4.7.0, status=deferred (SASL authentication failed; cannot "
                    "authenticate to server relay.example.com[203.0.113.250]: no mechanism available)")
        if stage == "sasl":
            return (f"dsn=4.7.8, status=deferred (SASL authentication failed; server "
                    f"relay.example.com[203.0.113.250] said: {text})")
        if stage == "greeting":
            dsn = "4" + (answer.dsn or "4.0.0")[1:]
            return f"dsn={dsn}, status=deferred (host {where} refused to talk to me: {text})"
        if answer.code < 500:
            dsn, state = answer.dsn or "4.0.0", "deferred"
        return (f"dsn={dsn}, status={state} (host {where} said: {text} (in reply to {stage} "
                "command))")

    def notice(self, at, qid, to, kind, peer):
        """A bounce or receipt: into a mailbox here, or to a stranger (peer)."""
        child = self.queue_id()
        self.say(at, f"postfix/cleanup[{self.pid()}]: {child}: message-id=<{at:x}.{child}"
                 "@mx1.example.org>")
        self.say(at + 100, f"postfix/bounce[{self.pid()}]: {qid}: {kind}: {child}")
        self.say(at + 1000, f"postfix/qmgr[901]: {child}: from=<>, size=3100, nrcpt=1 "
                 "(queue active)")
        if peer is None:
            self.store(at + 2000, child, to.split("@")[0], f"{at:x}.{child}@mx1.example.org")
        else:
            self.say(at + SECOND, f"postfix/smtp[{self.pid()}]: {child}: to=<{to}>, "
                     f"relay={peer.mx}[{peer.ip}]:25, delay=1, delays=0.1/0/0.4/0.5, "
                     "dsn=2.0.0, status=sent (250 2.0.0 Ok)")
        self.say(at + SECOND + 9000, f"postfix/qmgr[901]: {child}: removed")

    def bounce(self, at, m, rcpt, answer):
        self.notice(at, m.qid, m.sender, "sender non-delivery notification", None)

    def expired(self, at, m, rcpt):
        self.say(at, f"postfix/qmgr[901]: {m.qid}: from=<{m.sender}>, status=expired, returned to "
                 "sender")
        self.notice(at + 1000, m.qid, m.sender, "sender non-delivery notification", None)

    def receipt(self, at, m, to, peer):
        """Asked for with the message: to one of us, or to a stranger."""
        self.notice(at, m.qid, to, "sender delivery status notification", peer)

    def strangers_receipt(self, at, sender, peer, user):
        qid = self.inbound(at, sender, user, peer, True)
        self.notice(at + 7 * STEP, qid, sender, "sender delivery status notification", peer)

    def done(self, at, m):
        self.say(at, f"postfix/qmgr[901]: {m.qid}: removed")

    # ---------------------------------------------------------------- troubles' own lines

    def filter_down(self, at):
        pid = self.pid()
        self.say(at, f"postfix/smtpd[{pid}]: warning: connect to Milter service "
                 "inet:127.0.0.1:8891: Connection refused")
        self.say(at + STEP, f"postfix/smtpd[{pid}]: NOQUEUE: milter-reject: CONNECT from "
                 "unknown[198.51.100.7]: 451 4.7.1 Service unavailable - try again later; "
                 "proto=SMTP")

    def loop(self, at):
        qid = self.queue_id()
        self.say(at, f"postfix/cleanup[{self.pid()}]: {qid}: message-id=<{at:x}@{OWN_DOMAIN}>")
        self.say(at + 1000, f"postfix/qmgr[901]: {qid}: from=<anna@{OWN_DOMAIN}>, size=90000, "
                 "nrcpt=1 (queue active)")
        self.say(at + 2000, f"postfix/smtp[{self.pid()}]: {qid}: to=<ben@{OWN_DOMAIN}>, "
                 "relay=none, delay=0.1, delays=0.1/0/0/0, dsn=5.4.6, status=bounced (mail for "
                 f"{OWN_DOMAIN} loops back to myself)")
        self.notice(at + 3000, qid, f"anna@{OWN_DOMAIN}", "sender non-delivery notification",
                    None)
        self.say(at + 2 * SECOND, f"postfix/qmgr[901]: {qid}: removed")

    def disk_full(self, at):
        pid = self.pid()
        self.say(at, f"postfix/smtpd[{pid}]: warning: not enough free space in mail queue: "
                 "1830912 bytes < 1.5*message size limit")
        self.say(at + 1000, f"postfix/smtpd[{pid}]: NOQUEUE: reject: MAIL from "
                 "mail.example.net[203.0.113.99]: 452 4.3.1 Insufficient system storage; "
                 "from=<x@example.net> proto=ESMTP helo=<mail.example.net>")

    def key_unusable(self, at):
        pid = self.pid()
        self.say(at, f"postfix/smtpd[{pid}]: warning: cannot get RSA private key from file "
                 "\"/etc/ssl/private/mx1.key\": disabling TLS support")
        self.say(at + 1000, f"postfix/smtpd[{pid}]: warning: TLS library problem: "
                 "error:0200100D:system library:fopen:Permission denied:../crypto/bio/bss_file.c:69"
                 ":fopen('/etc/ssl/private/mx1.key','r'):")
