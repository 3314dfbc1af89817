"""Who the simulated host exchanges mail with, and what they reply.

Names of providers' servers and the words of their replies are real, as in genlog.c;
people, small domains and addresses are invented (documentation ranges).
"""

import collections

HOST, OWN_IP, OWN_DOMAIN = "mx1", "192.0.2.25", "example.org"

# stage: the command that was refused; "greeting"; or what kept us from speaking at all:
# "timeout", "refused", "nohost", "nodns", "lost", "sasl", "mechanism", "loop".
Reply = collections.namedtuple("Reply", "code dsn stage lines")


def reply(code, dsn, stage, *lines):
    return Reply(code, dsn, stage, lines)


def one_line(r, separator=" "):
    """As Postfix logs it: all lines, each with its codes."""
    status = f"{separator}{r.dsn}" if r.dsn else ""
    parts = [f"{r.code}-{r.dsn or ''}{' ' if r.dsn else ''}{text}" for text in r.lines[:-1]]
    return " ".join(parts + [f"{r.code}{status} {r.lines[-1]}"])


def joined(r):
    """As OpenSMTPD logs it: the repeated codes are left out."""
    return f"{r.code}{' ' + r.dsn if r.dsn else ''} {' '.join(r.lines)}"


# What happens on any day.
TIMEOUT = reply(0, "4.4.1", "timeout", "")
REFUSED = reply(0, "4.4.1", "refused", "")
NO_HOST = reply(0, "5.4.4", "nohost", "")
LOST = reply(0, "4.4.2", "lost", "")
BUSY = reply(451, "4.3.2", "MAIL FROM", "Server busy, please try again later")
HICCUP = reply(421, "4.3.2", "greeting", "System not available, try again later")
GREYLISTED = reply(450, "4.2.0", "RCPT TO",
                   "<{rcpt}>: Recipient address rejected: Greylisted, try again in 300 seconds")
FULL = reply(452, "4.2.2", "RCPT TO", "<{rcpt}>: Mailbox full, quota exceeded")
NO_USER = reply(550, "5.1.1", "RCPT TO",
                "<{rcpt}>: Recipient address rejected: User unknown in virtual mailbox table")
SPAM = reply(550, "5.7.1", "end of DATA", "Message rejected as spam by content filtering")

GOOGLE_NO_USER = reply(
    550, "5.1.1", "RCPT TO", "The email account that you tried to reach does not exist.",
    "Please try double-checking the recipient's email address for typos or unnecessary spaces.",
    "For more information, go to https://support.google.com/mail/?p=NoSuchUser a1-d2 - gsmtp")
GOOGLE_SPAM = reply(
    550, "5.7.1", "end of DATA", "[{ip}      12] Gmail has detected that this message is",
    "likely unsolicited mail. To reduce the amount of spam sent to Gmail, this message has",
    "been blocked. For more information, go to "
    "https://support.google.com/mail/?p=UnsolicitedMessageError a1-d2 - gsmtp")
OLC_NO_USER = reply(550, "5.5.0", "RCPT TO",
                    "Requested action not taken: mailbox unavailable (S2017062302). "
                    "[AM5EUR03FT012.eop-EUR03.prod.protection.outlook.com]")
M365_NO_USER = reply(550, "5.1.10", "RCPT TO",
                     "RESOLVER.ADR.RecipientNotFound; Recipient {rcpt} not found by SMTP address "
                     "lookup [AM5EUR03FT012.eop-EUR03.prod.protection.outlook.com]")

# The troubles.
S3140 = reply(550, "5.7.1", "MAIL FROM",
              "Unfortunately, messages from [{ip}] weren't sent. Please contact your Internet "
              "service provider since part of their network is on our block list (S3140). You can "
              "also refer your provider to http://mail.live.com/mail/troubleshooting.aspx#errors. "
              "[AM5EUR03FT012.eop-EUR03.prod.protection.outlook.com]")
BANNED_606 = reply(550, "5.7.606", "MAIL FROM",
                   "Access denied, banned sending IP [{ip}]. To request removal from this list "
                   "please visit https://sender.office.com/ and follow the directions. "
                   "[AM5EUR03FT012.eop-EUR03.prod.protection.outlook.com]")
SPAMHAUS = reply(554, "5.7.1", "RCPT TO",
                 "Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org; "
                 "https://www.spamhaus.org/query/ip/{ip}")
TONLINE_BLOCK = reply(554, "", "greeting",
                      "IP={ip} - A problem occurred. (Ask your postmaster for help or to contact "
                      "tosa@rx.t-online.de to clarify.) (BL)")
GMX_BLOCK = reply(421, "", "greeting", "gmx.net (mxgmx015) Nemesis ESMTP Service not available",
                  "Service unavailable", "Temporarily blocked due to poor reputation",
                  "For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=bl")
TSS04 = reply(421, "4.7.0", "MAIL FROM",
              "[TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user "
              "complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes")
APPLE_POLICY = reply(554, "5.7.1", "end of DATA",
                     "[HM08] Message rejected due to local policy. Please visit "
                     "https://support.apple.com/en-us/HT204137")
YAHOO_POLICY = reply(553, "5.7.1", "MAIL FROM", "[BL21] Connections will not be accepted from "
                     "{ip}, because the ip is in Spamhaus's list; see "
                     "http://postmaster.yahoo.com/550-bl23.html")
GOOGLE_SPF = reply(
    550, "5.7.26", "end of DATA", "Your email has been blocked because the sender is",
    "unauthenticated. Gmail requires all senders to authenticate with either SPF or DKIM.",
    "Authentication results: DKIM = did not pass SPF [example.org] with ip: [{ip}] = did not",
    "pass. For instructions on setting up authentication, go to "
    "https://support.google.com/mail/answer/81126#authentication a1-d2 - gsmtp")
GOOGLE_DKIM = reply(
    550, "5.7.30", "end of DATA", "This mail has been blocked because DKIM authentication",
    "didn't pass for this message. Gmail requires all bulk email senders to authenticate",
    "with DKIM. https://support.google.com/mail/answer/81126#authentication a1-d2 - gsmtp")
GOOGLE_PTR = reply(
    550, "5.7.25", "end of DATA", "[{ip}] The IP address sending this message does not have a",
    "PTR record setup, or the corresponding forward DNS entry does not match the sending IP.",
    "https://support.google.com/mail/answer/81126#ip-practices a1-d2 - gsmtp")
M365_DMARC = reply(550, "5.7.509", "end of DATA",
                   "Access denied, sending domain EXAMPLE.ORG does not pass DMARC verification and "
                   "has a DMARC policy of reject. "
                   "[AM5EUR03FT012.eop-EUR03.prod.protection.outlook.com]")
OLC_SPF = reply(550, "5.7.23", "end of DATA",
                "The message was rejected because of Sender Policy Framework violation "
                "[AM5EUR03FT012.eop-EUR03.prod.protection.outlook.com]")
RELAY_MECHANISM = reply(0, "4.7.0", "mechanism", "")
RELAY_LOGIN = reply(535, "5.7.8", "sasl", "Error: authentication failed:")

# Provider, share of outgoing mail, domains, MX, reply on success, unknown user, spam.
PROVIDERS = (
    ("google", 27, ("gmail.com", "googlemail.com"),
     ("gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"),
     "250 2.0.0 OK  1795231800 {id} - gsmtp", GOOGLE_NO_USER, GOOGLE_SPAM),
    ("microsoft-consumer", 13, ("outlook.com", "hotmail.com"),
     ("outlook-com.olc.protection.outlook.com", "hotmail-com.olc.protection.outlook.com"),
     "250 2.6.0 <{id}@example.org> [InternalId=21887153366859, Hostname=AM6EUR05HT060."
     "eop-eur05.prod.protection.outlook.com] 10627 bytes in 0.246, 42.064 KB/sec Queued mail for "
     "delivery -> 250 2.1.5", OLC_NO_USER, None),  # spam goes into a folder there
    ("yahoo", 7, ("yahoo.com", "aol.com"),
     ("mta5.am0.yahoodns.net", "mta6.am0.yahoodns.net"), "250 ok dirdel",
     reply(554, "", "end of DATA", "delivery error: dd This user doesn't have a yahoo.com account "
           "({rcpt}) [0] - mtaproxy501.free.mail.bf1.yahoo.com"), SPAM),
    ("united-internet", 8, ("gmx.de", "web.de"),
     ("mx00.emig.gmx.net", "mx-ha02.web.de"),
     "250 Requested mail action okay, completed: id=1MQ-{id}",
     reply(550, "", "RCPT TO", "Requested action not taken: mailbox unavailable",
           "For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=mbu"),
     reply(554, "", "end of DATA", "Transaction failed", "Reject due to policy restrictions.",
           "For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=hi")),
    ("apple", 5, ("icloud.com", "me.com"), ("mx01.mail.icloud.com", "mx02.mail.icloud.com"),
     "250 2.0.0 Ok: queued as {id}",
     reply(550, "5.1.1", "RCPT TO", "<{rcpt}>: user does not exist"), SPAM),
    ("t-online", 4, ("t-online.de",), ("mx00.t-online.de", "mx01.t-online.de"),
     "250 2.0.0 {id} Message accepted.",
     reply(550, "", "RCPT TO", "5.1.1 User unknown",
           "5.1.1 (mailbox for <{rcpt}> does not exist)"), SPAM),
)
WORDS = ("alpine", "beacon", "cedar", "delta", "ember", "falcon", "garnet", "harbor", "indigo",
         "jasper", "kestrel", "lumen", "maple", "nimbus", "orchid", "pioneer", "quartz", "raven",
         "summit", "timber", "umbra", "vertex", "willow", "xenon")
NAMES = ("anna", "ben", "carla", "david", "elif", "felix", "greta", "hugo", "ines", "jonas",
         "katja", "lars", "marie", "nils", "olga", "paul", "rosa", "sven", "tina", "uwe", "vera",
         "willi", "yusuf", "zoe")


class Peer:
    """A server that takes our mail and sends us some."""

    def __init__(self, provider, domain, mx, ip, weight):
        self.provider, self.domain, self.mx, self.ip = provider, domain, mx, ip
        self.weight = weight
        self.ok = "250 2.0.0 Ok: queued as {id}"
        self.no_user, self.spam = NO_USER, SPAM
        self.trusted = True  # its certificate is good
        self.tls = True      # it offers TLS, and uses it
        self.greylists = False


def make_peers(rng, small_domains):
    """The providers, and small domains: some at Microsoft 365, most with a server of
    their own; a few without TLS, a quarter with a certificate that nobody signed."""
    peers = []
    for i, (name, weight, domains, mxs, ok, no_user, spam) in enumerate(PROVIDERS):
        for j, domain in enumerate(domains):
            p = Peer(name, domain, mxs[j % len(mxs)], f"203.0.113.{10 + i * 4 + j}",
                     weight / len(domains))
            p.ok, p.no_user, p.spam = ok, no_user, spam
            peers.append(p)
    for n in range(small_domains):
        domain = f"{WORDS[n % len(WORDS)]}{n // len(WORDS) or ''}.example"
        ip = f"198.51.100.{n % 250 + 1}"
        weight = 36 / small_domains * rng.gammavariate(0.8, 1.25)
        if n % 3 == 0:
            p = Peer("microsoft-365", domain,
                     domain.replace(".", "-") + ".mail.protection.outlook.com", ip, weight)
            p.no_user, p.ok = M365_NO_USER, PROVIDERS[1][4]
        else:
            p = Peer("other", domain, "mail." + domain, ip, weight)
            p.greylists = rng.random() < 0.3
            p.tls = rng.random() < 0.9
            p.trusted = rng.random() < 0.75
        peers.append(p)
    return peers
