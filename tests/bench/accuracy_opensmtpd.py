"""OpenSMTPD: the lines of what happens in accuracy_world.py."""

from accuracy_mail import OWN_DOMAIN, OWN_IP, joined
from accuracy_world import SECOND

CERTIFICATE = {True: "success", False: "failure"}
STEP = 20_000
PID = 811


def span(us):
    s, parts = int(us / SECOND), ""
    for n, letter in ((s // 86400, "d"), (s // 3600 % 24, "h"), (s // 60 % 60, "m"), (s % 60, "s")):
        if n:
            parts += f"{n}{letter}"
    return parts or "0s"


class Opensmtpd:
    greeting_is_final = True

    def __init__(self, world):
        self.world, self.rng = world, world.rng
        self.count = 0

    def say(self, at, text):
        self.world.say(at, f"smtpd[{PID}]: {text}")

    def session(self):
        return f"{self.rng.getrandbits(64):016x}"

    def message_id(self):
        self.count += 1
        return f"{self.count * 2654435761 % (1 << 32):08x}"

    # ---------------------------------------------------------------- incoming

    def take(self, at, client, name, sender, rcpts, size, tls, login=None):
        """A session that brings a message; the envelopes' ids."""
        say, sid, msgid = self.say, self.session(), self.message_id()
        say(at, f"{sid} smtp connected address={client} host={name}")
        if tls:
            say(at + 1000, f"{sid} smtp tls ciphers=TLSv1.3:TLS_AES_256_GCM_SHA384:256")
        if login:
            say(at + 2000, f"{sid} smtp authentication user={login} result=ok")
        say(at + STEP, f"{sid} smtp message msgid={msgid} size={size} nrcpt={len(rcpts)} "
            "proto=ESMTP")
        ids = []
        for i, rcpt in enumerate(rcpts):
            ids.append(f"{msgid}{self.rng.getrandbits(32):08x}")
            say(at + STEP + 100 * (i + 1), f"{sid} smtp envelope evpid={ids[-1]} "
                f"from=<{sender}> to=<{rcpt}>")
        say(at + 8 * STEP, f"{sid} smtp disconnected reason=quit")
        return ids

    def inbound(self, at, sender, user, peer, tls, stored=True):
        size = 900 + int(self.rng.expovariate(1 / 24000))
        ids = self.take(at, peer.ip, peer.mx, sender, [f"{user}@{OWN_DOMAIN}"], size, tls)
        if stored:
            self.store(at + 4 * STEP, ids[0], sender, user)
        return ids[0]

    def store(self, at, evpid, sender, user):
        self.say(at, f"{self.session()} mda delivery evpid={evpid} from=<{sender}> "
                 f"to=<{user}@{OWN_DOMAIN}> user={user} delay=0s result=Ok stat=Delivered")

    def refused_later(self, at, sender, peer, user):
        evpid = self.inbound(at, sender, user, peer, True, stored=False)
        self.say(at + 4 * STEP, f"{self.session()} mda delivery evpid={evpid} from=<{sender}> "
                 f"to=<{user}@{OWN_DOMAIN}> user={user} delay=0s result=PermFail "
                 "stat=Error (550 5.1.1 User doesn't exist)")
        self.notice(at + 5 * STEP, sender, peer)

    def reject(self, at, sender="x@example.com", user=None, client=None):
        rng, sid = self.rng, self.session()
        ip = f"198.51.100.{rng.randrange(250)}"
        user = user or f"{rng.getrandbits(20):x}"
        self.say(at, f"{sid} smtp connected address={ip} host=<unknown>")
        self.say(at + STEP, f"{sid} smtp failed-command command=\"RCPT TO:<{user}@{OWN_DOMAIN}>\" "
                 f"result=\"550 Invalid recipient: <{user}@{OWN_DOMAIN}>\"")
        self.say(at + 2 * STEP, f"{sid} smtp disconnected reason=quit")

    def guess(self, at, user, ip):
        sid = self.session()
        self.say(at, f"{sid} smtp connected address={ip} host=<unknown>")
        self.say(at + 1000, f"{sid} smtp tls ciphers=TLSv1.3:TLS_AES_256_GCM_SHA384:256")
        self.say(at + STEP, f"{sid} smtp authentication user={user} result=permfail")
        self.say(at + STEP + 10, f"{sid} smtp failed-command command=\"AUTH LOGIN (password)\" "
                 "result=\"535 Authentication failed\"")
        self.say(at + 2 * STEP, f"{sid} smtp disconnected reason=disconnect")

    def cron(self, at):
        ids = self.take(at, "local", "mx1.example.org", "root@mx1.example.org",
                        [f"anna@{OWN_DOMAIN}"], 611, False)
        self.store(at + 10 * STEP, ids[0], "root@mx1.example.org", "anna")

    # ---------------------------------------------------------------- outgoing

    def submit(self, at, m, login):
        client = self.world.place(login)
        ids = self.take(at, client, "<unknown>", m.sender, [r for r, _ in m.rcpts], m.size, True,
                        login)
        m.qid = ids[0][:8]
        m.ids = dict(zip((r for r, _ in m.rcpts), ids))

    def attempt(self, at, end, m, rcpt, peer, answer, tries, verify):
        say, sid = self.say, self.session()
        stage = answer.stage if answer else ""
        relay, source = f"{peer.ip} ({peer.mx})", OWN_IP
        if stage in ("sasl", "mechanism"):
            relay = "203.0.113.250 (relay.example.com)"
        if stage not in ("nohost", "nodns", "loop"):
            if stage in ("sasl", "mechanism"):
                say(at, f"{sid} mta connecting address=smtp+tls://203.0.113.250:587 "
                    "host=relay.example.com")
            else:
                say(at, f"{sid} mta connecting address=smtp://{peer.ip}:25 host={peer.mx}")
        if stage in ("timeout", "refused"):
            say(end - 1000, f"{sid} mta error reason=Connection "
                f"{'timeout' if stage == 'timeout' else 'refused'}")
        elif stage in ("sasl", "mechanism"):
            why = self.status(answer, rcpt).split('"')[3]
            say(at + 1000, f"{sid} mta connected")
            say(at + 2000, f"{sid} mta error reason={why}")
        elif stage not in ("nohost", "nodns", "loop"):
            say(at + 1000, f"{sid} mta connected")
            if verify is not None:
                say(at + 2000, f"{sid} mta tls ciphers=TLSv1.3:TLS_AES_256_GCM_SHA384:256")
                say(at + 2100, f"{sid} mta server-cert-check result=\"{CERTIFICATE[verify]}\"")
        if stage in ("timeout", "refused", "nohost", "nodns", "loop"):
            sid, source, relay = "0" * 16, "-", rcpt.split("@")[1]
        say(end, f"{sid} mta delivery evpid={m.ids[rcpt]} from=<{m.sender}> to=<{rcpt}> rcpt=<-> "
            f"source=\"{source}\" relay=\"{relay}\" delay={span(end - m.born)} "
            f"{self.status(answer, rcpt)}")
        if sid != "0" * 16:
            say(end + 8 * SECOND, f"{sid} mta disconnected reason=quit "
                f"messages={int(answer is None)}")

    def status(self, answer, rcpt):
        if answer is None:
            return f"result=\"Ok\" stat=\"250 2.0.0 Ok: queued as {self.rng.getrandbits(40):X}\""
        stage = answer.stage
        if stage in ("timeout", "refused"):
            return "result=\"TempFail\" stat=\"Network error on destination MXs\""
        if stage == "lost":
            return "result=\"TempFail\" stat=\"Connection closed unexpectedly\""
        if stage == "nohost":
            return "result=\"PermFail\" stat=\"Domain does not exist\""
        if stage == "nodns":
            return "result=\"TempFail\" stat=\"Temporary failure in MX lookup\""
        if stage == "loop":
            return "result=\"PermFail\" stat=\"Loop detected\""
        text = joined(answer).replace("{rcpt}", rcpt).replace("{ip}", OWN_IP)
        if stage == "mechanism":
            return "result=\"TempFail\" stat=\"no supported AUTH method\""
        if stage == "sasl":
            return f"result=\"TempFail\" stat=\"AUTH rejected: {text}\""
        word = "PermFail" if answer.code >= 500 else "TempFail"
        return f"result=\"{word}\" stat=\"{text}\""

    def notice(self, at, to, peer):
        """Comes in through a session of its own; what kind it is, no line says."""
        ids = self.take(at, "local", "mx1.example.org", "", [to], 3100, False)
        if peer is None:
            self.store(at + 4 * SECOND, ids[0], "", to.split("@")[0])
            return
        sid = self.session()
        self.say(at + SECOND, f"{sid} mta connecting address=smtp://{peer.ip}:25 host={peer.mx}")
        self.say(at + SECOND + 1000, f"{sid} mta connected")
        self.say(at + 2 * SECOND, f"{sid} mta delivery evpid={ids[0]} from=<> to=<{to}> rcpt=<-> "
                 f"source=\"{OWN_IP}\" relay=\"{peer.ip} ({peer.mx})\" delay=2s result=\"Ok\" "
                 "stat=\"250 2.0.0 Ok\"")

    def bounce(self, at, m, rcpt, answer):
        self.notice(at, m.sender, None)

    def expired(self, at, m, rcpt):
        self.say(at, f"relay: Expire for {m.ids[rcpt]}: from=<{m.sender}>, to=<{rcpt}>, rcpt=<->, "
                 f"delay={span(at - m.born)}, stat=Envelope expired")
        self.notice(at + SECOND, m.sender, None)

    def receipt(self, at, m, to, peer):
        self.notice(at, to, peer)

    def strangers_receipt(self, at, sender, peer, user):
        self.inbound(at, sender, user, peer, True)
        self.notice(at + 6 * STEP, sender, peer)

    def done(self, at, m):
        pass  # not logged

    # ---------------------------------------------------------------- troubles' own lines

    def filter_down(self, at):
        self.say(at, "warn: lost processor: rspamd exited abnormally")

    def loop(self, at):
        ids = self.take(at, "127.0.0.1", "localhost", f"anna@{OWN_DOMAIN}", [f"ben@{OWN_DOMAIN}"],
                        9000, False)
        self.say(at + SECOND, f"{'0' * 16} mta delivery evpid={ids[0]} from=<anna@{OWN_DOMAIN}> "
                 f"to=<ben@{OWN_DOMAIN}> rcpt=<-> source=\"-\" relay=\"{OWN_DOMAIN}\" delay=0s "
                 "result=\"PermFail\" stat=\"Loop detected\"")
        self.notice(at + 2 * SECOND, f"anna@{OWN_DOMAIN}", None)

    def disk_full(self, at):
        self.say(at, "warn: queue-fs: mkdir: No space left on device")
        self.say(at + 1000, "warn: not enough disk space: 0% left")
        sid = self.session()
        self.say(at + 2000, f"{sid} smtp connected address=203.0.113.99 host=mail.example.net")
        self.say(at + 3000, f"{sid} smtp failed-command command=\"MAIL FROM:<x@example.net>\" "
                 "result=\"421 4.3.0 Temporary Error\"")

    def key_unusable(self, at):
        self.say(at, "warn: /etc/ssl/private/mx1.example.org.key: insecure permissions: must be at "
                 "most rwx------")
