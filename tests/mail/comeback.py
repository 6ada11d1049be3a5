"""What comes back, as the mail servers and providers of this world write it; addresses and hosts are made up."""

from collections.abc import Sequence

FRIEND = "friend@friend.example"


def mail(headers: str, body: str) -> bytes:
    """Return a mail with line ends as on the wire."""
    return (headers.strip("\n") + "\n\n" + body).replace("\n", "\r\n").encode()


def dsn(
    to: str | None,
    *recipients: str,
    about: str = "Reporting-MTA: dns; mx.friend.example\nArrival-Date: Sat, 21 Nov 2026 12:00:00 +0000",
    headers: str = "",
    encoding: str = "",
    content_type: str = "message/delivery-status",
) -> bytes:
    """Return a bounce in the form of RFC 3464, with these fields for each recipient."""
    status = "\n\n".join([about, *(one.strip() for one in recipients)]) + "\n"
    return report(
        "delivery-status",
        [
            "Content-Type: text/plain; charset=us-ascii\n\nI'm sorry to have to inform you.\n",
            f"Content-Type: {content_type}\n{encoding}\n{status}",
            "Content-Type: text/rfc822-headers\n\nFrom: Loom <shop@shop.example>\nMessage-ID: <1.x@shop.example>\n",
        ],
        headers=(f"To: {to}\n" if to else "") + headers,
    )


def failed(status: str, said: str = "", *, recipient: str = FRIEND, action: str = "failed") -> str:
    """Return the fields of one recipient."""
    fields = f"Final-Recipient: rfc822; {recipient}\nAction: {action}\nStatus: {status}\n"
    return fields + (f"Diagnostic-Code: {said}\n" if said else "")


def arf(
    feedback: str = "abuse",
    *,
    to: str = "fbl@shop.example",
    original_mail_from: str | None = None,
    return_path: str | None = None,
    enclosed: str = "message/rfc822",
) -> bytes:
    """Return a complaint in the form of RFC 5965."""
    fields = f"Feedback-Type: {feedback}\nUser-Agent: SomeProvider-Feedback/1.0\nVersion: 1\n"
    if original_mail_from:
        fields += f"Original-Mail-From: <{original_mail_from}>\n"
    original = f"Return-Path: <{return_path}>\n" if return_path else ""
    original += (
        "From: Loom <shop@shop.example>\nTo: redacted@friend.example\nSubject: An invitation\n\nHello.\n"
    )
    return report(
        "feedback-report",
        [
            "Content-Type: text/plain\n\nThis is an abuse report.\n",
            f"Content-Type: message/feedback-report\n\n{fields}",
            f"Content-Type: {enclosed}\n\n{original}",
        ],
        headers=f"To: {to}\n",
    )


def report(kind: str, parts: Sequence[str], *, headers: str = "") -> bytes:
    """Return a multipart/report of these parts."""
    head = (
        "From: Mail Delivery System <MAILER-DAEMON@mx.friend.example>\nSubject: Undelivered Mail\n"
        "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        f'{headers}Content-Type: multipart/report; report-type={kind};\n\tboundary="next.part/1"'
    )
    body = "".join(f"--next.part/1\n{part}\n" for part in parts) + "--next.part/1--\n"
    return mail(head, body)


POSTFIX = """\
Return-Path: <>
X-Original-To: {to}
Delivered-To: bounces@shop.example
Received: by mx.shop.example (Postfix)
\tid 4F1A2; Sat, 21 Nov 2026 12:00:01 +0000 (UTC)
Date: Sat, 21 Nov 2026 12:00:01 +0000 (UTC)
From: MAILER-DAEMON@mx.shop.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {to}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="5D3E1.1795262401/mx.shop.example"
Message-Id: <20261121120001.4F1A2@mx.shop.example>

This is a MIME-encapsulated message.

--5D3E1.1795262401/mx.shop.example
Content-Description: Notification
Content-Type: text/plain; charset=utf-8

This is the mail system at host mx.shop.example.

--5D3E1.1795262401/mx.shop.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.shop.example
X-Postfix-Queue-ID: 5D3E1
X-Postfix-Sender: rfc822; {to}
Arrival-Date: Sat, 21 Nov 2026 12:00:00 +0000 (UTC)

Final-Recipient: rfc822; friend@friend.example
Original-Recipient: rfc822;friend@friend.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.friend.example
Diagnostic-Code: smtp; 550 5.1.1 <friend@friend.example>: Recipient address
    rejected: User unknown in virtual mailbox table

--5D3E1.1795262401/mx.shop.example
Content-Description: Undelivered Message
Content-Type: message/rfc822

Return-Path: <{to}>
From: Loom <shop@shop.example>
Subject: An invitation

Hello.

--5D3E1.1795262401/mx.shop.example--
"""

EXIM = """\
Return-path: <>
Envelope-to: {to}
Delivery-date: Sat, 21 Nov 2026 12:00:02 +0000
Received: from Debian-exim by mx.shop.example with local (Exim 4.96)
\tid 1rABcd-0001Xy-2Z
\tfor {to};
\tSat, 21 Nov 2026 12:00:02 +0000
X-Failed-Recipients: friend@friend.example
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mx.shop.example>
To: {to}
Content-Type: multipart/report; report-type=delivery-status; boundary=1795262402-eximdsn-804289383
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1rABcd-0001Xy-2Z@mx.shop.example>

--1795262402-eximdsn-804289383
Content-type: text/plain; charset=us-ascii

A message that you sent could not be delivered.

--1795262402-eximdsn-804289383
Content-type: message/delivery-status

Reporting-MTA: dns; mx.shop.example

Action: failed
Final-Recipient: rfc822;friend@friend.example
Status: 5.0.0
Remote-MTA: dns; mx.friend.example
Diagnostic-Code: smtp; 550-5.1.1 The account friend@friend.example does not exist.
 550 5.1.1 https://help.friend.example/?p=NoSuchUser

--1795262402-eximdsn-804289383
Content-type: message/rfc822

Return-path: <{to}>
From: Loom <shop@shop.example>

Hello.

--1795262402-eximdsn-804289383--
"""

EXCHANGE = """\
Received: from VI1.eurprd.example (2001:db8::1) by mx.shop.example; Sat, 21 Nov 2026 12:00:03 +0000
From: <postmaster@friend.example>
To: <{to}>
Date: Sat, 21 Nov 2026 12:00:03 +0000
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="9B095B5ADSN=_01D9C1E5D1F4A1000000048AVI1"
Content-Language: nl-NL
X-MS-Exchange-Message-Is-Ndr:
X-MS-Exchange-Organization-SCL: -1
Auto-Submitted: auto-generated
MIME-Version: 1.0
Subject: =?utf-8?Q?Kan_niet_worden_bezorgd=3A_u_bent_uitgenodigd?=
Message-ID: <a1b2c3@VI1.eurprd.example>

--9B095B5ADSN=_01D9C1E5D1F4A1000000048AVI1
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="alt-1"

--alt-1
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: base64

S2FuIG5pZXQgd29yZGVuIGJlem9yZ2Q=

--alt-1
Content-Type: text/html; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

<p>Kan niet worden bezorgd</p>

--alt-1--

--9B095B5ADSN=_01D9C1E5D1F4A1000000048AVI1
Content-Type: message/delivery-status

Reporting-MTA: dns;VI1.eurprd.example
Received-From-MTA: dns;mail.shop.example
Arrival-Date: Sat, 21 Nov 2026 12:00:02 +0000

Original-Recipient: rfc822;friend@friend.example
Final-Recipient: rfc822;friend@friend.example
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient friend@friend.example
 not found by SMTP address lookup
X-Display-Name: friend@friend.example

--9B095B5ADSN=_01D9C1E5D1F4A1000000048AVI1
Content-Type: message/rfc822

From: Loom <shop@shop.example>

Hello.

--9B095B5ADSN=_01D9C1E5D1F4A1000000048AVI1--
"""

GMAIL = """\
Return-Path: <>
Delivered-To: {to}
From: Mail Delivery Subsystem <mailer-daemon@googlemail.example>
To: {to}
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
X-Failed-Recipients: friend@friend.example
In-Reply-To: <17.x@shop.example>
References: <17.x@shop.example>
Message-ID: <655c9d1a.050a0220@mx.googlemail.example>
Date: Sat, 21 Nov 2026 04:00:04 -0800 (PST)
Content-Type: multipart/report; boundary="00000000000055a7c2060aa7b2b5"; report-type=delivery-status

--00000000000055a7c2060aa7b2b5
Content-Type: multipart/related; boundary="00000000000055b2e2060aa7b2b8"

--00000000000055b2e2060aa7b2b8
Content-Type: multipart/alternative; boundary="00000000000055b303060aa7b2b9"

--00000000000055b303060aa7b2b9
Content-Type: text/plain; charset="UTF-8"

** Address not found **

--00000000000055b303060aa7b2b9--
--00000000000055b2e2060aa7b2b8
Content-Type: image/png; name="icon.png"
Content-Disposition: attachment; filename="icon.png"
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--00000000000055b2e2060aa7b2b8--
--00000000000055a7c2060aa7b2b5
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.example
Received-From-MTA: dns; shop@shop.example
Arrival-Date: Sat, 21 Nov 2026 04:00:03 -0800 (PST)
X-Original-Message-ID: <17.x@shop.example>

Final-Recipient: rfc822; friend@friend.example
Action: failed
Status: 5.2.2
Remote-MTA: dns; mx.friend.example. (192.0.2.7, the server for the domain friend.example.)
Diagnostic-Code: smtp; 552-5.2.2 The recipient's inbox is out of storage space
 552 5.2.2 and inactive. - gsmtp
Last-Attempt-Date: Sat, 21 Nov 2026 04:00:04 -0800 (PST)

--00000000000055a7c2060aa7b2b5
Content-Type: message/rfc822

From: Loom <shop@shop.example>

Hello.
--00000000000055a7c2060aa7b2b5--
"""

YAHOO_ARF = """\
Received: from 127.0.0.1 by fbl.yahoo.example; Sat, 21 Nov 2026 12:00:05 +0000
From: feedback@arf.mail.yahoo.example
To: fbl@shop.example
Date: Sat, 21 Nov 2026 12:00:05 +0000
Subject: FW: An invitation
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="_----oLzBVvvmXf1nXHVb"

--_----oLzBVvvmXf1nXHVb
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report for an email message from shop.example.

--_----oLzBVvvmXf1nXHVb
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Yahoo!-Mail-Feedback/2.0
Version: 0.1
Original-Mail-From: <{to}>
Original-Rcpt-To: redacted@yahoo.example
Received-Date: Sat, 21 Nov 2026 12:00:00 +0000
Reported-Domain: shop.example
Source-IP: 192.0.2.1

--_----oLzBVvvmXf1nXHVb
Content-Type: message/rfc822

From: Loom <shop@shop.example>
To: redacted@yahoo.example
Subject: An invitation

Hello.
--_----oLzBVvvmXf1nXHVb--
"""

AUTOMATIC = """\
From: friend@friend.example
To: {to}
Subject: Out of office: I am sailing
Auto-Submitted: auto-replied (vacation)
Content-Type: text/plain

Until Monday. 5.1.1 User unknown, Action: failed, as it were.
"""


def sample(text: str, to: str) -> bytes:
    """Return one of the samples above, sent to this return path."""
    return text.format(to=to).replace("\n", "\r\n").encode()
