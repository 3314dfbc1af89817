"""A mail host's life, as a log: how much mail when, to whom, and what goes wrong on any
day. Troubles (accuracy_troubles.py) change what happens while they last.
"""

import datetime
import itertools
import math
import random

import accuracy_mail as mail

SECOND = 1_000_000
HOUR, DAY = 3600 * SECOND, 86400 * SECOND
# A Thursday: the first newsletter comes when the fourth day is over.
BEGIN = datetime.date(2026, 6, 4)
FIRST_WEEKDAY = BEGIN.weekday()
HOLIDAYS = (47, 69)  # Tuesday and Wednesday with a weekend's traffic
CLOCK = [f"T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}." for s in range(86400)]

# By hour of a working day; what is left of it at the weekend.
PROFILES = {
    "in": ([.45] * 7 + [.8, 1.3, 1.9, 1.9, 1.9, 1.5, 1.8, 1.8, 1.8, 1.8, 1.4, 1, 1, 1, 1, .7, .7],
           .5),
    "out": ([.04] * 6 + [.1, .5, 1.6, 2.6, 2.6, 2.6, 1.6, 2.4, 2.4, 2.4, 2.4, 1.5, .6, .6, .6, .3,
                         .3, .1], .2),
    "login": ([.5] * 6 + [.7, 1, 1.3, 1.5, 1.5, 1.5, 1.4, 1.5, 1.5, 1.5, 1.4, 1.3, 1.1, 1, 1, .9,
                          .8, .6], .7),
    "reject": ([1] * 24, 1),
}
# Share of the messages a day; a login is not one, but there are as many.
SHARES = {"in": .60, "out": .22, "reject": .18, "login": 1.2}
IMAP = .7          # of the logins; the others are POP3
HOURLY_SHAPE = 6   # the rate of an hour varies: gamma distributed, variance 1/6
CLUSTER = 1.3      # mean of the threads and lists that come together
# Stages of a reply that came before any TLS.
NO_SESSION = ("timeout", "refused", "nohost", "nodns", "greeting", "loop", "sasl", "mechanism")


def stamp_of(at_us):
    """RFC 3339 for microseconds since the simulation began."""
    moment = datetime.datetime.combine(BEGIN, datetime.time()) + datetime.timedelta(
        microseconds=at_us)
    return moment.isoformat(timespec="microseconds") + "Z"


def us_of(stamp):
    """Microseconds since the simulation began."""
    text = stamp.replace("Z", "+00:00")
    moment = datetime.datetime.fromisoformat(text)
    begin = datetime.datetime.combine(BEGIN, datetime.time(), datetime.timezone.utc)
    return round((moment - begin).total_seconds() * SECOND)


def is_weekend(day):
    return (FIRST_WEEKDAY + day) % 7 >= 5 or day in HOLIDAYS


def poisson(rng, mean):
    if mean > 50:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, n = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        n += 1
    return n


class Message:
    __slots__ = ("qid", "sender", "size", "pid", "born", "open", "last", "rcpts", "ids")

    def __init__(self, sender, size, born, rcpts):
        self.sender, self.size, self.born, self.rcpts = sender, size, born, rcpts
        self.open, self.last = len(rcpts), born


class World:
    """Simulates and hands the lines of one day after the other to `write`."""

    def __init__(self, server, size, days, seed, troubles=()):
        self.rng = random.Random(f"{server.__name__} {size} {seed}")
        self.size, self.days, self.end = size, days, days * DAY
        self.users = [f"{name}{n or ''}" for n in range(max(1, size // 360))
                      for name in mail.NAMES]
        self.places = {user: [self.rng.randrange(1, 250) for _ in range(3)]
                       for user in self.users}
        self.places["newsletter"] = [7]
        self.peers = mail.make_peers(self.rng, 40 + size // 20)
        self.peer_weights = list(itertools.accumulate(p.weight for p in self.peers))
        self.buckets = [[] for _ in range(days + 1)]
        self.dates = [(BEGIN + datetime.timedelta(days=d)).isoformat() for d in range(days + 1)]
        self.lines = 0
        self.troubles = list(troubles)
        self.fates = [t for t in self.troubles if t.fate]
        self.tls_changes = [t for t in self.troubles if t.tls]
        self.mutes = [t for t in self.troubles if t.mutes]
        self.hiccups = self.make_hiccups()
        self.server = server(self)

    # ---------------------------------------------------------------- the log

    def say(self, at, text):
        """A line at a time; what lies after the end is lost."""
        day, us = divmod(int(at), DAY)
        if day < self.days:
            second, us = divmod(us, SECOND)
            self.buckets[day].append(f"{self.dates[day]}{CLOCK[second]}{us:06d}Z mx1 {text}\n")

    def run(self, write):
        for trouble in self.troubles:
            if trouble.act:
                trouble.act(self, trouble)
        for day in range(self.days):
            self.live(day)
            lines = self.buckets[day]
            lines.sort()
            self.lines += len(lines)
            write("".join(lines))
            self.buckets[day] = None

    # ---------------------------------------------------------------- how much

    def rate(self, stream, day, hour):
        """Clusters expected in an hour."""
        profile, weekend = PROFILES[stream]
        week = sum(profile) / 24 * (5 + 2 * weekend) / 7
        rate = self.size * SHARES[stream] / 24 * profile[hour] / week / CLUSTER
        return rate * weekend if is_weekend(day) else rate

    def silence_needed(self, stream, begin, share=1, confidence=.999):
        """How long nothing must come before it is so unlikely, by the true rates of the
        stream or of a share of it."""
        log_p, at = 0, begin
        while at < self.end:
            day, hour = divmod(at // HOUR, 24)
            part = 1 / 12  # five minutes
            log_p -= HOURLY_SHAPE / 12 * math.log1p(
                self.rate(stream, day, hour) * share * part / (HOURLY_SHAPE / 12))
            at += HOUR // 12
            if log_p < math.log(1 - confidence):
                break
        return at - begin

    def live(self, day):
        rng = self.rng
        scale = rng.lognormvariate(0, .12)
        for hour in range(24):
            begin = day * DAY + hour * HOUR
            for stream in SHARES:
                rate = self.rate(stream, day, hour) * scale
                rate *= rng.gammavariate(HOURLY_SHAPE, 1 / HOURLY_SHAPE)
                happen = getattr(self, "happen_" + stream)
                for _ in range(poisson(rng, rate)):
                    at = begin + int(rng.random() * HOUR)
                    happen(at)
                    while rng.random() < 1 - 1 / CLUSTER:
                        at += int(rng.expovariate(1 / 90) * SECOND)
                        happen(at)
        self.special(day)

    def special(self, day):
        """What comes once a day, once a week, now and then."""
        rng, begin = self.rng, day * DAY
        self.server.cron(begin + 6 * HOUR + 25 * 60 * SECOND)
        if (FIRST_WEEKDAY + day) % 7 == 0 and day not in HOLIDAYS:
            at = begin + 9 * HOUR + int(rng.random() * 600 * SECOND)
            for _ in range(int(self.size * rng.uniform(.1, .13))):
                if not self.muted("out", at):
                    self.submit(at, "newsletter", 1)
                at += int(rng.expovariate(.5) * SECOND)
        for _ in range(poisson(rng, .1 * self.size / 300)):  # asked for by a user of ours
            self.own_receipt(begin + int(rng.uniform(8, 17) * HOUR))
        for _ in range(poisson(rng, 2)):
            self.guess(begin + int(rng.random() * DAY), rng.randint(3, 25), 40)
        if rng.random() < .1:  # a botnet comes by
            self.guess(begin + int(rng.random() * DAY), rng.randint(200, 600), 8)

    def make_hiccups(self):
        """Minutes in which a provider takes nothing."""
        rng, hiccups = self.rng, []
        for _ in range(poisson(rng, self.days / 7)):
            at = int(rng.random() * self.end)
            hiccups.append((at, at + int(rng.uniform(180, 720) * SECOND),
                            rng.choice(mail.PROVIDERS)[0], rng.choice((mail.TIMEOUT, mail.HICCUP))))
        return hiccups

    def muted(self, stream, at):
        for trouble in self.mutes:
            if stream in trouble.mutes and trouble.begin <= at < trouble.end and (
                    trouble.share == 1 or self.rng.random() < trouble.share):
                trouble.hits.append(at)
                return True
        return False

    # ---------------------------------------------------------------- what happens

    def happen_in(self, at):
        if self.muted("in", at):
            return
        rng, peer = self.rng, self.pick_peer()
        sender = "" if rng.random() < .008 else f"{rng.choice(mail.NAMES)}@{peer.domain}"
        self.server.inbound(at, sender, self.pick_user(), peer, self.tls_in(at, peer))

    def happen_reject(self, at):
        if not self.muted("reject", at):
            self.server.reject(at)

    def happen_out(self, at):
        if self.muted("out", at):
            return
        user = self.pick_user()
        count = 1
        while count < 10 and self.rng.random() < .2:
            count += 1
        self.submit(at, user, count)

    def happen_login(self, at):
        if self.muted("login", at):
            return
        rng, user = self.rng, self.pick_user()
        proto = "imap" if rng.random() < IMAP else "pop3"
        pid, session = rng.randrange(1000, 4000000), f"{rng.getrandbits(60):x}"
        self.say(at, f"dovecot: {proto}-login: Login: user=<{user}>, method=PLAIN, "
                 f"rip={self.place(user)}, lip={mail.OWN_IP}, mpid={pid}, TLS, "
                 f"session=<{session}>")
        end = at + int((1 + rng.expovariate(1 / (300 if proto == "imap" else 3))) * SECOND)
        if not self.muted("logout", at):
            self.say(end, f"dovecot: {proto}({user})<{pid}><{session}>: Disconnected: Logged out "
                     f"in=120 out=880 deleted=0 expunged=0 trashed=0 hdr_count=1 hdr_bytes=270 "
                     f"body_count=0 body_bytes=0")

    def guess(self, at, count, spread):
        """Passwords are tried, one after the other."""
        rng = self.rng
        ip = f"192.0.2.{rng.randrange(100, 200)}"
        for _ in range(count):
            user = rng.choice(mail.NAMES)
            if rng.random() < .5:
                self.server.guess(at, user, ip)
            else:
                self.say(at, f"dovecot: imap-login: Disconnected: Connection closed (auth failed, "
                         f"1 attempts in 2 secs): user=<{user}>, method=PLAIN, rip={ip}, "
                         f"lip={mail.OWN_IP}, TLS, session=<{rng.getrandbits(60):x}>")
            at += int(rng.expovariate(1 / spread) * SECOND)

    def submit(self, at, user, count, peer=None, mood=None):
        """A user sends a message to so many recipients; mood: see make_mood."""
        rng, rcpts = self.rng, []
        for _ in range(count):
            to = peer or self.pick_peer()
            rcpts.append((f"{rng.choice(mail.NAMES)}.{rng.randrange(1000)}@{to.domain}", to))
        message = Message(f"{user}@{mail.OWN_DOMAIN}", 900 + int(rng.expovariate(1 / 24000)), at,
                          rcpts)
        self.server.submit(at, message, user)
        for i, (rcpt, to) in enumerate(rcpts):
            self.deliver(at + int((.3 + .2 * i) * SECOND), message, rcpt, to,
                         mood or self.make_mood(at, to))
        return message

    def own_receipt(self, at):
        if self.muted("out", at):
            return
        message = self.submit(at, self.pick_user(), 1)
        if message.open == 0 and message.last < at + HOUR:
            self.server.receipt(message.last + 1000, message, f"{message.sender}", None)

    # ---------------------------------------------------------------- deliveries

    def deliver(self, at, message, rcpt, peer, mood):
        """One recipient, tried until there is an end."""
        tries, server = 0, self.server
        while at < self.end:
            answer, trouble = self.fate(at, peer, mood, message)
            stage = answer.stage if answer else ""
            took = 30 if stage == "timeout" else .2 + self.rng.expovariate(1)
            end = at + int(took * SECOND)
            if trouble:
                trouble.hit(end, message)
            verify = None
            if stage not in NO_SESSION:
                verify = self.tls_out(at, peer)
            server.attempt(at, end, message, rcpt, peer, answer, tries, verify)
            if answer is None or is_final(answer, server):
                if answer is not None:
                    server.bounce(end + 1000, message, rcpt, answer)
                break
            tries += 1
            at = end + int(min(300 * 2 ** (tries - 1), 4 * 3600) * SECOND)
            if at - message.born > 5 * DAY:
                end = at
                server.expired(at, message, rcpt)
                break
        else:
            return
        message.open -= 1
        message.last = max(message.last, end)
        if message.open == 0:
            server.done(message.last + 2000, message)

    def make_mood(self, at, peer):
        """What ails this recipient on any day: a reply, until when, from which try on."""
        rng = self.rng
        dice = rng.random()
        if dice > .06 and not peer.greylists:
            return None
        if dice < .016:
            return peer.no_user, math.inf
        if dice < .019 and peer.provider == "other":
            return mail.NO_HOST, math.inf
        if dice < .020 and peer.spam:
            return peer.spam, math.inf
        if dice < .024:
            return mail.FULL, at + int(rng.uniform(1, 60) * HOUR)
        if dice < .032:
            return mail.BUSY, at + 60 * SECOND
        if dice < .034:
            return rng.choice((mail.TIMEOUT, mail.LOST)), at + 60 * SECOND
        if dice < .0343 and peer.provider == "other":
            return mail.TIMEOUT, math.inf  # mistyped: nobody there
        if peer.greylists and rng.random() < .5:
            return mail.GREYLISTED, at + 240 * SECOND
        return None

    def fate(self, at, peer, mood, message):
        """The reply that is no success, and whose fault it is."""
        if mood is not None and mood[0].stage in NO_SESSION and at < mood[1]:
            return mood[0], None  # who is not there can't refuse
        for trouble in self.fates:
            if trouble.begin <= at < trouble.end:
                answer = trouble.fate(self, at, peer, message)
                if answer is not None:
                    return answer, trouble
        for begin, end, provider, answer in self.hiccups:
            if begin <= at < end and peer.provider == provider:
                return answer, None
        if mood is not None and at < mood[1]:
            return mood[0], None
        return None, None

    def tls_out(self, at, peer):
        """None: no TLS; else is its certificate good?"""
        for trouble in self.tls_changes:
            if trouble.begin <= at < trouble.end:
                changed = trouble.tls(at, peer, "out")
                if changed is not None:
                    trouble.hits.append(at)
                    return changed if changed != "none" else None
        return peer.trusted if peer.tls else None

    def tls_in(self, at, peer):
        for trouble in self.tls_changes:
            if trouble.begin <= at < trouble.end:
                changed = trouble.tls(at, peer, "in")
                if changed is not None:
                    trouble.hits.append(at)
                    return changed != "none"
        return peer.tls

    def place(self, user):
        """Where a user is: at home, at work, now and then elsewhere."""
        rng = self.rng
        known = self.places[user]
        if len(known) > 1 and rng.random() < .02:
            known = range(1, 250)
        return f"198.51.100.{rng.choice(known)}"

    def pick_peer(self):
        return self.rng.choices(self.peers, cum_weights=self.peer_weights)[0]

    def pick_user(self):
        # A few write much, most little.
        users = self.users
        return users[min(int(self.rng.expovariate(3 / len(users))), len(users) - 1)]


def is_final(answer, server):
    if answer.stage == "greeting":
        return server.greeting_is_final and answer.code >= 500
    if answer.stage in ("sasl", "mechanism"):
        return False
    return answer.code >= 500 or answer.dsn.startswith("5")
