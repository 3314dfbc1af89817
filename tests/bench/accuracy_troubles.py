"""The troubles of the design's section 7, each in three strengths: what they change in
the simulated host's life, and by which rules' names a right answer is known.
"""

import math
import re

import accuracy_mail as mail
from accuracy_world import DAY, HOUR, SECOND

MINUTE = 60 * SECOND
LEVELS = ("weak", "medium", "strong")


class Trouble:
    """One injected trouble. `hits` are the times at which it showed."""

    def __init__(self, kind, level, begin, duration, fate=None, tls=None, mutes=(), share=1,
                 act=None, delay_in="time", critical=None):
        self.kind, self.level, self.begin, self.end = kind, level, begin, begin + duration
        self.fate, self.tls, self.mutes, self.act = fate, tls, mutes, act
        self.share, self.delay_in = share, delay_in
        self.critical = KINDS[kind][3] if critical is None else critical
        self.since = begin - 5 * DAY if kind == "messages expire" else begin
        self.hits, self.messages = [], {}
        self.needed = None  # microseconds until one can be sure: see World.silence_needed

    def hit(self, at, message):
        """A message was refused; another recipient or try is no new one."""
        self.hits.append(at)
        self.messages[message] = min(at, self.messages.get(message, at))


def answers(reply, providers=None, share=1.0, domains=None):
    """Refuses that share of the messages to these providers."""
    def fate(world, at, peer, message):
        if providers and peer.provider not in providers:
            return None
        if domains and peer.domain not in domains:
            return None
        # A message that is refused once is refused again.
        if share < 1 and message.born // 7 % 1000 >= share * 1000:
            return None
        return reply if not callable(reply) else reply(peer)
    return fate


def every(period, method, count=None):
    """Lines of the server's own, again and again until the end, or so many times."""
    def act(world, trouble):
        at, n = trouble.begin, 0
        while at < min(trouble.end, world.end) and (count is None or n < count):
            trouble.hits.append(at)
            getattr(world.server, method)(at)
            at += int(period * world.rng.uniform(.7, 1.3))
            n += 1
    return act


def lines(period, *texts, count=None):
    def act(world, trouble):
        at, n = trouble.begin, 0
        while at < min(trouble.end, world.end) and (count is None or n < count):
            trouble.hits.append(at)
            for i, text in enumerate(texts):
                world.say(at + i * 1000, text)
            at += int(period * world.rng.uniform(.7, 1.3))
            n += 1
    return act


def strangers(method, count):
    """So many forged messages that this host answers, within the trouble's time."""
    def act(world, trouble):
        rng = world.rng
        for at in sorted(rng.uniform(trouble.begin, trouble.end) for _ in range(count)):
            at = int(at)
            trouble.hits.append(at)
            peer = rng.choice([p for p in world.peers if p.provider == "other"])
            victim = f"{rng.choice(mail.NAMES)}{rng.randrange(10000)}@{peer.domain}"
            user = world.pick_user() if method == "strangers_receipt" else f"no{rng.randrange(999)}"
            getattr(world.server, method)(at, victim, peer, user)
    return act


def flood(count):
    """Bounces for mail that was never sent from here."""
    def act(world, trouble):
        rng = world.rng
        for at in sorted(rng.uniform(trouble.begin, trouble.end) for _ in range(count)):
            at, peer = int(at), world.pick_peer()
            trouble.hits.append(at)
            if rng.random() < .5:
                world.server.inbound(at, "", world.pick_user(), peer, True)
            else:
                world.server.reject(at, "", f"{rng.choice(mail.NAMES)}{rng.randrange(9999)}",
                                    f"{peer.mx}[{peer.ip}]")
    return act


def hijack(messages):
    """A stolen login sends as fast as it can."""
    def act(world, trouble):
        rng, user = world.rng, world.users[len(world.users) // 2]
        for at in sorted(rng.uniform(trouble.begin, trouble.end) for _ in range(messages)):
            trouble.hits.append(int(at))
            world.submit(int(at), user, rng.randint(1, 6))
    return act


def expire(count):
    """Messages to domains whose servers went away five days ago come back."""
    def act(world, trouble):
        rng = world.rng
        peers = rng.sample([p for p in world.peers if p.provider == "other"], 3)
        for at in sorted(rng.uniform(trouble.begin, trouble.end) for _ in range(count)):
            message = world.submit(int(at) - 5 * DAY, world.pick_user(), 1, rng.choice(peers),
                                   (mail.TIMEOUT, math.inf))
            trouble.hits.append(message.last)
    return act


def dead(world, at, peer, message):
    return mail.TIMEOUT


def tls_of(change, peers=None, sides=("out",)):
    def tls(at, peer, side):
        if side not in sides or (peers and not peers(peer)) or not peer.tls:
            return None
        return change if side == "out" else "none"
    return tls


def provider(name):
    return lambda peer: peer.provider == name


def busiest_domain(peer):
    return peer.domain == "gmx.de"


DOVECOT_LIMIT = ("dovecot: master: Warning: service({}): {} ({}) reached, client connections are "
                 "being dropped")
NO_STATUS = ("dovecot: master: Error: service({}): Initial status notification not received in 30 "
             "seconds, killing the process")
AUTHENTICATION = {"weak": (mail.GOOGLE_SPF, "google"), "medium": (mail.M365_DMARC, "microsoft-365"),
                  "strong": (mail.GOOGLE_PTR, "google")}


# ------------------------------------------------- one function for each kind: (level, begin)

def block_by_code(level, begin, server):
    reply, who = {"weak": (mail.SPAMHAUS, "other"), "medium": (mail.BANNED_606, "microsoft-365"),
                  "strong": (mail.S3140, "microsoft-consumer")}[level]
    # sendmail cuts the middle out of S3140's reply, and the code with it: a suspicion.
    hidden = server == "sendmail" and level == "strong"
    return dict(duration=18 * HOUR, fate=answers(reply, (who,)), delay_in="messages",
                critical=not hidden)


def block_in_greeting(level, begin, server):
    reply, who = {"weak": (mail.TONLINE_BLOCK, "t-online"),
                  "medium": (mail.GMX_BLOCK, "united-internet"),
                  "strong": (mail.TSS04, "yahoo")}[level]
    return dict(duration=24 * HOUR, fate=answers(reply, (who,)), delay_in="messages")


def suspected_block(level, begin, server):
    if server == "sendmail-8.14":  # the log hides the reason
        hidden = mail.reply(550, "5.0.0" if level != "strong" else "5.7.1", "MAIL FROM", "")
        who = ("microsoft-consumer",)
        return dict(duration=18 * HOUR, fate=answers(hidden, who), delay_in="messages")
    reply, who = {"weak": (mail.APPLE_POLICY, "apple"), "medium": (mail.YAHOO_POLICY, "yahoo"),
                  "strong": (mail.GOOGLE_SPAM, "google")}[level]
    return dict(duration=24 * HOUR, fate=answers(reply, (who,)), delay_in="messages")


def authentication(level, begin, server):
    reply, who = AUTHENTICATION[level]
    share = {"weak": .2, "medium": .6, "strong": 1}[level]
    return dict(duration=20 * HOUR, fate=answers(reply, (who,), share), delay_in="messages")


def bounces(level, begin, server):
    share = {"weak": .15, "medium": .4, "strong": .8}[level]
    return dict(duration=24 * HOUR, fate=answers(lambda p: p.no_user, ("google",), share))


def deferrals(level, begin, server):
    share = {"weak": .3, "medium": .6, "strong": 1}[level]
    return dict(duration=12 * HOUR, fate=answers(mail.BUSY, None, share))


def expiry(level, begin, server):
    return dict(duration=12 * HOUR, act=expire({"weak": 5, "medium": 15, "strong": 60}[level]))


def tls_one_peer(level, begin, server):
    who = {"weak": busiest_domain, "medium": provider("yahoo"),
           "strong": provider("google")}[level]
    return dict(duration=36 * HOUR, tls=tls_of(False, who))


def tls_all_peers(level, begin, server):
    return dict(duration=24 * HOUR, tls=tls_of(False))


def tls_lost(level, begin, server):
    who, sides = {"weak": (provider("google"), ("out",)), "medium": (None, ("in",)),
                  "strong": (None, ("in", "out"))}[level]
    return dict(duration=36 * HOUR, tls=tls_of("none", who, sides))


def receipts_sent(level, begin, server):
    count = {"weak": 1, "medium": 12, "strong": 200}[level]
    return dict(duration=2 * HOUR, act=strangers("strangers_receipt", count))


def bounces_sent(level, begin, server):
    count = {"weak": 1, "medium": 25, "strong": 300}[level]
    return dict(duration=2 * HOUR, act=strangers("refused_later", count))


def backscatter_received(level, begin, server):
    return dict(duration=4 * HOUR, act=flood({"weak": 60, "medium": 300, "strong": 2000}[level]))


def dovecot_limit(level, begin, server):
    text = DOVECOT_LIMIT.format(*{"weak": ("pop3-login", "process_limit", 100),
                                  "medium": ("auth", "client_limit", 1000),
                                  "strong": ("imap-login", "process_limit", 100)}[level])
    count = {"weak": 1, "medium": 5, "strong": 60}[level]
    return dict(duration=2 * HOUR, act=lines(2 * MINUTE, text, count=count))


def helpers_killed(level, begin, server):
    names = {"weak": ("log",), "medium": ("anvil", "log"),
             "strong": ("anvil", "log", "ssl-params", "imap-login")}[level]
    return dict(duration=HOUR, act=lines(HOUR, *(NO_STATUS.format(n) for n in names), count=1))


def no_logouts(level, begin, server):
    share = {"weak": .5, "medium": .8, "strong": 1}[level]
    return dict(duration=12 * HOUR, mutes=("logout",), share=share)


def silence(streams):
    def make(level, begin, server):
        return dict(duration=30 * HOUR, mutes=streams)
    return make


def relay_login(level, begin, server):
    if level == "medium":  # no mechanism in common: it is not even tried
        return dict(duration=8 * HOUR, fate=answers(mail.RELAY_MECHANISM))
    share = .2 if level == "weak" else 1
    return dict(duration=8 * HOUR, fate=answers(mail.RELAY_LOGIN, None, share))


def hijacked(level, begin, server):
    return dict(duration=HOUR, act=hijack({"weak": 60, "medium": 300, "strong": 1500}[level]))


def own_lines(method, counts, period=10 * MINUTE):
    def make(level, begin, server):
        return dict(duration=4 * HOUR, act=every(period, method, counts[LEVELS.index(level)]))
    return make


def key_unusable(level, begin, server):
    """Without the key there is no TLS for those who come."""
    made = own_lines("key_unusable", (1, 5, None))(level, begin, server)
    return dict(made, tls=tls_of("none", None, ("in",)))


def port_blocked(level, begin, server):
    return dict(duration={"weak": 3, "medium": 9, "strong": 24}[level] * HOUR, fate=dead)


SENT_RULES = "^backscatter-(?!received|refused)"

# Kind, function, names of rules that are a right answer, hour of the day at which each
# strength begins, and whether the design wants a critical incident.
KINDS = {
    "blocked, by code": (block_by_code, "^(provider|peer)-", (10, 10, 10), True),
    "blocked in greeting": (block_in_greeting, "^(provider|peer)-", (9, 9, 9), False),
    "block suspected": (suspected_block, "^(provider|peer)-", (9, 9, 9), False),
    "SPF, DMARC, PTR": (authentication, "^(spf|dkim|dmarc|authentication|no-ptr)", (9, 9, 9), True),
    "bounce share up": (bounces, "^bounce", (8, 8, 8), False),
    "deferrals pile up": (deferrals, "^(deferrals|queue|delay|provider-defers)", (9, 9, 9), False),
    "messages expire": (expiry, "expire", (9, 9, 9), False),
    "TLS: one peer": (tls_one_peer, "^tls-unverified", (6, 6, 6), False),
    "TLS: all peers": (tls_all_peers, "^tls-unverified", (8, 10, 13), False),
    "TLS lost": (tls_lost, "^tls-gone", (8, 8, 8), False),
    "receipts sent": (receipts_sent, SENT_RULES, (3, 11, 11), False),
    "bounces sent": (bounces_sent, SENT_RULES, (3, 11, 11), False),
    "bounces received": (backscatter_received, "^backscatter-(received|refused)", (10, 10, 10),
                         False),
    "dovecot: limit": (dovecot_limit, "^dovecot-", (3, 11, 14), True),
    "dovecot: killed": (helpers_killed, "^dovecot-", (3, 11, 14), False),
    "dovecot: no logout": (no_logouts, "^dovecot-|logout", (9, 9, 9), False),
    "silence: in": (silence(("in", "reject")), "^silence-in", (2, 11, 19), True),
    "silence: out": (silence(("out",)), "^silence-out", (2, 11, 19), True),
    "silence: logins": (silence(("login",)), "^silence-log", (2, 11, 19), True),
    "relay login": (relay_login, "^relay-", (9, 9, 9), True),
    "hijacked account": (hijacked, "^hijack|^login-", (14, 3, 14), True),
    "filter down": (own_lines("filter_down", (1, 5, None), 2 * MINUTE), "filter|milter|proxy",
                    (3, 11, 14), True),
    "mail loop": (own_lines("loop", (1, 5, None)), "loop|went-round", (3, 11, 14), True),
    "disk full": (own_lines("disk_full", (1, 5, None)), "disk|space", (3, 11, 14), True),
    "key unusable": (key_unusable, "^certificate|key", (3, 11, 14), True),
    "port 25 blocked": (port_blocked, "^outbound|^port", (10, 10, 10), True),
}


def make_trouble(kind, level, day, server):
    function, _, hours, _ = KINDS[kind]
    begin = day * DAY + hours[LEVELS.index(level)] * HOUR + 7 * MINUTE
    return Trouble(kind, level, begin, **function(level, begin, server))


def is_answer(kind, rule):
    return re.search(KINDS[kind][1], rule) is not None
