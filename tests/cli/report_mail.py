"""Messages for the tests of `mailwarden ingest`: bounce messages in the shape of RFC 3464, and
mail that is none."""

import email.utils
import hashlib
import time

STARTED = time.time()  # the same message at each call


def stamp(days=0):
    """A Date field, so many days ago."""
    return email.utils.formatdate(STARTED - days * 86400)


def bounce(recipient="ann@example.net", number=1, days=0, text="Sorry.", more=()):
    """A delivery status notification, as a mail server sends it."""
    recipients = "".join(
        f"\nFinal-Recipient: rfc822; {name}\nAction: failed\nStatus: 5.1.1\n"
        "Remote-MTA: dns; mx.example.net\n"
        "Diagnostic-Code: smtp; 550 5.1.1 No such user\n"
        for name in (recipient, *more))
    return f"""\
Return-Path: <>
From: Mail Delivery Subsystem <MAILER-DAEMON@mail.example.org>
To: <eve@example.org>
Date: {stamp(days)}
Subject: Returned mail: see transcript for details
Message-ID: <bounce-{number}@mail.example.org>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b{number}"

--b{number}
Content-Type: text/plain; charset=us-ascii

{text}

--b{number}
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org
Arrival-Date: {stamp(days)}
{recipients}
--b{number}
Content-Type: text/rfc822-headers

Received: by mail.example.org (Postfix) id 4bXkWz{number:05d}; {stamp(days)}
From: eve@example.org
To: {recipient}
Message-ID: <sent-{number}@example.org>
Subject: hello

--b{number}--
""".encode()


def letter(number=1, days=0):
    """Mail of a person."""
    return (f"From: ann@example.net\nTo: eve@example.org\nDate: {stamp(days)}\n"
            f"Message-ID: <letter-{number}@example.net>\nSubject: lunch?\n\n"
            "At noon, at the usual place.\n").encode()


def sum_of(message):
    return hashlib.sha256(message).hexdigest()[:16]
