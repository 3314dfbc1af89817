"""sendmail: the lines of what happens in accuracy_world.py."""

import datetime

from accuracy_mail import OWN_DOMAIN, OWN_IP, one_line
from accuracy_world import BEGIN, SECOND

VERIFY = {True: "OK", False: "FAIL"}
CIPHER = "version=TLSv1.3, verify={}, cipher=TLS_AES_256_GCM_SHA384, bits=256/256"
BASE60 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
NO_USER_STAGES = ("RCPT TO",)
STEP = 20_000
LONGEST_REPLY = 203  # sendmail cuts the middle out of longer ones


def hms(span_us):
    s = int(span_us / SECOND)
    days, s = divmod(s, 86400)
    return f"{f'{days}+' if days else ''}{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}"


class Sendmail:
    greeting_is_final = True
    hides_replies = False

    def __init__(self, world):
        self.world, self.say, self.rng = world, world.say, world.rng
        self.count = 0

    def queue_id(self, at):
        self.count += 1
        moment = datetime.datetime.combine(BEGIN, datetime.time()) + datetime.timedelta(
            microseconds=int(at))
        n = self.count % 1000000
        return (BASE60[(moment.year - 1900) % 60] + BASE60[moment.month - 1] + BASE60[moment.day] +
                BASE60[moment.hour] + BASE60[moment.minute] + BASE60[moment.second] +
                BASE60[n // 60 % 60] + BASE60[n % 60] + f"{n:06}")

    def pid(self):
        return 1000 + self.rng.randrange(900000)

    # ---------------------------------------------------------------- incoming

    def inbound(self, at, sender, user, peer, tls, stored=True):
        say, qid, pid = self.say, self.queue_id(at), self.pid()
        client = f"{peer.mx} [{peer.ip}]"
        size = 900 + int(self.rng.expovariate(1 / 24000))
        if tls:
            say(at, f"sm-mta[{pid}]: STARTTLS=server, relay={client}, {CIPHER.format('NO')}")
        say(at + STEP, f"sm-mta[{pid}]: {qid}: from=<{sender}>, size={size}, class=0, nrcpts=1, "
            f"msgid=<{at:x}.{qid}@{peer.domain}>, proto=ESMTP{'S' if tls else ''}, "
            f"daemon=MTA-v4, relay={client}")
        if stored:
            self.store(at + 3 * STEP, qid, f"<{user}@{OWN_DOMAIN}>")
        return qid

    def store(self, at, qid, to):
        self.say(at, f"sm-mta[{self.pid()}]: {qid}: to={to}, delay=00:00:00, xdelay=00:00:00, "
                 "mailer=local, pri=32843, dsn=2.0.0, stat=Sent")

    def refused_later(self, at, sender, peer, user):
        qid = self.inbound(at, sender, user, peer, True, stored=False)
        self.say(at + 3 * STEP, f"sm-mta[{self.pid()}]: {qid}: to=<{user}@{OWN_DOMAIN}>, "
                 "delay=00:00:00, xdelay=00:00:00, mailer=local, pri=32843, dsn=5.1.1, "
                 "stat=User unknown")
        self.notice(at + 4 * STEP, qid, sender, "User unknown", peer)

    def reject(self, at, sender="x@example.com", user=None, client=None):
        rng, pid, qid = self.rng, self.pid(), self.queue_id(at)
        ip = f"198.51.100.{rng.randrange(250)}"
        client = client or f"[{ip}]"
        kind = 0 if user else rng.randrange(3)
        if kind == 0:
            self.say(at, f"sm-mta[{pid}]: {qid}: <{user or 'nosuch'}@{OWN_DOMAIN}>... User unknown")
            self.say(at + STEP, f"sm-mta[{pid}]: {qid}: from=<{sender}>, size=0, class=0, "
                     f"nrcpts=0, proto=SMTP, daemon=MTA-v4, relay={client}")
        elif kind == 1:
            self.say(at, f"sm-mta[{pid}]: ruleset=check_relay, arg1={client}, arg2={ip}, "
                     f"relay={client}, reject=554 5.7.1 Service unavailable; Client host [{ip}] "
                     "blocked using zen.spamhaus.org")
        else:
            self.say(at, f"sm-mta[{pid}]: {qid}: {client} did not issue MAIL/EXPN/VRFY/ETRN during "
                     "connection to MTA-v4")

    def guess(self, at, user, ip):
        pid, qid = self.pid(), self.queue_id(at)
        self.say(at, f"sm-mta[{pid}]: {qid}: AUTH failure (LOGIN): authentication failure (-13) "
                 f"SASL(-13): authentication failure: checkpass failed, user={user}, relay=[{ip}]")
        self.say(at + STEP, f"sm-mta[{pid}]: {qid}: [{ip}] did not issue MAIL/EXPN/VRFY/ETRN "
                 "during connection to MSP-v4")

    def cron(self, at):
        qid = self.queue_id(at)
        self.say(at, f"sm-mta[{self.pid()}]: {qid}: from=<root@mx1.example.org>, size=611, "
                 f"class=0, nrcpts=1, msgid=<{at:x}.{qid}@mx1.example.org>, proto=ESMTP, "
                 "daemon=MTA-v4, relay=localhost [127.0.0.1]")
        self.store(at + STEP, qid, f"<anna@{OWN_DOMAIN}>")

    # ---------------------------------------------------------------- outgoing

    def submit(self, at, m, login):
        say, pid = self.say, self.pid()
        m.qid = qid = self.queue_id(at)
        client = f"[{self.world.place(login)}]"
        say(at, f"sm-mta[{pid}]: STARTTLS=server, relay={client}, {CIPHER.format('NO')}")
        say(at + STEP, f"sm-mta[{pid}]: AUTH=server, relay={client}, authid={login}, mech=PLAIN, "
            "bits=0")
        say(at + 2 * STEP, f"sm-mta[{pid}]: {qid}: from=<{m.sender}>, size={m.size}, class=0, "
            f"nrcpts={len(m.rcpts)}, msgid=<{at:x}.{qid}@{OWN_DOMAIN}>, proto=ESMTPSA, "
            f"daemon=MSP-v4, relay={client}")

    def attempt(self, at, end, m, rcpt, peer, answer, tries, verify):
        say, pid = self.say, self.pid()
        if verify is not None:
            say(at + STEP, f"sm-mta[{pid}]: STARTTLS=client, relay={peer.mx}., "
                f"{CIPHER.format(VERIFY[verify])}")
        stage = answer.stage if answer else ""
        relay = f"{peer.mx}. [{peer.ip}]"
        if stage in ("sasl", "mechanism"):
            relay = "relay.example.com. [203.0.113.250]"
        if stage == "mechanism":
            say(end - 2000, f"sm-mta[{pid}]: {m.qid}: AUTH=client, available mechanisms=GSSAPI do "
                "not fulfill requirements")
        elif stage in ("nohost", "nodns"):
            relay = rcpt.split("@")[1]
        say(end, f"sm-mta[{pid}]: {m.qid}: to=<{rcpt}>, ctladdr=<{m.sender}> (1000/1000), "
            f"delay={hms(end - m.born)}, xdelay={hms(end - at)}, mailer=esmtp, "
            f"pri={120000 + m.size + tries * 90000}, relay={relay}, "
            f"{self.status(answer, rcpt, peer)}")

    def status(self, answer, rcpt, peer):
        if answer is None:
            return f"dsn=2.0.0, stat=Sent (Ok: queued as {self.rng.getrandbits(40):X})"
        stage, domain = answer.stage, rcpt.split("@")[1]
        if stage == "timeout":
            return f"dsn=4.0.0, stat=Deferred: Connection timed out with {peer.mx}."
        if stage == "refused":
            return f"dsn=4.0.0, stat=Deferred: Connection refused by {peer.mx}."
        if stage == "lost":
            return f"dsn=4.0.0, stat=Deferred: Connection reset by {peer.mx}."
        if stage == "nohost":
            return f"dsn=5.1.2, stat=Host unknown (Name server: {domain}: host not found)"
        if stage == "nodns":
            return f"dsn=4.4.3, stat=Deferred: Name server: {domain}.: host name lookup failure"
        if stage == "mechanism":
            return "dsn=4.0.0, stat=Deferred: 530 5.7.0 Authentication required"
        if stage == "loop":
            return "dsn=5.3.5, stat=Local configuration error"
        text = one_line(answer).replace("{rcpt}", rcpt).replace("{ip}", OWN_IP)
        if len(text) > LONGEST_REPLY:
            text = text[:100] + "..." + text[-100:]
        said = "" if self.hides_replies else f"reply={text}, "
        if answer.code < 500 or stage == "sasl":
            return f"dsn=4{(answer.dsn or '4.0.0')[1:]}, {said}stat=Deferred: {text}"
        unknown = stage in NO_USER_STAGES and answer.code in (550, 551, 553)
        dsn = answer.dsn or ("5.1.1" if unknown else "5.0.0")
        return f"dsn={dsn}, {said}stat={'User unknown' if unknown else 'Service unavailable'}"

    def notice(self, at, qid, to, text, peer):
        child, pid = self.queue_id(at), self.pid()
        self.say(at, f"sm-mta[{pid}]: {qid}: {child}: DSN: {text}")
        if peer is None:
            self.store(at + 1000, child, f"<{to}>")
        else:
            self.say(at + SECOND, f"sm-mta[{pid}]: {child}: to=<{to}>, delay=00:00:01, "
                     f"xdelay=00:00:01, mailer=esmtp, pri=30000, relay={peer.mx}. [{peer.ip}], "
                     "dsn=2.0.0, stat=Sent (ok)")

    def bounce(self, at, m, rcpt, answer):
        text = "User unknown" if answer.stage in NO_USER_STAGES else "Service unavailable"
        self.notice(at, m.qid, m.sender, text, None)

    def expired(self, at, m, rcpt):
        self.notice(at, m.qid, m.sender, "Cannot send message for 5 days", None)

    def receipt(self, at, m, to, peer):
        self.notice(at, m.qid, to, "Return receipt", peer)

    def strangers_receipt(self, at, sender, peer, user):
        qid = self.inbound(at, sender, user, peer, True)
        self.notice(at + 4 * STEP, qid, sender, "Return receipt", peer)

    def done(self, at, m):
        pass  # not logged at the default level

    # ---------------------------------------------------------------- troubles' own lines

    def filter_down(self, at):
        pid, qid = self.pid(), self.queue_id(at)
        self.say(at, f"sm-mta[{pid}]: {qid}: Milter (opendkim): error connecting to filter: "
                 "Connection refused by inet:8891@localhost")
        self.say(at + 1000, f"sm-mta[{pid}]: {qid}: Milter (opendkim): to error state")
        self.say(at + 2000, f"sm-mta[{pid}]: {qid}: Milter: initialization failed, temp failing "
                 "commands")

    def loop(self, at):
        pid, qid = self.pid(), self.queue_id(at)
        self.say(at, f"sm-mta[{pid}]: {qid}: SYSERR(root): Too many hops 26 (25 max): from "
                 f"<anna@{OWN_DOMAIN}> via localhost, to <ben@{OWN_DOMAIN}>")
        self.notice(at + 1000, qid, f"anna@{OWN_DOMAIN}",
                    "Too many hops 26 (25 max)", None)

    def disk_full(self, at):
        pid = self.pid()
        self.say(at, f"sm-mta[{pid}]: {self.queue_id(at)}: low on space (SMTP-DAEMON needs 100 "
                 "bytes + 100 blocks in /var/spool/mqueue), max avail: 12")
        self.say(at + 1000, f"sm-mta[{pid}]: rejecting new messages: min free: 100")

    def key_unusable(self, at):
        self.say(at, f"sm-mta[{self.pid()}]: STARTTLS=server: file /etc/mail/tls/key.pem unsafe: "
                 "Group readable file")


class OldSendmail(Sendmail):
    """Before 8.16: what the remote side said is not logged."""
    hides_replies = True
