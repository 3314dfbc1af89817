"""What goes wrong with any mail server's mail, driven through a real one, and what of it is
told. A server's test says how its alerts are named where they differ."""

import re
import time

from live import (BANNED_IP, BOUNCED, BUSY, RATE_LIMIT, S3140, SPAMHAUS, UNKNOWN_USER, Live, lab,
                  support)


class Outbound(Live):
    BLOCK = "provider-blocklisted microsoft-s3140"
    BANNED = "provider-blocklisted microsoft-5.7.606"
    LISTED = "provider-blocklisted spamhaus-query-ip"
    UNREACHABLE = "port-25-blocked generic-connect-refused"
    LOGIN = "relay-wants-login"
    BOUNCES = "backscatter-bounces"
    RECEIPTS = 1, "backscatter-receipt"  # so many are needed
    BLOCK_WORDS = "S3140"

    def blocked_then_accepted(self, domain, step, reply, incident):
        provider = self.lab.remote[domain]
        provider.refuse(step, reply)
        self.send("user*@" + domain, 3)
        mail, = self.expect("opened " + incident)
        self.settle()
        provider.accept()
        self.send("user@" + domain)
        self.expect_resolved("opened " + incident)
        return mail.get_body(("plain",)).get_content()

    def test_microsoft_block(self):
        self.watch()
        text = self.blocked_then_accepted("hotmail.com", "mail", S3140, self.BLOCK)
        self.assertIn(self.BLOCK_WORDS, text)

    def test_watcher_and_notifier_apart(self):
        self.watch_apart()
        self.blocked_then_accepted("hotmail.com", "mail", S3140, self.BLOCK)

    def test_journal(self):
        self.follow_journal()
        self.watch()
        self.blocked_then_accepted("hotmail.com", "mail", S3140, self.BLOCK)

    def test_relay_shares_the_trouble(self):
        """The only relay is the blocked host itself, the admin's mailbox is at the provider that
        blocks it: the alert arrives by the other way, and our own mail that comes back is
        neither counted nor a trouble of its own (design, invariant 7)."""
        self.configure_own_path("alice@example.net", "admin@hotmail.com")
        self.lab.remote["hotmail.com"].refuse("mail", S3140)
        self.watch()
        self.send("user*@hotmail.com", 3)
        self.until(lambda: self.hooks() == ["opened " + self.BLOCK], "the webhook was told")
        self.settle()
        self.until(lambda: self.fate_of_own_mail() == BOUNCED, "our mail came back")
        incident, = self.incidents()
        self.assertEqual(incident["count"], 3)
        self.end()
        self.assertEqual(self.hooks(), ["opened " + self.BLOCK])

    def test_banned_address(self):
        self.watch()
        self.blocked_then_accepted("contoso.com", "rcpt", BANNED_IP, self.BANNED)

    def test_spamhaus(self):
        self.watch()
        self.blocked_then_accepted("partner.example", "rcpt", SPAMHAUS, self.LISTED)

    def test_quiet(self):
        """What every mail server sees all day long is no alarm."""
        remote = self.lab.remote
        remote["hotmail.com"].refuse("mail", RATE_LIMIT, times=2)
        remote["gmail.com"].refuse("end", BUSY, times=1)
        remote["campus.example"].refuse("rcpt", UNKNOWN_USER, only="^gone")
        remote["campus.example"].refuse("rcpt", "450 4.2.0 Greylisted", times=1)
        self.watch()
        self.send("user*@hotmail.com", 2)
        self.send("user*@gmail.com", 2)
        self.send("gone*@campus.example", 3)
        self.send("user*@campus.example", 2)
        self.send("user*@partner.example", 3)
        self.send("billing@example.net", sender="ann@partner.example", source=lab.STRANGER)
        self.expect_quiet()
        self.assertEqual([len(remote[domain].mails) for domain in
                          ("hotmail.com", "gmail.com", "campus.example")], [2, 2, 2])

    def test_relay_login(self):
        smarthost = self.lab.remote["smarthost.example"]
        smarthost.login = "refused"
        self.watch()
        self.send("user*@by-smarthost.example", 3)
        self.expect("opened " + self.LOGIN)
        smarthost.login = "taken"
        self.retry()
        self.send("user@by-smarthost.example")
        self.settle()
        self.assertTrue(smarthost.mails)
        self.expect_resolved("opened " + self.LOGIN)

    def test_certificate_no_longer_trusted(self):
        """After a week of good certificates one peer of two shows another."""
        self.deliver("campus.example", 1)
        self.deliver("partner.example", 1)
        self.mark()
        self.learn_a_week()
        self.rotate()
        self.watch()
        self.deliver("campus.example", 10)
        self.lab.remote["partner.example"].certificate = "self"
        self.deliver("partner.example", 10)
        self.expect("opened tls-unverified-peer")
        self.end()

    def deliver(self, domain, count):
        """One by one, each by a connection of its own."""
        provider = self.lab.remote[domain]
        for number in range(1, count + 1):
            self.lab.send(f"user{number}@{domain}")
            self.until(lambda: len(provider.mails) >= number and not provider.sessions,
                       "the mail arrives")

    def learn_a_week(self):
        """What the server just said of TLS, as if it had said so for nine days, until this
        night. Sessions get names of their own (OpenSMTPD's stand first)."""
        lines = [line for line in self.log_tail().splitlines()
                 if any(words in line for words in self.TLS_WORDS)]
        self.assertGreaterEqual(len(lines), 2, self.log_tail())
        history = self.folder / "history.log"
        now = int(time.time())
        with open(history, "w") as out:
            for at in range(now - 9 * 86400, now - 9 * 3600, 1200):
                stamp = time.strftime("%b %e %H:%M:%S", time.gmtime(at))
                for line in lines:
                    session = re.search(r": ([0-9a-f]{16}) mta ", line)
                    if session:
                        name = f"{int(session[1], 16) ^ at:016x}"
                        line = line.replace(session[1], name)
                    out.write(stamp + line[len(stamp):] + "\n")
        done = support.mailwarden("run", "--once", "--file", history, "--state", self.state)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_bounces_to_strangers(self):
        """Mail that is taken first and refused by the next host, each from somebody else."""
        self.lab.remote["campus.example"].refuse("rcpt", UNKNOWN_USER, only="^gone")
        self.watch()
        self.send("forward-away@example.net", 6, sender="victim*@gmail.com",
                  source=lab.STRANGER)
        self.expect("opened " + self.BOUNCES)
        self.settle()
        self.end()
        self.assertEqual(len(self.hooks()), 1)
        self.assertGreaterEqual(len(self.lab.remote["gmail.com"].mails), 5)

    def test_return_receipts(self):
        """Strangers ask for a success notice, and get one."""
        count, incident = self.RECEIPTS
        self.watch()
        self.send("billing@example.net", count, sender="victim*@gmail.com",
                  source=lab.STRANGER, options=["NOTIFY=SUCCESS"])
        self.expect("opened " + incident)
        self.until(lambda: self.lab.remote["gmail.com"].mails, "the receipt arrives")
        self.end()

    def test_nothing_is_reached(self):
        domains = ("hotmail.com", "gmail.com", "yahoo.com", "gmx.de")
        for domain in domains:
            self.lab.remote[domain].close()
        self.watch()
        for domain in domains:
            self.send("user*@" + domain, 2)
        self.expect("opened " + self.UNREACHABLE)
        for domain in domains:
            self.lab.remote[domain].open()
        self.retry()
        self.settle()
        self.expect_resolved("opened " + self.UNREACHABLE)
